"""How much of each voxel lies inside a solid given as a function."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.case.image import uniform_spacing

FloatArray = NDArray[np.float64]

# Sub-points per voxel and axis at least, and their largest distance in cm. A point counts the part of its cell that a
# plane at its distance cuts off, so the volume is right to second order: 1e-3 for a sphere of 5 mm.
_POINTS_PER_VOXEL = 4
_POINT_DISTANCE = 0.05


class SignedSolid(Protocol):
    """A solid that says how far outside it a point is, about, near its surface; negative inside."""

    def outside(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Signed function in cm at points (cm, broadcast together)."""


def solid_fractions(solid: SignedSolid, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> FloatArray:
    r"""Fraction of each voxel inside a solid.

    .. math:: \frac1n \sum_{j=1}^{n} \min\left(1, \max\left(0, \tfrac12 - f(r_j)/h\right)\right)

    over n even sub-points of the voxel a distance h (the mean of the three axes) apart, f the signed distance.

    Parameters
    ----------
    solid : object with ``outside(x, y, z)``
        For example `validation.case.solid_shapes.Ellipsoid`. A function of unit gradient at the surface; one that is
        not makes the surface wider or narrower, not misplaced.
    x, y, z : array_like, shape (nx,), (ny,), (nz,)
        Uniform ascending voxel centres in cm.

    Returns
    -------
    ndarray, shape (nx, ny, nz)
        Between 0 and 1.

    Raises
    ------
    InvalidInput
        The grid is not uniform and ascending.

    Examples
    --------
    >>> from validation.case.solid_shapes import Ellipsoid
    >>> axis = np.arange(-1.2, 1.3, 0.3)
    >>> ball = solid_fractions(Ellipsoid((0.02, 0.01, -0.03), (1.0, 1.0, 1.0)), axis, axis, axis)
    >>> round(float(ball.sum() * 0.3**3 / (4 / 3 * np.pi)), 3)
    1.0
    """
    axes = [np.asarray(axis, dtype=float) for axis in (x, y, z)]
    spacing = [uniform_spacing(axis, f"grid {name}") for name, axis in zip("xyz", axes, strict=True)]
    counts = [max(_POINTS_PER_VOXEL, int(np.ceil(step / _POINT_DISTANCE))) for step in spacing]
    points = [
        (axis[:, None] + step * ((np.arange(n) + 0.5) / n - 0.5)).ravel()
        for axis, step, n in zip(axes, spacing, counts, strict=True)
    ]
    width = float(np.mean([step / n for step, n in zip(spacing, counts, strict=True)]))
    fractions = np.empty([axis.size for axis in axes])
    for i in range(axes[0].size):
        # One layer of voxels at a time: all sub-points of a large grid do not fit in memory.
        layer = points[0][i * counts[0] : (i + 1) * counts[0], None, None]
        distance = np.asarray(solid.outside(layer, points[1][:, None], points[2]), dtype=float)
        inside = np.clip(0.5 - distance / width, 0.0, 1.0)
        shape = (counts[0], axes[1].size, counts[1], axes[2].size, counts[2])
        fractions[i] = (
            np.broadcast_to(inside, (layer.size, points[1].size, points[2].size))
            .reshape(shape)
            .mean(axis=(0, 2, 4))
        )
    return fractions
