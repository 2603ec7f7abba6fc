"""Plan an implant: needles, seeds and strength that give a target its prescription."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from tg43 import SourceData
from tg43.planner import SeedBound, fewest_seeds_bound
from validation.case import Case, Implant, Prescription
from validation.case.needle_table import NeedleTable
from validation.case.seed_choice import SeedChoice, known_seed
from validation.studies.plan_directions import promising_directions, sphere_directions
from validation.studies.plan_existing import ExistingDose
from validation.studies.plan_needles import NeedleLines, find_needles
from validation.studies.plan_obstacles import Surroundings, surroundings_of
from validation.studies.plan_search import Planning, Trial, search
from validation.studies.plan_settings import PlanSettings, air_kerma_strength
from validation.studies.plan_target import Dosimetry, organ_samples, target_of
from validation.studies.tg43_dose import find_source

FloatArray = NDArray[np.float64]

# Exact proof by mixed-integer programming takes a second for this many seeds and slots, minutes for more.
PROVED_SEEDS, PROVED_SLOTS, PROOF_POINTS, PROOF_NODES = 4, 400, 100, 200
# Seed places times points of the linear relaxation: a second or two; with all points a minute for 60 seeds.
RELAXATION_SIZE = 1.0e5


@dataclass(frozen=True)
class Plan:
    """A plan and how it came about.

    Attributes
    ----------
    case : Case
        The patient with all seeds, existing and planned, the prescription, and the needle table of the planned ones.
    planned : Implant
        The planned seeds alone.
    existing : Implant or None
        Seeds that were there.
    target : str
        Name of the target.
    settings : PlanSettings
    strength_mbq : float
        Apparent activity of a planned seed.
    d90 : float
        Of the target with all seeds on voxels of 1 mm, Gy.
    meets : bool
        Whether D90 reaches the prescription.
    bound : SeedBound
        What mixed-integer programming says of the number of planned seeds.
    refused : dict of str to int
        Seed places inside the target that were refused, by reason.
    wanted : int
        Seed places inside the target before anything was refused.
    """

    case: Case
    planned: Implant
    existing: Implant | None
    target: str
    settings: PlanSettings
    strength_mbq: float
    d90: float
    meets: bool
    bound: SeedBound
    refused: dict[str, int]
    wanted: int


class NoPlan(Exception):
    """No seed can be placed at all: the sentence says what stands in the way."""


class NothingToAdd(Exception):
    """The seeds in place give the prescription already."""


def plan_implant(
    case: Case,
    target: str,
    settings: PlanSettings,
    *,
    seed: SeedChoice | None = None,
    source: SourceData | None = None,
    existing: Implant | None = None,
    existing_dose: ExistingDose | None = None,
    lines: FloatArray | None = None,
    threads: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Plan an implant, or supplement the seeds that are there.

    D90 ≥ prescription with the fewest seeds; among plans of that number the least V150, V200, organ dose and number of
    needles (`tg43.planner.Weighting`).

    Parameters
    ----------
    case : Case
        Patient; its seeds only tell the model, unless given as `existing`.
    target : str
        Structure to treat.
    settings : PlanSettings
        Prescription, strengths, directions, distances.
    seed : SeedChoice, optional
        Seed model; that of the case by default.
    source : SourceData, optional
        TG-43 data; the packaged ones of the model by default.
    existing : Implant, optional
        Seeds that stay.
    existing_dose : ExistingDose, optional
        Their dose; with `existing`.
    lines : ndarray, shape (k, 6), optional
        Needles to be used as candidates besides the lattice: a place (cm) and a unit direction.
    threads : int
        Sets of needles searched at once; the plan does not depend on it.
    say : callable
        Receives a line now and then.

    Returns
    -------
    Plan
        `meets` is false where no plan reaches the prescription; then the one that comes closest.

    Raises
    ------
    InvalidInput
        Target, structures or strengths do not fit.
    NoPlan
        No needle reaches the target.
    NothingToAdd
        The seeds in place give the prescription already.
    """
    planning, around = prepare(case, target, settings, seed, source, existing, existing_dose)
    places = np.zeros((0, 3)) if existing is None else existing.positions
    choices = needle_choices(around, settings, places, lines)
    reaching = [found for found in choices if len(found.candidates)]
    if not reaching:
        raise NoPlan(_no_needles(choices[0], target))

    def searched(among: list[NeedleLines]) -> Trial:
        return search(planning, among, threads=threads, say=lambda trial: say(_in_words(trial, settings)))

    best = searched(reaching)
    if best.d90 < settings.prescription and not (settings.directions or settings.mixed):
        everywhere = needle_choices(around, settings, places, lines, sphere_directions())
        say(f"none of {len(choices)} directions does: all {len(everywhere)} are tried")
        more = searched([found for found in everywhere if len(found.candidates)])
        best = min(best, more, key=lambda trial: trial.key(settings.prescription))
    return _plan(case, target, planning, best, existing)


