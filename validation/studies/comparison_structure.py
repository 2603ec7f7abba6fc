"""Judgement of one structure in a comparison: histograms, indices with their uncertainties, differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.evaluate.difference import dose_rate_constant_factor, summarise
from validation.evaluate.dvh import dose_volume_histogram, part_volumes
from validation.evaluate.half_samples import half_sample_doses, type_a
from validation.evaluate.indices import (
    INDICES,
    StructureVoxels,
    dose_volume_indices,
    index_uncertainties,
    structure_voxels,
)
from validation.studies.comparison_doses import IMPORTED, MONTE_CARLO, TG43, ComparedDoses

FloatArray = NDArray[np.float64]

#: Percentages of a structure's volume at which the distribution of a difference is given.
PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
# Doses of the sampled histograms, in % of the prescription: 0.5 % steps follow every curve to well below
# its Monte Carlo uncertainty; beyond 400 % lies the volume within about 2 mm of seeds.
_DVH_PERCENT = np.arange(0.0, 400.1, 0.5)

_GRID = ("x", "y", "z")
LEAST_COVERED = (
    99.9  # % of a structure's tissue that an imported dose must cover for its indices to mean something
)


@dataclass(frozen=True)
class JudgedStructure:
    """One structure: NaN where a quantity is not defined. What is of one dose only is of Monte Carlo."""

    indices: NDArray[np.float64]  # (index, engine)
    rescaled: NDArray[np.float64]  # (index,): TG-43 with the Monte Carlo dose-rate constant
    rescaled_std_dev: NDArray[np.float64]  # (index,): from the uncertainty of that constant
    to_water: NDArray[np.float64]  # (index,): Monte Carlo dose to water
    to_water_std_dev: NDArray[np.float64]  # (index,)
    std_dev: NDArray[np.float64]  # (index,)
    bias: NDArray[np.float64]  # (index,)
    curves: NDArray[np.float64]  # (engine, dose) % of the volume
    curve_std_dev: NDArray[np.float64]  # (dose,) % of the volume
    mean: NDArray[np.float64]  # (difference_unit,)
    percentiles: NDArray[np.float64]  # (difference_unit, percentile)
    difference_std_dev: NDArray[np.float64]  # (difference_unit, mean and percentiles)
    relative_std_dev: float  # %
    covered: float  # % of the tissue that an imported dose covers
    smoothing: NDArray[np.float64]  # (index,): what resampling an imported dose does to an index


def group_weights(monte_carlo: xr.Dataset) -> NDArray[np.float64]:
    """Histories in each group of batches, equal weights when the result does not say.

    Parameters
    ----------
    monte_carlo : xr.Dataset
        With ``group_dose`` (group, voxel) and perhaps ``group_histories`` (group).

    Returns
    -------
    (n_groups,) array
        Weights.
    """
    if "group_histories" in monte_carlo:
        return np.asarray(monte_carlo.group_histories, dtype=float)
    return np.ones(monte_carlo.sizes["group"])


def constant_factor(data: xr.Dataset) -> float | None:
    """Λ of the simulated seed over that of the TG-43 table; None where the former is not known."""
    if "monte_carlo_dose_rate_constant" not in data.attrs:
        return None
    return dose_rate_constant_factor(
        float(data.attrs["monte_carlo_dose_rate_constant"]), float(data.attrs["tg43_dose_rate_constant"])
    )


def dose_levels(data: xr.Dataset) -> FloatArray:
    """Doses of the sampled histograms, Gy."""
    return _DVH_PERCENT / 100 * float(data.attrs["prescription_dose_gy"])


def judge_structure(data: xr.Dataset, doses: ComparedDoses, structure: int) -> JudgedStructure:
    """Judge one structure.

    Parameters
    ----------
    data : xr.Dataset
        Voxels, structures and attributes of a comparison.
    doses : ComparedDoses
        The doses.
    structure : int
        Its place among the structures.

    Returns
    -------
    JudgedStructure
    """
    prescription, levels = float(data.attrs["prescription_dose_gy"]), dose_levels(data)
    fraction = data.structure_fraction.to_numpy()[structure]
    x, y, z = (data[axis].to_numpy() for axis in _GRID)
    voxels = structure_voxels(part_volumes(x, y, z, fraction, data.tissue_fraction), fraction)

    def at_voxels(name: str) -> FloatArray:
        return np.asarray(data[name].to_numpy().ravel()[voxels.flat].astype(float))

    found = {engine: at_voxels(f"dose_{engine}") for engine in doses.engines}
    covered = 100.0
    if IMPORTED in found:
        known = np.isfinite(found[IMPORTED])
        covered = float(100 * voxels.volume[known].sum() / voxels.volume.sum()) if known.size else np.nan

    def judged(engine: str) -> bool:
        return engine != IMPORTED or covered >= LEAST_COVERED

    def indices_of(engine: str) -> FloatArray:
        if not judged(engine):
            return np.full(len(INDICES), np.nan)
        return dose_volume_indices(_filled(found[engine]), voxels, prescription)

    indices = np.stack([indices_of(engine) for engine in doses.engines], axis=-1)
    curves = np.stack(
        [_curve(_filled(found[e]), voxels, levels) if judged(e) else levels * np.nan for e in doses.engines]
    )
    nothing = np.full(len(INDICES), np.nan)
    rescaled, rescaled_std_dev = nothing, np.zeros(len(INDICES))
    factor = constant_factor(data)
    if factor is not None:
        rescaled, rescaled_std_dev = _rescaled(data, factor, found[TG43], voxels, prescription)
    std_dev, bias, curve_std_dev, relative_std_dev = nothing, nothing, levels * np.nan, float("nan")
    to_water, to_water_std_dev = nothing, nothing
    difference_std_dev = np.full((3, 1 + len(PERCENTILES)), np.nan)
    if doses.monte_carlo is not None:
        groups = group_doses(doses.monte_carlo, voxels)
        if groups is not None and voxels.flat.size:
            weights = group_weights(doses.monte_carlo)
            uncertain = index_uncertainties(indices[:, 0], groups, voxels, prescription, weights)
            std_dev, bias = uncertain.std_dev, uncertain.bias
            half_doses = half_sample_doses(groups, weights)
            halves = [[_curve(dose, voxels, levels) for dose in side] for side in half_doses]
            curve_std_dev = type_a(curves[0], np.array(halves)).std_dev
            reference = found[doses.engines[1]]
            difference_std_dev = type_a(
                _difference_summary(found[MONTE_CARLO], reference, voxels, prescription),
                [
                    [_difference_summary(dose, reference, voxels, prescription) for dose in side]
                    for side in half_doses
                ],
            ).std_dev
        to_water, to_water_std_dev = _judge_dose_to_water(doses.monte_carlo, voxels, prescription)
        of_voxels = at_voxels("dose_monte_carlo_std_dev")
        relative_std_dev = _mean_relative_std_dev(found[MONTE_CARLO], of_voxels, voxels)
    names = ("difference", f"difference_percent_{doses.engines[1]}", "difference_percent_prescription")
    summaries = [summarise(at_voxels(name), voxels.volume, PERCENTILES) for name in names]
    smoothing = nothing
    if doses.imported is not None:
        calculated = next(e for e in doses.engines if e != IMPORTED)
        whole = data[f"dose_{calculated}"].to_numpy().astype(float)
        smoothed = doses.imported.smoothed(whole, doses.axes).ravel()[voxels.flat]
        smoothing = (
            dose_volume_indices(_filled(smoothed), voxels, prescription)
            - indices[:, doses.engines.index(calculated)]
        )
    return JudgedStructure(
        indices,
        rescaled,
        rescaled_std_dev,
        to_water,
        to_water_std_dev,
        std_dev,
        bias,
        curves,
        curve_std_dev,
        np.array([summary.mean for summary in summaries]),
        np.stack([summary.percentiles for summary in summaries]),
        difference_std_dev,
        relative_std_dev,
        covered,
        smoothing,
    )


def _filled(dose: FloatArray) -> FloatArray:
    """The dose with 0 where an imported one has none, in the last part of a per mille of a structure."""
    return np.nan_to_num(dose)


def _difference_summary(
    dose: FloatArray, reference: FloatArray, voxels: StructureVoxels, prescription: float
) -> FloatArray:
    """Mean and percentiles of a difference in Gy, in % of the dose judged against, in % of the prescription."""
    change = dose - reference
    relative = 100 * np.divide(change, reference, out=np.full_like(change, np.nan), where=reference > 0)
    summaries = [
        summarise(values, voxels.volume, PERCENTILES)
        for values in (change, relative, 100 * change / prescription)
    ]
    return np.array([[summary.mean, *summary.percentiles] for summary in summaries])


def _rescaled(
    data: xr.Dataset, factor: float, dose: FloatArray, voxels: StructureVoxels, prescription: float
) -> tuple[FloatArray, FloatArray]:
    """Indices of TG-43 with the Monte Carlo dose-rate constant, and their uncertainties from that of the constant."""
    relative = float(data.attrs["monte_carlo_dose_rate_constant_std_dev"]) / float(
        data.attrs["monte_carlo_dose_rate_constant"]
    )
    value, higher, lower = (
        dose_volume_indices(factor * (1.0 + part) * dose, voxels, prescription)
        for part in (0.0, relative, -relative)
    )
    return value, 0.5 * np.abs(higher - lower)


def _curve(
    dose: NDArray[np.float64], voxels: StructureVoxels, levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    dvh = dose_volume_histogram(dose, voxels.volume)
    return 100 * dvh.volume_at_least(levels) / dvh.volume if dvh.volume else levels * np.nan


def _judge_dose_to_water(
    monte_carlo: xr.Dataset, voxels: StructureVoxels, prescription: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Indices of the Monte Carlo dose to water and their type A uncertainties, NaN where it was not scored."""
    nothing = np.full(len(INDICES), np.nan)
    if "dose_to_water" not in monte_carlo:
        return nothing, nothing
    dose = monte_carlo.dose_to_water.to_numpy().ravel()[voxels.flat].astype(float)
    indices = dose_volume_indices(dose, voxels, prescription)
    groups = group_doses(monte_carlo, voxels, "group_dose_to_water")
    if groups is None or not voxels.flat.size:
        return indices, nothing
    weights = group_weights(monte_carlo)
    return indices, index_uncertainties(indices, groups, voxels, prescription, weights).std_dev


def group_doses(
    monte_carlo: xr.Dataset, voxels: StructureVoxels, name: str = "group_dose"
) -> NDArray[np.float64] | None:
    """Group doses at a structure's voxels, (groups, voxels) in Gy; None where they do not cover it (BODY)."""
    if name not in monte_carlo or not monte_carlo.sizes["voxel"]:
        return None
    stored = np.asarray(monte_carlo.group_voxel)
    order = np.argsort(stored)
    place = np.minimum(np.searchsorted(stored, voxels.flat, sorter=order), stored.size - 1)
    if not np.array_equal(stored[order[place]], voxels.flat):
        return None
    return np.asarray(monte_carlo[name])[:, order[place]].astype(float)


def _mean_relative_std_dev(
    dose: NDArray[np.float64], std_dev: NDArray[np.float64], voxels: StructureVoxels
) -> float:
    scored = dose > 0
    if not scored.any():
        return float("nan")
    return float(100 * np.average(std_dev[scored] / dose[scored], weights=voxels.volume[scored]))
