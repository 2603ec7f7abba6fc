"""Tables of the report: what each cell says, as text."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.report.number_text import NOT_DEFINED, decimals, measured, number
from validation.studies.compare import Comparison

_TARGET_INDICES = (
    "D90",
    "D98",
    "D100",
    "D50",
    "D2",
    "V100",
    "V150",
    "V200",
    "mean dose",
    "DHI",
    "HI ICRU 83",
)
_ORGAN_INDICES = ("D0.1cc", "D2cc", "mean dose", "V100")
_BUDGET_INDICES = ("D90", "V100", "mean dose")
_ROLE_ORDER = ("target", "organ", "avoidance", "cavity", "other", "external")
FULLY_COVERED = 99.0  # %; below, the report says that a structure leaves the dose grid
_NOTHING = 0.05  # %: volumes below are 0.0 %, their noise says nothing
_VOLUME_OF = {"D2cc": 2.0, "D0.1cc": 0.1}  # cm³
_LARGE = 10.0  # cm³: one decimal is enough
_SMALLEST = 0.01  # cm³


@dataclass(frozen=True)
class IndexRow:
    """One index of one structure; every number with its unit."""

    name: str
    definition: str
    judged: str
    reference: str
    other: str
    difference: str
    absolute: str
    bias: str


@dataclass(frozen=True)
class StructureRows:
    """Indices of one structure."""

    name: str
    role: str
    volume: str
    rows: tuple[IndexRow, ...]


@dataclass(frozen=True)
class BudgetRow:
    """One term of a difference, for each index."""

    name: str
    description: str
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Headline:
    """The result in one sentence and its numbers."""

    sentence: str
    target: str
    judged: str
    reference: str
    difference: str
    uncertainty: str


def ordered_structures(comparison: Comparison) -> list[str]:
    """Names of the structures: the prescribed target first, then by role.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of str
        Names.
    """
    data = comparison.data
    roles = dict(zip(data.structure.values, data.structure_role.values, strict=True))
    return sorted(
        data.structure.values, key=lambda name: (name != comparison.target, _ROLE_ORDER.index(roles[name]))
    )


def headline(comparison: Comparison) -> Headline:
    """D90 of the target by both engines in one sentence.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    Headline
        Sentence and numbers.
    """
    data = comparison.data.sel(structure=comparison.target, index="D90")
    engines = comparison.engines[:2]
    judged, reference = (comparison.label(engine) for engine in engines)
    value, known_value = (float(data.index_value.sel(engine=engine)) for engine in engines)
    u = float(data.index_std_dev)
    percent, u_percent = 100 * (value / known_value - 1), 100 * u / known_value
    difference = measured(percent, u_percent, "%", sign=True)
    size = measured(abs(percent), u_percent, "%")
    known = math.isfinite(u) and u > 0
    what = "the simulated dose" if engines[0] == "monte_carlo" else "its dose"
    if known and abs(percent) < 2 * u_percent:
        verdict = f"the two agree within the statistical uncertainty (difference {difference} %)"
    else:
        verdict = f"{what} is {size} % {'lower' if percent < 0 else 'higher'}"
    caveat = "" if known else " (uncertainty not known)"
    sentence = (
        f"{judged} gives {comparison.target} a D90 of {measured(value, u, 'Gy')} Gy{caveat}, "
        f"{reference} {number(known_value, decimals(u, 'Gy'))} Gy: {verdict}."
    )
    missing = "uncertainty not known: too few batches, run longer"
    if engines[0] != "monte_carlo":
        missing = "uncertainty not known"
    return Headline(
        sentence,
        comparison.target,
        f"{measured(value, u, 'Gy')} Gy",
        f"{number(known_value, decimals(u, 'Gy'))} Gy",
        f"{difference} %",
        "type A (statistical), k = 1" if known else missing,
    )


def result_line(comparison: Comparison) -> str:
    """D90 of the target by both engines in one short line.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    str
        Such as "PTV D90: Monte Carlo 85.20 ± 0.10 Gy, TG-43 128.96 Gy (−33.93 ± 0.08 %)".
    """
    found = headline(comparison)
    judged, reference = (comparison.label(engine) for engine in comparison.engines[:2])
    return f"{found.target} D90: {judged} {found.judged}, {reference} {found.reference} ({found.difference})"


def index_table(comparison: Comparison) -> list[StructureRows]:
    """Indices of every structure but the body outline.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of StructureRows
        Targets with coverage and homogeneity, organs with their hottest volumes.
    """
    data = comparison.data
    present = set(data["index"].values)
    tables = []
    for name in ordered_structures(comparison):
        structure = data.sel(structure=name)
        role = str(structure.structure_role.item())
        if role == "external":
            continue
        shown = _TARGET_INDICES if role == "target" else _ORGAN_INDICES
        rows = tuple(_index_row(comparison, name, index) for index in shown if index in present)
        volume = f"{number(float(structure.structure_volume), 2)} cm³"
        covered = float(structure.structure_covered)
        if covered < FULLY_COVERED:
            volume = f"{_part_on_grid(structure)} ({covered:.0f} %) on the dose grid, indices of this part"
        if "imported_covered" in structure and float(structure.imported_covered) < FULLY_COVERED:
            label = comparison.label("imported")
            volume += (
                f"; {label} covers {float(structure.imported_covered):.0f} % of that and is not judged in it"
            )
        tables.append(StructureRows(name, role, volume, rows))
    return tables


def _part_on_grid(structure: xr.Dataset) -> str:
    """Volume on the dose grid and in all, of a structure that leaves the grid."""
    volume, covered = float(structure.structure_volume), float(structure.structure_covered)
    if not covered > 0:
        return "0 cm³"
    whole = 100 * volume / covered
    part = number(volume, 2) if volume >= _SMALLEST else f"below {_SMALLEST:g}"
    return f"{part} of {number(whole, 1 if whole >= _LARGE else 2)} cm³"


def _index_row(comparison: Comparison, structure: str, index: str) -> IndexRow:
    data = comparison.data.sel(structure=structure, index=index)
    unit, definition = str(data.index_unit.item()), str(data.index_definition.item())
    values = [float(data.index_value.sel(engine=engine)) for engine in comparison.engines]
    value, known = values[:2]
    u, bias = float(data.index_std_dev), float(data.index_bias)
    if index in _VOLUME_OF and not any(map(math.isfinite, values)):
        absent = (f"not defined below {_VOLUME_OF[index]:g} cm³",) * 2
        if float(data.structure_covered) < FULLY_COVERED:
            absent = (f"only {_part_on_grid(data)} on the dose grid", NOT_DEFINED)
        return IndexRow(index, definition, *absent, "", *(NOT_DEFINED,) * 3)
    if unit == "%" and max(map(abs, values[:2])) < _NOTHING:
        u = math.nan
    places = decimals(u, unit)
    change = {"%": "pp"}.get(unit, unit)
    absolute = with_unit(measured(value - known, u, unit, sign=True), change)
    difference = absolute
    if unit == "Gy" and known > 0:
        difference = with_unit(measured(100 * (value / known - 1), 100 * u / known, "%", sign=True), "%")
    return IndexRow(
        index,
        definition,
        with_unit(measured(value, u, unit), unit),
        with_unit(number(known, places), unit),
        with_unit(number(values[2], places), unit) if len(values) > 2 else "",
        difference,
        absolute if unit == "Gy" else "",
        with_unit(number(bias, places, sign=True), change),
    )


def with_unit(text: str, unit: str) -> str:
    """A printed number with its unit; a dash and a number without unit stay as they are."""
    return text if text == NOT_DEFINED or unit == "1" else f"{text}\u00a0{unit}"


def definitions(comparison: Comparison) -> list[tuple[str, str]]:
    """Every index with its definition, as (name, sentence).

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of (str, str)
        Rows.
    """
    data = comparison.data
    return [(str(n), str(d)) for n, d in zip(data["index"].values, data.index_definition.values, strict=True)]


def budget_columns() -> tuple[str, ...]:
    """Headings of the budget's columns."""
    return tuple(f"{name} / {'pp' if name[0] == 'V' else 'Gy'}" for name in _BUDGET_INDICES)


