"""A DICOM CT series as an `Image`: slices checked, sorted and turned to [ix, iy, iz] in cm, LPS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
import pydicom
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_axes import axial_directions, in_plane_coordinates, to_patient
from validation.case.dicom_file import DicomFile, readable, required
from validation.case.image import Image

_MM = 0.1  # cm
_LARGEST_SIDE = 4096  # pixels; clinical CT has 512 or 1024
_LARGEST_IMAGE = 2**30  # voxels, 4 GiB as float32
_SAME_PLACE = 0.01  # mm, the rounding of positions written as text
_UNEVEN = 0.05  # mm a slice may lie off the even spacing; text such as 0.63 for 0.625 adds up to less


@dataclass(frozen=True)
class _Slice:
    """Geometry of one slice, mm."""

    file: DicomFile
    position: tuple[float, float, float]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, float]  # between rows, between columns
    rows: int
    columns: int
    slope: float
    intercept: float


def read_image(files: list[DicomFile]) -> Image:
    """Read the slices of one CT series.

    Parameters
    ----------
    files : list of DicomFile
        At least two, of one series.

    Returns
    -------
    Image
        HU at [ix, iy, iz]; coordinates ascend in LPS. Padding outside the field of view becomes -1000 HU.

    Raises
    ------
    InvalidInput
        Slices are missing, doubled, unevenly spaced, tilted, of different orientation or size, or a header or
        its pixels cannot be trusted. The sentence names the file.
    """
    if len(files) < 2:
        raise InvalidInput(
            f"the CT series has {len(files)} slice(s), expected at least 2 (their distance is the voxel "
            f"height). Add the missing files."
        )
    slices = [_slice(file) for file in files]
    _check_alike(slices)
    slices.sort(key=lambda s: s.position[2])
    z = _even_planes(slices)
    first = slices[0]
    x, y = in_plane_coordinates(
        first.position, first.orientation, first.pixel_spacing, first.rows, first.columns
    )
    if x.size * y.size * z.size > _LARGEST_IMAGE:
        raise InvalidInput(
            f"the CT has {x.size} x {y.size} x {z.size} voxels, expected at most {_LARGEST_IMAGE} "
            f"(it must fit in memory). Crop or resample it."
        )
    hu = np.empty((x.size, y.size, z.size), dtype=np.float32)
    for k, one in enumerate(slices):
        hu[:, :, k] = to_patient(_pixels(one), one.orientation)
    return Image(hu, np.sort(x) * _MM, np.sort(y) * _MM, z * _MM)


def _slice(file: DicomFile) -> _Slice:
    """Check the header of one slice without touching its pixels."""
    header, label = file.header, file.label
    with readable(label):
        rows = int(required(header, "Rows", label, "the size of the slice"))
        columns = int(required(header, "Columns", label, "the size of the slice"))
        position = tuple(float(v) for v in required(header, "ImagePositionPatient", label, "where it lies"))
        orientation = tuple(
            float(v) for v in required(header, "ImageOrientationPatient", label, "how it lies")
        )
        spacing = tuple(float(v) for v in required(header, "PixelSpacing", label, "the voxel size"))
        slope = float(required(header, "RescaleSlope", label, "pixel values are not HU without it"))
        intercept = float(required(header, "RescaleIntercept", label, "pixel values are not HU without it"))
    _check_size(file, rows, columns)
    if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2:
        raise InvalidInput(
            f"geometry of {label} has {len(position)}, {len(orientation)} and {len(spacing)} values, "
            f"expected 3 (position), 6 (orientation) and 2 (pixel spacing). Export the file again."
        )
    values = (*position, *orientation, *spacing, slope, intercept)
    if not np.isfinite(values).all() or min(spacing) <= 0 or slope == 0:
        raise InvalidInput(
            f"header of {label} has a value that is not finite, a pixel spacing of {spacing} mm or a "
            f"RescaleSlope of {slope:g}, expected finite values, spacing > 0 and slope not 0. Export the "
            f"file again."
        )
    unit = str(header.get("RescaleType", "") or "HU").strip()
    if unit != "HU":
        raise InvalidInput(f"RescaleType of {label} is {unit[:16]!r}, expected 'HU'. Export the CT in HU.")
    x, y, z = position
    return _Slice(file, (x, y, z), orientation, (spacing[0], spacing[1]), rows, columns, slope, intercept)


def _check_size(file: DicomFile, rows: int, columns: int) -> None:
    """Refuse sizes that the file cannot hold, before anything is allocated."""
    header, label = file.header, file.label
    frames = int(header.get("NumberOfFrames") or 1)
    if not (0 < rows <= _LARGEST_SIDE and 0 < columns <= _LARGEST_SIDE and frames == 1):
        raise InvalidInput(
            f"size of {label} is {rows} x {columns} pixels in {frames} frame(s), expected one frame of at "
            f"most {_LARGEST_SIDE} x {_LARGEST_SIDE} pixels. Export the file again or remove it."
        )
    bits = int(header.get("BitsAllocated") or 0)
    kind = str(header.get("PhotometricInterpretation", ""))
    if bits not in (8, 16, 32) or int(header.get("SamplesPerPixel") or 1) != 1 or kind != "MONOCHROME2":
        raise InvalidInput(
            f"pixels of {label} are {kind[:16]!r} with {bits} bits, expected MONOCHROME2 with 8, 16 or 32 "
            f"bits and one sample. Export the original CT, not a picture of it."
        )
    compressed = pydicom.uid.UID(str(header.file_meta.get("TransferSyntaxUID", ""))).is_encapsulated
    expected = rows * columns * bits // 8
    if not compressed and expected > file.size:
        raise InvalidInput(
            f"file {label} has {file.size} bytes, expected more than {expected} bytes for {rows} x {columns} "
            f"pixels of {bits} bits (it is truncated or its size is wrong). Export or copy it again."
        )


def _check_alike(slices: list[_Slice]) -> None:
    """Refuse slices that differ from the majority in size, spacing, orientation, place in plane or frame."""
    properties: dict[str, Callable[[_Slice], Hashable]] = {
        "Rows x Columns": lambda s: (s.rows, s.columns),
        "ImageOrientationPatient": lambda s: tuple(round(v, 3) + 0.0 for v in s.orientation),
        "PixelSpacing (mm)": lambda s: tuple(round(v, 4) for v in s.pixel_spacing),
        "ImagePositionPatient x, y (mm)": lambda s: tuple(round(v, 1) + 0.0 for v in s.position[:2]),
        "FrameOfReferenceUID": lambda s: s.file.uid("FrameOfReferenceUID"),
    }
    for name, of in properties.items():
        usual = Counter(of(s) for s in slices).most_common(1)[0][0]
        odd = [s for s in slices if of(s) != usual]
        if odd:
            raise InvalidInput(
                f"{name} of {odd[0].file.label} is {of(odd[0])}, expected {usual} as in the other slices "
                f"({len(odd)} of {len(slices)} differ; one image has one grid). Remove these files or choose "
                f"another series."
            )
    axial_directions(slices[0].orientation, slices[0].file.label)


def _even_planes(slices: list[_Slice]) -> NDArray[np.float64]:
    """Slice planes in mm, refused unless evenly spaced."""
    z = np.array([s.position[2] for s in slices])
    steps = np.diff(z)
    same = np.flatnonzero(steps < _SAME_PLACE)
    if same.size:
        k = int(same[0])
        raise InvalidInput(
            f"slices {slices[k].file.label} and {slices[k + 1].file.label} both lie at z = {z[k]:g} mm, "
            f"expected one slice per position ({same.size} position(s) are doubled). Remove the one that "
            f"does not belong."
        )
    even = np.linspace(z[0], z[-1], z.size)
    if np.abs(z - even).max() > _UNEVEN:
        usual = Counter(np.round(steps, 2).tolist()).most_common(1)[0][0]
        k = int(np.argmax(np.abs(steps - usual)))
        missing = round(steps[k] / usual) - 1
        whole = missing > 0 and abs(steps[k] - (missing + 1) * usual) < _UNEVEN
        reason = f"{missing} slice(s) are missing there" if whole else "the spacing is not uniform"
        raise InvalidInput(
            f"slices {slices[k].file.label} and {slices[k + 1].file.label} are {steps[k]:g} mm apart, "
            f"expected {usual:g} mm as elsewhere ({reason}). Add the missing files or resample the series."
        )
    return even


def _pixels(one: _Slice) -> NDArray[np.float32]:
    """HU of one slice at [row, column]."""
    label = one.file.label
    with readable(label):
        dataset = pydicom.dcmread(one.file.path)
        if "PixelData" not in dataset:
            raise InvalidInput(f"PixelData of {label} is missing, expected the slice. Export the file again.")
        # pydicom names what is wrong: too few bytes, or a compression whose decoder is not installed.
        stored = dataset.pixel_array
    if stored.shape != (one.rows, one.columns):
        raise InvalidInput(
            f"pixels of {label} have shape {stored.shape}, expected {(one.rows, one.columns)}. Export it "
            f"again."
        )
    hu = np.asarray(stored * one.slope + one.intercept, dtype=np.float32)
    padding = dataset.get("PixelPaddingValue")
    if padding is not None:
        # What lies outside the field of view was not measured; air is what a scanner would show there.
        hu[stored == padding] = -1000.0
    return hu
