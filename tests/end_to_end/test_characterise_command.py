"""A user's ninth seed: one file, checked, drawn, characterised, and used by TG-43; bad files in one sentence."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import h5py
import pytest
import xarray as xr

from tg43 import read_source
from validation.case import built_in

COMMAND = [sys.executable, "-m", "validation.cli"]
SEED: dict[str, Any] = {
    "name": "ninth <seed>",
    "source": "example",
    "spectrum": "i125_ncrp58",
    "outer": "capsule",
    "active": "coating",
    "mirror_symmetric": True,
    "solids": [
        {
            "name": "capsule",
            "material": "titanium",
            "shape": "cylinder",
            "radius": 0.04,
            "z": [-0.225, 0.225],
        },
        {"name": "cavity", "material": "air", "shape": "cylinder", "radius": 0.035, "z": [-0.215, 0.215]},
        {
            "name": "coating",
            "material": "silver_iodide",
            "shape": "cylinder",
            "radius": 0.0252,
            "z": [-0.15, 0.15],
        },
        {"name": "rod", "material": "silver", "shape": "cylinder", "radius": 0.025, "z": [-0.15, 0.15]},
    ],
}


def seedmc(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def characterised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder with everything `seedmc characterise` writes about the ninth seed, and what it said."""
    folder = tmp_path_factory.mktemp("ninth")
    (folder / "ninth.json").write_text(json.dumps(SEED), encoding="utf-8")
    run = seedmc("characterise", "ninth.json", "--out", "ninth", "--histories", 500_000, cwd=folder)
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


def test_one_file_and_no_code_give_all_results(characterised: tuple[Path, str]) -> None:
    folder, said = characterised
    out = folder / "ninth"
    assert {path.name for path in out.iterdir()} == {
        "seed.svg", "characterisation.h5", "tg43.json", "characterisation.html",
    }  # fmt: skip
    for quantity in (
        "Air-kerma strength per history, WAFAC",
        "Dose-rate constant Λ, point",
        "Mean energy leaving",
    ):
        assert any(line.startswith(quantity) and "±" in line for line in said.splitlines())
    assert "characterisation: 5e+05 histories" in said
    with xr.open_dataset(out / "characterisation.h5", engine="h5netcdf") as data:
        assert data.attrs["seed_model"] == "ninth <seed>"
        assert 0.85 < float(data.dose_rate_constant.sel(chamber="wafac")) < 1.05
    source = read_source(out / "tg43.json")
    assert source.name == "ninth <seed> Monte Carlo"
    assert (source.capsule_length, source.capsule_radius, source.capsule_ends) == (0.45, 0.04, "flat")
    assert source.active_length == pytest.approx(0.3)  # the coating's extent: the file states none


def test_drawing_and_page_are_complete_and_escaped(characterised: tuple[Path, str]) -> None:
    out = characterised[0] / "ninth"
    drawing = Xml.fromstring((out / "seed.svg").read_text(encoding="utf-8"))
    texts = [element.text or "" for element in drawing.iter() if element.tag.endswith("text")]
    assert any(text.startswith("ninth <seed>") for text in texts)
    assert any("1 mm; length 4.50 mm, diameter 0.800 mm" in text for text in texts)
    for medium in ("titanium", "air", "silver_iodide", "silver"):
        assert any(text.startswith(f"{medium}, ") for text in texts)
    page = (out / "characterisation.html").read_text(encoding="utf-8")
    assert "ninth &lt;seed&gt;" in page
    assert "ninth <seed>" not in page
    assert "consensus" not in page.split("<main")[1].split("plotly")[0]  # there is none for this seed
    for part in ('id="spectrum"', 'id="radial"', 'id="anisotropy"', "Along–away table", "<svg"):
        assert part in page
    assert 'src="http' not in page  # opens offline


def test_tg43_takes_the_table(characterised: tuple[Path, str]) -> None:
    folder, _ = characterised
    neck = built_in("neck")
    seeds = {
        name: getattr(neck.implant, name)[:1]
        for name in ("positions", "axes", "air_kerma_strengths", "needles")
    }
    replace(neck, implant=replace(neck.implant, **seeds)).write(folder / "case.h5")  # one seed: quick
    doses = {}
    for name, more in (("consensus", []), ("own", ["--source-data", "ninth/tg43.json"])):
        run = seedmc("tg43", "case.h5", "--out", f"{name}.h5", "--voxel", 2, *more, cwd=folder)
        assert run.returncode == 0, run.stderr
        with h5py.File(folder / f"{name}.h5") as file:
            doses[name] = (file.attrs["source"], file["dose"][()].max())
    assert doses["own"][0] == "ninth <seed> Monte Carlo"
    assert doses["own"][1] != doses["consensus"][1]
    refused = seedmc("tg43", "case.h5", "--out", "no.h5", "--source-data", "ninth/seed.svg", cwd=folder)
    assert refused.returncode == 2
    assert "is not JSON" in refused.stderr


