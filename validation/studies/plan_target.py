"""The target and the organs as the planner judges them: sample points for the search, voxels for the verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from tg43 import SourceData, dose_per_dose_rate, dose_rate, voxel_mean_dose_rate
from validation.case import Case, Implant, Structure
from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import INDICES, dose_volume_indices, structure_voxels
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.plan_existing import ExistingDose

FloatArray = NDArray[np.float64]

SAMPLES = 800  # points of the target that the search sees; D90 on them is within 1 % of that on fine voxels
ORGAN_POINTS = 60
NEAREST_PART = 2.0  # cm³ of an organ, nearest to the target, whose mean dose counts in the search
VOXEL = 0.1  # cm; voxels of the verdict, those of `seedmc tg43` and of the report
# Two Gauss-Legendre points along each edge of such a voxel, in parts of the edge from its centre.
_GAUSS = 0.5 / np.sqrt(3.0)
REACH = 2.5  # cm around the target in which organs are judged


@dataclass(frozen=True)
class Target:
    """Sample points and fine voxels of the target.

    Attributes
    ----------
    structure : Structure
        Contours.
    points, weights : ndarray, shape (m, 3) and (m,)
        Sample points in cm and the volume each stands for, cm³.
    axes : tuple of three ndarrays
        Voxel centres of the verdict, cm.
    fraction : ndarray
        Part of each of these voxels inside the target.
    """

    structure: Structure
    points: FloatArray
    weights: FloatArray
    axes: tuple[FloatArray, FloatArray, FloatArray]
    fraction: FloatArray

    @property
    def volume(self) -> float:
        """Volume in cm³."""
        return float(self.weights.sum())


def corners(structure: Structure) -> FloatArray:
    """All corners of a structure's contours, cm, shape (k, 3)."""
    return np.concatenate(
        [np.column_stack([c.points, np.full(len(c.points), c.z)]) for c in structure.contours]
    )


