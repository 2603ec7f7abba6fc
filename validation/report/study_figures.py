"""Figures of a study: indices against displacement, dose to a day, what makes the spread."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from validation.report.figures_dvh import COLOURS
from validation.report.number_text import measured
from validation.studies.study_alternatives import effects
from validation.studies.study_control import NORMAL_95
from validation.studies.study_file import Study
from validation.studies.study_scenario import Scenario
from validation.studies.study_settings import StudySettings
from validation.studies.study_sobol import factor_effects, factor_names, sobol_shares
from validation.studies.study_summary import IndexSummary, Summary

MONTE_CARLO, TG43 = "Monte Carlo", "TG-43"
FACTOR_NAMES = {
    "sigma": "displacement σ", "edema": "edema magnitude", "edema_half_life": "edema half-life",
    "calibration": "calibration", "half_life": "half-life of the seeds", "realisation": "displacement drawn",
    "final_volume": "final volume", "shrinkage_rate": "rate of shrinkage",
}  # fmt: skip
SHOWN_INDICES = ("D90", "D100", "V100", "V150", "DHI")
LAYOUT = {
    "template": "plotly_white", "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 60, "r": 20, "t": 48, "b": 50},
}  # fmt: skip


def course_of(scenario: Scenario) -> str:
    """What happens to the tissue in a scenario, in words."""
    name = Scenario(0.0, scenario.edema, scenario.shrinkage_per_d, scenario.series).name
    return "no change of tissue" if name == "displacement as set" else name


@dataclass(frozen=True)
class _Curve:
    """Scenarios that differ in what the abscissa shows alone."""

    name: str
    x: tuple[float | str, ...]
    scenarios: tuple[str, ...]


def _abscissa(settings: StudySettings) -> tuple[str, Callable[[Scenario], float | str]]:
    """What the abscissa shows: the first of σ, edema and rate that has several values, else the scenario."""
    if len(settings.sigma_mm) > 1:
        return "standard deviation of the seeds along x, y, z / mm", lambda s: s.sigma_mm
    if len(settings.edema) > 1:
        return "swelling at implantation / %", lambda s: 100.0 * s.edema
    if len(settings.shrinkage_per_d) > 1:
        return "rate of shrinkage / % per day", lambda s: 100.0 * s.shrinkage_per_d
    return "", lambda s: html.escape(s.name)


def _curves(settings: StudySettings) -> list[_Curve]:
    """Scenarios by what the abscissa does not show; the plan begins the curve it belongs to."""
    _, place = _abscissa(settings)
    by_sigma = len(settings.sigma_mm) > 1
    plan, *others = settings.scenarios
    groups: dict[str, list[Scenario]] = {}
    for s in others:
        name = course_of(s) if by_sigma else (f"σ {s.sigma_mm:g} mm" if s.sigma_mm else "seeds in place")
        groups.setdefault(name, []).append(s)
    curves = []
    starts = "no change of tissue" if by_sigma else "seeds in place"
    for name, own in sorted(groups.items(), key=lambda group: group[0] != starts):
        if name == starts or isinstance(place(plan), str):
            own.insert(0, plan)
        curves.append(_Curve(html.escape(name), tuple(place(s) for s in own), tuple(s.name for s in own)))
    return curves


def index_figure(study: Study, summary: Summary) -> go.Figure:
    """Indices of the target against σ, or what else is varied, engines side by side.

    Parameters
    ----------
    study : Study
        Scenarios.
    summary : Summary
        Their estimates.

    Returns
    -------
    go.Figure
        Means with 95 % intervals of the mean as bars, 5 to 95 % of the members as bands.
    """
    target = str(study.data.structure.values[0])
    engines = [e for e, n in ((MONTE_CARLO, "monte_carlo"), (TG43, "tg43")) if study.members(n)]
    figure = make_subplots(
        rows=len(SHOWN_INDICES), cols=len(engines), shared_xaxes=True, shared_yaxes="rows",
        column_titles=engines, vertical_spacing=0.03, horizontal_spacing=0.03,
    )  # fmt: skip
    for r, index in enumerate(SHOWN_INDICES, start=1):
        for c, engine in enumerate(engines, start=1):
            curves = _curves(study.settings)
            for k, curve in enumerate(curves):
                rows = [summary.row(name, target, index) for name in curve.scenarios]
                traces = _traces(curve, rows, engine == MONTE_CARLO, COLOURS[k % len(COLOURS)])
                # More than two bands hide each other: those of the first and the last.
                for trace in traces if k in (0, len(curves) - 1) else traces[1:]:
                    trace.showlegend = bool(trace.showlegend) and r == c == 1
                    figure.add_trace(trace, row=r, col=c)
        unit = summary.row(study.settings.scenarios[0].name, target, index).unit
        figure.update_yaxes(title_text=index if unit == "1" else f"{index} / {unit}", row=r, col=1)
    if study.settings.prescription_gy:
        for c in range(1, len(engines) + 1):
            figure.add_hline(
                study.settings.prescription_gy,
                line={"dash": "dot", "color": "#777", "width": 1},
                row=1,
                col=c,
            )
    figure.update_xaxes(title_text=_abscissa(study.settings)[0], row=len(SHOWN_INDICES))
    figure.update_layout(
        height=200 * len(SHOWN_INDICES) + 90, legend={"orientation": "h", "y": -0.06, "x": 0}, **LAYOUT
    )
    return figure


def _traces(curve: _Curve, rows: list[IndexSummary], monte_carlo: bool, colour: str) -> list[go.Scatter]:
    """Band of the members and means with their intervals."""
    bands = [r.monte_carlo_quantiles if monte_carlo else r.tg43_quantiles for r in rows]
    mean = [r.monte_carlo_mean if monte_carlo else r.tg43_mean for r in rows]
    u = [NORMAL_95 * (r.monte_carlo_mean_std_dev if monte_carlo else r.tg43_mean_std_dev) for r in rows]
    low = [q[0] if q else m for q, m in zip(bands, mean, strict=True)]
    high = [q[-1] if q else m for q, m in zip(bands, mean, strict=True)]
    x = curve.x
    return [
        go.Scatter(
            x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="lines", opacity=0.16,
            line={"width": 0, "color": colour}, fillcolor=colour, showlegend=False, hoverinfo="skip",
            legendgroup=curve.name,
        ),
        go.Scatter(
            x=x, y=mean, mode="lines+markers", name=curve.name, legendgroup=curve.name, showlegend=True,
            line={"color": colour}, marker={"size": 6},
            error_y={"type": "data", "array": u, "thickness": 1.2, "width": 3},
        ),
    ]  # fmt: skip


def course_figure(study: Study) -> go.Figure | None:
    """Volume of the target and D90 of the dose to a day, seeds where the plan has them; None if nothing changes.

    By Monte Carlo as lines with a band of its noise, by TG-43 as dots.
    """
    data, settings = study.data, study.settings
    by_tg43, by_mc = "course_value" in data, "monte_carlo_course_value" in data
    first: dict[str, int] = {}
    for k, scenario in enumerate(settings.scenarios):
        first.setdefault(course_of(scenario), k)
    if len(first) < 2 or not (by_tg43 or by_mc):
        return None
    target = str(data.structure.values[0])
    days = data.day.values
    shown = np.isfinite(days)
    x = [0.0, *days[shown]]
    figure = make_subplots(
        rows=1, cols=2, column_titles=["volume of the target", f"D90 of {html.escape(target)} to a day"],
        horizontal_spacing=0.1,
    )  # fmt: skip
    fine = np.linspace(0.0, float(days[shown].max()), 200)
    for n, (name, k) in enumerate(first.items()):
        line = {"color": COLOURS[n % len(COLOURS)]}
        change = settings.change(settings.scenarios[k])
        volume = np.ones_like(fine) if change is None else change.course.relative_volume(fine)
        figure.add_trace(
            go.Scatter(x=fine, y=volume, mode="lines", line=line, showlegend=False), row=1, col=1
        )
        of = {"scenario": k, "structure": 0, "index": data["index"].values.tolist().index("D90")}
        label = f"{html.escape(name)} (in all " + ", ".join(_in_all(data, of, by_mc, by_tg43)) + ")"
        if by_mc:
            d90, u = (data[f"monte_carlo_course_{part}"].isel(of).values for part in ("value", "std_dev"))
            low, high = (np.array([0.0, *(d90 + s * NORMAL_95 * u)[shown]]) for s in (-1, 1))
            figure.add_trace(
                go.Scatter(
                    x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="lines", line={"width": 0, **line},
                    fillcolor=line["color"], opacity=0.3, showlegend=False, hoverinfo="skip", legendgroup=name,
                ), row=1, col=2,
            )  # fmt: skip
            figure.add_trace(
                go.Scatter(
                    x=x, y=[0.0, *d90[shown]], mode="lines", line=line, name=label, legendgroup=name,
                    hovertemplate="%{y:.1f} Gy by Monte Carlo<extra></extra>",
                ), row=1, col=2,
            )  # fmt: skip
        if by_tg43:
            figure.add_trace(
                go.Scatter(
                    x=x, y=[0.0, *data.course_value.isel(of).values[shown]],
                    mode="markers" if by_mc else "lines+markers", marker={"size": 5, **line}, line=line, name=label,
                    legendgroup=name, showlegend=not by_mc, hovertemplate="%{y:.1f} Gy by TG-43<extra></extra>",
                ), row=1, col=2,
            )  # fmt: skip
    figure.update_xaxes(title_text="days after implantation")
    figure.update_yaxes(title_text="V(t)/V₀", row=1, col=1)
    figure.update_yaxes(title_text="D90 / Gy", row=1, col=2, rangemode="tozero")
    figure.update_layout(height=420, legend={"orientation": "h", "y": -0.2, "x": 0}, **LAYOUT)
    return figure


def _in_all(data: xr.Dataset, of: dict[str, int], by_mc: bool, by_tg43: bool) -> list[str]:
    """D90 of the dose to full decay, in words."""
    texts = []
    if by_mc:
        value, u = (float(data[f"monte_carlo_course_{part}"].isel(of)[-1]) for part in ("value", "std_dev"))
        texts.append(f"{measured(value, u, 'Gy')} Gy by Monte Carlo")
    if by_tg43:
        texts.append(f"{float(data.course_value.isel(of)[-1]):.1f} Gy by TG-43")
    return texts


def sobol_figure(study: Study) -> go.Figure | None:
    """First- and total-order Sobol' indices of the target's D90 and V100, and of an organ's D2cc; None without."""
    if not study.members("sobol"):
        return None
    data = study.data
    shown = [(0, "D90"), (0, "V100")]
    roles = data.structure_role.values
    organs = [
        s for s in range(1, len(data.structure))
        if roles[s] == "organ" and np.isfinite(data.sobol_value.isel(structure=s).sel(index="D2cc")).all()
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
    factors = factor_names(study.settings)
    order = np.arange(len(factors))
    for c, (s, index) in enumerate(shown, start=1):
        shares = sobol_shares(data.sobol_value.isel(structure=s).sel(index=index).values)
        if c == 1:
            order = np.argsort(shares.total_order)
        names = [FACTOR_NAMES[factors[k]] for k in order]
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
        **LAYOUT,
    )  # fmt: skip
    figure.update_layout(margin={"l": 160})
    return figure


