"""How far seeds moved: statistics that describe an implant and feed displacement studies."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import ArrayLike, NDArray

from validation.studies.post_implant_matching import SeedMatching

FloatArray = NDArray[np.float64]
FAR = 0.5  # cm; seeds beyond are counted


@dataclass(frozen=True)
class DisplacementStatistics:
    """Displacements of the matched seeds of one implant, cm.

    Parameters
    ----------
    seeds, lost, extra : int
        Matched, planned without a match, found without a match.
    mean, mean_std_dev, std_dev : tuple of float
        Of x, y, z (patient LPS): systematic shift, its standard uncertainty, spread about it (random part).
    length_mean, length_median, length_p90, length_max : float
        Of the distance from plan.
    far_fraction : float
        Share farther than 5 mm.
    along_mean, along_std_dev : float
        Component along the planned seed axis (positive as the axis points).
    across_rms : float
        Root mean square of each of the two components across it.
    needle_along_std_dev, needle_across_std_dev : float
        Part shared by the seeds of a needle (between-needle component of variance, per direction); NaN if no needle
        has two seeds, or there is one needle only.
    seed_along_std_dev, seed_across_std_dev : float
        Part of a seed by itself (within-needle component, per direction); NaN likewise.
    loss_probability, loss_low, loss_high : float
        Share of planned seeds lost and its 95 % interval (Wilson).
    rotation_mean, rotation_p90 : float
        Angle from the planned axis, rad; NaN if no direction could be told.
    rotations : int
        Seeds whose direction could be told.
    registration_shift, registration_angle : float
        What was taken off before: shift of the centre, cm, and angle, rad; 0 in one frame of reference.
    """

    seeds: int
    lost: int
    extra: int
    mean: tuple[float, float, float]
    mean_std_dev: tuple[float, float, float]
    std_dev: tuple[float, float, float]
    length_mean: float
    length_median: float
    length_p90: float
    length_max: float
    far_fraction: float
    along_mean: float
    along_std_dev: float
    across_rms: float
    needle_along_std_dev: float
    needle_across_std_dev: float
    seed_along_std_dev: float
    seed_across_std_dev: float
    loss_probability: float
    loss_low: float
    loss_high: float
    rotation_mean: float
    rotation_p90: float
    rotations: int
    registration_shift: float
    registration_angle: float

    def record(self) -> dict[str, object]:
        """As JSON takes it: lengths in cm, angles in rad, NaN as None."""

        def plain(value: object) -> object:
            if isinstance(value, float):
                return value if np.isfinite(value) else None
            return [plain(v) for v in value] if isinstance(value, tuple) else value

        return {name: plain(value) for name, value in asdict(self).items()}


def variance_components(values: ArrayLike, groups: ArrayLike) -> tuple[float, float]:
    """Variance between groups and within them, of a random-effects model with groups of any size.

    y_ij = µ + a_i + e_ij; with the mean squares MSB and MSW, s²_e = MSW and s²_a = max(0, (MSB − MSW)/n₀),
    n₀ = (N − Σ n_i²/N)/(g − 1).

    Parameters
    ----------
    values : array_like, shape (n,) or (n, k)
        Columns are pooled: their sums of squares add up.
    groups : array_like of int, shape (n,)
        Group of each row.

    Returns
    -------
    tuple of float
        Between and within, per column; NaN if there is one group, or none with two members.

    Notes
    -----
    Searle, Casella and McCulloch, Variance Components (1992), doi:10.1002/9780470316856.

    Examples
    --------
    >>> variance_components([1.0, 1.0, 3.0, 3.0], [0, 0, 1, 1])
    (2.0, 0.0)
    """
    y = np.asarray(values, dtype=float)
    y = y[:, None] if y.ndim == 1 else y
    names, index, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    total, count = len(y), len(names)
    if count < 2 or total <= count:
        return float("nan"), float("nan")
    means = np.array([y[index == k].mean(axis=0) for k in range(count)])
    within = float(((y - means[index]) ** 2).sum() / (total - count) / y.shape[1])
    between = float((sizes[:, None] * (means - y.mean(axis=0)) ** 2).sum() / (count - 1) / y.shape[1])
    weight = (total - (sizes**2).sum() / total) / (count - 1)
    return max(0.0, float((between - within) / weight)), within


def displacement_statistics(
    matching: SeedMatching, plan_axes: ArrayLike, plan_positions: ArrayLike | None = None
) -> DisplacementStatistics:
    """Statistics of a matching.

    Parameters
    ----------
    matching : SeedMatching
        Pairs.
    plan_axes : array_like, shape (n, 3)
        Planned directions in the plan's frame.
    plan_positions : array_like, shape (n, 3), optional
        Planned places in it, cm: about their centre the registration's shift is told; about the origin otherwise.

    Returns
    -------
    DisplacementStatistics

    Notes
    -----
    Along and across are of the planned axis of each seed, which is its needle's direction. The uncertainty of the
    found places (some 0.2 mm) is contained in every spread.
    """
    moved, distance = matching.displacement, matching.distance
    n = len(moved)
    several = n > 1
    spread = moved.std(axis=0, ddof=1) if several else np.full(3, np.nan)
    axes = matching.motion.turn(plan_axes)[matching.plan]
    known = matching.needles >= 0
    across = _across_components(moved, axes)
    needle = [variance_components(v[known], matching.needles[known]) for v in (matching.along, across)]
    lost = len(matching.lost)
    interval = scipy.stats.binomtest(lost, n + lost).proportion_ci(method="wilson")
    angles = matching.rotation[np.isfinite(matching.rotation)]
    centres = np.zeros((1, 3)) if plan_positions is None else np.asarray(plan_positions, dtype=float)
    shift = float(np.linalg.norm((matching.motion(centres) - centres).mean(axis=0)))
    return DisplacementStatistics(
        seeds=n, lost=lost, extra=len(matching.extra),
        mean=_three(moved.mean(axis=0)), mean_std_dev=_three(spread / np.sqrt(n)), std_dev=_three(spread),
        length_mean=float(distance.mean()), length_median=float(np.median(distance)),
        length_p90=float(np.percentile(distance, 90)), length_max=float(distance.max()),
        far_fraction=float((distance > FAR).mean()),
        along_mean=float(matching.along.mean()),
        along_std_dev=float(matching.along.std(ddof=1)) if several else float("nan"),
        across_rms=float(np.sqrt((matching.across**2).mean() / 2)),
        needle_along_std_dev=float(np.sqrt(needle[0][0])), seed_along_std_dev=float(np.sqrt(needle[0][1])),
        needle_across_std_dev=float(np.sqrt(needle[1][0])), seed_across_std_dev=float(np.sqrt(needle[1][1])),
        loss_probability=lost / (n + lost), loss_low=float(interval.low), loss_high=float(interval.high),
        rotation_mean=float(angles.mean()) if angles.size else float("nan"),
        rotation_p90=float(np.percentile(angles, 90)) if angles.size else float("nan"),
        rotations=int(angles.size),
        registration_shift=shift, registration_angle=matching.motion.angle,
    )  # fmt: skip


def _three(values: FloatArray) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _across_components(moved: FloatArray, axes: FloatArray) -> FloatArray:
    """Displacements in two directions across each axis, shape (n, 2): the same two for parallel axes."""
    middle = np.linalg.svd(axes)[2][0]
    least = np.eye(3)[int(np.argmin(np.abs(middle)))]
    first = least - (axes @ least)[:, None] * axes
    first /= np.linalg.norm(first, axis=1)[:, None]
    second = np.cross(axes, first)
    return np.column_stack([(moved * first).sum(axis=1), (moved * second).sum(axis=1)])
