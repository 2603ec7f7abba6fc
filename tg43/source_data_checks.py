"""What the TG-43 tables of one seed say about one another: φ_an from F, and how evenly g_L falls."""

from __future__ import annotations

import numpy as np

from tg43.array_checks import FloatArray
from tg43.formalism import geometry_function
from tg43.source_data import SourceData

# Points of the Gauss-Legendre rule in each interval of θ: F is a chord there, and G_L sin θ smooth off the seed.
_POINTS = 16


def anisotropy_factor_from_anisotropy(
    distances: FloatArray, angles: FloatArray, anisotropy: FloatArray, active_length: float
) -> FloatArray:
    """Return the 1D anisotropy function that follows from a table of F, linear in θ between its angles.

    φ_an(r) = ∫ F(r, θ) G_L(r, θ) sin θ dθ / (2 G_L(r, 90°)) over 0 to 180°, F symmetric about 90°.

    Parameters
    ----------
    distances : ndarray, shape (n_r,)
        r in cm, beyond half the active length.
    angles : ndarray, shape (n_θ,)
        θ in rad from 0 to π/2, ascending.
    anisotropy : ndarray, shape (n_r, n_θ)
        F(r, θ).
    active_length : float
        L in cm.

    Returns
    -------
    ndarray, shape (n_r,)
        φ_an(r).

    References
    ----------
    TG-43U1, Eq. (9); doi:10.1118/1.1646040.

    Examples
    --------
    >>> from tg43 import load_source
    >>> seed = load_source("6711")
    >>> table = seed.anisotropy_distances, seed.anisotropy_angles, seed.anisotropy
    >>> anisotropy_factor_from_anisotropy(*table, seed.active_length).round(3)
    array([0.971, 0.945, 0.942, 0.942, 0.944, 0.945])
    """
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    width = np.diff(angles)[:, np.newaxis]
    theta = (angles[:-1, np.newaxis] + width * (nodes + 1) / 2).ravel()
    weight = (width * weights / 2).ravel() * np.sin(theta)
    at = np.stack([np.interp(theta, angles, row) for row in anisotropy])
    r = distances[:, np.newaxis]
    integral = (at * geometry_function(r, theta, active_length)) @ weight
    return np.asarray(integral / geometry_function(distances, np.pi / 2, active_length))


def anisotropy_factor_of_tables(source: SourceData) -> FloatArray:
    """Return the φ_an that follows from a source's F, at the distances of F.

    Examples
    --------
    >>> from tg43 import load_source
    >>> float(anisotropy_factor_of_tables(load_source("Best 2301"))[0].round(3))
    0.995
    """
    return anisotropy_factor_from_anisotropy(
        source.anisotropy_distances, source.anisotropy_angles, source.anisotropy, source.active_length
    )


def unevenness(source: SourceData) -> FloatArray:
    """Return how far each tabulated g_L lies from a smooth curve through its neighbours, as a ratio less 1.

    The curve is the cubic of ln g_L in r through the two entries on either side. A slip of transcription shows as one
    value of one sign between two of the other; so does the scatter of a measurement.

    Parameters
    ----------
    source : SourceData
        Seed model.

    Returns
    -------
    ndarray, shape (n_g,)
        Not a number at the two entries at either end.

    Examples
    --------
    >>> from tg43 import load_source
    >>> seed = load_source("6711")
    >>> deviation = unevenness(seed)
    >>> float(seed.radial_distances[np.nanargmax(np.abs(deviation))])
    4.0
    """
    r, logarithm = source.radial_distances, np.log(source.radial_dose)
    found = np.full(len(r), np.nan)
    for i in range(2, len(r) - 2):
        neighbours = [i - 2, i - 1, i + 1, i + 2]
        cubic = np.linalg.solve(np.vander(r[neighbours] - r[i], 4), logarithm[neighbours])
        found[i] = np.exp(logarithm[i] - cubic[-1]) - 1
    return found
