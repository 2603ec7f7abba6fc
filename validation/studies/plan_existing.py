"""The dose of seeds that are already in place, by TG-43 or from a Monte Carlo result."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from mcsim.invalid_input import InvalidInput
from tg43 import SourceData, dose_per_dose_rate, dose_rate, voxel_mean_dose_rate
from validation.case import Case, Implant

FloatArray = NDArray[np.float64]

# The ratio of the two doses is taken where TG-43 gives at least this part of the largest dose that matters; elsewhere,
# and where Monte Carlo is noisy, planned seeds keep their TG-43 dose.
LEAST_RATIO, LARGEST_RATIO = 0.25, 4.0


class ExistingDose(Protocol):
    """Dose of seeds that are there, and how it bears on planned ones."""

    def at(self, points: FloatArray) -> FloatArray:
        """Dose at points (m, 3), Gy."""

    def factor(self, points: FloatArray) -> FloatArray:
        """What the TG-43 dose of planned seeds is multiplied by at points (m, 3)."""


class Tg43Existing:
    """Dose of existing seeds by TG-43.

    Parameters
    ----------
    implant : Implant
        Seeds.
    source : SourceData
        TG-43 data.
    """

    def __init__(self, implant: Implant, source: SourceData) -> None:
        self._implant, self._source = implant, source
        self._dose_per_rate = float(dose_per_dose_rate(implant.half_life_d))

    def at(self, points: FloatArray) -> FloatArray:
        """Dose at points (m, 3), Gy."""
        seeds = self._implant
        rate = dose_rate(
            points, seeds.positions, seeds.axes, seeds.air_kerma_strengths, self._source, method="fast"
        )
        return rate * self._dose_per_rate

    def factor(self, points: FloatArray) -> FloatArray:
        """One everywhere."""
        return np.ones(len(points))


class MonteCarloExisting:
    """Dose of existing seeds from a Monte Carlo result.

    Parameters
    ----------
    path : path
        ``seedmc-monte-carlo`` file of a case with these seeds.
    case : Case
        The patient with these seeds.
    source : SourceData
        TG-43 data, for points outside the file's grid and for the ratio.
    correct_planned : bool
        Whether planned seeds get the ratio of Monte Carlo to TG-43 dose of the existing ones at the same place.

    Raises
    ------
    InvalidInput
        The file is of another case or other seeds.
    """

    def __init__(self, path: Path, case: Case, source: SourceData, correct_planned: bool) -> None:
        from mcsim.result_file import read_result

        result, digest = read_result(path)
        if digest != case.digest():
            raise InvalidInput(
                f"case of {path} is {digest[:12]}, expected {case.digest()[:12]} (the dose must be that of the seeds "
                f"in place, in this patient). Simulate the case with these seeds."
            )
        self._outside = Tg43Existing(case.implant, source)
        x, y, z = result.axes
        dose = np.asarray(result.dose(), dtype=np.float64)
        self._dose = RegularGridInterpolator((x, y, z), dose, bounds_error=False, fill_value=np.nan)
        self._ratio = None
        if correct_planned:
            seeds = case.implant
            rate = voxel_mean_dose_rate(
                x, y, z, seeds.positions, seeds.axes, seeds.air_kerma_strengths, source
            )
            planned = np.asarray(rate.dose_rate) * float(dose_per_dose_rate(seeds.half_life_d))
            ratio = np.divide(dose, planned, out=np.ones_like(dose), where=planned > 0)
            ratio = np.clip(ratio, LEAST_RATIO, LARGEST_RATIO)
            self._ratio = RegularGridInterpolator((x, y, z), ratio, bounds_error=False, fill_value=1.0)

    def at(self, points: FloatArray) -> FloatArray:
        """Dose at points (m, 3), Gy: linear between voxel centres, by TG-43 outside the file's grid."""
        dose = np.asarray(self._dose(points))
        outside = np.isnan(dose)
        if outside.any():
            dose[outside] = self._outside.at(points[outside])
        return dose

    def factor(self, points: FloatArray) -> FloatArray:
        """Ratio of Monte Carlo to TG-43 dose of the existing seeds, or one."""
        return np.ones(len(points)) if self._ratio is None else np.asarray(self._ratio(points))
