"""Photon transport through voxels with seeds in them; track-length scoring of collision kerma."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import inlined_jit, jit
from mcsim.kernels.block_flight import enter, fly_in_block, next_voxel, ticks
from mcsim.kernels.interaction import interact
from mcsim.kernels.replay import replayed_photon, turn
from mcsim.kernels.rng import STREAM_IMPLANT, optical_path, start_stream
from mcsim.kernels.seed_passage import ABSORBED, LEFT_SCATTERED, pass_through_seed
from mcsim.kernels.seeds_in_voxels import from_seed, hidden_length, inside_hidden, next_seed, to_seed
from mcsim.kernels.surroundings import COLLIDED, LEFT, fly_outside
from mcsim.kernels.tables import energy_bin, energy_offset
from mcsim.kernels.voxel_grid import LEFT_BLOCK, SEED_FLAG

# Sums kept for the energy balance, keV: emitted from the seeds' surfaces, stayed in tissue, stayed in seeds, fell below
# the cut-off, left the phantom.
EMITTED, IN_TISSUE, IN_SEEDS, BELOW_CUT_OFF, LEFT_PHANTOM = range(5)


RELOCATE, INTERACTION, SEED = range(3)  # why stepping stops


class Tallies(NamedTuple):
    """What a batch scores."""

    # Collision kerma to the voxel's medium, from the fluence in the medium: weight · E · path · µ_en/ρ, keV cm³/g.
    primary: np.ndarray  # (block,): from photons that have not interacted since they left their seed
    scattered: np.ndarray  # (block,): from all others
    # What collision kerma to water, from the same fluence (TG-186, doi:10.1118/1.4747264), has more than that to the
    # medium, from all photons; exactly 0 in water.
    water: np.ndarray  # (block,)
    # Energy that interactions leave over density, keV cm³/g; empty unless asked for.
    deposited: np.ndarray  # (block,)
    region: np.ndarray  # (block,) int16: row of `spectrum`; empty without spectra
    spectrum: np.ndarray  # (regions, energy bins of the tables): weight · E · path, keV cm
    balance: np.ndarray  # (5,), keV


@inlined_jit
def transport_photon(
    x, y, z, u, v, w, energy, emitter, weight, primary, skip, voxels, seeds, solids, tables, cut_off, scratch, tallies,
    state,
):  # fmt: skip
    """Follow one photon of seed `emitter` until it is absorbed or leaves the phantom.

    It has just left seed `skip` (−1: none): a ray that leaves a convex seed does not meet it again before it is
    deflected. It is `primary` if it has not interacted since it left its own seed. `scratch` is that of
    ``scratch_arrays``.
    """
    coefficients, intervals, deposited = scratch
    medium_of, density_of, balance = voxels.medium, voxels.density, tallies.balance
    spectra, analogue = tallies.region.shape[0] > 0, tallies.deposited.shape[0] > 0
    lower_x, lower_y, lower_z = voxels.lower[0], voxels.lower[1], voxels.lower[2]
    upper_x, upper_y, upper_z = voxels.upper[0], voxels.upper[1], voxels.upper[2]
    tick = voxels.tick
    per_cm = 1.0 / tick
    path = optical_path(state)
    inside = lower_x <= x <= upper_x and lower_y <= y <= upper_y and lower_z <= z <= upper_z
    t = 0.0
    while True:
        # a flight: the ray (x, y, z) + t (u, v, w) from t on, with the energy and the optical path left
        index = energy_bin(tables, energy)
        above = energy_offset(tables, energy, index)
        scored = weight * energy
        row_of = voxels.coefficients[index]
        water = row_of[voxels.media_count, 2] + above * row_of[voxels.media_count, 3]
        for m in range(voxels.media_count):
            coefficients[m, 0] = row_of[m, 0] + above * row_of[m, 1]
            to_medium = row_of[m, 2] + above * row_of[m, 3]
            coefficients[m, 1] = scored * to_medium
            coefficients[m, 2] = scored * (water - to_medium)
        # a component of 0, of either sign, counts as upwards in all of these
        inverse_u = 1.0 / u if abs(u) > 1e-12 else (1e12 if u >= 0.0 else -1e12)
        inverse_v = 1.0 / v if abs(v) > 1e-12 else (1e12 if v >= 0.0 else -1e12)
        inverse_w = 1.0 / w if abs(w) > 1e-12 else (1e12 if w >= 0.0 else -1e12)
        tally = tallies.primary if primary else tallies.scattered
        medium = 0
        event = RELOCATE
        while event == RELOCATE:
            if not inside:
                status, t, medium = fly_outside(
                    voxels, coefficients, x, y, z, u, v, w, inverse_u, inverse_v, inverse_w, t, state
                )
                if status == LEFT:
                    balance[LEFT_PHANTOM] += weight * energy
                    return
                if status == COLLIDED:
                    event = INTERACTION
                    break
                inside = True
                path = optical_path(state)
            voxel, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z = enter(
                voxels, x, y, z, u, v, w, t, inverse_u, inverse_v, inverse_w
            )
            now = ticks(t, per_cm)
            while True:
                voxel, now, path, t_x, t_y, t_z, medium, step = fly_in_block(
                    voxel, now, tick, path, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z, medium_of,
                    density_of, coefficients, scored, tally, tallies.water, tallies.region, tallies.spectrum, index,
                )  # fmt: skip
                t = now * tick + step
                if medium < SEED_FLAG:
                    event = INTERACTION
                    break
                if medium == LEFT_BLOCK:
                    inside = False
                    break
                # one step through a voxel that a seed may touch
                medium -= SEED_FLAG
                now = min(t_x, t_y, t_z)
                hit, t_stop = next_seed(seeds, solids, voxel, emitter, skip, x, y, z, u, v, w, t, now * tick)
                step = t_stop - t
                mu = density_of[voxel] * coefficients[medium, 0]
                interacts = mu * step >= path
                if interacts:
                    step = path / mu
                counted = step
                if not seeds.interseed:
                    counted -= hidden_length(seeds, solids, voxel, emitter, x, y, z, u, v, w, t, t + step)
                tally[voxel] += counted * coefficients[medium, 1]
                tallies.water[voxel] += counted * coefficients[medium, 2]
                if spectra:
                    tallies.spectrum[tallies.region[voxel], index] += counted * scored
                if interacts:
                    t += step
                    event = INTERACTION
                    break
                path -= mu * step
                t = t_stop
                if hit >= 0:
                    event = SEED
                    break
                voxel, t_x, t_y, t_z = next_voxel(
                    voxel, now, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z
                )
            if event == SEED:
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
                    px, py, pz, du, dv, dw, t, energy, path, solids, tables, cut_off, intervals, deposited, state
                )  # fmt: skip
                balance[IN_SEEDS] += weight * deposited[0]
                balance[BELOW_CUT_OFF] += weight * deposited[1]
                if status == ABSORBED:
                    return
                skip = hit
                event = RELOCATE
                if status == LEFT_SCATTERED:
                    primary = False
                    x, y, z = from_seed(seeds, hit, px, py, pz)
                    x += seeds.position[hit, 0]
                    y += seeds.position[hit, 1]
                    z += seeds.position[hit, 2]
                    u, v, w = from_seed(seeds, hit, du, dv, dw)
                    event = SEED
        if event == SEED:
            continue  # the flight starts anew without an interaction in tissue
        visible = True
        if analogue and inside and not seeds.interseed and medium_of[voxel] >= SEED_FLAG:
            # an interaction inside the place of a seed that is not solid deposits nothing that counts
            visible = not inside_hidden(seeds, solids, voxel, emitter, x, y, z, u, v, w, t)
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
        if analogue and visible and inside:
            left_here = before - energy if followed else before
            tallies.deposited[voxel] += weight * left_here / density_of[voxel]
        if not followed:
            balance[BELOW_CUT_OFF] += weight * energy
            return
        path = optical_path(state)


def scratch_arrays(media: int, solids: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room that a thread's photons share; made outside the kernels, which allocate nothing."""
    return np.empty((media, 3)), np.empty((2, solids)), np.empty(2)


