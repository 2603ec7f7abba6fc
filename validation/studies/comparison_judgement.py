"""Judgement of a comparison: histograms, indices, differences and their division into terms."""

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
from validation.studies.dataset_file import put

ENGINES = ("monte_carlo", "tg43")
#: Percentages of a structure's volume at which the distribution of a difference is given.
PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
DIFFERENCE_UNITS = ("Gy", "% of TG-43 dose", "% of prescription")
# Doses of the sampled histograms, in % of the prescription: 0.5 % steps follow every curve to well below
# its Monte Carlo uncertainty; beyond 400 % lies the volume within about 2 mm of seeds.
_DVH_PERCENT = np.arange(0.0, 400.1, 0.5)

_GRID = ("x", "y", "z")
_DIFFERENCES = ("difference", "difference_percent_tg43", "difference_percent_prescription")
_DOSE_RATE_CONSTANT_STEP = (
    "dose-rate constant",
    "TG-43 with the dose-rate constant of the Monte Carlo seed model: the same percentage everywhere",
)
_OTHER_STEP = (
    "everything else",
    "Monte Carlo: radial and anisotropy functions, finite scatter, interseed shadowing and tissue together",
)
_TO_WATER_STEP = (
    "radiation field",
    "Monte Carlo, dose to water from the fluence in the tissues: radial and anisotropy functions, finite scatter, "
    "interseed shadowing and attenuation by tissue together",
)
_TO_MEDIUM_STEP = (
    "dose to medium",
    "Monte Carlo, dose to the tissue itself in place of dose to water: the ratio of their energy absorption (TG-186)",
)
_WHOLE_STEP = (
    "everything",
    "Monte Carlo: source data, finite scatter, interseed shadowing and tissue together",
)


@dataclass(frozen=True)
class _Judged:
    """One structure: NaN where a quantity is not defined."""

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
    relative_std_dev: float  # %


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


def add_judgement(data: xr.Dataset, monte_carlo: xr.Dataset) -> None:
    """Add histograms, indices, differences and the budget of every structure.

    Parameters
    ----------
    data : xr.Dataset
        Doses, structures and attributes of a comparison; changed in place.
    monte_carlo : xr.Dataset
        Monte Carlo result with its group doses.
    """
    judged = [_judge(data, monte_carlo, s) for s in range(data.sizes["structure"])]
    _put_histograms(data, judged)
    _put_indices(data, judged)
    _put_differences(data, judged)
    _put_budget(data, judged, monte_carlo)


def _dose_rate_constant_factor(data: xr.Dataset) -> float | None:
    if "monte_carlo_dose_rate_constant" not in data.attrs:
        return None
    return dose_rate_constant_factor(
        float(data.attrs["monte_carlo_dose_rate_constant"]), float(data.attrs["tg43_dose_rate_constant"])
    )


def _levels(data: xr.Dataset) -> NDArray[np.float64]:
    return _DVH_PERCENT / 100 * float(data.attrs["prescription_dose_gy"])


def _judge(data: xr.Dataset, monte_carlo: xr.Dataset, structure: int) -> _Judged:
    prescription, levels = float(data.attrs["prescription_dose_gy"]), _levels(data)
    fraction = data.structure_fraction.to_numpy()[structure]
    x, y, z = (data[axis].to_numpy() for axis in _GRID)
    voxels = structure_voxels(part_volumes(x, y, z, fraction, data.tissue_fraction), fraction)

    def at_voxels(name: str) -> NDArray[np.float64]:
        return data[name].to_numpy().ravel()[voxels.flat].astype(float)

    doses = [at_voxels(f"dose_{engine}") for engine in ENGINES]
    indices = np.stack([dose_volume_indices(dose, voxels, prescription) for dose in doses], axis=-1)
    curves = np.stack([_curve(dose, voxels, levels) for dose in doses])
    factor = _dose_rate_constant_factor(data)
    rescaled = np.full(len(INDICES), np.nan)
    rescaled_std_dev = np.zeros(len(INDICES))
    if factor is not None:
        rescaled = dose_volume_indices(factor * doses[1], voxels, prescription)
        relative = float(data.attrs["monte_carlo_dose_rate_constant_std_dev"]) / float(
            data.attrs["monte_carlo_dose_rate_constant"]
        )
        higher, lower = (
            dose_volume_indices(factor * (1.0 + sign * relative) * doses[1], voxels, prescription)
            for sign in (1.0, -1.0)
        )
        rescaled_std_dev = 0.5 * np.abs(higher - lower)
    std_dev, bias, curve_std_dev = rescaled * np.nan, rescaled * np.nan, levels * np.nan
    groups = group_doses(monte_carlo, voxels)
    if groups is not None and voxels.flat.size:
        weights = group_weights(monte_carlo)
        found = index_uncertainties(indices[:, 0], groups, voxels, prescription, weights)
        std_dev, bias = found.std_dev, found.bias
        halves = [
            [_curve(dose, voxels, levels) for dose in side] for side in half_sample_doses(groups, weights)
        ]
        curve_std_dev = type_a(curves[0], np.array(halves)).std_dev
    to_water, to_water_std_dev = _judge_dose_to_water(monte_carlo, voxels, prescription)
    summaries = [summarise(at_voxels(name), voxels.volume, PERCENTILES) for name in _DIFFERENCES]
    return _Judged(
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
        _mean_relative_std_dev(doses[0], at_voxels("dose_monte_carlo_std_dev"), voxels),
    )


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


