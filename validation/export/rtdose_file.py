"""A dose, or its uncertainty, as a DICOM dose."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_file import DOSE, PLAN
from validation.case.imported_dose import ImportedDose
from validation.export.dicom_export import DicomExport, decimal, reference
from validation.export.rtplan import plan_uid

_CM = 10.0  # mm
_LONGEST_COMMENT = 64  # characters of an LO value
_NOISE = 6.0  # standard uncertainties; a dose further below 0 is not a dose with noise
_UNEVEN = 1e-4  # cm, a hundredth of what DICOM positions in mm are asked to keep


def dose_file(
    export: DicomExport,
    dose: ImportedDose,
    *,
    uncertainty: bool = False,
    heterogeneity: tuple[str, ...] = (),
    bits: int = 32,
) -> Dataset:
    """Make a dose file.

    Parameters
    ----------
    export : DicomExport
        The case whose plan it is the dose of.
    dose : ImportedDose
        Dose in Gy; evenly spaced in x and y. What noise makes negative becomes 0; the comment says how many.
    uncertainty : bool
        Write the standard uncertainty (DoseType ERROR) instead of the dose; unknown becomes 0.
    heterogeneity : tuple of str
        TissueHeterogeneityCorrection: IMAGE, ROI_OVERRIDE or WATER; empty if not known.
    bits : int
        32, or 16 for programs that read no more. A step of the dose is the largest dose over 2^32 or 2^16: beside a
        seed there may be thousands of Gy, so that 16 bits leave little of the dose of a distant organ.

    Returns
    -------
    Dataset

    Raises
    ------
    InvalidInput
        There is no uncertainty, a dose is negative by more than noise, or the grid is uneven in a plane.
    """
    values = dose.std_dev if uncertainty else dose.dose
    what = "uncertainty" if uncertainty else "dose"
    if values is None:
        raise InvalidInput(f"{dose.origin} has no uncertainty, expected one. Export the dose alone.")
    values, clipped = _not_negative(np.nan_to_num(values, nan=0.0, posinf=0.0), dose)
    # PS3.3 section C.8.8.3.4: errors are stored with a sign, doses without.
    if bits not in (16, 32):
        raise InvalidInput(
            f"bits of the dose are {bits}, expected 16 or 32 (an RTDOSE has these). Choose one."
        )
    kind, largest = f"<{'i' if uncertainty else 'u'}{bits // 8}", 2 ** (bits - uncertainty) - 1
    # Text of 9 digits is off by up to 5e-9: a step too small would let the largest dose run over, to 0.
    scaling = float(decimal(max(float(values.max()), 1e-30) / largest * (1.0 + 1e-8), 9))
    dx, dy = (_spacing(c, name, dose.origin) for name, c in (("x", dose.x), ("y", dose.y)))
    name = dose.origin
    data = export.dataset(
        DOSE, "RTDOSE", export.uid("RTDOSE", what, name, _fingerprint(values)), series_number=4 + uncertainty,
        series=f"{what} {name}",
    )  # fmt: skip
    data.InstanceNumber = "1"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = dose.y.size, dose.x.size
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(uncertainty)
    data.NumberOfFrames = str(dose.z.size)
    data.FrameIncrementPointer = Tag(0x3004, 0x000C)
    data.ImagePositionPatient = [decimal(c[0] * _CM) for c in (dose.x, dose.y, dose.z)]
    data.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    data.PixelSpacing = [decimal(dy * _CM), decimal(dx * _CM)]
    data.SliceThickness = None
    data.GridFrameOffsetVector = [decimal((z - dose.z[0]) * _CM) for z in dose.z]
    data.DoseUnits, data.DoseType = "GY", "ERROR" if uncertainty else "PHYSICAL"
    data.DoseSummationType = "PLAN"
    data.DoseGridScaling = decimal(scaling)
    note = f", {clipped} noise < 0 set to 0" if clipped else ""
    words = f"standard uncertainty, {dose.description}" if uncertainty else dose.description
    data.DoseComment = words[: _LONGEST_COMMENT - len(note)] + note
    if heterogeneity:
        data.TissueHeterogeneityCorrection = list(heterogeneity)
    data.ReferencedRTPlanSequence = [reference(PLAN, plan_uid(export))]
    stored = np.rint(values / scaling)
    data.PixelData = np.ascontiguousarray(np.transpose(stored, (2, 1, 0)).astype(kind)).tobytes()
    data["PixelData"].VR = "OW"
    return data


def _not_negative(values: NDArray[np.float64], dose: ImportedDose) -> tuple[NDArray[np.float64], int]:
    """Values with noise below 0 set to 0, and how many: DICOM's doses have no sign."""
    negative = values < 0
    spread = np.zeros_like(values) if dose.std_dev is None else np.nan_to_num(dose.std_dev, posinf=0.0)
    if (values < -_NOISE * spread).any():
        raise InvalidInput(
            f"smallest dose of {dose.origin} is {values.min():g} Gy, expected >= 0, or below 0 by noise only (a "
            f"physical dose in DICOM has no sign). Export it as 3ddose or CSV."
        )
    return np.where(negative, 0.0, values), int(negative.sum())


def _spacing(centres: NDArray[np.float64], name: str, origin: str) -> float:
    """Pixel spacing in cm."""
    steps = np.diff(centres)
    if not steps.size or np.abs(centres - np.linspace(centres[0], centres[-1], centres.size)).max() > _UNEVEN:
        raise InvalidInput(
            f"{name} of {origin} has steps of {steps.min() if steps.size else 0:g} to "
            f"{steps.max() if steps.size else 0:g} cm, expected even ones (an RTDOSE has one pixel spacing). Export it "
            f"as 3ddose, or score on an even grid."
        )
    return float((centres[-1] - centres[0]) / (centres.size - 1))


def _fingerprint(values: NDArray[np.float64]) -> str:
    """Something that differs where the numbers do."""
    return hashlib.sha256(values.tobytes()).hexdigest()
