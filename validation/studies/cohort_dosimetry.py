"""The dosimetry table of a cohort: every index before and after the implant, with the test the data call for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from validation.studies.cohort_csv import number_cell, write_rows
from validation.studies.cohort_intervals import Description, describe
from validation.studies.cohort_paired import ALPHA, Choice, PairedComparison, compare_pairs, holm
from validation.studies.cohort_quantities import measured_quantities
from validation.studies.cohort_table import CohortTable


@dataclass(frozen=True)
class DosimetryRow:
    """One quantity before and after.

    Parameters
    ----------
    name, unit : str
        Quantity and unit.
    comparison : PairedComparison
        Of the complete pairs.
    p_holm : float
        Adjusted for the number of tests of the table.
    """

    name: str
    unit: str
    comparison: PairedComparison
    p_holm: float


@dataclass(frozen=True)
class DescribedRow:
    """One quantity that has one time only: described, not tested.

    Parameters
    ----------
    name, unit, time : str
        Quantity, unit, and ``before``, ``after`` or empty.
    values : Description
        Of all values there are.
    missing : int
        Empty cells.
    normal : bool
        Described by mean ± sd.
    """

    name: str
    unit: str
    time: str
    values: Description
    missing: int
    normal: bool


@dataclass(frozen=True)
class CohortDosimetry:
    """The dosimetry table.

    Parameters
    ----------
    source : path
        Table it was made from.
    lesions : int
        Rows of it.
    rows : tuple of DosimetryRow
        Quantities before and after.
    described : tuple of DescribedRow
        Quantities with one time.
    left_out : tuple of str
        Columns that hold no dosimetric quantity.
    assumed_units : tuple of str
        ``name in unit`` where no heading states the unit.
    alpha : float
        Level of the normality tests.
    choice : str
        ``auto``, or the test asked for.
    """

    source: Path
    lesions: int
    rows: tuple[DosimetryRow, ...]
    described: tuple[DescribedRow, ...]
    left_out: tuple[str, ...]
    assumed_units: tuple[str, ...]
    alpha: float
    choice: str


def cohort_dosimetry(table: CohortTable, choice: Choice = "auto", alpha: float = ALPHA) -> CohortDosimetry:
    """Compare every dosimetric quantity of a table before and after.

    Parameters
    ----------
    table : CohortTable
        One row per lesion; see ``docs/file_formats/cohort.md`` for the columns.
    choice : str
        ``auto``: paired t or Wilcoxon by the normality of the differences; ``t`` or ``wilcoxon`` for all.
    alpha : float
        Level of the normality tests.

    Returns
    -------
    CohortDosimetry

    Raises
    ------
    InvalidInput
        The columns or the values are refused.

    Examples
    --------
    >>> rows = (("120", "118"), ("131", "125"), ("127", ""), ("115", "111"))
    >>> table = CohortTable(Path("a.csv"), ("D90 before", "D90 after"), rows, (2, 3, 4, 5))
    >>> row = cohort_dosimetry(table).rows[0]
    >>> row.name, row.unit, row.comparison.n, row.comparison.before_only, row.comparison.effect
    ('D90', 'Gy', 3, 1, -4.0)
    """
    quantities, left_out = measured_quantities(table)
    compared = [
        (q, compare_pairs(q.before, q.after, choice, alpha))
        for q in quantities
        if q.before is not None and q.after is not None
    ]
    adjusted = holm([c.p for _, c in compared])
    described = []
    for q in quantities:
        paired = q.before is not None and q.after is not None
        times = (("", q.single),) if paired else (("before", q.before), ("after", q.after), ("", q.single))
        for time, values in times:
            if values is not None:
                told = describe(values)
                described.append(
                    DescribedRow(q.name, q.unit, time, told, len(table) - told.n, told.is_normal(alpha))
                )
    return CohortDosimetry(
        table.path, len(table),
        tuple(DosimetryRow(q.name, q.unit, c, p) for (q, c), p in zip(compared, adjusted, strict=True)),
        tuple(described), tuple(left_out),
        tuple(f"{q.name} in {q.unit}" for q in quantities if q.assumed and q.unit), alpha, choice,
    )  # fmt: skip


_DESCRIBED = ("mean", "sd", "median", "p25", "p75", "shapiro_p")


def write_dosimetry(result: CohortDosimetry, path: Path) -> Path:
    """Write every number of the table as CSV, unrounded.

    Parameters
    ----------
    result : CohortDosimetry
        The table.
    path : path
        CSV file; an existing one is replaced.

    Returns
    -------
    path
    """
    rows: list[Sequence[object]] = [
        ["quantity", "unit", "pairs", "before_only", "after_only", "missing"]
        + [f"{when}_{what}" for when in ("before", "after", "difference") for what in _DESCRIBED]
        + ["described_by", "test", "method", "p", "p_holm", "effect", "effect_low", "effect_high"]
        + ["p_paired_t", "p_wilcoxon"]
    ]
    for row in result.rows:
        c = row.comparison
        rows.append(
            [row.name, row.unit, c.n, c.before_only, c.after_only, c.neither]
            + [number_cell(v) for d in (c.before, c.after, c.difference) for v in _numbers(d)]
            + ["mean_sd" if c.by_mean else "median_quartiles", c.test, c.method]
            + [number_cell(v) for v in (c.p, row.p_holm, c.effect, c.low, c.high, c.p_t, c.p_wilcoxon)]
        )
    for one in result.described:
        blank = [""] * len(_DESCRIBED)
        numbers = [number_cell(v) for v in _numbers(one.values)]
        name = one.name if one.time else f"{one.name} (no time given)"
        rows.append(
            [name, one.unit, one.values.n, "", "", one.missing]
            + (blank + numbers if one.time == "after" else numbers + blank)
            + [*blank, "mean_sd" if one.normal else "median_quartiles", "none", "one time only"]
            + [""] * 7
        )
    return write_rows(path, rows)


def _numbers(d: Description) -> tuple[float, ...]:
    return d.mean, d.std_dev, d.median, d.p25, d.p75, d.normality_p
