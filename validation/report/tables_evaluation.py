"""Tables of the report about gamma, conformity, simple biology, and noise apart from the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass

from validation.report.number_text import NOT_DEFINED, decimals, measured, number
from validation.report.tables import ordered_structures, with_unit
from validation.studies.compare import Comparison


@dataclass(frozen=True)
class GammaRow:
    """Pass rates of one pair of doses and criterion: in the body, then in each structure."""

    pair: str
    criterion: str
    rates: tuple[str, ...]


@dataclass(frozen=True)
class EngineRow:
    """One quantity of the target by every dose."""

    name: str
    definition: str
    values: tuple[str, ...]


def gamma_columns(comparison: Comparison) -> tuple[str, ...]:
    """Headings of the gamma table: the outline of the body, or the whole grid, then the structures in it."""
    data = comparison.data
    outlines = data.structure.values[data.structure_role.values == "external"]
    return (str(outlines[0]) if outlines.size else "dose grid", *_structures(comparison))


def gamma_table(comparison: Comparison) -> list[GammaRow]:
    """Part of the voxels that pass, for every pair of doses and criterion.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of GammaRow
        Empty where gamma was not asked for.
    """
    data = comparison.data
    if "gamma_pass_rate" not in data:
        return []
    rows = []
    for p, pair in enumerate(data.pair.values):
        for c, criterion in enumerate(data.gamma_criterion.values):
            of_body = float(data.gamma_pass_rate[p, c])
            parts = data.gamma_pass_rate_in_structure[p, c]
            rates = [of_body, *(float(parts.sel(structure=name)) for name in _structures(comparison))]
            texts = tuple(with_unit(number(rate, 1), "%") for rate in rates)
            rows.append(GammaRow(str(pair), str(criterion), texts))
    return rows


def _structures(comparison: Comparison) -> list[str]:
    roles = dict(zip(comparison.data.structure.values, comparison.data.structure_role.values, strict=True))
    return [name for name in ordered_structures(comparison) if roles[name] != "external"]


def conformity_table(comparison: Comparison) -> list[EngineRow]:
    """How the prescription isodose fits the target, by every engine.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of EngineRow
        Empty for a comparison of an earlier version.
    """
    data = comparison.data
    if "conformity_value" not in data:
        return []
    rows = []
    for name in data.conformity_index.values:
        here = data.sel(conformity_index=name)
        unit, u = str(here.conformity_unit.item()), float(here.conformity_std_dev)
        texts = []
        for engine in comparison.engines:
            value = float(here.conformity_value.sel(engine=engine))
            stated = u if engine == "monte_carlo" else float("nan")
            text = measured(value, stated, unit) if stated > 0 else number(value, decimals(u, unit))
            texts.append(with_unit(text, unit))
        rows.append(EngineRow(str(name), str(here.conformity_definition.item()), tuple(texts)))
    return rows


def split_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Root mean square of the voxel differences, and what of it noise explains, per structure.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of tuple of str
        Name, whole, noise, the rest; in % of the dose judged against. Empty for a comparison of an earlier version.
    """
    data = comparison.data
    if "split_rms" not in data:
        return []
    rows = []
    for name in ordered_structures(comparison):
        here = data.sel(structure=name)
        values = [float(here[part]) for part in ("split_rms", "split_statistical", "split_systematic")]
        texts = [with_unit(number(value, 2), "%") for value in values]
        rows.append((str(name), *(texts if values[0] == values[0] else [NOT_DEFINED] * 3)))
    return rows


def biology_table(comparison: Comparison) -> list[EngineRow]:
    """Simple biology of the target by every dose.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of EngineRow
        Empty for a comparison of an earlier version.
    """
    data = comparison.data
    if "biology_value" not in data:
        return []
    rows = []
    for name in data.biology_quantity.values:
        here = data.sel(biology_quantity=name)
        u = float(here.biology_std_dev) if "biology_std_dev" in here else float("nan")
        texts = []
        for engine in comparison.engines:
            value = float(here.biology_value.sel(engine=engine))
            stated = engine == "monte_carlo" and u > 0
            text = measured(value, u, "Gy") if stated else number(value, decimals(u, "Gy"))
            texts.append(with_unit(text, "Gy"))
        rows.append(EngineRow(str(name), str(here.biology_definition.item()), tuple(texts)))
    return rows


def biology_parameters(comparison: Comparison) -> str:
    """Parameters of the models in one line; empty for a comparison of an earlier version."""
    if "biology_parameters" not in comparison.data.attrs:
        return ""
    p = json.loads(str(comparison.data.attrs["biology_parameters"]))
    return (
        f"α = {p['alpha']:g} /Gy, α/β = {p['alpha_beta']:g} Gy, repair half-time {p['repair_half_time_h']:g} h, "
        f"doubling time {p['doubling_time_d']:g} d, a = {p['volume_parameter']:g} ({p['source']})".replace(
            "= -", "= −"
        )
    )
