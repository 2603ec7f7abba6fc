"""A DICOM dose (RTDOSE) of another planning system as an `ImportedDose`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_axes import axial_directions, in_plane_coordinates, to_patient
from validation.case.dicom_file import DOSE, DicomFile, open_dicom, read_complete, readable, required
from validation.case.imported_dose import ImportedDose
from validation.case.plain_text import plain_text

FloatArray = NDArray[np.float64]

_MM = 0.1  # cm
_LARGEST_GRID = 2**28  # voxels
_SAME = 0.01  # mm; positions written as text


def read_rtdose(path: str | Path, *, uncertainty: str | Path | None = None) -> ImportedDose:
    """Read a dose distribution that a planning system exported.

    Parameters
    ----------
    path : path
        A multi-frame RTDOSE of physical dose in Gy.
    uncertainty : path, optional
        A second RTDOSE of type ERROR on the same grid: standard uncertainties.

    Returns
    -------
    ImportedDose
        Dose [ix, iy, iz] at voxel centres in cm, LPS. The planes need not be evenly spaced.

    Raises
    ------
    InvalidInput
        Not an RTDOSE, relative units, effective or error dose, the dose of a fraction, beam or part of a plan, no
        scaling, planes tilted, missing or out of order, or a broken file. The sentence names the file.

    Examples
    --------
    >>> try:
    ...     read_rtdose("missing.dcm")
    ... except InvalidInput as reason:
    ...     print(reason)
    file missing.dcm is not there, expected a DICOM file. Check the name.
    """
    file = open_dicom(path)
    dataset, label = read_complete(file), file.label
    with readable(label):
        kind = _refuse_other_doses(file, dataset)
        if kind == "ERROR":
            raise InvalidInput(
                f"DoseType of {label} is ERROR, expected PHYSICAL (it holds the uncertainty of a dose). Give the dose "
                f"itself, and this file as its uncertainty."
            )
        x, y, z, dose = _grid(dataset, label)
        description = _described(file, dataset)
        frame = plain_text(dataset.get("FrameOfReferenceUID"), "") or None
    std_dev = None if uncertainty is None else _uncertainty(uncertainty, (x, y, z), frame)
    return ImportedDose(
        x, y, z, dose, std_dev, frame, description, f"RTDOSE file {plain_text(label, 'dose')}"
    )


def _uncertainty(path: str | Path, grid: tuple[FloatArray, ...], frame: str | None) -> FloatArray:
    file = open_dicom(path)
    dataset, label = read_complete(file), file.label
    with readable(label):
        kind = _refuse_other_doses(file, dataset)
        if kind != "ERROR":
            raise InvalidInput(
                f"DoseType of {label} is {kind}, expected ERROR (it is given as the uncertainty of a dose). Give the "
                f"uncertainty, or leave it out."
            )
        *own, values = _grid(dataset, label)
        found = plain_text(dataset.get("FrameOfReferenceUID"), "") or None
    same = all(
        a.shape == b.shape and np.abs(a - b).max() < _SAME * _MM for a, b in zip(own, grid, strict=True)
    )
    if not same or found != frame:
        raise InvalidInput(
            f"grid of {label} is {' x '.join(str(a.size) for a in own)} voxels in frame {found or 'missing'}, expected "
            f"that of the dose, {' x '.join(str(a.size) for a in grid)} voxels in frame {frame or 'missing'}, at the "
            f"same places. Give the uncertainty of this dose."
        )
    return values


def _refuse_other_doses(file: DicomFile, dataset: Dataset) -> str:
    """Dose type, PHYSICAL or ERROR; anything but the dose of a whole plan in Gy is refused."""
    label = file.label
    found = str(dataset.get("SOPClassUID", ""))
    if found != DOSE:
        raise InvalidInput(
            f"modality of {label} is {plain_text(dataset.get('Modality'), 'missing')}, expected RTDOSE (RT Dose "
            f"Storage). Give the dose."
        )
    units = plain_text(dataset.get("DoseUnits"), "missing")
    if units != "GY":
        raise InvalidInput(
            f"DoseUnits of {label} is {units}, expected GY (a relative dose is a percentage of something that the file "
            f"does not say). Export the dose in Gy."
        )
    kind = plain_text(dataset.get("DoseType"), "missing")
    if kind not in ("PHYSICAL", "ERROR"):
        raise InvalidInput(
            f"DoseType of {label} is {kind}, expected PHYSICAL (an effective dose is weighted for its biological "
            f"effect). Export the physical dose."
        )
    summed = plain_text(dataset.get("DoseSummationType"), "missing")
    parts = any(
        fractions.get("ReferencedBrachyApplicationSetupSequence")
        for plan in dataset.get("ReferencedRTPlanSequence") or []
        for fractions in plan.get("ReferencedFractionGroupSequence") or []
    )
    if not (summed == "PLAN" or (summed == "BRACHY" and not parts)):
        which = "some application setups" if summed == "BRACHY" else "another sum"
        raise InvalidInput(
            f"DoseSummationType of {label} is {summed} ({which}), expected PLAN (the dose of the whole implant to full "
            f"decay is judged). Export the dose of the plan."
        )
    return kind


def _grid(dataset: Dataset, label: str) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Voxel centres in cm and the dose at them, [ix, iy, iz]."""
    frames = int(dataset.get("NumberOfFrames") or 1)
    rows = int(required(dataset, "Rows", label, "the size of a plane"))
    columns = int(required(dataset, "Columns", label, "the size of a plane"))
    if frames < 2 or min(rows, columns) < 2 or frames * rows * columns > _LARGEST_GRID:
        raise InvalidInput(
            f"grid of {label} is {frames} plane(s) of {rows} x {columns} values, expected at least 2 x 2 x 2 and at "
            f"most {_LARGEST_GRID} in all (a dose plane or points are not a dose grid). Export the dose on a grid."
        )
    scaling = float(required(dataset, "DoseGridScaling", label, "stored numbers are not Gy without it"))
    if not (np.isfinite(scaling) and scaling > 0):
        raise InvalidInput(
            f"DoseGridScaling of {label} is {scaling:g} Gy, expected > 0 (stored numbers times it are the dose). "
            f"Export the dose again."
        )
    position = _values(dataset, "ImagePositionPatient", 3, label, "where the dose lies")
    orientation = _values(dataset, "ImageOrientationPatient", 6, label, "how the dose lies")
    spacing = _values(dataset, "PixelSpacing", 2, label, "the voxel size")
    if spacing.min() <= 0:
        raise InvalidInput(
            f"PixelSpacing of {label} is {spacing.tolist()} mm, expected > 0. Export the dose again."
        )
    axial_directions(orientation, label)
    planes = _planes(dataset, frames, position, orientation, label)
    stored = _stored(dataset, (frames, rows, columns), label)
    x, y = in_plane_coordinates(position, orientation, spacing, rows, columns)
    order = np.argsort(planes)
    dose = np.empty((x.size, y.size, frames))
    for k, frame in enumerate(order):
        dose[:, :, k] = to_patient(stored[frame], orientation) * scaling
    return np.sort(x) * _MM, np.sort(y) * _MM, planes[order] * _MM, dose


