"""Numbers as they are printed: rounded to their uncertainty, with a unit."""

from __future__ import annotations

import math

NOT_DEFINED = "–"
_MINUS = "−"
_PLAIN_DECIMALS = {"1": 3}
_MOST_DECIMALS = 4


def decimals(std_dev: float, unit: str) -> int:
    """Decimals that a standard uncertainty leaves a meaning.

    Two significant digits of the uncertainty, but one below 0.01 Gy or 0.01 %: nobody reads finer.

    Parameters
    ----------
    std_dev : float
        Standard uncertainty; NaN or 0 where there is none.
    unit : str
        Unit; "1" for a number without.

    Returns
    -------
    int
        0 … 4.

    Examples
    --------
    >>> decimals(12.0, "Gy"), decimals(0.31, "Gy"), decimals(0.031, "Gy"), decimals(0.0031, "Gy")
    (0, 2, 2, 3)
    >>> decimals(0.0011, "1"), decimals(float("nan"), "Gy")
    (4, 1)
    """
    if not std_dev > 0:
        return _PLAIN_DECIMALS.get(unit, 1)
    one_digit = max(0, -math.floor(math.log10(std_dev)))
    two_digits = max(0, 1 - math.floor(math.log10(std_dev)))
    return min(two_digits if unit == "1" else min(two_digits, max(2, one_digit)), _MOST_DECIMALS)


def number(value: float, places: int, *, sign: bool = False) -> str:
    """A number with a true minus sign; a dash where it is not defined.

    Parameters
    ----------
    value : float
        The number.
    places : int
        Decimals.
    sign : bool
        Show a plus sign too.

    Returns
    -------
    str
        Text.

    Examples
    --------
    >>> number(-3.42, 1), number(1.5, 1, sign=True), number(float("nan"), 1)
    ('−3.4', '+1.5', '–')
    """
    if not math.isfinite(value):
        return NOT_DEFINED
    rounded = round(value, places) + 0.0  # no "−0.0"
    return f"{rounded:{'+' if sign else ''},.{places}f}".replace("-", _MINUS).replace(",", "\u202f")


def measured(value: float, std_dev: float, unit: str, *, sign: bool = False) -> str:
    """A value with its standard uncertainty, without the unit.

    An uncertainty of exactly 0 is not shown: it says that no group of batches moved an index such as a V100
    of 100 %, not that the index is known for certain.

    Parameters
    ----------
    value, std_dev : float
        In `unit`; the uncertainty may be NaN (not known).
    unit : str
        Sets the decimals where there is no uncertainty.
    sign : bool
        Show a plus sign too.

    Returns
    -------
    str
        ``value ± std_dev`` rounded as `decimals` says.

    Examples
    --------
    >>> measured(112.3456, 0.4321, "Gy"), measured(112.3456, float("nan"), "Gy")
    ('112.35 ± 0.43', '112.3')
    """
    if not math.isfinite(value):
        return NOT_DEFINED
    places = decimals(std_dev, unit)
    text = number(value, places, sign=sign)
    return f"{text} ± {number(std_dev, places)}" if std_dev > 0 else text


def duration(seconds: float) -> str:
    """A time in the largest unit that leaves it above one.

    Parameters
    ----------
    seconds : float
        Time [s].

    Returns
    -------
    str
        Text with its unit.

    Examples
    --------
    >>> duration(81.5), duration(7300)
    ('1.4 min', '2.0 h')
    """
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
