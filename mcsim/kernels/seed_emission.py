"""Photons leaving a seed: emission in the active layer and transport to the capsule's surface, in vacuum."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import allocating_jit, jit
from mcsim.kernels.direction import isotropic
from mcsim.kernels.rng import STREAM_PHASE_SPACE, optical_path, start_stream, uniform
from mcsim.kernels.seed_passage import ABSORBED, pass_through_seed


class ActiveLayer(NamedTuple):
    """The active region as stacked rings between two profiles ρ²(z) = a + b z + c z², and the lines emitted."""

    cumulative_volume: np.ndarray  # (parts,), ends with 1
    z_min: np.ndarray  # (parts,)
    z_max: np.ndarray  # (parts,)
    outer: np.ndarray  # (parts, 3)
    inner: np.ndarray  # (parts, 3); zeros where there is no inner solid
    largest_ring: np.ndarray  # (parts,): largest outer ρ² − inner ρ² in the part
    line_energy: np.ndarray  # (lines,), keV
    line_cumulative: np.ndarray  # (lines,), ends with 1


@jit
def emission_point(layer, state):
    """Radius and z of a point uniform in the active volume."""
    part = 0
    choice = uniform(state)
    while choice >= layer.cumulative_volume[part] and part < layer.z_min.shape[0] - 1:
        part += 1
    while True:
        z = layer.z_min[part] + uniform(state) * (layer.z_max[part] - layer.z_min[part])
        outer = layer.outer[part, 0] + z * (layer.outer[part, 1] + z * layer.outer[part, 2])
        inner = layer.inner[part, 0] + z * (layer.inner[part, 1] + z * layer.inner[part, 2])
        inner = max(inner, 0.0)
        if uniform(state) * layer.largest_ring[part] <= outer - inner:
            return math.sqrt(inner + uniform(state) * (outer - inner)), z


@jit
def emission_energy(layer, state):
    """Energy of an emitted photon, keV."""
    line = 0
    choice = uniform(state)
    while choice >= layer.line_cumulative[line] and line < layer.line_energy.shape[0] - 1:
        line += 1
    return layer.line_energy[line]


@jit
def emit_histories(
    first,
    count,
    run_seed,
    layer,
    solids,
    tables,
    cut_off,
    photons,
    history,
    totals,
    intervals,
    deposited,
    state,
):
    """The loop of `emit_photons`."""
    recorded = 0
    for h in range(first, first + count):
        start_stream(state, run_seed, STREAM_PHASE_SPACE, 0, h)
        rho, z = emission_point(layer, state)
        energy = emission_energy(layer, state)
        totals[0] += energy
        u, v, w = isotropic(state)
        status, x, y, z, u, v, w, t, energy, _ = pass_through_seed(
            rho, 0.0, z, u, v, w, 0.0, energy, optical_path(state), solids, tables, cut_off, intervals, deposited,
            state,
        )  # fmt: skip
        if status == ABSORBED:
            continue
        totals[3] += energy
        photons[recorded, 0] = x + t * u
        photons[recorded, 1] = y + t * v
        photons[recorded, 2] = z + t * w
        photons[recorded, 3] = u
        photons[recorded, 4] = v
        photons[recorded, 5] = w
        photons[recorded, 6] = energy
        history[recorded] = h
        recorded += 1
    return recorded


@allocating_jit
def emit_photons(first, count, run_seed, layer, solids, tables, cut_off, photons, history, totals):
    """Emit histories first … first+count−1 and record the photons that leave the seed.

    `photons` (count, 7) receives x, y, z, u, v, w, energy in the seed's frame and `history` (count,) the history's
    number; `totals` (4,) is increased by the energy emitted, left in the seed, below the cut-off, and leaving. Returns
    the number of photons recorded.
    """
    state = np.empty(2, np.uint64)
    intervals = np.empty((2, solids.z_min.shape[0]))
    deposited = np.zeros(2)
    recorded = emit_histories(
        first,
        count,
        run_seed,
        layer,
        solids,
        tables,
        cut_off,
        photons,
        history,
        totals,
        intervals,
        deposited,
        state,
    )
    totals[1] += deposited[0]
    totals[2] += deposited[1]
    return recorded
