"""Difference of any two doses on the same voxels, and how much of it is noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.evaluate.difference import LARGEST_RELATIVE_STD_DEV, VoxelDifference

FloatArray = NDArray[np.float64]

# The fit works on a histogram of z: bins a twentieth of the width of its noise widen that by 1e-4.
_BIN = 0.05
_LARGEST_Z = 40.0
_ROUNDS = 400


@dataclass(frozen=True)
class Split:
    """Mean square of a difference, split into noise and the rest.

    Attributes
    ----------
    mean, mean_std_dev : float
        Weighted mean difference and its standard uncertainty.
    rms : float
        Root of the weighted mean square of the difference.
    statistical_rms : float
        The part that the stated uncertainties explain.
    systematic_rms : float
        Root of what is left; 0 where noise explains all and more.
    systematic_variance, systematic_variance_std_dev : float
        Its square, which may come out negative by chance, and the standard uncertainty of that.
    """

    mean: float
    mean_std_dev: float
    rms: float
    statistical_rms: float
    systematic_rms: float
    systematic_variance: float
    systematic_variance_std_dev: float


@dataclass(frozen=True)
class TwoShiftFit:
    """Two systematic shifts in a distribution of z-scores.

    Attributes
    ----------
    shift_1, shift_2 : float
        Shifts in units of the standard uncertainty; the first is the one found in more voxels.
    part_1, part_2 : float
        Parts of the voxels that have them, 0 … 1; the others have none.
    log_likelihood_gain : float
        ln of the likelihood over that of no shift at all. Without shifts, twice this is of the order of the number of
        parameters, 4; the parts mean something only where it is much larger.
    """

    shift_1: float
    part_1: float
    shift_2: float
    part_2: float
    log_likelihood_gain: float


def difference_map(
    first: ArrayLike,
    first_std_dev: ArrayLike,
    second: ArrayLike,
    second_std_dev: ArrayLike,
    prescription: float,
) -> VoxelDifference:
    r"""First dose minus second, in Gy, in per cent and in combined standard uncertainties.

    .. math:: z = \frac{D_1 - D_2}{\sqrt{s_1^2 + s_2^2}}

    Parameters
    ----------
    first, second : array_like
        Doses on the same voxels [Gy]; NaN where there is none.
    first_std_dev, second_std_dev : array_like
        Type A standard uncertainties [Gy]; 0 for a dose without noise. The doses must not share histories.
    prescription : float
        Prescribed dose [Gy].

    Returns
    -------
    VoxelDifference
        Its `percent_of_tg43` is the percentage of the second dose. The z-score is NaN where both uncertainties are 0 or
        the combined one is above 10 % of the larger dose: so few histories are not normal.

    Raises
    ------
    InvalidInput
        The prescription is not positive, or shapes differ.

    Examples
    --------
    >>> found = difference_map([103.0], [3.0], [98.0], [4.0], 100.0)
    >>> float(found.dose[0]), float(found.z_score[0]), float(found.percent_of_prescription[0])
    (5.0, 1.0, 5.0)
    """
    if not prescription > 0:
        raise InvalidInput(
            f"prescribed dose is {prescription:g} Gy, expected more than 0 Gy (differences are relative to it). Set "
            f"the prescription of the case."
        )
    one, s1, two, s2 = (np.asarray(a, dtype=float) for a in (first, first_std_dev, second, second_std_dev))
    if not one.shape == s1.shape == two.shape == s2.shape:
        raise InvalidInput(
            f"shapes of the doses and their uncertainties are {one.shape}, {s1.shape}, {two.shape} and {s2.shape}, "
            f"expected one shape (a difference is taken voxel by voxel). Bring both doses to one grid."
        )
    dose, combined = one - two, np.hypot(s1, s2)
    known = (combined > 0) & (combined <= LARGEST_RELATIVE_STD_DEV * np.fmax(one, two))
    nothing = np.full_like(dose, np.nan)
    return VoxelDifference(
        dose,
        100 * np.divide(dose, two, out=nothing.copy(), where=two > 0),
        100 * dose / prescription,
        np.divide(dose, combined, out=nothing.copy(), where=known),
    )


def systematic_statistical_split(
    difference: ArrayLike,
    std_dev: ArrayLike,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Split:
    r"""Split the mean square of a difference into noise and the rest.

    With weights w that sum to 1, and noise that is right in its stated size,

    .. math::
        \overline{\Delta^2} = \sum_i w_i \Delta_i^2, \qquad
        b^2 = \overline{\Delta^2} - \overline{s^2}, \qquad
        u^2(b^2) = \sum_i w_i^2 \left(4 (\Delta_i^2 - s_i^2) s_i^2 + 2 s_i^4\right),

    where the last is for noise independent between voxels. Voxels share histories; with the difference of each of n
    groups of batches given, :math:`b^2` is the mean product of two different groups, whose noise has nothing in common
    whatever the correlation between voxels and whatever the stated uncertainties, and its uncertainty and that of the
    mean are those of the delete-one jackknife of the groups.

    Parameters
    ----------
    difference, std_dev : (voxels,) array_like
        Difference and its standard uncertainty, any unit; NaN voxels do not count.
    weights : (voxels,) array_like, optional
        Volumes; equal when left out.
    groups : (n, voxels) array_like, optional
        The difference from each group of batches alone.

    Returns
    -------
    Split
        In the unit of the difference, variances in its square; NaN when no voxel counts.

    References
    ----------
    Kawrakow and Fippel, Phys. Med. Biol. 45, 2163 (2000), doi:10.1088/0031-9155/45/8/308, split the distribution
    rather than its second moment: `two_shift_fit`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> s = np.full(40_000, 2.0)
    >>> split = systematic_statistical_split(rng.normal(1.5, s), s)
    >>> round(split.systematic_rms, 1), round(split.statistical_rms, 1), round(split.rms, 1)
    (1.5, 2.0, 2.5)
    """
    delta, s = (np.asarray(a, dtype=float).ravel() for a in (difference, std_dev))
    volume = np.ones_like(delta) if weights is None else np.asarray(weights, dtype=float).ravel()
    counted = np.isfinite(delta) & np.isfinite(s) & (volume > 0)
    if not counted.any():
        return Split(*[float("nan")] * 7)
    delta, s, w = delta[counted], s[counted], volume[counted] / volume[counted].sum()
    square, noise = float(w @ delta**2), float(w @ s**2)
    if groups is None:
        mean, mean_std_dev = float(w @ delta), float(np.sqrt(w**2 @ s**2))
        systematic = square - noise
        # Its expectation is positive; by chance it may not be where there is no systematic part.
        variance = max(w**2 @ (4 * (delta**2 - s**2) * s**2 + 2 * s**4), w**2 @ (2 * s**4))
        std = float(np.sqrt(variance))
    else:
        given = np.asarray(groups, dtype=float)
        parts = given.reshape(len(given), -1)[:, counted]
        mean, mean_std_dev, systematic, std = _from_groups(parts, w)
    systematic_rms = float(np.sqrt(max(systematic, 0.0)))
    return Split(mean, mean_std_dev, square**0.5, noise**0.5, systematic_rms, systematic, std)


def _from_groups(parts: FloatArray, w: FloatArray) -> tuple[float, float, float, float]:
    """Mean and systematic variance with their standard uncertainties, from products of different groups."""
    n = len(parts)
    if n < 3:
        raise InvalidInput(
            f"number of groups of batches is {n}, expected at least 3 (their scatter is the uncertainty). Store the "
            f"dose of 20 groups."
        )
    products = (parts * w) @ parts.T
    total, own = products.sum(), np.trace(products)
    value = (total - own) / (n * (n - 1))
    # Leaving group g out takes its row, its column and, twice counted then, its own product away.
    left = total - 2 * products.sum(axis=1) + np.diag(products)
    without = (left - (own - np.diag(products))) / ((n - 1) * (n - 2))
    std = np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2))
    means = parts @ w
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(n)), float(value), float(std)


def two_shift_fit(z_score: ArrayLike) -> TwoShiftFit:
    r"""Fit two systematic shifts to a distribution of z-scores.

    .. math::
        f(z) = \frac{1}{\sqrt{2\pi}}\left[\alpha_1 e^{-(z-\Delta_1)^2/2} + \alpha_2 e^{-(z-\Delta_2)^2/2}
               + (1 - \alpha_1 - \alpha_2) e^{-z^2/2}\right]

    by maximum likelihood (expectation-maximisation), voxels taken as independent. A shift is in units of the
    standard uncertainty: it can be turned into dose where all voxels have about the same.

    Parameters
    ----------
    z_score : array_like
        Differences in standard uncertainties; those that are not finite do not count.

    Returns
    -------
    TwoShiftFit
        NaN when no voxel counts.

    References
    ----------
    Kawrakow and Fippel, Phys. Med. Biol. 45, 2163 (2000), doi:10.1088/0031-9155/45/8/308.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> z = np.concatenate([rng.normal(2.0, 1, 30_000), rng.normal(-3.0, 1, 10_000), rng.normal(0, 1, 60_000)])
    >>> fit = two_shift_fit(z)
    >>> [round(value, 1) for value in (fit.shift_1, fit.part_1, fit.shift_2, fit.part_2)]
    [2.0, 0.3, -3.0, 0.1]
    """
    z = np.asarray(z_score, dtype=float).ravel()
    z = z[np.isfinite(z)]
    if not z.size:
        return TwoShiftFit(*[float("nan")] * 5)
    bins = np.round(np.clip(z, -_LARGEST_Z, _LARGEST_Z) / _BIN).astype(int)
    places, counts = np.unique(bins, return_counts=True)
    centres = places * _BIN
    # Starts on both sides, and both on one side: the likelihood has more than one maximum.
    spread = float(np.sqrt(max(counts @ centres**2 / z.size - 1.0, 0.25)))
    starts = [(spread, -spread), (spread, 3 * spread), (-spread, -3 * spread)]
    fits = [_expectation_maximisation(centres, counts, np.array([*start, 0.0])) for start in starts]
    shifts, parts, gain = max(fits, key=lambda fit: fit[2])
    first, second = (0, 1) if parts[0] >= parts[1] else (1, 0)
    return TwoShiftFit(
        float(shifts[first]), float(parts[first]), float(shifts[second]), float(parts[second]), float(gain)
    )


def _expectation_maximisation(
    centres: FloatArray, counts: NDArray[np.int64], shifts: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Shifts (the last stays 0), their parts and the gain in log-likelihood."""
    parts = np.full(3, 1 / 3)
    # Likelihood of a shift relative to none: exp(z Δ − Δ²/2); the common factor drops out.
    for _ in range(_ROUNDS):
        relative = parts * np.exp(np.minimum(centres[:, None] * shifts - shifts**2 / 2, 700.0))
        share = counts[:, None] * relative / relative.sum(axis=1, keepdims=True)
        parts = share.sum(axis=0) / counts.sum()
        shifts = np.append((share.T @ centres)[:2] / np.maximum(share.sum(axis=0)[:2], 1e-12), 0.0)
    relative = parts * np.exp(np.minimum(centres[:, None] * shifts - shifts**2 / 2, 700.0))
    return shifts, parts, float(counts @ np.log(relative.sum(axis=1)))
