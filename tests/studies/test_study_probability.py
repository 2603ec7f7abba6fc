"""Probability that a dose is reached: intervals against the truth of normal members.

Seeds are fixed; 100 repeats tell a share of 0.95 to 0.022, the limit is 5.5 of these below it.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from mcsim.invalid_input import InvalidInput
from validation.report.study_tables import share_text
from validation.studies.study_control import controlled_distribution
from validation.studies.study_probability import (
    COUNTED,
    REGRESSION,
    TG43,
    Probability,
    probabilities,
    regression_probability,
)

PAIRS, ALL, SLOPE, SCATTER, SPREAD = 12, 200, 0.7, 0.5, 5.0
REPEATS = 100


def members(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(100.0, SPREAD, (ALL, 1))
    return SLOPE * x[:PAIRS, 0] + rng.normal(0.0, SCATTER, PAIRS), x


@pytest.mark.parametrize("above", [0.0, 1.0, 2.0])
def test_intervals_hold_the_truth_and_the_line_makes_them_narrower(above):
    truth = float(norm.sf(above))
    threshold = SLOPE * 100.0 + above * np.hypot(SLOPE * SPREAD, SCATTER)
    rng = np.random.default_rng(31)
    held, width = {COUNTED: 0, REGRESSION: 0}, {COUNTED: 0.0, REGRESSION: 0.0}
    values = []
    for _ in range(REPEATS):
        y, x = members(rng)
        for found in probabilities("σ 3 mm", threshold, x[:, 0], x, y):
            if found.engine != TG43:
                held[found.engine] += found.lower <= truth <= found.upper
                width[found.engine] += found.upper - found.lower
            if found.engine == REGRESSION:
                values.append(found.value)
    for engine, count in held.items():
        assert count / REPEATS > 0.95 - 5.5 * 0.022, engine
    assert width[REGRESSION] < 0.75 * width[COUNTED]
    # 5.5 standard errors of the mean; that over draws of a convex tail lies above it, by a tenth at two deviations
    limit = 5.5 * np.std(values) / np.sqrt(REPEATS)
    assert np.mean(values) == pytest.approx(truth, rel=0.1, abs=limit)


def test_counting_knows_that_it_may_have_missed_a_tail():
    """Two deviations above 2.3 % lie: of twelve members often none, whose scatter tells nothing."""
    rng = np.random.default_rng(33)
    held = 0
    for _ in range(200):
        x = rng.normal(100.0, SPREAD, (1000, 1))
        y = SLOPE * x[:PAIRS, 0] + rng.normal(0.0, SCATTER, PAIRS)
        found = controlled_distribution(y, x[:PAIRS], x[PAIRS:])
        _, low, high = found.probability_of_at_least(SLOPE * 100.0 + 2.0 * np.hypot(SLOPE * SPREAD, SCATTER))
        held += low <= norm.sf(2.0) <= high
    # 5.5 standard errors of a share of 0.95; it was 0.8 with the scatter of the members alone
    assert held / 200 > 0.95 - 5.5 * 0.0154


def test_none_reached_leaves_an_interval_to_each():
    """No member of twelve reaches 10 standard deviations above: counting cannot exclude much, the line can."""
    y, x = members(np.random.default_rng(1))
    found = {p.engine: p for p in probabilities("σ 3 mm", 110.0, x[:, 0], x, y)}
    assert found[COUNTED].value == 0.0
    assert found[COUNTED].upper > 0.2
    assert found[REGRESSION].upper < 1e-3


def test_what_is_too_small_for_a_number_is_not_certain():
    """So far above that Φ is 0 to the last bit: a report must not call it certain, nor the contrary."""
    y, x = members(np.random.default_rng(1))
    for threshold, text in ((1e4, "< 0.1 % (0.0 to < 0.1)"), (-1e4, "> 99.9 % (> 99.9 to 100.0)")):
        p = Probability("σ 3 mm", REGRESSION, *regression_probability(y, x[:PAIRS], x[PAIRS:], threshold))
        assert share_text(p) == text
    assert share_text(Probability("plan", COUNTED, 1.0, 1.0, 1.0)) == "yes"
    assert share_text(Probability("plan", COUNTED, 0.0, 0.0, 0.0)) == "no"


def test_exact_line_counts_tg43_members():
    x = np.random.default_rng(2).normal(100.0, 5.0, (300, 1))
    p, low, high = regression_probability(2.0 + 0.5 * x[:10, 0], x[:10], x[10:], 53.0)
    share = float((2.0 + 0.5 * x[:, 0] >= 53.0).mean())
    # 300 members scatter by √(p(1 − p)/300); 1000 draws tell the mean to a thirtieth of that, the ends to a tenth
    u = float(np.sqrt(share * (1.0 - share) / 300))
    assert p == pytest.approx(share, abs=0.2 * u)
    assert high - low == pytest.approx(3.92 * u, rel=0.2)


def test_members_that_differ_in_noise_alone_answer_yes_or_no():
    noise = np.random.default_rng(3).normal(0.0, 0.3, 8)
    same = np.full((50, 2), 129.0)
    for level, reached in ((110.0, 1.0), (90.0, 0.0)):
        found = probabilities("plan", 100.0, same[:, 0], same, level + noise)
        assert [(p.value, p.lower, p.upper) for p in found if p.engine != TG43] == [(reached,) * 3] * 2


def test_too_few_pairs_are_refused_or_counted():
    with pytest.raises(InvalidInput, match="Monte Carlo members is 3"):
        regression_probability(np.ones(3), np.ones((3, 1)), np.ones((9, 1)), 1.0)
    engines = [p.engine for p in probabilities("a", 1.0, np.arange(9.0), np.ones((9, 1)), np.ones(3))]
    assert engines == [TG43, COUNTED]
