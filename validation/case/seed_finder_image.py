"""What a CT shows of seeds: thin rods, blurred, averaged over voxels, cut off at the top of the scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import ArrayLike, NDArray

from validation.case.implant import SEED_DIAMETER, SEED_LENGTH

FloatArray = NDArray[np.float64]

SEED_VOLUME = np.pi / 4 * SEED_DIAMETER**2 * SEED_LENGTH  # cm³
# A solid rod of radius r spreads like a Gaussian of r²/4 per direction (its second moment).
_ROD_VARIANCE = SEED_DIAMETER**2 / 16
_MOST_NODES = 24
_LEAST_REACH = 0.42  # cm


@dataclass(frozen=True)
class SeedImage:
    """How one seed looks on a CT.

    Parameters
    ----------
    excess : float
        CT number of a voxel filled with seed, above its surroundings, HU: silver and titanium smeared over the
        capsule.
    sigma_in_plane, sigma_along_z : float
        Standard deviation of the scanner's blur without the voxel's own size, cm.
    spacing : tuple of float
        Voxel size along x, y, z, cm.
    length : float
        Of the rod that the CT shows, cm.

    Notes
    -----
    A rod of cross section a and length L about the segment c + s u, |s| ≤ L/2, blurred by a Gaussian of standard
    deviations σ = (σ_x, σ_y, σ_z) fills the voxel of edges Δ about x to the share

        f = a/(Δ_x Δ_y Δ_z) ∫ ds Π_i [Φ((x_i + Δ_i/2 − c_i − s u_i)/σ_i) − Φ((x_i − Δ_i/2 − c_i − s u_i)/σ_i)].

    The means over pixel and slice are exact, however thick the slice; the integral along the rod is taken at
    Gauss–Legendre nodes, as many as the blur asks for.

    Examples
    --------
    >>> seen = SeedImage(15000.0, 0.05, 0.05, (0.1, 0.1, 0.1))
    >>> grid = np.stack(np.meshgrid(*[np.arange(-8, 9) * 0.1] * 3, indexing="ij"), -1).reshape(-1, 3)
    >>> total = seen.filled(grid, np.zeros(3), np.array([0.0, 0.0, 1.0])).sum() * 0.1**3
    >>> round(float(total / SEED_VOLUME), 2)
    1.0
    """

    excess: float
    sigma_in_plane: float
    sigma_along_z: float
    spacing: tuple[float, float, float]
    length: float = SEED_LENGTH

    @property
    def sigmas(self) -> FloatArray:
        """Blur with the rod's own thickness, shape (3,), cm."""
        plane, along = (float(s) ** 2 + _ROD_VARIANCE for s in (self.sigma_in_plane, self.sigma_along_z))
        return np.asarray(np.sqrt([plane, plane, along]), dtype=np.float64)

    @property
    def reach(self) -> FloatArray:
        """Semi-axes of the ellipsoid of voxel centres that a seed can light, shape (3,), cm.

        Half a seed, its blur and half a voxel; at least 4.2 mm.
        """
        return np.maximum(_LEAST_REACH, 0.35 + 0.5 * np.asarray(self.spacing))

    def near(self, points: FloatArray, position: FloatArray) -> NDArray[np.bool_]:
        """Which of `points` (..., 3) a seed at `position` (3,) can light."""
        return np.asarray((((points - position) / self.reach) ** 2).sum(axis=-1) < 1.0)

    def filled_by(self, points: FloatArray, positions: FloatArray, axes: FloatArray) -> FloatArray:
        """Share of the voxels about `points` (m, 3) that each of several seeds (n, 3) fills alone, shape (n, m)."""
        spacing = np.asarray(self.spacing)
        sigma = self.sigmas
        along, weights = _nodes(self.length, float(np.sqrt(sigma**2 + spacing**2 / 12).min()))
        places = positions[:, None, :] + along[None, :, None] * axes[:, None, :]
        share = weights[None, :, None]
        for k in range(3):
            # Voxels stand in rows: each coordinate is worked out once.
            own, index = np.unique(points[:, k], return_inverse=True)
            off = (own - places[:, :, k, None]) / sigma[k]
            half = 0.5 * spacing[k] / sigma[k]
            each = scipy.special.ndtr(off + half) - scipy.special.ndtr(off - half)
            share = share * each[:, :, index]
        volume = np.pi / 4 * SEED_DIAMETER**2 * self.length
        return np.asarray(share.sum(axis=1) * (volume / np.prod(spacing)))

    def filled(self, points: FloatArray, position: FloatArray, axis: FloatArray) -> FloatArray:
        """Share of the voxels about `points` (m, 3) that a seed fills after the blur, shape (m,)."""
        return np.asarray(self.filled_by(points, position[None], axis[None])[0])

    def excess_of(self, points: FloatArray, positions: ArrayLike, axes: ArrayLike) -> FloatArray:
        """CT number above the surroundings at voxels `points` (m, 3) with seeds (n, 3), not cut off, HU."""
        total = np.zeros(len(points))
        for position, axis in zip(np.atleast_2d(positions), np.atleast_2d(axes), strict=True):
            total += self.filled(points, position, axis)
        return self.excess * total

    def typical_peak(self, ceiling: float) -> float:
        """Excess of the brightest voxel of a seed, cut off at `ceiling`, middle over places and directions, HU."""
        rng = np.random.default_rng(1)
        axes, shifts = directions(16), rng.uniform(-0.5, 0.5, size=(16, 3)) * self.spacing
        steps = [d * np.arange(-np.ceil(0.3 / d), np.ceil(0.3 / d) + 1) for d in self.spacing]
        points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
        peaks = self.excess * self.filled_by(points, shifts, axes).max(axis=1)
        return float(np.median(np.minimum(peaks, ceiling)))

    def least_peak(self) -> float:
        """Excess of the brightest voxel of a seed that lies as badly as it can, HU.

        In the plane of the slices with its centre between two of them, or upright between pixels.
        """
        dx, dy, dz = self.spacing
        flat = self.filled(
            np.array([[0.0, 0.0, 0.0]]), np.array([0.0, dy / 2, dz / 2]), np.array([1.0, 0, 0])
        )
        upright = self.filled(np.zeros((1, 3)), np.array([dx / 2, dy / 2, 0.0]), np.array([0.0, 0.0, 1.0]))
        return self.excess * float(min(flat[0], upright[0]))


