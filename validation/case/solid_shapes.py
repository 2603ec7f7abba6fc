"""Simple solids as signed functions: negative inside, zero on the surface, about the distance near it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
Point = tuple[float, float, float]


class Shape(Protocol):
    """A solid that can say how far outside it a point is."""

    def outside(self, x: Field, y: Field, z: Field) -> Field:
        """Signed function in cm at points (x, y, z in cm, broadcast together): negative inside."""

    def bounds(self) -> tuple[Point, Point]:
        """Lower and upper corner of a box that holds the solid, cm."""


def _ellipse(scaled: Field, scaled_twice: Field) -> Field:
    """First-order distance to an ellipse or ellipsoid from |p / r| and |p / r^2|.

    f = k (k - 1) / |p / r^2| with k = |p / r|: zero exactly on the surface, unit gradient there.
    """
    # At the very centre both norms vanish and k / |p / r^2| is any semi-axis: 1 keeps the sign.
    radius = np.divide(scaled, scaled_twice, out=np.ones_like(scaled), where=scaled_twice > 0)
    return np.asarray((scaled - 1.0) * radius)


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid.

    Parameters
    ----------
    centre : tuple of float
        Centre in cm.
    semi_axes : tuple of float
        Semi-axes in cm: along `long_axis`, horizontally across it, and along the third direction.
    long_axis : tuple of float
        Direction of the first semi-axis; not vertical.

    Examples
    --------
    >>> ball = Ellipsoid((0, 0, 0), (1, 1, 1))
    >>> float(ball.outside(np.array(3.0), np.array(0.0), np.array(0.0)))
    2.0
    """

    centre: Point
    semi_axes: Point
    long_axis: Point = (1.0, 0.0, 0.0)

    def frame(self) -> Field:
        """Rows are the directions of the three semi-axes, shape (3, 3)."""
        first = np.array(self.long_axis) / np.linalg.norm(self.long_axis)
        second = np.cross([0.0, 0.0, 1.0], first)
        second /= np.linalg.norm(second)
        return np.stack([first, second, np.cross(first, second)])

    def outside(self, x: Field, y: Field, z: Field) -> Field:
        """Signed function in cm; see `Shape`."""
        dx, dy, dz = x - self.centre[0], y - self.centre[1], z - self.centre[2]
        scaled, scaled_twice = 0.0, 0.0
        for (ux, uy, uz), radius in zip(self.frame().tolist(), self.semi_axes, strict=True):
            part = (ux * dx + uy * dy + uz * dz) / radius
            scaled = scaled + part**2
            scaled_twice = scaled_twice + (part / radius) ** 2
        return _ellipse(np.sqrt(scaled), np.sqrt(scaled_twice))

    def bounds(self) -> tuple[Point, Point]:
        """Box; see `Shape`."""
        half = np.sqrt(((self.frame() * np.array(self.semi_axes)[:, None]) ** 2).sum(axis=0))
        return _box(np.array(self.centre) - half, np.array(self.centre) + half)

    def inset(self, depth: float) -> Ellipsoid:
        """Make the ellipsoid with semi-axes shorter by `depth` cm (longer if negative)."""
        a, b, c = self.semi_axes
        return replace(self, semi_axes=(a - depth, b - depth, c - depth))


@dataclass(frozen=True)
class Column:
    """An upright column: in each axial plane an ellipse whose centre moves from `bottom` to `top`.

    Parameters
    ----------
    bottom, top : tuple of float
        Centres of the lowest and highest cross-section in cm; flat ends.
    half_widths : tuple of float
        Semi-axes of the ellipse in cm: along `wide`, and across it.
    wide : float
        Direction of the first semi-axis in rad, from x (left) towards y (posterior).

    Examples
    --------
    >>> column = Column((0, 0, -1), (0, 0, 1), (1, 2))
    >>> float(column.outside(np.array(0.0), np.array(2.5), np.array(0.0)))
    0.5
    """

    bottom: Point
    top: Point
    half_widths: tuple[float, float]
    wide: float = 0.0

    def outside(self, x: Field, y: Field, z: Field) -> Field:
        """Signed function in cm; see `Shape`."""
        (x0, y0, z0), (x1, y1, z1) = self.bottom, self.top
        height = (z - z0) / (z1 - z0)
        dx, dy = x - (x0 + height * (x1 - x0)), y - (y0 + height * (y1 - y0))
        a, b = self.half_widths
        along = (math.cos(self.wide) * dx + math.sin(self.wide) * dy) / a
        across = (-math.sin(self.wide) * dx + math.cos(self.wide) * dy) / b
        along, across = along**2, across**2
        sideways = _ellipse(np.sqrt(along + across), np.sqrt(along / a**2 + across / b**2))
        return np.asarray(np.maximum(sideways, np.abs(z - (z0 + z1) / 2) - (z1 - z0) / 2))

    def bounds(self) -> tuple[Point, Point]:
        """Box; see `Shape`."""
        reach = np.array([max(self.half_widths), max(self.half_widths), 0.0])
        ends = np.array([self.bottom, self.top])
        return _box(ends.min(axis=0) - reach, ends.max(axis=0) + reach)

    def inset(self, depth: float) -> Column:
        """Make the column with half widths smaller by `depth` cm (larger if negative), equally long."""
        a, b = self.half_widths
        return replace(self, half_widths=(a - depth, b - depth))


