"""Seed planning on plain arrays: which of many candidate seeds give a target its dose."""

from tg43.planner.bound import SeedBound, fewest_seeds_bound
from tg43.planner.candidates import Candidates, SpacingRules, candidate_doses
from tg43.planner.choice import Choice, choose_seeds, first_cover, same_number
from tg43.planner.problem import Problem, Weighting, make_problem

__all__ = [
    "Candidates",
    "Choice",
    "Problem",
    "SeedBound",
    "SpacingRules",
    "Weighting",
    "candidate_doses",
    "choose_seeds",
    "fewest_seeds_bound",
    "first_cover",
    "make_problem",
    "same_number",
]
