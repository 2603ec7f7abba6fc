"""How the volume of a target changes with time after implantation: edema, shrinkage, a measured series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]

MONTH_D = 365.25 / 12.0  # days


@runtime_checkable
class VolumeCourse(Protocol):
    """A volume in units of V₀ against time.

    V₀ is the volume without edema, or the first of a series.
    """

    def relative_volume(self, time_d: ArrayLike) -> FloatArray:
        """V(t)/V₀ at days after implantation, infinity allowed."""
        ...

    @property
    def breakpoints_d(self) -> tuple[float, ...]:
        """Days at which the course is not smooth, ascending; an integral over time is split there."""
        ...

    @property
    def constant_from_d(self) -> float:
        """Day from which on the volume stays as it is; infinity if it never does."""
        ...

    def record(self) -> dict[str, object]:
        """The course as plain values, for the settings of a result."""
        ...


def _finite(name: str, value: float, unit: str, low: float, why: str, *, open_end: bool = False) -> None:
    if not (np.isfinite(value) and (value > low if open_end else value >= low)):
        sign = ">" if open_end else ">="
        raise InvalidInput(
            f"{name} is {value:g} {unit}".rstrip()
            + f", expected a finite value {sign} {low:g} ({why}). Correct it."
        )


def _days(time_d: ArrayLike) -> FloatArray:
    time = np.asarray(time_d, dtype=np.float64)
    if not (time >= 0.0).all():
        bad = time[~(time >= 0.0)]
        raise InvalidInput(
            f"time is {bad.flat[0]:g} d, expected >= 0 d after implantation ({bad.size} value(s) are not). Correct it."
        )
    return time


@dataclass(frozen=True)
class ExponentialEdema:
    """V(t) = V₀ (1 + M 2^(−t/T_e)): edema that resolves exponentially.

    Parameters
    ----------
    magnitude : float
        M, the relative swelling at implantation; 0.5 means half as large again. Above −1; negative is a loss that
        recovers.
    half_life_d : float
        T_e in days.

    Raises
    ------
    InvalidInput
        M ≤ −1 or a half-life that is not positive.

    References
    ----------
    Waterman et al., Int. J. Radiat. Oncol. Biol. Phys. 41 (1998) 1069-1077.

    Examples
    --------
    >>> ExponentialEdema(0.5, 10.0).relative_volume([0.0, 10.0, np.inf])
    array([1.5 , 1.25, 1.  ])
    """

    magnitude: float
    half_life_d: float

    def __post_init__(self) -> None:
        _finite("edema magnitude", self.magnitude, "", -1.0, "a volume stays positive", open_end=True)
        _finite("edema half-life", self.half_life_d, "d", 0.0, "edema resolves", open_end=True)

    def relative_volume(self, time_d: ArrayLike) -> FloatArray:
        """V(t)/V₀."""
        return np.asarray(1.0 + self.magnitude * np.exp2(-_days(time_d) / self.half_life_d))

    @property
    def breakpoints_d(self) -> tuple[float, ...]:
        """None: the course is smooth."""
        return ()

    @property
    def constant_from_d(self) -> float:
        """Never, unless there is no edema."""
        return 0.0 if self.magnitude == 0.0 else np.inf

    def record(self) -> dict[str, object]:
        """Plain values."""
        return {"course": "exponential edema", "magnitude": self.magnitude, "half_life_d": self.half_life_d}


@dataclass(frozen=True)
class LinearEdema:
    """V(t) = V₀ (1 + M + (M_end − M) t/T) up to T, V₀ (1 + M_end) from then on: edema that resolves linearly.

    Parameters
    ----------
    magnitude : float
        M at implantation.
    duration_d : float
        T in days.
    residual : float
        M_end, what stays.

    Raises
    ------
    InvalidInput
        A magnitude ≤ −1 or a duration that is not positive.

    Examples
    --------
    >>> LinearEdema(0.18, 30.0, 0.01).relative_volume([0.0, 15.0, 60.0]).round(3)
    array([1.18 , 1.095, 1.01 ])
    """

    magnitude: float
    duration_d: float
    residual: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("edema magnitude", self.magnitude), ("residual edema", self.residual)):
            _finite(name, value, "", -1.0, "a volume stays positive", open_end=True)
        _finite("duration of the edema", self.duration_d, "d", 0.0, "edema resolves", open_end=True)

    def relative_volume(self, time_d: ArrayLike) -> FloatArray:
        """V(t)/V₀."""
        share = np.minimum(_days(time_d) / self.duration_d, 1.0)
        return np.asarray(1.0 + self.magnitude + (self.residual - self.magnitude) * share)

    @property
    def breakpoints_d(self) -> tuple[float, ...]:
        """The end of the resolution."""
        return () if self.magnitude == self.residual else (self.duration_d,)

    @property
    def constant_from_d(self) -> float:
        """The end of the resolution."""
        return 0.0 if self.magnitude == self.residual else self.duration_d

    def record(self) -> dict[str, object]:
        """Plain values."""
        return {
            "course": "linear edema", "magnitude": self.magnitude, "duration_d": self.duration_d,
            "residual": self.residual,
        }  # fmt: skip


@dataclass(frozen=True)
class ExponentialShrinkage:
    """V(t) = V₀ (f + (1 − f) e^(−k t)): a tumour that shrinks at a rate towards a rest.

    Parameters
    ----------
    rate_per_d : float
        k in 1/d: at first the volume that will go goes at this relative rate.
    residual : float
        f, the share that stays, 0 < f ≤ 1.

    Raises
    ------
    InvalidInput
        A negative rate or a residual out of range.

    Examples
    --------
    >>> ExponentialShrinkage(0.02, 0.5).relative_volume([0.0, np.inf])
    array([1. , 0.5])
    """

    rate_per_d: float
    residual: float

    def __post_init__(self) -> None:
        _finite("shrinkage rate", self.rate_per_d, "1/d", 0.0, "a tumour that grows is a series of volumes")
        if not 0.0 < self.residual <= 1.0:
            raise InvalidInput(
                f"residual volume is {self.residual:g}, expected a share above 0 and up to 1 (seeds need a place). "
                f"Correct it."
            )

    def relative_volume(self, time_d: ArrayLike) -> FloatArray:
        """V(t)/V₀."""
        time = _days(time_d)
        if self.rate_per_d == 0.0:
            return np.ones_like(time)
        return np.asarray(self.residual + (1.0 - self.residual) * np.exp(-self.rate_per_d * time))

    @property
    def breakpoints_d(self) -> tuple[float, ...]:
        """None: the course is smooth."""
        return ()

    @property
    def constant_from_d(self) -> float:
        """Never, unless nothing shrinks."""
        return 0.0 if self.rate_per_d == 0.0 or self.residual == 1.0 else np.inf

    def record(self) -> dict[str, object]:
        """Plain values."""
        return {"course": "exponential shrinkage", "rate_per_d": self.rate_per_d, "residual": self.residual}


@dataclass(frozen=True)
class VolumeSeries:
    """Volumes measured on some days, joined by monotone cubic pieces (PCHIP), constant after the last.

    Between two measurements the volume never leaves their range, and it passes through each of them.

    Parameters
    ----------
    times_d : sequence of float
        Days after implantation, ascending from 0; `MONTH_D` is a month.
    volumes_cm3 : sequence of float
        Volume on each day. Only their ratios to the first count.

    Raises
    ------
    InvalidInput
        Fewer than two, days that do not ascend from 0, or a volume that is not positive.

    References
    ----------
    Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300-304, doi:10.1137/0905021.

    Examples
    --------
    >>> node = VolumeSeries((0.0, 2 * MONTH_D, 6 * MONTH_D), (6.87, 4.44, 4.20))
    >>> (6.87 * node.relative_volume([0.0, 2 * MONTH_D, 400.0])).round(6)
    array([6.87, 4.44, 4.2 ])
    """

    times_d: tuple[float, ...]
    volumes_cm3: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "times_d", tuple(float(t) for t in self.times_d))
        object.__setattr__(self, "volumes_cm3", tuple(float(v) for v in self.volumes_cm3))
        times, volumes = np.array(self.times_d), np.array(self.volumes_cm3)
        if len(times) < 2 or len(times) != len(volumes):
            raise InvalidInput(
                f"series has {len(times)} day(s) and {len(volumes)} volume(s), expected the same number, at least 2. "
                f"Give a volume for each day."
            )
        if times[0] != 0.0 or not (np.isfinite(times).all() and (np.diff(times) > 0.0).all()):
            raise InvalidInput(
                f"days of the series are {self.times_d} d, expected finite days ascending from 0, the day of "
                f"implantation. Sort them, or add the volume at implantation."
            )
        bad = np.flatnonzero(~(np.isfinite(volumes) & (volumes > 0.0)))
        if len(bad):
            raise InvalidInput(
                f"volume {bad[0] + 1} of the series is {volumes[bad[0]]:g} cm³, expected > 0 (seeds need a place; "
                f"{len(bad)} volume(s) are not). For a tumour that vanished give its smallest measurable volume."
            )

    @cached_property
    def _curve(self) -> PchipInterpolator:
        return PchipInterpolator(self.times_d, np.array(self.volumes_cm3) / self.volumes_cm3[0])

    def relative_volume(self, time_d: ArrayLike) -> FloatArray:
        """V(t)/V(0)."""
        return np.asarray(self._curve(np.minimum(_days(time_d), self.times_d[-1])), dtype=np.float64)

    @property
    def breakpoints_d(self) -> tuple[float, ...]:
        """The days measured: pieces meet there with a continuous slope only."""
        return self.times_d[1:]

    @property
    def constant_from_d(self) -> float:
        """The last day at which the volume was still another, or the first if all are equal."""
        changed = np.flatnonzero(np.array(self.volumes_cm3[:-1]) != self.volumes_cm3[1:])
        return self.times_d[int(changed[-1]) + 1] if len(changed) else 0.0

    def record(self) -> dict[str, object]:
        """Plain values."""
        return {"course": "series", "times_d": list(self.times_d), "volumes_cm3": list(self.volumes_cm3)}


@dataclass(frozen=True)
class CombinedCourse:
    """Product of several courses, such as edema in a tumour that shrinks.

    Examples
    --------
    >>> both = CombinedCourse((ExponentialEdema(0.5, 10.0), ExponentialShrinkage(0.01, 0.6)))
    >>> both.relative_volume([0.0, np.inf])
    array([1.5, 0.6])
    """

    parts: tuple[VolumeCourse, ...]

    def relative_volume(self, time_d: ArrayLike) -> FloatArray:
        """V(t)/V₀, the product of the parts."""
        result = np.ones_like(_days(time_d))
        for part in self.parts:
            result = result * part.relative_volume(time_d)
        return result

    @property
    def breakpoints_d(self) -> tuple[float, ...]:
        """Those of all parts."""
        return tuple(sorted({day for part in self.parts for day in part.breakpoints_d}))

    @property
    def constant_from_d(self) -> float:
        """When the last part stays."""
        return max((part.constant_from_d for part in self.parts), default=0.0)

    def record(self) -> dict[str, object]:
        """Plain values."""
        return {"course": "product", "parts": [part.record() for part in self.parts]}


def combined(courses: Sequence[VolumeCourse]) -> VolumeCourse:
    """One course of several: itself, or their product."""
    return courses[0] if len(courses) == 1 else CombinedCourse(tuple(courses))
