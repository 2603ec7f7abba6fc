"""What the picture of a plan shows, taken from the plan."""

from __future__ import annotations

import numpy as np

from validation.evaluate.structure_fractions import structure_fractions
from validation.report.plan_figures import PlanPicture
from validation.studies.plan import Plan
from validation.studies.plan_obstacles import nearest_hu
from validation.studies.plan_target import VOXEL, Dosimetry, box_around

AROUND = 2.0  # cm around the target


def picture_of(plan: Plan, dosimetry: Dosimetry) -> PlanPicture:
    """Collect CT, dose, structures, needles and seeds around the target.

    Parameters
    ----------
    plan : Plan
    dosimetry : Dosimetry
        As it was planned with.

    Returns
    -------
    PlanPicture
    """
    case, target = plan.case, plan.case.structures[plan.target]
    axes = box_around(target, VOXEL, AROUND)
    dose = dosimetry.centre_dose(axes, plan.planned)
    organs = {}
    for name, structure in case.structures.items():
        if structure.role in ("organ", "avoidance", "cavity") and "SKIN" not in name.upper():
            fraction = structure_fractions(structure, *axes)
            if (fraction >= 0.5).any():
                organs[name] = fraction
    seeds, table = case.implant, plan.planned.needle_table
    count = len(seeds) - len(plan.planned)
    shortfall = "" if plan.meets else ", SHORT OF THE PRESCRIPTION"
    return PlanPicture(
        f"{case.name}: {len(plan.planned)} seeds of {plan.strength_mbq:g} MBq on {len(table)} needles, {plan.target} "
        f"D90 {plan.d90:.1f} Gy of {plan.settings.prescription:g} Gy (TG-43){shortfall}",
        *axes,
        hu=nearest_hu(case, axes).astype(np.float64),
        dose=dose,
        prescription=plan.settings.prescription,
        target=(plan.target, structure_fractions(target, *axes)),
        organs=organs,
        seeds=seeds.positions,
        axes=seeds.axes,
        in_place=np.arange(len(seeds)) < count,
        entries=table.entries,
        tips=table.tips,
        numbers=table.numbers,
        needles=seeds.needles,
    )
