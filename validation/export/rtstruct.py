"""The structures of a case as a DICOM structure set."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from validation.case import Structure
from validation.case.dicom_file import CT, STRUCTURES
from validation.case.dicom_references import DicomReferences
from validation.export.dicom_export import DicomExport, decimal, reference

_STUDY = "1.2.840.10008.3.1.2.3.1"  # Detached Study Management, retired, as the module still asks for it
_CM = 10.0  # mm
_ON_SLICE = 0.01  # cm
# Okabe and Ito: distinct for colour-blind readers too.
_COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_TYPE_OF_ROLE = {
    "external": "EXTERNAL",
    "organ": "ORGAN",
    "avoidance": "AVOIDANCE",
    "cavity": "CAVITY",
    "other": "CONTROL",
}


def structure_set_uid(export: DicomExport) -> str:
    """SOPInstanceUID of the structure set of an export."""
    return export.uid("RTSTRUCT")


def roi_numbers(export: DicomExport) -> dict[str, int]:
    """ROI number of every structure, by name."""
    return {name: number for number, name in enumerate(export.case.structures, start=1)}


def structure_set(export: DicomExport) -> Dataset:
    """Make a structure set with every contour of a case.

    Corners keep 10 digits. A hole is a contour of its own inside another one (even-odd).

    Parameters
    ----------
    export : DicomExport
        The case.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> from validation.case import built_in
    >>> [roi.ROIName for roi in structure_set(DicomExport(built_in("neck"))).StructureSetROISequence][:2]
    ['BODY', 'GTV']
    """
    references = export.references()
    data = export.dataset(
        STRUCTURES, "RTSTRUCT", structure_set_uid(export), series_number=2, series="structures of the case"
    )
    data.StructureSetLabel = export.label
    data.StructureSetDate = data.StructureSetTime = ""
    data.ApprovalStatus = "UNAPPROVED"
    data.ReferencedFrameOfReferenceSequence = [_frame(references)]
    data.StructureSetROISequence, data.ROIContourSequence, data.RTROIObservationsSequence = [], [], []
    for number, structure in enumerate(export.case.structures.values(), start=1):
        roi, drawn, seen = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = str(number), structure.name
        roi.ReferencedFrameOfReferenceUID = references.frame_of_reference
        roi.ROIGenerationAlgorithm = ""
        drawn.ReferencedROINumber = str(number)
        drawn.ROIDisplayColor = [str(v) for v in _COLOURS[(number - 1) % len(_COLOURS)]]
        drawn.ContourSequence = _contours(structure, export, references)
        seen.ObservationNumber = seen.ReferencedROINumber = str(number)
        seen.RTROIInterpretedType, seen.ROIInterpreter = _interpreted_type(structure), ""
        data.StructureSetROISequence.append(roi)
        data.ROIContourSequence.append(drawn)
        data.RTROIObservationsSequence.append(seen)
    return data


def _frame(references: DicomReferences) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = references.series
    series.ContourImageSequence = [reference(CT, uid) for uid in references.slices]
    study = reference(_STUDY, references.study)
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = references.frame_of_reference
    frame.RTReferencedStudySequence = [study]
    return frame


def _contours(structure: Structure, export: DicomExport, references: DicomReferences) -> list[Dataset]:
    slices = np.asarray(export.case.image.z)
    items = []
    for number, contour in enumerate(structure.contours, start=1):
        item = Dataset()
        nearest = int(np.argmin(np.abs(slices - contour.z)))
        if abs(slices[nearest] - contour.z) < _ON_SLICE and len(references.slices) == slices.size:
            item.ContourImageSequence = [reference(CT, references.slices[nearest])]
        points = np.column_stack([contour.points, np.full(len(contour.points), contour.z)]) * _CM
        item.ContourGeometricType = "CLOSED_PLANAR"
        item.NumberOfContourPoints = str(len(points))
        item.ContourNumber = str(number)
        item.ContourData = [decimal(v) for v in points.ravel()]
        items.append(item)
    return items


def _interpreted_type(structure: Structure) -> str:
    if structure.role != "target":
        return _TYPE_OF_ROLE[structure.role]
    start = structure.name.upper()[:3]
    return start if start in ("GTV", "CTV", "PTV") else "PTV"
