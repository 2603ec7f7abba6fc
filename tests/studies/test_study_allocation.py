"""How many members to compute by each engine, against the closed form and against trying all."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.studies.study_allocation import allocate, best_ratio, reduction, variance_factor


@pytest.mark.parametrize("correlation", [0.7, 0.95, 0.99])
@pytest.mark.parametrize("costs", [(1.0, 0.002), (0.4, 0.01), (5.0, 0.5)])
def test_no_other_ratio_of_members_has_less_variance(correlation, costs):
    """For real numbers of members: the closed form is the least of all ratios tried."""
    budget = 1000.0

    def variance(ratio: float) -> float:
        n = budget / (costs[0] + ratio * costs[1])
        return (1.0 - (1.0 - 1.0 / ratio) * correlation**2) / n

    best = best_ratio(correlation, *costs)
    tried = [variance(r) for r in np.geomspace(1.0, 5000.0, 4000)]
    assert variance(best) <= min(tried) * (1.0 + 1e-12)
    # the value of the optimum, Peherstorfer et al. 2016: (√(w(1 − ρ²)) + √(v ρ²))²/p, where the ratio is above 1
    if best > 1.0:
        w, v = costs
        closed = (np.sqrt(w * (1 - correlation**2)) + np.sqrt(v) * correlation) ** 2 / budget
        assert variance(best) == pytest.approx(closed, rel=1e-12)


def test_numbers_of_members_stay_within_the_budget():
    found = allocate(0.98, 0.5, 0.003, 100.0)
    assert found.monte_carlo * 0.5 + found.tg43 * 0.003 == pytest.approx(found.cost_s)
    assert 99.0 < found.cost_s <= 100.0
    # against every other whole number of Monte Carlo members with the rest spent on TG-43
    others = [
        variance_factor(0.98, n, int((100.0 - 0.5 * n) / 0.003))
        for n in range(6, 199)
        if int((100.0 - 0.5 * n) / 0.003) >= n
    ]
    assert variance_factor(0.98, found.monte_carlo, found.tg43) <= min(others) * 1.01


def test_a_control_that_tells_nothing_gets_no_members_of_its_own():
    found = allocate(0.0, 1.0, 0.01, 50.0)
    assert best_ratio(0.0, 1.0, 0.01) == 1.0
    assert found.tg43 == found.monte_carlo
    assert found.variance_reduction < 1.0


def test_variance_of_the_mean_is_that_of_simulated_ensembles():
    rng = np.random.default_rng(1)
    rho, n, members = 0.9, 10, 80
    alpha, found = rho, []
    for _ in range(20_000):
        x = rng.normal(size=members)
        y = rho * x[:n] + np.sqrt(1 - rho**2) * rng.normal(size=n)
        found.append(y.mean() + alpha * (x.mean() - x[:n].mean()))
    # the variance of 20,000 normal values is known to 1 %: 5.5 of that
    assert np.var(found) == pytest.approx(variance_factor(rho, n, members), rel=0.055)


def test_reduction_counts_the_cost_of_tg43():
    assert reduction(0.0, 10, 10, 1.0, 1.0) == pytest.approx(0.5)


def test_too_small_a_budget_is_refused():
    with pytest.raises(InvalidInput, match="CPU budget is 2 s, expected at least 6"):
        allocate(0.9, 1.0, 0.001, 2.0)


def test_cost_of_nothing_is_refused():
    with pytest.raises(InvalidInput, match="cost of a TG-43 member is 0"):
        allocate(0.9, 1.0, 0.0, 20.0)
