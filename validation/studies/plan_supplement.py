"""Planning with seeds already in place: after an implant, or half-way through one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from tg43 import SourceData
from validation.case import Case, Implant
from validation.studies.plan_existing import ExistingDose, MonteCarloExisting, Tg43Existing
from validation.studies.plan_settings import MBQ_PER_MCI, air_kerma_strength
from validation.studies.tg43_dose import find_source

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class InPlace:
    """Seeds in place, their dose, and needles still to be used.

    Attributes
    ----------
    implant : Implant
        The seeds.
    dose : ExistingDose
        Their dose.
    lines : ndarray, shape (k, 6)
        Planned needles without a seed so far, each by a place on it (cm) and its unit direction.
    """

    implant: Implant
    dose: ExistingDose
    lines: FloatArray


def seeds_in_place(
    case: Case,
    placed: Path | None = None,
    existing_dose: Path | None = None,
    source: SourceData | None = None,
    correct_planned: bool = False,
) -> InPlace:
    """Seeds in place as the planner takes them.

    Parameters
    ----------
    case : Case
        Patient; its seeds are in place unless `placed` says which are.
    placed : path, optional
        Seed list of those in place; the case then holds the plan, and needles of it without a seed in place remain.
    existing_dose : path, optional
        Monte Carlo result of the case with the seeds in place; by default their dose is that of TG-43.
    source : SourceData, optional
        TG-43 data.
    correct_planned : bool
        With `existing_dose`: planned seeds get the ratio of Monte Carlo to TG-43 dose found at the same place.

    Returns
    -------
    InPlace

    Raises
    ------
    InvalidInput
        A file does not fit the case.
    """
    implant, patient, lines = case.implant, case, np.zeros((0, 6))
    if placed is not None:
        from validation.case import read_seed_csv

        implant = read_seed_csv(placed, seed=case.implant.seed_choice, half_life_d=case.implant.half_life_d)
        lines = remaining_needles(case.implant, implant)
        patient = case.with_implant(implant, source=placed.name)
    data = source or find_source(implant)
    if existing_dose is None:
        if correct_planned:
            raise InvalidInput(
                "--correct is given without --existing-dose, expected a Monte Carlo result (its ratio to the "
                "TG-43 dose corrects planned seeds). Give the result file."
            )
        return InPlace(implant, Tg43Existing(implant, data), lines)
    return InPlace(implant, MonteCarloExisting(existing_dose, patient, data, correct_planned), lines)


def remaining_needles(planned: Implant, placed: Implant) -> FloatArray:
    """Needles of a plan that have no seed in place yet, shape (k, 6): a place (cm) and the unit direction.

    Examples
    --------
    >>> from validation.case import built_in
    >>> neck = built_in("neck").implant
    >>> remaining_needles(neck, neck).shape
    (0, 6)
    """
    left = [n for n in np.unique(planned.needles) if n >= 0 and n not in placed.needles]
    first = [int(np.flatnonzero(planned.needles == n)[0]) for n in left]
    return np.column_stack([planned.positions[first], planned.axes[first]]).reshape(-1, 6)


def activity_in_place(implant: Implant, radionuclide: str) -> float | None:
    """Apparent activity in MBq of the seeds in place, if they all have the same; the strength of a supplement.

    Examples
    --------
    >>> from validation.case import built_in
    >>> round(activity_in_place(built_in("neck").implant, "I-125"), 3)
    18.5
    """
    strengths = implant.air_kerma_strengths
    if np.ptp(strengths) > 1e-6 * strengths[0]:
        return None
    return float(strengths[0]) / air_kerma_strength(MBQ_PER_MCI, radionuclide) * MBQ_PER_MCI