def tornado_figure(study: Study, summary: Summary) -> go.Figure | None:
    """How far every factor moves the target's D90; None without Sobol' samples and alternatives.

    Geometry and strength by TG-43: where the factor is in its lowest and in its highest fifth, all else equal. CT curve
    and media by paired Monte Carlo members.
    """
    target = str(study.data.structure.values[0])
    bars: list[tuple[str, float, float, float, str]] = []
    if len(study.members("sobol")):
        values = study.data.sobol_value.isel(structure=0).sel(index="D90").values
        middle = float(values[:, :2].mean())
        for factor, (low, high) in zip(
            factor_names(study.settings), factor_effects(study.settings, values), strict=True
        ):
            if factor != "realisation":
                bars.append((FACTOR_NAMES[factor], 100 * low / middle, 100 * high / middle, 0.0, TG43))
    for effect in effects(study):
        percent = 100.0 * effect.relative
        u = abs(percent / effect.mean.value) * NORMAL_95 * effect.mean.std_dev if effect.mean.value else 0.0
        bars.append((html.escape(effect.alternative), 0.0, percent, u, MONTE_CARLO))
    if not bars:
        return None
    bars.sort(key=lambda b: abs(b[2] - b[1]))
    figure = go.Figure()
    for engine, ends, name, colour in (
        (TG43, 1, "lowest fifth of the factor, TG-43", COLOURS[5]),
        (TG43, 2, "highest fifth, TG-43", COLOURS[0]),
        (MONTE_CARLO, 2, "instead of what is set, Monte Carlo", COLOURS[1]),
    ):
        own = [b for b in bars if b[4] == engine]
        if own:
            figure.add_trace(
                go.Bar(
                    y=[b[0] for b in own], x=[b[ends] for b in own], orientation="h", name=name,
                    marker={"color": colour},
                    error_x={"type": "data", "array": [b[3] for b in own], "thickness": 1, "width": 3},
                )
            )  # fmt: skip
    figure.update_yaxes(categoryorder="array", categoryarray=[b[0] for b in bars])
    figure.update_xaxes(title_text=f"change of D90 of {html.escape(target)} / % of its mean", zeroline=True)
    figure.update_layout(
        height=130 + 38 * len(bars),
        barmode="overlay",
        legend={"orientation": "h", "y": -0.25, "x": 0},
        **LAYOUT,
    )
    figure.update_layout(margin={"l": 190})
    return figure


def spread_text(low: float, high: float) -> str:
    """Percentiles shown as a band, in words.

    Examples
    --------
    >>> spread_text(0.05, 0.95)
    '5 to 95 %'
    """
    return f"{100 * low:g} to {100 * high:g} %"
