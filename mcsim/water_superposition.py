"""The superposition of an implant's seeds in infinite water, from the table of one seed.

What Monte Carlo would give for the seeds one by one in water without end, without its noise: the dose that the
patient's is compared with, voxel by voxel, ΔD = D(interseed, patient) − D(superposition, water). Where the patient's
dose is made by correlated sampling their difference has little noise of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels.correlated_transport import Control
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.solids import Solids
from mcsim.kernels.voxel_grid import Voxels
from mcsim.water_control import close_to_seeds, known_dose
from mcsim.water_table import WaterTable

FloatArray = NDArray[np.float64]


def water_superposition(
    control: Control, voxels: Voxels, seeds: PlacedSeeds, solids: Solids, table: WaterTable, threads: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Dose to water of all seeds in infinite water, mean over every scoring voxel.

    Parameters
    ----------
    control : Control
        The control of the simulation; its cells and multiples are not used.
    voxels, seeds, solids : Voxels, PlacedSeeds, Solids
        Arrays of the kernels.
    table : WaterTable
        The known dose around one seed.
    threads : int
        Threads; the result does not depend on it.

    Returns
    -------
    dose : ndarray, shape (nx, ny, nz)
        keV/g per emitted photon of every seed; NaN within half a millimetre of a seed and further from one than the
        table reaches.
    std_dev : ndarray, shape (nx, ny, nz)
        Its type A standard uncertainty, common to the voxels around a seed: the table's noise, as if fully correlated
        within a voxel and between the seeds, which it is at most.
    """
    shape = tuple(int(n) for n in voxels.shape)
    centre = [voxels.lower[k] + (np.arange(shape[k]) + 0.5) * voxels.spacing[k] for k in range(3)]
    told = ~close_to_seeds(voxels, seeds, solids)
    for position in seeds.position:
        x, y, z = (c - p for c, p in zip(centre, position, strict=True))
        told &= x[:, None, None] ** 2 + y[None, :, None] ** 2 + z**2 < table.outer_radius**2
    ones = np.ones((len(seeds.position), 2), np.float32)
    everywhere = control._replace(
        cell=np.pad(np.where(told, 0, 1), 1, constant_values=1).astype(np.int32).ravel(),
        primary=ones,
        scattered=np.ones(2 * voxels.media_count, np.float32),
        stride=2,
    )
    every = np.arange(len(seeds.position))
    doses = [
        known_dose(everywhere, voxels, seeds, part, every, threads)[1]
        for part in (table, replace(table, kerma_r2=table.std_dev))
    ]
    dose, std_dev = (np.where(told, values, np.nan).astype(np.float64) for values in doses)
    return dose, std_dev
