"""Tables of a study as text."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields

import numpy as np

from validation.report.number_text import NOT_DEFINED, measured, number
from validation.studies.study_alternatives import effects
from validation.studies.study_file import Study
from validation.studies.study_probability import REGRESSION, Probability
from validation.studies.study_summary import QUANTILES, IndexSummary, Summary

_SHOWN_QUANTILES = (0, 2, 4)
_BY_REGRESSION = (
    " Monte Carlo counts members, TG-43 as control variate, and assumes nothing about them; by regression takes Monte "
    "Carlo as a straight line in TG-43 with normal residuals, and counts all TG-43 members."
)
TARGET_INDICES = ("D90", "D100", "V100", "V150", "DHI")


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with its title and what the numbers are."""

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def study_tables(study: Study, summary: Summary) -> list[Table]:
    """Tables of the report: Monte Carlo, TG-43, changes, noise and gain, probabilities, organs."""
    target = str(study.data.structure.values[0])
    scenarios = [s.name for s in study.settings.scenarios]
    by_mc, by_tg43 = bool(study.members("monte_carlo")), bool(study.members("tg43"))
    tables = []
    columns = tuple(_heading(summary.row(scenarios[0], target, i)) for i in TARGET_INDICES)

    def rows(*texts_of: str) -> tuple[Row, ...]:
        return tuple(
            Row(name, tuple(_cell(summary.row(name, target, i), texts_of[0]) for i in TARGET_INDICES))
            for name in scenarios
        )

    if by_mc:
        both = by_tg43 and len(study.members("monte_carlo")) >= 6
        how = ", TG-43 as control variate" if both else ""
        tables.append(
            Table(
                f"{target} by Monte Carlo",
                f"Mean over the members ± its standard uncertainty{how}; in brackets the standard deviation over the "
                f"members, noise taken off.",
                columns, rows("monte_carlo"),
            )
        )  # fmt: skip
    if by_tg43:
        tables.append(
            Table(
                f"{target} by TG-43", "Mean over the members; in brackets the standard deviation over the members.",
                columns, rows("tg43"),
            )
        )  # fmt: skip
    if by_mc:
        tables.append(
            Table(
                "Change from the plan by Monte Carlo", "Mean ± its standard uncertainty; in brackets that by TG-43.",
                columns, rows("change")[1:],
            )
        )  # fmt: skip
    tables.append(_probability_table(summary, scenarios))
    tables.append(_quantile_table(summary, scenarios, target))
    if by_mc:
        tables.append(_quality_table(summary, scenarios, target))
    tables += _organ_tables(study, summary, scenarios, target)
    return tables


def _heading(row: IndexSummary) -> str:
    return row.index if row.unit == "1" else f"{row.index} / {row.unit}"


def _cell(row: IndexSummary, what: str) -> str:
    if what == "tg43":
        places = 3 if row.unit == "1" else 1
        return _with_spread(number(row.tg43_mean, places), row.tg43_spread, places)
    if what == "change":
        places = 3 if row.unit == "1" else 1
        text = measured(row.change, row.change_std_dev, row.unit, sign=True)
        return f"{text} ({number(row.tg43_change, places, sign=True)})"
    text = measured(row.monte_carlo_mean, row.monte_carlo_mean_std_dev, row.unit)
    return _with_spread(text, row.monte_carlo_spread, 3 if row.unit == "1" else 1)


def _with_spread(text: str, spread: float, places: int) -> str:
    return f"{text} ({number(spread, places)})" if spread > 0.5 * 10.0**-places else text


def share_text(p: Probability) -> str:
    """A probability with its interval in words; yes or no where nothing is left to chance."""
    if p.lower == p.value == p.upper:
        return "yes" if p.value else "no"
    value, lower, upper = (
        "< 0.1" if 0.0 < v < 0.0005 else "> 99.9" if 0.9995 < v < 1.0 else f"{100 * v:.1f}"
        for v in (p.value, p.lower, p.upper)
    )  # fmt: skip
    return f"{value} % ({lower} to {upper})"


def _probability_table(summary: Summary, scenarios: list[str]) -> Table:
    engines = list(dict.fromkeys(p.engine for p in summary.probabilities))
    rows = []
    for name in scenarios:
        found = {p.engine: p for p in summary.probabilities if p.scenario == name}
        rows.append(
            Row(
                name,
                tuple(
                    share_text(found[e])
                    if e in found else NOT_DEFINED
                    for e in engines
                ),
            )
        )  # fmt: skip
    return Table(
        "Probability that D90 reaches the prescription",
        "Share of the members with its 95 % interval; yes or no where nothing is left to chance."
        + (_BY_REGRESSION if REGRESSION in engines else ""),
        tuple(engines), tuple(rows),
    )  # fmt: skip


