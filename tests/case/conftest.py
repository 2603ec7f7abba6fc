"""A small DICOM patient whose files can be spoilt one way at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
STRUCTURES_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
PLAN_CLASS = "1.2.840.10008.5.1.4.1.1.481.5"
FRAME = "1.2.3.100"
NEEDLE = np.array([0.6, 0.0, 0.8])


def hounsfield(x, y, z):
    """What the scanner saw at a place in mm: another value at every voxel."""
    return 2 * x - 3 * y + 50 * z


def dataset(sop_class: str, modality: str, uid: str) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = sop_class
    data.file_meta.MediaStorageSOPInstanceUID = uid
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = sop_class, uid, modality
    data.PatientName, data.PatientID = "Doe^Jane", "ID-4711"
    data.FrameOfReferenceUID = FRAME
    data.SpecificCharacterSet = "ISO_IR 192"
    return data


def ct_slice(k: int, along_row=(1, 0, 0), along_column=(0, 1, 0)) -> Dataset:
    """Slice at z = 3 k mm: 12 rows 2 mm apart, 16 columns 1 mm apart, the first pixel at a corner of the field."""
    data = dataset(CT_CLASS, "CT", f"1.2.3.1.{k + 1}")
    data.SeriesInstanceUID, data.SeriesDescription = "1.2.3.1", "planning CT"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.Rows, data.Columns, data.PixelSpacing = 12, 16, [2, 1]
    right, down = np.array(along_row), np.array(along_column)
    corner = np.array([20.0, -30.0, 3.0 * k])
    row, column = np.meshgrid(np.arange(12), np.arange(16), indexing="ij")
    place = corner + column[..., None] * 1.0 * right + row[..., None] * 2.0 * down
    data.ImagePositionPatient, data.ImageOrientationPatient = corner.tolist(), [*along_row, *along_column]
    # Another intercept in every slice, as some scanners write.
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 1, -1024 + k, "HU"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelData = (hounsfield(*np.moveaxis(place, -1, 0)) + 1024 - k).astype("<i2").tobytes()
    return data


def contour(z: float, corners, kind: str = "CLOSED_PLANAR") -> Dataset:
    item = Dataset()
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = len(corners)
    item.ContourData = [value for x, y in corners for value in (x, y, z)]
    return item


def square(half: float, x0: float = 27.0, y0: float = -19.0):
    return [
        (x0 - half, y0 - half),
        (x0 + half, y0 - half),
        (x0 + half, y0 + half),
        (x0 - half, y0 + half),
    ]


def structure_set(rois: list[tuple[str, str, list[Dataset]]]) -> Dataset:
    data = dataset(STRUCTURES_CLASS, "RTSTRUCT", "1.2.3.2.1")
    data.StructureSetLabel = "NODES"
    data.StructureSetROISequence, data.ROIContourSequence, data.RTROIObservationsSequence = [], [], []
    for number, (name, kind, contours) in enumerate(rois, start=1):
        roi, drawn, seen = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, FRAME
        drawn.ReferencedROINumber = seen.ReferencedROINumber = number
        drawn.ContourSequence = contours
        seen.RTROIInterpretedType = kind
        data.StructureSetROISequence.append(roi)
        data.ROIContourSequence.append(drawn)
        data.RTROIObservationsSequence.append(seen)
    return data


def channel(number: int, place, orientation=NEEDLE) -> Dataset:
    """One seed: two control points at the same place, as PS3.3 asks for permanent implants."""
    item = Dataset()
    item.ChannelNumber, item.SourceMovementType, item.NumberOfControlPoints = number, "FIXED", 2
    item.ReferencedSourceNumber, item.SourceApplicatorID = 1, "N"
    item.BrachyControlPointSequence = []
    for index in range(2):
        point = Dataset()
        point.ControlPointIndex = index
        point.ControlPoint3DPosition = [float(v) for v in place]
        if orientation is not None:
            point.ControlPointOrientation = [float(v) for v in orientation]
        item.BrachyControlPointSequence.append(point)
    return item


def seed_plan() -> Dataset:
    """Two needles with two seeds each, 6 mm apart along the needle."""
    data = dataset(PLAN_CLASS, "RTPLAN", "1.2.3.3.1")
    data.RTPlanLabel, data.RTPlanDate = "PRE", "20240311"
    data.BrachyTreatmentTechnique, data.BrachyTreatmentType = "PERMANENT", "MANUAL"
    target = Dataset()
    target.DoseReferenceType, target.TargetPrescriptionDose = "TARGET", 120
    target.ReferencedROINumber, target.DoseReferenceDescription = 2, "GTV"
    data.DoseReferenceSequence = [target]
    source = Dataset()
    source.SourceNumber, source.SourceModelID, source.SourceIsotopeName = 1, "OncoSeed-6711", "I-125"
    source.SourceIsotopeHalfLife, source.SourceStrengthUnits = 59.4, "AIR_KERMA_RATE"
    source.ReferenceAirKermaRate, source.SourceStrengthReferenceDate = 0.635, "20240311"
    data.SourceSequence = [source]
    data.ApplicationSetupSequence = []
    for number, y in enumerate((-22.0, -16.0), start=1):
        setup = Dataset()
        setup.ApplicationSetupNumber = number
        centre = np.array([27.0, y, 9.0])
        setup.ChannelSequence = [channel(k + 1, centre + (6 * k - 3) * NEEDLE) for k in range(2)]
        data.ApplicationSetupSequence.append(setup)
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = STRUCTURES_CLASS, "1.2.3.2.1"
    data.ReferencedStructureSetSequence = [reference]
    return data


class DicomPatient:
    """CT, structure set and plan as data sets; `write` puts them into a folder."""

    contour = staticmethod(contour)
    square = staticmethod(square)
    structure_set = staticmethod(structure_set)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slices = [ct_slice(k) for k in range(7)]
        self.structures = structure_set(
            [
                ("BODY", "EXTERNAL", [contour(3.0 * k, square(7)) for k in range(7)]),
                ("GTV", "GTV", [contour(3.0 * k, square(4)) for k in range(2, 5)]),
            ]
        )
        self.plan = seed_plan()

    def channels(self) -> list[Dataset]:
        return [item for setup in self.plan.ApplicationSetupSequence for item in setup.ChannelSequence]

    def write(self) -> Path:
        for index, data in enumerate(self.slices):
            self.save(data, f"ct/CT_{index:03d}.dcm")
        self.save(self.structures, "rtstruct.dcm")
        self.save(self.plan, "rtplan.dcm")
        return self.folder

    def save(self, data: Dataset, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pydicom.dcmwrite(path, data, enforce_file_format=True)
        return path


@pytest.fixture
def patient(tmp_path: Path) -> DicomPatient:
    return DicomPatient(tmp_path / "patient")
