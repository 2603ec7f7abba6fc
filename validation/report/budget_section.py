"""The difference budget in the report: a table for every structure and a waterfall of the target."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from validation.report.number_text import NOT_DEFINED, decimals, measured, number
from validation.studies.budget_dataset import CaseBudget

_SHOWN = ("D90", "V100", "mean dose")
# Okabe and Ito's vermilion and blue, told apart with any colour vision.
_LESS, _MORE, _END = "#D55E00", "#0072B2", "#1d2329"
_LONG = 16  # letters of a name that go on two lines
_COVERAGE = 2.0  # whiskers are ± 2 standard uncertainties, about 95 %


@dataclass(frozen=True)
class ShareRow:
    """One share of the difference, for each index; the kind is ``end``, ``share`` or ``sum``."""

    name: str
    description: str
    kind: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class StructureShares:
    """Shares of one structure: where the chain begins, the shares, the whole, where it ends."""

    name: str
    rows: tuple[ShareRow, ...]


def share_columns() -> tuple[str, ...]:
    """Headings of the columns."""
    return tuple(f"{name} / {'pp' if name[0] == 'V' else 'Gy'}" for name in _SHOWN)


def share_tables(budget: CaseBudget, names: Sequence[str]) -> list[StructureShares]:
    """Shares of every structure.

    Parameters
    ----------
    budget : CaseBudget
        The budget.
    names : sequence of str
        Structures, in the order wanted; those without a stated uncertainty (the body) are left out.

    Returns
    -------
    list of StructureShares
        Shares in Gy or percentage points with their standard uncertainties, doses also in % of the first value.
    """
    data = budget.data
    steps = [str(step) for step in data.budget_step.values]
    texts = [str(text) for text in data.step_description.values]
    tables = []
    for name in names:
        here = data.sel(structure=name, index=list(_SHOWN))
        if not np.isfinite(here.total_std_dev.sel(index="mean dose")):
            continue
        first = here.step_value.isel(budget_step=0)
        rows = [ShareRow(steps[0], texts[0], "end", _ends(first, here.step_std_dev.isel(budget_step=0)))]
        rows += [
            ShareRow(
                step, text, "share", _changes(at.share_value, at.share_std_dev, here.total_std_dev, first)
            )
            for step, text in zip(steps[1:], texts[1:], strict=True)
            for at in [here.sel(share=step)]
        ]
        whole = _changes(here.total_value, here.total_std_dev, here.total_std_dev, first)
        rows.append(
            ShareRow("whole difference", "Monte Carlo minus TG-43, the sum of the shares", "sum", whole)
        )
        last = _ends(here.step_value.isel(budget_step=-1), here.step_std_dev.isel(budget_step=-1))
        rows.append(ShareRow("Monte Carlo", "Monte Carlo, dose to medium in the patient", "end", last))
        tables.append(StructureShares(name, tuple(rows)))
    return tables


def _unit(index: str) -> str:
    return "%" if index[0] == "V" else "Gy"


def _ends(values: xr.DataArray, std_dev: xr.DataArray) -> tuple[str, ...]:
    return tuple(
        measured(float(values.sel(index=index)), float(std_dev.sel(index=index)), _unit(index))
        for index in _SHOWN
    )


def _changes(
    values: xr.DataArray, std_dev: xr.DataArray, whole: xr.DataArray, first: xr.DataArray
) -> tuple[str, ...]:
    cells = []
    for index in _SHOWN:
        value, u, total, start = (float(of.sel(index=index)) for of in (values, std_dev, whole, first))
        if not np.isfinite(value):
            cells.append(NOT_DEFINED)
            continue
        # All shares with the decimals of the whole difference, so that the column adds up.
        places = decimals(total, _unit(index))
        text = number(value, places, sign=True)
        if u > 0:
            text += f" ± {number(u, places)}"
        if _unit(index) == "Gy" and start > 0:
            text += f" ({number(100 * value / start, 1, sign=True)} %)"
        cells.append(text)
    return tuple(cells)


def gain_sentence(budget: CaseBudget, target: str) -> str:
    """What common random numbers gained, in one sentence; empty where it is not known."""
    gains = budget.gains(target, "mean dose")
    if not gains.size:
        return ""
    low, high = number(float(gains.min()), 0), number(float(gains.max()), 0)
    times = low if low == high else f"{low} to {high}"
    return (
        f"The simulations share their photons: shares of the mean dose of {target} have a variance {times} times "
        f"smaller than with independent ones."
    )


def waterfall(budget: CaseBudget, target: str, index: str = "D90") -> go.Figure:
    """The way of an index of the target from TG-43 to Monte Carlo.

    Parameters
    ----------
    budget : CaseBudget
        The budget.
    target : str
        Structure.
    index : str
        Index, in Gy.

    Returns
    -------
    go.Figure
        One floating bar per share with ± 2 standard uncertainties, a diamond where the way begins and ends.
    """
    here = budget.data.sel(structure=target, index=index)
    steps = [str(step) for step in here.budget_step.values]
    values = here.step_value.values.astype(float)
    shares, u = here.share_value.values.astype(float), here.share_std_dev.values.astype(float)
    ends = here.step_std_dev.values.astype(float)
    names = [_wrapped(name) for name in (*steps, "Monte Carlo")]
    figure = go.Figure()
    figure.add_bar(
        orientation="h",
        y=names[1:-1],
        x=shares,
        base=values[:-1],
        marker={"color": [_LESS if share < 0 else _MORE for share in shares]},
        error_x={
            "type": "data",
            "array": _COVERAGE * np.nan_to_num(u),
            "color": _END,
            "thickness": 1.2,
            "width": 4,
        },
        customdata=np.column_stack([shares, u]),
        hovertemplate="%{y}: %{customdata[0]:+.2f} ± %{customdata[1]:.2f} Gy<extra></extra>",
    )
    figure.add_scatter(
        mode="markers+text",
        y=[names[0], names[-1]],
        x=[values[0], values[-1]],
        text=[f"{measured(values[k], ends[k], 'Gy')} Gy" for k in (0, -1)],
        textposition="bottom center",
        cliponaxis=False,
        marker={"symbol": "diamond", "size": 11, "color": _END},
        hovertemplate="%{y}: %{x:.2f} Gy<extra></extra>",
    )
    # Labels beside the bars, on the side that is free.
    for name, start, share, spread in zip(names[1:-1], values[:-1], shares, u, strict=True):
        end = max(start, start + share) + _COVERAGE * float(np.nan_to_num(spread))
        figure.add_annotation(
            x=end, y=name, text=measured(share, spread, "Gy", sign=True), showarrow=False, xanchor="left", xshift=6,
            font={"size": 12, "color": _END},
        )  # fmt: skip
    for k, level in enumerate(values):
        below = names[k + 1]
        figure.add_shape(
            type="line",
            x0=level,
            x1=level,
            y0=names[k],
            y1=below,
            line={"color": "#9aa5af", "width": 1, "dash": "dot"},
        )
    low, high = float(values.min()), float(values.max())
    room = max(0.16 * (high - low), 1.0)
    figure.update_layout(
        template="plotly_white",
        font={"family": "inherit", "size": 13, "color": "#222"},
        margin={"l": 10, "r": 96, "t": 10, "b": 48},
        height=64 + 44 * len(names),
        showlegend=False,
        xaxis={"title": f"{index} of {html.escape(target)} / Gy", "range": [low - room, high + room]},
        yaxis={"autorange": "reversed", "categoryorder": "array", "categoryarray": names, "automargin": True},
    )
    return figure


def _wrapped(name: str) -> str:
    """A long name on two lines."""
    if len(name) < _LONG or " " not in name:
        return name
    middle = min((i for i, c in enumerate(name) if c == " "), key=lambda i: abs(i - len(name) / 2))
    return f"{name[:middle]}<br>{name[middle + 1 :]}"
