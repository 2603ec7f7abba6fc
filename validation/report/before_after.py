"""Indices of plan and implant side by side, by every dose that both have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.evaluate.indices import INDICES
from validation.report.number_text import NOT_DEFINED, decimals, measured, number
from validation.report.tables import ordered_structures, with_unit
from validation.studies.compare import Comparison
from validation.studies.post_implant_indices import ORGAN_INDICES, TARGET_INDICES, IndexChange

_HEADS = ("planned", "implanted", "change")


@dataclass(frozen=True)
class BeforeAfterRow:
    """One index; for every dose the value planned, the value implanted and the change."""

    name: str
    definition: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class BeforeAfterStructure:
    """Indices of one structure."""

    name: str
    rows: tuple[BeforeAfterRow, ...]


def changes_between(before: Comparison, after: Comparison) -> dict[str, list[IndexChange]]:
    """Indices of two comparisons of one patient, by the name of the dose.

    Parameters
    ----------
    before, after : Comparison
        Of the plan and of the implant.

    Returns
    -------
    dict of str to list of IndexChange
        Doses and structures that both have.

    Raises
    ------
    InvalidInput
        The two have different prescriptions, or no dose or structure in common.
    """
    of = [(c.target, c.prescription) for c in (before, after)]
    if of[0] != of[1]:
        raise InvalidInput(
            f"prescription of the comparison before is {of[0][1]:g} Gy to {of[0][0]}, expected {of[1][1]:g} Gy to "
            f"{of[1][0]} (both are of one patient). Give the comparison of the plan of this implant."
        )
    doses = [engine for engine in after.engines if engine in before.engines]
    first, second = before.data, after.data
    names = [name for name in ordered_structures(after) if name in set(first.structure.values)]
    roles = dict(zip(second.structure.values, second.structure_role.values, strict=True))
    changes: dict[str, list[IndexChange]] = {}
    for engine in doses:
        rows = []
        for name in names:
            if roles[name] == "external":
                continue
            for index in TARGET_INDICES if roles[name] == "target" else ORGAN_INDICES:
                at = {"structure": name, "index": index}
                values = [float(data.index_value.sel(**at, engine=engine)) for data in (first, second)]
                u = [
                    float(data.index_std_dev.sel(**at)) if engine == "monte_carlo" else 0.0
                    for data in (first, second)
                ]
                if np.isfinite(values).any():
                    rows.append(
                        IndexChange(name, index, str(second.index_unit.sel(index=index).item()), *values, *u)
                    )
        changes[after.label(engine)] = rows
    return changes


def heads(changes: Mapping[str, Sequence[IndexChange]]) -> list[tuple[str, str]]:
    """Heads of the columns, as (dose, state).

    Examples
    --------
    >>> heads({"TG-43": []})
    [('TG-43', 'planned'), ('TG-43', 'implanted'), ('TG-43', 'change')]
    """
    return [(dose, state) for dose in changes for state in _HEADS]


def before_after_table(changes: Mapping[str, Sequence[IndexChange]]) -> list[BeforeAfterStructure]:
    """One table of all doses.

    Parameters
    ----------
    changes : mapping of str to sequence of IndexChange
        By dose; rows that only some doses have stay empty for the others.

    Returns
    -------
    list of BeforeAfterStructure
        In the order of the rows.
    """
    told = {index.name: index.definition for index in INDICES}
    found = {dose: {(row.structure, row.index): row for row in rows} for dose, rows in changes.items()}
    keys = list(dict.fromkeys((row.structure, row.index) for rows in changes.values() for row in rows))
    tables = []
    for structure in dict.fromkeys(name for name, _ in keys):
        rows = tuple(
            BeforeAfterRow(
                index, told.get(index, ""),
                tuple(cell for dose in changes for cell in cells(found[dose].get((structure, index)))),
            )
            for name, index in keys if name == structure
        )  # fmt: skip
        tables.append(BeforeAfterStructure(structure, rows))
    return tables


def cells(row: IndexChange | None) -> tuple[str, str, str]:
    r"""Planned, implanted and change as text, every number with its unit.

    Examples
    --------
    >>> cells(IndexChange("PTV", "D90", "Gy", 120.0, 110.0, 0.3, 0.4))
    ('120.00 ± 0.30\xa0Gy', '110.00 ± 0.40\xa0Gy', '−10.00 ± 0.50\xa0Gy (−8.3\xa0%)')
    """
    if row is None:
        return NOT_DEFINED, NOT_DEFINED, NOT_DEFINED
    u = float(np.hypot(row.before_std_dev, row.after_std_dev))
    change = with_unit(measured(row.change, u, row.unit, sign=True), "pp" if row.unit == "%" else row.unit)
    if row.unit == "Gy" and row.before > 0 and np.isfinite(row.change):
        change += f" ({number(100 * row.change / row.before, 1, sign=True)}\u00a0%)"
    before, after = (
        with_unit(measured(v, s, row.unit) if s > 0 else number(v, decimals(s, row.unit)), row.unit)
        for v, s in ((row.before, row.before_std_dev), (row.after, row.after_std_dev))
    )
    return before, after, change
