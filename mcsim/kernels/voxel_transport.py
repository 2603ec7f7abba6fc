"""Photon transport through rectilinear voxels with seeds in them; track-length scoring of collision kerma."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import jit
from mcsim.kernels.interaction import interact
from mcsim.kernels.replay import draw_history, replayed_photon
from mcsim.kernels.rng import STREAM_IMPLANT, optical_path, start_stream
from mcsim.kernels.seed_passage import ABSORBED, LEFT_SCATTERED, pass_through_seed
from mcsim.kernels.solids import outside
from mcsim.kernels.tables import energy_bin, energy_offset

# What is scored in every voxel: collision kerma to the voxel's medium and to water, both from the fluence in the medium
# (TG-186, doi:10.1118/1.4747264), and the part of the first from photons that have not interacted since they left
# their seed; on request the energy that interactions leave in the voxel, the analogue estimate of the first.
DOSE_TO_MEDIUM, DOSE_TO_WATER, PRIMARY_DOSE_TO_MEDIUM, DEPOSITED_ENERGY = range(4)
QUANTITIES = 3  # without the one on request

SEED_FLAG = 128  # set in `medium` where a seed may touch the voxel

# Sums kept for the energy balance, keV: emitted from the seeds' surfaces, stayed in tissue, stayed in seeds, fell below
# the cut-off, left the phantom.
EMITTED, IN_TISSUE, IN_SEEDS, BELOW_CUT_OFF, LEFT_PHANTOM = range(5)


class Voxels(NamedTuple):
    """Rectilinear voxel phantom; flat index (ix ny + iy) nz + iz."""

    x_planes: np.ndarray
    y_planes: np.ndarray
    z_planes: np.ndarray
    medium: np.ndarray  # (nx ny nz,) uint8, medium index, plus SEED_FLAG
    density: np.ndarray  # (nx ny nz,) float32, g/cm³
    media_count: int
    water: int  # index of liquid water in the tables


class PlacedSeeds(NamedTuple):
    """Seeds in the phantom and the list of those that may touch each flagged voxel."""

    position: np.ndarray  # (n, 3), cm
    frame: np.ndarray  # (n, 3, 3): rows are the seed's own axes in the phantom's frame
    weight: np.ndarray  # (n,): relative air-kerma strength
    flagged: np.ndarray  # (f,) int64, ascending flat indices of flagged voxels
    first: np.ndarray  # (f + 1,) int64 into `touching`
    touching: np.ndarray  # int64 seed indices
    interseed: bool  # all seeds are solid; otherwise only the emitting one


class Tallies(NamedTuple):
    """What a batch scores."""

    dose: (
        np.ndarray
    )  # (voxels, 3 or 4): weight · E · path · µ_en/ρ, or energy deposited over density, keV cm³/g
    region: np.ndarray  # (voxels,) int16: row of `spectrum`; empty without spectra
    spectrum: np.ndarray  # (regions, energy bins of the tables): weight · E · path, keV cm
    balance: np.ndarray  # (5,), keV


@jit
def locate(planes, value, direction):
    """Index of the cell that a ray at `value` is in or enters; −1 or the count outside."""
    count = planes.shape[0] - 1
    if value < planes[0] or value > planes[count]:
        return -1
    low = 0
    high = count
    while high - low > 1:
        middle = (low + high) // 2
        if planes[middle] <= value:
            low = middle
        else:
            high = middle
    if direction < 0.0 and value == planes[low]:
        low -= 1
    return low


@jit
def to_seed(seeds, j, x, y, z):
    """A vector's components in the frame of seed `j` (subtract the position first for a point)."""
    f = seeds.frame[j]
    return (
        f[0, 0] * x + f[0, 1] * y + f[0, 2] * z,
        f[1, 0] * x + f[1, 1] * y + f[1, 2] * z,
        f[2, 0] * x + f[2, 1] * y + f[2, 2] * z,
    )


