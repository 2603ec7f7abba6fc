"""Difference of two doses: voxel by voxel, and divided into the terms that cause it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.evaluate.dvh import dose_volume_histogram

#: Above this relative standard uncertainty a voxel's dose rests on so few histories that it is not normal
#: and its own standard uncertainty is not known, so a z-score has no meaning.
LARGEST_RELATIVE_STD_DEV = 0.10


@dataclass(frozen=True)
class VoxelDifference:
    """Monte Carlo minus TG-43 in every voxel; NaN where it is not defined.

    Parameters
    ----------
    dose : (nx, ny, nz) array
        Difference [Gy]; NaN in voxels filled by seeds.
    percent_of_tg43 : (nx, ny, nz) array
        Difference in % of the TG-43 dose of the voxel; NaN where that is 0.
    percent_of_prescription : (nx, ny, nz) array
        Difference in % of the prescribed dose.
    z_score : (nx, ny, nz) array
        Difference divided by the type A standard uncertainty; NaN where that is 0 or above 10 % of the dose.
    """

    dose: NDArray[np.float64]
    percent_of_tg43: NDArray[np.float64]
    percent_of_prescription: NDArray[np.float64]
    z_score: NDArray[np.float64]


@dataclass(frozen=True)
class DifferenceSummary:
    """Volume-weighted distribution of a difference in one structure.

    Parameters
    ----------
    mean : float
        Mean over the volume, unit of the difference.
    percentiles : (n,) array
        Values that n given percentages of the volume do not exceed.
    """

    mean: float
    percentiles: NDArray[np.float64]


@dataclass(frozen=True)
class DoseRateConstant:
    """Dose-rate constant Λ of a seed model.

    Parameters
    ----------
    value : float
        Λ [cGy h⁻¹ U⁻¹].
    source : str
        Where it is from.
    std_dev : float
        Its standard uncertainty [cGy h⁻¹ U⁻¹], 0 where none is stated.
    """

    value: float
    source: str
    std_dev: float = 0.0


#: Λ that a Monte Carlo simulation of the seed gives, for models without one of the project's own.
MONTE_CARLO_DOSE_RATE_CONSTANTS = {
    "6711": DoseRateConstant(
        0.932, "CLRP TG-43 v2, WAFAC: Safigholi et al., Med. Phys. 47, 4656 (2020), arXiv:2005.02842"
    ),
}


@dataclass(frozen=True)
class BudgetStep:
    """One calculation on the way from TG-43 to Monte Carlo.

    Parameters
    ----------
    name : str
        What changed since the step before, for example "dose-rate constant".
    description : str
        The same in one sentence.
    values : array
        Quantities judged (indices of structures …), any shape, the same for all steps.
    std_dev : array
        Their type A standard uncertainty; 0 for a calculation without noise.
    """

    name: str
    description: str
    values: NDArray[np.float64]
    std_dev: NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """A difference divided into the terms of a chain of calculations.

    Parameters
    ----------
    steps : tuple of BudgetStep
        From the first calculation to the last.
    terms : (n_steps − 1, ...) array
        Change of each quantity from one step to the next; they sum to the whole difference.
    std_dev : (n_steps − 1, ...) array
        Standard uncertainty of each term, neighbouring steps taken as independent.
    """

    steps: tuple[BudgetStep, ...]
    terms: NDArray[np.float64]
    std_dev: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        """Last step minus first step."""
        return self.steps[-1].values - self.steps[0].values


def voxel_difference(
    monte_carlo: ArrayLike,
    std_dev: ArrayLike,
    tg43: ArrayLike,
    tissue_fraction: ArrayLike,
    prescription: float,
) -> VoxelDifference:
    """Monte Carlo minus TG-43 in every voxel.

    Parameters
    ----------
    monte_carlo, std_dev, tg43 : (nx, ny, nz) array_like
        Doses and the type A standard uncertainty of the first [Gy].
    tissue_fraction : (nx, ny, nz) array_like
        Fraction of each voxel outside the seeds; where it is 0 there is no dose to compare.
    prescription : float
        Prescribed dose [Gy].

    Returns
    -------
    VoxelDifference
        In Gy, % of the TG-43 dose, % of the prescription and standard uncertainties.

    Raises
    ------
    InvalidInput
        The prescription is not positive.

    Examples
    --------
    >>> found = voxel_difference([95.0], [1.0], [100.0], [1.0], 120.0)
    >>> float(found.percent_of_tg43[0]), float(found.z_score[0])
    (-5.0, -5.0)
    """
    if not prescription > 0:
        raise InvalidInput(
            f"prescribed dose is {prescription:g} Gy, expected more than 0 Gy (differences are relative "
            f"to it). Set the prescription of the case."
        )
    mc, u, reference = (np.asarray(a, dtype=float) for a in (monte_carlo, std_dev, tg43))
    dose = np.where(np.asarray(tissue_fraction) > 0, mc - reference, np.nan)
    known = (u > 0) & (u <= LARGEST_RELATIVE_STD_DEV * mc)
    return VoxelDifference(
        dose,
        100 * np.divide(dose, reference, out=np.full_like(dose, np.nan), where=reference > 0),
        100 * dose / prescription,
        np.divide(dose, u, out=np.full_like(dose, np.nan), where=known),
    )


def summarise(difference: ArrayLike, volume: ArrayLike, percents: Sequence[float]) -> DifferenceSummary:
    """Volume-weighted mean and percentiles of a voxel difference.

    Parameters
    ----------
    difference : array_like
        Difference in each voxel; NaN voxels do not count.
    volume : array_like
        Volume of each voxel's part in the structure [cm³], shape of `difference`.
    percents : sequence of float
        Percentages of the volume, 0 … 100.

    Returns
    -------
    DifferenceSummary
        NaN throughout when no voxel counts.

    Examples
    --------
    >>> summary = summarise([-10.0, 0.0, 10.0], [1.0, 2.0, 1.0], [50])
    >>> summary.mean, float(summary.percentiles[0])
    (0.0, 0.0)
    """
    values, volumes = np.asarray(difference, dtype=float), np.asarray(volume, dtype=float)
    histogram = dose_volume_histogram(values, np.where(np.isfinite(values), volumes, 0.0))
    # The histogram counts from the top: what p % of the volume does not exceed, (100 − p) % reach or exceed.
    # 0 % asks for the lowest value, 100 % for the highest.
    percentiles = [histogram.dose_covering((1 - p / 100) * histogram.volume) for p in percents]
    return DifferenceSummary(histogram.mean_dose(), np.array(percentiles))


def dose_rate_constant_factor(monte_carlo: float, tg43: float) -> float:
    """Factor on a TG-43 dose that replaces its dose-rate constant by the Monte Carlo one.

    D' = D Λ_MC / Λ_TG43: dose is proportional to Λ (TG-43U1, doi:10.1118/1.1646040, equation 1), so the part
    of a difference that comes from Λ alone is the same percentage in every voxel.

    Parameters
    ----------
    monte_carlo, tg43 : float
        Dose-rate constants [cGy h⁻¹ U⁻¹].

    Returns
    -------
    float
        Λ_MC / Λ_TG43.

    Raises
    ------
    InvalidInput
        A constant is not positive.

    Examples
    --------
    >>> round(100 * (dose_rate_constant_factor(0.932, 0.965) - 1), 1)
    -3.4
    """
    for name, value in (("Monte Carlo", monte_carlo), ("TG-43", tg43)):
        if not value > 0:
            raise InvalidInput(
                f"{name} dose-rate constant is {value:g} cGy/(h U), expected more than 0. "
                f"Check the seed data."
            )
    return monte_carlo / tg43


def difference_budget(steps: Sequence[BudgetStep]) -> Budget:
    """Divide a difference into the terms of a chain of calculations.

    Each step changes one thing (source data, finite scatter, interseed shadowing, tissue); a term is the
    change of a quantity from one step to the next, so the terms sum to the whole difference.

    Parameters
    ----------
    steps : sequence of BudgetStep
        At least two, from the reference (TG-43) to the full calculation.

    Returns
    -------
    Budget
        The terms. Their uncertainties combine neighbouring steps as if independent, u² = u₁² + u₂²; steps
        that share random numbers are closer than that.

    Raises
    ------
    InvalidInput
        There are fewer than two steps or their quantities differ in number.

    Examples
    --------
    >>> zero = np.zeros(1)
    >>> chain = [BudgetStep("", "", np.array([d90]), zero) for d90 in (120.0, 116.0, 110.0)]
    >>> difference_budget(chain).terms.ravel().tolist()
    [-4.0, -6.0]
    """
    if len(steps) < 2:
        raise InvalidInput(
            f"number of budget steps is {len(steps)}, expected at least 2 (a term is a change between two). "
            f"Give the reference and the full calculation."
        )
    shapes = {np.shape(part) for step in steps for part in (step.values, step.std_dev)}
    if len(shapes) > 1:
        raise InvalidInput(
            f"shapes of the budget steps are {sorted(shapes)}, expected one (the same quantities at each "
            f"step). Evaluate the same indices for every step."
        )
    values = np.array([step.values for step in steps], dtype=float)
    variances = np.array([step.std_dev for step in steps], dtype=float) ** 2
    return Budget(tuple(steps), np.diff(values, axis=0), np.sqrt(variances[1:] + variances[:-1]))
