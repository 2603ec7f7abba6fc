"""Gamma pass rate without the bias that Monte Carlo noise brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.evaluate.gamma import gamma_index

# Variance of the added noise in units of that already there. The pass rate is close to linear in it up to twice the
# noise; a quadratic through more levels is no less biased and twice as uncertain (docs/theory/evaluation.md).
ADDED_VARIANCE = (0.5, 1.0)


@dataclass(frozen=True)
class PassRate:
    """Gamma pass rate with its noise bias estimated.

    Attributes
    ----------
    observed : float
        Part of the judged voxels with γ ≤ 1, %, of the doses as they are.
    noise_free : float
        The same extrapolated to doses without noise, %, within 0 … 100.
    std_dev : float
        Standard uncertainty of the extrapolation from the noise that was added, percentage points. That of the
        observed rate itself, which has only one noise realisation, is not in it.
    """

    observed: float
    noise_free: float
    std_dev: float


def noise_free_pass_rate(
    reference_axes: Sequence[ArrayLike],
    reference_dose: ArrayLike,
    evaluated_axes: Sequence[ArrayLike],
    evaluated_dose: ArrayLike,
    *,
    reference_std_dev: ArrayLike | None = None,
    evaluated_std_dev: ArrayLike | None = None,
    lower_dose_cut_off: float = 20.0,
    mask: ArrayLike | None = None,
    normalisation: float,
    repeats: int = 4,
    random_seed: int = 1,
    **criteria: Any,
) -> PassRate:
    r"""Pass rate that two doses would have without their noise, by simulation and extrapolation.

    Noise in the reference dose lowers the pass rate; noise in the evaluated dose, over which the minimum is taken,
    raises it. Normal noise of variance λs² is added to each noisy dose, the pass rate P found for several λ ≥ 0, and
    the straight line through them is followed to λ = −1, where no noise is left:

    .. math:: P_0 = \hat P(\lambda = -1), \qquad \hat P(\lambda) = a + b\lambda.

    The noise of the voxels is taken as independent. Which voxels are judged is settled once, by the reference dose
    as given, so that the cut-off does not move with the noise.

    Parameters
    ----------
    reference_axes, reference_dose, evaluated_axes, evaluated_dose
        As for `validation.evaluate.gamma.gamma_index`.
    reference_std_dev, evaluated_std_dev : array_like, optional
        Type A standard uncertainties [Gy] on their grids; a dose without one has no noise. At least one.
    lower_dose_cut_off : float, optional
        Reference voxels below this part of `normalisation` [%] are not judged.
    mask : (nx, ny, nz) array_like of bool, optional
        Reference voxels to judge.
    normalisation : float
        Dose the percentages refer to [Gy].
    repeats : int, optional
        Noise realisations at each λ.
    random_seed : int, optional
        Of the added noise.
    **criteria
        `dose_percent`, `distance`, `local`, `interpolation_fraction`, `threads` of `gamma_index`.

    Returns
    -------
    PassRate
        Observed and extrapolated.

    Raises
    ------
    InvalidInput
        No uncertainty is given, or what `gamma_index` refuses.

    References
    ----------
    Low and Dempsey, Med. Phys. 30, 2455 (2003), doi:10.1118/1.1598711, and Graves, Jia and Jiang, Phys. Med. Biol. 58,
    1839 (2013), arXiv:1208.2379: the bias. Cook and Stefanski, J. Am. Stat. Assoc. 89, 1314 (1994),
    doi:10.1080/01621459.1994.10476871: simulation and extrapolation.

    Examples
    --------
    >>> axes = [np.linspace(0.0, 1.0, 11)] * 3
    >>> dose, rng = np.full((11, 11, 11), 100.0), np.random.default_rng(1)
    >>> noisy, s = dose + rng.normal(0.0, 1.5, dose.shape), np.full(dose.shape, 1.5)
    >>> found = noise_free_pass_rate(
    ...     axes, noisy, axes, dose, reference_std_dev=s, dose_percent=3.0, distance=0.1, normalisation=100.0
    ... )
    >>> found.observed < 97.0 < 99.0 < found.noise_free
    True
    """
    if reference_std_dev is None and evaluated_std_dev is None:
        raise InvalidInput(
            "number of doses with a standard uncertainty is 0, expected 1 or 2 (without noise there is nothing to "
            "extrapolate). Give the uncertainty of the Monte Carlo dose, or use gamma_index."
        )
    reference, evaluated = (np.asarray(dose, dtype=float) for dose in (reference_dose, evaluated_dose))
    judged = reference >= lower_dose_cut_off / 100 * normalisation
    if mask is not None:
        judged &= np.asarray(mask, dtype=bool)
    rng = np.random.default_rng(random_seed)
    # Only whether γ ≤ 1 counts: no shell beyond the distance criterion is needed.
    settings = {**criteria, "normalisation": normalisation, "mask": judged, "max_gamma": 1.001}

    def pass_rate(variance: float) -> float:
        noisy = [
            dose if std_dev is None or not variance else _add_noise(dose, std_dev, variance, rng)
            for dose, std_dev in ((reference, reference_std_dev), (evaluated, evaluated_std_dev))
        ]
        found = gamma_index(
            reference_axes, noisy[0], evaluated_axes, noisy[1], lower_dose_cut_off=0.0, **settings
        )
        return found.pass_rate

    observed = pass_rate(0.0)
    rates = np.array([[pass_rate(variance) for _ in range(repeats)] for variance in ADDED_VARIANCE])
    levels = np.array([0.0, *ADDED_VARIANCE])
    # Weight of each level in the value of the least-squares line at −1.
    offset = levels - levels.mean()
    weights = 1 / levels.size + (-1.0 - levels.mean()) * offset / (offset @ offset)
    estimate = float(weights @ np.array([observed, *rates.mean(axis=1)]))
    spread = rates.std(axis=1, ddof=1) if repeats > 1 else np.full(len(ADDED_VARIANCE), np.nan)
    std_dev = float(np.sqrt(np.sum((weights[1:] * spread) ** 2) / repeats))
    return PassRate(observed, float(np.clip(estimate, 0.0, 100.0)), std_dev)


def _add_noise(
    dose: NDArray[np.float64], std_dev: ArrayLike, variance: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    spread = np.nan_to_num(np.asarray(std_dev, dtype=float))
    return np.asarray(dose + np.sqrt(variance) * spread * rng.standard_normal(dose.shape))
