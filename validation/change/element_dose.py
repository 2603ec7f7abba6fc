"""Dose of tissue elements from a voxel dose of the moved geometry.

The element that was a voxel of the reference geometry stands at φ_t of its middle. Its dose is the mean over the voxels
it overlaps there, weighted by overlap, density and tissue part: energy over mass for a cube of a voxel's size. Dose
falls as 1/r² near seeds, so that a plain mean would smooth it; what is averaged is its ratio to Σ S_K/(r² + ε²) over
the seeds, which is put back at the element's own place. Seeds move with tissue, so these distances are what matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Implant
from validation.change.tissue_field import TissueField

FloatArray = NDArray[np.float64]
Grid = tuple[FloatArray, FloatArray, FloatArray]

SOFTENING = 0.05  # ε, cm: about the radius of a seed; nothing is scored nearer
_AT_ONCE = 200_000


@dataclass(frozen=True, eq=False)
class VoxelDose:
    """A voxel dose and what it was scored in.

    Attributes
    ----------
    grid : tuple of three ndarrays
        Uniform voxel centres, cm.
    dose : ndarray, shape (nx, ny, nz)
        To full decay, mean over the tissue part, Gy.
    density : ndarray, shape (nx, ny, nz)
        Of the tissue part, g/cm³.
    tissue_fraction : ndarray, shape (nx, ny, nz)
        Share of the voxel outside seeds.
    implant : Implant
        The seeds that gave it.
    """

    grid: Grid
    dose: FloatArray
    density: FloatArray
    tissue_fraction: FloatArray
    implant: Implant

    def __post_init__(self) -> None:
        shape = tuple(len(c) for c in self.grid)
        for name in ("dose", "density", "tissue_fraction"):
            if getattr(self, name).shape != shape:
                raise InvalidInput(
                    f"shape of {name} is {getattr(self, name).shape}, expected {shape} as of the grid. Correct it."
                )


def element_dose(elements: FloatArray, field: TissueField, ratio: float, moved: VoxelDose) -> FloatArray:
    """Dose of tissue elements in the moved geometry.

    Parameters
    ----------
    elements : ndarray, shape (m, 3)
        Middles of tissue elements in the reference geometry, cm, usually the voxel centres of the static dose.
    field : TissueField
        How tissue moves.
    ratio : float
        Volume ratio of the target.
    moved : VoxelDose
        Of `deformed_case` at this ratio, on whatever voxels it was scored.

    Returns
    -------
    ndarray, shape (m,)
        Gy. An element that did not move and is the middle of a voxel has that voxel's dose to the bit; one that moved
        beyond the grid has the dose of its edge, scaled by Σ S_K/r².

    Raises
    ------
    InvalidInput
        The field would fold.
    """
    elements = np.asarray(elements, dtype=np.float64).reshape(-1, 3)
    result = np.empty(len(elements))
    fall_off = _fall_off(_middles(moved.grid), moved.implant).reshape(moved.dose.shape)
    mass = moved.density * moved.tissue_fraction
    for start in range(0, len(elements), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        places = field.moved(elements[part], ratio)
        result[part] = _at_places(places, moved, fall_off, mass)
    return result


def element_values(
    elements: FloatArray, field: TissueField, ratio: float, grid: Grid, values: FloatArray
) -> FloatArray:
    """A quantity that varies slowly (a relative uncertainty, a density) at tissue elements, linear between voxels."""
    from validation.change.carried_image import sampled

    return sampled(grid, values, field.moved(elements, ratio))


def _middles(grid: Grid) -> FloatArray:
    return np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 3)


def _fall_off(points: FloatArray, implant: Implant) -> FloatArray:
    """Return Σ S_K/(r² + ε²), U/cm²."""
    total = np.zeros(len(points))
    for position, strength in zip(implant.positions, implant.air_kerma_strengths, strict=True):
        offset = points - position
        total += strength / (np.einsum("mi,mi->m", offset, offset) + SOFTENING**2)
    return total


def _at_places(places: FloatArray, moved: VoxelDose, fall_off: FloatArray, mass: FloatArray) -> FloatArray:
    first, share = [], []
    for k, c in enumerate(moved.grid):
        step = (c[-1] - c[0]) / (len(c) - 1)
        place = np.clip((places[:, k] - c[0]) / step, 0.0, len(c) - 1.0)
        # A voxel centre is one whatever the rounding of its coordinate.
        nearest = np.rint(place)
        place = np.where(np.abs(place - nearest) < 1e-9, nearest, place)
        low = np.minimum(place.astype(np.int64), len(c) - 2)
        first.append(low)
        share.append(place - low)
    top, bottom, plain = np.zeros(len(places)), np.zeros(len(places)), np.zeros(len(places))
    alone = np.full(len(places), -1, dtype=np.int64)
    for corner in np.ndindex(2, 2, 2):
        index = tuple(low + c for low, c in zip(first, corner, strict=True))
        overlap = np.prod([s if c else 1.0 - s for s, c in zip(share, corner, strict=True)], axis=0)
        weight = overlap * mass[index]
        ratio = moved.dose[index] / fall_off[index]
        top += weight * ratio
        bottom += weight
        plain += overlap * ratio
        alone = np.where(overlap == 1.0, np.ravel_multi_index(index, moved.dose.shape), alone)
    mean = np.where(bottom > 0.0, top / np.where(bottom > 0.0, bottom, 1.0), plain)
    dose = mean * _fall_off(places, moved.implant)
    # On a voxel's middle the factors cancel: its dose as it is.
    return np.where(alone >= 0, moved.dose.ravel()[np.maximum(alone, 0)], dose)
