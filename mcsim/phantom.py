"""A rectilinear voxel phantom of media and densities with a uniform scoring region."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.tables import MediumTables
from mcsim.kernels.voxel_grid import LEFT_BLOCK, SEED_FLAG, Voxels
from mcsim.materials import material

FloatArray = NDArray[np.float64]
AXES = ("x", "y", "z")
SURROUNDING_CELL = 2.0  # cm: photons fly some centimetres between collisions


@dataclass(frozen=True)
class Phantom:
    """Voxels between planes that may be unevenly spaced: fine where dose is scored, coarse around it.

    What lies beyond the outermost planes is vacuum; a surrounding of water, or tissue that goes on, is a layer of
    large outer voxels.

    Attributes
    ----------
    planes : tuple of three ndarrays, shapes (nx + 1,), (ny + 1,), (nz + 1,)
        Ascending voxel boundaries, cm.
    medium : ndarray, shape (nx, ny, nz), uint8
        Index into `media`.
    density : ndarray, shape (nx, ny, nz), float32
        Mass density, g/cm³.
    media : tuple of str
        Names of media in the library.
    scoring : tuple of three slices
        Voxels in which dose is kept; evenly spaced there.
    """

    planes: tuple[FloatArray, FloatArray, FloatArray]
    medium: NDArray[np.uint8]
    density: NDArray[np.float32]
    media: tuple[str, ...]
    scoring: tuple[slice, slice, slice]

    def __post_init__(self) -> None:
        shape = tuple(len(p) - 1 for p in self.planes)
        for axis, planes in zip(AXES, self.planes, strict=True):
            if len(planes) < 2 or not np.all(np.isfinite(planes)) or np.any(np.diff(planes) <= 0.0):
                raise InvalidInput(
                    f"{axis} planes of the phantom are {planes}, expected at least two finite ascending values. "
                    f"Correct the grid."
                )
        for axis, planes in zip(AXES, self.scoring_planes, strict=True):
            steps = np.diff(planes)
            if not len(steps) or np.ptp(steps) > 1e-6 * steps.mean():
                low, high = steps.min(initial=np.inf), steps.max(initial=0.0)
                raise InvalidInput(
                    f"{axis} spacing of the scoring voxels is {low:g} to {high:g} cm, expected one value (dose is "
                    f"scored in even voxels). Correct the planes or the scoring region."
                )
        for name, values in (("medium", self.medium), ("density", self.density)):
            if values.shape != shape:
                raise InvalidInput(
                    f"shape of the phantom's {name} is {values.shape}, expected {shape} (one less than the planes). "
                    f"Correct the array."
                )
        for name in self.media:
            material(name)
        if int(self.medium.max()) >= len(self.media):
            raise InvalidInput(
                f"medium index is {int(self.medium.max())}, expected below {len(self.media)} "
                f"(the media are {', '.join(self.media)}). Correct the indices or name more media."
            )
        bad = np.flatnonzero(~(self.density.ravel() > 0.0))
        if len(bad):
            raise InvalidInput(
                f"density of voxel {np.unravel_index(bad[0], shape)} is {self.density.ravel()[bad[0]]} g/cm³, expected "
                f"a positive number ({len(bad)} such voxels). Correct the density curve."
            )

    @property
    def scoring_planes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boundaries of the scoring voxels, cm."""
        x, y, z = (p[s.start : s.stop + 1] for p, s in zip(self.planes, self.scoring, strict=True))
        return x, y, z

    @property
    def scoring_shape(self) -> tuple[int, int, int]:
        """Number of scoring voxels along x, y, z."""
        x, y, z = (s.stop - s.start for s in self.scoring)
        return x, y, z

    def digest(self) -> str:
        """SHA-256 of the geometry and its media."""
        digest = hashlib.sha256(repr((self.scoring, self.media)).encode())
        for array in (*self.planes, self.medium, self.density):
            digest.update(np.ascontiguousarray(array).tobytes())
        for name in self.media:
            digest.update(repr((material(name).density, sorted(material(name).fractions.items()))).encode())
        return digest.hexdigest()

    def kernel_voxels(
        self, placed: PlacedSeeds, tables: MediumTables, water: int
    ) -> tuple[Voxels, PlacedSeeds]:
        """Arrays for the kernels, see `kernel_voxels`."""
        return kernel_voxels(
            self.planes, self.scoring, self.medium, self.density, len(self.media), placed, tables, water
        )


