"""Do the solid bodies of seeds fit beside each other, and how far do they reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels.convex_distance import distance, farthest_placed, overlap_depth
from mcsim.seed_model import SeedModel

FloatArray = NDArray[np.float64]

# Two seeds overlap if they do so drawn together by this share about their centres: seeds of a strand touch, and their
# positions come as text or float32. It forgives 0.2 µm between sides and 0.9 µm between ends.
FORGIVEN_SHARE = 2e-4
NO_BOX = np.zeros(3)


def seed_frame(axis: FloatArray) -> FloatArray:
    """Two unit vectors across and the unit vector along a seed, as rows (3, 3), right-handed.

    Examples
    --------
    >>> seed_frame(np.array([0.0, 0.0, 1.0]))[2].tolist()
    [0.0, 0.0, 1.0]
    """
    least = np.eye(3)[np.argmin(np.abs(axis))]
    across = np.cross(least, axis)
    across /= np.linalg.norm(across)
    return np.array([across, np.cross(axis, across), axis])


def seed_gap(
    model: SeedModel,
    position: FloatArray,
    axis: FloatArray,
    other_position: FloatArray,
    other_axis: FloatArray,
) -> float:
    """Distance between the surfaces of two seeds, cm; negative by the depth of an overlap.

    The shape is the model's own, flat ends with their rims included.

    Parameters
    ----------
    model : SeedModel
        Shape of both.
    position, other_position : ndarray, shape (3,)
        Centres, cm.
    axis, other_axis : ndarray, shape (3,)
        Unit vectors along the seeds.

    Returns
    -------
    float
        To 1e-7 cm; a depth, the least way by which one of the seeds must move, to 1e-4 cm.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> z = np.array([0.0, 0.0, 1.0])
    >>> round(seed_gap(load_seed_model("6711"), np.zeros(3), z, 0.5 * z, z), 6)
    0.045
    """
    solids = model.kernel_solids(0)
    a, b = (np.asarray(p, dtype=np.float64) for p in (position, other_position))
    frame_a, frame_b = (seed_frame(np.asarray(v, dtype=np.float64)) for v in (axis, other_axis))
    upper, _ = distance(solids, a, frame_a, 1.0, b, frame_b, 1.0, NO_BOX)
    return float(upper) if upper > 0.0 else -float(overlap_depth(solids, a, frame_a, b, frame_b))


def overlapping_seeds(
    model: SeedModel, positions: FloatArray, axes: FloatArray
) -> list[tuple[int, int, float]]:
    """Pairs of seeds whose bodies penetrate each other.

    Parameters
    ----------
    model : SeedModel
        Shape of every seed.
    positions : ndarray, shape (n, 3)
        Centres, cm.
    axes : ndarray, shape (n, 3)
        Unit vectors along the seeds.

    Returns
    -------
    list of (int, int, float)
        Indices and the depth, cm, deepest first. Touching is not overlapping: up to 0.2 µm between sides and 0.9 µm
        between ends is taken as round-off.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> z = np.array([[0.0, 0.0, 1.0]] * 3)
    >>> row = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.455], [0.07, 0.0, 0.455]])
    >>> [(i, j, round(depth, 4)) for i, j, depth in overlapping_seeds(load_seed_model("6711"), row, z)]
    [(1, 2, 0.01)]
    """
    # Every pair is looked at: a search tree gains nothing for the seeds of an implant, and loading it takes longer.
    separation = np.linalg.norm(positions[:, None, :] - positions, axis=2)
    near = separation <= 2.0 * float(np.hypot(model.half_length, model.radius))
    pairs = np.argwhere(np.triu(near, 1)).tolist()
    if not pairs:
        return []
    solids, scale = model.kernel_solids(0), 1.0 - FORGIVEN_SHARE
    place = np.ascontiguousarray(positions, dtype=np.float64)
    frame = {k: seed_frame(axes[k]) for k in {k for pair in pairs for k in pair}}
    found = []
    for i, j in pairs:
        _, apart = distance(solids, place[i], frame[i], scale, place[j], frame[j], scale, NO_BOX)
        if not apart > 0.0:
            depth = float(overlap_depth(solids, place[i], frame[i], place[j], frame[j]))
            found.append((int(i), int(j), depth))
    return sorted(found, key=lambda pair: (-pair[2], pair[0], pair[1]))


def extent(model: SeedModel, axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least and largest coordinates of a seed's surface from its centre, cm, each of shape (3,).

    Parameters
    ----------
    model : SeedModel
        Shape of the seed.
    axis : ndarray, shape (3,)
        Unit vector along it.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> extent(load_seed_model("6711"), np.array([0.0, 0.0, 1.0]))[1].round(4).tolist()
    [0.04, 0.04, 0.2275]
    """
    solids, frame, point = model.kernel_solids(0), seed_frame(axis), np.empty(3)
    ends = np.empty((2, 3))
    for k, sign in ((0, -1.0), (1, 1.0)):
        for direction in np.eye(3):
            farthest_placed(solids, frame, sign * direction, point)
            ends[k, np.argmax(direction)] = direction @ point
    return ends[0], ends[1]
