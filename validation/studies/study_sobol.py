r"""Sobol' indices: which factor makes how much of the spread of an index, by TG-43.

Factors are independent: the standard deviation of the seeds, magnitude and half-life of the edema, calibration,
half-life of the radionuclide, where a scenario shrinks the volume that is left and the rate, and the realisation of
the displacements: which random numbers the seeds are displaced with. As a factor of its own it is the number of the
draw; its indices say how much is left to chance even if all else were known.

Saltelli's design: two independent samples A and B, and A with one column of B for every factor.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mcsim.invalid_input import InvalidInput
from tg43 import SourceData
from validation.case import Case
from validation.change import TissueChange, displaced_seeds, ensemble_changed_dose
from validation.studies.study_scenario import Scenario
from validation.studies.study_settings import CM_PER_MM, StudySettings
from validation.studies.study_voxels import STUDIED, StudyVoxels

FloatArray = NDArray[np.float64]

FACTORS = ("sigma", "edema", "edema_half_life", "calibration", "half_life", "realisation")
FINAL_VOLUME, SHRINKAGE_RATE = "final_volume", "shrinkage_rate"
FIRST_REALISATION = 2**32  # draws that no member of the ensemble has
REALISATIONS = 2**20
LEAST_BASE = 16


@dataclass(frozen=True, eq=False)
class SobolValues:
    """Indices at base samples.

    Attributes
    ----------
    value : ndarray, shape (members, rows, structures, indices)
        In the units of the indices; rows as `design_rows`.
    cost_s : ndarray, shape (members,)
        CPU time, s.
    """

    value: FloatArray
    cost_s: FloatArray


@dataclass(frozen=True, eq=False)
class SobolShares:
    """Sobol' indices of one quantity.

    Attributes
    ----------
    first_order, total_order : ndarray, shape (factors,)
        Share of the variance of a factor alone, and with all its interactions.
    first_interval, total_interval : ndarray, shape (2, factors)
        95 % bootstrap intervals.
    variance : float
        Of the quantity.
    """

    first_order: FloatArray
    total_order: FloatArray
    first_interval: FloatArray
    total_interval: FloatArray
    variance: float


def factor_names(settings: StudySettings) -> tuple[str, ...]:
    """Factors of a study, in the order of its samples.

    Examples
    --------
    >>> factor_names(StudySettings("shrinkage", "", shrinkage_per_d=(0.01,)))[-2:]
    ('final_volume', 'shrinkage_rate')
    """
    if not settings.shrinks:
        return FACTORS
    return (*FACTORS, FINAL_VOLUME, *(() if settings.volumes_cm3 else (SHRINKAGE_RATE,)))


def design_rows(settings: StudySettings) -> tuple[str, ...]:
    """Samples of Saltelli's design: A, B, and A with one factor of B, by its name."""
    return ("A", "B", *factor_names(settings))


def samples(settings: StudySettings, members: tuple[int, ...]) -> FloatArray:
    """Factors at base samples.

    Parameters
    ----------
    settings : StudySettings
        Distributions of the factors.
    members : tuple of int
        Base samples.

    Returns
    -------
    ndarray, shape (rows, factors, members)
        mm, 1, days, 1, days, the number of the realisation, and where the target shrinks 1 and 1/d.
    """
    d = len(factor_names(settings))
    sequence = stats.qmc.Sobol(2 * d, scramble=True, seed=settings.study_seed)
    # One sequence for all: a base sample has the same numbers wherever it is computed.
    uniform = np.clip(sequence.random(2 ** int(np.ceil(np.log2(max(members) + 1)))), 1e-12, 1 - 1e-12)
    uniform = uniform[list(members)].T
    a, b = factors_of(settings, uniform[:d]), factors_of(settings, uniform[d:])
    rows = [a, b]
    for k in range(d):
        mixed = a.copy()
        mixed[k] = b[k]
        rows.append(mixed)
    return np.stack(rows)


def factors_of(settings: StudySettings, uniform: FloatArray) -> FloatArray:
    """Factors from uniform numbers, shape (factors, n) both."""
    ranges = {
        "sigma": settings.sobol_sigma_mm, "edema": settings.sobol_edema, "edema_half_life": settings.sobol_half_life_d,
        FINAL_VOLUME: settings.sobol_final_volume, SHRINKAGE_RATE: settings.sobol_shrinkage_per_d,
    }  # fmt: skip
    found = np.empty_like(uniform)
    for k, name in enumerate(factor_names(settings)):
        if name in ranges:
            low, high = ranges[name]
            found[k] = low + (high - low) * uniform[k]
        elif name == "calibration":
            found[k] = 1.0 + settings.calibration_sd * stats.norm.ppf(uniform[k])
        elif name == "half_life":
            found[k] = settings.half_life_sd_d * stats.norm.ppf(uniform[k])
        else:
            found[k] = np.floor(REALISATIONS * uniform[k])
    return found


def change_at(settings: StudySettings, factors: dict[str, float]) -> TissueChange | None:
    """What happens to the tissue at a sample; None for nothing.

    Parameters
    ----------
    settings : StudySettings
        Of the study.
    factors : dict of str to float
        Factors by name.
    """
    rate, series = factors.get(SHRINKAGE_RATE, 0.0), settings.shrinks and bool(settings.volumes_cm3)
    return settings.change(
        Scenario(0.0, factors["edema"], rate, series), factors["edema_half_life"], factors.get(FINAL_VOLUME)
    )


