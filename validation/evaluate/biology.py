"""Simple radiobiological models of a dose distribution: EQD2, EUD, TCP.

Models, not measurements: they turn a dose into numbers whose parameters (α, α/β, repair, repopulation, clonogens) are
known to tens of per cent at best and differ between patients. They rank plans; they do not predict an outcome.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.evaluate.biology_dose import require_positive

FloatArray = NDArray[np.float64]


def equivalent_dose_2gy(bed: ArrayLike, alpha_beta: float) -> FloatArray:
    r"""Dose in fractions of 2 Gy with the same BED.

    .. math:: \mathrm{EQD2} = \frac{\mathrm{BED}}{1 + 2\,\mathrm{Gy}/(\alpha/\beta)}

    Parameters
    ----------
    bed : array_like
        BED [Gy].
    alpha_beta : float
        α/β [Gy].

    Returns
    -------
    array
        EQD2 [Gy].

    Raises
    ------
    InvalidInput
        α/β is not positive.

    References
    ----------
    Fowler, Br. J. Radiol. 62, 679 (1989), doi:10.1259/0007-1285-62-740-679.

    Examples
    --------
    >>> float(equivalent_dose_2gy(100.0, 2.0))
    50.0
    """
    require_positive(("alpha/beta", alpha_beta, "Gy"))
    return np.asarray(np.asarray(bed, dtype=float) / (1 + 2 / alpha_beta))


def equivalent_uniform_dose(dose: ArrayLike, volume: ArrayLike, a: float) -> float:
    r"""Generalised equivalent uniform dose.

    .. math:: \mathrm{gEUD} = \left(\sum_i v_i D_i^a \Big/ \sum_i v_i\right)^{1/a}

    Parameters
    ----------
    dose, volume : (n,) array_like
        Doses [Gy] and volumes of the voxels.
    a : float
        Tissue parameter: large for serial organs, 1 the mean, negative for targets; not 0.

    Returns
    -------
    float
        gEUD [Gy]; 0 for a < 0 where a voxel has no dose.

    Raises
    ------
    InvalidInput
        a is 0, or no voxel has a volume.

    References
    ----------
    Niemierko, Med. Phys. 26, 1100 (1999) (abstract); Wu et al., Int. J. Radiat. Oncol. Biol. Phys. 52, 224 (2002),
    doi:10.1016/S0360-3016(01)02585-8.

    Examples
    --------
    >>> round(equivalent_uniform_dose([50.0, 100.0], [1.0, 1.0], -10.0), 2)
    53.58
    """
    if a == 0 or not np.isfinite(a):
        raise InvalidInput(
            f"parameter a of the gEUD is {a:g}, expected a finite value other than 0. Give 1 for the mean dose."
        )
    doses, weights = _weighted(dose, volume)
    if a < 0 and not (doses > 0).all():
        return 0.0
    # Relative to the dose that dominates, so that no power overflows.
    scale = doses.max() if a > 0 else doses.min()
    if scale == 0:
        return 0.0
    return float(scale * (weights @ (doses / scale) ** a) ** (1 / a))


def survival_equivalent_uniform_dose(bed: ArrayLike, volume: ArrayLike, alpha: float) -> float:
    r"""Uniform BED that leaves as many cells alive.

    .. math:: \mathrm{EUBED} = -\frac{1}{\alpha}\ln\frac{\sum_i v_i e^{-\alpha\,\mathrm{BED}_i}}{\sum_i v_i}

    Parameters
    ----------
    bed, volume : (n,) array_like
        BED [Gy] and volumes of the voxels.
    alpha : float
        α [1/Gy].

    Returns
    -------
    float
        [Gy].

    Raises
    ------
    InvalidInput
        α is not positive, or no voxel has a volume.

    References
    ----------
    Niemierko, Med. Phys. 24, 103 (1997), doi:10.1118/1.598063; Jones and Hoban, Med. Dosim. 25, 171 (2000), for BED.

    Examples
    --------
    >>> round(survival_equivalent_uniform_dose([50.0, 100.0], [1.0, 1.0], 0.3), 2)
    52.31
    """
    require_positive(("alpha", alpha, "1/Gy"))
    beds, weights = _weighted(bed, volume)
    least = beds.min()
    return float(least - np.log(weights @ np.exp(-alpha * (beds - least))) / alpha)


def tumour_control_probability(
    bed: ArrayLike,
    volume: ArrayLike,
    alpha: float,
    clonogen_density: float,
    alpha_std_dev: float = 0.0,
) -> float:
    r"""Poisson probability that no clonogen survives.

    .. math::
        \mathrm{TCP}(\alpha) = \exp\Big(-\rho \sum_i v_i e^{-\alpha\,\mathrm{BED}_i}\Big), \qquad
        \mathrm{TCP} = \int \mathrm{TCP}(\alpha')\, p(\alpha')\, d\alpha'

    with p normal about α, cut at 0, for a population of patients.

    Parameters
    ----------
    bed, volume : (n,) array_like
        BED [Gy] and volumes [cm³] of the voxels. The BED is taken as the same for every α, so with repopulation in it
        the spread of α is only approximate.
    alpha : float
        Mean α [1/Gy].
    clonogen_density : float
        ρ [1/cm³].
    alpha_std_dev : float, optional
        Spread of α between patients [1/Gy].

    Returns
    -------
    float
        0 … 1.

    Raises
    ------
    InvalidInput
        A parameter is out of range, or no voxel has a volume.

    References
    ----------
    Webb and Nahum, Phys. Med. Biol. 38, 653 (1993), doi:10.1088/0031-9155/38/6/001.

    Examples
    --------
    >>> round(tumour_control_probability([60.0, 60.0], [1.0, 1.0], 0.3, 1e7), 3)
    0.737
    """
    require_positive(("alpha", alpha, "1/Gy"), ("clonogen density", clonogen_density, "1/cm³"))
    if not alpha_std_dev >= 0:
        raise InvalidInput(
            f"spread of alpha is {alpha_std_dev:g} 1/Gy, expected ≥ 0. Give a standard deviation."
        )
    beds, weights = _weighted(bed, volume)
    clonogens = clonogen_density * float(np.sum(np.asarray(volume, dtype=float)))
    alphas, chance = np.array([alpha]), np.ones(1)
    if alpha_std_dev > 0:
        # TCP(α) rises over a few 0.01/Gy: an even grid of ± 6 spreads resolves it to 1e-5.
        alphas = np.linspace(max(alpha - 6 * alpha_std_dev, 0.0), alpha + 6 * alpha_std_dev, 2001)
        chance = np.exp(-(((alphas - alpha) / alpha_std_dev) ** 2) / 2)
        chance /= chance.sum()
    survivors = clonogens * np.array([weights @ np.exp(-value * beds) for value in alphas])
    return float(chance @ np.exp(-survivors))


def _weighted(dose: ArrayLike, volume: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Doses of the voxels that have a volume, and their shares of it."""
    doses, volumes = (np.asarray(a, dtype=float).ravel() for a in (dose, volume))
    if doses.shape != volumes.shape or not (volumes >= 0).all() or not volumes.sum() > 0:
        raise InvalidInput(
            f"volumes of {volumes.size} voxels sum to {volumes.sum():g} for {doses.size} doses, expected one volume "
            f"≥ 0 per dose and a sum above 0. Give the voxels of one structure."
        )
    doses, volumes = doses[volumes > 0], volumes[volumes > 0]
    if not (np.isfinite(doses) & (doses >= 0)).all():
        raise InvalidInput(
            "dose is negative or undefined in a voxel with a volume, expected ≥ 0. Check the dose."
        )
    return doses, volumes / volumes.sum()
