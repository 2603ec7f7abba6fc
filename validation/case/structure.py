"""A contoured structure: closed planar curves, each standing for a slab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.image import read_only
from validation.case.plain_text import is_plain, plain_text

Role = Literal["external", "target", "organ", "avoidance", "cavity", "other"]
ROLES: tuple[str, ...] = get_args(Role)

SAME_PLANE = 1e-3  # cm; contour planes closer than this are one slice (DICOM text is rounded to 0.01 mm)


@dataclass(frozen=True, eq=False)
class Contour:
    """One closed curve in an axial plane.

    Parameters
    ----------
    z : float
        Plane in cm.
    points : array_like, shape (k, 2)
        x and y of at least three corners in cm; the last is joined to the first (a repeated first point is
        dropped).

    Raises
    ------
    InvalidInput
        Not finite, or fewer than three corners.

    Examples
    --------
    >>> Contour(0.0, [[0, 0], [1, 0], [1, 1], [0, 0]]).area
    0.5
    """

    z: float
    points: NDArray[np.float64]

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InvalidInput(
                f"contour points have shape {points.shape}, expected (k, 2) for x and y in cm."
            )
        if not (np.isfinite(points).all() and np.isfinite(self.z)):
            bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
            where = (
                f"point {int(bad[0])} is {points[bad[0]].tolist()} cm" if bad.size else f"z is {self.z} cm"
            )
            raise InvalidInput(
                f"contour {where}, expected finite coordinates "
                f"({bad.size} of {len(points)} points are not finite). Draw the contour again."
            )
        # Corners 1e-11 cm apart become one where a file rounds them: all that repeat the first go, so that a contour
        # read again is the same.
        while len(points) > 1 and np.array_equal(points[0], points[-1]):
            points = points[:-1]
        if len(points) < 3:
            raise InvalidInput(
                f"contour at z = {self.z:g} cm has {len(points)} corners, expected at least 3 (it encloses "
                f"an area). Draw the contour again or leave it out."
            )
        object.__setattr__(self, "z", float(self.z))
        object.__setattr__(self, "points", read_only(points, np.float64))

    @property
    def area(self) -> float:
        """Enclosed area in cm^2 (shoelace formula; sign dropped)."""
        # Shifted to the first corner: coordinates may lie tens of cm from the origin, areas are mm^2.
        x, y = (self.points - self.points[0]).T
        return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


@dataclass(frozen=True, eq=False)
class Structure:
    """A named structure as contours, even-odd on each slice.

    A contour stands for the slab of ± `slice_thickness` / 2 about its plane. Several closed curves on one
    slice combine by the even-odd rule: a ring is an outer and an inner curve.

    Parameters
    ----------
    name : str
        Letters, digits, spaces and ``_ - + .``.
    role : {"external", "target", "organ", "avoidance", "cavity", "other"}
        What it is for; ``external`` is the body outline.
    contours : sequence of Contour
        At least one.
    slice_thickness : float
        Distance between contour planes in cm.

    Raises
    ------
    InvalidInput
        Unknown role, unusable name, no contour, or planes closer than `slice_thickness`.

    Examples
    --------
    >>> square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> Structure("GTV", "target", [Contour(0.0, square), Contour(0.2, square)], 0.2).planes.tolist()
    [0.0, 0.2]
    """

    name: str
    role: Role
    contours: tuple[Contour, ...]
    slice_thickness: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "contours", tuple(self.contours))
        if not is_plain(self.name):
            raise InvalidInput(
                f"structure name is {self.name!r}, expected at most 64 letters, digits, spaces and _ - + . "
                f"(names become file names and page headings). Rename it, for example to "
                f"{plain_text(self.name, 'ROI')!r}."
            )
        if self.role not in ROLES:
            raise InvalidInput(
                f"role of structure {self.name} is {self.role!r}, expected one of {', '.join(ROLES)}. Choose "
                f"one."
            )
        if not self.contours:
            raise InvalidInput(
                f"structure {self.name} has 0 contours, expected at least 1. Draw it or leave it out."
            )
        if not (np.isfinite(self.slice_thickness) and self.slice_thickness > 0):
            raise InvalidInput(
                f"slice_thickness of structure {self.name} is {self.slice_thickness} cm, expected > 0 (each "
                f"contour stands for a slab). Give the distance between its planes."
            )
        object.__setattr__(self, "slice_thickness", float(self.slice_thickness))
        gaps = np.diff(self.planes)
        if gaps.size and gaps.min() < self.slice_thickness - 2 * SAME_PLANE:
            first = int(np.argmin(gaps))
            raise InvalidInput(
                f"planes z = {self.planes[first]:g} and {self.planes[first + 1]:g} cm of structure "
                f"{self.name} are {gaps[first]:g} cm apart, expected at least the slice thickness of "
                f"{self.slice_thickness:g} cm (slabs would overlap and count twice). Put the contours on "
                f"evenly spaced slices."
            )

    @property
    def planes(self) -> NDArray[np.float64]:
        """Distinct contour planes in cm, ascending; planes within 0.01 mm are one."""
        z = np.sort(np.array([contour.z for contour in self.contours]))
        return z[np.concatenate(([True], np.diff(z) > SAME_PLANE))]