def _quantile_table(summary: Summary, scenarios: list[str], target: str) -> Table:
    rows = []
    for name in scenarios:
        row = summary.row(name, target, "D90")
        found = row.monte_carlo_quantiles, row.monte_carlo_quantile_std_devs
        by_mc = [measured(q, u, row.unit) for q, u in zip(*found, strict=True)]
        by_tg43 = [number(q, 1) for q in row.tg43_quantiles]
        if not row.tg43_spread > 0.0:
            by_tg43 = []
        rows.append(Row(name, tuple(_beside(each, k) for each in (by_mc, by_tg43) for k in _SHOWN_QUANTILES)))
    engines = ("Monte Carlo", "TG-43")
    return Table(
        f"Quantiles of D90 of {target}",
        "Over the members, Gy: by Monte Carlo ± standard uncertainty, TG-43 as control variate, noise taken off; by "
        "TG-43.",
        tuple(f"{engine} {100 * QUANTILES[k]:g} %" for engine in engines for k in _SHOWN_QUANTILES), tuple(rows),
    )  # fmt: skip


def _beside(texts: list[str], k: int) -> str:
    return texts[k] if texts else NOT_DEFINED


def _quality_table(summary: Summary, scenarios: list[str], target: str) -> Table:
    rows = []
    for name in scenarios:
        row = summary.row(name, target, "D90")
        rows.append(
            Row(
                name,
                (
                    number(row.monte_carlo_spread, 2),
                    number(row.noise, 2), number(row.noise_of_mean, 3), number(row.noise_bias, 2, sign=True),
                    measured(row.plain_mean, row.plain_mean_std_dev, row.unit), number(row.correlation, 3),
                    *(number(gain, 1) for gain in (
                        row.variance_reduction, row.spread_reduction, row.median_reduction
                    )),
                    number(row.time_error, 2, sign=True),
                ),
            )
        )  # fmt: skip
    return Table(
        f"Spread, noise and gain, D90 of {target}",
        "Spread: standard deviation over members. Noise: what the histories give one member, and the mean of the "
        "members. Gain: how many times smaller the variance of the mean, of the spread and of the median is than by "
        "Monte Carlo alone of the same CPU time. Time: change against the next coarser rule in time, TG-43.",
        ("spread / Gy", "noise / Gy", "of mean / Gy", "noise bias / Gy",
         "MC alone / Gy", "correlation", "gain of mean", "of spread", "of median", "time / Gy"),
        tuple(rows),
    )  # fmt: skip


def _organ_tables(study: Study, summary: Summary, scenarios: list[str], target: str) -> list[Table]:
    names = [str(n) for n in study.data.structure.values if n != target]
    there = {(r.structure, r.index) for r in summary.rows}
    columns = [(n, "D2cc" if (n, "D2cc") in there else "D0.1cc") for n in names]
    columns = [c for c in columns if c in there]
    if not columns:
        return []
    rows = []
    for name in scenarios:
        cells = []
        for structure, index in columns:
            row = summary.row(name, structure, index)
            mc = measured(row.monte_carlo_mean, row.monte_carlo_mean_std_dev, row.unit)
            tg43 = number(row.tg43_mean, 1)
            cells.append(f"{mc} | {tg43}" if row.monte_carlo_members else tg43)
        rows.append(Row(name, tuple(cells)))
    both = bool(study.members("monte_carlo"))
    return [
        Table(
            "Other structures",
            "Mean over the members, Gy: " + ("Monte Carlo ± its standard uncertainty | TG-43." if both else "TG-43."),
            tuple(f"{structure} {index}" for structure, index in columns), tuple(rows),
        )
    ]  # fmt: skip


def effect_rows(study: Study) -> list[Row]:
    """What another CT curve or other media change in the target's D90 and V100."""
    rows = []
    for index in ("D90", "V100"):
        for effect in effects(study, 0, index):
            unit = "\u00a0pp" if effect.unit == "%" else f"\u00a0{effect.unit}"
            rows.append(
                Row(
                    effect.alternative,
                    (
                        index, measured(effect.mean.value, effect.mean.std_dev, effect.unit, sign=True) + unit,
                        number(effect.surrogate_error, 2) + unit, f"{100 * effect.variance_share:.0f} %",
                    ),
                )
            )  # fmt: skip
    return rows


def csv_text(summary: Summary) -> str:
    """Every estimate as comma-separated values, one line for each index of each structure in each scenario."""
    out = io.StringIO()
    names = [f.name for f in fields(IndexSummary) if not f.name.endswith(("quantiles", "quantile_std_devs"))]
    kinds = {
        "tg43_p{:g}": "tg43_quantiles",
        "monte_carlo_p{:g}": "monte_carlo_quantiles",
        "monte_carlo_p{:g}_std_dev": "monte_carlo_quantile_std_devs",
    }
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*names, *(heading.format(100 * p) for heading in kinds for p in QUANTILES)])
    for row in summary.rows:
        values = asdict(row)
        found = [values[kind] or (np.nan,) * len(QUANTILES) for kind in kinds.values()]
        writer.writerow([
            *(f"{values[n]:.8g}" if isinstance(values[n], float) else values[n] for n in names),
            *(f"{v:.8g}" for quantiles in found for v in quantiles),
        ])  # fmt: skip
    return out.getvalue()