@jit
def from_seed(seeds, j, x, y, z):
    """A vector's components in the phantom's frame from those in the frame of seed `j`."""
    f = seeds.frame[j]
    return (
        f[0, 0] * x + f[1, 0] * y + f[2, 0] * z,
        f[0, 1] * x + f[1, 1] * y + f[2, 1] * z,
        f[0, 2] * x + f[1, 2] * y + f[2, 2] * z,
    )


@jit
def next_seed(seeds, solids, voxel, emitter, skip, x, y, z, u, v, w, t, t_limit):
    """First seed entered on the ray between `t` and `t_limit`: its index (−1: none) and the ray parameter."""
    slot = np.searchsorted(seeds.flagged, voxel)
    hit = -1
    t_hit = t_limit
    for entry in range(seeds.first[slot], seeds.first[slot + 1]):
        j = seeds.touching[entry]
        if j == skip or not (seeds.interseed or j == emitter):
            continue
        px, py, pz = to_seed(
            seeds, j, x - seeds.position[j, 0], y - seeds.position[j, 1], z - seeds.position[j, 2]
        )
        du, dv, dw = to_seed(seeds, j, u, v, w)
        t_in, t_out = outside(solids, px, py, pz, du, dv, dw)
        # A photon that scatters within round-off of the surface may start a hair inside: it enters at once.
        t_in = max(t_in, t)
        if t_out > t_in + 1e-12 and t_in < t_hit:
            hit = j
            t_hit = t_in
    return hit, t_hit


@jit
def hidden_length(seeds, solids, voxel, emitter, x, y, z, u, v, w, t, t_end):
    """Part of the ray between `t` and `t_end` inside seeds that are not solid (all but the emitter), cm.

    In superposition photons go through the other seeds' places as through tissue, but dose is a mean over the voxel's
    part outside all seeds, in every setting: what a photon scores inside such a place does not count.
    """
    length = 0.0
    slot = np.searchsorted(seeds.flagged, voxel)
    for entry in range(seeds.first[slot], seeds.first[slot + 1]):
        j = seeds.touching[entry]
        if j == emitter:
            continue
        px, py, pz = to_seed(
            seeds, j, x - seeds.position[j, 0], y - seeds.position[j, 1], z - seeds.position[j, 2]
        )
        du, dv, dw = to_seed(seeds, j, u, v, w)
        t_in, t_out = outside(solids, px, py, pz, du, dv, dw)
        length += max(0.0, min(t_out, t_end) - max(t_in, t))
    return length


@jit
def inside_hidden(seeds, solids, voxel, emitter, x, y, z, u, v, w, t):
    """Whether the point at `t` on the ray lies inside a seed that is not solid."""
    slot = np.searchsorted(seeds.flagged, voxel)
    for entry in range(seeds.first[slot], seeds.first[slot + 1]):
        j = seeds.touching[entry]
        if j == emitter:
            continue
        px, py, pz = to_seed(
            seeds, j, x - seeds.position[j, 0], y - seeds.position[j, 1], z - seeds.position[j, 2]
        )
        du, dv, dw = to_seed(seeds, j, u, v, w)
        t_in, t_out = outside(solids, px, py, pz, du, dv, dw)
        if t_in < t < t_out:
            return True
    return False


