"""Figures of a study: indices against displacement, dose to a day, what makes the spread."""

from __future__ import annotations

import html

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from validation.report.figures_dvh import COLOURS
from validation.studies.study_file import Study
from validation.studies.study_settings import Scenario
from validation.studies.study_sobol import ROWS, sobol_shares
from validation.studies.study_summary import Summary

MONTE_CARLO, TG43 = "Monte Carlo", "TG-43"
FACTOR_NAMES = {
    "sigma": "displacement σ", "edema": "edema magnitude", "edema_half_life": "edema half-life",
    "calibration": "calibration", "half_life": "half-life of the seeds", "realisation": "displacement drawn",
}  # fmt: skip
SHOWN_INDICES = ("D90", "D100", "V100", "V150", "DHI")
_LAYOUT = {
    "template": "plotly_white", "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 60, "r": 20, "t": 48, "b": 50},
}  # fmt: skip


def course_of(scenario: Scenario) -> str:
    """What happens to the tissue in a scenario, in words."""
    name = Scenario(0.0, scenario.edema, scenario.shrinkage_per_d, scenario.series).name
    return "no change of tissue" if name == "other displacement" else name


def index_figure(study: Study, summary: Summary) -> go.Figure:
    """Indices of the target against σ (against the edema where one σ alone is studied), engines side by side.

    Parameters
    ----------
    study : Study
        Scenarios.
    summary : Summary
        Their estimates.

    Returns
    -------
    go.Figure
        Means as lines with 95 % intervals of the mean as bars, 5 to 95 % of the members as bands.
    """
    target = str(study.data.structure.values[0])
    engines = [e for e, n in ((MONTE_CARLO, "monte_carlo"), (TG43, "tg43")) if study.members(n)]
    figure = make_subplots(
        rows=len(SHOWN_INDICES), cols=len(engines), shared_xaxes=True, shared_yaxes="rows",
        column_titles=engines, vertical_spacing=0.03, horizontal_spacing=0.03,
    )  # fmt: skip
    scenarios = study.settings.scenarios
    by_sigma = len(study.settings.sigma_mm) > 1
    groups = sorted(
        {course_of(s) if by_sigma else f"σ {s.sigma_mm:g} mm" for s in scenarios if not s.is_plan},
        key=lambda g: [course_of(s) if by_sigma else f"σ {s.sigma_mm:g} mm" for s in scenarios].index(g),
    )
    for r, index in enumerate(SHOWN_INDICES, start=1):
        unit = ""
        for c, engine in enumerate(engines, start=1):
            for k, group in enumerate(groups):
                own = [
                    s for s in scenarios
                    if not s.is_plan and (course_of(s) if by_sigma else f"σ {s.sigma_mm:g} mm") == group
                ]  # fmt: skip
                x, mean, u, low, high = [], [], [], [], []
                if by_sigma and group == "no change of tissue" and 0.0 not in {s.sigma_mm for s in own}:
                    own = [scenarios[0], *own]
                if not by_sigma and 0.0 not in {s.edema for s in own} and not own[0].sigma_mm:
                    own = [scenarios[0], *own]
                for s in own:
                    row = summary.row(s.name, target, index)
                    unit = "" if row.unit == "1" else f" / {row.unit}"
                    x.append(s.sigma_mm if by_sigma else _abscissa(s))
                    first = engine == MONTE_CARLO
                    mean.append(row.monte_carlo_mean if first else row.tg43_mean)
                    u.append(1.96 * (row.monte_carlo_mean_std_dev if first else row.tg43_mean_std_dev))
                    q = row.monte_carlo_quantiles if first else row.tg43_quantiles
                    low.append(q[0] if q else mean[-1])
                    high.append(q[-1] if q else mean[-1])
                colour = COLOURS[k % len(COLOURS)]
                figure.add_trace(
                    go.Scatter(
                        x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="lines", opacity=0.16,
                        line={"width": 0, "color": colour}, fillcolor=colour, showlegend=False, hoverinfo="skip",
                        legendgroup=group,
                    ), row=r, col=c,
                )  # fmt: skip
                figure.add_trace(
                    go.Scatter(
                        x=x, y=mean, mode="lines+markers", name=html.escape(group), legendgroup=group,
                        line={"color": colour}, marker={"size": 6}, showlegend=r == 1 and c == 1,
                        error_y={"type": "data", "array": u, "thickness": 1.2, "width": 3},
                    ), row=r, col=c,
                )  # fmt: skip
        figure.update_yaxes(title_text=f"{index}{unit}", row=r, col=1)
    prescription = study.settings.prescription_gy
    if prescription:
        for c in range(1, len(engines) + 1):
            figure.add_hline(prescription, line={"dash": "dot", "color": "#777", "width": 1}, row=1, col=c)
    title = "standard deviation of the seeds along x, y, z / mm" if by_sigma else _abscissa_title(study)
    figure.update_xaxes(title_text=title, row=len(SHOWN_INDICES))
    figure.update_layout(
        height=200 * len(SHOWN_INDICES) + 90, legend={"orientation": "h", "y": -0.06, "x": 0}, **_LAYOUT
    )
    return figure


