"""Correlated sampling: photons sampled in water around their own seed, scored in the phantom and in water at once.

Every photon flies and interacts as if its seed stood alone in infinite water, and carries a second weight for the
phantom (``second_weight``). What it scores is the phantom's dose less a multiple of the dose in water; the mean of the
latter is known from a table and added back (``mcsim.water_control``). The mean is the phantom's dose, whatever the
multiple, because the multiple is fixed before; the noise that both doses have in common is gone.

What happens in the phantom and not in water has no partner and is scored in full: photons that interact in another
seed, and fluorescence of tissue. A photon that meets another seed flies on with the weight of not interacting there; an
independent trial inside the seed decides about the photon that did. Such photons need no water: they are followed as in
plain transport (``correlated_replay``). So are soft ones, mostly fluorescence of the capsule: sampled in water they
hardly cross a millimetre, whereas in air they go a long way, with weights that would be rare and huge.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels import coherent, incoherent
from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.block_flight import enter, next_voxel, ticks
from mcsim.kernels.correlated_flight import fly_correlated
from mcsim.kernels.correlated_seeds import meet_seed, other_seed, put
from mcsim.kernels.direction import deflect, isotropic
from mcsim.kernels.ratio_tracking import weight_outside
from mcsim.kernels.rng import optical_path, uniform
from mcsim.kernels.second_weight import coherent_ratio, incoherent_ratio, mean_attenuated
from mcsim.kernels.seed_passage import ABSORBED, LEFT_SCATTERED, pass_through_seed
from mcsim.kernels.seeds_in_voxels import from_seed, to_seed
from mcsim.kernels.solids import outside
from mcsim.kernels.tables import energy_bin, energy_offset
from mcsim.kernels.voxel_grid import LEFT_BLOCK, SEED_FLAG, box_span, cell

SOFT = 10.0  # keV; photons below go their own ways in the phantom and in water
# Fluorescence that carries at least this share of the energy of the photons it comes from is always followed.
SMALL_SHARE = 0.05


class Control(NamedTuple):
    """What ties the phantom's dose to the dose in water; made by ``mcsim.water_control``."""

    # Control cell of every voxel of the block; the last cell is where nothing is controlled.
    cell: np.ndarray  # (block,) int32
    primary: np.ndarray  # (seeds, cells) float32: multiple of the primary dose in water, for equal media
    scattered: np.ndarray  # (media · cells,) float32: the same for scattered photons of all seeds, by medium
    stride: int  # cells
    kerma_ratio: np.ndarray  # (media,): µ_en/ρ to that of water, by which multiples of dose to medium differ
    water: int  # index of liquid water in the medium tables
    density: float  # of that water, g/cm³
    incoherent_share: np.ndarray  # (nodes, media), see ``second_weight``
    coherent_share: np.ndarray  # (nodes, media)
    survival: float  # of photons that interact further than `survival_distance` from the block
    survival_distance: float  # cm
    most_copies: int  # of a photon scattered where the phantom scatters more than water
    trial: bool  # score moments instead of dose


@inlined_jit
def fluorescence(index, medium, tables, state):
    """Energy of a fluorescence photon of a medium, keV, and the mean number of all per absorption."""
    probability = tables.line_probability
    last = tables.line_count[medium] - 1
    u = uniform(state) * probability[index, medium, last]
    line = 0
    while line < last and u >= probability[index, medium, line]:
        line += 1
    return tables.line_energy[medium, line], probability[index, medium, last]


