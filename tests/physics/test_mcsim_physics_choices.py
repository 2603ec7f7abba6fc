"""Coherent and incoherent treatment as settings, against quadrature and published moments."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.kernels.interaction import COHERENT, INCOHERENT
from mcsim.materials import material
from mcsim.medium_tables import electrons_per_gram, mass_energy_absorption
from mcsim.physics_settings import PhysicsSettings

SIGMAS = 5.7  # family-wise false alarm 1e-6 for up to 100 checks
BARN = 1e-24
# Klein and Nishina at 27.4723 keV (free electrons): cross section, ⟨cos⟩, ⟨cos²⟩, ⟨T/E⟩
ENERGY, CROSS_SECTION = 27.4723, 0.602501
MEAN_COSINE, MEAN_SQUARE_COSINE, MEAN_TRANSFER = 0.03951, 0.40072, 0.048111


def at(table: np.ndarray, energy: float, medium: int = 0) -> float:
    k = int((energy - 1.0) * 100)
    return float(table[k, medium, 0] + (energy - 1.0 - k / 100) * table[k, medium, 1])


@pytest.mark.parametrize("name", ["water", "cortical_bone", "silver"])
def test_without_coherent_scattering_nothing_else_changes(medium_tables, interactions, name: str) -> None:
    with_it, without = medium_tables(name), medium_tables(name, coherent="off")
    assert np.all(without.coherent == 0.0)
    np.testing.assert_allclose(without.total, with_it.total - with_it.coherent, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(without.incoherent, with_it.incoherent)
    # it transfers no energy
    np.testing.assert_array_equal(without.energy_absorption, with_it.energy_absorption)
    _, _, processes = interactions(ENERGY, without, 100_000)
    assert not np.any(processes == COHERENT)
    share = at(without.incoherent, ENERGY) / at(without.total, ENERGY)
    assert abs(np.mean(processes == INCOHERENT) - share) < SIGMAS * np.sqrt(share * (1 - share) / 100_000)


@pytest.mark.parametrize("name", ["water", "cortical_bone", "gold"])
def test_free_electrons_scatter_as_klein_and_nishina_say(medium_tables, interactions, name: str) -> None:
    tables = medium_tables(name, incoherent="free_electrons")
    per_electron = at(tables.incoherent, ENERGY) / electrons_per_gram(material(name)) / BARN
    assert per_electron == pytest.approx(CROSS_SECTION, rel=2e-6)  # six figures
    only = tables._replace(incoherent=tables.total, coherent=np.zeros_like(tables.total))
    count = 1_000_000
    energies, cosines, _ = interactions(ENERGY, only, count)
    for values, expected in (
        (cosines, MEAN_COSINE),
        (cosines**2, MEAN_SQUARE_COSINE),
        (1.0 - energies / ENERGY, MEAN_TRANSFER),
    ):
        assert abs(values.mean() - expected) < SIGMAS * values.std() / np.sqrt(count) + 1e-5


@pytest.mark.parametrize("energy", [1.5, 5.0, 15.0, 27.4723, 39.0])
def test_free_electrons_against_quadrature(medium_tables, energy: float) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(200)
    q = 1.0 / (1.0 + energy / 510.99895 * (1.0 - nodes))
    density = q**2 * (q + 1.0 / q - 1.0 + nodes**2) * weights
    # dσ/dΩ = r²/2 q² (q + 1/q − sin²θ), r the classical electron radius
    cross_section = np.pi * (2.8179403205e-13) ** 2 * density.sum()
    water = material("water")
    tables = medium_tables("water", incoherent="free_electrons")
    incoherent = cross_section * electrons_per_gram(water)
    assert at(tables.incoherent, energy) == pytest.approx(incoherent, rel=1e-6)
    photoelectric = at(tables.total - tables.incoherent - tables.coherent, energy)
    transfer = (density * (1.0 - q)).sum() / density.sum()
    physics = PhysicsSettings(incoherent="free_electrons")
    found = mass_energy_absorption(water, np.array([energy]), physics)[0]
    # water has no line above 1 keV; T̄ is interpolated in steps of 0.25 keV
    assert found == pytest.approx(photoelectric + incoherent * transfer, rel=1e-5)


def test_binding_takes_away_what_published_cross_sections_say(medium_tables) -> None:
    """At 28 keV bound electrons of water scatter 0.1824 cm²/g (XCOM, doi:10.18434/T48G6X)."""
    bound, free = (
        at(medium_tables("water", incoherent=c).incoherent, 28.0)
        for c in ("scattering_function", "free_electrons")
    )
    assert bound == pytest.approx(0.1824, rel=1e-3)
    # 0.6014 b × 3.341e23/g
    assert free == pytest.approx(0.2010, rel=1e-3)
