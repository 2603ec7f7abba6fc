"""Media and densities of a phantom's cells: by CT number, by contour, and calcification in soft tissue.

A cell gets the medium of its mean CT number. Averaging first keeps the mass: density is all but linear in HU over
the range of a partial volume, while the medium of the nearest CT voxel, or the commonest one, does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.hounsfield import media_from_hounsfield
from mcsim.materials import material
from validation.case import Case
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.dose_grid import centres, mean_over_cells
from validation.studies.media_settings import CalcificationSettings, ContourSettings, MediaSettings
from validation.studies.streak_override import bone_structures, require_structure
from validation.studies.tissue_on_cells import tissue_on_cells

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
Planes = tuple[FloatArray, FloatArray, FloatArray]

# A contour of a medium with a nominal density in this range, g/cm³, is one of soft tissue.
SOFT_TISSUE_DENSITY = (0.9, 1.2)
# Soft tissue and calcification mixed 0, 10, 30, 50, 70 and 100 % by mass, and the mass shares at which one ends.
CALCIFIED_MEDIA = ("calcified_tissue_10", "calcified_tissue_30", "calcified_tissue_50", "calcified_tissue_70",
                   "calcification")  # fmt: skip
CALCIFIED_BOUNDS = (0.2, 0.4, 0.6, 0.85)


@dataclass
class Assignment:
    """Media of cells.

    Attributes
    ----------
    medium : ndarray, shape (nx, ny, nz), uint8
        Index into `media`.
    density : ndarray, shape (nx, ny, nz), float32
        g/cm³.
    media : tuple of str
        Names.
    by_contour, calcified : int
        Cells that got their medium from a contour, or as calcification.
    """

    medium: NDArray[np.uint8]
    density: NDArray[np.float32]
    media: tuple[str, ...]
    by_contour: int = 0
    calcified: int = 0

    def index(self, name: str) -> int:
        """Index of a medium, added if it is not there."""
        if name not in self.media:
            self.media = (*self.media, name)
        return self.media.index(name)


def on_grid(case: Case, values: FloatArray, planes: Planes) -> FloatArray:
    """Mean over cells of an image quantity interpolated linearly between CT voxel centres.

    Parameters
    ----------
    case : Case
        Whose image grid `values` stand on.
    values : ndarray, shape of the image
        For instance CT numbers, HU.
    planes : tuple of three ndarrays
        Cell boundaries, cm.

    Returns
    -------
    ndarray, shape (nx, ny, nz) of the cells
    """
    image = case.image
    result = values
    for k, nodes in enumerate((image.x, image.y, image.z)):
        matrix = mean_over_cells(np.asarray(nodes), planes[k])
        result = np.moveaxis(np.tensordot(matrix, result, axes=(1, k)), 0, k)
    return np.asarray(result)


def structure_share(case: Case, name: str, planes: Planes, scoring: tuple[slice, slice, slice]) -> FloatArray:
    """Part of every cell that lies in a structure.

    Exact in the evenly spaced scoring cells; in the others the mean over CT voxels.

    Parameters
    ----------
    case : Case
        Image and structures.
    name : str
        Structure.
    planes : tuple of three ndarrays
        Cell boundaries, cm.
    scoring : tuple of three slices
        The evenly spaced cells.

    Returns
    -------
    ndarray, shape (nx, ny, nz)
        Between 0 and 1.
    """
    structure, image = case.structures[name], case.image
    share = on_grid(case, structure_fractions(structure, image.x, image.y, image.z), planes)
    x, y, z = (centres(p[s.start : s.stop + 1]) for p, s in zip(planes, scoring, strict=True))
    share[scoring] = structure_fractions(structure, x, y, z)
    return share


def inside_image(case: Case, planes: Planes) -> Mask:
    """Cells whose centres lie between the image's faces.

    Parameters
    ----------
    case : Case
        Image.
    planes : tuple of three ndarrays
        Cell boundaries, cm.

    Returns
    -------
    ndarray of bool, shape (nx, ny, nz)
    """
    inside = [
        (centres(p) > low) & (centres(p) < high)
        for p, low, high in zip(planes, case.image.lower, case.image.upper, strict=True)
    ]
    return np.asarray(inside[0][:, None, None] & inside[1][:, None] & inside[2])


def _inside(case: Case, name: str, planes: Planes, scoring: tuple[slice, slice, slice]) -> Mask:
    """Cells of which at least half lies in a structure."""
    # The rounding of a sum of slabs must not decide a cell that lies half inside.
    return np.asarray(structure_share(case, name, planes, scoring) >= 0.5 - 1e-9)


def assign_media(
    case: Case, hu: FloatArray, planes: Planes, scoring: tuple[slice, slice, slice], settings: MediaSettings
) -> Assignment:
    """Medium and density of every cell.

    By CT number first, or as the case's own tissue map says; a contour's medium counts over it where one is given (the
    earlier entry where contours overlap); calcification counts over both.

    Parameters
    ----------
    case : Case
        Structures.
    hu : ndarray, shape (nx, ny, nz)
        Mean CT numbers of the cells, HU.
    planes : tuple of three ndarrays
        Cell boundaries, cm.
    scoring : tuple of three slices
        The evenly spaced cells.
    settings : MediaSettings
        Curve, contours, calcification.

    Returns
    -------
    Assignment

    Raises
    ------
    InvalidInput
        A structure that the settings name is not there.
    """
    if case.tissue is None:
        medium, density = media_from_hounsfield(hu, settings.curve)
        result = Assignment(medium, density, settings.curve.media)
    else:
        result = Assignment(*tissue_on_cells(case.image, case.tissue, planes), case.tissue.media)
    _by_contour(result, case, hu, planes, scoring, settings.contours)
    _calcification(result, case, hu, planes, scoring, settings)
    return result


def require_contours(case: Case, contours: ContourSettings) -> None:
    """Refuse a medium for a structure that the case lacks; the known ones are listed.

    Parameters
    ----------
    case : Case
        Its structures count.
    contours : ContourSettings
        Media by contour.

    Raises
    ------
    InvalidInput
        There is no structure of a name.
    """
    for structure, _ in contours.medium_of:
        require_structure(case, structure, "structure with a medium")


def _by_contour(
    result: Assignment,
    case: Case,
    hu: FloatArray,
    planes: Planes,
    scoring: tuple[slice, slice, slice],
    contours: ContourSettings,
) -> None:
    free = np.ones(hu.shape, dtype=bool)
    require_contours(case, contours)
    for structure, name in contours.medium_of:
        chosen = _inside(case, structure, planes, scoring) & free
        free &= ~chosen
        own = material(name)
        if contours.keep_outside_hu and SOFT_TISSUE_DENSITY[0] <= own.density <= SOFT_TISSUE_DENSITY[1]:
            low, high = contours.keep_outside_hu
            chosen &= (hu >= low) & (hu <= high)
        result.medium[chosen] = result.index(name)
        if contours.density == "nominal":
            result.density[chosen] = own.density
        result.by_contour += int(chosen.sum())


def _calcification(
    result: Assignment,
    case: Case,
    hu: FloatArray,
    planes: Planes,
    scoring: tuple[slice, slice, slice],
    settings: MediaSettings,
) -> None:
    """Mixtures of soft tissue and calcification, of the density that the CT number gives."""
    choice: CalcificationSettings = settings.calcification
    if choice.above_hu is None:
        return
    where = np.zeros(hu.shape, dtype=bool)
    for name in choice.structures or (case.prescription.target,):
        require_structure(case, name, "structure with calcification")
        where |= _inside(case, name, planes, scoring)
    where &= hu > choice.above_hu
    for name in bone_structures(case, settings.streaks.bone_structures):
        where &= ~_inside(case, name, planes, scoring)
    _, density = media_from_hounsfield(hu[where], settings.curve)
    kind = np.digitize(calcification_share(density.astype(np.float64)), CALCIFIED_BOUNDS)
    indices = np.array([result.index(CALCIFIED_MEDIA[k]) for k in np.unique(kind)], dtype=np.uint8)
    result.medium[where] = indices[np.searchsorted(np.unique(kind), kind)] if kind.size else 0
    result.density[where] = density
    result.calcified = int(where.sum())


def calcification_share(density: FloatArray) -> FloatArray:
    """Share by mass of calcification in a mixture with soft tissue, from its density.

    The volumes of the two add: 1/ρ = w/ρ_c + (1 − w)/ρ_t.

    Parameters
    ----------
    density : ndarray
        g/cm³.

    Returns
    -------
    ndarray
        Between 0 and 1.

    Examples
    --------
    >>> calcification_share(np.array([material("calcified_tissue_30").density])).round(6).tolist()
    [0.3]
    """
    tissue, mineral = material("mean_male_soft_tissue").density, material("calcification").density
    share = (1.0 / tissue - 1.0 / density) / (1.0 / tissue - 1.0 / mineral)
    return np.asarray(np.clip(share, 0.0, 1.0))
