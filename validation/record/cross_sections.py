"""Attenuation and energy absorption against the tables of NIST."""

from __future__ import annotations

import numpy as np

from mcsim.kernels.tables import MediumTables
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from validation.record.check import COVERAGE_OF_A_PUBLICATION, Check, Citation
from validation.record.photon_beams import FloatArray, at_energy
from validation.record.references import citation, published_data, shortfall_of
from validation.record.room import Effort, Figure, Panel, Room, Series

GROUP = "Cross sections"
# What is demanded of µ_en/ρ: relative, and why.
TISSUE = (0.007, "NIST's incoherent transfer and K fluorescence differ from those of the transport")
METALS = {
    "titanium": (0.015, "fluorescence yields and line energies of titanium"),
    "silver": (0.03, "above the K edge limited by the K fluorescence yield, known to 2 %"),
}
ATTENUATION = (0.003, "four digits are published; elastic scattering from another table")
# Tissues that NIST does not tabulate: their µ_en/ρ is made of the elements' by mass.
MIXTURES = ("skin", "cartilage", "thyroid", "lymph", "mean_male_soft_tissue", "spongiosa")


def cross_section_checks(effort: Effort) -> Room:
    """Water against XCOM; µ/ρ and µ_en/ρ of tissues, titanium and silver against NIST's tables."""
    room = Room()
    room.checks += _xcom()
    departures: dict[str, dict[str, tuple[FloatArray, FloatArray]]] = {
        "attenuation": {},
        "energy_absorption": {},
    }
    tables = published_data("nist_mass_coefficients")
    for name, entry in [*tables["media"].items(), *((m, _mixture(m, tables["elements"])) for m in MIXTURES)]:
        own = build_medium_tables([material(name)])
        energies = np.array(entry["energy_kev"])
        for quantity, table in (("attenuation", own.total), ("energy_absorption", own.energy_absorption)):
            found = np.array([at_energy(table, own, e) for e in energies])
            published = np.array(entry[quantity])
            departures[quantity][name] = (energies, found / published)
            tolerance, reason = ATTENUATION if quantity == "attenuation" else METALS.get(name, TISSUE)
            worst = int(np.argmax(np.abs(found / published - 1.0)))
            symbol = "µ/ρ" if quantity == "attenuation" else "µ_en/ρ"
            label = f"{symbol} of {name.replace('_', ' ')}"
            words = f"{label} at {energies[worst]:g} keV, where it departs most of {_listed(energies)} keV"
            room.checks.append(
                Check(
                    label,
                    GROUP,
                    words,
                    "cm²/g",
                    float(found[worst]),
                    0.0,
                    float(published[worst]),
                    _source(name),
                    tolerance * float(published[worst]),
                    reason,
                    coverage=COVERAGE_OF_A_PUBLICATION,
                    shortfall=shortfall_of(label),
                )
            )
    room.figures.append(_figure(departures))
    return room


def _listed(energies: FloatArray) -> str:
    return ", ".join(f"{e:g}" for e in energies)


def _source(name: str) -> Citation:
    nist = citation("nist126")
    return Citation(f"{nist.text}, elements by mass", nist.doi) if name in MIXTURES else nist


def _mixture(name: str, elements: dict[str, dict[str, list[float]]]) -> dict[str, list[float]]:
    """NIST's coefficients of a tissue, from those of its elements by mass fraction."""
    mixture: dict[str, list[float]] = {"energy_kev": elements["O"]["energy_kev"]}
    for quantity in ("attenuation", "energy_absorption"):
        parts = [f * np.array(elements[s][quantity]) for s, f in material(name).fractions.items()]
        mixture[quantity] = np.sum(parts, axis=0).tolist()
    return mixture


def _xcom() -> list[Check]:
    published, water = (
        published_data("published_values")["water_xcom"],
        build_medium_tables([material("water")]),
    )
    checks = []
    for k, energy in enumerate(published["energy_kev"]):
        for process, value in _processes(water, energy).items():
            reference = published[process][k]
            checks.append(
                Check(
                    f"{process} coefficient of water at {energy:g} keV",
                    GROUP,
                    f"{process} mass coefficient of water at {energy:g} keV",
                    "cm²/g",
                    value,
                    0.0,
                    reference,
                    citation(published["source"]),
                    published["relative_tolerance"] * reference + published["tolerance"],
                    published["reason"],
                    coverage=COVERAGE_OF_A_PUBLICATION,
                )
            )
    return checks


def _processes(tables: MediumTables, energy: float) -> dict[str, float]:
    total, incoherent, coherent = (
        at_energy(t, tables, energy) for t in (tables.total, tables.incoherent, tables.coherent)
    )
    return {
        "total": total,
        "photoelectric": total - incoherent - coherent,
        "incoherent": incoherent,
        "coherent": coherent,
    }


def _figure(departures: dict[str, dict[str, tuple[FloatArray, FloatArray]]]) -> Figure:
    panels = []
    for quantity, label in (
        ("attenuation", "µ/ρ: ours − NIST / %"),
        ("energy_absorption", "µ_en/ρ: ours − NIST / %"),
    ):
        panels.append(
            Panel(
                label,
                tuple(
                    Series(
                        name.replace("_", " "),
                        tuple(energies.tolist()),
                        tuple((100.0 * (ratio - 1.0)).tolist()),
                    )
                    for name, (energies, ratio) in departures[quantity].items()
                    if name not in MIXTURES
                ),
            )
        )
    return Figure(
        "cross_sections",
        GROUP,
        "Mass attenuation and energy-absorption coefficients against those of NIST (SRD 126).",
        "energy / keV",
        tuple(panels),
    )
