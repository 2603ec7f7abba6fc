"""The multiples of the dose in water: ray-traced for primary photons, from a trial for scattered ones."""

from __future__ import annotations

import math

from mcsim.kernels._jit import jit
from mcsim.kernels.voxel_grid import SEED_FLAG
from mcsim.kernels.water_table_dose import voxel_mean_dose

FAR = 1e12  # of a face that the ray never reaches


@jit
def attenuation_ratios(voxels, position, cells, width, mass_attenuation, mu_water, share, controlled, ratio):
    """Primary dose in the phantom over that in water, for equal media, from one seed to the middle of every cell.

    Equal cells of `width` (3,) voxels, `cells` (3,) of them along each edge of the block. For every line group l of the
    seed's spectrum, with `share` (lines,) of the dose at the surface, attenuation in water `mu_water` (lines,) and mass
    attenuation `mass_attenuation` (media, lines); one or two groups,

        Σ share e^(−µ_w r) e^(−∫(µ − µ_w) ds) / Σ share e^(−µ_w r)

    along the ray from `position` to `ratio` (cells,). Only where `controlled` (cells,); 0 elsewhere.
    """
    h_x, h_y, h_z = voxels.spacing[0], voxels.spacing[1], voxels.spacing[2]
    nx, ny, nz = voxels.shape[0], voxels.shape[1], voxels.shape[2]
    row = nz + 2
    slab = (ny + 2) * row
    x, y, z = position[0] - voxels.lower[0], position[1] - voxels.lower[1], position[2] - voxels.lower[2]
    i_x, i_y, i_z = min(int(x / h_x), nx - 1), min(int(y / h_y), ny - 1), min(int(z / h_z), nz - 1)
    lines = share.shape[0]
    for k in range(controlled.shape[0]):
        ratio[k] = 0.0
        if not controlled[k]:
            continue
        c_z = k % cells[2]
        c_y = k // cells[2] % cells[1]
        c_x = k // (cells[2] * cells[1])
        u = 0.5 * (c_x * width[0] + min((c_x + 1) * width[0], nx)) * h_x - x
        v = 0.5 * (c_y * width[1] + min((c_y + 1) * width[1], ny)) * h_y - y
        w = 0.5 * (c_z * width[2] + min((c_z + 1) * width[2], nz)) * h_z - z
        r = math.sqrt(u * u + v * v + w * w)
        if r < 1e-9:
            ratio[k] = 1.0
            continue
        inverse_u = r / abs(u) if abs(u) > 1e-12 else FAR
        inverse_v = r / abs(v) if abs(v) > 1e-12 else FAR
        inverse_w = r / abs(w) if abs(w) > 1e-12 else FAR
        t_x = ((i_x + 1) * h_x - x if u > 0.0 else x - i_x * h_x) * inverse_u
        t_y = ((i_y + 1) * h_y - y if v > 0.0 else y - i_y * h_y) * inverse_v
        t_z = ((i_z + 1) * h_z - z if w > 0.0 else z - i_z * h_z) * inverse_w
        step_x = slab if u > 0.0 else -slab
        step_y = row if v > 0.0 else -row
        step_z = 1 if w > 0.0 else -1
        voxel = (i_x + 1) * slab + (i_y + 1) * row + i_z + 1
        t = 0.0
        first = 0.0  # optical depths of two groups of lines
        second = 0.0
        while t < r:
            t_next = min(t_x, t_y, t_z, r)
            medium = voxels.medium[voxel]
            if medium >= SEED_FLAG:
                medium -= SEED_FLAG
            mass = voxels.density[voxel] * (t_next - t)
            first += mass * mass_attenuation[medium, 0]
            second += mass * mass_attenuation[medium, lines - 1]
            t = t_next
            if t_x <= t_y and t_x <= t_z:
                t_x += h_x * inverse_u
                voxel += step_x
            elif t_y <= t_z:
                t_y += h_y * inverse_v
                voxel += step_y
            else:
                t_z += h_z * inverse_w
                voxel += step_z
        here = share[0] * math.exp(-first) + share[lines - 1] * math.exp(-second)
        in_water = share[0] * math.exp(-mu_water[0] * r) + share[lines - 1] * math.exp(
            -mu_water[lines - 1] * r
        )
        ratio[k] = here / in_water


@jit
def add_known_dose(
    first_x, last_x, emitters, voxels, seeds, table, cell, primary, scattered, stride, kerma_ratio, known
):
    """Add the mean of what the control subtracts, keV/g per emitted photon of every seed of `emitters` (k,).

    For the slab of voxels first_x ≤ ix < last_x. `primary` (seeds, cells) and `scattered` (media · stride,) are the
    multiples; `known` (3, nx, ny, nz) receives dose to medium, dose to water and primary dose to medium.
    """
    _, _, ny, nz = known.shape
    nowhere = primary.shape[1] - 1
    hx, hy, hz = 0.5 * voxels.spacing[0], 0.5 * voxels.spacing[1], 0.5 * voxels.spacing[2]
    for e in range(emitters.shape[0]):
        j = emitters[e]
        frame = seeds.frame[j]
        for ix in range(first_x, last_x):
            dx = voxels.lower[0] + (2 * ix + 1) * hx - seeds.position[j, 0]
            for iy in range(ny):
                dy = voxels.lower[1] + (2 * iy + 1) * hy - seeds.position[j, 1]
                first = ((ix + 1) * (ny + 2) + iy + 1) * (nz + 2) + 1
                for iz in range(nz):
                    medium = voxels.medium[first + iz]
                    here = cell[first + iz]
                    if medium >= SEED_FLAG or here == nowhere:
                        continue
                    of_primary = primary[j, here]
                    of_scattered = scattered[medium * stride + here]
                    if of_primary == 0.0 and of_scattered == 0.0:
                        continue
                    dz = voxels.lower[2] + (2 * iz + 1) * hz - seeds.position[j, 2]
                    a, b = voxel_mean_dose(table, frame, dx, dy, dz, hx, hy, hz)
                    a *= seeds.weight[j] * of_primary
                    b *= seeds.weight[j] * of_scattered
                    known[0, ix, iy, iz] += kerma_ratio[medium] * (a + b)
                    known[1, ix, iy, iz] += a + b
                    known[2, ix, iy, iz] += kerma_ratio[medium] * a