@inlined_jit
def follow(
    x, y, z, u, v, w, energy, emitter, weight, phantom_weight, primary, skip, voxels, seeds, solids, tables,
    cut_off, control, scratch, waiting, waiting_count, tallies, state,
):  # fmt: skip
    """Follow one photon; returns the number of photons waiting.

    Its weight is `weight` in water and `phantom_weight` times that in the phantom.
    """
    coefficients, intervals, deposited = scratch
    medium_of, density_of = voxels.medium, voxels.density
    spectra = tallies.region.shape[0] > 0
    lower_x, lower_y, lower_z = voxels.lower[0], voxels.lower[1], voxels.lower[2]
    upper_x, upper_y, upper_z = voxels.upper[0], voxels.upper[1], voxels.upper[2]
    tick = voxels.tick
    per_cm = 1.0 / tick
    water, density_water = control.water, control.density
    own_x, own_y, own_z = seeds.position[emitter, 0], seeds.position[emitter, 1], seeds.position[emitter, 2]
    own_reach2 = solids.outer_radius**2 + solids.half_length**2
    path = optical_path(state)
    inside = lower_x <= x <= upper_x and lower_y <= y <= upper_y and lower_z <= z <= upper_z
    t = 0.0
    while True:
        index = energy_bin(tables, energy)
        above = energy_offset(tables, energy, index)
        scored = weight * energy
        row_of = voxels.coefficients[index]
        last_row = voxels.media_count
        mu_water = density_water * (row_of[last_row, 0] + above * row_of[last_row, 1])
        scored_water = scored * (row_of[last_row, 2] + above * row_of[last_row, 3])
        for m in range(last_row):
            coefficients[m, 0] = row_of[m, 0] + above * row_of[m, 1]
            to_medium = scored * (row_of[m, 2] + above * row_of[m, 3])
            coefficients[m, 1] = to_medium
            coefficients[m, 2] = scored_water - to_medium
        inverse_u = 1.0 / u if abs(u) > 1e-12 else (1e12 if u >= 0.0 else -1e12)
        inverse_v = 1.0 / v if abs(v) > 1e-12 else (1e12 if v >= 0.0 else -1e12)
        inverse_w = 1.0 / w if abs(w) > 1e-12 else (1e12 if w >= 0.0 else -1e12)
        tally = tallies.primary if primary else tallies.scattered
        multiple = control.primary[emitter] if primary else control.scattered
        stride = 0 if primary else control.stride
        # a trial is about scattered photons; what primary ones score is put out of the way
        further = tallies.primary if control.trial and primary else tallies.water
        t_stop = t + path / mu_water
        meets_own = False
        if skip != emitter:
            # past the seed's bounding sphere at a distance?
            rx, ry, rz = own_x - x, own_y - y, own_z - z
            along = rx * u + ry * v + rz * w
            if rx * rx + ry * ry + rz * rz - along * along < own_reach2:
                px, py, pz = to_seed(seeds, emitter, -rx, -ry, -rz)
                du, dv, dw = to_seed(seeds, emitter, u, v, w)
                t_in, t_out = outside(solids, px, py, pz, du, dv, dw)
                t_in = max(t_in, t)
                if t_out > t_in + 1e-12 and t_in < t_stop:
                    meets_own = True
                    t_stop, left_over = t_in, mu_water * (t_stop - t_in)
        medium = water
        density = density_water
        in_place_of_seed = False
        t_blind = t  # up to here the ray runs through a seed that does not count as tissue
        while t < t_stop:
            if not inside:
                t_in, t_out = box_span(
                    lower_x, lower_y, lower_z, upper_x, upper_y, upper_z, x, y, z, inverse_u, inverse_v, inverse_w
                )  # fmt: skip
                t_end = t_stop
                if t < t_in < t_out and t_in < t_stop:
                    inside = True
                    t_end = t_in
                if phantom_weight > 0.0:
                    phantom_weight *= weight_outside(
                        voxels, coefficients, mu_water, x, y, z, u, v, w, t, t_end, state
                    )
                t = t_end
                if not inside:
                    break
            voxel, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z = enter(
                voxels, x, y, z, u, v, w, t, inverse_u, inverse_v, inverse_w
            )
            now = ticks(t, per_cm)
            stop = max(ticks(t_stop, per_cm), now)
            while True:
                voxel, now, phantom_weight, t_x, t_y, t_z, medium = fly_correlated(
                    voxel, now, stop, tick, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z, medium_of,
                    density_of, control.cell, multiple, stride, control.kerma_ratio, coefficients, mu_water, scored,
                    scored_water, phantom_weight, control.trial, tally, further, tallies.region,
                    tallies.spectrum, index,
                )  # fmt: skip
                density = density_of[voxel]
                if medium < SEED_FLAG:
                    t = t_stop
                    break
                t = now * tick
                if medium == LEFT_BLOCK:
                    inside = False
                    break
                # one step through a voxel that a seed may touch: nothing of it is controlled
                medium -= SEED_FLAG
                now = max(min(t_x, t_y, t_z, stop), now)
                t_next = now * tick
                excess = density * coefficients[medium, 0] - mu_water
                while phantom_weight > 0.0 and t < t_next:
                    if t < t_blind:
                        t_end = min(t_blind, t_next)
                        if not seeds.interseed:
                            phantom_weight *= math.exp(-excess * (t_end - t))
                        t = t_end
                        continue
                    j, t_end, t_blind = other_seed(
                        seeds, solids, voxel, emitter, skip, x, y, z, u, v, w, t, t_next
                    )
                    mean, passed = mean_attenuated(excess * (t_end - t))
                    here = phantom_weight * mean * (t_end - t)
                    if not control.trial:
                        tally[voxel] += here * coefficients[medium, 1]
                        further[voxel] += here * coefficients[medium, 2]
                    if spectra:
                        tallies.spectrum[tallies.region[voxel], index] += here * scored
                    phantom_weight *= passed
                    t = t_end
                    if j >= 0 and seeds.interseed:
                        phantom_weight, waiting_count = meet_seed(
                            x, y, z, u, v, w, t, t_blind, energy, index, above, j, weight, phantom_weight, mu_water,
                            seeds, solids, tables, cut_off, intervals, deposited, waiting, waiting_count, state,
                        )  # fmt: skip
                        in_place_of_seed = t_blind > t_stop
                if now == stop:
                    t = t_stop
                    break
                t = t_next
                voxel, t_x, t_y, t_z = next_voxel(
                    voxel, now, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z
                )
            if inside:
                break
        if meets_own:
            px, py, pz = to_seed(seeds, emitter, x - own_x, y - own_y, z - own_z)
            du, dv, dw = to_seed(seeds, emitter, u, v, w)
            deposited[0] = 0.0
            deposited[1] = 0.0
            status, px, py, pz, du, dv, dw, t, energy, path = pass_through_seed(
                px, py, pz, du, dv, dw, t_stop, energy, left_over, solids, tables, cut_off, intervals, deposited, state
            )  # fmt: skip
            if status == ABSORBED:
                return waiting_count
            skip = emitter
            inside = True
            if status == LEFT_SCATTERED:
                primary = False
                x, y, z = from_seed(seeds, emitter, px, py, pz)
                x += own_x
                y += own_y
                z += own_z
                u, v, w = from_seed(seeds, emitter, du, dv, dw)
                if energy < SOFT and phantom_weight > 0.0:
                    waiting_count = put(
                        waiting, waiting_count, x, y, z, u, v, w, energy, weight, phantom_weight, False, False,
                        skip,
                    )  # fmt: skip
                    phantom_weight = 0.0
            continue
        x += t_stop * u
        y += t_stop * v
        z += t_stop * w
        t = 0.0
        skip = -1
        primary = False
        if in_place_of_seed:
            phantom_weight = 0.0  # the trial inside the seed stands for it
        if not inside:
            away = max(lower_x - x, x - upper_x, lower_y - y, y - upper_y, lower_z - z, z - upper_z)
            if away > control.survival_distance:
                if uniform(state) >= control.survival:
                    return waiting_count
                weight /= control.survival
            if phantom_weight > 0.0:
                ix, iy, iz = (
                    cell(voxels.x_planes, x),
                    cell(voxels.y_planes, y),
                    cell(voxels.z_planes, z),
                )
                medium = voxels.outer_medium[ix, iy, iz]
                density = voxels.outer_density[ix, iy, iz]
        total = tables.total[index, water, 0] + above * tables.total[index, water, 1]
        inc = tables.incoherent[index, water, 0] + above * tables.incoherent[index, water, 1]
        coh = tables.coherent[index, water, 0] + above * tables.coherent[index, water, 1]
        share = density / density_water
        if medium != water and phantom_weight > 0.0 and tables.line_count[medium] > 0:
            here = tables.total[index, medium, 0] + above * tables.total[index, medium, 1]
            here -= tables.incoherent[index, medium, 0] + above * tables.incoherent[index, medium, 1]
            here -= tables.coherent[index, medium, 0] + above * tables.coherent[index, medium, 1]
            line, number = fluorescence(index, medium, tables, state)
            number *= share * here / total
            # what carries little energy is followed seldom, with more weight
            followed = min(1.0, number * line / (SMALL_SHARE * energy))
            if line >= cut_off and uniform(state) < followed:
                du, dv, dw = isotropic(state)
                waiting_count = put(
                    waiting, waiting_count, x, y, z, du, dv, dw, line, weight,
                    phantom_weight * number / followed, False, False, -1,
                )  # fmt: skip
        choice = uniform(state) * total
        if choice >= inc + coh:
            return waiting_count
        before = energy
        if medium == water or phantom_weight == 0.0:
            if choice < inc:
                cosine, energy = incoherent.sample_cosine(energy, water, tables, state)
            else:
                cosine = coherent.sample_cosine(energy, water, tables, state)
            u, v, w = deflect(u, v, w, cosine, state)
            phantom_weight *= share
        else:
            # a copy for every half of the weight that it would have: from 1.25 times the scattering of water on
            relative = weight * phantom_weight / seeds.weight[emitter]
            if choice < inc:
                copies = int(2.0 * relative * share - 0.5)
            else:
                here = tables.coherent[index, medium, 0] + above * tables.coherent[index, medium, 1]
                copies = int(2.0 * relative * share * here / coh - 0.5)
            copies = min(max(copies, 1), control.most_copies)
            weight /= copies
            u0, v0, w0 = u, v, w
            for copy in range(copies):
                if choice < inc:
                    cosine, energy = incoherent.sample_cosine(before, water, tables, state)
                    ratio = incoherent_ratio(before, cosine, medium, water, control.incoherent_share, tables)
                else:
                    cosine = coherent.sample_cosine(before, water, tables, state)
                    ratio = coherent_ratio(before, cosine, medium, water, control.coherent_share, tables)
                u, v, w = deflect(u0, v0, w0, cosine, state)
                ratio *= phantom_weight * share
                if copy + 1 < copies and energy >= cut_off:
                    waiting_count = put(
                        waiting, waiting_count, x, y, z, u, v, w, energy, weight, ratio, True, False, -1
                    )
            phantom_weight = ratio
        if energy < cut_off:
            return waiting_count
        path = optical_path(state)
