"""A titled table or list of facts, as ``seedmc inspect`` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes
    ----------
    title : str
        What it is about.
    headings : tuple of str
        Of the columns; empty for a list of facts (name and value).
    rows : tuple of tuple of str
        Cells.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def facts(title: str, pairs: Sequence[tuple[str, str]]) -> Section:
    """A list of facts.

    Parameters
    ----------
    title : str
        What it is about.
    pairs : sequence of (str, str)
        Name and value.

    Returns
    -------
    Section

    Examples
    --------
    >>> facts("File", [("size", "3 kB")]).rows
    (('size', '3 kB'),)
    """
    return Section(title, (), tuple(pairs))
