"""The page docs/file_formats/comparison.md says what a written file holds, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import pytest
import xarray as xr

from validation.case import Case
from validation.case.imported_dose import ImportedDose
from validation.studies.compare import FILETYPE, FORMAT_VERSION, Comparison, compare

PAGE = Path(__file__).parents[2] / "docs" / "file_formats" / "comparison.md"
# What is there only if the Monte Carlo result has scored it.
SCORED = ("1.2, with spectra", "1.2, with dose to water")


def _rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its two head lines."""
    section = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    text = next(part for part in section if part.startswith(heading))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def written(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("comparison") / "comparison.h5"
    comparison.write(path)
    return path


@pytest.fixture(scope="module")
def written_with_difference(to_water: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("comparison") / "comparison.h5"
    to_water.write(path)
    return path


@pytest.fixture(scope="module")
def written_with_spectra(with_spectra: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("comparison") / "comparison.h5"
    with_spectra.write(path)
    return path


@pytest.fixture(scope="module")
def written_with_another_dose(
    case: Case,
    monte_carlo: xr.Dataset,
    tg43: xr.Dataset,
    elsewhere: ImportedDose,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    path = tmp_path_factory.mktemp("comparison") / "comparison.h5"
    compare(case, monte_carlo, tg43, elsewhere).write(path)
    return path


def _found(path: Path) -> dict[str, tuple[str, str]]:
    """Dimensions and unit of every dataset."""
    with h5py.File(path) as file:
        found = {}
        for name, dataset in file.items():
            dims = [name] if dataset.is_scale else [dim.label for dim in dataset.dims]
            found[name] = (", ".join(dims), str(dataset.attrs["units"]))
            assert dataset.attrs["description"]
    return found


def test_another_dose_is_on_the_page(written_with_another_dose: Path) -> None:
    rows = [row for row in _rows("Datasets") if not row[3].startswith(("with `--difference`", *SCORED))]
    assert _found(written_with_another_dose) == {row[0]: (row[1], row[2]) for row in rows}
    attributes = {row[0] for row in _rows("Root attributes") if row[1] == "with another dose"}
    with h5py.File(written_with_another_dose) as file:
        assert attributes == {name for name in file.attrs if name.startswith("imported_")}


@pytest.mark.parametrize("kept", ["nothing", "difference", "spectra"])
def test_every_dataset_is_on_the_page(
    written: Path, written_with_difference: Path, written_with_spectra: Path, kept: str
) -> None:
    rows = [row for row in _rows("Datasets") if not row[3].startswith("with another dose")]
    rows = [row for row in rows if kept == "difference" or not row[3].startswith("with `--difference`")]
    rows = [row for row in rows if kept == "spectra" or not row[3].startswith(SCORED)]
    documented = {row[0]: (row[1], row[2]) for row in rows}
    files = {"nothing": written, "difference": written_with_difference, "spectra": written_with_spectra}
    assert _found(files[kept]) == documented


def test_every_attribute_is_on_the_page(written: Path, written_with_spectra: Path) -> None:
    rows = _rows("Root attributes")
    required = {row[0] for row in rows if row[1] in {"always", "with Monte Carlo", "with TG-43"}}
    known = {row[0] for row in rows}
    with h5py.File(written) as file:
        found = set(file.attrs)
    with h5py.File(written_with_spectra) as file:
        found_with_spectra = set(file.attrs)
    assert required <= found
    assert found_with_spectra - found == {row[0] for row in rows if row[1] == "with spectra"}
    assert found | found_with_spectra <= known


def test_the_page_names_the_type_and_version(written: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"`{FILETYPE}`" in text
    assert f"`{FORMAT_VERSION}`" in text
    with h5py.File(written) as file:
        assert (file.attrs["filetype"], file.attrs["format_version"]) == (FILETYPE, FORMAT_VERSION)


def test_xarray_reads_the_file_with_named_axes(written: Path) -> None:
    with xr.open_dataset(written, engine="h5netcdf") as data:
        assert data.dose_monte_carlo.dims == ("x", "y", "z")
        assert data.structure_fraction.dtype == "float32"
        value = data.index_value.sel(structure="GTV", index="D90", engine="tg43")
        assert float(value) > 0
        assert data.dose_tg43.attrs["units"] == "Gy"
