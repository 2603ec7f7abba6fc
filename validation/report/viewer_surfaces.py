"""Surfaces for the view in space: structures and isodoses as triangles, as many as a browser turns smoothly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray
from skimage import measure

# scikit-image ships without types.
_marching_cubes: Callable[..., tuple[NDArray[np.floating], NDArray[np.integer], object, object]] = (
    measure.marching_cubes
)

FloatArray = NDArray[np.float64]

#: Triangles of a surface: a coarser field is used above …
ENOUGH = 6000
#: … unless that tears holes into it, as into a structure thinner than the blocks, and it has no more than this.
MOST = 30000
_LEVELS = (0.02, 0.98)
_BELOW = -3.0  # ln of 5 % of the isodose: what lies below draws the surface no further
_ENOUGH_LEVEL = 0.002  # to which a level is sought


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface.

    Attributes
    ----------
    vertices : ndarray, shape (n, 3)
        Places in cm.
    triangles : ndarray of int, shape (m, 3)
        Vertices of each triangle.
    """

    vertices: FloatArray
    triangles: NDArray[np.int64]

    @property
    def volume(self) -> float:
        """Volume inside, cm³, by the divergence theorem: Σ a · (b × c) / 6."""
        a, b, c = (self.vertices[self.triangles[:, k]] for k in range(3))
        return float(abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6)

    @property
    def handles(self) -> int:
        """Holes through it, all parts together: parts − (V − E + F) / 2 with E = 3 F / 2."""
        n = len(self.vertices)
        sides = (self.triangles[:, [0, 1]], self.triangles[:, [1, 2]])
        first, second = np.concatenate(sides).T
        joined = scipy.sparse.coo_array((np.ones(first.size, bool), (first, second)), shape=(n, n))
        parts = int(scipy.sparse.csgraph.connected_components(joined, directed=False)[0])
        return round(parts - (n - 0.5 * len(self.triangles)) / 2)


def structure_surface(fraction: NDArray[np.floating], first: FloatArray, step: FloatArray) -> Surface | None:
    """Surface of a structure, with the structure's volume.

    Marching cubes (Lewiner et al. 2003, doi:10.1080/10867651.2003.10487582) cut edges and corners, a few per cent of
    the volume of a small structure. So the surface does not lie where half of a voxel is inside but where the part is
    that gives it the volume of all parts together, nearly one half.

    Parameters
    ----------
    fraction : ndarray, shape (nx, ny, nz)
        Part of each voxel inside.
    first, step : ndarray, shape (3,)
        Centre of the first voxel and voxel size, cm.

    Returns
    -------
    Surface or None
        Closed, also where the grid ends; None if no voxel is half inside.

    Examples
    --------
    >>> fraction = np.zeros((6, 6, 6))
    >>> fraction[2:4, 2:4, 2:4] = 1.0
    >>> found = structure_surface(fraction, np.zeros(3), np.full(3, 0.1))
    >>> len(found.triangles), round(found.volume / 0.008, 2)
    (44, 1.0)
    """
    grid = _around(fraction, 0.5, first, step)
    if grid is None:
        return None
    volume = float(grid.values.sum() * step.prod())

    def at_right_level(block: int) -> Surface:
        coarse = grid.in_blocks(block, 0.0)
        at = [coarse.surface(level, 0.0) for level in _LEVELS]
        if not at[0].volume > volume > at[1].volume:
            return coarse.surface(0.5, 0.0)
        level = scipy.optimize.brentq(
            lambda level: coarse.surface(level, 0.0).volume / volume - 1, *_LEVELS, xtol=_ENOUGH_LEVEL
        )
        return coarse.surface(float(level), 0.0)

    chosen = at_right_level(1)
    block, handles = 1, chosen.handles
    while len(chosen.triangles) > ENOUGH:
        block += 1
        coarse = at_right_level(block)
        if coarse.handles > handles and len(chosen.triangles) <= MOST:
            break
        chosen = coarse
    return chosen


def isodose_surface(
    dose: NDArray[np.floating], level: float, first: FloatArray, step: FloatArray
) -> Surface | None:
    """Surface of a dose, closed where the grid ends.

    Marching cubes on ln(dose), which is nearly linear between voxels where the dose falls steeply.

    Parameters
    ----------
    dose : ndarray, shape (nx, ny, nz)
        Finite, Gy.
    level : float
        Dose on the surface, Gy.
    first, step : ndarray, shape (3,)
        Centre of the first voxel and voxel size, cm.

    Returns
    -------
    Surface or None
        None if the dose is nowhere above the level.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 21)
    >>> r2 = x[:, None, None]**2 + x[:, None]**2 + x**2 + 1e-6
    >>> found = isodose_surface(25.0 / r2, 100.0, np.full(3, -1.0), np.full(3, 0.1))
    >>> round(found.volume / (4 / 3 * np.pi * 0.5**3), 2)
    0.98
    """
    low = level * np.exp(_BELOW)
    grid = _around(np.log(np.maximum(dose, low) / level), 0.0, first, step)
    if grid is None:
        return None
    chosen, block = grid.surface(0.0, _BELOW), 1
    while len(chosen.triangles) > ENOUGH:
        block += 1
        chosen = grid.in_blocks(block, _BELOW).surface(0.0, _BELOW)
    return chosen


@dataclass(frozen=True, eq=False)
class _Grid:
    """Values on voxels; `first` and `step` in cm."""

    values: FloatArray
    first: FloatArray
    step: FloatArray

    def surface(self, level: float, outside: float) -> Surface:
        """Marching cubes with a layer of `outside` around the grid."""
        padded = np.pad(self.values, 1, constant_values=outside)
        if not padded.min() < level < padded.max():
            return Surface(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
        vertices, triangles, _, _ = _marching_cubes(padded, level)
        return Surface(
            self.first + self.step * (np.asarray(vertices, np.float64) - 1),
            np.asarray(triangles).astype(np.int64),
        )

    def in_blocks(self, block: int, outside: float) -> _Grid:
        """Means over blocks of `block`³ voxels; the last ones are filled up."""
        if block == 1:
            return self
        padded = np.pad(self.values, [(0, -n % block) for n in self.values.shape], constant_values=outside)
        a, b, c = (n // block for n in padded.shape)
        means = padded.reshape(a, block, b, block, c, block).mean(axis=(1, 3, 5))
        return _Grid(means, self.first + 0.5 * (block - 1) * self.step, block * self.step)


def _around(field: NDArray[np.floating], level: float, first: FloatArray, step: FloatArray) -> _Grid | None:
    """Give the part of a grid that holds a surface and two voxels around it: small structures are quick."""
    inside = field > level
    if not inside.any():
        return None
    low, part = [], []
    for axis in range(3):
        found = np.flatnonzero(inside.any(axis=tuple(b for b in range(3) if b != axis)))
        low.append(max(int(found[0]) - 2, 0))
        part.append(slice(low[-1], int(found[-1]) + 3))
    return _Grid(np.asarray(field[tuple(part)], dtype=np.float64), first + step * np.array(low), step)
