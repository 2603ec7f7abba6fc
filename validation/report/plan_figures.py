"""The picture of a plan: needles, seeds, target and isodoses along the needles and in three planes of the CT."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ISODOSES = (0.5, 1.0, 1.5, 2.0)  # of the prescription
# Okabe and Ito's colours: told apart by colour-blind readers too.
ISODOSE_COLOURS = ("#56B4E9", "#009E73", "#E69F00", "#D55E00")
TARGET_COLOUR, ORGAN_COLOURS = "#CC79A7", ("#F0E442", "#FFFFFF", "#0072B2", "#B0B0B0", "#88CCEE", "#DDCC77")
SEED_COLOUR, PLACED_COLOUR, NEEDLE_COLOUR = "#FFFFFF", "#999999", "#F0E442"
SLAB = 0.5  # cm; seeds this near to a plane are drawn in it
SEED_LENGTH = 0.45  # cm
WINDOW = (-160.0, 240.0)  # HU


@dataclass(frozen=True)
class PlanPicture:
    """What the picture shows; lengths in cm, patient frame LPS.

    Attributes
    ----------
    title : str
    x, y, z : ndarray
        Voxel centres.
    hu, dose : ndarray, shape (nx, ny, nz)
        CT numbers and dose in Gy.
    prescription : float
        Gy.
    target : tuple of (str, ndarray)
        Name and part of each voxel inside.
    organs : dict of str to ndarray
        Likewise.
    seeds, axes, in_place : ndarray
        Centres and directions (n, 3), and which were in place before (n,).
    entries, tips : ndarray, shape (k, 3)
    numbers : ndarray of int, shape (k,)
        Needles.
    needles : ndarray of int, shape (n,)
        Needle of each seed.
    """

    title: str
    x: FloatArray
    y: FloatArray
    z: FloatArray
    hu: FloatArray
    dose: FloatArray
    prescription: float
    target: tuple[str, FloatArray]
    organs: dict[str, FloatArray]
    seeds: FloatArray
    axes: FloatArray
    in_place: NDArray[np.bool_]
    entries: FloatArray
    tips: FloatArray
    numbers: NDArray[np.int64]
    needles: NDArray[np.int64]


def write_figure(picture: PlanPicture, path: str | Path) -> None:
    """Draw a plan as PNG.

    Parameters
    ----------
    picture : PlanPicture
        What to draw.
    path : path
        File; an existing one is replaced.
    """
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(13, 10.2), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(2, 2)
        middle = _middle(picture)
        _plane(panels[0, 0], picture, 2, middle, "axial, seen from below")
        _plane(panels[0, 1], picture, 0, middle, "sagittal")
        _plane(panels[1, 0], picture, 1, middle, "coronal")
        _across(panels[1, 1], picture)
        figure.suptitle(picture.title)
        figure.legend(handles=_legend(picture), loc="outside lower center", ncols=6, frameon=False)
        figure.savefig(path, dpi=110)


def _middle(picture: PlanPicture) -> FloatArray:
    weight = picture.target[1]
    total = weight.sum()
    axes = (picture.x, picture.y, picture.z)
    return np.array(
        [(weight.sum(axis=tuple(set(range(3)) - {k})) * c).sum() / total for k, c in enumerate(axes)]
    )


def _plane(ax: Axes, picture: PlanPicture, normal: int, middle: FloatArray, name: str) -> None:
    coordinates = (picture.x, picture.y, picture.z)
    across, up = [k for k in range(3) if k != normal]
    index = int(np.argmin(np.abs(coordinates[normal] - middle[normal])))
    place = coordinates[normal][index]
    a, b = coordinates[across], coordinates[up]

    def cut(volume: FloatArray) -> FloatArray:
        return np.asarray(np.take(volume, index, axis=normal).T)

    ax.pcolormesh(a, b, cut(picture.hu), cmap="gray", vmin=WINDOW[0], vmax=WINDOW[1], rasterized=True)
    for colour, organ in zip(_cycled(len(picture.organs)), picture.organs.values(), strict=True):
        _outline(ax, a, b, cut(organ), 0.5, colour, 1.0, "--")
    for part, colour in zip(ISODOSES, ISODOSE_COLOURS, strict=True):
        _outline(ax, a, b, cut(picture.dose), part * picture.prescription, colour, 1.3, "-")
    _outline(ax, a, b, cut(picture.target[1]), 0.5, TARGET_COLOUR, 2.2, "-")
    near = np.abs(picture.seeds[:, normal] - place) <= SLAB
    for entry, tip in zip(picture.entries, picture.tips, strict=True):
        ax.plot([entry[across], tip[across]], [entry[up], tip[up]], color=NEEDLE_COLOUR, lw=0.7, alpha=0.8)
    ends = SEED_LENGTH / 2 * picture.axes
    for seed, half, old in zip(picture.seeds[near], ends[near], picture.in_place[near], strict=True):
        low, high = seed - half, seed + half
        ax.plot(
            [low[across], high[across]],
            [low[up], high[up]],
            color=PLACED_COLOUR if old else SEED_COLOUR,
            lw=3.2,
            solid_capstyle="round",
        )
    ax.set_xlim(a[0], a[-1])
    # In an axial slice the front is up, and y grows towards the back.
    ax.set_ylim(*((b[-1], b[0]) if normal == 2 else (b[0], b[-1])))
    ax.set_aspect("equal")
    ax.set_xlabel(f"{'xyz'[across]} / cm (to {('left', 'back', 'head')[across]})")
    ax.set_ylabel(f"{'xyz'[up]} / cm (to {('left', 'back', 'head')[up]})")
    ax.set_title(f"{name}, {'xyz'[normal]} = {place:.2f} cm, seeds within {10 * SLAB:g} mm")


def _across(ax: Axes, picture: PlanPicture) -> None:
    """The target and the seeds as seen along the needles."""
    direction = (picture.tips - picture.entries).mean(axis=0)
    direction /= np.linalg.norm(direction)
    across = np.cross([0.0, 0.0, 1.0], direction)
    if np.linalg.norm(across) < 0.05:
        across = np.cross(direction, [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(direction, across)])
    coordinates = (picture.x, picture.y, picture.z)
    inside = np.nonzero(picture.target[1] >= 0.5)
    cloud = np.column_stack([c[i] for c, i in zip(coordinates, inside, strict=True)]) @ frame.T
    step = 0.12
    low, high = cloud.min(axis=0) - 3 * step, cloud.max(axis=0) + 3 * step
    xs, ys = (np.arange(a, b + step, step) for a, b in zip(low, high, strict=True))
    counts, _, _ = np.histogram2d(cloud[:, 0], cloud[:, 1], bins=(xs, ys))
    _outline(
        ax, xs[:-1] + step / 2, ys[:-1] + step / 2, (counts > 0).astype(float).T, 0.5, TARGET_COLOUR, 2.2, "-"
    )
    tips = picture.tips @ frame.T
    entries = picture.entries @ frame.T
    for entry, tip, number in zip(entries, tips, picture.numbers, strict=True):
        ax.plot([entry[0], tip[0]], [entry[1], tip[1]], color="#A08000", lw=0.8)
        # Seeds of a needle lie behind one another: their count stands beside its number.
        ax.annotate(
            f"{number} ({(picture.needles == number).sum()})",
            tip,
            textcoords="offset points",
            xytext=(7, 5),
            fontsize=9,
        )
    seeds = picture.seeds @ frame.T
    for which, colour in ((picture.in_place, PLACED_COLOUR), (~picture.in_place, SEED_COLOUR)):
        ax.scatter(seeds[which, 0], seeds[which, 1], s=45, color=colour, edgecolor="black", zorder=3)
    ax.set_xlim(low[0] - 0.4, high[0] + 0.4)
    ax.set_ylim(low[1] - 0.4, high[1] + 0.4)
    ax.grid(color="#DDDDDD", lw=0.5)
    ax.set_aspect("equal")
    words = ", ".join(f"{v:.2f}" for v in direction)
    ax.set_title(f"along the needles ({words}), number of the needle (of its seeds)")
    ax.set_xlabel("across / cm")
    ax.set_ylabel("across / cm")


def _outline(
    ax: Axes,
    a: FloatArray,
    b: FloatArray,
    values: FloatArray,
    level: float,
    colour: str,
    width: float,
    style: str,
) -> None:
    if float(values.min()) < level < float(values.max()):
        ax.contour(a, b, values, levels=[level], colors=[colour], linewidths=width, linestyles=style)


def _cycled(count: int) -> list[str]:
    return [ORGAN_COLOURS[i % len(ORGAN_COLOURS)] for i in range(count)]


def _legend(picture: PlanPicture) -> list[Line2D]:
    handles = [Line2D([], [], color=TARGET_COLOUR, lw=2.2, label=picture.target[0])]
    handles += [
        Line2D([], [], color=colour, lw=1.3, label=f"{100 * part:g} % ({part * picture.prescription:g} Gy)")
        for part, colour in zip(ISODOSES, ISODOSE_COLOURS, strict=True)
    ]
    handles.append(Line2D([], [], color="#A08000", lw=0.8, label="needle"))
    handles.append(
        Line2D([], [], marker="o", ls="", markerfacecolor=SEED_COLOUR, markeredgecolor="black", label="seed")
    )
    if picture.in_place.any():
        handles.append(Line2D([], [], marker="o", ls="", color=PLACED_COLOUR, label="seed in place"))
    for name, colour in zip(picture.organs, _cycled(len(picture.organs)), strict=True):
        shown = "#888888" if colour == "#FFFFFF" else colour
        handles.append(Line2D([], [], color=shown, lw=1.0, ls="--", label=name))
    return handles
