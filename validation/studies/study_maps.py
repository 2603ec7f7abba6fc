"""Maps of the dose before and after: the plan, and the median over members, in the axial plane through the target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tg43 import SourceData
from validation.case import Case
from validation.change import ensemble_changed_dose
from validation.studies.study_settings import StudySettings
from validation.studies.study_tg43 import member_seeds, tissue_field_of
from validation.studies.study_voxels import StudyVoxels

FloatArray = NDArray[np.float64]

MAP_MEMBERS = 50
REACH = 1.0  # cm around the target


def dose_maps(
    case: Case,
    settings: StudySettings,
    voxels: StudyVoxels,
    source: SourceData,
    threads: int = 1,
) -> tuple[FloatArray, FloatArray, float, FloatArray, FloatArray]:
    """Median TG-43 dose of the first members in a plane of tissue elements.

    Parameters
    ----------
    case, settings, voxels, source, threads
        As for `tg43_members`.

    Returns
    -------
    x, y : ndarray
        Voxel centres of the plane, cm.
    z : float
        The plane, cm.
    fraction : ndarray, shape (nx, ny)
        Part of each voxel inside the target.
    dose : ndarray, shape (scenarios, nx, ny)
        Gy, in the reference geometry.
    """
    x, y, z = voxels.grid
    shape = (len(x), len(y), len(z))
    inside = np.zeros(int(np.prod(shape)))
    inside[voxels.flat[voxels.members[0]]] = voxels.fractions[0]
    target = inside.reshape(shape)
    k = int(np.argmax(target.sum(axis=(0, 1))))
    chosen = []
    for axis, c in enumerate((x, y)):
        there = c[target.any(axis=(1 - axis, 2))]
        chosen.append(c[(c > there[0] - REACH) & (c < there[-1] + REACH)])
    u, v = chosen
    plane = np.stack(np.meshgrid(u, v, [z[k]], indexing="ij"), axis=-1).reshape(-1, 3)
    field = tissue_field_of(case, settings)
    doses = []
    for scenario in settings.scenarios:
        members = (0,) if scenario.is_plan else tuple(range(MAP_MEMBERS))
        found = ensemble_changed_dose(
            lambda dose: dose, plane, member_seeds(case, settings, scenario, members),
            case.implant.air_kerma_strengths, case.implant.half_life_d, source,
            change=settings.change(scenario), field=field, level=settings.time_level, threads=threads,
        )  # fmt: skip
        # The mean would show the few members with a seed in the very voxel.
        doses.append(np.median(found.values, axis=0).reshape(len(u), len(v)))
    window = target[:, :, k][np.ix_(np.isin(x, u), np.isin(y, v))]
    return u, v, float(z[k]), window, np.stack(doses)
