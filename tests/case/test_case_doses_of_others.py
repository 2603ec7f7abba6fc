"""Doses of other programs: RTDOSE and 3ddose, read at the right places, refused where they cannot be trusted."""

from __future__ import annotations

import gzip

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from mcsim.invalid_input import InvalidInput
from validation.case.egs_dose import read_3ddose
from validation.case.imported_dose import ImportedDose
from validation.case.rtdose import read_rtdose
from validation.export.dose_text import write_3ddose

DOSE_CLASS = "1.2.840.10008.5.1.4.1.1.481.2"
SCALING = 1e-3
# Rows along x or y, either way: head or feet first, supine, prone, decubitus.
ORIENTATIONS = [
    (1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0), (-1, 0, 0, 0, 1, 0), (1, 0, 0, 0, -1, 0),
    (0, 1, 0, -1, 0, 0), (0, -1, 0, 1, 0, 0), (0, 1, 0, 1, 0, 0),
]  # fmt: skip


def dose_at(x, y, z):
    """Another dose at every place, mm."""
    return 100 + 2 * x - 3 * y + 0.5 * z


def rtdose(orientation=ORIENTATIONS[0], offsets=(0.0, 3.0, 6.0, 9.0), corner=(20.0, -30.0, 12.0), **changes):
    """4 planes of 5 rows (2 mm apart) and 6 columns (1 mm apart)."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = DOSE_CLASS, "1.2.3.4"
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = DOSE_CLASS, "1.2.3.4", "RTDOSE"
    data.PatientName, data.PatientID, data.FrameOfReferenceUID = "Doe^Jane", "ID-4711", "1.2.3.100"
    data.SeriesDescription = "Dose of Jane Doe"
    data.DoseUnits, data.DoseType, data.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    data.Rows, data.Columns, data.NumberOfFrames, data.PixelSpacing = 5, 6, len(offsets), [2, 1]
    data.ImagePositionPatient, data.ImageOrientationPatient = list(corner), list(orientation)
    data.GridFrameOffsetVector, data.DoseGridScaling = list(offsets), SCALING
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 32, 32, 31, 0
    right, down = np.array(orientation[:3]), np.array(orientation[3:])
    relative = np.array(offsets) - (corner[2] if offsets[0] != 0 else 0.0)
    normal = np.cross(right, down) if offsets[0] == 0 else np.array([0, 0, 1])
    frame, row, column = np.meshgrid(np.arange(len(offsets)), np.arange(5), np.arange(6), indexing="ij")
    place = np.array(corner) + column[..., None] * right + row[..., None] * 2 * down
    place = place + relative[frame][..., None] * normal
    values = dose_at(*np.moveaxis(place, -1, 0))
    data.PixelData = np.rint(values / SCALING).astype("<u4").tobytes()
    for key, value in changes.items():
        if value is None:
            delattr(data, key)
        else:
            setattr(data, key, value)
    return data


def written(tmp_path, data, name="dose.dcm"):
    pydicom.dcmwrite(tmp_path / name, data, enforce_file_format=True)
    return tmp_path / name


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("offsets", [(0.0, 3.0, 6.0, 9.0), (0.0, -3.0, -6.0, -9.0), (0.0, 2.0, 3.0, 7.0)])
def test_dose_is_where_the_file_says(tmp_path, orientation, offsets):
    dose = read_rtdose(written(tmp_path, rtdose(orientation, offsets)))
    x, y, z = np.meshgrid(10 * dose.x, 10 * dose.y, 10 * dose.z, indexing="ij")
    np.testing.assert_allclose(dose.dose, dose_at(x, y, z), rtol=0, atol=SCALING)  # one stored step
    assert (dose.frame_of_reference, dose.std_dev) == ("1.2.3.100", None)


@pytest.mark.parametrize("offsets", [(12.0, 15.0, 18.0, 21.0), (12.0, 9.0, 6.0, 3.0)])
def test_offsets_may_be_heights(tmp_path, offsets):
    dose = read_rtdose(written(tmp_path, rtdose(offsets=offsets)))
    np.testing.assert_allclose(10 * dose.z, sorted(offsets))
    x, y, z = np.meshgrid(10 * dose.x, 10 * dose.y, 10 * dose.z, indexing="ij")
    np.testing.assert_allclose(dose.dose, dose_at(x, y, z), rtol=0, atol=SCALING)


def test_identity_is_left_out(tmp_path):
    dose = read_rtdose(written(tmp_path, rtdose()))
    text = f"{dose.description} {dose.origin}"
    assert "Doe" not in text
    assert "Jane" not in text
    assert "4711" not in text


def test_uncertainty_comes_from_a_second_file_on_the_same_grid(tmp_path):
    path = written(tmp_path, rtdose())
    error = written(tmp_path, rtdose(DoseType="ERROR", DoseGridScaling=SCALING / 50), "error.dcm")
    dose = read_rtdose(path, uncertainty=error)
    np.testing.assert_allclose(dose.std_dev, dose.dose / 50, rtol=1e-9)
    with pytest.raises(InvalidInput, match=r"DoseType of error\.dcm is ERROR, expected PHYSICAL"):
        read_rtdose(error)
    with pytest.raises(InvalidInput, match=r"DoseType of dose\.dcm is PHYSICAL, expected ERROR"):
        read_rtdose(path, uncertainty=path)
    elsewhere = rtdose(corner=(21.0, -30.0, 12.0), DoseType="ERROR")
    with pytest.raises(InvalidInput, match="expected that of the dose"):
        read_rtdose(path, uncertainty=written(tmp_path, elsewhere, "elsewhere.dcm"))


def one_application_setup():
    plan, fractions, setup = Dataset(), Dataset(), Dataset()
    setup.ReferencedBrachyApplicationSetupNumber = 1
    fractions.ReferencedFractionGroupNumber = 1
    fractions.ReferencedBrachyApplicationSetupSequence = [setup]
    plan.ReferencedSOPClassUID, plan.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.5", "1.2.3.5"
    plan.ReferencedFractionGroupSequence = [fractions]
    return [plan]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DoseUnits": "RELATIVE"}, "DoseUnits of dose.dcm is RELATIVE, expected GY"),
        ({"DoseType": "EFFECTIVE"}, "DoseType of dose.dcm is EFFECTIVE, expected PHYSICAL"),
        ({"DoseType": None}, "DoseType of dose.dcm is missing"),
        ({"DoseSummationType": "FRACTION"}, "DoseSummationType of dose.dcm is FRACTION"),
        ({"DoseSummationType": "MULTI_PLAN"}, "DoseSummationType of dose.dcm is MULTI_PLAN"),
        ({"DoseSummationType": "BRACHY", "ReferencedRTPlanSequence": one_application_setup()}, "some application"),
        ({"DoseGridScaling": None}, "DoseGridScaling of dose.dcm is missing"),
        ({"DoseGridScaling": 0}, "DoseGridScaling of dose.dcm is 0 Gy, expected > 0"),
        ({"GridFrameOffsetVector": [0, 3, 6]}, "GridFrameOffsetVector of dose.dcm has 3 values, expected 4"),
        ({"GridFrameOffsetVector": None}, "GridFrameOffsetVector of dose.dcm has 0 values"),
        ({"GridFrameOffsetVector": [0, 3, 2, 6]}, "goes from 3 to 2 mm at frame 3"),
        ({"GridFrameOffsetVector": [0, 3, 3, 6]}, "goes from 3 to 3 mm at frame 3"),
        ({"GridFrameOffsetVector": [5, 8, 11, 14]}, "begins with 5 mm, expected 0"),
        ({"NumberOfFrames": 8, "GridFrameOffsetVector": list(range(8))}, "holds 4 complete frame.s., expected 8"),
        ({"NumberOfFrames": 1, "GridFrameOffsetVector": None}, "at least 2 x 2 x 2"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, 1]}, "expected axial slices"),
        ({"ImageOrientationPatient": [0.8, 0.6, 0, -0.6, 0.8, 0]}, "expected axial slices"),
        ({"ImagePositionPatient": [0, 0]}, "ImagePositionPatient of dose.dcm is .*, expected 3 finite numbers"),
        ({"PixelSpacing": [0, 1]}, "PixelSpacing of dose.dcm is .* expected > 0"),
        ({"BitsAllocated": 8}, "with 8 bits, expected MONOCHROME2 with 16 or 32"),
        ({"PixelData": None}, "PixelData of dose.dcm is missing"),
        ({"PixelData": b"\0" * 480}, "largest dose .* is 0 Gy, expected > 0"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Modality": "CT"}, "modality of dose.dcm is CT, expected RTDOSE"),
        ({"Rows": 60000, "Columns": 60000}, "at most"),
    ],
)  # fmt: skip
def test_what_cannot_be_trusted_is_refused(tmp_path, changes, words):
    data = rtdose()
    for key, value in changes.items():
        if value is None:
            delattr(data, key)
        else:
            setattr(data, key, value)
    with pytest.raises(InvalidInput, match=words):
        read_rtdose(written(tmp_path, data))


def test_brachy_dose_of_a_whole_plan_is_read(tmp_path):
    assert read_rtdose(written(tmp_path, rtdose(DoseSummationType="BRACHY"))).dose.shape == (6, 5, 4)


def test_broken_files_are_refused(tmp_path):
    path = written(tmp_path, rtdose())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match=r"dose\.dcm"):
        read_rtdose(path)
    (tmp_path / "text.dcm").write_text("not DICOM")
    with pytest.raises(InvalidInput, match="not a DICOM file"):
        read_rtdose(tmp_path / "text.dcm")


def egs_text(doses="1 2 3 4 5 6", errors="0.1 0.2 0.1 0.2 0.1 0.2", size="3 2 1", x="0 1 2 4"):
    return f"{size}\n{x}\n0 0.5 1\n-1 1\n{doses}\n{errors}\n"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_3ddose_is_read_x_fastest_with_uneven_boundaries(tmp_path, compressed):
    path = tmp_path / "a.3ddose"
    content = egs_text().encode()
    path.write_bytes(gzip.compress(content) if compressed else content)
    dose = read_3ddose(path, scale=2.0)
    assert dose.x.tolist() == [0.5, 1.5, 3.0]
    assert dose.planes[0].tolist() == [0, 1, 2, 4]
    assert dose.dose[:, :, 0].T.ravel().tolist() == [2, 4, 6, 8, 10, 12]
    np.testing.assert_allclose(dose.std_dev[:, 1, 0], [1.6, 1.0, 2.4])


def test_never_scored_voxels_have_an_unknown_uncertainty(tmp_path):
    path = tmp_path / "a.3ddose"
    path.write_text(egs_text(doses="0 2 3 4 5 6", errors="0.9999999 0 0 0 0 0"))
    assert np.isnan(read_3ddose(path).std_dev[0, 0, 0])
    path.write_text(egs_text(errors=""))
    assert read_3ddose(path).std_dev is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (egs_text(size="3 2"), "grid size"),
        (egs_text(size="3 -2 1"), "grid size of a.3ddose is '3 -2 1'"),
        (egs_text(size="30000 30000 30000"), "at most"),
        (egs_text(doses="1 2 3"), "has 9 values after its boundaries, expected 6"),
        (egs_text(doses="1 2 3 4 5 six"), "value 6 of the doses .* is 'six'"),
        (egs_text(doses="1 2 3 4 5 nan"), "finite values"),
        (egs_text(doses="0 0 0 0 0 0"), "largest dose"),
        (egs_text(errors="-0.1 0 0 0 0 0"), "uncertainty .* expected >= 0"),
        (egs_text(x="0 1 1 4"), r"x boundaries of a.3ddose \[2\] is 1 cm, expected more than 1"),
        (egs_text(x="0 1 inf 4"), "finite coordinate"),
        ("3 2 1\n0 1 2\n", "voxel boundaries, expected"),
        ("", "grid size"),
    ],
)
def test_a_broken_3ddose_is_refused(tmp_path, text, words):
    path = tmp_path / "a.3ddose"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=words):
        read_3ddose(path)


def test_other_refusals_of_a_3ddose(tmp_path):
    with pytest.raises(InvalidInput, match="is not readable"):
        read_3ddose(tmp_path / "missing.3ddose")
    path = tmp_path / "a.3ddose"
    path.write_bytes(gzip.compress(egs_text().encode())[:-12])
    with pytest.raises(InvalidInput, match="is not readable"):
        read_3ddose(path)
    path.write_text(egs_text())
    with pytest.raises(InvalidInput, match="scale of the dose is 0"):
        read_3ddose(path, scale=0.0)


def test_a_3ddose_comes_back(tmp_path):
    rng = np.random.default_rng(1)
    planes = tuple(np.cumsum(rng.uniform(0.1, 0.3, n + 1)) for n in (4, 5, 6))
    values = rng.lognormal(3.0, 2.0, (4, 5, 6))
    spread = values * rng.uniform(0, 0.1, values.shape)
    spread[0, 0, 0] = np.nan
    values[0, 0, 0] = 0.0
    x, y, z = (0.5 * (p[1:] + p[:-1]) for p in planes)
    dose = ImportedDose(x, y, z, values, spread, None, "made here", "test", planes)
    write_3ddose(dose, tmp_path / "a.3ddose.gz")
    again = read_3ddose(tmp_path / "a.3ddose.gz")
    for a, b in zip(again.planes, planes, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8)  # 10 digits of some cm; 0.01 mm is 1e-3 cm
    np.testing.assert_allclose(again.dose, values, rtol=1e-8)  # 9 digits
    np.testing.assert_allclose(again.std_dev, spread, rtol=2e-8)


def test_the_reference_doses_come_back(shared_dir, tmp_path):
    dose = read_3ddose(shared_dir / "reference" / "neck13" / "neck13_het_isa.3ddose.gz")
    write_3ddose(dose, tmp_path / "a.3ddose.gz")
    again = read_3ddose(tmp_path / "a.3ddose.gz")
    np.testing.assert_allclose(again.dose, dose.dose, rtol=1e-8)
    np.testing.assert_allclose(again.std_dev, dose.std_dev, rtol=2e-8)
    np.testing.assert_allclose(again.x, np.linspace(-2.95, 2.95, 60), atol=1e-9)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"x": [0.0, 0.0]}, "expected more than 0 cm"),
        ({"dose": np.ones((2, 2, 3))}, "has shape"),
        ({"std_dev": np.ones((2, 2, 3))}, "has shape"),
        ({"boundaries": ([0, 1], [0, 1, 2], [0, 1, 2])}, "boundaries"),
    ],
)
def test_an_imported_dose_checks_itself(values, words):
    good = {"x": [0.5, 1.5], "y": [0.5, 1.5], "z": [0.5, 1.5], "dose": np.ones((2, 2, 2)), "std_dev": None}
    ImportedDose(**good, frame_of_reference=None, description="", origin="test")
    with pytest.raises(InvalidInput, match=words):
        ImportedDose(**{**good, **values}, frame_of_reference=None, description="", origin="test")
