"""The search on plain arrays against brute force, and the bound of the mixed-integer program."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tg43 import InvalidInput, dose_per_dose_rate, dose_rate, load_source
from tg43.planner import (
    Candidates,
    SpacingRules,
    candidate_doses,
    choose_seeds,
    fewest_seeds_bound,
    make_problem,
    same_number,
)
from tg43.planner.candidates import segment_distance
from tg43.planner.needle_sets import needle_sets

SOURCE = load_source("6711")
TO_DOSE = float(dose_per_dose_rate(59.4))
RX = 120.0
RULES = SpacingRules()


def lesion(volume: float, step: float, slot: float, strength: float = 0.889, samples: int = 400):
    """An ellipsoid with needles along x: candidates, sample points."""
    shape = np.array([1.3, 1.0, 0.8])
    radii = (volume * 3 / (4 * np.pi) / shape.prod()) ** (1 / 3) * shape
    h = (volume / samples) ** (1 / 3)
    grid = np.stack(np.meshgrid(*(np.arange(-r - h, r + h, h) + 0.31 * h for r in radii), indexing="ij"), -1)
    points = grid.reshape(-1, 3)
    points = points[((points / radii) ** 2).sum(axis=1) < 1]
    slots = []
    reach = np.arange(-12, 13)
    for k, (y, z) in enumerate([(a, b) for a in reach * step for b in reach * step]):
        x = reach * slot
        x = x[(x / radii[0]) ** 2 + (y / radii[1]) ** 2 + (z / radii[2]) ** 2 < 1]
        slots += [(value, y, z, k) for value in x]
    table = np.array(slots)
    needles = np.unique(table[:, 3], return_inverse=True)[1]
    axes = np.tile([1.0, 0.0, 0.0], (len(table), 1))
    candidates = Candidates(table[:, :3], axes, needles, table[:, 0])
    dose = candidate_doses(points, candidates, strength, SOURCE, TO_DOSE)
    return candidates, points, make_problem(candidates, RULES, dose, np.ones(len(points)), RX)


def keeps_rules(candidates: Candidates, slots) -> bool:
    """The spacing rules, written down again from the coordinates: needles along x."""
    by_needle: dict[tuple[float, float], list[float]] = {}
    for x, y, z in candidates.positions[list(slots)]:
        by_needle.setdefault((y, z), []).append(x)
    for places in by_needle.values():
        if any(not 0.5 - 1e-6 <= b - a <= 1.0 + 1e-6 for a, b in pairwise(sorted(places))):
            return False
    spans = {needle: [x for x, y, z in candidates.positions if (y, z) == needle] for needle in by_needle}
    for a, b in combinations(by_needle, 2):
        beside = max(min(spans[a]) - max(spans[b]), min(spans[b]) - max(spans[a]), 0.0)
        if np.hypot(np.hypot(a[0] - b[0], a[1] - b[1]), beside) < 1.0 - 1e-6:
            return False
    return True


def exact_dose(candidates: Candidates, points, slots, strength: float = 0.889):
    chosen = list(slots)
    strengths = np.full(len(chosen), strength)
    return TO_DOSE * dose_rate(
        points, candidates.positions[chosen], candidates.axes[chosen], strengths, SOURCE
    )


def d90(dose) -> float:
    """Largest dose that at least 90 % of equally weighted points get."""
    return float(np.sort(dose)[int(np.floor(0.1 * len(dose) + 1e-9))])


def cost(candidates: Candidates, dose, slots) -> float:
    needles = len({tuple(p[1:]) for p in candidates.positions[list(slots)]})
    return float((dose >= 1.5 * RX).mean() + (dose >= 2 * RX).mean() + 0.02 * needles)


@pytest.mark.parametrize(("volume", "step", "slot"), [(0.5, 0.25, 0.25), (0.8, 0.5, 0.25), (1.6, 0.5, 0.5)])
def test_fewest_seeds_and_least_cost_are_those_of_brute_force(volume, step, slot):
    candidates, points, problem = lesion(volume, step, slot)
    each = np.array([exact_dose(candidates, points, [j]) for j in range(len(candidates))])
    found: dict[tuple[int, ...], float] = {}
    for number in range(1, 7):
        for slots in combinations(range(len(candidates)), number):
            if (
                (dose := each[list(slots)].sum(axis=0)) is not None
                and d90(dose) >= RX
                and keeps_rules(candidates, slots)
            ):
                found[slots] = cost(candidates, dose, slots)
        if found:
            break
    choice = choose_seeds(problem, RX)
    assert len(choice.slots) == number
    assert keeps_rules(candidates, choice.slots)
    # Doses of the search are single precision: a point at a limit counts on either side of it.
    assert choice.cost == pytest.approx(min(found.values()), abs=2 / len(points))
    bound = fewest_seeds_bound(problem, RX)
    assert bound.proved
    assert bound.at_least == len(bound.slots) == number
    assert tuple(bound.slots) in found


def test_with_one_seed_less_the_program_is_infeasible_and_says_so():
    _, _, problem = lesion(0.8, 0.5, 0.25)
    fewest = len(choose_seeds(problem, RX).slots)
    assert fewest_seeds_bound(problem, RX, fewest - 1).at_least == fewest
    # The linear relaxation bounds from below.
    assert 1 <= fewest_seeds_bound(problem, RX, nodes=0).at_least <= fewest


@pytest.mark.parametrize("volume", [3.0, pytest.param(12.0, marks=pytest.mark.slow)])
def test_larger_plans_keep_every_rule_and_reach_the_goal_by_the_exact_formalism(volume):
    candidates, points, problem = lesion(volume, 0.25, 0.25)
    choice = choose_seeds(problem, RX)
    assert choice.covers
    assert keeps_rules(candidates, choice.slots)
    # The fast kernel is within 1e-4 of the exact formalism outside capsules.
    assert d90(exact_dose(candidates, points, choice.slots)) >= RX * (1 - 2e-4)
    assert fewest_seeds_bound(problem, RX, nodes=0).at_least <= len(choice.slots)


def test_the_same_problem_gives_the_same_plan():
    first, second = (choose_seeds(lesion(6.0, 0.25, 0.25)[2], RX) for _ in range(2))
    assert first.slots.tolist() == second.slots.tolist()
    assert first.cost == second.cost


def test_a_longer_search_of_the_same_number_is_never_worse():
    _, _, problem = lesion(6.0, 0.25, 0.25)
    choice = choose_seeds(problem, RX)
    longer = same_number(problem, RX, choice.slots, 3.0)
    assert len(longer.slots) == len(choice.slots)
    assert longer.covers
    assert longer.cost <= choice.cost + 1e-9


def test_a_goal_out_of_reach_is_told():
    _, _, problem = lesion(1.6, 0.5, 0.25, strength=0.1)
    choice = choose_seeds(problem, RX)
    assert not choice.covers
    assert choice.shortfall > 0.3


def test_dose_that_is_there_saves_seeds():
    _, points, problem = lesion(3.0, 0.25, 0.25)
    warm = problem._replace(base=np.full(len(points), 60.0, np.float32))
    assert len(choose_seeds(warm, RX).slots) < len(choose_seeds(problem, RX).slots)
    hot = problem._replace(base=np.full(len(points), 121.0, np.float32))
    assert len(choose_seeds(hot, RX).slots) == 0


POINT = st.tuples(*[st.floats(-3, 3)] * 3).map(np.array)


@given(POINT, POINT, POINT, POINT)
@settings(max_examples=60, deadline=None)
def test_the_distance_of_segments_is_the_least_of_sampled_ones(a, b, c, d):
    s = np.linspace(0, 1, 161)[:, None]
    sampled = np.linalg.norm((a + s * (b - a))[:, None] - (c + s * (d - c))[None], axis=-1).min()
    found = float(segment_distance(a, b, c[None], d[None])[0])
    # Samples are at most 0.5 % of a segment of at most 10.4 cm off the closest points.
    assert found <= sampled + 1e-9
    assert found >= sampled - 0.066


def test_needle_sets_keep_their_distance_and_cannot_grow():
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 3, (30, 2))
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    for members in needle_sets(distance, 1.0, 8):
        apart = distance[np.ix_(members, members)]
        assert (apart[~np.eye(len(members), dtype=bool)] >= 1.0 - 1e-6).all()
        others = np.setdiff1d(np.arange(30), members)
        assert (distance[np.ix_(others, members)].min(axis=1) < 1.0).all()


def test_unsorted_candidates_and_bad_spacing_are_refused():
    up = [[0, 0, 1]] * 2
    with pytest.raises(InvalidInput, match="ascending places"):
        Candidates([[0, 0, 1], [0, 0, 0]], up, [0, 0], [1.0, 0.0])
    with pytest.raises(InvalidInput, match="at most seed_most"):
        SpacingRules(1.2, 1.0)
