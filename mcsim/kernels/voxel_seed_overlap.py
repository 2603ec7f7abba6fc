"""How much of a voxel a seed leaves free, by midpoint sampling of the seed's solids."""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import jit
from mcsim.kernels.solids import solid_at
from mcsim.kernels.voxel_transport import to_seed

SAMPLES_PER_AXIS = 32


@jit
def free_fractions(x_planes, y_planes, z_planes, seeds, solids):
    """Share of each flagged voxel outside all seeds, shape (f,)."""
    ny = y_planes.shape[0] - 1
    nz = z_planes.shape[0] - 1
    count = seeds.flagged.shape[0]
    result = np.ones(count)
    n = SAMPLES_PER_AXIS
    for f in range(count):
        voxel = seeds.flagged[f]
        ix = voxel // (ny * nz)
        iy = (voxel // nz) % ny
        iz = voxel % nz
        blocked = 0
        for a in range(n):
            x = x_planes[ix] + (a + 0.5) / n * (x_planes[ix + 1] - x_planes[ix])
            for b in range(n):
                y = y_planes[iy] + (b + 0.5) / n * (y_planes[iy + 1] - y_planes[iy])
                for c in range(n):
                    z = z_planes[iz] + (c + 0.5) / n * (z_planes[iz + 1] - z_planes[iz])
                    for entry in range(seeds.first[f], seeds.first[f + 1]):
                        j = seeds.touching[entry]
                        px, py, pz = to_seed(
                            seeds,
                            j,
                            x - seeds.position[j, 0],
                            y - seeds.position[j, 1],
                            z - seeds.position[j, 2],
                        )
                        if solid_at(solids, px, py, pz) >= 0:
                            blocked += 1
                            break
        result[f] = 1.0 - blocked / (n * n * n)
    return result
