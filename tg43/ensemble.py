"""Dose rates of many variants of one implant: displaced, turned, lost or differently strong seeds.

All members are seen at the same points, so the points are loaded once for many members; threads take groups of
members, or of points where a mean over members is made. Nothing depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tg43.array_checks import (
    FloatArray,
    Seeds,
    checked_members,
    finite_array,
    one_of,
    require_axes,
    require_threads,
)
from tg43.fast_kernel import add_seeds
from tg43.fast_tables import Kernel, kernel_of
from tg43.formalism import FORMALISMS
from tg43.invalid_input import InvalidInput
from tg43.source_data import SourceData

# Seed-point evaluations of a task: some ten milliseconds, long against starting it.
EVALUATIONS_PER_TASK = 2_000_000
# Points and members whose dose rates are held at once while a mean is made: 2 MB.
POINTS_AT_ONCE, MEMBERS_AT_ONCE = 4096, 64


class EnsembleMoments(NamedTuple):
    """Mean and spread over the members of an ensemble.

    Attributes
    ----------
    mean, std_dev : ndarray, shape (m,)
        Mean and sample standard deviation (n − 1) of the members' dose rates at each point, Gy/h.
    """

    mean: FloatArray
    std_dev: FloatArray


class _Ensemble(NamedTuple):
    """Checked input."""

    points: FloatArray
    members: Seeds
    kernel: Kernel

    def rates(self, part: slice, points: FloatArray | None = None) -> FloatArray:
        """Return the dose rates of a part of the members, (part, m), at all or the given points."""
        at = self.points if points is None else points
        positions, axes, strengths = (array[part] for array in self.members)
        total = np.empty((len(positions), len(at)))
        add_seeds(at, positions, axes, strengths, self.kernel, total)
        return total

    def parts(self) -> list[slice]:
        """Return consecutive parts of the members, each a task of `EVALUATIONS_PER_TASK` or one member."""
        members, n = self.members.air_kerma_strengths.shape
        size = max(1, EVALUATIONS_PER_TASK // max(1, n * len(self.points)))
        return [slice(start, min(start + size, members)) for start in range(0, members, size)]


def ensemble_dose_rate(
    points: ArrayLike,
    positions: ArrayLike,
    axes: ArrayLike | None,
    air_kerma_strengths: ArrayLike,
    source: SourceData,
    *,
    formalism: str = "line",
    threads: int = 1,
) -> FloatArray:
    """Return the TG-43 dose rate of each member of an ensemble of implants, summed over its seeds.

    Ḋ of each member as `tg43.dose_rate` gives it with the fast method, to the bit. The result takes 8 bytes per
    member and point; `map_ensemble` and `ensemble_moments` do not hold it.

    Parameters
    ----------
    points : array_like, shape (m, 3)
        Where the dose rates are wanted, cm.
    positions : array_like, shape (members, n, 3)
        Middles of the seeds of each member, cm.
    axes : array_like, shape (n, 3) or (members, n, 3), or None
        Unit vectors along the seeds' long axes, of all members or of each; None only with the point formalism.
    air_kerma_strengths : array_like, shape (n,) or (members, n)
        S_K in U = cGy cm² h⁻¹, of all members or of each; 0 for a seed that a member lost.
    source : SourceData
        Seed model, the same for all seeds.
    formalism : {"line", "point"}
        2D line or 1D point formalism.
    threads : int
        Threads; the result does not depend on their number.

    Returns
    -------
    ndarray, shape (members, m)
        Dose rate in Gy/h.

    Raises
    ------
    InvalidInput
        On a wrong shape, values that are not finite, axes that are not unit vectors, negative strengths or an
        unknown name.

    References
    ----------
    TG-43U1: Rivard et al., Med. Phys. 31 (2004) 633-674, doi:10.1118/1.1646040.

    Examples
    --------
    Four displaced variants of two seeds, seen at three points:

    >>> from tg43 import load_source
    >>> displacement = 0.1 * np.random.default_rng(1).normal(size=(4, 2, 3))
    >>> positions = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]) + displacement
    >>> axes = [[0, 0, 1], [0, 0, 1]]
    >>> points = [[0.5, 0, 0], [0, 1, 0], [0, 0, 2]]
    >>> ensemble_dose_rate(points, positions, axes, [0.5, 0.5], load_source("6711")).shape
    (4, 3)
    """
    ensemble = _checked(points, positions, axes, air_kerma_strengths, source, formalism, threads)
    total = np.empty((len(ensemble.members.positions), len(ensemble.points)))

    def fill(part: slice) -> None:
        positions, axes, strengths = (array[part] for array in ensemble.members)
        add_seeds(ensemble.points, positions, axes, strengths, ensemble.kernel, total[part])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, ensemble.parts()))
    return total


def map_ensemble(
    function: Callable[[FloatArray], ArrayLike],
    points: ArrayLike,
    positions: ArrayLike,
    axes: ArrayLike | None,
    air_kerma_strengths: ArrayLike,
    source: SourceData,
    *,
    formalism: str = "line",
    threads: int = 1,
) -> FloatArray:
    """Return what a function makes of each member's dose rate, such as its D90, without holding them all.

    Parameters
    ----------
    function : callable
        Takes one member's dose rate (m,) in Gy/h and returns a number or an array, of one shape for all
        members. It is called from several threads at once, and may change the array it is given.
    points, positions, axes, air_kerma_strengths, source, formalism, threads
        As for `ensemble_dose_rate`.

    Returns
    -------
    ndarray, shape (members, ...)
        The function's values in the order of the members.

    Raises
    ------
    InvalidInput
        As `ensemble_dose_rate`.

    Examples
    --------
    The dose rate that 90 % of the points get at least, in each of 100 members:

    >>> from tg43 import load_source
    >>> rng = np.random.default_rng(1)
    >>> points, positions = rng.uniform(-1, 1, (500, 3)), rng.uniform(-1, 1, (100, 3, 3))
    >>> d90 = map_ensemble(
    ...     lambda rate: np.quantile(rate, 0.1), points, positions, [[0, 0, 1]] * 3, [0.5] * 3, load_source("6711")
    ... )
    >>> d90.shape
    (100,)
    """
    ensemble = _checked(points, positions, axes, air_kerma_strengths, source, formalism, threads)

    def values(part: slice) -> list[ArrayLike]:
        return [function(rate) for rate in ensemble.rates(part)]

    with ThreadPoolExecutor(threads) as pool:
        return np.array(
            [value for group in pool.map(values, ensemble.parts()) for value in group], dtype=float
        )


def ensemble_moments(
    points: ArrayLike,
    positions: ArrayLike,
    axes: ArrayLike | None,
    air_kerma_strengths: ArrayLike,
    source: SourceData,
    *,
    formalism: str = "line",
    threads: int = 1,
) -> EnsembleMoments:
    """Return the mean and the standard deviation over the members at each point, without holding them all.

    x̄ = Σ x / n and s² = Σ (x − x̄)² / (n − 1) over the members, joined from groups of members so that nothing
    cancels (Chan, Golub and LeVeque 1983).

    Parameters
    ----------
    points, positions, axes, air_kerma_strengths, source, formalism, threads
        As for `ensemble_dose_rate`.

    Returns
    -------
    EnsembleMoments
        Mean and standard deviation in Gy/h, each of shape (m,).

    Raises
    ------
    InvalidInput
        As `ensemble_dose_rate`, and with fewer than two members, which have no spread.

    References
    ----------
    Chan, Golub and LeVeque, Am. Stat. 37 (1983) 242-247, doi:10.1080/00031305.1983.10483115.

    Examples
    --------
    >>> from tg43 import load_source
    >>> positions = 0.05 * np.random.default_rng(1).normal(size=(2000, 1, 3))
    >>> moments = ensemble_moments([[1, 0, 0], [2, 0, 0]], positions, [[0, 0, 1]], [1.0], load_source("6711"))
    >>> (moments.std_dev / moments.mean).round(2)
    array([0.11, 0.06])
    """
    ensemble = _checked(points, positions, axes, air_kerma_strengths, source, formalism, threads)
    members = len(ensemble.members.positions)
    if members < 2:
        raise InvalidInput(
            f"positions is an array of {members} members, expected at least 2 (a spread is one over members). "
            "Use dose_rate for a single implant."
        )

    def moments(start: int) -> tuple[FloatArray, FloatArray]:
        points = ensemble.points[start : start + POINTS_AT_ONCE]
        mean, squares = np.zeros(len(points)), np.zeros(len(points))
        for first in range(0, members, MEMBERS_AT_ONCE):
            rates = ensemble.rates(slice(first, first + MEMBERS_AT_ONCE), points)
            group_mean = rates.mean(axis=0)
            rates -= group_mean
            step, share = group_mean - mean, len(rates) / (first + len(rates))
            squares += np.einsum("im,im->m", rates, rates) + step**2 * first * share
            mean += step * share
        return mean, np.sqrt(squares / (members - 1))

    starts = range(0, max(1, len(ensemble.points)), POINTS_AT_ONCE)
    with ThreadPoolExecutor(threads) as pool:
        mean, std_dev = zip(*pool.map(moments, starts), strict=True)
    return EnsembleMoments(np.concatenate(mean), np.concatenate(std_dev))


def _checked(
    points: ArrayLike,
    positions: ArrayLike,
    axes: ArrayLike | None,
    air_kerma_strengths: ArrayLike,
    source: SourceData,
    formalism: str,
    threads: int,
) -> _Ensemble:
    one_of("formalism", formalism, FORMALISMS, "TG-43 has a 2D line and a 1D point formalism")
    require_axes(axes, formalism)
    require_threads(threads)
    points = finite_array("points", points, ("m", 3), "cm")
    members = checked_members(positions, axes if formalism == "line" else None, air_kerma_strengths)
    return _Ensemble(points, members, kernel_of(source, formalism))
