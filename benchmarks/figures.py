"""Figures of docs/performance.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#1f5a96", "#c8641b", "#6b6b6b", "#2f8f5b")
# The same file for the same numbers: no date, no random identifiers.
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "performance",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
METADATA = {"Date": None}


def draw_figures(record: dict[str, Any], folder: Path) -> list[str]:
    """Draw what the record holds.

    Parameters
    ----------
    record : dict
        See `benchmarks.__main__.Measurement.record`.
    folder : path
        Gets ``performance_uncertainty.svg`` and ``performance_cost.svg``.

    Returns
    -------
    list of str
        Names of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        drawn = {
            "performance_uncertainty.svg": _uncertainty(record["curves"]),
            "performance_cost.svg": _cost(record["curves"]),
        }
        for name, figure in drawn.items():
            figure.savefig(folder / name, metadata=METADATA)
    return list(drawn)


def _uncertainty(curves: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.subplots()
    named = {
        f"engine, variance reduction {name.removeprefix('histories ')}": curve
        for name, curve in curves.items()
        if name.startswith("histories ")
    }
    named["yardstick (bare sources, crude physics)"] = curves["yardstick"]
    for (name, curve), colour in zip(named.items(), COLOURS, strict=False):
        axes.loglog(curve["cpu_s"], curve["rms_percent"], "o-", ms=4, lw=1.2, color=colour, label=name)
    axes.set_xlabel("CPU time, s")
    axes.set_ylabel("rms type A uncertainty, %")
    axes.set_title("neck13, 1 mm voxels, central 3 cm cube, one core", loc="left", fontsize=9)
    _plain_ticks(axes)
    axes.grid(True, which="both", lw=0.3, alpha=0.6)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _cost(curves: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(8.4, 2.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, key, name in ((left, "voxels", "scoring voxels in 6 × 6 × 6 cm³"), (middle, "seeds", "seeds")):
        axes.semilogx(curves[key][key], curves[key]["us_per_history"], "o-", ms=4, lw=1.2, color=COLOURS[0])
        axes.set_xlabel(name)
        axes.set_ylabel("CPU time per history, µs")
        axes.set_ylim(0.0, 1.15 * max(curves[key]["us_per_history"]))
    for (name, curve), colour in zip(
        ((n, c) for n, c in curves.items() if n.startswith("histories ")), COLOURS, strict=False
    ):
        right.loglog(
            curve["histories"], curve["cpu_s"], "o-", ms=4, lw=1.2, color=colour,
            label=name.removeprefix("histories "),
        )  # fmt: skip
    right.set_xlabel("histories")
    right.set_ylabel("CPU time, s")
    right.legend(frameon=False, fontsize=8, title="variance reduction", title_fontsize=8)
    _plain_ticks(right, x=False)
    for axes in (left, middle, right):
        axes.grid(True, which="major", lw=0.3, alpha=0.6)
    return figure


def _plain_ticks(axes: Axes, x: bool = True) -> None:
    """Write 0.5, 1, 2 … instead of powers of ten."""
    for axis in (axes.xaxis, axes.yaxis) if x else (axes.yaxis,):
        axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axis.set_minor_locator(ticker.LogLocator(subs=(2.0, 3.0, 5.0)))
        axis.set_minor_formatter(ticker.FormatStrFormatter("%g"))
