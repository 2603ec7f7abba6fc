"""Compiled moves of the search: add the best seed, exchange seeds, shift needles.

Every function is a plain loop in fixed order: the same problem gives the same seeds. `chosen` holds the indices of the
chosen slots; `taken` says the same as a flag for each slot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tg43.compiled import compiled
from tg43.planner.problem import COVERAGE, Problem

SingleArray = NDArray[np.float32]
Slots = NDArray[np.int64]
Flags = NDArray[np.bool_]

BINS = 64  # of the dose below the goal, to find the D90 of a plan that falls short
# A shortfall of D90 by 1 % weighs as much as 100 % of V150: coverage comes first.
SHORTFALL_WEIGHT = 100.0
FOLD = 1e-9  # improvements below are rounding


@compiled
def target_cost(total: SingleArray, problem: Problem, goal: float) -> tuple[float, float]:
    """Return how far D90 falls short of the goal, as part of it, and the weighted V150 + V200."""
    hot_dose, hotter_dose = np.float32(1.5 * problem.prescription), np.float32(2.0 * problem.prescription)
    least = np.float32(goal)
    # Whole numbers: their sums do not depend on the order, so that many points go at once.
    whole, below, hot, hotter = 0, 0, 0, 0
    weights = problem.weights
    for i in range(len(total)):
        dose, weight = total[i], weights[i]
        whole += weight
        below += weight * (dose < least)
        hot += weight * (dose >= hot_dose)
        hotter += weight * (dose >= hotter_dose)
    excess = (problem.v150 * hot + problem.v200 * hotter) / whole
    allowed = (1.0 - COVERAGE) * whole
    if below <= allowed:
        return 0.0, excess
    histogram = np.zeros(BINS)
    scale = np.float32(BINS / goal)
    for i in range(len(total)):
        if total[i] < least:
            histogram[min(int(total[i] * scale), BINS - 1)] += weights[i]
    summed, bin_ = 0.0, 0
    while bin_ < BINS - 1 and summed + histogram[bin_] < allowed:
        summed += histogram[bin_]
        bin_ += 1
    share = (allowed - summed) / histogram[bin_] if histogram[bin_] > 0.0 else 0.0
    return 1.0 - (bin_ + min(max(share, 0.0), 1.0)) / BINS, excess


@compiled
def total_dose(chosen: Slots, problem: Problem) -> SingleArray:
    """Return the dose of the chosen seeds and what was there, float32 of shape (m,), summed in double precision."""
    total = problem.base.astype(np.float64)
    for slot in chosen:
        for i in range(len(total)):
            total[i] += problem.dose[slot, i]
    return total.astype(np.float32)


@compiled
def needles_used(chosen: Slots, problem: Problem) -> int:
    """Return the number of needles with a seed."""
    used = np.zeros(len(problem.first_slot), np.bool_)
    count = 0
    for slot in chosen:
        if not used[problem.needles[slot]]:
            used[problem.needles[slot]] = True
            count += 1
    return count


@compiled
def plan_cost(chosen: Slots, problem: Problem, goal: float) -> float:
    """Return the cost of a plan; a shortfall of D90 counts far more than all else."""
    shortfall, excess = target_cost(total_dose(chosen, problem), problem, goal)
    side = 0.0
    for slot in chosen:
        side += problem.side_cost[slot]
    return SHORTFALL_WEIGHT * shortfall + excess + side + problem.needle_cost * needles_used(chosen, problem)


@compiled
def gaps_fit(taken: Flags, needle: int, problem: Problem) -> bool:
    """Return whether neighbouring seeds of a needle are close enough."""
    last = -1
    for slot in range(problem.first_slot[needle], problem.first_slot[needle + 1]):
        if taken[slot]:
            if last >= 0 and problem.places[slot] - problem.places[last] > problem.seed_most:
                return False
            last = slot
    return True


@compiled
def _fits(slot: int, chosen: Slots, left_out: int, taken: Flags, problem: Problem) -> bool:
    """Whether a seed may be added; `left_out` is a place in `chosen` that does not count."""
    if taken[slot]:
        return False
    for i in range(len(chosen)):
        if i != left_out and problem.clash[slot, chosen[i]]:
            return False
    taken[slot] = True
    fits = gaps_fit(taken, problem.needles[slot], problem)
    taken[slot] = False
    return fits


@compiled
def _best_slot(
    chosen: Slots, left_out: int, taken: Flags, rest: SingleArray, side: float, problem: Problem, goal: float
) -> tuple[int, float]:
    """The slot that makes the best plan with the dose `rest` of all others; -1 if none fits."""
    best, least = -1, np.inf
    on_needle = np.zeros(len(problem.first_slot), np.bool_)
    used = 0
    for i in range(len(chosen)):
        if i != left_out and not on_needle[problem.needles[chosen[i]]]:
            on_needle[problem.needles[chosen[i]]] = True
            used += 1
    total = np.empty_like(rest)
    for slot in range(len(problem.places)):
        if not _fits(slot, chosen, left_out, taken, problem):
            continue
        for i in range(len(rest)):
            total[i] = rest[i] + problem.dose[slot, i]
        shortfall, excess = target_cost(total, problem, goal)
        needles = used + (0 if on_needle[problem.needles[slot]] else 1)
        cost = (
            SHORTFALL_WEIGHT * shortfall
            + excess
            + side
            + problem.side_cost[slot]
            + problem.needle_cost * needles
        )
        if cost < least - FOLD:
            best, least = slot, cost
    return best, least


@compiled
def taken_flags(chosen: Slots, problem: Problem) -> Flags:
    """Return a flag for each slot."""
    taken = np.zeros(len(problem.places), np.bool_)
    for slot in chosen:
        taken[slot] = True
    return taken


@compiled
def add_best(chosen: Slots, problem: Problem, goal: float) -> int:
    """Return the slot whose seed makes the best plan of one seed more, -1 if none fits."""
    side = 0.0
    for slot in chosen:
        side += problem.side_cost[slot]
    total = total_dose(chosen, problem)
    return _best_slot(chosen, -1, taken_flags(chosen, problem), total, side, problem, goal)[0]


@compiled
def drop_least(chosen: Slots, problem: Problem, goal: float) -> int:
    """Return the place in `chosen` whose loss makes the best plan of one seed less, -1 if gaps forbid every loss."""
    best, least = -1, np.inf
    taken = taken_flags(chosen, problem)
    for i in range(len(chosen)):
        taken[chosen[i]] = False
        fits = gaps_fit(taken, problem.needles[chosen[i]], problem)
        taken[chosen[i]] = True
        if not fits:
            continue
        rest = np.concatenate((chosen[:i], chosen[i + 1 :]))
        cost = plan_cost(rest, problem, goal)
        if cost < least - FOLD:
            best, least = i, cost
    return best


@compiled
def exchange_seeds(chosen: Slots, problem: Problem, goal: float) -> bool:
    """Move each seed in turn to its best slot, in place; return whether the plan got better."""
    better = False
    cost = plan_cost(chosen, problem, goal)
    taken = taken_flags(chosen, problem)
    for i in range(len(chosen)):
        old = chosen[i]
        taken[old] = False
        # A needle that a loss leaves with too wide a gap may be mended by the seed put back elsewhere.
        rest = np.concatenate((chosen[:i], chosen[i + 1 :]))
        side = 0.0
        for slot in rest:
            side += problem.side_cost[slot]
        slot, least = _best_slot(chosen, i, taken, total_dose(rest, problem), side, problem, goal)
        if slot >= 0 and least < cost - FOLD:
            taken[slot] = True
            fits = gaps_fit(taken, problem.needles[old], problem)
            taken[slot] = False
            if fits:
                chosen[i] = slot
                cost = plan_cost(chosen, problem, goal)
                better = better or slot != old
        taken[chosen[i]] = True
    return better


@compiled
def _moved(group: Slots, needle: int, shift: float, problem: Problem) -> Slots:
    """The slots of another needle nearest to places shifted by `shift` cm; empty if one is missing."""
    first, last = problem.first_slot[needle], problem.first_slot[needle + 1]
    moved = np.empty(len(group), np.int64)
    for i in range(len(group)):
        wanted = problem.places[group[i]] + shift
        at = first + np.searchsorted(problem.places[first:last], wanted)
        best = min(at, last - 1)
        if best > first and abs(problem.places[best - 1] - wanted) < abs(problem.places[best] - wanted):
            best -= 1
        if abs(problem.places[best] - wanted) > 0.15 or (i > 0 and best <= moved[i - 1]):
            return moved[:0]
        moved[i] = best
    return moved


@compiled
def shift_needles(chosen: Slots, problem: Problem, goal: float, step: float) -> bool:
    """Move all seeds of each needle in turn to the best other needle or depth, in place; return whether it helped.

    Single exchanges cannot do this: a needle beside an occupied one is forbidden until all its seeds have left.
    """
    better = False
    cost = plan_cost(chosen, problem, goal)
    for old in range(len(problem.first_slot) - 1):
        on_it = np.flatnonzero(problem.needles[chosen] == old)
        if len(on_it) == 0:
            continue
        on_it = on_it[np.argsort(chosen[on_it])]
        group, rest = chosen[on_it], chosen[problem.needles[chosen] != old]
        best, least = group, cost
        for needle in range(len(problem.first_slot) - 1):
            for turn in range(-2, 3):
                moved = _moved(group, needle, turn * step, problem)
                if len(moved) == 0 or (needle == old and turn == 0):
                    continue
                free = True
                for slot in moved:
                    for other in rest:
                        free = free and not problem.clash[slot, other] and slot != other
                for i in range(len(moved)):
                    for j in range(i):
                        free = free and not problem.clash[moved[i], moved[j]]
                if not free:
                    continue
                trial = np.concatenate((rest, moved))
                trial_cost = plan_cost(trial, problem, goal)
                if trial_cost < least - FOLD and _all_gaps_fit(trial, problem):
                    best, least = moved, trial_cost
        if least < cost - FOLD:
            chosen[on_it] = best
            cost = least
            better = True
    return better


@compiled
def _all_gaps_fit(chosen: Slots, problem: Problem) -> bool:
    taken = taken_flags(chosen, problem)
    fit = True
    for slot in chosen:
        fit = fit and gaps_fit(taken, problem.needles[slot], problem)
    return fit
