from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.invalid_input import InvalidInput
from validation.evaluate.difference import (
    BudgetStep,
    difference_budget,
    dose_rate_constant_factor,
    summarise,
    voxel_difference,
)


def test_each_way_of_giving_a_difference() -> None:
    found = voxel_difference(
        monte_carlo=[90.0, 50.0, 10.0, 5.0, 1.0],
        std_dev=[2.0, 0.0, 2.0, 0.1, 0.1],
        tg43=[100.0, 40.0, 12.0, 0.0, 2.0],
        tissue_fraction=[1.0, 0.5, 1.0, 1.0, 0.0],
        prescription=200.0,
    )
    np.testing.assert_allclose(found.dose, [-10, 10, -2, 5, np.nan])
    np.testing.assert_allclose(found.percent_of_tg43, [-10, 25, -100 / 6, np.nan, np.nan])
    np.testing.assert_allclose(found.percent_of_prescription, [-5, 5, -1, 2.5, np.nan])
    # No uncertainty, 20 % uncertainty and no tissue: no z-score.
    np.testing.assert_allclose(found.z_score, [-5, np.nan, np.nan, 50, np.nan])


def test_z_scores_of_equal_doses_are_standard_normal() -> None:
    # 1e5 independent voxels: the mean is known to 0.0032, the width to 0.0022: 5.2 σ, false alarm 2e-7.
    rng = np.random.default_rng(11)
    dose = rng.uniform(50, 500, 100_000)
    found = voxel_difference(rng.normal(dose, 0.02 * dose), 0.02 * dose, dose, np.ones_like(dose), 100.0)
    assert abs(np.nanmean(found.z_score)) < 0.0165
    assert abs(np.nanstd(found.z_score) - 1) < 0.0116


def test_percentiles_weigh_volumes_and_leave_out_undefined_voxels() -> None:
    summary = summarise([1.0, 2.0, np.nan, 3.0], [1.0, 8.0, 5.0, 1.0], [0, 5, 50, 95, 100])
    assert summary.mean == pytest.approx(2.0)
    np.testing.assert_array_equal(summary.percentiles, [1, 1, 2, 3, 3])
    assert np.isnan(summarise([np.nan], [1.0], [50]).mean)


def test_percentiles_of_equal_volumes_are_the_usual_ones() -> None:
    values = np.random.default_rng(2).normal(size=1001)
    percents = [5, 25, 50, 75, 95]
    found = summarise(values, np.ones(1001), percents).percentiles
    # Both are within one order statistic of each other.
    ordered = np.sort(values)
    for percent, value in zip(percents, found, strict=True):
        k = int(np.searchsorted(ordered, value))
        assert abs(k - percent / 100 * 1000) <= 1


def test_the_dose_rate_constant_of_the_6711() -> None:
    assert 100 * (dose_rate_constant_factor(0.932, 0.965) - 1) == pytest.approx(-3.42, abs=0.005)
    with pytest.raises(InvalidInput, match="TG-43 dose-rate constant is 0"):
        dose_rate_constant_factor(0.932, 0.0)


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=2, max_size=6))
def test_the_terms_of_a_budget_sum_to_the_difference(values: list[list[float]]) -> None:
    steps = [BudgetStep(str(i), "", np.array(v), np.zeros(3)) for i, v in enumerate(values)]
    budget = difference_budget(steps)
    np.testing.assert_allclose(budget.terms.sum(axis=0), budget.total, atol=1e-9)


def test_a_budget_term_combines_the_uncertainties_of_its_two_steps() -> None:
    steps = [
        BudgetStep("a", "", np.array([1.0]), np.array([0.0])),
        BudgetStep("b", "", np.array([2.0]), np.array([0.3])),
        BudgetStep("c", "", np.array([4.0]), np.array([0.4])),
    ]
    np.testing.assert_allclose(difference_budget(steps).std_dev.ravel(), [0.3, 0.5])


def test_a_budget_that_cannot_be_is_refused() -> None:
    one = BudgetStep("a", "", np.zeros(2), np.zeros(2))
    with pytest.raises(InvalidInput, match="number of budget steps is 1"):
        difference_budget([one])
    with pytest.raises(InvalidInput, match=r"shapes of the budget steps are \[\(2,\), \(3,\)\]"):
        difference_budget([one, BudgetStep("b", "", np.zeros(3), np.zeros(3))])
