"""One seed in a homogeneous sphere: collision kerma in rings about the seed's axis, by track length."""

from __future__ import annotations

import math

import numpy as np

from mcsim.kernels._jit import allocating_jit, jit
from mcsim.kernels.interaction import interact
from mcsim.kernels.replay import draw_history, replayed_photon
from mcsim.kernels.rng import STREAM_RINGS, optical_path, start_stream
from mcsim.kernels.seed_passage import ABSORBED, pass_through_seed
from mcsim.kernels.solids import outside
from mcsim.kernels.tables import energy_bin, energy_offset


@jit
def cylinder_span(radius2, z_low, z_high, x, y, z, u, v, w, t_max):
    """Part of the ray between 0 and `t_max` inside a finite cylinder: entry and exit, exit ≤ entry if none."""
    low = 0.0
    high = t_max
    if abs(w) > 1e-14:
        a = (z_low - z) / w
        b = (z_high - z) / w
        low = max(low, min(a, b))
        high = min(high, max(a, b))
    elif z < z_low or z > z_high:
        return 0.0, 0.0
    quadratic = u * u + v * v
    constant = x * x + y * y - radius2
    if quadratic < 1e-14:
        return (low, high) if constant <= 0.0 else (0.0, 0.0)
    half_linear = x * u + y * v
    discriminant = half_linear * half_linear - quadratic * constant
    if discriminant <= 0.0:
        return 0.0, 0.0
    root = math.sqrt(discriminant)
    return max(low, (-half_linear - root) / quadratic), min(high, (-half_linear + root) / quadratic)


@jit
def track_in_ring(ring, x, y, z, u, v, w, t_max):
    """Track length in a ring (inner radius, outer radius, z_low, z_high) on the ray from 0 to `t_max`, cm."""
    low, high = cylinder_span(ring[1] * ring[1], ring[2], ring[3], x, y, z, u, v, w, t_max)
    if high <= low:
        return 0.0
    length = high - low
    if ring[0] > 0.0:
        hole_low, hole_high = cylinder_span(ring[0] * ring[0], ring[2], ring[3], x, y, z, u, v, w, t_max)
        if hole_high > hole_low:
            length -= hole_high - hole_low
    return length


@allocating_jit
def ring_batch(
    first, count, run_seed, emission, rings, radius, density, medium, solids, tables, cut_off, tally
):
    """Histories first … first+count−1 of a seed at the centre of a sphere; `tally` (rings,) gets E · path · µ_en/ρ."""
    state = np.empty(2, np.uint64)
    intervals = np.empty((2, solids.z_min.shape[0]))
    deposited = np.zeros(2)
    for h in range(first, first + count):
        start_stream(state, run_seed, STREAM_RINGS, 0, h)
        history, cosine, sine, sign = draw_history(emission, state)
        for photon in range(emission.first_photon[history], emission.first_photon[history + 1]):
            x, y, z, u, v, w, energy = replayed_photon(emission, photon, cosine, sine, sign)
            leaving = True
            path = optical_path(state)
            while energy >= cut_off:
                index = energy_bin(tables, energy)
                above = energy_offset(tables, energy, index)
                mu = density * (tables.total[index, medium, 0] + above * tables.total[index, medium, 1])
                along = x * u + y * v + z * w
                to_edge = -along + math.sqrt(along * along + radius * radius - (x * x + y * y + z * z))
                step = min(path / mu, to_edge)
                enters = False
                if not leaving:
                    t_in, t_out = outside(solids, x, y, z, u, v, w)
                    t_in = max(t_in, 0.0)
                    if t_out > t_in + 1e-12 and t_in < step:
                        step = t_in
                        enters = True
                absorption = energy * (
                    tables.energy_absorption[index, medium, 0]
                    + above * tables.energy_absorption[index, medium, 1]
                )
                for k in range(rings.shape[0]):
                    length = track_in_ring(rings[k], x, y, z, u, v, w, step)
                    if length > 0.0:
                        tally[k] += length * absorption
                if enters:
                    status, x, y, z, u, v, w, t, energy, path = pass_through_seed(
                        x, y, z, u, v, w, step, energy, path - mu * step, solids, tables, cut_off, intervals,
                        deposited, state,
                    )  # fmt: skip
                    if status == ABSORBED:
                        break
                    x += t * u
                    y += t * v
                    z += t * w
                    leaving = True
                    continue
                if step == to_edge:
                    break
                x += step * u
                y += step * v
                z += step * w
                energy, u, v, w, _ = interact(energy, u, v, w, medium, tables, state)
                path = optical_path(state)
                leaving = False
