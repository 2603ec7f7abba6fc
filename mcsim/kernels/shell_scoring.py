"""Track-length kerma in shells by polar angle and in rings by height, at a cost that does not grow with the cells.

A flight is cut with the two spheres (cylinders) of a shell only; it crosses a shell in one or two pieces. Of each piece
one point is drawn uniformly, and the whole length counts for the cell of that point. The expected length in a cell is
the length of the flight inside it,

    E[ℓ 1(point in cell)] = ℓ ∫ 1(s in cell) ds/ℓ,

so the estimate is unbiased however many cells a piece passes. Points are drawn from a stream of their own: the cells do
not change the photons' histories.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import jit
from mcsim.kernels.rng import uniform


class Cells(NamedTuple):
    """Scoring cells about a seed, cm; shells and rings are disjoint and stand in ascending order."""

    shell_inner: np.ndarray  # (shells,)
    shell_outer: np.ndarray  # (shells,)
    polar_bins: int  # equal bins of the polar angle, 0 to π
    ring_inner: np.ndarray  # (rings,)
    ring_outer: np.ndarray  # (rings,)
    height_low: np.ndarray  # (heights,): lower z of each ring cell
    height_high: np.ndarray  # (heights,)


@jit
def first_beyond(values, limit):
    """Index of the first of the ascending values above `limit`."""
    low = 0
    high = values.shape[0]
    while low < high:
        middle = (low + high) // 2
        if values[middle] > limit:
            high = middle
        else:
            low = middle + 1
    return low


@jit
def score_flight(cells, x, y, z, u, v, w, step, kerma, shells, rings, state):
    """Add `kerma` × length of a flight of `step` cm to its cells: `shells` (shells, bins), `rings` (rings, heights)."""
    along = x * u + y * v + z * w
    closest2 = max(x * x + y * y + z * z - along * along, 0.0)
    first = along
    last = along + step
    nearest2 = closest2 if first < 0.0 < last else closest2 + min(first * first, last * last)
    farthest2 = closest2 + max(first * first, last * last)
    k = first_beyond(cells.shell_outer, math.sqrt(nearest2))
    farthest = math.sqrt(farthest2)
    while k < cells.shell_inner.shape[0] and cells.shell_inner[k] < farthest:
        outer = math.sqrt(max(cells.shell_outer[k] * cells.shell_outer[k] - closest2, 0.0))
        inner2 = cells.shell_inner[k] * cells.shell_inner[k] - closest2
        inner = math.sqrt(inner2) if inner2 > 0.0 else 0.0
        for side in range(2):
            if inner == 0.0:
                if side == 1:
                    break
                low = max(-outer, first)
                high = min(outer, last)
            elif side == 0:
                low = max(-outer, first)
                high = min(-inner, last)
            else:
                low = max(inner, first)
                high = min(outer, last)
            if high > low:
                s = low + uniform(state) * (high - low)
                cosine = (z + (s - along) * w) / math.sqrt(closest2 + s * s)
                angle = math.acos(min(max(cosine, -1.0), 1.0))
                bin_ = min(int(angle * cells.polar_bins / math.pi), cells.polar_bins - 1)
                shells[k, bin_] += kerma * (high - low)
        k += 1
    score_rings(cells, x, y, z, u, v, w, step, kerma, rings, state)


@jit
def score_rings(cells, x, y, z, u, v, w, step, kerma, rings, state):
    """The part of `score_flight` for the rings."""
    heights = cells.height_low.shape[0]
    if heights == 0:
        return
    bottom = cells.height_low[0]
    top = cells.height_high[heights - 1]
    # the part of the flight between the lowest and the highest plane
    first = 0.0
    last = step
    if abs(w) > 1e-14:
        a = (bottom - z) / w
        b = (top - z) / w
        first = max(first, min(a, b))
        last = min(last, max(a, b))
    elif z < bottom or z > top:
        return
    if last <= first:
        return
    quadratic = u * u + v * v
    if quadratic < 1e-14:
        # along the axis: one distance from it for the whole flight
        rho = math.sqrt(x * x + y * y)
        k = first_beyond(cells.ring_outer, rho)
        if k < cells.ring_inner.shape[0] and cells.ring_inner[k] <= rho:
            add_to_ring(cells, k, z, w, first, last, kerma, rings, state)
        return
    middle = -(x * u + y * v) / quadratic
    closest2 = max(x * x + y * y - quadratic * middle * middle, 0.0)
    before = first - middle
    after = last - middle
    nearest2 = (
        closest2 if before < 0.0 < after else closest2 + quadratic * min(before * before, after * after)
    )
    farthest = math.sqrt(closest2 + quadratic * max(before * before, after * after))
    k = first_beyond(cells.ring_outer, math.sqrt(nearest2))
    while k < cells.ring_inner.shape[0] and cells.ring_inner[k] < farthest:
        outer2 = cells.ring_outer[k] * cells.ring_outer[k] - closest2
        outer = math.sqrt(max(outer2, 0.0) / quadratic)
        inner2 = cells.ring_inner[k] * cells.ring_inner[k] - closest2
        if inner2 > 0.0:
            inner = math.sqrt(inner2 / quadratic)
            add_to_ring(
                cells, k, z, w, max(first, middle - outer), min(last, middle - inner), kerma, rings, state
            )
            add_to_ring(
                cells, k, z, w, max(first, middle + inner), min(last, middle + outer), kerma, rings, state
            )
        else:
            add_to_ring(
                cells, k, z, w, max(first, middle - outer), min(last, middle + outer), kerma, rings, state
            )
        k += 1


@jit
def add_to_ring(cells, k, z, w, low, high, kerma, rings, state):
    """Score a piece of a flight inside ring `k` at the height of a point drawn from it."""
    if high <= low:
        return
    height = z + (low + uniform(state) * (high - low)) * w
    j = first_beyond(cells.height_high, height)
    if j < cells.height_low.shape[0] and cells.height_low[j] <= height:
        rings[k, j] += kerma * (high - low)
