"""A dose from elsewhere on the voxels of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.imported_dose import ImportedDose

FloatArray = NDArray[np.float64]
Axes = tuple[FloatArray, FloatArray, FloatArray]

_ROUNDING = 1e-6  # cm
_FEWEST = 2


@dataclass(frozen=True)
class ResampledDose:
    """An imported dose at the voxel centres of another grid.

    Attributes
    ----------
    dose : ndarray, shape (nx, ny, nz)
        Gy; NaN beyond the voxels of the imported grid.
    std_dev : ndarray or None
        Its standard uncertainty, Gy; NaN where it is not known.
    inside : float
        Part of the new grid's voxels that the imported grid covers.
    source : ImportedDose
        What it was made from.
    """

    dose: FloatArray
    std_dev: FloatArray | None
    inside: float
    source: ImportedDose

    @property
    def label(self) -> str:
        """Name in tables and figures: the format it came in."""
        return self.source.origin.split()[0]

    @property
    def voxel(self) -> tuple[float, float, float]:
        """Mean voxel size of the imported grid, cm."""
        x, y, z = (float((p[-1] - p[0]) / (len(p) - 1)) for p in self.source.planes)
        return x, y, z

    def smoothed(self, dose: FloatArray, axes: Axes) -> FloatArray:
        """Take another dose to the imported grid's points and back: what the resampling alone does to it.

        Parameters
        ----------
        dose : ndarray, shape (nx, ny, nz)
            A dose on `axes`, Gy.
        axes : tuple of three ndarrays
            Voxel centres, cm.

        Returns
        -------
        ndarray, shape (nx, ny, nz)
            Where the imported points around a voxel lie outside `axes`, the dose itself.
        """
        source = self.source
        own = (source.x, source.y, source.z)
        there = _interpolated(axes, np.nan_to_num(dose), own)
        back = _interpolated(own, there, axes)
        return np.where(np.isfinite(back), back, dose)


def refuse_another_frame(case: Case, dose: ImportedDose) -> str:
    """Refuse a dose whose coordinates mean another place.

    Parameters
    ----------
    case : Case
        A case from DICOM knows its frame of reference.
    dose : ImportedDose
        A DICOM dose knows its own.

    Returns
    -------
    str
        What was checked, in words.

    Raises
    ------
    InvalidInput
        Both frames are known and differ.
    """
    frame = case.dicom.frame_of_reference if case.dicom is not None else None
    if not frame or not dose.frame_of_reference:
        whose = "the case" if not frame else "the dose"
        return f"not checked: {whose} does not say which frame its coordinates are in"
    if frame != dose.frame_of_reference:
        raise InvalidInput(
            f"frame of reference of the {dose.origin} is {dose.frame_of_reference}, expected {frame} of case "
            f"{case.name} (its coordinates would mean another place). Export the dose on the CT of the case."
        )
    return "the same as that of the case"


def resampled(dose: ImportedDose, axes: Axes) -> ResampledDose:
    """Take a dose to other voxel centres by trilinear interpolation between its own.

    Within half a voxel beyond its outermost centres, that is up to its outer boundaries, the outermost values go on;
    further out there is no dose. Between points h apart in a 1/r² field, r from a seed, trilinear interpolation is high
    by up to h² ∇²(1/r²)/8 = (h/r)²/4 of the dose: on a grid of 2.5 mm by a tenth 4 mm from a seed.

    Parameters
    ----------
    dose : ImportedDose
        On any rectilinear grid.
    axes : tuple of three ndarrays
        Voxel centres wanted, cm.

    Returns
    -------
    ResampledDose

    Raises
    ------
    InvalidInput
        The grids do not meet, or the imported one has one voxel along an axis.

    Examples
    --------
    >>> grid = np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 1.0])
    >>> ramp = np.broadcast_to(np.array([10.0, 20.0])[:, None, None], (2, 2, 2))
    >>> dose = ImportedDose(*grid, ramp, None, None, "", "made here")
    >>> found = resampled(dose, (np.array([0.25, 1.25, 2.0]), np.array([0.0, 0.5]), np.array([0.0, 0.5])))
    >>> found.dose[:, 0, 0].tolist(), round(found.inside, 3)
    ([12.5, 20.0, nan], 0.667)
    """
    own = (dose.x, dose.y, dose.z)
    if min(dose.dose.shape) < _FEWEST:
        raise InvalidInput(
            f"grid of the {dose.origin} is {' x '.join(map(str, dose.dose.shape))} voxels, expected at least 2 along "
            f"every axis (doses are interpolated between them). Give a dose on a grid."
        )
    clipped, covered = [], []
    for centres, planes, wanted in zip(own, dose.planes, axes, strict=True):
        covered.append((wanted >= planes[0] - _ROUNDING) & (wanted <= planes[-1] + _ROUNDING))
        clipped.append(np.clip(wanted, centres[0], centres[-1]))
    inside = covered[0][:, None, None] & covered[1][:, None] & covered[2]
    if not inside.any():
        low, high = ([float(p[i]) for p in dose.planes] for i in (0, -1))
        raise InvalidInput(
            f"grid of the {dose.origin} is {_corner(low)} to {_corner(high)} cm, expected one that meets the dose grid "
            f"{_corner([a[0] for a in axes])} to {_corner([a[-1] for a in axes])} cm (it lies somewhere else). "
            f"Give the dose of this case."
        )
    x, y, z = clipped
    values = np.where(inside, _interpolated(own, dose.dose, (x, y, z)), np.nan)
    std_dev = None
    if dose.std_dev is not None:
        std_dev = np.where(inside, _interpolated(own, dose.std_dev, (x, y, z)), np.nan)
    return ResampledDose(values, std_dev, float(inside.mean()), dose)


def _interpolated(axes: Axes, values: FloatArray, wanted: Axes) -> FloatArray:
    """Trilinear, NaN outside the centres."""
    along = RegularGridInterpolator(axes, values, method="linear", bounds_error=False, fill_value=np.nan)
    mesh = np.meshgrid(*wanted, indexing="ij", sparse=False)
    return np.asarray(along(np.stack([m.ravel() for m in mesh], axis=-1)).reshape(mesh[0].shape))


def _corner(place: list[float]) -> str:
    return "(" + ", ".join(f"{v:.2f}" for v in place) + ")"
