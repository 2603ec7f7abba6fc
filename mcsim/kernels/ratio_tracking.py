"""The second weight on a flight outside the block, by ratio tracking.

The weight exp(−∫(µ − µ_w) ds) through uneven voxels is estimated without stopping at every boundary: at points drawn
with a constant M ≥ |µ − µ_w| it is multiplied by 1 − (µ − µ_w)/M, which has the right mean (ratio tracking: Novák et
al. 2014, doi:10.1145/2661229.2661292). Where all is water there are no points and no noise.
"""

from __future__ import annotations

import math

from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.rng import optical_path
from mcsim.kernels.voxel_grid import cell


@inlined_jit
def weight_outside(voxels, coefficients, mu_water, x, y, z, u, v, w, t, t_end, state):
    """Factor of the second weight between `t` and `t_end`, outside the block; 0 beyond the phantom.

    `coefficients[:, 0]` is the mass attenuation of each medium, cm²/g.
    """
    x_planes, y_planes, z_planes = voxels.x_planes, voxels.y_planes, voxels.z_planes
    first_x, first_y, first_z = x_planes[0], y_planes[0], z_planes[0]
    last_x, last_y, last_z = x_planes[-1], y_planes[-1], z_planes[-1]
    px, py, pz = x + t_end * u, y + t_end * v, z + t_end * w
    if not (first_x < px < last_x and first_y < py < last_y and first_z < pz < last_z):
        return 0.0  # it left through the outer faces: the phantom is convex, it does not come back
    cells_x, cells_y, cells_z = voxels.cells[0], voxels.cells[1], voxels.cells[2]
    h_x = (last_x - first_x) / cells_x
    h_y = (last_y - first_y) / cells_y
    h_z = (last_z - first_z) / cells_z
    factor = 1.0
    if voxels.only_medium.shape[0] == 1 and voxels.only_medium[0] >= 0:
        # all is one medium of one density
        return math.exp(
            (
                mu_water
                - voxels.largest_density[0, voxels.only_medium[0]] * coefficients[voxels.only_medium[0], 0]
            )
            * (t_end - t)
        )
    while t < t_end:
        cx = min(max(int((x + t * u - first_x) / h_x), 0), cells_x - 1)
        cy = min(max(int((y + t * v - first_y) / h_y), 0), cells_y - 1)
        cz = min(max(int((z + t * w - first_z) / h_z), 0), cells_z - 1)
        t_cell = t_end
        if u != 0.0:
            t_cell = min(t_cell, (first_x + (cx + (u > 0.0)) * h_x - x) / u)
        if v != 0.0:
            t_cell = min(t_cell, (first_y + (cy + (v > 0.0)) * h_y - y) / v)
        if w != 0.0:
            t_cell = min(t_cell, (first_z + (cz + (w > 0.0)) * h_z - z) / w)
        here = (cx * cells_y + cy) * cells_z + cz
        largest = 0.0
        for m in range(voxels.media_count):
            if voxels.largest_density[here, m] > 0.0:
                largest = max(
                    largest,
                    abs(voxels.largest_density[here, m] * coefficients[m, 0] - mu_water),
                    abs(voxels.smallest_density[here, m] * coefficients[m, 0] - mu_water),
                )
        if largest > 0.0:
            while True:
                t += optical_path(state) / largest
                if t >= t_cell:
                    break
                ix = cell(x_planes, x + t * u)
                iy = cell(y_planes, y + t * v)
                iz = cell(z_planes, z + t * w)
                mu = voxels.outer_density[ix, iy, iz] * coefficients[voxels.outer_medium[ix, iy, iz], 0]
                factor *= 1.0 - (mu - mu_water) / largest
        # a hair further, so that a face is not met twice
        t = max(t_cell, t) if largest == 0.0 else t_cell
        t += 1e-9
    return factor
