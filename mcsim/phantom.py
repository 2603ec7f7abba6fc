"""A rectilinear voxel phantom of media and densities with a uniform scoring region, and the seeds placed in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.voxel_seed_overlap import free_fractions
from mcsim.kernels.voxel_transport import SEED_FLAG, PlacedSeeds, Voxels
from mcsim.materials import material
from mcsim.seed_model import SeedModel

FloatArray = NDArray[np.float64]
AXES = ("x", "y", "z")


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

    def kernel_voxels(self, placed: PlacedSeeds) -> Voxels:
        """Arrays for the kernels, voxels that a seed may touch flagged."""
        medium = np.ascontiguousarray(self.medium).ravel().copy()
        medium[placed.flagged] |= SEED_FLAG
        x, y, z = (np.ascontiguousarray(p, dtype=np.float64) for p in self.planes)
        density = np.ascontiguousarray(self.density, dtype=np.float32).ravel()
        return Voxels(x, y, z, medium, density, len(self.media))


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


def place_seeds(
    phantom: Phantom,
    model: SeedModel,
    positions: FloatArray,
    axes: FloatArray,
    air_kerma_strengths: FloatArray,
    interseed: bool = True,
) -> tuple[PlacedSeeds, FloatArray]:
    """Put seeds into a phantom.

    Parameters
    ----------
    phantom : Phantom
        Voxels.
    model : SeedModel
        Shape of every seed.
    positions : ndarray, shape (n, 3)
        Seed centres, cm.
    axes : ndarray, shape (n, 3)
        Unit vectors along the seeds, to 1e-6.
    air_kerma_strengths : ndarray, shape (n,)
        U; only the ratios matter here.
    interseed : bool
        Every seed absorbs and scatters; otherwise only the one that emits.

    Returns
    -------
    PlacedSeeds
        Arrays for the kernels.
    tissue_fraction : ndarray, shape of the scoring region
        Share of each scoring voxel outside all seeds.

    Raises
    ------
    InvalidInput
        Wrong shapes, non-finite or non-unit values, a strength that is not positive, a seed that leaves the
        scoring region, or two seeds that overlap.
    """
    positions = np.atleast_2d(np.asarray(positions, dtype=np.float64))
    axes = np.atleast_2d(np.asarray(axes, dtype=np.float64))
    strengths = np.asarray(air_kerma_strengths, dtype=np.float64)
    _check_seeds(phantom, model, positions, axes, strengths)
    frames = np.array([_frame(axis) for axis in axes])
    flagged, first, touching = _touched_voxels(phantom, model, positions, axes)
    placed = PlacedSeeds(
        position=positions,
        frame=frames,
        weight=strengths / strengths.mean(),
        flagged=flagged,
        first=first,
        touching=touching,
        interseed=interseed,
    )
    fraction = np.ones(phantom.medium.shape)
    x, y, z = (np.ascontiguousarray(p, dtype=np.float64) for p in phantom.planes)
    fraction.ravel()[flagged] = free_fractions(x, y, z, placed, model.kernel_solids(0))
    return placed, fraction[phantom.scoring]


def _frame(axis: FloatArray) -> FloatArray:
    """Rows: two unit vectors across and the unit vector along the seed."""
    helper = np.eye(3)[np.argmin(np.abs(axis))]
    across = np.cross(helper, axis)
    across /= np.linalg.norm(across)
    return np.array([across, np.cross(axis, across), axis])


def _check_seeds(
    phantom: Phantom, model: SeedModel, positions: FloatArray, axes: FloatArray, strengths: FloatArray
) -> None:
    n = len(positions)
    for name, values, shape in (
        ("positions", positions, (n, 3)),
        ("axes", axes, (n, 3)),
        ("air_kerma_strengths", strengths, (n,)),
    ):
        if n == 0 or values.shape != shape:
            raise InvalidInput(
                f"shape of {name} is {values.shape}, expected {shape} with at least one seed. Correct the seed list."
            )
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            raise InvalidInput(
                f"{name} of seed {bad[0][0]} is {values[bad[0][0]]}, expected finite numbers "
                f"({len(bad)} values are not). Correct the seed list."
            )
    bad = np.flatnonzero(strengths <= 0.0)
    if len(bad):
        raise InvalidInput(
            f"air_kerma_strength of seed {bad[0]} is {strengths[bad[0]]} U, expected a positive number "
            f"({len(bad)} seeds are not). Correct the seed list."
        )
    norms = np.linalg.norm(axes, axis=1)
    bad = np.flatnonzero(np.abs(norms - 1.0) > 1e-6)
    if len(bad):
        raise InvalidInput(
            f"length of the axis of seed {bad[0]} is {norms[bad[0]]}, expected 1 to 1e-6 ({len(bad)} axes are not). "
            f"Normalise the axes."
        )
    half = model.half_length - model.radius
    reach = np.abs(axes) * half + model.radius
    low = np.array([p[0] for p in phantom.scoring_planes])
    high = np.array([p[-1] for p in phantom.scoring_planes])
    out = np.argwhere((positions - reach < low) | (positions + reach > high))
    if len(out):
        seed, axis = out[0]
        raise InvalidInput(
            f"{AXES[axis]} of seed {seed} is {positions[seed, axis]:.4f} cm, expected the whole seed between "
            f"{low[axis]:.4f} and {high[axis]:.4f} cm ({len(np.unique(out[:, 0]))} seeds leave the scoring region). "
            f"Move the seed or enlarge the region."
        )
    for i in range(n):
        for j in range(i + 1, n):
            if np.linalg.norm(positions[i] - positions[j]) > 2.0 * model.half_length:
                continue
            gap = segment_distance(positions[i], axes[i], positions[j], axes[j], half) - 2.0 * model.radius
            if gap < -1e-6:
                raise InvalidInput(
                    f"gap between seeds {i} and {j} is {gap:.4f} cm, expected 0 or more (seeds are solid). "
                    f"Move one of them."
                )


def segment_distance(
    p: FloatArray, axis_p: FloatArray, q: FloatArray, axis_q: FloatArray, half_length: float
) -> float:
    """Smallest distance between two segments of equal half-length, cm.

    Parameters
    ----------
    p, q : ndarray, shape (3,)
        Centres, cm.
    axis_p, axis_q : ndarray, shape (3,)
        Unit vectors.
    half_length : float
        Half the length of both, cm.

    Examples
    --------
    >>> z = np.array([0.0, 0.0, 1.0])
    >>> segment_distance(np.zeros(3), z, np.array([0.1, 0.0, 0.0]), z, 0.2)
    0.1
    """
    difference = p - q
    b = float(axis_p @ axis_q)
    d, e = float(axis_p @ difference), float(axis_q @ difference)
    determinant = 1.0 - b * b
    s = float(np.clip((b * e - d) / determinant, -half_length, half_length)) if determinant > 1e-12 else 0.0
    for _ in range(2):  # alternate: the distance is convex, the optimum lies in the interior or is met after a clip
        r = float(np.clip(b * s + e, -half_length, half_length))
        s = float(np.clip(b * r - d, -half_length, half_length))
    r = float(np.clip(b * s + e, -half_length, half_length))
    return float(np.linalg.norm(difference + s * axis_p - r * axis_q))


def _touched_voxels(
    phantom: Phantom, model: SeedModel, positions: FloatArray, axes: FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Voxels that a seed may touch (a superset) and the seeds of each."""
    shape = phantom.medium.shape
    pairs = []
    for j, (position, axis) in enumerate(zip(positions, axes, strict=True)):
        reach = np.abs(axis) * model.half_length + model.radius
        ranges = []
        for k, planes in enumerate(phantom.planes):
            low = max(int(np.searchsorted(planes, position[k] - reach[k])) - 1, 0)
            high = min(int(np.searchsorted(planes, position[k] + reach[k])), len(planes) - 1)
            ranges.append(np.arange(low, high))
        ix, iy, iz = np.meshgrid(*ranges, indexing="ij")
        index = [ix.ravel(), iy.ravel(), iz.ravel()]
        centre = np.stack(
            [0.5 * (p[i] + p[i + 1]) for p, i in zip(phantom.planes, index, strict=True)], axis=1
        )
        half_diagonal = 0.5 * np.sqrt(
            sum((p[i + 1] - p[i]) ** 2 for p, i in zip(phantom.planes, index, strict=True))
        )
        along = (centre - position) @ axis
        across = np.sqrt(np.maximum(((centre - position) ** 2).sum(axis=1) - along**2, 0.0))
        outside_distance = np.hypot(
            np.maximum(np.abs(along) - model.half_length, 0.0), np.maximum(across - model.radius, 0.0)
        )
        near = outside_distance <= half_diagonal * (1.0 + 1e-9)
        flat = np.ravel_multi_index([i[near] for i in index], shape)
        pairs.append(np.stack([flat, np.full_like(flat, j)], axis=1))
    table = np.concatenate(pairs)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    flagged, start = np.unique(table[:, 0], return_index=True)
    return (
        flagged.astype(np.int64),
        np.concatenate([start, [len(table)]]).astype(np.int64),
        np.ascontiguousarray(table[:, 1]).astype(np.int64),
    )
