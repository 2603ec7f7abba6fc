"""Fresh histories of one seed in infinite water: kerma in cells by distance and polar angle, primary and scattered.

Photons that have not interacted since they left the seed are scored along their whole ray, weighted with the
probability of coming so far; their interaction is sampled as usual and goes on as scattered photons, scored by track
length. A ray is cut with the spheres between the shells; in each shell one point of the piece decides the cell of the
polar angle and stands for the attenuation inside the piece: with the point uniform on a piece of length ℓ,

    E[ℓ e^(−µ s) 1(point in cell)] = ∫ e^(−µ s) 1(s in cell) ds.

Cells are even in ln r and, from each pole to the equator, in t = p (1 + a)/(p + a) with p = √(1 − |z|/r): that is some
0.6° at the poles and 1.8° at the equator, and needs no arc function. Part of the emission is directed to the poles
(even in t) and weighted by the ratio of the densities, for the cells there are small.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import allocating_jit, jit
from mcsim.kernels.interaction import interact
from mcsim.kernels.rng import optical_path, start_stream, uniform
from mcsim.kernels.seed_emission import emission_energy, emission_point
from mcsim.kernels.seed_passage import ABSORBED, pass_through_seed
from mcsim.kernels.solids import outside
from mcsim.kernels.tables import energy_bin, energy_offset

STREAM_WATER_TABLE = 21
POLAR_WARP = 2.0  # a: cells at the pole are (1 + a)²/a² times as narrow in p as at the equator
POLAR_SHARE = 0.4  # of the emission, directed evenly in t
PRIMARY, SCATTERED = 0, 1
GOLDEN_RATIO = 0.6180339887498949


class WaterCells(NamedTuple):
    """Cells about a seed."""

    radius2: np.ndarray  # (shells + 1,): squares of the spheres' radii, cm², even in their logarithm
    polar_cells: int  # from each pole to the equator
    halves: int  # 1: |z| decides the cell (a seed that is its own mirror image); 2: z ≥ 0 and z < 0 apart


@jit
def polar_coordinate(cosine):
    """Coordinate t (0 at the pole, 1 at the equator) of the absolute cosine of a polar angle."""
    p = math.sqrt(max(1.0 - cosine, 0.0))
    return p * (1.0 + POLAR_WARP) / (p + POLAR_WARP)


@jit
def emission_cosine(state):
    """Cosine of an emitted photon to the seed's axis, and its weight: density of isotropic emission over the one used.

    q(w) = (1 − b)/2 + b/2 · dt/d|w|,  dt/d|w| = a (1 + a)/(2 p (p + a)²).
    """
    if uniform(state) < POLAR_SHARE:
        t = uniform(state)
        p = POLAR_WARP * t / (1.0 + POLAR_WARP - t)
        cosine = 1.0 - p * p
    else:
        cosine = uniform(state)
        p = math.sqrt(1.0 - cosine)
    even = 2.0 * p * (p + POLAR_WARP) ** 2
    weight = even / ((1.0 - POLAR_SHARE) * even + POLAR_SHARE * POLAR_WARP * (1.0 + POLAR_WARP))
    return (cosine if uniform(state) < 0.5 else -cosine), weight


@jit
def shell_of(cells, r2):
    """Index of the shell of a squared distance: −1 inside the innermost sphere, the number of shells beyond all."""
    shells = cells.radius2.shape[0] - 1
    if r2 < cells.radius2[0]:
        return -1
    scale = shells / math.log(cells.radius2[shells] / cells.radius2[0])
    k = min(int(math.log(r2 / cells.radius2[0]) * scale), shells)
    # the logarithm rounds: the spheres themselves decide
    while k > 0 and r2 < cells.radius2[k]:
        k -= 1
    while k < shells and r2 >= cells.radius2[k + 1]:
        k += 1
    return k


@jit
def score_ray(cells, x, y, z, u, v, w, step, mu, kerma, kind, tally, state):
    """Add `kerma` e^(−`mu` s) × length of the ray from s = 0 to `step` to `tally` (halves, shells, polar, kinds)."""
    along = x * u + y * v + z * w
    closest2 = max(x * x + y * y + z * z - along * along, 0.0)
    shells = cells.radius2.shape[0] - 1
    share = uniform(state)
    for side in range(2):
        # outward part, then inward part: σ grows with the distance from the centre in both
        sign = 1.0 if side == 0 else -1.0
        low = max(along, 0.0) if side == 0 else max(-along - step, 0.0)
        last = along + step if side == 0 else -along
        if last <= low:
            continue
        k = shell_of(cells, closest2 + low * low)
        if k < 0:
            k = 0
            low = max(low, math.sqrt(max(cells.radius2[0] - closest2, 0.0)))
        while k < shells and low < last:
            high = min(math.sqrt(max(cells.radius2[k + 1] - closest2, 0.0)), last)
            length = high - low
            if length > 0.0:
                # one number for the whole ray, moved on by the golden ratio: uniform in every shell
                share += GOLDEN_RATIO
                if share >= 1.0:
                    share -= 1.0
                s = sign * (low + share * length)
                height = z + (s - along) * w
                t = polar_coordinate(abs(height) / math.sqrt(closest2 + s * s))
                cell = min(int(t * cells.polar_cells), cells.polar_cells - 1)
                half = 1 if cells.halves == 2 and height < 0.0 else 0
                tally[half, k, cell, kind] += kerma * length * math.exp(-mu * (s - along))
            low = high
            k += 1


@jit
def water_history(layer, density, solids, tables, cut_off, cells, tally, intervals, deposited, state):
    """One emitted photon; water is medium 0 of `tables`, the seed stands at the origin."""
    rho, z = emission_point(layer, state)
    energy = emission_energy(layer, state)
    w, weight = emission_cosine(state)
    azimuth = 2.0 * math.pi * uniform(state)
    sine = math.sqrt(1.0 - w * w)
    status, x, y, z, u, v, w, t, energy, _ = pass_through_seed(
        rho, 0.0, z, sine * math.cos(azimuth), sine * math.sin(azimuth), w, 0.0, energy, optical_path(state), solids,
        tables, cut_off, intervals, deposited, state,
    )  # fmt: skip
    if status == ABSORBED:
        return
    x += t * u
    y += t * v
    z += t * w
    primary = True
    leaving = True
    farthest = math.sqrt(cells.radius2[-1])
    path = optical_path(state)
    while energy >= cut_off:
        index = energy_bin(tables, energy)
        above = energy_offset(tables, energy, index)
        mu = density * (tables.total[index, 0, 0] + above * tables.total[index, 0, 1])
        kerma = (
            weight
            * energy
            * (tables.energy_absorption[index, 0, 0] + above * tables.energy_absorption[index, 0, 1])
        )
        step = path / mu
        enters = False
        if primary:
            # a ray that leaves a convex seed does not meet it again
            score_ray(cells, x, y, z, u, v, w, 2.0 * farthest, mu, kerma, PRIMARY, tally, state)
        else:
            if not leaving:
                t_in, t_out = outside(solids, x, y, z, u, v, w)
                t_in = max(t_in, 0.0)
                if t_out > t_in + 1e-12 and t_in < step:
                    step = t_in
                    enters = True
            score_ray(cells, x, y, z, u, v, w, step, 0.0, kerma, SCATTERED, tally, state)
        if enters:
            status, x, y, z, u, v, w, t, energy, path = pass_through_seed(
                x, y, z, u, v, w, step, energy, path - mu * step, solids, tables, cut_off, intervals, deposited, state
            )  # fmt: skip
            if status == ABSORBED:
                return
            x += t * u
            y += t * v
            z += t * w
            leaving = True
            continue
        x += step * u
        y += step * v
        z += step * w
        energy, u, v, w, _ = interact(energy, u, v, w, 0, tables, state)
        path = optical_path(state)
        primary = False
        leaving = False


@allocating_jit
def water_table_batch(first, count, run_seed, layer, density, solids, tables, cut_off, cells, tally):
    """Histories first … first+count−1; adds weight · E · µ_en/ρ · length, keV cm³/g, to `tally`.

    `tally` has the shape (halves, shells, polar cells, 2): primary and scattered.
    """
    state = np.empty(2, np.uint64)
    intervals = np.empty((2, solids.z_min.shape[0]))
    deposited = np.zeros(2)
    for h in range(first, first + count):
        start_stream(state, run_seed, STREAM_WATER_TABLE, 0, h)
        water_history(layer, density, solids, tables, cut_off, cells, tally, intervals, deposited, state)
