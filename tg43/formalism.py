"""TG-43 dose formalism, evaluated from the tables without approximation.

The dose rate at distance r and polar angle θ from a seed of air-kerma strength S_K is, in the line (2D)
formalism,

    Ḋ(r, θ) = S_K Λ G_L(r, θ) / G_L(r₀, θ₀) g_L(r) F(r, θ),         r₀ = 1 cm, θ₀ = 90°,

and in the point (1D) formalism, in the form TG-43U1 prefers because it holds closer to the seed,

    Ḋ(r) = S_K Λ G_L(r, θ₀) / G_L(r₀, θ₀) g_L(r) φ_an(r).

Between and outside tabulated values the rules of TG-43U1S1 hold: ln g_L linear in r, the nearest value below
the first distance, a single exponential through the last two distances beyond the last; F bilinear in r and θ
and φ_an linear in r, both with the nearest tabulated distance outside the table. None of them can be chosen: a dose
by other rules would be another formalism's.

References
----------
TG-43U1: Rivard et al., Med. Phys. 31 (2004) 633-674, doi:10.1118/1.1646040.
TG-43U1S1: Rivard et al., Med. Phys. 34 (2007) 2187-2205, doi:10.1118/1.2736790, section III.C.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import RegularGridInterpolator

from tg43.array_checks import FloatArray, Seeds
from tg43.capsule import wall_radius
from tg43.invalid_input import InvalidInput
from tg43.source_data import REFERENCE_DISTANCE, SourceData

FORMALISMS = ("line", "point")
GRAY_PER_CENTIGRAY = 0.01


def geometry_function(r: ArrayLike, theta: ArrayLike, active_length: float) -> FloatArray:
    """Return the line-source geometry function G_L(r, θ) in cm⁻².

    G_L = β / (L r sin θ) with β the angle the active length subtends; on the axis beyond the active length
    its limit 1 / (r² − L²/4), on the active length itself infinity.

    Parameters
    ----------
    r : array_like
        Distance from the seed's middle in cm.
    theta : array_like
        Polar angle from the seed's axis in rad, broadcast against `r`.
    active_length : float
        L in cm, positive.

    Returns
    -------
    ndarray
        G_L in cm⁻², of the broadcast shape.

    References
    ----------
    TG-43U1, Eq. (4); doi:10.1118/1.1646040.

    Examples
    --------
    >>> round(float(geometry_function(1.0, np.pi / 2, 0.3)), 12)
    0.99259965073
    """
    r, theta = np.asarray(r, dtype=np.float64), np.asarray(theta, dtype=np.float64)
    return geometry_function_cylindrical(r * np.abs(np.sin(theta)), r * np.cos(theta), active_length)


def geometry_function_cylindrical(rho: FloatArray, z: FloatArray, active_length: float) -> FloatArray:
    """Return G_L in cm⁻² at distance ρ from the seed's axis and height z along it, both in cm.

    Examples
    --------
    >>> float(geometry_function_cylindrical(np.array(0.0), np.array(0.25), 0.3).round(6))
    25.0
    """
    half = active_length / 2
    # The lines to the two ends of the active length have cross product L ρ and scalar product ρ² + z² − L²/4,
    # so one arctan2 gives β without the cancellation of a difference of two angles near the axis.
    cross, scalar = np.broadcast_arrays(active_length * rho, rho**2 + (z - half) * (z + half))
    beta = np.arctan2(cross, scalar)
    with np.errstate(divide="ignore", invalid="ignore"):
        on_axis = np.where(scalar > 0, 1 / scalar, np.inf)
        return np.where(cross > 0, beta / cross, on_axis)


def radial_dose_function(r: ArrayLike, source: SourceData) -> FloatArray:
    """Return the radial dose function g_L(r).

    Parameters
    ----------
    r : array_like
        Distance in cm.
    source : SourceData
        Seed model.

    Returns
    -------
    ndarray
        g_L, of the shape of `r`.

    References
    ----------
    TG-43U1S1, Eqs. (3) and (4); doi:10.1118/1.2736790.

    Examples
    --------
    >>> from tg43 import load_source
    >>> radial_dose_function([1.0, 2.0], load_source("6711"))
    array([1.   , 0.814])
    """
    r = np.asarray(r, dtype=np.float64)
    nodes, logarithm = source.radial_distances, np.log(source.radial_dose)
    slope = (logarithm[-1] - logarithm[-2]) / (nodes[-1] - nodes[-2])
    beyond = slope * np.maximum(r - nodes[-1], 0.0)
    return np.asarray(np.exp(np.interp(r, nodes, logarithm) + beyond))


def radial_dose_function_point(r: ArrayLike, source: SourceData) -> FloatArray:
    """Return the point-source radial dose function g_P(r) that belongs to g_L.

    g_P(r) = g_L(r) G_L(r, θ₀) / G_L(r₀, θ₀) (r / r₀)²: with G_P = 1/r² it gives the dose rate on the transverse plane
    that g_L gives with G_L. Between and outside the tabulated distances it follows from g_L there, so that both forms
    of the point formalism are one.

    Parameters
    ----------
    r : array_like
        Distance in cm.
    source : SourceData
        Seed model.

    Returns
    -------
    ndarray
        g_P, of the shape of `r`.

    References
    ----------
    TG-43U1, Eqs. (6), (10) and (11); doi:10.1118/1.1646040.

    Examples
    --------
    >>> from tg43 import load_source
    >>> radial_dose_function_point([0.5, 1.0, 2.0], load_source("6711")).round(3)
    array([1.048, 1.   , 0.819])
    """
    r = np.asarray(r, dtype=np.float64)
    geometry = geometry_function(r, np.pi / 2, source.active_length)
    reference = geometry_function(REFERENCE_DISTANCE, np.pi / 2, source.active_length)
    return np.asarray(radial_dose_function(r, source) * geometry / reference * (r / REFERENCE_DISTANCE) ** 2)


def anisotropy_function(r: ArrayLike, theta: ArrayLike, source: SourceData) -> FloatArray:
    """Return the 2D anisotropy function F(r, θ), symmetric about θ = π/2.

    Parameters
    ----------
    r : array_like
        Distance in cm.
    theta : array_like
        Polar angle in rad, 0 to π, broadcast against `r`.
    source : SourceData
        Seed model.

    Returns
    -------
    ndarray
        F, of the broadcast shape.

    References
    ----------
    TG-43U1S1, section III.C; doi:10.1118/1.2736790.

    Examples
    --------
    >>> from tg43 import load_source
    >>> anisotropy_function(1.0, np.deg2rad([0.0, 90.0, 180.0]), load_source("6711"))
    array([0.37, 1.  , 0.37])
    """
    r, theta = np.broadcast_arrays(np.asarray(r, dtype=np.float64), np.asarray(theta, dtype=np.float64))
    nodes, angles = source.anisotropy_distances, source.anisotropy_angles
    folded = np.minimum(theta, np.pi - theta).clip(angles[0], angles[-1])
    table = RegularGridInterpolator((nodes, angles), source.anisotropy)
    at = np.stack([r.clip(nodes[0], nodes[-1]), folded], axis=-1)
    return np.asarray(table(at)).reshape(r.shape)


def anisotropy_factor(r: ArrayLike, source: SourceData) -> FloatArray:
    """Return the 1D anisotropy function φ_an(r).

    Parameters
    ----------
    r : array_like
        Distance in cm.
    source : SourceData
        Seed model with a tabulated φ_an.

    Returns
    -------
    ndarray
        φ_an, of the shape of `r`.

    Raises
    ------
    InvalidInput
        If φ_an is not tabulated for the source.

    References
    ----------
    TG-43U1S1, section III.C; doi:10.1118/1.2736790.

    Examples
    --------
    >>> from tg43 import load_source
    >>> float(anisotropy_factor(1.0, load_source("6711")))
    0.944
    """
    if not len(source.anisotropy_factor):
        raise InvalidInput(
            f"anisotropy_factor of {source.name} is empty, expected a table (the point formalism needs "
            f"phi_an). "
            "Use formalism='line'."
        )
    return np.asarray(
        np.interp(
            np.asarray(r, dtype=np.float64), source.anisotropy_factor_distances, source.anisotropy_factor
        )
    )


def dose_rate_per_strength(rho: FloatArray, z: FloatArray, source: SourceData, formalism: str) -> FloatArray:
    """Return the dose rate per air-kerma strength in Gy h⁻¹ U⁻¹ around one seed.

    Inside the capsule, where TG-43 is not defined, the value of the capsule's wall at the same height holds,
    so that a point that falls into a seed gives a finite dose.

    Parameters
    ----------
    rho, z : ndarray
        Distance from the seed's axis and height along it in cm, of one shape. The point formalism uses only
        √(ρ² + z²).
    source : SourceData
        Seed model.
    formalism : {"line", "point"}
        2D line or 1D point formalism.

    Examples
    --------
    >>> from tg43 import load_source
    >>> float(dose_rate_per_strength(np.array(1.0), np.array(0.0), load_source("6711"), "line").round(8))
    0.00965
    """
    if formalism == "point":
        r = np.maximum(np.hypot(rho, z), source.capsule_radius)
        geometry = geometry_function_cylindrical(r, np.zeros_like(r), source.active_length)
        angular = anisotropy_factor(r, source)
    else:
        rho = np.maximum(rho, wall_radius(z, source))
        r = np.hypot(rho, z)
        geometry = geometry_function_cylindrical(rho, z, source.active_length)
        angular = anisotropy_function(r, np.arctan2(rho, z), source)
    return scale(source) * geometry * radial_dose_function(r, source) * angular


def scale(source: SourceData) -> float:
    """Return Λ / G_L(r₀, θ₀) in Gy cm² h⁻¹ U⁻¹.

    Examples
    --------
    >>> from tg43 import load_source
    >>> round(scale(load_source("6711")), 8)
    0.00972195
    """
    reference = geometry_function(REFERENCE_DISTANCE, np.pi / 2, source.active_length)
    return GRAY_PER_CENTIGRAY * source.dose_rate_constant / float(reference)


def superpose(points: FloatArray, seeds: Seeds, source: SourceData, formalism: str) -> FloatArray:
    """Return the summed dose rate of seeds in Gy/h at points (m, 3) cm.

    The arrays are taken as checked; seeds are added in the order given.

    Examples
    --------
    >>> from tg43 import load_source
    >>> seed = Seeds(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.ones(1))
    >>> superpose(np.array([[1.0, 0.0, 0.0]]), seed, load_source("6711"), "line").round(8)
    array([0.00965])
    """
    total = np.zeros(len(points))
    for position, axis, strength in zip(*seeds, strict=True):
        offset = points - position
        z = np.einsum("pi,i->p", offset, axis)
        # |offset − z axis| keeps its relative accuracy near the axis, unlike √(r² − z²).
        rho = np.linalg.norm(offset - z[:, np.newaxis] * axis, axis=1)
        total += strength * dose_rate_per_strength(rho, z, source, formalism)
    return total
