"""Doses of the steps of a difference budget, with what makes them uncertain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.result import Result
from tg43 import SourceData
from validation.case import Case
from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import StructureVoxels, structure_voxels
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.budget_judgement import StepDose
from validation.studies.budget_table_noise import replica_ratios, table_document, table_replicas
from validation.studies.tg43_dose import tg43_dose

FloatArray = NDArray[np.float64]

# Origins of uncertainty besides the histories of the runs.
TABLE, STRENGTH, WATER_TABLE = "TG-43 table", "air-kerma strength per history", "water table"


@dataclass(frozen=True)
class Room:
    """Voxels in which a budget is judged.

    Attributes
    ----------
    points : ndarray, shape (voxels, 3)
        Voxel centres, cm.
    voxels : list of StructureVoxels
        Those of each structure of the case.
    judged : ndarray of int
        Flat indices of the voxels of all structures but the body outline.
    """

    points: FloatArray
    voxels: list[StructureVoxels]
    judged: NDArray[np.intp]


def room_of(case: Case, monte_carlo: Result, tg43_tissue: FloatArray) -> Room:
    """Voxels of a case's structures, as a comparison counts them.

    Parameters
    ----------
    case : Case
        Structures.
    monte_carlo : Result
        Grid and tissue fraction.
    tg43_tissue : ndarray, shape (nx, ny, nz)
        Tissue fraction of TG-43; where it is 0 nothing is judged.

    Returns
    -------
    Room
    """
    x, y, z = monte_carlo.axes
    tissue = np.where(tg43_tissue > 0, monte_carlo.tissue_fraction, 0.0).astype(np.float32)
    voxels, judged = [], np.zeros(tissue.size, dtype=bool)
    for structure in case.structures.values():
        # float32 as in a comparison file: the same voxels, the same indices
        fraction = structure_fractions(structure, x, y, z).astype(np.float32)
        voxels.append(structure_voxels(part_volumes(x, y, z, fraction, tissue), fraction))
        if structure.role != "external":
            judged[voxels[-1].flat] = True
    points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
    return Room(points, voxels, np.flatnonzero(judged))


def monte_carlo_step(result: Result, quantity: str) -> StepDose:
    """Dose of a simulation, its groups of batches, and what its batches have in common.

    Parameters
    ----------
    result : Result
        The simulation.
    quantity : str
        ``dose_to_medium`` or ``dose_to_water``.

    Returns
    -------
    StepDose
        The noise of the water table is taken as common to all voxels, and as relative to both doses alike.
    """
    scale = result.scale
    strength = scale.air_kerma_strength_per_history_std_dev / scale.air_kerma_strength_per_history
    scaled: dict[str, FloatArray] = {STRENGTH: np.array([strength])}
    if result.water_table_std_dev is not None:
        medium = result.dose_per_history()
        noise = np.divide(result.water_table_std_dev, medium, out=np.zeros_like(medium), where=medium > 0)
        scaled[WATER_TABLE] = noise.reshape(1, -1).astype(np.float64)
    # Files hold doses in single precision for a comparison; a budget of the same run has the same numbers.
    dose = result.dose(quantity).astype(np.float32).astype(np.float64)
    counts = result.group_batches()
    if counts.min() == 0:
        return StepDose(dose.ravel(), scaled=scaled)
    groups = result.group_dose(quantity)
    return StepDose(dose.ravel(), result.group_voxels, groups, counts.astype(np.float64), scaled)


class Tg43Steps:
    """Doses of a case by the TG-43 tables of a chain.

    Parameters
    ----------
    case : Case
        Seeds and grid.
    voxel : float
        Edge of the voxels, cm.
    own : SourceData
        Table that the chain begins with.
    simulated : SourceData or None
        Monte Carlo table of the seeds; may be the same.
    threads : int
        Threads.
    """

    def __init__(
        self, case: Case, voxel: float, own: SourceData, simulated: SourceData | None, threads: int
    ) -> None:
        self._case, self._voxel, self._own, self._simulated = case, voxel, own, simulated
        self._threads = threads
        first = tg43_dose(case, voxel, own)
        self.tissue_fraction: FloatArray = first.tissue_fraction.to_numpy()
        self._first: FloatArray = first.dose.to_numpy().ravel()

    def step(self, table: str, room: Room) -> StepDose:
        """Dose by one of the tables, see `validation.studies.budget_steps.ChainStep`."""
        document = None if self._simulated is None else table_document(self._simulated)
        if self._simulated is None or (table == "own" and self._own.name != self._simulated.name):
            return StepDose(self._single(self._first))
        replicas = table_replicas(self._simulated, document or {})
        constants = np.array([r.dose_rate_constant for r in replicas]) / self._simulated.dose_rate_constant
        if table == "constant":
            factor = self._simulated.dose_rate_constant / self._own.dose_rate_constant
            return StepDose(self._single(factor * self._first), scaled={TABLE: constants - 1.0})
        dose = self._first
        if table != "own":
            dose = tg43_dose(self._case, self._voxel, self._simulated).dose.to_numpy().ravel()
        points = room.points[room.judged]
        ratios = replica_ratios(points, self._case.implant, self._simulated, replicas, self._threads)
        parts = np.zeros((len(replicas), dose.size))
        parts[:, room.judged] = ratios - 1.0
        return StepDose(self._single(dose), scaled={TABLE: parts})

    @staticmethod
    def _single(dose: FloatArray) -> FloatArray:
        return np.asarray(dose.astype(np.float32).astype(np.float64))
