"""Places where a seed may go: slots along straight needles, and which of them exclude one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tg43.array_checks import FloatArray, finite_array
from tg43.ensemble import ensemble_dose_rate
from tg43.invalid_input import InvalidInput
from tg43.source_data import SourceData

# Lengths made by adding steps are equal to the limit only within rounding.
ROUNDING = 1e-6


@dataclass(frozen=True)
class SpacingRules:
    """How close and how far apart seeds and needles may be, in cm.

    Parameters
    ----------
    seed_least, seed_most : float
        Distance of neighbouring seeds of one needle, centre to centre.
    needle_least : float
        Distance of two needles, between the stretches that may carry seeds.

    Raises
    ------
    InvalidInput
        A length is not positive, or the least seed distance is above the most.

    Examples
    --------
    >>> SpacingRules().seed_most
    1.0
    """

    seed_least: float = 0.5
    seed_most: float = 1.0
    needle_least: float = 1.0

    def __post_init__(self) -> None:
        for name in ("seed_least", "seed_most", "needle_least"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0) or (value == 0 and name != "needle_least"):
                raise InvalidInput(
                    f"{name} is {value:g} cm, expected > 0 (seeds have a length of their own). Give a distance."
                )
        if self.seed_least > self.seed_most:
            raise InvalidInput(
                f"seed_least is {self.seed_least:g} cm, expected at most seed_most of {self.seed_most:g} cm (no pair "
                f"of seeds would fit). Exchange the two."
            )


@dataclass(frozen=True, eq=False)
class Candidates:
    """Slots for seeds on straight needles.

    Parameters
    ----------
    positions : array_like, shape (c, 3)
        Centres in cm.
    axes : array_like, shape (c, 3)
        Unit directions of the needles, towards the tip.
    needles : array_like of int, shape (c,)
        Needle of each slot, 0 … k − 1 in ascending order.
    places : array_like, shape (c,)
        Place along the needle in cm, ascending within a needle.

    Raises
    ------
    InvalidInput
        Shapes differ, or the order is not that above.

    Examples
    --------
    >>> slots = Candidates([[0, 0, 0], [0, 0, 0.5]], [[0, 0, 1], [0, 0, 1]], [0, 0], [0.0, 0.5])
    >>> len(slots), slots.needle_count
    (2, 1)
    """

    positions: FloatArray
    axes: FloatArray
    needles: NDArray[np.int64]
    places: FloatArray

    def __post_init__(self) -> None:
        positions = finite_array("candidate positions", self.positions, ("c", 3), "cm")
        count = len(positions)
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "axes", finite_array("candidate axes", self.axes, (count, 3), ""))
        object.__setattr__(self, "places", finite_array("places", self.places, (count,), "cm"))
        needles = finite_array("candidate needles", self.needles, (count,), "").astype(np.int64)
        object.__setattr__(self, "needles", needles)
        steps = np.diff(needles)
        wrong = (steps < 0) | (steps > 1) | ((steps == 0) & (np.diff(self.places) <= 0))
        if (count and needles[0] != 0) or wrong.any():
            first = int(np.flatnonzero(wrong)[0]) + 1 if wrong.any() else 0
            raise InvalidInput(
                f"candidate {first} is on needle {needles[first]} at {self.places[first]:g} cm, expected needles 0, 1, "
                f"2 … with ascending places (the search walks along needles). Sort the candidates."
            )

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def needle_count(self) -> int:
        """Number of needles."""
        return int(self.needles[-1]) + 1 if len(self) else 0

    def first_slots(self) -> NDArray[np.int64]:
        """First slot of each needle and, last, the number of slots, shape (k + 1,)."""
        return np.searchsorted(self.needles, np.arange(self.needle_count + 1)).astype(np.int64)


def segment_distance(start: FloatArray, end: FloatArray, starts: FloatArray, ends: FloatArray) -> FloatArray:
    """Least distance of one straight segment from each of several, cm.

    Clamped closest points of two segments (Ericson, Real-Time Collision Detection (2005), section 5.1.9).

    Parameters
    ----------
    start, end : ndarray, shape (3,)
        The one segment; it may be a point.
    starts, ends : ndarray, shape (n, 3)
        The others.

    Examples
    --------
    >>> a, b = np.zeros(3), np.array([0.0, 0.0, 2.0])
    >>> segment_distance(a, b, np.array([[1.0, 0.0, 1.0]]), np.array([[3.0, 0.0, 1.0]])).tolist()
    [1.0]
    """
    d1, d2, r = end - start, ends - starts, start - starts
    a, e = float(d1 @ d1), (d2**2).sum(axis=1)
    b, c, f = d2 @ d1, r @ d1, (d2 * r).sum(axis=1)
    denominator = a * e - b**2
    skew = denominator > 1e-12 * max(a, 1e-12) * np.maximum(e, 1e-12)
    s = np.where(skew, np.clip((b * f - c * e) / np.where(skew, denominator, 1.0), 0.0, 1.0), 0.0)
    t = np.where(e > 0, (b * s + f) / np.where(e > 0, e, 1.0), 0.0)
    t = np.clip(t, 0.0, 1.0)
    s = np.clip((b * t - c) / a, 0.0, 1.0) if a > 0 else np.zeros_like(t)
    # The clamp of s may free t again.
    t = np.clip(np.where(e > 0, (b * s + f) / np.where(e > 0, e, 1.0), 0.0), 0.0, 1.0)
    return np.asarray(np.linalg.norm(start + s[:, None] * d1 - starts - t[:, None] * d2, axis=1))


def needle_distances(candidates: Candidates) -> FloatArray:
    """Least distance between the stretches of needles that have slots, cm, shape (k, k); 0 on the diagonal.

    Examples
    --------
    >>> up = [[0, 0, 1]] * 3
    >>> three = Candidates([[0, 0, 0], [0.5, 0, 0], [1.5, 0, 0]], up, [0, 1, 2], [0, 0, 0])
    >>> needle_distances(three).tolist()
    [[0.0, 0.5, 1.5], [0.5, 0.0, 1.0], [1.5, 1.0, 0.0]]
    """
    first = candidates.first_slots()
    starts, ends = candidates.positions[first[:-1]], candidates.positions[first[1:] - 1]
    distance = np.zeros((len(starts), len(starts)))
    for k in range(len(starts)):
        distance[k] = segment_distance(starts[k], ends[k], starts, ends)
        distance[k, k] = 0.0
    return np.minimum(distance, distance.T)


def clashing_slots(candidates: Candidates, rules: SpacingRules, distances: FloatArray) -> NDArray[np.bool_]:
    """Pairs of slots that cannot both hold a seed, shape (c, c); false on the diagonal.

    Two slots of one needle closer than `seed_least`, or slots of two needles closer than `needle_least`.

    Examples
    --------
    >>> up = [[0, 0, 1]] * 2
    >>> pair = Candidates([[0, 0, 0], [0, 0, 0.4]], up, [0, 0], [0, 0.4])
    >>> bool(clashing_slots(pair, SpacingRules(), needle_distances(pair)).any())
    True
    """
    close = distances < rules.needle_least - ROUNDING
    np.fill_diagonal(close, False)
    needles, places = candidates.needles, candidates.places
    same = needles[:, None] == needles[None, :]
    near = np.abs(places[:, None] - places[None, :]) < rules.seed_least - ROUNDING
    clash: NDArray[np.bool_] = close[needles[:, None], needles[None, :]] | (same & near)
    np.fill_diagonal(clash, False)
    return clash


def candidate_doses(
    points: ArrayLike,
    candidates: Candidates,
    air_kerma_strength: float,
    source: SourceData,
    dose_per_rate: float,
) -> FloatArray:
    """Dose of each candidate seed at each point by the fast TG-43 kernel.

    D = S_K · (Ḋ / S_K)(r, θ) · T_½ / ln 2 to full decay.

    Parameters
    ----------
    points : array_like, shape (m, 3)
        cm.
    candidates : Candidates
        c slots.
    air_kerma_strength : float
        S_K of a seed in U.
    source : SourceData
        TG-43 data of the seeds.
    dose_per_rate : float
        Dose to full decay per initial dose rate in h, see `tg43.dose_per_dose_rate`.

    Returns
    -------
    ndarray, shape (c, m)
        Gy.

    Examples
    --------
    >>> from tg43 import load_source
    >>> one = Candidates([[0, 0, 0]], [[0, 0, 1]], [0], [0.0])
    >>> candidate_doses([[1, 0, 0]], one, 1.0, load_source("6711"), 2056.7).round(2)
    array([[19.85]])
    """
    rate = ensemble_dose_rate(
        points,
        candidates.positions[:, None, :],
        candidates.axes[:, None, :],
        np.full((len(candidates), 1), air_kerma_strength),
        source,
    )
    return rate * dose_per_rate
