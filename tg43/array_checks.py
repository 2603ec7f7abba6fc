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
    refuse_where(
        strengths < 0,
        "air_kerma_strengths",
        strengths,
        "U",
        expected="a value >= 0 U",
        why="a source emits, it does not absorb",
    )
    if axes is None:
        return Seeds(positions, np.zeros((n, 3)), strengths)
    axes = finite_array("axes", axes, (n, 3), "")
    length: FloatArray = np.linalg.norm(axes, axis=1)
    refuse_where(
        np.abs(length - 1.0) > AXIS_LENGTH_TOLERANCE,
        "length of axes",
        length,
        "",
        expected=f"1 within {AXIS_LENGTH_TOLERANCE:g}",
        why="an axis is the unit vector along the seed's long axis",
    )
    return Seeds(positions, axes / length[:, np.newaxis], strengths)


def _shape_text(shape: tuple[int | str, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