@jit
def transport_photon(
    x,
    y,
    z,
    u,
    v,
    w,
    energy,
    emitter,
    weight,
    voxels,
    seeds,
    solids,
    tables,
    cut_off,
    scratch,
    tallies,
    state,
):
    """Follow one photon that has just left seed `emitter` until it is absorbed or leaves the phantom.

    `scratch` is (attenuation (media,), absorption (media,), intervals (2, solids), deposited (2,)).
    """
    attenuation, absorption, intervals, deposited = scratch
    tally, balance = tallies.dose, tallies.balance
    spectra = tallies.region.shape[0] > 0
    analogue = tally.shape[1] > DEPOSITED_ENERGY
    nx = voxels.x_planes.shape[0] - 1
    ny = voxels.y_planes.shape[0] - 1
    nz = voxels.z_planes.shape[0] - 1
    path = optical_path(state)
    skip = emitter  # a ray that leaves a convex seed does not meet it again before it is deflected
    t = 0.0
    primary = True
    while True:
        # a flight: the ray (x, y, z) + t (u, v, w) from t on, with the energy and the optical path left
        index = energy_bin(tables, energy)
        above = energy_offset(tables, energy, index)
        scored = weight * energy
        for m in range(voxels.media_count):
            attenuation[m] = tables.total[index, m, 0] + above * tables.total[index, m, 1]
            absorption[m] = scored * (
                tables.energy_absorption[index, m, 0] + above * tables.energy_absorption[index, m, 1]
            )
        # a component of 0, of either sign, counts as upwards in all three of these
        absorption_water = scored * (
            tables.energy_absorption[index, voxels.water, 0]
            + above * tables.energy_absorption[index, voxels.water, 1]
        )
        inverse_u = 1.0 / u if abs(u) > 1e-12 else (1e12 if u >= 0.0 else -1e12)
        inverse_v = 1.0 / v if abs(v) > 1e-12 else (1e12 if v >= 0.0 else -1e12)
        inverse_w = 1.0 / w if abs(w) > 1e-12 else (1e12 if w >= 0.0 else -1e12)
        step_x = 1 if u >= 0.0 else -1
        step_y = 1 if v >= 0.0 else -1
        step_z = 1 if w >= 0.0 else -1
        up_x = 1 if u >= 0.0 else 0
        up_y = 1 if v >= 0.0 else 0
        up_z = 1 if w >= 0.0 else 0
        relocate = True
        while True:
            if relocate:
                ix = locate(voxels.x_planes, x + t * u, u)
                iy = locate(voxels.y_planes, y + t * v, v)
                iz = locate(voxels.z_planes, z + t * w, w)
                if ix < 0 or iy < 0 or iz < 0:
                    balance[LEFT_PHANTOM] += weight * energy
                    return
                t_x = (voxels.x_planes[ix + up_x] - x) * inverse_u
                t_y = (voxels.y_planes[iy + up_y] - y) * inverse_v
                t_z = (voxels.z_planes[iz + up_z] - z) * inverse_w
                voxel = (ix * ny + iy) * nz + iz
                relocate = False
            t_next = min(t_x, t_y, t_z)
            medium = voxels.medium[voxel]
            hit = -1
            transparent_seeds = False
            if medium & SEED_FLAG:
                medium &= SEED_FLAG - 1
                transparent_seeds = not seeds.interseed
                hit, t_next = next_seed(seeds, solids, voxel, emitter, skip, x, y, z, u, v, w, t, t_next)
            mu = voxels.density[voxel] * attenuation[medium]
            step = max(t_next - t, 0.0)
            interacts = mu * step >= path
            if interacts:
                step = path / mu
            counted = step
            if transparent_seeds:
                counted -= hidden_length(seeds, solids, voxel, emitter, x, y, z, u, v, w, t, t + step)
            to_medium = counted * absorption[medium]
            tally[voxel, DOSE_TO_MEDIUM] += to_medium
            tally[voxel, DOSE_TO_WATER] += counted * absorption_water
            if primary:
                tally[voxel, PRIMARY_DOSE_TO_MEDIUM] += to_medium
            if spectra:
                tallies.spectrum[tallies.region[voxel], index] += counted * scored
            if interacts:
                # an interaction inside the place of a seed that is not solid deposits nothing that counts
                visible = not transparent_seeds or not inside_hidden(
                    seeds, solids, voxel, emitter, x, y, z, u, v, w, t + step
                )
                t += step
                break
            path -= mu * step
            t = t_next
            if hit >= 0:
                px, py, pz = to_seed(
                    seeds,
                    hit,
                    x - seeds.position[hit, 0],
                    y - seeds.position[hit, 1],
                    z - seeds.position[hit, 2],
                )
                du, dv, dw = to_seed(seeds, hit, u, v, w)
                deposited[0] = 0.0
                deposited[1] = 0.0
                status, px, py, pz, du, dv, dw, t, energy, path = pass_through_seed(
                    px,
                    py,
                    pz,
                    du,
                    dv,
                    dw,
                    t,
                    energy,
                    path,
                    solids,
                    tables,
                    cut_off,
                    intervals,
                    deposited,
                    state,
                )
                balance[IN_SEEDS] += weight * deposited[0]
                balance[BELOW_CUT_OFF] += weight * deposited[1]
                if status == ABSORBED:
                    return
                skip = hit
                if status == LEFT_SCATTERED:
                    primary = False
                    x, y, z = from_seed(seeds, hit, px, py, pz)
                    x += seeds.position[hit, 0]
                    y += seeds.position[hit, 1]
                    z += seeds.position[hit, 2]
                    u, v, w = from_seed(seeds, hit, du, dv, dw)
                    medium = SEED_FLAG  # marks that the flight starts anew without an interaction in tissue
                    break
                relocate = True
                continue
            if t_next == t_x:
                ix += step_x
                if ix < 0 or ix >= nx:
                    balance[LEFT_PHANTOM] += weight * energy
                    return
                t_x = (voxels.x_planes[ix + up_x] - x) * inverse_u
                voxel += step_x * ny * nz
            elif t_next == t_y:
                iy += step_y
                if iy < 0 or iy >= ny:
                    balance[LEFT_PHANTOM] += weight * energy
                    return
                t_y = (voxels.y_planes[iy + up_y] - y) * inverse_v
                voxel += step_y * nz
            else:
                iz += step_z
                if iz < 0 or iz >= nz:
                    balance[LEFT_PHANTOM] += weight * energy
                    return
                t_z = (voxels.z_planes[iz + up_z] - z) * inverse_w
                voxel += step_z
        if medium == SEED_FLAG:
            continue
        x += t * u
        y += t * v
        z += t * w
        t = 0.0
        skip = -1
        primary = False
        before = energy
        energy, u, v, w, _ = interact(energy, u, v, w, medium, tables, state)
        balance[IN_TISSUE] += weight * (before - energy)
        followed = energy >= cut_off
        if analogue and visible:
            left_here = before - energy if followed else before
            tally[voxel, DEPOSITED_ENERGY] += weight * left_here / voxels.density[voxel]
        if not followed:
            balance[BELOW_CUT_OFF] += weight * energy
            return
        path = optical_path(state)


