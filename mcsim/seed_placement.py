"""Seeds placed in a phantom: checked, oriented, and known to the voxels they touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.voxel_seed_overlap import free_fractions
from mcsim.kernels.voxel_transport import PlacedSeeds
from mcsim.phantom import AXES, Phantom
from mcsim.seed_model import SeedModel

FloatArray = NDArray[np.float64]


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
        scoring region, or two seeds that overlap.
    """
    positions = np.atleast_2d(np.asarray(positions, dtype=np.float64))
    axes = np.atleast_2d(np.asarray(axes, dtype=np.float64))
    strengths = np.asarray(air_kerma_strengths, dtype=np.float64)
    _check_seeds(phantom, model, positions, axes, strengths)
    frames = np.array([_frame(axis) for axis in axes])
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


def _frame(axis: FloatArray) -> FloatArray:
    """Rows: two unit vectors across and the unit vector along the seed."""
    least = np.eye(3)[np.argmin(np.abs(axis))]
    across = np.cross(least, axis)
    across /= np.linalg.norm(across)
    return np.array([across, np.cross(axis, across), axis])


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
                f"{name} of seed {wrong[0][0]} is {values[wrong[0][0]]}, expected finite numbers "
                f"({len(wrong)} values are not). Correct the seed list."
            )
    bad = np.flatnonzero(strengths <= 0.0)
    if len(bad):
        raise InvalidInput(
            f"air_kerma_strength of seed {bad[0]} is {strengths[bad[0]]} U, expected a positive number "
            f"({len(bad)} seeds are not). Correct the seed list."
        )
    norms = np.linalg.norm(axes, axis=1)
    bad = np.flatnonzero(np.abs(norms - 1.0) > 1e-6)
    if len(bad):
        raise InvalidInput(
            f"length of the axis of seed {bad[0]} is {norms[bad[0]]}, expected 1 to 1e-6 ({len(bad)} axes are not). "
            f"Normalise the axes."
        )
    half = model.half_length - model.radius
    reach = np.abs(axes) * half + model.radius
    low = np.array([p[0] for p in phantom.scoring_planes])
    high = np.array([p[-1] for p in phantom.scoring_planes])
    out = np.argwhere((positions - reach < low) | (positions + reach > high))
    if len(out):
        seed, axis = out[0]
        raise InvalidInput(
            f"{AXES[axis]} of seed {seed} is {positions[seed, axis]:.4f} cm, expected the whole seed between "
            f"{low[axis]:.4f} and {high[axis]:.4f} cm ({len(np.unique(out[:, 0]))} seeds leave the scoring region). "
            f"Move the seed or enlarge the region."
        )
    for i in range(n):
        for j in range(i + 1, n):
            if np.linalg.norm(positions[i] - positions[j]) > 2.0 * model.half_length:
                continue
            gap = segment_distance(positions[i], axes[i], positions[j], axes[j], half) - 2.0 * model.radius
            if gap < -1e-6:
                raise InvalidInput(
                    f"gap between seeds {i} and {j} is {gap:.4f} cm, expected 0 or more (seeds are solid). "
                    f"Move one of them."
                )


def segment_distance(
    p: FloatArray, axis_p: FloatArray, q: FloatArray, axis_q: FloatArray, half_length: float
) -> float:
    """Smallest distance between two segments of equal half-length, cm.

    The squared distance is convex in the two positions on the segments: its minimum is the free one if that lies
    inside both segments, else it lies where one of them ends.

    Parameters
    ----------
    p, q : ndarray, shape (3,)
        Centres, cm.
    axis_p, axis_q : ndarray, shape (3,)
        Unit vectors.
    half_length : float
        Half the length of both, cm.

    Examples
    --------
    >>> z = np.array([0.0, 0.0, 1.0])
    >>> segment_distance(np.zeros(3), z, np.array([0.1, 0.0, 0.0]), z, 0.2)
    0.1
    """
    offset = p - q
    b, d, e = float(axis_p @ axis_q), float(axis_p @ offset), float(axis_q @ offset)
    pairs = []
    if 1.0 - b * b > 1e-12:
        s = (b * e - d) / (1.0 - b * b)
        pairs.append((s, b * s + e))
    for end in (-half_length, half_length):
        pairs.append((end, min(max(b * end + e, -half_length), half_length)))
        pairs.append((min(max(b * end - d, -half_length), half_length), end))
    inside = [(s, r) for s, r in pairs if max(abs(s), abs(r)) <= half_length]
    return min(float(np.linalg.norm(offset + s * axis_p - r * axis_q)) for s, r in inside)


def _touched_voxels(
    phantom: Phantom, model: SeedModel, positions: FloatArray, axes: FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Voxels that a seed may touch (a superset) and the seeds of each."""
    shape = phantom.medium.shape
    pairs = []
    for j, (position, axis) in enumerate(zip(positions, axes, strict=True)):
        reach = np.abs(axis) * model.half_length + model.radius
        ranges = []
        for k, planes in enumerate(phantom.planes):
            low = max(int(np.searchsorted(planes, position[k] - reach[k])) - 1, 0)
            high = min(int(np.searchsorted(planes, position[k] + reach[k])), len(planes) - 1)
            ranges.append(np.arange(low, high))
        index = [i.ravel() for i in np.meshgrid(*ranges, indexing="ij")]
        lower = np.stack([p[i] for p, i in zip(phantom.planes, index, strict=True)], axis=1)
        upper = np.stack([p[i + 1] for p, i in zip(phantom.planes, index, strict=True)], axis=1)
        centre, half_diagonal = 0.5 * (lower + upper), 0.5 * np.linalg.norm(upper - lower, axis=1)
        along = (centre - position) @ axis
        across = np.sqrt(np.maximum(((centre - position) ** 2).sum(axis=1) - along**2, 0.0))
        outside_distance = np.hypot(
            np.maximum(np.abs(along) - model.half_length, 0.0), np.maximum(across - model.radius, 0.0)
        )
        near = outside_distance <= half_diagonal * (1.0 + 1e-9)
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
