"""Stepping through the even block.

The ray parameters of the next faces are whole numbers of ticks: comparing and choosing among whole numbers needs no
branch, whereas which face comes next cannot be foretold and a wrong guess costs more than the rest of a step. A tick
is some 1e-13 of a voxel (see `Voxels.tick`), so that sums of steps carry round-off of 1e-11 of a voxel.
"""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import inlined_jit, jit
from mcsim.kernels.voxel_grid import SEED_FLAG

_FAR = 2.0**61  # ticks; further faces are never reached


@jit
def ticks(t, per_cm):
    """A ray parameter, cm, in ticks."""
    return np.int64(min(t * per_cm, _FAR))


@inlined_jit
def enter(voxels, x, y, z, u, v, w, t, inverse_u, inverse_v, inverse_w):
    """Where a ray is in the block at `t`: the voxel, the next faces, the distances between faces, and the steps."""
    lower_x, lower_y, lower_z = voxels.lower[0], voxels.lower[1], voxels.lower[2]
    h_x, h_y, h_z = voxels.spacing[0], voxels.spacing[1], voxels.spacing[2]
    nx, ny, nz = voxels.shape[0], voxels.shape[1], voxels.shape[2]
    per_cm = 1.0 / voxels.tick
    row = nz + 2
    slab = (ny + 2) * row
    ix = min(max(int((x + t * u - lower_x) / h_x), 0), nx - 1)
    iy = min(max(int((y + t * v - lower_y) / h_y), 0), ny - 1)
    iz = min(max(int((z + t * w - lower_z) / h_z), 0), nz - 1)
    t_x = ticks((lower_x + (ix + (u >= 0.0)) * h_x - x) * inverse_u, per_cm)
    t_y = ticks((lower_y + (iy + (v >= 0.0)) * h_y - y) * inverse_v, per_cm)
    t_z = ticks((lower_z + (iz + (w >= 0.0)) * h_z - z) * inverse_w, per_cm)
    dt_x = ticks(h_x * abs(inverse_u), per_cm)
    dt_y = ticks(h_y * abs(inverse_v), per_cm)
    dt_z = ticks(h_z * abs(inverse_w), per_cm)
    step_x = slab if u >= 0.0 else -slab
    step_y = row if v >= 0.0 else -row
    step_z = 1 if w >= 0.0 else -1
    voxel = (ix + 1) * slab + (iy + 1) * row + iz + 1
    return voxel, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z


@jit
def next_voxel(voxel, now, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z):
    """Step over the faces that the ray meets at `now`: the voxel and the next faces; over an edge, both at once."""
    at_x = t_x == now
    at_y = t_y == now
    at_z = t_z == now
    t_x += dt_x if at_x else 0
    t_y += dt_y if at_y else 0
    t_z += dt_z if at_z else 0
    voxel += (step_x if at_x else 0) + (step_y if at_y else 0) + (step_z if at_z else 0)
    return voxel, t_x, t_y, t_z


@inlined_jit
def fly_in_block(
    voxel, now, tick, path, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z, medium_of, density_of,
    coefficients, scored, tally, water, region, spectrum, index,
):  # fmt: skip
    """Step from `voxel` at `now` until the photon interacts or comes to a voxel of another kind: the quick part.

    `now`, the next faces and the distances between faces are in ticks of `tick` cm. `coefficients` (media, 3) holds the
    mass attenuation, cm²/g, and what a centimetre scores to the medium (into `tally`) and, less that, to water (into
    `water`, which is left alone where the medium is water: less memory to go through). Row `region[voxel]` of
    `spectrum` receives path · `scored` in column `index`, if there are regions. Returns the voxel, `now`, the optical
    path left, the next faces, the medium, and the way from `now` to the interaction, cm, if the medium is below
    SEED_FLAG.
    """
    spectra = region.shape[0] > 0
    while True:
        i = np.uint32(voxel)  # without a sign an index is not looked at for counting from the end
        medium = medium_of[i]
        if medium >= SEED_FLAG:
            return voxel, now, path, t_x, t_y, t_z, medium, 0.0
        mu = density_of[i] * coefficients[medium, 0]
        to_medium = coefficients[medium, 1]
        further = coefficients[medium, 2]
        following = min(t_x, t_y, t_z)
        step = (following - now) * tick
        left = path - mu * step
        if left <= 0.0:
            break
        tally[i] += step * to_medium
        if further != 0.0:
            water[i] += step * further
        if spectra:
            spectrum[region[i], index] += step * scored
        path = left
        now = following
        voxel, t_x, t_y, t_z = next_voxel(voxel, now, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z)
    step = path / mu
    tally[i] += step * to_medium
    if further != 0.0:
        water[i] += step * further
    if spectra:
        spectrum[region[i], index] += step * scored
    return voxel, now, 0.0, t_x, t_y, t_z, medium, step
