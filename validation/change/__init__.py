"""What changes a patient case: tissue that swells or shrinks, seeds that move; and dose that accumulates meanwhile."""

from __future__ import annotations

from validation.change.deformed_case import DeformedCase, MassChange, deform, deformed_case, mass_change
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
    "CombinedCourse",
    "DeformedCase",
    "ExponentialEdema",
    "ExponentialShrinkage",
    "LinearEdema",
    "MassChange",
    "TissueChange",
    "TissueField",
    "VolumeCourse",
    "VolumeSeries",
    "deform",
    "deformed_case",
    "mass_change",
    "tissue_field",
]
