"""Flight through the uneven voxels around the block, where nothing is scored.

Tentative collisions are drawn with the largest attenuation of the surroundings and accepted with the local share of it
(Woodcock et al. 1965, ANL-7050): exact, without a stop at every boundary.
"""

from __future__ import annotations

from mcsim.kernels._jit import jit
from mcsim.kernels.rng import optical_path, uniform
from mcsim.kernels.voxel_grid import box_span, cell

COLLIDED, ENTERED_BLOCK, LEFT = 0, 1, 2


@jit
def fly_outside(voxels, coefficients, x, y, z, u, v, w, inverse_u, inverse_v, inverse_w, t, state):
    """Follow a ray from `t`, outside the block, until it collides, enters the block or leaves the phantom.

    `coefficients[:, 0]` is the mass attenuation of each medium, cm²/g. Returns the status, the ray parameter and the
    medium of a collision.
    """
    largest = 0.0
    for m in range(voxels.media_count):
        largest = max(largest, voxels.largest_density[m] * coefficients[m, 0])
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
    while True:
        t += optical_path(state) / largest
        if not t < t_end:
            return status, t_end, 0
        ix = cell(x_planes, x + t * u)
        iy = cell(y_planes, y + t * v)
        iz = cell(z_planes, z + t * w)
        medium = voxels.outer_medium[ix, iy, iz]
        if uniform(state) * largest < voxels.outer_density[ix, iy, iz] * coefficients[medium, 0]:
            return COLLIDED, t, int(medium)
