"""Survival of a cohort: every endpoint of a table, in groups, with the log-rank test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import plain_text
from validation.studies.cohort_courses import NO, UNGROUPED, YES, words_of
from validation.studies.cohort_csv import number_cell, write_rows
from validation.studies.cohort_kaplan_meier import LogRank, SurvivalCurve, kaplan_meier, log_rank
from validation.studies.cohort_paired import holm
from validation.studies.cohort_table import CohortTable, heading_words

_UNITS = {
    "d": "days", "day": "days", "days": "days", "wk": "weeks", "week": "weeks", "weeks": "weeks", "mo": "months",
    "mon": "months", "month": "months", "months": "months", "y": "years", "yr": "years", "year": "years",
    "years": "years",
}  # fmt: skip
_EVENT_WORDS = {"event", "status", "happened"}
_FILLERS = {"time", "to", "follow", "up", "followup", "duration", "survival", "in"}
_HAPPENED = YES | {
    "event",
    "dead",
    "death",
    "died",
    "deceased",
    "progressed",
    "progression",
    "recurrence",
    "relapse",
}
_CENSORED = NO | {"censored", "alive", "progression-free", "recurrence-free", "none so far"}
_USUAL_TIMES = {"months": (6.0, 12.0, 24.0, 36.0, 60.0), "years": (1.0, 2.0, 3.0, 5.0)}


@dataclass(frozen=True)
class GroupSurvival:
    """One group at one endpoint.

    Parameters
    ----------
    name : str
        Group.
    curve : SurvivalCurve
        Kaplan–Meier.
    median : tuple of float
        Median survival and its 95 % limits; infinite where not reached.
    follow_up : float
        Median follow-up by the reverse Kaplan–Meier estimate (Schemper and Smith 1996,
        doi:10.1016/0197-2456(96)00075-X): events censor, censoring is the event; NaN if nobody is censored.
    rates : tuple of (float, float, float)
        Survival and limits at the endpoint's times.
    """

    name: str
    curve: SurvivalCurve
    median: tuple[float, float, float]
    follow_up: float
    rates: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class PairTest:
    """Two of several groups: p of the log-rank test, and adjusted for the number of pairs (Holm)."""

    first: str
    second: str
    p: float
    p_holm: float


@dataclass(frozen=True)
class Endpoint:
    """One endpoint, such as LPFS or OS.

    Parameters
    ----------
    name, unit : str
        Name, and unit of all times.
    groups : tuple of GroupSurvival
        In the order of the table.
    times : tuple of float
        Where survival is told.
    test : LogRank or None
        Of all groups; None for one group.
    pairs : tuple of PairTest
        For three and more groups.
    missing : int
        Rows without time or event.
    """

    name: str
    unit: str
    groups: tuple[GroupSurvival, ...]
    times: tuple[float, ...]
    test: LogRank | None
    pairs: tuple[PairTest, ...]
    missing: int


@dataclass(frozen=True)
class CohortSurvival:
    """All endpoints of a table of so many patients."""

    source: Path
    patients: int
    endpoints: tuple[Endpoint, ...]


def cohort_survival(table: CohortTable, at: Sequence[float] = ()) -> CohortSurvival:
    """Kaplan–Meier, medians, rates and log-rank tests of every endpoint.

    Parameters
    ----------
    table : CohortTable
        One row per patient: for every endpoint a time with its unit and an event, such as ``OS_months`` and
        ``OS_event``; ``group`` if there are any.
    at : sequence of float
        Times at which survival is told, in the unit of the table; usual ones by default.

    Returns
    -------
    CohortSurvival

    Raises
    ------
    InvalidInput
        Times lack a unit or an event, there is no endpoint, or a value is not understood.

    Examples
    --------
    >>> rows = (("3", "1"), ("5", "0"), ("8", "yes"), ("9", "censored"))
    >>> table = CohortTable(Path("a.csv"), ("OS_months", "OS_event"), rows, (2, 3, 4, 5))
    >>> endpoint = cohort_survival(table).endpoints[0]
    >>> endpoint.name, endpoint.unit, endpoint.groups[0].median[0]
    ('OS', 'months', 8.0)
    """
    wrong = [t for t in at if not (np.isfinite(t) and t > 0)]
    if wrong:
        raise InvalidInput(f"time at which survival is told is {wrong[0]:g}, expected > 0. Give another.")
    groups = words_of(table, table.find("group", "arm", "cohort", "treatment"), UNGROUPED)
    endpoints = [
        _endpoint(table, name, unit, columns, groups, at) for name, unit, columns in _find_endpoints(table)
    ]
    return CohortSurvival(table.path, len(table), tuple(endpoints))


def _find_endpoints(table: CohortTable) -> list[tuple[str, str, tuple[str, str]]]:
    times: dict[str, tuple[str, str, str]] = {}
    events: dict[str, str] = {}
    for heading in table.headings:
        words = heading_words(heading)
        units = [w for w in words if w in _UNITS]
        key = " ".join(w for w in words if w not in _UNITS and w not in _FILLERS | _EVENT_WORDS)
        if _EVENT_WORDS & set(words):
            if key in events:
                raise table.refusal_of_columns([events[key], heading], "one event per endpoint")
            events[key] = heading
        elif units or "time" in words:
            if key in times:
                raise table.refusal_of_columns([times[key][0], heading], "one time per endpoint")
            name = key.upper() if len(key) <= 5 else key
            times[key] = (heading, _UNITS[units[0]] if units else "", name or "survival")
    both = [key for key in times if key in events]
    if not both:
        raise InvalidInput(
            f"columns of {table.path} are {', '.join(plain_text(h, '(empty)') for h in table.headings)}, expected a "
            f"time and an event of the same name, such as OS_months and OS_event. Name the columns so."
        )
    alone = [h for key, h in events.items() if key not in times]
    if alone:
        raise InvalidInput(
            f"event {plain_text(alone[0], 'column')} of {table.path} has no time ({len(alone)} such columns), expected "
            f"one of the same name, such as OS_months beside OS_event. Name the columns so."
        )
    for key in both:
        if not times[key][1]:
            raise InvalidInput(
                f"time {plain_text(times[key][0], 'column')} of {table.path} has no unit, expected days, weeks, months "
                f"or years in its heading. Add it, as in OS_months."
            )
    return [(times[key][2], times[key][1], (times[key][0], events[key])) for key in both]


def _endpoint(
    table: CohortTable, name: str, unit: str, columns: tuple[str, str], groups: list[str], at: Sequence[float]
) -> Endpoint:
    durations = table.numbers(columns[0], low=0.0, unit=unit)
    happened = np.array(
        table.read(columns[1], _event, "1 (event) or 0 (censored), or words such as dead and alive", np.nan)
    )
    known = np.isfinite(durations) & np.isfinite(happened)
    if not known.any():
        raise InvalidInput(
            f"endpoint {name} of {table.path} has 0 rows with time and event, expected at least 1. Fill the columns."
        )
    names = [n for n in dict.fromkeys(groups) if any(known[k] for k, g in enumerate(groups) if g == n)]
    rows = {n: known & np.array([g == n for g in groups]) for n in names}
    samples = {n: (durations[rows[n]], happened[rows[n]] == 1) for n in names}
    longest = float(durations[known].max())
    times = tuple(sorted(at)) or tuple(t for t in _USUAL_TIMES.get(unit, ()) if t <= longest)
    pairs = list(combinations(names, 2)) if len(names) > 2 else []
    p_values = [log_rank([samples[a], samples[b]]).p for a, b in pairs]
    return Endpoint(
        name, unit, tuple(_group(n, *samples[n], times) for n in names), times,
        log_rank(list(samples.values())) if len(names) > 1 else None,
        tuple(PairTest(a, b, p, q) for (a, b), p, q in zip(pairs, p_values, holm(p_values), strict=True)),
        int((~known).sum()),
    )  # fmt: skip


def _group(name: str, durations: np.ndarray, events: np.ndarray, times: Sequence[float]) -> GroupSurvival:
    curve = kaplan_meier(durations, events)
    follow_up = float("nan") if events.all() else kaplan_meier(durations, ~events).median()[0]
    return GroupSurvival(name, curve, curve.median(), follow_up, tuple(curve.at(t) for t in times))


def _event(cell: str) -> float | None:
    word = cell.casefold()
    return 1.0 if word in _HAPPENED else 0.0 if word in _CENSORED else None


def write_survival(result: CohortSurvival, folder: Path) -> list[Path]:
    """Write medians, rates, tests and curves as CSV, unrounded.

    Parameters
    ----------
    result : CohortSurvival
        Endpoints.
    folder : path
        Gets ``survival.csv``, ``survival_rates.csv``, ``survival_tests.csv`` and ``survival_curves.csv``.

    Returns
    -------
    list of path
    """
    medians: list[list[object]] = [
        [
            "endpoint",
            "unit",
            "group",
            "n",
            "events",
            "median",
            "median_low",
            "median_high",
            "median_follow_up",
        ]
    ]
    rates: list[list[object]] = [["endpoint", "unit", "group", "time", "at_risk", "survival", "low", "high"]]
    tests: list[list[object]] = [
        ["endpoint", "groups", "test", "chi_square", "degrees_of_freedom", "p", "p_holm"]
    ]
    curves: list[list[object]] = [
        ["endpoint", "unit", "group", "time", "at_risk", "events", "censored", "survival", "low", "high"]
    ]
    for e in result.endpoints:
        for g in e.groups:
            c = g.curve
            head = [e.name, e.unit, g.name]
            medians.append(
                [*head, len(c.durations), int(c.events.sum()), *map(number_cell, (*g.median, g.follow_up))]
            )
            rates += [
                [*head, number_cell(t), int(c.at_risk(t)[0]), *map(number_cell, rate)]
                for t, rate in zip(e.times, g.rates, strict=True)
            ]
            for k, t in enumerate(c.times):
                here = c.durations == t
                counts = (int(c.at_risk(t)[0]), int((here & c.events).sum()), int((here & ~c.events).sum()))
                curves.append(
                    [*head, number_cell(t), *counts, *map(number_cell, (c.survival[k], c.low[k], c.high[k]))]
                )
        if e.test:
            names = "; ".join(g.name for g in e.groups)
            tests.append(
                [
                    e.name,
                    names,
                    "log-rank",
                    number_cell(e.test.statistic),
                    e.test.degrees,
                    number_cell(e.test.p),
                    "",
                ]
            )
        tests += [
            [e.name, f"{t.first}; {t.second}", "log-rank", "", 1, number_cell(t.p), number_cell(t.p_holm)]
            for t in e.pairs
        ]
    named = {"survival": medians, "survival_rates": rates, "survival_tests": tests, "survival_curves": curves}
    return [write_rows(folder / f"{name}.csv", rows) for name, rows in named.items()]
