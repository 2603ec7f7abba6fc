"""Survival with censored times: Kaplan–Meier, its median and interval, and the log-rank test of k groups."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from validation.studies.cohort_intervals import CONFIDENCE

FloatArray = NDArray[np.float64]
_HALF = 0.5
_ROUNDING = 1e-9  # products of fractions that should give exactly one half


@dataclass(frozen=True)
class SurvivalCurve:
    """A Kaplan–Meier curve.

    Parameters
    ----------
    durations : ndarray, shape (n,)
        Follow-up of everybody.
    events : ndarray of bool, shape (n,)
        The event happened at the end of it; censored otherwise.
    times : ndarray, shape (k,)
        Distinct durations, ascending.
    survival, low, high : ndarray, shape (k,)
        From each time on, with its 95 % log-log interval; NaN where that is not defined (survival 1 or 0).
    """

    durations: FloatArray
    events: NDArray[np.bool_]
    times: FloatArray
    survival: FloatArray
    low: FloatArray
    high: FloatArray

    def at_risk(self, times: ArrayLike) -> NDArray[np.int64]:
        """Number still followed just before each time."""
        return np.array([(self.durations >= t).sum() for t in np.atleast_1d(times)], np.int64)

    def at(self, time: float) -> tuple[float, float, float]:
        """Survival at a time with its interval; NaN beyond the last follow-up if somebody is still alive there."""
        k = int(np.searchsorted(self.times, time, side="right")) - 1
        if k < 0:
            return 1.0, float("nan"), float("nan")
        if time > self.times[-1] and self.survival[-1] > 0:
            return float("nan"), float("nan"), float("nan")
        return float(self.survival[k]), float(self.low[k]), float(self.high[k])

    def median(self) -> tuple[float, float, float]:
        """Median survival with its interval by Brookmeyer and Crowley; infinite where not reached.

        The time at which the curve goes below one half; where it runs at one half, the middle of that step. The
        interval holds the times at which the log-log interval of the curve holds one half.

        Source: Brookmeyer and Crowley 1982, doi:10.2307/2530286.
        """
        return self._first_below(self.survival), self._limit(self.low), self._limit(self.high)

    def _first_below(self, curve: FloatArray) -> float:
        reached = np.flatnonzero(curve <= _HALF + _ROUNDING)
        if not len(reached):
            return np.inf
        first = reached[0]
        beyond = np.flatnonzero(curve < _HALF - _ROUNDING)
        if curve[first] < _HALF - _ROUNDING:
            return float(self.times[first])
        return (
            float((self.times[first] + self.times[beyond[0]]) / 2)
            if len(beyond)
            else float(self.times[first])
        )

    def _limit(self, curve: FloatArray) -> float:
        # Where survival is 0 the interval has no width: one half is above it.
        known = np.where(np.isnan(curve) & (self.survival <= _ROUNDING), 0.0, curve)
        reached = np.flatnonzero(known <= _HALF + _ROUNDING)
        return float(self.times[reached[0]]) if len(reached) else np.inf


def kaplan_meier(durations: ArrayLike, events: ArrayLike) -> SurvivalCurve:
    """Product-limit estimate with 95 % log-log intervals (Greenwood's variance).

    Sources: Kaplan and Meier 1958, doi:10.1080/01621459.1958.10501452; log-log interval: Kalbfleisch and Prentice
    2002, doi:10.1002/9781118032985, section 1.4. Computed by ``scipy.stats.ecdf``.

    Parameters
    ----------
    durations : array_like, shape (n,)
        Follow-up, ≥ 0, one unit.
    events : array_like of bool, shape (n,)
        The event happened; censored otherwise.

    Returns
    -------
    SurvivalCurve

    Examples
    --------
    >>> curve = kaplan_meier([1, 2, 3, 4], [True, True, False, True])
    >>> curve.survival.tolist(), curve.median()[0]
    ([0.75, 0.5, 0.5, 0.0], 3.0)
    """
    t, d = np.asarray(durations, np.float64), np.asarray(events, bool)
    curve = stats.ecdf(stats.CensoredData.right_censored(t, ~d)).sf
    survival = np.asarray(curve.probabilities, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        # Where survival is 1 or 0 the formula has no limits; they are set to NaN below.
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval: Any = curve.confidence_interval(CONFIDENCE, method="log-log")
    low = np.array(interval.low.probabilities, np.float64)
    high = np.array(interval.high.probabilities, np.float64)
    certain = (survival >= 1 - _ROUNDING) | (survival <= _ROUNDING)
    low[certain] = high[certain] = np.nan
    return SurvivalCurve(t, d, np.asarray(curve.quantiles, np.float64), survival, low, high)


@dataclass(frozen=True)
class LogRank:
    """Log-rank test.

    Parameters
    ----------
    statistic, p : float
        χ² and its p value; NaN if groups cannot be compared.
    degrees : int
        Groups less one.
    observed, expected : ndarray, shape (k,)
        Events in every group, and those expected if all had one hazard.
    """

    statistic: float
    p: float
    degrees: int
    observed: FloatArray
    expected: FloatArray


def log_rank(groups: Sequence[tuple[ArrayLike, ArrayLike]]) -> LogRank:
    """Log-rank test of two or more groups.

    At each event time t with n_i at risk in group i, n in all and d events, the expected events are d n_i / n and
    their covariance is that of the hypergeometric distribution,

        V_ij = d (n − d)/(n − 1) · n_i/n (δ_ij − n_j/n);     χ² = (O − E)ᵀ V⁻ (O − E).

    ``scipy.stats.logrank`` compares two groups; this is its square there.

    Sources: Mantel 1966, Cancer Chemother. Rep. 50, 163; Peto and Peto 1972, doi:10.2307/2344317; k groups: Klein and
    Moeschberger 2003, doi:10.1007/b97377, section 7.3.

    Parameters
    ----------
    groups : sequence of (durations, events)
        Of every group.

    Returns
    -------
    LogRank

    Examples
    --------
    >>> test = log_rank([([1, 2, 3], [1, 1, 1]), ([4, 5, 6], [1, 1, 1])])
    >>> round(test.statistic, 3), test.degrees
    (5.052, 1)
    """
    samples = [(np.asarray(t, np.float64), np.asarray(e, bool)) for t, e in groups]
    k = len(samples)
    times = np.unique(np.concatenate([t[e] for t, e in samples]))
    at_risk = np.array([[(t >= x).sum() for x in times] for t, _ in samples], np.float64).reshape(k, -1)
    deaths = np.array([[(t[e] == x).sum() for x in times] for t, e in samples], np.float64).reshape(k, -1)
    n, d = at_risk.sum(axis=0), deaths.sum(axis=0)
    share = at_risk / n
    observed, expected = deaths.sum(axis=1), (d * share).sum(axis=1)
    # The last one at risk has no spread: his event was certain.
    spread = np.where(n > 1, d * (n - d) / np.maximum(n - 1, 1), 0.0)
    covariance = np.diag((spread * share).sum(axis=1)) - (spread * share) @ share.T
    degrees = k - 1
    if degrees < 1 or np.linalg.matrix_rank(covariance) < degrees:
        return LogRank(float("nan"), float("nan"), degrees, observed, expected)
    off = (observed - expected)[:-1]  # the deviations add to 0: one group says nothing new
    statistic = float(off @ np.linalg.solve(covariance[:-1, :-1], off))
    return LogRank(statistic, float(stats.chi2.sf(statistic, degrees)), degrees, observed, expected)
