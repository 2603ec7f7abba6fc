"""Values out of a JSON object that a person wrote: checked, and refused in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mcsim.invalid_input import InvalidInput


def check_keys(entry: object, what: str, required: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Refuse an object without its required keys, or with others than the known ones.

    Parameters
    ----------
    entry : object
        Should be a mapping with text keys.
    what : str
        What the object describes, for messages.
    required, optional : sequence of str
        Known keys.

    Raises
    ------
    InvalidInput
        It is no mapping, or a key is missing or unknown.

    Examples
    --------
    >>> check_keys({"radius": 1.0}, "rod", required=("radius",))
    """
    if not isinstance(entry, Mapping):
        raise InvalidInput(
            f"{what} is {entry!r}, expected an object with {', '.join(required)}. Correct the file."
        )
    missing = [key for key in required if key not in entry]
    unknown = [key for key in entry if key not in (*required, *optional)]
    if missing:
        raise InvalidInput(
            f"{missing[0]} of the {what} is not given, expected {', '.join(required)} "
            f"({len(missing)} missing). Add it."
        )
    if unknown:
        raise InvalidInput(
            f"key of the {what} is {unknown[0]!r}, expected one of {', '.join((*required, *optional))} "
            f"({len(unknown)} unknown). Correct or remove it."
        )


def number(value: object, what: str, unit: str = "", *, any_sign: bool = False) -> float:
    """A finite number, positive unless `any_sign`.

    Parameters
    ----------
    value : object
        The value in the file.
    what : str
        What it is, for messages.
    unit : str
        Its unit, for messages.
    any_sign : bool
        Zero and negative numbers are allowed.

    Raises
    ------
    InvalidInput
        It is not.

    Examples
    --------
    >>> number(3, "radius", "cm")
    3.0
    """
    if not isinstance(value, bool) and isinstance(value, int | float):
        found = float(value)
        if math.isfinite(found) and (any_sign or found > 0.0):
            return found
    raise InvalidInput(
        f"{what} is {value!r}{unit and ' ' + unit}, expected a {'finite' if any_sign else 'positive'} number. "
        f"Correct the file."
    )


def text(value: object, what: str) -> str:
    """A text with something in it.

    Raises
    ------
    InvalidInput
        It is not.

    Examples
    --------
    >>> text("6711", "name")
    '6711'
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{what} is {value!r}, expected a text. Correct the file.")
    return value
