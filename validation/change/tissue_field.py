"""The displacement field of a target that swells or shrinks: uniform inside, smooth and without folds around it.

x ↦ x + (s^w(x) − 1) ∘ (x − c), with the target's centroid c, its scale s along x, y and z, and a weight w that is 1
in the target and a narrow plateau around it and falls to 0 at the reach: w = 1 − t³(10 − 15 t + 6 t²), t the distance
from the plateau over the reach. The Jacobian is J = A + u vᵀ with A = diag(s^w), u = ln s ∘ s^w ∘ (x − c), v = ∇w, so
det J = Π s^w · (1 + Σ ln s_k (x − c)_k ∂_k w): one look at Σ (x − c)_k ∂_k w tells the volumes to which nothing folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

from mcsim.invalid_input import InvalidInput
from validation.case import Structure
from validation.change import fall_off_kernel
from validation.evaluate.structure_fractions import structure_fractions

FloatArray = NDArray[np.float64]

ISOTROPIC = (1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0)
# Nodes this part of the plateau apart: a place in the target is read as at most √(3/4 + 1) of a step from it (half the
# diagonal of a voxel and the width of the spline, in squares), which is less than the plateau.
STEP_SHARE = 0.75
MOST_NODES = 30_000_000
# det J / Π s^w is kept above this: between the nodes where it is looked at it varies by a few hundredths.
LEAST_STRETCH = 0.1
INVERSE_TOLERANCE = 1e-9  # cm
STEEPEST = 1.875  # of the weight over the reach, at half of it


@dataclass(frozen=True, eq=False)
class TissueField:
    """Displacement field for any volume ratio of one target.

    Attributes
    ----------
    centre : ndarray, shape (3,)
        Centroid of the target, cm.
    shares : tuple of float
        Exponents of the volume ratio R along x, y, z: s_k = R^share. They sum to 1; (1/3, 1/3, 1/3) is isotropic.
    plateau, reach : float
        Width around the target that scales with it, and of the fall-off beyond that, cm.
    low : ndarray, shape (3,)
        First node of the distance grid, cm.
    step : float
        Distance of its nodes, cm.
    distance : ndarray, shape (nx, ny, nz)
        Distance of the nodes from the target, cm.
    radius : float
        Largest distance of the target from its centroid, cm.
    ratio_limits : tuple of two floats
        Volume ratios between which the field does not fold, by looking at every node.
    """

    centre: FloatArray
    shares: tuple[float, float, float]
    plateau: float
    reach: float
    low: FloatArray
    step: float
    distance: FloatArray
    radius: float
    ratio_limits: tuple[float, float]

    @property
    def guaranteed_ratios(self) -> tuple[float, float]:
        """Volume ratios between which no field of this plateau and reach folds, whatever the target's shape.

        |Σ ln s_k (x − c)_k ∂_k w| ≤ |ln R| max share · |x − c| |∇w| < 1, where |x − c| ≤ radius + distance.
        """
        t = np.linspace(0.0, 1.0, 201)
        slope = 30.0 * t**2 * (1.0 - t) ** 2 / self.reach
        # A smoothed distance is short of the true one by up to the spline's width.
        farthest = self.radius + self.plateau + t * self.reach + 2.0 * self.step
        most = float((slope * farthest).max()) * max(abs(s) for s in self.shares)
        return float(np.exp(-1.0 / most)), float(np.exp(1.0 / most))

    def scale(self, ratio: float) -> FloatArray:
        """Scale along x, y, z of the target at a volume ratio, shape (3,); exactly 1 for the ratio 1."""
        return np.asarray(float(ratio) ** np.array(self.shares))

    def weights(self, points: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Weight (m,) of places in the reference geometry, and its gradient (m, 3) in 1/cm."""
        points = _points(points)
        weight, gradient = np.empty(len(points)), np.empty((len(points), 3))
        fall_off_kernel.weights(
            points, self.low, self.step, self.distance, self.plateau, self.reach, weight, gradient
        )
        return weight, gradient

    def moved(self, points: ArrayLike, ratio: float, weight: FloatArray | None = None) -> FloatArray:
        """Where tissue is at a volume ratio.

        Parameters
        ----------
        points : array_like, shape (m, 3)
            Places in the reference geometry, cm.
        ratio : float
            Volume of the target over that in the reference geometry.
        weight : ndarray, shape (m,), optional
            Their weights, if they are known: many ratios need them once.

        Returns
        -------
        ndarray, shape (m, 3)
            cm. The same bits as `points` at the ratio 1 and beyond the reach.

        Raises
        ------
        InvalidInput
            The field would fold.
        """
        points = _points(points)
        self.require(ratio)
        weight = self.weights(points)[0] if weight is None else weight
        return np.asarray(points + self._growth(ratio, weight) * (points - self.centre))

    def origin(self, places: ArrayLike, ratio: float) -> FloatArray:
        """Where the tissue at some places came from: the inverse of `moved`, to 1e-9 cm.

        Parameters
        ----------
        places : array_like, shape (m, 3)
            Places at the volume ratio, cm.
        ratio : float
            As in `moved`.

        Returns
        -------
        ndarray, shape (m, 3)
            Places in the reference geometry, cm.

        Raises
        ------
        InvalidInput
            The field would fold.
        """
        places = _points(places)
        self.require(ratio)
        result = np.empty_like(places)
        failed = fall_off_kernel.origins(
            places, self.centre, np.log(self.scale(ratio)), self.low, self.step, self.distance, self.plateau,
            self.reach, INVERSE_TOLERANCE, result,
        )  # fmt: skip
        if failed:
            raise InvalidInput(
                f"origin of {failed} of {len(places)} places is not found to {INVERSE_TOLERANCE:g} cm, expected all "
                f"(the field folds between its nodes). Give a reach longer than {self.reach:g} cm."
            )
        return result

    def stretch(self, points: ArrayLike, ratio: float) -> FloatArray:
        """Jacobian matrix of the field at places in the reference geometry, shape (m, 3, 3)."""
        points = _points(points)
        weight, gradient = self.weights(points)
        local = self._growth(ratio, weight) + 1.0
        pull = np.log(self.scale(ratio)) * local * (points - self.centre)
        return np.asarray(local[:, :, None] * np.eye(3) + pull[:, :, None] * gradient[:, None, :])

    def volume_change(self, points: ArrayLike, ratio: float) -> FloatArray:
        """Determinant of the Jacobian, local volume over that in the reference geometry, shape (m,)."""
        points = _points(points)
        weight, gradient = self.weights(points)
        log_scale = np.log(self.scale(ratio))
        compression = ((points - self.centre) * gradient) @ log_scale
        return np.asarray(np.exp(weight * log_scale.sum()) * (1.0 + compression))

    def turned(self, axes: ArrayLike, points: ArrayLike, ratio: float) -> FloatArray:
        """Directions of lines in tissue, J a / |J a|, shape (m, 3); the same bits at the ratio 1."""
        axes = np.asarray(axes, dtype=np.float64)
        if ratio == 1.0:
            return axes.copy()
        turned = np.einsum("mij,mj->mi", self.stretch(points, ratio), axes)
        return np.asarray(turned / np.linalg.norm(turned, axis=1)[:, None])

    def require(self, ratio: float) -> None:
        """Refuse a volume ratio at which the field would fold.

        Raises
        ------
        InvalidInput
            It is not positive or not between `ratio_limits`.
        """
        low, high = self.ratio_limits
        if not low <= ratio <= high:
            raise InvalidInput(
                f"volume ratio of the target is {ratio:g}, expected between {low:.3g} and {high:.3g} (the "
                f"displacement would fold within its reach of {self.reach:g} cm). Give a longer reach."
            )

    def _growth(self, ratio: float, weight: FloatArray) -> FloatArray:
        """Return s^w − 1, shape (m, 3), exactly 0 where the weight is 0 and exactly s − 1 where it is 1."""
        scale = self.scale(ratio)
        return np.where(weight[:, None] == 1.0, scale - 1.0, np.expm1(weight[:, None] * np.log(scale)))