def extreme_changes(settings: StudySettings) -> list[TissueChange]:
    """Changes of the tissue at the ends of the factors' ranges; none where it changes in none."""
    ends = {
        "edema_half_life": settings.sobol_half_life_d[1:],
        "edema": settings.sobol_edema,
        FINAL_VOLUME: settings.sobol_final_volume,
        SHRINKAGE_RATE: settings.sobol_shrinkage_per_d[1:],
    }
    chosen = {name: values for name, values in ends.items() if name in factor_names(settings)}
    found = (change_at(settings, dict(zip(chosen, c, strict=True))) for c in product(*chosen.values()))
    return [change for change in found if change is not None]


def sobol_members(
    case: Case,
    settings: StudySettings,
    voxels: StudyVoxels,
    source: SourceData,
    members: tuple[int, ...],
    threads: int = 1,
) -> SobolValues:
    """TG-43 indices at base samples; arguments as for `tg43_members`."""
    start = time.process_time()
    rows = samples(settings, members)
    n_rows, d, n = rows.shape
    names = factor_names(settings)
    flat = dict(zip(names, np.moveaxis(rows, 1, 0).reshape(d, -1), strict=True))
    realisation = tuple((FIRST_REALISATION + flat["realisation"]).astype(np.int64).tolist())
    seeds = displaced_seeds(
        case.implant,
        settings.displacement(None, isotropic_sd=flat["sigma"] * CM_PER_MM),
        realisation,
        settings.study_seed,
    )
    changes = [
        change_at(settings, {name: float(values[k]) for name, values in flat.items()})
        for k in range(n_rows * n)
    ]
    extremes = extreme_changes(settings)
    found = ensemble_changed_dose(
        voxels.indices, voxels.points, seeds,
        flat["calibration"][:, None] * case.implant.air_kerma_strengths,
        case.implant.half_life_d + flat["half_life"], source,
        change=changes, field=extremes[0].field(case) if extremes else None, level=settings.time_level, threads=threads,
    )  # fmt: skip
    values = found.values.reshape(n_rows, n, len(voxels.names), len(STUDIED))
    cost = (time.process_time() - start) / max(1, n)
    return SobolValues(np.moveaxis(values, 0, 1).copy(), np.full(n, cost))


def sobol_shares(values: FloatArray, seed: int = 1) -> SobolShares:
    """Sobol' indices from the values at all rows of the design.

    Parameters
    ----------
    values : ndarray, shape (base, rows)
        Of one quantity; the base is a power of 2.
    seed : int
        Of the bootstrap.

    Returns
    -------
    SobolShares

    Raises
    ------
    InvalidInput
        Too few base samples, or a number that is not a power of 2.

    References
    ----------
    Saltelli et al., Comput. Phys. Commun. 181 (2010) 259-270, doi:10.1016/j.cpc.2009.09.018. Sobol', Math. Comput.
    Simul. 55 (2001) 271-280, doi:10.1016/S0378-4754(00)00270-6.
    """
    base = len(values)
    if base < LEAST_BASE or base & (base - 1):
        raise InvalidInput(
            f"number of base samples is {base}, expected a power of 2 from {LEAST_BASE} on (a balanced design). "
            f"Compute members 0:{2 ** max(4, int(np.log2(max(base, 1))) + 1)}."
        )
    if not np.isfinite(values).all() or np.ptp(values) == 0.0:
        nothing = np.full(values.shape[1] - 2, np.nan)
        return SobolShares(nothing, nothing, np.stack([nothing] * 2), np.stack([nothing] * 2), 0.0)
    design: dict[Literal["f_A", "f_B", "f_AB"], FloatArray] = {
        "f_A": values[:, 0][None],
        "f_B": values[:, 1][None],
        "f_AB": np.moveaxis(values[:, 2:], 0, 1)[:, None],
    }
    found = stats.sobol_indices(func=design, n=base, rng=np.random.default_rng(seed))
    with warnings.catch_warnings():
        # A factor without any effect has no interval.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        spread = found.bootstrap(confidence_level=0.95, n_resamples=400)
    intervals = [
        np.stack([part.confidence_interval.low, part.confidence_interval.high]).reshape(2, -1)
        for part in (spread.first_order, spread.total_order)
    ]
    return SobolShares(
        np.asarray(found.first_order).ravel(), np.asarray(found.total_order).ravel(), intervals[0], intervals[1],
        float(values[:, :2].var()),
    )  # fmt: skip


def factor_effects(settings: StudySettings, values: FloatArray, share: float = 0.2) -> FloatArray:
    """How far a quantity lies from its mean where a factor is low and where it is high.

    The slope is that of the differences between sample A and A with the factor of B: nothing else differs in them.

    Parameters
    ----------
    settings : StudySettings
        Of the study.
    values : ndarray, shape (base, rows)
        Of the quantity at base samples 0 … base − 1.
    share : float
        Part of a factor's distribution that counts as low, and as high.

    Returns
    -------
    ndarray, shape (factors, 2)
        Slope times the distance of the factor's mean in its lowest, and its highest, part from its mean.
    """
    rows = samples(settings, tuple(range(len(values))))
    found = np.zeros((rows.shape[1], 2))
    for k in range(rows.shape[1]):
        factor = np.concatenate([rows[0, k], rows[1, k]])
        step = rows[1, k] - rows[0, k]
        if not step.any():
            continue
        slope = float(step @ (values[:, 2 + k] - values[:, 0]) / (step @ step))
        low, high = np.quantile(factor, [share, 1.0 - share])
        for column, part in enumerate((factor <= low, factor >= high)):
            found[k, column] = slope * (factor[part].mean() - factor.mean())
    return found
