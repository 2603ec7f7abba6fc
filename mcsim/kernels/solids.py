"""Rays through solids of revolution.

Every solid is {ρ² ≤ a + b z + c z², z_min ≤ z ≤ z_max} about the seed's long axis: cylinder (r², 0, 0), cone
((p + q z)²), sphere and ellipsoid (c < 0). All of them are convex, so a ray meets each in one interval. Where solids
overlap the later one counts (nesting order); the first `outer_count` solids together are the seed's outside, which is
convex too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import jit

INFINITY = 1e30


class Solids(NamedTuple):
    """Solids of a seed model in nesting order, cm."""

    profile: np.ndarray  # (solids, 3): a, b, c
    z_min: np.ndarray  # (solids,)
    z_max: np.ndarray  # (solids,)
    medium: np.ndarray  # (solids,) int64
    density: np.ndarray  # (solids,) g/cm³
    outer_count: int
    outer_radius: float
    half_length: float


@jit
def interval(solids, k, x, y, z, u, v, w):
    """Ray parameters (cm) at which the ray enters and leaves solid `k`; an empty interval has exit < entry."""
    if w > 1e-14:
        t_in = (solids.z_min[k] - z) / w
        t_out = (solids.z_max[k] - z) / w
    elif w < -1e-14:
        t_in = (solids.z_max[k] - z) / w
        t_out = (solids.z_min[k] - z) / w
    else:
        if z < solids.z_min[k] or z > solids.z_max[k]:
            return INFINITY, -INFINITY
        t_in = -INFINITY
        t_out = INFINITY
    a = solids.profile[k, 0]
    b = solids.profile[k, 1]
    c = solids.profile[k, 2]
    quadratic = u * u + v * v - c * w * w
    half_linear = x * u + y * v - 0.5 * b * w - c * z * w
    constant = x * x + y * y - a - b * z - c * z * z
    if abs(quadratic) < 1e-14:
        if abs(half_linear) < 1e-14:
            if constant > 0.0:
                return INFINITY, -INFINITY
            return t_in, t_out
        root = -0.5 * constant / half_linear
        if half_linear > 0.0:
            return t_in, min(t_out, root)
        return max(t_in, root), t_out
    discriminant = half_linear * half_linear - quadratic * constant
    if discriminant <= 0.0:
        if quadratic > 0.0:
            return INFINITY, -INFINITY
        return t_in, t_out
    root = math.sqrt(discriminant)
    # the root that suffers no cancellation first, the other from the product of the roots
    s = -half_linear - math.copysign(root, half_linear)
    t1 = s / quadratic
    t2 = constant / s
    low = min(t1, t2)
    high = max(t1, t2)
    if quadratic > 0.0:
        return max(t_in, low), min(t_out, high)
    # A steep ray in a cone is inside before `low` and after `high`: one of the two is the other nappe, outside z range.
    before = min(t_out, low) - t_in
    after = t_out - max(t_in, high)
    if before > after:
        return t_in, min(t_out, low)
    return max(t_in, high), t_out


@jit
def outside(solids, x, y, z, u, v, w):
    """Ray parameters at which the ray enters and leaves the seed as a whole."""
    # A ray that misses the endless cylinder around the seed misses the seed.
    quadratic = u * u + v * v
    half_linear = x * u + y * v
    constant = x * x + y * y - solids.outer_radius * solids.outer_radius
    if half_linear * half_linear - quadratic * constant < 0.0:
        return INFINITY, -INFINITY
    t_in = INFINITY
    t_out = -INFINITY
    for k in range(solids.outer_count):
        a, b = interval(solids, k, x, y, z, u, v, w)
        if b > a:
            t_in = min(t_in, a)
            t_out = max(t_out, b)
    return t_in, t_out


@jit
def all_intervals(solids, x, y, z, u, v, w, intervals):
    """Where the ray enters and leaves each solid, to `intervals` (2, solids)."""
    for k in range(solids.z_min.shape[0]):
        t_in, t_out = interval(solids, k, x, y, z, u, v, w)
        intervals[0, k] = t_in
        intervals[1, k] = t_out


@jit
def solid_at(intervals, t):
    """The solid that counts just beyond `t` (−1: none) and where that ends; INFINITY beyond all of them."""
    inside = -1
    boundary = INFINITY
    for k in range(intervals.shape[1]):
        t_in = intervals[0, k]
        t_out = intervals[1, k]
        if t_out > t_in and t_out > t:
            if t_in <= t:
                inside = k
                boundary = min(boundary, t_out)
            else:
                boundary = min(boundary, t_in)
    return inside, boundary
