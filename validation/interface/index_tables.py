"""Indices as small data sets: of a comparison, and of a study."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.studies.dataset_file import put
from validation.studies.study_file import Study
from validation.studies.study_settings import StudySettings
from validation.studies.study_summary import IndexSummary, Summary, summarised

# Of a study's rows: name, unit (empty: that of the index), description.
_OF_ROWS = (
    ("tg43_mean", "", "mean over the members by TG-43"),
    ("tg43_mean_std_dev", "", "its standard uncertainty"),
    ("tg43_spread", "", "standard deviation over the members by TG-43"),
    ("monte_carlo_mean", "", "mean over the members by Monte Carlo, TG-43 as control variate"),
    ("monte_carlo_mean_std_dev", "", "its standard uncertainty"),
    ("monte_carlo_spread", "", "standard deviation over the members by Monte Carlo, noise taken off"),
    ("monte_carlo_spread_std_dev", "", "its standard uncertainty"),
    ("noise", "", "standard deviation that the histories give one Monte Carlo member"),
    ("change", "", "mean by Monte Carlo minus that of the plan"),
    ("change_std_dev", "", "its standard uncertainty"),
    ("tg43_change", "", "mean by TG-43 minus that of the plan"),
    ("correlation", "1", "of TG-43 with Monte Carlo over the members, cross-validated"),
    ("variance_reduction", "1", "of the mean, against Monte Carlo alone of the same cost"),
)


def index_table(comparison: xr.Dataset) -> xr.Dataset:
    """Every index as a variable of its own.

    Parameters
    ----------
    comparison : xarray.Dataset
        From `validation.compare`.

    Returns
    -------
    xarray.Dataset
        ``D90``, ``V100`` … and ``<index>_std_dev`` over (structure, engine), in the unit of the index; type A
        uncertainties, NaN where there is none.
    """
    table = xr.Dataset(attrs=_facts(comparison))
    for name in ("structure", "engine"):
        table.coords[name] = comparison[name]
    engines = comparison.engine.values.tolist()
    for k, name in enumerate(comparison["index"].values.tolist()):
        unit = str(comparison.index_unit.values[k])
        definition = str(comparison.index_definition.values[k])
        dims = ("structure", "engine")
        values = comparison.index_value.isel(index=k).transpose(*dims).values
        put(table, name, dims, values, units=unit, description=definition)
        table[name].attrs["long_name"] = name
        std_dev = np.full(values.shape, np.nan)
        if "monte_carlo" in engines:
            std_dev[:, engines.index("monte_carlo")] = comparison.index_std_dev.isel(index=k).values
        text = f"type A standard uncertainty of {name}"
        put(table, f"{name}_std_dev", dims, std_dev, units=unit, description=text)
        table[f"{name}_std_dev"].attrs["long_name"] = text
    return table


def _facts(comparison: xr.Dataset) -> dict[str, object]:
    names = ("case_name", "case_digest", "settings_digest", "prescription_dose_gy", "prescription_target")
    return {name: comparison.attrs[name] for name in names if name in comparison.attrs}


def summary_of(study: xr.Dataset) -> Summary:
    """Estimates from the members of a study."""
    settings = StudySettings.from_record(json.loads(str(study.attrs["settings"])))
    return summarised(Study(settings, study), settings.prescription_gy)


def summary_table(study: xr.Dataset) -> xr.Dataset:
    """Means, spreads and uncertainties of every index in every scenario.

    Parameters
    ----------
    study : xarray.Dataset
        From `validation.displacement_study` and the like.

    Returns
    -------
    xarray.Dataset
        Over (scenario, structure, index), the unit of each index in ``index_unit``; NaN where an engine has no members
        or a structure is too small. ``probability`` that the target's D90 reaches the prescription and the ends of
        its 95 % interval over (scenario, engine).
    """
    found = summary_of(study)
    table = xr.Dataset(attrs={k: study.attrs[k] for k in ("case_digest", "settings_digest")})
    dims = ("scenario", "structure", "index")
    for name in (*dims, "sigma", "edema", "shrinkage", "index_unit", "index_definition"):
        table.coords[name] = study[name]
    places = [study[dim].values.tolist() for dim in dims]
    for name, unit, description in _OF_ROWS:
        values = _values(found.rows, name, places)
        put(table, name, dims, values, units=unit or "see index_unit", description=description)
    engines = list(dict.fromkeys(p.engine for p in found.probabilities))
    put(table, "engine", ("engine",), engines, units="1", description="what calculated the dose")
    for name, field, text in (
        (
            "probability",
            "value",
            "probability over the members that the target's D90 reaches the prescription",
        ),
        ("probability_lower", "lower", "lower end of its 95 % interval"),
        ("probability_upper", "upper", "upper end of its 95 % interval"),
    ):
        chances = np.full((len(places[0]), len(engines)), np.nan)
        for p in found.probabilities:
            chances[places[0].index(p.scenario), engines.index(p.engine)] = getattr(p, field)
        put(table, name, ("scenario", "engine"), chances, units="1", description=text)
    for label, variable in table.variables.items():
        variable.attrs.setdefault("long_name", str(label).replace("_", " "))
    return table


def _values(rows: tuple[IndexSummary, ...], name: str, places: list[list[str]]) -> NDArray[np.float64]:
    values = np.full([len(labels) for labels in places], np.nan)
    for row in rows:
        at = tuple(
            labels.index(label)
            for labels, label in zip(places, (row.scenario, row.structure, row.index), strict=True)
        )
        values[at] = getattr(row, name)
    return values
