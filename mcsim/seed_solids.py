"""Solids of revolution about a seed's long axis, and which part of each is visible where they nest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Planes closer than this (cm) are one plane: far below any real layer (17 nm), far above round-off.
SAME_PLANE = 1e-10


@dataclass(frozen=True)
class Solid:
    """One solid of revolution about the seed's long axis, {ρ² ≤ a + b z + c z², z_min ≤ z ≤ z_max}, cm."""

    name: str
    material: str
    profile: tuple[float, float, float]
    z_min: float
    z_max: float

    def radius_squared(self, z: FloatArray) -> FloatArray:
        """ρ² of the surface at the heights `z`, cm²."""
        a, b, c = self.profile
        return np.maximum(a + z * (b + z * c), 0.0)


@dataclass(frozen=True)
class Zone:
    """The visible part of a solid between two planes: a ring between its surface and that of a later solid.

    Attributes
    ----------
    solid : Solid
        The solid that counts here.
    inner : Solid or None
        The later solid inside it, none if it reaches to the axis.
    z_min, z_max : float
        The planes, cm. No surface begins, ends or crosses another between them.
    """

    solid: Solid
    inner: Solid | None
    z_min: float
    z_max: float

    def ring(self, z: FloatArray) -> FloatArray:
        """Outer ρ² less inner ρ² at the heights `z`, cm²."""
        return self.solid.radius_squared(z) - (self.inner.radius_squared(z) if self.inner else 0.0)

    def volume(self) -> float:
        """Volume over π, cm³, exact for profiles ρ²(z) that are polynomials."""
        nodes, weights = np.polynomial.legendre.leggauss(16)
        half = 0.5 * (self.z_max - self.z_min)
        z = 0.5 * (self.z_max + self.z_min) + half * nodes
        return float(half * (self.ring(z) * weights).sum())


def slabs(solids: Sequence[Solid]) -> list[tuple[float, float]]:
    """Ranges of z, cm, in which no surface of `solids` begins, ends or crosses another.

    Examples
    --------
    >>> rod = Solid("rod", "silver", (0.04, 0.0, 0.0), -1.0, 1.0)
    >>> ball = Solid("ball", "gold", (0.16, 0.0, -1.0), -0.4, 0.4)
    >>> [round(float(z), 3) for z, _ in slabs([rod, ball])]
    [-1.0, -0.4, -0.346, 0.346, 0.4]
    """
    planes = np.unique([z for s in solids for z in (s.z_min, s.z_max)])
    crossings = [z for first, second in combinations(solids, 2) for z in _crossings(first, second)]
    new = [z for z in crossings if np.abs(planes - z).min() > SAME_PLANE]
    return list(pairwise(np.unique([*planes, *new])))


def _crossings(first: Solid, second: Solid) -> Iterator[float]:
    """Heights at which two surfaces have the same radius, strictly inside the range of z of both."""
    low, high = max(first.z_min, second.z_min), min(first.z_max, second.z_max)
    if high <= low:
        return
    difference = np.trim_zeros(np.array(first.profile) - np.array(second.profile), "b")
    if len(difference) < 2:  # surfaces at a constant distance
        return
    roots: list[complex] = np.polynomial.Polynomial(difference).roots().tolist()
    for root in roots:
        if abs(root.imag) < SAME_PLANE and low < root.real < high:
            yield root.real


def zones(solids: Sequence[Solid]) -> list[Zone]:
    """Visible parts of all solids, from the lowest slab up, in nesting order within a slab.

    Parameters
    ----------
    solids : sequence of Solid
        In nesting order: where solids overlap, the later one counts.

    Returns
    -------
    list of Zone

    Examples
    --------
    >>> tube = Solid("tube", "titanium", (0.04, 0.0, 0.0), -1.0, 1.0)
    >>> fill = Solid("fill", "air", (0.01, 0.0, 0.0), -0.9, 0.9)
    >>> [(z.solid.name, z.z_min, z.z_max) for z in zones([tube, fill])]
    [('tube', -1.0, -0.9), ('tube', -0.9, 0.9), ('fill', -0.9, 0.9), ('tube', 0.9, 1.0)]
    """
    found = []
    for low, high in slabs(solids):
        middle = np.array([0.5 * (low + high)])
        here = [s for s in solids if s.z_min <= middle[0] <= s.z_max]
        for k, solid in enumerate(here):
            inner = max(here[k + 1 :], key=lambda s: float(s.radius_squared(middle)[0]), default=None)
            zone = Zone(solid, inner, float(low), float(high))
            if zone.ring(middle)[0] > 0.0:
                found.append(zone)
    return found


def largest_radius_squared(solid: Solid) -> float:
    """Largest ρ² of a solid's surface, cm²."""
    return float(solid.radius_squared(np.linspace(solid.z_min, solid.z_max, 401)).max())
