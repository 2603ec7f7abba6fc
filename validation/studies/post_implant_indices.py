"""Dose-volume indices before and after implantation, side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from validation.case import Case
from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import INDICES, dose_volume_indices, structure_voxels
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.dose_grid import scoring_planes
from validation.studies.tg43_dose import tg43_dose

TARGET_INDICES = ("D90", "D100", "D98", "V100", "V150", "DHI")
ORGAN_INDICES = ("D2cc", "D0.1cc")


@dataclass(frozen=True)
class IndexChange:
    """One index of one structure before and after.

    Parameters
    ----------
    structure, index, unit : str
        What.
    before, after : float
        In `unit`; NaN where not defined.
    before_std_dev, after_std_dev : float
        Type A standard uncertainty; 0 by TG-43.
    """

    structure: str
    index: str
    unit: str
    before: float
    after: float
    before_std_dev: float = 0.0
    after_std_dev: float = 0.0

    @property
    def change(self) -> float:
        """After minus before, in `unit`."""
        return self.after - self.before

    def record(self) -> dict[str, object]:
        """As JSON takes it."""
        values = {
            k: (None if isinstance(v, float) and not np.isfinite(v) else v) for k, v in asdict(self).items()
        }
        return {**values, "change": self.change if np.isfinite(self.change) else None}


def tg43_indices(case: Case, voxel: float) -> dict[tuple[str, str], float]:
    """Indices of every target, organ and structure to avoid by TG-43.

    Parameters
    ----------
    case : Case
        Seeds, structures, prescription.
    voxel : float
        Edge of the voxels, cm.

    Returns
    -------
    dict of (structure, index) to float
        In the units of `INDICES`.
    """
    data = tg43_dose(case, voxel)
    x, y, z = (data[a].to_numpy() for a in "xyz")
    dose, tissue = data.dose.to_numpy(), data.tissue_fraction.to_numpy()
    values: dict[tuple[str, str], float] = {}
    for name, structure in case.structures.items():
        if structure.role not in ("target", "organ", "avoidance"):
            continue
        inside = structure_fractions(structure, x, y, z)
        voxels = structure_voxels(part_volumes(x, y, z, inside, tissue), inside)
        if not voxels.flat.size:
            continue
        computed = dose_volume_indices(dose.ravel()[voxels.flat], voxels, case.prescription.dose_gy)
        values |= {(name, index.name): float(v) for index, v in zip(INDICES, computed, strict=True)}
    return values


def cut_by_grid(case: Case, voxel: float) -> list[str]:
    """Organs of a case that reach beyond its dose grid: their D2cc is of the part within, the nearest to the seeds.

    Parameters
    ----------
    case : Case
        Seeds, structures.
    voxel : float
        Edge of the voxels, cm.

    Returns
    -------
    list of str
        Names.
    """
    planes = scoring_planes(case, voxel)
    low, high = (np.array([p[k] for p in planes]) for k in (0, -1))
    names = []
    for name, structure in case.structures.items():
        if structure.role not in ("organ", "avoidance"):
            continue
        points = np.concatenate(
            [np.column_stack([c.points, np.full(len(c.points), c.z)]) for c in structure.contours]
        )
        if (points < low).any() or (points > high).any():
            names.append(name)
    return names


def index_changes(plan: Case, post: Case, voxel: float) -> list[IndexChange]:
    """Indices by TG-43 before and after: coverage of targets, hottest volumes of organs.

    Parameters
    ----------
    plan, post : Case
        Before and after.
    voxel : float
        Edge of the voxels, cm.

    Returns
    -------
    list of IndexChange
        The prescribed target first.
    """
    before, after = tg43_indices(plan, voxel), tg43_indices(post, voxel)
    units = {index.name: index.unit for index in INDICES}
    target = plan.prescription.target
    names = sorted(
        {name for name, _ in after}, key=lambda n: (n != target, post.structures[n].role != "target")
    )
    rows = []
    for name in names:
        for index in TARGET_INDICES if post.structures[name].role == "target" else ORGAN_INDICES:
            values = (before.get((name, index), float("nan")), after.get((name, index), float("nan")))
            if np.isfinite(values).any():
                rows.append(IndexChange(name, index, units[index], *values))
    return rows
