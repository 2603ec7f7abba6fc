"""Replay of a phase space by correlated sampling: every photon of a history, and those that wait for their turn."""

from __future__ import annotations

from mcsim.kernels._jit import jit
from mcsim.kernels.correlated_seeds import put
from mcsim.kernels.correlated_transport import SOFT, follow
from mcsim.kernels.replay import replayed_photon, turn
from mcsim.kernels.rng import STREAM_IMPLANT, start_stream
from mcsim.kernels.seeds_in_voxels import from_seed
from mcsim.kernels.voxel_transport import EMITTED, transport_photon

WAITING = 128  # photons that may wait for their turn


@jit
def correlated_batch(
    emitters, first, count, stored, shift, run_seed, emission, voxels, seeds, solids, tables, cut_off, control, scratch,
    waiting, tallies, state,
):  # fmt: skip
    """The histories that `transport_batch` would follow, scored as the difference to water.

    `waiting` (WAITING, 12) is room for photons that wait; `scratch` and `state` as there.
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
                x += seeds.position[j, 0]
                y += seeds.position[j, 1]
                z += seeds.position[j, 2]
                weight = seeds.weight[j]
                tallies.balance[EMITTED] += weight * energy
                phantom_weight = 1.0
                in_water = True
                primary = True
                skip = j
                waiting_count = 0
                if energy < SOFT:
                    waiting_count = put(
                        waiting, 0, x, y, z, u, v, w, energy, weight, phantom_weight, False, True, skip
                    )
                    phantom_weight = 0.0
                while True:
                    if in_water:
                        waiting_count = follow(
                            x, y, z, u, v, w, energy, j, weight, phantom_weight, primary, skip, voxels, seeds,
                            solids, tables, cut_off, control, scratch, waiting, waiting_count, tallies, state,
                        )  # fmt: skip
                    elif not control.trial:
                        transport_photon(
                            x, y, z, u, v, w, energy, j, weight * phantom_weight, primary, skip, voxels, seeds, solids,
                            tables, cut_off, scratch, tallies, state,
                        )  # fmt: skip
                    if waiting_count == 0:
                        break
                    waiting_count -= 1
                    place = waiting[waiting_count]
                    x, y, z, u, v, w = place[0], place[1], place[2], place[3], place[4], place[5]
                    energy, weight, phantom_weight, skip = place[6], place[7], place[8], int(place[10])
                    in_water = place[9] > 0.0
                    primary = place[11] > 0.0
    # what photons that are followed plainly leave behind is not the whole
    tallies.balance[EMITTED + 1 :] = 0.0
