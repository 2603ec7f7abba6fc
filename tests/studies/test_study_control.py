"""Monte Carlo statistics with a control variate, on synthetic members whose truth is known.

Family-wise false alarm of the statistical tests of this file below 1e-6: 16 comparisons at 5.5 standard errors each
(3.8e-8 two-sided). Seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mcsim.invalid_input import InvalidInput
from validation.studies.study_control import (
    Controlled,
    controlled_distribution,
    controlled_mean,
    controlled_variance,
    wilson,
)

REPEATS, PAIRS, FURTHER = 2000, 8, 60
LIMIT = 5.5


def members(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Monte Carlo and two TG-43 indices: skewed, curved and noisy, so that no line is exact."""
    z, other = rng.normal(size=n), rng.normal(size=n)
    y = 70.0 - 4.0 * np.exp(0.4 * z) + 0.8 * other
    x = np.stack([95.0 - 5.0 * np.exp(0.3 * z), 90.0 + 3.0 * other + z], axis=1)
    return y, x


# moments of 4 exp(0.4 z): log-normal
MEAN = 70.0 - 4.0 * np.exp(0.08)
VARIANCE = 16.0 * (np.exp(0.16) - 1.0) * np.exp(0.16) + 0.64


def repeated(estimator) -> list[Controlled]:
    rng = np.random.default_rng(20)
    found = []
    for _ in range(REPEATS):
        y, x = members(rng, PAIRS)
        found.append(estimator(y, x, members(rng, FURTHER)[1]))
    return found


@pytest.fixture(scope="module")
def means() -> list[Controlled]:
    return repeated(controlled_mean)


def standard_errors(values, truth: float) -> float:
    values = np.asarray(values)
    return float((values.mean() - truth) / (values.std(ddof=1) / np.sqrt(len(values))))


def test_mean_has_no_bias(means):
    # detects a bias of 5.5 standard errors, 0.06 of a spread of 2.1: a coefficient fitted on all pairs has one
    assert abs(standard_errors([m.value for m in means], MEAN)) < LIMIT


def test_variance_has_no_bias():
    found = [v.value for v in repeated(controlled_variance)]
    assert abs(standard_errors(found, VARIANCE)) < LIMIT


def test_mean_has_no_bias_where_a_common_line_has_one():
    """y = z², x = z + z²/3, six pairs: a line fitted on the pairs it is used on shifts the mean by 0.1 and more."""
    rng = np.random.default_rng(23)
    found = []
    for _ in range(2000):
        z, others = rng.normal(size=6), rng.normal(size=60)
        found.append(controlled_mean(z**2, _curved(z), _curved(others)).value)
    assert abs(standard_errors(found, 1.0)) < LIMIT


def _curved(z: np.ndarray) -> np.ndarray:
    return (z + z**2 / 3.0)[:, None]


def test_control_makes_the_variance_more_certain():
    """Correlation 0.98, 20 normal pairs of 400: what is stated is found, half the plain uncertainty."""
    rng = np.random.default_rng(24)
    found, plain = [], []
    for _ in range(400):
        x = rng.normal(size=(400, 1))
        y = 0.98 * x[:20, 0] + np.sqrt(1 - 0.98**2) * rng.normal(size=20)
        found.append(controlled_variance(y, x[:20], x[20:]))
        plain.append(y.var(ddof=1))
    values = [f.value for f in found]
    assert abs(standard_errors(values, 1.0)) < LIMIT
    assert np.std(values) < 0.6 * np.std(plain)
    # 400 repeats tell a standard deviation to 4 %; the statement is that of normal pairs with a known line
    assert np.sqrt(np.mean([f.std_dev**2 for f in found])) == pytest.approx(np.std(values), rel=0.35)


def test_control_makes_the_mean_more_certain(means):
    gain = np.var([m.value for m in means]) / (VARIANCE / PAIRS)
    assert gain < 0.5


def test_stated_uncertainty_of_the_mean_is_that_found(means):
    stated = np.mean([m.std_dev**2 for m in means])
    found = np.var([m.value for m in means], ddof=1)
    # lines from 7 pairs scatter: the cross-validated residual is on the safe side, by up to a third
    assert 0.95 < stated / found < 1.4


def test_interval_of_the_mean_covers(means):
    covered = np.mean([m.lower <= MEAN <= m.upper for m in means])
    # Student's interval of skewed residuals; 5.5 standard errors of 2000 repeats are 0.027
    assert covered > 0.95 - 0.03