def prepare(
    case: Case,
    target: str,
    settings: PlanSettings,
    seed: SeedChoice | None = None,
    source: SourceData | None = None,
    existing: Implant | None = None,
    existing_dose: ExistingDose | None = None,
) -> tuple[Planning, Surroundings]:
    """What the search needs: target, organs and dosimetry, and the patient as needles see it."""
    seed = seed or case.implant.seed_choice
    model = known_seed(seed)
    same = seed == case.implant.seed_choice
    if model is None:
        raise InvalidInput(
            f"seed model is {seed.model!r}, expected a packaged seed or a seed file (its nuclide and size decide "
            f"the plan). Give --seed-model."
        )
    half_life = case.implant.half_life_d if same else model.spectrum.half_life_d
    example = replace(case.implant, model=seed.model, seed_file=seed.seed_file, half_life_d=half_life)
    data = source or find_source(example)
    if existing is not None and existing.seed_choice != seed:
        raise InvalidInput(
            f"seeds in place are {existing.model}, expected {seed.model} as planned (an implant has one model). Give "
            f"--seed-model {existing.model}."
        )
    goal = target_of(case, target)
    planning = Planning(
        settings,
        goal,
        organ_samples(case, goal),
        Dosimetry(data, half_life, existing_dose),
        seed,
        air_kerma_strength(1.0, model.spectrum.radionuclide),
    )
    return planning, surroundings_of(case, target, settings)


def needle_choices(
    around: Surroundings,
    settings: PlanSettings,
    existing: FloatArray,
    lines: FloatArray | None = None,
    directions: FloatArray | None = None,
) -> list[NeedleLines]:
    """Sets of candidate needles to be tried: one for each direction, or one for all if they may be mixed."""
    if directions is None:
        directions = np.array(settings.directions, dtype=np.float64).reshape(-1, 3)
    if not len(directions):
        directions = promising_directions(around, settings, existing)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    groups = [directions] if settings.mixed else [d[None] for d in directions]
    return [find_needles(around, settings, group, existing, lines) for group in groups]


def _no_needles(found: NeedleLines, target: str) -> str:
    reasons = "; ".join(f"{reason}: {count}" for reason, count in found.refused.most_common() if count)
    return (
        f"seed places in {target} are 0 of {found.wanted} ({reasons}), expected at least 1. Give another --direction, "
        f"smaller margins, or --allow a structure."
    )


def _in_words(trial: Trial, settings: PlanSettings) -> str:
    axis = ", ".join(f"{v:.2f}" for v in trial.lines.directions[0])
    reached = "" if trial.d90 >= settings.prescription else f", short of {settings.prescription:g} Gy"
    return (
        f"needles along ({axis}): {len(trial.choice.slots)} seeds of {trial.strength_mbq:g} MBq, D90 "
        f"{trial.d90:.1f} Gy{reached}"
    )


def _bound(trial: Trial, settings: PlanSettings) -> SeedBound:
    """How few seeds could do: exactly for small plans, by linear relaxation for others."""
    if trial.d90 < settings.prescription:
        return SeedBound(0, np.zeros(0, np.int64), False)
    goal, problem = settings.prescription, trial.problem
    count = len(trial.choice.slots)
    small = 0 < count <= PROVED_SEEDS and len(problem.places) <= PROVED_SLOTS
    relaxed = int(np.clip(RELAXATION_SIZE / max(1, len(problem.places)), PROOF_POINTS, 400))
    return fewest_seeds_bound(
        problem, goal, count, nodes=PROOF_NODES if small else 0, points=PROOF_POINTS if small else relaxed
    )


def _plan(case: Case, target: str, planning: Planning, trial: Trial, existing: Implant | None) -> Plan:
    settings, lines, slots = planning.settings, trial.lines, trial.choice.slots
    planned = planning.implant(lines, slots, trial.strength_u)
    if planned is None:
        raise NothingToAdd(
            f"D90 of {target} is {trial.d90:.1f} Gy with the seeds in place, expected below the prescription of "
            f"{settings.prescription:g} Gy for a supplement. Nothing has to be added."
        )
    candidates = lines.candidates
    used = np.unique(candidates.needles[slots])
    offset = 0 if existing is None else max(0, int(existing.needles.max()))
    deepest = np.array(
        [candidates.places[slots[candidates.needles[slots] == needle]].max() for needle in used]
    )
    table = NeedleTable(
        np.arange(1, len(used) + 1) + offset,
        lines.entries[used],
        np.array([lines.tip(int(needle), float(place)) for needle, place in zip(used, deepest, strict=True)]),
    )
    planned = replace(planned, needles=planned.needles + offset, needle_table=table)
    everything = planned if existing is None else joined(existing, planned)
    whole = replace(
        case,
        implant=everything,
        prescription=Prescription(settings.prescription, target),
        provenance={**case.provenance, "implant": "planned" if existing is None else "supplemented"},
    )
    return Plan(
        whole,
        planned,
        existing,
        target,
        settings,
        trial.strength_mbq,
        trial.d90,
        bool(trial.d90 >= settings.prescription),
        _bound(trial, settings),
        {reason: count for reason, count in Counter(lines.refused).most_common() if count},
        lines.wanted,
    )


def joined(existing: Implant, planned: Implant) -> Implant:
    """Seeds in place and planned ones as one implant; the needle tables go together."""
    tables = (existing.needle_table, planned.needle_table)
    return replace(
        existing,
        positions=np.concatenate([existing.positions, planned.positions]),
        axes=np.concatenate([existing.axes, planned.axes]),
        air_kerma_strengths=np.concatenate([existing.air_kerma_strengths, planned.air_kerma_strengths]),
        needles=np.concatenate([existing.needles, planned.needles]),
        needle_table=NeedleTable(
            *(np.concatenate([getattr(t, n) for t in tables]) for n in ("numbers", "entries", "tips"))
        ),
    )
