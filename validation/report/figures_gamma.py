"""Figures of the gamma index in three planes through the target."""

from __future__ import annotations

import html

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass

from validation.studies.compare import Comparison

_MARGIN = 0.3  # cm around what is shown
_LARGEST = 2.0  # gamma is not searched beyond
# Light to dark on both sides of the step at 1, which shows in grey and with any colour vision.
_SCALE = ((0.0, "#f7fbff"), (0.4999, "#6baed6"), (0.5, "#fdae61"), (1.0, "#7f0000"))
#: The same as a gradient of a style sheet.
RAMP = ", ".join(f"{colour} {100 * place:g}%" for place, colour in _SCALE)
# Name, axis through the plane, axis across, axis up.
_VIEWS = (("Axial", "z", "x", "y"), ("Coronal", "y", "x", "z"), ("Sagittal", "x", "y", "z"))


def gamma_figures(comparison: Comparison) -> list[tuple[str, go.Figure]]:
    """Gamma of the last criterion and the first pair of doses, with the outline of the target.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of (str, go.Figure)
        Name and place of the plane, and its figure; empty where gamma was not asked for.
    """
    data = comparison.data
    if "gamma" not in data:
        return []
    gamma = data.gamma.values[0].astype(float)
    target = data.structure_fraction.sel(structure=comparison.target).values
    middle = center_of_mass(target) if target.any() else [(n - 1) / 2 for n in target.shape]
    known = np.isfinite(gamma)
    near = {
        axis: _reach(data[axis].values, known.any(axis=tuple(k for k in range(3) if k != place)))
        for place, axis in enumerate("xyz")
    }
    figures = []
    for name, through, across, up in _VIEWS:
        place = "xyz".index(through)
        number = round(middle[place])
        title = f"{name}, {through} = {10 * float(data[through].values[number]):.1f} mm".replace("-", "−")
        x, y = (np.round(10 * data[axis].values, 3) for axis in (across, up))
        figure = go.Figure()
        figure.add_heatmap(
            x=x, y=y, z=_plane(gamma, place, number), zmin=0.0, zmax=_LARGEST, colorscale=_SCALE, showscale=False,
            hovertemplate=f"{across} %{{x:.1f}} mm, {up} %{{y:.1f}} mm: gamma %{{z:.2f}}<extra></extra>",
        )  # fmt: skip
        figure.add_contour(
            x=x, y=y, z=_plane(target, place, number), showscale=False, hoverinfo="skip", showlegend=False,
            contours={"start": 0.5, "end": 0.5, "size": 1.0, "coloring": "none"},
            line={"color": "#000", "width": 2}, name=html.escape(comparison.target),
        )  # fmt: skip
        # Seen as on the CT: the patient's back below, the head above.
        upward = near[up][::-1] if up == "y" else near[up]
        plain = {"showgrid": False, "zeroline": False, "constrain": "domain"}
        figure.update_layout(
            template="plotly_white",
            font={"family": "inherit", "size": 12, "color": "#222"},
            margin={"l": 46, "r": 8, "t": 8, "b": 42},
            height=300,
            xaxis={"title": f"{across} / mm", "range": near[across], **plain},
            yaxis={"title": f"{up} / mm", "range": upward, "scaleanchor": "x", **plain},
        )
        figures.append((title, figure))
    return figures


def _reach(axis: NDArray[np.float64], known: NDArray[np.bool_]) -> list[float]:
    """Where an axis begins and ends that shows what is known, mm."""
    shown = axis[known] if known.any() else axis
    return [
        round(10 * (float(end) + margin), 2)
        for end, margin in ((shown.min(), -_MARGIN), (shown.max(), _MARGIN))
    ]


def _plane(volume: NDArray[np.floating], through: int, number: int) -> list[list[float | None]]:
    """One plane, rows along the upward axis; nothing where the volume is not defined."""
    plane = np.round(np.take(volume.astype(float), number, axis=through).T, 2)
    return [[float(v) if np.isfinite(v) else None for v in row] for row in plane]
