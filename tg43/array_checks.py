"""Checks of the arrays a caller hands in; every refusal is one sentence naming the first bad value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tg43.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]

# Direction cosines written with six decimals, as in plan files, still pass.
AXIS_LENGTH_TOLERANCE = 1e-5


def finite_array(what: str, value: ArrayLike, shape: tuple[int | str, ...], unit: str) -> FloatArray:
    """Return `value` as a contiguous float64 array after checking its shape and finiteness.

    Parameters
    ----------
    what : str
        Name of the quantity in messages.
    value : array_like
        What the caller gave.
    shape : tuple of int or str
        Expected shape; a string stands for any length and names it in the message.
    unit : str
        Unit of the values, empty for a pure number.

    Raises
    ------
    InvalidInput
        If the value is not numeric, has another shape or holds a value that is not finite.

    Examples
    --------
    >>> finite_array("points", [[0, 0, 1]], ("m", 3), "cm").shape
    (1, 3)
    """
    try:
        array = np.ascontiguousarray(value, dtype=np.float64).reshape(np.shape(value))
    except (TypeError, ValueError) as reason:
        raise InvalidInput(
            f"{what} is of type {type(value).__name__}, expected an array of numbers of shape "
            f"{_shape_text(shape)} ({reason}). Pass a rectangular array."
        ) from reason
    fits = array.ndim == len(shape) and all(
        isinstance(length, str) or length == array.shape[i] for i, length in enumerate(shape)
    )
    if not fits:
        raise InvalidInput(
            f"{what} is an array of shape {array.shape}, expected shape {_shape_text(shape)} "
            f"(its rows must match the other arrays). Reshape it or pass the matching array."
        )
    refuse_where(
        ~np.isfinite(array),
        what,
        array,
        unit,
        expected="a finite value",
        why="the dose would not be a number",
    )
    return array


def refuse_where(
    bad: NDArray[np.bool_], what: str, value: FloatArray, unit: str, *, expected: str, why: str
) -> None:
    """Raise InvalidInput naming the first value where `bad` is true, and how many there are."""
    if not bad.any():
        return
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    place = f"[{', '.join(map(str, first))}]" if first else ""
    number = f"{value[first]:.6g} {unit}".strip()
    raise InvalidInput(
        f"{what}{place} is {number}, expected {expected} ({why}). "
        f"Correct the {np.count_nonzero(bad)} of {bad.size} values of {what} that fail."
    )


def one_of(what: str, value: object, known: tuple[str, ...], why: str) -> None:
    """Raise InvalidInput unless `value` is one of the `known` names."""
    if value not in known:
        raise InvalidInput(
            f"{what} is {value!r}, expected one of {', '.join(known)} ({why}). Choose one of these."
        )


class Seeds(NamedTuple):
    """Checked seeds of one implant.

    Attributes
    ----------
    positions : ndarray, shape (n, 3)
        Middles of the seeds, cm.
    axes : ndarray, shape (n, 3)
        Unit vectors along the seeds' long axes, or zero where the formalism does not use them.
    air_kerma_strengths : ndarray, shape (n,)
        S_K in U.
    """

    positions: FloatArray
    axes: FloatArray
    air_kerma_strengths: FloatArray


def checked_seeds(positions: ArrayLike, axes: ArrayLike | None, air_kerma_strengths: ArrayLike) -> Seeds:
    """Return positions (n, 3) cm, unit axes (n, 3) and strengths (n,) U after checking them.

    Axes are brought to unit length to rounding. Without axes (`None`, for the point formalism) the returned
    axes are zero.

    Raises
    ------
    InvalidInput
        On a wrong shape, a value that is not finite, an axis that is not a unit vector or a negative
        strength.

    Examples
    --------
    >>> checked_seeds([[0, 0, 0]], [[0, 0, 1]], [0.5]).air_kerma_strengths
    array([0.5])
    """
    positions = finite_array("positions", positions, ("n", 3), "cm")
    n = len(positions)
    strengths = finite_array("air_kerma_strengths", air_kerma_strengths, (n,), "U")
    _require_no_negative(strengths)
    if axes is None:
        return Seeds(positions, np.zeros((n, 3)), strengths)
    return Seeds(positions, _unit_axes(finite_array("axes", axes, (n, 3), "")), strengths)


def checked_members(positions: ArrayLike, axes: ArrayLike | None, air_kerma_strengths: ArrayLike) -> Seeds:
    """Return the seeds of an ensemble's members after checking them, with the members along the first axis.

    Positions have the shape (members, n, 3) cm; axes (n, 3) and strengths (n,) U are those of all members,
    or with another first axis each member's own. The returned arrays have all three the members' axis.

    Raises
    ------
    InvalidInput
        As `checked_seeds`.

    Examples
    --------
    >>> members = checked_members(np.zeros((5, 2, 3)), [[0, 0, 1], [0, 1, 0]], [0.5, 0.6])
    >>> members.axes.shape, members.air_kerma_strengths.shape
    ((5, 2, 3), (5, 2))
    """
    positions = finite_array("positions", positions, ("members", "n", 3), "cm")
    members, n = positions.shape[:2]
    strengths = _of_all_or_each("air_kerma_strengths", air_kerma_strengths, members, (n,), "U")
    _require_no_negative(strengths)
    unit_axes = np.zeros((n, 3))
    if axes is not None:
        unit_axes = _unit_axes(_of_all_or_each("axes", axes, members, (n, 3), ""))
    return Seeds(
        positions,
        np.ascontiguousarray(np.broadcast_to(unit_axes, (members, n, 3))),
        np.ascontiguousarray(np.broadcast_to(strengths, (members, n))),
    )


def require_axes(axes: ArrayLike | None, formalism: str) -> None:
    """Raise InvalidInput if there are no axes for a formalism that depends on them."""
    if axes is None and formalism != "point":
        raise InvalidInput(
            "axes is None, expected an array of shape (n, 3) (the line formalism depends on the seeds' "
            "orientation). "
            "Give the axes or use formalism='point'."
        )


def require_threads(threads: int) -> None:
    """Raise InvalidInput unless at least one thread is to work."""
    if threads < 1:
        raise InvalidInput(
            f"threads is {threads}, expected an integer >= 1 (one at least works). Give 1 or more."
        )


def _of_all_or_each(
    what: str, value: ArrayLike, members: int, of_all: tuple[int, ...], unit: str
) -> FloatArray:
    """Return a finite array of the shape `of_all`, or with the members before it."""
    try:
        shared = np.ndim(value) == len(of_all)
    except ValueError:  # ragged: refused below
        shared = False
    return finite_array(what, value, of_all if shared else (members, *of_all), unit)


def _require_no_negative(strengths: FloatArray) -> None:
    refuse_where(
        strengths < 0,
        "air_kerma_strengths",
        strengths,
        "U",
        expected="a value >= 0 U",
        why="a source emits, it does not absorb",
    )


def _unit_axes(axes: FloatArray) -> FloatArray:
    """Return axes brought to unit length, which they have to rounding of the caller's numbers."""
    length: FloatArray = np.linalg.norm(axes, axis=-1)
    refuse_where(
        np.abs(length - 1.0) > AXIS_LENGTH_TOLERANCE,
        "length of axes",
        length,
        "",
        expected=f"1 within {AXIS_LENGTH_TOLERANCE:g}",
        why="an axis is the unit vector along the seed's long axis",
    )
    return axes / length[..., np.newaxis]


def _shape_text(shape: tuple[int | str, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
