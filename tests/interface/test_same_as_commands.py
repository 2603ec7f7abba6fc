"""The functions of the Python interface give what the commands write, bit for bit, with the same defaults."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from mcsim.physics_settings import PhysicsSettings
from validation import (
    Case,
    characterise,
    compare,
    displacement_study,
    edema_study,
    monte_carlo_dose,
    read_result,
    shrinkage_study,
    tg43_dose,
)
from validation.cli import app
from validation.commands import characterise as characterise_command
from validation.commands import doses, judgement, study

COARSE = ["--voxel", "4"]  # mm
DIFFERS_FROM_RUN_TO_RUN = ("cost",)
# Sums of a Monte Carlo file, to go on from, and spectra in finer bins than the data set has.
OF_FILE_ONLY = (
    "total", "square_", "balance", "fate", "quantity", "grouped_quantity", "group_total", "seed_total", "seed_square_",
    "spectrum_", "energy", "water_table_std_dev_per_history",
)  # fmt: skip


def run(*words: object) -> None:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output


def same(found: xr.Dataset, path: Path) -> None:
    """Every dataset of the file is in the data set, with its values, unit and dimensions."""
    common, missing = 0, []
    with xr.open_dataset(path, engine="h5netcdf") as file:
        for name, variable in file.variables.items():
            if str(name).endswith(DIFFERS_FROM_RUN_TO_RUN) or str(name).startswith(OF_FILE_ONLY):
                continue
            if name == "group_voxel" and "group_dose" not in found:  # fewer batches than groups
                continue
            if name not in found.variables:
                missing.append(name)
                continue
            mine = found.variables[name]
            assert mine.dims == variable.dims, name
            np.testing.assert_array_equal(mine.values, variable.values, err_msg=str(name))
            assert mine.attrs["units"] == variable.attrs["units"], name
            common += 1
    assert not missing
    assert common > 3


def test_monte_carlo(neck: Case, neck_file: Path, monte_carlo: xr.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "monte_carlo.h5"
    run("simulate", neck_file, "--out", out, *COARSE, "--histories", 400_000, "--quiet")
    same(monte_carlo, out)
    assert read_result(out, neck).equals(monte_carlo)
    with h5py.File(out) as file:
        for name in ("settings_digest", "case_digest", "settings", "histories"):
            assert file.attrs[name] == monte_carlo.attrs[name], name


def test_monte_carlo_with_everything(neck: Case, neck_file: Path, tmp_path: Path) -> None:
    out, kept = tmp_path / "monte_carlo.h5", tmp_path / "kept.h5"
    words = ("--media", "water_body", "--seeds", "superposition", "--beyond", "water", "--random-seed", 7)
    asked = ("--per-seed", "--analogue", "--cut-off", 4, "--beyond-distance", 5)
    run("simulate", neck_file, "--out", out, *COARSE, "--histories", 60_000, "--quiet", *words, *asked)
    found = monte_carlo_dose(
        neck, voxel=0.4, histories=60_000, media="water_body", seeds="superposition", beyond="water", random_seed=7,
        beyond_distance=5.0, per_seed=True, analogue=True, threads=1, file=kept,
        physics=PhysicsSettings(cut_off_kev=4.0),
    )  # fmt: skip
    same(found, out)
    same(found, kept)
    for name in ("seed_dose", "energy_fluence", "deposited_energy_dose"):
        assert name in found
    assert found.sizes["seed"] == len(neck.implant)
    with xr.open_dataset(out, engine="h5netcdf") as file:
        fine = file.energy_fluence.values
    bins = fine.reshape(fine.shape[0], found.sizes["photon_energy"], -1).mean(axis=-1)
    np.testing.assert_array_equal(found.energy_fluence.values, bins)


def test_media_of_structures(neck: Case, neck_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "monte_carlo.h5"
    words = ("--medium-of", "GTV=water", "--hounsfield-curve", "schneider2000")
    run("simulate", neck_file, "--out", out, *COARSE, "--histories", 40_000, "--quiet", *words)
    chosen: dict[str, Any] = {"hounsfield_curve": "schneider2000", "medium_of": {"GTV": "water"}}
    same(monte_carlo_dose(neck, voxel=0.4, histories=40_000, threads=1, **chosen), out)


def test_tg43(neck_file: Path, tg43: xr.Dataset, tmp_path: Path) -> None:
    run("tg43", neck_file, "--out", tmp_path / "tg43.h5", *COARSE)
    same(tg43, tmp_path / "tg43.h5")
    assert read_result(tmp_path / "tg43.h5").identical(tg43)


def test_tg43_with_another_table(neck: Case, neck_file: Path, tmp_path: Path) -> None:
    run("tg43", neck_file, "--out", tmp_path / "tg43.h5", *COARSE, "--source-data", "mc:6711")
    same(tg43_dose(neck, voxel=0.4, source_data="mc:6711"), tmp_path / "tg43.h5")


@pytest.fixture
def dose_files(neck: Case, tg43: xr.Dataset, tmp_path: Path) -> tuple[Path, Path]:
    """Of Monte Carlo and TG-43."""
    one, other = tmp_path / "monte_carlo.h5", tmp_path / "tg43.h5"
    monte_carlo_dose(neck, voxel=0.4, histories=400_000, file=one)
    tg43.seedmc.write(other)
    return one, other


def test_comparison(
    neck: Case, neck_file: Path, comparison: xr.Dataset, dose_files: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "comparison.h5"
    run("compare", neck_file, *dose_files, "--out", out, "--no-gamma")
    same(comparison, out)
    # Files and data sets, in any order
    assert compare(neck, *dose_files[::-1], gamma=False).equals(comparison)


@pytest.mark.slow
def test_comparison_with_gamma_and_its_report(
    neck: Case, neck_file: Path, monte_carlo: xr.Dataset, tg43: xr.Dataset, dose_files: tuple[Path, Path],
    tmp_path: Path,
) -> None:  # fmt: skip
    found = compare(neck, monte_carlo, tg43)
    run("compare", neck_file, *dose_files, "--out", tmp_path / "comparison.h5")
    same(found, tmp_path / "comparison.h5")
    found.seedmc.write(tmp_path / "again.h5")
    run("report", tmp_path / "again.h5", "--out", tmp_path / "report.html")


def test_characterisation(tmp_path: Path) -> None:
    run("characterise", "6711", "--out", tmp_path, "--histories", 250_000, "--quiet")
    found = characterise("6711", histories=250_000, threads=1)
    same(found, tmp_path / "characterisation.h5")
    assert read_result(tmp_path / "characterisation.h5").equals(found)
    document = json.loads((tmp_path / "tg43.json").read_text())
    table = found.seedmc.tg43_table()
    assert table.radial_dose.tolist() == document["radial_dose_function"]["g_L"]
    assert table.dose_rate_constant == document["dose_rate_constant"]


@pytest.mark.slow
def test_study(neck_file: Path, study: xr.Dataset, tmp_path: Path) -> None:
    run(
        "study", "displacement", neck_file, "--out", tmp_path, *COARSE, "--sigma-mm", 3, "--structure", "PTV",
        "--members", 16, "--monte-carlo", 2, "--sobol", 0, "--histories", 2_000, "--tissue-histories", 20_000,
        "--quiet",
    )  # fmt: skip
    same(study, tmp_path / "study.h5")
    with h5py.File(tmp_path / "study.h5") as file:
        for name in ("settings_digest", "content_digest", "run_seeds"):
            assert file.attrs[name] == study.attrs[name], name


SIZE: dict[str, Any] = {"tissue_histories": 0, "time_level": 1}

# Of a command, what the function calls by another name, and the factor from the command's unit to the function's.
CENTIMETRES = {"voxel": 0.1, "active_length": 0.1, "voxel_mm": 0.1}
RENAMED = {"voxel_mm": "voxel", "run_seed": "random_seed"}
# Files to write, what belongs to cluster jobs, what a terminal shows; and what functions take as one object.
OF_COMMANDS_ONLY = {"case", "out", "quiet", "batches", "checkpoint", "seed", "check_only", "doses"}
OF_PHYSICS = {"cut_off", "coherent", "incoherent", "no_fluorescence"}
OF_TISSUES = {
    "contour_density", "contour_hu", "streak_override", "streak_radius", "streak_replacement", "calcification_above",
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "function", "left_out"),
    [
        (doses.simulate, monte_carlo_dose, OF_PHYSICS | OF_TISSUES),
        (doses.tg43, tg43_dose, set()),
        (judgement.compare, compare, set()),
        (characterise_command.characterise, characterise, OF_PHYSICS),
    ],
)
def test_options_and_their_defaults(
    command: Callable[..., None], function: Callable[..., xr.Dataset], left_out: set[str]
) -> None:
    mine = inspect.signature(function).parameters
    for name, option in inspect.signature(command).parameters.items():
        if name in OF_COMMANDS_ONLY | left_out:
            continue
        assert name in mine, f"{function.__name__} has no {name}"
        default, expected = mine[name].default, option.default
        if isinstance(expected, float | int) and name in CENTIMETRES:
            expected = expected * CENTIMETRES[name]
        assert default == expected, f"{name} is {default!r} by default, {expected!r} in the command"


@pytest.mark.parametrize(
    ("function", "kind"),
    [(displacement_study, "displacement"), (edema_study, "edema"), (shrinkage_study, "shrinkage")],
)
def test_defaults_of_studies(
    function: Callable[..., xr.Dataset], kind: str, neck: Case, tmp_path: Path
) -> None:
    size = {**SIZE, "structures": ("PTV",)}
    found = function(neck, members=2, monte_carlo=0, sobol=0, voxel=0.5, **size)
    words = ("--voxel", 5, "--structure", "PTV", "--tissue-histories", 0, "--time-level", 1)
    run("study", "settings", kind, "neck", "--out", tmp_path / "settings.json", *words)
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert found.attrs["settings_digest"] == settings["settings_digest"], found.attrs["settings"]
    mine = {name: p.default for name, p in inspect.signature(function).parameters.items()}
    for name in ("members", "monte_carlo", "cpu_budget", "sobol"):
        assert mine[name] == getattr(study.SizeOptions(), name)
    assert mine["voxel"] == study.ComputingOptions().voxel_mm * 0.1
    assert mine["random_seed"] == study.ComputingOptions().run_seed


def test_studies_take_the_numbers_of_commands(neck: Case) -> None:
    found = displacement_study(
        neck, sigma=0.3, members=2, monte_carlo=0, sobol=0, voxel=0.4, tissue_histories=0, structures=("PTV",)
    )
    settings = json.loads(found.attrs["settings"])
    # 0.3 cm / 0.1 is 2.9999999999999996: another digest and another last digit than 3 mm.
    assert (settings["sigma_mm"], settings["voxel_mm"]) == ([3.0], 4.0)