def box_around(structure: Structure, step: float, margin: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Voxel centres around a structure with faces at whole multiples of the step, cm."""
    half = structure.slice_thickness / 2
    cloud = corners(structure)
    low = cloud.min(axis=0) - margin - np.array([0, 0, half])
    high = cloud.max(axis=0) + margin + np.array([0, 0, half])
    x, y, z = (
        step * (np.arange(np.floor(a / step - 1e-6), np.ceil(b / step + 1e-6)) + 0.5)
        for a, b in zip(low, high, strict=True)
    )
    return x, y, z


def target_of(case: Case, name: str) -> Target:
    """Sample points and voxels of a target.

    Parameters
    ----------
    case : Case
        Structures.
    name : str
        The target.

    Returns
    -------
    Target

    Raises
    ------
    InvalidInput
        There is no such structure, or it is too small for a seed.
    """
    if name not in case.structures:
        raise InvalidInput(
            f"target is {name!r}, expected one of {', '.join(case.structures)}. Name a contoured structure."
        )
    structure = case.structures[name]
    volume = sum(c.area for c in structure.contours) * structure.slice_thickness
    if volume < 0.02:
        raise InvalidInput(
            f"volume of target {name} is {1000 * volume:.3g} mm³, expected at least 20 mm³ (a seed takes 2 mm³ and "
            f"gives its dose over a centimetre). Check the contours."
        )
    step = float(np.cbrt(volume / SAMPLES))
    # Off the lattice of needles, whose places are round numbers.
    x, y, z = (c + 0.317 * step for c in box_around(structure, step, step))
    part = structure_fractions(structure, x, y, z)
    kept = part > 0.05
    points = np.column_stack([c[i] for c, i in zip((x, y, z), np.nonzero(kept), strict=True)])
    fine = box_around(structure, VOXEL, VOXEL)
    return Target(structure, points, part[kept] * step**3, fine, structure_fractions(structure, *fine))


def organ_samples(case: Case, target: Target) -> dict[str, FloatArray]:
    """Points of each organ's 2 cm³ nearest to the target, at most 60 each, within 2.5 cm of the target; cm."""
    axes = box_around(target.structure, 0.2, REACH)
    near = scipy.spatial.cKDTree(target.points)
    samples = {}
    for name, structure in case.structures.items():
        if structure.role not in ("organ", "avoidance", "cavity"):
            continue
        inside = structure_fractions(structure, *axes) >= 0.5
        if not inside.any():
            continue
        points = np.column_stack([c[i] for c, i in zip(axes, np.nonzero(inside), strict=True)])
        order = np.argsort(near.query(points)[0], kind="stable")[: int(NEAREST_PART / 0.2**3)]
        samples[name] = points[order[:: max(1, len(order) // ORGAN_POINTS)]]
    return samples


@dataclass(frozen=True)
class Dosimetry:
    """How dose is computed for the verdict.

    Attributes
    ----------
    source : SourceData
        TG-43 data.
    half_life_d : float
        Days.
    existing : ExistingDose or None
        Dose that is there already.
    """

    source: SourceData
    half_life_d: float
    existing: ExistingDose | None = None

    @property
    def dose_per_rate(self) -> float:
        """Dose to full decay per initial dose rate, h."""
        return float(dose_per_dose_rate(self.half_life_d))

    def base(self, points: FloatArray) -> FloatArray:
        """Dose already there at points (m, 3), Gy."""
        return np.zeros(len(points)) if self.existing is None else self.existing.at(points)

    def factor(self, points: FloatArray) -> FloatArray:
        """What the TG-43 dose of planned seeds is multiplied by at points (m, 3)."""
        return np.ones(len(points)) if self.existing is None else self.existing.factor(points)

    def voxel_dose(
        self, axes: tuple[FloatArray, FloatArray, FloatArray], implant: Implant | None
    ) -> tuple[FloatArray, FloatArray]:
        """Dose (Gy) of planned seeds and what is there, mean over each voxel's tissue, and the part that is tissue."""
        shape = tuple(c.size for c in axes)
        dose, tissue = np.zeros(shape), np.ones(shape)
        if implant is not None:
            rate = voxel_mean_dose_rate(
                *axes, implant.positions, implant.axes, implant.air_kerma_strengths, self.source
            )
            dose, tissue = np.asarray(rate.dose_rate) * self.dose_per_rate, np.asarray(rate.tissue_fraction)
        if self.existing is not None:
            grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
            dose = dose * self.existing.factor(grid).reshape(shape) + self.existing.at(grid).reshape(shape)
        return dose, tissue

    def sampled_dose(
        self,
        axes: tuple[FloatArray, FloatArray, FloatArray],
        inside: NDArray[np.bool_],
        implant: Implant | None,
        threads: int = 1,
    ) -> FloatArray:
        """Dose (Gy) in the marked voxels, 0 elsewhere: `voxel_dose` many times faster, right beyond 3 mm of a seed.

        The mean over eight points of each voxel by the fast kernel; nearer to a seed the dose is far above what decides
        on D90 or an organ.
        """
        at = np.nonzero(inside)
        centres = np.column_stack([c[i] for c, i in zip(axes, at, strict=True)])
        signs = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        edges = np.array([c[1] - c[0] for c in axes])
        points = (centres[:, None] + _GAUSS * edges * signs).reshape(-1, 3)
        dose = self.base(points)
        if implant is not None:
            seeds = (implant.positions, implant.axes, implant.air_kerma_strengths)
            rate = dose_rate(points, *seeds, self.source, method="fast", threads=threads)
            dose += rate * self.dose_per_rate * self.factor(points)
        whole = np.zeros(inside.shape)
        whole[at] = dose.reshape(-1, len(signs)).mean(axis=1)
        return whole

    def centre_dose(self, axes: tuple[FloatArray, FloatArray, FloatArray], implant: Implant) -> FloatArray:
        """Dose (Gy) at voxel centres by the fast kernel, to be drawn, shape (nx, ny, nz)."""
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        seeds = (implant.positions, implant.axes, implant.air_kerma_strengths)
        rate = dose_rate(points, *seeds, self.source, method="fast")
        dose = rate * self.dose_per_rate * self.factor(points) + self.base(points)
        return dose.reshape(tuple(c.size for c in axes))


def indices_of(
    dose: FloatArray,
    tissue: FloatArray,
    fraction: FloatArray,
    axes: tuple[FloatArray, FloatArray, FloatArray],
    prescription: float,
) -> dict[str, float]:
    """Dose-volume indices of one structure by name, as the report defines them; empty if it has no voxel."""
    volume = part_volumes(*axes, fraction, tissue)
    voxels = structure_voxels(volume, fraction)
    if not len(voxels.flat):
        return {}
    values = dose_volume_indices(dose.ravel()[voxels.flat], voxels, prescription)
    return {index.name: float(value) for index, value in zip(INDICES, values, strict=True)}


def target_indices(
    target: Target, dosimetry: Dosimetry, implant: Implant | None, prescription: float
) -> dict[str, float]:
    """Indices of the target on voxels of 1 mm."""
    dose, tissue = dosimetry.voxel_dose(target.axes, implant)
    return indices_of(dose, tissue, target.fraction, target.axes, prescription)


def sampled_indices(
    target: Target, dosimetry: Dosimetry, implant: Implant | None, prescription: float
) -> dict[str, float]:
    """`target_indices` many times faster: doses sampled, capsules taken for tissue; D90 within 0.2 %."""
    dose = dosimetry.sampled_dose(target.axes, target.fraction > 0, implant)
    return indices_of(dose, np.ones(dose.shape), target.fraction, target.axes, prescription)
