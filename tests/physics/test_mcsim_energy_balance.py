"""Where the energy goes: every keV accounted for, and two estimators of the absorbed energy that agree."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.kernels.voxel_transport import BELOW_CUT_OFF, EMITTED, IN_SEEDS, IN_TISSUE, LEFT_PHANTOM
from mcsim.phantom import Phantom
from mcsim.phase_space import PhaseSpace
from mcsim.physics_settings import PhysicsSettings
from mcsim.simulation import Settings, Simulation, StoppingRule

POSITIONS = np.array([[-0.3, 0.0, 0.1], [0.3, 0.05, -0.1], [0.0, 0.4, 0.0]])
AXES = np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])


def neck_block(media: tuple[str, ...] = ("muscle", "cortical_bone", "air", "adipose")) -> Phantom:
    """A 4 cm cube of mixed media with seeds' surroundings of the first one."""
    planes = np.linspace(-2.0, 2.0, 21)
    rng = np.random.default_rng(4)
    medium = rng.integers(0, len(media), (20, 20, 20)).astype(np.uint8)
    medium[5:15, 5:15, 5:15] = 0
    density = np.array([1.05, 1.92, 0.0012, 0.95], dtype=np.float32)[medium]
    whole = slice(0, 20)
    return Phantom((planes, planes, planes), medium, density, media, (whole, whole, whole))


def simulation(seeds: str, cut_off_kev: float) -> Simulation:
    settings = Settings(
        seeds=seeds,
        phase_space_histories=1_000_000,
        productive_histories_per_batch=3000,
        physics=PhysicsSettings(cut_off_kev=cut_off_kev),
        variance_reduction="none",  # what is sampled in water has no energy balance in the phantom
    )
    return Simulation(
        neck_block(), "6711", POSITIONS, AXES, np.array([0.5, 0.6, 0.7]), 59.4, settings, threads=2
    )


@pytest.mark.parametrize("seeds", ["interseed", "superposition"])
@pytest.mark.parametrize("cut_off_kev", [1.0, 4.0])
def test_energy_of_every_batch_is_accounted_for(seeds: str, cut_off_kev: float) -> None:
    run = simulation(seeds, cut_off_kev)
    for number in range(3):
        balance = run.batch(number).balance
        # round-off of some 1e5 additions of tens of keV
        assert balance[[IN_TISSUE, IN_SEEDS, BELOW_CUT_OFF, LEFT_PHANTOM]].sum() == pytest.approx(
            balance[EMITTED], rel=1e-11
        )
        assert np.all(balance[[IN_TISSUE, IN_SEEDS, LEFT_PHANTOM]] > 0.0)
        # What falls below the cut-off is Compton-scattered from just above it, rare, or a line, impossible: lines
        # below the cut-off are not made.
        assert 0.0 <= balance[BELOW_CUT_OFF] < 1e-4 * balance[EMITTED]


def test_stored_balance_is_the_sum_over_batches() -> None:
    run = simulation("interseed", 1.0)
    stored = run.run(StoppingRule(batches=(0, 4))).energy_balance()
    batches = sum(run.batch(k).balance for k in range(4))
    # each batch is rounded to 2⁻¹⁶ keV
    assert list(stored.values()) == pytest.approx(batches.tolist(), abs=4 * 2.0**-17 + 1e-6)
    assert sum(list(stored.values())[1:]) == pytest.approx(stored["emitted"], rel=1e-9)


def test_energy_of_the_phase_space_is_accounted_for(phase_space: PhaseSpace) -> None:
    emitted, in_seed, below, leaving = phase_space.energy_balance
    assert in_seed + below + leaving == pytest.approx(emitted, rel=1e-11)
    # NCRP 58: mean energy 28.385 keV per photon; lines of 27.2 to 35.5 keV spread by 2.1 keV (1σ), 6 σ
    assert emitted / phase_space.histories == pytest.approx(28.385, abs=6 * 2.1 / 1000 + 5e-4)
    # photons are stored in single precision
    assert phase_space.photons[:, 6].astype(float).sum() == pytest.approx(leaving, rel=1e-7)


@pytest.mark.parametrize("energy", [5.0, 27.4723, 35.4919])
def test_track_length_and_analogue_estimators_agree(
    transport, medium_tables, isotropic_directions, energy: float
) -> None:
    # Σ tally · ρ is the expected energy left in the tissue; the balance holds what the same photons really left.
    phantom = neck_block(("muscle", "cortical_bone", "silver", "titanium"))
    density = phantom.density.copy()
    density[phantom.medium >= 2] = 0.2  # light enough to let photons through
    run = transport(
        list(phantom.planes), density, medium_tables(*phantom.media, "titanium", "air", "silver_halide_6711", "silver"),
        medium=phantom.medium, media_count=4,
    )  # fmt: skip
    rng = np.random.default_rng(9)
    differences, means = [], []
    for batch in range(60):
        points = rng.uniform(-1.9, 1.9, (6000, 3))
        tally, balance = run.send(points, isotropic_directions(rng, 6000), energy, run_seed=batch)
        absorbed = balance[IN_TISSUE] + balance[BELOW_CUT_OFF]
        differences.append((tally * density).sum() - absorbed)
        means.append(absorbed)
    spread = np.std(differences, ddof=1) / np.sqrt(60)
    # Student's t, 59 degrees of freedom, 3 checks at 1e-6: 6.2
    assert abs(np.mean(differences)) < 6.2 * spread
    assert 6.2 * spread < 0.012 * np.mean(means)  # the bias this detects: 1.2 % or less


def test_only_solid_seeds_absorb() -> None:
    both, single = (simulation(seeds, 1.0).batch(0).balance for seeds in ("interseed", "superposition"))
    assert both[EMITTED] == single[EMITTED]  # the same histories
    assert both[IN_SEEDS] > 1.2 * single[IN_SEEDS]