@jit
def transport_batch(
    emitters, first, count, stored, shift, run_seed, emission, voxels, seeds, solids, tables, cut_off, scratch, tallies,
    state,
):  # fmt: skip
    """Productive histories first … first+count−1 of the seeds `emitters` (k,), scored together in `tallies`.

    History first + h of seed j is the stored one number `stored` + ((j + `shift`) mod seeds) count + h. `state` (2,)
    uint64 is room for the random numbers.
    """
    productive, seed_count = emission.first_photon.shape[0] - 1, seeds.position.shape[0]
    for k in range(emitters.shape[0]):
        j = emitters[k]
        for h in range(count):
            start_stream(state, run_seed, STREAM_IMPLANT, j, first + h)
            history = (stored + (j + shift) % seed_count * count + h) % productive
            cosine, sine, sign = turn(emission, state)
            for photon in range(emission.first_photon[history], emission.first_photon[history + 1]):
                x, y, z, u, v, w, energy = replayed_photon(emission, photon, cosine, sine, sign)
                x, y, z = from_seed(seeds, j, x, y, z)
                u, v, w = from_seed(seeds, j, u, v, w)
                tallies.balance[EMITTED] += seeds.weight[j] * energy
                transport_photon(
                    x + seeds.position[j, 0], y + seeds.position[j, 1], z + seeds.position[j, 2], u, v, w,
                    energy, j, seeds.weight[j], True, j, voxels, seeds, solids, tables, cut_off, scratch, tallies,
                    state,
                )  # fmt: skip
