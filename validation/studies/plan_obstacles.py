"""What needles must not touch: surfaces of bone, airway, vessels and cord, and the skin, on a fine grid."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case, Structure
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.plan_settings import Margins, PlanSettings

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

STEP = 0.1  # cm, edge of the grid's voxels
LARGEST_GRID = 6_000_000  # voxels; a larger part of the patient gets coarser ones
# A surface voxel's centre lies up to √3/2 of a voxel behind the surface, half a voxel on average. Three quarters of a
# voxel are taken off every distance, so that clearances hold to a tenth of a millimetre or so.
_SURFACE_DEPTH = 0.75
BONE_HU = 250.0  # cortical and dense spongy bone; above muscle and vessels without contrast medium
AIR_HU = -400.0
SMALLEST_BONE = 0.05  # cm³; smaller bright spots are noise or calcifications
SEED_BLOOMING = 0.5  # cm; seeds of a post-implant CT are brighter than bone within this distance
BODY_HU = -300.0

KINDS = ("bone", "airway", "vessel", "cord", "other")
# By name, as contouring guidelines and planning systems spell them.
_NAMES = {
    "cord": r"cord|spinal.?canal|brain.?stem|brachial.?plexus|myel",
    "vessel": r"carot|jugul|vessel|arter|vein|vena|aort|subclav|vascul|blood",
    "airway": r"airway|trachea|larynx|bronch|pharyn|lumen|oesoph|esoph",
    "bone": r"bone|mandib|vertebr|skull|rib|clavic|sternum|maxilla|cortex",
}
_NEVER = r"skin|body|external|outline|ring|shell|couch"


@dataclass(frozen=True)
class Obstacle:
    """Surface of what needles must not touch.

    Attributes
    ----------
    kind : str
        Which margin holds: ``bone``, ``airway``, ``vessel``, ``cord`` or ``other``.
    name : str
        Structure it comes from, or how it was found on the CT.
    margin : float
        Least distance of a needle's axis, cm.
    inside : ndarray of bool, shape (nx, ny, nz)
        Voxels of it.
    surface : cKDTree or None
        Centres of its surface voxels, cm; none if it lies outside the grid.
    """

    kind: str
    name: str
    margin: float
    inside: BoolArray
    surface: scipy.spatial.cKDTree | None


@dataclass(frozen=True)
class Surroundings:
    """The patient around the target on a fine grid.

    Attributes
    ----------
    x, y, z : ndarray
        Voxel centres, cm.
    target : ndarray, shape (nx, ny, nz)
        Part of each voxel inside the target.
    body : ndarray of bool
        Inside the skin.
    skin : cKDTree or None
        Centres of the voxels just outside the skin, cm.
    obstacles : tuple of Obstacle
    """

    x: FloatArray
    y: FloatArray
    z: FloatArray
    target: FloatArray
    body: BoolArray
    skin: scipy.spatial.cKDTree | None
    obstacles: tuple[Obstacle, ...]

    @property
    def step(self) -> float:
        """Edge of a voxel, cm."""
        return float(self.x[1] - self.x[0])

    def index(self, points: FloatArray) -> tuple[NDArray[np.intp], BoolArray]:
        """Voxel indices of points (…, 3) in cm, clipped to the grid, and which points lie inside the grid."""
        origin = np.array([self.x[0], self.y[0], self.z[0]])
        at = np.rint((points - origin) / self.step).astype(np.intp)
        shape = np.array(self.body.shape)
        inside = ((at >= 0) & (at < shape)).all(axis=-1)
        return np.clip(at, 0, shape - 1), inside

    def with_margins(self, margins: Margins) -> Surroundings:
        """The same patient with other margins around obstacles."""
        changed = tuple(replace(o, margin=float(getattr(margins, o.kind))) for o in self.obstacles)
        return replace(self, obstacles=changed)

    def skin_distance(self, points: FloatArray, reach: float = np.inf) -> FloatArray:
        """Distance of points (…, 3) inside the body from the skin, cm; beyond `reach` infinity."""
        return _distance(self.skin, points, self.step, reach)


def _distance(
    surface: scipy.spatial.cKDTree | None, points: FloatArray, step: float, reach: float
) -> FloatArray:
    """Distance from a surface, seldom more than the true one; searching no further than `reach` is much faster."""
    if surface is None:
        return np.full(points.shape[:-1], np.inf)
    found = np.asarray(surface.query(points, distance_upper_bound=reach + step)[0])
    return np.maximum(found - _SURFACE_DEPTH * step, 0.0)


def clearance(obstacle: Obstacle, points: FloatArray, step: float) -> FloatArray:
    """Distance of points (…, 3) from an obstacle's surface in cm, 0 inside; beyond twice its margin infinity."""
    return _distance(obstacle.surface, points, step, 2.0 * obstacle.margin + step)


def kind_of(structure: Structure) -> str | None:
    """What a structure is to a needle: a kind of obstacle, or none.

    By name first, then by role: cavities are airways, avoidance structures bone or other. Skin rims, body outlines
    and targets are none; organs of other names are judged by their dose only.

    Examples
    --------
    >>> from validation.case import built_in
    >>> {name: kind_of(s) for name, s in built_in("neck").structures.items() if kind_of(s)}["JUGULAR"]
    'vessel'
    """
    if structure.role in ("target", "external") or re.search(_NEVER, structure.name, re.IGNORECASE):
        return None
    for kind, pattern in _NAMES.items():
        if structure.role in ("organ", "avoidance", "cavity") and re.search(
            pattern, structure.name, re.IGNORECASE
        ):
            return kind
    return {"cavity": "airway", "avoidance": "other"}.get(structure.role)