@lru_cache(maxsize=64)
def _nodes(length: float, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Gauss–Legendre nodes along a rod about its middle, cm, and their weights, which sum to 1.

    One node per blur σ lets the rod look smooth to 1e-3: the nodes lie π/2 σ apart, exp(−2π²/(π/2)²) = 3e-4.
    """
    nodes, weights = np.polynomial.legendre.leggauss(int(np.clip(np.ceil(length / sigma), 6, _MOST_NODES)))
    return 0.5 * length * nodes, 0.5 * weights


def directions(count: int) -> FloatArray:
    """Evenly spread directions of the upper half sphere (Fibonacci lattice), shape (count, 3).

    Examples
    --------
    >>> directions(20).shape
    (20, 3)
    """
    z = (np.arange(count) + 0.5) / count
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    across = np.sqrt(1 - z**2)
    return np.column_stack([across * np.cos(turn), across * np.sin(turn), z])


def segment_distance(p: FloatArray, u: FloatArray, q: FloatArray, v: FloatArray, length: float) -> float:
    """Least distance of two segments of one length about p and q along unit directions u and v, cm.

    Examples
    --------
    >>> x, y = np.eye(3)[0], np.eye(3)[1]
    >>> segment_distance(np.zeros(3), x, np.array([0.0, 0.0, 0.3]), y, 0.45)
    0.3
    """
    half, r = 0.5 * length, p - q
    b, c, f = float(u @ v), float(u @ r), float(v @ r)
    bottom = 1 - b * b
    s = float(np.clip((b * f - c) / bottom, -half, half)) if bottom > 1e-12 else 0.0
    t = float(np.clip(b * s + f, -half, half))
    s = float(np.clip(b * t - c, -half, half))
    return float(np.linalg.norm(r + s * u - t * v))