def test_distribution_function_has_no_bias():
    rng = np.random.default_rng(21)
    truth = np.mean(members(np.random.default_rng(5), 4_000_000)[0] <= 65.5)
    found = []
    for _ in range(500):
        y, x = members(rng, PAIRS)
        d = controlled_distribution(y, x, members(rng, FURTHER)[1])
        # as it is before it is sorted and cut to 0 … 1: probabilities in the middle are moved by neither
        found.append(np.interp(65.5, d.at, d.probability, left=0.0, right=1.0))
    assert 0.2 < truth < 0.8
    assert abs(standard_errors(found, truth)) < LIMIT


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_quantiles_come_out_for_many_members(p):
    rng = np.random.default_rng(22)
    truth = np.quantile(members(np.random.default_rng(6), 1_000_000)[0], p)
    found, stated = [], []
    for _ in range(40):
        y, x = members(rng, 200)
        value, u = controlled_distribution(y, x, members(rng, 1000)[1]).quantile(p)
        found.append(value)
        stated.append(u)
    assert abs(standard_errors(found, truth)) < LIMIT
    # 40 repeats tell a standard deviation to 11 %; sorting makes it smaller than stated
    assert 0.9 / 1.6 < np.mean(stated) / np.std(found, ddof=1) < 1.6 / 0.9


def test_without_further_members_the_mean_is_the_plain_one():
    y, x = members(np.random.default_rng(1), 20)
    found = controlled_mean(y, x, np.zeros((0, 2)))
    assert found.value == pytest.approx(y.mean(), rel=1e-14)
    assert found.std_dev == pytest.approx(y.std(ddof=1) / np.sqrt(20), rel=1e-14)


def test_exact_control_leaves_the_mean_of_all_members():
    """y = 2 + 0.5 x: the estimate is that of x from all members together."""
    x = np.random.default_rng(2).normal(100.0, 5.0, (300, 1))
    y = 2.0 + 0.5 * x[:, 0]
    found = controlled_mean(y[:10], x[:10], x[10:])
    assert found.value == pytest.approx(y.mean(), rel=1e-12)
    assert controlled_variance(y[:10], x[:10], x[10:]).correlation == pytest.approx(1.0)


def test_control_without_spread_is_not_used():
    y, _ = members(np.random.default_rng(3), 12)
    found = controlled_mean(y, np.full((12, 1), 7.0), np.full((40, 1), 7.0))
    assert found.correlation < 0.5
    assert np.isfinite([found.value, found.std_dev]).all()


def test_shared_noise_is_added():
    y, x = members(np.random.default_rng(4), 12)
    further = members(np.random.default_rng(5), 100)[1]
    alone, shared = controlled_mean(y, x, further), controlled_mean(y, x, further, 0.25)
    assert shared.std_dev**2 - alone.std_dev**2 == pytest.approx(0.25)


def test_probability_of_reaching_a_dose():
    rng = np.random.default_rng(7)
    y, x = members(rng, 100)
    d = controlled_distribution(y, x, members(rng, 3000)[1])
    truth = np.mean(members(np.random.default_rng(8), 1_000_000)[0] >= 66.0)
    p, low, high = d.probability_of_at_least(66.0)
    assert low <= p <= high
    assert low <= truth <= high
    assert d.probability_of_at_least(-1e3)[0] == 1.0
    assert d.probability_of_at_least(1e3)[0] == 0.0


def test_equal_members_have_one_quantile():
    d = controlled_distribution(np.full(8, 3.0), np.ones((8, 1)), np.ones((20, 1)))
    assert d.quantile(0.9) == (3.0, 0.0)
    assert d.probability_of_at_least(3.0)[0] == 1.0


def test_wilson_interval_is_that_of_scipy():
    interval = stats.binomtest(7, 20).proportion_ci(0.95, method="wilson")
    assert wilson(7 / 20, 20.0) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_too_few_members_are_refused():
    with pytest.raises(InvalidInput, match="Monte Carlo members is 3, expected at least 6"):
        controlled_mean(np.ones(3), np.ones((3, 1)), np.ones((9, 1)))


def test_controls_of_other_members_are_refused():
    with pytest.raises(InvalidInput, match="shapes of the controls"):
        controlled_mean(np.ones(8), np.ones((7, 1)), np.ones((9, 1)))
