"""Points in time and weights that integrate over radioactive decay.

With s = 1 − 2^(−t/T½), the share decayed by the time t, dose is a plain mean: ∫ Ḋ 2^(−t/T½) dt = T½/ln 2 ∫ Ḋ(t(s)) ds,
0 ≤ s ≤ 1 for full decay. Clenshaw–Curtis rules on s are nested, so that no geometry is computed twice when a rule is
refined, and they have t = 0 and the end among their points; their weights are positive.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]


@lru_cache(maxsize=16)
def clenshaw_curtis(level: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on [0, 1].

    Parameters
    ----------
    level : int
        0: the midpoint; from 1 on 2^level + 1 points, (1 − cos(j π / 2^level))/2.

    Returns
    -------
    nodes, weights : ndarray
        Ascending; the weights sum to 1. The nodes of a level are every second one of the next.

    References
    ----------
    Clenshaw and Curtis, Numer. Math. 2 (1960) 197-205, doi:10.1007/BF01386223.

    Examples
    --------
    >>> nodes, weights = clenshaw_curtis(2)
    >>> round(float(weights @ nodes**4), 12)
    0.2
    """
    if level == 0:
        return np.array([0.5]), np.array([1.0])
    n = 2**level
    j = np.arange(n + 1)
    weights = np.ones(n + 1)
    for k in range(1, n // 2 + 1):
        share = 1.0 if 2 * k == n else 2.0
        weights -= share * np.cos(2.0 * np.pi * k * j / n) / (4 * k * k - 1)
    weights *= np.where((j == 0) | (j == n), 0.5, 1.0) / n
    nodes = np.sin(0.5 * np.pi * j / n) ** 2
    nodes[n // 2], nodes[-1] = 0.5, 1.0
    return nodes, np.asarray(weights / weights.sum())


def decayed_share(time_d: ArrayLike, half_life_d: float) -> FloatArray:
    """Share s = 1 − 2^(−t/T½) decayed by days after implantation; 1 at infinity.

    Examples
    --------
    >>> decayed_share([0.0, 59.4, np.inf], 59.4)
    array([0. , 0.5, 1. ])
    """
    return np.asarray(-np.expm1(-math.log(2.0) * np.asarray(time_d, dtype=np.float64) / half_life_d))


def panel_times(start_d: float, end_d: float, half_life_d: float, level: int) -> FloatArray:
    """Days of the nodes of one panel, the ends exact, the last one infinite if the panel is."""
    nodes, _ = clenshaw_curtis(level)
    left = np.exp2(-start_d / half_life_d)
    right = np.exp2(-end_d / half_life_d)
    remaining = left + (right - left) * nodes
    with np.errstate(divide="ignore"):
        times = -half_life_d * np.log2(remaining)
    times = np.maximum(times, start_d)
    if level > 0:
        times[0], times[-1] = start_d, end_d
    return np.asarray(times)


def panels(
    until_d: float, breakpoints_d: tuple[float, ...], constant_from_d: float, start_d: float = 0.0
) -> list[float]:
    """Ends of the panels between two days, split where the geometry is not smooth and where it starts to stay.

    Examples
    --------
    >>> panels(np.inf, (30.0, 60.0), 60.0)
    [0.0, 30.0, 60.0, inf]
    """
    inner = {float(day) for day in (*breakpoints_d, constant_from_d) if start_d < day < until_d}
    return [float(start_d), *sorted(inner), float(until_d)]


class DecayNodes(NamedTuple):
    """A fixed rule for the dose to a day, D = Σ weights · F(t).

    F(t) is the dose to full decay if the geometry stayed as at t.

    Attributes
    ----------
    times_d : ndarray, shape (k,)
        Days after implantation, ascending.
    weights : ndarray, shape (k,)
        Their sum is the share decayed by the last day: 1 for full decay.
    coarse_weights : ndarray, shape (k,)
        The rule one level below on the same points; how far its dose is off estimates the error, on the safe side.
    """

    times_d: FloatArray
    weights: FloatArray
    coarse_weights: FloatArray


def decay_nodes(
    half_life_d: float,
    *,
    level: int = 2,
    start_d: float = 0.0,
    until_d: float = np.inf,
    breakpoints_d: tuple[float, ...] = (),
    constant_from_d: float = np.inf,
) -> DecayNodes:
    """Make a fixed rule, the same for every member of an ensemble.

    Parameters
    ----------
    half_life_d : float
        Of the radionuclide, days.
    level : int
        2^level + 1 points between breakpoints; at least 1.
    start_d, until_d : float
        Dose is wanted from and to these days; infinity for full decay.
    breakpoints_d : tuple of float
        Days at which the geometry is not smooth in time.
    constant_from_d : float
        From this day on it stays: one point for all the time after it.

    Returns
    -------
    DecayNodes

    Raises
    ------
    InvalidInput
        A level below 1, or a half-life or day that is not positive.

    Examples
    --------
    >>> rule = decay_nodes(59.4, level=1)
    >>> rule.times_d, rule.weights.round(4)
    (array([ 0. , 59.4,  inf]), array([0.1667, 0.6667, 0.1667]))
    """
    if level < 1:
        raise InvalidInput(
            f"level of the time rule is {level}, expected 1 or more (a coarser one tells its error). Use 2."
        )
    for name, value in (("half-life", half_life_d), ("day to which dose is wanted", until_d)):
        if not value > 0.0:
            raise InvalidInput(f"{name} is {value:g} d, expected > 0 d. Correct it.")
    points: dict[float, list[float]] = {}
    ends = panels(until_d, breakpoints_d, constant_from_d, start_d)
    for start, end in pairwise(ends):
        share = float(decayed_share(end, half_life_d) - decayed_share(start, half_life_d))
        if start >= constant_from_d:
            entry = points.setdefault(start, [0.0, 0.0])
            entry[0] += share
            entry[1] += share
            continue
        fine, coarse = clenshaw_curtis(level)[1], np.zeros(2**level + 1)
        coarse[(slice(None, None, 2) if level > 1 else slice(1, 2))] = clenshaw_curtis(level - 1)[1]
        for time, weight, below in zip(
            panel_times(start, end, half_life_d, level), fine, coarse, strict=True
        ):
            entry = points.setdefault(float(time), [0.0, 0.0])
            entry[0] += share * float(weight)
            entry[1] += share * float(below)
    times = sorted(points)
    return DecayNodes(
        np.array(times),
        np.array([points[t][0] for t in times]),
        np.array([points[t][1] for t in times]),
    )
