"""Flight through the uneven voxels around the block, where nothing is scored.

Tentative collisions are drawn with the largest attenuation near by and accepted with the local share of it (Woodcock et
al. 1965, ANL-7050): exact, without a stop at every boundary. "Near by" is one of the even cells laid over the phantom,
so that a vertebra does not slow down flights through air. In a cell of a single kind every collision is real.
"""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.rng import optical_path, uniform
from mcsim.kernels.voxel_grid import box_span, cell

COLLIDED, ENTERED_BLOCK, LEFT = 0, 1, 2


@inlined_jit
def fly_outside(voxels, coefficients, x, y, z, u, v, w, inverse_u, inverse_v, inverse_w, t, state):
    """Follow a ray from `t`, outside the block, until it collides, enters the block or leaves the phantom.

    `coefficients[:, 0]` is the mass attenuation of each medium, cm²/g. Returns the status, the ray parameter and the
    medium of a collision.
    """
    x_planes, y_planes, z_planes = voxels.x_planes, voxels.y_planes, voxels.z_planes
    last_x, last_y, last_z = x_planes.shape[0] - 1, y_planes.shape[0] - 1, z_planes.shape[0] - 1
    _, t_end = box_span(
        x_planes[0], y_planes[0], z_planes[0], x_planes[last_x], y_planes[last_y], z_planes[last_z],
        x, y, z, inverse_u, inverse_v, inverse_w,
    )  # fmt: skip
    lower, upper = voxels.lower, voxels.upper
    t_in, t_out = box_span(
        lower[0], lower[1], lower[2], upper[0], upper[1], upper[2], x, y, z, inverse_u, inverse_v, inverse_w
    )
    status = LEFT
    if t < t_in < t_out:
        status = ENTERED_BLOCK
        t_end = t_in
    cells_x, cells_y, cells_z = voxels.cells[0], voxels.cells[1], voxels.cells[2]
    h_x = (x_planes[last_x] - x_planes[0]) / cells_x
    h_y = (y_planes[last_y] - y_planes[0]) / cells_y
    h_z = (z_planes[last_z] - z_planes[0]) / cells_z
    cx = min(max(int((x + t * u - x_planes[0]) / h_x), 0), cells_x - 1)
    cy = min(max(int((y + t * v - y_planes[0]) / h_y), 0), cells_y - 1)
    cz = min(max(int((z + t * w - z_planes[0]) / h_z), 0), cells_z - 1)
    t_x = (x_planes[0] + (cx + (u >= 0.0)) * h_x - x) * inverse_u
    t_y = (y_planes[0] + (cy + (v >= 0.0)) * h_y - y) * inverse_v
    t_z = (z_planes[0] + (cz + (w >= 0.0)) * h_z - z) * inverse_w
    while True:
        t_cell = min(t_x, t_y, t_z, t_end)
        here = (cx * cells_y + cy) * cells_z + cz
        only = voxels.only_medium[here]
        if only >= 0:
            t += optical_path(state) / (voxels.largest_density[here, only] * coefficients[only, 0])
            if t < t_cell:
                return COLLIDED, t, only
        else:
            largest = 0.0
            for m in range(voxels.media_count):
                largest = max(largest, voxels.largest_density[here, m] * coefficients[m, 0])
            while True:
                t += optical_path(state) / largest
                if not t < t_cell:
                    break
                ix = cell(x_planes, x + t * u)
                iy = cell(y_planes, y + t * v)
                iz = cell(z_planes, z + t * w)
                medium = voxels.outer_medium[ix, iy, iz]
                if uniform(state) * largest < voxels.outer_density[ix, iy, iz] * coefficients[medium, 0]:
                    return COLLIDED, t, np.int64(medium)
        t = t_cell
        if t_cell == t_end:
            return status, t_end, 0
        if t_cell == t_x:
            cx += 1 if u >= 0.0 else -1
            t_x += h_x * abs(inverse_u)
        elif t_cell == t_y:
            cy += 1 if v >= 0.0 else -1
            t_y += h_y * abs(inverse_v)
        else:
            cz += 1 if w >= 0.0 else -1
            t_z += h_z * abs(inverse_w)
        if not (0 <= cx < cells_x and 0 <= cy < cells_y and 0 <= cz < cells_z):
            return LEFT, t_end, 0  # by round-off a hair before the phantom's face