def _put_histograms(data: xr.Dataset, judged: list[_Judged]) -> None:
    put(
        data,
        "engine",
        ("engine",),
        np.array(ENGINES, dtype=object),
        units="1",
        description="what calculated the dose",
    )
    put(
        data,
        "dvh_dose",
        ("dvh_dose",),
        _levels(data),
        units="Gy",
        description="dose of the sampled histograms",
    )
    put(
        data,
        "dvh_volume",
        ("structure", "engine", "dvh_dose"),
        np.stack([j.curves for j in judged]),
        units="%",
        description="part of the structure's tissue volume that receives at least dvh_dose",
    )
    put(
        data,
        "dvh_std_dev",
        ("structure", "dvh_dose"),
        np.stack([j.curve_std_dev for j in judged]),
        units="%",
        description="type A standard uncertainty of the Monte Carlo dvh_volume; NaN without group doses",
    )


def _put_indices(data: xr.Dataset, judged: list[_Judged]) -> None:
    names, units, definitions = (
        np.array([getattr(index, part) for index in INDICES], dtype=object)
        for part in ("name", "unit", "definition")
    )
    put(data, "index", ("index",), names, units="1", description="name of the dose-volume index")
    put(data, "index_unit", ("index",), units, units="1", description="unit of the index")
    put(data, "index_definition", ("index",), definitions, units="1", description="definition of the index")
    put(
        data,
        "index_value",
        ("structure", "index", "engine"),
        np.stack([j.indices for j in judged]),
        units="see index_unit",
        description="value of the index; NaN where it is not defined",
    )
    put(
        data,
        "index_std_dev",
        ("structure", "index"),
        np.stack([j.std_dev for j in judged]),
        units="see index_unit",
        description="type A standard uncertainty of the Monte Carlo value; NaN without group doses",
    )
    put(
        data,
        "index_bias",
        ("structure", "index"),
        np.stack([j.bias for j in judged]),
        units="see index_unit",
        description="estimated bias of the Monte Carlo value by noise; not subtracted from index_value",
    )


def _put_differences(data: xr.Dataset, judged: list[_Judged]) -> None:
    put(
        data,
        "difference_unit",
        ("difference_unit",),
        np.array(DIFFERENCE_UNITS, dtype=object),
        units="1",
        description="unit in which a difference is given",
    )
    put(
        data,
        "percentile",
        ("percentile",),
        np.array(PERCENTILES),
        units="%",
        description="part of the structure's volume",
    )
    put(
        data,
        "difference_mean",
        ("structure", "difference_unit"),
        np.stack([j.mean for j in judged]),
        units="see difference_unit",
        description="volume-weighted mean of Monte Carlo minus TG-43",
    )
    put(
        data,
        "difference_percentile",
        ("structure", "difference_unit", "percentile"),
        np.stack([j.percentiles for j in judged]),
        units="see difference_unit",
        description="difference that the given part of the volume does not exceed",
    )
    put(
        data,
        "mean_relative_std_dev",
        ("structure",),
        np.array([j.relative_std_dev for j in judged]),
        units="%",
        description="volume-weighted mean of the voxels' relative type A standard uncertainty of dose",
    )


def _put_budget(data: xr.Dataset, judged: list[_Judged], monte_carlo: xr.Dataset) -> None:
    values = np.stack([j.indices for j in judged])
    steps = [("TG-43", "TG-43 with its own source data"), _WHOLE_STEP]
    chain = [values[..., 1], values[..., 0]]
    std_dev = [np.zeros(values.shape[:2]), np.stack([j.std_dev for j in judged])]
    if "dose_to_water" in monte_carlo:
        steps[1:] = [_TO_WATER_STEP, _TO_MEDIUM_STEP]
        chain.insert(1, np.stack([j.to_water for j in judged]))
        std_dev.insert(1, np.stack([j.to_water_std_dev for j in judged]))
    if _dose_rate_constant_factor(data) is not None:
        steps[1:] = [_DOSE_RATE_CONSTANT_STEP, *(steps[1:] if len(steps) > 2 else [_OTHER_STEP])]
        chain.insert(1, np.stack([j.rescaled for j in judged]))
        std_dev.insert(1, np.stack([j.rescaled_std_dev for j in judged]))
    names, descriptions = (np.array(part, dtype=object) for part in zip(*steps, strict=True))
    put(
        data,
        "budget_step",
        ("budget_step",),
        names,
        units="1",
        description="what changed since the step before",
    )
    put(
        data,
        "budget_description",
        ("budget_step",),
        descriptions,
        units="1",
        description="the step in one sentence",
    )
    put(
        data,
        "budget_value",
        ("budget_step", "structure", "index"),
        np.stack(chain),
        units="see index_unit",
        description="value of the index at the step; a term is the change from the step before",
    )
    put(
        data,
        "budget_std_dev",
        ("budget_step", "structure", "index"),
        np.stack(std_dev),
        units="see index_unit",
        description="type A standard uncertainty of budget_value",
    )
