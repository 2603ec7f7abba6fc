"""Characterisation of the packaged seeds: strength per photon, dose-rate constant, g_L, F and spectrum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

import tg43
from mcsim.seed_model import load_seed_model, seed_model_names
from validation.record.check import Check, coverage_of_a_publication
from validation.record.references import (
    against_publication,
    published_data,
    published_value,
    shortfall_of,
)
from validation.record.room import Effort, Figure, Panel, Room, Series
from validation.studies.characterise import characterise

GROUP = "Seeds"
REFERENCE_SEED = "OncoSeed 6711"
QUICK_SEEDS = (REFERENCE_SEED, "TheraSeed 200")
# Photons to emit: for the seed whose tables are compared, and for the others.
HISTORIES = {"quick": (4_000_000, 1_000_000), "full": (60_000_000, 15_000_000)}
ANISOTROPY_DISTANCES = (0.5, 1.0, 2.0, 5.0)
LEAST_ANGLE = 50.0  # degrees: at smaller angles the consensus is of another geometry of the end welds


def seed_checks(effort: Effort) -> Room:
    """Every packaged seed against published values; the 6711 against the tables of TG-43U1."""
    room = Room()
    names = effort.pick(QUICK_SEEDS, seed_model_names())
    most, fewer = HISTORIES[effort.mode]
    tables: dict[str, xr.Dataset] = {}
    for name in names:
        effort.say(f"seed {name}")
        tables[name] = characterise(name, most if name == REFERENCE_SEED else fewer, threads=effort.threads)
        room.checks += _strength(name, tables[name]) + _constants(name, tables[name])
        if not _constants(name, tables[name]):
            room.left_out.append(
                f"No published dose-rate constant by Monte Carlo is at hand for {name}: its own stands in the figure."
            )
    missing = [name for name in seed_model_names() if name not in names]
    if missing:
        room.left_out.append(f"Seeds characterised in the full record only: {', '.join(missing)}.")
    room.checks += _tables_of_the_6711(tables[REFERENCE_SEED])
    room.figures += [
        _constants_figure(tables),
        _radial_figure(tables[REFERENCE_SEED]),
        _anisotropy_figure(tables[REFERENCE_SEED]),
        _spectrum_figure(tables[REFERENCE_SEED]),
    ]
    return room


def _pair(table: xr.Dataset, name: str, **where: object) -> tuple[float, float]:
    """A quantity and its type A standard uncertainty."""
    return float(table[name].sel(where)), float(table[f"{name}_std_dev"].sel(where))


def _strength(name: str, table: xr.Dataset) -> list[Check]:
    checks = []
    value, std_dev = _pair(table, "air_kerma_strength_per_history", chamber="wafac")
    label = f"strength {name}"
    if label in published_data("published_values")["values"]:
        factor, words = 1.0, f"air-kerma strength per emitted photon of the {name} (WAFAC)"
        if name == "TheraSeed 200":
            # The publication counts the L x rays, of which nothing leaves the seed, as photons too.
            lines = sum(load_seed_model(name).spectrum.photons_per_decay)
            factor = lines / (lines + published_value("L x rays of palladium-103 per decay").value)
            words += ", L x rays counted as photons"
        checks.append(
            against_publication(
                f"S_K per photon of the {name}",
                GROUP,
                words,
                factor * value,
                factor * std_dev,
                published_value(label),
            )
        )
    if name == REFERENCE_SEED:
        spectrum = load_seed_model(name).spectrum
        checks.append(
            against_publication(
                "mean energy emitted by iodine-125",
                GROUP,
                "mean energy of the photons of ¹²⁵I before the seed",
                float(np.average(spectrum.energy_kev, weights=spectrum.photons_per_decay)),
                0.0,
                published_value("mean emitted energy of iodine-125"),
            )
        )
    return checks


def _constants(name: str, table: xr.Dataset) -> list[Check]:
    checks = []
    for label in published_data("published_values")["values"]:
        quantity, _, rest = label.partition(" ")
        seed, _, remark = rest.partition(", ")
        if quantity != "dose_rate_constant" or seed != name:
            continue
        chamber = "point" if remark == "point" else "wafac"
        value, std_dev = _pair(table, "dose_rate_constant", chamber=chamber)
        words = f"dose-rate constant of the {name}" + (" (point detector)" if chamber == "point" else "")
        checks.append(
            against_publication(
                f"Λ of the {name}" + (f", {remark}" if remark else ""),
                GROUP,
                words,
                value,
                std_dev,
                published_value(label),
            )
        )
    return checks


def _tables_of_the_6711(table: xr.Dataset) -> list[Check]:
    """g_L at the distances of TG-43U1, F from 50° on at every distance and at all angles at 1 cm, φ_an at 1 cm."""
    consensus, checks = tg43.load_source("6711"), []
    demanded = published_value("radial dose function")
    for r, published in zip(consensus.radial_distances, consensus.radial_dose, strict=True):
        if r == 1.0:
            continue
        value, std_dev = _pair(table, "radial_dose_function_line", r=r)
        checks.append(
            _scaled(
                f"g_L of the {REFERENCE_SEED} at {r:g} cm",
                value,
                std_dev,
                published,
                demanded.tolerance,
                demanded.reason,
            )
        )
    demanded = published_value("anisotropy function")
    for k, r in enumerate(consensus.anisotropy_distances):
        for j, theta in enumerate(np.rad2deg(consensus.anisotropy_angles).round(6)):
            if theta == 90.0 or (theta < LEAST_ANGLE and r != 1.0):
                continue
            value, std_dev = _pair(table, "anisotropy_function", r=r, theta=theta)
            checks.append(
                _scaled(
                    f"F of the {REFERENCE_SEED} at {r:g} cm, {theta:g}°",
                    value,
                    std_dev,
                    consensus.anisotropy[k, j],
                    demanded.tolerance,
                    demanded.reason,
                )
            )
    value, std_dev = _pair(table, "anisotropy_1d", r=1.0)
    checks.append(
        against_publication(
            f"φ_an of the {REFERENCE_SEED} at 1 cm",
            GROUP,
            f"anisotropy factor φ_an of the {REFERENCE_SEED} at 1 cm",
            value,
            std_dev,
            published_value(f"anisotropy factor at 1 cm {REFERENCE_SEED}"),
        )
    )
    return checks


def _scaled(
    name: str, value: float, std_dev: float, published: float, tolerance: float, reason: str
) -> Check:
    return Check(
        name,
        GROUP,
        name,
        "1",
        value,
        std_dev,
        float(published),
        published_value("radial dose function").citation,
        tolerance * float(published),
        reason,
        coverage=coverage_of_a_publication(std_dev, float(published)),
        shortfall=shortfall_of(name),
    )


def _numbers(values: object) -> tuple[float, ...]:
    return tuple(float(v) for v in np.asarray(values).ravel())


def _constants_figure(tables: dict[str, xr.Dataset]) -> Figure:
    names = tuple(tables)
    own = [_pair(tables[name], "dose_rate_constant", chamber="wafac") for name in names]
    published: list[tuple[float, float, float]] = []
    for label in published_data("published_values")["values"]:
        quantity, _, rest = label.partition(" ")
        seed, _, remark = rest.partition(", ")
        if quantity == "dose_rate_constant" and seed in names and remark != "point":
            value = published_value(label)
            published.append((float(names.index(seed)), value.value, value.std_dev))
    x, y, spread = zip(*published, strict=True)
    values, uncertainties = zip(*own, strict=True)
    beside = 0.12  # so that neither hides the other
    return Figure(
        "dose_rate_constants",
        GROUP,
        "Dose-rate constants of the packaged seeds, and published values (for the 6711 also measured and consensus).",
        "",
        (
            Panel(
                "Λ / cGy h⁻¹ U⁻¹",
                (
                    Series(
                        "this project", tuple(k - beside for k in range(len(names))), values, uncertainties
                    ),
                    Series("published", tuple(k + beside for k in x), y, spread, "reference"),
                ),
            ),
        ),
        names=names,
    )


def _with_ratio(
    label: str, series: list[Series], reference: list[Series], names: Callable[[Series], str], allowed: float
) -> tuple[Panel, Panel]:
    """A panel with values, and one with the ratios of computed to reference values at common abscissae."""
    ratios = []
    for computed, published in zip(series, reference, strict=True):
        at = {round(x, 6): (y, s) for x, y, s in zip(computed.x, computed.y, computed.std_dev, strict=True)}
        common = [
            (x, *at[round(x, 6)], y)
            for x, y in zip(published.x, published.y, strict=True)
            if round(x, 6) in at
        ]
        ratios.append(
            Series(
                names(computed),
                tuple(x for x, *_ in common),
                tuple(y / p for _, y, _, p in common),
                tuple(s / p for _, _, s, p in common),
            )
        )
    low, high = min(s.x[0] for s in ratios), max(s.x[-1] for s in ratios)
    ratios += [
        Series(
            f"± {100 * allowed:g} %" if sign > 0 else "",
            (low, high),
            (1.0 + sign * allowed,) * 2,
            (),
            "limit",
        )
        for sign in (1, -1)
    ]
    return Panel(label, tuple(series + reference)), Panel("ours / consensus", tuple(ratios))


def _radial_figure(table: xr.Dataset) -> Figure:
    consensus = tg43.load_source("6711")
    chosen = table.sel(r=slice(0.099, None))
    computed = Series(
        "this project",
        _numbers(chosen.r),
        _numbers(chosen.radial_dose_function_line),
        _numbers(chosen.radial_dose_function_line_std_dev),
    )
    published = Series(
        "TG-43U1", _numbers(consensus.radial_distances), _numbers(consensus.radial_dose), (), "reference"
    )
    return Figure(
        "radial_dose_function",
        GROUP,
        "Radial dose function g_L of the 6711 (L = 0.3 cm) and its ratio to the consensus; the value at 4 cm is an "
        "outlier of the consensus table.",
        "r / cm",
        _with_ratio(
            "g_L(r)",
            [computed],
            [published],
            lambda s: s.label,
            published_value("radial dose function").tolerance,
        ),
        log_x=True,
    )


def _anisotropy_figure(table: xr.Dataset) -> Figure:
    consensus = tg43.load_source("6711")
    theta = np.rad2deg(consensus.anisotropy_angles)
    computed, published = [], []
    for r in ANISOTROPY_DISTANCES:
        chosen = table.sel(r=r, theta=slice(4.9, None))
        computed.append(
            Series(
                f"{r:g} cm",
                _numbers(chosen.theta),
                _numbers(chosen.anisotropy_function),
                _numbers(chosen.anisotropy_function_std_dev),
            )
        )
        k = list(consensus.anisotropy_distances).index(r)
        published.append(
            Series(
                f"TG-43U1, {r:g} cm", _numbers(theta), _numbers(consensus.anisotropy[k]), (), "reference line"
            )
        )
    return Figure(
        "anisotropy_function",
        GROUP,
        "Anisotropy function F(r, θ) of the 6711 and its ratio to the consensus, which is of another geometry of the "
        "ends: it is compared from 50° on.",
        "θ / °",
        _with_ratio(
            "F(r, θ)",
            computed,
            published,
            lambda s: s.label,
            published_value("anisotropy function").tolerance,
        ),
    )


def _spectrum_figure(table: xr.Dataset) -> Figure:
    emitted = table.spectrum.values
    energy = table.energy.values
    shown = (emitted > 0.0) & (energy > 3.0)
    spread = table.spectrum_std_dev.values
    return Figure(
        "spectrum",
        GROUP,
        "Photons that leave the 6711 per emitted photon in bins of 0.1 keV: iodine lines, silver K lines near 22 and "
        "25 keV, bromine near 12 keV, titanium near 4.5 keV, and what has scattered.",
        "energy / keV",
        (
            Panel(
                "photons per bin",
                (
                    Series(
                        "this project",
                        _numbers(energy[shown]),
                        _numbers(emitted[shown]),
                        _numbers(spread[shown]),
                    ),
                ),
                log_y=True,
            ),
        ),
    )