def kernel_voxels(
    planes: Sequence[FloatArray],
    scoring: tuple[slice, slice, slice],
    medium: NDArray[np.uint8],
    density: NDArray[np.float32],
    media_count: int,
    placed: PlacedSeeds,
    tables: MediumTables,
    water: int,
) -> tuple[Voxels, PlacedSeeds]:
    """Arrays for the kernels: the scoring region as an even block, the rest around it, seeds known to the block.

    Parameters
    ----------
    planes, scoring, medium, density
        As in `Phantom`.
    media_count : int
        Number of media in the phantom.
    placed : PlacedSeeds
        Seeds with flat indices of the whole phantom.
    tables : MediumTables
        The phantom's media first.
    water : int
        Index of liquid water in `tables`.

    Returns
    -------
    voxels : Voxels
    seeds : PlacedSeeds
        With flat indices of the block.
    """
    shape = np.array([s.stop - s.start for s in scoring])
    faces = np.array([[p[s.start], p[s.stop]] for p, s in zip(planes, scoring, strict=True)])
    index = np.array(np.unravel_index(placed.flagged, medium.shape)) - [[s.start] for s in scoring]
    # A seed that stands against the block's face may touch voxels outside; none of it is there.
    within = np.all((index >= 0) & (index < shape[:, None]), axis=0)
    flagged = np.ravel_multi_index(tuple(index[:, within] + 1), tuple(shape + 2)).astype(np.int64)
    counts = np.diff(placed.first)
    seeds = placed._replace(
        flagged=flagged,
        first=np.concatenate([[0], np.cumsum(counts[within])]).astype(np.int64),
        touching=placed.touching[np.repeat(within, counts)],
    )
    block = np.pad(medium[scoring], 1, constant_values=LEFT_BLOCK).ravel()
    block[flagged] |= SEED_FLAG
    cells, smallest, largest = density_ranges(planes, scoring, medium, density, media_count)
    looked_up = np.concatenate([tables.total, tables.energy_absorption], axis=2)
    x, y, z = (np.ascontiguousarray(p, dtype=np.float64) for p in planes)
    spacing = (faces[:, 1] - faces[:, 0]) / shape
    voxels = Voxels(
        lower=faces[:, 0].copy(),
        upper=faces[:, 1].copy(),
        spacing=spacing,
        tick=2.0 ** (np.floor(np.log2(spacing.min())) - 44.0),
        shape=shape.astype(np.int64),
        medium=block,
        density=np.pad(density[scoring], 1).astype(np.float32).ravel(),
        x_planes=x,
        y_planes=y,
        z_planes=z,
        outer_medium=np.ascontiguousarray(medium),
        outer_density=np.ascontiguousarray(density, dtype=np.float32),
        cells=cells,
        smallest_density=smallest,
        largest_density=largest,
        only_medium=only_media(smallest, largest),
        coefficients=np.ascontiguousarray(looked_up[:, [*range(media_count), water]]),
        media_count=media_count,
    )
    return voxels, seeds


