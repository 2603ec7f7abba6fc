"""Tables in one screen: seed lists, tables of a cohort, doses as CSV, scenario tables."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.case.implant import Implant
from validation.case.plain_text import plain_text
from validation.case.seed_list_json import read_seed_list
from validation.studies.inspect_section import Section, between, facts, shortened

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_DELIMITERS = ",;\t"
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "missing", "-"})
_SEED_COLUMNS = frozenset({"x_cm", "y_cm", "z_cm", "air_kerma_strength_U"})
_MM_PER_CM = 10.0


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return path.name.lower().endswith(SUFFIXES)


def describe_table(path: Path) -> list[Section]:
    """Sections on a table: what each column holds. Words in its cells are counted and not shown: they may be names.

    Parameters
    ----------
    path : path
        CSV or TSV, plain or gzip, with one line of headings.

    Returns
    -------
    list of Section

    Raises
    ------
    InvalidInput
        It is no such table; or a seed list that cannot be used.
    """
    try:
        with _opened(path) as stream:
            head, delimiter = _headings(stream, path)
            if set(head) >= _SEED_COLUMNS:
                return describe_seed_list(path)
            columns = [_Column() for _ in head]
            count = 0
            for row in _cells(stream, delimiter):
                count += 1
                for column, cell in zip(columns, row, strict=False):
                    column.add(cell)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as reason:
        raise InvalidInput(
            f"table {path.name} is not readable, expected text in UTF-8 with cells divided by commas, semicolons or "
            f"tabs ({reason}). Export it again."
        ) from None
    names = {",": "commas", ";": "semicolons", "\t": "tabs"}
    rows = [(plain_text(name, "–"), *column.words()) for name, column in zip(head, columns, strict=True)]
    return [
        facts(
            "Table", [("lines", str(count)), ("columns", str(len(head))), ("divided by", names[delimiter])]
        ),
        shortened("Columns", ("column", "cells", "missing", "holds"), rows, most=30),
    ]


def describe_seed_list(path: Path) -> list[Section]:
    """Sections on a seed list, CSV or JSON."""
    implant: Implant = read_seed_list(path)
    strengths, places = implant.air_kerma_strengths, implant.positions
    needles = sorted({int(n) for n in implant.needles if n >= 0})
    low, high = places.min(axis=0), places.max(axis=0)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = f"{_MM_PER_CM * float(distances.min()):.2f} mm" if len(implant) > 1 else "–"
    where = ", ".join(f"{axis} {between(a, b)}" for axis, a, b in zip("xyz", low, high, strict=True))
    return [
        facts("Seed list", [
            ("seeds", f"{len(implant)} × {implant.model}, half-life {implant.half_life_d:g} d"),
            ("strength", f"{between(float(strengths.min()), float(strengths.max()), 'U')} each, "
                         f"{float(strengths.sum()):.4g} U in all"),
            ("needles", f"{len(needles)}" if needles else "unknown"),
            ("places", f"{where} cm"),
            ("nearest centres", f"{nearest} apart"),
        ])
    ]  # fmt: skip


class _Column:
    """What the cells of a column hold."""

    def __init__(self) -> None:
        self.numbers = self.words_seen = self.missing = 0
        self.low, self.high = np.inf, -np.inf

    def add(self, cell: str) -> None:
        cell = cell.strip()
        if cell.casefold() in _MISSING:
            self.missing += 1
            return
        try:
            value = float(cell)
        except ValueError:
            self.words_seen += 1
            return
        self.numbers += 1
        self.low, self.high = min(self.low, value), max(self.high, value)

    def words(self) -> tuple[str, str, str]:
        total = self.numbers + self.words_seen
        holds = between(self.low, self.high) if self.numbers else "–"
        if self.words_seen:
            holds = f"words in {self.words_seen}" + (f", else {holds}" if self.numbers else "")
        return str(total), str(self.missing), holds


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        yield stream


def _headings(stream: TextIO, path: Path) -> tuple[Sequence[str], str]:
    for line in stream:
        if line.strip() and not line.startswith("#"):
            delimiter = max(_DELIMITERS, key=line.count)
            return [
                cell.strip() for cell in next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter))
            ], delimiter
    raise InvalidInput(f"table {path.name} is empty, expected a line of headings. Export it again.")


def _cells(stream: TextIO, delimiter: str) -> Iterator[list[str]]:
    lines = (line for line in stream if line.strip() and not line.startswith("#"))
    yield from csv.reader(lines, delimiter=delimiter)
