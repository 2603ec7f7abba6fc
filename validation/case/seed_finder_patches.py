"""What surrounds seeds on a CT, and the bright patches in it."""

from __future__ import annotations

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from validation.case.seed_finder_image import SeedImage, directions

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

_CONNECTED = np.ones((3, 3, 3), dtype=bool)
_BACKGROUND = 0.9  # cm: edge of the cube whose median is the surroundings; seeds fill less than half of it
_COARSE = 0.15  # cm: pixels finer than this are thinned for it
# What is left of a larger patch has to stand out from it by this share of the peak of a seed.
_LEAST_PROMINENCE = 0.35


def surroundings(hu: FloatArray, spacing: tuple[float, float, float]) -> FloatArray:
    """Median over a cube about every voxel, HU: not moved by streaks, noise and thin bright things."""
    thin = [max(1, round(_COARSE / d)) for d in spacing]
    coarse = hu[:: thin[0], :: thin[1], :: thin[2]]
    size = [max(3, 2 * int(_BACKGROUND / (n * d) / 2) + 1) for n, d in zip(thin, spacing, strict=True)]
    middle = scipy.ndimage.median_filter(coarse, size)
    index = [np.arange(n) / t for n, t in zip(hu.shape, thin, strict=True)]
    places = np.meshgrid(*index, indexing="ij")
    return np.asarray(scipy.ndimage.map_coordinates(middle, places, order=1, mode="nearest"))


def bright_starts(excess: FloatArray, level: float, seen: SeedImage, most: int, ceiling: float) -> Mask:
    """Voxels where a seed may be: bright ones, without those of patches larger than seeds make.

    Larger patches (bone, a filling) are cut at higher and higher levels; what then stands out of them like a seed is
    kept.

    Parameters
    ----------
    excess : ndarray, shape (nx, ny, nz)
    CT number above the surroundings, HU.
    level : float
    Excess from which a voxel may be that of a seed, HU.
    seen : SeedImage
    How a seed looks.
    most : int
    Seeds that one patch may hold.
    ceiling : float
    Excess at which the scale of the CT ends, HU.

    Returns
    -------
    ndarray of bool, shape (nx, ny, nz)
    """
    least, voxel = seen.typical_peak(ceiling), float(np.prod(seen.spacing))
    largest, highest = most * _lone_mass(seen, ceiling), 0.9 * ceiling
    starts = np.zeros(excess.shape, dtype=bool)
    whole = tuple(slice(0, n) for n in excess.shape)
    todo = [(excess > level, whole, level)]
    while todo:
        mask, corner, at = todo.pop()
        labels, _ = scipy.ndimage.label(mask, _CONNECTED)
        for number, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
            own = labels[box] == number
            place = tuple(
                slice(c.start + b.start, c.start + b.stop) for c, b in zip(corner, box, strict=True)
            )
            part = excess[place][own]
            if part.sum() * voxel <= largest:
                if at == level or part.max() - at > _LEAST_PROMINENCE * least:
                    starts[place] |= own
            elif at < highest:
                higher = min(1.2 * at, highest)
                todo.append((own & (excess[place] > higher), place, higher))
    return starts


def _lone_mass(seen: SeedImage, ceiling: float) -> float:
    """Excess summed over the voxels of a lone seed and cut off at the scale's end, mean over directions, HU cm³."""
    steps = [d * np.arange(-np.ceil(0.5 / d), np.ceil(0.5 / d) + 1) for d in seen.spacing]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    axes = directions(9)
    each = seen.excess * seen.filled_by(points, np.zeros_like(axes), axes)
    return float(np.minimum(each, ceiling).sum(axis=1).mean()) * float(np.prod(seen.spacing))
