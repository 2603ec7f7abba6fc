"""Figures of the post-implant check: the CT with found and planned seeds, and how far seeds moved."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from validation.case.implant import SEED_LENGTH
from validation.studies.post_implant import PostImplant

FloatArray = NDArray[np.float64]

# Okabe and Ito's colours: told apart by colour-blind readers too.
FOUND_COLOUR, PLAN_COLOUR, LOST_COLOUR, TARGET_COLOUR = "#E69F00", "#56B4E9", "#D55E00", "#CC79A7"
_MARGIN = 1.0  # cm around seeds and target
_WINDOW = (-100.0, 3000.0)  # HU: seeds, not tissue
_WAY = ("to left", "to back", "to head")
_VIEWS = (
    (2, "axial, seen from below"),
    (1, "coronal, seen from the front"),
    (0, "sagittal, seen from the left"),
)


def projections(check: PostImplant) -> Figure:
    """Maximum-intensity projections of the CT around the implant with found and planned seeds.

    Parameters
    ----------
    check : PostImplant
        The check.

    Returns
    -------
    Figure
        Three views; found seeds solid with their number in the plan, planned ones dashed, lost ones crossed.
    """
    image = check.post.image
    coordinates = (image.x, image.y, image.z)
    planned = check.matching.motion(check.plan.implant.positions)
    directions = check.matching.motion.turn(check.plan.implant.axes)
    target = check.post.structures[check.post.prescription.target]
    outline = np.concatenate(
        [np.column_stack([c.points, np.full(len(c.points), c.z)]) for c in target.contours]
    )
    cloud = np.concatenate([planned, check.found.positions, outline])
    low, high = cloud.min(axis=0) - _MARGIN, cloud.max(axis=0) + _MARGIN
    window = tuple(slice(*np.searchsorted(c, (a, b))) for c, a, b in zip(coordinates, low, high, strict=True))
    block = image.hu[window]
    with matplotlib.rc_context({"font.size": 10}):
        figure = Figure(figsize=(13.5, 5.6), layout="constrained")
        FigureCanvasAgg(figure)
        for ax, (normal, title) in zip(figure.subplots(1, 3), _VIEWS, strict=True):
            across, up = [k for k in range(3) if k != normal]
            a, b = coordinates[across][window[across]], coordinates[up][window[up]]
            ax.pcolormesh(
                a, b, block.max(axis=normal).T, cmap="gray", vmin=_WINDOW[0], vmax=_WINDOW[1], rasterized=True
            )
            _target(ax, check, across, up)
            _rods(ax, planned, directions, across, up, PLAN_COLOUR, "--", 1.2)
            implant = check.post.implant
            _rods(ax, implant.positions, implant.axes, across, up, FOUND_COLOUR, "-", 2.0)
            for k in check.matching.lost:
                ax.plot(planned[k, across], planned[k, up], "x", color=LOST_COLOUR, ms=11, mew=2.5)
            for number, place in zip(check.matching.plan + 1, implant.positions, strict=False):
                ax.annotate(
                    str(number),
                    (place[across], place[up]),
                    (4, 4),
                    textcoords="offset points",
                    color="white",
                    fontsize=8,
                )
            ax.set_aspect("equal")
            if normal == 2:
                ax.invert_yaxis()
            ax.set_xlabel(f"{'xyz'[across]} / cm ({_WAY[across]})")
            ax.set_ylabel(f"{'xyz'[up]} / cm ({_WAY[up]})")
            ax.set_title(title)
        figure.legend(handles=_legend(check), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _target(ax: Axes, check: PostImplant, across: int, up: int) -> None:
    for contour in check.post.structures[check.post.prescription.target].contours:
        points = np.column_stack([contour.points, np.full(len(contour.points), contour.z)])
        closed = np.vstack([points, points[:1]])
        ax.plot(closed[:, across], closed[:, up], color=TARGET_COLOUR, lw=0.7, alpha=0.8)


def _rods(
    ax: Axes,
    places: FloatArray,
    axes: FloatArray,
    across: int,
    up: int,
    colour: str,
    style: str,
    width: float,
) -> None:
    for place, axis in zip(places, axes, strict=True):
        ends = np.array([place - 0.5 * SEED_LENGTH * axis, place + 0.5 * SEED_LENGTH * axis])
        ax.plot(ends[:, across], ends[:, up], style, color=colour, lw=width)
        ax.plot(place[across], place[up], ".", color=colour, ms=4)


def _legend(check: PostImplant) -> list[Line2D]:
    lines = [
        Line2D([], [], color=FOUND_COLOUR, lw=2, label="found, number of the planned seed"),
        Line2D([], [], color=PLAN_COLOUR, lw=1.2, ls="--", label="planned"),
        Line2D([], [], color=TARGET_COLOUR, lw=1, label=f"{check.post.prescription.target} outlines"),
    ]
    if check.matching.lost.size:
        lines.append(
            Line2D([], [], color=LOST_COLOUR, ls="", marker="x", ms=9, mew=2.5, label="planned, not found")
        )
    return lines


def displacements(check: PostImplant) -> Figure:
    """How far seeds moved: histogram, components along and across the needle, and vectors.

    Parameters
    ----------
    check : PostImplant
        The check.

    Returns
    -------
    Figure
        Lengths in mm.
    """
    matching, statistics = check.matching, check.statistics
    length = 10 * matching.distance
    with matplotlib.rc_context({"font.size": 10}):
        figure = Figure(figsize=(13.5, 4.6), layout="constrained")
        FigureCanvasAgg(figure)
        first, second, third = figure.subplots(1, 3)
        top = max(6.0, np.ceil(length.max() + 0.5))
        first.hist(
            length,
            bins=np.arange(0.0, top + 1e-9, 0.5 if top < 15 else 1.0),
            color="#0072B2",
            edgecolor="white",
        )
        first.axvline(
            10 * statistics.length_median,
            color="black",
            ls="--",
            label=f"median {10 * statistics.length_median:.1f} mm",
        )
        first.axvline(
            5, color=LOST_COLOUR, ls=":", label=f"5 mm: {100 * statistics.far_fraction:.0f} % are farther"
        )
        first.set_xlabel("displacement / mm")
        first.set_ylabel("seeds")
        first.yaxis.get_major_locator().set_params(integer=True)
        first.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
        second.scatter(10 * matching.along, 10 * matching.across, c=matching.needles, cmap="tab10", s=30)
        second.axvline(0, color="0.8", lw=0.8, zorder=0)
        second.set_xlabel("along the planned seed axis / mm")
        second.set_ylabel("across it / mm")
        second.set_title("colour: needle")
        second.set_ylim(bottom=0)
        places = matching.motion(check.plan.implant.positions)[matching.plan]
        moved = matching.displacement
        third.quiver(
            places[:, 0], places[:, 1], moved[:, 0], moved[:, 1], matching.needles, cmap="tab10", angles="xy",
            scale_units="xy", scale=1, width=0.006,
        )  # fmt: skip
        ends = np.vstack([places, places + moved])
        third.set_xlim(ends[:, 0].min() - 0.3, ends[:, 0].max() + 0.3)
        third.set_ylim(ends[:, 1].max() + 0.3, ends[:, 1].min() - 0.3)
        third.set_aspect("equal")
        third.set_title("from plan to place found, axial projection")
        third.set_xlabel("x / cm (to left)")
        third.set_ylabel("y / cm (to back)")
    return figure


def as_image(figure: Figure) -> str:
    """A figure as a data URL of a PNG, for a page that stands alone."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
