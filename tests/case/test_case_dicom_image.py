from __future__ import annotations

import itertools

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from mcsim.invalid_input import InvalidInput
from validation.case import read_dicom

DIRECTIONS = [
    pair
    for pair in itertools.product([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)], repeat=2)
    if np.dot(*pair) == 0
]


def hounsfield(x, y, z):
    return 2 * x - 3 * y + 50 * z


@pytest.mark.parametrize("directions", DIRECTIONS, ids=str)
def test_every_axial_orientation_puts_each_value_at_its_place(patient, directions):
    from validation.case.dicom_file import scan
    from validation.case.dicom_image import read_image

    for k, data in enumerate(patient.slices):
        # The same corner, another way to run through rows and columns.
        right, down = (np.array(d, dtype=float) for d in directions)
        row, column = np.meshgrid(np.arange(12), np.arange(16), indexing="ij")
        place = np.array([20.0, -30.0, 3.0 * k]) + column[..., None] * right + 2 * row[..., None] * down
        data.ImageOrientationPatient = [*right.tolist(), *down.tolist()]
        stored = hounsfield(*np.moveaxis(place, -1, 0)) - float(data.RescaleIntercept)
        data.PixelData = stored.astype("<i2").tobytes()
    patient.slices.reverse()
    patient.write()
    files, _ = scan(patient.folder)
    image = read_image([file for file in files if file.folder == "ct"])
    x, y, z = np.meshgrid(image.x * 10, image.y * 10, image.z * 10, indexing="ij")
    # Whole numbers in millimetres: exact in float32 once cm are turned back.
    np.testing.assert_array_equal(image.hu, np.rint(hounsfield(x, y, z)))
    assert np.all(np.diff(image.x) > 0)
    assert np.all(np.diff(image.y) > 0)
    along_x = 16 if directions[0][0] else 12
    assert image.hu.shape == (along_x, 28 - along_x, 7)


def test_implicit_and_compressed_files_read_the_same(patient, tmp_path):
    expected = read_dicom(patient.write()).image.hu
    for data in patient.slices[:3]:
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    for data in patient.slices[3:]:
        data.compress(RLELossless)
    np.testing.assert_array_equal(read_dicom(patient.write()).image.hu, expected)


@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian])
def test_padding_outside_the_field_of_view_becomes_air(patient, syntax):
    for data in patient.slices:
        pixels = np.frombuffer(data.PixelData, "<i2").copy()
        pixels[:5] = -2000
        data.PixelData = pixels.tobytes()
        data.add_new("PixelPaddingValue", "SS", -2000)
        if syntax:
            data.file_meta.TransferSyntaxUID = syntax
    hu = read_dicom(patient.write()).image.hu
    np.testing.assert_array_equal(hu[:5, 0, :], -1000.0)
    assert hu.min() == -1000.0


def drop(keyword):
    return lambda p: [delattr(data, keyword) for data in p.slices]


def put(index, **values):
    def spoil(p):
        for keyword, value in values.items():
            setattr(p.slices[index], keyword, value)

    return spoil


def shift_upper_half(p):
    for data in p.slices[4:]:
        x, y, z = data.ImagePositionPatient
        data.ImagePositionPatient = [x, y, z + 0.9]


def tilt(p):
    for data in p.slices:
        data.ImageOrientationPatient = [1, 0, 0, 0, 0.985, 0.174]


def double(p):
    again = pydicom.dataset.Dataset()
    again.update(p.slices[3])
    again.file_meta = p.slices[3].file_meta
    again.SOPInstanceUID = "1.2.3.1.99"
    p.slices.append(again)


