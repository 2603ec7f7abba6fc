"""Result files in one screen: Monte Carlo and TG-43 doses, their comparison, the difference budget."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mcsim.result import Result
from mcsim.result_file import read_result
from validation.evaluate.difference_to_water import difference_to_water
from validation.report.number_text import measured
from validation.report.settings_text import label, plain, technique_rows
from validation.studies.budget_dataset import CaseBudget
from validation.studies.compare import Comparison
from validation.studies.inspect_section import Section, facts, grid, short
from validation.studies.tg43_dose import read_tg43_dose

# Settings told elsewhere, or too long for one line.
_NOT_IN_LINES = {
    "media",
    "media_settings",
    "hounsfield_curve",
    "techniques",
    "physics",
    "phase_space_histories",
}
# What stands in the first lines; the report has the rest.
_TECHNIQUES = {"Variance reduction", "Known dose in water"}


def describe_monte_carlo(path: Path) -> list[Section]:
    """Sections on a Monte Carlo result, or a part or checkpoint of one."""
    result, _ = read_result(path)
    dose, std_dev = result.dose(), result.dose_std_dev()
    known = np.isfinite(dose).any()
    high = dose > 0.5 * np.nanmax(dose) if known else np.zeros(dose.shape, bool)
    relative = float(np.nanmean(std_dev[high] / dose[high])) if high.any() else float("nan")
    largest = np.unravel_index(np.nanargmax(dose), dose.shape) if known else None
    noise = float(std_dev[largest]) if largest and np.isfinite(std_dev[largest]) else float("nan")
    at = ", ".join(f"{axis[k]:.2f}" for axis, k in zip(result.axes, largest, strict=True)) if largest else ""
    media = result.settings["media"]
    share = np.bincount(result.medium.ravel(), minlength=len(media)) / result.medium.size
    return [
        facts("Monte Carlo dose", [
            ("grid", grid(*result.axes)),
            ("histories", f"{result.histories:.4g} in {result.batch_count} batches"),
            *([("largest dose of a voxel", f"{measured(float(dose[largest]), noise, 'Gy')} Gy at "
                                           f"({at}) cm")] if largest else []),
            ("type A uncertainty above half of it", f"{100 * relative:.2f} % on average"),
            *([("noise of the water table", f"at most {100 * table:.2f} % of the structures' dose, common to voxels")]
              if (table := result.table_uncertainty()) else []),
            ("media of the grid by volume", ", ".join(
                f"{media[k]} {100 * share[k]:.1f} %" for k in np.argsort(-share, kind="stable") if share[k] >= 0.001)),
            ("wall time", f"{float(result.run_facts.get('wall_time_s', 0.0)):.0f} s"),
        ]),
        facts("Settings", _settings(result)),
        facts("Techniques", [row for row in technique_rows(result.settings) if row[0] in _TECHNIQUES]),
        *_difference_to_water(result),
        *_energy_by_fate(result),
    ]  # fmt: skip


def _settings(result: Result) -> list[tuple[str, str]]:
    """What was chosen; what says no, none or nothing is left out."""
    found = [
        (label(key), short(plain(value)))
        for key, value in result.settings.items()
        if key not in _NOT_IN_LINES and value not in (False, 0, "", [], {}, None)
    ]
    curve, physics = result.settings.get("media_settings"), result.settings.get("physics")
    if isinstance(curve, dict):
        found.append(("CT curve", str(curve["name"])))
    if isinstance(physics, dict):
        found.append(
            ("physics", ", ".join(f"{label(k)}: {plain(v)}" for k, v in physics.items() if v not in ([], ())))
        )
    return found


def _difference_to_water(result: Result) -> list[Section]:
    """Mean difference by medium, over the voxels of structures: of these the groups of batches are kept."""
    if result.water_superposition is None:
        return []
    voxels = result.group_voxels
    medium = result.medium.ravel()[voxels]
    tissue = result.tissue_fraction.ravel()[voxels] * result.voxel_volume
    std_dev = (result.water_superposition[1] * result.scale.dose_per_history).ravel()[voxels]
    dose, superposition = result.dose().ravel()[voxels], result.difference_to_water()[1].ravel()[voxels]
    batches = result.group_batches()
    groups = result.group_dose() if batches.min() > 0 else None
    rows = []
    for k, name in enumerate(result.settings["media"]):
        here = np.flatnonzero(medium == k)
        found = difference_to_water(
            tissue[here], dose[here], superposition[here], std_dev[here],
            None if groups is None else groups[:, here], batches.astype(np.float64),
        )  # fmt: skip
        if found.known > 0.0:
            volume = tissue[here].sum() * found.known
            values = (volume, found.superposition, found.difference, found.std_dev)
            rows.append((str(name), *(f"{value:.4g}" for value in values)))
    headings = (
        "medium",
        "cm³ with known dose in water",
        "dose in water / Gy",
        "difference / Gy",
        "± type A / Gy",
    )
    return [
        Section("Difference to the seeds one by one in infinite water, in structures", headings, tuple(rows))
    ]


def _energy_by_fate(result: Result) -> list[Section]:
    """Where the energy stayed, known to plain transport only."""
    if result.settings.get("variance_reduction", "none") != "none":
        return []
    balance = result.energy_balance()
    emitted = balance.pop("emitted")
    return [
        facts(
            "Energy emitted", [(fate, f"{100 * energy / emitted:.4g} %") for fate, energy in balance.items()]
        )
    ]


def describe_tg43(path: Path) -> list[Section]:
    """Sections on a TG-43 dose."""
    data = read_tg43_dose(path)
    pairs = [("grid", grid(data.x.values, data.y.values, data.z.values))]
    pairs.append(("largest dose of a voxel", f"{float(data.dose.max()):.4g} Gy"))
    pairs += [(key.replace("_", " "), short(data.attrs[key])) for key in ("source", "dose_rate_constant")
              if key in data.attrs]  # fmt: skip
    settings = json.loads(str(data.attrs.get("settings", "{}")))
    return [
        facts("TG-43 dose (no statistical uncertainty)", pairs),
        facts("Settings", [(label(key), plain(value)) for key, value in settings.items()]),
    ]


def describe_comparison(path: Path) -> list[Section]:
    """Sections on a comparison: what is compared, indices of the target."""
    data = Comparison.read(path).data
    attributes = data.attrs
    wanted = ("case_name", "seed_model", "half_life_d", "histories", "run_seed", "tg43_source")
    pairs = [(label(key), short(attributes[key])) for key in wanted if key in attributes]
    target = str(attributes["prescription_target"])
    pairs.insert(1, ("prescription", f"{float(attributes['prescription_dose_gy']):g} Gy to {target}"))
    engines = [str(engine) for engine in data.engine.values]
    rows = []
    for index in data["index"].values:
        at = {"structure": target, "index": index}
        unit = str(data.index_unit.sel(index=index).item()) if "index_unit" in data else ""
        cells = []
        for engine in engines:
            value = float(data.index_value.sel(**at, engine=engine))
            noise = float(data.index_std_dev.sel(**at)) if engine == "monte_carlo" else 0.0
            cells.append(measured(value, noise, unit))
        rows.append((str(index), unit, *cells))
    headings = ("index", "unit", *(engine.replace("_", " ") for engine in engines))
    return [
        facts("Comparison", [("grid", grid(data.x.values, data.y.values, data.z.values)), *pairs]),
        Section(f"Indices of {target} (± type A, k = 1)", headings, tuple(rows)),
    ]


def describe_budget(path: Path) -> list[Section]:
    """Sections on a difference budget: the shares of the target's indices."""
    data = CaseBudget.read(path).data
    target = str(data.attrs["prescription_target"])
    at = data.sel(structure=target)
    indices = [str(index) for index in data["index"].values]
    parts = [
        (str(share), at.share_value.sel(share=share), at.share_std_dev.sel(share=share))
        for share in data.share.values
    ]
    rows = [
        (name, *(f"{float(value.sel(index=i)):+.4g} ± {float(std_dev.sel(index=i)):.2g}" for i in indices))
        for name, value, std_dev in [*parts, ("whole", at.total_value, at.total_std_dev)]
    ]
    units = [str(u) for u in data.index_unit.values] if "index_unit" in data else [""] * len(indices)
    headings = tuple(f"{i} / {u}" if u not in ("", "1") else i for i, u in zip(indices, units, strict=True))
    return [Section(f"Difference budget of {target} (± type A, k = 1)", ("share", *headings), tuple(rows))]
