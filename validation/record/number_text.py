"""Numbers of the record as text: with the digits that their uncertainty leaves."""

from __future__ import annotations

from math import floor, isfinite, log10

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SMALLEST, LARGEST = 1e-3, 1e5  # beyond, a power of ten is put behind
DIGITS_OF_UNCERTAINTY = 2


def number(value: float, step: float) -> str:
    """A number to two digits of `step`, the size of what matters in it.

    Examples
    --------
    >>> number(0.92834, 0.0021), number(3.7594e-14, 1.2e-16), number(0.0, 1e-12)
    ('0.9283', '3.759·10⁻¹⁴', '0')
    """
    if not isfinite(value):
        return "not a number"
    if value == 0.0:
        return "0"
    step = max(step, abs(value) * 1e-12)
    exponent = floor(log10(abs(value)))
    sign = "−" if value < 0.0 else ""
    if SMALLEST <= abs(value) < LARGEST:
        return f"{sign}{abs(value):.{_decimals(step)}f}"
    scaled = f"{abs(value) / 10.0**exponent:.{_decimals(step / 10.0**exponent)}f}"
    return f"{sign}{scaled}·10{str(exponent).translate(SUPERSCRIPTS)}"


def _decimals(step: float) -> int:
    return min(max(0, DIGITS_OF_UNCERTAINTY - 1 - floor(log10(step))), 12)


def with_uncertainty(value: float, std_dev: float, tolerance: float) -> str:
    """A value with its standard uncertainty; without one, to a hundredth of the tolerance.

    Examples
    --------
    >>> with_uncertainty(0.9283, 0.0021, 0.01), with_uncertainty(0.55075, 0.0, 0.004)
    ('0.9283 ± 0.0021', '0.55075')
    """
    if std_dev > 0.0:
        return f"{number(value, std_dev)} ± {number(std_dev, std_dev)}"
    return number(value, _step(value, tolerance))


def _step(value: float, tolerance: float) -> float:
    return tolerance / 10.0 if tolerance > 0.0 else abs(value) * 1e-4


def reference_text(value: float, std_dev: float, tolerance: float) -> str:
    """A reference to the digits that the difference needs."""
    return number(value, std_dev if std_dev > 0.0 else _step(value, tolerance))


def difference_text(difference: float, reference: float, relative: bool) -> str:
    """A difference with its sign: in per cent of the reference, or as it is.

    Examples
    --------
    >>> difference_text(-0.0037, 0.932, True), difference_text(2.2e-9, 0.0, False)
    ('−0.40 %', '+2.2·10⁻⁹')
    """
    if relative and reference:
        percent = 100.0 * difference / abs(reference)
        return _signed(0.0 if abs(percent) < 1e-10 else percent, " %")
    return _signed(difference, "")


def _signed(value: float, unit: str) -> str:
    if not isfinite(value):
        return "not a number"
    if value == 0.0:
        return f"0{unit}"
    text = number(abs(value), abs(value))
    return f"{'−' if value < 0 else '+'}{text}{unit}"


def size_text(size: float, reference: float, relative: bool) -> str:
    """An uncertainty or bound, shown like the difference it belongs to.

    Examples
    --------
    >>> size_text(0.0121, 0.932, True)
    '1.3 %'
    """
    if size == 0.0:
        return "0"
    if relative and reference:
        percent = 100.0 * size / abs(reference)
        return f"{number(percent, percent)} %"
    return number(size, size)
