"""A lesion of an in-silico cohort: planned, implanted with errors, and as the verification CT shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from validation.case import Case
from validation.case.generated_lesions import lesion_case
from validation.change import DisplacedSeeds, Displacement, deform, displaced_seeds
from validation.studies.cohort_protocol import PLACEMENTS, CohortProtocol, LesionDraw
from validation.studies.plan import NoPlan, NothingToAdd, Plan, plan_implant
from validation.studies.plan_settings import STOCK, PlanSettings
from validation.studies.plan_supplement import seeds_in_place

RELAXED_SKIN = 0.5  # cm; the planner's own first advice where the rule of 10 mm stands in the way


@dataclass(frozen=True)
class Rung:
    """A step of what a clinic would give up, with all before it, where a plan misses the prescription.

    Parameters
    ----------
    name, text : str
        Short name, and what is given up.
    settings : callable
        Settings of the plan from those as drawn.
    """

    name: str
    text: str
    settings: Callable[[PlanSettings], PlanSettings]


def _any_strength(s: PlanSettings) -> PlanSettings:
    return replace(s, strengths_mbq=tuple(sorted({*s.strengths_mbq, *STOCK})))


def _nearer_skin(s: PlanSettings) -> PlanSettings:
    return replace(_any_strength(s), margins=replace(s.margins, skin=RELAXED_SKIN))


def _several_directions(s: PlanSettings) -> PlanSettings:
    return replace(_nearer_skin(s), mixed=True)


LADDER: tuple[Rung, ...] = (
    Rung("as drawn", "planned with the strength drawn", lambda s: s),
    Rung("any strength", "any strength in stock instead of the one drawn", _any_strength),
    Rung("skin 5 mm", "seeds from 5 instead of 10 mm below the skin", _nearer_skin),
    Rung("several directions", "needles of several directions in one plan", _several_directions),
)
CLOSEST = "closest"  # none does: the plan with the greatest D90 is implanted


@dataclass(frozen=True)
class PlannedLesion:
    """A plan and what it took.

    Parameters
    ----------
    plan : Plan
        That is implanted.
    rung : str
        Name of the step of `LADDER` at which the plan reached the prescription, or ``closest``.
    tried : tuple of (str, float)
        Every step tried with the D90 it reached, Gy; 0 if no needle reached the target.
    """

    plan: Plan
    rung: str
    tried: tuple[tuple[str, float], ...]


def plan_lesion(
    draw: LesionDraw,
    target: str,
    threads: int = 1,
    say: Callable[[str], None] = lambda _: None,
    ladder: tuple[Rung, ...] = LADDER,
) -> PlannedLesion:
    """Plan a lesion; where the prescription is not reached, give up one limit after the other.

    Parameters
    ----------
    draw : LesionDraw
        The lesion.
    target : str
        Structure to plan.
    threads : int
        Nothing depends on it.
    say : callable
        Receives a line for each step.
    ladder : tuple of Rung
        What is given up, in order.

    Returns
    -------
    PlannedLesion

    Raises
    ------
    NoPlan
        No needle reaches the target on any step.
    """
    case = lesion_case(draw.lesion)
    drawn = PlanSettings(draw.lesion.prescription, (draw.strength_mbq,))
    tried: list[tuple[str, float]] = []
    best: Plan | None = None
    refused: NoPlan | None = None
    for rung in ladder:
        try:
            plan = plan_implant(case, target, rung.settings(drawn), threads=threads)
        except NoPlan as reason:
            tried.append((rung.name, 0.0))
            refused = reason
            continue
        tried.append((rung.name, plan.d90))
        say(
            f"{case.name}, {rung.text}: {len(plan.planned)} seeds of {plan.strength_mbq:g} MBq, D90 {plan.d90:.1f} Gy"
        )
        if plan.meets:
            return PlannedLesion(plan, rung.name, tuple(tried))
        if best is None or plan.d90 > best.d90:
            best = plan
    if best is None:
        assert refused is not None
        raise refused
    return PlannedLesion(best, CLOSEST, tuple(tried))


def placement_of(case: Case, protocol: CohortProtocol, placement: str = "") -> Displacement:
    """How the seeds of a plan may be displaced.

    Parameters
    ----------
    case : Case
        The plan, with its table of needles.
    protocol : CohortProtocol
        Placement and loss.
    placement : str
        One of `PLACEMENTS` instead of that of the protocol.
    """
    implant = case.implant
    table = implant.needle_table
    depths = [
        float(np.linalg.norm(implant.positions[implant.needles == number].mean(axis=0) - entry))
        for number, entry in zip(table.numbers, table.entries, strict=True)
        if (implant.needles == number).any()
    ]
    depth = float(np.mean(depths)) if depths else 0.0
    return PLACEMENTS[placement or protocol.placement].displacement(depth, protocol.loss)


def placed_seeds(case: Case, protocol: CohortProtocol, number: int, placement: str = "") -> DisplacedSeeds:
    """The seeds of a lesion where they came to lie, in the geometry of the plan."""
    return displaced_seeds(
        case.implant, placement_of(case, protocol, placement), (number,), protocol.cohort_seed
    )


def implanted(case: Case, seeds: DisplacedSeeds) -> Case:
    """The plan's case with the seeds where they came to lie."""
    implant = seeds.implant(0, case.implant)
    lost = len(case.implant) - len(implant)
    return replace(
        case,
        implant=implant,
        provenance={**case.provenance, "implant": f"planned, then displaced at random; {lost} seeds lost"},
    )


def verified(case: Case, draw: LesionDraw, day: float) -> Case:
    """The case as the CT of a day shows it: target, tissue and seeds swollen with the edema."""
    return deform(case, draw.change, day).case


def supplemented(case: Case, planned: PlannedLesion, threads: int = 1) -> Case:
    """The implanted case with the fewest seeds added that bring D90 back to the prescription.

    What an operator does who sees where the first seeds lie; the added ones lie where they are wanted.

    Parameters
    ----------
    case : Case
        With the seeds where they came to lie.
    planned : PlannedLesion
        Whose strength the added seeds have, within the limits of its step; the last step for ``closest``.
    threads : int
        Nothing depends on it.

    Returns
    -------
    Case
        The case itself where nothing has to be added, or nothing can.
    """
    step = next((r for r in LADDER if r.name == planned.rung), LADDER[-1])
    settings = step.settings(PlanSettings(planned.plan.settings.prescription))
    settings = replace(settings, strengths_mbq=(planned.plan.strength_mbq,))
    in_place = seeds_in_place(case)
    try:
        return plan_implant(
            case, planned.plan.target, settings, existing=in_place.implant, existing_dose=in_place.dose,
            threads=threads,
        ).case  # fmt: skip
    except (NoPlan, NothingToAdd):
        return case
