"""The quick part of a correlated flight: through voxels that no seed touches."""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.block_flight import next_voxel
from mcsim.kernels.second_weight import mean_attenuated
from mcsim.kernels.voxel_grid import SEED_FLAG


@inlined_jit
def fly_correlated(
    voxel, now, stop, tick, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z, medium_of, density_of, cell_of,
    multiple, stride, kerma_ratio, coefficients, mu_water, scored, scored_water, phantom_weight, trial,
    tally, water, region, spectrum, index,
):  # fmt: skip
    """Step from `voxel` at `now` to `stop` or to a voxel of another kind.

    Ray parameters are in ticks of `tick` cm. `coefficients` (media, 3) holds the mass attenuation, cm²/g, and what a
    centimetre scores to the medium and, less that, to water; it scores `scored_water` in water, and the control
    `multiple` times that, to the medium times `kerma_ratio` (media,). The multiple in a voxel is
    `multiple[cell_of[voxel] + medium · stride]`. A `trial` scores the moments D·W into `tally` and W² into `water`
    instead. Returns the voxel, `now`, the second weight, the next faces, and the medium.
    """
    spectra = region.shape[0] > 0
    while True:
        i = np.uint32(voxel)  # without a sign an index is not looked at for counting from the end
        medium = medium_of[i]
        if medium >= SEED_FLAG:
            return voxel, now, phantom_weight, t_x, t_y, t_z, medium
        following = min(t_x, t_y, t_z)
        last = following >= stop
        if last:
            following = stop
        step = (following - now) * tick
        excess = density_of[i] * coefficients[medium, 0] - mu_water
        here = phantom_weight * step
        if excess != 0.0:
            mean, passed = mean_attenuated(excess * step)
            here *= mean
            phantom_weight *= passed
        if trial:
            in_water = step * scored_water * kerma_ratio[medium]
            tally[i] += here * coefficients[medium, 1] * in_water
            water[i] += in_water * in_water
        else:
            in_water = step * scored_water * multiple[np.uint32(cell_of[i] + medium * stride)]
            known = in_water * kerma_ratio[medium]
            tally[i] += here * coefficients[medium, 1] - known
            further = coefficients[medium, 2]
            if further != 0.0:
                water[i] += here * further - (in_water - known)
        if spectra:
            spectrum[region[i], index] += here * scored
        now = following
        if last:
            return voxel, now, phantom_weight, t_x, t_y, t_z, medium
        voxel, t_x, t_y, t_z = next_voxel(voxel, now, t_x, t_y, t_z, dt_x, dt_y, dt_z, step_x, step_y, step_z)
