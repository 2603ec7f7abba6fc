"""Figures of a seed's characterisation: spectrum, radial dose function, anisotropy."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

# Okabe and Ito's colours (2008), told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SHOWN_RADII = (0.5, 1.0, 3.0, 5.0)  # cm, of the anisotropy function
COVERAGE = 2.0  # bars and bands are ± 2 standard uncertainties, about 95 %
LOWEST_SHOWN = 1e-6  # photons per history and bin
_LAYOUT = {
    "template": "plotly_white",
    "font": {"family": "inherit", "size": 13, "color": "#222"},
    "margin": {"l": 62, "r": 16, "t": 16, "b": 48},
    "height": 420,
    "legend": {
        "orientation": "h",
        "y": -0.18,
        "yanchor": "top",
        "x": 0,
        "entrywidth": 0.33,
        "entrywidthmode": "fraction",
    },
}


def spectrum_figure(data: xr.Dataset) -> go.Figure:
    """Photons leaving the seed by energy, logarithmic, all and in the WAFAC aperture (scaled to the same number)."""
    figure = go.Figure()
    shown = data.spectrum.values > LOWEST_SHOWN
    low, high = data.energy.values[shown][[0, -1]]
    share = float(data.photons_per_history.sel(opening="all") / data.photons_per_history.sel(opening="wafac"))
    for name, factor, label, colour in (
        ("spectrum", 1.0, "all photons leaving the seed", COLOURS[0]),
        ("spectrum_in_aperture", share, "in the WAFAC aperture, scaled", COLOURS[1]),
    ):
        values = data[name].values * factor
        figure.add_scatter(
            x=data.energy.values, y=np.maximum(values, 1e-3 * LOWEST_SHOWN), mode="lines",
            line={"shape": "hvh", "color": colour, "width": 1.6}, name=label,
            hovertemplate="%{x:.2f} keV: %{y:.3g}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        **_LAYOUT,
        hovermode="x",
        xaxis={"title": "Photon energy / keV", "range": [low - 1.0, high + 1.0]},
        yaxis={
            "title": "Photons per history and 0.1 keV", "type": "log", "exponentformat": "power",
            "range": [np.log10(LOWEST_SHOWN), np.log10(data.spectrum.values.max()) + 0.3],
        },
    )  # fmt: skip
    return figure


def radial_figure(data: xr.Dataset, consensus: xr.Dataset | None) -> go.Figure:
    """g_L(r) and φ_an(r) with their uncertainties, and the consensus g_L."""
    figure = go.Figure()
    for name, label, colour in (
        ("radial_dose_function_line", "g<sub>L</sub>(r), Monte Carlo", COLOURS[0]),
        ("anisotropy_1d", "φ<sub>an</sub>(r), Monte Carlo", COLOURS[2]),
    ):
        values = data[name].dropna("r")
        deviation = data[f"{name}_std_dev"].sel(r=values.r).values
        figure.add_scatter(
            x=values.r.values, y=values.values, name=label, mode="lines+markers", marker={"size": 4},
            line={"color": colour, "width": 1.8}, error_y={"array": COVERAGE * deviation, "width": 2},
            hovertemplate="%{x:g} cm: %{y:.4f}<extra></extra>",
        )  # fmt: skip
    if consensus is not None:
        figure.add_scatter(
            x=consensus.consensus_r.values, y=consensus.consensus_radial_dose_function_line.values,
            name="g<sub>L</sub>(r), consensus", mode="markers",
            marker={"color": COLOURS[1], "size": 9, "symbol": "circle-open", "line": {"width": 1.8}},
            hovertemplate="%{x:g} cm: %{y:.4f}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        **_LAYOUT,
        xaxis={"title": "r / cm", "type": "log", "tickvals": [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]},
        yaxis={"title": "g<sub>L</sub>, φ<sub>an</sub>", "rangemode": "tozero"},
    )
    return figure


def anisotropy_figure(data: xr.Dataset, consensus: xr.Dataset | None) -> go.Figure:
    """F(r, θ) at a few distances in polar coordinates, the seed's axis upwards."""
    figure = go.Figure()
    for colour, r in zip(COLOURS, SHOWN_RADII, strict=False):
        values = data.anisotropy_function.sel(r=r).dropna("theta")
        theta, f = values.theta.values, values.values
        if data.attrs["mirror_symmetric"]:
            theta, f = np.concatenate([theta, 180.0 - theta[::-1]]), np.concatenate([f, f[::-1]])
        figure.add_scatterpolar(
            theta=np.concatenate([theta, 360.0 - theta[::-1]]), r=np.concatenate([f, f[::-1]]), mode="lines",
            line={"color": colour, "width": 1.8}, name=f"{r:g} cm",
            hovertemplate="θ %{theta:.0f}°: %{r:.3f}<extra></extra>",
        )  # fmt: skip
        if consensus is not None and r in consensus.consensus_anisotropy_r.values:
            points = consensus.consensus_anisotropy_function.sel(consensus_anisotropy_r=r)
            figure.add_scatterpolar(
                theta=points.consensus_theta.values, r=points.values, mode="markers", name=f"{r:g} cm, consensus",
                marker={"color": colour, "size": 8, "symbol": "circle-open", "line": {"width": 1.6}},
                hovertemplate="θ %{theta:.0f}°: %{r:.3f}<extra></extra>",
            )  # fmt: skip
    figure.update_layout(
        **{**_LAYOUT, "height": 560, "margin": {"l": 40, "r": 40, "t": 30, "b": 40}},
        polar={
            "angularaxis": {"rotation": 90, "direction": "clockwise", "dtick": 30},
            "radialaxis": {"rangemode": "tozero", "angle": 45, "tickangle": 45},
        },
    )
    return figure
