"""Doses and their differences on a slice, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.measure import find_contours

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.implant import SEED_LENGTH
from validation.interface.anatomy import ROUNDING, Anatomy, anatomy_of

FloatArray = NDArray[np.float64]

# Okabe and Ito's palette, told apart with any colour vision; on grey the yellow and the light blue stand out.
ISODOSE_COLOURS = ("#56B4E9", "#F0E442", "#E69F00", "#CC79A7", "#009E73", "#D55E00")
STRUCTURE_COLOURS = (
    "#FFFFFF", "#00E0A8", "#FF9C8A", "#B7C9FF", "#FFE9A8", "#D7A8E8", "#A0D8C8", "#C8E6A0", "#FFC8E8", "#C0B090",
)  # fmt: skip
BODY_COLOUR = "0.7"
LineStyle = Literal["solid", "dashed", "dotted"]
STYLES: tuple[LineStyle, ...] = ("solid", "dashed", "dotted")
WINDOW = (-200.0, 300.0)  # HU, black to white: soft tissue
LOWEST_SHOWN = 0.1  # of the prescription: a percentage of little dose says little
LIMITS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
DIFFERENCES = {
    "percent": "difference_percent_{reference}",
    "Gy": "difference",
    "prescription": "difference_percent_prescription",
    "z_score": "z_score",
}
# Across the page and up it, for a slice at a constant coordinate.
ACROSS_AND_UP = {"z": ("x", "y"), "y": ("x", "z"), "x": ("y", "z")}


@dataclass(frozen=True, eq=False)
class Plane:
    """A slice of the dose grid: the voxels nearest to a coordinate.

    Attributes
    ----------
    normal : str
        ``x``, ``y`` or ``z``.
    index : int
        Of the voxels.
    coordinate, thickness : float
        Their middle and their edge, cm.
    across, up : ndarray
        Voxel centres, cm.
    """

    normal: str
    index: int
    coordinate: float
    thickness: float
    across: FloatArray
    up: FloatArray

    def of(self, values: xr.DataArray | FloatArray) -> FloatArray:
        """Values on the plane, shape (up, across)."""
        array = np.asarray(values, dtype=float)
        return np.asarray(np.take(array, self.index, axis="xyz".index(self.normal)).T)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Edges of the outermost voxels, cm: left, right, bottom, top."""
        return (*_edges(self.across), *_edges(self.up))


def plane_of(
    dataset: xr.Dataset, anatomy: Anatomy | None, asked: dict[str, float | None], dose: FloatArray
) -> Plane:
    """The slice that is asked for; without, the axial one through the middle of the target, or the largest dose.

    Raises
    ------
    InvalidInput
        More than one coordinate, or one outside the grid.
    """
    given = {axis: value for axis, value in asked.items() if value is not None}
    if len(given) > 1:
        raise InvalidInput(
            f"{' and '.join(given)} are given, expected one of x, y and z (a slice has one). Leave the others out."
        )
    if not given:
        given = {"z": _middle(dataset, anatomy, dose)}
    ((normal, value),) = given.items()
    centres = dataset[normal].values
    low, high = _edges(centres)
    if not low <= value <= high:
        raise InvalidInput(
            f"{normal} is {value:g} cm, expected {low:.2f} to {high:.2f} cm (the dose grid). Choose another slice."
        )
    index = int(np.abs(centres - value).argmin())
    across, up = (dataset[axis].values for axis in ACROSS_AND_UP[normal])
    step = float(np.ptp(centres) / (centres.size - 1))
    return Plane(normal, index, float(centres[index]), step, across, up)


def _middle(dataset: xr.Dataset, anatomy: Anatomy | None, dose: FloatArray) -> float:
    if anatomy is None:
        return float(dataset.z.values[np.unravel_index(np.nanargmax(dose), dose.shape)[2]])
    weights = anatomy.fraction(anatomy.target).sum(axis=(0, 1))
    return float(weights @ dataset.z.values / weights.sum())


def _edges(centres: FloatArray) -> tuple[float, float]:
    half = 0.5 * float(np.ptp(centres)) / (centres.size - 1)
    return float(centres[0]) - half, float(centres[-1]) + half


def dose_names(dataset: xr.Dataset, asked: str | Sequence[str] | None) -> tuple[str, ...]:
    """Variables of the doses to draw; engines may be named without ``dose_``.

    Raises
    ------
    InvalidInput
        A name is not known.
    """
    if asked is None:
        return ("dose",) if "dose" in dataset else tuple(f"dose_{e}" for e in dataset.engine.values[:2])
    known = [
        str(n) for n, v in dataset.data_vars.items() if v.dims == ("x", "y", "z") and v.attrs["units"] == "Gy"
    ]
    found = []
    for name in (asked,) if isinstance(asked, str) else tuple(asked):
        chosen = next((n for n in (name, f"dose_{name}") if n in known), None)
        if chosen is None:
            raise InvalidInput(f"dose is {name!r}, expected one of {', '.join(known)}. Use one of them.")
        found.append(chosen)
    return tuple(found)


