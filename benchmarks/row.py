"""One line of the table: what was measured, in rounds, and what was aimed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Row:
    """A quantity, measured in rounds.

    Attributes
    ----------
    what : str
        The quantity in words.
    values : tuple of float
        One per round; empty where it could not be measured.
    unit : str
        Of the values.
    target : float
        What is aimed at.
    at_least : bool
        Whether the target is a lower bound; an upper bound otherwise.
    stretch : float, optional
        What would be better still.
    note : str
        What else was seen, or why there are no values.
    """

    what: str
    values: tuple[float, ...]
    unit: str
    target: float
    at_least: bool
    stretch: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """Median over the rounds."""
        return float(median(self.values))

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None if nothing was measured."""
        return self._reaches(self.target)

    @property
    def verdict(self) -> str:
        """The same in a word."""
        if self.met is None:
            return "not measured"
        if not self.met:
            return "**not met**"
        return "met, and the stretch" if self.stretch is not None and self._reaches(self.stretch) else "met"

    @property
    def aim(self) -> str:
        """The target in words."""
        text = f"{'≥' if self.at_least else '<'} {self.target:g} {self.unit}".strip()
        return text if self.stretch is None else f"{text} (stretch {self.stretch:g})"

    def number(self, value: float) -> str:
        """A value with its unit, three digits at least."""
        return f"{_digits(value)} {self.unit}".strip()

    @property
    def spread(self) -> str:
        """Least and largest of the rounds."""
        if not self.values:
            return "–"
        return f"{_digits(min(self.values))} … {_digits(max(self.values))}"

    def line(self) -> str:
        """The row for a terminal."""
        measured = f"{self.number(self.median)} [{self.spread}]" if self.values else "not measured"
        text = f"{self.what}: {measured}, target {self.aim}: {self.verdict.strip('*')}"
        return f"{text}\n    {self.note}" if self.note else text

    def record(self) -> dict[str, Any]:
        """The row for a JSON file."""
        return asdict(self)

    def _reaches(self, aim: float) -> bool | None:
        if not self.values:
            return None
        return self.median >= aim if self.at_least else self.median < aim


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.3g}"


def row_of(record: dict[str, Any]) -> Row:
    """The row that `Row.record` wrote."""
    return Row(**{**record, "values": tuple(record["values"])})


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """Ratios of two quantities measured in the same rounds."""
    return tuple(a / b for a, b in zip(above, below, strict=True))
