"""The patient case: images, structures, seeds and prescription."""

from __future__ import annotations

from typing import TYPE_CHECKING

from validation.case.built_in_cases import built_in
from validation.case.case import Case, Prescription
from validation.case.image import Image
from validation.case.implant import Implant
from validation.case.seed_list import read_seed_csv, write_seed_csv
from validation.case.seed_list_json import read_seed_list
from validation.case.structure import Contour, Structure

if TYPE_CHECKING:
    from validation.case.dicom_folder import read_dicom

__all__ = [
    "Case",
    "Contour",
    "Image",
    "Implant",
    "Prescription",
    "Structure",
    "built_in",
    "read_dicom",
    "read_seed_csv",
    "read_seed_list",
    "write_seed_csv",
]


def __getattr__(name: str) -> object:
    """Load the DICOM reader when it is asked for: a case file does without."""
    if name == "read_dicom":
        from validation.case.dicom_folder import read_dicom

        return read_dicom
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
