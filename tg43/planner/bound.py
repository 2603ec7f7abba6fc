"""How few seeds could do: a lower bound, and proof for small problems, by mixed-integer linear programming."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from tg43.planner.candidates import ROUNDING
from tg43.planner.problem import COVERAGE, Problem

INFEASIBLE = 2  # status of scipy.optimize.milp


@dataclass(frozen=True)
class SeedBound:
    """What mixed-integer programming says about the number of seeds.

    Attributes
    ----------
    at_least : int
        No choice of candidates gives D90 on the sample points the goal with fewer seeds.
    slots : ndarray of int
        A choice found with as few seeds as asked for; empty if none was found.
    proved : bool
        Whether the question was settled within the limit of nodes.
    """

    at_least: int
    slots: NDArray[np.int64]
    proved: bool


def fewest_seeds_bound(
    problem: Problem, goal: float, at_most: int | None = None, *, nodes: int = 200, points: int | None = None
) -> SeedBound:
    """Minimise the number of seeds exactly, as far as a limit of nodes allows.

    minimise Σ x_j with Σ_j min(d_ij, g_i) x_j ≥ g_i y_i, Σ w_i y_i ≥ 0.9, and the spacing rules, where x_j says whether
    slot j holds a seed, y_i whether sample point i gets the goal g, g_i = g − the dose there already. One seed that
    gives a point more than it needs counts as what it needs: true for whole x, and the relaxation gets much tighter.

    Parameters
    ----------
    problem : Problem
        Candidates, doses, spacing.
    goal : float
        Gy.
    at_most : int, optional
        Ask only for choices of at most this many seeds.
    nodes : int
        Limit of the branch-and-bound tree, 0 for the linear relaxation alone; of nodes, not of time, so that the
        answer is always the same.
    points : int, optional
        Use this many of the sample points, evenly picked; the bound is then one for the points used.

    Returns
    -------
    SeedBound

    References
    ----------
    Huangfu and Hall, Parallelizing the dual revised simplex method, Math. Prog. Comp. 10, 119 (2018),
    doi:10.1007/s12532-017-0130-5 (HiGHS).

    Examples
    --------
    >>> from tg43.planner import Candidates, SpacingRules, make_problem
    >>> up = [[0, 0, 1]] * 2
    >>> two = Candidates([[0, 0, 0], [0, 0, 0.5]], up, [0, 0], [0.0, 0.5])
    >>> problem = make_problem(two, SpacingRules(), [[90.0, 80.0], [130.0, 125.0]], [1.0, 1.0], 120.0)
    >>> fewest_seeds_bound(problem, 120.0).at_least
    1
    """
    count, sampled = problem.dose.shape
    picked = np.arange(sampled)
    if points is not None and points < sampled:
        picked = np.linspace(0, sampled - 1, points).round().astype(int)
    weights = problem.weights[picked].astype(np.float64)
    weights /= weights.sum()
    need = goal - problem.base[picked].astype(np.float64)
    free = need <= 0  # has the goal already
    covered_already = float(weights[free].sum())
    picked, weights, need = picked[~free], weights[~free], need[~free]
    dose = (
        np.minimum(problem.dose[:, picked].astype(np.float64), need).T / need[:, None]
    )  # (m, c), capped at 1
    m = len(picked)
    needles = len(problem.first_slot) - 1
    # x: slots, y: covered points, z: needles in use
    total = count + m + needles
    rows = [sp.hstack([sp.csr_array(dose), -sp.eye_array(m), sp.csr_array((m, needles))])]
    lows, highs = [np.zeros(m)], [np.full(m, np.inf)]
    coverage = np.zeros(total)
    coverage[count : count + m] = weights
    rows.append(sp.csr_array(coverage[None]))
    lows.append(np.array([COVERAGE - covered_already - 1e-9]))
    highs.append(np.array([np.inf]))
    spacing, limits = _spacing_rows(problem, m)
    rows.append(spacing)
    lows.append(np.full(spacing.shape[0], -np.inf))
    highs.append(limits)
    if at_most is not None:
        limit = np.zeros(total)
        limit[:count] = 1.0
        rows.append(sp.csr_array(limit[None]))
        lows.append(np.array([0.0]))
        highs.append(np.array([float(at_most)]))
    objective = np.concatenate([np.ones(count), np.zeros(m + needles)])
    result = milp(
        objective,
        integrality=np.ones(total) if nodes > 0 else np.zeros(total),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(
            sp.csc_array(sp.vstack(rows)), np.concatenate(lows), np.concatenate(highs)
        ),
        options={"node_limit": nodes} if nodes > 0 else {},
    )
    slots = np.zeros(0, np.int64)
    if result.x is not None and nodes > 0:
        slots = np.flatnonzero(result.x[:count] > 0.5).astype(np.int64)
    if result.status == INFEASIBLE:
        return SeedBound((at_most if at_most is not None else count) + 1, slots, True)
    least = result.mip_dual_bound if nodes > 0 else result.fun
    # The number of seeds is whole; the solver's tolerance must not add one.
    at_least = 0 if least is None or not np.isfinite(least) else max(0, int(np.ceil(least - 1e-6)))
    return SeedBound(at_least, slots, nodes > 0 and result.status == 0)


def _spacing_rows(problem: Problem, points: int) -> tuple[sp.csr_array, NDArray[np.float64]]:
    """Rows A x ≤ b of the spacing rules over (slots, points, needles)."""
    count, needles = len(problem.places), len(problem.first_slot) - 1
    row: list[int] = []
    column: list[int] = []
    value: list[float] = []
    limits: list[float] = []

    def add(columns: list[int], values: list[float], limit: float) -> None:
        row.extend([len(limits)] * len(columns))
        column.extend(columns)
        value.extend(values)
        limits.append(limit)

    for needle in range(needles):
        of_needle = count + points + needle
        slots = list(range(problem.first_slot[needle], problem.first_slot[needle + 1]))
        for i, slot in enumerate(slots):
            # Slots that exclude one another along a needle form windows; one seed in each, and only on a needle in use.
            window = [other for other in slots[i:] if other == slot or problem.clash[slot, other]]
            add([*window, of_needle], [1.0] * len(window) + [-1.0], 0.0)
            for j in range(i + 1, len(slots)):
                if problem.places[slots[j]] - problem.places[slot] > problem.seed_most:
                    between = slots[i + 1 : j]
                    add([slot, slots[j], *between], [1.0, 1.0] + [-1.0] * len(between), 1.0)
    for clique in _cliques(problem):
        add([count + points + needle for needle in clique], [1.0] * len(clique), 1.0)
    matrix = sp.csr_array((value, (row, column)), shape=(len(limits), count + points + needles))
    return matrix, np.array(limits)


def _cliques(problem: Problem) -> list[list[int]]:
    """Sets of needles of which one may be used, so that every pair that is too close lies in a set."""
    close = problem.needle_distance < problem.needle_least - ROUNDING
    np.fill_diagonal(close, False)
    open_pairs = close.copy()
    cliques = []
    for first in range(len(close)):
        while open_pairs[first].any():
            members = [first, int(np.argmax(open_pairs[first]))]
            for other in np.flatnonzero(close[members].all(axis=0)):
                if close[other][members].all():
                    members.append(int(other))
            open_pairs[np.ix_(members, members)] = False
            cliques.append(members)
    return cliques
