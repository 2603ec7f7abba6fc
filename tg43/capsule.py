"""Outer surface of a seed capsule: where the TG-43 formalism ends and the seed begins."""

from __future__ import annotations

import numpy as np

from tg43.array_checks import FloatArray
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
    half, radius = half_cylinder(source), source.capsule_radius
    side = np.where(z < 0, -1.0, 1.0)
    beyond = np.abs(z) - half
    if source.capsule_ends == "hemispherical":
        outward = np.maximum(beyond, 0.0)
        length = np.hypot(rho, outward)
        safe = np.where(length > 0, length, radius)
        along_rho = np.where(length > 0, rho / safe, 1.0)
        return length - radius, along_rho, side * outward / safe, np.where(beyond > 0, 2.0, 1.0) / safe
    radial = rho - radius
    corner = (radial > 0) & (beyond > 0)
    length = np.where(corner, np.hypot(radial, beyond), 1.0)
    through_wall = radial >= beyond
    distance = np.where(corner, length, np.maximum(radial, beyond))
    along_rho = np.where(corner, radial / length, np.where(through_wall, 1.0, 0.0))
    along_z = np.where(corner, beyond / length, np.where(through_wall, 0.0, 1.0))
    # The rounding of offsets about the rim is left out: it is a line, of no volume.
    curvature = np.where(through_wall & ~corner, 1.0 / np.where(rho > 0, rho, radius), 0.0)
    return distance, along_rho, side * along_z, curvature
