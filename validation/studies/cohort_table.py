"""A cohort's table as it comes from a spreadsheet: named columns, numbers, words, and cells that are missing."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import plain_text

MISSING_WORDS = ("", "na", "n/a", "nan", "none", "missing", "-", "–", "—")
_DELIMITERS = (",", ";", "\t")
_LARGEST_BYTES = 20_000_000  # a cohort has thousands of lines, not millions

# "D90%" and "V100 %" name an index; the percent sign is no unit there. "D90 (%)" states one.
_INDEX_PERCENT = re.compile(r"\b([a-z]*[dv]\d+(?:\.\d+)?)%")
_WORD = re.compile(r"[^\W\d_]*\d+(?:\.\d+)?[^\W\d_]*|[^\W\d_]+|%")

T = TypeVar("T")


def heading_words(heading: str) -> tuple[str, ...]:
    """A column heading as lower-case words; a number stays with its letters.

    Parameters
    ----------
    heading : str
        As in the first line of the table.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> heading_words("D90 before (cGy)"), heading_words("Volume_after [cm³]")
    (('d90', 'before', 'cgy'), ('volume', 'after', 'cm3'))
    >>> heading_words("D0.1cc-post"), heading_words("V100%_pre")
    (('d0.1cc', 'post'), ('v100', 'pre'))
    """
    text = unicodedata.normalize("NFKC", heading).casefold().replace("_", " ")
    return tuple(_WORD.findall(_INDEX_PERCENT.sub(r"\1", text)))


@dataclass(frozen=True)
class CohortTable:
    """Text cells with the line of the file each row stands on.

    Parameters
    ----------
    path : path
        Where they come from; refusals name it.
    headings : tuple of str
        Columns as written.
    rows : tuple of tuple of str
        Cells without surrounding blanks.
    lines : tuple of int
        Line of the file of each row, from 1.
    decimal_comma : bool
        A comma in a number is a decimal point (tables that semicolons or tabs divide).

    Examples
    --------
    >>> table = CohortTable(Path("a.csv"), ("lesion", "D90"), (("1", "124.5"), ("2", "n/a")), (2, 3))
    >>> table.numbers("D90").tolist()
    [124.5, nan]
    """

    path: Path
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, heading: str) -> tuple[str, ...]:
        """The column of that heading; missing cells are empty text."""
        k = self.headings.index(heading)
        return tuple("" if row[k].casefold() in MISSING_WORDS else row[k] for row in self.rows)

    def find(self, *names: str) -> str | None:
        """The heading that reads as one of some names, or None; two such are refused."""
        wanted = {heading_words(name) for name in names}
        found = [heading for heading in self.headings if heading_words(heading) in wanted]
        if len(found) > 1:
            raise self.refusal_of_columns(found, f"one column for {names[0]}")
        return found[0] if found else None

    def refusal_of_columns(self, found: Sequence[str], expected: str) -> InvalidInput:
        """The refusal of columns that say the same."""
        names = ", ".join(repr(plain_text(name, "(empty)")) for name in found)
        return InvalidInput(
            f"columns of {self.path} are {names}, expected {expected} (they say the same). Rename or remove one."
        )

    def read(self, heading: str, reading: Callable[[str], T | None], expected: str, missing: T) -> list[T]:
        """A column through a reading of its cells.

        Parameters
        ----------
        heading : str
            Column.
        reading : callable
            Gives None for a cell it does not understand.
        expected : str
            What the refusal says was expected.
        missing : object
            What a missing cell becomes.

        Returns
        -------
        list
            One value per row.

        Raises
        ------
        InvalidInput
            Names the first line that was not understood and how many were not.
        """
        values = [reading(cell) if cell else missing for cell in self.cells(heading)]
        bad = [k for k, value in enumerate(values) if value is None]
        if bad:
            raise InvalidInput(
                f"{plain_text(heading, 'a column')} in line {self.lines[bad[0]]} of {self.path} is "
                f"{self.cells(heading)[bad[0]][:32]!r}, expected {expected} ({len(bad)} such "
                f"{'cell' if len(bad) == 1 else 'cells'} in the column). Correct the table."
            )
        return [value for value in values if value is not None]

    def numbers(
        self, heading: str, low: float = -np.inf, high: float = np.inf, unit: str = ""
    ) -> NDArray[np.float64]:
        """A column as numbers, NaN where missing; `InvalidInput` for text and for values outside [low, high]."""

        def reading(cell: str) -> float | None:
            text = cell.replace(",", ".") if self.decimal_comma else cell
            try:
                value = float(text.replace("−", "-"))
            except ValueError:
                return None
            return value if np.isfinite(value) and low <= value <= high else None

        if np.isfinite(high):
            limits = f" from {low:g} to {high:g}"
        else:
            limits = f" of at least {low:g}" if np.isfinite(low) else ""
        told = f"a number{limits}{f' {unit}' if unit else ''}, or an empty cell if missing"
        return np.array(self.read(heading, reading, told, np.nan), np.float64)


def read_cohort_table(path: str | Path) -> CohortTable:
    r"""Read a table with one heading line, divided by commas, semicolons or tabs.

    Parameters
    ----------
    path : path
        Text file in UTF-8; lines that start with ``#`` are comments.

    Returns
    -------
    CohortTable

    Raises
    ------
    InvalidInput
        The file is unreadable, empty, too large, has a heading twice or a line with too many or few cells.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "lesions.csv"
    >>> _ = path.write_text("lesion;D90 before\n1;124,5\n")
    >>> read_cohort_table(path).numbers("D90 before").tolist()
    [124.5]
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InvalidInput(
                f"{path} has {path.stat().st_size / 1e6:.0f} MB, expected a table of at most "
                f"{_LARGEST_BYTES / 1e6:.0f} MB (one line per lesion or patient). Check the file."
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as reason:
        raise InvalidInput(
            f"table {path} is not readable, expected a CSV text file in UTF-8 ({reason}). Save the sheet as CSV UTF-8."
        ) from reason
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip(" ,;\t") and not line.lstrip().startswith("#")
    ]
    if len(numbered) < 2:
        raise InvalidInput(
            f"table {path} has {max(len(numbered) - 1, 0)} lines below its headings, expected at least 1. Fill it."
        )
    delimiter = max(_DELIMITERS, key=numbered[0][1].count)
    rows, lines = [], []
    reader = csv.reader((line for _, line in numbered), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            rows.append(tuple(cell.strip() for cell in row))
            lines.append(numbered[reader.line_num - 1][0])
    except csv.Error as reason:
        raise InvalidInput(
            f"line {numbered[max(reader.line_num, 1) - 1][0]} of {path} is not readable, expected cells divided by "
            f"{delimiter!r} ({reason}). Correct the line."
        ) from reason
    table = CohortTable(path, rows[0], tuple(rows[1:]), tuple(lines[1:]), delimiter != ",")
    _check(table)
    return table


def _check(table: CohortTable) -> None:
    wrong = [k for k, row in enumerate(table.rows) if len(row) != len(table.headings)]
    if wrong:
        raise InvalidInput(
            f"line {table.lines[wrong[0]]} of {table.path} has {len(table.rows[wrong[0]])} cells, expected "
            f"{len(table.headings)} as in the headings ({len(wrong)} such "
            f"{'line' if len(wrong) == 1 else 'lines'}). Correct the table."
        )
    named = [heading for heading in table.headings if heading]
    twice = sorted({heading for heading in named if named.count(heading) > 1})
    if twice:
        raise table.refusal_of_columns([twice[0]] * 2, "every heading once")
