"""A dose of another program as one side of a comparison, from files written here with a known place and height."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.dicom_references import DicomReferences
from validation.case.egs_dose import read_3ddose
from validation.case.imported_dose import ImportedDose
from validation.case.rtdose import read_rtdose
from validation.report.report import render
from validation.studies.compare import Comparison, compare
from validation.studies.comparison_imported import resampled
from validation.studies.dose_files import kind_of, read_doses
from validation.studies.tg43_dose import write_tg43_dose

from .conftest import FRAME, SHIFT, analytic_dose

RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
SCALING = 0.001  # Gy


def write_rtdose(path: Path, dose: ImportedDose, *, units: str = "GY", frame: str = FRAME) -> None:
    """An RTDOSE as PS3.3 C.8.8.3 describes it: mm, frames along z, rows along y, 32 bits."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = RT_DOSE, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = Dataset()
    file.file_meta = meta
    file.SOPClassUID, file.SOPInstanceUID = RT_DOSE, meta.MediaStorageSOPInstanceUID
    file.Modality, file.FrameOfReferenceUID = "RTDOSE", frame
    file.DoseUnits, file.DoseType, file.DoseSummationType = units, "PHYSICAL", "PLAN"
    file.Rows, file.Columns, file.NumberOfFrames = dose.y.size, dose.x.size, dose.z.size
    file.PixelSpacing = [f"{10 * (c[1] - c[0]):.6g}" for c in (dose.y, dose.x)]
    file.ImagePositionPatient = [f"{10 * c[0]:.6g}" for c in (dose.x, dose.y, dose.z)]
    file.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    file.GridFrameOffsetVector = [f"{10 * (z - dose.z[0]):.6g}" for z in dose.z]
    file.DoseGridScaling = SCALING
    file.BitsAllocated = file.BitsStored = 32
    file.HighBit, file.PixelRepresentation, file.SamplesPerPixel = 31, 0, 1
    file.PhotometricInterpretation = "MONOCHROME2"
    file.PixelData = np.rint(dose.dose / SCALING).astype("<u4").transpose(2, 1, 0).tobytes()
    file.save_as(path, enforce_file_format=True)


def write_3ddose(path: Path, dose: ImportedDose, factor: float) -> None:
    """Dose over a factor, and 3 % in every voxel, x fastest."""
    lines = [" ".join(str(c.size) for c in (dose.x, dose.y, dose.z))]
    lines += [" ".join(f"{p:.9g}" for p in planes) for planes in dose.planes]
    lines.append(" ".join(f"{v:.9g}" for v in (dose.dose / factor).ravel(order="F")))
    lines.append(" ".join("0.03" for _ in range(dose.dose.size)))
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


@pytest.fixture(scope="module")
def in_three(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset, elsewhere: ImportedDose) -> Comparison:
    return compare(case, monte_carlo, tg43, elsewhere)


def test_the_shift_and_the_height_of_the_file_are_found(in_three: Comparison, case: Case) -> None:
    data = in_three.data
    x, y, z = (data[axis].to_numpy() for axis in "xyz")
    expected = 0.8 * analytic_dose(case, x - SHIFT, y, z)
    # Beyond 5 mm of a seed trilinear interpolation on 0.6 mm errs by (h/r)²/4 < 0.4 %.
    far = (
        np.linalg.norm(
            np.stack(np.meshgrid(x - SHIFT, y, z, indexing="ij"), -1)[..., None, :] - case.implant.positions,
            axis=-1,
        ).min(axis=-1)
        > 0.5
    )
    np.testing.assert_allclose(data.dose_imported.to_numpy()[far], expected[far], rtol=4e-3)
    # A shift the other way, or another axis, is off by tens of per cent.
    wrong = 0.8 * analytic_dose(case, x + SHIFT, y, z)
    assert np.abs(data.dose_imported.to_numpy()[far] / wrong[far] - 1).max() > 0.1


def test_three_doses_leave_the_first_two_as_they_are(in_three: Comparison, comparison: Comparison) -> None:
    assert in_three.engines == ("monte_carlo", "tg43", "imported")
    both = in_three.data.isel(engine=slice(2))
    for name in comparison.data.data_vars:
        if "pair" not in comparison.data[name].dims:
            xr.testing.assert_identical(
                both[name].reset_coords(drop=True), comparison.data[name].reset_coords(drop=True)
            )


def test_an_rtdose_and_a_3ddose_are_the_same_dose(
    case: Case, tg43: xr.Dataset, elsewhere: ImportedDose, tmp_path: Path
) -> None:
    write_rtdose(tmp_path / "tps.dcm", elsewhere)
    write_3ddose(tmp_path / "tps.3ddose", elsewhere, 7.0)
    one = compare(case, tg43=tg43, imported=read_rtdose(tmp_path / "tps.dcm"), gamma=False).data
    other = compare(
        case, tg43=tg43, imported=read_3ddose(tmp_path / "tps.3ddose", scale=7.0), gamma=False
    ).data
    # Half a step of the stored dose; single precision.
    np.testing.assert_allclose(one.dose_imported, elsewhere_on(elsewhere, one), atol=SCALING, rtol=1e-6)
    np.testing.assert_allclose(other.dose_imported, one.dose_imported, atol=SCALING, rtol=1e-6)
    # Interpolated with the dose, the relative uncertainty stays what it is everywhere.
    np.testing.assert_allclose(other.dose_imported_std_dev / other.dose_imported, 0.03, rtol=1e-5)


