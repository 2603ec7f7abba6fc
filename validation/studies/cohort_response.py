"""Response of a cohort: RECIST 1.1 categories and volume reduction, in groups and over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.studies.cohort_courses import UNGROUPED, LesionCourse, lesion_courses, words_of
from validation.studies.cohort_csv import number_cell, write_rows
from validation.studies.cohort_groups import GroupTest, compare_ordinal, compare_shares, compare_times
from validation.studies.cohort_intervals import Share, share
from validation.studies.cohort_paired import ALPHA, check_level
from validation.studies.cohort_recist import (
    CATEGORIES,
    COMPLETE,
    MEASURABLE_MM,
    MEASURABLE_NODE_MM,
    NOT_EVALUABLE,
    PARTIAL,
    PROGRESSION,
    STABLE,
    best_response,
    recist_categories,
)
from validation.studies.cohort_table import CohortTable
from validation.studies.cohort_volumes import VolumeTime, over_time, volume_matrix

JudgedBy = Literal["patient", "lesion"]
_MOST_TARGETS = 5
_LONG_NAMES = {
    "complete response": COMPLETE, "complete": COMPLETE, "partial response": PARTIAL, "partial": PARTIAL,
    "stable disease": STABLE, "stable": STABLE, "progressive disease": PROGRESSION, "progression": PROGRESSION,
    "progressive": PROGRESSION, "not evaluable": NOT_EVALUABLE,
}  # fmt: skip


@dataclass(frozen=True)
class VisitResponse:
    """One patient (or lesion) at one visit after baseline: times in the table's unit, sums in mm, changes in %."""

    name: str
    group: str
    time: float
    sum_mm: float
    from_baseline: float
    from_nadir: float
    category: str


@dataclass(frozen=True)
class GroupResponse:
    """Responses of one group.

    Parameters
    ----------
    group : str
        Name.
    counts : dict
        Number by category: CR, PR, SD, PD, NE.
    objective, control : Share
        ORR = (CR + PR), DCR = (CR + PR + SD), of those that can be evaluated.
    """

    group: str
    counts: dict[str, int]
    objective: Share
    control: Share


@dataclass(frozen=True)
class CohortResponse:
    """Responses of a cohort.

    Parameters
    ----------
    source : path
        Table.
    judged_by : str
        ``patient``, ``lesion``, or ``category`` if the table holds ready categories.
    at : float or None
        Visit that counts; None: best response.
    time_unit : str
        Of all times.
    groups : tuple of GroupResponse
        In the order of the table.
    tests : dict
        Kruskal–Wallis on categories, and ORR, DCR between groups; empty for one group.
    visits : tuple of VisitResponse
        Every visit.
    volumes : tuple of VolumeTime
        Volumes and VRR at every time.
    courses : dict of str to GroupTest
        Volume over time in every group, in lesions measured at every time; empty without volumes.
    notes : tuple of str
        What a reader must know about these data.
    """

    source: Path
    judged_by: str
    at: float | None
    time_unit: str
    groups: tuple[GroupResponse, ...]
    tests: dict[str, GroupTest]
    visits: tuple[VisitResponse, ...]
    volumes: tuple[VolumeTime, ...]
    courses: dict[str, GroupTest]
    notes: tuple[str, ...]


