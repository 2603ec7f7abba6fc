"""Groups of patients, or one group over time, compared: the test follows from the data by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import gammaln

from validation.studies.cohort_intervals import FEWEST_FOR_TEST, shapiro_p
from validation.studies.cohort_paired import ALPHA, compare_pairs

_SMALL_EXPECTED = 5.0  # Cochran's rule: chi-square needs expected counts of at least 5
_MOST_TABLES, _TABLES_DRAWN = 5e6, 200_000


@dataclass(frozen=True)
class GroupTest:
    """A comparison of groups.

    Parameters
    ----------
    test : str
        Name; ``none`` if the data allow none.
    why : str
        What in the data led to it.
    statistic, p : float
        Test statistic (NaN where the test has none) and p value.
    degrees : tuple of float
        Degrees of freedom; empty for exact tests.
    n : tuple of int
        Values in every group.
    """

    test: str
    why: str
    statistic: float
    p: float
    degrees: tuple[float, ...]
    n: tuple[int, ...]


def _none(why: str, n: Sequence[int]) -> GroupTest:
    return GroupTest("none", why, float("nan"), float("nan"), (), tuple(n))


def compare_ordinal(groups: Sequence[ArrayLike]) -> GroupTest:
    """Kruskal–Wallis test, corrected for ties, of ordered categories such as CR, PR, SD, PD.

    Source: Kruskal and Wallis 1952, doi:10.1080/01621459.1952.10483441.

    Parameters
    ----------
    groups : sequence of array_like
        Ranks of the categories (any increasing numbers) in every group.

    Returns
    -------
    GroupTest

    Examples
    --------
    >>> counts = [(0, 3, 10, 1), (0, 8, 17, 0), (0, 10, 3, 0)]
    >>> result = compare_ordinal([np.repeat(range(4), c) for c in counts])
    >>> result.test, round(result.statistic, 2), round(result.p, 3)
    ('Kruskal-Wallis', 10.16, 0.006)
    """
    samples = [np.asarray(g, np.float64) for g in groups]
    n = [len(s) for s in samples]
    filled = [s for s in samples if len(s)]
    if len(filled) < 2:
        return _none("fewer than two groups have values", n)
    if np.ptp(np.concatenate(filled)) == 0:
        return _none("all values are the same", n)
    result = stats.kruskal(*filled)
    return GroupTest(
        "Kruskal-Wallis", "ordered values", float(result.statistic), float(result.pvalue),
        (len(filled) - 1.0,), tuple(n),
    )  # fmt: skip


def compare_measured(groups: Sequence[ArrayLike], alpha: float = ALPHA) -> GroupTest:
    """Compare a measured quantity between groups.

    One-way ANOVA if every group passes Shapiro–Wilk and the variances pass the Brown–Forsythe test
    (doi:10.1080/01621459.1974.10482955), both at `alpha`; Kruskal–Wallis otherwise.

    Parameters
    ----------
    groups : sequence of array_like
        Values in every group, one unit; NaN is left out.
    alpha : float
        Level of the tests that choose.

    Returns
    -------
    GroupTest

    Examples
    --------
    >>> compare_measured([[1.0, 2.1, 2.9], [2.0, 3.2, 3.9], [3.1, 4.0, 5.2]]).test
    'one-way ANOVA'
    """
    samples = [x[np.isfinite(x)] for x in (np.asarray(g, np.float64) for g in groups)]
    n = [len(s) for s in samples]
    filled = [s for s in samples if len(s)]
    if len(filled) < 2 or min(len(s) for s in filled) < FEWEST_FOR_TEST:
        return _none(f"a group has fewer than {FEWEST_FOR_TEST} values", n)
    normal = [shapiro_p(s) for s in filled]
    if not min(normal) >= alpha or not np.isfinite(normal).all():
        result = compare_ordinal(filled)
        return GroupTest(
            result.test, "a group is not normal", result.statistic, result.p, result.degrees, tuple(n)
        )
    spread = float(stats.levene(*filled, center="median").pvalue)
    if spread < alpha:
        result = compare_ordinal(filled)
        return GroupTest(
            result.test, "variances differ", result.statistic, result.p, result.degrees, tuple(n)
        )
    anova = stats.f_oneway(*filled)
    degrees = (len(filled) - 1.0, float(sum(n) - len(filled)))
    return GroupTest(
        "one-way ANOVA", "groups normal, variances alike", float(anova.statistic), float(anova.pvalue),
        degrees, tuple(n),
    )  # fmt: skip


def compare_shares(counts: Sequence[int], totals: Sequence[int]) -> GroupTest:
    """Compare a share (such as the objective response rate) between groups.

    Pearson's chi-square without continuity correction if every expected count is at least 5, Fisher's exact test
    (Freeman and Halton's for more than two groups) otherwise.

    Sources: Cochran 1954, doi:10.2307/3001616; Freeman and Halton 1951, doi:10.1093/biomet/38.1-2.141.

    Parameters
    ----------
    counts, totals : sequence of int
        With the property, and all, in every group.

    Returns
    -------
    GroupTest

    Examples
    --------
    >>> compare_shares([3, 8, 10], [14, 25, 13]).test
    'chi-square'
    >>> result = compare_shares([3, 1], [4, 4])
    >>> result.test, round(result.p, 4)
    ('Fisher exact', 0.4857)
    """
    pairs = [(c, t) for c, t in zip(counts, totals, strict=True) if t]
    k, m = np.array([c for c, _ in pairs], int), np.array([t for _, t in pairs], int)
    if len(pairs) < 2:
        return _none("fewer than two groups have values", totals)
    if k.sum() in (0, m.sum()):
        return _none("all or none have the property", totals)
    table = np.stack([k, m - k])
    expected = stats.contingency.expected_freq(table)
    if expected.min() < _SMALL_EXPECTED:
        why = f"smallest expected count {expected.min():.1f} < 5"
        return GroupTest("Fisher exact", why, float("nan"), exact_shares_p(k, m), (), tuple(totals))
    result = stats.chi2_contingency(table, correction=False)
    return GroupTest(
        "chi-square", "all expected counts ≥ 5", float(result.statistic), float(result.pvalue),
        (float(result.dof),), tuple(totals),
    )  # fmt: skip


def exact_shares_p(counts: ArrayLike, totals: ArrayLike) -> float:
    """Two-sided p of a 2 × k table with fixed margins: the chance of all tables no likelier than the one seen.

    SciPy samples tables larger than 2 × 2; here all of them are counted, up to five million tables. Beyond, 200,000
    tables are drawn from a fixed random stream.

    Parameters
    ----------
    counts, totals : array_like of int, shape (k,)
        With the property, and all, in every group.

    Returns
    -------
    float

    Examples
    --------
    >>> round(exact_shares_p([3, 1], [4, 4]), 4)
    0.4857
    """
    k, m = np.asarray(counts, int), np.asarray(totals, int)
    if 2 * k.sum() > m.sum():
        k = m - k  # the rarer of the two has fewer ways to be spread over the groups
    whole = int(k.sum())
    if float(np.prod(np.minimum(m[:-1], whole) + 1.0)) > _MOST_TABLES:
        drawn = stats.MonteCarloMethod(n_resamples=_TABLES_DRAWN, rng=np.random.default_rng(0))
        return float(stats.fisher_exact(np.stack([k, m - k]), method=drawn).pvalue)
    done, weights = np.zeros(1, int), np.zeros(1)
    for total in m[:-1]:
        c = np.arange(min(int(total), whole) + 1)
        done = (done[:, None] + c).ravel()
        weights = (weights[:, None] + _log_choose(int(total), c)).ravel()
        done, weights = done[done <= whole], weights[done <= whole]
    rest = whole - done
    possible = rest <= m[-1]
    weights = weights[possible] + _log_choose(int(m[-1]), rest[possible])
    seen = sum(float(_log_choose(int(t), np.array([c]))[0]) for c, t in zip(k, m, strict=True))
    chances = np.exp(weights - float(_log_choose(int(m.sum()), np.array([whole]))[0]))
    # 1e-7: rounding of the logarithms; a table as likely as the one seen belongs to the tail.
    return float(min(1.0, chances[weights <= seen + 1e-7].sum()))


def _log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), np.float64)


def compare_times(rows: ArrayLike) -> GroupTest:
    """Compare one quantity at several times in the same lesions.

    Friedman's test for three or more times; for two the paired t or Wilcoxon test of `compare_pairs`.

    Source: Friedman 1937, doi:10.1080/01621459.1937.10503522.

    Parameters
    ----------
    rows : array_like, shape (n, times)
        One row per lesion; rows with a NaN are left out.

    Returns
    -------
    GroupTest
        `n` holds the number of complete rows.

    Examples
    --------
    >>> result = compare_times([[3, 2, 1], [5, 4, 2], [4, 3, 1], [6, 5, 1]])
    >>> result.test, result.statistic, round(result.p, 4)
    ('Friedman', 8.0, 0.0183)
    """
    x = np.asarray(rows, np.float64)
    x = x[np.isfinite(x).all(axis=1)]
    if x.shape[1] < 2:
        return _none("fewer than two times", (len(x),))
    if x.shape[1] == 2:
        pair = compare_pairs(x[:, 0], x[:, 1])
        return GroupTest(pair.test, f"two times; {pair.method}", float("nan"), pair.p, (), (len(x),))
    if len(x) < FEWEST_FOR_TEST:
        return _none(f"fewer than {FEWEST_FOR_TEST} complete lesions", (len(x),))
    if (np.ptp(x, axis=1) == 0).all():
        return _none("nothing changes in any lesion", (len(x),))
    result = stats.friedmanchisquare(*x.T)
    return GroupTest(
        "Friedman", "the same lesions at every time", float(result.statistic), float(result.pvalue),
        (x.shape[1] - 1.0,), (len(x),),
    )  # fmt: skip
