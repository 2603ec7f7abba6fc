r"""Monte Carlo statistics of an ensemble with TG-43 as control variate: mean, variance, distribution.

n members have both doses, further m only TG-43. A surrogate f of Monte Carlo is a straight line in one of the TG-43
indices. It is fitted, and its index chosen, without the members it is used on (cross-fitting), and the further m are
never fitted on. So every f is independent of what it predicts, and for each fold k

.. math:: \frac{1}{n_k}\sum_{i \in k} (y_i - c f_k(x_i)) + \frac{c}{m}\sum_j f_k(x_j)

has exactly the mean of y, whatever f; c = m/(n + m) is the best for a good one. The same holds with 1(y ≤ t) in place
of y and any function of x in place of f: the distribution function. Its quantiles are unbiased for many members only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import t as student_t

from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]

FEWEST_PAIRS = 6
MOST_FOLDS = 10
QUANTILE_FOLDS = 5
FEWEST_BEYOND = 3
GRID = 120  # doses at which the distribution function is found
NORMAL_95 = 1.959963984540054


class Surrogate(NamedTuple):
    """A straight line in one of the controls, fitted without the members of one fold."""

    fold: NDArray[np.intp]
    control: int
    slope: float
    intercept: float
    scatter: float

    def predicted(self, x: FloatArray) -> FloatArray:
        """Monte Carlo index from controls (k, controls)."""
        return np.asarray(self.intercept + self.slope * x[:, self.control])


@dataclass(frozen=True)
class Controlled:
    """An estimate and what the control gains.

    Attributes
    ----------
    value : float
        Unit of the index.
    std_dev : float
        Its standard uncertainty from the finite number of members, with their noise.
    lower, upper : float
        95 % interval.
    plain_std_dev : float
        Standard uncertainty of plain Monte Carlo of the same n members.
    correlation : float
        Of the surrogate with Monte Carlo, cross-validated.
    """

    value: float
    std_dev: float
    lower: float
    upper: float
    plain_std_dev: float
    correlation: float


def surrogates(y: FloatArray, x: FloatArray, folds: int) -> list[Surrogate]:
    """Lines of every fold; member i is in fold i modulo their number.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Monte Carlo.
    x : ndarray, shape (n, controls)
        TG-43; the control that correlates best with y in the other folds is taken.
    folds : int
        Number of folds.
    """
    fold_of = np.arange(len(y)) % folds
    found = []
    for fold in range(folds):
        other = fold_of != fold
        here, there = y[other], x[other]
        dy, dx = here - here.mean(), there - there.mean(axis=0)
        cross, square = dy @ dx, (dx**2).sum(axis=0)
        usable = (square > 1e-20 * (1.0 + there.mean(axis=0) ** 2)) & np.isfinite(square)
        gain = np.where(usable, cross**2 / np.where(usable, square, 1.0), 0.0)
        control = int(np.argmax(gain))
        slope = float(cross[control] / square[control]) if usable[control] else 0.0
        intercept = float(here.mean() - slope * there[:, control].mean())
        left = here - intercept - slope * there[:, control]
        freedom = max(1, len(here) - 2)
        found.append(
            Surrogate(
                np.flatnonzero(fold_of == fold), control, slope, intercept,
                float(np.sqrt((left**2).sum() / freedom)),
            )
        )  # fmt: skip
    return found


def controlled_mean(
    y: ArrayLike, x: ArrayLike, further: ArrayLike, shared_noise_variance: float = 0.0
) -> Controlled:
    """Mean of Monte Carlo over members.

    Parameters
    ----------
    y : array_like, shape (n,)
        Monte Carlo index of the members that have both.
    x : array_like, shape (n, controls)
        Their TG-43 indices.
    further : array_like, shape (m, controls)
        TG-43 indices of other members.
    shared_noise_variance : float
        Variance that common histories add to the mean, beyond what the spread of the members shows.

    Returns
    -------
    Controlled

    Raises
    ------
    InvalidInput
        Fewer than six members.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(100.0, 5.0, (1000, 1))
    >>> y = 0.7 * x[:20, 0] + rng.normal(0.0, 0.5, 20)
    >>> found = controlled_mean(y, x[:20], x[20:])
    >>> bool(abs(found.value - 70.0) < 3.0 * found.std_dev), bool(found.std_dev < 0.5 * found.plain_std_dev)
    (True, True)
    """
    y, x, further = checked_members(y, x, further)
    n, m = len(y), len(further)
    plain = float(np.sqrt(y.var(ddof=1) / n + shared_noise_variance))
    lines = surrogates(y, x, min(n, MOST_FOLDS))
    share = m / (n + m)
    value = controlled_sum(lines, y, x, further, share) / n
    left = np.concatenate([y[s.fold] - s.predicted(x[s.fold]) for s in lines])
    unexplained = float((left**2).mean())
    # All lines nearly agree: the spread of their mean prediction is that of each.
    predicted = np.mean([s.predicted(further) for s in lines], axis=0) if m else np.zeros(1)
    explained = float(predicted.var(ddof=1)) if m > 1 else 0.0
    # With c f: residual plus the part (1 − c) of f that is left in it.
    variance = (unexplained + (1.0 - share) ** 2 * explained) / n + share**2 * explained / max(m, 1)
    if not m:
        variance = float(y.var(ddof=1)) / n
    std_dev = float(np.sqrt(variance + shared_noise_variance))
    half = float(student_t.ppf(0.975, max(2, n - 2))) * std_dev
    total = float(y.var(ddof=1))
    correlation = float(np.sqrt(max(0.0, 1.0 - unexplained / total))) if total > 0.0 else 1.0
    return Controlled(value, std_dev, value - half, value + half, plain, correlation)


def controlled_sum(
    lines: list[Surrogate], y: FloatArray, x: FloatArray, further: FloatArray, share: float
) -> float:
    """N times the estimate of the mean."""
    total = 0.0
    for s in lines:
        total += float((y[s.fold] - share * s.predicted(x[s.fold])).sum())
        if len(further):
            total += share * len(s.fold) * float(s.predicted(further).mean())
    return total


def controlled_variance(y: ArrayLike, x: ArrayLike, further: ArrayLike) -> Controlled:
    r"""Variance of Monte Carlo over members, noise included.

    Two folds; with a² of the line of the other fold, for each

    .. math:: s_y^2 + c\,a^2 (s^2_{x,\mathrm{further}} - s_x^2),

    without bias since sample variances have none. The uncertainty is that of normally distributed pairs.

    Parameters
    ----------
    y, x, further
        As for `controlled_mean`.

    Returns
    -------
    Controlled
        Unit of the index squared.
    """
    y, x, further = checked_members(y, x, further)
    n, m = len(y), len(further)
    total = float(y.var(ddof=1))
    plain = total * float(np.sqrt(2.0 / (n - 1)))
    if m < 2 or total == 0.0:
        return Controlled(total, plain, max(0.0, total - 2 * plain), total + 2 * plain, plain, 0.0)
    share, value = m / (n + m), 0.0
    lines = surrogates(y, x, 2)
    for s in lines:
        here, control = y[s.fold], x[s.fold, s.control]
        beta = share * s.slope**2
        weight = len(here) / n
        value += weight * (
            here.var(ddof=1) + beta * (further[:, s.control].var(ddof=1) - control.var(ddof=1))
        )
    slope = float(np.mean([abs(s.slope) for s in lines]))
    spread = further[:, lines[0].control]
    explained = slope**2 * float(spread.var(ddof=1))
    unexplained = float(np.mean([s.scatter**2 for s in lines]))
    left = (explained + unexplained) ** 2 - (2.0 * share - share**2) * explained**2
    variance = 2.0 * left / (n - 2)
    variance += (share * slope**2) ** 2 * float(((spread - spread.mean()) ** 2).var(ddof=1)) / m
    std_dev = float(np.sqrt(variance))
    correlation = float(np.sqrt(max(0.0, explained / (explained + unexplained))))
    return Controlled(
        value, std_dev, max(0.0, value - NORMAL_95 * std_dev), value + NORMAL_95 * std_dev, plain, correlation
    )


@dataclass(frozen=True, eq=False)
class Distribution:
    """Distribution function of Monte Carlo over members.

    Attributes
    ----------
    at : ndarray, shape (k,)
        Values of the index, ascending.
    probability : ndarray, shape (k,)
        P(y ≤ at), ascending from 0 to 1.
    std_dev : ndarray, shape (k,)
        Standard uncertainty of the probability.
    members, all_members : int
        n and n + m.
    """

    at: FloatArray
    probability: FloatArray
    std_dev: FloatArray
    members: int
    all_members: int

    def quantile(self, p: float) -> tuple[float, float]:
        """Quantile and its standard uncertainty.

        Half the distance between the quantiles at p ± u(P) (Woodruff, J. Am. Stat. Assoc. 47 (1952) 635-646,
        doi:10.1080/01621459.1952.10483443).
        """
        if self.at[0] == self.at[-1]:
            return float(self.at[0]), 0.0
        value = self._at(p)
        return value, self.half_width(p, float(np.interp(value, self.at, self.std_dev)))

    def half_width(self, p: float, u: float) -> float:
        """Half the distance between the quantiles at p − u and p + u."""
        return 0.5 * (self._at(min(1.0, p + u)) - self._at(max(0.0, p - u)))

    def _at(self, p: float) -> float:
        return float(np.interp(p, self.probability, self.at))

    def probability_of_at_least(self, threshold: float) -> tuple[float, float, float]:
        """P(y ≥ threshold) and its 95 % interval.

        Wilson's, with as many members as give the same variance, at least n and at most n + m.
        """
        if self.at[0] == self.at[-1]:
            p, u = float(self.at[0] >= threshold), 0.0
        else:
            p = 1.0 - float(np.interp(threshold, self.at, self.probability, left=0.0, right=1.0))
            u = float(np.interp(threshold, self.at, self.std_dev, left=0.0, right=0.0))
        count = p * (1.0 - p) / u**2 if u > 0.0 else float(self.members)
        count = float(np.clip(count, self.members, self.all_members))
        return (p, *wilson(p, count))


def wilson(p: float, count: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212, doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> [round(v, 3) for v in wilson(0.0, 10)]
    [0.0, 0.278]
    """
    z = NORMAL_95
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def controlled_distribution(y: ArrayLike, x: ArrayLike, further: ArrayLike) -> Distribution:
    r"""Distribution of Monte Carlo over members.

    The control of 1(y ≤ t) is its mean for a given x, Φ((t − f(x))/s) with the scatter s about the line. Where the
    estimate is not monotone it is sorted, which brings it nearer to the truth (Chernozhukov et al. 2009).

    Parameters
    ----------
    y, x, further
        As for `controlled_mean`.

    Returns
    -------
    Distribution

    References
    ----------
    Chernozhukov, Fernández-Val and Galichon, Biometrika 96 (2009) 559-575, doi:10.1093/biomet/asp030.
    """
    y, x, further = checked_members(y, x, further)
    n, m = len(y), len(further)
    if np.ptp(y) == 0.0:
        point = np.array([y[0], y[0]])
        return Distribution(point, np.array([0.0, 1.0]), np.zeros(2), n, n + m)
    share = m / (n + m)
    lines = surrogates(y, x, min(n, QUANTILE_FOLDS))
    scatter = max(float(np.mean([s.scatter for s in lines])), 1e-9 * float(np.ptp(y)))
    ends = np.concatenate([y, *(s.predicted(further) for s in lines)]) if m else y
    at = np.linspace(ends.min() - 4.0 * scatter, ends.max() + 4.0 * scatter, GRID)
    found, left, expected_left, spread = np.zeros((4, GRID))
    for s in lines:
        width = max(s.scatter, 1e-9 * float(np.ptp(y)))
        expected = ndtr((at - s.predicted(x[s.fold])[:, None]) / width)
        counted = y[s.fold][:, None] <= at
        found += (counted - share * expected).sum(axis=0) / n
        left += ((counted - share * expected) ** 2).sum(axis=0) / n
        if m:
            of_others = ndtr((at - s.predicted(further)[:, None]) / width)
            weight = len(s.fold) / n
            found += share * weight * of_others.mean(axis=0)
            expected_left += weight * (of_others * (1.0 - of_others)).mean(axis=0)
            expected_left += weight * (1.0 - share) ** 2 * of_others.var(axis=0)
            spread += weight * share**2 * of_others.var(axis=0) / m
    mean_left = found - share * _mean_of(lines, further, at, n) if m else found
    # Where few of the n members lie beyond, their scatter may well be none: what the lines expect then counts as well.
    few = np.minimum(found, 1.0 - found) * n < FEWEST_BEYOND
    variance = np.maximum(left - mean_left**2, np.where(few, expected_left, 0.0)) / n + spread
    probability = np.clip(np.sort(found), 0.0, 1.0)
    return Distribution(at, probability, np.sqrt(variance), n, n + m)


def _mean_of(lines: list[Surrogate], further: FloatArray, at: FloatArray, n: int) -> FloatArray:
    total = np.zeros(len(at))
    for s in lines:
        width = max(s.scatter, 1e-12)
        total += len(s.fold) / n * ndtr((at - s.predicted(further)[:, None]) / width).mean(axis=0)
    return total


def checked_members(
    y: ArrayLike, x: ArrayLike, further: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Members as arrays; too few, or controls of others, are refused."""
    values, controls, others = (np.asarray(a, dtype=np.float64) for a in (y, x, further))
    if len(values) < FEWEST_PAIRS:
        raise InvalidInput(
            f"number of Monte Carlo members is {len(values)}, expected at least {FEWEST_PAIRS} (a line is fitted "
            f"without the members it is used on). Compute more."
        )
    if controls.shape[0] != len(values) or others.shape[1:] != controls.shape[1:]:
        raise InvalidInput(
            f"shapes of the controls are {controls.shape} and {others.shape}, expected ({len(values)}, controls) and "
            f"(m, controls). Give TG-43 indices of the same members."
        )
    return values, controls, others
