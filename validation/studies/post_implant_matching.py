"""Planned seeds and seeds found after implantation, matched one to one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# A seed farther than this from its planned place counts as lost, cm.
GATE = 2.0
_ROUNDS = 50
_TURNS = np.radians((-15.0, 0.0, 15.0))


@dataclass(frozen=True, eq=False)
class RigidMotion:
    """From the frame of the plan to that of the post-implant CT: x' = R x + t.

    Parameters
    ----------
    rotation : ndarray, shape (3, 3)
        R, a rotation.
    translation : ndarray, shape (3,)
        t, cm.
    """

    rotation: FloatArray
    translation: FloatArray

    def __call__(self, points: ArrayLike) -> FloatArray:
        """Points (n, 3) carried over, cm."""
        return np.asarray(np.asarray(points, dtype=float) @ self.rotation.T + self.translation)

    def turn(self, axes: ArrayLike) -> FloatArray:
        """Directions (n, 3) carried over."""
        return np.asarray(np.asarray(axes, dtype=float) @ self.rotation.T)

    @property
    def angle(self) -> float:
        """Angle of the rotation, rad."""
        return float(np.arccos(np.clip(0.5 * (np.trace(self.rotation) - 1), -1.0, 1.0)))


NO_MOTION = RigidMotion(np.eye(3), np.zeros(3))


@dataclass(frozen=True, eq=False)
class SeedMatching:
    """Which found seed is which planned one.

    Parameters
    ----------
    plan, found : ndarray of int, shape (n,)
        Indices of the pairs, by planned seed.
    lost : ndarray of int
        Planned seeds without a found one within the gate.
    extra : ndarray of int
        Found seeds without a planned one.
    displacement : ndarray, shape (n, 3)
        Found minus planned place (carried to the CT's frame), cm.
    along : ndarray, shape (n,)
        Its component along the planned axis, cm.
    across : ndarray, shape (n,)
        Length of the rest, cm.
    rotation : ndarray, shape (n,)
        Angle between planned and found axis, rad; NaN where the found one cannot be told.
    needles : ndarray of int, shape (n,)
        Needle of each pair, -1 if unknown.
    motion : RigidMotion
        From the plan's frame to the CT's.
    gate : float
        Largest distance of a pair, cm.
    """

    plan: IntArray
    found: IntArray
    lost: IntArray
    extra: IntArray
    displacement: FloatArray
    along: FloatArray
    across: FloatArray
    rotation: FloatArray
    needles: IntArray
    motion: RigidMotion
    gate: float

    @property
    def distance(self) -> FloatArray:
        """Length of each displacement, shape (n,), cm."""
        return np.asarray(np.linalg.norm(self.displacement, axis=1))


def assign(plan: ArrayLike, found: ArrayLike, gate: float) -> tuple[IntArray, IntArray]:
    """Pair points one to one so that the sum of squared distances is least; no pair is farther apart than the gate.

    Minimises Σ min(d², gate²) over one-to-one pairings: leaving a pair apart costs as much as a pair at the gate.

    Parameters
    ----------
    plan, found : array_like, shape (n, 3), (m, 3)
        Places, cm.
    gate : float
        Largest distance, cm.

    Returns
    -------
    tuple of two ndarrays of int
        Indices into `plan` (ascending) and `found`.

    Notes
    -----
    Linear sum assignment: Crouse, IEEE Trans. Aerosp. Electron. Syst. 52, 1679 (2016),
    doi:10.1109/TAES.2016.140952.

    Examples
    --------
    >>> [k.tolist() for k in assign([[0, 0, 0], [1, 0, 0]], [[1.1, 0, 0]], 0.5)]
    [[1], [0]]
    """
    squared = scipy.spatial.distance.cdist(np.atleast_2d(plan), np.atleast_2d(found), "sqeuclidean")
    rows, columns = scipy.optimize.linear_sum_assignment(np.minimum(squared, gate**2))
    near = squared[rows, columns] < gate**2
    return rows[near].astype(np.int64), columns[near].astype(np.int64)


def rigid_motion(source: ArrayLike, goal: ArrayLike) -> RigidMotion:
    """Rotation and shift that bring points nearest to others, in the least-squares sense.

    Parameters
    ----------
    source, goal : array_like, shape (n, 3)
        Corresponding points, cm; at least three that are not on one line.

    Returns
    -------
    RigidMotion

    Notes
    -----
    Kabsch, Acta Cryst. A32, 922 (1976), doi:10.1107/S0567739476001873.

    Examples
    --------
    >>> square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    >>> rigid_motion(square, square + [1, 2, 3]).translation.round(9).tolist()
    [1.0, 2.0, 3.0]
    """
    a, b = np.asarray(source, dtype=float), np.asarray(goal, dtype=float)
    centre, aim = a.mean(axis=0), b.mean(axis=0)
    u, _, vt = np.linalg.svd((a - centre).T @ (b - aim))
    sign = np.sign(np.linalg.det(vt.T @ u.T))
    rotation = vt.T @ np.diag([1.0, 1.0, sign]) @ u.T
    return RigidMotion(rotation, aim - rotation @ centre)


def register_by_seeds(plan: ArrayLike, found: ArrayLike, gate: float = GATE) -> RigidMotion:
    """Motion from the plan's frame to the CT's, from the seeds alone.

    Assignment and least-squares motion in turn (iterative closest point with one-to-one pairs), from several starts:
    centres laid on each other, with turns of 15° about each axis. The start that ends at the least cost counts.

    Parameters
    ----------
    plan, found : array_like, shape (n, 3), (m, 3)
        Places in the two frames, cm; at least three each.
    gate : float
        Pairs farther apart do not count, cm.

    Returns
    -------
    RigidMotion

    Raises
    ------
    InvalidInput
        Fewer than three seeds.

    Notes
    -----
    What all seeds have in common, a shift of the implant as a whole included, becomes part of the motion and is no
    displacement any more. Iterative closest point: Besl and McKay, IEEE Trans. PAMI 14, 239 (1992),
    doi:10.1109/34.121791.
    """
    a, b = np.asarray(plan, dtype=float), np.asarray(found, dtype=float)
    if min(len(a), len(b)) < 3:
        raise InvalidInput(
            f"seeds to register by are {min(len(a), len(b))}, expected at least 3 (three points fix a rigid motion). "
            f"Give images in one frame of reference instead."
        )
    best, least = NO_MOTION, np.inf
    for turn in product(_TURNS, repeat=3):
        rotation = scipy.spatial.transform.Rotation.from_euler("xyz", turn).as_matrix()
        motion = RigidMotion(rotation, b.mean(axis=0) - rotation @ a.mean(axis=0))
        previous: tuple[bytes, bytes] | None = None
        for k in range(_ROUNDS):
            # Wide at first: the centres differ where seeds are lost.
            rows, columns = assign(motion(a), b, 2 * gate if k < 3 else gate)
            if len(rows) < 3 or (rows.tobytes(), columns.tobytes()) == previous:
                break
            previous = (rows.tobytes(), columns.tobytes())
            motion = rigid_motion(a[rows], b[columns])
        rows, columns = assign(motion(a), b, gate)
        squared = ((motion(a[rows]) - b[columns]) ** 2).sum()
        cost = float(squared + gate**2 * (min(len(a), len(b)) - len(rows)))
        if cost < least:
            best, least = motion, cost
    return best


def match_seeds(
    plan_positions: ArrayLike,
    plan_axes: ArrayLike,
    found_positions: ArrayLike,
    found_axes: ArrayLike,
    *,
    resolved: ArrayLike | None = None,
    needles: ArrayLike | None = None,
    motion: RigidMotion = NO_MOTION,
    gate: float = GATE,
) -> SeedMatching:
    """Match planned seeds with found ones.

    Parameters
    ----------
    plan_positions, plan_axes : array_like, shape (n, 3)
        Planned seeds in the plan's frame, cm.
    found_positions, found_axes : array_like, shape (m, 3)
        Found seeds in the CT's frame, cm.
    resolved : array_like of bool, shape (m,), optional
        Found directions that can be told; all by default.
    needles : array_like of int, shape (n,), optional
        Needle of each planned seed.
    motion : RigidMotion
        From the plan's frame to the CT's; none if they are one frame.
    gate : float
        A seed farther from every free planned place counts as another one, cm.

    Returns
    -------
    SeedMatching

    Raises
    ------
    InvalidInput
        The gate is not positive or nothing can be matched.

    Examples
    --------
    >>> z = [[0, 0, 1.0]] * 2
    >>> pairs = match_seeds([[0, 0, 0], [1, 0, 0]], z, [[1.0, 0.1, 0.2]], z[:1])
    >>> pairs.plan.tolist(), pairs.lost.tolist(), round(float(pairs.along[0]), 3), round(float(pairs.across[0]), 3)
    ([1], [0], 0.2, 0.1)
    """
    if not gate > 0:
        raise InvalidInput(
            f"gate is {10 * gate:g} mm, expected > 0 mm (seeds farther than this from their plan count as lost). Give "
            f"a distance such as 20 mm."
        )
    places, axes = motion(plan_positions), motion.turn(plan_axes)
    found, directions = np.asarray(found_positions, dtype=float), np.asarray(found_axes, dtype=float)
    rows, columns = assign(places, found, gate)
    if not len(rows):
        nearest = float(scipy.spatial.distance.cdist(places, found).min())
        raise InvalidInput(
            f"nearest found seed is {10 * nearest:.1f} mm from a planned one, expected at most {10 * gate:g} mm (no "
            f"seed can be matched). Check that the CT and the plan share a frame, register by seeds, or raise the gate."
        )
    displacement = found[columns] - places[rows]
    along = (displacement * axes[rows]).sum(axis=1)
    across = np.linalg.norm(displacement - along[:, None] * axes[rows], axis=1)
    cosine = np.clip(np.abs((directions[columns] * axes[rows]).sum(axis=1)), 0.0, 1.0)
    rotation = np.arccos(cosine)
    if resolved is not None:
        rotation[~np.asarray(resolved, dtype=bool)[columns]] = np.nan
    numbers = np.full(len(places), -1) if needles is None else np.asarray(needles)
    return SeedMatching(
        rows, columns,
        np.setdiff1d(np.arange(len(places)), rows), np.setdiff1d(np.arange(len(found)), columns),
        displacement, along, across, rotation, numbers[rows].astype(np.int64), motion, gate,
    )  # fmt: skip
