"""The patient case: images, structures, seeds and prescription."""

from __future__ import annotations

from validation.case.built_in_cases import built_in
from validation.case.case import Case, Prescription
from validation.case.dicom_folder import read_dicom
from validation.case.image import Image
from validation.case.implant import Implant
from validation.case.seed_list import read_seed_csv, write_seed_csv
from validation.case.structure import Contour, Structure

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
    "write_seed_csv",
]
