"""Figure of the dose-volume histograms."""

from __future__ import annotations

import html

import numpy as np
import plotly.graph_objects as go

from validation.report.tables import ordered_structures
from validation.studies.compare import Comparison

# Okabe and Ito's colours (2008), told apart with any colour vision; their yellow is left out on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7f7f7f")
_COVERAGE = 2.0  # the band is ± 2 standard uncertainties, about 95 %
_DASHES = ("dash", "dot")
_SHOWN_ROLES = ("target", "organ")
_LARGEST_PERCENT = 300.0  # of the prescription: where the axis starts out; the curves go on


def dvh_figure(comparison: Comparison) -> go.Figure:
    """Cumulative histograms of all doses with the band of the Monte Carlo uncertainty.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    go.Figure
        Solid curves of the judged dose, dashed of the one it is judged against and dotted of a third, in one colour
        per structure; structures other than targets and organs start hidden.
    """
    data = comparison.data
    dose = data.dvh_dose.values
    judged, *others = comparison.engines
    labels = {engine: html.escape(comparison.label(engine)) for engine in comparison.engines}
    figure = go.Figure()
    names = [
        name
        for name in ordered_structures(comparison)
        if str(data.structure_role.sel(structure=name).item()) != "external"
        and np.isfinite(data.dvh_volume.sel(structure=name, engine=[judged, others[0]])).any()
    ]
    for number, name in enumerate(names):
        structure = data.sel(structure=name)
        colour = COLOURS[number % len(COLOURS)]
        label = html.escape(name)
        common = {
            "x": dose,
            "legendgroup": str(number),
            "visible": True if str(structure.structure_role.item()) in _SHOWN_ROLES else "legendonly",
        }
        mc = structure.dvh_volume.sel(engine=judged).values
        band = _COVERAGE * structure.dvh_std_dev.values
        if np.isfinite(band).all():
            edges = {
                **common,
                "mode": "lines",
                "line": {"width": 0},
                "showlegend": False,
                "hoverinfo": "skip",
            }
            figure.add_scatter(y=np.clip(mc - band, 0, 100), **edges)
            figure.add_scatter(y=np.clip(mc + band, 0, 100), fill="tonexty", fillcolor=faint(colour), **edges)
        width = 3 if name == comparison.target else 1.8
        figure.add_scatter(
            y=mc,
            name=label,
            mode="lines",
            line={"color": colour, "width": width},
            customdata=np.round(structure.dvh_std_dev.values, 2),
            hovertemplate=f"{label}, {labels[judged]}: %{{y:.1f}}"
            + (" ± %{customdata}" if np.isfinite(band).all() else "")
            + " %<extra></extra>",
            **common,
        )
        for engine, dash in zip(others, _DASHES, strict=False):
            figure.add_scatter(
                y=structure.dvh_volume.sel(engine=engine).values,
                name=f"{label}, {labels[engine]}",
                mode="lines",
                line={"color": colour, "width": width, "dash": dash},
                hovertemplate=f"{label}, {labels[engine]}: %{{y:.1f}} %<extra></extra>",
                showlegend=False,
                **common,
            )
    prescription = comparison.prescription
    figure.add_vline(x=prescription, line={"color": "#888", "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=prescription,
        y=1.0,
        yref="paper",
        yanchor="bottom",
        text=f"prescription {prescription:g} Gy",
        font={"size": 11, "color": "#666"},
        showarrow=False,
    )
    figure.update_layout(
        template="plotly_white",
        font={"family": "inherit", "size": 13, "color": "#222"},
        margin={"l": 56, "r": 16, "t": 34, "b": 48},
        height=460,
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.16, "yanchor": "top", "x": 0},
        xaxis={
            "title": "Dose / Gy",
            "range": [0, _LARGEST_PERCENT / 100 * prescription],
            "hoverformat": ".1f",
        },
        yaxis={"title": "Volume / %", "range": [0, 101]},
    )
    return figure


def faint(colour: str) -> str:
    """A colour of a line, for the band around it.

    Examples
    --------
    >>> faint("#0072B2")
    'rgba(0,114,178,0.22)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.22)"
