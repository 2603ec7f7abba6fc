"""Which dosimetric quantity a column holds, before or after the implant, and in which unit."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import plain_text
from validation.studies.cohort_table import CohortTable, heading_words

_BEFORE = {"before", "pre", "preop", "preoperative", "preimplant", "preplan", "planned", "plan", "planning"}
_AFTER = {
    "after",
    "post",
    "postop",
    "postoperative",
    "postimplant",
    "postplan",
    "verified",
    "implanted",
    "actual",
}
_FILLERS = {
    "of",
    "op",
    "the",
    "number",
    "no",
    "n",
    "count",
    "total",
    "operation",
    "implant",
    "implantation",
    "surgery",
}
# Unit as written: unit it is told in, and the factor to it.
_UNITS = {
    "gy": ("Gy", 1.0), "cgy": ("Gy", 0.01), "%": ("%", 1.0), "percent": ("%", 1.0), "pct": ("%", 1.0),
    "fraction": ("%", 100.0), "cm3": ("cm³", 1.0), "cc": ("cm³", 1.0), "ml": ("cm³", 1.0), "mm3": ("cm³", 1e-3),
    "mbq": ("MBq", 1.0), "mci": ("MBq", 37.0), "u": ("U", 1.0),
}  # fmt: skip
_STRUCTURES = {"gtv", "ctv", "ptv", "target", "tumor", "tumour", "lesion", "node"}
_NAMED: dict[str, tuple[str, tuple[str, ...]]] = {
    **{name.casefold(): (name, ("",)) for name in ("HI", "DHI", "CI", "CN", "EI", "COIN")},
    **dict.fromkeys(("dmean", "d mean", "mean dose"), ("Dmean", ("Gy", "%"))),
    **dict.fromkeys(("seed", "seeds", "seednumber", "seedcount"), ("seeds", ("",))),
    **dict.fromkeys(("activity", "seed activity", "activity per seed"), ("activity per seed", ("MBq", "U"))),
    **dict.fromkeys(("vol", "volume"), ("volume", ("cm³",))),
    "dmin": ("Dmin", ("Gy", "%")),
    "dmax": ("Dmax", ("Gy", "%")),
}
_DOSE, _VOLUME_SHARE = re.compile(r"d(\d+(?:\.\d+)?)(cc|cm3)?"), re.compile(r"v(\d+(?:\.\d+)?)")
_LARGEST_FRACTION = 1.5  # V100 of a cohort that never exceeds 1.5 % is a fraction without its unit


@dataclass(frozen=True)
class Quantity:
    """What one column holds.

    Parameters
    ----------
    name : str
        Such as D90, V100, HI, seeds, GTV volume.
    time : str
        ``before``, ``after``, or empty if the column says neither.
    unit : str
        Unit the values are told in; empty for numbers without.
    factor : float
        From the column's values to that unit.
    stated : bool
        The heading names the unit.
    highest : float
        Greatest value that is possible, in `unit`; the least is 0.
    """

    name: str
    time: str
    unit: str
    factor: float
    stated: bool
    highest: float


def quantity_of(heading: str) -> Quantity | None:
    """Read a heading; None if it names no dosimetric quantity.

    Parameters
    ----------
    heading : str
        Such as ``D90 before (cGy)``, ``post_V100_%``, ``preD90``, ``seed number after``; words in any order.

    Returns
    -------
    Quantity or None

    Raises
    ------
    InvalidInput
        The heading says before and after, or a unit the quantity cannot have.

    Examples
    --------
    >>> q = quantity_of("D90 before (cGy)")
    >>> q.name, q.time, q.unit, q.factor
    ('D90', 'before', 'Gy', 0.01)
    >>> quantity_of("number of seeds, post-op").name, quantity_of("age") is None
    ('seeds', True)
    """
    words = list(heading_words(heading))
    for k, word in enumerate(words):
        joined = re.fullmatch(r"(pre|post)([dv]\d.*)", word) or re.fullmatch(r"([dv]\d+)(pre|post)", word)
        if joined:
            words[k : k + 1] = joined.groups()
    times = {"before" for w in words if w in _BEFORE} | {"after" for w in words if w in _AFTER}
    units = [w for w in words if w in _UNITS]
    rest = [w for w in words if w not in _BEFORE | _AFTER | _FILLERS and w not in _UNITS]
    known = _known(rest)
    if known is None:
        return None
    name, possible = known
    where = plain_text(heading, "a column")
    if len(times) > 1:
        raise InvalidInput(f"column {where} says before and after, expected one of them. Rename the column.")
    told = {_UNITS[w] for w in units}
    if len(told) > 1 or (told and next(iter(told))[0] not in possible):
        raise InvalidInput(
            f"unit of column {where} is {' and '.join(units)}, expected one of "
            f"{', '.join(u or 'none' for u in possible)} ({name}). Correct the heading."
        )
    unit, factor = next(iter(told)) if told else (possible[0], 1.0)
    highest = 100.0 if unit == "%" and name.split()[-1].startswith("V") else np.inf
    return Quantity(name, next(iter(times), ""), unit, factor, bool(told), highest)


def _known(rest: list[str]) -> tuple[str, tuple[str, ...]] | None:
    """Name and possible units; the first is taken where none is stated."""
    structure = next((w.upper() for w in rest if w in _STRUCTURES and len(w) == 3), "")
    key = " ".join(w for w in rest if w not in _STRUCTURES)
    named = _NAMED.get(key)
    if dose := _DOSE.fullmatch(key):
        named = f"D{dose.group(1)}{'cc' if dose.group(2) else ''}", ("Gy", "%")
    elif part := _VOLUME_SHARE.fullmatch(key):
        named = f"V{part.group(1)}", ("%", "cm³")
    if named is None:
        return None
    name, units = named
    return f"{structure} {name}".strip(), units


@dataclass(frozen=True)
class Measured:
    """One quantity of a table.

    Parameters
    ----------
    name, unit : str
        As told.
    before, after : ndarray or None, shape (n,)
        Values in `unit`, NaN where missing; None if there is no such column.
    single : ndarray or None, shape (n,)
        Values of a column that says neither before nor after.
    assumed : bool
        No heading stated the unit.
    """

    name: str
    unit: str
    before: NDArray[np.float64] | None = None
    after: NDArray[np.float64] | None = None
    single: NDArray[np.float64] | None = None
    assumed: bool = False


def measured_quantities(table: CohortTable) -> tuple[list[Measured], list[str]]:
    """The quantities of a table, and the headings of columns that hold none.

    Parameters
    ----------
    table : CohortTable
        One row per lesion.

    Returns
    -------
    list of Measured
        In the order of the columns.
    list of str
        Headings left out.

    Raises
    ------
    InvalidInput
        No column holds a quantity, two hold the same, before and after differ in unit, a value is no number or outside
        what its unit allows.
    """
    left_out: list[str] = []
    found: dict[str, dict[str, tuple[Quantity, str]]] = {}
    for heading in table.headings:
        quantity = quantity_of(heading)
        if quantity is None:
            left_out.append(plain_text(heading, "(empty)"))
            continue
        times = found.setdefault(quantity.name, {})
        if quantity.time in times:
            raise table.refusal_of_columns(
                [times[quantity.time][1], heading], f"{quantity.name} {quantity.time or 'without time'} once"
            )
        times[quantity.time] = (quantity, heading)
    if not found:
        raise InvalidInput(
            f"columns of {table.path} are {', '.join(left_out)}, expected dosimetric ones such as D90_before_Gy, "
            f"D90_after_Gy, V100_before, HI_after, seeds_before, volume_cm3. Name the columns so."
        )
    return [_measured(name, times, table) for name, times in found.items()], left_out


def _measured(name: str, times: dict[str, tuple[Quantity, str]], table: CohortTable) -> Measured:
    units = {quantity.unit for quantity, _ in times.values()}
    if len(units) > 1:
        raise InvalidInput(
            f"units of {name} in {table.path} are {', '.join(sorted(units))}, expected one for before and after. "
            f"Convert one of the columns."
        )
    values = {}
    for time, (quantity, heading) in times.items():
        numbers = table.numbers(heading, 0.0, quantity.highest / quantity.factor) * quantity.factor
        _check_fraction(quantity, heading, numbers, table)
        values[time] = numbers
    return Measured(
        name,
        units.pop(),
        values.get("before"),
        values.get("after"),
        values.get(""),
        not all(q.stated for q, _ in times.values()),
    )


def _check_fraction(
    quantity: Quantity, heading: str, numbers: NDArray[np.float64], table: CohortTable
) -> None:
    is_share = quantity.unit == "%" and not quantity.stated
    if is_share and np.isfinite(numbers).any() and 0 < np.nanmax(numbers) <= _LARGEST_FRACTION:
        raise InvalidInput(
            f"largest {plain_text(heading, 'value')} of {table.path} is {np.nanmax(numbers):g} %, expected more than "
            f"{_LARGEST_FRACTION:g} % (it looks like a fraction). Put the unit, % or fraction, into the heading."
        )
