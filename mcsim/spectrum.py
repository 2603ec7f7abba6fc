"""Photon lines of a radionuclide: packaged ones, and a user's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from mcsim.cross_sections import ENERGY_MAX_KEV, ENERGY_MIN_KEV
from mcsim.file_entry import check_keys, number, text
from mcsim.invalid_input import InvalidInput


@dataclass(frozen=True)
class Spectrum:
    """Photon lines of a radionuclide.

    Attributes
    ----------
    name : str
        Name of the line list.
    energy_kev : tuple of float
        Line energies, keV.
    photons_per_decay : tuple of float
        Photons of each line per decay.
    half_life_d : float
        Half-life, days.
    source : str
        Publication.
    radionuclide : str
        Symbol and mass number, such as ``I-125``.
    """

    name: str
    energy_kev: tuple[float, ...]
    photons_per_decay: tuple[float, ...]
    half_life_d: float
    source: str
    radionuclide: str


def load_spectrum(name: str) -> Spectrum:
    """A packaged photon spectrum.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    Spectrum

    Raises
    ------
    InvalidInput
        No spectrum has this name; the known ones are listed.

    Examples
    --------
    >>> load_spectrum("i125_ncrp58").energy_kev[1]
    27.4723
    """
    folder = files("mcsim.data") / "spectra"
    known = sorted(r.name.removesuffix(".json") for r in folder.iterdir() if r.name.endswith(".json"))
    if name not in known:
        raise InvalidInput(f"spectrum is {name!r}, expected one of {', '.join(known)}. Use a known name.")
    return spectrum_from_entry(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")), name)


def spectrum_from_entry(entry: Mapping[str, object], where: str) -> Spectrum:
    """A spectrum from its JSON object, checked.

    Parameters
    ----------
    entry : mapping
        ``name``, ``radionuclide``, ``half_life_d``, ``energy_kev``, ``photons_per_decay``, ``source``.
    where : str
        What it belongs to, for messages.

    Raises
    ------
    InvalidInput
        A key is missing or unknown, there are no lines, the lists differ in length, or a value is not positive
        or outside the cross-section table.

    Examples
    --------
    >>> lines = {"name": "mine", "radionuclide": "Yb-169", "half_life_d": 32.0, "source": "example"}
    >>> spectrum_from_entry({**lines, "energy_kev": [8.0], "photons_per_decay": [1.0]}, "my seed").half_life_d
    32.0
    """
    what = f"spectrum of {where}"
    check_keys(
        entry,
        what,
        required=("name", "radionuclide", "half_life_d", "energy_kev", "photons_per_decay", "source"),
        optional=("notes",),
    )
    columns = []
    for key in ("energy_kev", "photons_per_decay"):
        values = entry[key]
        if not isinstance(values, list) or not values:
            raise InvalidInput(
                f"{key} of the {what} is {values!r}, expected a list of at least one number (a seed that emits "
                f"nothing has no dose). Give the lines."
            )
        columns.append(tuple(number(value, f"{key}[{i}] of the {what}") for i, value in enumerate(values)))
    energies, photons = columns
    if len(energies) != len(photons):
        raise InvalidInput(
            f"number of photons_per_decay of the {what} is {len(photons)}, expected {len(energies)}, one for each "
            f"energy. Correct the lists."
        )
    for i, energy in enumerate(energies):
        if not ENERGY_MIN_KEV <= energy < ENERGY_MAX_KEV:
            raise InvalidInput(
                f"energy_kev[{i}] of the {what} is {energy} keV, expected from {ENERGY_MIN_KEV} to below "
                f"{ENERGY_MAX_KEV} keV (the cross-section table ends there). Leave the line out if it does not "
                f"matter."
            )
    return Spectrum(
        name=text(entry["name"], f"name of the {what}"),
        energy_kev=energies,
        photons_per_decay=photons,
        half_life_d=number(entry["half_life_d"], f"half_life_d of the {what}", "d"),
        source=text(entry["source"], f"source of the {what}"),
        radionuclide=text(entry["radionuclide"], f"radionuclide of the {what}"),
    )
