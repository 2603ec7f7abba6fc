"""Fresh histories of one seed in a sphere of medium: what leaves the seed, its air kerma, and kerma in cells."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import allocating_jit, jit
from mcsim.kernels.direction import isotropic
from mcsim.kernels.interaction import interact
from mcsim.kernels.rng import STREAM_CELLS, STREAM_CHARACTERISATION, optical_path, start_stream
from mcsim.kernels.seed_emission import emission_energy, emission_point
from mcsim.kernels.seed_passage import ABSORBED, pass_through_seed
from mcsim.kernels.shell_scoring import score_flight
from mcsim.kernels.solids import outside
from mcsim.kernels.tables import energy_bin, energy_offset

# Rows of the tallies of photons leaving the seed.
ALL, IN_APERTURE = 0, 1


class Chambers(NamedTuple):
    """Where the air kerma in vacuum is taken: a wide aperture far away, and a small ring about the seed."""

    medium: int  # index of dry air in the tables
    cut_off: float  # keV; photons below do not count
    cos_half_angle: float  # of the aperture
    ring_inner: float  # cm
    ring_outer: float  # cm
    ring_half_height: float  # cm


class LeavingTallies(NamedTuple):
    """Sums over the photons that leave the seed; the first axis is ALL, IN_APERTURE."""

    kerma: np.ndarray  # (2,): E µ_en/ρ times share in the aperture; times length in the small ring
    spectrum: np.ndarray  # (2, bins)
    lines: np.ndarray  # (2, lines)
    moments: np.ndarray  # (2, 2): photons above the chambers' cut-off, and their energy


@jit
def aperture_share(chambers, w):
    """Part of a turn about the seed's axis in which a photon passes the aperture on the transverse axis."""
    cosine = math.sqrt(max(1.0 - w * w, 1e-12))
    return math.acos(min(chambers.cos_half_angle / cosine, 1.0)) / math.pi


@jit
def length_in_ring(inner, outer, half_height, x, y, z, u, v, w):
    """Length in a ring of a ray that starts inside the ring's hole, cm."""
    quadratic = u * u + v * v
    if quadratic < 1e-14:
        return 0.0
    half_linear = x * u + y * v
    rho2 = x * x + y * y
    t_in = (-half_linear + math.sqrt(half_linear**2 - quadratic * (rho2 - inner * inner))) / quadratic
    t_out = (-half_linear + math.sqrt(half_linear**2 - quadratic * (rho2 - outer * outer))) / quadratic
    if abs(w) > 1e-14:
        a = (-half_height - z) / w
        b = (half_height - z) / w
        t_in = max(t_in, min(a, b))
        t_out = min(t_out, max(a, b))
    elif abs(z) > half_height:
        return 0.0
    return max(t_out - t_in, 0.0)


@jit
def tally_leaving(energy, x, y, z, u, v, w, tables, chambers, lines, bins_per_kev, leaving):
    """Score a photon on its way out of the seed, as if there were vacuum around it."""
    share = aperture_share(chambers, w)
    bin_ = min(int(energy * bins_per_kev), leaving.spectrum.shape[1] - 1)
    leaving.spectrum[ALL, bin_] += 1.0
    leaving.spectrum[IN_APERTURE, bin_] += share
    for k in range(lines.shape[0]):
        # a line's energy is kept to the last bit until the photon is scattered incoherently
        if lines[k] == energy:
            leaving.lines[ALL, k] += 1.0
            leaving.lines[IN_APERTURE, k] += share
            break
    if energy < chambers.cut_off:
        return
    leaving.moments[ALL, 0] += 1.0
    leaving.moments[ALL, 1] += energy
    leaving.moments[IN_APERTURE, 0] += share
    leaving.moments[IN_APERTURE, 1] += share * energy
    index = energy_bin(tables, energy)
    above = energy_offset(tables, energy, index)
    kerma = energy * (
        tables.energy_absorption[index, chambers.medium, 0]
        + above * tables.energy_absorption[index, chambers.medium, 1]
    )
    leaving.kerma[0] += kerma * share
    leaving.kerma[1] += kerma * length_in_ring(
        chambers.ring_inner, chambers.ring_outer, chambers.ring_half_height, x, y, z, u, v, w
    )


@jit
def follow_in_sphere(
    x, y, z, u, v, w, energy, radius, density, medium, solids, tables, cut_off, cells, shells, rings, intervals,
    deposited, state, cell_state,
):  # fmt: skip
    """Follow a photon that leaves the seed at the centre of a sphere of one medium until it is gone."""
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
        kerma = energy * (
            tables.energy_absorption[index, medium, 0] + above * tables.energy_absorption[index, medium, 1]
        )
        score_flight(cells, x, y, z, u, v, w, step, kerma, shells, rings, cell_state)
        if enters:
            status, x, y, z, u, v, w, t, energy, path = pass_through_seed(
                x,
                y,
                z,
                u,
                v,
                w,
                step,
                energy,
                path - mu * step,
                solids,
                tables,
                cut_off,
                intervals,
                deposited,
                state,
            )
            if status == ABSORBED:
                return
            x += t * u
            y += t * v
            z += t * w
            leaving = True
            continue
        if step == to_edge:
            return
        x += step * u
        y += step * v
        z += step * w
        energy, u, v, w, _ = interact(energy, u, v, w, medium, tables, state)
        path = optical_path(state)
        leaving = False


@allocating_jit
def characterisation_batch(
    first, count, run_seed, layer, radius, density, medium, solids, tables, cut_off, chambers, lines, bins_per_kev,
    cells, shells, rings, leaving,
):  # fmt: skip
    """Histories first … first+count−1; adds E µ_en/ρ · path to `shells` and `rings`, and to `leaving` what leaves."""
    state = np.empty(2, np.uint64)
    cell_state = np.empty(2, np.uint64)
    intervals = np.empty((2, solids.z_min.shape[0]))
    deposited = np.zeros(2)
    for h in range(first, first + count):
        start_stream(state, run_seed, STREAM_CHARACTERISATION, 0, h)
        rho, z = emission_point(layer, state)
        energy = emission_energy(layer, state)
        u, v, w = isotropic(state)
        status, x, y, z, u, v, w, t, energy, _ = pass_through_seed(
            rho, 0.0, z, u, v, w, 0.0, energy, optical_path(state), solids, tables, cut_off, intervals, deposited,
            state,
        )  # fmt: skip
        if status == ABSORBED:
            continue
        x += t * u
        y += t * v
        z += t * w
        tally_leaving(energy, x, y, z, u, v, w, tables, chambers, lines, bins_per_kev, leaving)
        start_stream(cell_state, run_seed, STREAM_CELLS, 0, h)
        follow_in_sphere(
            x, y, z, u, v, w, energy, radius, density, medium, solids, tables, cut_off, cells, shells, rings,
            intervals, deposited, state, cell_state,
        )  # fmt: skip
