"""Which candidate seeds to use: fewest that give D90 the goal, then the least cost.

The search is a local one: seeds are added where they help most, exchanged one by one and needle by needle until
nothing helps, and shaken out of local optima by taking neighbouring seeds out and putting them back. The number of
shakes is fixed and their random numbers come from a fixed stream, so the same problem gives the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tg43.planner.needle_sets import needle_sets
from tg43.planner.problem import Problem, part_of
from tg43.planner.search import (
    add_best,
    drop_least,
    exchange_seeds,
    plan_cost,
    shift_needles,
    target_cost,
    total_dose,
)

Slots = NDArray[np.int64]

LONGEST_SEARCH = 40  # passes of exchanges; local optima are reached in some ten
# Work of the shakes, in candidate–seed–point evaluations: some 1 s of one core.
SHAKE_WORK = 1.0e9
LEAST_SHAKES, MOST_SHAKES = 6, 40
STARTS = 12  # sets of needles tried at first
QUICK_STARTS = 4800  # of a quick plan: as many sets, at most, as this over the number of candidates
STEP = 0.25  # cm; what a needle is shifted by


@dataclass(frozen=True)
class Choice:
    """Chosen candidate seeds.

    Attributes
    ----------
    slots : ndarray of int, shape (n,)
        Indices of the candidates, ascending.
    shortfall : float
        How far D90 on the sample points falls short of the goal, as part of it; 0 if it does not.
    cost : float
        V150, V200, organ and needle cost; see `Weighting`.
    """

    slots: Slots
    shortfall: float
    cost: float

    @property
    def covers(self) -> bool:
        """Whether D90 reaches the goal."""
        return self.shortfall <= 0.0


def choose_seeds(problem: Problem, goal: float, *, start: Slots | None = None, most: int = 400) -> Choice:
    """Choose the fewest seeds that give D90 the goal and, among these, a plan of low cost.

    Parameters
    ----------
    problem : Problem
        Candidates, doses and weights.
    goal : float
        Dose that 90 % of the target shall get, Gy.
    start : ndarray of int, optional
        Plan to begin with instead of none; it keeps all spacing rules.
    most : int
        Give up above this many seeds.

    Returns
    -------
    Choice
        With `shortfall` > 0 if no plan was found: then the one that comes closest.

    Examples
    --------
    >>> from tg43.planner import Candidates, SpacingRules, make_problem
    >>> up = [[0, 0, 1]] * 2
    >>> two = Candidates([[0, 0, 0], [0, 0, 0.5]], up, [0, 0], [0.0, 0.5])
    >>> problem = make_problem(two, SpacingRules(), [[90.0, 80.0], [130.0, 125.0]], [1.0, 1.0], 120.0)
    >>> choose_seeds(problem, 120.0).slots.tolist()
    [1]
    """
    rng = np.random.default_rng(20240)
    chosen = _first_plan(problem, goal, most) if start is None else np.array(start, np.int64)
    chosen = _until_covered(chosen, problem, goal, most)
    if _shortfall(chosen, problem, goal) > 0.0:
        return _choice(chosen, problem, goal)
    while len(chosen) > 0:
        fewer = _one_fewer(chosen, problem, goal, rng)
        if fewer is None:
            break
        chosen = fewer
    return _choice(_shaken(chosen, problem, goal, rng, stop_when_covered=False), problem, goal)


def first_cover(problem: Problem, goal: float, most: int = 400) -> Choice:
    """A plan that gives D90 the goal if one is quickly found, whatever the number of its seeds.

    Parameters
    ----------
    problem, goal, most
        As for `choose_seeds`.

    Returns
    -------
    Choice
        With `shortfall` > 0 if the goal is not reached.
    """
    starts = int(np.clip(QUICK_STARTS // max(1, len(problem.places)), 1, STARTS))
    plan = _until_covered(_first_plan(problem, goal, most, starts), problem, goal, most)
    return _choice(plan, problem, goal)


def same_number(problem: Problem, goal: float, start: Slots, effort: float = 1.0) -> Choice:
    """Improve a plan without changing the number of its seeds.

    Parameters
    ----------
    problem, goal
        As for `choose_seeds`; the doses may be those of another strength.
    start : ndarray of int
        Plan.
    effort : float
        Multiple of the usual number of shakes.

    Returns
    -------
    Choice
    """
    rng = np.random.default_rng(20241)
    plan = np.array(start, np.int64)
    return _choice(_shaken(plan, problem, goal, rng, stop_when_covered=False, effort=effort), problem, goal)


def _shortfall(chosen: Slots, problem: Problem, goal: float) -> float:
    return float(target_cost(total_dose(chosen, problem), problem, goal)[0])


def _choice(chosen: Slots, problem: Problem, goal: float) -> Choice:
    slots = np.sort(chosen)
    return Choice(slots, _shortfall(slots, problem, goal), float(_rest_cost(slots, problem, goal)))


def _rest_cost(chosen: Slots, problem: Problem, goal: float) -> float:
    return plan_cost(chosen, problem, goal) - 100.0 * _shortfall(chosen, problem, goal)


def _descended(chosen: Slots, problem: Problem, goal: float) -> Slots:
    """Exchange until nothing helps."""
    plan = chosen.copy()
    for _ in range(LONGEST_SEARCH):
        if not exchange_seeds(plan, problem, goal) and not shift_needles(plan, problem, goal, STEP):
            break
    return plan


def _first_plan(problem: Problem, goal: float, most: int, starts: int = STARTS) -> Slots:
    """The best plan on one of a few sets of needles that may be used together."""
    best, best_key = np.zeros(0, np.int64), (np.inf, np.inf, np.inf)
    for needles in needle_sets(problem.needle_distance, problem.needle_least, starts):
        slots = np.flatnonzero(np.isin(problem.needles, needles)).astype(np.int64)
        part = part_of(problem, slots)
        plan = _until_covered(np.zeros(0, np.int64), part, goal, most)
        shortfall = _shortfall(plan, part, goal)
        key = (shortfall, len(plan), plan_cost(plan, part, goal))
        if key < best_key:
            best, best_key = slots[plan], key
    return best


def _until_covered(chosen: Slots, problem: Problem, goal: float, most: int) -> Slots:
    """Add seeds, exchanging now and then, until D90 reaches the goal or no seed fits."""
    while len(chosen) < most and _shortfall(chosen, problem, goal) > 0.0:
        slot = add_best(chosen, problem, goal)
        if slot < 0:
            # Room may be made by moving what is there.
            moved = _descended(chosen, problem, goal)
            slot = add_best(moved, problem, goal)
            if slot < 0:
                return moved
            chosen = moved
        chosen = np.append(chosen, slot)
        # Within a fifth of the goal exchanges decide how many seeds are needed.
        if 0.0 < _shortfall(chosen, problem, goal) < 0.2:
            chosen = _descended(chosen, problem, goal)
    return chosen


def _one_fewer(chosen: Slots, problem: Problem, goal: float, rng: np.random.Generator) -> Slots | None:
    place = drop_least(chosen, problem, goal)
    if place < 0:
        return None
    fewer = _descended(np.delete(chosen, place), problem, goal)
    if _shortfall(fewer, problem, goal) > 0.0:
        fewer = _shaken(fewer, problem, goal, rng, stop_when_covered=True)
    return fewer if _shortfall(fewer, problem, goal) <= 0.0 else None


def _shaken(
    chosen: Slots,
    problem: Problem,
    goal: float,
    rng: np.random.Generator,
    *,
    stop_when_covered: bool,
    effort: float = 1.0,
) -> Slots:
    """Take neighbouring seeds out and put as many back, again and again; keep what is better."""
    best = _descended(chosen, problem, goal)
    least = plan_cost(best, problem, goal)
    work = max(1, len(problem.places) * max(1, len(best)) * problem.dose.shape[1])
    shakes = int(effort * np.clip(SHAKE_WORK / (8 * work), LEAST_SHAKES, MOST_SHAKES))
    for _ in range(shakes):
        if len(best) == 0 or (stop_when_covered and _shortfall(best, problem, goal) <= 0.0):
            break
        trial = _refilled(best, problem, goal, rng)
        if len(trial) != len(best):
            continue
        trial = _descended(trial, problem, goal)
        cost = plan_cost(trial, problem, goal)
        if cost < least - 1e-9:
            best, least = trial, cost
    return best


def _refilled(chosen: Slots, problem: Problem, goal: float, rng: np.random.Generator) -> Slots:
    """Empty one needle and its part of the nearest seeds, then add greedily as many as were taken."""
    count = len(chosen)
    hit = int(rng.integers(count))
    wanted = min(count, int(rng.integers(1, 5)))
    # Two candidates are neighbours if they give similar points their dose; overlap of capped doses says so.
    cap = np.float32(2.0 * problem.prescription)
    profile = np.minimum(problem.dose[chosen], cap).astype(np.float64)
    # Not by a threaded library: its rounding, and so the order of equals, may depend on the number of cores.
    likeness = np.einsum("ij,j->i", profile, profile[hit]) / np.sqrt(np.einsum("ij,ij->i", profile, profile))
    out = set(np.argsort(-likeness, kind="stable")[:wanted].tolist())
    out |= set(np.flatnonzero(problem.needles[chosen] == problem.needles[chosen[hit]]).tolist())
    kept = np.array([slot for i, slot in enumerate(chosen) if i not in out], np.int64)
    # Gaps wider than allowed may be left on other needles: their seeds go too.
    for needle in np.unique(problem.needles[kept]):
        places = np.sort(problem.places[kept[problem.needles[kept] == needle]])
        if (np.diff(places) > problem.seed_most).any():
            kept = kept[problem.needles[kept] != needle]
    banned = int(chosen[hit])
    while len(kept) < count:
        slot = add_best(kept, problem, goal)
        if slot < 0 or (slot == banned and len(kept) == count - 1):
            break
        kept = np.append(kept, slot)
    return kept
