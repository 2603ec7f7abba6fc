"""Stated type A uncertainties of the Monte Carlo dose against the spread between independent runs.

64 runs of 20 batches differ in nothing but the random seed. In each of 64 voxels, two voxels apart from each other,
the variance that the runs state for their means must be the variance between the means. Pooled over the voxels (each
divided by its squared mean dose), the ratio of the two has a standard uncertainty u found by leaving out one run at a
time: 2.8 % = (2/63/64 + 2/19/64/64)^½ if the voxels were independent and normal, 6 % as they share histories and have
tails. Three checks at a family-wise false alarm of 1e-6 need 5.5 u (Student's t, 63 degrees of freedom): a variance
wrong by a third, an uncertainty wrong by a sixth, is detected. Two kernels that ought to find the same mean are
compared in the same way.
"""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.phantom import Phantom, surrounded
from mcsim.phase_space import DEFAULT_HISTORIES, make_phase_space
from mcsim.result import GROUPS
from mcsim.ring_dose import ring_dose
from mcsim.seed_model import load_seed_model
from mcsim.simulation import Settings, Simulation, StoppingRule

RUNS, BATCHES = 64, 20
THRESHOLD = 5.5
POSITIONS = np.array([[-0.3, 0.1, 0.0], [0.3, -0.1, 0.1]])
AXES = np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]])


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    planes, scoring = surrounded([np.linspace(-1.2, 1.2, 13)] * 3, [np.array([-5.0, -2.5, 2.5, 5.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    medium, density = np.zeros(shape, np.uint8), np.full(shape, 1.05, np.float32)
    medium[10:, :, :], density[10:, :, :] = 1, 1.92
    return Phantom(planes, medium, density, ("muscle", "cortical_bone"), scoring)


@pytest.fixture(scope="module")
def runs(phantom: Phantom) -> list:
    mask = np.zeros(phantom.scoring_shape, dtype=bool)
    mask[1::3, 1::3, 1::3] = True
    results = []
    for run_seed in range(RUNS):
        settings = Settings(
            run_seed=run_seed, phase_space_histories=1_000_000, productive_histories_per_batch=1200
        )
        simulation = Simulation(
            phantom, "6711", POSITIONS, AXES, np.array([0.5, 0.8]), 59.4, settings, group_mask=mask, threads=2
        )
        results.append(simulation.run(StoppingRule(batches=(0, BATCHES))))
    return results


def leave_one_out(numerator: np.ndarray, doses: np.ndarray) -> tuple[float, float]:
    """Ratio of stated to found variance, pooled over voxels, and its standard uncertainty; arrays (runs, voxels)."""

    def ratio(keep: np.ndarray) -> float:
        mean = doses[keep].mean(axis=0)
        found = doses[keep].var(axis=0, ddof=1)
        return float((numerator[keep].mean(axis=0) / mean**2).sum() / (found / mean**2).sum())

    everything = np.ones(len(doses), dtype=bool)
    single = []
    for k in range(len(doses)):
        keep = everything.copy()
        keep[k] = False
        single.append(ratio(keep))
    n = len(doses)
    return ratio(everything), float(np.sqrt((n - 1) / n * ((np.array(single) - np.mean(single)) ** 2).sum()))


def test_stated_variance_of_voxels_is_that_between_runs(runs: list) -> None:
    chosen = runs[0].group_voxels
    assert len(chosen) == 64
    doses = np.array([r.dose().ravel()[chosen] for r in runs])
    stated = np.array([r.dose_std_dev().ravel()[chosen] ** 2 for r in runs])
    ratio, spread = leave_one_out(stated, doses)
    assert spread < 0.075
    assert abs(ratio - 1.0) < THRESHOLD * spread


def test_groups_of_batches_state_the_variance_of_a_mean_over_voxels(runs: list) -> None:
    # Voxels share histories: the variance of their mean dose is not the sum of theirs. The 20 groups carry it.
    means = np.array([r.group_dose().mean(axis=1) for r in runs])  # (runs, groups)
    stated = means.var(axis=1, ddof=1)[:, None] / GROUPS
    ratio, spread = leave_one_out(stated, means.mean(axis=1)[:, None])
    # one quantity only: 64 runs know its variance to 18 %, so a factor of 2 is detected
    assert spread < 0.25
    assert abs(ratio - 1.0) < THRESHOLD * spread


def test_deviations_of_runs_are_normal_in_units_of_the_stated_uncertainty(runs: list) -> None:
    chosen = runs[0].group_voxels
    doses = np.array([r.dose().ravel()[chosen] for r in runs])
    stated = np.array([r.dose_std_dev().ravel()[chosen] for r in runs])
    t = (doses - doses.mean(axis=0)) / stated * np.sqrt(RUNS / (RUNS - 1))
    # Student's t with 19 degrees of freedom: within ±1 with a probability of 67.0 %, ±2.093 with 95 %
    for limit, p in ((1.0, 0.670), (2.093, 0.95)):
        per_run = (np.abs(t) < limit).mean(axis=1)
        spread = per_run.std(ddof=1) / np.sqrt(RUNS)
        # 2 %: voxels of a few tracks per batch are skewed
        assert abs(per_run.mean() - p) < THRESHOLD * spread + 0.02


def test_voxels_and_rings_find_the_same_dose() -> None:
    # One seed in water by two transport kernels, Cartesian and cylindrical, scaled by two modules. The rings' dose × r²
    # is smooth: its value at the voxels' centres by bilinear interpolation in (ρ, |z|) is good to 0.2 %.
    planes, scoring = surrounded([np.linspace(-1.25, 1.25, 26)] * 3, [np.array([-10.0, -4.0, 4.0, 10.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    water = Phantom(planes, np.zeros(shape, np.uint8), np.full(shape, 0.998, np.float32), ("water",), scoring)
    settings = Settings(phase_space_histories=1_000_000, productive_histories_per_batch=30_000)
    simulation = Simulation(
        water, "6711", np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.ones(1), 59.4, settings, threads=2
    )
    result = simulation.run(StoppingRule(batches=(0, 40)))
    x, y, z = np.meshgrid(*result.axes, indexing="ij")
    rho = np.hypot(x, y)
    rings, centres = [], [0.6, 0.8, 1.0, 1.2]
    for c in centres:
        rings += [[c - 0.1, c + 0.1, -0.1, 0.1], [c - 0.1, c + 0.1, 0.2, 0.4]]
    doses = ring_dose(
        load_seed_model("6711"),
        simulation.phase_space,
        np.array(rings),
        1_200_000,
        radius=15.0,
        threads=2,
        run_seed=77,
    )
    squared = np.array([[c * c, c * c + 0.09] for c in centres])
    smooth = doses.dose_per_history.reshape(4, 2) * squared
    inside = (rho > 0.65) & (rho < 1.15) & (np.abs(z) < 0.3)
    low, high = (np.interp(rho[inside], centres, smooth[:, k]) for k in (0, 1))
    share = np.abs(z[inside]) / 0.3
    expected = ((1 - share) * low + share * high) / (rho[inside] ** 2 + z[inside] ** 2)
    found = result.dose_per_history()[inside]
    ratio = (found / expected).mean()
    # Type A: rings 0.2 % each, 8 of them; voxels from the spread of the batches' means. The phase space is the same.
    batches = []
    for k in range(40):
        tally = simulation.batch(k).dose[0]
        batches.append((tally[inside] / expected).mean())
    spread = np.hypot(np.std(batches, ddof=1) / np.mean(batches) / np.sqrt(40), 0.004 / np.sqrt(8))
    assert spread < 0.0025
    assert (
        abs(ratio - 1.0) < THRESHOLD * spread + 0.004
    )  # 0.4 %: interpolation, 1 mm voxels against 2 mm rings


@pytest.mark.slow
def test_a_finite_phase_space_adds_little() -> None:
    # Batches replay one phase space: the dose they converge to has an uncertainty of its own that no batch can show.
    # 40 phase spaces of 100,000 photons find it; it falls with the root of their number.
    model = load_seed_model("6711")
    ring = np.array([[0.95, 1.05, -0.05, 0.05]])
    doses, stated = [], []
    for k in range(40):
        seed = make_phase_space(model, histories=100_000, threads=2, run_seed=1000 + k)
        dose = ring_dose(model, seed, ring, 200_000, threads=2, run_seed=k)
        doses.append(dose.dose_per_history[0])
        stated.append(dose.std_dev[0] ** 2)
    hidden = np.var(doses, ddof=1) - np.mean(stated)
    relative = np.sqrt(max(hidden, 0.0) * 100_000 / DEFAULT_HISTORIES) / np.mean(doses)
    # 0.17 % at 1 cm with the default phase space; 40 of them know it to 11 % (1σ)
    assert relative < 0.003
    # and it is there: whoever needs less than 0.2 % needs a larger phase space
    assert relative > 0.0008
