"""A titled table or list of facts, as ``seedmc inspect`` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LONGEST_TEXT = 100
_BYTES_IN_MB = 1_000_000


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


def grid(*centres: NDArray[np.floating]) -> str:
    """Numbers and edges of the voxels of a grid.

    Parameters
    ----------
    *centres : ndarray, shape (n,)
        Voxel centres along each axis, cm.

    Returns
    -------
    str

    Examples
    --------
    >>> grid(np.array([0.0, 0.1, 0.2]), np.array([0.0, 0.2]), np.array([1.0]))
    '3 × 2 × 1 voxels of 1 × 2 × – mm'
    """
    size = " × ".join(str(len(c)) for c in centres)
    step = " × ".join(f"{10 * (c[-1] - c[0]) / (len(c) - 1):.3g}" if len(c) > 1 else "–" for c in centres)
    return f"{size} voxels of {step} mm"


def short(value: object) -> str:
    """Anything as text of one line at most.

    Parameters
    ----------
    value : object
        An attribute or a setting.

    Returns
    -------
    str

    Examples
    --------
    >>> short(np.float64(0.5)), short("a" * 200)[-2:]
    ('0.5', 'a…')
    """
    words = (
        value
        if isinstance(value, str)
        else str(np.asarray(value).tolist() if hasattr(value, "dtype") else value)
    )
    return words if len(words) <= _LONGEST_TEXT else words[: _LONGEST_TEXT - 1] + "…"


def size_in_words(path: Path) -> str:
    """Size of a file in kB or MB."""
    size = path.stat().st_size
    return f"{size / 1e6:.2f} MB" if size >= _BYTES_IN_MB else f"{size / 1e3:.1f} kB"


def between(low: float, high: float, unit: str = "") -> str:
    """A range, or the one value.

    Examples
    --------
    >>> between(0.5, 0.5, "U"), between(1, 2)
    ('0.5 U', '1 to 2')
    """
    words = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    return f"{words} {unit}".rstrip()


def shortened(
    title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], most: int = 20
) -> Section:
    """A table of which not more than some rows are shown.

    Parameters
    ----------
    title : str
        What it is about.
    headings : tuple of str
        Of the columns.
    rows : sequence of tuple of str
        All rows.
    most : int
        Rows shown; how many are not is said in the last one.

    Returns
    -------
    Section

    Examples
    --------
    >>> shortened("Values", ("n",), [(str(n),) for n in range(5)], most=2).rows
    (('0',), ('1',), ('… 3 more',))
    """
    shown = tuple(rows[:most])
    if len(rows) > most:
        shown += ((f"… {len(rows) - most} more", *[""] * (len(headings) - 1)),)
    return Section(title, headings, shown)
