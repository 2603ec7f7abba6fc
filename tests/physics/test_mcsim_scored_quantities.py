"""Dose to medium, dose to water and primary dose, scored from the same tracks."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.materials import material
from mcsim.medium_tables import mass_energy_absorption
from mcsim.phantom import Phantom, surrounded
from mcsim.result import QUANTITY_NAMES, Result
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule

DOSE_TO_MEDIUM, DOSE_TO_WATER = 0, 1  # order in a result
MEDIA = ("muscle", "water", "cortical_bone")
AXIS = np.array([[0.0, 0.0, 1.0]])


def one_seed(media: tuple[str, ...], medium: np.ndarray, batches: int = 12) -> Result:
    """A seed in the middle of a 4 cm cube of 4 mm voxels."""
    planes, scoring = surrounded([np.linspace(-2.0, 2.0, 11)] * 3, [np.array([-6.0, 6.0])] * 3)
    whole = np.zeros((12, 12, 12), dtype=np.uint8)
    whole[scoring] = medium
    density = np.array([material(m).density for m in media], dtype=np.float32)[whole]
    simulation = Simulation(
        Phantom(planes, whole, density, media, scoring),
        "6711",
        np.array([[0.01, 0.02, 0.0]]),
        AXIS,
        np.ones(1),
        59.4,
        Settings(productive_histories_per_batch=20_000, phase_space_histories=1_000_000),
        threads=2,
    )
    return simulation.run(StoppingRule(batches=(0, batches)))


@pytest.fixture(scope="module")
def layers() -> Result:
    medium = np.zeros((10, 10, 10), dtype=np.uint8)
    medium[:, 6:8] = 1
    medium[:, 8:] = 2
    return one_seed(MEDIA, medium)


def test_dose_to_water_is_dose_to_medium_bit_for_bit_in_water(layers: Result) -> None:
    water = layers.medium == MEDIA.index("water")
    assert water.sum() == 200
    assert np.array_equal(layers.sums.total[DOSE_TO_WATER][water], layers.sums.total[DOSE_TO_MEDIUM][water])
    assert np.array_equal(
        layers.sums.square_low[DOSE_TO_WATER][water], layers.sums.square_low[DOSE_TO_MEDIUM][water]
    )
    assert not np.any(layers.sums.total[DOSE_TO_WATER][~water] == layers.sums.total[DOSE_TO_MEDIUM][~water])


@pytest.mark.parametrize("name", ["muscle", "cortical_bone"])
def test_ratio_lies_between_the_ratios_of_energy_absorption(layers: Result, name: str) -> None:
    # An average over the spectrum of µ_en(water)/µ_en(medium), which is monotonic from 15 to 35.5 keV in both media;
    # energy below 15 keV is under 1e-4 of what a 6711 emits beyond 2 mm.
    chosen = layers.medium == MEDIA.index(name)
    ratio = (layers.dose("dose_to_water")[chosen].sum() / layers.dose()[chosen].sum()).item()
    energies = np.array([15.0, 35.5])
    bounds = mass_energy_absorption(material("water"), energies) / mass_energy_absorption(
        material(name), energies
    )
    assert bounds.min() < ratio < bounds.max()


@pytest.mark.parametrize("energy", [20.0, 27.4723, 35.0])
def test_ratio_is_that_of_energy_absorption_for_one_energy(
    transport, medium_tables, absorb_only, energy: float
) -> None:
    # absorption only: every track has the one energy, and the ratio is that of two looked-up numbers, to round-off
    tables = absorb_only(medium_tables("water", "cortical_bone"))
    run = transport([np.linspace(0.0, 1.0, 5)] * 3, 1.92, tables, np.ones((4, 4, 4)), 2)
    run.send(np.array([[0.4, 0.6, 0.0]]), np.array([[0.1, -0.1, 0.99]]) / 0.99498743710662, energy)
    to_medium, to_water, primary, _ = run.scored.reshape(4, -1).sum(axis=1)
    energies = np.array([energy])
    expected = mass_energy_absorption(material("water"), energies)
    expected /= mass_energy_absorption(material("cortical_bone"), energies)
    assert to_water / to_medium == pytest.approx(expected.item(), rel=1e-12)
    assert primary == to_medium


def test_primary_dose_falls_as_the_exponential_of_the_path(layers: Result) -> None:
    primary, total = layers.dose("primary_dose_to_medium"), layers.dose()
    assert np.all(primary <= total)
    # Mean energy 27 keV: attenuation of muscle 0.47/cm; the primary share falls with depth, from near one at the seed.
    share = (primary / total)[5, 5, :]
    assert np.all(np.diff(share[5:]) < 0.0)
    assert 0.75 < share[5] < 0.99
    assert 0.25 < share[9] < 0.6


def test_every_quantity_has_an_uncertainty(layers: Result) -> None:
    for name in QUANTITY_NAMES:
        relative = layers.dose_std_dev(name) / layers.dose(name)
        assert np.all((relative[layers.medium == 0] > 0.0) & (relative[layers.medium == 0] < 0.5))


def test_unknown_quantity_is_refused(layers: Result) -> None:
    with pytest.raises(ValueError, match="dose_to_medium, dose_to_water"):
        layers.dose("kerma")
