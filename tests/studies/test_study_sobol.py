"""Sobol' indices against Ishigami's function, and the design of the study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mcsim.invalid_input import InvalidInput
from validation.studies.study_settings import StudySettings
from validation.studies.study_sobol import (
    FIRST_REALISATION,
    REALISATIONS,
    change_at,
    design_rows,
    factor_effects,
    factor_names,
    samples,
    sobol_shares,
)

A, B = 7.0, 0.1


def ishigami(x: np.ndarray) -> np.ndarray:
    return np.sin(x[0]) + A * np.sin(x[1]) ** 2 + B * x[2] ** 4 * np.sin(x[0])


def test_shares_are_those_of_ishigamis_function():
    """Closed form: Ishigami and Homma (1990), doi:10.1109/ISUMA.1990.151285."""
    base = 4096
    uniform = stats.qmc.Sobol(6, scramble=True, seed=1).random(base).T * 2 * np.pi - np.pi
    a, b = uniform[:3], uniform[3:]
    columns = [ishigami(a), ishigami(b)]
    for k in range(3):
        mixed = a.copy()
        mixed[k] = b[k]
        columns.append(ishigami(mixed))
    found = sobol_shares(np.stack(columns, axis=1))
    first = 0.5 * (1.0 + B * np.pi**4 / 5.0) ** 2
    second = A**2 / 8.0
    mixed_term = B**2 * np.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
    variance = first + second + mixed_term
    # 4096 points of a Sobol' sequence: indices are known to about 0.01
    assert found.variance == pytest.approx(variance, rel=0.02)
    assert found.first_order == pytest.approx([first / variance, second / variance, 0.0], abs=0.02)
    expected = [(first + mixed_term) / variance, second / variance, mixed_term / variance]
    assert found.total_order == pytest.approx(expected, abs=0.02)
    assert (found.total_interval[0] <= found.total_order).all()
    assert (found.total_order <= found.total_interval[1]).all()


def settings() -> StudySettings:
    return StudySettings("displacement", "0" * 64, study_seed=3)


def test_base_samples_do_not_depend_on_how_they_are_divided():
    whole = samples(settings(), tuple(range(32)))
    parts = [samples(settings(), tuple(range(first, first + 8))) for first in range(0, 32, 8)]
    assert np.array_equal(whole, np.concatenate(parts, axis=2))


@pytest.mark.parametrize(
    ("values", "more"),
    [
        ({}, ()),
        ({"shrinkage_per_d": (0.0, 0.01)}, ("final_volume", "shrinkage_rate")),
        ({"volumes_cm3": (6.87, 4.44, 4.20), "volume_days": (0.0, 61.0, 183.0)}, ("final_volume",)),
        ({"volumes_cm3": (4.2, 6.87), "volume_days": (0.0, 61.0)}, ()),  # it grows: nothing shrinks
    ],
    ids=["still", "rate", "series", "growing series"],
)
def test_rows_take_one_factor_from_the_other_sample(values, more):
    of = replace(settings(), **values)
    found = samples(of, tuple(range(16)))
    assert factor_names(of)[6:] == more
    a, b = found[0], found[1]
    for k in range(6 + len(more)):
        others = np.delete(np.arange(6 + len(more)), k)
        assert np.array_equal(found[2 + k, k], b[k])
        assert np.array_equal(found[2 + k][others], a[others])
    assert found.shape[0] == len(design_rows(of))


def test_final_volume_is_that_of_the_course():
    factors = {"edema": 0.0, "edema_half_life": 10.0, "final_volume": 0.45, "shrinkage_rate": 0.1}
    rate = replace(settings(), shrinkage_per_d=(0.01,))
    assert float(change_at(rate, factors).ratio(np.inf)) == pytest.approx(0.45, rel=1e-12)
    # by the rate of the sample, not that of the scenario
    assert float(change_at(rate, factors).ratio(10.0)) == pytest.approx(0.45 + 0.55 * np.exp(-1.0), rel=1e-12)
    series = replace(settings(), volumes_cm3=(6.87, 4.44, 4.20), volume_days=(0.0, 61.0, 183.0))
    changed = change_at(series, {k: v for k, v in factors.items() if k != "shrinkage_rate"})
    assert float(changed.ratio(np.inf)) == pytest.approx(0.45, rel=1e-12)
    # in proportion: two thirds of the measured loss at a day are two thirds of the stretched one
    part = (6.87 - 4.44) / (6.87 - 4.20)
    assert float(changed.ratio(61.0)) == pytest.approx(1.0 - 0.55 * part, rel=1e-12)


@pytest.mark.parametrize("values", [{"sobol_edema": (0.5, 0.2)}, {"sobol_final_volume": (0.0, 1.0)}])
def test_ranges_that_cannot_be_used_are_refused(values):
    with pytest.raises(InvalidInput, match=r"expected two numbers from .* ascending"):
        replace(settings(), **values)


def test_factors_are_distributed_as_the_settings_say():
    sigma, edema, half_life, calibration, decay, draw = samples(settings(), tuple(range(1024)))[0]
    for values, (low, high) in ((sigma, (0.0, 5.0)), (edema, (0.0, 0.6)), (half_life, (4.0, 25.0))):
        # a balanced sample of 1024: quantiles to 1/1024 of the range
        expected = low + (high - low) * np.array([0.25, 0.5, 0.75])
        assert np.quantile(values, [0.25, 0.5, 0.75]) == pytest.approx(expected, abs=2e-3 * (high - low))
    assert calibration.std() == pytest.approx(0.02, rel=0.01)
    assert decay.std() == pytest.approx(0.05, rel=0.01)
    assert (draw == np.floor(draw)).all()
    assert draw.max() < REALISATIONS < FIRST_REALISATION


def test_a_number_that_is_no_power_of_two_is_refused():
    with pytest.raises(InvalidInput, match="base samples is 24, expected a power of 2"):
        sobol_shares(np.random.default_rng(1).normal(size=(24, 8)))


def test_a_quantity_without_spread_has_no_shares():
    found = sobol_shares(np.ones((16, 8)))
    assert np.isnan(found.first_order).all()
    assert found.variance == 0.0


def test_effect_of_a_factor_is_that_of_a_linear_quantity():
    """3 σ − 20 M: means of the fifths lie 0.4 of the range from the middle."""
    rows = samples(settings(), tuple(range(256)))
    found = factor_effects(settings(), (3.0 * rows[:, 0] - 20.0 * rows[:, 1]).T)
    assert found[0] == pytest.approx([-6.0, 6.0], rel=0.02)
    assert found[1] == pytest.approx([4.8, -4.8], rel=0.02)
    assert np.abs(found[2:]).max() < 1e-9
