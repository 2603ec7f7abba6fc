"""Photon spectra in the report: a figure of their shape, and what they mean for the dose."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from validation.report.figures_dvh import COLOURS, faint
from validation.report.number_text import NOT_DEFINED, decimals, measured, number
from validation.report.tables import ordered_structures, with_unit
from validation.studies.compare import Comparison

_COVERAGE = 2.0  # bands are ± 2 standard uncertainties, about 95 %
_LOWEST_SHARE = 0.01  # % per keV: below, there is nothing to see
_START_SHOWN = 4  # curves that start shown; more of them hide each other
_WELL_KNOWN = 0.2  # keV: a curve whose mean energy is less certain than this starts hidden
_MAJORITY = 50.0  # % of a structure: below, no medium is the one it is made of


@dataclass(frozen=True)
class SpectrumRow:
    """Photons of one structure; every number with its unit."""

    name: str
    medium: str
    energy: str
    fluence: str
    ratio: str


def has_spectra(comparison: Comparison) -> bool:
    """Whether the simulation has scored spectra."""
    return "energy_fluence" in comparison.data


def spectrum_rows(comparison: Comparison) -> list[SpectrumRow]:
    """Mean photon energy, energy fluence and D_m/D_w of every structure.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of SpectrumRow
        Empty where neither spectra nor dose to water were scored.
    """
    data = comparison.data
    if "medium_to_water" not in data:
        return []
    media = [str(name).replace("_", " ") for name in data.medium_name.values]
    rows = []
    for name in ordered_structures(comparison):
        here = data.sel(structure=name)
        shares = here.structure_medium.values
        most = int(np.argmax(shares))
        medium = f"{media[most]} {shares[most]:.0f} %" if shares[most] >= _MAJORITY else "mixed"
        energy = fluence = NOT_DEFINED
        if has_spectra(comparison) and np.isfinite(float(here.mean_photon_energy)):
            energy = with_unit(
                measured(float(here.mean_photon_energy), float(here.mean_photon_energy_std_dev), "keV"), "keV"
            )
            width = float(np.diff(data.photon_energy.values).mean())
            total = float(here.energy_fluence.sum()) * width
            u = float(np.sqrt((here.energy_fluence_std_dev.values**2).sum())) * width
            fluence = with_unit(_power(total, u), "keV cm⁻²")
        ratio, u_ratio = float(here.medium_to_water), float(here.medium_to_water_std_dev)
        text = measured(ratio, u_ratio, "1") if decimals(u_ratio, "1") < 4 else number(ratio, 3)
        rows.append(SpectrumRow(str(name), medium, energy, fluence, text))
    return rows


def _power(value: float, u: float) -> str:
    """A value with its uncertainty, both times a power of ten if small or large.

    Examples
    --------
    >>> _power(0.0756, 0.0011), _power(18.287, 0.012)
    ('0.0756 ± 0.0011', '18.287 ± 0.012')
    """
    if not value > 0.0 or not u > 0.0:
        return number(value, 3)
    places = max(0, 1 - int(np.floor(np.log10(u))))
    return f"{number(value, places)} ± {number(u, places)}"


def spectra_figure(comparison: Comparison) -> go.Figure | None:
    """Shape of the energy-fluence spectra with bands of ± 2 standard uncertainties, and the lines the seeds emit.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    go.Figure or None
        Share of the whole energy fluence per keV, logarithmic; none where spectra were not scored.
    """
    if not has_spectra(comparison):
        return None
    data = comparison.data
    energy = data.photon_energy.values
    figure = go.Figure()
    highest, lowest_energy = 1.0, float(energy[-1])
    start = _shown_first(comparison)
    for k, name in enumerate(ordered_structures(comparison)):
        here = data.sel(structure=name)
        share, u = shares(here.energy_fluence.values, here.energy_fluence_std_dev.values, energy)
        if not np.isfinite(share).any():
            continue
        colour, label = COLOURS[k % len(COLOURS)], html.escape(str(name))
        highest = max(highest, float(share.max()))
        if name in start:
            lowest_energy = min(lowest_energy, float(energy[share > 5 * _LOWEST_SHARE][0]))
        common = {"legendgroup": str(k), "visible": True if name in start else "legendonly"}
        x = np.concatenate([energy, energy[::-1]])
        low, high = (np.maximum(share + s * _COVERAGE * u, 1e-3 * _LOWEST_SHARE) for s in (-1.0, 1.0))
        figure.add_scatter(
            x=x, y=np.concatenate([high, low[::-1]]), fill="toself", fillcolor=faint(colour), line={"width": 0},
            mode="lines", hoverinfo="skip", showlegend=False, **common,
        )  # fmt: skip
        figure.add_scatter(
            x=energy, y=np.maximum(share, 1e-3 * _LOWEST_SHARE), customdata=u, mode="lines", name=label,
            line={"color": colour, "width": 2.4 if name == comparison.target else 1.5, "shape": "hvh"},
            hovertemplate=f"{label}: %{{y:.3~g}} ± %{{customdata:.2~g}} % per keV<extra></extra>", **common,
        )  # fmt: skip
    _add_lines(figure, data.emission_energy.values, data.emission_per_decay.values)
    lit = energy[np.nanmax(np.nan_to_num(data.energy_fluence.values), axis=0) > 0]
    top = float(lit.max()) if lit.size else 40.0
    figure.update_layout(
        template="plotly_white",
        font={"family": "inherit", "size": 13, "color": "#222"},
        margin={"l": 66, "r": 66, "t": 16, "b": 48},
        height=440,
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.16, "yanchor": "top", "x": 0},
        xaxis={"title": "Photon energy / keV", "range": [lowest_energy - 1.0, top + 1.0], "hoverformat": ".2f"},
        yaxis={
            "title": "Share / (% per keV)", "type": "log", "exponentformat": "power",
            "range": [np.log10(_LOWEST_SHARE), np.log10(highest) + 0.3], "dtick": 1,
        },
        yaxis2={
            "title": "Photons per decay", "overlaying": "y", "side": "right", "showgrid": False,
            "range": [0, 1.15 * float(data.emission_per_decay.max())], "rangemode": "tozero",
            "dtick": 0.2, "tickformat": ".1f",
        },
    )  # fmt: skip
    return figure


def _shown_first(comparison: Comparison) -> set[str]:
    """The target, and the structures whose photons differ most from its."""
    data = comparison.data
    others = data.sel(structure=[name for name in data.structure.values if name != comparison.target])
    change = np.abs(
        others.mean_photon_energy - data.mean_photon_energy.sel(structure=comparison.target)
    ).values
    change[~(others.mean_photon_energy_std_dev.values < _WELL_KNOWN)] = -1.0
    order = np.argsort(-change, kind="stable")[: _START_SHOWN - 1]
    return {comparison.target, *(str(others.structure.values[k]) for k in order if change[k] >= 0.0)}


def _add_lines(figure: go.Figure, energy: NDArray[np.float64], per_decay: NDArray[np.float64]) -> None:
    """Lines of the radionuclide as stems on the right-hand axis."""
    x = np.column_stack([energy, energy, np.full(energy.size, np.nan)]).ravel()
    y = np.column_stack([np.zeros(energy.size), per_decay, np.full(energy.size, np.nan)]).ravel()
    figure.add_scatter(
        x=x, y=y, yaxis="y2", mode="lines", line={"color": "#444", "width": 1.2, "dash": "dot"}, hoverinfo="skip",
        showlegend=False, legendgroup="lines",
    )  # fmt: skip
    figure.add_scatter(
        x=energy, y=per_decay, yaxis="y2", mode="markers", name="emitted lines (right axis)", legendgroup="lines",
        marker={"symbol": "diamond-open", "size": 9, "color": "#222"},
        hovertemplate="%{x:.2f} keV: %{y:.3~g} per decay<extra></extra>",
    )  # fmt: skip


def shares(
    fluence: NDArray[np.float64], std_dev: NDArray[np.float64], energy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Share of the energy fluence per keV and its standard uncertainty, with independent noise of the bins.

    .. math::
        s_i = \frac{\Psi_i}{\sum_j \Psi_j \Delta E}, \qquad
        u^2(s_i) = \frac{(1 - p_i)^2 u_i^2 + p_i^2 \sum_{j \neq i} u_j^2}{(\sum_j \Psi_j \Delta E)^2},
        \qquad p_i = s_i \Delta E

    Parameters
    ----------
    fluence, std_dev : (bins,) array
        Energy fluence per energy interval and its standard uncertainty, any unit.
    energy : (bins,) array
        Centres of bins of one width, keV.

    Returns
    -------
    share, std_dev : (bins,) array
        In % per keV; NaN where there is no fluence at all.

    Examples
    --------
    >>> share, u = shares(np.array([1.0, 3.0]), np.array([0.1, 0.0]), np.array([10.0, 12.0]))
    >>> share.tolist(), u.round(4).tolist()
    ([12.5, 37.5], [0.9375, 0.9375])
    """
    width = float(np.diff(energy).mean())
    total = float(np.nansum(fluence)) * width
    if not total > 0.0:
        return np.full(fluence.shape, np.nan), np.full(fluence.shape, np.nan)
    part = fluence * width / total
    others = np.sum(std_dev**2) - std_dev**2
    u = np.sqrt((1.0 - part) ** 2 * std_dev**2 + part**2 * np.maximum(others, 0.0)) / total
    return 100.0 * fluence / total, 100.0 * u
