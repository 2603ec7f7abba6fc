"""What changes a patient case: tissue that swells or shrinks, seeds that move; and dose that accumulates meanwhile."""

from __future__ import annotations

from validation.change.accumulation import AccumulatedDose, Accumulation, accumulate
from validation.change.carried_seeds import CarriedSeeds, carried_seeds
from validation.change.change_record import change_from_record, course_from_record
from validation.change.decay_nodes import DecayNodes, decay_nodes
from validation.change.deformed_case import DeformedCase, MassChange, deform, deformed_case, mass_change
from validation.change.displacement import (
    DisplacedSeeds,
    Displacement,
    displaced_seeds,
    undisplaced_seeds,
)
from validation.change.element_dose import VoxelDose, element_dose
from validation.change.tg43_change import (
    EnsembleDose,
    ensemble_changed_dose,
    frozen_tg43_dose,
    frozen_voxel_dose,
)
from validation.change.tissue_change import TissueChange
from validation.change.tissue_field import TissueField, tissue_field
from validation.change.volume_course import (
    MONTH_D,
    CombinedCourse,
    ExponentialEdema,
    ExponentialShrinkage,
    LinearEdema,
    VolumeCourse,
    VolumeSeries,
)

__all__ = [
    "MONTH_D",
    "AccumulatedDose",
    "Accumulation",
    "CarriedSeeds",
    "CombinedCourse",
    "DecayNodes",
    "DeformedCase",
    "DisplacedSeeds",
    "Displacement",
    "EnsembleDose",
    "ExponentialEdema",
    "ExponentialShrinkage",
    "LinearEdema",
    "MassChange",
    "TissueChange",
    "TissueField",
    "VolumeCourse",
    "VolumeSeries",
    "VoxelDose",
    "accumulate",
    "carried_seeds",
    "change_from_record",
    "course_from_record",
    "decay_nodes",
    "deform",
    "deformed_case",
    "displaced_seeds",
    "element_dose",
    "ensemble_changed_dose",
    "frozen_tg43_dose",
    "frozen_voxel_dose",
    "mass_change",
    "tissue_field",
    "undisplaced_seeds",
]