def surroundings_of(case: Case, target: str, settings: PlanSettings) -> Surroundings:
    """The patient around a target as needles see it.

    Parameters
    ----------
    case : Case
        Image and structures.
    target : str
        Name of the target.
    settings : PlanSettings
        Margins, structures to avoid or to allow, the longest needle.

    Returns
    -------
    Surroundings

    Raises
    ------
    InvalidInput
        A structure named in `avoid` or `allow` is not there.
    """
    structures = case.structures
    for name in (*settings.avoid, *settings.allow):
        if name not in structures:
            raise InvalidInput(
                f"structure to avoid or allow is {name!r}, expected one of {', '.join(structures)}. Correct the name."
            )
    x, y, z = _grid(case, structures[target], settings.longest_needle)
    axes = (x, y, z)
    hu = nearest_hu(case, axes)
    external = case.external
    body = _body(hu) if external is None else structure_fractions(external, *axes) >= 0.5
    target_part = structure_fractions(structures[target], *axes)
    found: list[tuple[str, str, BoolArray]] = []
    for structure in structures.values():
        kind = kind_of(structure)
        if structure.name in settings.avoid:
            kind = kind or "other"
        if kind is None or structure.name in settings.allow or structure.name == target:
            continue
        found.append((kind, structure.name, structure_fractions(structure, *axes) >= 0.5))
    if "bone" not in settings.allow:
        found.append(("bone", f"bone on the CT, above {BONE_HU:g} HU", _bone(hu, body, case, axes)))
    found.append(("airway", f"air in the body, below {AIR_HU:g} HU", _air(hu, body)))
    obstacles = []
    for kind, name, mask in found:
        inside = mask & ~(target_part >= 0.5) if kind == "bone" and settings.bone_inside_target else mask
        margin = float(getattr(settings.margins, kind))
        obstacles.append(Obstacle(kind, name, margin, inside, _surface(inside, axes)))
    rim = scipy.ndimage.binary_dilation(body) & ~body
    skin = scipy.spatial.cKDTree(_centres(rim, axes)) if rim.any() else None
    return Surroundings(x, y, z, target_part, body, skin, tuple(o for o in obstacles if o.inside.any()))


def _grid(case: Case, target: Structure, longest: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    points = np.concatenate(
        [np.column_stack([c.points, np.full(len(c.points), c.z)]) for c in target.contours]
    )
    low = np.maximum(points.min(axis=0) - longest, case.image.lower)
    high = np.minimum(points.max(axis=0) + longest, case.image.upper)
    step = max(STEP, float(np.cbrt(np.prod(high - low) / LARGEST_GRID)))
    x, y, z = (np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True))
    return x, y, z


def nearest_hu(case: Case, axes: tuple[FloatArray, FloatArray, FloatArray]) -> NDArray[np.float32]:
    """CT numbers of the CT voxels nearest to those of a grid, shape (nx, ny, nz)."""
    image = case.image
    at = [
        np.clip(np.rint((new - old[0]) / (old[1] - old[0])).astype(int), 0, old.size - 1)
        for new, old in zip(axes, (image.x, image.y, image.z), strict=True)
    ]
    return image.hu[np.ix_(*at)]


def _body(hu: NDArray[np.float32]) -> BoolArray:
    """Largest piece of tissue with its cavities: without a body outline."""
    labels, _ = scipy.ndimage.label(hu > BODY_HU)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(scipy.ndimage.binary_fill_holes(labels == sizes.argmax()))


def _bone(
    hu: NDArray[np.float32], body: BoolArray, case: Case, axes: tuple[FloatArray, FloatArray, FloatArray]
) -> BoolArray:
    mask = (hu >= BONE_HU) & body
    # Seeds of a post-implant CT and their streaks are as bright; without seeds on the CT little is lost.
    spots = np.argwhere(mask)
    if len(spots) and float(hu[mask].max()) > 2500.0:
        places = _centres(mask, axes)
        near = scipy.spatial.cKDTree(case.implant.positions).query(places)[0] < SEED_BLOOMING
        mask[tuple(spots[near].T)] = False
    labels, count = scipy.ndimage.label(mask)
    if not count:
        return mask
    step = axes[0][1] - axes[0][0]
    large = np.bincount(labels.ravel()) * step**3 >= SMALLEST_BONE
    large[0] = False
    return np.asarray(large[labels])


def _air(hu: NDArray[np.float32], body: BoolArray) -> BoolArray:
    """Air inside the body that is not that of the skin's own partial volume."""
    deep = scipy.ndimage.binary_erosion(body, iterations=2, border_value=1)
    return np.asarray((hu < AIR_HU) & deep)


def _centres(mask: BoolArray, axes: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
    return np.column_stack([c[i] for c, i in zip(axes, np.nonzero(mask), strict=True)])


def _surface(
    mask: BoolArray, axes: tuple[FloatArray, FloatArray, FloatArray]
) -> scipy.spatial.cKDTree | None:
    if not mask.any():
        return None
    # Inner voxels are kept as well where the mask is thin; a needle cannot reach one without passing the surface.
    return scipy.spatial.cKDTree(_centres(mask & ~scipy.ndimage.binary_erosion(mask), axes))
