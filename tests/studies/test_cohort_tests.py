"""Tests and intervals of a cohort against published examples, and against each other."""

from __future__ import annotations

from itertools import product
from math import comb, inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mcsim.invalid_input import InvalidInput
from validation.studies.cohort_groups import (
    compare_measured,
    compare_ordinal,
    compare_shares,
    compare_times,
    exact_shares_p,
)
from validation.studies.cohort_intervals import (
    describe,
    median_shift_interval,
    share,
    signed_rank_distribution,
)
from validation.studies.cohort_paired import compare_pairs, holm, signed_rank_p

# Student 1908, Biometrika 6, 1, doi:10.2307/2331554: extra hours of sleep under two drugs, ten patients.
SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)
# Hollander, Wolfe and Chicken 2014, doi:10.1002/9781119196037, table 3.1: depression factor of nine patients.
DEPRESSION = (
    [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30],
    [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29],
)
# The same, table 7.1: seconds to round first base by three methods, 22 players.
ROUNDING = [
    [5.40, 5.50, 5.55], [5.85, 5.70, 5.75], [5.20, 5.60, 5.50], [5.55, 5.50, 5.40], [5.90, 5.85, 5.70],
    [5.45, 5.55, 5.60], [5.40, 5.40, 5.35], [5.45, 5.50, 5.35], [5.25, 5.15, 5.00], [5.85, 5.80, 5.70],
    [5.25, 5.20, 5.10], [5.65, 5.55, 5.45], [5.60, 5.35, 5.45], [5.05, 5.00, 4.95], [5.50, 5.50, 5.40],
    [5.45, 5.55, 5.50], [5.55, 5.55, 5.35], [5.45, 5.50, 5.55], [5.50, 5.45, 5.25], [5.65, 5.60, 5.40],
    [5.70, 5.65, 5.55], [6.30, 6.30, 6.25],
]  # fmt: skip
# The same, table 6.1: half-time of mucociliary clearance in three groups.
CLEARANCE = ([2.9, 3.0, 2.5, 2.6, 3.2], [3.8, 2.7, 4.0, 2.4], [2.8, 3.4, 3.7, 2.2, 2.0])
# Dobson 1983, An Introduction to Statistical Modelling: dry weight of plants under control and two treatments.
PLANTS = (
    [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14],
    [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69],
    [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26],
)
RESPONSES = [
    (0, 3, 10, 1),
    (0, 8, 17, 0),
    (0, 10, 3, 0),
]  # CR, PR, SD, PD in three groups of a clinical paper
FEW_NUMBERS = st.lists(
    st.floats(-50, 50).filter(lambda x: abs(x) > 1e-3), min_size=6, max_size=14, unique_by=abs
)


def test_paired_t_is_that_of_the_sleep_data():
    result = compare_pairs(*SLEEP, choice="t")
    # t = 4.0621 with 9 degrees of freedom; digits as published with the data in R.
    assert result.p == pytest.approx(0.002833, abs=1e-6)
    assert (result.effect, result.low, result.high) == pytest.approx((1.58, 0.7001142, 2.4598858), abs=1e-7)
    assert result.test == "paired t"


def test_wilcoxon_is_that_of_the_depression_data():
    result = compare_pairs(*DEPRESSION, choice="wilcoxon")
    assert result.method == "exact"
    assert result.p == pytest.approx(2 * 0.01953, abs=2e-5)  # one-sided 0.01953 in the book
    assert (result.effect, result.low, result.high) == pytest.approx((-0.46, -0.786, -0.010), abs=1e-9)


def test_differences_decide_between_the_tests():
    # Ten differences with one far off: the classical case of a t test spoilt.
    assert compare_pairs(*SLEEP).test == "Wilcoxon signed-rank"  # 4.6 h in one patient
    assert compare_pairs(*SLEEP, alpha=0.01).test == "paired t"  # Shapiro-Wilk p is 0.033
    assert compare_pairs(*DEPRESSION).test == "paired t"
    shift = compare_pairs([1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0])
    assert (shift.test, shift.effect) == ("Wilcoxon signed-rank", 1.0)


def test_missing_values_leave_their_pair_only():
    nan = np.nan
    result = compare_pairs([1.0, 2.0, nan, 4.0, nan, 7.0], [2.0, nan, 3.0, 6.0, nan, 7.5])
    assert (result.n, result.before_only, result.after_only, result.neither) == (3, 1, 1, 1)
    assert result.before.mean == pytest.approx(4.0)


def test_too_few_pairs_have_no_test():
    result = compare_pairs([1.0, 2.0], [3.0, 3.0])
    assert (result.test, result.n) == ("none", 2)
    assert np.isnan([result.p, result.effect]).all()
    assert compare_pairs([np.nan], [1.0]).before.n == 0


