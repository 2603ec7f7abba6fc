"""A CT image: Hounsfield units on a uniform voxel grid of the patient frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput

# Coordinates written as decimal text (DICOM DS, CSV) are rounded; a thousandth of a voxel is well above
# that rounding and well below any shift that matters for a dose.
_UNIFORM = 1e-3


def uniform_spacing(coordinates: NDArray[np.float64], what: str) -> float:
    """Spacing of uniform ascending voxel centres.

    Parameters
    ----------
    coordinates : ndarray, shape (n,)
        Voxel centres in cm, at least two.
    what : str
        What they are, for the message.

    Returns
    -------
    float
        Spacing in cm.

    Raises
    ------
    InvalidInput
        Fewer than two coordinates, not finite, not ascending, or not uniform.

    Examples
    --------
    >>> round(uniform_spacing(np.array([1.0, 1.25, 1.5]), "x"), 6)
    0.25
    """
    if coordinates.ndim != 1 or coordinates.size < 2:
        raise InvalidInput(
            f"{what} has shape {coordinates.shape}, expected a one-dimensional array of at least 2 voxel "
            f"centres (the voxel size is their distance). Give a finer grid."
        )
    if not np.isfinite(coordinates).all():
        first = int(np.flatnonzero(~np.isfinite(coordinates))[0])
        raise InvalidInput(
            f"{what}[{first}] is {coordinates[first]} cm, expected a finite coordinate. Correct the grid."
        )
    steps = np.diff(coordinates)
    spacing = float((coordinates[-1] - coordinates[0]) / steps.size)
    if spacing <= 0 or (steps <= 0).any():
        first = int(np.flatnonzero(steps <= 0)[0]) if (steps <= 0).any() else 0
        raise InvalidInput(
            f"{what}[{first + 1}] - {what}[{first}] is {steps[first]:g} cm, expected > 0 (coordinates "
            f"ascend). Flip the axis and the array together."
        )
    uneven = np.abs(steps - spacing) > _UNIFORM * spacing
    if uneven.any():
        usual = float(np.median(steps))
        worst = int(np.argmax(np.abs(steps - usual)))
        raise InvalidInput(
            f"{what}[{worst + 1}] - {what}[{worst}] is {steps[worst]:g} cm, expected {usual:g} cm as "
            f"elsewhere (the grid must be uniform). Resample the image."
        )
    return spacing


def read_only(array: ArrayLike, kind: type[np.generic]) -> NDArray[np.generic]:
    """Make a contiguous copy that nobody can change, so that a digest stays true."""
    copy = np.array(array, dtype=kind, order="C", copy=True)
    copy.flags.writeable = False
    return copy


@dataclass(frozen=True, eq=False)
class Image:
    """Hounsfield units on a uniform voxel grid.

    Parameters
    ----------
    hu : array_like, shape (nx, ny, nz)
        Hounsfield units, stored as float32.
    x, y, z : array_like, shape (nx,), (ny,), (nz,)
        Voxel centres in cm, ascending and uniform, patient frame LPS.

    Raises
    ------
    InvalidInput
        Shapes disagree, values are not finite, or the grid is not uniform and ascending.

    Examples
    --------
    >>> image = Image(np.zeros((2, 3, 4)), [0.0, 0.1], [0.0, 0.1, 0.2], [0.0, 0.2, 0.4, 0.6])
    >>> tuple(round(s, 6) for s in image.spacing)
    (0.1, 0.1, 0.2)
    """

    hu: NDArray[np.float32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name, kind in (("hu", np.float32), ("x", np.float64), ("y", np.float64), ("z", np.float64)):
            object.__setattr__(self, name, read_only(getattr(self, name), kind))
        for name in ("x", "y", "z"):
            uniform_spacing(getattr(self, name), f"image {name}")
        expected = (self.x.size, self.y.size, self.z.size)
        if self.hu.shape != expected:
            raise InvalidInput(
                f"image hu has shape {self.hu.shape}, expected {expected} (x, y and z centres, in that "
                f"order). Transpose the array to [ix, iy, iz]."
            )
        bad = ~np.isfinite(self.hu)
        if bad.any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            raise InvalidInput(
                f"image hu{list(first)} is {self.hu[first]} HU, expected finite values "
                f"({int(bad.sum())} voxels are not). Fill or crop these voxels."
            )

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along x, y, z in cm."""
        dx, dy, dz = (uniform_spacing(c, "image grid") for c in (self.x, self.y, self.z))
        return dx, dy, dz

    @property
    def lower(self) -> NDArray[np.float64]:
        """Lower corner of the voxel grid (outer faces), shape (3,), cm."""
        return np.array([c[0] - d / 2 for c, d in zip((self.x, self.y, self.z), self.spacing, strict=True)])

    @property
    def upper(self) -> NDArray[np.float64]:
        """Upper corner of the voxel grid (outer faces), shape (3,), cm."""
        return np.array([c[-1] + d / 2 for c, d in zip((self.x, self.y, self.z), self.spacing, strict=True)])


@dataclass(frozen=True, eq=False)
class TissueMap:
    """Media and densities on the voxels of an image, for a phantom that has them instead of CT numbers.

    Parameters
    ----------
    medium : array_like, shape (nx, ny, nz)
        Index into `media`.
    density : array_like, shape (nx, ny, nz)
        Mass density in g/cm^3, stored as float32.
    media : sequence of str
        Names of media in the library of `mcsim`.

    Raises
    ------
    InvalidInput
        Shapes disagree, an index has no name, a density is not positive, or a name is unknown.

    Examples
    --------
    >>> TissueMap(np.zeros((2, 2, 2)), np.full((2, 2, 2), 0.998), ["water"]).media
    ('water',)
    """

    medium: NDArray[np.uint8]
    density: NDArray[np.float32]
    media: tuple[str, ...]

    def __post_init__(self) -> None:
        from mcsim.materials import material

        media = tuple(str(name) for name in self.media)
        for name in media:
            material(name)
        object.__setattr__(self, "media", media)
        indices = np.asarray(self.medium)
        if indices.size and not (indices.min() >= 0 and indices.max() < len(media) <= 256):
            raise InvalidInput(
                f"medium index of the tissue map is {int(indices.min())} to {int(indices.max())}, expected 0 to "
                f"{len(media) - 1} ({len(media)} media are named). Name every medium."
            )
        object.__setattr__(self, "medium", read_only(indices, np.uint8))
        object.__setattr__(self, "density", read_only(self.density, np.float32))
        if self.medium.shape != self.density.shape:
            raise InvalidInput(
                f"densities of the tissue map have shape {self.density.shape}, expected {self.medium.shape} as its "
                f"media. Give both on one grid."
            )
        bad = ~(np.isfinite(self.density) & (self.density > 0))
        if bad.any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            raise InvalidInput(
                f"density{list(first)} of the tissue map is {self.density[first]:g} g/cm3, expected > 0 "
                f"({int(bad.sum())} voxel(s) are not; vacuum is not a medium). Correct the phantom."
            )
