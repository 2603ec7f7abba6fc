"""Shares of a difference along a chain of calculations, with uncertainties that know what the steps have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]

#: Origin of the deviations that come from the simulated histories of the groups of batches.
STATISTICAL = "histories"


@dataclass(frozen=True)
class StepValues:
    """Quantities at one step of the chain.

    Attributes
    ----------
    values : ndarray, shape (...)
        Value of every quantity.
    deviations : mapping of str to ndarray, shape (n, ...)
        For each origin of uncertainty, by how much the quantities deviate in n equally likely cases; the same case
        is the same event at every step that knows the origin. Origins that are missing do not touch the step.
    """

    values: FloatArray
    deviations: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Shares:
    """What each step of a chain contributes to a difference.

    Attributes
    ----------
    values : ndarray, shape (steps − 1, ...)
        Change of each quantity from one step to the next.
    std_dev : ndarray, same shape
        Standard uncertainty of each share, all origins.
    statistical : ndarray, same shape
        The part of it from simulated histories, common random numbers counted.
    independent : ndarray, same shape
        What that part would be with independent histories at each step.
    total, total_std_dev : ndarray, shape (...)
        Last step minus first, and its standard uncertainty.
    step_std_dev : ndarray, shape (steps, ...)
        Standard uncertainty of the value at each step.
    """

    values: FloatArray
    std_dev: FloatArray
    statistical: FloatArray
    independent: FloatArray
    total: FloatArray
    total_std_dev: FloatArray
    step_std_dev: FloatArray


def shares(steps: Sequence[StepValues]) -> Shares:
    r"""Divide the difference between the first and the last step into the shares of the steps.

    A share is :math:`\theta_k - \theta_{k-1}`; the shares sum to the whole. With deviations :math:`\delta` of
    independent origins o in :math:`n_o` cases,

    .. math::
        u^2(\theta_k - \theta_{k-1}) = \sum_o \frac{1}{n_o} \sum_i (\delta^o_{k,i} - \delta^o_{k-1,i})^2 .

    Deviations are subtracted case by case: what two steps have in common cancels, what only one of them has stays.

    Parameters
    ----------
    steps : sequence of StepValues
        At least two, quantities of one shape.

    Returns
    -------
    Shares

    Raises
    ------
    InvalidInput
        There are fewer than two steps.

    Examples
    --------
    >>> common = np.array([[1.0], [-1.0]])
    >>> found = shares([StepValues(np.array([100.0]), {"histories": common}),
    ...                 StepValues(np.array([90.0]), {"histories": 0.9 * common})])
    >>> found.values.item(), round(found.std_dev.item(), 3), round(found.independent.item(), 3)
    (-10.0, 0.1, 1.345)
    """
    if len(steps) < 2:
        raise InvalidInput(
            f"number of budget steps is {len(steps)}, expected at least 2 (a share is a change between two). "
            f"Give the reference and the full calculation."
        )
    values = np.array([step.values for step in steps])
    pairs = list(pairwise(steps))
    alone = [[_variance(step, None, origins) for step in steps] for origins in ((STATISTICAL,), None)]
    return Shares(
        np.diff(values, axis=0),
        np.sqrt([_variance(after, before) for before, after in pairs]),
        np.sqrt([_variance(after, before, (STATISTICAL,)) for before, after in pairs]),
        np.sqrt(np.array(alone[0])[1:] + np.array(alone[0])[:-1]),
        values[-1] - values[0],
        np.sqrt(_variance(steps[-1], steps[0])),
        np.sqrt(alone[1]),
    )


def _variance(
    one: StepValues, other: StepValues | None, origins: tuple[str, ...] | None = None
) -> FloatArray:
    """Variance of the difference of two steps, or of one step alone."""
    nothing: Mapping[str, FloatArray] = {}
    others = nothing if other is None else other.deviations
    found = np.zeros_like(one.values)
    for origin in dict.fromkeys([*one.deviations, *others]) if origins is None else origins:
        if origin not in one.deviations and origin not in others:
            continue
        difference = one.deviations.get(origin, 0.0) - others.get(origin, 0.0)
        found = found + np.mean(np.square(difference), axis=0)
    return np.asarray(found)
