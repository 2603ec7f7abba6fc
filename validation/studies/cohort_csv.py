"""Numbers of a cohort's analyses as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from validation.case.whole_file import whole_file


def number_cell(value: float) -> str:
    """A number with ten digits; empty if not defined, ``inf`` if not reached.

    Examples
    --------
    >>> number_cell(0.1 + 0.2), number_cell(float("nan")), number_cell(float("inf"))
    ('0.3', '', 'inf')
    """
    return "" if math.isnan(value) else f"{value:.10g}"


def write_rows(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write rows as CSV, whole or not at all; names in them are already harmless.

    Parameters
    ----------
    path : path
        File; an existing one is replaced.
    rows : sequence of sequences
        The first holds the headings.

    Returns
    -------
    path
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    return path
