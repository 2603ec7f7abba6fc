"""A user's own seed from its file to the report, and the packaged seeds that are not the 6711."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from mcsim.invalid_input import InvalidInput
from mcsim.seed_model import load_seed_model
from mcsim.simulation_settings import Settings
from validation.case import Case
from validation.commands.cases import case_import
from validation.commands.characterise import characterise
from validation.commands.whole_job import run
from validation.studies import dose_rate_constant, monte_carlo

# Large voxels cost more: TG-43 averages those that a seed touches in cells of a fixed size.
FEW: dict[str, Any] = {"voxel": 2.0, "histories": 200_000, "threads": 1, "quiet": True}


@pytest.fixture(scope="module", autouse=True)
def small_phase_space() -> Iterator[None]:
    """A seed that no cache knows, in seconds: fewer histories of its phase space and dose-rate constant."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monte_carlo, "Settings", partial(Settings, phase_space_histories=400_000))
        patch.setattr(dose_rate_constant, "PRODUCTIVE_HISTORIES", 100_000)
        yield


def own_seed() -> dict[str, object]:
    """The 6711 with a coating of silver iodide alone."""
    text = (files("mcsim.data") / "seeds" / "oncoseed_6711.json").read_text(encoding="utf-8")
    seed: dict[str, object] = json.loads(text)
    solids = seed["solids"]
    assert isinstance(solids, list)
    coated = [
        {**solid, "material": "silver_iodide"} if solid["name"] == seed["active"] else solid
        for solid in solids
    ]
    assert coated != solids
    return {**seed, "name": "rod with iodide", "aliases": [], "solids": coated}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seed file, its table and a case of it; the seed file is gone afterwards."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_seed.json").write_text(json.dumps(own_seed()), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        characterise("my_seed.json", Path("my_seed"), histories=300_000, threads=1, quiet=True)
        case_import("neck", Path("case.h5"), seed_model="my_seed.json")
    (folder / "my_seed.json").unlink()
    return folder


def test_one_seed_file_goes_all_the_way_to_the_report(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # another working folder, and nothing but the case and the table of the seed
    monkeypatch.chdir(tmp_path)
    case, table, results = str(folder / "case.h5"), folder / "my_seed" / "tg43.json", Path("results")
    run(case, results, source_data=table, **FEW)
    own = json.loads(table.read_text(encoding="utf-8"))
    with xr.open_dataset(tmp_path / "results" / "tg43.h5", engine="h5netcdf") as tg43:
        assert tg43.attrs["source_reference"] == own["reference"]
        assert tg43.attrs["dose_rate_constant"] == own["dose_rate_constant"]
        assert float(tg43.dose.max()) > 0.0
    with xr.open_dataset(tmp_path / "results" / "comparison.h5", engine="h5netcdf") as comparison:
        assert comparison.attrs["seed_model"] == "rod with iodide"
        assert json.loads(comparison.attrs["tg43_settings"])["table"] == own["reference"]
    report = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "of model rod with iodide" in report
    assert own["name"] in report

    # A second time nothing is computed again; another table makes TG-43 and comparison again.
    written = {path.name: path.stat().st_mtime_ns for path in results.iterdir()}
    run(case, results, source_data=table, **FEW)
    assert {path.name: path.stat().st_mtime_ns for path in results.iterdir()} == written
    own["dose_rate_constant"] *= 1.1
    Path("stronger.json").write_text(json.dumps(own), encoding="utf-8")
    run(case, results, source_data=Path("stronger.json"), **FEW)
    assert (results / "monte_carlo.h5").stat().st_mtime_ns == written["monte_carlo.h5"]
    with xr.open_dataset(tmp_path / "results" / "comparison.h5", engine="h5netcdf") as comparison:
        assert comparison.attrs["tg43_dose_rate_constant"] == pytest.approx(own["dose_rate_constant"])


def test_the_case_brings_its_seed_to_another_machine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDMC_CACHE_DIR", str(tmp_path))  # a machine that has not seen the seed
    implant = Case.read(folder / "case.h5").implant
    assert implant.engine_model.startswith(str(tmp_path))
    seed, original = load_seed_model(implant.engine_model), load_seed_model("6711")
    assert seed.name == implant.model
    assert seed.digest() != original.digest()
    assert [s.profile for s in seed.solids] == [s.profile for s in original.solids]


def test_a_missing_table_is_told_before_the_simulation(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Run `seedmc characterise` with the seed file .* --source-data"):
        run(str(folder / "case.h5"), tmp_path / "results", **FEW)
    assert not (tmp_path / "results").exists()


def test_a_table_of_another_radionuclide_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "palladium.h5"
    case_import("neck", out, seed_model="TheraSeed 200")
    assert Case.read(out).implant.half_life_d == 16.991
    with pytest.raises(InvalidInput, match=r"expected 16.991 d within 2 %"):
        run(str(out), tmp_path / "results", source_data=folder / "my_seed" / "tg43.json", **FEW)
    assert not (tmp_path / "results").exists()


def test_a_seed_file_must_not_take_the_name_of_a_packaged_seed(tmp_path: Path) -> None:
    copied = tmp_path / "copy.json"
    copied.write_text(json.dumps({**own_seed(), "name": "6711"}), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"name of the seed file is '6711'.* Rename the seed"):
        case_import("neck", tmp_path / "x.h5", seed_model=str(copied))
    assert not (tmp_path / "x.h5").exists()
