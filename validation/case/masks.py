"""Masks (NIfTI, NRRD, MetaImage) as structures: outlines along the edges of the mask's voxels."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.image import Image
from validation.case.plain_text import plain_text
from validation.case.structure import Contour, Role, Structure

FloatArray = NDArray[np.float64]

MASK_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_MM = 0.1  # cm
_TILT = 1e-3  # direction cosine
_LARGEST_MASK = 2**29  # voxels


@dataclass(frozen=True)
class LabelImage:
    """Numbers on a uniform axial grid.

    Attributes
    ----------
    values : ndarray, shape (nx, ny, nz)
        As stored.
    x, y, z : ndarray
        Voxel centres in cm, ascending, LPS.
    """

    values: NDArray[Any]
    x: FloatArray
    y: FloatArray
    z: FloatArray


def is_mask_file(path: str | Path) -> bool:
    """Whether a file's name has the ending of a mask format.

    Examples
    --------
    >>> is_mask_file("PTV.nii.gz"), is_mask_file("case.h5")
    (True, False)
    """
    return str(path).lower().endswith(MASK_SUFFIXES)


def read_label_image(path: str | Path) -> LabelImage:
    """Read a three-dimensional image in any axial orientation.

    Parameters
    ----------
    path : path
        NIfTI, NRRD or MetaImage; SimpleITK knows their frames (NIfTI's RAS becomes LPS).

    Returns
    -------
    LabelImage

    Raises
    ------
    InvalidInput
        Missing, broken, not three-dimensional, of vectors, or oblique.
    """
    sitk: Any = import_module("SimpleITK")  # large: loaded when a mask is read
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(
            f"mask {path} is not there, expected a NIfTI, NRRD or MetaImage file. Check the name."
        )
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size = reader.GetSize()
        if len(size) == 3 and int(np.prod([float(n) for n in size])) > _LARGEST_MASK:
            raise InvalidInput(
                f"mask {path.name} has {' x '.join(map(str, size))} voxels, expected at most {_LARGEST_MASK} (it must "
                f"fit in memory). Crop it."
            )
        image = reader.Execute()
    except RuntimeError as reason:
        words = str(reason).strip().splitlines()[-1][:120]
        raise InvalidInput(
            f"mask {path.name} is not readable, expected a complete NIfTI, NRRD or MetaImage file ({words}). "
            f"Export it again."
        ) from reason
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InvalidInput(
            f"mask {path.name} has {image.GetDimension()} dimension(s) and {image.GetNumberOfComponentsPerPixel()} "
            f"value(s) per voxel, expected 3 and 1. Export one mask per file."
        )
    direction = np.array(image.GetDirection()).reshape(3, 3)
    if np.abs(np.sort(np.abs(direction), axis=0) - [[0.0] * 3, [0.0] * 3, [1.0] * 3]).max() > _TILT:
        raise InvalidInput(
            f"direction of mask {path.name} is {np.round(direction, 4).tolist()}, expected axes along the patient's "
            f"(oblique masks are not read). Resample it to axial slices."
        )
    image = sitk.DICOMOrient(image, "LPS")
    values = np.transpose(sitk.GetArrayFromImage(image))  # SimpleITK gives [z, y, x]
    origin, spacing = image.GetOrigin(), image.GetSpacing()
    x, y, z = ((o + d * np.arange(n)) * _MM for o, d, n in zip(origin, spacing, values.shape, strict=True))
    return LabelImage(values, x, y, z)


def read_mask(path: str | Path, name: str, role: Role, image: Image, label: int | None = None) -> Structure:
    """Read a mask as a structure.

    The outlines follow the edges of the mask's voxels, so that area times slice thickness is the mask's volume
    exactly, on whatever grid the mask has.

    Parameters
    ----------
    path : path
        NIfTI, NRRD or MetaImage.
    name : str
        Name of the structure.
    role : str
        See `Structure`.
    image : Image
        The CT of the case, which the mask must overlap.
    label : int, optional
        Which label of a label map; needed if there are several.

    Returns
    -------
    Structure
        Its slices are those of the mask.

    Raises
    ------
    InvalidInput
        See `read_label_image`; the mask is empty, has several labels, is neither a mask nor labels, or lies elsewhere.
    """
    path = Path(path)
    stored = read_label_image(path)
    inside = _chosen(stored.values, label, path.name)
    where = np.argwhere(inside)
    low, high = where.min(axis=0), where.max(axis=0)
    for k, (axis, own) in enumerate(zip("xyz", (stored.x, stored.y, stored.z), strict=True)):
        step = _step(own, k, path.name)
        begin, end = own[low[k]] - step / 2, own[high[k]] + step / 2
        if begin >= image.upper[k] or end <= image.lower[k]:
            raise InvalidInput(
                f"mask {path.name} lies from {begin:.2f} to {end:.2f} cm in {axis}, expected to overlap the image, "
                f"{image.lower[k]:.2f} to {image.upper[k]:.2f} cm (it may belong to another frame). Give the mask of "
                f"this image."
            )
    return structure_of_voxels(name, role, inside, stored.x, stored.y, stored.z)


def _step(centres: FloatArray, axis: int, label: str) -> float:
    if centres.size < 2:
        raise InvalidInput(
            f"mask {label} has 1 voxel along {'xyz'[axis]}, expected at least 2. Give a three-dimensional mask."
        )
    return float(centres[1] - centres[0])


def _chosen(values: NDArray[Any], label: int | None, name: str) -> NDArray[np.bool_]:
    """Voxels of the structure."""
    finite = np.nan_to_num(values.astype(np.float64)) if values.dtype.kind == "f" else values
    present = np.unique(finite)
    present = present[present != 0]
    if present.size == 0:
        raise InvalidInput(f"mask {name} is empty, expected voxels that are not 0. Draw the structure.")
    if label is not None:
        if label not in present:
            raise InvalidInput(
                f"label {label} is not in mask {name}, expected one of "
                f"{', '.join(f'{v:g}' for v in present[:20])}. Choose one."
            )
        return np.asarray(finite == label)
    if present.size == 1:
        return np.asarray(finite != 0)
    if values.dtype.kind == "f" and present.min() > 0 and present.max() <= 1:
        return np.asarray(finite >= 0.5)  # a share of each voxel or a probability
    raise InvalidInput(
        f"mask {name} has {present.size} different values, expected one besides 0, or a label "
        f"({', '.join(f'{v:g}' for v in present[:10])}). Choose one, as in NAME={name}:{present[0]:g}."
    )


def structure_of_voxels(
    name: str, role: Role, inside: NDArray[np.bool_], x: FloatArray, y: FloatArray, z: FloatArray
) -> Structure:
    """A structure whose contours are the outlines of voxels, slice by slice.

    Parameters
    ----------
    name, role : str
        See `Structure`.
    inside : ndarray of bool, shape (nx, ny, nz)
        Which voxels; at least one.
    x, y, z : ndarray
        Voxel centres of a uniform grid, cm.

    Returns
    -------
    Structure
        Area times slice thickness is the voxels' volume.

    Examples
    --------
    >>> one = np.zeros((3, 3, 2), bool)
    >>> one[1, 1] = True
    >>> grid = np.array([0.0, 0.1, 0.2])
    >>> made = structure_of_voxels("GTV", "target", one, grid, grid, np.array([0.0, 0.3]))
    >>> [round(c.area, 6) for c in made.contours], made.slice_thickness
    ([0.01, 0.01], 0.3)
    """
    dx, dy, dz = (float((c[-1] - c[0]) / (c.size - 1)) for c in (x, y, z))
    contours = []
    for k in np.flatnonzero(inside.any(axis=(0, 1))):
        for loop in outlines(inside[:, :, k]):
            contours.append(Contour(float(z[k]), loop * (dx, dy) + (x[0] - dx / 2, y[0] - dy / 2)))
    return Structure(plain_text(name, "mask"), role, tuple(contours), dz)


def outlines(inside: NDArray[np.bool_]) -> list[FloatArray]:
    """Closed curves along the edges of pixels, even-odd, corners only.

    Parameters
    ----------
    inside : ndarray of bool, shape (nx, ny)
        Pixels.

    Returns
    -------
    list of ndarray, shape (k, 2)
        Corners in units of pixels from the lower corner of pixel (0, 0).

    Examples
    --------
    >>> [loop.tolist() for loop in outlines(np.array([[True], [True]]))]
    [[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]]
    """
    padded = np.pad(inside, 1)
    successors: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def add(starts: NDArray[np.intp], step: tuple[int, int], shift: tuple[int, int]) -> None:
        for i, j in (starts + shift).tolist():
            successors.setdefault((i, j), []).append((i + step[0], j + step[1]))

    # Edges with the inside on their left; indices of padded pixels minus 1 are corners of pixels.
    lower = padded[1:, 1:-1] != padded[:-1, 1:-1]  # between i - 1 and i
    add(np.argwhere(lower & padded[1:, 1:-1]), (0, -1), (0, 1))
    add(np.argwhere(lower & padded[:-1, 1:-1]), (0, 1), (0, 0))
    front = padded[1:-1, 1:] != padded[1:-1, :-1]
    add(np.argwhere(front & padded[1:-1, 1:]), (1, 0), (0, 0))
    add(np.argwhere(front & padded[1:-1, :-1]), (-1, 0), (1, 0))
    loops = []
    while successors:
        here, before = min(successors), (0, 0)
        corners: list[tuple[int, int]] = []
        while here in successors:  # every corner has as many ways out as in: the walk ends where it began
            after = successors[here].pop()
            if not successors[here]:
                del successors[here]
            step = (after[0] - here[0], after[1] - here[1])
            if step != before:
                corners.append(here)
            here, before = after, step
        if _in_line(corners[-1], corners[0], corners[1]):
            corners = corners[1:]
        loops.append(np.array(corners, dtype=np.float64))
    return loops


def _in_line(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    return a[0] == b[0] == c[0] or a[1] == b[1] == c[1]
