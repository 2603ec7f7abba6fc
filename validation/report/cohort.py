"""The pages of a cohort's analyses: what they consist of, on a terminal and as one HTML file that opens anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from validation.report.number_text import NOT_DEFINED, number
from validation.report.page import render_page, write_text
from validation.studies.cohort_intervals import Description, Share

_SMALLEST_P = 0.001
_PAGE_WIDTH = 160  # of a terminal that is none


@dataclass(frozen=True)
class TableText:
    """A table as printed: every cell with what is needed to read it."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class PageSection:
    """A section: tables, a figure as data URL with what it shows, and text."""

    title: str
    tables: tuple[TableText, ...]
    figure: str = ""
    alt: str = ""
    caption: str = ""
    paragraphs: tuple[str, ...] = ()


@dataclass(frozen=True)
class CohortPage:
    """A page.

    Parameters
    ----------
    kind, title, result : str
        What it is, what it is about, and the answer in one sentence.
    sections : tuple of PageSection
        In order.
    notes, methods : tuple of str
        What to keep in mind, and the rules that chose and computed.
    """

    kind: str
    title: str
    result: str
    sections: tuple[PageSection, ...]
    notes: tuple[str, ...]
    methods: tuple[str, ...]


def p_text(p: float) -> str:
    """A p value as papers print it.

    Examples
    --------
    >>> p_text(0.00621), p_text(0.00004), p_text(0.2345), p_text(float("nan"))
    ('0.006', '< 0.001', '0.234', '–')
    """
    if math.isnan(p):
        return NOT_DEFINED
    return f"< {_SMALLEST_P:g}" if p < _SMALLEST_P else number(p, 3)


def described(d: Description, by_mean: bool, places: int) -> str:
    """A sample as mean ± sd, or as median (P25, P75).

    Examples
    --------
    >>> d = Description(4, 2.5, 1.29, 2.4, 1.75, 3.25, 0.9)
    >>> described(d, True, 1), described(d, False, 1)
    ('2.5 ± 1.3', '2.4 (1.8, 3.2)')
    """
    if d.n == 0:
        return NOT_DEFINED
    if by_mean:
        return f"{number(d.mean, places)} ± {number(d.std_dev, places)}"
    return f"{number(d.median, places)} ({number(d.p25, places)}, {number(d.p75, places)})"


def share_text(s: Share) -> str:
    """A share in % with its Wilson interval.

    Examples
    --------
    >>> share_text(Share(3, 14, (0.0757, 0.4759), (0.0466, 0.5080)))
    '21 % (8 to 48), 3/14'
    """
    if s.total == 0:
        return NOT_DEFINED
    low, high = s.wilson
    return f"{number(100 * s.value, 0)} % ({number(100 * low, 0)} to {number(100 * high, 0)}), {s.count}/{s.total}"


def print_page(page: CohortPage, console: Console | None = None) -> None:
    """Print the tables and notes of a page.

    Parameters
    ----------
    page : CohortPage
        Page.
    console : Console, optional
        Where to; the terminal by default.
    """
    if console is None:
        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=_PAGE_WIDTH)
    console.print(Text(page.result))
    for section in page.sections:
        for told in section.tables:
            table = Table(box=None)
            for k, heading in enumerate(told.headings):
                table.add_column(Text(heading), justify="left" if k == 0 else "right", overflow="fold")
            for row in told.rows:
                # Names come from the user's table: no markup is read in them.
                table.add_row(*(Text(cell) for cell in row))
            console.print()
            console.print(Text(f"{section.title}. {told.caption}"))
            console.print(table)
        for paragraph in section.paragraphs:
            console.print()
            console.print(Text(paragraph))
    if page.notes:
        console.print()
    for note in page.notes:
        console.print(Text(f"note: {note}"))


def render(page: CohortPage) -> str:
    """The page as HTML with style sheet and figures inside; all text is escaped."""
    return render_page("cohort.html", page=page)


def write_page(page: CohortPage, path: Path) -> Path:
    """Write the page, whole or not at all.

    Parameters
    ----------
    page : CohortPage
        Page.
    path : path
        HTML file; an existing one is replaced.

    Returns
    -------
    path
    """
    return write_text(path, render(page))
