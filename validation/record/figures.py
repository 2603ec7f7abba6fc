"""Figures of the record as SVG, the same bytes for the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from validation.record.check import Check
from validation.record.room import Figure, Panel, Series

# Okabe and Ito's colours, told apart by colour-blind readers; the markers differ too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F", "#8C6D31")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
SETTINGS: Any = {
    "svg.hashsalt": "seedmc",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.markersize": 4.0,
    "lines.linewidth": 1.2,
}
WIDTH, FIRST_HEIGHT, FURTHER_HEIGHT = 7.2, 3.2, 1.9  # inches
# Beyond this many standard uncertainties on the overview's axis a check is drawn at the edge.
OVERVIEW_LIMIT = 1.6


def draw(figure: Figure, path: Path) -> None:
    """Draw a figure of the record.

    Parameters
    ----------
    figure : Figure
        What to draw.
    path : path
        SVG file to write.
    """
    with mpl.rc_context(SETTINGS):
        heights = [FIRST_HEIGHT, *[FURTHER_HEIGHT] * (len(figure.panels) - 1)]
        extra = 0.9 if figure.names else 0.0
        canvas = Canvas(figsize=(WIDTH, sum(heights) + extra), layout="constrained")
        axes = canvas.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for panel, axis in zip(figure.panels, axes, strict=True):
            _draw_panel(panel, axis)
        last = axes[-1]
        last.set_xlabel(figure.x_label)
        if figure.log_x:
            last.set_xscale("log")
            last.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
        if figure.names:
            last.set_xticks(range(len(figure.names)), figure.names, rotation=35, ha="right")
            last.set_xlim(-0.5, len(figure.names) - 0.5)
        _save(canvas, path)


def _draw_panel(panel: Panel, axis: Axes) -> None:
    colours: dict[str, tuple[str, str]] = {}
    for series in panel.series:
        if series.style != "limit":
            # What belongs together has one colour: a reference is named after what it is compared with.
            key = series.label.removeprefix("TG-43U1, ").removeprefix("reference, ").partition(",")[0]
            colours.setdefault(
                key, (COLOURS[len(colours) % len(COLOURS)], MARKERS[len(colours) % len(MARKERS)])
            )
            _draw_series(series, axis, *colours[key])
        else:
            axis.plot(
                series.x, series.y, color="#555555", linestyle=":", linewidth=1.0, label=series.label or None
            )
    axis.set_ylabel(panel.y_label)
    if panel.log_y:
        axis.set_yscale("log")
        # An error bar may reach to zero: the points alone decide how far down the axis goes.
        positive = np.concatenate([np.array(series.y)[np.array(series.y) > 0.0] for series in panel.series])
        axis.set_ylim(0.5 * positive.min(), 2.0 * positive.max())
    named = sum(bool(series.label) for series in panel.series)
    if named > 1:
        axis.legend(ncols=1 + (named > 5) + (named > 10))


def _draw_series(series: Series, axis: Axes, colour: str, marker: str) -> None:
    if series.style.endswith("line"):
        style = "-" if series.style.startswith("computed") else "--"
        axis.plot(series.x, series.y, color=colour, linestyle=style, linewidth=1.1, label=series.label)
        return
    face = colour if series.style == "computed" else "none"
    spread = np.array(series.std_dev) if series.std_dev and any(series.std_dev) else None
    axis.errorbar(
        series.x, series.y, yerr=spread, fmt=marker, color=colour, markerfacecolor=face, elinewidth=0.8, capsize=1.5,
        label=series.label,
    )  # fmt: skip


def draw_overview(checks: tuple[Check, ...], path: Path) -> None:
    """Every check as its difference over the largest that agrees, group by group.

    Parameters
    ----------
    checks : tuple of Check
        All checks.
    path : path
        SVG file to write.
    """
    groups = list(dict.fromkeys(check.group for check in checks))
    with mpl.rc_context(SETTINGS):
        canvas = Canvas(figsize=(WIDTH, 0.42 * len(groups) + 1.1), layout="constrained")
        axis = canvas.subplots()
        for verdict, colour, marker in (
            ("agrees", COLOURS[0], "o"), ("misses, explained", COLOURS[4], "D"), ("misses", COLOURS[1], "X")
        ):  # fmt: skip
            x, y = [], []
            for row, group in enumerate(groups):
                members = [check for check in checks if check.group == group]
                for place, check in enumerate(members):
                    if check.verdict == verdict:
                        share = (
                            check.difference / check.allowed
                            if check.allowed
                            else np.sign(check.difference) * 2.0
                        )
                        x.append(float(np.clip(share, -OVERVIEW_LIMIT, OVERVIEW_LIMIT)))
                        y.append(row + 0.6 * (place / max(1, len(members) - 1) - 0.5))
            if x:
                axis.plot(
                    x, y, marker, color=colour, markersize=3.5, alpha=0.8, label=f"{verdict} ({len(x)})"
                )
        for limit in (-1.0, 1.0):
            axis.axvline(limit, color="#555555", linestyle=":", linewidth=1.0)
        axis.set_yticks(range(len(groups)), groups)
        axis.set_ylim(len(groups) - 0.4, -0.6)
        axis.set_xlim(-OVERVIEW_LIMIT * 1.05, OVERVIEW_LIMIT * 1.05)
        axis.set_xlabel("difference / largest difference that agrees (beyond ±1.6 drawn at the edge)")
        axis.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.45, 1.0))
        _save(canvas, path)


def _save(canvas: Canvas, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    canvas.savefig(temporary, format="svg", metadata={"Date": None})
    temporary.replace(path)
