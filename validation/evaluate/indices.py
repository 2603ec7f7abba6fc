"""Dose-volume indices of a structure and their type A uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.evaluate.dvh import Dvh, dose_volume_histogram
from validation.evaluate.half_samples import (
    NoiseFree,
    TypeA,
    half_sample_doses,
    noise_free,
    noisier_doses,
    type_a,
)

#: A voxel counts for the minimum dose when at least this part of it lies in the structure. It is the rule of
#: a mask made from voxel centres; a smaller part holds the dose of a voxel that is mostly outside.
MINIMUM_DOSE_FRACTION = 0.5


@dataclass(frozen=True)
class StructureVoxels:
    """Voxels that have a part in one structure.

    Parameters
    ----------
    flat : (n,) array of int
        Positions in the flattened (C order) dose grid, ascending.
    volume : (n,) array
        Volume of each part [cm³]: inside the structure and outside the seeds; > 0.
    fraction : (n,) array
        Fraction of the voxel inside the structure.
    """

    flat: NDArray[np.intp]
    volume: NDArray[np.float64]
    fraction: NDArray[np.float64]


@dataclass(frozen=True)
class Index:
    """One dose-volume index.

    Parameters
    ----------
    name, unit, definition : str
        As printed; the definition is one sentence.
    compute : callable
        (histogram, minimum dose [Gy], prescribed dose [Gy]) -> value in `unit`.
    source : str
        Where the definition is from.
    """

    name: str
    unit: str
    definition: str
    compute: Callable[[Dvh, float, float], float]
    source: str


def _covering_percent(percent: float) -> Callable[[Dvh, float, float], float]:
    return lambda dvh, _minimum, _prescription: dvh.dose_covering(percent / 100 * dvh.volume)


def _hottest(volume: float) -> Callable[[Dvh, float, float], float]:
    return lambda dvh, _minimum, _prescription: dvh.dose_covering(volume)


def _volume_percent(dvh: Dvh, dose: float) -> float:
    return float(100 * dvh.volume_at_least(dose) / dvh.volume) if dvh.volume else float("nan")


def _volume_at(percent: float) -> Callable[[Dvh, float, float], float]:
    return lambda dvh, _minimum, prescription: _volume_percent(dvh, percent / 100 * prescription)


def _homogeneity(dvh: Dvh, _minimum: float, prescription: float) -> float:
    v100, v150 = (_volume_percent(dvh, part * prescription) for part in (1.0, 1.5))
    return (v100 - v150) / v100 if v100 > 0 else float("nan")


def _spread(dvh: Dvh, _minimum: float, _prescription: float) -> float:
    d2, d50, d98 = (dvh.dose_covering(part * dvh.volume) for part in (0.02, 0.50, 0.98))
    return (d2 - d98) / d50 if d50 > 0 else float("nan")


_TG137 = "Nath et al. (AAPM TG-137), Med. Phys. 36, 5310 (2009), doi:10.1118/1.3246613"
_ICRU83 = "ICRU Report 83, J. ICRU 10(1) (2010), doi:10.1093/jicru/ndq001"
_GEC_ESTRO = "Pötter et al. (GEC-ESTRO), Radiother. Oncol. 78, 67 (2006), doi:10.1016/j.radonc.2005.11.014"
_WU = "Wu, Ulin and Sternick, Med. Phys. 15, 104 (1988), doi:10.1118/1.596152"

INDICES: tuple[Index, ...] = (
    Index(
        "D90", "Gy", "Least dose in the most exposed 90 % of the structure.", _covering_percent(90), _TG137
    ),
    Index(
        "D98",
        "Gy",
        "Least dose in the most exposed 98 % of the structure (near-minimum).",
        _covering_percent(98),
        _ICRU83,
    ),
    Index(
        "D100",
        "Gy",
        "Minimum dose: the coldest voxel of which at least half lies in the structure.",
        lambda _dvh, minimum, _prescription: minimum,
        _TG137,
    ),
    Index(
        "V100",
        "%",
        "Part of the structure that receives at least the prescribed dose.",
        _volume_at(100),
        _TG137,
    ),
    Index(
        "V150",
        "%",
        "Part of the structure that receives at least 150 % of the prescribed dose.",
        _volume_at(150),
        _TG137,
    ),
    Index(
        "V200",
        "%",
        "Part of the structure that receives at least 200 % of the prescribed dose.",
        _volume_at(200),
        _TG137,
    ),
    Index(
        "D2cc",
        "Gy",
        "Least dose in the most exposed 2 cm³; not defined in a structure below 2 cm³.",
        _hottest(2.0),
        _GEC_ESTRO,
    ),
    Index(
        "D0.1cc",
        "Gy",
        "Least dose in the most exposed 0.1 cm³; not defined in a structure below 0.1 cm³.",
        _hottest(0.1),
        _GEC_ESTRO,
    ),
    Index(
        "mean dose",
        "Gy",
        "Mean dose over the volume of the structure.",
        lambda dvh, _m, _p: dvh.mean_dose(),
        _ICRU83,
    ),
    Index(
        "DHI",
        "1",
        "Dose homogeneity index, (V100 − V150) / V100; seed-implant reports also call it HI.",
        _homogeneity,
        _WU,
    ),
    Index(
        "D50",
        "Gy",
        "Least dose in the most exposed half of the structure (median).",
        _covering_percent(50),
        _ICRU83,
    ),
    Index(
        "D2",
        "Gy",
        "Least dose in the most exposed 2 % of the structure (near-maximum).",
        _covering_percent(2),
        _ICRU83,
    ),
    Index(
        "HI ICRU 83",
        "1",
        "Homogeneity index of ICRU report 83, (D2 − D98) / D50; 0 is uniform.",
        _spread,
        _ICRU83,
    ),
)


def structure_voxels(part_volume: ArrayLike, structure_fraction: ArrayLike) -> StructureVoxels:
    """Voxels of a structure that hold tissue.

    Parameters
    ----------
    part_volume : (nx, ny, nz) array_like
        From `validation.evaluate.dvh.part_volumes` [cm³].
    structure_fraction : (nx, ny, nz) array_like
        Fraction of each voxel inside the structure.

    Returns
    -------
    StructureVoxels
        The voxels with a part volume above 0.
    """
    volume = np.asarray(part_volume, dtype=float).ravel()
    flat = np.flatnonzero(volume > 0)
    return StructureVoxels(flat, volume[flat], np.asarray(structure_fraction, dtype=float).ravel()[flat])


def minimum_dose(dose: NDArray[np.float64], fraction: NDArray[np.float64]) -> float:
    """Minimum dose of a structure, D100.

    The dose of the coldest voxel of which at least half lies in the structure. Voxels that the contour cuts
    more narrowly are left out: their dose is the mean over a voxel that is mostly outside, and with them the
    minimum would depend on how finely the contour cuts the grid rather than on the dose. If no voxel is half
    inside (a sheet thinner than half a voxel), those with at least half of the largest fraction count.

    A minimum over noisy voxels is biased low and rests on one voxel; ICRU report 83 (2010) replaced it
    by the near-minimum D98 for this reason, and TG-137 (Nath et al. 2009, doi:10.1118/1.3246613) bases
    evaluation on D90 and V100.

    Parameters
    ----------
    dose : (n,) array
        Voxel doses [Gy].
    fraction : (n,) array
        Fraction of each voxel inside the structure.

    Returns
    -------
    float
        D100 [Gy]; NaN for an empty structure.

    Examples
    --------
    >>> minimum_dose(np.array([5.0, 90.0, 100.0]), np.array([0.1, 0.6, 1.0]))
    90.0
    """
    if not dose.size:
        return float("nan")
    least = min(MINIMUM_DOSE_FRACTION, 0.5 * float(fraction.max()))
    return float(dose[fraction >= least].min())


def dose_volume_indices(dose: ArrayLike, voxels: StructureVoxels, prescription: float) -> NDArray[np.float64]:
    """Every index of `INDICES` for one structure.

    Parameters
    ----------
    dose : (n,) array_like
        Dose [Gy] at ``voxels.flat``.
    voxels : StructureVoxels
        The voxels of the structure.
    prescription : float
        Prescribed dose [Gy].

    Returns
    -------
    (len(INDICES),) array
        Values in the order and units of `INDICES`; NaN where an index is not defined.

    Raises
    ------
    InvalidInput
        The prescription is not positive or a dose is not finite.

    Notes
    -----
    D and V indices follow TG-137 (doi:10.1118/1.3246613), with percentages of the structure's volume outside
    the seeds.

    Examples
    --------
    >>> voxels = StructureVoxels(np.arange(4), np.full(4, 0.25), np.ones(4))
    >>> values = dose_volume_indices([100.0, 120.0, 200.0, 300.0], voxels, 110.0)
    >>> dict(zip([index.name for index in INDICES], values.round(3).tolist()))["V100"]
    75.0
    """
    if not prescription > 0:
        raise InvalidInput(
            f"prescribed dose is {prescription:g} Gy, expected more than 0 Gy (indices are relative to it). "
            f"Set the prescription of the case."
        )
    doses = np.asarray(dose, dtype=float)
    dvh = dose_volume_histogram(doses, voxels.volume)
    minimum = minimum_dose(doses, voxels.fraction)
    return np.array([index.compute(dvh, minimum, prescription) for index in INDICES])


def index_uncertainties(
    estimate: ArrayLike,
    group_dose: ArrayLike,
    voxels: StructureVoxels,
    prescription: float,
    weights: ArrayLike | None = None,
) -> TypeA:
    """Type A uncertainty and noise bias of every index.

    Neighbouring voxels are crossed by the same histories, so the uncertainty of an index does not follow from
    the voxels' own; the whole index is evaluated on balanced halves of the groups of batches instead.

    Parameters
    ----------
    estimate : (len(INDICES),) array_like
        Values from all histories, from `dose_volume_indices`.
    group_dose : (n_groups, n) array_like
        Dose from each group of batches alone [Gy] at ``voxels.flat``.
    voxels : StructureVoxels
        The voxels of the structure.
    prescription : float
        Prescribed dose [Gy].
    weights : (n_groups,) array_like, optional
        Histories in each group.

    Returns
    -------
    TypeA
        Standard uncertainty (k = 1) and bias of each index in its unit.

    See Also
    --------
    validation.evaluate.half_samples.type_a : the equations and their source.
    """
    halves = half_sample_doses(group_dose, weights)
    values = np.array([[dose_volume_indices(dose, voxels, prescription) for dose in side] for side in halves])
    return type_a(estimate, values)


def noise_free_indices(
    estimate: ArrayLike,
    group_dose: ArrayLike,
    voxels: StructureVoxels,
    prescription: float,
    weights: ArrayLike | None = None,
) -> NoiseFree:
    """Every index with the bias that noise brings removed.

    Noise broadens a dose-volume histogram: the minimum and near-minimum come out low, the hottest doses high.

    Parameters
    ----------
    estimate, group_dose, voxels, prescription, weights
        As for `index_uncertainties`.

    Returns
    -------
    NoiseFree
        Values, standard uncertainties and the biases taken off, in the order and units of `INDICES`. Volumes stay
        within 0 … 100 %.

    See Also
    --------
    validation.evaluate.half_samples.noise_free : the equations and their source.

    Examples
    --------
    >>> voxels = StructureVoxels(np.arange(500), np.full(500, 0.001), np.ones(500))
    >>> groups = np.random.default_rng(3).normal(100.0, 10.0, (20, 500))
    >>> seen = dose_volume_indices(groups.mean(axis=0), voxels, 90.0)
    >>> found = noise_free_indices(seen, groups, voxels, 90.0)
    >>> d98 = [index.name for index in INDICES].index("D98")  # the truth is 100 Gy in every voxel
    >>> round(float(seen[d98])), round(float(found.value[d98]))
    (95, 97)
    """
    halves = half_sample_doses(group_dose, weights)
    values = [
        np.array([[dose_volume_indices(dose, voxels, prescription) for dose in side] for side in doses])
        for doses in (halves, noisier_doses(halves, 2.0))
    ]
    found = noise_free(estimate, *values)
    percent = np.array([index.unit == "%" for index in INDICES])
    return NoiseFree(
        np.where(percent, np.clip(found.value, 0.0, 100.0), found.value), found.std_dev, found.bias
    )
