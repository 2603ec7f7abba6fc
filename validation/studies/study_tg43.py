"""TG-43 indices of the members of a study, thousands of them: as they are, and times what tissue does to the plan.

The second is a better likeness of Monte Carlo: dose to fat is 0.6 of dose to water wherever the seeds are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tg43 import SourceData
from validation.case import Case
from validation.change import (
    DisplacedSeeds,
    TissueField,
    displaced_seeds,
    ensemble_changed_dose,
    undisplaced_seeds,
)
from validation.studies.study_scenario import Scenario
from validation.studies.study_settings import StudySettings
from validation.studies.study_voxels import StudyVoxels

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MemberValues:
    """Indices of consecutive members.

    Attributes
    ----------
    value : ndarray, shape (members, scenarios, structures, indices)
        In the units of the indices.
    scaled_value : ndarray, same shape
        Of the dose times the tissue ratio.
    coarse_value : ndarray, same shape
        As `value` with the rule in time one level coarser.
    cost_s : ndarray, shape (members,)
        CPU time of a member, all scenarios, s.
    """

    value: FloatArray
    scaled_value: FloatArray
    coarse_value: FloatArray
    cost_s: FloatArray


def member_seeds(
    case: Case, settings: StudySettings, scenario: Scenario, members: tuple[int, ...]
) -> DisplacedSeeds:
    """Seeds of members in a scenario; a member has the same random numbers in every scenario."""
    if scenario.is_plan:
        return undisplaced_seeds(case.implant, members)
    return displaced_seeds(case.implant, settings.displacement(scenario), members, settings.study_seed)


def tissue_field_of(case: Case, settings: StudySettings) -> TissueField | None:
    """The displacement field, common to all scenarios; None if tissue changes in none."""
    for scenario in settings.scenarios:
        if change := settings.change(scenario):
            return change.field(case)
    return None


def tg43_members(
    case: Case,
    settings: StudySettings,
    voxels: StudyVoxels,
    source: SourceData,
    members: tuple[int, ...],
    tissue_ratio: FloatArray | None = None,
    threads: int = 1,
) -> MemberValues:
    """TG-43 indices of members, in every scenario.

    Parameters
    ----------
    case : Case
        Reference geometry.
    settings : StudySettings
        Scenarios.
    voxels : StudyVoxels
        Where dose is judged.
    source : SourceData
        TG-43 data.
    members : tuple of int
        Which; the numbers of one do not depend on the others.
    tissue_ratio : ndarray, shape (m,), optional
        Monte Carlo over TG-43 dose of the plan in every tissue element; 1 without.
    threads : int
        Threads; nothing depends on their number.

    Returns
    -------
    MemberValues
    """
    field = tissue_field_of(case, settings)
    both = _both_indices(voxels, tissue_ratio)
    fine, coarse, start = [], [], time.process_time()
    for scenario in settings.scenarios:
        # Without displacement all members are alike.
        own = members[:1] if scenario.is_plan else members
        found = ensemble_changed_dose(
            both, voxels.points, member_seeds(case, settings, scenario, own),
            case.implant.air_kerma_strengths, case.implant.half_life_d, source,
            change=settings.change(scenario), field=field, level=settings.time_level, threads=threads,
        )  # fmt: skip
        shape = (len(members), *found.values.shape[1:])
        fine.append(np.broadcast_to(found.values, shape))
        coarse.append(np.broadcast_to(found.coarse_values, shape))
    cost = (time.process_time() - start) / max(1, len(members))
    values, below = np.stack(fine, axis=1), np.stack(coarse, axis=1)
    return MemberValues(
        values[:, :, 0].copy(), values[:, :, 1].copy(), below[:, :, 0].copy(), np.full(len(members), cost)
    )


def _both_indices(voxels: StudyVoxels, ratio: FloatArray | None) -> Callable[[FloatArray], FloatArray]:
    """Indices of a dose and of the dose in tissue, shape (2, structures, indices)."""
    last = threading.local()

    def both(dose: FloatArray) -> FloatArray:
        # Where nothing changes with time the finer and the coarser rule give the same dose.
        if getattr(last, "dose", None) is not None and np.array_equal(dose, last.dose):
            return np.asarray(last.found)
        plain = voxels.indices(dose)
        found = np.stack([plain, plain if ratio is None else voxels.indices(dose * ratio)])
        last.dose, last.found = dose.copy(), found
        return found

    return both
