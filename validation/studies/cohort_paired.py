"""Before and after in the same lesions: paired t or Wilcoxon's signed-rank test, chosen by a stated rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from mcsim.invalid_input import InvalidInput
from validation.studies.cohort_intervals import (
    FEWEST_FOR_TEST,
    Description,
    describe,
    mean_interval,
    median_shift_interval,
)

Choice = Literal["auto", "t", "wilcoxon"]
CHOICES = ("auto", "t", "wilcoxon")
ALPHA = 0.05  # of the normality tests
_LARGEST_EXACT = 50  # beyond, the normal approximation of T is good to 1e-3 in p
_LARGEST_SIGNS = 13  # 2^13 sign patterns: all of them are tried where ranks are tied


@dataclass(frozen=True)
class PairedComparison:
    """One quantity before and after.

    Parameters
    ----------
    n, before_only, after_only, neither : int
        Complete pairs, and rows with one value or none.
    before, after, difference : Description
        Of the complete pairs, after − before; in the unit of the quantity.
    test : str
        ``paired t``, ``Wilcoxon signed-rank`` or, with too few pairs, ``none``.
    method : str
        How the p value was made.
    p : float
        Two-sided; NaN without a test.
    effect, low, high : float
        Mean difference or Hodges–Lehmann median difference with its 95 % interval.
    p_t, p_wilcoxon : float
        Of both tests, whatever was chosen.
    columns_normal : bool
        Before and after pass the normality test each by itself.
    """

    n: int
    before_only: int
    after_only: int
    neither: int
    before: Description
    after: Description
    difference: Description
    test: str
    method: str
    p: float
    effect: float
    low: float
    high: float
    p_t: float
    p_wilcoxon: float
    columns_normal: bool

    @property
    def by_mean(self) -> bool:
        """Described by mean ± sd (what a t test compares), else by median and quartiles."""
        return self.test == "paired t" or (self.test == "none" and self.columns_normal)


def signed_rank_p(differences: ArrayLike) -> tuple[float, str]:
    """Two-sided p of Wilcoxon's signed-rank test, differences of 0 left out, and how it was made.

    Exact up to 50 differences without ties; all sign patterns up to 13 with ties; else the normal approximation
    with tie correction, without continuity correction.

    Source: Wilcoxon 1945, doi:10.2307/3001968.

    Parameters
    ----------
    differences : array_like, shape (n,)
        Any unit, no NaN.

    Returns
    -------
    p : float
        1 if every difference is 0.
    method : str

    Examples
    --------
    >>> signed_rank_p([1, 2, 3, 4, 5])
    (0.0625, 'exact')
    """
    d = np.asarray(differences, np.float64)
    # Differences such as 0.3 − 0.1 and 0.5 − 0.3 are one value written twice: ties are told to 12 digits.
    d = np.round(d, 12 - int(np.ceil(np.log10(np.abs(d).max() or 1.0)))) if len(d) else d
    d = d[d != 0]
    if len(d) == 0:
        return 1.0, "no difference"
    tied = len(np.unique(np.abs(d))) < len(d)
    if not tied and len(d) <= _LARGEST_EXACT:
        return float(stats.wilcoxon(d, method="exact").pvalue), "exact"
    if len(d) <= _LARGEST_SIGNS:
        every = stats.PermutationMethod(n_resamples=2**_LARGEST_SIGNS)
        return float(stats.wilcoxon(d, method=every).pvalue), "exact, all sign patterns (ties)"
    return float(stats.wilcoxon(d, method="approx").pvalue), "normal approximation"


def compare_pairs(
    before: ArrayLike, after: ArrayLike, choice: Choice = "auto", alpha: float = ALPHA
) -> PairedComparison:
    """Compare a quantity before and after.

    Rows with both values count. With ``auto`` the differences are tested for normality (Shapiro–Wilk at `alpha`):
    paired t if nothing speaks against it, Wilcoxon's signed-rank test otherwise. Differences that are all the same
    cannot be tested for normality and go to Wilcoxon.

    Parameters
    ----------
    before, after : array_like, shape (n,)
        One row per lesion, same unit, NaN where missing.
    choice : str
        ``auto``, ``t`` or ``wilcoxon``.
    alpha : float
        Level of the normality tests.

    Returns
    -------
    PairedComparison

    Raises
    ------
    InvalidInput
        `choice` is unknown or `alpha` not between 0 and 1.

    Examples
    --------
    >>> result = compare_pairs([10.1, 11.4, 9.7, 12.0], [11.0, 12.9, 10.1, 13.1])
    >>> result.n, result.test, round(result.effect, 3)
    (4, 'paired t', 0.975)
    """
    if choice not in CHOICES:
        raise InvalidInput(f"test is {choice!r}, expected one of {', '.join(CHOICES)}. Choose one.")
    check_level(alpha)
    b, a = np.asarray(before, np.float64), np.asarray(after, np.float64)
    has_b, has_a = np.isfinite(b), np.isfinite(a)
    pairs = has_b & has_a
    d = a[pairs] - b[pairs]
    of_before, of_after, of_difference = describe(b[pairs]), describe(a[pairs]), describe(d)
    p_t = p_w = p = effect = low = high = float("nan")
    test, method = "none", f"fewer than {FEWEST_FOR_TEST} pairs"
    if len(d) >= FEWEST_FOR_TEST:
        p_w, how = signed_rank_p(d)
        if np.ptp(d) > 0:
            p_t = float(stats.ttest_1samp(d, 0.0).pvalue)
        student = choice == "t" or (choice == "auto" and of_difference.is_normal(alpha))
        if student and np.isfinite(p_t):
            test, method, p = "paired t", f"t, {len(d) - 1} degrees of freedom", p_t
            effect, low, high = mean_interval(d)
        else:
            test, method, p = "Wilcoxon signed-rank", how, p_w
            effect, low, high = median_shift_interval(d)
    return PairedComparison(
        int(pairs.sum()), int((has_b & ~has_a).sum()), int((has_a & ~has_b).sum()), int((~has_a & ~has_b).sum()),
        of_before, of_after, of_difference, test, method, p, effect, low, high, p_t, p_w,
        of_before.is_normal(alpha) and of_after.is_normal(alpha),
    )  # fmt: skip


def check_level(alpha: float) -> None:
    """Refuse a level of the tests that choose which is not between 0 and 1."""
    if not 0 < alpha < 1:
        raise InvalidInput(
            f"level of the normality tests is {alpha:g}, expected between 0 and 1. Give one, such as 0.05."
        )


def holm(p_values: ArrayLike) -> list[float]:
    """P values adjusted for their number by Holm's step-down rule; NaN stays NaN and is not counted.

    Source: Holm 1979, Scand. J. Stat. 6, 65.

    Parameters
    ----------
    p_values : array_like, shape (n,)

    Returns
    -------
    list of float

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, float("nan")])]
    [0.03, 0.06, 0.06, nan]
    """
    p = np.asarray(p_values, np.float64)
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return [float(x) for x in adjusted]
