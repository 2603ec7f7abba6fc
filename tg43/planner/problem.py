"""What the search sees: doses of candidate seeds at sample points, limits and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tg43.array_checks import FloatArray, finite_array
from tg43.planner.candidates import Candidates, SpacingRules, clashing_slots, needle_distances

LARGEST_WEIGHT = 1000  # weights of points are whole numbers up to this
COVERAGE = 0.9  # part of the target that shall get the prescription: D90


@dataclass(frozen=True)
class Weighting:
    """What counts, and how much, among plans of equally few seeds.

    Cost = v150 · V150 + v200 · V200 + Σ organ (mean dose of its nearest part / prescription) + needle · (needles),
    V as parts of 1.

    Parameters
    ----------
    v150, v200 : float
        Weight of the target parts above 150 and 200 % of the prescription.
    organ : float
        Weight of each organ's dose.
    needle : float
        Weight of each needle: one needle less is worth that much of V150.
    """

    v150: float = 1.0
    v200: float = 1.0
    organ: float = 0.5
    needle: float = 0.02


class Problem(NamedTuple):
    """Arrays of a planning problem, as the compiled search takes them.

    Attributes
    ----------
    dose : ndarray of float32, shape (c, m)
        Dose of each candidate at each sample point of the target, Gy.
    base : ndarray of float32, shape (m,)
        Dose there already, Gy.
    weights : ndarray of int32, shape (m,)
        Volume a point stands for; the largest is `LARGEST_WEIGHT`.
    side_cost : ndarray, shape (c,)
        Organ cost of each candidate.
    clash : ndarray of bool, shape (c, c)
        Pairs that exclude one another.
    needles, first_slot, places : ndarray
        Needle of each slot, first slot of each needle with the number of slots at the end, place along it (cm).
    needle_distance : ndarray, shape (k, k)
        Least distance of needles, cm.
    needle_least, seed_most : float
        Least distance of two needles, largest distance of neighbouring seeds on a needle, cm.
    prescription : float
        Gy.
    v150, v200, needle_cost : float
        Weights.
    """

    dose: NDArray[np.float32]
    base: NDArray[np.float32]
    weights: NDArray[np.int32]
    side_cost: FloatArray
    clash: NDArray[np.bool_]
    needles: NDArray[np.int64]
    first_slot: NDArray[np.int64]
    places: FloatArray
    needle_distance: FloatArray
    needle_least: float
    seed_most: float
    prescription: float
    v150: float
    v200: float
    needle_cost: float


def make_problem(
    candidates: Candidates,
    rules: SpacingRules,
    dose: ArrayLike,
    point_weights: ArrayLike,
    prescription: float,
    *,
    base: ArrayLike | None = None,
    organ_dose: ArrayLike | None = None,
    weighting: Weighting | None = None,
) -> Problem:
    """Put together a planning problem.

    Parameters
    ----------
    candidates : Candidates
        c slots.
    rules : SpacingRules
        Distances.
    dose : array_like, shape (c, m)
        Dose of each candidate at m sample points of the target, Gy.
    point_weights : array_like, shape (m,)
        Volume each point stands for, any unit.
    prescription : float
        Gy.
    base : array_like, shape (m,), optional
        Dose there already, Gy.
    organ_dose : array_like, shape (c, o), optional
        Mean dose of each candidate in the judged part of o organs, Gy.
    weighting : Weighting, optional
        Weights of the cost.

    Returns
    -------
    Problem

    Raises
    ------
    InvalidInput
        Shapes differ or values are not finite.

    Examples
    --------
    >>> one = Candidates([[0, 0, 0]], [[0, 0, 1]], [0], [0.0])
    >>> make_problem(one, SpacingRules(), [[130.0, 90.0]], [1.0, 3.0], 120.0).weights.tolist()
    [333, 1000]
    """
    weighting = weighting or Weighting()
    count = len(candidates)
    doses = finite_array("dose", dose, (count, "m"), "Gy")
    points = doses.shape[1]
    weights = finite_array("point_weights", point_weights, (points,), "")
    existing = np.zeros(points) if base is None else finite_array("base", base, (points,), "Gy")
    side = np.zeros(count)
    if organ_dose is not None:
        side = (
            weighting.organ
            * finite_array("organ_dose", organ_dose, (count, "o"), "Gy").sum(axis=1)
            / prescription
        )
    distances = needle_distances(candidates)
    return Problem(
        doses.astype(np.float32),
        existing.astype(np.float32),
        np.rint(LARGEST_WEIGHT * weights / weights.max()).astype(np.int32),
        side,
        clashing_slots(candidates, rules, distances),
        candidates.needles,
        candidates.first_slots(),
        candidates.places,
        distances,
        float(rules.needle_least),
        rules.seed_most + 1e-6,
        float(prescription),
        float(weighting.v150),
        float(weighting.v200),
        float(weighting.needle),
    )


def part_of(problem: Problem, slots: NDArray[np.int64]) -> Problem:
    """The same problem with some of its slots only.

    Parameters
    ----------
    problem : Problem
        Whole.
    slots : ndarray of int
        Ascending.
    """
    needles, renumbered = np.unique(problem.needles[slots], return_inverse=True)
    return problem._replace(
        dose=np.ascontiguousarray(problem.dose[slots]),
        side_cost=problem.side_cost[slots],
        clash=np.ascontiguousarray(problem.clash[np.ix_(slots, slots)]),
        needles=renumbered.astype(np.int64),
        first_slot=np.searchsorted(renumbered, np.arange(len(needles) + 1)).astype(np.int64),
        places=problem.places[slots],
        needle_distance=np.ascontiguousarray(problem.needle_distance[np.ix_(needles, needles)]),
    )
