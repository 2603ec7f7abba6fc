"""Dosimetry before and after in a clinical series of 22 lesions, and how far a cohort is from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from validation.studies.cohort_intervals import CONFIDENCE, Description


@dataclass(frozen=True)
class PublishedIndex:
    """One index of the series: mean and standard deviation over lesions; NaN where it states none.

    Parameters
    ----------
    name, unit : str
        As in `validation.evaluate.indices.INDICES`.
    before, before_sd, after, after_sd : float
        Of the plan, and of the verification, in `unit`.
    """

    name: str
    unit: str
    before: float
    before_sd: float
    after: float
    after_sd: float


PUBLISHED_LESIONS = 22
# Its HI is (V100 − V150)/V100: 0.30 and 0.37 from its own V100 and V150.
PUBLISHED: tuple[PublishedIndex, ...] = (
    PublishedIndex("D90", "Gy", 124.98, 16.86, 123.79, 31.82),
    PublishedIndex("D100", "Gy", 80.86, 23.30, 68.82, 13.82),
    PublishedIndex("V100", "%", 94.5, 8.3, 92.2, 14.3),
    PublishedIndex("V150", "%", 66.5, 17.7, 58.5, 18.4),
    PublishedIndex("HI", "", 0.3, math.nan, 0.4, math.nan),
)


@dataclass(frozen=True)
class Departure:
    """How far a cohort is from a published one.

    Parameters
    ----------
    difference, low, high : float
        Of the means, cohort minus published, with Welch's 95 % interval.
    p : float
        Of Welch's test.
    spread, spread_low, spread_high : float
        Ratio of the standard deviations, cohort over published, with its 95 % interval (F distribution).
    """

    difference: float
    low: float
    high: float
    p: float
    spread: float
    spread_low: float
    spread_high: float


def departure(cohort: Description, mean: float, std_dev: float, n: int = PUBLISHED_LESIONS) -> Departure:
    """Compare a cohort with the mean and standard deviation of a published one.

    Sources: Welch 1947, doi:10.1093/biomet/34.1-2.28; the ratio of variances assumes normal values.

    Parameters
    ----------
    cohort : Description
        Values of the cohort.
    mean, std_dev : float
        Published; NaN as standard deviation leaves only the difference.
    n : int
        Published number of lesions.

    Returns
    -------
    Departure

    Examples
    --------
    >>> from validation.studies.cohort_intervals import describe
    >>> found = departure(describe([100.0, 110.0, 120.0]), 110.0, 10.0, 3)
    >>> found.difference, round(found.high, 2), found.spread
    (0.0, 22.67, 1.0)
    """
    difference = cohort.mean - mean
    if not (math.isfinite(std_dev) and cohort.n > 1):
        return Departure(difference, *[math.nan] * 6)
    welch = stats.ttest_ind_from_stats(
        cohort.mean, cohort.std_dev, cohort.n, mean, std_dev, n, equal_var=False
    )
    own, other = cohort.std_dev**2 / cohort.n, std_dev**2 / n
    degrees = (own + other) ** 2 / (own**2 / (cohort.n - 1) + other**2 / (n - 1))
    tail = (1 + CONFIDENCE) / 2
    half = float(stats.t.ppf(tail, degrees)) * math.sqrt(own + other)
    spread = cohort.std_dev / std_dev
    low, high = (math.sqrt(spread**2 / stats.f.ppf(q, cohort.n - 1, n - 1)) for q in (tail, 1 - tail))
    return Departure(difference, difference - half, difference + half, float(welch.pvalue), spread, low, high)
