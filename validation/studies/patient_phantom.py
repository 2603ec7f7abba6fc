"""The Monte Carlo phantom of a case: from CT numbers, or of water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.hounsfield import DEFAULT_CURVE, HounsfieldCurve, media_from_hounsfield
from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from mcsim.phantom import Phantom, surrounded
from validation.case import Case
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.dose_grid import (
    BEYOND_DISTANCE,
    centres,
    mean_over_cells,
    patient_planes,
    scoring_planes,
    water_planes,
)

FloatArray = NDArray[np.float64]

MEDIA_MODES = ("patient", "water_body", "water")
BEYOND_MODES = ("continue", "water", "vacuum")
AIR_HU = -1000.0
# CT numbers of a seed in a post-implant CT: titanium and silver saturate, bone in the neck stays below.
SEED_HU = 1500.0
ARTEFACT_RADIUS = 0.25  # cm around a seed's axis: seed, partial volume and the first bright streak
ARTEFACT_HU = (-150.0, 120.0)  # near a seed what is not fat or muscle by CT number is artefact


@dataclass(frozen=True)
class PreparedImage:
    """CT numbers as the dose calculation uses them.

    Attributes
    ----------
    hu : ndarray, shape (nx, ny, nz)
        CT numbers with air outside BODY and seeds removed, HU.
    body : ndarray of bool, shape (nx, ny, nz)
        Inside BODY.
    overridden : int
        Voxels in which a seed or its streaks were replaced.
    tissue_hu : float
        What they were replaced by, HU.
    """

    hu: FloatArray
    body: NDArray[np.bool_]
    overridden: int
    tissue_hu: float


def prepare_image(case: Case) -> PreparedImage:
    """CT numbers of a case with air outside BODY and, on a post-implant CT, tissue in place of seeds.

    A CT counts as post-implant if it is above 1500 HU within 1 mm of at least half of the seeds. Then voxels within
    2.5 mm of a seed's axis that are outside −150 to 120 HU take the median of the target's other voxels (TG-186,
    doi:10.1118/1.4747264, section on metal artefacts: override in the implant with the surrounding tissue).

    Parameters
    ----------
    case : Case
        Image, structures and seeds.

    Returns
    -------
    PreparedImage
    """
    image = case.image
    hu = np.asarray(image.hu, dtype=np.float64).copy()
    external = case.external
    body = np.ones(hu.shape, dtype=bool)
    if external is not None:
        body = structure_fractions(external, image.x, image.y, image.z) >= 0.5
    hu[~body] = AIR_HU
    near, at_seed = _around_seeds(case)
    bright = [bool(hu.ravel()[voxels].max(initial=AIR_HU) > SEED_HU) for voxels in at_seed]
    if 2 * sum(bright) < len(bright):
        return PreparedImage(hu, body, 0, 0.0)
    low, high = ARTEFACT_HU
    target = structure_fractions(case.structures[case.prescription.target], image.x, image.y, image.z) > 0.5
    clean = hu[target & ~near & (hu > low) & (hu < high)]
    tissue_hu = float(np.median(clean)) if clean.size else 40.0
    replaced = near & body & ((hu < low) | (hu > high))
    hu[replaced] = tissue_hu
    return PreparedImage(hu, body, int(replaced.sum()), tissue_hu)


def _around_seeds(case: Case) -> tuple[NDArray[np.bool_], list[NDArray[np.int64]]]:
    """Voxels within the artefact radius of any seed, and for each seed the flat indices within 1 mm of its axis."""
    image, implant = case.image, case.implant
    near = np.zeros(image.hu.shape, dtype=bool)
    at_seed = []
    for position, axis in zip(implant.positions, implant.axes, strict=True):
        reach = np.abs(axis) * 0.225 + ARTEFACT_RADIUS + np.array(image.spacing)
        part = tuple(
            slice(*np.searchsorted(c, (p - r, p + r)))
            for c, p, r in zip((image.x, image.y, image.z), position, reach, strict=True)
        )
        grid = np.meshgrid(image.x[part[0]], image.y[part[1]], image.z[part[2]], indexing="ij")
        offset = np.stack(grid, axis=-1) - position
        along = np.clip(offset @ axis, -0.225, 0.225)
        distance = np.linalg.norm(offset - along[..., None] * axis, axis=-1)
        near[part] |= distance < ARTEFACT_RADIUS
        index = np.arange(image.hu.size).reshape(image.hu.shape)[part]
        at_seed.append(index[distance < max(0.1, 0.5 * max(image.spacing))])
    return near, at_seed


def on_grid(case: Case, values: FloatArray, planes: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
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


def patient_phantom(
    case: Case,
    voxel: float,
    media: str = "patient",
    beyond: str = "continue",
    beyond_distance: float = BEYOND_DISTANCE,
    curve: HounsfieldCurve = DEFAULT_CURVE,
) -> tuple[Phantom, dict[str, object]]:
    """Phantom of a case.

    Parameters
    ----------
    case : Case
        Patient and seeds.
    voxel : float
        Edge of the scoring voxels, cm.
    media : str
        ``patient``: media and densities from the CT; ``water_body``: water inside BODY (cavities included), air
        outside; ``water``: water everywhere, 15 cm beyond the scoring voxels (TG-43 conditions).
    beyond : str
        What lies between the image's faces and `beyond_distance`, vacuum after that: ``continue``: the image's edge
        voxels go on (tissue that the CT cuts, air elsewhere); ``water``; ``vacuum``: nothing. Without effect for
        the media ``water``.
    beyond_distance : float
        Least distance from the nearest seed to the phantom's faces, cm.
    curve : HounsfieldCurve
        CT numbers to density and media.

    Returns
    -------
    phantom : Phantom
    description : dict
        How it was made, for the record.

    Raises
    ------
    InvalidInput
        `media` or `beyond` is none of the three, the distance is negative, or ``water_body`` without a BODY.
    """
    if media not in MEDIA_MODES:
        raise InvalidInput(f"media is {media!r}, expected one of {', '.join(MEDIA_MODES)}. Use one of them.")
    if beyond not in BEYOND_MODES:
        raise InvalidInput(
            f"beyond is {beyond!r}, expected one of {', '.join(BEYOND_MODES)}. Use one of them."
        )
    if not 0.0 <= beyond_distance < np.inf:
        raise InvalidInput(
            f"beyond distance is {beyond_distance} cm, expected a number of 0 or more. Correct it."
        )
    fine = scoring_planes(case, voxel)
    description: dict[str, object] = {"media_mode": media, "voxel_cm": voxel}
    water = material("water").density
    if media == "water":
        planes, scoring = surrounded(fine, water_planes(fine))
        shape = tuple(len(p) - 1 for p in planes)
        description["beyond_the_image"] = "water to 15 cm beyond the scoring voxels"
        return Phantom(
            planes, np.zeros(shape, np.uint8), np.full(shape, water, np.float32), ("water",), scoring
        ), description
    image = prepare_image(case)
    planes, scoring = surrounded(fine, patient_planes(case, 0.0 if beyond == "vacuum" else beyond_distance))
    description["beyond_the_image"] = _beyond_in_words(beyond, beyond_distance)
    description["outside_body"] = "air" if case.external is not None else "as in the CT (no BODY structure)"
    if media == "water_body":
        if case.external is None:
            raise InvalidInput(
                "media is 'water_body', expected a case with a BODY structure (its inside becomes water). "
                "Contour the body or use 'water'."
            )
        inside = on_grid(case, image.body.astype(np.float64), planes) >= 0.5
        inside |= (beyond == "water") & _outside_image(case, planes)
        density = np.where(inside, water, material("air").density).astype(np.float32)
        return Phantom(
            planes, np.where(inside, 0, 1).astype(np.uint8), density, ("water", "air"), scoring
        ), description
    medium, density = media_from_hounsfield(on_grid(case, image.hu, planes), curve)
    names = curve.media
    if beyond == "water":
        outside = _outside_image(case, planes)
        names = (*curve.media, "water")
        medium[outside], density[outside] = len(curve.media), water
    description["hounsfield_curve"] = curve.source
    description["seed_artefact_voxels_overridden"] = image.overridden
    if image.overridden:
        description["seed_artefact_replaced_by_hu"] = image.tissue_hu
    return Phantom(planes, medium, density, names, scoring), description


def _beyond_in_words(beyond: str, distance: float) -> str:
    if beyond == "vacuum" or distance == 0.0:
        return "vacuum"
    what = "the image's edge voxels go on" if beyond == "continue" else "water"
    return f"{what} to {distance:g} cm from the nearest seed, then vacuum"


def _outside_image(case: Case, planes: tuple[FloatArray, FloatArray, FloatArray]) -> NDArray[np.bool_]:
    """Cells whose centres lie beyond the image's faces."""
    inside = [
        (centres(p) > low) & (centres(p) < high)
        for p, low, high in zip(planes, case.image.lower, case.image.upper, strict=True)
    ]
    return np.asarray(~(inside[0][:, None, None] & inside[1][:, None] & inside[2]))