def changed(path: list[Any], value: object) -> Callable[[], dict[str, Any]]:
    def entry() -> dict[str, Any]:
        seed = copy.deepcopy(SEED)
        place: Any = seed
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return seed

    return entry


BAD = {
    "overlapping solids": (changed(["solids", 1, "radius"], 0.045), "radius of cavity of ninth <seed> is 0.045"),
    "activity outside its solid": (
        changed(["solids", 2, "z"], [-0.3, 0.3]), "radius of coating of ninth <seed> is 0.025200 cm at z",
    ),
    "hidden activity": (changed(["solids", 3, "radius"], 0.0252), "active region of ninth <seed> is empty"),
    "unknown element": (
        changed(["materials"], {"m": {"density": 1.0, "fractions": {"Xx": 1.0}, "source": "none"}}), "element is 'Xx'",
    ),
    "unknown medium": (changed(["solids", 3, "material"], "mithril"), "mithril"),
    "no length": (changed(["active_length"], 0.0), "active_length of ninth <seed> is 0"),
}  # fmt: skip


@pytest.mark.parametrize(("entry", "message"), BAD.values(), ids=BAD)
def test_bad_seed_files_are_refused_in_one_sentence_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    entry: Callable[[], dict[str, Any]], message: str,
) -> None:  # fmt: skip
    from validation.cli import main

    (tmp_path / "bad.json").write_text(json.dumps(entry()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["seedmc", "characterise", "bad.json", "--out", "bad"])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["6711", "--out", "x", "--cut-off", "0.5"], "cut_off_kev is 0.5"),
        (["6711", "--out", "taken"], "out is taken, a file"),
        (["6712", "--out", "x"], "seed model is '6712'"),
        (["6711", "--out", "x", "--histories", "0"], "histories is 0"),
        (["6711", "--out", "x", "--uncertainty", "-1"], "uncertainty is -0.01"),
    ],
)
def test_impossible_requests_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    from validation.cli import main

    (tmp_path / "taken").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["seedmc", "characterise", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_check_only_draws_and_simulates_nothing(tmp_path: Path) -> None:
    run = seedmc("characterise", "CS-1", "--check-only", "--out", "drawn", cwd=tmp_path)
    assert run.returncode == 0
    assert "IsoRay CS-1 Rev2" in run.stdout
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["seed.svg"]


def test_without_out_the_folder_is_named_after_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from validation.cli import main

    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "ninth.json").write_text(json.dumps(SEED), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for seed, folder in (("6711", "6711"), ("files/ninth.json", "ninth"), ("OncoSeed 6702", "OncoSeed_6702")):
        monkeypatch.setattr(sys, "argv", ["seedmc", "characterise", seed, "--check-only"])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        assert f"drawing -> {folder}/seed.svg" in capsys.readouterr().out
        assert [path.name for path in (tmp_path / folder).iterdir()] == ["seed.svg"]


def test_physics_options_are_used_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from validation.cli import main

    monkeypatch.chdir(tmp_path)
    options = [
        "--cut-off",
        "2",
        "--coherent",
        "off",
        "--incoherent",
        "free_electrons",
        "--no-fluorescence",
        "Ag",
    ]
    command = ["characterise", "6711", "--histories", "500000", *options]
    monkeypatch.setattr(sys, "argv", ["seedmc", *command, "--quiet"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code, capsys.readouterr().err
    physics = {
        "cut_off_kev": 2.0, "coherent": "off", "incoherent": "free_electrons", "fluorescence_off": ["Ag"],
    }  # fmt: skip
    table = json.loads((tmp_path / "6711" / "tg43.json").read_text(encoding="utf-8"))["characterisation"]
    assert table["settings"]["physics"] == physics
    assert table["command"] == (
        "seedmc characterise 6711 --histories 500000 --random-seed 1 --cut-off 2.0 --coherent off "
        "--incoherent free_electrons --no-fluorescence Ag"
    )
    with xr.open_dataset(tmp_path / "6711" / "characterisation.h5", engine="h5netcdf") as data:
        assert json.loads(data.attrs["settings"])["physics"] == physics
        assert float(data.mean_energy.sel(opening="all")) > 28.3  # 27.4 keV with the silver lines
