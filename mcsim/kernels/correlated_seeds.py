"""Other seeds on the way of a photon that is sampled in water, and the photons that wait for their turn."""

from __future__ import annotations

import math

import numpy as np

from mcsim.kernels._jit import inlined_jit, jit
from mcsim.kernels.rng import optical_path
from mcsim.kernels.second_weight import optical_depth
from mcsim.kernels.seed_passage import LEFT_SCATTERED, pass_through_seed
from mcsim.kernels.seeds_in_voxels import from_seed, to_seed
from mcsim.kernels.solids import outside


@inlined_jit
def other_seed(seeds, solids, voxel, emitter, skip, x, y, z, u, v, w, t, t_limit):
    """First seed but the emitter that the ray is in or enters between `t` and `t_limit`.

    Returns its index (−1: none) and the ray parameters at which it is entered (`t_limit` if none) and left.
    """
    slot = np.searchsorted(seeds.flagged, voxel)
    hit = -1
    t_hit = t_limit
    t_left = t
    for entry in range(seeds.first[slot], seeds.first[slot + 1]):
        j = seeds.touching[entry]
        if j in (emitter, skip):
            continue
        px, py, pz = to_seed(
            seeds, j, x - seeds.position[j, 0], y - seeds.position[j, 1], z - seeds.position[j, 2]
        )
        du, dv, dw = to_seed(seeds, j, u, v, w)
        t_in, t_out = outside(solids, px, py, pz, du, dv, dw)
        t_in = max(t_in, t)
        if t_out > t_in + 1e-12 and t_in < t_hit:
            hit = j
            t_hit = t_in
            t_left = t_out
    return hit, t_hit, t_left


@inlined_jit
def put(waiting, count, x, y, z, u, v, w, energy, weight, phantom_weight, in_water, primary, skip):
    """Let a photon wait for its turn, to be followed in both worlds or in the phantom alone; returns how many do."""
    if count == waiting.shape[0]:
        raise RuntimeError("more photons wait than there is room for")
    place = waiting[count]
    place[0], place[1], place[2] = x, y, z
    place[3], place[4], place[5] = u, v, w
    place[6] = energy
    place[7] = weight
    place[8] = phantom_weight
    place[9] = 1.0 if in_water else 0.0
    place[10] = skip
    place[11] = 1.0 if primary else 0.0
    return count + 1


@jit
def meet_seed(
    x, y, z, u, v, w, t, t_out, energy, index, above, j, weight, phantom_weight, mu_water, seeds, solids, tables,
    cut_off, intervals, deposited, waiting, waiting_count, state,
):  # fmt: skip
    """Weight of passing seed `j` between `t` and `t_out` untouched, and the number of photons waiting.

    An independent trial inside the seed decides about the photon that does interact there.
    """
    px, py, pz = to_seed(
        seeds, j, x - seeds.position[j, 0], y - seeds.position[j, 1], z - seeds.position[j, 2]
    )
    du, dv, dw = to_seed(seeds, j, u, v, w)
    depth = optical_depth(solids, tables, index, above, px, py, pz, du, dv, dw, t, t_out, intervals)
    status, px, py, pz, du, dv, dw, _, spawned, _ = pass_through_seed(
        px, py, pz, du, dv, dw, t, energy, optical_path(state), solids, tables, cut_off, intervals, deposited, state
    )  # fmt: skip
    if status == LEFT_SCATTERED:
        px, py, pz = from_seed(seeds, j, px, py, pz)
        du, dv, dw = from_seed(seeds, j, du, dv, dw)
        px += seeds.position[j, 0]
        py += seeds.position[j, 1]
        pz += seeds.position[j, 2]
        waiting_count = put(
            waiting, waiting_count, px, py, pz, du, dv, dw, spawned, weight, phantom_weight, False, False, j
        )
    return phantom_weight * math.exp(mu_water * (t_out - t) - depth), waiting_count