def plot_slice(
    dataset: xr.Dataset,
    asked: dict[str, float | None],
    dose: str | Sequence[str] | None,
    case: Case | None,
    isodoses: Sequence[float],
    structures: Sequence[str] | None,
    seeds: bool,
    wash: bool,
    ax: Axes | None,
) -> Axes:
    """Draw isodoses on the CT; see `validation.interface.accessor.SeedmcAccessor.plot_slice`."""
    names = dose_names(dataset, dose)
    doses = [np.asarray(dataset[name].values, dtype=float) for name in names]
    anatomy = anatomy_of(dataset, case)
    plane = plane_of(dataset, anatomy, asked, doses[0])
    ax = ax or plt.subplots(layout="constrained")[1]
    _draw_image(ax, dataset, case, plane)
    if wash or anatomy is None:
        shown = ax.imshow(
            plane.of(doses[0]), extent=plane.extent, origin="lower", cmap="viridis",
            alpha=0.6 if ax.images else 1.0,
            vmin=0.0, vmax=None if anatomy is None else 2.0 * anatomy.prescription,
        )  # fmt: skip
        ax.figure.colorbar(shown, ax=ax, location="bottom", label=f"{_long_name(dataset[names[0]])} [Gy]")
    handles: list[Line2D] = []
    if anatomy is not None:
        handles += _draw_structures(ax, plane, anatomy, structures)
        handles += _draw_isodoses(ax, plane, doses, isodoses, anatomy.prescription)
        if seeds:
            handles += _draw_seeds(ax, plane, anatomy)
    if len(names) > 1:
        handles += [
            Line2D([], [], color="white", linestyle=style, label=_long_name(dataset[name]))
            for name, style in zip(names, STYLES, strict=False)
        ]
    title = " and ".join(_long_name(dataset[name]) for name in names)
    return _finished(ax, plane, title, handles)


