"""Seeds standing in the voxels: which one a ray meets, and what is hidden by seeds that are not solid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import jit
from mcsim.kernels.solids import outside


class PlacedSeeds(NamedTuple):
    """Seeds in the phantom and the list of those that may touch each flagged voxel."""

    position: np.ndarray  # (n, 3), cm
    frame: np.ndarray  # (n, 3, 3): rows are the seed's own axes in the phantom's frame
    weight: np.ndarray  # (n,): relative air-kerma strength
    flagged: np.ndarray  # (f,) int64, ascending flat indices of flagged voxels
    first: np.ndarray  # (f + 1,) int64 into `touching`
    touching: np.ndarray  # int64 seed indices
    interseed: bool  # all seeds are solid; otherwise only the emitting one


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
def span(seeds, solids, j, x, y, z, u, v, w):
    """Ray parameters at which a ray enters and leaves seed `j`; entry > exit if it misses."""
    px, py, pz = to_seed(
        seeds, j, x - seeds.position[j, 0], y - seeds.position[j, 1], z - seeds.position[j, 2]
    )
    du, dv, dw = to_seed(seeds, j, u, v, w)
    return outside(solids, px, py, pz, du, dv, dw)


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
        t_in, t_out = span(seeds, solids, j, x, y, z, u, v, w)
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
        t_in, t_out = span(seeds, solids, j, x, y, z, u, v, w)
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
        t_in, t_out = span(seeds, solids, j, x, y, z, u, v, w)
        if t_in < t < t_out:
            return True
    return False
