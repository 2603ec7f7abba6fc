"""Figure of survival: Kaplan–Meier curves with intervals, censoring marks and the numbers at risk."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from validation.case.whole_file import whole_file
from validation.report.cohort import p_text
from validation.studies.cohort_survival import Endpoint, GroupSurvival

# Okabe and Ito's colours, with a line style each: told apart by colour-blind readers and in print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":")
_TICKS = 8
_ROW_HEIGHT = 0.24  # inches per line of the table under the axis
_LONGEST_LABEL = 24


def kaplan_meier_figure(endpoint: Endpoint) -> Figure:
    """Draw an endpoint.

    Parameters
    ----------
    endpoint : Endpoint
        Groups with their curves.

    Returns
    -------
    Figure
        Curves, shaded 95 % log-log intervals, ticks where somebody was censored, the number at risk below.
    """
    rows = len(endpoint.groups)
    with matplotlib.rc_context({"font.size": 11}):
        figure = Figure(figsize=(8.4, 4.9 + _ROW_HEIGHT * rows), layout="constrained")
        FigureCanvasAgg(figure)
        above, below = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [4.4, _ROW_HEIGHT * (rows + 1)]}
        )
        longest = max(float(g.curve.durations.max()) for g in endpoint.groups) or 1.0
        for k, group in enumerate(endpoint.groups):
            _curve(above, group, _COLOURS[k % len(_COLOURS)], _STYLES[k % len(_STYLES)])
        above.axhline(0.5, color="#9aa5af", lw=0.8, ls=(0, (1, 3)))
        above.set(ylim=(0, 1.03), xlim=(0, 1.03 * longest), ylabel=endpoint.name)
        above.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f} %")
        above.xaxis.set_major_locator(MaxNLocator(_TICKS))
        above.spines[["top", "right"]].set_visible(False)
        above.tick_params(labelbottom=True)
        above.set_xlabel(endpoint.unit)
        if rows > 1:
            above.legend(frameon=False, loc="best")
        if endpoint.test:
            above.set_title(f"log-rank p {_equals(endpoint.test.p)}", loc="right", fontsize=11)
        ticks = [float(t) for t in MaxNLocator(_TICKS).tick_values(0, longest) if 0 <= t <= longest]
        _numbers_at_risk(below, endpoint, ticks)
        figure.align_labels()
    return figure


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def _curve(ax: Axes, group: GroupSurvival, colour: str, style: str) -> None:
    c = group.curve
    t = np.concatenate([[0.0], c.times])
    label = f"{group.name[:_LONGEST_LABEL]} (n = {len(c.durations)}, {int(c.events.sum())} events)"
    ax.step(t, np.concatenate([[1.0], c.survival]), where="post", color=colour, ls=style, lw=2, label=label)
    low, high = (np.concatenate([[1.0], _held(side, c.survival)]) for side in (c.low, c.high))
    ax.fill_between(t, low, high, step="post", color=colour, alpha=0.13, lw=0)
    censored = np.unique(c.durations[~c.events])
    at = np.array([c.at(float(x))[0] for x in censored])
    ax.plot(censored, at, ls="", marker="|", ms=9, mew=1.4, color=colour)


def _held(side: NDArray[np.float64], survival: NDArray[np.float64]) -> NDArray[np.float64]:
    """A limit with the curve itself where it is not defined, at 1 and 0."""
    return np.where(np.isnan(side), survival, side)


def _numbers_at_risk(ax: Axes, endpoint: Endpoint, ticks: list[float]) -> None:
    ax.set_axis_off()
    rows = len(endpoint.groups)
    ax.set_ylim(rows + 0.3, -0.9)
    beside = ax.get_yaxis_transform()
    ax.text(
        0, -0.35, "number at risk", transform=beside, ha="left", va="center", fontsize=10, color="#5b6570"
    )
    for k, group in enumerate(endpoint.groups):
        colour = _COLOURS[k % len(_COLOURS)]
        name = group.name[:_LONGEST_LABEL]
        ax.text(-0.035, k + 0.5, name, transform=beside, ha="right", va="center", color=colour, fontsize=10)
        for t, n in zip(ticks, group.curve.at_risk(ticks), strict=True):
            ax.text(t, k + 0.5, str(n), ha="center", va="center", fontsize=10)


def as_image(figure: Figure) -> str:
    """A figure as a data URL of a PNG, for a page that stands alone."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def write_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG of 200 dpi or, by its ending, SVG or PDF, whole or not at all."""
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=200)
    return path
