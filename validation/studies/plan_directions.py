"""Needle directions worth planning with, chosen for the patient."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from validation.studies.plan_needles import find_needles
from validation.studies.plan_obstacles import Surroundings
from validation.studies.plan_settings import PlanSettings

FloatArray = NDArray[np.float64]

COARSE_STEP = 0.5  # cm; lattice on which directions are compared
# Directions tried and degrees between two of them: one by one, and together in one plan.
TRIED, LEAST_ANGLE = 16, 20.0
MIXED, LEAST_ANGLE_MIXED = 3, 40.0
# A centimetre more of tissue on the way counts as much as this part of the seed places.
DEPTH_WEIGHT = 0.03


def sphere_directions() -> FloatArray:
    """Directions to the faces, edges and corners of a cube and between them, unit vectors, shape (98, 3).

    Examples
    --------
    >>> sphere_directions().shape
    (98, 3)
    """
    steps = itertools.product(range(-2, 3), repeat=3)
    outer = np.array([s for s in steps if max(map(abs, s)) == 2], dtype=np.float64)
    return np.asarray(outer / np.linalg.norm(outer, axis=1, keepdims=True))


def promising_directions(around: Surroundings, settings: PlanSettings, existing: FloatArray) -> FloatArray:
    """The directions from which most seed places can be reached, through least tissue.

    Parameters
    ----------
    around : Surroundings
        Patient.
    settings : PlanSettings
        Margins and spacing.
    existing : ndarray, shape (n, 3)
        Seeds in place, cm.

    Returns
    -------
    ndarray, shape (d, 3)
        Unit vectors, skin to tip, the best first: at most 16, at least 20 degrees apart; at most 3, at least 40
        degrees apart, if one plan may use all of them.
    """
    most, angle = (MIXED, LEAST_ANGLE_MIXED) if settings.mixed else (TRIED, LEAST_ANGLE)
    directions = sphere_directions()
    score = np.zeros(len(directions))
    for i, direction in enumerate(directions):
        found = find_needles(around, settings, direction[None], existing, grid_step=COARSE_STEP)
        if len(found.candidates):
            reached = len(found.candidates) / max(1, found.wanted)
            score[i] = max(1e-6, reached - DEPTH_WEIGHT * float(found.candidates.places.mean()))
    chosen: list[int] = []
    # Rounded: directions that differ in the last digit only keep their order.
    for i in np.lexsort((np.arange(len(score)), -np.round(score, 9))):
        apart = all(directions[i] @ directions[j] < np.cos(np.radians(angle)) - 1e-9 for j in chosen)
        if apart and (score[i] > 0 or not chosen) and len(chosen) < most:
            chosen.append(int(i))
    return directions[chosen]
