"""Synthetic post-implant CTs of known truth: what the seed finder is tried on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from validation.case.image import Image
from validation.case.implant import SEED_DIAMETER, SEED_LENGTH
from validation.case.seed_finder_image import segment_distance

FloatArray = NDArray[np.float64]

SOFT_TISSUE, FAT, AIR, CORTEX, MARROW = 45.0, -95.0, -1000.0, 1250.0, 350.0
TOP_OF_SCALE = 3071.0
_FINE = 0.02  # cm, the grid on which rods are drawn: a quarter of their diameter
_SIZE = np.array([8.0, 7.0, 6.0])  # cm


@dataclass(frozen=True)
class Scan:
    """How a synthetic CT is made.

    Parameters
    ----------
    pixel, slice_thickness : float
        Voxel size in plane and along z, cm.
    blur : float
        Standard deviation of the in-plane point-spread function, cm.
    noise : float
        Standard deviation in a voxel, HU; correlated over about a pixel.
    streaks : float
        Standard deviation of streaks 1 cm from a seed in its slices, HU.
    seed_excess : float
        CT number of solid seed above tissue, HU.
    top : float
        Highest CT number that is stored.
    dental_metal : bool
        A filling of 6 mm with streaks of its own.
    """

    pixel: float = 0.08
    slice_thickness: float = 0.25
    blur: float = 0.05
    noise: float = 15.0
    streaks: float = 80.0
    seed_excess: float = 18000.0
    top: float = TOP_OF_SCALE
    dental_metal: bool = False


def scattered_seeds(
    count: int, rng: np.random.Generator, *, touching: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Seeds at random places and directions in a ball of tissue, bodies apart.

    Parameters
    ----------
    count : int
        Seeds.
    rng : Generator
        Random numbers.
    touching : int
        So many pairs lie within 0.2 mm of each other: side by side, crossing or end to end.

    Returns
    -------
    positions, axes : ndarray, shape (count, 3)
        cm and unit vectors; the centre of the ball is the origin.
    """
    radius = max(1.1, 0.42 * count ** (1 / 3))
    positions: list[FloatArray] = []
    axes: list[FloatArray] = []

    def fits(p: FloatArray, u: FloatArray, gap: float, but: int = -1) -> bool:
        near = [
            segment_distance(p, u, *s, SEED_LENGTH)
            for k, s in enumerate(zip(positions, axes, strict=True))
            if k != but
        ]
        return not near or min(near) > gap

    while len(positions) < count:
        u = rng.normal(size=3)
        u /= np.linalg.norm(u)
        if len(positions) < 2 * touching and len(positions) % 2:
            p0, u0 = positions[-1], axes[-1]
            gap = SEED_DIAMETER + 0.02 * rng.random()
            across = np.cross(u0, u)
            across /= np.linalg.norm(across)
            kind = len(positions) // 2 % 3
            if kind == 0:
                p, u = p0 + gap * across + 0.1 * rng.normal() * u0, u0
            elif kind == 1:
                p = p0 + gap * across + rng.uniform(-0.1, 0.1) * (u0 + u)
            else:
                p, u = p0 + (SEED_LENGTH + 0.02 * rng.random()) * u0, u0
            if fits(p, u, 0.25, len(positions) - 1):
                positions.append(p)
                axes.append(u)
            continue
        p = rng.uniform(-radius, radius, size=3)
        if np.linalg.norm(p) < radius and fits(p, u, 0.25):
            positions.append(p)
            axes.append(u)
    return np.array(positions), np.array(axes)


def trial_image(positions: FloatArray, axes: FloatArray, scan: Scan, rng: np.random.Generator) -> Image:
    """CT of seeds in tissue with fat, a long bone, a thin bone, calcifications, an airway and outer air.

    Parameters
    ----------
    positions, axes : ndarray, shape (n, 3)
        Seeds, cm, about the origin.
    scan : Scan
        How it is made.
    rng : Generator
        Grid offset, noise and streaks.

    Returns
    -------
    Image
    """
    spacing = np.array([scan.pixel, scan.pixel, scan.slice_thickness])
    count = np.ceil(_SIZE / spacing).astype(int)
    first = -0.5 * spacing * (count - 1) + rng.uniform(-0.5, 0.5, size=3) * spacing
    x, y, z = (a + d * np.arange(n) for a, d, n in zip(first, spacing, count, strict=True))
    grid = (x[:, None, None], y[None, :, None], z[None, None, :])
    hu = _tissue(*grid)
    metal = filled_voxels(positions, axes, x, y, z)
    sigma = scan.blur / scan.pixel
    hu += scan.seed_excess * metal
    if scan.dental_metal:
        hu += 12000.0 * _inside(
            np.sqrt((grid[0] - 2.6) ** 2 + (grid[1] + 2.0) ** 2 + (grid[2] - 1.2) ** 2) - 0.3, spacing
        )
    hu = scipy.ndimage.gaussian_filter(hu, (sigma, sigma, 0.0))
    hu += _streaks(positions, x, y, z, scan, rng)
    grain = scipy.ndimage.gaussian_filter(rng.normal(size=hu.shape), (0.6, 0.6, 0.0))
    hu += scan.noise * grain / grain.std()
    return Image(np.clip(np.round(hu), -1024.0, scan.top), x, y, z)