def cohort_response(
    table: CohortTable,
    judged_by: JudgedBy = "patient",
    at: float | None = None,
    default_kind: str | None = None,
    alpha: float = ALPHA,
) -> CohortResponse:
    """Categories, rates, volumes and their comparison.

    Parameters
    ----------
    table : CohortTable
        One row per lesion and visit, or ready categories (column ``response``, and ``count`` if rows stand for
        several patients).
    judged_by : str
        ``patient``: sum of the diameters of all lesions of a patient; ``lesion``: every lesion by itself.
    at : float, optional
        Time that counts, in the table's unit; the best response by default.
    default_kind : str, optional
        ``node`` or ``other`` for tables that do not say.
    alpha : float
        Level of the tests that choose between ANOVA and Kruskal–Wallis.

    Returns
    -------
    CohortResponse

    Raises
    ------
    InvalidInput
        The table is refused, or nobody has a visit at `at`.

    Examples
    --------
    >>> cells = [("a", "PR", "3"), ("a", "SD", "11"), ("b", "PR", "10"), ("b", "SD", "3")]
    >>> table = CohortTable(Path("a.csv"), ("group", "response", "count"), tuple(cells), (2, 3, 4, 5))
    >>> result = cohort_response(table)
    >>> [f"{100 * g.objective.value:.0f} %" for g in result.groups], result.tests["categories"].test
    (['21 %', '77 %'], 'Kruskal-Wallis')
    """
    check_level(alpha)
    ready = table.find("response", "category", "recist", "best response")
    if ready is not None:
        names, categories = _ready(table, ready)
        groups, tests = _rates(names, categories)
        return CohortResponse(table.path, "category", None, "", groups, tests, (), (), {}, ())
    courses, unit = lesion_courses(table, default_kind)
    by_unit: dict[tuple[str, ...], list[LesionCourse]] = {}
    for course in courses:
        key = (course.patient,) if judged_by == "patient" else (course.patient, course.lesion)
        by_unit.setdefault(key, []).append(course)
    visits: list[VisitResponse] = []
    names, categories = [], []
    for lesions in by_unit.values():
        seen = _visits(table, lesions, judged_by)
        names.append(lesions[0].group)
        if at is None:
            categories.append(best_response([v.category for v in seen]))
        else:
            categories.append(next((v.category for v in seen if v.time == at), NOT_EVALUABLE))
        visits += seen
    if at is not None and not any(v.time == at for v in visits):
        known = ", ".join(f"{t:g}" for t in sorted({v.time for v in visits}))
        raise InvalidInput(
            f"time that counts is {at:g} {unit}, expected one of {known or 'no later visit at all'} (the visits of the "
            f"table). Choose one of them."
        )
    groups, tests = _rates(names, categories)
    times, volumes = volume_matrix(courses)
    of_group = {g.group: np.array([c.group == g.group for c in courses]) for g in groups}
    over = {name: compare_times(volumes[rows]) for name, rows in of_group.items()} if volumes.size else {}
    return CohortResponse(
        table.path, judged_by, at, unit, groups, tests, tuple(visits),
        over_time(times, volumes, [c.group for c in courses], alpha),
        over, _notes(list(by_unit.values()), courses),
    )  # fmt: skip


def _ready(table: CohortTable, heading: str) -> tuple[list[str], list[str]]:
    def reading(cell: str) -> str | None:
        name = _LONG_NAMES.get(cell.casefold(), cell.upper())
        return name if name in (*CATEGORIES, NOT_EVALUABLE) else None

    categories = table.read(heading, reading, "CR, PR, SD, PD or NE", NOT_EVALUABLE)
    groups = words_of(table, table.find("group", "arm", "cohort"), UNGROUPED)
    count = table.find("count", "n", "number", "patients", "lesions")
    if count is None:
        return groups, categories

    def whole(cell: str) -> int | None:
        return int(cell) if cell.isascii() and cell.isdigit() and int(cell) <= 1_000_000 else None

    counts = table.read(count, whole, "a whole number from 0 to 1000000", 0)
    repeated = [(g, c) for g, c, n in zip(groups, categories, counts, strict=True) for _ in range(n)]
    # A group all of whose counts are 0 is still not a group: nobody is in it.
    return [g for g, _ in repeated], [c for _, c in repeated]


def _visits(table: CohortTable, lesions: Sequence[LesionCourse], judged_by: str) -> list[VisitResponse]:
    first = lesions[0]
    if len({lesion.group for lesion in lesions}) > 1:
        raise InvalidInput(
            f"patient {first.patient} of {table.path} is in groups {', '.join(sorted({x.group for x in lesions}))}, "
            f"expected one group per patient. Correct the table, or judge by lesion."
        )
    times = np.unique(np.concatenate([lesion.times for lesion in lesions]))
    sizes = np.full((len(times), len(lesions)), np.nan)
    new = np.zeros(len(times), bool)
    for k, lesion in enumerate(lesions):
        rows = np.searchsorted(times, lesion.times)
        sizes[rows, k] = lesion.sizes
        new[rows] |= lesion.new_lesion
    categories = recist_categories(sizes, [lesion.node for lesion in lesions], new)
    sums = sizes.sum(axis=1)
    result = []
    for k, category in enumerate(categories, start=1):
        before = sums[:k][np.isfinite(sums[:k])]
        changes = [
            100 * (sums[k] / reference - 1) if reference > 0 else np.nan
            for reference in (sums[0], before.min() if len(before) else np.nan)
        ]
        name = first.patient if judged_by == "patient" else f"{first.patient}, {first.lesion}"
        of_baseline, of_nadir = (float(c) for c in changes)
        result.append(
            VisitResponse(name, first.group, float(times[k]), float(sums[k]), of_baseline, of_nadir, category)
        )
    return result


