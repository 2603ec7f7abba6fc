"""`case import`, `export` and `inspect` with files of other programs, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from validation.case import Case, read_dicom, read_seed_list
from validation.case.egs_dose import read_3ddose
from validation.case.egs_phantom import EgsPhantom, egsphant_text
from validation.case.rtdose import read_rtdose
from validation.cli import app
from validation.studies.tg43_dose import read_tg43_dose


def seedmc(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, InvalidInput):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom, its seeds, a mask, the case made from them, and everything exported."""
    folder = tmp_path_factory.mktemp("phantom")
    planes = np.linspace(-1.6, 1.6, 17)
    medium = np.zeros((16, 16, 16), np.uint8)
    medium[12:] = 1
    density = np.where(medium, 1.92, 0.998)
    phantom = EgsPhantom((planes, planes, planes), medium, density, ("WATER_0.998", "HARD"))
    (folder / "a.egsphant").write_text(egsphant_text(phantom))
    seeds = [{"position_cm": [0.05, 0.1, z], "axis": [0, 0, 1]} for z in (-0.5, 0.3)]
    (folder / "seeds.json").write_text(json.dumps({"air_kerma_strength_U": 0.6, "seeds": seeds}))
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[3:12, 4:12, 5:12] = 1
    image = SimpleITK.GetImageFromArray(mask)
    image.SetSpacing((2.0, 2.0, 2.0))
    image.SetOrigin((-15.0, -15.0, -15.0))
    SimpleITK.WriteImage(image, str(folder / "ptv.nii.gz"))
    seedmc("case", "import", folder / "a.egsphant", "--seeds", folder / "seeds.json", "--medium", "HARD=cortical_bone",
           "--mask", f"PTV={folder / 'ptv.nii.gz'}", "--prescription", 100, "--out", folder / "case.h5")  # fmt: skip
    seedmc("tg43", folder / "case.h5", "--voxel", 2, "--out", folder / "tg43.h5")
    seedmc(
        "export",
        folder / "case.h5",
        folder / "tg43.h5",
        "--out",
        folder / "out",
        "--implant-date",
        "20240311",
    )
    return folder


def test_the_case_has_what_the_files_say(folder: Path) -> None:
    case = Case.read(folder / "case.h5")
    assert case.tissue is not None
    assert case.tissue.media == ("water", "cortical_bone")
    assert (case.prescription.target, case.prescription.dose_gy) == ("PTV", 100.0)
    volume = sum(c.area for c in case.structures["PTV"].contours) * case.structures["PTV"].slice_thickness
    assert volume == pytest.approx(9 * 8 * 7 * 0.008)
    assert "HARD is cortical_bone" in case.provenance["media"]


def test_everything_is_exported_and_comes_back(folder: Path) -> None:
    case, out = Case.read(folder / "case.h5"), folder / "out"
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    expected = {"rtstruct.dcm", "rtplan.dcm", "rtdose_tg43.dcm", "tg43.3ddose.gz", "tg43.csv.gz", "seeds.csv",
                "a.egsphant.gz", "a.egsinp", "a.transformations", "a.density", "a.muendat",
                "ct/ct_0001.dcm"}  # fmt: skip
    assert expected < names
    again = read_dicom(out)
    np.testing.assert_allclose(again.implant.positions, case.implant.positions, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(read_seed_list(out / "seeds.csv").positions, case.implant.positions)
    dose = read_tg43_dose(folder / "tg43.h5").dose.values
    np.testing.assert_allclose(read_3ddose(out / "tg43.3ddose.gz").dose, dose, rtol=1e-8)
    stored = read_rtdose(out / "rtdose_tg43.dcm")
    assert np.abs(stored.dose - dose).max() < dose.max() / 2**32
    seedmc("case", "import", out / "a.egsphant.gz", "--seed-list", out / "seeds.csv", "--prescription", 100,
           "--mask", f"PTV={folder / 'ptv.nii.gz'}", "--out", folder / "again.h5")  # fmt: skip
    phantom = Case.read(folder / "again.h5")
    assert phantom.tissue is not None
    assert case.tissue is not None
    assert phantom.tissue.media == case.tissue.media
    np.testing.assert_array_equal(phantom.tissue.medium, case.tissue.medium)
    np.testing.assert_array_equal(phantom.tissue.density, case.tissue.density)
    np.testing.assert_allclose(phantom.image.x, case.image.x, rtol=0, atol=1e-9)


def test_a_mask_joins_the_structures_of_a_case(folder: Path) -> None:
    seedmc("case", "import", folder / "case.h5", "--mask", f"GTV={folder / 'ptv.nii.gz'}:1", "--target", "GTV",
           "--prescription", 90, "--out", folder / "more.h5")  # fmt: skip
    case = Case.read(folder / "more.h5")
    assert list(case.structures) == ["PTV", "GTV"]
    assert (case.prescription.target, case.prescription.dose_gy) == ("GTV", 90.0)


def test_inspect_shows_each_of_them(folder: Path) -> None:
    assert "CORTICAL_BONE" in seedmc("inspect", folder / "out" / "a.egsphant.gz")
    assert "not known: give --medium" in seedmc("inspect", folder / "a.egsphant")
    assert "EGSnrc dose" in seedmc("inspect", folder / "out" / "tg43.3ddose.gz")
    assert "heterogeneity correction WATER" in seedmc("inspect", folder / "out" / "rtdose_tg43.dcm")
    assert "4.032" in seedmc("inspect", folder / "ptv.nii.gz")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("case", "import", "a.egsphant", "--out", "x.h5"), "has no seeds"),
        (("case", "import", "a.egsphant", "--seeds", "seeds.json", "--out", "x.h5"), "has no prescription"),
        (("case", "import", "a.egsphant", "--seeds", "seeds.json", "--prescription", "100", "--medium", "HARD=muscle",
          "--out", "x.h5"), "target of .*a.egsphant is not given"),
        (("case", "import", "a.egsphant", "--seeds", "seeds.json", "--prescription", "100", "--target-margin", "5",
          "--out", "x.h5"), "'HARD', expected one that is known here"),
        (("case", "import", "a.egsphant", "--plan", "PRE", "--out", "x.h5"), "option --plan"),
        (("case", "import", "case.h5", "--medium", "HARD=muscle", "--out", "x.h5"), "option --medium is given"),
        (("case", "import", "case.h5", "--mask", "PTV", "--out", "x.h5"), "option --mask is 'PTV', expected NAME=FILE"),
        (("export", "case.h5", "--format", "pdf", "--out", "x"), "format is 'pdf', expected one of ct, rtstruct"),
        (("export", "case.h5", "--format", "rtdose", "--out", "x"), "has no dose"),
        (("export", "tg43.h5", "--out", "x"), "cases are none, expected one"),
        (("export", "case.h5", "case.h5", "--out", "x"), "expected one"),
        (("export", "case.h5", "seeds.json", "--out", "x"), "not a DICOM file"),
        (("export", "neck", "tg43.h5", "--out", "x"), "case digest of tg43.h5"),
        (("export", "missing", "--out", "x"), "input is 'missing'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(InvalidInput, match=words):
        seedmc(*arguments)
    assert not (folder / "x.h5").exists()
