"""Dose of tissue elements over decay while the geometry changes, with as few points in time as the accuracy asks for.

D(x) = ∫ Ḋ(φ_t(x), t) 2^(−t/T½) dt = ∫ F(x, t(s)) ds, where s is the share decayed and F the dose to full decay that the
element would get if the geometry stayed as at t. Either engine gives F. It depends on time through the volume alone, so
points are Clenshaw–Curtis ones in ln V, which are nested, with weights that integrate the polynomial through them over
the decay (`DecayMeasure`): to as many days as are wanted, however the course runs. Points in time are asked for in
batches, so that Monte Carlo can simulate all of a batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.change.decay_measure import decay_measure
from validation.change.volume_course import VolumeCourse

FloatArray = NDArray[np.float64]
FrozenDose = Callable[[FloatArray], ArrayLike]

FIRST_LEVEL, DEEPEST_LEVEL = 2, 6
GUARD = 1e-3  # of the difference between the two levels below; a level more gains a factor of thousands


@dataclass(frozen=True, eq=False)
class AccumulatedDose:
    """Dose over decay × geometry.

    Attributes
    ----------
    until_d : tuple of float
        Days to which dose was accumulated, ascending.
    dose : ndarray, shape (days, ...)
        Gy to each of them.
    quadrature_error : ndarray, shape (days, ...)
        Estimated error from the finite number of points in time, Gy: how far the rule one level below is off, and a
        thousandth of how far that is from the one below it, lest two agree by chance. The error is far smaller.
    relative_error : float
        The same for the last day as judged against the tolerance.
    converged : bool
        It is within the tolerance.
    times_d : ndarray, shape (k,)
        Points in time that were computed, days.
    weights : ndarray, shape (days, k)
        dose = weights · F(times).
    """

    until_d: tuple[float, ...]
    dose: FloatArray
    quadrature_error: FloatArray
    relative_error: float
    converged: bool
    times_d: FloatArray
    weights: FloatArray

    def std_dev(self, std_devs: ArrayLike, *, correlated: bool = False) -> FloatArray:
        """Statistical standard uncertainty from that of F at every point in time.

        Parameters
        ----------
        std_devs : array_like, shape (k, ...)
            Of F at `times_d`, Gy.
        correlated : bool
            False for simulations with different run seeds, √Σ (w σ)²; True for the same random numbers, Σ w σ, an
            upper bound.

        Returns
        -------
        ndarray, shape (days, ...)
            Gy.
        """
        std_devs = np.asarray(std_devs, dtype=np.float64)
        if correlated:
            return np.asarray(np.tensordot(self.weights, std_devs, axes=1))
        return np.asarray(np.sqrt(np.tensordot(self.weights**2, std_devs**2, axes=1)))


class Accumulation:
    """Dose accumulated from doses at points in time that it asks for.

    Ask `pending` for points in time, give their doses to `add`, until there are none; then take `result`.

    Parameters
    ----------
    half_life_d : float
        Of the radionuclide, days.
    course : VolumeCourse
        Volume of the target against time.
    start_d : float
        Day from which dose is wanted. Where seeds move late, two accumulations meet.
    until_d : sequence of float
        Days to which dose is wanted, infinity for full decay.
    tolerance : float
        Relative error at which to stop.
    element_weights : array_like, shape (...), optional
        Judge ``Σ w |error| / Σ w D``, as suits doses with statistical noise; without, the largest ``|error| / D`` of
        all elements is judged.
    deepest_level : int
        2^level + 1 points at most.

    Raises
    ------
    InvalidInput
        A half-life, day or tolerance that is not positive.

    Examples
    --------
    Dose of a point that moves with an edema (1/r²), relative to the dose without:

    >>> from validation.change import ExponentialEdema
    >>> edema = ExponentialEdema(0.5, 10.0)
    >>> accumulation = Accumulation(59.4, edema)
    >>> while (times := accumulation.pending()).size:
    ...     accumulation.add(times, edema.relative_volume(times) ** (-2 / 3))
    >>> round(float(accumulation.result().dose[0]), 4)
    0.9603
    """

    def __init__(
        self,
        half_life_d: float,
        course: VolumeCourse,
        *,
        start_d: float = 0.0,
        until_d: Sequence[float] = (np.inf,),
        tolerance: float = 1e-3,
        element_weights: ArrayLike | None = None,
        deepest_level: int = DEEPEST_LEVEL,
    ) -> None:
        for name, value, unit in (
            ("half-life", half_life_d, " d"), ("tolerance of the time integral", tolerance, ""),
            ("time to the first day to which dose is wanted", min(until_d, default=0.0) - start_d, " d"),
        ):  # fmt: skip
            if not value > 0.0:
                raise InvalidInput(f"{name} is {value:g}{unit}, expected > 0{unit}. Correct it.")
        self._tolerance, self._deepest = tolerance, max(1, deepest_level)
        self._measure = decay_measure(half_life_d, course, start_d, until_d)
        low, high = self._measure.low, self._measure.high
        # Always those of the deepest level, thinned: a point has the same bits at every level.
        self._states = np.unique(low + (high - low) * clenshaw_curtis_nodes(self._deepest))
        self._days = self._measure.days(self._states)
        self._level = min(FIRST_LEVEL, self._deepest) if len(self._states) > 1 else 0
        self._element_weights = (
            None if element_weights is None else np.asarray(element_weights, dtype=np.float64)
        )
        self._doses: dict[float, FloatArray] = {}

    def pending(self) -> FloatArray:
        """Points in time whose doses are wanted next, days ascending; none when the tolerance is met."""
        wanted = self._missing()
        while not wanted and self._refine():
            wanted = self._missing()
        return np.array(sorted(wanted))

    def add(self, times_d: ArrayLike, doses: ArrayLike) -> None:
        """Give doses at points in time.

        Parameters
        ----------
        times_d : array_like, shape (k,)
            As `pending` gave them; some now and others later is allowed.
        doses : array_like, shape (k, ...)
            F of every tissue element, Gy.

        Raises
        ------
        InvalidInput
            The shapes do not match, or a dose is not finite.
        """
        times, values = np.atleast_1d(np.asarray(times_d, dtype=np.float64)), np.asarray(doses, np.float64)
        if values.shape[:1] != times.shape:
            raise InvalidInput(
                f"shape of the doses is {values.shape}, expected the {len(times)} points in time first. Correct it."
            )
        for time, dose in zip(times, values, strict=True):
            known = next(iter(self._doses.values()), dose)
            if dose.shape != known.shape or not np.isfinite(dose).all():
                raise InvalidInput(
                    f"dose at {time:g} d has shape {dose.shape} with {int((~np.isfinite(dose)).sum())} values that are "
                    f"not finite, expected shape {known.shape} and finite values. Give a dose for every element."
                )
            self._doses[float(time)] = dose

    def result(self) -> AccumulatedDose:
        """The dose from all points given so far.

        Raises
        ------
        InvalidInput
            Points in time are missing.
        """
        missing = self._missing()
        if missing:
            raise InvalidInput(
                f"doses at {len(missing)} point(s) in time are missing, the first at {min(missing):g} d, expected all "
                f"that were asked for. Add them first."
            )
        times = np.array(sorted(self._doses))
        until = self._measure.until_d
        weights = np.zeros((len(until), len(times)))
        for row, day in enumerate(until):
            points, own = self._rule(day)
            # The same geometry may come on several days: what counts is its first.
            np.add.at(weights[row], np.searchsorted(times, points), own)
        dose = np.array([self._integral(day) for day in until])
        errors = np.array([self._error(day) for day in until])
        relative = self._judged(errors[-1], dose[-1])
        return AccumulatedDose(until, dose, errors, relative, relative <= self._tolerance, times, weights)

    def _missing(self) -> set[float]:
        return set(self._rule(self._measure.until_d[-1])[0].tolist()) - self._doses.keys()

    def _rule(self, day: float, coarser: int = 0) -> tuple[FloatArray, FloatArray]:
        """Days and weights of the rule for the dose to a day, or of one some levels coarser."""
        level, last = self._level - coarser, len(self._states) - 1
        chosen = [last // 2] if level <= 0 else range(0, last + 1, 2 ** (self._deepest - level))
        return self._days[chosen], self._measure.interpolating(self._states[chosen], day)

    def _integral(self, day: float, coarser: int = 0) -> FloatArray:
        days, weights = self._rule(day, coarser)
        total = weights[0] * self._doses[float(days[0])]
        for time, weight in zip(days[1:], weights[1:], strict=True):
            total = total + weight * self._doses[float(time)]
        return np.asarray(total)

    def _error(self, day: float) -> FloatArray:
        rules = [self._integral(day, coarser) for coarser in range(min(self._level, 2) + 1)]
        below = rules[min(1, len(rules) - 1)]
        return np.asarray(np.abs(rules[0] - below) + GUARD * np.abs(below - rules[-1]))

    def _judged(self, error: FloatArray, dose: FloatArray) -> float:
        if self._element_weights is not None:
            whole = float((self._element_weights * dose).sum())
            return float((self._element_weights * error).sum()) / whole if whole > 0.0 else 0.0
        where = dose > 0.0
        return float((error[where] / dose[where]).max(initial=0.0))

    def _refine(self) -> bool:
        """Go on to the next level; False if that need not be or cannot."""
        last = self._measure.until_d[-1]
        if self._level in (0, self._deepest) or (
            self._judged(self._error(last), self._integral(last)) <= self._tolerance
        ):
            return False
        self._level += 1
        return True


def clenshaw_curtis_nodes(level: int) -> FloatArray:
    """Points (1 − cos(j π / 2^level))/2 on [0, 1], ascending; those of a level are every second one of the next.

    Clenshaw and Curtis, Numer. Math. 2 (1960) 197-205, doi:10.1007/BF01386223.

    Examples
    --------
    >>> clenshaw_curtis_nodes(2).round(3).tolist()
    [0.0, 0.146, 0.5, 0.854, 1.0]
    """
    n = 2**level
    nodes = np.sin(0.5 * np.pi * np.arange(n + 1) / n) ** 2
    nodes[n // 2], nodes[-1] = 0.5, 1.0
    return np.asarray(nodes)


def accumulate(frozen_dose: FrozenDose, accumulation: Accumulation) -> AccumulatedDose:
    """Accumulate with a function that gives doses at points in time, batch by batch.

    Parameters
    ----------
    frozen_dose : callable
        Takes days, shape (k,), infinity among them, and returns F of every tissue element, shape (k, ...), in Gy.
    accumulation : Accumulation
        Half-life, course, days and tolerance.

    Returns
    -------
    AccumulatedDose

    Examples
    --------
    >>> from validation.change import ExponentialEdema
    >>> edema = ExponentialEdema(0.5, 10.0)
    >>> result = accumulate(lambda t: edema.relative_volume(t) ** (-2 / 3), Accumulation(59.4, edema))
    >>> len(result.times_d), bool(result.relative_error < 1e-3)
    (5, True)
    """
    while (times := accumulation.pending()).size:
        accumulation.add(times, frozen_dose(times))
    return accumulation.result()