def elsewhere_on(dose: ImportedDose, data: xr.Dataset) -> np.ndarray:
    x, y, z = (data[axis].to_numpy() for axis in "xyz")
    return resampled(dose, (x, y, z)).dose


def test_a_dose_linear_in_space_is_resampled_exactly() -> None:
    x, y, z = np.array([0.0, 0.3, 1.0]), np.array([-1.0, 0.5]), np.array([2.0, 2.5, 3.0, 4.0])
    wanted = np.array([0.1, 0.95]), np.array([-0.2]), np.array([2.1, 3.7])

    def linear(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return 50 + 3 * a[:, None, None] - 7 * b[:, None] + 2 * c

    dose = ImportedDose(x, y, z, linear(x, y, z), None, None, "", "made here")
    np.testing.assert_allclose(resampled(dose, wanted).dose, linear(*wanted), rtol=1e-12)


def test_against_tg43_the_other_dose_is_the_judged_one(
    case: Case, tg43: xr.Dataset, elsewhere: ImportedDose
) -> None:
    same = replace(elsewhere, dose=elsewhere.dose / 0.8, x=elsewhere.x - SHIFT)
    found = compare(case, tg43=tg43, imported=same)
    data = found.data
    assert found.engines == ("imported", "tg43")
    d90 = data.index_value.sel(structure="GTV", index="D90")
    # The same dose but for its interpolation, whose size the file states from the TG-43 dose itself.
    change = float(d90.sel(engine="imported") - d90.sel(engine="tg43"))
    stated = float(data.imported_smoothing.sel(structure="GTV", index="D90"))
    assert 0 < change < 3 * stated + 0.3
    assert float(data.gamma_pass_rate[0, 0]) > 95.0
    assert "dose_monte_carlo" not in data
    assert "monte_carlo_settings" not in data.attrs
    np.testing.assert_allclose(
        found.budget.terms[0], (data.index_value.isel(engine=0) - data.index_value.isel(engine=1)), atol=1e-9
    )
    # The case says what the voxels hold: air outside the body, tissue inside.
    assert {"air"} <= {str(name) for name in data.medium_name.to_numpy()}
    assert float(data.density[18, 16, 12]) > 0.9


def test_against_monte_carlo_the_other_dose_is_the_reference(
    case: Case, monte_carlo: xr.Dataset, elsewhere: ImportedDose
) -> None:
    found = compare(case, monte_carlo, imported=elsewhere, gamma=False)
    data = found.data
    assert found.engines == ("monte_carlo", "imported")
    expected = 100 * (data.dose_monte_carlo / data.dose_imported - 1)
    np.testing.assert_allclose(data.difference_percent_imported, expected, rtol=1e-4, atol=1e-3)
    # 2 % of one and 3 % of the other.
    u = np.hypot(data.dose_monte_carlo_std_dev, data.dose_imported_std_dev)
    known = np.isfinite(data.z_score)
    np.testing.assert_allclose(
        data.z_score.values[known], (data.difference / u).values[known], rtol=1e-4, atol=1e-4
    )
    assert known.values.mean() > 0.9
    assert "of RTDOSE dose" in found.relative_unit


def test_a_structure_it_does_not_cover_has_no_indices(
    case: Case, tg43: xr.Dataset, elsewhere: ImportedDose
) -> None:
    left = elsewhere.x > -1.3
    part = replace(elsewhere, x=elsewhere.x[left], dose=elsewhere.dose[left], std_dev=None)
    data = compare(case, tg43=tg43, imported=part, gamma=False).data
    assert np.isnan(data.index_value.sel(structure="CORD", engine="imported")).all()
    assert np.isfinite(data.index_value.sel(structure="CORD", index="D90", engine="tg43"))
    assert float(data.imported_covered.sel(structure="CORD")) < 50
    assert np.isfinite(data.index_value.sel(structure="GTV", index="D90")).all()
    inside = data.x.to_numpy() > float(part.planes[0][0])
    assert np.isnan(data.dose_imported.to_numpy()[~inside]).all()
    # z reaches beyond the image, y as well: the part of x is all that is missing.
    assert data.attrs["imported_covers_percent"] == pytest.approx(100 * inside.mean())


def test_a_target_it_does_not_cover_is_refused(case: Case, tg43: xr.Dataset, elsewhere: ImportedDose) -> None:
    left = elsewhere.x > 0.0
    part = replace(elsewhere, x=elsewhere.x[left], dose=elsewhere.dose[left], std_dev=None)
    with pytest.raises(
        InvalidInput,
        match=r"part of GTV that the RTDOSE file tps.dcm covers is \d+\.\d %, expected at least 99.9 %",
    ):
        compare(case, tg43=tg43, imported=part, gamma=False)
    with pytest.raises(InvalidInput, match="expected one that meets the dose grid"):
        compare(case, tg43=tg43, imported=replace(elsewhere, x=elsewhere.x + 50.0), gamma=False)


def test_another_frame_is_refused_in_one_sentence(
    case: Case, tg43: xr.Dataset, elsewhere: ImportedDose
) -> None:
    framed = replace(case, dicom=DicomReferences("1.2.3", "1.2.4", "1.2.5", ("1.2.6",)))
    digest = {"case_digest": framed.digest()}
    with pytest.raises(
        InvalidInput, match=rf"^frame of reference of the RTDOSE file tps.dcm is {FRAME}, expected 1\.2\.5"
    ):
        compare(framed, tg43=tg43.assign_attrs(digest), imported=elsewhere, gamma=False)
    same = compare(
        framed,
        tg43=tg43.assign_attrs(digest),
        imported=replace(elsewhere, frame_of_reference="1.2.5"),
        gamma=False,
    )
    assert same.data.attrs["imported_frame_of_reference"] == "the same as that of the case"
    unknown = compare(case, tg43=tg43, imported=elsewhere, gamma=False)
    assert "not checked: the case does not say" in unknown.data.attrs["imported_frame_of_reference"]


def test_a_single_dose_is_no_comparison(case: Case, tg43: xr.Dataset, elsewhere: ImportedDose) -> None:
    for doses in ({"tg43": tg43}, {"imported": elsewhere}, {}):
        with pytest.raises(InvalidInput, match=r"number of doses is [01], expected two or three"):
            compare(case, **doses)  # type: ignore[arg-type]


def test_files_are_told_apart_by_what_they_hold(
    case: Case, tg43: xr.Dataset, elsewhere: ImportedDose, tmp_path: Path
) -> None:
    write_rtdose(tmp_path / "a", elsewhere)
    write_3ddose(tmp_path / "b.3ddose", elsewhere, 1.0)
    write_tg43_dose(tmp_path / "c.h5", described(tg43))
    case.write(tmp_path / "case.h5")
    (tmp_path / "d.txt").write_text("no dose")
    assert [kind_of(tmp_path / name) for name in ("a", "b.3ddose", "c.h5")] == ["rtdose", "3ddose", "tg43"]
    read = read_doses([tmp_path / "a", tmp_path / "c.h5"], case)
    assert read.monte_carlo is None
    assert read.imported is not None
    for names, options, problem in (
        (["a", "b.3ddose"], {}, "number of imported doses is 2"),
        (["c.h5"], {}, "number of doses is 1, expected two or three"),
        (["c.h5", "case.h5"], {}, "filetype of .*case.h5 is 'seedmc-case', expected a dose"),
        (["c.h5", "d.txt"], {}, "d.txt is of no known kind"),
        (["c.h5", "none.dcm"], {}, "none.dcm is not there"),
        (["c.h5", "a"], {"scale": 2.0}, "--dose-scale is 2.0, expected it with a file of kind 3ddose"),
    ):
        with pytest.raises(InvalidInput, match=problem):
            read_doses([tmp_path / name for name in names], case, **options)  # type: ignore[arg-type]


def described(tg43: xr.Dataset) -> xr.Dataset:
    """With the unit and description that files ask for."""
    named = tg43.copy()
    for name in named.variables:
        named[name].attrs.update(units="1", description="test data")
    return named


def test_a_relative_dose_is_refused(
    case: Case, tg43: xr.Dataset, elsewhere: ImportedDose, tmp_path: Path
) -> None:
    write_rtdose(tmp_path / "relative.dcm", elsewhere, units="RELATIVE")
    write_tg43_dose(tmp_path / "tg43.h5", described(tg43))
    with pytest.raises(InvalidInput, match=r"DoseUnits of .* is RELATIVE, expected GY"):
        read_doses([tmp_path / "relative.dcm", tmp_path / "tg43.h5"], case)


def test_the_command_takes_doses_in_any_order(
    case: Case, tg43: xr.Dataset, elsewhere: ImportedDose, tmp_path: Path
) -> None:
    case.write(tmp_path / "case.h5")
    write_tg43_dose(tmp_path / "tg43.h5", described(tg43))
    write_rtdose(tmp_path / "tps.dcm", elsewhere)
    command = [
        sys.executable,
        "-m",
        "validation.cli",
        "compare",
        "case.h5",
        "tps.dcm",
        "tg43.h5",
        "--out",
        "c.h5",
    ]
    done = subprocess.run([*command, "--no-gamma"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "frame of reference not checked" in done.stdout
    assert Comparison.read(tmp_path / "c.h5").engines == ("imported", "tg43")
    alone = subprocess.run(
        [*command[:5], *command[6:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (alone.returncode, "Traceback" in alone.stderr) == (2, False)


def test_a_third_dose_is_in_the_report(in_three: Comparison) -> None:
    text = render(in_three)
    assert "RTDOSE file tps.dcm" in text
