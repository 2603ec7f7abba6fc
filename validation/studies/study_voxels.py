"""The voxels of a study: whose dose every member is judged by, and how."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.evaluate.dvh import dose_volume_histogram
from validation.evaluate.indices import INDICES, minimum_dose
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.dose_grid import centres, scoring_planes
from validation.studies.study_settings import CM_PER_MM, StudySettings

FloatArray = NDArray[np.float64]

STUDIED = ("D90", "D100", "V100", "V150", "DHI", "D2cc", "D0.1cc", "D50", "mean dose")
_COMPUTED = tuple(next(index for index in INDICES if index.name == name) for name in STUDIED)
UNITS = tuple(index.unit for index in _COMPUTED)
DEFINITIONS = tuple(index.definition for index in _COMPUTED)


@dataclass(frozen=True, eq=False)
class StudyVoxels:
    """Tissue elements of the structures of a study: voxels of the reference geometry.

    Attributes
    ----------
    grid : tuple of three ndarrays
        Voxel centres of the scoring region, cm.
    flat : ndarray of int, shape (m,)
        Voxels with a part in any of the structures, flat indices in C order.
    points : ndarray, shape (m, 3)
        Their middles, cm.
    names, roles : tuple of str
        Structures, the target first, and what they are for.
    members : tuple of ndarray of int
        Which of the m voxels have a part in each structure.
    volumes, fractions : tuple of ndarray
        Volume of that part, cm³, and its share of the voxel.
    prescription : float
        Gy.
    """

    grid: tuple[FloatArray, FloatArray, FloatArray]
    flat: NDArray[np.intp]
    points: FloatArray
    names: tuple[str, ...]
    roles: tuple[str, ...]
    members: tuple[NDArray[np.intp], ...]
    volumes: tuple[FloatArray, ...]
    fractions: tuple[FloatArray, ...]
    prescription: float

    def indices(self, dose: FloatArray) -> FloatArray:
        """Every studied index of every structure.

        Parameters
        ----------
        dose : ndarray, shape (m,)
            Of the tissue elements, Gy; one without tissue (all of it seed) has NaN and does not count.

        Returns
        -------
        ndarray, shape (structures, indices)
            In the order and units of `STUDIED`.
        """
        found = np.empty((len(self.names), len(STUDIED)))
        for row, (at, volume, fraction) in enumerate(
            zip(self.members, self.volumes, self.fractions, strict=True)
        ):
            told = ~np.isnan(dose[at])
            here = dose[at][told]
            dvh = dose_volume_histogram(here, volume[told])
            least = minimum_dose(here, fraction[told])
            found[row] = [index.compute(dvh, least, self.prescription) for index in _COMPUTED]
        return found


def study_voxels(case: Case, settings: StudySettings) -> StudyVoxels:
    """Voxels of the studied structures of a case.

    Parameters
    ----------
    case : Case
        Reference geometry.
    settings : StudySettings
        Voxel size and structures.

    Returns
    -------
    StudyVoxels

    Raises
    ------
    InvalidInput
        A structure is not there or has no voxel in the scoring region.
    """
    x, y, z = (centres(planes) for planes in scoring_planes(case, settings.voxel_mm * CM_PER_MM))
    names = structure_names(case, settings)
    fractions = {name: structure_fractions(case.structures[name], x, y, z).ravel() for name in names}
    empty = [name for name in names if not fractions[name].any()]
    if settings.structures and empty:
        raise InvalidInput(
            f"structure {empty[0]} has no voxel in the scoring region, expected some (dose is scored to 2.5 cm around "
            f"seeds and target). Leave it out."
        )
    names = tuple(name for name in names if name not in empty)
    flat = np.flatnonzero(np.any([fractions[name] > 0.0 for name in names], axis=0))
    shape = (len(x), len(y), len(z))
    i, j, k = np.unravel_index(flat, shape)
    cell = float((x[1] - x[0]) * (y[1] - y[0]) * (z[1] - z[0]))
    parts = {name: fractions[name][flat] for name in names}
    at = {name: np.flatnonzero(parts[name] > 0.0) for name in names}
    return StudyVoxels(
        (x, y, z), flat, np.stack([x[i], y[j], z[k]], axis=1), names,
        tuple(case.structures[n].role for n in names),
        tuple(at[n] for n in names),
        tuple(cell * parts[n][at[n]] for n in names),
        tuple(parts[n][at[n]] for n in names),
        case.prescription.dose_gy,
    )  # fmt: skip


def structure_names(case: Case, settings: StudySettings) -> tuple[str, ...]:
    """The target of the prescription first, then the other targets and the organs, or those asked for.

    Raises
    ------
    InvalidInput
        One asked for is not there.
    """
    target = case.prescription.target
    unknown = [name for name in settings.structures if name not in case.structures]
    if unknown:
        raise InvalidInput(
            f"structure is {unknown[0]!r}, expected one of {', '.join(case.structures)}. Use a known name."
        )
    chosen = settings.structures or tuple(
        name for name, s in case.structures.items() if s.role in ("target", "organ")
    )
    return (target, *(name for name in chosen if name != target))
