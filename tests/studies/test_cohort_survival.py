"""Survival of a cohort against published analyses, SciPy, and the definition."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mcsim.invalid_input import InvalidInput
from validation.studies.cohort_kaplan_meier import kaplan_meier, log_rank
from validation.studies.cohort_survival import cohort_survival, write_survival
from validation.studies.cohort_table import read_cohort_table

# Freireich et al. 1963, Blood 21, 699: weeks in remission under 6-mercaptopurine and placebo; negative: censored.
SIX_MP = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
# Klein and Moeschberger 2003, doi:10.1007/b97377, section 1.3: days free of disease after bone-marrow transplant.
ALL = [
    -2081, -1602, -1496, -1462, -1433, -1377, -1330, -996, -226, -1199, -1111, -530, -1182, -1167, 418, 383, 276, 104,
    609, 172, 487, 662, 194, 230, 526, 122, 129, 74, 122, 86, 466, 192, 109, 55, 1, 107, 110, 332,
]  # fmt: skip
AML_LOW = [
    -2569, -2506, -2409, -2218, -1857, -1829, -1562, -1470, -1363, -1030, -860, -1258, -2246, -1870, -1799, -1709,
    -1674, -1568, -1527, -1324, -957, -932, -847, -848, -1850, -1843, -1535, -1447, -1384, 414, 2204, 1063, 481, 105,
    641, 390, 288, 421, 79, 748, 486, 48, 272, 1074, 381, 10, 53, 80, 35, 248, 704, 211, 219, 606,
]  # fmt: skip
AML_HIGH = [
    -2640, -2430, -2252, -2140, -2133, -1238, -1631, -2024, -1345, -1136, -845, 422, 162, 84, 100, 2, 47, 242, 456, 268,
    318, 32, 467, 47, 390, 183, 105, 115, 164, 93, 120, 80, 677, 64, 168, 74, 16, 157, 625, 48, 273, 63, 76, 113, 363,
]  # fmt: skip

SAMPLE = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=3, max_size=15)


def split(signed):
    """Follow-up and events of times whose sign tells who was censored."""
    return np.abs(signed), np.array(signed) > 0


def test_kaplan_meier_is_that_of_the_remissions():
    curve = kaplan_meier(*split(SIX_MP))
    told = dict(zip(curve.times, curve.survival, strict=True))
    # Klein and Moeschberger 2003, table 4.1.
    book = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448, 35: 0.448}
    assert [told[t] for t in book] == pytest.approx(list(book.values()), abs=6e-4)
    assert curve.at_risk([0, 6, 7, 23, 36]).tolist() == [21, 21, 17, 6, 0]


def test_log_log_limits_follow_from_greenwoods_variance():
    curve = kaplan_meier(*split(SIX_MP))
    # At 6 weeks 3 of 21: S = 6/7, variance of ln S = 3/(21·18); se of S 0.0764 in the book.
    s, u = 6 / 7, (3 / (21 * 18)) ** 0.5
    assert s * u == pytest.approx(0.0764, abs=5e-5)
    theta = stats.norm.ppf(0.975) * u / np.log(s)
    assert curve.at(6.0) == pytest.approx((s, s ** np.exp(-theta), s ** np.exp(theta)))


def test_medians_with_limits_are_the_published_ones():
    assert kaplan_meier(*split(SIX_MP)).median() == (23, 13, inf)
    assert kaplan_meier(*split(PLACEBO)).median() == (8, 4, 11)
    # SAS/STAT user's guide, LIFETEST, the same data: 418 (192, –), 2204 (641, –), 183.
    assert kaplan_meier(*split(ALL)).median() == (418, 192, inf)
    assert kaplan_meier(*split(AML_LOW)).median() == (2204, 641, inf)
    assert kaplan_meier(*split(AML_HIGH)).median()[0] == 183


def test_log_rank_is_that_of_the_remissions():
    test = log_rank([split(SIX_MP), split(PLACEBO)])
    assert (test.statistic, test.p) == pytest.approx((16.79, 4.17e-5), rel=1e-3)
    assert test.observed.tolist() == [9, 21]
    assert test.expected == pytest.approx([19.25, 10.75], abs=5e-3)


def test_log_rank_of_three_groups_is_the_published_one():
    test = log_rank([split(ALL), split(AML_LOW), split(AML_HIGH)])
    # Klein and Moeschberger 2003, example 7.4, and SAS/STAT: χ² = 13.8037, 2 d.f., p = 0.0010.
    assert test.statistic == pytest.approx(13.8037, abs=5e-5)
    assert (test.degrees, round(test.p, 4)) == (2, 0.0010)


@given(SAMPLE, SAMPLE)
@settings(max_examples=50, deadline=None)
def test_log_rank_of_two_groups_is_scipys(a, b):
    samples = [(np.array([t for t, _ in s]), np.array([e for _, e in s])) for s in (a, b)]
    test = log_rank(samples)
    if np.isfinite(test.p):
        censored = [stats.CensoredData.right_censored(t, ~e) for t, e in samples]
        known = stats.logrank(*censored)
        assert (test.statistic, test.p) == pytest.approx((known.statistic**2, known.pvalue), abs=1e-8)


@given(SAMPLE, SAMPLE, SAMPLE)
@settings(max_examples=40, deadline=None)
def test_log_rank_knows_no_order_and_no_unit(a, b, c):
    samples = [(np.array([t for t, _ in s]), np.array([e for _, e in s])) for s in (a, b, c)]
    test = log_rank(samples)
    other = log_rank([(30.4 * t, e) for t, e in samples[::-1]])
    assert test.observed.sum() == pytest.approx(test.expected.sum())
    assert other.p == pytest.approx(test.p, abs=1e-8, nan_ok=True)


def test_log_rank_without_events_is_not_defined():
    assert np.isnan(log_rank([([1, 2], [0, 0]), ([3, 4], [0, 0])]).p)
    assert np.isnan(log_rank([([1, 2], [1, 1])]).p)


def test_a_curve_at_one_half_has_its_median_in_the_middle_of_the_step():
    assert kaplan_meier([1, 2, 5, 6], [1, 1, 1, 1]).median()[0] == pytest.approx(3.5)
    assert kaplan_meier([1, 2, 5, 6], [1, 1, 0, 0]).median()[0] == 2
    assert kaplan_meier([1, 2, 5, 6, 7], [1, 1, 0, 0, 0]).median()[0] == inf


def test_beyond_the_last_follow_up_nothing_is_told():
    alive = kaplan_meier([3, 5, 8], [1, 0, 0])
    assert np.isnan(alive.at(9.0)[0])
    assert kaplan_meier([3, 5, 8], [1, 1, 1]).at(9.0)[0] == 0
    assert alive.at(2.0)[0] == 1


TABLE = """patient;group;LPFS months;LPFS event;OS (months);OS status
P1;A;7,5;1;19,0;dead
P2;A;12,0;0;21,5;alive
P3;B;4,2;yes;9,9;dead
P4;B;6,1;1;;alive
"""


@pytest.fixture
def table(tmp_path):
    def make(text=TABLE):
        path = tmp_path / "patients.csv"
        path.write_text(text, encoding="utf-8")
        return read_cohort_table(path)

    return make


def test_endpoints_are_found_with_units_and_missing_rows(table):
    lpfs, os = cohort_survival(table(), at=[6.0]).endpoints
    assert (lpfs.name, lpfs.unit, lpfs.missing) == ("LPFS", "months", 0)
    assert (os.name, os.missing, [len(g.curve.durations) for g in os.groups]) == ("OS", 1, [2, 1])
    assert lpfs.groups[1].rates[0][0] == 0.5
    assert lpfs.test is not None


def test_three_groups_are_compared_in_pairs(tmp_path, table):
    lines = [
        f"{g},{abs(t)},{int(t > 0)}"
        for g, x in (("ALL", ALL), ("low", AML_LOW), ("high", AML_HIGH))
        for t in x
    ]
    result = cohort_survival(table("group,DFS days,DFS event\n" + "\n".join(lines)))
    pairs = {(t.first, t.second): t for t in result.endpoints[0].pairs}
    known = log_rank([split(AML_LOW), split(AML_HIGH)]).p
    assert pairs[("low", "high")].p == known
    assert pairs[("low", "high")].p_holm == pytest.approx(3 * known)
    files = {f.name: f.read_text() for f in write_survival(result, tmp_path)}
    assert "DFS,ALL; low; high,log-rank,13.80372189,2,0.001005911741," in files["survival_tests.csv"]
    assert "DFS,days,low,54,25,2204,641,inf," in files["survival.csv"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("LPFS months", "LPFS time", "has no unit, expected days, weeks, months or years"),
        ("OS (months)", "age", "event OS status of .* has no time"),
        ("12,0", "-12,0", r"LPFS months in line 3 of .* is '-12,0', expected a number of at least 0 months"),
        (
            "yes",
            "perhaps",
            r"LPFS event in line 4 of .* is 'perhaps', expected 1 \(event\) or 0 .*\(1 such cell ",
        ),
        ("group", "LPFS weeks", "one time per endpoint"),
    ],
)
def test_refusals(table, before, after, told):
    with pytest.raises(InvalidInput, match=told):
        cohort_survival(table(TABLE.replace(before, after)))


def test_follow_up_is_that_of_the_censored(table):
    # Reverse Kaplan-Meier of 6-MP by hand: who is censored, of those followed to that week.
    rows = "\n".join(
        f"{g},{abs(t)},{int(t > 0)}" for g, x in (("6-MP", SIX_MP), ("placebo", PLACEBO)) for t in x
    )
    six_mp, placebo = cohort_survival(table(f"group,DFS weeks,DFS event\n{rows}")).endpoints[0].groups
    factors = {6: 20 / 21, 9: 15 / 16, 10: 14 / 15, 11: 11 / 12, 17: 9 / 10, 19: 8 / 9, 20: 7 / 8, 25: 4 / 5}
    curve = np.cumprod(list(factors.values()))
    assert six_mp.follow_up == list(factors)[int(np.argmax(curve < 0.5))]
    assert np.isnan(placebo.follow_up)


def test_a_time_without_an_event_is_no_endpoint(table):
    result = cohort_survival(table(TABLE.replace("OS status", "remark")))
    assert [e.name for e in result.endpoints] == ["LPFS"]


def test_no_endpoint_at_all_is_refused(table):
    with pytest.raises(InvalidInput, match="such as OS_months and OS_event"):
        cohort_survival(table("patient,age\n1,50\n"))