def density_ranges(
    planes: Sequence[FloatArray],
    scoring: tuple[slice, slice, slice],
    medium: NDArray[np.uint8],
    density: NDArray[np.float32],
    media_count: int,
) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Smallest and largest density of each medium around the block, in even cells over the phantom.

    Parameters
    ----------
    planes, scoring, medium, density, media_count
        As in `kernel_voxels`.

    Returns
    -------
    cells : ndarray of int64, shape (3,)
        Cells along x, y, z: some 2 cm wide, or one in all if everything around the block is alike.
    smallest, largest : ndarray, shape (cells in all, media)
        g/cm³; 0 where a cell has none of a medium outside the block.
    """
    outer = np.ones(medium.shape, dtype=bool)
    outer[scoring] = False
    around = density[outer]
    alike = (
        bool(np.all(medium[outer] == medium[outer][:1]) and np.ptp(around) == 0.0) if around.size else True
    )
    extent = [p[-1] - p[0] for p in planes]
    cells = np.array([1 if alike else max(1, round(e / SURROUNDING_CELL)) for e in extent], dtype=np.int64)
    smallest, largest = np.zeros((2, *cells, media_count))
    # A voxel counts in every cell that it touches.
    ranges = [
        np.clip(np.floor((np.stack([p[:-1], p[1:]]) - p[0]) / e * n + [[-1e-9], [1e-9]]), 0, n - 1).astype(
            int
        )
        for p, e, n in zip(planes, extent, cells, strict=True)
    ]
    # of each cell the first and the last voxel that touch it: voxels are in order
    spans = [
        [slice(int(np.searchsorted(high, c)), int(np.searchsorted(low, c, side="right"))) for c in range(n)]
        for (low, high), n in zip(ranges, cells, strict=True)
    ]
    for m in range(media_count):
        here = outer & (medium == m)
        if not here.any():
            continue
        for cx, x in enumerate(spans[0]):
            for cy, y in enumerate(spans[1]):
                for cz, z in enumerate(spans[2]):
                    found = density[x, y, z][here[x, y, z]]
                    if found.size:
                        smallest[cx, cy, cz, m], largest[cx, cy, cz, m] = found.min(), found.max()
    return cells, smallest.reshape(-1, media_count), largest.reshape(-1, media_count)


def only_media(smallest: FloatArray, largest: FloatArray) -> NDArray[np.int64]:
    """The medium of every cell that has a single medium and density outside the block, or −1.

    Parameters
    ----------
    smallest, largest : ndarray, shape (cells, media)
        From `density_ranges`.

    Returns
    -------
    ndarray of int64, shape (cells,)

    Examples
    --------
    >>> smallest = np.array([[1.0, 0.0], [1.0, 0.3], [1.0, 0.0]])
    >>> only_media(smallest, np.array([[1.0, 0.0], [1.0, 0.3], [1.1, 0.0]])).tolist()
    [0, -1, -1]
    """
    single = ((largest > 0.0).sum(axis=1) == 1) & (largest == smallest).all(axis=1)
    return np.where(single, largest.argmax(axis=1), -1).astype(np.int64)


def surrounded(
    fine_planes: Sequence[FloatArray], outer_planes: Sequence[FloatArray]
) -> tuple[tuple[FloatArray, FloatArray, FloatArray], tuple[slice, slice, slice]]:
    """Planes of a fine grid inside coarser planes that reach further.

    Parameters
    ----------
    fine_planes : three ndarrays
        Boundaries of the scoring voxels, cm.
    outer_planes : three ndarrays
        Further boundaries, cm; those inside the fine grid, or closer to it than a hundredth of a voxel, are left out.

    Returns
    -------
    planes : tuple of three ndarrays
        All boundaries, cm.
    scoring : tuple of three slices
        Where the fine voxels are.

    Examples
    --------
    >>> fine = [np.linspace(-1, 1, 3)] * 3
    >>> planes, scoring = surrounded(fine, [np.array([-15.0, 15.0])] * 3)
    >>> planes[0].tolist(), scoring[0]
    ([-15.0, -1.0, 0.0, 1.0, 15.0], slice(1, 3, None))
    """
    planes, scoring = [], []
    for fine, outer in zip(fine_planes, outer_planes, strict=True):
        gap = 0.01 * (fine[1] - fine[0])
        below, above = outer[outer < fine[0] - gap], outer[outer > fine[-1] + gap]
        planes.append(np.concatenate([below, fine, above]).astype(np.float64))
        scoring.append(slice(len(below), len(below) + len(fine) - 1))
    return (planes[0], planes[1], planes[2]), (scoring[0], scoring[1], scoring[2])
