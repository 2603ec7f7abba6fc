"""Choosing one of several series, plans or structure sets of a folder by a name the user knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import plain_text


@dataclass(frozen=True)
class Candidate:
    """One of several series or plans that may be meant."""

    names: tuple[str, ...]  # what the user may call it
    description: str  # for a list of candidates


def choose(candidates: Sequence[Candidate], wanted: str | None, what: str, option: str) -> int:
    """Index of the candidate that is meant.

    Parameters
    ----------
    candidates : sequence of Candidate
        At least one.
    wanted : str or None
        A name of one of them, upper or lower case; None if there is only one.
    what : str
        What they are, for the message.
    option : str
        Which option chooses.

    Returns
    -------
    int
        Its index.

    Raises
    ------
    InvalidInput
        None or several match; all candidates are listed.

    Examples
    --------
    >>> choose([Candidate(("PRE",), "PRE"), Candidate(("POST",), "POST")], "post", "plans", "plan")
    1
    """
    listed = "; ".join(candidate.description for candidate in candidates)
    if wanted is None:
        if len(candidates) == 1:
            return 0
        raise InvalidInput(
            f"{what} are {len(candidates)}, expected one: {listed}. Choose one with the option {option}."
        )
    called = wanted.casefold()
    found = [i for i, c in enumerate(candidates) if called in {name.casefold() for name in c.names}]
    if len(found) != 1:
        raise InvalidInput(
            f"option {option} is {plain_text(wanted, '?')!r} and matches {len(found)} of {len(candidates)} "
            f"{what}, expected one of: {listed}. Name it by UID, label or folder."
        )
    return found[0]
