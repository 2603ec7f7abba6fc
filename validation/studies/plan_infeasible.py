"""Why no plan reaches the prescription: each limit is lifted by itself and the reachable D90 compared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tg43 import SourceData
from validation.case import Case, Implant
from validation.case.seed_choice import SeedChoice
from validation.studies.plan import needle_choices, prepare
from validation.studies.plan_existing import ExistingDose
from validation.studies.plan_search import reachable_d90
from validation.studies.plan_settings import Margins, PlanSettings

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Relaxation:
    """What lifting one limit would do.

    Attributes
    ----------
    limit : str
        Which one, and to what it was lifted.
    d90 : float
        That a quick search then reaches, Gy.
    suffices : bool
        Whether that is the prescription.
    """

    limit: str
    d90: float
    suffices: bool


def relaxations(settings: PlanSettings, kinds: tuple[str, ...]) -> list[tuple[str, PlanSettings]]:
    """The settings with one limit lifted, and what to call that.

    Examples
    --------
    >>> [text for text, _ in relaxations(PlanSettings(120.0), ())][0]
    'seeds 5 instead of 10 mm from the skin'
    """
    margins = settings.margins
    lifted: list[tuple[str, PlanSettings]] = []

    def margin(text: str, changed: Margins) -> None:
        lifted.append((text, replace(settings, margins=changed)))

    if margins.skin > 0:
        half = margins.skin / 2
        margin(
            f"seeds {10 * half:g} instead of {10 * margins.skin:g} mm from the skin",
            replace(margins, skin=half),
        )
        margin("no distance of seeds from the skin", replace(margins, skin=0.0))
    for kind in kinds:
        value = getattr(margins, kind)
        if value > 0:
            margin(f"no clearance from {kind} (was {10 * value:g} mm)", replace(margins, **{kind: 0.0}))
    margin("seeds up to 3 mm outside the target", replace(margins, outside=margins.outside + 0.3))
    lifted += [
        (
            f"needles {5 * settings.needle_spacing:g} instead of {10 * settings.needle_spacing:g} mm apart",
            replace(settings, needle_spacing=settings.needle_spacing / 2),
        ),
        (
            f"neighbouring seeds up to 20 instead of {10 * settings.seed_most:g} mm apart",
            replace(settings, seed_most=2.0),
        ),
        (
            f"seeds of {1.5 * max(settings.strengths_mbq):g} instead of {max(settings.strengths_mbq):g} MBq",
            replace(settings, strengths_mbq=(1.5 * max(settings.strengths_mbq),)),
        ),
    ]
    if settings.directions:
        lifted.append(("any needle direction", replace(settings, directions=(), mixed=False)))
    else:
        lifted.append(("needles of several directions in one plan", replace(settings, mixed=True)))
    return lifted


def why_infeasible(
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
) -> list[Relaxation]:
    """Lift one limit after the other and see which D90 can then be reached.

    Parameters
    ----------
    case, target, settings, seed, source, existing, existing_dose, lines
        As for `validation.studies.plan.plan_implant`.
    threads : int
        Limits lifted at once; the result does not depend on it.
    say : callable
        Receives a line for each limit.

    Returns
    -------
    list of Relaxation
        Those that suffice first, then by the D90 they allow.
    """
    places = np.zeros((0, 3)) if existing is None else existing.positions
    planning, around = prepare(case, target, settings, seed, source, existing, existing_dose)
    kinds = tuple(dict.fromkeys(obstacle.kind for obstacle in around.obstacles))

    def lift(what: tuple[str, PlanSettings]) -> Relaxation:
        text, lifted = what
        choices = needle_choices(around.with_margins(lifted.margins), lifted, places, lines)
        changed = replace(planning, settings=lifted)
        reached = max(reachable_d90(changed, needles, max(lifted.strengths_mbq)) for needles in choices)
        return Relaxation(text, reached, bool(reached >= settings.prescription))

    found = []
    with ThreadPoolExecutor(threads) as pool:
        for one in pool.map(lift, relaxations(settings, kinds)):
            say(f"{one.limit}: D90 {one.d90:.0f} Gy")
            found.append(one)
    return sorted(found, key=lambda r: (not r.suffices, -round(min(r.d90, settings.prescription), 3)))


def in_words(found: list[Relaxation], target: str, d90: float, prescription: float) -> str:
    """One sentence on what stands in the way.

    Examples
    --------
    >>> in_words([Relaxation("no clearance from bone (was 1 mm)", 121.0, True)], "PTV", 96.0, 120.0)
    'D90 of PTV is 96.0 Gy at best, expected at least 120 Gy. It is reached with: no clearance from bone (was 1 mm).'
    """
    enough = [r.limit for r in found if r.suffices]
    if enough:
        return (
            f"D90 of {target} is {d90:.1f} Gy at best, expected at least {prescription:g} Gy. It is reached with: "
            + "; or with: ".join(enough)
            + "."
        )
    near = "; ".join(f"{r.limit}: {r.d90:.0f} Gy" for r in found[:3])
    return (
        f"D90 of {target} is {d90:.1f} Gy at best, expected at least {prescription:g} Gy. No limit lifted by itself "
        f"suffices ({near}). Lift several, or plan with another direction."
    )
