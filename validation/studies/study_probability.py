r"""Probability over the members that an index reaches a dose.

Counting members that reach it, with TG-43 as control, assumes nothing about them; where none of a few Monte Carlo
members does, the interval stays wide. The other way assumes that Monte Carlo is a straight line in TG-43 with normally
distributed residuals, the same for all members, and counts in all TG-43 members what the line predicts,

.. math:: P = \frac1N \sum_j \Phi\left(\frac{a + b x_j - t}{s}\right).

Both are told: where they disagree, the line is not to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from validation.studies.study_control import (
    FEWEST_PAIRS,
    checked_members,
    controlled_distribution,
    surrogates,
    wilson,
)

FloatArray = NDArray[np.float64]

TG43, COUNTED, REGRESSION = "TG-43", "Monte Carlo", "Monte Carlo by regression"
DRAWS = 1000


@dataclass(frozen=True)
class Probability:
    """Probability over members that the target's D90 reaches the prescription, with its 95 % interval.

    Attributes
    ----------
    scenario : str
    engine : str
        `TG43`, `COUNTED` or `REGRESSION`.
    value, lower, upper : float
    """

    scenario: str
    engine: str
    value: float
    lower: float
    upper: float


def regression_probability(
    y: ArrayLike, x: ArrayLike, further: ArrayLike, threshold: float, seed: int = 1
) -> tuple[float, float, float]:
    """P(y ≥ threshold) from a line in TG-43, and its 95 % interval.

    Parameters
    ----------
    y : array_like, shape (n,)
        Monte Carlo index of the members that have both.
    x : array_like, shape (n, controls)
        Their TG-43 indices; the one that correlates best is taken.
    further : array_like, shape (m, controls)
        TG-43 indices of other members.
    threshold : float
        In the unit of y.
    seed : int
        Of the draws.

    Returns
    -------
    value, lower, upper : float
        Mean and 2.5 and 97.5 % of what draws of intercept, slope and scatter give: these from their joint distribution
        given the pairs (Student's, with n − 2 degrees of freedom), the TG-43 members with random weights (Bayesian
        bootstrap: Rubin, Ann. Statist. 9 (1981) 130-134, doi:10.1214/aos/1176345338).

    Raises
    ------
    InvalidInput
        Fewer than six pairs.

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> x = rng.normal(100.0, 5.0, (1000, 1))
    >>> y = 0.7 * x[:20, 0] + rng.normal(0.0, 0.5, 20)
    >>> p, low, high = regression_probability(y, x[:20], x[20:], 70.0)  # the mean
    >>> bool(low < 0.5 < high), bool(high - low < 0.2)
    (True, True)
    """
    values, controls, others = checked_members(y, x, further)
    line = surrogates(values, controls, 2)[0].control
    pairs, everyone = controls[:, line], np.concatenate([controls[:, line], others[:, line]])
    n, middle = len(values), float(pairs.mean())
    square = float(((pairs - middle) ** 2).sum())
    slope = float((pairs - middle) @ (values - values.mean())) / square if square > 0.0 else 0.0
    left = values - values.mean() - slope * (pairs - middle)
    rng = np.random.default_rng(seed)
    scatter = np.sqrt((left @ left) / rng.chisquare(n - 2, DRAWS))
    height = values.mean() + scatter * rng.standard_normal(DRAWS) / np.sqrt(n)
    tilt = slope + (scatter * rng.standard_normal(DRAWS) / np.sqrt(square) if square > 0.0 else 0.0)
    weights = rng.standard_exponential((DRAWS, len(everyone)))
    above = height[:, None] + np.outer(tilt, everyone - middle) - threshold
    with np.errstate(divide="ignore", invalid="ignore"):
        reached = np.where(scatter[:, None] > 0.0, ndtr(above / scatter[:, None]), above >= 0.0)
    found = (weights * reached).sum(axis=1) / weights.sum(axis=1)
    low, high = np.quantile(found, [0.025, 0.975])
    # A line never excludes anything: what is too small for a number is the smallest there is.
    least, most = np.finfo(np.float64).tiny, 1.0 - np.finfo(np.float64).epsneg
    return float(np.clip(found.mean(), least, most)), min(float(low), most), max(float(high), least)


def probabilities(
    scenario: str, threshold: float, tg43: FloatArray, controls: FloatArray, monte_carlo: FloatArray
) -> list[Probability]:
    """Probability of one scenario by every engine that has members.

    Parameters
    ----------
    scenario : str
        Its name.
    threshold : float
        Gy.
    tg43 : ndarray, shape (N,)
        D90 by TG-43, or none.
    controls : ndarray, shape (N, controls)
        Controls of the same members.
    monte_carlo : ndarray, shape (n,)
        D90 by Monte Carlo of the first n, or none.
    """
    found: list[Probability] = []
    n = len(monte_carlo)
    # No member differs from another but in its histories: one implant, and its mean over the noise decides.
    alike = bool(tg43.size) and float(np.ptp(tg43)) <= 1e-12 * abs(float(tg43[0]))
    if tg43.size:
        p = float((tg43 >= threshold).mean())
        found.append(Probability(scenario, TG43, p, *((p, p) if alike else wilson(p, len(tg43)))))
    if alike and n:
        p = float(monte_carlo.mean() >= threshold)
        found += [Probability(scenario, engine, p, p, p) for engine in (COUNTED, REGRESSION)]
    elif len(tg43) >= n >= FEWEST_PAIRS:
        of = (monte_carlo, controls[:n], controls[n:])
        counted = controlled_distribution(*of).probability_of_at_least(threshold)
        found.append(Probability(scenario, COUNTED, *counted))
        found.append(Probability(scenario, REGRESSION, *regression_probability(*of, threshold)))
    elif n:
        p = float((monte_carlo >= threshold).mean())
        found.append(Probability(scenario, COUNTED, p, *wilson(p, n)))
    return found
