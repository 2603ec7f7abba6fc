"""From means over scoring cells to values at points: the cells of a characterisation and their geometry functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.characterisation_cells import ScoringCells
from mcsim.seed_model import SeedModel
from tg43 import geometry_function

FloatArray = NDArray[np.float64]

POLAR_BINS = 360  # of half a degree
# Distances at which g and F are given, cm.
RADII = np.array([
    0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0, 1.5, 2.0, 2.5,
    3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5, 10.0,
])  # fmt: skip
# Half-thickness of a shell: 2 % of its radius, and never more than 0.1 cm. What the geometry function leaves of the
# dose's fall, exp(−µr) with µ below 0.5 /cm, then changes a mean over the shell by (µ h)²/6 < 5e-4.
SHELL_HALF_WIDTH, LARGEST_HALF_WIDTH = 0.02, 0.1
# Polar angles of F in degrees, and the half-width of the cell about each. F bends most near the axis; the cell on the
# axis itself is a cone of 2°.
THETA = np.array(
    [0, 2, 5, 7, 10, 12, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90], dtype=np.float64
)
AXIS_HALF_WIDTH, NEAR_AXIS_HALF_WIDTH, HALF_WIDTH, TRANSVERSE_HALF_WIDTH = 2.0, 1.0, 2.0, 2.5
NEAR_AXIS = 15.0
# Along-away table, cm; the column on the axis is read from the shells.
AWAY = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0])
ALONG = AWAY
QUADRATURE = 6  # Gauss-Legendre nodes along each side of a cell: G_L within 1e-5 in every cell outside a seed
SAMPLES = 5  # points along each side of a cell that decide whether it touches the seed


def characterisation_cells() -> ScoringCells:
    """Shells about `RADII` and rings about the points of the along-away table.

    Examples
    --------
    >>> characterisation_cells().farthest < 10.2
    True
    """
    half = np.minimum(SHELL_HALF_WIDTH * RADII, LARGEST_HALF_WIDTH)
    away = AWAY[1:]
    away_half = np.clip(0.04 * away, 0.02, LARGEST_HALF_WIDTH)
    along = np.concatenate([-ALONG[:0:-1], ALONG])
    along_half = np.clip(0.04 * np.abs(along), 0.04, LARGEST_HALF_WIDTH)
    return ScoringCells(
        shells=np.stack([RADII - half, RADII + half], axis=1),
        polar_bins=POLAR_BINS,
        rings=np.stack([away - away_half, away + away_half], axis=1),
        heights=np.stack([along - along_half, along + along_half], axis=1),
    )


def polar_angles(mirror_symmetric: bool) -> FloatArray:
    """Polar angles of F in degrees: 0 to 90 for a seed that is its own mirror image, else 0 to 180.

    Examples
    --------
    >>> polar_angles(False)[[0, -1]].tolist()
    [0.0, 180.0]
    """
    return THETA if mirror_symmetric else np.concatenate([THETA, 180.0 - THETA[-2::-1]])


def bin_weights(theta: FloatArray, mirror_symmetric: bool) -> FloatArray:
    """Which bins of the polar angle belong to the cell about each angle.

    Parameters
    ----------
    theta : ndarray, shape (n,)
        Angles, degrees.
    mirror_symmetric : bool
        A cell is the union of both mirror images.

    Returns
    -------
    ndarray, shape (n, 360)
        0 or 1.

    Examples
    --------
    >>> int(bin_weights(np.array([90.0]), True).sum()), int(bin_weights(np.array([30.0]), True).sum())
    (10, 16)
    """
    centre = (np.arange(POLAR_BINS) + 0.5) * 180.0 / POLAR_BINS
    from_axis = np.minimum(theta, 180.0 - theta)
    half = np.where(from_axis < NEAR_AXIS, NEAR_AXIS_HALF_WIDTH, HALF_WIDTH)
    half = np.where(
        from_axis == 0.0, AXIS_HALF_WIDTH, np.where(from_axis == 90.0, TRANSVERSE_HALF_WIDTH, half)
    )
    inside = np.abs(centre - theta[:, None]) < half[:, None]
    return np.asarray((inside | inside[:, ::-1]) if mirror_symmetric else inside, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class CellFactors:
    """What brings means over cells to points, for one seed.

    A cell's mean dose is multiplied by G_L at the point over the mean of G_L in the cell; a value whose cell touches
    the seed is not a number.

    Attributes
    ----------
    theta : ndarray, shape (n,)
        Polar angles of F, degrees.
    weights : ndarray, shape (n, bins)
        Bins of the cell about each angle.
    volumes : ndarray, shape (k, bins)
        Volumes of the shell cells, cm³.
    at_points : ndarray, shape (k, n)
        G_L(r, θ) / ⟨G_L⟩ of the cell about (r, θ).
    at_radius : ndarray, shape (k, bins)
        ⟨G_L⟩ of each bin at the radius itself over its mean in the shell; not a number where the shell touches the
        seed anywhere.
    at_ring_points : ndarray, shape (m, h)
        As `at_points`, for the ring cells.
    geometry : ndarray, shape (k, n)
        G_L(r, θ) over G_L at the reference point.
    """

    theta: FloatArray
    weights: FloatArray
    volumes: FloatArray
    at_points: FloatArray
    at_radius: FloatArray
    at_ring_points: FloatArray
    geometry: FloatArray


def cell_factors(model: SeedModel, cells: ScoringCells, active_length: float) -> CellFactors:
    """Factors of the cells of `characterisation_cells` for one seed.

    Parameters
    ----------
    model : SeedModel
        The seed: its outside and whether it is its own mirror image.
    cells : ScoringCells
        The cells.
    active_length : float
        L of the geometry function, cm.

    Returns
    -------
    CellFactors

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> factors = cell_factors(load_seed_model("6711"), characterisation_cells(), 0.3)
    >>> reference = factors.at_points[RADII.tolist().index(1.0), THETA.tolist().index(90.0)]
    >>> bool(0.999 < reference < 1.001)
    True
    """
    theta = polar_angles(model.mirror_symmetric)
    weights, volumes = bin_weights(theta, model.mirror_symmetric), cells.shell_volumes()
    edges = cells.polar_edges
    bins = np.stack([edges[:-1], edges[1:]], axis=1)
    means, at_radius = np.empty(volumes.shape), np.empty(volumes.shape)
    outside = np.empty(volumes.shape, dtype=bool)
    for k, shell in enumerate(cells.shells):
        r, angle, weight = _shell_nodes(shell, bins)
        means[k] = (geometry_function(r, angle, active_length) * weight).sum(axis=(1, 2)) / weight.sum(
            axis=(1, 2)
        )
        at = (geometry_function(RADII[k], angle, active_length) * weight).sum(axis=(1, 2)) / weight.sum(
            axis=(1, 2)
        )
        at_radius[k] = at / means[k]
        outside[k] = ~_touches(model, *_shell_samples(shell, bins))
    cell_volume = volumes @ weights.T
    mean = ((means * volumes) @ weights.T) / cell_volume
    point = np.asarray(geometry_function(RADII[:, None], np.deg2rad(theta), active_length))
    clear = (outside @ weights.T) == weights.sum(axis=1)
    reference = float(geometry_function(1.0, np.pi / 2.0, active_length))
    return CellFactors(
        theta=theta,
        weights=weights,
        volumes=volumes,
        at_points=np.where(clear, point / mean, np.nan),
        at_radius=np.where(outside.min(axis=1, keepdims=True), at_radius, np.nan),
        at_ring_points=_ring_factors(model, cells, active_length),
        geometry=point / reference,
    )


def _ring_factors(model: SeedModel, cells: ScoringCells, active_length: float) -> FloatArray:
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    share = np.linspace(-1.0, 1.0, SAMPLES)
    factors = np.empty((len(cells.rings), len(cells.heights)))
    for i, (inner, outer) in enumerate(cells.rings):
        for j, (low, high) in enumerate(cells.heights):
            middle, half = (
                np.array([inner + outer, low + high]) / 2.0,
                np.array([outer - inner, high - low]) / 2.0,
            )
            rho, z = np.meshgrid(middle[0] + half[0] * nodes, middle[1] + half[1] * nodes, indexing="ij")
            weight = np.outer(weights, weights) * rho
            mean = (
                geometry_function(np.hypot(rho, z), np.arctan2(rho, z), active_length) * weight
            ).sum() / weight.sum()
            point = geometry_function(np.hypot(*middle), np.arctan2(*middle), active_length)
            at = np.meshgrid(middle[0] + half[0] * share, middle[1] + half[1] * share, indexing="ij")
            touches = bool(_touches(model, at[0][None], at[1][None]).any())
            factors[i, j] = np.nan if touches else float(point) / mean
    return factors


def _shell_nodes(shell: FloatArray, bins: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Quadrature nodes r, θ and weights r² sin θ of every bin of a shell, (bins, q, q)."""
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    r = shell.mean() + 0.5 * (shell[1] - shell[0]) * nodes
    angle = bins.mean(axis=1)[:, None] + 0.5 * (bins[:, 1] - bins[:, 0])[:, None] * nodes
    weight = (weights * r**2)[None, :, None] * (weights * np.sin(angle))[:, None, :]
    shape = weight.shape
    return np.broadcast_to(r[None, :, None], shape), np.broadcast_to(angle[:, None, :], shape), weight


def _shell_samples(shell: FloatArray, bins: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points ρ, z over every bin of a shell, its corners included, (bins, s, s)."""
    share = np.linspace(0.0, 1.0, SAMPLES)
    r = (shell[0] + (shell[1] - shell[0]) * share)[None, :, None]
    angle = (bins[:, :1] + (bins[:, 1:] - bins[:, :1]) * share)[:, None, :]
    return r * np.sin(angle), r * np.cos(angle)


def _touches(model: SeedModel, rho: FloatArray, z: FloatArray) -> NDArray[np.bool_]:
    """Whether any point of each cell (first axis) lies in the seed."""
    inside = np.zeros(rho.shape, dtype=bool)
    for solid in model.solids:
        if solid.name == model.outer:
            inside |= (solid.z_min <= z) & (z <= solid.z_max) & (rho**2 <= solid.radius_squared(z))
    return np.asarray(inside.any(axis=(1, 2)))
