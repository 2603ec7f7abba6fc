"""Maps of a study: dose before and after, and their difference, by each engine."""

from __future__ import annotations

import html

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from validation.report.study_figures import LAYOUT, MONTE_CARLO, TG43
from validation.studies.study_file import Study

FloatArray = NDArray[np.float64]
HEIGHT = 220  # of a row, pixels


def map_figure(study: Study) -> go.Figure | None:
    """Dose of the plan, median dose over the members, and their difference; a row for each engine; None without maps.

    Parameters
    ----------
    study : Study
        Its scenarios with the widest displacement, and with that the strongest change of tissue, are shown.
    """
    data = study.data
    rows = [
        (engine, data[name].values.transpose(0, 2, 1))
        for engine, name in ((MONTE_CARLO, "monte_carlo_map_dose"), (TG43, "map_dose"))
        if name in data
    ]
    if not rows:
        return None
    plan, *others = (html.escape(str(name)).replace(", ", ",<br>") for name in data.map_scenario.values)
    titles = [plan, *others, *(f"{name}<br>minus plan" for name in others)]
    figure = make_subplots(
        rows=len(rows), cols=len(titles), column_titles=titles, row_titles=[engine for engine, _ in rows],
        horizontal_spacing=0.02, vertical_spacing=0.04,
    )  # fmt: skip
    top = 2.0 * (study.settings.prescription_gy or float(np.nanmedian(rows[0][1][0])))
    for r, (_, dose) in enumerate(rows, start=1):
        for c, of in enumerate(dose, start=1):
            _heat(study, figure, r, c, of, (0.0, top), c == r == 1)
        for c, of in enumerate(dose[1:], start=1 + len(dose)):
            _heat(study, figure, r, c, of - dose[0], (-0.5 * top, 0.5 * top), r == 1 and c == len(titles))
    # Axes that match each other would not keep their scale: each has the same ends instead.
    (low, high), (top_y, bottom_y) = (_ends(study.data[name].values) for name in ("map_x", "map_y"))
    figure.update_xaxes(range=[low, high], constrain="domain", showticklabels=False)
    figure.update_yaxes(range=[bottom_y, top_y], constrain="domain", showticklabels=False)
    figure.update_xaxes(title_text="x / cm", showticklabels=True, row=len(rows))
    figure.update_yaxes(title_text="y / cm", showticklabels=True, col=1)
    figure.update_layout(height=HEIGHT * len(rows) + 140, **LAYOUT)
    figure.update_layout(margin={"r": 90, "t": 100})
    return figure


def _ends(centres: FloatArray) -> tuple[float, float]:
    """Outer faces of the first and the last voxel, cm."""
    half = 0.5 * float(centres[1] - centres[0])
    return float(centres[0]) - half, float(centres[-1]) + half


def _heat(
    study: Study,
    figure: go.Figure,
    row: int,
    column: int,
    dose: FloatArray,
    ends: tuple[float, float],
    bar: bool,
) -> None:
    x, y, change = study.data.map_x.values, study.data.map_y.values, ends[0] < 0.0
    figure.add_trace(
        go.Heatmap(
            x=x, y=y, z=dose, zmin=ends[0], zmax=ends[1], colorscale="RdBu_r" if change else "Viridis", showscale=bar,
            colorbar={
                "title": "ΔGy" if change else "Gy", "x": 1.03, "len": 0.48, "y": 0.23 if change else 0.77,
                "thickness": 12,
            },
            hovertemplate="%{z:+.0f} Gy<extra></extra>" if change else "%{z:.0f} Gy<extra></extra>",
        ), row=row, col=column,
    )  # fmt: skip
    figure.add_trace(
        go.Contour(
            x=x, y=y, z=study.data.map_target.values.T, contours={"start": 0.5, "end": 0.5, "coloring": "none"},
            line={"color": "#000" if change else "#fff", "width": 2}, showscale=False, showlegend=False,
            hoverinfo="skip",
        ), row=row, col=column,
    )  # fmt: skip
    (trace,) = list(figure.select_traces(selector={"type": "heatmap"}, row=row, col=column))
    figure.update_yaxes(scaleanchor=trace.xaxis, row=row, col=column)
