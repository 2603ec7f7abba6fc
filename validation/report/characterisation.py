"""The page of a seed's characterisation: one HTML file that opens anywhere, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from markupsafe import Markup

from validation.report.figures_seed import anisotropy_figure, radial_figure, spectrum_figure
from validation.report.number_text import NOT_DEFINED, measured, number
from validation.report.page import render_page, write_text
from validation.report.plotly_figure import embedded
from validation.report.software import software_facts

_STRENGTH_SCALE = 1e14  # strengths are near 1e-14 Gy cm² per history
_PER_THOUSAND = 1e3
_SMALLEST_FLUORESCENCE = 1e-5  # photons per history
_PAGE_RADII = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0)  # cm, rows of F on the page


class Fact(NamedTuple):
    """A quantity as it is printed."""

    name: str
    value: str
    unit: str


def render(data: xr.Dataset, drawing: str, consensus: xr.Dataset | None = None) -> str:
    """Render the page.

    Parameters
    ----------
    data : xarray.Dataset
        Characterisation.
    drawing : str
        SVG of the seed, made by `mcsim.seed_drawing`, whose text is escaped there.
    consensus : xarray.Dataset, optional
        From `validation.studies.characterise_consensus.beside_consensus`.

    Returns
    -------
    str
        HTML with style sheet, plotly.js, drawing and data inside.
    """
    return render_page(
        "characterisation.html",
        plotly=True,
        digests=[
            ("Seed digest", str(data.attrs["seed_digest"])),
            ("settings digest", str(data.attrs["settings_digest"])),
        ],
        software=software_facts(),
        anisotropy=embedded(anisotropy_figure(data, consensus), "anisotropy"),
        anisotropy_rows=_anisotropy_rows(data),
        angles=[number(float(t), 0) for t in data.theta.values],
        along_away=_along_away(data),
        along=[f"{z:g}" for z in data.along.values],
        attributes=data.attrs,
        consensus=consensus,
        differences=[] if consensus is None else _differences(data, consensus),
        drawing=Markup(drawing),
        facts=facts(data),
        fluorescence=_fluorescence(data),
        histories=f"{data.attrs['histories']:.3g}",
        radial=embedded(radial_figure(data, consensus), "radial"),
        radial_rows=_radial_rows(data),
        spectrum=embedded(spectrum_figure(data), "spectrum"),
    )


def write_page(path: str | Path, data: xr.Dataset, drawing: str, consensus: xr.Dataset | None = None) -> None:
    """Write the page, whole or not at all."""
    write_text(path, render(data, drawing, consensus))


def facts(data: xr.Dataset) -> list[Fact]:
    """The single numbers of a characterisation with their type A uncertainties, as text.

    Parameters
    ----------
    data : xarray.Dataset
        Characterisation.

    Returns
    -------
    list of Fact
        For the page and for the command line.
    """
    rows = []
    for chamber, label in (("wafac", "WAFAC"), ("point", "point")):
        rows.append(
            Fact(
                f"Air-kerma strength per history, {label}",
                _value(data, "air_kerma_strength_per_history", chamber=chamber, scale=_STRENGTH_SCALE),
                "10⁻¹⁴ Gy cm²",
            )
        )
    for chamber, label in (("wafac", "WAFAC"), ("point", "point")):
        rows.append(
            Fact(
                f"Dose-rate constant Λ, {label}",
                _value(data, "dose_rate_constant", chamber=chamber),
                "cGy h⁻¹ U⁻¹",
            )
        )
    for opening, label in (("all", "leaving the seed"), ("wafac", "in the WAFAC aperture")):
        rows.append(Fact(f"Mean energy {label}", _value(data, "mean_energy", opening=opening), "keV"))
    rows.append(
        Fact(
            "Photons above 5 keV leaving, per history", _value(data, "photons_per_history", opening="all"), ""
        )
    )
    return rows


def _value(data: xr.Dataset, name: str, scale: float = 1.0, **where: str) -> str:
    return measured(
        scale * float(data[name].sel(where)), scale * float(data[f"{name}_std_dev"].sel(where)), "1"
    )


def _fluorescence(data: xr.Dataset) -> list[tuple[str, str, str]]:
    """Element and series, photons per 1000 histories, share of the air-kerma strength in %."""
    rows = []
    for name in data.fluorescence.values:
        photons = float(data.fluorescence_photons.sel(fluorescence=name))
        if photons >= _SMALLEST_FLUORESCENCE:
            share = 100.0 * data.fluorescence_share_of_strength.sel(fluorescence=name)
            deviation = 100.0 * data.fluorescence_share_of_strength_std_dev.sel(fluorescence=name)
            of_strength = measured(float(share), float(deviation), "%") if float(share) > 0.0 else NOT_DEFINED
            deviation_of_count = float(data.fluorescence_photons_std_dev.sel(fluorescence=name))
            counted = measured(_PER_THOUSAND * photons, _PER_THOUSAND * deviation_of_count, "1")
            rows.append((str(name), counted, of_strength))
    return rows


def _radial_rows(data: xr.Dataset) -> list[list[str]]:
    names = ("radial_dose_function_line", "radial_dose_function_point", "anisotropy_1d")
    return [
        [f"{float(r):g}", *(_value(data, name, r=r) for name in names)]
        for r in data.r.values
        if np.isfinite(data.radial_dose_function_line.sel(r=r))
    ]


def _anisotropy_rows(data: xr.Dataset) -> list[list[str]]:
    rows = []
    for theta in data.theta.values:
        column = data.sel(theta=theta, r=list(_PAGE_RADII))
        cells = zip(column.anisotropy_function.values, column.anisotropy_function_std_dev.values, strict=True)
        rows.append([f"{float(theta):g}", *(measured(float(f), float(u), "1") for f, u in cells)])
    return rows


def _along_away(data: xr.Dataset) -> list[list[str]]:
    rows = []
    for k, y in enumerate(data.away.values):
        values, deviations = data.along_away_dose_rate.values[k], data.along_away_dose_rate_std_dev.values[k]
        rows.append(
            [f"{y:g}", *(_three_digits(float(v), float(u)) for v, u in zip(values, deviations, strict=True))]
        )
    return rows


def _three_digits(value: float, std_dev: float) -> str:
    return (
        f"{value:.3g} ({100.0 * std_dev / value:.1f} %)"
        if np.isfinite(value) and value > 0.0
        else NOT_DEFINED
    )


def _differences(data: xr.Dataset, consensus: xr.Dataset) -> list[list[str]]:
    """r, consensus g_L, ours, difference in %."""
    constant, theirs = (
        float(data.dose_rate_constant.sel(chamber="wafac")),
        consensus.attrs["dose_rate_constant"],
    )
    deviation = float(data.dose_rate_constant_std_dev.sel(chamber="wafac"))
    rows = [
        [
            "Λ",
            f"{theirs:g}",
            measured(constant, deviation, "1"),
            number(100.0 * (constant / theirs - 1.0), 1, sign=True),
        ]
    ]
    for r in consensus.consensus_r.values:
        at = consensus.sel(consensus_r=r)
        ours, table = float(at.radial_dose_function_line), float(at.consensus_radial_dose_function_line)
        rows.append(
            [
                f"g_L({r:g} cm)",
                f"{table:.4g}",
                number(ours, 4),
                number(100.0 * (ours / table - 1.0), 1, sign=True),
            ]
        )
    return rows