FAULTS = {
    "missing slice": (
        lambda p: p.slices.pop(3),
        r"slices ct/CT_002.dcm and ct/CT_003.dcm are 6 mm apart.*1 slice\(s\) are",
    ),
    "doubled slice": (double, r"slices ct/CT_003.dcm and ct/CT_007.dcm both lie at z = 9 mm"),
    "uneven": (shift_upper_half, r"are 3.9 mm apart, expected 3 mm .*spacing is not uniform"),
    "one turned": (
        put(2, ImageOrientationPatient=[-1, 0, 0, 0, -1, 0]),
        r"ImageOrientationPatient of ct/CT_002.dcm is \(-1",
    ),
    "one coronal": (
        put(2, ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
        r"ImageOrientationPatient of ct/CT_002.dcm",
    ),
    "all tilted": (tilt, r"ImageOrientationPatient of ct/CT_000.dcm .*expected axial slices"),
    "other place": (
        put(5, ImagePositionPatient=[21, -30, 15]),
        r"ImagePositionPatient x, y \(mm\) of ct/CT_005",
    ),
    "other size": (put(1, Rows=16, Columns=12), r"Rows x Columns of ct/CT_001.dcm is \(16, 12\)"),
    "other pixel spacing": (put(1, PixelSpacing=[1, 1]), r"PixelSpacing \(mm\) of ct/CT_001.dcm"),
    "no slope": (drop("RescaleSlope"), r"RescaleSlope of ct/CT_000.dcm is missing"),
    "zero slope": (put(4, RescaleSlope=0), r"header of ct/CT_004.dcm .* slope not 0"),
    "not HU": (put(0, RescaleType="OD"), r"RescaleType of ct/CT_000.dcm is 'OD'"),
    "no position": (drop("ImagePositionPatient"), r"ImagePositionPatient of ct/CT_000.dcm is missing"),
    "two coordinates": (
        put(0, ImagePositionPatient=[1, 2]),
        r"geometry of ct/CT_000.dcm has 2, 6 and 2 values",
    ),
    "colour": (put(3, PhotometricInterpretation="RGB"), r"pixels of ct/CT_003.dcm are 'RGB'"),
    "gigantic": (put(3, Rows=65535, Columns=65535), r"size of ct/CT_003.dcm is 65535 x 65535 pixels"),
    "many frames": (put(3, NumberOfFrames=2147483647), r"size of ct/CT_003.dcm .* 2147483647 frame"),
    "too large for its file": (
        put(3, Rows=4000, Columns=4000),
        r"file ct/CT_003.dcm has \d+ bytes, expected more",
    ),
    "too many pixels": (
        put(3, PixelData=b"\0" * 384 * 2),
        r"pixels of ct/CT_003.dcm have shape \(2, 12, 16\)",
    ),
    "too few pixels": (put(3, PixelData=b"\0" * 382), r"file ct/CT_003.dcm is not readable"),
    "no pixels": (lambda p: delattr(p.slices[3], "PixelData"), r"ct/CT_003.dcm"),
    "wrong modality": (put(3, Modality="MR"), r"SOPClassUID of ct/CT_003.dcm is CT Image Storage"),
    "one slice": (lambda p: p.slices.__delitem__(slice(1, None)), r"the CT series has 1 slice"),
    "no CT": (lambda p: p.slices.clear(), r"the folder has 0 CT slices"),
    "no frame": (drop("FrameOfReferenceUID"), r"FrameOfReferenceUID of ct/CT_000.dcm is missing"),
    "scout only": (
        lambda p: [setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]) for d in p.slices],
        r"the folder has 0 CT slices",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_series_is_refused_by_name(patient, fault):
    spoil, message = FAULTS[fault]
    spoil(patient)
    folder = patient.write()
    with pytest.raises(InvalidInput, match=message) as refused:
        read_dicom(folder)
    assert "\n" not in str(refused.value)


def test_a_slice_cut_short_is_refused(patient):
    folder = patient.write()
    path = folder / "ct" / "CT_004.dcm"
    whole = path.read_bytes()
    for size in (0, 100, 140, 300, 700, len(whole) - 300, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InvalidInput, match=r"ct/CT_004.dcm"):
            read_dicom(folder)


def test_an_enhanced_ct_is_refused_with_the_reason(patient):
    patient.slices[0].SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    with pytest.raises(InvalidInput, match=r"CT_000.dcm is an enhanced multi-frame CT"):
        read_dicom(patient.write())
