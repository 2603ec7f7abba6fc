"""What a user may have meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name that is spelt most alike, as a remark for a refusal.

    Parameters
    ----------
    name : str
        What was given.
    known : iterable of str
        Names that would do.

    Returns
    -------
    str
        Begins with a blank; empty if no name is alike. Upper and lower case count as the same.

    Examples
    --------
    >>> nearest_name("tyroid", ["water", "thyroid"])
    ' (did you mean thyroid?)'
    >>> nearest_name("glue", ["water", "thyroid"])
    ''
    """
    spelt = {other.casefold(): other for other in known}
    alike = get_close_matches(name.casefold(), spelt, n=1)
    return f" (did you mean {spelt[alike[0]]}?)" if alike else ""
