"""Facts of the case and of the calculations, as text."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from validation.report.number_text import duration, number
from validation.report.settings_text import (
    TOLD_HERE,
    label,
    physics_rows,
    plain,
    technique_rows,
    tissue_rows,
)
from validation.report.tables import FULLY_COVERED, ordered_structures
from validation.studies.compare import Comparison

# Settings that decide what the dose is, with a sentence for known values.
_SETTING_SENTENCES: dict[str, tuple[str, dict[str, str]]] = {
    "seeds": (
        "Seeds in the simulation",
        {
            "interseed": "all present: every seed absorbs and scatters the photons of the others",
            "superposition": "only the emitting one present, doses added",
        },
    ),
    "media_mode": (
        "Media in the simulation",
        {
            "patient": "the patient's own tissues",
            "water_body": "water inside the body outline, air outside",
            "water": "water everywhere (TG-43 conditions)",
        },
    ),
    "outside_body": ("Outside the body outline", {}),
    "beyond_the_image": ("Beyond the edge of the CT", {}),
}
_CASE_FACTS = {"half_life_d", "seed_count"}
_SHOWN_ELSEWHERE = {*_SETTING_SENTENCES, *TOLD_HERE, *_CASE_FACTS, "media", "phase_space_digest"}
_CAPITALS = {"ct", "uid"}


@dataclass(frozen=True)
class StructureFact:
    """Size and content of one structure."""

    name: str
    role: str
    volume: str
    media: str
    note: str


def structure_table(comparison: Comparison) -> list[StructureFact]:
    """Volume and media of every structure.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of StructureFact
        In the order of the other tables.
    """
    data = comparison.data
    media = data.medium_name.values
    facts = []
    for name in ordered_structures(comparison):
        structure = data.sel(structure=name)
        shares = structure.structure_medium.values
        largest = [i for i in np.argsort(-shares, kind="stable") if shares[i] >= 0.5]
        listed = ", ".join(f"{media[i].replace('_', ' ')} {shares[i]:.0f} %" for i in largest)
        covered = float(structure.structure_covered)
        note = f"{covered:.0f} % of it on the dose grid" if covered < FULLY_COVERED else ""
        volume = f"{number(float(structure.structure_volume), 2)} cm³"
        facts.append(StructureFact(name, str(structure.structure_role.item()), volume, listed, note))
    return facts


def case_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Case, image, implant and prescription, as (what, value).

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of (str, str)
        Rows.
    """
    data, attributes = comparison.data, comparison.data.attrs
    strengths = data.seed_air_kerma_strength.values
    grid = " × ".join(str(data.sizes[axis]) for axis in "xyz")
    voxel = " × ".join(f"{10 * float(np.diff(data[axis].values).mean()):.2g}" for axis in "xyz")
    low, high = (float(getattr(data.hu, part)()) for part in ("min", "max"))
    needles = np.unique(data.seed_needle.values[data.seed_needle.values >= 0]).size
    facts = [
        ("Case", str(attributes["case_name"])),
        ("Prescription", f"{comparison.prescription:g} Gy to {comparison.target}, to full decay"),
        (
            "Seeds",
            f"{strengths.size} of model {attributes['seed_model']}"
            + (f", {needles} needles" * (needles > 0)),
        ),
        ("Air-kerma strength", f"{_each_strength(comparison)}, {number(float(strengths.sum()), 2)} U in all"),
        ("Half-life", f"{float(attributes['half_life_d']):g} d"),
        ("Dose grid", f"{grid} voxels of {voxel} mm"),
        ("CT numbers on it", f"{number(low, 0)} … {number(high, 0)} HU"),
    ]
    provenance = json.loads(attributes["case_provenance"])
    return facts + [(_heading(str(key)), str(value)) for key, value in provenance.items()]


def _heading(key: str) -> str:
    """Name of a part of a case's provenance; what is written in capitals stays so.

    Examples
    --------
    >>> _heading("plan_digest"), _heading("ct"), _heading("ct_series_uid")
    ('Plan digest', 'CT', 'CT series UID')
    """
    words = " ".join(word.upper() if word in _CAPITALS else word for word in key.split("_"))
    return words[:1].upper() + words[1:]


def subtitle(comparison: Comparison) -> str:
    """What was implanted for what, in one line that names no patient.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    str
        Target, number, model and strength of the seeds, prescription.
    """
    attributes, strengths = comparison.data.attrs, comparison.data.seed_air_kerma_strength.values
    seeds = f"{strengths.size} seed{'s' * (strengths.size != 1)} of model {attributes['seed_model']}"
    return (
        f"{seeds}, {_each_strength(comparison)}; {comparison.prescription:g} Gy prescribed to "
        f"{comparison.target}"
    )


def _each_strength(comparison: Comparison) -> str:
    strengths = comparison.data.seed_air_kerma_strength.values
    if np.ptp(strengths) < 5e-4:
        return f"{strengths[0]:.3f} U each"
    return f"{strengths.min():.3f} … {strengths.max():.3f} U"


