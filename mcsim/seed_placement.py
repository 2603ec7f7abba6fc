"""Seeds placed in a phantom: checked, oriented, and known to the voxels they touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.convex_distance import touched
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.voxel_seed_overlap import free_fractions
from mcsim.phantom import AXES, Phantom
from mcsim.seed_model import SeedModel
from mcsim.seed_overlap import extent, overlapping_seeds, seed_frame

FloatArray = NDArray[np.float64]

# A voxel that a seed only comes this close to, cm, counts as touched: the seed's place is rounded too.
TOUCHING = 1e-9


def place_seeds(
    phantom: Phantom,
    model: SeedModel,
    positions: FloatArray,
    axes: FloatArray,
    air_kerma_strengths: FloatArray,
    interseed: bool = True,
) -> tuple[PlacedSeeds, FloatArray]:
    """Put seeds into a phantom.

    Parameters
    ----------
    phantom : Phantom
        Voxels.
    model : SeedModel
        Shape of every seed.
    positions : ndarray, shape (n, 3)
        Seed centres, cm.
    axes : ndarray, shape (n, 3)
        Unit vectors along the seeds, to 1e-6.
    air_kerma_strengths : ndarray, shape (n,)
        U; only the ratios matter here.
    interseed : bool
        Every seed absorbs and scatters; otherwise only the one that emits.

    Returns
    -------
    PlacedSeeds
        Arrays for the kernels.
    tissue_fraction : ndarray, shape of the scoring region
        Share of each scoring voxel outside all seeds.

    Raises
    ------
    InvalidInput
        Wrong shapes, non-finite or non-unit values, a strength that is not positive, a seed that leaves the
        scoring region, or two seeds that overlap. Messages count seeds from 1, as seed lists and plans do.
    """
    positions = np.atleast_2d(np.asarray(positions, dtype=np.float64))
    axes = np.atleast_2d(np.asarray(axes, dtype=np.float64))
    strengths = np.asarray(air_kerma_strengths, dtype=np.float64)
    _check_seeds(phantom, model, positions, axes, strengths)
    frames = np.array([seed_frame(axis) for axis in axes])
    flagged, first, touching = _touched_voxels(phantom, model, positions, axes)
    placed = PlacedSeeds(
        position=positions,
        frame=frames,
        weight=strengths / strengths.mean(),
        flagged=flagged,
        first=first,
        touching=touching,
        interseed=interseed,
    )
    fraction = np.ones(phantom.medium.shape)
    x, y, z = (np.ascontiguousarray(p, dtype=np.float64) for p in phantom.planes)
    fraction.ravel()[flagged] = free_fractions(x, y, z, placed, model.kernel_solids(0))
    return placed, fraction[phantom.scoring]


def _check_seeds(
    phantom: Phantom, model: SeedModel, positions: FloatArray, axes: FloatArray, strengths: FloatArray
) -> None:
    n = len(positions)
    for name, values, shape in (
        ("positions", positions, (n, 3)),
        ("axes", axes, (n, 3)),
        ("air_kerma_strengths", strengths, (n,)),
    ):
        if n == 0 or values.shape != shape:
            raise InvalidInput(
                f"shape of {name} is {values.shape}, expected {shape} with at least one seed. Correct the seed list."
            )
        wrong = np.argwhere(~np.isfinite(values))
        if len(wrong):
            raise InvalidInput(
                f"{name} of seed {wrong[0][0] + 1} is {values[wrong[0][0]]}, expected finite numbers "
                f"({len(wrong)} values are not). Correct the seed list."
            )
    bad = np.flatnonzero(strengths <= 0.0)
    if len(bad):
        raise InvalidInput(
            f"air_kerma_strength of seed {bad[0] + 1} is {strengths[bad[0]]} U, expected a positive number "
            f"({len(bad)} seeds are not). Correct the seed list."
        )
    norms = np.linalg.norm(axes, axis=1)
    bad = np.flatnonzero(np.abs(norms - 1.0) > 1e-6)
    if len(bad):
        raise InvalidInput(
            f"length of the axis of seed {bad[0] + 1} is {norms[bad[0]]}, expected 1 to 1e-6 ({len(bad)} axes are "
            f"not). Normalise the axes."
        )
    _check_inside(phantom, model, positions, axes)
    overlapping = overlapping_seeds(model, positions, axes)
    if overlapping:
        i, j, depth = overlapping[0]
        raise InvalidInput(
            f"overlap of seeds {i + 1} and {j + 1} is {depth:.4f} cm, expected none (bodies of {model.name} are "
            f"solid; their centres are {np.linalg.norm(positions[i] - positions[j]):.4f} cm apart; {len(overlapping)} "
            f"pairs overlap). Move one of them."
        )


def _check_inside(phantom: Phantom, model: SeedModel, positions: FloatArray, axes: FloatArray) -> None:
    reach = np.array([extent(model, axis) for axis in axes])
    low = np.array([p[0] for p in phantom.scoring_planes])
    high = np.array([p[-1] for p in phantom.scoring_planes])
    # 1e-9 cm: a seed that touches a face is inside
    beyond = np.maximum(low - (positions + reach[:, 0]), positions + reach[:, 1] - high)
    out = np.flatnonzero(beyond.max(axis=1) > 1e-9)
    if len(out):
        seed = out[np.argmax(beyond[out].max(axis=1))]
        axis = int(np.argmax(beyond[seed]))
        raise InvalidInput(
            f"{AXES[axis]} of seed {seed + 1} is {positions[seed, axis]:.4f} cm, expected the whole seed between "
            f"{low[axis]:.4f} and {high[axis]:.4f} cm (it leaves the scoring region by {beyond[seed, axis]:.4f} cm; "
            f"{len(out)} seeds leave it). Move the seed or enlarge the region."
        )


def _touched_voxels(
    phantom: Phantom, model: SeedModel, positions: FloatArray, axes: FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Voxels that a seed touches and the seeds of each."""
    shape, solids = phantom.medium.shape, model.kernel_solids(0)
    pairs = []
    for j, (position, axis) in enumerate(zip(positions, axes, strict=True)):
        low_end, high_end = extent(model, axis)
        ranges = []
        for k, planes in enumerate(phantom.planes):
            low = max(int(np.searchsorted(planes, position[k] + low_end[k])) - 1, 0)
            high = min(int(np.searchsorted(planes, position[k] + high_end[k], side="right")), len(planes) - 1)
            ranges.append(np.arange(low, high))
        index = [i.ravel() for i in np.meshgrid(*ranges, indexing="ij")]
        lower = np.stack([p[i] for p, i in zip(phantom.planes, index, strict=True)], axis=1)
        upper = np.stack([p[i + 1] for p, i in zip(phantom.planes, index, strict=True)], axis=1)
        near = touched(solids, position, seed_frame(axis), lower, upper, TOUCHING)
        flat = np.ravel_multi_index([i[near] for i in index], shape)
        pairs.append(np.stack([flat, np.full_like(flat, j)], axis=1))
    table = np.concatenate(pairs)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    flagged, start = np.unique(table[:, 0], return_index=True)
    return (
        flagged.astype(np.int64),
        np.concatenate([start, [len(table)]]).astype(np.int64),
        np.ascontiguousarray(table[:, 1]).astype(np.int64),
    )