def budget_table(comparison: Comparison) -> list[BudgetRow]:
    """Terms of the target's difference that the comparison itself knows, the last row their sum.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of BudgetRow
        Terms in Gy or percentage points, and in % of the first value for doses.
    """
    data, budget = comparison.data, comparison.budget
    s = list(data.structure.values).index(comparison.target)
    columns = [list(data["index"].values).index(name) for name in _BUDGET_INDICES]
    reference = budget.steps[0].values[s]
    units = data.index_unit.values

    # Of the two ends alone: what is between them cancels.
    total_std_dev = np.hypot(budget.steps[0].std_dev[s], budget.steps[-1].std_dev[s])

    def cells(terms: NDArray[np.float64], std_dev: NDArray[np.float64]) -> tuple[str, ...]:
        texts = []
        for i in columns:
            # All terms with the decimals of the whole difference; a term without ± has no stated uncertainty.
            places = decimals(float(total_std_dev[i]), units[i])
            text = number(float(terms[i]), places, sign=True)
            if std_dev[i] > 0:
                text += f" ± {number(float(std_dev[i]), places)}"
            if units[i] == "Gy" and reference[i] > 0:
                text += f" ({number(100 * float(terms[i] / reference[i]), 1, sign=True)} %)"
            texts.append(text)
        return tuple(texts)

    rows = [
        BudgetRow(step.name, step.description, cells(budget.terms[k, s], budget.std_dev[k, s]))
        for k, step in enumerate(budget.steps[1:])
    ]
    total = cells(budget.total[s], total_std_dev)
    judged, reference = (comparison.label(engine) for engine in comparison.engines[:2])
    return [*rows, BudgetRow("whole difference", f"{judged} minus {reference}", total)]


