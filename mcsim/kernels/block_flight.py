"""The quick part of a flight: through voxels that no seed touches."""

from __future__ import annotations

from mcsim.kernels._jit import jit
from mcsim.kernels.voxel_grid import SEED_FLAG


@jit
def fly_in_block(
    voxel, t, path, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z, medium_of, density_of, coefficients,
    scored, tally, region, spectrum, index,
):  # fmt: skip
    """Step from `voxel` at `t` until the photon interacts or comes to a voxel of another kind.

    `coefficients` (media, 3) holds the mass attenuation, cm²/g, and what a centimetre scores to the medium and to
    water; `tally` (block · 2,) receives these two scores in turn, and row `region[voxel]` of `spectrum` path · `scored`
    in column `index`, if there are regions. Returns the voxel, t, the optical path left (0: an interaction), the next
    faces' t, and the medium.
    """
    spectra = region.shape[0] > 0
    while True:
        medium = medium_of[voxel]
        if medium >= SEED_FLAG:
            return voxel, t, path, t_x, t_y, t_z, medium
        mu = density_of[voxel] * coefficients[medium, 0]
        t_next = min(t_x, t_y, t_z)
        step = t_next - t
        left = path - mu * step
        if left <= 0.0:
            step = path / mu
            tally[2 * voxel] += step * coefficients[medium, 1]
            tally[2 * voxel + 1] += step * coefficients[medium, 2]
            if spectra:
                spectrum[region[voxel], index] += step * scored
            return voxel, t + step, 0.0, t_x, t_y, t_z, medium
        tally[2 * voxel] += step * coefficients[medium, 1]
        tally[2 * voxel + 1] += step * coefficients[medium, 2]
        if spectra:
            spectrum[region[voxel], index] += step * scored
        path = left
        t = t_next
        if t_x <= t_y:
            if t_x <= t_z:
                t_x += dt_x
                voxel += step_x
            else:
                t_z += dt_z
                voxel += step_z
        elif t_y <= t_z:
            t_y += dt_y
            voxel += step_y
        else:
            t_z += dt_z
            voxel += step_z
