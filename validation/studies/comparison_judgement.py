"""What is judged in a comparison, as variables: histograms, indices, differences, a short budget."""

from __future__ import annotations

import numpy as np
import xarray as xr

from validation.evaluate.indices import INDICES
from validation.studies.comparison_doses import TG43, ComparedDoses
from validation.studies.comparison_structure import (
    PERCENTILES,
    JudgedStructure,
    constant_factor,
    dose_levels,
    judge_structure,
)
from validation.studies.comparison_voxels import label_of
from validation.studies.dataset_file import put

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
_START_STEP = ("TG-43", "TG-43 with its own source data")
_WHOLE_STEP = (
    "everything",
    "Monte Carlo: source data, finite scatter, interseed shadowing and tissue together",
)


def relative_unit(label: str) -> str:
    """Unit of a difference in % of a dose.

    Examples
    --------
    >>> relative_unit("TG-43")
    '% of TG-43 dose'
    """
    return f"% of {label} dose"


def add_judgement(data: xr.Dataset, doses: ComparedDoses) -> None:
    """Add histograms, indices, differences and the budget of every structure.

    Parameters
    ----------
    data : xr.Dataset
        Voxels, structures and attributes of a comparison; changed in place.
    doses : ComparedDoses
        The doses; a Monte Carlo result with its group doses.
    """
    judged = [judge_structure(data, doses, s) for s in range(data.sizes["structure"])]
    _put_histograms(data, doses.engines, judged)
    _put_indices(data, judged)
    _put_differences(data, doses.engines, judged)
    _put_budget(data, doses, judged)
    if doses.imported is not None:
        _put_imported(data, judged)


def _put_histograms(data: xr.Dataset, engines: tuple[str, ...], judged: list[JudgedStructure]) -> None:
    put(
        data,
        "engine",
        ("engine",),
        np.array(engines, dtype=object),
        units="1",
        description="what calculated the dose",
    )
    put(
        data,
        "dvh_dose",
        ("dvh_dose",),
        dose_levels(data),
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


def _put_indices(data: xr.Dataset, judged: list[JudgedStructure]) -> None:
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


def _put_differences(data: xr.Dataset, engines: tuple[str, ...], judged: list[JudgedStructure]) -> None:
    one, other = (label_of(engine, data) for engine in engines[:2])
    put(
        data,
        "difference_unit",
        ("difference_unit",),
        np.array(["Gy", relative_unit(other), "% of prescription"], dtype=object),
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
        description=f"volume-weighted mean of {one} minus {other}",
    )
    put(
        data,
        "difference_percentile",
        ("structure", "difference_unit", "percentile"),
        np.stack([j.percentiles for j in judged]),
        units="see difference_unit",
        description="difference that the given part of the volume does not exceed",
    )
    std_dev = np.stack([j.difference_std_dev for j in judged])
    put(
        data,
        "difference_mean_std_dev",
        ("structure", "difference_unit"),
        std_dev[..., 0],
        units="see difference_unit",
        description="type A standard uncertainty of difference_mean; NaN without group doses",
    )
    put(
        data,
        "difference_percentile_std_dev",
        ("structure", "difference_unit", "percentile"),
        std_dev[..., 1:],
        units="see difference_unit",
        description="type A standard uncertainty of difference_percentile; NaN without group doses",
    )
    put(
        data,
        "mean_relative_std_dev",
        ("structure",),
        np.array([j.relative_std_dev for j in judged]),
        units="%",
        description="volume-weighted mean of the voxels' relative type A standard uncertainty of dose",
    )


def _put_imported(data: xr.Dataset, judged: list[JudgedStructure]) -> None:
    put(
        data,
        "imported_covered",
        ("structure",),
        np.array([j.covered for j in judged]),
        units="%",
        description="part of the structure's tissue on the dose grid that the imported dose covers",
    )
    put(
        data,
        "imported_smoothing",
        ("structure", "index"),
        np.stack([j.smoothing for j in judged]),
        units="see index_unit",
        description="what taking a dose to the imported grid's points and back does to its indices: the size of what "
        "interpolation does to the imported one",
    )


def _put_budget(data: xr.Dataset, doses: ComparedDoses, judged: list[JudgedStructure]) -> None:
    values = np.stack([j.indices for j in judged])
    monte_carlo = doses.monte_carlo
    label = label_of(doses.engines[1], data)
    steps = [
        _START_STEP if doses.engines[1] == TG43 else (label, str(data.attrs["imported_origin"])),
        _WHOLE_STEP,
    ]
    if monte_carlo is None:
        steps[1] = ("everything", f"{label_of(doses.engines[0], data)}: source data and algorithm together")
    chain = [values[..., 1], values[..., 0]]
    std_dev = [np.zeros(values.shape[:2]), np.stack([j.std_dev for j in judged])]
    if monte_carlo is not None and "dose_to_water" in monte_carlo:
        steps[1:] = [_TO_WATER_STEP, _TO_MEDIUM_STEP]
        chain.insert(1, np.stack([j.to_water for j in judged]))
        std_dev.insert(1, np.stack([j.to_water_std_dev for j in judged]))
    if constant_factor(data) is not None:
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