@dataclass(frozen=True)
class Capsule:
    """All points within `radius` of the straight line from `start` to `end`.

    Parameters
    ----------
    start, end : tuple of float
        Ends of the line in cm.
    radius : float
        Radius in cm.

    Examples
    --------
    >>> rod = Capsule((0, 0, 0), (2, 0, 0), 0.5)
    >>> float(rod.outside(np.array(3.0), np.array(0.0), np.array(0.0)))
    0.5
    """

    start: Point
    end: Point
    radius: float

    def outside(self, x: Field, y: Field, z: Field) -> Field:
        """Signed distance in cm; see `Shape`."""
        line = np.subtract(self.end, self.start).tolist()
        dx, dy, dz = x - self.start[0], y - self.start[1], z - self.start[2]
        along = np.clip(
            (dx * line[0] + dy * line[1] + dz * line[2]) / math.dist(self.start, self.end) ** 2, 0.0, 1.0
        )
        squared = (dx - along * line[0]) ** 2 + (dy - along * line[1]) ** 2 + (dz - along * line[2]) ** 2
        return np.asarray(np.sqrt(squared) - self.radius)

    def bounds(self) -> tuple[Point, Point]:
        """Box; see `Shape`."""
        ends = np.array([self.start, self.end])
        return _box(ends.min(axis=0) - self.radius, ends.max(axis=0) + self.radius)

    def inset(self, depth: float) -> Capsule:
        """Make the capsule with a radius smaller by `depth` cm (larger if negative)."""
        return replace(self, radius=self.radius - depth)


@dataclass(frozen=True)
class Union:
    """What lies in any of several solids."""

    parts: tuple[Ellipsoid | Column | Capsule, ...]

    def outside(self, x: Field, y: Field, z: Field) -> Field:
        """Signed function in cm; see `Shape`."""
        return np.asarray(np.minimum.reduce([part.outside(x, y, z) for part in self.parts]))

    def bounds(self) -> tuple[Point, Point]:
        """Box; see `Shape`."""
        boxes = np.array([part.bounds() for part in self.parts])
        return _box(boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0))

    def inset(self, depth: float) -> Union:
        """Every part inset by `depth` cm."""
        return Union(tuple(part.inset(depth) for part in self.parts))


@dataclass(frozen=True)
class Without:
    """What lies in `whole` but not in `hole`."""

    whole: Shape
    hole: Shape

    def outside(self, x: Field, y: Field, z: Field) -> Field:
        """Signed function in cm; see `Shape`."""
        return np.asarray(np.maximum(self.whole.outside(x, y, z), -self.hole.outside(x, y, z)))

    def bounds(self) -> tuple[Point, Point]:
        """Box; see `Shape`."""
        return self.whole.bounds()


@dataclass(frozen=True)
class Within:
    """What of `whole` lies inside `limit`."""

    whole: Shape
    limit: Shape

    def outside(self, x: Field, y: Field, z: Field) -> Field:
        """Signed function in cm; see `Shape`."""
        value = self.whole.outside(x, y, z)
        # Only points inside `whole` can be cut away; the limit is often a costly union.
        inside = value < 0
        limit = self.limit.outside(*(np.broadcast_to(c, value.shape)[inside] for c in (x, y, z)))
        value[inside] = np.maximum(value[inside], limit)
        return value

    def bounds(self) -> tuple[Point, Point]:
        """Box; see `Shape`."""
        return self.whole.bounds()


def _box(lower: Field, upper: Field) -> tuple[Point, Point]:
    low = (float(lower[0]), float(lower[1]), float(lower[2]))
    return low, (float(upper[0]), float(upper[1]), float(upper[2]))
