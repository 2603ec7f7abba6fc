"""Rods fitted to bright voxels of a CT."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from validation.case.implant import SEED_DIAMETER
from validation.case.seed_finder_image import SeedImage, directions, segment_distance

FloatArray = NDArray[np.float64]
Pose = tuple[FloatArray, FloatArray]  # centre, unit direction

# Streaks and noise bend the sum of squares of a voxel beyond this, HU (soft L1 beyond it).
ROBUST_SCALE = 250.0
# A further seed has to explain at least this share of the energy (sum of squared excess) of a seed alone.
LEAST_ENERGY = 0.2
# and this share of what others leave of its own voxels: bone, which a rod does not fit, ends the search.
LEAST_EXPLAINED = 0.4
_BANK = directions(21)
_STARTS = 3
_MODEL_SHARE = 0.01  # of a seed's energy: a blurred rod is not quite what a scanner shows
_STEPS = np.array([0.002, 0.002, 0.002, 0.02, 0.02])  # cm, rad: of derivatives


@dataclass(frozen=True, eq=False)
class Voxels:
    """Voxels to be explained.

    Parameters
    ----------
    points : ndarray, shape (m, 3)
        Voxel centres, cm.
    excess : ndarray, shape (m,)
        CT number above the surroundings, HU.
    ceiling : ndarray, shape (m,)
        Excess at which the scale of the CT ends, HU.
    """

    points: FloatArray
    excess: FloatArray
    ceiling: FloatArray

    def part(self, mask: NDArray[np.bool_]) -> Voxels:
        """Some of the voxels."""
        return Voxels(self.points[mask], self.excess[mask], self.ceiling[mask])


@dataclass(frozen=True, eq=False)
class Rod:
    """One seed as fitted.

    Parameters
    ----------
    position, axis : ndarray, shape (3,)
        Centre in cm and unit direction with z ≥ 0.
    energy : float
        Share of a lone seed's energy that it explains: 1 for a seed apart from others.
    agreement : float
        1 − (squared residual)/(squared excess) over its voxels, robust to single voxels.
    position_std_dev, axis_std_dev : float
        From the fit: cm (one direction), rad.
    unexplained : float
        Brightness that is left beside it (90th percentile within 3.5 mm), as a share of its own peak.
    patch : float
        Share of the brightness of the patch it lies in that all rods together explain.
    bare_agreement : float
        Agreement without the share of the residual that streaks and noise make, as seen beside the rod.
    """

    position: FloatArray
    axis: FloatArray
    energy: float = 0.0
    agreement: float = 0.0
    position_std_dev: float = float("nan")
    axis_std_dev: float = float("nan")
    unexplained: float = 0.0
    patch: float = 1.0
    bare_agreement: float = 0.0

    @property
    def score(self) -> float:
        """How much like a seed: 1 for one that explains its voxels, has a seed's energy and dark surroundings."""
        return self.agreement * min(self.energy, 1 / max(self.energy, 1e-3)) / (1 + self.unexplained)


def robust_cost(residual: FloatArray) -> FloatArray:
    """Robust sum of squares over the last axis (soft L1), HU²."""
    return np.asarray(
        np.sum(2 * ROBUST_SCALE**2 * (np.sqrt(1 + (residual / ROBUST_SCALE) ** 2) - 1), axis=-1)
    )


def best_rod(voxels: Voxels, image: SeedImage, beside: FloatArray, top: FloatArray) -> Pose | None:
    """The rod that lowers the residual most, beside those there are.

    Parameters
    ----------
    voxels : Voxels
        Those within sight of `top`.
    image : SeedImage
        How a seed looks.
    beside : ndarray, shape (m,)
        Excess of the seeds there are, not cut off, HU.
    top : ndarray, shape (3,)
        Where the residual is brightest, cm.

    Returns
    -------
    tuple of two ndarrays, or None
        Centre and unit direction; nothing if no rod at the place explains a good part of it.
    """
    residual = voxels.excess - np.minimum(beside, voxels.ceiling)
    # Half a seed around, and the slices above and below: their share tells where between them it lies.
    wide = np.maximum(0.25, [0.0, 0.0, 1.1 * image.spacing[2]])
    bright = np.maximum(residual, 0.0) * ((((voxels.points - top) / wide) ** 2).sum(axis=1) < 1.0)
    centroid = (bright @ voxels.points) / bright.sum() if bright.sum() > 0 else top
    axes = np.concatenate([_BANK] * 4)
    shifts = [np.tile(centroid, (len(_BANK), 1)), *(top + 0.13 * k * _BANK for k in (-1, 0, 1))]
    centres = np.concatenate(shifts)
    each = image.excess * image.filled_by(voxels.points, centres, axes)
    costs = robust_cost(np.minimum(beside + each, voxels.ceiling) - voxels.excess)
    order = np.argsort(costs)
    first = int(order[0])
    if not explains(voxels, beside, each[first], 0.5 * LEAST_ENERGY, 0.5 * LEAST_EXPLAINED):
        return None
    best: tuple[float, Pose] | None = None
    taken: list[FloatArray] = []
    for k in order:
        if any(abs(axes[k] @ other) > 0.9 for other in taken):
            continue
        taken.append(axes[k])
        pose = refined(voxels, image, [(centres[k], axes[k])], beside, 10)[0]
        own = image.excess * image.filled(voxels.points, *pose)
        cost = float(robust_cost(np.minimum(beside + own, voxels.ceiling) - voxels.excess))
        if best is None or cost < best[0]:
            best = (cost, pose)
        if len(taken) == _STARTS:
            break
    return None if best is None else best[1]


