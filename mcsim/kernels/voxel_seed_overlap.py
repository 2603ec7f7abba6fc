"""How much of a voxel a seed leaves free: exact chords along one axis, quasi-Monte Carlo over the other two.

The lines run along the axis that the seed is most nearly across, so that their chords change continuously from line to
line. They start from the points of the additive recurrence of the plastic number (Roberts' R2 sequence): those do not
lie in rows that a surface parallel to the voxel's faces would meet or miss as a whole.
"""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.seeds_in_voxels import to_seed
from mcsim.kernels.solids import outside

LINES = 4096  # a fraction is right to about 1e-4
# 1/p and 1/p² with p the real root of p³ = p + 1
_STEP_1, _STEP_2 = 0.7548776662466927, 0.5698402909980532


@allocating_jit
def blocked_volume(low, high, seeds, j, solids):
    """Volume of seed `j` inside the box between `low` and `high` (3,), cm³."""
    axis = seeds.frame[j, 2]
    along = 0
    for k in range(1, 3):
        if abs(axis[k]) < abs(axis[along]):
            along = k
    second = (along + 1) % 3
    third = (along + 2) % 3
    start = np.empty(3)
    direction = np.zeros(3)
    direction[along] = 1.0
    du, dv, dw = to_seed(seeds, j, direction[0], direction[1], direction[2])
    length = high[along] - low[along]
    chords = 0.0
    for n in range(LINES):
        start[along] = low[along]
        start[second] = low[second] + (0.5 + n * _STEP_1) % 1.0 * (high[second] - low[second])
        start[third] = low[third] + (0.5 + n * _STEP_2) % 1.0 * (high[third] - low[third])
        px, py, pz = to_seed(
            seeds,
            j,
            start[0] - seeds.position[j, 0],
            start[1] - seeds.position[j, 1],
            start[2] - seeds.position[j, 2],
        )
        t_in, t_out = outside(solids, px, py, pz, du, dv, dw)
        chords += max(0.0, min(t_out, length) - max(t_in, 0.0))
    return chords / LINES * (high[second] - low[second]) * (high[third] - low[third])


@allocating_jit
def free_fractions(x_planes, y_planes, z_planes, seeds, solids):
    """Share of each flagged voxel outside all seeds, shape (f,)."""
    ny = y_planes.shape[0] - 1
    nz = z_planes.shape[0] - 1
    count = seeds.flagged.shape[0]
    result = np.ones(count)
    low = np.empty(3)
    high = np.empty(3)
    for f in range(count):
        voxel = seeds.flagged[f]
        ix = voxel // (ny * nz)
        iy = (voxel // nz) % ny
        iz = voxel % nz
        low[0], low[1], low[2] = x_planes[ix], y_planes[iy], z_planes[iz]
        high[0], high[1], high[2] = x_planes[ix + 1], y_planes[iy + 1], z_planes[iz + 1]
        volume = (high[0] - low[0]) * (high[1] - low[1]) * (high[2] - low[2])
        blocked = 0.0
        for entry in range(seeds.first[f], seeds.first[f + 1]):
            blocked += blocked_volume(low, high, seeds, seeds.touching[entry], solids)
        # a voxel wholly inside a seed: the sum of chords equals the volume to round-off
        free = 1.0 - blocked / volume
        result[f] = free if free > 1e-12 else 0.0
    return result
