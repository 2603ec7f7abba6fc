"""A DICOM structure set as `Structure` objects: closed planar contours in cm, names made harmless."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_file import DicomFile, read_complete, readable, required
from validation.case.image import Image
from validation.case.plain_text import plain_text
from validation.case.structure import SAME_PLANE, Contour, Role, Structure

_MM = 0.1  # cm
_PLANAR = 0.01  # mm; z of one contour as text
_ON_SLICE = 0.01  # cm; contours drawn on the CT are put exactly on its slices

_ROLE_OF_TYPE: dict[str, Role] = {
    "EXTERNAL": "external",
    "GTV": "target",
    "CTV": "target",
    "PTV": "target",
    "TREATED_VOLUME": "target",
    "ORGAN": "organ",
    "AVOIDANCE": "avoidance",
    "CAVITY": "cavity",
}


@dataclass(frozen=True)
class StructureSet:
    """What a structure set holds.

    Parameters
    ----------
    structures : dict of int to Structure
        By ROI number, in the order of the file; only ROIs with closed planar contours.
    left_out : dict of int to str
        Name and reason of every other ROI, by ROI number.
    notes : tuple of str
        What was changed in reading.
    """

    structures: dict[int, Structure]
    left_out: dict[int, str]
    notes: tuple[str, ...] = field(default=())

    def named(self, name: str) -> int | None:
        """ROI number of a structure by its name, upper or lower case."""
        wanted = plain_text(name, "").casefold()
        return next((n for n, s in self.structures.items() if s.name.casefold() == wanted), None)


def read_structures(file: DicomFile, frame_of_reference: str, image: Image) -> StructureSet:
    """Read a structure set that belongs to an image.

    Parameters
    ----------
    file : DicomFile
        The structure set.
    frame_of_reference : str
        FrameOfReferenceUID of the CT.
    image : Image
        The CT; contours within 0.1 mm of a slice are put on it.

    Returns
    -------
    StructureSet
        Structures by ROI number.

    Raises
    ------
    InvalidInput
        Another frame of reference, an open contour, a contour that is not finite or not axial, or a broken
        file.
    """
    dataset = read_complete(file)
    with readable(file.label):
        rois = required(dataset, "StructureSetROISequence", file.label, "the names of the structures")
        contours_of = {
            int(item.ReferencedROINumber): list(item.get("ContourSequence") or [])
            for item in dataset.get("ROIContourSequence") or []
        }
        type_of = {
            int(item.ReferencedROINumber): str(item.get("RTROIInterpretedType") or "").strip().upper()
            for item in dataset.get("RTROIObservationsSequence") or []
        }
        names = _plain_names(rois)
        structures: dict[int, Structure] = {}
        left_out: dict[int, str] = {}
        notes: list[str] = []
        for roi in rois:
            number = int(roi.ROINumber)
            name = names[number]
            _check_frame(roi, dataset, frame_of_reference, f"{name} in {file.label}")
            items = contours_of.get(number, [])
            if not items:
                left_out[number] = f"{name} has no contours"
                continue
            if all(str(item.get("ContourGeometricType", "")) == "POINT" for item in items):
                left_out[number] = f"{name} is made of points"
                continue
            contours, small = _contours(items, f"{name} in {file.label}", image.z)
            if small:
                notes.append(f"{name}: {small} contour(s) without area left out")
            if not contours:
                left_out[number] = f"{name} has no contour with an area"
                continue
            role = role_of(type_of.get(number, ""), name)
            structures[number] = Structure(
                name, role, tuple(contours), _thickness(contours, image.spacing[2])
            )
            if _has_gaps(structures[number]):
                notes.append(f"{name}: planes are missing between its contours")
    return StructureSet(structures, left_out, tuple(notes))


def _plain_names(rois: list[Dataset]) -> dict[int, str]:
    """Harmless and distinct names by ROI number."""
    names: dict[int, str] = {}
    for roi in rois:
        number = int(roi.ROINumber)
        name = plain_text(roi.get("ROIName"), f"ROI {number}")
        if number in names:
            raise InvalidInput(
                f"ROI number {number} is used for {names[number]} and {name}, expected distinct numbers. "
                f"Export the structure set again."
            )
        taken = {other.casefold() for other in names.values()}
        names[number] = name if name.casefold() not in taken else f"{name[:50]}_ROI_{number}"
    return names


def _check_frame(roi: Dataset, dataset: Dataset, expected: str, what: str) -> None:
    found = roi.get("ReferencedFrameOfReferenceUID") or dataset.get("FrameOfReferenceUID")
    if found is not None and str(found) != expected:
        raise InvalidInput(
            f"frame of reference of structure {what} is {plain_text(found, 'missing')}, expected that of the "
            f"CT, {expected} (its coordinates would mean another place). Give the structure set drawn on "
            f"this CT."
        )


def _contours(items: list[Dataset], what: str, planes: NDArray[np.float64]) -> tuple[list[Contour], int]:
    """Closed contours in cm, and how many enclose no area."""
    contours, small = [], 0
    for index, item in enumerate(items, start=1):
        kind = str(item.get("ContourGeometricType", "")).strip()
        if kind not in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
            raise InvalidInput(
                f"contour {index} of structure {what} is {plain_text(kind, 'of no type')}, expected "
                f"CLOSED_PLANAR (an open contour encloses nothing). Close it and export the structure set "
                f"again."
            )
        points = _points(item, f"contour {index} of structure {what}")
        z = float(points[:, 2].mean()) * _MM
        nearest = float(planes[np.argmin(np.abs(planes - z))])
        corners = np.unique(points, axis=0)
        if len(corners) < 3:
            small += 1
            continue
        contours.append(Contour(nearest if abs(nearest - z) < _ON_SLICE else z, points[:, :2] * _MM))
    return contours, small


def _points(item: Dataset, what: str) -> NDArray[np.float64]:
    """Corners of one contour in mm, shape (k, 3)."""
    try:
        values = np.array([float(v) for v in item.get("ContourData") or []])
    except (TypeError, ValueError) as reason:
        raise InvalidInput(
            f"ContourData of {what} is not a list of numbers, expected x, y, z in mm ({reason}). "
            f"Export the structure set again."
        ) from reason
    if values.size == 0 or values.size % 3:
        raise InvalidInput(
            f"ContourData of {what} has {values.size} values, expected three per point. "
            f"Export the structure set again."
        )
    points = values.reshape(-1, 3)
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        raise InvalidInput(
            f"point {int(bad[0]) + 1} of {what} is {points[bad[0]].tolist()} mm, expected finite coordinates "
            f"({bad.size} point(s) are not). Draw the contour again."
        )
    spread = float(np.ptp(points[:, 2]))
    if spread > _PLANAR:
        raise InvalidInput(
            f"z of {what} varies by {spread:g} mm, expected an axial contour (one plane). "
            f"Draw the structure on axial slices."
        )
    return points


def role_of(kind: str, name: str) -> Role:
    """Role from the interpreted type; from the name only if the type is missing."""
    if kind:
        return _ROLE_OF_TYPE.get(kind, "other")
    upper = name.upper()
    if upper in ("BODY", "EXTERNAL"):
        return "external"
    return "target" if upper.startswith(("GTV", "CTV", "PTV")) else "other"


def _thickness(contours: list[Contour], slice_distance: float) -> float:
    """Slab that a contour stands for in cm.

    The CT slice distance, unless all planes lie evenly at another distance: on every second slice, or
    between.
    """
    planes = np.unique([contour.z for contour in contours])
    steps = np.diff(planes)
    if steps.size >= 2 and np.ptp(steps) < 2 * SAME_PLANE:
        return float(steps.mean())
    closest = float(steps.min()) if steps.size else slice_distance
    return min(slice_distance, closest) if closest > 2 * SAME_PLANE else slice_distance


def _has_gaps(structure: Structure) -> bool:
    return bool((np.diff(structure.planes) > 1.5 * structure.slice_thickness).any())