def difference_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Distribution of the voxel difference in % of the dose judged against, per structure.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of tuple of str
        Name, mean and the percentiles, in the order of ``data.percentile``.
    """
    data = comparison.data.sel(difference_unit=comparison.relative_unit)
    rows = []
    for name in ordered_structures(comparison):
        structure = data.sel(structure=name)
        values = [float(structure.difference_mean), *map(float, structure.difference_percentile)]
        std_dev = [float("nan")] * len(values)
        if "difference_mean_std_dev" in data:
            std_dev = [
                float(structure.difference_mean_std_dev),
                *map(float, structure.difference_percentile_std_dev),
            ]
        rows.append(
            (
                name,
                *(
                    with_unit(measured(value, u, "%", sign=True), "%")
                    for value, u in zip(values, std_dev, strict=True)
                ),
            )
        )
    return rows


def water_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Mean difference of every structure from the seeds one by one in infinite water.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of tuple of str
        Name, dose in water, difference, difference in % of it, and what share of the volume is told, if not all of it;
        empty where the result has not kept the dose in water.
    """
    if "difference_to_water_mean" not in comparison.data:
        return []
    rows: list[tuple[str, ...]] = []
    for name in ordered_structures(comparison):
        data = comparison.data.sel(structure=name)
        water, difference, u = (
            float(data[part])
            for part in (
                "water_superposition_mean",
                "difference_to_water_mean",
                "difference_to_water_std_dev",
            )
        )
        percent = NOT_DEFINED
        if water > 0:
            percent = with_unit(measured(100 * difference / water, 100 * u / water, "%", sign=True), "%")
        known = float(data.water_known)
        rows.append(
            (
                name,
                with_unit(number(water, decimals(u, "Gy")), "Gy"),
                with_unit(measured(difference, u, "Gy", sign=True), "Gy"),
                percent,
                f"in {known:.0f}\u00a0% of it" if known < FULLY_COVERED else "",
            )
        )
    return rows