def _abscissa(scenario: Scenario) -> float:
    return 100.0 * (scenario.shrinkage_per_d or scenario.edema)


def _abscissa_title(study: Study) -> str:
    if any(study.settings.shrinkage_per_d):
        return "rate of shrinkage / % per day"
    return "swelling at implantation / %"


def course_figure(study: Study) -> go.Figure | None:
    """Volume of the target and D90 of the dose to a day, seeds where the plan has them; None if nothing changes."""
    if "course_value" not in study.data:
        return None
    data, settings = study.data, study.settings
    target = str(data.structure.values[0])
    days = data.day.values
    shown = np.isfinite(days)
    figure = make_subplots(
        rows=1, cols=2, column_titles=["volume of the target", f"D90 of {html.escape(target)} to a day"],
        horizontal_spacing=0.1,
    )  # fmt: skip
    seen: list[str] = []
    fine = np.linspace(0.0, float(days[shown].max()), 200)
    for k, scenario in enumerate(settings.scenarios):
        name = course_of(scenario)
        if name in seen:
            continue
        colour = COLOURS[len(seen) % len(COLOURS)]
        seen.append(name)
        change = settings.change(scenario)
        volume = np.ones_like(fine) if change is None else change.course.relative_volume(fine)
        d90 = data.course_value.isel(scenario=k).sel(structure=target, index="D90").values
        figure.add_trace(
            go.Scatter(x=fine, y=volume, mode="lines", line={"color": colour}, showlegend=False), row=1, col=1
        )
        figure.add_trace(
            go.Scatter(
                x=[0.0, *days[shown]], y=[0.0, *d90[shown]], mode="lines+markers", line={"color": colour},
                marker={"size": 5}, name=f"{html.escape(name)} (in all {d90[-1]:.1f} Gy)",
            ), row=1, col=2,
        )  # fmt: skip
    if len(seen) < 2:
        return None
    figure.update_xaxes(title_text="days after implantation")
    figure.update_yaxes(title_text="V(t)/V₀", row=1, col=1)
    figure.update_yaxes(title_text="D90 / Gy", row=1, col=2, rangemode="tozero")
    figure.update_layout(height=420, legend={"orientation": "h", "y": -0.2, "x": 0}, **_LAYOUT)
    return figure


def sobol_figure(study: Study) -> go.Figure | None:
    """First- and total-order Sobol' indices of the target's D90 and V100, and of an organ's D2cc; None without."""
    if not study.members("sobol"):
        return None
    data = study.data
    shown = [(0, "D90"), (0, "V100")]
    organs = [
        s for s in range(1, len(data.structure))
        if np.isfinite(data.sobol_value.isel(structure=s).sel(index="D2cc")).all()
    ]  # fmt: skip
    if organs:
        hottest = max(
            organs, key=lambda s: float(data.sobol_value.isel(structure=s).sel(index="D2cc").mean())
        )
        shown.append((hottest, "D2cc"))
    titles = [f"{index} of {html.escape(str(data.structure.values[s]))}" for s, index in shown]
    figure = make_subplots(
        rows=1, cols=len(shown), shared_yaxes=True, column_titles=titles, horizontal_spacing=0.03
    )
    for c, (s, index) in enumerate(shown, start=1):
        shares = sobol_shares(data.sobol_value.isel(structure=s).sel(index=index).values)
        order = np.argsort(shares.total_order) if c == 1 else order  # noqa: F821
        names = [FACTOR_NAMES[ROWS[2 + k]] for k in order]
        for name, values, interval, colour in (
            ("with interactions", shares.total_order, shares.total_interval, COLOURS[5]),
            ("alone", shares.first_order, shares.first_interval, COLOURS[0]),
        ):
            figure.add_trace(
                go.Bar(
                    y=names, x=values[order], orientation="h", name=name, legendgroup=name, showlegend=c == 1,
                    marker={"color": colour},
                    error_x={
                        "type": "data", "array": np.maximum(interval[1] - values, 0.0)[order],
                        "arrayminus": np.maximum(values - interval[0], 0.0)[order], "thickness": 1, "width": 2,
                    },
                ), row=1, col=c,
            )  # fmt: skip
    figure.update_xaxes(title_text="share of the variance", range=[-0.1, 1.15])
    figure.update_layout(
        height=400, barmode="group", legend={"orientation": "h", "y": -0.22, "x": 0, "traceorder": "reversed"},
        **_LAYOUT,
    )  # fmt: skip
    figure.update_layout(margin={"l": 160})
    return figure


def spread_text(low: float, high: float) -> str:
    """Percentiles shown as a band, in words.

    Examples
    --------
    >>> spread_text(QUANTILES[0], QUANTILES[-1])
    '5 to 95 %'
    """
    return f"{100 * low:g} to {100 * high:g} %"
