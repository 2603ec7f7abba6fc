"""A plotly figure as part of a page that holds plotly.js itself."""

from __future__ import annotations

import plotly.graph_objects as go
import plotly.io
from markupsafe import Markup

_CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "sendDataToCloud", "copyLink"],
}


def embedded(figure: go.Figure | None, place: str) -> Markup:
    """Script that draws a figure.

    The script is made here, from text that plotly escapes itself; nothing else of a page is exempt from escaping.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure, optional
        The figure; nothing is drawn without.
    place : str
        Identifier of the element it is drawn in.

    Returns
    -------
    markupsafe.Markup

    Examples
    --------
    >>> "dvh" in embedded(go.Figure(), "dvh")
    True
    """
    if figure is None:
        return Markup()
    return Markup(
        plotly.io.to_html(
            figure,
            full_html=False,
            include_plotlyjs=False,
            div_id=place,
            config=_CONFIG,
            default_width="100%",
        )
    )
