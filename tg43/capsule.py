"""Outer surface of a seed capsule: where the TG-43 formalism ends and the seed begins."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tg43.array_checks import FloatArray
from tg43.compiled import compiled
from tg43.source_data import SourceData


def half_cylinder(source: SourceData) -> float:
    """Return half the length in cm of the capsule's cylindrical part.

    Examples
    --------
    >>> from tg43 import load_source
    >>> round(half_cylinder(load_source("6711")), 6)
    0.1875
    """
    rounded = source.capsule_radius if source.capsule_ends == "hemispherical" else 0.0
    return source.capsule_length / 2 - rounded


def wall_radius(z: FloatArray, source: SourceData) -> FloatArray:
    """Return the capsule's outer radius in cm at height z along its axis, 0 beyond its ends.

    Parameters
    ----------
    z : ndarray
        Distance in cm from the seed's middle along its axis, of any sign.

    Examples
    --------
    >>> from tg43 import load_source
    >>> wall_radius(np.array([0.0, 0.2275, 1.0]), load_source("6711"))
    array([0.04, 0.  , 0.  ])
    """
    beyond = np.abs(z) - half_cylinder(source)
    radius = source.capsule_radius
    if source.capsule_ends == "flat":
        return np.where(beyond <= 0, radius, 0.0)
    return np.where(beyond <= 0, radius, np.sqrt(np.maximum(radius**2 - beyond**2, 0.0)))


class Capsule(NamedTuple):
    """Outer shape of a seed for compiled functions, in cm."""

    half_cylinder: float
    radius: float
    hemispherical: bool


def capsule_of(source: SourceData) -> Capsule:
    """Return the outer shape of a seed.

    Examples
    --------
    >>> from tg43 import load_source
    >>> capsule_of(load_source("6711")).hemispherical
    True
    """
    return Capsule(half_cylinder(source), source.capsule_radius, source.capsule_ends == "hemispherical")


@compiled
def surface_at(rho: float, z: float, capsule: Capsule) -> tuple[float, float, float, float]:
    """Return `signed_distance` of one point."""
    half, radius = capsule.half_cylinder, capsule.radius
    side = -1.0 if z < 0 else 1.0
    beyond = abs(z) - half
    if capsule.hemispherical:
        outward = max(beyond, 0.0)
        length = math.hypot(rho, outward)
        if length == 0.0:
            return -radius, 1.0, 0.0, 1.0 / radius
        return length - radius, rho / length, side * outward / length, (2.0 if beyond > 0 else 1.0) / length
    radial = rho - radius
    # The rounding of offsets about the rim is left out of the curvature: it is a line, of no volume.
    if radial > 0 and beyond > 0:
        length = math.hypot(radial, beyond)
        return length, radial / length, side * beyond / length, 0.0
    if radial >= beyond:
        return radial, 1.0, 0.0, 1.0 / (rho if rho > 0 else radius)
    return beyond, 0.0, side, 0.0


@compiled
def _fill(rho: FloatArray, z: FloatArray, capsule: Capsule, filled: FloatArray) -> None:
    for i in range(len(rho)):
        filled[0, i], filled[1, i], filled[2, i], filled[3, i] = surface_at(rho[i], z[i], capsule)


def signed_distance(
    rho: FloatArray, z: FloatArray, source: SourceData
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the distance d to the capsule's surface, negative inside, with its gradient and Laplacian.

    Parameters
    ----------
    rho, z : ndarray
        Distance from the seed's axis and height along it in cm, of one shape.

    Returns
    -------
    distance, along_rho, along_z, curvature : ndarray
        d in cm; the components of its gradient, the unit vector away from the capsule; ∇²d in cm⁻¹, the sum
        of the surface's two curvatures at that distance.

    Examples
    --------
    >>> from tg43 import load_source
    >>> at = np.array([0.1]), np.array([0.0])
    >>> distance, along_rho, _, curvature = signed_distance(*at, load_source("6711"))
    >>> distance.round(6), along_rho, curvature
    (array([0.06]), array([1.]), array([10.]))
    """
    rho, z = np.asarray(rho, dtype=np.float64), np.asarray(z, dtype=np.float64)
    filled = np.empty((4, rho.size))
    _fill(rho.ravel(), z.ravel(), capsule_of(source), filled)
    distance, along_rho, along_z, curvature = filled.reshape(4, *rho.shape)
    return distance, along_rho, along_z, curvature