@jit
def transport_batch(
    emitters, first, count, run_seed, emission, voxels, seeds, solids, tables, cut_off, tallies
):
    """Productive histories first … first+count−1 of the seeds `emitters` (k,), scored together in `tallies`."""
    state = np.empty(2, np.uint64)
    scratch = (
        np.empty(voxels.media_count),
        np.empty(voxels.media_count),
        np.empty((2, solids.z_min.shape[0])),
        np.empty(2),
    )
    for j in emitters:
        for h in range(first, first + count):
            start_stream(state, run_seed, STREAM_IMPLANT, j, h)
            history, cosine, sine, sign = draw_history(emission, state)
            for photon in range(emission.first_photon[history], emission.first_photon[history + 1]):
                x, y, z, u, v, w, energy = replayed_photon(emission, photon, cosine, sine, sign)
                x, y, z = from_seed(seeds, j, x, y, z)
                u, v, w = from_seed(seeds, j, u, v, w)
                tallies.balance[EMITTED] += seeds.weight[j] * energy
                transport_photon(
                    x + seeds.position[j, 0],
                    y + seeds.position[j, 1],
                    z + seeds.position[j, 2],
                    u,
                    v,
                    w,
                    energy,
                    j,
                    seeds.weight[j],
                    voxels,
                    seeds,
                    solids,
                    tables,
                    cut_off,
                    scratch,
                    tallies,
                    state,
                )
