"""Dose of tissue elements over decay while the geometry changes, with as few points in time as the accuracy asks for.

D(x) = ∫ Ḋ(φ_t(x), t) 2^(−t/T½) dt = ∫ F(x, t(s)) ds, where s is the share decayed and F the dose to full decay that the
element would get if the geometry stayed as at t. Either engine gives F. Points in time are asked for in batches, so
that Monte Carlo can simulate all of a batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.change.decay_nodes import clenshaw_curtis, decayed_share, panel_times, panels

FloatArray = NDArray[np.float64]
FrozenDose = Callable[[FloatArray], ArrayLike]

FIRST_LEVEL, DEEPEST_LEVEL = 2, 6
GUARD = 0.01  # of the difference between the two levels below


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
        hundredth of how far that is from the one below it, lest two agree by chance. The error is mostly far smaller.
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


@dataclass
class _Panel:
    """A stretch of time over which the geometry changes smoothly."""

    start_d: float
    end_d: float
    level: int


class Accumulation:
    """Dose accumulated from doses at points in time that it asks for.

    Ask `pending` for points in time, give their doses to `add`, until there are none; then take `result`.

    Parameters
    ----------
    half_life_d : float
        Of the radionuclide, days.
    start_d : float
        Day from which dose is wanted. Where the geometry jumps, as with a late move, two accumulations meet.
    until_d : sequence of float
        Days to which dose is wanted, infinity for full decay.
    breakpoints_d : sequence of float
        Days at which the geometry is not smooth in time, `VolumeCourse.breakpoints_d`.
    constant_from_d : float
        From this day on it stays, `VolumeCourse.constant_from_d`.
    tolerance : float
        Relative error at which to stop.
    element_weights : array_like, shape (...), optional
        Judge Σ w |error| / Σ w D, as suits doses with statistical noise; without, the largest |error| / D of all
        elements is judged.
    deepest_level : int
        2^level + 1 points in a panel at most.

    Raises
    ------
    InvalidInput
        A half-life, day or tolerance that is not positive.

    Examples
    --------
    Dose of a point that moves with an edema (1/r²), relative to the dose without:

    >>> def frozen_dose(times_d):
    ...     return (1.0 + 0.5 * np.exp2(-times_d / 10.0)) ** (-2 / 3)
    >>> accumulation = Accumulation(59.4)
    >>> while (times := accumulation.pending()).size:
    ...     accumulation.add(times, frozen_dose(times))
    >>> round(float(accumulation.result().dose[0]), 4)
    0.9603
    """

    def __init__(
        self,
        half_life_d: float,
        *,
        start_d: float = 0.0,
        until_d: Sequence[float] = (np.inf,),
        breakpoints_d: Sequence[float] = (),
        constant_from_d: float = np.inf,
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
        self._half_life_d, self._tolerance, self._deepest = float(half_life_d), tolerance, deepest_level
        self._until = tuple(sorted(float(day) for day in until_d))
        self._constant_from = max(float(constant_from_d), float(start_d))
        ends = panels(self._until[-1], (*breakpoints_d, *self._until), self._constant_from, start_d)
        self._panels = [
            _Panel(start, end, min(FIRST_LEVEL, deepest_level))
            for start, end in pairwise(ends)
            if start < self._constant_from
        ]
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
        weights = np.array([self._weights(day, times) for day in self._until])
        error = self._errors()
        zero = np.zeros_like(next(iter(self._doses.values())))
        errors = np.array(
            [
                sum((e for p, e in zip(self._panels, error, strict=True) if p.end_d <= day), zero)
                for day in self._until
            ]
        )
        dose = np.array([self._total(day) for day in self._until])
        relative = self._judged(errors[-1], dose[-1])
        return AccumulatedDose(
            self._until, dose, errors, relative, relative <= self._tolerance, times, weights
        )

    def _missing(self) -> set[float]:
        wanted = {float(t) for p in self._panels for t in self._times(p)}
        if self._constant_from < self._until[-1]:
            wanted.add(self._constant_from)
        return wanted - self._doses.keys()

    def _times(self, panel: _Panel) -> FloatArray:
        # Always those of the deepest level, thinned: a node has the same bits at every level.
        deepest = panel_times(panel.start_d, panel.end_d, self._half_life_d, max(self._deepest, 1))
        return deepest[:: 2 ** (max(self._deepest, 1) - panel.level)]

    def _share(self, start_d: float, end_d: float) -> float:
        return float(decayed_share(end_d, self._half_life_d) - decayed_share(start_d, self._half_life_d))

    def _integral(self, panel: _Panel, coarser: int = 0) -> FloatArray:
        level = panel.level - coarser
        times = self._times(panel)[:: 2**coarser]
        if level == 0:
            times = self._times(panel)[2 ** (panel.level - 1)][None]
        total = sum(w * self._doses[float(t)] for t, w in zip(times, clenshaw_curtis(level)[1], strict=True))
        return np.asarray(total * self._share(panel.start_d, panel.end_d))

    def _errors(self) -> list[FloatArray]:
        errors = []
        for panel in self._panels:
            rules = [self._integral(panel, coarser) for coarser in range(min(panel.level, 2) + 1)]
            guard = GUARD * np.abs(rules[1] - rules[-1])
            errors.append(np.abs(rules[0] - rules[1]) + guard)
        return errors

    def _total(self, day: float) -> FloatArray:
        parts = [self._integral(p) for p in self._panels if p.end_d <= day]
        if day > self._constant_from:
            # One product from the start of the rest: without any change this is the static dose, to the bit.
            parts.append(self._doses[self._constant_from] * self._share(self._constant_from, day))
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _weights(self, day: float, times: FloatArray) -> FloatArray:
        weights = np.zeros(len(times))
        for panel in (p for p in self._panels if p.end_d <= day):
            place = np.searchsorted(times, self._times(panel))
            weights[place] += clenshaw_curtis(panel.level)[1] * self._share(panel.start_d, panel.end_d)
        if day > self._constant_from:
            weights[np.searchsorted(times, self._constant_from)] += self._share(self._constant_from, day)
        return weights

    def _judged(self, error: FloatArray, dose: FloatArray) -> float:
        if self._element_weights is not None:
            whole = float((self._element_weights * dose).sum())
            return float((self._element_weights * error).sum()) / whole if whole > 0.0 else 0.0
        where = dose > 0.0
        return float((error[where] / dose[where]).max(initial=0.0))

    def _refine(self) -> bool:
        """Deepen the panels that matter; False if none has to be or can be."""
        errors = self._errors()
        if not errors:
            return False
        dose = self._total(self._until[-1])
        if self._judged(np.asarray(sum(errors)), dose) <= self._tolerance:
            return False
        allowed = self._tolerance / len(errors)
        deepened = False
        for panel, error in zip(self._panels, errors, strict=True):
            if panel.level < self._deepest and self._judged(error, dose) > allowed:
                panel.level += 1
                deepened = True
        return deepened


def accumulate(frozen_dose: FrozenDose, accumulation: Accumulation) -> AccumulatedDose:
    """Accumulate with a function that gives doses at points in time, batch by batch.

    Parameters
    ----------
    frozen_dose : callable
        Takes days, shape (k,), infinity among them, and returns F of every tissue element, shape (k, ...), in Gy.
    accumulation : Accumulation
        Half-life, days and tolerance.

    Returns
    -------
    AccumulatedDose

    Examples
    --------
    >>> result = accumulate(lambda t: (1.0 + 0.5 * np.exp2(-t / 10.0)) ** (-2 / 3), Accumulation(59.4))
    >>> len(result.times_d), bool(result.relative_error < 1e-3)
    (9, True)
    """
    while (times := accumulation.pending()).size:
        accumulation.add(times, frozen_dose(times))
    return accumulation.result()
