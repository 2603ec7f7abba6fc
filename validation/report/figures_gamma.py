"""Figure of the gamma index in three planes through the target."""

from __future__ import annotations

import html

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from scipy.ndimage import center_of_mass

from validation.studies.compare import Comparison

_LARGEST = 2.0  # gamma is not searched beyond
# From light to dark, the step at 1 seen in grey and with any colour vision.
_SCALE = [[0.0, "#f7fbff"], [0.4999, "#9ecae1"], [0.5, "#fdae61"], [1.0, "#7f0000"]]
_VIEWS = (("axial", 2, ("x", "y")), ("coronal", 1, ("x", "z")), ("sagittal", 0, ("y", "z")))


def gamma_figure(comparison: Comparison) -> go.Figure | None:
    """Gamma of the last criterion and the first pair of doses, with the outline of the target.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    go.Figure or None
        None where gamma was not asked for.
    """
    data = comparison.data
    if "gamma" not in data:
        return None
    gamma = data.gamma.values[0].astype(float)
    target = data.structure_fraction.sel(structure=comparison.target).values
    centre = [round(k) for k in center_of_mass(target)] if target.any() else [n // 2 for n in target.shape]
    titles = [
        f"{name}, {axis} = {float(data[axis].values[centre[through]]):.2f} cm".replace("-", "−")
        for name, through, _ in _VIEWS
        for axis in ["xyz"[through]]
    ]
    figure = make_subplots(rows=1, cols=3, subplot_titles=titles, horizontal_spacing=0.07)
    for column, (_, through, (across, up)) in enumerate(_VIEWS, 1):
        x, y = (data[axis].values for axis in (across, up))
        figure.add_heatmap(
            x=np.round(x, 4), y=np.round(y, 4), z=_plane(gamma, through, centre), zmin=0.0, zmax=_LARGEST,
            colorscale=_SCALE, showscale=column == 3, colorbar={"title": "gamma", "thickness": 14},
            hovertemplate=f"{across} %{{x:.2f}} cm, {up} %{{y:.2f}} cm: gamma %{{z:.2f}}<extra></extra>",
            row=1, col=column,
        )  # fmt: skip
        figure.add_contour(
            x=np.round(x, 4), y=np.round(y, 4), z=_plane(target, through, centre), showscale=False, hoverinfo="skip",
            contours={"start": 0.5, "end": 0.5, "size": 1.0, "coloring": "none"},
            line={"color": "#000", "width": 2}, name=html.escape(comparison.target), row=1, col=column,
        )  # fmt: skip
        figure.update_xaxes(title=f"{across} / cm", showgrid=False, constrain="domain", row=1, col=column)
        figure.update_yaxes(
            title=f"{up} / cm", showgrid=False, scaleanchor=f"x{column if column > 1 else ''}", constrain="domain",
            autorange="reversed" if up == "y" else True, row=1, col=column,
        )  # fmt: skip
    figure.update_layout(
        template="plotly_white",
        font={"family": "inherit", "size": 12, "color": "#222"},
        margin={"l": 50, "r": 10, "t": 34, "b": 44},
        height=340,
    )
    return figure


def _plane(volume: NDArray[np.floating], through: int, centre: list[int]) -> list[list[float | None]]:
    """One plane, rows along the upward axis; nothing where the volume is not defined."""
    plane = np.round(np.take(volume.astype(float), centre[through], axis=through).T, 2)
    return [[float(v) if np.isfinite(v) else None for v in row] for row in plane]
