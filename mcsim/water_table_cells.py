"""Cells of a water table about its seed: their edges, their parts outside the seed, smooth curves through them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels.solids import Solids
from mcsim.kernels.water_table import POLAR_WARP

FloatArray = NDArray[np.float64]

INNER_RADIUS, OUTER_RADIUS = 0.1, 10.125  # cm
SHELLS, POLAR_CELLS = 185, 96
SCATTER_ORDER = 18  # of the Legendre series in cos θ that the scattered part is brought to
RADIAL_ORDER = 9  # of the smooth curve whose derivatives are taken
SUBDIVISION, LEAST_FREE = 24, 0.2  # of cells that the seed fills in part


def shell_radii() -> FloatArray:
    """Radii of the spheres between the shells, cm."""
    return np.geomspace(INNER_RADIUS, OUTER_RADIUS, SHELLS + 1)


def polar_cosines(t: FloatArray) -> FloatArray:
    """|cos θ| of polar coordinates t."""
    return np.asarray(1.0 - (POLAR_WARP * t / (1.0 + POLAR_WARP - t)) ** 2)


def inverse_square_integral(solids: Solids, halves: int) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Integral of 1/r² over each cell's part outside the seed, and where that part can stand for the cell.

    Returns
    -------
    integral : ndarray, shape (halves, shells, polar_cells)
        cm; of the whole cell where `known` is false.
    known : ndarray of bool, shape (halves, shells, polar_cells)
        Whether a fifth of the cell or more lies outside.
    """
    radii, cosines = shell_radii(), polar_cosines(np.arange(POLAR_CELLS + 1) / POLAR_CELLS)
    whole = 2.0 * np.pi * np.diff(radii)[:, None] * -np.diff(cosines)
    free = np.ones((halves, *whole.shape))
    # r and cos θ even in a cell are weighted as dV/r²
    part = (np.arange(SUBDIVISION) + 0.5) / SUBDIVISION
    r = (radii[:-1, None] + part * np.diff(radii)[:, None])[:, None, :, None]
    c = (cosines[:-1, None] + part * np.diff(cosines)[:, None])[None, :, None, :]
    near = int(np.searchsorted(radii, np.hypot(solids.half_length, solids.outer_radius)))
    r = r[:near]
    for half in range(halves):
        z, rho2 = (1.0 if half == 0 else -1.0) * r * c, r**2 * (1.0 - c**2)
        inside = np.zeros(rho2.shape, dtype=bool)
        for k in range(solids.outer_count):
            a, b, curved = solids.profile[k]
            inside |= (rho2 <= a + z * (b + curved * z)) & (z >= solids.z_min[k]) & (z <= solids.z_max[k])
        free[half, :near] = 1.0 - inside.mean(axis=(2, 3))
    known = free >= LEAST_FREE
    sides = 2.0 if halves == 1 else 1.0
    return sides * whole * np.where(known, free, 1.0), known


def filled_inwards(values: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Values of known cells; each other one takes that of the next known cell outwards."""
    shells = np.arange(known.shape[1])[None, :, None]
    nearest = np.minimum.accumulate(np.where(known, shells, known.shape[1] - 1)[:, ::-1], axis=1)[:, ::-1]
    return np.take_along_axis(values, nearest[..., None], axis=1)


def smooth_in_angle(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Each shell's values as the Legendre series in cos θ nearest to them.

    The scattered part changes slowly with the direction: around a 6711, a series up to order 18 leaves no more than the
    noise of 3e7 histories at any distance (up to order 10 beyond 0.35 cm). The weights are the cells' sizes, not their
    scores, so the series is a linear function of the scores and its expectation that of the expected scores.

    Parameters
    ----------
    values : ndarray, shape (groups, halves, shells, polar_cells)
        Kerma times distance squared.
    weight : ndarray, shape (halves, shells, polar_cells)
        Size of the cells; those of weight 0 are left out and stay as they are.

    Returns
    -------
    ndarray, shape (groups, halves, shells, polar_cells)
    """
    edges = polar_cosines(np.arange(POLAR_CELLS + 1) / POLAR_CELLS)
    halves = values.shape[1]
    order = np.arange(0, SCATTER_ORDER + 1, 2 if halves == 1 else 1)
    one = [_mean_legendre(n, edges) for n in order.tolist()]
    # P_n(−x) = (−1)ⁿ P_n(x)
    basis = np.stack(
        [np.concatenate([q, (-1.0) ** n * q][:halves]) for n, q in zip(order.tolist(), one, strict=True)],
        axis=1,
    )
    result = values.copy()
    for k in range(values.shape[2]):
        used = weight[:, k].ravel() > 0.0
        root = np.sqrt(weight[:, k].ravel()[used])
        here = values[:, :, k].reshape(len(values), -1)[:, used]
        series = np.linalg.lstsq(basis[used] * root[:, None], (here * root).T, rcond=None)[0]
        smooth = result[:, :, k].reshape(len(values), -1)
        smooth[:, used] = (basis[used] @ series).T
        result[:, :, k] = smooth.reshape(result[:, :, k].shape)
    return result


def _mean_legendre(order: int, edges: FloatArray) -> FloatArray:
    """Means of the Legendre polynomial between descending edges."""
    integral = np.polynomial.legendre.Legendre.basis(order).integ()
    return np.asarray(np.diff(integral(edges)) / np.diff(edges))


def radial_slopes(kerma_r2: FloatArray, radii: FloatArray) -> FloatArray:
    """First and second derivative by ln r of the logarithm of D r², its mean over all directions.

    Returns
    -------
    ndarray, shape (2, 2, shells)
        For primary and scattered: slope and bend of a smooth curve; noise must not be differentiated.
    """
    share = -np.diff(polar_cosines(np.arange(POLAR_CELLS + 1) / POLAR_CELLS))
    x, mean = np.log(radii), kerma_r2.mean(axis=0).transpose(2, 0, 1) @ share
    fits = [np.polynomial.Chebyshev.fit(x, np.log(values), RADIAL_ORDER) for values in mean]
    return np.array([[fit.deriv()(x), fit.deriv(2)(x)] for fit in fits])
