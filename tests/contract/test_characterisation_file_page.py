"""The page on the characterisation file says what a written file holds, neither more nor less."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from validation.studies.characterise import characterise
from validation.studies.characterise_dataset import write_characterisation

PAGE = Path(__file__).parents[2] / "docs" / "file_formats" / "characterisation.md"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("characterisation") / "seed.h5"
    write_characterisation(path, characterise("6711", 250_000, threads=2))
    return path


def table(heading: str) -> list[list[str]]:
    """Rows of the table under a heading, without the markup of code."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def test_page_names_every_dataset_with_dimensions_type_and_unit(written: Path) -> None:
    found, companions = {}, set()
    with h5py.File(written) as file:
        for name, data in file.items():
            dims = [name] if data.is_scale else [axis[0].name.strip("/") for axis in data.dims]
            kind = "text" if h5py.check_string_dtype(data.dtype) else str(data.dtype)
            assert data.attrs["description"]
            if name.endswith("_std_dev"):
                quantity = file[name.removesuffix("_std_dev")]
                assert quantity.shape == data.shape
                assert quantity.attrs["units"] == data.attrs["units"]
                companions.add(name.removesuffix("_std_dev"))
            else:
                found[name] = [", ".join(dims), kind, data.attrs["units"]]
    assert {row[0]: row[1:4] for row in table("Datasets")} == found
    with h5py.File(written) as file:
        plain = {name for name, data in file.items() if data.is_scale} | {"line_origin"}
    assert companions == set(found) - plain


def test_page_names_every_root_attribute(written: Path) -> None:
    with h5py.File(written) as file:
        assert {row[0] for row in table("Root attributes")} == set(file.attrs)