def _inside(outside: FloatArray, spacing: FloatArray) -> FloatArray:
    """Share of a voxel inside a shape from the distance of its centre outside it."""
    return np.asarray(np.clip(0.5 - outside / spacing[0], 0.0, 1.0))


def _tissue(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    spacing = np.array([x[1, 0, 0] - x[0, 0, 0]])
    hu = np.full(np.broadcast_shapes(x.shape, y.shape, z.shape), SOFT_TISSUE)

    def put(outside: FloatArray, value: float) -> None:
        share = _inside(outside, spacing)
        hu[...] = (1 - share) * hu + share * value

    put(y - (-2.7) + 0 * (x + z), FAT)
    put(x - (-3.7) + 0 * (y + z), AIR)
    put(np.sqrt((x + 2.6) ** 2 + (y - 1.2) ** 2) - 0.7 + 0 * z, AIR)  # airway
    put(np.sqrt((x - 2.1) ** 2 + (y - 1.2) ** 2) - 0.85 + 0 * z, CORTEX)  # long bone with a cortex of 2 mm
    put(np.sqrt((x - 2.1) ** 2 + (y - 1.2) ** 2) - 0.65 + 0 * z, MARROW)
    put(np.maximum(np.abs(y + 1.7) - 0.06, np.abs(x) - 1.2) + 0 * z, 900.0)  # thin plate of bone
    for place, radius, value in (((0.9, -1.1, 0.3), 0.1, 900.0), ((-1.1, -0.9, -0.6), 0.15, 700.0)):
        put(np.sqrt(sum((c - p) ** 2 for c, p in zip((x, y, z), place, strict=True))) - radius, value)
    return hu


def filled_voxels(
    positions: FloatArray, axes: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray
) -> FloatArray:
    """Share of every voxel filled by seeds (nx, ny, nz): points spread evenly through the rods, counted per voxel."""
    spacing = np.array([c[1] - c[0] for c in (x, y, z)])
    along = np.arange(-SEED_LENGTH / 2 + _FINE / 4, SEED_LENGTH / 2, _FINE / 2)
    edge = np.arange(-SEED_DIAMETER / 2 + _FINE / 4, SEED_DIAMETER / 2, _FINE / 2)
    a, b = (m.ravel() for m in np.meshgrid(edge, edge))
    inside = a**2 + b**2 <= SEED_DIAMETER**2 / 4
    a, b = a[inside], b[inside]
    each = np.pi / 4 * SEED_DIAMETER**2 * SEED_LENGTH / (len(along) * len(a)) / np.prod(spacing)
    filled = np.zeros((x.size, y.size, z.size))
    for p, u in zip(positions, axes, strict=True):
        e = np.cross(u, np.eye(3)[np.argmin(np.abs(u))])
        e /= np.linalg.norm(e)
        points = p + along[:, None, None] * u + (a[:, None] * e + b[:, None] * np.cross(u, e))
        index = np.round((points.reshape(-1, 3) - (x[0], y[0], z[0])) / spacing).astype(int)
        good = ((index >= 0) & (index < filled.shape)).all(axis=1)
        np.add.at(filled, tuple(index[good].T), each)
    return filled


def _streaks(
    positions: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray, scan: Scan, rng: np.random.Generator
) -> FloatArray:
    """Bright and dark rays in plane from every seed, in the slices it crosses, falling off with distance."""
    result = np.zeros((x.size, y.size, z.size))
    if scan.streaks == 0.0:
        return result
    angles = np.linspace(-np.pi, np.pi, 72, endpoint=False)
    for p in positions:
        dx, dy = x[:, None] - p[0], y[None, :] - p[1]
        r, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
        for k in np.flatnonzero(np.abs(z - p[2]) < 0.15 + scan.slice_thickness / 2):
            rays = np.interp(angle, angles, rng.normal(size=angles.size), period=2 * np.pi)
            result[:, :, k] += scan.streaks * rays * np.exp(-r / 1.0) * np.minimum(1.0, r / 0.2) * np.e
    return np.asarray(np.clip(result, -4 * scan.streaks, 4 * scan.streaks))
