"""The Monte Carlo phantom of a case: from CT numbers, or of water."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from mcsim.phantom import Phantom, surrounded
from validation.case import Case
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.dose_grid import (
    BEYOND_DISTANCE,
    patient_planes,
    scoring_planes,
    water_planes,
)
from validation.studies.media_assignment import assign_media, inside_image, on_grid
from validation.studies.media_settings import MediaSettings, StreakSettings
from validation.studies.streak_override import StreakOverride, override_streaks

FloatArray = NDArray[np.float64]

MEDIA_MODES = ("patient", "water_body", "water")
BEYOND_MODES = ("continue", "water", "vacuum")
AIR_HU = -1000.0


@dataclass(frozen=True)
class PreparedImage:
    """CT numbers as the dose calculation uses them.

    Attributes
    ----------
    hu : ndarray, shape (nx, ny, nz)
        CT numbers with air outside BODY and seeds removed, HU.
    body : ndarray of bool, shape (nx, ny, nz)
        Inside BODY.
    override : StreakOverride
        What was replaced near the seeds.
    """

    hu: FloatArray
    body: NDArray[np.bool_]
    override: StreakOverride

    @property
    def overridden(self) -> int:
        """Voxels in which a seed or its streaks were replaced."""
        return self.override.overridden


def prepare_image(case: Case, streaks: StreakSettings | None = None) -> PreparedImage:
    """CT numbers of a case with air outside BODY and, on a post-implant CT, tissue in place of seeds and streaks.

    Parameters
    ----------
    case : Case
        Image, structures and seeds.
    streaks : StreakSettings, optional
        How seeds and streaks are found and replaced.

    Returns
    -------
    PreparedImage

    Raises
    ------
    InvalidInput
        A structure that the settings name is not there.
    """
    image = case.image
    hu = np.asarray(image.hu, dtype=np.float64).copy()
    external = case.external
    body = np.ones(hu.shape, dtype=bool)
    if external is not None:
        body = structure_fractions(external, image.x, image.y, image.z) >= 0.5
    hu[~body] = AIR_HU
    streaks = streaks or StreakSettings()
    if case.tissue is not None:  # media are given: nothing was scanned
        streaks = replace(streaks, mode="off")
    override = override_streaks(case, hu, body, streaks)
    return PreparedImage(override.hu, body, override)


def patient_phantom(
    case: Case,
    voxel: float,
    media: str = "patient",
    beyond: str = "continue",
    beyond_distance: float = BEYOND_DISTANCE,
    settings: MediaSettings | None = None,
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
    settings : MediaSettings, optional
        CT curve, media by contour, streaks, calcification.

    Returns
    -------
    phantom : Phantom
    description : dict
        How it was made, for the record.

    Raises
    ------
    InvalidInput
        `media` or `beyond` is none of the three, the distance is negative, ``water_body`` without a BODY, or the
        settings name a structure that is not there.
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
    settings = settings or MediaSettings()
    image = prepare_image(case, settings.streaks)
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
        inside |= (beyond == "water") & ~inside_image(case, planes)
        density = np.where(inside, water, material("air").density).astype(np.float32)
        return Phantom(
            planes, np.where(inside, 0, 1).astype(np.uint8), density, ("water", "air"), scoring
        ), description
    assignment = assign_media(case, on_grid(case, image.hu, planes), planes, scoring, settings)
    if beyond == "water":
        outside = ~inside_image(case, planes)
        assignment.medium[outside], assignment.density[outside] = assignment.index("water"), water
    description["hounsfield_curve"] = (
        f"{settings.curve.name}: {settings.curve.source}"
        if case.tissue is None
        else "none: media and densities of the case"
    )
    description["media_settings"] = settings.record()
    description["voxels_by_contour"] = assignment.by_contour
    description["voxels_of_calcification"] = assignment.calcified
    override = image.override
    description["seed_artefact_voxels_overridden"] = override.overridden
    if override.overridden:
        description.update(
            seed_artefact_voxels_of_seeds=override.seed_voxels,
            seed_artefact_voxels_bright=override.bright_voxels,
            seed_artefact_voxels_dark=override.dark_voxels,
            seed_artefact_volume_cm3=override.volume,
            seed_artefact_replaced_by_hu=override.tissue_hu,
            seed_artefact_patches_kept=override.kept,
        )
    return Phantom(planes, assignment.medium, assignment.density, assignment.media, scoring), description


def _beyond_in_words(beyond: str, distance: float) -> str:
    if beyond == "vacuum" or distance == 0.0:
        return "vacuum"
    what = "the image's edge voxels go on" if beyond == "continue" else "water"
    return f"{what} to {distance:g} cm from the nearest seed, then vacuum"
