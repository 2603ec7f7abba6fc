"""Radioactive decay: from dose rate to dose."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tg43.array_checks import FloatArray, refuse_where
from tg43.invalid_input import InvalidInput

I125_HALF_LIFE = 59.40  # d; TG-43U1 (doi:10.1118/1.1646040) and ICRP Publication 107
HOURS_PER_DAY = 24.0


def decay_factor(time_d: ArrayLike, half_life_d: float = I125_HALF_LIFE) -> FloatArray:
    """Return the fraction 2^(−t / T½) of the strength left after a time.

    Parameters
    ----------
    time_d : array_like
        Time since the strength was stated in days; negative before it, infinity allowed.
    half_life_d : float
        Half-life T½ in days.

    Returns
    -------
    ndarray
        Fraction, of the shape of `time_d`.

    Raises
    ------
    InvalidInput
        If the half-life is not positive or a time is not a number.

    Examples
    --------
    >>> decay_factor([0.0, 59.4, 118.8])
    array([1.  , 0.5 , 0.25])
    """
    time = np.asarray(time_d, dtype=np.float64)
    refuse_where(
        np.isnan(time), "time_d", time, "d", expected="a number of days", why="2^(-t/T) must be a number"
    )
    return np.asarray(np.exp2(-time / _checked(half_life_d)))


def dose_per_dose_rate(half_life_d: float = I125_HALF_LIFE, time_d: ArrayLike = math.inf) -> FloatArray:
    """Return the dose to a time per initial dose rate in hours (Gy per Gy/h).

    ∫₀ᵗ 2^(−t′ / T½) dt′ = T½ / ln 2 (1 − 2^(−t / T½)); to full decay T½ / ln 2, the mean life.

    Parameters
    ----------
    half_life_d : float
        Half-life T½ in days.
    time_d : array_like
        Time t after implantation in days, ≥ 0; infinity (the default) for full decay.

    Returns
    -------
    ndarray
        Hours, of the shape of `time_d`.

    Raises
    ------
    InvalidInput
        If the half-life is not positive or a time is negative or not a number.

    Examples
    --------
    Total dose in cGy at 1 cm from a seed of 1 U and Λ = 0.965 cGy h⁻¹ U⁻¹:

    >>> round(0.965 * float(dose_per_dose_rate(59.40)), 4)
    1984.7213
    """
    time = np.asarray(time_d, dtype=np.float64)
    refuse_where(
        ~(time >= 0),
        "time_d",
        time,
        "d",
        expected="a time >= 0 d",
        why="dose accumulates from implantation on",
    )
    rate = math.log(2.0) / (HOURS_PER_DAY * _checked(half_life_d))
    return np.asarray(-np.expm1(-rate * HOURS_PER_DAY * time) / rate)


def _checked(half_life_d: float) -> float:
    if not (math.isfinite(half_life_d) and half_life_d > 0):
        raise InvalidInput(
            f"half_life_d is {half_life_d:.6g} d, expected a finite value > 0 d (activity decays). "
            f"For I-125 give {I125_HALF_LIFE:g}."
        )
    return float(half_life_d)