def settings_notes(comparison: Comparison) -> list[tuple[str, str]]:
    """What the Monte Carlo simulation took seeds, tissue and the edge of the CT to be, as (what, value).

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of (str, str)
        Rows.
    """
    settings = comparison.monte_carlo_settings
    rows = [
        (what, sentences.get(str(settings[key]), plain(settings[key])))
        for key, (what, sentences) in _SETTING_SENTENCES.items()
        if key in settings
    ]
    return rows + tissue_rows(settings)


def run_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """How the two doses were calculated, as (what, value).

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of (str, str)
        Rows.
    """
    data, attributes = comparison.data, comparison.data.attrs
    facts = []
    if "histories" in attributes:
        batches = f" in {int(attributes['batches'])} batches" if "batches" in attributes else ""
        facts.append(("Histories", number(float(attributes["histories"]), 0) + batches))
    facts += [
        (what, duration(float(attributes[key])))
        for what, key in (("Run time", "run_time_s"), ("Processor time", "cpu_time_s"))
        if key in attributes
    ]
    mean = float(data.mean_relative_std_dev.sel(structure=comparison.target))
    if math.isfinite(mean):
        facts.append(
            (f"Mean voxel uncertainty in {comparison.target}", f"{number(mean, 2)} % (type A, k = 1)")
        )
    if "air_kerma_strength_per_history" in attributes:
        per_history = float(attributes["air_kerma_strength_per_history"])
        u = float(attributes.get("air_kerma_strength_per_history_std_dev", math.nan)) / per_history
        stated = f" ± {number(100 * u, 2)} %" if u > 0 else ""
        facts.append(("Air-kerma strength per history", f"{per_history:.4e} Gy cm²{stated}"))
    table = float(attributes.get("water_table_relative_std_dev", 0.0))
    if table > 0.0:
        text = f"at most {number(100 * table, 2)} % of the structures' mean dose, common to voxels, not in their ±"
        facts.append(("Noise of the water table", text))
    if "tg43_source" in attributes:
        facts += [
            ("TG-43 source data", str(attributes["tg43_source"])),
            ("TG-43 dose-rate constant", f"{float(attributes['tg43_dose_rate_constant']):.4g} cGy h⁻¹ U⁻¹"),
        ]
    if "monte_carlo_dose_rate_constant" in attributes:
        constant = float(attributes["monte_carlo_dose_rate_constant"])
        source = attributes["monte_carlo_dose_rate_constant_source"]
        facts.append(("Monte Carlo dose-rate constant", f"{constant:.4g} cGy h⁻¹ U⁻¹ ({source})"))
    if comparison.monte_carlo_settings:
        facts += technique_rows(comparison.monte_carlo_settings)
        facts += physics_rows(comparison.monte_carlo_settings)
    facts += _imported_facts(comparison)
    for engine, settings in (
        ("Monte Carlo", comparison.monte_carlo_settings),
        ("TG-43", comparison.tg43_settings),
    ):
        facts += [
            (f"{engine}: {label(key)}", plain(value))
            for key, value in settings.items()
            if key not in _SHOWN_ELSEWHERE
        ]
    facts += [
        (f"{engine} by", str(attributes[key]))
        for engine, key in (("Monte Carlo", "monte_carlo_created_by"), ("TG-43", "tg43_created_by"))
        if key in attributes
    ]
    digests = (
        ("Case digest", "case_digest"),
        ("Settings digest", "settings_digest"),
        ("Phase-space digest", "phase_space_digest"),
    )
    return facts + [(what, str(attributes[key])) for what, key in digests if key in attributes]


def _imported_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Where the dose of another program is from and how it came on the grid."""
    attributes = comparison.data.attrs
    if "imported_origin" not in attributes:
        return []
    label = str(attributes["imported_label"])
    changed = comparison.data.imported_smoothing.sel(structure=comparison.target)
    d90, mean = (number(float(changed.sel(index=name)), 1, sign=True) for name in ("D90", "mean dose"))
    other = next(comparison.label(engine) for engine in comparison.engines if engine != "imported")
    voxel = " × ".join(
        f"{10 * size:.3g}" for size in np.atleast_1d(np.asarray(attributes["imported_voxel_cm"]))
    )
    return [
        (f"{label}: file", str(attributes["imported_origin"])),
        (f"{label}: described as", str(attributes["imported_description"]) or "not described"),
        (f"{label}: frame of reference", str(attributes["imported_frame_of_reference"])),
        (
            f"{label}: own voxels",
            f"{voxel} mm, interpolated (trilinear) at the voxel centres of the dose grid, of which they cover "
            f"{number(float(str(attributes['imported_covers_percent'])), 1)} %",
        ),
        (
            f"{label}: interpolation",
            f"taking the {other} dose to these voxels and back changes D90 of {comparison.target} by {d90} Gy and its "
            f"mean dose by {mean} Gy: so much of a difference may be the grid",
        ),
    ]
