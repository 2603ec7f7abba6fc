"""A dose that was computed elsewhere, on a rectilinear grid of the patient frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.image import read_only

FloatArray = NDArray[np.float64]

_BETWEEN = 1e-6  # cm; text rounds boundaries, a centre must still lie between its own


@dataclass(frozen=True, eq=False)
class ImportedDose:
    """Dose to full decay, or whatever the file holds, at voxel centres.

    Parameters
    ----------
    x, y, z : array_like, shape (nx,), (ny,), (nz,)
        Voxel centres in cm, increasing, patient frame LPS. The steps need not be even.
    dose : array_like, shape (nx, ny, nz)
        Gy (or Gy per history where the file holds that and no factor was given).
    std_dev : array_like, shape (nx, ny, nz), or None
        Standard uncertainty in the unit of the dose, NaN where it is unknown; None if the file has none.
    frame_of_reference : str or None
        DICOM frame of reference UID; None if the format has no frames.
    description : str
        What the file says about the dose.
    origin : str
        Format and name of the file.
    boundaries : tuple of three array_like, or None
        Voxel boundaries in cm where the file gives them; see `planes`.

    Raises
    ------
    InvalidInput
        Shapes disagree, coordinates are not finite and increasing, doses are not finite, no dose is positive,
        or an uncertainty is negative.

    Examples
    --------
    >>> dose = ImportedDose([0.0, 0.1], [0.0, 0.1], [0.0, 0.2], np.ones((2, 2, 2)), None, None, "", "made here")
    >>> [round(float(v), 6) for v in dose.planes[2]]
    [-0.1, 0.1, 0.3]
    """

    x: FloatArray
    y: FloatArray
    z: FloatArray
    dose: FloatArray
    std_dev: FloatArray | None
    frame_of_reference: str | None
    description: str
    origin: str
    boundaries: tuple[FloatArray, FloatArray, FloatArray] | None = None

    def __post_init__(self) -> None:
        for name in ("x", "y", "z", "dose"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
        for name in ("x", "y", "z"):
            refuse_unordered(getattr(self, name), f"{name} of the dose of {self.origin}", least=1)
        shape = (self.x.size, self.y.size, self.z.size)
        _refuse_values(self.dose, shape, f"dose of {self.origin}")
        if not (self.dose > 0).any():
            raise InvalidInput(
                f"largest dose of {self.origin} is {self.dose.max():g} Gy, expected > 0 (there is nothing to judge). "
                f"Export the dose again."
            )
        if self.std_dev is not None:
            object.__setattr__(self, "std_dev", read_only(self.std_dev, np.float64))
            assert self.std_dev is not None
            _refuse_values(np.nan_to_num(self.std_dev, nan=0.0), shape, f"uncertainty of {self.origin}")
            negative = self.std_dev < 0
            if negative.any():
                raise _bad(self.std_dev, negative, f"uncertainty of {self.origin}", ">= 0 Gy")
        if self.boundaries is not None:
            self._check_boundaries()

    def _check_boundaries(self) -> None:
        assert self.boundaries is not None
        kept = tuple(np.asarray(read_only(p, np.float64)) for p in self.boundaries)
        object.__setattr__(self, "boundaries", kept)
        for name, centre, plane in zip("xyz", (self.x, self.y, self.z), kept, strict=True):
            refuse_unordered(plane, f"{name} boundaries of the dose of {self.origin}")
            if (
                plane.size != centre.size + 1
                or (np.abs(0.5 * (plane[1:] + plane[:-1]) - centre) > _BETWEEN).any()
            ):
                raise InvalidInput(
                    f"{name} boundaries of the dose of {self.origin} are {plane.size}, expected {centre.size + 1} with "
                    f"the voxel centres halfway between them. Give the centres that belong to them."
                )

    @property
    def planes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Voxel boundaries in cm: those of the file, or halfway between centres."""
        if self.boundaries is not None:
            return self.boundaries
        x, y, z = (_halfway(c) for c in (self.x, self.y, self.z))
        return x, y, z


def refuse_unordered(coordinates: FloatArray, what: str, least: int = 2) -> None:
    """Refuse coordinates that are not one-dimensional, finite and increasing.

    Parameters
    ----------
    coordinates : ndarray
        cm.
    what : str
        What they are, for the message.
    least : int
        Fewest that are accepted.

    Raises
    ------
    InvalidInput
        They are not.

    Examples
    --------
    >>> refuse_unordered(np.array([0.0, 0.5]), "x")
    """
    if coordinates.ndim != 1 or coordinates.size < least:
        raise InvalidInput(
            f"{what} has shape {coordinates.shape}, expected at least {least} coordinate(s) in one row. "
            f"Export the file again."
        )
    bad = ~np.isfinite(coordinates)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise InvalidInput(
            f"{what} [{first}] is {coordinates[first]} cm, expected a finite coordinate ({int(bad.sum())} of "
            f"{coordinates.size} are not). Export the file again."
        )
    back = np.diff(coordinates) <= 0
    if back.any():
        first = int(np.flatnonzero(back)[0])
        raise InvalidInput(
            f"{what} [{first + 1}] is {coordinates[first + 1]:g} cm, expected more than {coordinates[first]:g} cm "
            f"before it (coordinates increase; {int(back.sum())} step(s) do not). Export the file again."
        )


def _halfway(centres: FloatArray) -> FloatArray:
    if centres.size == 1:
        raise InvalidInput(
            "the dose grid has 1 voxel along an axis, expected at least 2 (their distance is the voxel size). "
            "Give a dose with more voxels."
        )
    inner = 0.5 * (centres[1:] + centres[:-1])
    return np.concatenate([[2 * centres[0] - inner[0]], inner, [2 * centres[-1] - inner[-1]]])


def _refuse_values(values: FloatArray, shape: tuple[int, ...], what: str) -> None:
    if values.shape != shape:
        raise InvalidInput(
            f"{what} has shape {values.shape}, expected {shape} (x, y and z centres, in that order). Transpose it."
        )
    bad = ~np.isfinite(values)
    if bad.any():
        raise _bad(values, bad, what, "finite values in Gy")


def _bad(values: FloatArray, bad: NDArray[np.bool_], what: str, expected: str) -> InvalidInput:
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    return InvalidInput(
        f"{what} {list(first)} is {values[first]:g} Gy, expected {expected} ({int(bad.sum())} voxel(s) are not). "
        f"Export the dose again."
    )
