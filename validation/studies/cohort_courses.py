"""Diameters and volumes of lesions over time, as a table with one line per lesion and visit holds them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import plain_text
from validation.studies.cohort_recist import ellipsoid_volume
from validation.studies.cohort_table import CohortTable, heading_words

UNGROUPED = "all"
YES = {"1", "yes", "y", "true", "x"}
NO = {"0", "no", "n", "false"}
_NODES = {"node", "nodal", "lymph node", "lymph", "ln", *YES}
_OTHERS = {
    "other",
    "non-nodal",
    "nonnodal",
    "extranodal",
    "organ",
    "visceral",
    "soft tissue",
    "bone",
    "lung",
    *NO,
}
_LENGTHS = {"mm": 1.0, "cm": 10.0}
_SIZES = {
    "long": ("long", "longest", "long diameter", "longest diameter", "long axis", "a"),
    "short": ("short", "short axis", "short diameter", "shortest diameter", "b"),
    "height": ("height", "craniocaudal", "craniocaudal diameter", "third diameter", "c"),
}
_TIMES = ("time", "visit", "follow up", "followup", "months", "month", "weeks", "week", "days", "day")
_TIME_UNITS = {"month": "months", "months": "months", "mo": "months", "week": "weeks", "weeks": "weeks", "wk": "weeks",
               "day": "days", "days": "days", "d": "days"}  # fmt: skip


@dataclass(frozen=True)
class LesionCourse:
    """One lesion over time.

    Parameters
    ----------
    patient, lesion, group : str
        As in the table, made harmless.
    node : bool
        Lymph node.
    times : ndarray, shape (visits,)
        Ascending, baseline first.
    sizes : ndarray, shape (visits,)
        What RECIST 1.1 measures in mm: short axis of a node, longest diameter of any other; NaN if missing.
    volumes : ndarray, shape (visits,)
        cm³, NaN if unknown.
    new_lesion : ndarray of bool, shape (visits,)
        The patient had a new lesion.
    """

    patient: str
    lesion: str
    group: str
    node: bool
    times: NDArray[np.float64]
    sizes: NDArray[np.float64]
    volumes: NDArray[np.float64]
    new_lesion: NDArray[np.bool_]


def words_of(table: CohortTable, heading: str | None, otherwise: str) -> list[str]:
    """A column of names made harmless; one name for all if there is no such column."""
    if heading is None:
        return [otherwise] * len(table)
    return [plain_text(cell, "?") if cell else otherwise for cell in table.cells(heading)]


def lesion_courses(table: CohortTable, default_kind: str | None = None) -> tuple[list[LesionCourse], str]:
    """The lesions of a table, and the unit of their times.

    Parameters
    ----------
    table : CohortTable
        One row per lesion and visit; see ``docs/file_formats/cohort.md``.
    default_kind : str, optional
        ``node`` or ``other`` for tables without a column ``kind``.

    Returns
    -------
    list of LesionCourse
        In the order of the table.
    str
        ``months``, ``weeks``, ``days``, or ``visits`` if no heading says.

    Raises
    ------
    InvalidInput
        A column is missing, a value is not understood, a short axis exceeds the long one, a lesion occurs twice at one
        time or changes its group or kind.
    """
    time_heading, unit = _time_column(table)
    patient, lesion = (
        table.find("patient", "patient id") or table.find("id"),
        table.find("lesion", "lesion id", "target"),
    )
    if patient is None and lesion is None:
        raise InvalidInput(
            f"columns of {table.path} name neither patients nor lesions, expected a column patient or lesion (rows "
            f"of one lesion belong together). Add one."
        )
    patients = words_of(table, patient or lesion, "")
    lesions = words_of(table, lesion, "1")
    for heading, names in ((patient or lesion, patients), (lesion, lesions)):
        empty = [k for k, name in enumerate(names) if not name]
        if heading and empty:
            raise InvalidInput(
                f"{plain_text(heading, 'name')} in line {table.lines[empty[0]]} of {table.path} is empty, expected a "
                f"name ({len(empty)} such rows). Fill it."
            )
    times = _times(table, time_heading)
    nodes = _kinds(table, default_kind)
    sizes = {name: _diameter(table, names) for name, names in _SIZES.items()}
    _check_axes(table, sizes)
    measured = _measured(table, sizes, nodes)
    volumes = _volumes(table, sizes)
    new = _new_lesions(table)
    groups = words_of(table, table.find("group", "arm", "cohort"), UNGROUPED)
    rows: dict[tuple[str, str], list[int]] = {}
    for k, key in enumerate(zip(patients, lesions, strict=True)):
        rows.setdefault(key, []).append(k)
    courses = []
    for (who, which), found in rows.items():
        order = sorted(found, key=lambda k: times[k])
        _check_course(table, order, times, groups, nodes, f"{who}, lesion {which}")
        courses.append(
            LesionCourse(
                patient=who,
                lesion=which,
                group=groups[order[0]],
                node=nodes[order[0]],
                times=times[order],
                sizes=measured[order],
                volumes=volumes[order],
                new_lesion=new[order],
            )
        )
    return courses, unit


def _time_column(table: CohortTable) -> tuple[str, str]:
    units = set(_TIME_UNITS)
    names = [n if not u else f"{n} {u}" for n in _TIMES[:4] for u in ("", *units)] + list(_TIMES[4:])
    heading = table.find(*names)
    if heading is None:
        raise InvalidInput(
            f"columns of {table.path} have no time, expected one such as time_months (0 or baseline for the first "
            f"visit). Add it."
        )
    return heading, next((_TIME_UNITS[w] for w in heading_words(heading) if w in _TIME_UNITS), "visits")


def _times(table: CohortTable, heading: str) -> NDArray[np.float64]:
    def reading(cell: str) -> float | None:
        if cell.casefold() in ("baseline", "before", "pre"):
            return 0.0
        try:
            value = float(cell.replace(",", ".") if table.decimal_comma else cell)
        except ValueError:
            return None
        return value if np.isfinite(value) and value >= 0 else None

    values = np.array(table.read(heading, reading, "a number of at least 0, or baseline", np.nan))
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        raise InvalidInput(
            f"time in line {table.lines[missing[0]]} of {table.path} is missing, expected one in every row "
            f"({len(missing)} such rows). Fill it."
        )
    return values


def _kinds(table: CohortTable, default_kind: str | None) -> list[bool]:
    heading = table.find("kind", "type", "node", "lymph node", "nodal", "lesion type", "lesion kind")
    if heading is None and default_kind in ("node", "other"):
        return [default_kind == "node"] * len(table)
    if heading is None:
        raise InvalidInput(
            f"columns of {table.path} do not say which lesions are lymph nodes, expected a column kind with node or "
            f"other (RECIST 1.1 measures the short axis of nodes). Add it, or give --lesions node or --lesions other."
        )

    def reading(cell: str) -> bool | None:
        word = cell.casefold()
        return True if word in _NODES else False if word in _OTHERS else None

    default = True if default_kind == "node" else False if default_kind == "other" else None
    empty = [k for k, cell in enumerate(table.cells(heading)) if not cell]
    if empty and default is None:
        raise InvalidInput(
            f"{plain_text(heading, 'kind')} in line {table.lines[empty[0]]} of {table.path} is missing, expected node "
            f"or other ({len(empty)} such rows). Fill it."
        )
    return table.read(heading, reading, "node or other", bool(default))


def _diameter(table: CohortTable, names: tuple[str, ...]) -> NDArray[np.float64] | None:
    heading = table.find(*(f"{name} {unit}".strip() for name in names for unit in ("", *_LENGTHS)))
    if heading is None:
        return None
    factor = next((_LENGTHS[w] for w in heading_words(heading) if w in _LENGTHS), 1.0)
    return table.numbers(heading, low=0.0) * factor


def _check_axes(table: CohortTable, sizes: dict[str, NDArray[np.float64] | None]) -> None:
    long, short = sizes["long"], sizes["short"]
    if long is None or short is None:
        return
    wrong = np.flatnonzero(short > long)
    if len(wrong):
        k = wrong[0]
        raise InvalidInput(
            f"short axis in line {table.lines[k]} of {table.path} is {short[k]:g} mm, expected at most the longest "
            f"diameter, {long[k]:g} mm ({len(wrong)} such rows). Correct the table."
        )


def _measured(
    table: CohortTable, sizes: dict[str, NDArray[np.float64] | None], nodes: list[bool]
) -> NDArray[np.float64]:
    node = np.array(nodes, bool)
    for name, wanted, kind in (("short", node, "lymph nodes"), ("long", ~node, "lesions other than nodes")):
        if wanted.any() and sizes[name] is None:
            raise InvalidInput(
                f"columns of {table.path} have no {name} diameter, expected {name}_mm for {wanted.sum()} rows of "
                f"{kind} (RECIST 1.1). Add it."
            )
    blank = np.full(len(table), np.nan)
    long, short = (sizes[name] for name in ("long", "short"))
    long, short = blank if long is None else long, blank if short is None else short
    return np.asarray(np.where(node, short, long), np.float64)


def _volumes(table: CohortTable, sizes: dict[str, NDArray[np.float64] | None]) -> NDArray[np.float64]:
    heading = table.find("volume", "volume cm3", "volume cc", "volume ml", "volume mm3")
    if heading is not None:
        return table.numbers(heading, low=0.0) * (1e-3 if "mm3" in heading_words(heading) else 1.0)
    if any(size is None for size in sizes.values()):
        return np.full(len(table), np.nan)
    a, b, c = (np.asarray(size) for size in sizes.values())
    return ellipsoid_volume(a, b, c)


def _new_lesions(table: CohortTable) -> NDArray[np.bool_]:
    heading = table.find("new lesion", "new lesions", "new")
    if heading is None:
        return np.zeros(len(table), bool)

    def reading(cell: str) -> bool | None:
        word = cell.casefold()
        return True if word in YES else False if word in NO else None

    return np.array(table.read(heading, reading, "yes or no", False), bool)


def _check_course(
    table: CohortTable,
    order: list[int],
    times: NDArray[np.float64],
    groups: list[str],
    nodes: list[bool],
    name: str,
) -> None:
    for before, after in pairwise(order):
        if times[before] == times[after]:
            raise InvalidInput(
                f"{name} in line {table.lines[after]} of {table.path} is at time {times[after]:g} twice, expected one "
                f"row per lesion and visit (the other is line {table.lines[before]}). Correct the table."
            )
        if groups[before] != groups[after] or nodes[before] != nodes[after]:
            raise InvalidInput(
                f"{name} in line {table.lines[after]} of {table.path} changes its group or kind, expected those of "
                f"line {table.lines[before]}. Correct the table."
            )
