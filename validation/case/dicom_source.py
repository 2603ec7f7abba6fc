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
# Model numbers as they appear in source descriptions, TG-43U1 and its supplements.
_MODELS = (
    "6711",
    "6702",
    "9011",
    "2301",
    "2335",
    "STM1251",
    "IAI-125A",
    "SL-125",
    "AgX100",
    "S06",
    "S17",
    "130.002",
)


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
    """Model number if the texts name exactly one that is known, else the model text itself."""
    given = [
        plain_text(item.get(k), "") for k in ("SourceModelID", "SourceDescription", "SourceManufacturer")
    ]
    for text in given:
        squeezed = re.sub(r"[^A-Z0-9.]", "", text.upper())
        found = [m for m in _MODELS if re.sub(r"[^A-Z0-9.]", "", m.upper()) in squeezed]
        if len(found) == 1:
            return found[0]
    return next((text for text in given if text), "unknown")


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
