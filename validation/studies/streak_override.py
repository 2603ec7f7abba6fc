"""Tissue in place of the seeds and their streaks on a post-implant CT.

TG-186 (doi:10.1118/1.4747264) asks to override artefacts of seeds with tissue before media are assigned. What is done
is a threshold replacement (Miksys et al., Phys. Med. Biol. 60, 6039 (2015)): near seeds, CT numbers that are no
soft tissue are replaced, unless they belong to something larger. Streaks run between seeds, end near the implant and
fade, while bone, airways and the outer air go on beyond it. So a bright or dark patch is taken for an artefact only if
it ends within the radius; a bright spot that no seed touches and that is brighter than streaks are is a calcification.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import scipy  # its parts load when they are used: most images have nothing to replace
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.implant import SEED_LENGTH
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.media_settings import StreakSettings
from validation.studies.nearest_name import nearest_name

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

WATER_HU = 0.0
# Where the target has no clean voxel: muscle.
SOFT_TISSUE_HU = 40.0
# Clean voxels whose median replaces an artefact outside the target: a cube of three voxels' edge.
NEAREST_CLEAN = 27
_CONNECTED = np.ones((3, 3, 3), dtype=bool)
_BONE_NAME = re.compile(
    r"bone|mandib|maxill|skull|crani|vertebr|spine(?!.*canal)|\bribs?\b|sternum|clavic|scapul|femur|pelvis|sacrum|hyoid|"
    r"teeth|tooth",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class StreakOverride:
    """What was replaced.

    Attributes
    ----------
    hu : ndarray, shape (nx, ny, nz)
        CT numbers after replacement, HU.
    seeds_visible : bool
        The CT shows the seeds.
    seed_voxels, bright_voxels, dark_voxels : int
        Replaced voxels: of the seeds and their blooming, of bright and of dark streaks.
    volume : float
        Of all replaced voxels, cm³.
    tissue_hu : float
        What replaced them inside the target, HU.
    kept : int
        Bright or dark patches near seeds that were left as they are.
    """

    hu: FloatArray
    seeds_visible: bool
    seed_voxels: int = 0
    bright_voxels: int = 0
    dark_voxels: int = 0
    volume: float = 0.0
    tissue_hu: float = 0.0
    kept: int = 0

    @property
    def overridden(self) -> int:
        """All replaced voxels."""
        return self.seed_voxels + self.bright_voxels + self.dark_voxels


def bone_structures(case: Case, names: tuple[str, ...] = ()) -> list[str]:
    """Structures that hold bone: those named, or those whose names say so.

    Raises
    ------
    InvalidInput
        A structure that was named is not there.

    Examples
    --------
    >>> from validation.case import built_in
    >>> bone_structures(built_in("neck"))
    ['BONE', 'MANDIBLE']
    """
    if names:
        for name in names:
            require_structure(case, name, "bone structure")
        return list(names)
    target = case.prescription.target
    return [n for n in case.structures if n != target and _BONE_NAME.search(n.replace("_", " "))]


def require_structure(case: Case, name: str, what: str) -> None:
    """Refuse a name that no structure has; the known ones are listed."""
    if name not in case.structures:
        raise InvalidInput(
            f"{what} is {name!r}, expected one of {', '.join(case.structures)}"
            f"{nearest_name(name, case.structures)}. Use a name of the case."
        )


def override_streaks(case: Case, hu: FloatArray, body: Mask, settings: StreakSettings) -> StreakOverride:
    """Replace seeds and streaks by tissue.

    Parameters
    ----------
    case : Case
        Image grid, structures and seeds.
    hu : ndarray, shape (nx, ny, nz)
        CT numbers with air outside the body, HU.
    body : ndarray of bool, shape (nx, ny, nz)
        Inside the body.
    settings : StreakSettings
        Where to look, what tissue is, what to put in place.

    Returns
    -------
    StreakOverride

    Raises
    ------
    InvalidInput
        A bone structure that the settings name is not there.
    """
    image = case.image
    bones = bone_structures(case, settings.bone_structures)
    if settings.mode == "off":
        return StreakOverride(hu, False)
    distance = distance_to_seeds(case, settings.radius)
    visible = _seeds_visible(case, hu, settings)
    if not visible and settings.mode == "auto":
        return StreakOverride(hu, False)
    near = distance < settings.radius
    core, zone = (distance < settings.seed_radius) & body, near & body

    def inside(names: list[str]) -> Mask:
        mask = np.zeros(hu.shape, dtype=bool)
        for name in names:
            mask |= structure_fractions(case.structures[name], image.x, image.y, image.z) > 0.5
        return mask

    target = inside([case.prescription.target])
    bone = inside(bones)
    cavity = inside([s.name for s in case.structures.values() if s.role == "cavity"])
    low, high = settings.target_hu
    surely_target = target & ~core & body
    clean = surely_target & (hu > low) & (hu < high)
    # A target in bone or lung has no range of soft tissue: only the rules for everywhere apply there.
    soft = 2 * clean.sum() >= surely_target.sum() > 0
    if not soft:
        clean = surely_target & (hu > settings.tissue_hu[0]) & (hu < settings.seed_hu)
    tissue = float(np.median(hu[clean])) if clean.any() else SOFT_TISSUE_HU

    everywhere, (low, high) = body & ~core, settings.tissue_hu
    bright, kept_bright = _bright_patches(hu, everywhere & (hu > high), zone, core, bone, settings)
    dark, kept_dark = _dark_patches(hu < low, zone, cavity)
    # A seed in or beside bone: the bone around it stays, the seed is brighter than bone.
    seeds = core & (hu > np.where(bone, settings.seed_hu, high))
    if soft:
        # Inside a target of soft tissue a patch stays for what it is there, not for going on outside.
        low, high = settings.target_hu
        within = target & zone
        _, kept_within = _bright_patches(hu, target & everywhere & (hu > high), target, core, bone, settings)
        kept_bright = (kept_bright & ~within) | kept_within
        seeds |= within & core & (hu > np.where(bone, settings.seed_hu, high))
        bright = (bright & ~within) | (within & ~core & (hu > high) & ~kept_within)
        dark |= within & ~kept_dark & (hu < low)
    bright &= ~seeds
    replaced = seeds | bright | dark
    result = hu.copy()
    result[replaced] = _replacement(case, hu, replaced, target & soft, body & ~core, tissue, settings)
    return StreakOverride(
        result,
        visible,
        int(seeds.sum()),
        int(bright.sum()),
        int(dark.sum()),
        float(replaced.sum() * np.prod(image.spacing)),
        tissue,
        int(
            scipy.ndimage.label(kept_bright & near, _CONNECTED)[1]
            + scipy.ndimage.label(kept_dark & near, _CONNECTED)[1]
        ),
    )


def distance_to_seeds(case: Case, reach: float) -> FloatArray:
    """Distance of every CT voxel's centre from the nearest seed axis, cm; infinite beyond `reach`.

    Parameters
    ----------
    case : Case
        Image and seeds.
    reach : float
        How far to look, cm.

    Returns
    -------
    ndarray, shape (nx, ny, nz)

    Examples
    --------
    >>> from validation.case import built_in
    >>> bool(distance_to_seeds(built_in("neck"), 1.0).min() < 0.1)
    True
    """
    image, implant = case.image, case.implant
    half = 0.5 * SEED_LENGTH
    result = np.full(image.hu.shape, np.inf)
    for position, axis in zip(implant.positions, implant.axes, strict=True):
        extent = np.abs(axis) * half + reach + np.array(image.spacing)
        part = tuple(
            slice(*np.searchsorted(c, (p - r, p + r)))
            for c, p, r in zip((image.x, image.y, image.z), position, extent, strict=True)
        )
        grid = np.meshgrid(image.x[part[0]], image.y[part[1]], image.z[part[2]], indexing="ij")
        offset = np.stack(grid, axis=-1) - position
        along = np.clip(offset @ axis, -half, half)
        distance = np.linalg.norm(offset - along[..., None] * axis, axis=-1)
        result[part] = np.minimum(result[part], distance)
    result[result >= reach] = np.inf
    return result


def _seeds_visible(case: Case, hu: FloatArray, settings: StreakSettings) -> bool:
    """Whether at least half of the seeds have a voxel brighter than bone at their place."""
    image, implant = case.image, case.implant
    at_seed = distance_to_seeds(case, max(0.1, 0.5 * max(image.spacing)))
    places = np.argwhere(np.isfinite(at_seed) & (hu > settings.seed_hu))
    if not len(places):
        return False
    points = np.column_stack([c[i] for c, i in zip((image.x, image.y, image.z), places.T, strict=True)])
    # Half a seed and half a slice: the bright voxel belongs to this seed or to one that touches it.
    reach = 0.5 * SEED_LENGTH + max(0.1, 0.5 * max(image.spacing))
    distance = np.asarray(scipy.spatial.cKDTree(points).query(implant.positions)[0])
    return bool(2 * np.count_nonzero(distance <= reach) >= len(implant.positions))


def _bright_patches(
    hu: FloatArray, bright: Mask, zone: Mask, core: Mask, bone: Mask, settings: StreakSettings
) -> tuple[Mask, Mask]:
    """Bright voxels outside the seeds' own place, split into streaks in the zone and what stays."""
    patches, count = scipy.ndimage.label(bright, _CONNECTED)
    stays = np.zeros(count + 1, dtype=bool)
    stays[patches[bright & (~zone | bone)]] = True
    beside_seed = np.zeros(count + 1, dtype=bool)
    beside_seed[patches[scipy.ndimage.binary_dilation(core, _CONNECTED) & bright]] = True
    if count:
        peak = np.atleast_1d(scipy.ndimage.maximum(hu, patches, np.arange(1, count + 1)))
        stays[1:] |= (peak >= settings.calcification_hu) & ~beside_seed[1:]
    stays[0] = False
    kept = stays[patches]
    return bright & zone & ~kept, kept


