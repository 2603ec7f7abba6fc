"""The pages on the dose files and the phase space say what a written file holds, neither more nor less."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from mcsim.cache import cache_folder
from mcsim.phase_space import load_phase_space
from mcsim.result_file import read_result, write_result
from mcsim.seed_model import load_seed_model
from mcsim.simulation_settings import StoppingRule
from validation.case import built_in
from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose
from validation.studies.tg43_dose import tg43_dose, write_tg43_dose

PAGES = Path(__file__).parents[2] / "docs" / "file_formats"
VOXEL = 0.4


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    case = built_in("neck")
    monte_carlo_dose(
        case,
        MonteCarloOptions(voxel=VOXEL, spectra=True, per_seed=True, analogue=True),
        StoppingRule(batches=(0, 2)),
        folder / "monte_carlo.h5",
    )
    monte_carlo_dose(
        case,
        MonteCarloOptions(voxel=VOXEL, difference=True),
        StoppingRule(batches=(0, 2)),
        folder / "correlated.h5",
    )
    write_tg43_dose(folder / "tg43_dose.h5", tg43_dose(case, VOXEL))
    seed = load_phase_space(load_seed_model("6711"), histories=100_000)
    return {
        "monte_carlo": folder / "monte_carlo.h5",
        "correlated": folder / "correlated.h5",
        "tg43_dose": folder / "tg43_dose.h5",
        "phase_space": cache_folder() / "phase_spaces" / f"{seed.digest[:32]}.h5",
    }


def table(page: str, heading: str) -> list[list[str]]:
    """Rows of the table under a heading, without the markup of code."""
    section = (PAGES / f"{page}.md").read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def datasets(path: Path) -> dict[str, list[str]]:
    """Dimensions, type and unit of every dataset."""
    written = {}
    with h5py.File(path) as file:
        for name, data in file.items():
            if isinstance(data, h5py.Group):
                continue
            dims = [name] if data.is_scale else [axis[0].name.strip("/") for axis in data.dims]
            kind = "text" if h5py.check_string_dtype(data.dtype) else data.dtype.str
            kind = kind if kind == "text" or kind.startswith(">") else str(data.dtype)
            assert data.attrs["description"]
            written[name] = [", ".join(dims), kind, data.attrs["units"]]
    return written


@pytest.mark.parametrize("page", ["monte_carlo", "tg43_dose", "phase_space"])
def test_page_names_every_dataset_with_dimensions_type_and_unit(files: dict[str, Path], page: str) -> None:
    written = datasets(files[page])
    if (
        page == "monte_carlo"
    ):  # no simulation can keep everything: the analogue estimator needs plain transport
        written |= datasets(files["correlated"])
    assert {row[0]: row[1:4] for row in table(page, "Datasets")} == written


def test_a_correlated_result_says_what_made_it_and_no_more_than_it_knows(files: dict[str, Path]) -> None:
    with h5py.File(files["correlated"]) as file:
        settings = json.loads(file.attrs["settings"])
        assert list(file["fate"].asstr()) == ["emitted"]
        dose, water, difference = (
            file[name][()] for name in ("dose", "water_superposition_dose", "difference_to_water")
        )
    made_by = settings["techniques"]["correlated sampling against water"]
    assert len(made_by["water_table_digest"]) == 64
    known = np.isfinite(water)
    assert known.any()
    np.testing.assert_array_equal(np.isfinite(difference), known)
    np.testing.assert_array_equal(difference[known], (dose - water)[known])
    with h5py.File(files["monte_carlo"]) as file:
        assert json.loads(file.attrs["settings"])["techniques"] == {}
        assert len(file["fate"]) == 5
        emitted, *fates = file["balance"][()]
        assert sum(fates) == pytest.approx(emitted, rel=1e-9)


def test_a_result_comes_back_whole(files: dict[str, Path], tmp_path: Path) -> None:
    result, case_digest = read_result(files["correlated"])
    write_result(tmp_path / "again.h5", result, case_digest)
    again, _ = read_result(tmp_path / "again.h5")
    assert result.water_superposition is not None
    assert again.water_superposition is not None
    for first, second in zip(result.water_superposition, again.water_superposition, strict=True):
        np.testing.assert_array_equal(first, second)
    assert result.balance[0] > 0
    np.testing.assert_array_equal(result.balance, again.balance)
    np.testing.assert_array_equal(result.sums.total, again.sums.total)


@pytest.mark.parametrize("page", ["monte_carlo", "tg43_dose", "phase_space"])
def test_page_names_every_root_attribute(files: dict[str, Path], page: str) -> None:
    with h5py.File(files[page]) as file:
        assert {row[0] for row in table(page, "Root attributes")} == set(file.attrs)
