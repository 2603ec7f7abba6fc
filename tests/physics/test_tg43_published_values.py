"""TG-43 against published numbers: the dose-rate table along and away from the seed, the tables' own entries,
and
the parameters that follow from one another."""

from __future__ import annotations

import numpy as np
import pytest

import tg43
from tg43.source_data import SourceData

# Dose rate of the OncoSeed 6711 from its consensus data, cGy h⁻¹ U⁻¹, at distance away from and height along
# the seed in cm, as tabulated for checking planning systems.
ALONG_AWAY = [
    (1.0, 0.0, "0.965"),
    (2.0, 0.0, "0.197"),
    (3.0, 0.0, "0.0682"),
    (4.0, 0.0, "0.0301"),
    (5.0, 0.0, "0.0142"),
    (0.0, 1.0, "0.368"),
    (1.0, 1.0, "0.427"),
    (2.0, 2.0, "0.0764"),
    (3.0, 1.0, "0.0590"),
    (0.0, 3.0, "0.0334"),
    (1.0, 3.0, "0.0430"),
    (0.0, 5.0, "0.00779"),
    (5.0, 5.0, "0.00360"),
    (7.0, 0.0, "0.00395"),
    (7.0, 7.0, "0.000783"),
]


@pytest.fixture(scope="module")
def seed() -> SourceData:
    return tg43.load_source("6711")


@pytest.mark.parametrize("method", ["exact", "fast"])
@pytest.mark.parametrize(("away", "along", "published"), ALONG_AWAY)
def test_dose_rate_matches_the_along_away_table(
    seed: SourceData, method: str, away: float, along: float, published: str
) -> None:
    rate = tg43.dose_rate([[away, 0, along]], [[0, 0, 0]], [[0, 0, 1]], [1.0], seed, method=method)
    half_of_last_digit = 0.5 * 10.0 ** -(len(published) - 2)
    # 0.5 %: the table was made with its own interpolation between the tabulated distances and angles.
    assert 100 * rate[0] == pytest.approx(float(published), abs=0.005 * float(published) + half_of_last_digit)


def test_dose_rate_at_the_reference_point_is_the_dose_rate_constant(seed: SourceData) -> None:
    rate = tg43.dose_rate([[1.0, 0, 0]], [[0, 0, 0]], [[0, 0, 1]], [1.0], seed)
    assert 100 * rate[0] == pytest.approx(0.965, rel=1e-14)


def test_line_geometry_function_at_the_reference_point() -> None:
    # 2 arctan(0.15) / 0.3
    assert float(tg43.geometry_function(1.0, np.pi / 2, 0.3)) == pytest.approx(0.992599650730, abs=5e-13)


def test_tables_are_reproduced_at_their_nodes(seed: SourceData) -> None:
    assert tg43.radial_dose_function(seed.radial_distances, seed) == pytest.approx(seed.radial_dose, rel=1e-6)
    table = tg43.anisotropy_function(
        seed.anisotropy_distances[:, np.newaxis], seed.anisotropy_angles[np.newaxis, :], seed
    )
    assert table == pytest.approx(seed.anisotropy, rel=1e-6)
    factor = tg43.anisotropy_factor(seed.anisotropy_factor_distances, seed)
    assert factor == pytest.approx(seed.anisotropy_factor, rel=1e-6)


def test_consensus_values_of_the_6711_at_hand_picked_nodes(seed: SourceData) -> None:
    # Typed here apart from the data file: TG-43U1 (doi:10.1118/1.1646040), tables of the model 6711.
    assert tg43.radial_dose_function([0.1, 0.5, 2.0, 5.0, 10.0], seed) == pytest.approx(
        [1.055, 1.071, 0.814, 0.364, 0.0803], rel=1e-12
    )
    angles = np.deg2rad([0.0, 10.0, 30.0, 60.0])
    assert tg43.anisotropy_function(2.0, angles, seed) == pytest.approx(
        [0.442, 0.580, 0.842, 0.987], rel=1e-12
    )
    assert (seed.active_length, seed.half_life) == (0.3, 59.40)


def test_point_radial_dose_function_follows_from_the_line_one(seed: SourceData) -> None:
    r = seed.radial_distances
    geometry = tg43.geometry_function(r, np.pi / 2, seed.active_length)
    reference = tg43.geometry_function(1.0, np.pi / 2, seed.active_length)
    expected = seed.radial_dose * geometry * r**2 / reference
    # Both g_L and g_P are rounded to three decimals (the last to four): half a digit of each, scaled by g_P /
    # g_L.
    half_digit = np.where(r < 10, 0.5e-3, 0.5e-4)
    assert np.all(np.abs(expected - seed.radial_dose_point) <= half_digit * (1 + expected / seed.radial_dose))


def test_anisotropy_factor_follows_from_the_anisotropy_function(seed: SourceData) -> None:
    # φ_an(r) = ∫ F G_L sin θ dθ / G_L(r, 90°) over 0 to 90°, by a rule finer than the 5 to 10° table.
    nodes, weights = np.polynomial.legendre.leggauss(12)
    edges = seed.anisotropy_angles
    theta = (edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * (nodes + 1) / 2).ravel()
    weight = (np.diff(edges)[:, np.newaxis] * weights / 2).ravel()
    length = seed.active_length
    for r, published in zip(seed.anisotropy_factor_distances, seed.anisotropy_factor, strict=True):
        anisotropy = tg43.anisotropy_function(r, theta, seed)
        integrand = anisotropy * tg43.geometry_function(r, theta, length) * np.sin(theta)
        computed = integrand @ weight / tg43.geometry_function(r, np.pi / 2, length)
        # Rounding of F and φ_an is 0.0005 each; 0.001 more for the chord through F in 10° steps, where it
        # bends.
        assert computed == pytest.approx(published, abs=0.002), r


def test_total_dose_of_one_unit_strength_at_the_reference_point(seed: SourceData) -> None:
    rate = tg43.dose_rate([[1.0, 0, 0]], [[0, 0, 0]], [[0, 0, 1]], [1.0], seed)
    total = 100 * rate[0] * tg43.dose_per_dose_rate(59.40)
    # 0.965 cGy/h times the mean life 59.40 · 24 / ln 2 h
    assert total == pytest.approx(1984.7213, abs=5e-5)