def test_no_difference_at_all_is_p_1():
    result = compare_pairs([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert (result.p, result.effect) == (1.0, 0.0)


def test_equal_differences_are_ties_however_binary_numbers_round_them():
    d = np.array([0.3, 0.5, 0.7, 0.9, 1.4]) - np.array([0.1, 0.3, 0.5, 0.7, 1.0])
    assert len(np.unique(d)) > 2
    assert signed_rank_p(d) == (pytest.approx(2 / 2**5), "exact, all sign patterns (ties)")


@given(FEW_NUMBERS)
@settings(max_examples=60, deadline=None)
def test_interval_of_the_shift_excludes_0_when_the_exact_test_does(d):
    _, low, high = median_shift_interval(d)
    p = stats.wilcoxon(d, method="exact").pvalue
    assert (low > 0 or high < 0) == (p <= 0.05 + 1e-12)


@pytest.mark.parametrize("n", [1, 4, 9])
def test_signed_ranks_are_those_of_all_sign_patterns(n):
    counts = np.zeros(n * (n + 1) // 2 + 1)
    for signs in product((0, 1), repeat=n):
        counts[np.dot(signs, range(1, n + 1))] += 1
    assert signed_rank_distribution(n) == pytest.approx(counts / 2**n, abs=1e-15)


def test_no_interval_of_95_percent_below_six_pairs():
    assert median_shift_interval([1.0, 2.0, 3.0, 4.0, 5.0])[1:] == (-inf, inf)
    assert median_shift_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])[1:] == (1.0, 6.0)


@pytest.mark.parametrize(
    ("count", "total", "wilson", "exact"),
    [  # Newcombe 1998, Stat. Med. 17, 857, table I
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_intervals_of_shares_are_newcombes(count, total, wilson, exact):
    result = share(count, total)
    assert result.wilson == pytest.approx(wilson, abs=5e-5)
    assert result.clopper_pearson == pytest.approx(exact, abs=5e-5)


def test_categories_of_the_paper_give_its_p_value():
    result = compare_ordinal([np.repeat(range(4), counts) for counts in RESPONSES])
    assert round(result.p, 3) == 0.006
    assert [round(100 * (c[0] + c[1]) / sum(c)) for c in RESPONSES] == [21, 32, 77]


def test_kruskal_wallis_is_that_of_the_clearance_data():
    result = compare_ordinal(CLEARANCE)
    assert (result.statistic, result.p) == pytest.approx((0.7714, 0.68), abs=5e-5)


def test_friedman_is_that_of_the_rounding_data():
    result = compare_times([*ROUNDING, [5.0, np.nan, 5.1]])
    assert (result.statistic, result.p) == pytest.approx((11.143, 0.003805), abs=5e-4)
    assert result.n == (22,)


def test_two_times_are_a_paired_comparison():
    result = compare_times(np.transpose(DEPRESSION))
    assert (result.test, result.p) == ("paired t", pytest.approx(compare_pairs(*DEPRESSION).p))


def test_anova_is_that_of_the_plants():
    result = compare_measured(PLANTS)
    assert result.test == "one-way ANOVA"
    assert (result.statistic, result.p) == pytest.approx((4.846, 0.01591), abs=5e-4)
    assert result.degrees == (2.0, 27.0)


def test_groups_that_are_not_normal_or_differ_in_spread_go_to_ranks():
    skewed = np.exp(np.linspace(0, 8, 12))
    assert compare_measured([PLANTS[0], skewed]).why == "a group is not normal"
    assert compare_measured([PLANTS[0], np.linspace(-40, 50, 12)]).why == "variances differ"
    assert compare_measured([PLANTS[0], [1.0, 1.0, 1.0, 1.0]]).test == "Kruskal-Wallis"
    assert compare_measured([PLANTS[0], [1.0]]).test == "none"


def test_exact_test_is_fishers_for_two_groups():
    # Fisher 1935: the lady tasting tea; 0.4857 two-sided.
    assert compare_shares([3, 1], [4, 4]).p == pytest.approx(34 / 70, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=2, max_size=4))
@settings(max_examples=50, deadline=None)
def test_exact_test_counts_every_table(groups):
    """All tables with exact integers; the probabilities are those of Freeman and Halton."""
    k, m = [a for a, _ in groups], [a + b for a, b in groups]
    seen, tail, total = int(np.prod([comb(t, c) for t, c in zip(m, k, strict=True)], dtype=object)), 0, 0
    for table in product(*(range(t + 1) for t in m)):
        if sum(table) == sum(k):
            weight = int(np.prod([comb(t, c) for t, c in zip(m, table, strict=True)], dtype=object))
            total += weight
            tail += weight if weight <= seen else 0
    assert exact_shares_p(k, m) == pytest.approx(tail / total, abs=1e-9)


def test_large_tables_are_drawn_from_a_fixed_stream():
    k, m = [3, 9, 4, 14, 6, 11, 2, 7], [21, 22, 33, 44, 25, 31, 20, 28]
    p = exact_shares_p(k, m)
    assert p == exact_shares_p(k, m)
    # Far from small counts χ² is near; 0.03 covers its error and that of 200,000 tables.
    assert p == pytest.approx(stats.chi2_contingency(np.stack([k, np.subtract(m, k)])).pvalue, abs=0.03)


def test_expected_counts_decide_between_chi_square_and_exact():
    assert compare_shares([3, 8, 10], [14, 25, 13]).test == "chi-square"
    assert compare_shares([13, 25, 13], [14, 25, 13]).test == "Fisher exact"
    assert compare_shares([0, 0], [5, 6]).test == "none"
    # 2 x 2 without continuity correction: N (ad − bc)² / (margins).
    expected = 60 * (20 * 18 - 10 * 12) ** 2 / (30 * 30 * 32 * 28)
    assert compare_shares([20, 12], [30, 30]).statistic == pytest.approx(expected)


def test_holm_steps_down():
    # Holm's rule by hand: 0.01·4, 0.02·3, 0.03·2, 0.04·1, never falling.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_normality_is_not_claimed_of_equal_values():
    assert np.isnan(describe([2.0, 2.0, 2.0]).normality_p)
    assert not describe([2.0, 2.0, 2.0]).is_normal(0.05)


@pytest.mark.parametrize(("choice", "alpha"), [("sign", 0.05), ("auto", 1.5)])
def test_unknown_test_and_level_are_refused(choice, alpha):
    with pytest.raises(InvalidInput, match="expected"):
        compare_pairs([1.0], [2.0], choice, alpha)