def _points(points: ArrayLike) -> FloatArray:
    return np.ascontiguousarray(np.asarray(points, dtype=np.float64).reshape(-1, 3))


def tissue_field(
    target: Structure,
    *,
    shares: tuple[float, float, float] = ISOTROPIC,
    reach: float = 2.0,
    plateau: float = 0.1,
) -> TissueField:
    """Make the displacement field of a target.

    Parameters
    ----------
    target : Structure
        What swells or shrinks, of any shape and in any number of parts; parts move about their common centroid.
    shares : tuple of three floats
        Exponents of the volume ratio along x, y, z; they sum to 1.
    reach : float
        Beyond the plateau the displacement falls to zero over this distance, cm.
    plateau : float
        Distance around the target that still scales with it, cm.

    Returns
    -------
    TissueField

    Raises
    ------
    InvalidInput
        A length is not positive, the shares do not sum to 1, or the target is too large for the plateau.

    Examples
    --------
    >>> from validation.case import built_in
    >>> field = tissue_field(built_in("neck").structures["PTV"])
    >>> float(field.volume_change(field.centre, 1.5).round(12)[0])
    1.5
    """
    for name, value in (("reach", reach), ("plateau", plateau)):
        if not (np.isfinite(value) and value > 0.0):
            raise InvalidInput(
                f"{name} of the displacement is {value:g} cm, expected a finite length > 0. Correct it."
            )
    if abs(sum(shares) - 1.0) > 1e-9 or len(shares) != 3:
        raise InvalidInput(
            f"shares of the axes in the change of volume are {shares}, expected three that sum to 1 (their product "
            f"is the change). Divide them by their sum, {sum(shares):g}."
        )
    step = STEP_SHARE * plateau
    corners = np.concatenate(
        [np.column_stack([c.points, np.full(len(c.points), c.z)]) for c in target.contours]
    )
    half = np.array([0.0, 0.0, 0.5 * target.slice_thickness])
    margin = reach + plateau + 4.0 * step
    low = corners.min(axis=0) - half - margin
    count = np.ceil((corners.max(axis=0) + half + margin - low) / step).astype(int) + 1
    if np.prod(count.astype(float)) > MOST_NODES:
        raise InvalidInput(
            f"plateau of the displacement is {plateau:g} cm, expected a wider one for a target of "
            f"{np.ptp(corners, axis=0).max():.1f} cm (its grid would have {np.prod(count.astype(float)):.2g} nodes). "
            f"Give a plateau of {plateau * (np.prod(count / MOST_NODES ** (1 / 3))) ** (1 / 3):.2g} cm."
        )
    x, y, z = (a + step * np.arange(n) for a, n in zip(low, count, strict=True))
    fraction = structure_fractions(target, x, y, z)
    total = fraction.sum()
    centre = np.array(
        [
            (fraction.sum(axis=tuple(j for j in range(3) if j != k)) * c).sum() / total
            for k, c in enumerate((x, y, z))
        ]
    )
    distance = np.ascontiguousarray(distance_transform_edt(fraction == 0.0, sampling=step), dtype=np.float64)
    ends = np.concatenate([corners - half, corners + half])
    radius = float(np.linalg.norm(ends - centre, axis=1).max())
    field = TissueField(centre, shares, plateau, reach, low, step, distance, radius, (0.0, np.inf))
    return TissueField(centre, shares, plateau, reach, low, step, distance, radius, _ratio_limits(field))


def _ratio_limits(field: TissueField) -> tuple[float, float]:
    """Volume ratios at which 1 + ln R · Σ share_k (x − c)_k ∂_k w stays above its least at every node."""
    axes = [low + field.step * np.arange(n) for low, n in zip(field.low, field.distance.shape, strict=True)]
    least, most = 0.0, 0.0
    for z in np.array_split(axes[2], max(1, len(axes[2]) // 8)):
        points = np.stack(np.meshgrid(axes[0], axes[1], z, indexing="ij"), axis=-1).reshape(-1, 3)
        near = points[
            (field.distance[:, :, np.searchsorted(axes[2], z)] < field.reach + 2 * field.plateau).ravel()
        ]
        if len(near):
            change = ((near - field.centre) * field.weights(near)[1]) @ np.array(field.shares)
            least, most = min(least, float(change.min())), max(most, float(change.max()))
    allowed = 1.0 - LEAST_STRETCH
    high = np.inf if least == 0.0 else float(np.exp(-allowed / least))
    low = 0.0 if most == 0.0 else float(np.exp(-allowed / most))
    return max(low, np.finfo(float).tiny), high
