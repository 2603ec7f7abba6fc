"""Values of every structure at each step of a difference budget, and how they deviate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from validation.evaluate.half_samples import half_sample_doses
from validation.evaluate.indices import INDICES, StructureVoxels, dose_volume_indices
from validation.studies.budget_shares import STATISTICAL, StepValues

FloatArray = NDArray[np.float64]

#: Indices that are divided; volumes in %, doses in Gy.
BUDGET_INDICES = ("D90", "V100", "V150", "D2cc", "mean dose")
_COLUMNS = [[index.name for index in INDICES].index(name) for name in BUDGET_INDICES]


@dataclass(frozen=True)
class StepDose:
    """Dose at one step of the chain, over all voxels (flat), Gy.

    Attributes
    ----------
    dose : ndarray, shape (voxels,)
        The dose.
    group_voxel : ndarray, shape (k,)
        Flat indices, ascending, of the voxels kept per group of batches; empty for TG-43.
    group_dose : ndarray, shape (groups, k)
        Dose of each group.
    group_histories : ndarray, shape (groups,)
        Histories of each group.
    scaled : mapping of str to (n,) or (n, voxels) array
        For each other origin of uncertainty, by which part the dose deviates in n equally likely cases.
    """

    dose: FloatArray
    group_voxel: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    group_dose: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    group_histories: FloatArray = field(default_factory=lambda: np.empty(0))
    scaled: Mapping[str, FloatArray] = field(default_factory=dict)


def judge_step(step: StepDose, structures: list[StructureVoxels], prescription: float) -> list[StepValues]:
    """Indices of every structure at one step, and their deviations.

    Parameters
    ----------
    step : StepDose
        The dose.
    structures : list of StructureVoxels
        Voxels of each structure.
    prescription : float
        Prescribed dose, Gy.

    Returns
    -------
    list of StepValues
        One per structure; quantities in the order of `BUDGET_INDICES`. Without group doses in all voxels of a
        structure (the body) the deviations by histories are NaN.
    """
    return [_judge(step, voxels, prescription) for voxels in structures]


def _judge(step: StepDose, voxels: StructureVoxels, prescription: float) -> StepValues:
    dose = step.dose[voxels.flat]

    def of(doses: FloatArray) -> FloatArray:
        return dose_volume_indices(doses, voxels, prescription)[_COLUMNS]

    deviations: dict[str, FloatArray] = {}
    for origin, parts in step.scaled.items():
        relative = parts[:, voxels.flat] if parts.ndim == 2 else parts[:, None]
        deviations[origin] = np.array(
            [0.5 * (of(dose * (1.0 + part)) - of(dose * (1.0 - part))) for part in relative]
        )
    if step.group_voxel.size:
        groups = _of_structure(step, voxels)
        if groups is None:
            deviations[STATISTICAL] = np.full((1, len(_COLUMNS)), np.nan)
        else:
            halves = half_sample_doses(groups, step.group_histories)
            deviations[STATISTICAL] = 0.5 * np.array(
                [of(plus) - of(minus) for plus, minus in zip(*halves, strict=True)]
            )
    return StepValues(of(dose), deviations)


def _of_structure(step: StepDose, voxels: StructureVoxels) -> FloatArray | None:
    place = np.minimum(np.searchsorted(step.group_voxel, voxels.flat), step.group_voxel.size - 1)
    if not np.array_equal(step.group_voxel[place], voxels.flat):
        return None
    return np.asarray(step.group_dose[:, place], dtype=np.float64)
