"""Choosing one of several series, plans or structure sets of a folder by a name the user knows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import is_plain, plain_text


class SeveralCandidates(InvalidInput):
    """More than one may be meant and none is chosen."""


@dataclass(frozen=True)
class Candidate:
    """One of several series or plans that may be meant."""

    names: tuple[str, ...]  # what the user may call it
    description: str  # for a list of candidates


def choose(
    candidates: Sequence[Candidate], wanted: str | None, what: str, option: str, keyword: str = ""
) -> int:
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
        Which option of the command chooses, as it is typed.
    keyword : str
        The same in Python, if it is there.

    Returns
    -------
    int
        Its index.

    Raises
    ------
    SeveralCandidates
        None is chosen of several; all are listed.
    InvalidInput
        None or several match; all candidates are listed.

    Examples
    --------
    >>> choose([Candidate(("PRE",), "PRE"), Candidate(("POST",), "POST")], "post", "plans", "--plan")
    1
    """
    listed = "; ".join(candidate.description for candidate in candidates)
    if wanted is None:
        if len(candidates) == 1:
            return 0
        in_python = f" ({keyword}=… in Python)" if keyword else ""
        raise SeveralCandidates(
            f"{what} are {len(candidates)}, expected one: {listed}. Choose one, for example "
            f"{option} {_example(candidates)}{in_python}."
        )
    called = wanted.casefold()
    found = [i for i, c in enumerate(candidates) if called in {name.casefold() for name in c.names}]
    if len(found) != 1:
        raise InvalidInput(
            f"{option} is {plain_text(wanted, '?')!r} and matches {len(found)} of {len(candidates)} "
            f"{what}, expected one of: {listed}. Name it by UID, label or folder."
        )
    return found[0]


def _example(candidates: Sequence[Candidate]) -> str:
    """The shortest listed name that means one candidate only, as a shell takes it."""
    called = [{name.casefold() for name in c.names} for c in candidates]
    single = [
        name
        for candidate in candidates
        for name in candidate.names
        # a name that is not in the list may be one that was blotted out of it
        if is_plain(name) and not name.startswith("-") and name in candidate.description
        if sum(name.casefold() in names for names in called) == 1
    ]
    return shlex.quote(min(single, key=len)) if single else "UID"
