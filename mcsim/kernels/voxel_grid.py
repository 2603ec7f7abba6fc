"""The voxels as the kernels see them: an even block where dose is scored, and coarser surroundings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import jit

# Values of `Voxels.medium` from here on stop the quick stepping: a seed may touch the voxel (the flag plus the medium),
# or the voxel belongs to the layer around the block.
SEED_FLAG = 128
LEFT_BLOCK = 255


class Voxels(NamedTuple):
    """Phantom: a block of even voxels with a layer of LEFT_BLOCK around it, inside uneven ones.

    Flat index in the block: ((ix + 1) (ny + 2) + iy + 1) (nz + 2) + iz + 1.
    """

    lower: np.ndarray  # (3,), faces of the block, cm
    upper: np.ndarray  # (3,)
    spacing: np.ndarray  # (3,), cm
    tick: float  # cm, a power of two: 2⁻⁴⁵ to 2⁻⁴⁴ of the smallest spacing
    shape: np.ndarray  # (3,) int64, voxels of the block, without the layer
    medium: np.ndarray  # (block,) uint8, medium index, plus SEED_FLAG, or LEFT_BLOCK
    density: np.ndarray  # (block,) float32, g/cm³
    x_planes: np.ndarray  # all boundaries, the block's too, cm
    y_planes: np.ndarray
    z_planes: np.ndarray
    outer_medium: np.ndarray  # (nx, ny, nz) uint8 between all boundaries
    outer_density: np.ndarray  # (nx, ny, nz) float32
    # Even cells over the whole phantom, each with the smallest and largest density of every medium outside the block.
    cells: np.ndarray  # (3,) int64
    smallest_density: np.ndarray  # (cells, media), g/cm³
    largest_density: np.ndarray  # (cells, media), g/cm³; flat index (ix cells[1] + iy) cells[2] + iz
    only_medium: np.ndarray  # (cells,) int64: medium of a cell with a single medium and density there, or −1
    # What a flight looks up, per energy bin of the tables: attenuation and its slope, µ_en/ρ and its slope; the last
    # row of each bin is liquid water.
    coefficients: np.ndarray  # (bins, media + 1, 4), cm²/g
    media_count: int


@jit
def cell(planes, value):
    """Index of the cell between ascending planes that holds `value`, which lies between the outermost."""
    low = 0
    high = planes.shape[0] - 1
    while high - low > 1:
        middle = (low + high) // 2
        if planes[middle] <= value:
            low = middle
        else:
            high = middle
    return low


@jit
def box_span(lower_x, lower_y, lower_z, upper_x, upper_y, upper_z, x, y, z, inverse_u, inverse_v, inverse_w):
    """Ray parameters at which a ray enters and leaves a box; entry > exit if it misses."""
    a = (lower_x - x) * inverse_u
    b = (upper_x - x) * inverse_u
    t_in = min(a, b)
    t_out = max(a, b)
    a = (lower_y - y) * inverse_v
    b = (upper_y - y) * inverse_v
    t_in = max(t_in, min(a, b))
    t_out = min(t_out, max(a, b))
    a = (lower_z - z) * inverse_w
    b = (upper_z - z) * inverse_w
    return max(t_in, min(a, b)), min(t_out, max(a, b))
