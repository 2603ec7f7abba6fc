"""Fluorescence of silver and titanium: how often, at which energies, in which proportions, in which directions."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.cross_sections import VACANCIES, element_table
from mcsim.kernels.interaction import PHOTOELECTRIC

K_LINES_ABOVE = 4.0  # keV, for silver and titanium; silver's L lines end at 3.8 keV
SIGMAS = 5.7  # family-wise false alarm 1e-6 for up to 100 checks

# Fluorescence yield: Krause 1979 (doi:10.1063/1.555594), type B 2 % for silver and 5 % for titanium (his estimate for
# light elements); share of K in photoelectric absorption: 1 − 1/jump with the jump at the K edge in XCOM (6.5 for
# silver, 8.6 for titanium), 2 %.
PUBLISHED = {
    "silver": ("Ag", 0.831, 0.846, 0.03, {"Kα1": 22.163, "Kα2": 21.990, "Kβ1": 24.942, "Kβ3": 24.912}),
    "titanium": ("Ti", 0.219, 0.884, 0.06, {"Kα1": 4.511, "Kα2": 4.505, "Kβ": 4.932}),
}
# Kβ/Kα: Scofield 1974 (doi:10.1016/S0092-640X(74)80019-7), 0.214 and 0.136, within 5 %.
BETA_TO_ALPHA = {"silver": (0.214, 23.5), "titanium": (0.136, 4.8)}


@pytest.fixture(scope="module")
def absorptions(medium_tables, interactions):
    """Energies of the photons after photoelectric absorption (0: none) and their cosines."""

    def sample(name: str, energy: float, count: int = 1_000_000):
        energies, cosines, processes = interactions(energy, medium_tables(name), count)
        absorbed = processes == PHOTOELECTRIC
        return energies[absorbed], cosines[absorbed]

    return sample


@pytest.mark.parametrize("name", ["silver", "titanium"])
@pytest.mark.parametrize("energy", [27.4723, 35.4919])
def test_photons_per_absorption_are_yield_times_share(absorptions, name: str, energy: float) -> None:
    symbol, fluorescence_yield, share, type_b, _ = PUBLISHED[name]
    energies, _ = absorptions(name, energy)
    p = np.mean(energies > K_LINES_ABOVE)
    assert p == pytest.approx(fluorescence_yield * share, rel=type_b)
    # and exactly what the packaged element says
    element = element_table(symbol)
    expected = element.shell_yield[0] * float(element.interpolate("vacancies_k", np.array([energy]))[0])
    assert abs(p - expected) < SIGMAS * np.sqrt(expected * (1 - expected) / len(energies)) + 1e-5


@pytest.mark.parametrize("name", ["silver", "titanium"])
def test_line_energies_and_proportions(absorptions, name: str) -> None:
    energies, _ = absorptions(name, 35.4919)
    energies = energies[energies > 0.0]
    found, counts = np.unique(energies, return_counts=True)
    for line in PUBLISHED[name][4].values():
        assert (
            np.abs(found - line).min() < 0.01
        )  # Deslattes 2003 in keV, given to 1 eV; the table rounds to 10 eV
    element = element_table(PUBLISHED[name][0])
    assert set(found) <= set(element.line_energy)
    vacancies = np.array([element.interpolate(name, np.array([35.4919]))[0] for name in VACANCIES])
    numbers = element.line_yield * vacancies[element.line_shell]
    for line in np.unique(element.line_energy):  # some lines share one energy
        rate = numbers[element.line_energy == line].sum() / numbers.sum()
        p = counts[found == line].sum() / len(energies)
        assert abs(p - rate) < SIGMAS * np.sqrt(rate * (1 - rate) / len(energies)) + 1e-6
    ratio, border = BETA_TO_ALPHA[name]
    beta = np.mean(energies[energies > K_LINES_ABOVE] > border)
    assert beta / (1.0 - beta) == pytest.approx(ratio, rel=0.05)


def test_no_k_photon_below_the_edge(absorptions) -> None:
    energies, _ = absorptions("silver", 25.4)
    assert np.all(energies < K_LINES_ABOVE)
    energies, _ = absorptions("silver", 25.6)
    assert np.mean(energies > K_LINES_ABOVE) > 0.6


def test_fluorescence_is_isotropic(absorptions) -> None:
    energies, cosines = absorptions("silver", 35.4919)
    cosines = cosines[energies > 0.0]
    n = len(cosines)
    # uniform over the sphere: cosine uniform in (−1, 1), variances 1/3 and 4/45
    assert abs(cosines.mean()) < SIGMAS * np.sqrt(1 / 3 / n)
    assert abs((cosines**2).mean() - 1 / 3) < SIGMAS * np.sqrt(4 / 45 / n)


def test_a_cut_off_above_the_lines_keeps_their_energy_at_the_site(medium_tables, interactions) -> None:
    tables = medium_tables("titanium", cut_off_kev=5.0)
    energies, _, processes = interactions(27.4723, tables, 20_000)
    assert np.all(energies[processes == PHOTOELECTRIC] == 0.0)
    whole = medium_tables("titanium")
    k = int(26.4723 * 100)
    # The titanium lines carry away 3 % of 27 keV: yield × share × mean line. Published yields lie between 0.214 and
    # 0.226 (Hubbell 1994, doi:10.1063/1.555955): 8 %.
    ratio = whole.energy_absorption[k, 0, 0] / tables.energy_absorption[k, 0, 0]
    assert 1.0 - ratio == pytest.approx(0.219 * 0.88 * 4.55 / 27.4723, rel=0.08)
