"""The voxels in which dose is scored for a case, and the coarser ones around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case

FloatArray = NDArray[np.float64]

# Dose is scored to this distance around seeds and target, cm: there it has fallen to about 2 % of the prescription.
MARGIN = 2.5
# Voxels that only carry photons are this much coarser than the CT's own resolution needs, cm.
COARSE_SPACING = 0.3
# By default the phantom reaches to this distance from the nearest seed, cm (four mean free paths in water).
BEYOND_DISTANCE = 10.0
# TG-43 conditions: water to at least this distance beyond every scored point, cm (TG-43U1).
WATER_MARGIN = 15.0
_SAME_SPACING = 1e-5  # cm; boundaries written as text
SMALLEST_VOXEL, LARGEST_VOXEL = 0.02, 0.5


def scoring_planes(case: Case, voxel: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Boundaries of the scoring voxels of a case.

    Parameters
    ----------
    case : Case
        Its seeds and target, with a margin of 2.5 cm, are covered as far as the image reaches.
    voxel : float
        Edge of the cubic voxels, cm.

    Returns
    -------
    tuple of three ndarrays
        Boundaries, cm, at whole multiples of the voxel; in a phantom of media with voxels of this size, its own.

    Raises
    ------
    InvalidInput
        The voxel size is not between 0.2 and 5 mm.

    Examples
    --------
    >>> from validation.case import built_in
    >>> x, y, z = scoring_planes(built_in("neck"), 0.1)
    >>> round(float(x[1] - x[0]), 9)
    0.1
    """
    if not SMALLEST_VOXEL <= voxel <= LARGEST_VOXEL:
        raise InvalidInput(
            f"voxel size is {10 * voxel:g} mm, expected {10 * SMALLEST_VOXEL:g} to {10 * LARGEST_VOXEL:g} mm "
            f"(seeds are 0.8 mm thick and targets 1 cm wide). Choose a size in this range."
        )
    target = case.structures[case.prescription.target]
    points = [case.implant.positions]
    points += [np.column_stack([c.points, np.full(len(c.points), c.z)]) for c in target.contours]
    cloud = np.concatenate(points)
    low = np.maximum(cloud.min(axis=0) - MARGIN, case.image.lower)
    high = np.minimum(cloud.max(axis=0) + MARGIN, case.image.upper)
    # Every seed body has to lie inside, also where the image ends close by.
    reach = 0.5
    low = np.minimum(low, case.implant.positions.min(axis=0) - reach)
    high = np.maximum(high, case.implant.positions.max(axis=0) + reach)
    origin = _origin(case, voxel)
    first = np.floor((low - origin) / voxel + 1e-6).astype(int)
    last = np.ceil((high - origin) / voxel - 1e-6).astype(int)
    x, y, z = (o + voxel * np.arange(a, b + 1) for o, a, b in zip(origin, first, last, strict=True))
    return x, y, z


def _origin(case: Case, voxel: float) -> FloatArray:
    """Where the multiples of the voxel start, so that voxels of a phantom are not cut where none need be."""
    if case.tissue is None or np.abs(np.array(case.image.spacing) - voxel).max() > _SAME_SPACING:
        return np.zeros(3)
    return np.asarray(case.image.lower)


def centres(planes: FloatArray) -> FloatArray:
    """Voxel centres between planes, cm."""
    return np.asarray(0.5 * (planes[1:] + planes[:-1]))


def patient_planes(case: Case, beyond: float) -> list[FloatArray]:
    """Boundaries of the coarse voxels around the scoring grid in a patient.

    The image is covered with voxels of 3 mm; where it ends nearer to a seed than `beyond`, one more voxel reaches that
    far.

    Parameters
    ----------
    case : Case
        Image and seeds.
    beyond : float
        Least distance of the phantom's faces from the nearest seed, cm; 0 ends the phantom where the image ends.

    Returns
    -------
    list of three ndarrays
        Boundaries, cm.
    """
    result = []
    for k in range(3):
        low, high = case.image.lower[k], case.image.upper[k]
        count = int(np.ceil((high - low) / COARSE_SPACING))
        planes = np.linspace(low, high, count + 1)
        position = case.implant.positions[:, k]
        begin, end = position.min() - beyond, position.max() + beyond
        before = [begin] if begin < low else []
        after = [end] if end > high else []
        result.append(np.concatenate([before, planes, after]))
    return result


def water_planes(fine: tuple[FloatArray, FloatArray, FloatArray]) -> list[FloatArray]:
    """Boundaries of the water around the scoring grid under TG-43 conditions, cm."""
    return [np.array([p[0] - WATER_MARGIN, p[-1] + WATER_MARGIN]) for p in fine]


def mean_over_cells(nodes: FloatArray, planes: FloatArray, samples: int = 8) -> FloatArray:
    """Matrix that takes values at `nodes` to means of their linear interpolation over cells.

    Beyond the first and the last node the value there goes on.

    Parameters
    ----------
    nodes : ndarray, shape (n,)
        Ascending coordinates, cm.
    planes : ndarray, shape (m + 1,)
        Cell boundaries, cm.
    samples : int
        Midpoints per cell.

    Returns
    -------
    ndarray, shape (m, n)
        Rows sum to 1.

    Examples
    --------
    >>> mean_over_cells(np.array([0.0, 1.0]), np.array([0.0, 1.0, 5.0])).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    offset = (np.arange(samples) + 0.5) / samples
    points = planes[:-1, None] + np.diff(planes)[:, None] * offset
    points = np.clip(points, nodes[0], nodes[-1])
    low = np.clip(np.searchsorted(nodes, points, side="right") - 1, 0, len(nodes) - 2)
    share = (points - nodes[low]) / (nodes[low + 1] - nodes[low])
    matrix = np.zeros((len(planes) - 1, len(nodes)))
    rows = np.broadcast_to(np.arange(len(planes) - 1)[:, None], points.shape)
    np.add.at(matrix, (rows, low), (1.0 - share) / samples)
    np.add.at(matrix, (rows, low + 1), share / samples)
    return matrix