def plot_difference(
    dataset: xr.Dataset,
    asked: dict[str, float | None],
    quantity: str,
    limit: float | None,
    structures: Sequence[str] | None,
    seeds: bool,
    ax: Axes | None,
) -> Axes:
    """Draw a map of the difference; see `validation.interface.accessor.SeedmcAccessor.plot_difference`."""
    if quantity not in DIFFERENCES:
        raise InvalidInput(
            f"difference is {quantity!r}, expected one of {', '.join(DIFFERENCES)}. Use one of them."
        )
    engines = [str(engine) for engine in dataset.engine.values[:2]]
    values = dataset[DIFFERENCES[quantity].format(reference=engines[1])]
    doses = np.stack([dataset[f"dose_{engine}"].values for engine in engines])
    anatomy = anatomy_of(dataset, None)
    assert anatomy is not None
    plane = plane_of(dataset, anatomy, asked, doses[0])
    high = np.nan_to_num(doses).max(axis=0) >= LOWEST_SHOWN * anatomy.prescription
    shown = np.where(plane.of(high) > 0, plane.of(values), np.nan)
    if limit is None:
        typical = float(np.nanpercentile(np.abs(shown), 95)) if np.isfinite(shown).any() else 1.0
        limit = next((value for value in LIMITS if typical <= value), LIMITS[-1])
    ax = ax or plt.subplots(layout="constrained")[1]
    ax.set_facecolor("0.9")
    picture = ax.imshow(shown, extent=plane.extent, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
    unit = str(values.attrs["units"])
    label = _long_name(values) + ("" if unit == "1" else f" [{unit}]")
    ax.figure.colorbar(picture, ax=ax, label=label, extend="both")
    dark = ("0.0", *("0.35",) * len(anatomy.structures))
    handles = _draw_structures(ax, plane, anatomy, structures, dark)
    if seeds:
        handles += _draw_seeds(ax, plane, anatomy)
    return _finished(ax, plane, _long_name(values), handles if len(handles) < 8 else [])


def _long_name(values: xr.DataArray) -> str:
    return str(values.attrs.get("long_name", values.name))


def _draw_image(ax: Axes, dataset: xr.Dataset, case: Case | None, plane: Plane) -> None:
    """The CT on the voxels of the dose, or on its own."""
    if "hu" in dataset:
        grey, extent = plane.of(dataset.hu), plane.extent
    elif case is not None:
        image = case.image
        axes = {"x": image.x, "y": image.y, "z": image.z}
        k = int(np.abs(axes[plane.normal] - plane.coordinate).argmin())
        grey = np.take(image.hu, k, axis="xyz".index(plane.normal)).T
        across, up = (axes[axis] for axis in ACROSS_AND_UP[plane.normal])
        extent = (*_edges(across), *_edges(up))
    else:
        return
    low, high = WINDOW
    ax.set_facecolor("black")  # the dose grid may reach beyond the CT
    ax.imshow(grey, extent=extent, origin="lower", cmap="gray", vmin=low, vmax=high)


def _draw_isodoses(
    ax: Axes, plane: Plane, doses: list[FloatArray], isodoses: Sequence[float], prescription: float
) -> list[Line2D]:
    levels = sorted(float(level) for level in isodoses)
    if not levels:
        return []
    colours = [ISODOSE_COLOURS[k % len(ISODOSE_COLOURS)] for k in range(len(levels))]
    for dose, style in zip(doses, STYLES, strict=False):
        ax.contour(
            plane.across, plane.up, _without_gaps(plane.of(dose)),
            levels=[level / 100.0 * prescription for level in levels], colors=colours, linestyles=style,
            linewidths=1.5,
        )  # fmt: skip
    return [
        Line2D([], [], color=colour, label=f"{level:g} % = {level / 100.0 * prescription:g} Gy")
        for level, colour in zip(levels, colours, strict=True)
    ]


def _without_gaps(dose: FloatArray) -> FloatArray:
    """Isodose lines run on through seeds: there the nearest dose."""
    unknown = ~np.isfinite(dose)
    if not unknown.any():
        return dose
    nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return np.asarray(dose[tuple(nearest)])


def _draw_structures(
    ax: Axes, plane: Plane, anatomy: Anatomy, names: Sequence[str] | None,
    colours: Sequence[str] = STRUCTURE_COLOURS,
) -> list[Line2D]:  # fmt: skip
    handles = []
    for name in anatomy.chosen(None if names is None else tuple(names)):
        colour = colours[anatomy.structures.index(name) % len(colours)]
        if anatomy.roles[name] == "external":
            colour = BODY_COLOUR
        width = 1.6 if name == anatomy.target else 0.9
        curves = outline_on(plane, anatomy, name)
        for curve in curves:
            closed = np.vstack([curve, curve[:1]])
            ax.plot(*closed.T, color=colour, linewidth=width, gid=f"structure {name}")
        if curves:
            handles.append(Line2D([], [], color=colour, linewidth=width, label=name))
    return handles


def outline_on(plane: Plane, anatomy: Anatomy, name: str) -> list[FloatArray]:
    """Curves of a structure on a slice, each of shape (n, 2), across and up, cm.

    Its contours on an axial slice that lies in their slab; elsewhere the line along which half of a voxel is inside.
    """
    if plane.normal == "z":
        offsets = (
            (plane.coordinate - o.z, 0.5 * o.thickness, o) for o in anatomy.outlines if o.structure == name
        )
        return [o.points for d, half, o in offsets if -half + ROUNDING < d <= half + ROUNDING]
    fraction = plane.of(anatomy.fraction(name))
    if fraction.max() < 0.5:
        return []
    found: list[Any] = find_contours(np.pad(fraction, 1), 0.5)  # type: ignore[no-untyped-call]
    steps = [float(np.ptp(c)) / (c.size - 1) for c in (plane.across, plane.up)]
    origin = np.array([plane.across[0] - steps[0], plane.up[0] - steps[1]])
    return [origin + curve[:, ::-1] * steps for curve in found]


def seeds_on(plane: Plane, anatomy: Anatomy) -> FloatArray:
    """Both ends of the seeds that cross the slice, shape (seeds, 2, 2): end, across and up, cm."""
    half = 0.5 * SEED_LENGTH * anatomy.seed_axis
    ends = np.stack([anatomy.seed_position - half, anatomy.seed_position + half], axis=1)
    along = ends[..., "xyz".index(plane.normal)] - plane.coordinate
    crossing = (along.min(axis=1) <= 0.5 * plane.thickness) & (along.max(axis=1) >= -0.5 * plane.thickness)
    return np.asarray(ends[crossing][..., ["xyz".index(axis) for axis in ACROSS_AND_UP[plane.normal]]])


def _draw_seeds(ax: Axes, plane: Plane, anatomy: Anatomy) -> list[Line2D]:
    ends = seeds_on(plane, anatomy)
    look = {
        "color": "white",
        "markerfacecolor": "white",
        "markeredgecolor": "black",
        "marker": "o",
        "markersize": 3,
    }
    for seed in ends:
        ax.plot(*seed.T, linewidth=2.0, gid="seed", **look)  # type: ignore[arg-type]
    return [Line2D([], [], linewidth=2.0, label="seeds", **look)] if len(ends) else []  # type: ignore[arg-type]


def _finished(ax: Axes, plane: Plane, title: str, handles: list[Line2D]) -> Axes:
    left, right, bottom, top = plane.extent
    across, up = ACROSS_AND_UP[plane.normal]
    ax.set(xlim=(left, right), xlabel=f"{across} [cm]", ylabel=f"{up} [cm]", aspect="equal")
    # As a CT is looked at: from the feet, the patient's front (small y) up.
    ax.set_ylim((top, bottom) if plane.normal == "z" else (bottom, top))
    ax.set_title(f"{title}, {plane.normal} = {plane.coordinate:.2f} cm", fontsize="medium")
    if handles:
        # Outside, where it hides nothing; on grey, for outlines are light.
        ax.legend(
            handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize="small", facecolor="0.45",
            labelcolor="white", framealpha=1.0,
        )  # fmt: skip
    return ax
