"""Look-up of the dose around one seed in infinite water: at a point, and as the mean over a voxel."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import inlined_jit, jit
from mcsim.kernels.water_table import POLAR_WARP

MOST_POINTS = 5  # of the quadrature along one edge of a voxel
# One point with the second radial derivatives, or 2, 3, 4 Gauss-Legendre points along an edge hold the mean of 1/r² to
# 3e-4 while (half edge / distance)² is below these.
ONE, TWO, THREE, FOUR = 0.0083, 0.026, 0.096, 0.27
# Close by, the seed is a line: its mean radial derivatives do not hold.
LINE = 0.4
# About the axis the dose changes on a scale of some 12° (the end of the seed shades itself), as if the distance were
# √(r²/7 + 7 ρ²); its relative Laplacian, times r², is about 90/(1 + 25 sin²θ)².
POLAR_CLOSENESS = 7.0
POLAR_LAPLACIAN, POLAR_WIDTH = 90.0, 25.0
LARGEST_POLAR_CORRECTION = 1.8e-3  # six times the relative change of the mean that is left out


class WaterDose(NamedTuple):
    """A table of the dose around one seed, ready for the look-up."""

    # kerma · r², keV cm²/g, primary and scattered; a node beyond either end
    values: np.ndarray  # (halves, shells, polar cells + 2, 2)
    curvature: np.ndarray  # (shells, 4): r D′/D and r² D″/D − r D′/D, of primary and scattered in turn
    log_first: float  # ln r² of the first shell's centre
    shells_per_log: float  # shells per unit of ln r²
    polar_cells: int
    half_length: float  # of the seed, cm
    outer_radius: float  # cm; the table ends there
    nodes: np.ndarray  # (points + 1, points): Gauss-Legendre nodes of each number of points
    weights: np.ndarray  # (points + 1, points): their weights; each row sums to 1


@inlined_jit
def water_dose_at(table, x, y, z, r2):
    """`water_dose` for a known squared distance, and the shell."""
    v = table.values
    inverse = 1.0 / r2
    p = math.sqrt(max(1.0 - abs(z) * math.sqrt(inverse), 0.0))
    across = p * (1.0 + POLAR_WARP) / (p + POLAR_WARP) * table.polar_cells + 0.5
    j = int(across)
    across -= j
    last = v.shape[1] - 1
    # beyond the outermost centre the last line goes on, to the end of its cell at most
    outwards = min(max((math.log(r2) - table.log_first) * table.shells_per_log, 0.0), last + 0.5)
    k = min(int(outwards), last - 1)
    outwards -= k
    half = v.shape[0] - 1 if z < 0.0 else 0
    inner = (1.0 - outwards) * inverse
    outer = outwards * inverse
    a = inner * (1.0 - across)
    b = inner * across
    c = outer * (1.0 - across)
    d = outer * across
    return (
        a * v[half, k, j, 0] + b * v[half, k, j + 1, 0] + c * v[half, k + 1, j, 0] + d * v[half, k + 1, j + 1, 0],
        a * v[half, k, j, 1] + b * v[half, k, j + 1, 1] + c * v[half, k + 1, j, 1] + d * v[half, k + 1, j + 1, 1],
        k,
    )  # fmt: skip


@inlined_jit
def water_dose(table, x, y, z):
    """Primary and scattered kerma, keV/g per emitted photon, at a point in the seed's own frame.

    Kerma · r² is bilinear in (ln r, t) between the cell centres. Within the first centre and beyond the last cell the
    dose goes on as 1/r²: the caller keeps to the table's outer radius.
    """
    primary, scattered, _ = water_dose_at(table, x, y, z, x * x + y * y + z * z)
    return primary, scattered


@jit
def points_along(ratio):
    """Quadrature points along an edge; `ratio` is (half edge / distance)²."""
    if ratio < TWO:
        return 2
    if ratio < THREE:
        return 3
    if ratio < FOUR:
        return 4
    return MOST_POINTS


@jit
def quadrature(table, frame, dx, dy, dz, hx, hy, hz, distance2):
    """Gauss-Legendre mean over a voxel."""
    nx = points_along(hx * hx / distance2)
    ny = points_along(hy * hy / distance2)
    nz = points_along(hz * hz / distance2)
    primary = 0.0
    scattered = 0.0
    for a in range(nx):
        px = dx + hx * table.nodes[nx, a]
        for b in range(ny):
            py = dy + hy * table.nodes[ny, b]
            share = table.weights[nx, a] * table.weights[ny, b]
            for c in range(nz):
                pz = dz + hz * table.nodes[nz, c]
                first, second = water_dose(
                    table,
                    frame[0, 0] * px + frame[0, 1] * py + frame[0, 2] * pz,
                    frame[1, 0] * px + frame[1, 1] * py + frame[1, 2] * pz,
                    frame[2, 0] * px + frame[2, 1] * py + frame[2, 2] * pz,
                )
                primary += share * table.weights[nz, c] * first
                scattered += share * table.weights[nz, c] * second
    return primary, scattered


@inlined_jit
def voxel_mean_dose(table, frame, dx, dy, dz, hx, hy, hz):
    """Mean primary and scattered kerma over a voxel, keV/g per emitted photon.

    `frame` (3, 3): rows are the seed's own axes in the phantom's frame; (dx, dy, dz): the voxel's centre from the
    seed's, (hx, hy, hz): its half edges, in the phantom's frame. Far from the seed and off its axis the mean is the
    value at the centre times 1 + Σ hᵢ² ∂ᵢ²D/6D, with the radial derivatives of the mean over all directions,

        r² ∂ᵢ²D/D = r D′/D + nᵢ² (r² D″/D − r D′/D);

    elsewhere a product Gauss-Legendre rule.
    """
    x = frame[0, 0] * dx + frame[0, 1] * dy + frame[0, 2] * dz
    y = frame[1, 0] * dx + frame[1, 1] * dy + frame[1, 2] * dz
    z = frame[2, 0] * dx + frame[2, 1] * dy + frame[2, 2] * dz
    rho2 = x * x + y * y
    r2 = rho2 + z * z
    beyond = max(abs(z) - table.half_length, 0.0)
    distance2 = rho2 + beyond * beyond
    largest2 = max(hx, hy, hz) ** 2
    flatness = r2 + POLAR_WIDTH * rho2
    if (
        largest2 > ONE * (distance2 - LINE * table.half_length * table.half_length)
        or largest2 * POLAR_LAPLACIAN * r2 > LARGEST_POLAR_CORRECTION * flatness * flatness
    ):
        distance2 = max(min(distance2, r2 / POLAR_CLOSENESS + POLAR_CLOSENESS * rho2), 1e-12)
        return quadrature(table, frame, dx, dy, dz, hx, hy, hz, distance2)
    primary, scattered, k = water_dose_at(table, x, y, z, r2)
    inverse = 1.0 / (6.0 * r2)
    edges = (hx * hx + hy * hy + hz * hz) * inverse
    along = ((hx * dx) ** 2 + (hy * dy) ** 2 + (hz * dz) ** 2) * inverse / r2
    curvature = table.curvature[k]
    return (
        primary * (1.0 + curvature[0] * edges + curvature[1] * along),
        scattered * (1.0 + curvature[2] * edges + curvature[3] * along),
    )


@jit
def doses_at_points(table, points, doses):
    """Primary and scattered kerma, keV/g per emitted photon, `doses` (n, 2), at `points` (n, 3) in the seed's frame."""
    for i in range(points.shape[0]):
        doses[i, 0], doses[i, 1] = water_dose(table, points[i, 0], points[i, 1], points[i, 2])


@jit
def mean_doses(table, frame, centres, half_edges, doses):
    """Mean primary and scattered kerma, `doses` (n, 2), over voxels with `centres` and `half_edges` (n, 3)."""
    for i in range(centres.shape[0]):
        doses[i, 0], doses[i, 1] = voxel_mean_dose(
            table, frame, centres[i, 0], centres[i, 1], centres[i, 2], half_edges[i, 0], half_edges[i, 1],
            half_edges[i, 2],
        )  # fmt: skip
