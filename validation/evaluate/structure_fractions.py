"""How much of each voxel lies inside a contoured structure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.case.image import uniform_spacing
from validation.case.structure import SAME_PLANE, Contour, Structure

# Scan lines per voxel, and their largest distance in cm. The area error of a smooth curve falls with the
# square of the distance: a circle of 1 cm diameter is right to 1e-3 with lines 0.1 mm apart.
_LINES_PER_VOXEL = 16
_LINE_DISTANCE = 0.01


def structure_fractions(
    structure: Structure, x: ArrayLike, y: ArrayLike, z: ArrayLike
) -> NDArray[np.float64]:
    """Fraction of each voxel that lies inside a structure.

    A contour stands for the slab of ± half the slice thickness about its plane; several curves on one slice
    combine by the even-odd rule (a ring is an outer and an inner curve). The overlap is exact along x and z
    and a mid-point sum over scan lines along y, at least 16 per voxel and at most 0.1 mm apart. The part of a
    structure beyond the grid counts nowhere.

    Parameters
    ----------
    structure : Structure
        Contours in cm.
    x, y, z : array_like, shape (nx,), (ny,), (nz,)
        Uniform ascending voxel centres in cm.

    Returns
    -------
    ndarray, shape (nx, ny, nz)
        Between 0 and 1. Its sum times the voxel volume is the volume of the structure inside the grid in
        cm^3.

    Raises
    ------
    InvalidInput
        The grid is not uniform and ascending.

    Examples
    --------
    >>> from validation.case import Contour, Structure
    >>> square = Structure("GTV", "target", [Contour(0.0, [[0, 0], [1, 0], [1, 1], [0, 1]])], 0.2)
    >>> centres = np.array([-0.25, 0.25, 0.75, 1.25])
    >>> structure_fractions(square, centres, centres, [-0.1, 0.1])[1, 1].round(12).tolist()
    [0.5, 0.5]
    """
    axes = [np.asarray(c, dtype=np.float64) for c in (x, y, z)]
    dx, dy, dz = (uniform_spacing(c, f"grid {name}") for c, name in zip(axes, "xyz", strict=True))
    xs, ys, zs = axes
    fractions = np.zeros((xs.size, ys.size, zs.size))
    half = structure.slice_thickness / 2
    for plane in structure.planes:
        top = np.minimum(zs + dz / 2, plane + half)
        bottom = np.maximum(zs - dz / 2, plane - half)
        share = np.clip((top - bottom) / dz, 0.0, 1.0)
        slices = np.flatnonzero(share > 0)
        if not slices.size:
            continue
        curves = [c for c in structure.contours if abs(c.z - plane) <= SAME_PLANE]
        window, area = _area_fractions(curves, xs, dx, ys, dy)
        for k in slices:
            fractions[(*window, k)] += share[k] * area
    # Slabs that touch add up to 1 only within rounding.
    return np.clip(fractions, 0.0, 1.0, out=fractions)


def _area_fractions(
    curves: list[Contour], x: NDArray[np.float64], dx: float, y: NDArray[np.float64], dy: float
) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """Area fraction of the pixels that closed curves may touch, even-odd, and where these pixels lie."""
    points = np.concatenate([curve.points for curve in curves])
    low, high = points.min(axis=0), points.max(axis=0)
    window = (_window(x, dx, low[0], high[0]), _window(y, dy, low[1], high[1]))
    nx, ny = (w.stop - w.start for w in window)
    if nx == 0 or ny == 0:
        return window, np.zeros((nx, ny))
    left, front = x[window[0]][0] - dx / 2, y[window[1]][0] - dy / 2
    lines_per_voxel = max(_LINES_PER_VOXEL, int(np.ceil(dy / _LINE_DISTANCE)))
    line_distance = dy / lines_per_voxel
    lines, crossings = _crossings(curves, front, line_distance, ny * lines_per_voxel)

    # Even-odd: along a scan line the curve is entered and left in turn. The covered length of a pixel is the
    # sum of (part of it left of the crossing) with sign + where the curve is left and - where it is entered.
    order = np.lexsort((crossings, lines))
    lines, crossings = lines[order], crossings[order]
    first = np.searchsorted(lines, lines)  # crossings of earlier lines
    sign = np.where((np.arange(lines.size) - first) % 2 == 0, -1.0, 1.0)
    place = np.clip((crossings - left) / dx, 0.0, nx)
    pixel = np.minimum(place.astype(np.int64), nx - 1)
    row = lines // lines_per_voxel
    part = np.zeros((nx, ny))
    whole = np.zeros((nx + 1, ny))
    np.add.at(part, (pixel, row), sign * (place - pixel))
    np.add.at(whole, (pixel, row), sign)
    # A crossing in pixel i has every pixel before i wholly to its left.
    before = np.cumsum(whole[::-1], axis=0)[::-1][1:]
    return window, (part + before) / lines_per_voxel


def _window(centres: NDArray[np.float64], step: float, low: float, high: float) -> slice:
    """Pixels that an interval touches."""
    first = int(np.clip(np.floor((low - centres[0]) / step + 0.5), 0, centres.size))
    last = int(np.clip(np.ceil((high - centres[0]) / step + 0.5), first, centres.size))
    return slice(first, last)


def _crossings(
    curves: list[Contour], front: float, distance: float, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Line index and x of every crossing of closed curves with scan lines y = front + (i + 1/2) distance."""
    start = np.concatenate([curve.points for curve in curves])
    end = np.concatenate([np.roll(curve.points, -1, axis=0) for curve in curves])
    # Line numbers as real numbers; an edge crosses line i if low <= i < high. The half-open rule counts a
    # corner that lies exactly on a line once for a pass and twice or not at all for a touch.
    a, b = ((p[:, 1] - front) / distance - 0.5 for p in (start, end))
    low = np.clip(np.ceil(np.minimum(a, b)), 0, count).astype(np.int64)
    high = np.clip(np.ceil(np.maximum(a, b)), 0, count).astype(np.int64)
    number = high - low
    edge = np.repeat(np.arange(number.size), number)
    line = low[edge] + np.arange(edge.size) - np.repeat(np.cumsum(number) - number, number)
    along = (line - a[edge]) / (b[edge] - a[edge])
    return line, start[edge, 0] + along * (end[edge, 0] - start[edge, 0])