def _rates(
    names: Sequence[str], categories: Sequence[str]
) -> tuple[tuple[GroupResponse, ...], dict[str, GroupTest]]:
    order = list(dict.fromkeys(names))
    groups = []
    for group in order:
        own = [c for n, c in zip(names, categories, strict=True) if n == group]
        counts = {c: own.count(c) for c in (*CATEGORIES, NOT_EVALUABLE)}
        known = len(own) - counts[NOT_EVALUABLE]
        responding = counts[COMPLETE] + counts[PARTIAL]
        groups.append(
            GroupResponse(group, counts, share(responding, known), share(responding + counts[STABLE], known))
        )
    if len(groups) < 2:
        return tuple(groups), {}
    ranks = [np.repeat(np.arange(len(CATEGORIES)), [g.counts[c] for c in CATEGORIES]) for g in groups]
    tests = {"categories": compare_ordinal(ranks)}
    for what in ("objective", "control"):
        shares = [getattr(g, what) for g in groups]
        tests[what] = compare_shares([s.count for s in shares], [s.total for s in shares])
    return tuple(groups), tests


def _notes(units: Sequence[Sequence[LesionCourse]], courses: Sequence[LesionCourse]) -> tuple[str, ...]:
    small = sum(
        bool(c.sizes[0] < (MEASURABLE_NODE_MM if c.node else MEASURABLE_MM)) for c in courses if len(c.sizes)
    )
    notes = []
    if small:
        notes.append(
            f"{small} of {len(courses)} lesions are below the size that RECIST 1.1 calls measurable at baseline (short "
            f"axis 15 mm of a node, longest diameter 10 mm of another lesion)."
        )
    many = sum(len(lesions) > _MOST_TARGETS for lesions in units)
    if many:
        notes.append(f"{many} patients have more than five target lesions; RECIST 1.1 takes at most five.")
    return tuple(notes)


def write_response(result: CohortResponse, folder: Path) -> list[Path]:
    """Write rates and, from diameters, visits and volumes as CSV, unrounded.

    Parameters
    ----------
    result : CohortResponse
        Responses.
    folder : path
        Gets ``response.csv``, and ``visits.csv`` and ``volumes.csv`` where there are any.

    Returns
    -------
    list of path
    """
    rates: list[Sequence[object]] = [
        ["group", *CATEGORIES, NOT_EVALUABLE]
        + [f"{rate}{part}" for rate in ("ORR", "DCR") for part in
           ("", "_wilson_low", "_wilson_high", "_exact_low", "_exact_high")]
    ]  # fmt: skip
    for g in result.groups:
        parts = [x for s in (g.objective, g.control) for x in (s.value, *s.wilson, *s.clopper_pearson)]
        rates.append([g.group, *g.counts.values(), *(number_cell(x) for x in parts)])
    tests: list[list[object]] = [["compared", "test", "why", "statistic", "degrees_of_freedom", "p"]]
    told = [*result.tests.items(), *((f"VRR at {v.time:g}", v.test) for v in result.volumes if v.test)]
    told += [(f"volume over time, {group}", t) for group, t in result.courses.items()]
    for what, t in told:
        degrees = " ".join(f"{d:g}" for d in t.degrees)
        tests.append([what, t.test, t.why, number_cell(t.statistic), degrees, number_cell(t.p)])
    files = [write_rows(folder / "response.csv", rates), write_rows(folder / "response_tests.csv", tests)]
    if result.visits:
        head = [result.judged_by, "group", f"time_{result.time_unit}", "sum_mm"]
        head += ["from_baseline_%", "from_nadir_%", "category"]
        visits: list[Sequence[object]] = [
            [
                v.name,
                v.group,
                f"{v.time:g}",
                *(number_cell(x) for x in (v.sum_mm, v.from_baseline, v.from_nadir)),
                v.category,
            ]
            for v in result.visits
        ]
        files.append(write_rows(folder / "visits.csv", [head, *visits]))
    if result.volumes:
        kinds = ("n", "mean", "sd", "median", "p25", "p75")
        head = ["group", f"time_{result.time_unit}"] + [
            f"{q}_{k}" for q in ("volume_cm3", "VRR_%") for k in kinds
        ]
        rows = [
            [group, f"{v.time:g}"]
            + [
                number_cell(x)
                for d in (v.volume[group], v.reduction[group])
                for x in (d.n, d.mean, d.std_dev, d.median, d.p25, d.p75)
            ]
            for v in result.volumes
            for group in v.volume
        ]
        files.append(write_rows(folder / "volumes.csv", [head, *rows]))
    return files
