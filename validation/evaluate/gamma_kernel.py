"""The gamma search: for each reference point, shells of growing radius in the evaluated dose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels._jit import jit

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@jit  # type: ignore[untyped-decorator]  # numba has no types
def _cell(x: float, axis: FloatArray, table: IndexArray, inverse_step: float) -> int:
    """Interval of an ascending axis that holds x; x lies within the axis."""
    cell = table[min(int((x - axis[0]) * inverse_step), len(table) - 1)]
    # The table's steps are no wider than the smallest interval: at most one interval further, and rounding may
    # put a point on a plane one interval too far.
    while cell < len(axis) - 2 and x >= axis[cell + 1]:
        cell += 1
    while cell > 0 and x < axis[cell]:
        cell -= 1
    return int(cell)


@jit  # type: ignore[untyped-decorator]  # numba has no types
def _around_gaps(evaluated: FloatArray, i: int, j: int, h: int, u: float, v: float, w: float) -> float:
    """Dose interpolated from the corners that have a weight; NaN where one of those has no dose."""
    dose = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                weight = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
                if weight != 0.0:
                    dose += weight * evaluated[i + a, j + b, h + c]
    return dose


@jit  # type: ignore[untyped-decorator]  # numba has no types
def search(
    first: int,
    stride: int,
    points: FloatArray,
    doses: FloatArray,
    criteria: FloatArray,
    axis_x: FloatArray,
    axis_y: FloatArray,
    axis_z: FloatArray,
    table_x: IndexArray,
    table_y: IndexArray,
    table_z: IndexArray,
    inverse_steps: FloatArray,
    evaluated: FloatArray,
    lowest: FloatArray,
    highest: FloatArray,
    offsets: FloatArray,
    shell_start: IndexArray,
    shell_distance: FloatArray,
    shell_level: IndexArray,
    gamma: FloatArray,
) -> None:
    """Gamma of every `stride`-th reference point from `first` on; infinite where no evaluated dose is in reach.

    Γ² = (ΔD/δ)² + (r/d)² is least over the shells (Low et al. 1998, doi:10.1118/1.598248); the search of a point
    ends when the next shell's r/d alone is no smaller than the least Γ so far (Wendling et al. 2007,
    doi:10.1118/1.2721657). A shell is passed over where the lowest and highest evaluated doses near the point show
    that none of its points can lower Γ: the result is the same as without.

    Parameters
    ----------
    first, stride : int
        Which points: one thread's share.
    points : (n, 3) array
        Reference points, cm.
    doses, criteria : (n,) array
        Reference dose and dose criterion, Gy.
    axis_x, axis_y, axis_z : array
        Nodes of the evaluated dose, cm, ascending.
    table_x, table_y, table_z : array of int
        Interval at each multiple of the axis' smallest interval.
    inverse_steps : (3,) array
        One over that interval, 1/cm.
    evaluated : (nx, ny, nz) array
        Evaluated dose, Gy; NaN where there is none.
    lowest, highest : (levels, nx, ny, nz) array
        Extremes of the evaluated dose in boxes about each node, wide enough for the shells of that level.
    offsets : (3, m) array
        Points of all shells about a reference point, cm.
    shell_start : (shells + 1,) array of int
        Where each shell's offsets begin.
    shell_distance : (shells,) array
        Radius in units of the distance criterion.
    shell_level : (shells,) array of int
        Level of `lowest` and `highest` that covers the shell.
    gamma : (n,) array
        Filled with Γ.
    """
    end_x, end_y, end_z = axis_x[-1], axis_y[-1], axis_z[-1]
    for p in range(first, len(doses), stride):
        dose, scale = doses[p], 1.0 / criteria[p]
        x0, y0, z0 = points[p, 0], points[p, 1], points[p, 2]
        cx = _cell(min(max(x0, axis_x[0]), end_x), axis_x, table_x, inverse_steps[0])
        cy = _cell(min(max(y0, axis_y[0]), end_y), axis_y, table_y, inverse_steps[1])
        cz = _cell(min(max(z0, axis_z[0]), end_z), axis_z, table_z, inverse_steps[2])
        best = np.inf  # the least Γ² so far
        for shell in range(len(shell_distance)):
            reach = shell_distance[shell] * shell_distance[shell]
            if shell > 0 and reach >= best:
                break
            level = shell_level[shell]
            short = max(lowest[level, cx, cy, cz] - dose, dose - highest[level, cx, cy, cz], 0.0) * scale
            if short * short + reach >= best:
                continue
            least = np.inf
            for k in range(shell_start[shell], shell_start[shell + 1]):
                x, y, z = x0 + offsets[0, k], y0 + offsets[1, k], z0 + offsets[2, k]
                if not (axis_x[0] <= x <= end_x and axis_y[0] <= y <= end_y and axis_z[0] <= z <= end_z):
                    continue
                i = _cell(x, axis_x, table_x, inverse_steps[0])
                j = _cell(y, axis_y, table_y, inverse_steps[1])
                h = _cell(z, axis_z, table_z, inverse_steps[2])
                u = (x - axis_x[i]) / (axis_x[i + 1] - axis_x[i])
                v = (y - axis_y[j]) / (axis_y[j + 1] - axis_y[j])
                w = (z - axis_z[h]) / (axis_z[h + 1] - axis_z[h])
                near = (1.0 - v) * ((1.0 - u) * evaluated[i, j, h] + u * evaluated[i + 1, j, h]) + v * (
                    (1.0 - u) * evaluated[i, j + 1, h] + u * evaluated[i + 1, j + 1, h]
                )
                far = (1.0 - v) * (
                    (1.0 - u) * evaluated[i, j, h + 1] + u * evaluated[i + 1, j, h + 1]
                ) + v * ((1.0 - u) * evaluated[i, j + 1, h + 1] + u * evaluated[i + 1, j + 1, h + 1])
                gap = abs((1.0 - w) * near + w * far - dose)
                if np.isnan(gap):
                    gap = abs(_around_gaps(evaluated, i, j, h, u, v, w) - dose)
                # Not `min`: the comparison is false for the NaN of a point without dose.
                least = gap if gap < least else least
            least *= scale
            best = min(best, least * least + reach)
        gamma[p] = np.sqrt(best)