def _dark_patches(dark: Mask, zone: Mask, cavity: Mask) -> tuple[Mask, Mask]:
    """Voxels darker than fat, split into streaks in the zone and airways or outer air, contoured or going on."""
    patches, count = scipy.ndimage.label(dark, _CONNECTED)
    stays = np.zeros(count + 1, dtype=bool)
    stays[patches[dark & (~zone | cavity)]] = True
    stays[0] = False
    kept = stays[patches]
    return dark & zone & ~kept, kept


def _replacement(
    case: Case,
    hu: FloatArray,
    replaced: Mask,
    target: Mask,
    candidates: Mask,
    tissue: float,
    settings: StreakSettings,
) -> FloatArray | float:
    """CT numbers to put in place of the replaced voxels, in their order."""
    if settings.replacement == "water":
        return WATER_HU
    if settings.replacement != "median":
        return float(settings.replacement)
    values = np.full(int(replaced.sum()), tissue)
    elsewhere = ~target[replaced]
    clean: Mask = candidates & ~replaced & (hu >= settings.tissue_hu[0]) & (hu < settings.seed_hu)
    clean &= np.asarray(np.isfinite(distance_to_seeds(case, settings.radius + 0.5)))
    if not elsewhere.any() or clean.sum() < NEAREST_CLEAN:
        return values
    image = case.image

    def places(mask: Mask) -> FloatArray:
        return np.column_stack(
            [c[i] for c, i in zip((image.x, image.y, image.z), np.nonzero(mask), strict=True)]
        )

    _, nearest = scipy.spatial.cKDTree(places(clean)).query(places(replaced)[elsewhere], k=NEAREST_CLEAN)
    values[elsewhere] = np.median(hu[clean][nearest], axis=1)
    return values
