"""The case neck13: thirteen seeds in water with a slab of bone and a column of air, 1 mm voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine import along_z, simulation_of
from mcsim.materials import material
from mcsim.phantom import Phantom, surrounded
from mcsim.simulation import Simulation

VOXELS, VOXEL = 60, 0.1  # along each axis, from −3 cm to 3 cm; cm
OUTER_HALF = 15.0  # cm, half the edge of the water cube around the voxels
HALF_LIFE_D = 59.4
MEDIA = ("water", "cortical_bone", "air")

# Every second corner of a lattice of 3 × 3 × 3 corners 1 cm apart; each is the centre of a voxel.
SEED_POSITIONS = np.array(
    [
        (-1.45 + i, -0.45 + j, -0.95 + k)
        for i in range(3)
        for j in range(3)
        for k in range(3)
        if (i + j + k) % 2
    ]
).round(10)


def _centres(voxels: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    edge = VOXELS * VOXEL
    middle = (np.arange(voxels) + 0.5) * edge / voxels - 0.5 * edge
    x, y, z = np.meshgrid(middle, middle, middle, indexing="ij")
    return x, y, z


def medium_indices(voxels: int = VOXELS) -> NDArray[np.uint8]:
    """Index into `MEDIA` of every voxel, shape (voxels, voxels, voxels)."""
    x, y, _ = _centres(voxels)
    medium = np.zeros(x.shape, dtype=np.uint8)
    medium[(x > 1.0) & (x < 2.0)] = 1
    medium[x**2 + (y + 1.8) ** 2 < 0.8**2] = 2
    return medium


def _central_cube() -> NDArray[np.bool_]:
    return np.asarray(np.max(np.abs(_centres(VOXELS)), axis=0) < 1.5)


CENTRAL_CUBE = _central_cube()


def neck13(mode: str, voxels: int = VOXELS, threads: int = 1, **settings: Any) -> Simulation:
    """The engine's simulation of the case: solid 6711 seeds, media as above, in a 30 cm cube of water.

    Parameters
    ----------
    mode : str
        Variance reduction.
    voxels : int
        Scoring voxels along an edge of 6 cm.
    threads : int
        Threads.
    settings
        Further fields of `mcsim.simulation_settings.Settings`.
    """
    fine = np.round(np.linspace(-3.0, 3.0, voxels + 1), 10)
    planes, scoring = surrounded([fine] * 3, [np.array([-OUTER_HALF, OUTER_HALF])] * 3)
    medium = np.pad(medium_indices(voxels), 1)
    density = np.array([material(name).density for name in MEDIA], dtype=np.float32)[medium]
    phantom = Phantom(planes, medium, density, MEDIA, scoring)
    return simulation_of(phantom, along_z(SEED_POSITIONS), mode, threads=threads, **settings)
