"""A small implant that runs in a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mcsim.kernels.solids import Solids
from mcsim.phantom import Phantom, surrounded
from mcsim.simulation import Settings, Simulation

POSITIONS = np.array([[-0.25, 0.0, 0.0], [0.25, 0.05, 0.1], [0.0, 0.4, -0.1]])
AXES = np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
STRENGTHS = np.array([0.5, 0.6, 0.7])


@pytest.fixture(scope="session")
def water_block() -> Phantom:
    """Voxels of 2 mm in a 2.4 cm cube of water and bone, surrounded by water to 6 cm."""
    planes, scoring = surrounded([np.linspace(-1.2, 1.2, 13)] * 3, [np.array([-6.0, -3.0, 3.0, 6.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    medium, density = np.zeros(shape, np.uint8), np.full(shape, 0.998, np.float32)
    medium[8:10, 4:9, 4:9], density[8:10, 4:9, 4:9] = 1, 1.92
    return Phantom(planes, medium, density, ("water", "cortical_bone"), scoring)


@pytest.fixture(scope="session")
def small_run(water_block: Phantom) -> Callable[..., Simulation]:
    """A simulation of three seeds with batches of 900 histories; settings and arguments may be changed."""

    def make(
        positions: np.ndarray = POSITIONS, axes: np.ndarray = AXES, strengths: np.ndarray = STRENGTHS,
        threads: int = 1, **changes: object,
    ) -> Simulation:  # fmt: skip
        settings = Settings(
            **{"phase_space_histories": 200_000, "productive_histories_per_batch": 900, **changes}
        )
        mask = np.zeros(water_block.scoring_shape, dtype=bool)
        mask[3:9, 3:9, 3:9] = True
        return Simulation(
            water_block, "6711", positions, axes, strengths, 59.4, settings, target_weight=mask.astype(float),
            group_mask=mask, threads=threads,
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def solid_at() -> Callable[..., np.ndarray]:
    """Index of the solid that counts at points in a seed's frame, −1 outside it: the last one that holds the point."""

    def last_holding(solids: Solids, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        found = np.full(np.shape(z), -1)
        for k, (a, b, c) in enumerate(solids.profile):
            holds = (
                (np.square(x) + np.square(y) <= a + z * (b + z * c))
                & (z >= solids.z_min[k])
                & (z <= solids.z_max[k])
            )
            found = np.where(holds, k, found)
        return found

    return last_holding
