"""The report of a comparison: one HTML file that opens anywhere, without a network."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import plotly.io
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mcsim.hdf5_file import created_by
from validation.report import facts, tables
from validation.report.figures_dvh import dvh_figure
from validation.report.figures_slices import ISODOSES, LOWEST_SHOWN, slice_views
from validation.studies.compare import Comparison

_PLOTLY_CONFIG = {"responsive": True, "displaylogo": False}


def render(comparison: Comparison) -> str:
    """Render the report.

    Parameters
    ----------
    comparison : Comparison
        From `validation.studies.compare.compare` or a file.

    Returns
    -------
    str
        HTML with style sheet, plotly.js and data inside; all text from the case is escaped.
    """
    environment = Environment(
        loader=PackageLoader("validation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # plotly.js and the figure are scripts made here, from text that plotly escapes itself; nothing else is
    # exempt from escaping.
    figure = plotly.io.to_html(
        dvh_figure(comparison),
        full_html=False,
        include_plotlyjs=False,
        div_id="dvh",
        config=_PLOTLY_CONFIG,
        default_width="100%",
    )
    views = slice_views(comparison)
    return environment.get_template("report.html").render(
        attributes=comparison.data.attrs,
        budget=tables.budget_table(comparison),
        budget_columns=tables.budget_columns(),
        case_facts=facts.case_facts(comparison),
        created_by=created_by(),
        definitions=tables.definitions(comparison),
        difference_columns=[f"{p:g} %" for p in comparison.data.percentile.values],
        differences=tables.difference_table(comparison),
        dvh=Markup(figure),
        headline=tables.headline(comparison),
        indices=tables.index_table(comparison),
        isodoses=ISODOSES,
        lowest_shown=round(100 * LOWEST_SHOWN),
        plotly_js=Markup(get_plotlyjs()),
        run_facts=facts.run_facts(comparison),
        settings_notes=facts.settings_notes(comparison),
        slices=views,
        structures=facts.structure_table(comparison),
        to_water=tables.water_table(comparison),
    )


def write_report(comparison: Comparison, path: str | Path) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    path : path
        Name of the HTML file; an existing one is replaced in one step.
    """
    path = Path(path)
    text = render(comparison)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
