"""Tables of the report about gamma, conformity, and noise apart from the rest."""

from __future__ import annotations

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
class ConformityRow:
    """One conformity index of the target by every engine."""

    name: str
    definition: str
    values: tuple[str, ...]


def gamma_columns(comparison: Comparison) -> tuple[str, ...]:
    """Headings of the gamma table: the body, then the structures in it."""
    return ("body", *_structures(comparison))


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


def conformity_table(comparison: Comparison) -> list[ConformityRow]:
    """How the prescription isodose fits the target, by every engine.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of ConformityRow
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
        rows.append(ConformityRow(str(name), str(here.conformity_definition.item()), tuple(texts)))
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
