"""``seedmc inspect``: what files hold, and which media the simulation would give the structures of a case."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from mcsim.hdf5_file import create
from mcsim.invalid_input import InvalidInput
from mcsim.materials import material_library
from mcsim.result_file import read_result, write_result
from mcsim.simulation_settings import StoppingRule
from validation.case import Case, built_in
from validation.cli import app, main
from validation.studies.inspect_case import MediaOfStructure, cavity_notes, media_of_structures, media_table
from validation.studies.inspect_file import describe
from validation.studies.main_job import CaseChoice
from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose
from validation.studies.patient_phantom import patient_phantom
from validation.studies.tg43_dose import tg43_dose, write_tg43_dose

OPTIONS = MonteCarloOptions(voxel=0.4)


def printed(*arguments: object) -> str:
    run = CliRunner().invoke(app, ["inspect", *map(str, arguments)])
    assert run.exit_code == 0, run.output
    return run.output


def lines_with(text: str, *words: str) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    case = built_in("neck")
    case.write(folder / "case.h5")
    monte_carlo_dose(case, OPTIONS, StoppingRule(batches=(0, 2)), folder / "monte_carlo.h5")
    write_tg43_dose(folder / "tg43.h5", tg43_dose(case, 0.4))
    return folder


def test_fractions_are_those_of_the_phantom_of_the_simulation(files: Path) -> None:
    neck = built_in("neck")
    phantom, _ = patient_phantom(neck, OPTIONS.voxel)
    result, _ = read_result(files / "monte_carlo.h5")
    assert result.settings["phantom_digest"] == phantom.digest()
    gtv = next(found for found in media_of_structures(neck, phantom) if found.structure == "GTV")
    text = printed("neck", "--voxel", 4)
    row = next(line for line in lines_with(text, "GTV") if "muscle" in line)
    assert f"{gtv.volume:.2f}" in row
    assert f"{100 * gtv.by_volume['muscle']:.2f}" in row
    assert f"{100 * gtv.by_mass['muscle']:.2f}" in row


def test_a_case_is_summed_up_in_one_screen(files: Path) -> None:
    text = printed(files / "case.h5", "--voxel", 4)
    for words in (built_in("neck").digest(), "11 × 6711", "120 Gy to PTV", "133 × 149 × 45 voxels of 1 × 1 × 2 mm",
                  "5 needles", "nothing replaced near the seeds"):  # fmt: skip
        assert words in text.replace("\n", " ")
    assert lines_with(text, "MANDIBLE", "organ")


def test_choices_of_media_show(tmp_path: Path) -> None:
    text = printed("neck", "--voxel", 2, "--medium-of", "GTV=lymph", "--medium-of", "SPINAL_CORD=brain")
    assert lines_with(text, "GTV", "lymph")
    assert lines_with(text, "SPINAL_CORD", "brain")
    assert "contour's medium" in text
    path = tmp_path / "clinic.json"
    path.write_text(
        json.dumps({"format": "seedmc-hounsfield-curve", "format_version": "1.0", "curve": "schneider2000"}),
        encoding="utf-8",
    )
    assert "schneider_08" in printed("neck", "--voxel", 4, "--hounsfield-curve", path)
    assert "schneider_08" in printed(path)


def test_overrides_show_as_counts(box_case: Callable[..., Case], tmp_path: Path) -> None:
    seed = {(x - 0.1, x + 0.1, -0.1, 0.1, -0.25, 0.25): 2500.0 for x in (-0.5, 0.5)}
    box_case({**seed, (-0.1, 0.1, 0.4, 0.6, 0.15, 0.65): 2500.0}).write(tmp_path / "post.h5")
    text = printed(tmp_path / "post.h5", "--voxel", 2)
    assert lines_with(text, "CT voxels", "replaced", "of seeds")
    assert "nothing replaced" in printed(tmp_path / "post.h5", "--voxel", 2, "--streak-override", "off")


def test_a_monte_carlo_file_is_summed_up(files: Path) -> None:
    text = printed(files / "monte_carlo.h5")
    with h5py.File(files / "monte_carlo.h5") as file:
        assert str(file.attrs["settings_digest"]) in text
        assert str(file.attrs["case_digest"]) in text
    assert lines_with(text, "grid", "of 4 × 4 × 4 mm")
    assert lines_with(text, "histories", "in 2 batches")
    assert lines_with(text, "CT curve", "neck")


def test_a_monte_carlo_file_says_what_made_it(files: Path, tmp_path: Path) -> None:
    text = printed(files / "monte_carlo.h5")
    assert lines_with(text, "Variance reduction", "correlated sampling")
    assert lines_with(text, "Known dose in water", "table of one seed")
    assert "stayed in tissue" not in text
    result, case_digest = read_result(files / "monte_carlo.h5")
    # the columns of a plain result: where the energy stayed, in % of that emitted
    fates = np.array([1000, 600, 200, 50, 150]) * 2**16
    plain = dataclasses.replace(
        result, settings={**result.settings, "variance_reduction": "none", "techniques": {}}, balance=fates
    )
    write_result(tmp_path / "plain.h5", plain, case_digest)
    text = printed(tmp_path / "plain.h5")
    assert lines_with(text, "Variance reduction", "none: plain transport")
    assert lines_with(text, "stayed in tissue", "60 %")


def test_the_difference_to_water_is_told_by_medium(files: Path, tmp_path: Path) -> None:
    result, case_digest = read_result(files / "monte_carlo.h5")
    assert "infinite water" not in printed(files / "monte_carlo.h5").split("Techniques")[1]
    water = np.where(np.arange(result.medium.shape[2]) > 2, 0.5 * result.dose_per_history(), np.nan)
    kept = dataclasses.replace(result, water_superposition=(water, 0.0 * water))
    write_result(tmp_path / "kept.h5", kept, case_digest)
    text = printed(tmp_path / "kept.h5").split("infinite water, in structures")[1]
    muscle = lines_with(text, "muscle")[0].split()
    # half of the dose by construction; two batches leave groups empty, so there is no uncertainty
    assert float(muscle[2]) == pytest.approx(float(muscle[3]), rel=2e-3)
    assert muscle[4] == "nan"


def test_a_tg43_file_is_summed_up(files: Path) -> None:
    text = printed(files / "tg43.h5")
    assert lines_with(text, "dose rate constant", "0.965")
    assert lines_with(text, "grid", "of 4 × 4 × 4 mm")


def test_any_other_file_of_ours_lists_attributes_and_datasets(tmp_path: Path) -> None:
    with create(tmp_path / "a.h5", "seedmc-thing", "1.0", {"answer": 42}) as file:
        file["values"] = [1.0, 2.0]
        file["values"].attrs.update(units="Gy", description="two numbers")
    text = printed(tmp_path / "a.h5")
    assert lines_with(text, "answer", "42")
    assert lines_with(text, "values", "2", "float64", "Gy", "two numbers")


def test_packaged_data_are_listed_with_their_sources() -> None:
    text = printed("--materials", "--curves", "--seeds")
    for name in ("cortical_bone", "calcified_tissue_30", "schneider2000", "OncoSeed 6711"):
        assert name in text
    assert set(material_library()) <= {word for line in text.splitlines() for word in line.split()}


def test_names_in_files_are_not_markup(files: Path) -> None:
    with create(files / "b.h5", "seedmc-thing", "1.0", {"note": "[bold red]x[/bold red] [/nonsense]"}):
        pass
    assert "[/nonsense]" in printed(files / "b.h5")


def test_rare_media_are_added_up() -> None:
    found = MediaOfStructure("A", 1.0, 1.0, {"muscle": 0.9996, "air": 0.0003, "skin": 0.0001},
                             {"muscle": 0.9997, "air": 0.0001, "skin": 0.0002})  # fmt: skip
    rows = media_table([found]).rows
    assert rows == (("A", "1.00", "–", "1.0000", "muscle 99.96 (99.97), other 0.04 (0.03)"),)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "input is 'nowhere', expected a file, a DICOM folder or a built-in case (neck)"),
        ([], "input is not given"),
        (["neck", "--medium-of", "NOSE=skin"], "structure with a medium is 'NOSE', expected one of BODY, GTV"),
        (["neck", "--medium-of", "GTV=glue"], "medium is 'glue', expected a known one. `seedmc inspect --materials`"),
        (["neck", "--medium-of", "GTV=Tyroid"], "expected a known one (did you mean thyroid?)"),
        (["neck", "--medium-of", "carotids=skin"], "(did you mean CAROTID?)"),
        (["neck", "--hounsfield-curve", "ankle"], "expected one of neck, thorax, schneider2000"),
        (["neck", "--streak-override", "often"], "streak override is 'often'"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_at_is_refused(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["seedmc", "inspect", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_text_that_is_no_curve_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(
        InvalidInput, match=r"is of no known type, expected an HDF5 or JSON file .* a CT curve"
    ):
        describe(str(tmp_path / "notes.txt"), CaseChoice(), OPTIONS)


def test_a_cavity_without_air_is_pointed_out() -> None:
    neck = built_in("neck")
    tissue = {"muscle": 0.9, "air": 0.1}
    filled = [MediaOfStructure(name, 1.0, 1.0, tissue, tissue) for name in ("AIRWAY", "GTV")]
    ((name, sentence),) = cavity_notes(neck, filled)
    assert name == "AIRWAY"
    assert "90 % of it is muscle and 10 % air" in sentence
    assert "--medium-of AIRWAY=air" in sentence
    air = {"air": 0.9, "muscle": 0.1}
    assert cavity_notes(neck, [MediaOfStructure("AIRWAY", 1.0, 0.1, air, air)]) == []


def test_the_share_on_the_dose_grid_is_told() -> None:
    neck = built_in("neck")
    found = {
        part.structure: part.on_dose_grid for part in media_of_structures(neck, patient_phantom(neck, 0.2)[0])
    }
    # The grid is laid around the targets; the body goes on beyond it.
    assert found["PTV"] == pytest.approx(1.0, abs=1e-9)
    assert 0.0 < found["BODY"] < 0.5
