"""Histograms of doses, TG-43 functions of a seed and indices of a study, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.evaluate.dvh import dose_volume_histogram, part_volumes
from validation.interface.anatomy import Anatomy, anatomy_of
from validation.interface.index_tables import summary_table
from validation.interface.slice_plots import STYLES
from validation.studies.characterise_consensus import beside_consensus, consensus_source
from validation.studies.compare import Comparison

# Okabe and Ito's palette on white, told apart with any colour vision.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
OF_SEEDS = (COLOURS[1], COLOURS[3], COLOURS[4], COLOURS[5])
DVH_POINTS = 400
HIGHEST_DOSE = 3.0  # of the prescription: beyond it lie the seeds' surroundings
COVERAGE = 2.0  # standard uncertainties of a band or bar


def plot_dvh(
    dataset: xr.Dataset, case: Case | None, structures: Sequence[str] | None, ax: Axes | None
) -> Axes:
    """Draw histograms; see `validation.interface.accessor.SeedmcAccessor.plot_dvh`."""
    anatomy = anatomy_of(dataset, case)
    if anatomy is None:
        raise InvalidInput(
            "case of the dose is not given, expected one (a histogram is that of a structure). Give case=..., or a "
            "comparison."
        )
    names = anatomy.chosen(tuple(structures) if structures is not None else _judged(anatomy))
    ax = ax or plt.subplots(layout="constrained")[1]
    if "dvh_volume" in dataset:
        engines = [str(engine) for engine in dataset.engine.values]
        labels = [Comparison(dataset).label(engine) for engine in engines]
    else:
        labels = ["TG-43" if "source_reference" in dataset.attrs else "Monte Carlo"]
    handles = []
    for k, name in enumerate(names):
        colour = COLOURS[k % len(COLOURS)]
        handles.append(Line2D([], [], color=colour, label=name))
        if "dvh_volume" in dataset:
            _draw_compared(ax, dataset.sel(structure=name), colour)
        else:
            ax.plot(*_histogram(dataset, anatomy, name), color=colour)
    handles += [
        Line2D([], [], color="0.5", linestyle=style, label=label)
        for label, style in zip(labels, STYLES, strict=False)
    ]
    ax.axvline(anatomy.prescription, color="0.7", linewidth=0.8, zorder=0)
    ax.set(
        xlabel="dose [Gy]", ylabel="volume that receives at least this dose [%]",
        xlim=(0.0, HIGHEST_DOSE * anatomy.prescription), ylim=(0.0, 103.0),
    )  # fmt: skip
    ax.legend(handles=handles, fontsize="small")
    return ax


def _judged(anatomy: Anatomy) -> tuple[str, ...]:
    return tuple(name for name in anatomy.structures if anatomy.roles[name] in ("target", "organ"))


def _draw_compared(ax: Axes, of_structure: xr.Dataset, colour: str) -> None:
    dose = of_structure.dvh_dose.values
    for engine, style in zip(of_structure.engine.values, STYLES, strict=False):
        volume = of_structure.dvh_volume.sel(engine=engine).values
        ax.plot(dose, volume, color=colour, linestyle=style)
        band = COVERAGE * of_structure.dvh_std_dev.values
        if engine == "monte_carlo" and np.isfinite(band).any():
            ax.fill_between(dose, volume - band, volume + band, color=colour, alpha=0.25, linewidth=0.0)


def _histogram(dataset: xr.Dataset, anatomy: Anatomy, name: str) -> tuple[np.ndarray, np.ndarray]:
    x, y, z = (dataset[axis].values for axis in "xyz")
    volumes = part_volumes(x, y, z, anatomy.fraction(name), dataset.tissue_fraction.values)
    dvh = dose_volume_histogram(dataset.dose.values, volumes)
    dose = np.linspace(0.0, HIGHEST_DOSE * anatomy.prescription, DVH_POINTS)
    return dose, 100.0 * dvh.volume_at_least(dose) / max(dvh.volume, np.finfo(float).tiny)


def plot_radial_dose_function(seed: xr.Dataset, ax: Axes | None) -> Axes:
    """Draw g_L; see `validation.interface.accessor.SeedmcAccessor.plot_radial_dose_function`."""
    ax = ax or plt.subplots(layout="constrained")[1]
    g = seed.radial_dose_function_line.dropna("r")
    u = seed.radial_dose_function_line_std_dev.sel(r=g.r)
    colour = OF_SEEDS[len(ax.containers) % len(OF_SEEDS)]  # the next one, where a seed is drawn already
    ax.errorbar(
        g.r, g, COVERAGE * u, color=colour, marker=".", capsize=2,
        label=f"{seed.attrs['seed_model']}, Monte Carlo, k = {COVERAGE:g}",
    )  # fmt: skip
    if (source := consensus_source(seed.attrs["seed_model"])) is not None:
        table = beside_consensus(seed, source)
        ax.plot(
            table.consensus_r, table.consensus_radial_dose_function_line, color=COLOURS[2], linestyle="none",
            marker="x", label=f"{source.name}, consensus",
        )  # fmt: skip
    ax.set(xlabel="r [cm]", ylabel="radial dose function $g_L(r)$ [1]", xlim=(0.0, None), ylim=(0.0, None))
    ax.legend(fontsize="small")
    return ax


def plot_anisotropy_function(seed: xr.Dataset, radii: Sequence[float], ax: Axes | None) -> Axes:
    """Draw F; see `validation.interface.accessor.SeedmcAccessor.plot_anisotropy_function`."""
    ax = ax or plt.subplots(layout="constrained")[1]
    known = seed.r.values
    for k, radius in enumerate(radii):
        if not known[0] <= radius <= known[-1]:
            raise InvalidInput(
                f"radius is {radius:g} cm, expected {known[0]:g} to {known[-1]:g} cm (as tabulated). Choose another."
            )
        f = seed.anisotropy_function.sel(r=radius, method="nearest")
        u = seed.anisotropy_function_std_dev.sel(r=radius, method="nearest")
        ax.errorbar(
            f.theta, f, COVERAGE * u, color=COLOURS[k % len(COLOURS)], linestyle=STYLES[k % len(STYLES)],
            marker=".", markersize=3, capsize=1, label=f"r = {float(f.r):g} cm",
        )  # fmt: skip
    label = rf"anisotropy function $F(r, \theta)$ [1], k = {COVERAGE:g}"
    ax.set(xlabel=r"polar angle $\theta$ [°]", ylabel=label, ylim=(0.0, None))
    ax.set_xticks(np.arange(0.0, float(seed.theta.values[-1]) + 1.0, 30.0))
    ax.legend(fontsize="small")
    return ax


def plot_index(study: xr.Dataset, index: str, structure: str | None, ax: Axes | None) -> Axes:
    """Draw an index of a study; see `validation.interface.accessor.SeedmcAccessor.plot_index`."""
    for what, name, known in (
        ("index", index, study["index"].values.tolist()),
        ("structure", structure, [None, *study.structure.values.tolist()]),
    ):
        if name not in known:
            named = ", ".join(k for k in known if k is not None)
            raise InvalidInput(f"{what} is {name!r}, expected one of {named}. Use one of them.")
    structure = structure or str(study.structure.values[0])
    table = summary_table(study).sel(structure=structure, index=index)
    ax = ax or plt.subplots(layout="constrained")[1]
    by_sigma = len(np.unique(table.sigma.values)) == table.sizes["scenario"]
    place = table.sigma.values if by_sigma else np.arange(table.sizes["scenario"])
    order = np.argsort(place)
    for engine, label, colour, marker, shift in (
        ("tg43", "TG-43", COLOURS[2], "s", 0.0), ("monte_carlo", "Monte Carlo", COLOURS[1], "o", 0.0),
    ):  # fmt: skip
        mean, u, spread = (
            table[f"{engine}_{what}"].values[order] for what in ("mean", "mean_std_dev", "spread")
        )
        if not np.isfinite(mean).any():
            continue
        x = place[order] + shift
        ax.errorbar(
            x, mean, COVERAGE * np.nan_to_num(u), color=colour, marker=marker, markersize=4, capsize=3,
            linestyle="-" if by_sigma else "none", label=f"{label}: mean, k = {COVERAGE:g}",
        )  # fmt: skip
        spread = np.nan_to_num(spread)
        if by_sigma:
            ax.fill_between(
                x, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0.0,
                label=f"{label}: ± spread over members",
            )  # fmt: skip
        else:
            ax.vlines(
                x, mean - spread, mean + spread, color=colour, alpha=0.3, linewidth=6.0,
                label=f"{label}: ± spread over members",
            )  # fmt: skip
    if by_sigma:
        ax.set_xlabel("standard deviation of a seed's position along x, y and z [mm]")
    else:
        ax.set_xticks(place, table.scenario.values.tolist(), rotation=30, ha="right")
    ax.set_ylabel(f"{index} of {structure} [{table.index_unit.item()}]")
    ax.legend(fontsize="small")
    return ax
