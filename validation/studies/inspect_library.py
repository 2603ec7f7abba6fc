"""The packaged data in one screen: media, seeds, CT curves; and a CT curve file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mcsim.hounsfield import PACKAGED_CURVES, packaged_curve
from mcsim.materials import material, material_library
from mcsim.medium_tables import mass_energy_absorption
from mcsim.seed_model import load_seed_model, seed_model_names
from validation.studies.inspect_section import Section, facts
from validation.studies.media_settings import MediaSettings

_REFERENCE_KEV = 28.0  # mean energy of the photons of I-125


def describe_tissues(settings: MediaSettings) -> list[Section]:
    """Sections on a CT curve and the other settings of media.

    Parameters
    ----------
    settings : MediaSettings
        From a curve file.

    Returns
    -------
    list of Section

    Examples
    --------
    >>> [section.title for section in describe_tissues(MediaSettings())]
    ['CT curve', 'Density', 'Media by CT number', 'Other settings']
    """
    curve = settings.curve
    lower = (-np.inf, *curve.upper_hu[:-1])
    record: dict[str, Any] = settings.record()
    other = [(f"{key.replace('_', ' ')}", json.dumps(record[key], ensure_ascii=False))
             for key in ("medium_of", "contour", "streaks", "calcification")]  # fmt: skip
    return [
        facts("CT curve", [("name", curve.name), ("source", curve.source)]),
        Section("Density", ("CT number / HU", "density / g cm⁻³"),
                tuple((f"{h:g}", f"{d:.4f}") for h, d in zip(curve.hu, curve.density, strict=True))),
        Section("Media by CT number", ("from / HU", "below / HU", "medium", "source of the composition"),
                tuple((f"{a:g}", f"{b:g}", m, material(m).source)
                      for a, b, m in zip(lower, curve.upper_hu, curve.media, strict=True))),
        facts("Other settings", other),
    ]  # fmt: skip


def describe_materials() -> list[Section]:
    """A section on every packaged medium: density, absorption against water, composition, source.

    Returns
    -------
    list of Section
    """
    energy = np.array([_REFERENCE_KEV])
    water = float(mass_energy_absorption(material("water"), energy)[0])
    rows = []
    for name, entry in material_library().items():
        ratio = float(mass_energy_absorption(entry, energy)[0]) / water
        composition = " ".join(f"{s} {100 * f:.3g}" for s, f in entry.fractions.items())
        source = f"{entry.source}. {entry.note}" if entry.note else entry.source
        rows.append((name, entry.kind, f"{entry.density:.4g}", f"{ratio:.3f}", composition, source))
    heading = ("medium", "kind", "g cm⁻³", "µen/ρ to water, 28 keV", "mass %", "source")
    return [Section("Media", heading, tuple(rows))]


def describe_seeds() -> list[Section]:
    """A section on every packaged seed.

    Returns
    -------
    list of Section
    """
    rows = []
    for name in seed_model_names():
        seed = load_seed_model(name)
        size = f"{20 * seed.half_length:.2f} × {20 * seed.radius:.2f}"
        rows.append((seed.name, seed.spectrum.name, size, ", ".join(seed.media), seed.source))
    return [Section("Seeds", ("seed", "spectrum", "length × diameter / mm", "media", "source"), tuple(rows))]


def describe_curves() -> list[Section]:
    """A section on every packaged CT curve.

    Returns
    -------
    list of Section
    """
    rows = [(name, " | ".join(_bins(name)), packaged_curve(name).source) for name in PACKAGED_CURVES]
    return [Section("CT curves", ("curve", "media, each below its CT number / HU", "source"), tuple(rows))]


def _bins(name: str) -> list[str]:
    curve = packaged_curve(name)
    ends = ["" if np.isinf(upper) else f" < {upper:g}" for upper in curve.upper_hu]
    return [f"{medium}{end}" for medium, end in zip(curve.media, ends, strict=True)]
