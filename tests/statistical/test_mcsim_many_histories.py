"""The stated uncertainty holds when a simulation needs many times the histories that a phase space stores."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from mcsim import emission_supply, simulation
from mcsim.phantom import Phantom
from mcsim.phase_space import make_phase_space
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule

REPLICAS, STORED = 48, 100_000
EDGES = ((0.15, 0.3), (0.3, 0.6), (0.6, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 2])
def test_stated_variance_is_that_between_replicas(seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Eighteen times the stored histories, every replica with phase spaces of its own. Going round the same histories
    # stated 0.83 of the variance at 1.5 to 3 mm from a single seed.
    planes, whole = np.linspace(-1.5, 1.5, 31), slice(0, 30)
    positions = np.array([[-0.25, 0.05, 0.05], [0.25, 0.05, 0.05]])[:seeds]
    phantom = Phantom(
        (planes,) * 3,
        np.zeros((30,) * 3, np.uint8),
        np.full((30,) * 3, 0.998, np.float32),
        ("water",),
        (whole,) * 3,
    )
    doses, stated = [], []
    for replica in range(REPLICAS):
        first = 1000 * (replica + 1)
        monkeypatch.setattr(emission_supply, "RUN_SEED", first)
        own = partial(_own_phase_space, first)
        monkeypatch.setattr(simulation, "load_phase_space", own)
        run = Simulation(
            phantom, "6711", positions, np.tile([0.0, 0.0, 1.0], (seeds, 1)), np.ones(seeds), 59.4,
            Settings(
                run_seed=replica + 1, phase_space_histories=STORED, productive_histories_per_batch=4000
            ),
        )  # fmt: skip
        passes = 18 * (len(run.phase_space.first_photon) - 1)
        result = run.run(StoppingRule(batches=(0, round(passes / 4000))))
        # per productive history: the share of these and S_K are the first phase space's, stated apart
        doses.append(result.dose_per_history() / run.phase_space.productive_share)
        stated.append((result.dose_per_history_std_dev() / run.phase_space.productive_share) ** 2)
    found = np.array(doses).var(axis=0, ddof=1)
    x, y, z = np.meshgrid(*[0.5 * (planes[1:] + planes[:-1])] * 3, indexing="ij")
    distance = np.min(
        [
            np.sqrt((x - p[0]) ** 2 + (y - p[1]) ** 2 + np.maximum(np.abs(z - p[2]) - 0.14, 0.0) ** 2)
            for p in positions
        ],
        axis=0,
    )
    for low, high in EDGES:
        chosen = (distance >= low) & (distance < high) & (run.tissue_fraction == 1.0)
        ratio = np.mean(stated, axis=0)[chosen].mean() / found[chosen].mean()
        # 48 replicas and 150 voxels at least, three of which count as one: 2.9 % standard uncertainty beside the seeds,
        # less elsewhere. The limit is 3.4 of them, one false alarm in some 500 changes of the random numbers; it finds
        # the 17 % above.
        assert abs(ratio - 1.0) < 0.10, (low, high, ratio)


def _own_phase_space(run_seed, model, histories, physics, threads, progress):
    return make_phase_space(model, histories, physics, threads, run_seed=run_seed)
