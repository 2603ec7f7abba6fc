"""Sampling of single interactions against published shares and moments and against quadrature.

Every statistical check has a fixed seed and a threshold of 5.7 σ: family-wise false alarm 1e-6 for up to 100 checks.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from mcsim.cross_sections import element_table
from mcsim.kernels.interaction import COHERENT, INCOHERENT, PHOTOELECTRIC
from mcsim.materials import material
from mcsim.medium_tables import coherent_guide

SIGMAS = 5.7
# For a Kolmogorov-Smirnov p-value the same family-wise rate: 1e-6 / 100 checks.
P_VALUE = 1e-8
REST_ENERGY = 510.99895  # keV
HC = 12.398419843  # keV Å


def nearest(values: np.ndarray, spread: np.ndarray | float, expected: float) -> None:
    """The mean of `values` is `expected` within the threshold."""
    assert abs(values.mean() - expected) < SIGMAS * spread / np.sqrt(len(values))


def only(tables, process: str):
    """Tables in which every interaction is of one kind."""
    nothing = np.zeros_like(tables.total)
    kinds = {name: tables.total if name == process else nothing for name in ("incoherent", "coherent")}
    return tables._replace(**kinds)


def ratio_of_energies(energy: float, cosine):
    return 1.0 / (1.0 + energy / REST_ENERGY * (1.0 - cosine))


def klein_nishina(energy: float, cosine):
    q = ratio_of_energies(energy, cosine)
    return q * q * (q + 1.0 / q - 1.0 + cosine * cosine)


def per_molecule(name: str, table: str):
    """F² or S of a medium per mass, from its elements, by interpolation in the published tables."""
    parts = [
        (f / element_table(s).atomic_weight, element_table(s)) for s, f in material(name).fractions.items()
    ]
    power = 2 if table == "form_factor" else 1

    def value(x):
        return sum(a * np.interp(x, e.momentum_transfer, getattr(e, table)) ** power for a, e in parts)

    return value


def momentum_transfer(energy: float, cosine):
    return energy / HC * np.sqrt(0.5 * (1.0 - cosine))


def moment(density, of) -> float:
    """Mean of a function of the cosine: 8 nodes in each of 400 pieces, short near 1 where form factors peak."""
    cuts = 1.0 - 2.0 * np.linspace(1.0, 0.0, 401) ** 3
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = 0.5 * np.diff(cuts)
    c = (0.5 * (cuts[1:] + cuts[:-1])[:, None] + half[:, None] * nodes).ravel()
    w = (half[:, None] * weights).ravel() * density(c)
    return float((w * of(c)).sum() / w.sum())


def test_interactions_in_water_at_28_kev_split_as_xcom_says(medium_tables, interactions) -> None:
    count = 2_000_000
    _, _, processes = interactions(28.0, medium_tables("water"), count)
    # XCOM (doi:10.18434/T48G6X): 43.72 % photoelectric, 43.69 % incoherent, 12.59 % coherent, each given to 0.005 %;
    # the table's data agree with XCOM to 0.03 % of each cross section. Type A: 0.035 % (1σ).
    for process, percent in ((PHOTOELECTRIC, 43.72), (INCOHERENT, 43.69), (COHERENT, 12.59)):
        p = percent / 100
        allowed = SIGMAS * np.sqrt(p * (1 - p) / count) + 5e-5 + 3e-4 * p
        assert abs(np.mean(processes == process) - p) < allowed


def test_free_electrons_scatter_as_klein_and_nishina_say(medium_tables, interactions) -> None:
    tables = only(medium_tables("water"), "incoherent")
    tables = tables._replace(incoherent_function=np.ones_like(tables.incoherent_function))
    energies, cosines, _ = interactions(27.4723, tables, 2_000_000)
    # moments by quadrature of the Klein-Nishina formula, given to the last digit
    nearest(cosines, cosines.std(), 0.03951)
    nearest(cosines**2, (cosines**2).std(), 0.40072)
    transfer = 1.0 - energies / 27.4723
    nearest(transfer, transfer.std(), 0.048111)


@pytest.mark.parametrize("name", ["water", "cortical_bone", "silver", "titanium"])
@pytest.mark.parametrize("energy", [5.0, 22.163, 27.4723, 35.4919])
def test_bound_electrons_scatter_with_the_scattering_function(
    medium_tables, interactions, name: str, energy: float
) -> None:
    energies, cosines, processes = interactions(energy, only(medium_tables(name), "incoherent"), 400_000)
    assert np.all(processes == INCOHERENT)
    # the free-electron relation of angle and energy (Doppler broadening is neglected), to round-off
    np.testing.assert_allclose(energies, energy * ratio_of_energies(energy, cosines), rtol=1e-13)
    s = per_molecule(name, "incoherent_scattering_function")

    def density(c):
        return klein_nishina(energy, c) * s(momentum_transfer(energy, c))

    nearest(cosines, cosines.std(), moment(density, lambda c: c))
    nearest(cosines**2, (cosines**2).std(), moment(density, lambda c: c * c))
    transfer = 1.0 - energies / energy
    nearest(transfer, transfer.std(), moment(density, lambda c: 1.0 - ratio_of_energies(energy, c)))


def test_scattering_by_points_has_the_rayleigh_distribution(medium_tables, interactions) -> None:
    tables = only(medium_tables("water"), "coherent")
    nodes = tables.momentum_transfer_max * np.linspace(0.0, 1.0, tables.coherent_integral.shape[1]) ** 2
    integral = np.tile(nodes**2, (tables.coherent_integral.shape[0], 1))
    tables = tables._replace(coherent_integral=integral, coherent_guide=coherent_guide(integral))
    energies, cosines, _ = interactions(27.4723, tables, 1_000_000)
    assert np.all(energies == 27.4723)
    nearest(cosines, cosines.std(), 0.0)
    nearest(cosines**2, (cosines**2).std(), 0.4)
    # the cumulative distribution of 3/8 (1 + c²)
    assert kstest(cosines[:200_000], lambda c: 0.5 + 0.375 * c + 0.125 * c**3).pvalue > P_VALUE


@pytest.mark.parametrize("name", ["water", "cortical_bone", "silver", "titanium"])
@pytest.mark.parametrize("energy", [5.0, 22.163, 27.4723, 35.4919])
def test_coherent_scattering_follows_the_form_factor(
    medium_tables, interactions, name: str, energy: float
) -> None:
    energies, cosines, processes = interactions(energy, only(medium_tables(name), "coherent"), 400_000)
    assert np.all(processes == COHERENT)
    assert np.all(energies == energy)
    f2 = per_molecule(name, "form_factor")

    def density(c):
        return (1.0 + c * c) * f2(momentum_transfer(energy, c))

    # 2e-4: F² is integrated by trapezoids of 513 nodes in the kernels' tables
    for power in (1, 2):
        expected = moment(density, lambda c, power=power: c**power)
        spread = (cosines**power).std() / np.sqrt(len(cosines))
        assert abs((cosines**power).mean() - expected) < SIGMAS * spread + 2e-4


@pytest.mark.parametrize("name", ["water", "silver"])
@pytest.mark.parametrize("process", ["incoherent", "coherent"])
def test_whole_distribution_of_the_scattering_angle(
    medium_tables, interactions, name: str, process: str
) -> None:
    energy = 27.4723
    _, cosines, _ = interactions(energy, only(medium_tables(name), process), 200_000)
    grid = 1.0 - 2.0 * np.linspace(1.0, 0.0, 8001) ** 3
    x = momentum_transfer(energy, grid)
    if process == "incoherent":
        density = klein_nishina(energy, grid) * per_molecule(name, "incoherent_scattering_function")(x)
    else:
        density = (1.0 + grid**2) * per_molecule(name, "form_factor")(x)
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
    cumulative = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    # 200,000 samples detect a shift of the distribution function by 0.7 %
    assert kstest(cosines, lambda c: np.interp(c, grid, cumulative)).pvalue > P_VALUE


@pytest.mark.parametrize(
    "name", ["water", "cortical_bone", "lung", "titanium", "silver", "silver_halide_6711"]
)
@pytest.mark.parametrize("energy", [3.0, 5.5, 22.163, 27.4723, 35.4919])
def test_detailed_energy_balance_is_the_energy_absorption_coefficient(
    medium_tables, interactions, name: str, energy: float
) -> None:
    # µ_en E = µ (E − mean energy of the photon that leaves): what µ_en leaves out is transported, and nothing else
    tables = medium_tables(name)
    energies, _, processes = interactions(energy, tables, 400_000)
    position = (energy - tables.energy_min) * tables.bins_per_kev
    k = int(position)
    above = (position - k) / tables.bins_per_kev
    total, absorption = (t[k, 0, 0] + above * t[k, 0, 1] for t in (tables.total, tables.energy_absorption))
    parts = [t[k, 0, 0] + above * t[k, 0, 1] for t in (tables.incoherent, tables.coherent)]
    # How often each process happens is known from the table: only what each of them keeps is sampled.
    chances = {INCOHERENT: parts[0] / total, COHERENT: parts[1] / total}
    chances[PHOTOELECTRIC] = 1.0 - sum(chances.values())
    kept, found, variance = 1.0 - energies / energy, 0.0, 0.0
    for process, chance in chances.items():
        here = kept[processes == process]
        found += chance * here.mean()
        variance += chance**2 * here.var() / len(here)
    # 1e-5: the line probabilities are constant within a bin of 10 eV, and the mean transfer is interpolated
    assert abs(found - absorption / total) < SIGMAS * np.sqrt(variance) + 1e-5
