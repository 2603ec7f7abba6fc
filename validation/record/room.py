"""What one part of the record yields, and how much work it may do for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from validation.record.check import Check

Mode = Literal["quick", "full"]
Style = Literal["computed", "reference", "computed line", "reference line", "limit"]
T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """How much work the record may do.

    Attributes
    ----------
    mode : str
        ``quick`` (about a minute on two cores) or ``full``.
    threads : int
        Threads; results do not depend on it.
    shared : path, optional
        Folder with reference doses that are not part of the project.
    say : callable
        Gets a line now and then.
    """

    mode: Mode
    threads: int = 1
    shared: Path | None = None
    say: Callable[[str], None] = lambda line: None

    def pick(self, quick: T, full: T) -> T:
        """One of two amounts of work."""
        return quick if self.mode == "quick" else full


@dataclass(frozen=True)
class Series:
    """Points or a line of a figure.

    Attributes
    ----------
    label : str
        Name in the legend.
    x, y : tuple of float
        Coordinates.
    std_dev : tuple of float
        Standard uncertainty of each y; empty for none.
    style : str
        ``computed``, ``reference`` (points), ``computed line``, ``reference line`` or ``limit``.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    std_dev: tuple[float, ...] = ()
    style: Style = "computed"


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes
    ----------
    y_label : str
        Quantity and unit.
    series : tuple of Series
        What is drawn.
    log_y : bool
        Logarithmic ordinate.
    """

    y_label: str
    series: tuple[Series, ...]
    log_y: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure of the record: panels one above the other with a common abscissa.

    Attributes
    ----------
    name : str
        Part of the file's name.
    group : str
        Group it is shown with.
    caption : str
        What is to be seen.
    x_label : str
        Quantity and unit.
    panels : tuple of Panel
        From above.
    log_x : bool
        Logarithmic abscissa.
    names : tuple of str
        Names of the positions 0, 1, … on the abscissa, where these are not numbers.
    """

    name: str
    group: str
    caption: str
    x_label: str
    panels: tuple[Panel, ...]
    log_x: bool = False
    names: tuple[str, ...] = ()


@dataclass
class Room:
    """Results of one part of the record.

    Attributes
    ----------
    checks : list of Check
        Comparisons.
    figures : list of Figure
        Figures.
    left_out : list of str
        What was not done and why, a sentence each.
    """

    checks: list[Check] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
