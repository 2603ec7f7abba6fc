"""Why no plan reaches the prescription: limits are lifted one by one, then in pairs, and the reachable D90 compared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tg43 import SourceData
from validation.case import Case, Implant
from validation.case.seed_choice import SeedChoice
from validation.studies.plan import needle_choices, prepare
from validation.studies.plan_existing import ExistingDose
from validation.studies.plan_search import reachable_d90
from validation.studies.plan_settings import PlanSettings

FloatArray = NDArray[np.float64]


Change = Callable[[PlanSettings], PlanSettings]
TOGETHER = 3  # limits that help most, lifted two by two where none suffices by itself


@dataclass(frozen=True)
class Relaxation:
    """What lifting a limit would do.

    Attributes
    ----------
    limit : str
        Which one, and to what it was lifted.
    option : str
        What to add to the command for it.
    d90 : float
        That a quick search then reaches, Gy.
    suffices : bool
        Whether that is the prescription.
    """

    limit: str
    option: str
    d90: float
    suffices: bool


def relaxations(settings: PlanSettings, kinds: tuple[str, ...]) -> list[tuple[str, str, Change]]:
    """What each limit is called lifted, the option for it, and the settings with it lifted.

    Examples
    --------
    >>> [text for text, *_ in relaxations(PlanSettings(120.0), ())][0]
    'seeds 5 instead of 10 mm from the skin'
    """
    margins = settings.margins
    lifted: list[tuple[str, str, Change]] = []

    def margin(text: str, option: str, **changed: float) -> None:
        lifted.append((text, option, lambda s: replace(s, margins=replace(s.margins, **changed))))

    def setting(text: str, option: str, **changed: object) -> None:
        lifted.append((text, option, lambda s: replace(s, **changed)))  # type: ignore[arg-type]

    if margins.skin > 0:
        half = margins.skin / 2
        text = f"seeds {10 * half:g} instead of {10 * margins.skin:g} mm from the skin"
        margin(text, f"--skin {10 * half:g}", skin=half)
        margin("no distance of seeds from the skin", "--skin 0", skin=0.0)
    for kind in kinds:
        value = getattr(margins, kind)
        if value > 0:
            option = "--allow that structure" if kind == "other" else f"--{kind}-margin 0"
            margin(f"no clearance from {kind} (was {10 * value:g} mm)", option, **{kind: 0.0})
    outside = margins.outside + 0.3
    margin(
        f"seeds up to {10 * outside:g} mm outside the target", f"--outside {10 * outside:g}", outside=outside
    )
    half = settings.needle_spacing / 2
    text = f"needles {10 * half:g} instead of {10 * settings.needle_spacing:g} mm apart"
    setting(text, f"--needle-spacing {10 * half:g}", needle_spacing=half)
    text = f"neighbouring seeds up to 20 instead of {10 * settings.seed_most:g} mm apart"
    setting(text, f"--seed-spacing {10 * settings.seed_least:g}:20", seed_most=2.0)
    strong = max(settings.strengths_mbq)
    text = f"seeds of {1.5 * strong:g} instead of {strong:g} MBq"
    setting(text, f"--strength {1.5 * strong:g}", strengths_mbq=(1.5 * strong,))
    if settings.directions:
        setting("any needle direction", "--direction auto", directions=(), mixed=False)
    else:
        setting("needles of several directions in one plan", "--mix-directions", mixed=True)
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
        Those that suffice first, then by the D90 they allow. Where no limit suffices by itself, the three that help
        most are lifted two by two as well.
    """
    places = np.zeros((0, 3)) if existing is None else existing.positions
    planning, around = prepare(case, target, settings, seed, source, existing, existing_dose)
    kinds = tuple(dict.fromkeys(obstacle.kind for obstacle in around.obstacles))

    def lift(what: tuple[str, str, Change]) -> Relaxation:
        text, option, change = what
        changed = change(settings)
        choices = needle_choices(around.with_margins(changed.margins), changed, places, lines)
        freer = replace(planning, settings=changed)
        reached = max(reachable_d90(freer, needles, max(changed.strengths_mbq)) for needles in choices)
        return Relaxation(text, option, reached, bool(reached >= settings.prescription))

    def compared(several: list[tuple[str, str, Change]]) -> list[Relaxation]:
        found = []
        for one in pool.map(lift, several):
            say(f"{one.limit}: D90 {one.d90:.0f} Gy")
            found.append(one)
        return sorted(found, key=lambda r: (not r.suffices, -round(min(r.d90, settings.prescription), 3)))

    single = relaxations(settings, kinds)
    with ThreadPoolExecutor(threads) as pool:
        found = compared(single)
        if any(one.suffices for one in found):
            return found
        by_option = {option: (text, option, change) for text, option, change in single}
        best = [by_option[one.option] for one in _distinct(found)[:TOGETHER]]
        return compared([_both(a, b) for a, b in combinations(best, 2)]) + found


def _both(a: tuple[str, str, Change], b: tuple[str, str, Change]) -> tuple[str, str, Change]:
    return f"{a[0]} and {b[0]}", f"{a[1]} {b[1]}", lambda settings: b[2](a[2](settings))


def _distinct(found: list[Relaxation]) -> list[Relaxation]:
    """The first of those that change the same options to different values."""
    first: dict[tuple[str, ...], Relaxation] = {}
    for one in found:
        first.setdefault(tuple(word for word in one.option.split() if word.startswith("--")), one)
    return list(first.values())


def in_words(found: list[Relaxation], target: str, d90: float, prescription: float) -> str:
    """One sentence on what stands in the way and what to do.

    Examples
    --------
    >>> bone = Relaxation("no clearance from bone (was 1 mm)", "--bone-margin 0", 121.0, True)
    >>> in_words([bone], "PTV", 96.0, 120.0).split(" (it is reached with ")[0]
    'D90 of PTV is 96.0 Gy at best, expected at least 120 Gy'
    """
    enough = _distinct([one for one in found if one.suffices])
    if enough:
        why = "it is reached with " + ", or with ".join(one.limit for one in enough)
        advice = "Plan with " + ", or ".join(one.option for one in enough)
    else:
        near = "; ".join(f"{one.limit}: {one.d90:.0f} Gy" for one in found[:TOGETHER])
        why = f"no two limits lifted suffice; {near}"
        advice = "Change several limits"
    return (
        f"D90 of {target} is {d90:.1f} Gy at best, expected at least {prescription:g} Gy ({why}). {advice}, or keep "
        f"the closest plan with --best-effort."
    )