def explains(
    voxels: Voxels,
    beside: FloatArray,
    own: FloatArray,
    energy: float = LEAST_ENERGY,
    share: float = LEAST_EXPLAINED,
) -> bool:
    """Whether a rod explains enough: of a lone seed's energy, and of what others leave of its own voxels."""
    alone = np.minimum(own, voxels.ceiling)
    mine = alone > 0.1 * alone.max()
    before = np.minimum(beside, voxels.ceiling) - voxels.excess
    after = np.minimum(beside + own, voxels.ceiling) - voxels.excess
    gain = float(robust_cost(before) - robust_cost(after))
    gain_here, here = (
        float(robust_cost(before[mine]) - robust_cost(after[mine])),
        float(robust_cost(before[mine])),
    )
    return gain > energy * float(robust_cost(alone)) and gain_here > share * here


def _varied(pose: Pose, steps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A pose and what it becomes with each step (x, y, z in cm, two turns in rad) by itself, shapes (6, 3)."""
    position, axis = pose
    e = np.eye(3)[np.argmin(np.abs(axis))]
    e = e - (e @ axis) * axis
    e /= np.linalg.norm(e)
    f = np.array(
        [axis[1] * e[2] - axis[2] * e[1], axis[2] * e[0] - axis[0] * e[2], axis[0] * e[1] - axis[1] * e[0]]
    )
    positions, axes = np.tile(position, (6, 1)), np.tile(axis, (6, 1))
    positions[1:4] += np.diag(steps[:3])
    axes[4] += steps[3] * e
    axes[5] += steps[4] * f
    return positions, axes / np.linalg.norm(axes, axis=1)[:, None]


def _moved(pose: Pose, change: FloatArray) -> Pose:
    _, axes = _varied(pose, change)
    axis = axes[4] + axes[5] - axes[0]
    return pose[0] + change[:3], axis / np.linalg.norm(axis)


def refined(
    voxels: Voxels, image: SeedImage, rods: list[Pose], beside: FloatArray, rounds: int = 20
) -> list[Pose]:
    """Rods moved and turned to the least robust sum of squares (Levenberg–Marquardt, reweighted); bodies apart."""

    def seen(poses: list[Pose], derivatives: bool) -> tuple[float, FloatArray, FloatArray]:
        linear = beside.copy()
        jacobian = np.zeros((len(voxels.points), 5 * len(poses)))
        for k, pose in enumerate(poses):
            near = image.near(voxels.points, pose[0])
            if not near.any():
                continue
            positions, axes = _varied(pose, _STEPS) if derivatives else (pose[0][None], pose[1][None])
            each = image.excess * image.filled_by(voxels.points[near], positions, axes)
            linear[near] += each[0]
            if derivatives:
                jacobian[near, 5 * k : 5 * k + 5] = ((each[1:] - each[0]) / _STEPS[:, None]).T
        misfit = np.minimum(linear, voxels.ceiling) - voxels.excess
        jacobian[linear >= voxels.ceiling] = 0.0
        cost = float(robust_cost(misfit)) + _overlap_cost(poses, image.length)
        return cost, misfit, jacobian

    damping = 1e-2
    cost, misfit, jacobian = seen(rods, True)
    for _ in range(rounds):
        weight = 1 / np.sqrt(1 + (misfit / ROBUST_SCALE) ** 2)
        normal = jacobian.T @ (weight[:, None] * jacobian)
        gradient = jacobian.T @ (weight * misfit)
        # Prior steps of 3 mm and 60 degrees keep what no voxel tells from running away.
        floor = ROBUST_SCALE**2 * np.tile([11.0, 11.0, 11.0, 1.0, 1.0], len(rods))
        improved = False
        for _ in range(4):
            matrix = normal + np.diag(floor + damping * np.diag(normal))
            step = -np.linalg.solve(matrix, gradient)
            parts = step.reshape(-1, 5)
            parts = np.clip(parts, [-0.1] * 3 + [-0.5] * 2, [0.1] * 3 + [0.5] * 2)
            tried = [_moved(pose, part) for pose, part in zip(rods, parts, strict=True)]
            after, _, _ = seen(tried, False)
            if after < cost:
                improved = True
                break
            damping *= 8
        if not improved:
            break
        gain, rods = cost - after, tried
        damping = max(damping / 5, 1e-4)
        cost, misfit, jacobian = seen(rods, True)
        if gain < 1e-4 * cost:
            break
    return rods


def _overlap_cost(poses: list[Pose], length: float) -> float:
    """Penalty for bodies in each other: half a diameter weighs as much as forty voxels at the robust scale."""
    total = 0.0
    for i, (p, u) in enumerate(poses):
        for q, v in poses[i + 1 :]:
            if np.linalg.norm(p - q) < length + SEED_DIAMETER:
                depth = max(0.0, SEED_DIAMETER - segment_distance(p, u, q, v, length))
                total += 40 * ROBUST_SCALE**2 * (depth / (SEED_DIAMETER / 2)) ** 2
    return total


def judged(voxels: Voxels, image: SeedImage, pose: Pose, beside: FloatArray) -> Rod:
    """How much a rod explains, and how well it is known.

    Parameters
    ----------
    voxels : Voxels
        Those within sight of the rod.
    image : SeedImage
        How a seed looks.
    pose : tuple of two ndarrays
        Centre and direction.
    beside : ndarray, shape (m,)
        Excess of all other seeds, not cut off, HU.

    Returns
    -------
    Rod
    """
    position, axis = pose
    axis = axis if axis[2] >= 0 else -axis
    own = image.excess * image.filled(voxels.points, position, axis)
    alone = np.minimum(own, voxels.ceiling)
    misfit = np.minimum(beside + own, voxels.ceiling) - voxels.excess
    without = np.minimum(beside, voxels.ceiling) - voxels.excess
    energy = float(robust_cost(without) - robust_cost(misfit)) / max(float(robust_cost(alone)), 1.0)
    mine = alone > 0.1 * alone.max()
    agreement = 1 - float(robust_cost(misfit[mine])) / max(float(robust_cost(voxels.excess[mine])), 1.0)
    part = voxels.part(mine)
    steps = 5 * _STEPS
    each = image.excess * image.filled_by(part.points, *_varied((position, axis), steps))
    jacobian = ((each[1:] - each[0]) / steps[:, None]).T * (beside[mine] + each[0] < part.ceiling)[:, None]
    spread = max(float(np.sqrt(np.mean(misfit[mine] ** 2))), 10.0)
    # What no voxel tells stays finite: 3 mm, 1 rad; along z anywhere in the slice.
    floor = np.diag([11.0, 11.0, max(11.0, 12 / image.spacing[2] ** 2), 1.0, 1.0])
    normal = jacobian.T @ jacobian / spread**2 + floor
    variance = np.diag(np.linalg.inv(normal))
    shell = ~mine & (np.linalg.norm(voxels.points - position, axis=1) < 0.35)
    beyond = -misfit[shell] if shell.any() else np.zeros(1)
    left = float(np.percentile(beyond, 90)) / float(alone.max())
    # Streaks and noise go both ways, bone does not: twice the mean square of what is too dark is theirs.
    streaks = 2 * float(np.mean(np.minimum(beyond, 0.0) ** 2)) * np.count_nonzero(mine)
    bare = max(0.0, float(robust_cost(misfit[mine])) - streaks)
    bare = 1 - bare / max(float(robust_cost(voxels.excess[mine])), 1.0)
    return Rod(
        position, axis, energy, agreement, float(np.sqrt(variance[:3].max())), float(np.sqrt(variance[3:].max())),
        max(left, 0.0), bare_agreement=bare,
    )  # fmt: skip


def mirrored(voxels: Voxels, image: SeedImage, rod: Rod, beside: FloatArray) -> Rod:
    """The rod with the uncertainty of its direction enlarged where it could as well be tilted the other way.

    A seed within one or two slices shows how long it is in plane, not which end is up.

    Parameters
    ----------
    voxels, image, beside
        As in `judged`.
    rod : Rod
        As judged.

    Returns
    -------
    Rod
    """
    flipped = rod.axis * (1.0, 1.0, -1.0)
    position, axis = refined(voxels, image, [(rod.position, flipped)], beside, 8)[0]
    angle = float(np.arccos(min(1.0, abs(float(axis @ rod.axis)))))

    def cost(pose: Pose) -> float:
        own = image.excess * image.filled(voxels.points, *pose)
        return float(robust_cost(np.minimum(beside + own, voxels.ceiling) - voxels.excess))

    more = cost((position, axis)) - cost((rod.position, rod.axis))
    # Three standard deviations apart in the sum of squares.
    if more < 9.0 * misfit_variance(voxels, image, (rod.position, rod.axis), beside):
        return replace(rod, axis_std_dev=max(rod.axis_std_dev, 0.5 * angle))
    return rod


def misfit_variance(voxels: Voxels, image: SeedImage, pose: Pose, beside: FloatArray) -> float:
    """Mean square of what a rod leaves of its voxels, at least what a seed differs from a rod, HU².

    Parameters
    ----------
    voxels, image, pose, beside
        As in `judged`.

    Returns
    -------
    float
    """
    own = image.excess * image.filled(voxels.points, *pose)
    misfit = np.minimum(beside + own, voxels.ceiling) - voxels.excess
    noise = float(np.mean(misfit[own > 0.1 * own.max()] ** 2))
    alone = float(robust_cost(np.minimum(own, voxels.ceiling)))
    return max(noise, 10.0**2, _MODEL_SHARE * alone / 9)
