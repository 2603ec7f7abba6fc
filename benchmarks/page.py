"""docs/performance.md from the numbers measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import draw_figures
from benchmarks.row import Row, row_of

PAGE, RECORD, IMAGES = "performance.md", "performance_record.json", "images"
METHOD = Path(__file__).parent / "method.md"


def write_page(record: dict[str, Any], folder: Path) -> Path:
    """Write the record, its figures and its page.

    Parameters
    ----------
    record : dict
        See `benchmarks.__main__.Measurement.record`.
    folder : path
        Gets ``performance.md``, ``performance_record.json`` and ``images/performance_*.svg``.

    Returns
    -------
    path
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw_figures(record, folder / IMAGES)
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page_text(record), encoding="utf-8")
    return folder / PAGE


def page_text(record: dict[str, Any]) -> str:
    """The page of a record, Markdown."""
    rows = [row_of(row) for row in record["rows"]]
    parts = [
        "# Performance",
        "Made by `make benchmark`, not by hand: to change this page, run it again. The same numbers for programs: "
        f"[`{RECORD}`]({RECORD}).",
        _made_on(record),
        _table(rows),
        _notes(rows),
        "![Uncertainty against CPU time](images/performance_uncertainty.svg)",
        "![CPU time against voxels, seeds and histories](images/performance_cost.svg)",
        METHOD.read_text(encoding="utf-8").rstrip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _made_on(record: dict[str, Any]) -> str:
    facts = "; ".join(f"{name} {value}" for name, value in record["machine"].items())
    yardstick = record["seen"]["neck13"]
    speed = np.median(yardstick["yardstick_histories_per_s"]) / 1e6
    low, high = record["load"]
    return (
        f"{record['date']}, {record['seconds'] / 60:.1f} min, {record['rounds']} rounds. Machine: {facts}. Load "
        f"(running processes, mean of a minute) {low:g} to {high:g}: above two, others were at work, and wall times "
        f"(through shared caches CPU times too) are upper bounds. The yardstick makes {speed:.2f} M histories/s here, "
        f"{np.median(yardstick['yardstick_step_ns']):.1f} ns per voxel step, efficiency "
        f"{np.median(yardstick['yardstick_efficiency']):.3g} 1/s."
    )


def _table(rows: list[Row]) -> str:
    lines = ["| | what | target | median | least … largest | |", "|---|---|---|---|---|---|"]
    for number, row in enumerate(rows, start=1):
        median = row.number(row.median) if row.values else "–"
        lines.append(f"| {number} | {row.what} | {row.aim} | {median} | {row.spread} | {row.verdict} |")
    return "\n".join(lines)


def _notes(rows: list[Row]) -> str:
    noted = [f"* {number}: {row.note}." for number, row in enumerate(rows, start=1) if row.note]
    return "\n".join(["What else was seen:", "", *noted]) if noted else ""
