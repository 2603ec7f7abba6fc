"""Doses to export: of this program's result files, and those of others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.result_file import read_result
from validation.case import Case
from validation.case.egs_dose import read_3ddose
from validation.case.imported_dose import ImportedDose
from validation.case.plain_text import plain_text
from validation.case.rtdose import read_rtdose
from validation.studies.tg43_dose import read_tg43_dose

FloatArray = NDArray[np.float64]

# TissueHeterogeneityCorrection of PS3.3, table C.8-39, by the media of a Monte Carlo simulation.
_HETEROGENEITY = {"patient": ("IMAGE",), "water_body": ("ROI_OVERRIDE",), "water": ("WATER",)}


@dataclass(frozen=True)
class ExportedDose:
    """A dose and what a DICOM file says about it.

    Attributes
    ----------
    name : str
        Stem of the files.
    dose : ImportedDose
        Gy.
    heterogeneity : tuple of str
        TissueHeterogeneityCorrection; empty if not known.
    """

    name: str
    dose: ImportedDose
    heterogeneity: tuple[str, ...] = ()


def read_exported_dose(path: Path, case: Case) -> ExportedDose:
    """Read a dose that belongs to a case.

    Parameters
    ----------
    path : path
        Result of ``simulate`` or ``tg43``, ``.3ddose`` or RTDOSE.
    case : Case
        Whose seeds made the dose.

    Returns
    -------
    ExportedDose
        Voxels without tissue, wholly inside a seed, have dose 0 and an unknown uncertainty.

    Raises
    ------
    InvalidInput
        The file is none of these, belongs to another case, or lies in another frame.
    """
    if path.name.lower().endswith((".3ddose", ".3ddose.gz")):
        return ExportedDose(path.name.split(".3ddose")[0], read_3ddose(path))
    if not h5py.is_hdf5(path):
        dose = read_rtdose(path)
        frame = case.dicom.frame_of_reference if case.dicom else None
        if frame is not None and dose.frame_of_reference != frame:
            raise InvalidInput(
                f"frame of reference of {path.name} is {dose.frame_of_reference or 'missing'}, expected that of the "
                f"case, {frame} (its coordinates would mean another place). Give the dose of this case."
            )
        return ExportedDose(path.stem, dose)
    with h5py.File(path) as file:
        filetype = str(file.attrs.get("filetype", ""))
    if filetype == "seedmc-monte-carlo":
        return _monte_carlo(path, case)
    if filetype == "seedmc-tg43-dose":
        return _tg43(path, case)
    raise InvalidInput(
        f"file {path.name} is of type {plain_text(filetype, 'unknown')}, expected a case, a Monte Carlo or TG-43 dose, "
        f"a .3ddose or an RTDOSE. Give one of these."
    )


def _same_case(found: str, case: Case, path: Path) -> None:
    if found != case.digest():
        raise InvalidInput(
            f"case digest of {path.name} is {found[:12]}, expected {case.digest()[:12]} of case {case.name} (the dose "
            f"belongs to another case or implant). Give the dose of this case."
        )


def _monte_carlo(path: Path, case: Case) -> ExportedDose:
    result, digest = read_result(path)
    _same_case(digest, case, path)
    media = str(result.settings.get("media_mode", ""))
    mode = str(result.settings.get("seeds", ""))
    words = f"Monte Carlo, D_m,m, {media}, {mode}".rstrip(", ")
    x, y, z = (np.asarray(axis, dtype=np.float64) for axis in result.axes)
    dose = _dose(x, y, z, result.dose(), result.dose_std_dev(), words, path)
    return ExportedDose(path.stem, dose, _HETEROGENEITY.get(media, ()))


def _tg43(path: Path, case: Case) -> ExportedDose:
    data = read_tg43_dose(path)
    _same_case(str(data.attrs["case_digest"]), case, path)
    formalism = json.loads(str(data.attrs["settings"])).get("formalism", "")
    words = f"TG-43 {formalism}, {data.attrs['source']}"
    dose = _dose(data.x.values, data.y.values, data.z.values, data.dose.values, None, words, path)
    return ExportedDose(path.stem, dose, ("WATER",))


def _dose(
    x: FloatArray,
    y: FloatArray,
    z: FloatArray,
    dose: FloatArray,
    std_dev: FloatArray | None,
    words: str,
    path: Path,
) -> ImportedDose:
    values = np.asarray(dose, dtype=np.float64)
    unknown = ~np.isfinite(values)
    spread = None
    if std_dev is not None:
        spread = np.asarray(std_dev, dtype=np.float64).copy()
        spread[unknown | ~np.isfinite(spread)] = np.nan
    return ImportedDose(
        x, y, z, np.where(unknown, 0.0, values), spread, None, words, plain_text(path.stem, "dose")
    )
