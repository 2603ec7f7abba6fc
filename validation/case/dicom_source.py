"""One source of a DICOM plan: seed model, half-life and air-kerma strength."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_file import required
from validation.case.plain_text import plain_text
from validation.case.seed_choice import packaged_name

# Half-lives in days, DDEP (I-125, Pd-103) and NNDC (Cs-131); plans round them, and 60 d is in use for I-125.
_HALF_LIFE = {"I-125": 59.4, "Pd-103": 16.991, "Cs-131": 9.689}
_HALF_LIFE_SPREAD = 0.02
_ELEMENT = {
    "I": "I",
    "IODINE": "I",
    "PD": "Pd",
    "PALLADIUM": "Pd",
    "CS": "Cs",
    "CESIUM": "Cs",
    "CAESIUM": "Cs",
}
# Marks of seed models in source descriptions and the name the model has here: TG-43U1, its supplements and the
# packaged seeds.
_MODELS = {
    "6711": "6711",
    "6702": "6702",
    "9011": "9011",
    "2301": "2301",
    "2335": "2335",
    "STM1251": "STM1251",
    "IAI-125A": "IAI-125A",
    "SL-125": "SL-125",
    "125SL": "125SL",
    "AgX100": "AgX100",
    "S06": "I25.S06",
    "S16": "I25.S16",
    "S17": "S17",
    "130.002": "130.002",
    "selectSeed": "selectSeed",
    "TheraSeed 200": "TheraSeed 200",
    "Theragenics 200": "TheraSeed 200",
    "CS-1": "CS-1",
}


@dataclass(frozen=True)
class Source:
    """What a plan says about one source.

    Parameters
    ----------
    model : str
        Seed model.
    half_life_d : float
        Days.
    air_kerma_strength : float
        U.
    """

    model: str
    half_life_d: float
    air_kerma_strength: float


def read_source(item: Dataset, label: str) -> Source:
    """Read one item of the source sequence.

    Parameters
    ----------
    item : Dataset
        The item.
    label : str
        Name of the file.

    Returns
    -------
    Source
        Model, half-life and strength.

    Raises
    ------
    InvalidInput
        Not calibrated in air kerma, strength or half-life missing or not positive, or a radionuclide that is
        not one of the low-energy seeds or does not fit the half-life.
    """
    where = f"source {item.SourceNumber} of {label}"
    unit = str(item.get("SourceStrengthUnits") or "AIR_KERMA_RATE").strip()
    if unit != "AIR_KERMA_RATE":
        raise InvalidInput(
            f"SourceStrengthUnits of {where} is {plain_text(unit, 'missing')}, expected AIR_KERMA_RATE "
            f"(photon seeds are calibrated in air kerma). Export the plan with air-kerma strengths."
        )
    # uGy/h at 1 m is U, PS3.3 section C.8.8.15.
    strength = float(required(item, "ReferenceAirKermaRate", where, "the air-kerma strength of the seeds"))
    if not (np.isfinite(strength) and strength > 0):
        raise InvalidInput(
            f"ReferenceAirKermaRate of {where} is {strength:g} U, expected > 0 (the dose is proportional to "
            f"it). Enter the calibrated strength in the planning system and export the plan again."
        )
    half_life = float(required(item, "SourceIsotopeHalfLife", where, "the dose to full decay"))
    if not (np.isfinite(half_life) and half_life > 0):
        raise InvalidInput(
            f"SourceIsotopeHalfLife of {where} is {half_life:g} d, expected > 0 (59.4 d for I-125). "
            f"Correct the source in the planning system and export the plan again."
        )
    isotope = _isotope(plain_text(item.get("SourceIsotopeName"), ""))
    if isotope:
        known = _HALF_LIFE.get(isotope)
        if known is None:
            raise InvalidInput(
                f"isotope of {where} is {isotope}, expected one of {', '.join(_HALF_LIFE)} (low-energy "
                f"permanent seeds). Give the plan of such an implant."
            )
        if abs(half_life / known - 1) > _HALF_LIFE_SPREAD:
            raise InvalidInput(
                f"SourceIsotopeHalfLife of {where} is {half_life:g} d, expected {known:g} d within 2 % for "
                f"{isotope}. Correct the source in the planning system and export the plan again."
            )
    return Source(_model(item), half_life, strength)


def _model(item: Dataset) -> str:
    """Model if the texts name exactly one that is known, else the model text itself."""
    given = [
        plain_text(item.get(k), "") for k in ("SourceModelID", "SourceDescription", "SourceManufacturer")
    ]
    for text in given:
        squeezed = _squeezed(text)
        found = [model for mark, model in _MODELS.items() if _stands_in(mark, text)]
        # Several names of one seed may stand in one text, such as selectSeed 130.002.
        if found and len({packaged_name(model) or model for model in found}) == 1:
            return found[0]
        if squeezed in (names := _packaged_names()):
            return names[squeezed]
    return next((text for text in given if text), "unknown")


def _packaged_names() -> dict[str, str]:
    """Packaged seeds by their squeezed names and aliases."""
    from mcsim.seed_file import packaged_seed_entries

    entries = packaged_seed_entries().items()
    return {_squeezed(text): text for name, entry in entries for text in (name, *entry.get("aliases", ()))}


def _squeezed(text: str) -> str:
    return re.sub(r"[^A-Z0-9.]", "", text.upper())


def _stands_in(mark: str, text: str) -> bool:
    """Whether a mark stands in a text, whatever separates its letters, and does not go on as a number.

    CS-1 is not in Cs-131.
    """
    spaced = "[^A-Z0-9.]*".join(map(re.escape, _squeezed(mark)))
    return re.search(spaced + (r"(?!\d)" if mark[-1].isdigit() else ""), text.upper()) is not None


def _isotope(text: str) -> str:
    """``I-125`` from I-125, I125, 125I, Iodine-125 and the like; other text as it is."""
    letters, mass = re.search(r"[A-Za-z]+", text), re.search(r"\d+", text)
    if letters and mass and letters[0].upper() in _ELEMENT:
        return f"{_ELEMENT[letters[0].upper()]}-{mass[0]}"
    return text


def reference_date_note(item: Dataset, plan: Dataset) -> str:
    """Say if the strength refers to another day than the plan; it is used as it stands."""
    try:
        dates = [
            datetime.strptime(str(text), "%Y%m%d")
            for text in (item.get("SourceStrengthReferenceDate"), plan.get("RTPlanDate"))
        ]
    except ValueError:
        return ""
    days = (dates[1] - dates[0]).days
    return f"source strength refers to {days} day(s) before the plan date, used as it stands" if days else ""
