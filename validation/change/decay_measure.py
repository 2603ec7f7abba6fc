"""How long, in share of the decay, the target has which volume.

Tissue stands as the volume of its target says, whatever the course that led there, so dose to full decay in a frozen
geometry is a function G of x = ln(V/V₀) alone, and dose is ∫ G(x(t(s))) ds over the share s = 1 − 2^(−t/T½) that has
decayed: an integral of G with the measure of the values of x. Lengths are proportional to e^(x/3) and dose to some
negative power of them, so that G is as smooth in x as an exponential; the course's kinks and steep flanks are in the
measure alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import brentq

from validation.change.volume_course import VolumeCourse

FloatArray = NDArray[np.float64]

# Between kinks time is divided into halves of halves towards both ends: a course may be far faster than the decay, or
# follow it with a power below 1 at infinity.
HALVINGS, POINTS = 26, 8
# Values of x closer than this are one: rounding of a course that does not change.
SAME = 1e-13


def decayed_share(time_d: ArrayLike, half_life_d: float) -> FloatArray:
    """Share s = 1 − 2^(−t/T½) decayed by days after implantation; 1 at infinity.

    Examples
    --------
    >>> decayed_share([0.0, 59.4, np.inf], 59.4)
    array([0. , 0.5, 1. ])
    """
    return np.asarray(-np.expm1(-math.log(2.0) * np.asarray(time_d, dtype=np.float64) / half_life_d))


@dataclass(frozen=True, eq=False)
class DecayMeasure:
    """Points in time, dense enough to integrate over them what a few simulations are interpolated by.

    Attributes
    ----------
    course : VolumeCourse
        V(t)/V₀, continuous.
    half_life_d : float
        Of the radionuclide, days.
    until_d : tuple of float
        Days to which dose is wanted, ascending.
    time_d : ndarray, shape (p,)
        Days, ascending.
    state : ndarray, shape (p,)
        x = ln(V/V₀) on them.
    share : ndarray, shape (p,)
        Share of the decay that each stands for; 0 for the first and the last of a stretch.
    stop_d : ndarray, shape (p,)
        End of the stretch that each belongs to.
    """

    course: VolumeCourse
    half_life_d: float
    until_d: tuple[float, ...]
    time_d: FloatArray
    state: FloatArray
    share: FloatArray
    stop_d: FloatArray

    @property
    def low(self) -> float:
        """Least x."""
        return float(self.state.min())

    @property
    def high(self) -> float:
        """Largest x; equal to `low` where nothing changes."""
        high = float(self.state.max())
        return high if high - self.low > SAME else self.low

    def decayed(self, until_d: float) -> float:
        """Share of the decay between the start and a day."""
        start = float(decayed_share(self.time_d[0], self.half_life_d))
        return float(decayed_share(until_d, self.half_life_d)) - start

    def days(self, states: FloatArray) -> FloatArray:
        """First day on which x has each of some values from `low` to `high`, shape (n,)."""
        found = np.empty(len(states))
        for row, state in enumerate(np.clip(states, self.low, self.high)):
            above = self.state >= state
            at = int(np.flatnonzero((self.state == state) | (above != above[0]))[0])
            found[row] = self.time_d[at]
            if self.state[at] != state:
                # In u = 2^(−t/T½), which is finite where t is not.
                low, high = np.exp2(-self.time_d[[at, at - 1]] / self.half_life_d).tolist()
                found[row] = self._day(brentq(self._excess, low, high, args=(state,), xtol=1e-15 * high))
        return found

    def gauss(self, points: int) -> tuple[FloatArray, FloatArray]:
        """Gauss's rule for this measure: exact for polynomials in x to the degree 2 n − 1.

        From the recurrence of the polynomials orthogonal on the measure, by Stieltjes; nodes and weights from the
        eigensystem of its tridiagonal matrix (Golub and Welsch, Math. Comp. 23 (1969) 221-230,
        doi:10.1090/S0025-5718-69-99647-1).

        Parameters
        ----------
        points : int
            n; fewer where x has fewer values.

        Returns
        -------
        states, weights : ndarray, shape (n,)
            x ascending, and positive weights whose sum is the share decayed.
        """
        whole, width = self.decayed(self.until_d[-1]), self.high - self.low
        if width == 0.0:
            return np.array([self.low]), np.array([whole])
        x, weight = (self.state - self.low) / width, self.share / self.share.sum()
        diagonal: list[float] = []
        beside: list[float] = []
        before, here = np.zeros(len(x)), np.ones(len(x))
        for _ in range(points):
            diagonal.append(float(weight @ (x * here**2)))
            following = (x - diagonal[-1]) * here - (beside[-1] if beside else 0.0) * before
            norm = math.sqrt(float(weight @ following**2))
            if norm < SAME:
                break
            beside.append(norm)
            before, here = here, following / norm
        nodes, vectors = eigh_tridiagonal(diagonal, beside[: len(diagonal) - 1])
        weights = vectors[0] ** 2
        states = self.low + width * np.clip(nodes, 0.0, 1.0)
        return np.asarray(states), np.asarray(whole * weights / weights.sum())

    def interpolating(self, states: FloatArray, until_d: float) -> FloatArray:
        """Weights that integrate the polynomial through G at some x to a day.

        Product integration (Sloan and Smith, Numer. Math. 30 (1978) 415-428, doi:10.1007/BF01398509).

        Parameters
        ----------
        states : ndarray, shape (n,)
            x, different ones.
        until_d : float
            One of the days to which dose is wanted.

        Returns
        -------
        ndarray, shape (n,)
            Of either sign; their sum is the share decayed.
        """
        if len(states) == 1:
            return np.array([self.decayed(until_d)])
        counts = (self.stop_d <= until_d) & (self.share > 0.0)
        x, share = self.state[counts], self.share[counts]
        # Lagrange's polynomials in barycentric form, distances in units of which none under- or overflows.
        unit = 4.0 / float(np.ptp(states))
        apart = unit * (states[:, None] - states)
        np.fill_diagonal(apart, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = 1.0 / (apart.prod(axis=1) * unit * (x[:, None] - states))
            basis = terms / terms.sum(axis=1, keepdims=True)
        exact = x[:, None] == states
        basis[exact.any(axis=1)] = exact[exact.any(axis=1)]
        return np.asarray(share @ basis)

    def _day(self, remaining: float) -> float:
        return -self.half_life_d * math.log2(remaining) if remaining > 0.0 else math.inf

    def _excess(self, remaining: float, state: float) -> float:
        return math.log(float(self.course.relative_volume(self._day(remaining)))) - state


def decay_measure(
    half_life_d: float, course: VolumeCourse, start_d: float, until_d: Sequence[float]
) -> DecayMeasure:
    """Make the measure of a course from a day on.

    Parameters
    ----------
    half_life_d : float
        Of the radionuclide, days.
    course : VolumeCourse
        Volume against time.
    start_d : float
        Day from which dose is wanted.
    until_d : sequence of float
        Days to which it is wanted, later than that; infinity for full decay.

    Returns
    -------
    DecayMeasure

    Examples
    --------
    >>> from validation.change import ExponentialEdema
    >>> measure = decay_measure(59.4, ExponentialEdema(0.5, 59.4), 0.0, [np.inf])
    >>> round(float(measure.share @ np.exp(measure.state)), 12)  # mean of 1 + u/2, 0 ≤ u ≤ 1
    1.25
    """
    until = tuple(sorted(float(day) for day in until_d))
    constant = max(float(course.constant_from_d), float(start_d))
    inner = {float(day) for day in (*course.breakpoints_d, constant, *until) if start_d < day < until[-1]}
    times, shares, stops = [], [], []
    for start, stop in pairwise([float(start_d), *sorted(inner), until[-1]]):
        share = float(decayed_share(stop, half_life_d) - decayed_share(start, half_life_d))
        if start >= constant:
            time, weight = np.array([start]), np.array([1.0])
        else:
            time, weight = _stretch(start, stop, half_life_d)
        times.append(time)
        shares.append(share * weight)
        stops.append(np.full(len(time), stop))
    time_d = np.concatenate(times)
    state = np.log(np.asarray(course.relative_volume(time_d), dtype=np.float64))
    return DecayMeasure(
        course, float(half_life_d), until, time_d, state, np.concatenate(shares), np.concatenate(stops)
    )


def _stretch(start_d: float, stop_d: float, half_life_d: float) -> tuple[FloatArray, FloatArray]:
    """Days from a start to an end, and parts of the decay between them, which sum to 1."""
    halves = np.exp2(-np.arange(HALVINGS, 0, -1.0))
    edges = np.concatenate([[0.0], halves])
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    widths = np.diff(edges)
    near = (edges[:-1, None] + 0.5 * widths[:, None] * (nodes + 1.0)).ravel()
    weight = (0.5 * widths[:, None] * weights).ravel()
    # of the decay between the ends, how much is behind (near the start) and how much is to come (near the end)
    lost = 1.0 - 2.0 ** ((start_d - stop_d) / half_life_d)
    first = start_d - half_life_d * np.log1p(-lost * near) / math.log(2.0)
    last = start_d - half_life_d * np.log2(1.0 - lost + lost * near[::-1])
    time = np.clip(np.concatenate([[start_d], first, last, [stop_d]]), start_d, stop_d)
    return time, np.concatenate([[0.0], weight, weight[::-1], [0.0]])
