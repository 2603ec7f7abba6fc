"""Figures of an in-silico cohort: every lesion before and after, and Monte Carlo against TG-43."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from validation.studies.cohort_in_silico import LABELS, InSilicoCohort
from validation.studies.cohort_published import PUBLISHED, PUBLISHED_LESIONS, PublishedIndex

_LINE, _MEAN = "#8a97a3", "#0b4f7d"
_DRAWN = ("D90", "D100")
_WIDTH, _HEIGHT = 9.2, 7.2  # inches


def pairs_figure(cohort: InSilicoCohort) -> Figure:
    """Draw D90 and D100 of every lesion before and after, by either engine, beside the published means.

    Parameters
    ----------
    cohort : InSilicoCohort
        The cohort.

    Returns
    -------
    Figure
        A row for either index, a column for the published series and either engine; bars are ± one sd over lesions.
    """
    with matplotlib.rc_context({"font.size": 11}):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(_DRAWN), 3, sharex=True, sharey="row")
        for row, name in zip(axes, _DRAWN, strict=True):
            published = next(p for p in PUBLISHED if p.name == name)
            _published(row[0], published)
            for ax, engine in zip(row[1:], ("tg43", "monte_carlo"), strict=True):
                _pairs(ax, *(cohort.values(name, state, engine) for state in ("plan", "verification")))
            row[0].set_ylabel(f"{name} of the target [Gy]")
        titles = (f"published, {PUBLISHED_LESIONS} lesions", LABELS["tg43"], LABELS["monte_carlo"])
        for ax, title in zip(axes[0], titles, strict=True):
            ax.set_title(title)
        for ax in axes.flat:
            ax.set(xlim=(-0.45, 1.45), xticks=(0, 1), xticklabels=("before", "after"))
            ax.set_ylim(bottom=0)
            ax.spines[["top", "right"]].set_visible(False)
            ax.grid(axis="y", lw=0.5, color="#e3e7ea")
    return figure


def _published(ax: Axes, one: PublishedIndex) -> None:
    ax.errorbar(
        (0, 1), (one.before, one.after), (one.before_sd, one.after_sd),
        fmt="s--", ms=7, color=_MEAN, lw=1.4, capsize=5,
    )  # fmt: skip


def _pairs(ax: Axes, before: np.ndarray, after: np.ndarray) -> None:
    ax.plot((0, 1), (before, after), "-o", color=_LINE, lw=0.8, ms=3, alpha=0.75)
    values = [before[np.isfinite(before)], after[np.isfinite(after)]]
    ax.errorbar(
        (-0.16, 1.16), [v.mean() for v in values], [v.std(ddof=1) for v in values],
        fmt="s", ms=7, color=_MEAN, lw=1.6, capsize=5,
    )  # fmt: skip


def engines_figure(cohort: InSilicoCohort) -> Figure:
    """Draw D90 by Monte Carlo against that by TG-43; the colour is the fat in the target.

    Parameters
    ----------
    cohort : InSilicoCohort
        The cohort.

    Returns
    -------
    Figure
        Filled: plan; open: verification; the line is equality.
    """
    with matplotlib.rc_context({"font.size": 11}):
        figure = Figure(figsize=(7.4, 5.6), layout="constrained")
        FigureCanvasAgg(figure)
        ax = figure.subplots()
        fat = [cohort.share_of("adipose", state) for state in ("plan", "verification")]
        norm = matplotlib.colors.Normalize(0.0, max(float(np.max(fat)), 1.0))
        colours = matplotlib.colormaps["cividis"]
        largest = 0.0
        for state, share, marker in zip(("plan", "verification"), fat, ("o", "D"), strict=True):
            x, y = (cohort.values("D90", state, engine) for engine in ("tg43", "monte_carlo"))
            shown = colours(norm(share))
            ax.scatter(
                x, y, s=52, marker=marker, facecolors=shown if marker == "o" else "none", edgecolors=shown,
                linewidths=1.8,
            )  # fmt: skip
            largest = max(largest, float(np.nanmax(x)), float(np.nanmax(y)))
            ax.scatter([], [], s=52, marker=marker, facecolors=_LINE if marker == "o" else "none", edgecolors=_LINE,
                       linewidths=1.8, label=state)  # fmt: skip
        top = 1.05 * largest
        ax.plot((0, top), (0, top), color=_LINE, lw=1, ls="--", label="equal")
        ax.set(xlim=(0, top), ylim=(0, top), xlabel="D90 by TG-43 [Gy]", ylabel="D90 by Monte Carlo [Gy]")
        ax.set_aspect("equal")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="upper left")
        figure.colorbar(
            matplotlib.cm.ScalarMappable(norm, colours), ax=ax, label="fat in the target [% of its volume]"
        )
    return figure