def _values(dataset: Dataset, keyword: str, count: int, label: str, why: str) -> FloatArray:
    values = np.array([float(v) for v in required(dataset, keyword, label, why)])
    if values.size != count or not np.isfinite(values).all():
        raise InvalidInput(
            f"{keyword} of {label} is {values.tolist()}, expected {count} finite numbers. Export the dose again."
        )
    return values


def _planes(
    dataset: Dataset, frames: int, position: FloatArray, orientation: FloatArray, label: str
) -> FloatArray:
    """Height of every plane in mm, in the order of the file; PS3.3 section C.8.8.3.2."""
    given = dataset.get("GridFrameOffsetVector")
    offsets = np.atleast_1d(np.array([] if given is None else given, dtype=np.float64))
    if offsets.size != frames:
        raise InvalidInput(
            f"GridFrameOffsetVector of {label} has {offsets.size} values, expected {frames}, one for each frame (the "
            f"height of a plane is not known without it). Export the dose again."
        )
    steps = np.diff(offsets)
    wrong = ~np.isfinite(steps) | (steps * np.sign(steps[0]) <= 0)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise InvalidInput(
            f"GridFrameOffsetVector of {label} goes from {offsets[first]:g} to {offsets[first + 1]:g} mm at frame "
            f"{first + 2}, expected steps of one sign ({int(wrong.sum())} of {steps.size} are not; planes would lie in "
            f"one place or out of order). Export the dose again."
        )
    if abs(offsets[0]) < _SAME:
        normal_z = float(np.cross(orientation[:3], orientation[3:])[2])
        return np.asarray(position[2] + np.sign(normal_z) * offsets)
    if abs(offsets[0] - position[2]) < _SAME:
        return offsets
    raise InvalidInput(
        f"GridFrameOffsetVector of {label} begins with {offsets[0]:g} mm, expected 0 (from the first plane) or "
        f"{position[2]:g} mm (its own height). Export the dose again."
    )


def _stored(dataset: Dataset, shape: tuple[int, int, int], label: str) -> NDArray[np.integer]:
    """Stored numbers, shape (frames, rows, columns)."""
    if "PixelData" not in dataset:
        raise InvalidInput(f"PixelData of {label} is missing, expected the dose. Export the dose grid.")
    bits = int(dataset.get("BitsAllocated") or 0)
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if bits not in (16, 32) or kind != "MONOCHROME2" or int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise InvalidInput(
            f"values of {label} are {plain_text(kind, 'of no kind')} with {bits} bits, expected MONOCHROME2 with 16 or "
            f"32 bits and one sample. Export the dose again."
        )
    expected = int(np.prod(shape)) * bits // 8
    compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    if not compressed and len(dataset.PixelData) < expected:
        whole = len(dataset.PixelData) // (expected // shape[0])
        raise InvalidInput(
            f"PixelData of {label} holds {whole} complete frame(s), expected {shape[0]} (frames are missing). "
            f"Export or copy the dose again."
        )
    stored = np.asarray(dataset.pixel_array)
    if stored.shape != shape:
        raise InvalidInput(
            f"values of {label} have shape {stored.shape}, expected {shape}. Export the dose again."
        )
    return stored


def _described(file: DicomFile, dataset: Dataset) -> str:
    """What the file says about its dose, without identity."""
    parts = [
        file.text("SeriesDescription"),
        f"summed over {plain_text(dataset.get('DoseSummationType'), '?')}",
    ]
    corrected = dataset.get("TissueHeterogeneityCorrection")
    if corrected:
        words = corrected if isinstance(corrected, str) else " and ".join(str(v) for v in corrected)
        parts.append(f"heterogeneity correction {plain_text(words, '?')}")
    return ", ".join(part for part in parts if part)
