"""Candidate needles: parallel lines from the skin into the target, and the seed places on them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from tg43.planner import Candidates
from validation.studies.plan_obstacles import Surroundings, clearance
from validation.studies.plan_settings import PlanSettings

FloatArray = NDArray[np.float64]

SAMPLE = 0.05  # cm between places of a needle that are checked
TIP_BEYOND = 0.25  # cm from the centre of the deepest seed to the needle's tip: half a seed and its plug
SEED_TO_SEED = 0.5  # cm, centres of a planned and an existing seed
NO_SKIN = "the CT ends before the skin"
TOO_LONG = "longer than the longest needle"
NEAR_SKIN = "seeds too near to the skin"


@dataclass(frozen=True)
class NeedleLines:
    """Candidate needles of a patient.

    Attributes
    ----------
    candidates : Candidates
        Seed places; `places` are distances from the skin, cm.
    entries : ndarray, shape (k, 3)
        Where each needle enters the skin, cm.
    directions : ndarray, shape (k, 3)
        Skin to tip.
    refused : Counter of str
        How many seed places inside the target were refused, by reason.
    wanted : int
        Seed places inside the target before anything was refused.
    """

    candidates: Candidates
    entries: FloatArray
    directions: FloatArray
    refused: Counter[str]
    wanted: int

    def tip(self, needle: int, place: float) -> FloatArray:
        """Where the tip ends if the deepest seed of a needle lies at this distance from the skin, cm."""
        return np.asarray(self.entries[needle] + (place + TIP_BEYOND) * self.directions[needle])


def lattice(direction: FloatArray, centre: FloatArray, reach: float, step: float) -> FloatArray:
    """Places of parallel lines in the plane through `centre`, cm, shape (k, 3), on a square lattice.

    Examples
    --------
    >>> lattice(np.array([0.0, 0.0, 1.0]), np.zeros(3), 0.5, 0.5).shape
    (9, 3)
    """
    across, up = frame(direction)
    count = int(np.floor(reach / step + 1e-9))
    steps = np.arange(-count, count + 1) * step
    a, b = np.meshgrid(steps, steps, indexing="ij")
    return np.asarray(centre + a.reshape(-1, 1) * across + b.reshape(-1, 1) * up)


def frame(direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors across a direction, the first one horizontal where that is possible.

    Examples
    --------
    >>> across, up = frame(np.array([1.0, 0.0, 0.0]))
    >>> across.tolist(), up.tolist()
    ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    """
    across = np.cross([0.0, 0.0, 1.0], direction)
    if np.linalg.norm(across) < 0.05:
        across = np.cross(direction, [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    return np.asarray(across), np.asarray(np.cross(direction, across))


def find_needles(
    around: Surroundings,
    settings: PlanSettings,
    directions: FloatArray,
    existing: FloatArray,
    lines: FloatArray | None = None,
    grid_step: float | None = None,
) -> NeedleLines:
    """Candidate needles in given directions and their seed places.

    A place is refused if the needle to it, from the skin to its tip, comes closer to an obstacle than the margin, if
    the CT ends before the skin is reached, if the skin is nearer than seeds may be, or if an existing seed lies there.

    Parameters
    ----------
    around : Surroundings
        Patient.
    settings : PlanSettings
        Margins, spacing.
    directions : ndarray, shape (d, 3)
        Unit directions, skin to tip.
    existing : ndarray, shape (n, 3)
        Seeds already there, cm.
    lines : ndarray, shape (k, 6), optional
        More needles, each by a place on it (cm) and its unit direction.
    grid_step : float, optional
        Step of the lattice instead of that of the settings, cm.

    Returns
    -------
    NeedleLines
    """
    reachable = around.target >= 0.5
    axes = (around.x, around.y, around.z)
    cloud = np.column_stack([c[i] for c, i in zip(axes, np.nonzero(reachable), strict=True)])
    centre = cloud.mean(axis=0)
    reach = float(np.linalg.norm(cloud - centre, axis=1).max()) + settings.margins.outside + around.step
    places, towards = [np.zeros((0, 3))], [np.zeros((0, 3))]
    for direction in directions:
        starts = lattice(direction, centre, reach, grid_step or settings.grid_step)
        places.append(starts)
        towards.append(np.broadcast_to(direction, starts.shape))
    if lines is not None:
        places.append(lines[:, :3])
        towards.append(lines[:, 3:])
    origin, axis = np.concatenate(places), np.concatenate(towards)
    inside = _in_target(around, settings.margins.outside)
    return _checked(around, settings, origin, axis, centre, reach, inside, existing)


def _in_target(around: Surroundings, outside: float) -> scipy.interpolate.RegularGridInterpolator:
    """Signed depth in the target, cm: at least 0 where a seed may lie."""
    part = around.target
    # Half of a voxel inside marks the surface; linear interpolation in between.
    if outside <= 0:
        return scipy.interpolate.RegularGridInterpolator(
            (around.x, around.y, around.z), part - 0.5, bounds_error=False, fill_value=-1.0
        )
    away = scipy.ndimage.distance_transform_edt(part < 0.5, sampling=around.step) - around.step / 2
    return scipy.interpolate.RegularGridInterpolator(
        (around.x, around.y, around.z), outside - away, bounds_error=False, fill_value=-1.0
    )


def _checked(
    around: Surroundings,
    settings: PlanSettings,
    origin: FloatArray,
    axis: FloatArray,
    centre: FloatArray,
    reach: float,
    inside: scipy.interpolate.RegularGridInterpolator,
    existing: FloatArray,
) -> NeedleLines:
    # Slots lie on planes across the needle through the target's centre, so that neighbouring needles line up.
    nearest = ((centre - origin) * axis).sum(axis=1)
    count = int(np.ceil(reach / settings.slot_step))
    offsets = np.arange(-count, count + 1) * settings.slot_step
    slots = origin[:, None] + (nearest[:, None] + offsets)[..., None] * axis[:, None]
    wanted = inside(slots) >= 0.0
    hit = wanted.any(axis=1)
    origin, axis, nearest, slots = (a[hit] for a in (origin, axis, nearest, slots))
    wanted = np.asarray(wanted[hit], dtype=np.bool_)
    refused: Counter[str] = Counter()
    allowed = wanted.copy()

    def refuse(bad: NDArray[np.bool_], reason: str) -> None:
        refused[reason] += int((allowed & bad).sum())
        allowed[bad] = False

    # Each line is walked from outside to the deepest slot.
    along = np.arange(-settings.longest_needle - reach, reach + TIP_BEYOND + SAMPLE, SAMPLE)
    path = origin[:, None] + (nearest[:, None] + along)[..., None] * axis[:, None]
    index, in_grid = around.index(path)
    in_body = around.body[tuple(np.moveaxis(index, -1, 0))] & in_grid
    entry = np.argmax(in_body, axis=1)  # the first place of the body
    cut = ~in_grid[np.arange(len(path)), np.maximum(entry - 1, 0)] | (entry == 0)
    refuse(np.broadcast_to((cut | ~in_body.any(axis=1))[:, None], allowed.shape), NO_SKIN)
    entries = path[np.arange(len(path)), entry]
    depth = ((slots - entries[:, None]) * axis[:, None]).sum(axis=-1)
    refuse(depth + TIP_BEYOND > settings.longest_needle, TOO_LONG)
    walked = np.asarray(np.arange(along.size)[None, :] >= entry[:, None], dtype=np.bool_)
    walked &= np.asarray(allowed.any(axis=1))[:, None]
    tip_index = np.searchsorted(along, offsets + TIP_BEYOND)
    for obstacle in around.obstacles:
        blocked = np.zeros(walked.shape, dtype=np.bool_)
        blocked[walked] = clearance(obstacle, path[walked], around.step) < obstacle.margin
        blocked[walked] |= obstacle.inside[tuple(index[walked].T)]
        # Blocked anywhere up to the tip that a slot needs.
        until = np.cumsum(blocked, axis=1)[:, np.minimum(tip_index, along.size - 1)] > 0
        refuse(until, f"needle within {10 * obstacle.margin:g} mm of {obstacle.name}")
    near = np.zeros(allowed.shape, dtype=np.bool_)
    near[allowed] = around.skin_distance(slots[allowed], settings.margins.skin) < settings.margins.skin - 1e-9
    refuse(near, NEAR_SKIN)
    if len(existing):
        beside = np.zeros(allowed.shape, dtype=np.bool_)
        beside[allowed] = scipy.spatial.cKDTree(existing).query(slots[allowed])[0] < SEED_TO_SEED
        refuse(beside, "a seed is there")
    keep = np.flatnonzero(allowed.any(axis=1))
    number = np.cumsum(allowed.any(axis=1)) - 1
    rows, _ = np.nonzero(allowed)
    candidates = Candidates(slots[allowed], axis[rows], number[rows], depth[allowed])
    return NeedleLines(candidates, entries[keep], axis[keep], refused, int(wanted.sum()))
