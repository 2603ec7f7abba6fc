"""Dose to a day: how indices grow while tissue changes, seeds where the plan has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tg43 import SourceData, dose_per_dose_rate, dose_rate
from validation.case import Case
from validation.change import Accumulation, accumulate, frozen_tg43_dose
from validation.change.decay_measure import decayed_share
from validation.studies.study_scenario import Scenario
from validation.studies.study_settings import StudySettings
from validation.studies.study_tg43 import tissue_field_of
from validation.studies.study_voxels import STUDIED, StudyVoxels

FloatArray = NDArray[np.float64]

# After implantation; the last stands for full decay.
DAYS = (5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 270.0, 365.0, float("inf"))
TOLERANCE = 2e-3


def dose_courses(
    case: Case,
    settings: StudySettings,
    voxels: StudyVoxels,
    source: SourceData,
    tissue_ratio: FloatArray | None = None,
    threads: int = 1,
) -> tuple[tuple[float, ...], FloatArray]:
    """Indices of the dose to several days by TG-43.

    Parameters
    ----------
    case, settings, voxels, source, tissue_ratio, threads
        As for `tg43_members`.

    Returns
    -------
    days : tuple of float
        After implantation, the last infinite.
    values : ndarray, shape (scenarios, days, structures, indices)
        In the units of the indices; scenarios that differ in displacement alone have the same.
    """
    ratio = 1.0 if tissue_ratio is None else tissue_ratio
    field = tissue_field_of(case, settings)
    implant = case.implant
    static = dose_rate(
        voxels.points, implant.positions, implant.axes, implant.air_kerma_strengths, source, method="fast",
        threads=threads,
    ) * dose_per_dose_rate(implant.half_life_d)  # fmt: skip
    known: dict[Scenario, FloatArray] = {}
    values = np.empty((len(settings.scenarios), len(DAYS), len(voxels.names), len(STUDIED)))
    for k, scenario in enumerate(settings.scenarios):
        alike = replace(scenario, sigma_mm=0.0)
        if alike not in known:
            change = settings.change(scenario)
            if change is None or field is None:
                dose = decayed_share(DAYS, implant.half_life_d)[:, None] * static
            else:
                frozen = frozen_tg43_dose(voxels.points, implant, change, field, source, threads=threads)
                dose = accumulate(
                    frozen,
                    Accumulation(
                        implant.half_life_d, change.course, until_d=DAYS, tolerance=TOLERANCE,
                        element_weights=np.ones(len(static)), deepest_level=4,
                    ),
                ).dose  # fmt: skip
            known[alike] = np.stack([voxels.indices(d * ratio) for d in dose])
        values[k] = known[alike]
    return DAYS, values
