"""TG-43 of one lesion under other assumptions: what each of placement, edema, grid and time does by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tg43 import SourceData
from validation.case import Case
from validation.change import LinearEdema, ensemble_changed_dose
from validation.evaluate.indices import INDICES, StructureVoxels, dose_volume_indices
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.cohort_implant import PlannedLesion, implanted, placed_seeds, supplemented, verified
from validation.studies.cohort_indices import tg43_target_indices
from validation.studies.cohort_protocol import CohortProtocol, LesionDraw
from validation.studies.dose_grid import centres, scoring_planes

FloatArray = NDArray[np.float64]
COARSE = 2.0  # times the voxel


@dataclass(frozen=True)
class Variant:
    """One other set of assumptions: a name and what it means."""

    name: str
    text: str


VARIANTS: tuple[Variant, ...] = (
    Variant("placement only", "seeds displaced and lost, no edema"),
    Variant("edema only", "every seed where it was planned, edema as on the day of verification"),
    Variant("other placement", "verification with printed templates instead of free-hand, or the reverse"),
    Variant(
        "seeds added",
        "as the verification, but seeds were added until D90 of those in place was the prescription",
    ),
    Variant("plan, coarse voxels", "the plan on voxels twice as large"),
    Variant("verification, coarse voxels", "the verification on voxels twice as large"),
    Variant("frozen", "verification day's geometry for ever, at the middles of the plan's voxels"),
    Variant("accumulated", "as frozen, but dose accumulated in the tissue while the edema resolves"),
)


def other_placement(protocol: CohortProtocol) -> str:
    """The placement a cohort is compared with."""
    return "free-hand" if protocol.placement == "template" else "template"


def variant_indices(
    planned: PlannedLesion,
    draw: LesionDraw,
    protocol: CohortProtocol,
    names: tuple[str, ...],
    indices: tuple[str, ...],
    source: SourceData,
    threads: int = 1,
) -> tuple[FloatArray, int]:
    """Indices by TG-43 for every variant.

    Parameters
    ----------
    planned : PlannedLesion
        The plan.
    draw : LesionDraw
        Edema.
    protocol : CohortProtocol
        Placement, day, voxels.
    names : tuple of str
        Structures.
    indices : tuple of str
        Of `INDICES`.
    source : SourceData
        TG-43 data.
    threads : int
        Nothing depends on it.

    Returns
    -------
    ndarray, shape (variants, structures, indices)
        In the units of the indices.
    int
        Seeds added in the variant with added seeds.
    """
    plan = planned.plan.case
    number, voxel, day = draw.lesion.number, protocol.voxel_cm, protocol.verification_day
    displaced = implanted(plan, placed_seeds(plan, protocol, number))
    other = implanted(plan, placed_seeds(plan, protocol, number, other_placement(protocol)))
    swollen = verified(displaced, draw, day)
    more = supplemented(displaced, planned, threads)
    on_grids = (
        (displaced, voxel),
        (verified(plan, draw, day), voxel),
        (verified(other, draw, day), voxel),
        (verified(more, draw, day), voxel),
        (plan, COARSE * voxel),
        (swollen, COARSE * voxel),
    )
    rows = [tg43_target_indices(case, edge, names, indices) for case, edge in on_grids]
    frozen, accumulated = _in_tissue(plan, draw, protocol, names, indices, source, threads)
    return np.array([*rows, frozen, accumulated]), len(more.implant) - len(displaced.implant)


def _in_tissue(
    plan: Case,
    draw: LesionDraw,
    protocol: CohortProtocol,
    names: tuple[str, ...],
    indices: tuple[str, ...],
    source: SourceData,
    threads: int,
) -> tuple[FloatArray, FloatArray]:
    """Indices of the plan's voxels as tissue elements: frozen on the day of verification, and accumulated."""
    points, voxels = _elements(plan, protocol.voxel_cm, names)
    columns = [[index.name for index in INDICES].index(name) for name in indices]

    def judged(dose: FloatArray) -> FloatArray:
        doses = [dose_volume_indices(dose[v.flat], v, plan.prescription.dose_gy) for v in voxels]
        return np.array(doses)[:, columns]

    seeds = placed_seeds(plan, protocol, draw.lesion.number)
    swelling = float(draw.change.ratio(protocol.verification_day)) - 1.0
    still = replace(draw.change, course=LinearEdema(swelling, 1.0, swelling))
    field = draw.change.field(plan)
    frozen, accumulated = (
        ensemble_changed_dose(
            judged, points, seeds, plan.implant.air_kerma_strengths, plan.implant.half_life_d, source,
            change=change, field=field, threads=threads,
        ).values[0]
        for change in (still, draw.change)
    )  # fmt: skip
    return frozen, accumulated


def _elements(case: Case, voxel: float, names: tuple[str, ...]) -> tuple[FloatArray, list[StructureVoxels]]:
    """Middles of the voxels that have a part in any of some structures, and those of each structure."""
    x, y, z = (centres(planes) for planes in scoring_planes(case, voxel))
    fractions = [structure_fractions(case.structures[name], x, y, z).ravel() for name in names]
    flat = np.flatnonzero(np.any([f > 0 for f in fractions], axis=0))
    i, j, k = np.unravel_index(flat, (len(x), len(y), len(z)))
    cell = float((x[1] - x[0]) * (y[1] - y[0]) * (z[1] - z[0]))
    voxels = []
    for fraction in (f[flat] for f in fractions):
        at = np.flatnonzero(fraction > 0)
        voxels.append(StructureVoxels(at, cell * fraction[at], fraction[at]))
    return np.stack([x[i], y[j], z[k]], axis=1), voxels
