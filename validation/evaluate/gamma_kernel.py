"""The gamma search: for each reference point, shells of growing radius in the evaluated dose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels._jit import jit

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]


# A point this close to a node, in units of the interval, lies on it: rounding must not give the node beyond a weight.
_ON_NODE = 1e-12


@jit  # type: ignore[untyped-decorator]  # numba has no types
def _place(x: float, axis: FloatArray, table: IndexArray, inverse_step: float) -> tuple[int, float]:
    """Interval of an ascending axis that holds x, which lies within the axis, and the weight of its upper end."""
    steps = (x - axis[0]) * inverse_step
    cell = min(int(steps), len(axis) - 2)
    if len(table) == 0:
        weight = steps - cell
    else:
        # The table's steps are no wider than the smallest interval: at most one interval further, and rounding may put
        # a point on a node one interval too far.
        cell = table[min(int(steps), len(table) - 1)]
        while cell < len(axis) - 2 and x >= axis[cell + 1]:
            cell += 1
        while cell > 0 and x < axis[cell]:
            cell -= 1
        weight = (x - axis[cell]) / (axis[cell + 1] - axis[cell])
    if weight < _ON_NODE:
        weight = 0.0
    elif weight > 1.0 - _ON_NODE:
        weight = 1.0
    return cell, weight


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
    offsets: FloatArray,
    shell_start: IndexArray,
    shell_distance: FloatArray,
    gamma: FloatArray,
) -> None:
    """Gamma of every `stride`-th reference point from `first` on; infinite where no evaluated dose is in reach.

    Γ² = (ΔD/δ)² + (r/d)² is least over the shells (Low et al. 1998, doi:10.1118/1.598248); the search of a point
    ends when the next shell's r/d alone is no smaller than the least Γ so far (Wendling et al. 2007,
    doi:10.1118/1.2721657).

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
        Interval at each multiple of the axis' smallest interval; empty for an axis of even intervals.
    inverse_steps : (3,) array
        One over that interval, 1/cm.
    evaluated : (nx, ny, nz) array
        Evaluated dose, Gy; NaN where there is none.
    offsets : (3, m) array
        Points of all shells about a reference point, cm.
    shell_start : (shells + 1,) array of int
        Where each shell's offsets begin.
    shell_distance : (shells,) array
        Radius in units of the distance criterion.
    gamma : (n,) array
        Filled with Γ.
    """
    end_x, end_y, end_z = axis_x[-1], axis_y[-1], axis_z[-1]
    for p in range(first, len(doses), stride):
        dose, scale = doses[p], 1.0 / criteria[p]
        x0, y0, z0 = points[p, 0], points[p, 1], points[p, 2]
        best = np.inf  # the least Γ² so far
        for shell in range(len(shell_distance)):
            reach = shell_distance[shell] * shell_distance[shell]
            if shell > 0 and reach >= best:
                break
            least = np.inf
            for k in range(shell_start[shell], shell_start[shell + 1]):
                x, y, z = x0 + offsets[0, k], y0 + offsets[1, k], z0 + offsets[2, k]
                if not (axis_x[0] <= x <= end_x and axis_y[0] <= y <= end_y and axis_z[0] <= z <= end_z):
                    continue
                i, u = _place(x, axis_x, table_x, inverse_steps[0])
                j, v = _place(y, axis_y, table_y, inverse_steps[1])
                h, w = _place(z, axis_z, table_z, inverse_steps[2])
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
