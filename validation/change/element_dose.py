"""Dose of tissue elements from a voxel dose of the moved geometry.

The element that was a voxel of the reference geometry stands at φ_t of its middle, where its cube overlaps up to eight
voxels, some of them of another medium: dose to fat is 0.6 of dose to muscle beside it, and a mean over both is the dose
of neither. What photons do is smooth there, so two factors are found apart. Dose to water, a measure of fluence, is
the mean over the voxels overlapped, weighted by their part of the cube's tissue; what is averaged is its ratio to
Σ S_K/(r² + ε²) over the seeds, which is put back at the element's own place, lest 1/r² be smoothed. Dose to the medium
over dose to water, a mean over the spectrum, is that of the voxels overlapped that have the element's own medium.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Implant
from validation.change.tissue_field import TissueField

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Grid = tuple[FloatArray, FloatArray, FloatArray]

SOFTENING = 0.05  # ε, cm: about the radius of a seed; nothing is scored nearer
NOT_THERE = -1  # number of a medium that the moved geometry does not have
_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class VoxelDose:
    """Voxel doses and what they were scored in.

    Attributes
    ----------
    grid : tuple of three ndarrays
        Uniform voxel centres, cm.
    dose : ndarray, shape (..., nx, ny, nz)
        Dose to the voxels' media to full decay, mean over the tissue part, Gy; several at once with leading axes.
    dose_to_water : ndarray, same shape
        From the same fluence, Gy.
    medium : ndarray of int, shape (nx, ny, nz)
        Number of each voxel's medium.
    tissue_fraction : ndarray, shape (nx, ny, nz)
        Share of the voxel outside seeds.
    implant : Implant
        The seeds that gave it.

    Raises
    ------
    InvalidInput
        Shapes that do not agree.
    """

    grid: Grid
    dose: FloatArray
    dose_to_water: FloatArray
    medium: NDArray[np.integer]
    tissue_fraction: FloatArray
    implant: Implant

    def __post_init__(self) -> None:
        shape = tuple(len(c) for c in self.grid)
        expected = {"dose": (*self.dose.shape[:-3], *shape), "medium": shape, "tissue_fraction": shape}
        expected["dose_to_water"] = expected["dose"]
        for name, wanted in expected.items():
            if getattr(self, name).shape != wanted:
                raise InvalidInput(
                    f"shape of {name} is {getattr(self, name).shape}, expected {wanted} as of the grid. Correct it."
                )


def element_dose(
    elements: FloatArray, media: NDArray[np.integer], field: TissueField, ratio: float, moved: VoxelDose
) -> FloatArray:
    """Dose of tissue elements, each to its own medium, in the moved geometry.

    Parameters
    ----------
    elements : ndarray, shape (m, 3)
        Middles of tissue elements in the reference geometry, cm, usually the voxel centres of the static dose.
    media : ndarray of int, shape (m,)
        Number of each element's medium, as in `VoxelDose.medium`; `NOT_THERE` for one that no moved voxel has.
    field : TissueField
        How tissue moves.
    ratio : float
        Volume ratio of the target.
    moved : VoxelDose
        Of `deformed_case` at this ratio, on whatever voxels it was scored.

    Returns
    -------
    ndarray, shape (..., m)
        Gy, with the leading axes of the voxel doses. An element that did not move and is the middle of a voxel of its
        medium has that voxel's dose to the bit; one that moved beyond the grid has the dose of its edge, scaled by
        Σ S_K/r². Where no voxel overlapped has its medium, the mean ratio of the medium to water over the grid counts;
        where none of the grid has it, that of the voxels overlapped. NaN where these are all seed.

    Raises
    ------
    InvalidInput
        The field would fold, or the media are not one for each element.
    """
    elements = np.asarray(elements, dtype=np.float64).reshape(-1, 3)
    numbers: IntArray = np.asarray(media, dtype=np.int64)
    if numbers.shape != (len(elements),):
        raise InvalidInput(
            f"shape of the elements' media is {numbers.shape}, expected ({len(elements)},), one for each. Correct it."
        )
    leading, voxels = moved.dose.shape[:-3], moved.medium.size
    dose, water = (d.reshape(-1, voxels) for d in (moved.dose, moved.dose_to_water))
    whole = _mean_ratios(dose, water, moved)
    result = np.empty((len(dose), len(elements)))
    for start in range(0, len(elements), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        places = field.moved(elements[part], ratio)
        overlap = _overlap(places, moved)
        for row in range(len(dose)):
            result[row, part] = _at_places(overlap, numbers[part], dose[row], water[row], whole[row], moved)
    return result.reshape(*leading, len(elements))


class _Overlap(NamedTuple):
    """Voxels that the cubes of elements overlap."""

    voxel: IntArray  # (8, m), flat
    share: FloatArray  # (8, m): part of the cube's tissue, 0 where seeds fill them all
    fall_off: FloatArray  # (8, m): Σ S_K/(r² + ε²) of the element's place over that of the voxel's middle
    alone: IntArray  # (m,): the voxel whose middle is the element's, −1 elsewhere


def _overlap(places: FloatArray, moved: VoxelDose) -> _Overlap:
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
    voxel = np.empty((8, len(places)), dtype=np.int64)
    overlap = np.empty((8, len(places)))
    for row, corner in enumerate(np.ndindex(2, 2, 2)):
        index = tuple(low + c for low, c in zip(first, corner, strict=True))
        voxel[row] = np.ravel_multi_index(index, moved.medium.shape)
        overlap[row] = np.prod([s if c else 1.0 - s for s, c in zip(share, corner, strict=True)], axis=0)
    tissue = overlap * moved.tissue_fraction.ravel()[voxel]
    used, at = np.unique(voxel, return_inverse=True)
    index = np.unravel_index(used, moved.medium.shape)
    middles = np.stack([c[i] for c, i in zip(moved.grid, index, strict=True)], axis=1)
    there = _fall_off(middles, moved.implant)[at].reshape(voxel.shape)
    with np.errstate(invalid="ignore"):
        tissue = np.nan_to_num(tissue / tissue.sum(axis=0))
    return _Overlap(
        voxel,
        tissue,
        _fall_off(places, moved.implant) / there,
        np.where((overlap == 1.0).any(axis=0), voxel[overlap.argmax(axis=0), np.arange(len(places))], -1),
    )


def _fall_off(points: FloatArray, implant: Implant) -> FloatArray:
    """Return Σ S_K/(r² + ε²), U/cm²."""
    total = np.zeros(len(points))
    for position, strength in zip(implant.positions, implant.air_kerma_strengths, strict=True):
        offset = points - position
        total += strength / (np.einsum("mi,mi->m", offset, offset) + SOFTENING**2)
    return total


def _mean_ratios(dose: FloatArray, water: FloatArray, moved: VoxelDose) -> FloatArray:
    """Dose to a medium over dose to water in all its voxels together, (doses, media + 1); NaN for one without any."""
    medium = moved.medium.ravel()
    found = np.full((len(dose), int(medium.max()) + 2), np.nan)
    for row, (to_medium, to_water) in enumerate(zip(dose, water, strict=True)):
        # The last place stays empty: it is the one that NOT_THERE points to.
        top, bottom = (
            np.bincount(medium, weights=d, minlength=found.shape[1]) for d in (to_medium, to_water)
        )
        np.divide(top, bottom, out=found[row], where=bottom > 0.0)
    return found


def _at_places(
    overlap: _Overlap,
    media: IntArray,
    dose: FloatArray,
    water: FloatArray,
    whole: FloatArray,
    moved: VoxelDose,
) -> FloatArray:
    to_medium, to_water = (overlap.share * d[overlap.voxel] for d in (dose, water))
    medium = moved.medium.ravel()
    own = medium[overlap.voxel] == media
    # Of the medium over the grid, unless it is among the voxels overlapped; of these as they are, if it is nowhere.
    ratio = whole[np.where(media < whole.size, media, NOT_THERE)]
    for counted in (own, np.isnan(ratio)):
        top, bottom = (
            np.where(counted, to_medium, 0.0).sum(axis=0),
            np.where(counted, to_water, 0.0).sum(axis=0),
        )
        np.divide(top, bottom, out=ratio, where=bottom > 0.0)
    # Where there is no dose to water there is none to the medium, and no ratio.
    found = (overlap.fall_off * to_water).sum(axis=0) * np.nan_to_num(ratio)
    alone = np.maximum(overlap.alone, 0)
    found = np.where((overlap.alone >= 0) & (medium[alone] == media), dose[alone], found)
    return np.where(overlap.share.any(axis=0), found, np.nan)
