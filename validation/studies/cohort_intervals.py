"""What a sample says by itself: normality, mean and median, shares, and their confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
FEWEST_FOR_TEST = 3  # Shapiro-Wilk is not defined below, nor is a spread of much use


def shapiro_p(values: ArrayLike) -> float:
    """P value of the Shapiro–Wilk test; NaN if fewer than three values or all the same.

    Source: Shapiro and Wilk 1965, doi:10.1093/biomet/52.3-4.591; p by Royston 1995, doi:10.2307/2986146.

    Parameters
    ----------
    values : array_like, shape (n,)
        Any unit, no NaN.

    Returns
    -------
    float

    Examples
    --------
    >>> round(shapiro_p([148, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236]), 4)
    0.0067
    >>> shapiro_p([1.0, 1.0, 1.0, 1.0])
    nan
    """
    x = np.asarray(values, np.float64)
    if len(x) < FEWEST_FOR_TEST or np.ptp(x) == 0:
        return float("nan")
    return float(stats.shapiro(x).pvalue)


@dataclass(frozen=True)
class Description:
    """A sample described both ways.

    Parameters
    ----------
    n : int
        Values.
    mean, std_dev : float
        Mean and sample standard deviation (n − 1), in the unit of the values.
    median, p25, p75 : float
        Quartiles by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996,
        doi:10.1080/00031305.1996.10473566).
    normality_p : float
        Of Shapiro–Wilk; NaN where the test is not defined.
    """

    n: int
    mean: float
    std_dev: float
    median: float
    p25: float
    p75: float
    normality_p: float

    def is_normal(self, alpha: float) -> bool:
        """Whether nothing speaks against a normal distribution at level `alpha`."""
        return self.normality_p >= alpha


def describe(values: ArrayLike) -> Description:
    """Describe a sample.

    Parameters
    ----------
    values : array_like, shape (n,)
        Any unit; NaN is left out.

    Returns
    -------
    Description

    Examples
    --------
    >>> d = describe([1.0, 2.0, 3.0, 4.0, float("nan")])
    >>> d.n, d.mean, round(d.std_dev, 3), d.p25, d.median, d.p75
    (4, 2.5, 1.291, 1.75, 2.5, 3.25)
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if len(x) == 0:
        return Description(0, *[float("nan")] * 6)
    p25, median, p75 = (float(q) for q in np.percentile(x, [25, 50, 75]))
    std_dev = float(np.std(x, ddof=1)) if len(x) > 1 else float("nan")
    return Description(len(x), float(np.mean(x)), std_dev, median, p25, p75, shapiro_p(x))


@dataclass(frozen=True)
class Share:
    """A share of a cohort with both intervals, as numbers from 0 to 1.

    Parameters
    ----------
    count, total : int
        With the property, and all.
    wilson, clopper_pearson : tuple of float
        95 % intervals.
    """

    count: int
    total: int
    wilson: tuple[float, float]
    clopper_pearson: tuple[float, float]

    @property
    def value(self) -> float:
        """The share itself; NaN if there is nobody."""
        return self.count / self.total if self.total else float("nan")


def share(count: int, total: int) -> Share:
    """A share with its Wilson and Clopper–Pearson intervals.

    Sources: Wilson 1927, doi:10.1080/01621459.1927.10502953; Clopper and Pearson 1934,
    doi:10.1093/biomet/26.4.404.

    Parameters
    ----------
    count, total : int
        With the property, and all.

    Returns
    -------
    Share

    Examples
    --------
    >>> [round(x, 4) for x in share(15, 148).wilson]
    [0.0624, 0.1605]
    """
    if total == 0:
        return Share(0, 0, (float("nan"), float("nan")), (float("nan"), float("nan")))
    test = stats.binomtest(count, total)
    wilson, exact = (test.proportion_ci(CONFIDENCE, method) for method in ("wilson", "exact"))
    return Share(
        count,
        total,
        (float(wilson.low), float(wilson.high)),
        (float(exact.low), float(exact.high)),
    )


def mean_interval(values: ArrayLike) -> tuple[float, float, float]:
    """Mean with its 95 % interval by Student's t.

    Parameters
    ----------
    values : array_like, shape (n,)
        Any unit, no NaN; n > 1.

    Returns
    -------
    mean, low, high : float
    """
    x = np.asarray(values, np.float64)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(x) - 1) * np.std(x, ddof=1) / np.sqrt(len(x))
    return float(np.mean(x)), float(np.mean(x) - half), float(np.mean(x) + half)


def signed_rank_distribution(n: int) -> NDArray[np.float64]:
    """Probability of every sum of signed ranks 0 … n(n+1)/2 if signs are fair, without ties.

    Parameters
    ----------
    n : int
        Ranks.

    Returns
    -------
    ndarray, shape (n (n + 1) / 2 + 1,)

    Examples
    --------
    >>> (8 * signed_rank_distribution(3)).tolist()
    [1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0]
    """
    chance = np.zeros(n * (n + 1) // 2 + 1)
    chance[0] = 1.0
    for rank in range(1, n + 1):
        raised = chance.copy()
        raised[rank:] += chance[:-rank]
        chance = raised / 2
    return chance


def median_shift_interval(differences: ArrayLike) -> tuple[float, float, float]:
    """Hodges–Lehmann estimate of the median difference with its distribution-free interval.

    The estimate is the median of all Walsh averages (d_i + d_j)/2, i ≤ j; the interval runs between the ordered
    averages that the exact distribution of Wilcoxon's statistic leaves outside with at most 2.5 % on either
    side. Below six differences no interval of 95 % exists and the limits are infinite.

    Source: Hodges and Lehmann 1963, doi:10.1214/aoms/1177704172; Hollander, Wolfe and Chicken 2014,
    doi:10.1002/9781119196037, section 3.3.

    Parameters
    ----------
    differences : array_like, shape (n,)
        Any unit, no NaN. Differences of 0 are kept.

    Returns
    -------
    estimate, low, high : float

    Examples
    --------
    >>> median_shift_interval([1.0, 2.0, 3.0])
    (2.0, -inf, inf)
    """
    d = np.asarray(differences, np.float64)
    i, j = np.triu_indices(len(d))
    walsh = np.sort((d[i] + d[j]) / 2)
    below = np.cumsum(signed_rank_distribution(len(d)))
    # Ordered averages cut off on each side: largest c with P(T < c) <= 2.5 %.
    cut = int(np.searchsorted(below, (1 - CONFIDENCE) / 2, side="right"))
    estimate = float(np.median(walsh))
    if cut == 0:
        return estimate, -np.inf, np.inf
    return estimate, float(walsh[cut - 1]), float(walsh[-cut])
