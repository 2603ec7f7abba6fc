"""Ratios of the scattering strengths of media to water, for the second weight (``mcsim.kernels.second_weight``).

A scattered direction is drawn from a distribution that is known up to its normal, N_m(E) = ∫ KN(cosθ) S_m(x) dcosθ for
incoherent and I_m(E) = ∫ ½(1 + cos²θ) F_m²(x) dx² for coherent scattering. The differential cross section per mass is
σ_m/N_m · KN S_m; of σ_m/N_m the tables made here hold the ratio to water. N and I are taken from the very tables and
interpolation that the samplers use, so that the weights' mean is right to round-off and not only to the quality of the
form factors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels.tables import ELECTRON_MASS_KEV, HC_KEV_ANGSTROM, MediumTables

FloatArray = NDArray[np.float64]

NODES = 157  # every quarter of a keV from 1 to 40 keV
PANELS = 50


def scattering_shares(tables: MediumTables, media: int, water: int) -> tuple[FloatArray, FloatArray]:
    """Incoherent and coherent σ/N of every medium over those of water.

    Parameters
    ----------
    tables : MediumTables
        The phantom's media first.
    media : int
        Number of media in the phantom.
    water : int
        Index of liquid water in `tables`.

    Returns
    -------
    incoherent, coherent : ndarray, shape (157, media)
        At energies even between the tables' ends; 1 where water does not scatter.

    Examples
    --------
    >>> from mcsim.materials import material
    >>> from mcsim.medium_tables import build_medium_tables
    >>> tables = build_medium_tables([material("water"), material("cortical_bone")])
    >>> incoherent, coherent = scattering_shares(tables, 2, 0)
    >>> bool(np.all(incoherent[:, 0] == 1.0)), round(float(incoherent[107, 1]), 2)
    (True, 0.93)
    """
    energy = np.linspace(tables.energy_min, tables.energy_max, NODES)
    index = np.clip(
        ((energy - tables.energy_min) * tables.bins_per_kev).astype(int), 0, len(tables.total) - 1
    )
    above = energy - (tables.energy_min + index / tables.bins_per_kev)
    found = []
    for sigma, normal in (
        (tables.incoherent, _incoherent_normal(tables, energy)),
        (tables.coherent, _coherent_normal(tables, energy)),
    ):
        strength = (sigma[index, :, 0] + above[:, None] * sigma[index, :, 1]) / normal
        in_water = strength[:, [water]]
        ratio = np.divide(strength[:, :media], in_water, out=np.ones((NODES, media)), where=in_water > 0.0)
        found.append(np.ascontiguousarray(ratio))
    return found[0], found[1]


def _incoherent_normal(tables: MediumTables, energy: FloatArray) -> FloatArray:
    # panels of few nodes: the nodes of one long rule would take longer than all the rest
    node, share = np.polynomial.legendre.leggauss(8)
    edge = np.linspace(-1.0, 1.0, PANELS + 1)
    cosine = (0.5 * (edge[1:] + edge[:-1])[:, None] + node / PANELS).ravel()
    weight = np.tile(share / PANELS, PANELS)
    q = 1.0 / (1.0 + energy[:, None] / ELECTRON_MASS_KEV * (1.0 - cosine))
    x = energy[:, None] / HC_KEV_ANGSTROM * np.sqrt(0.5 * (1.0 - cosine))
    klein_nishina = q**2 * (q + 1.0 / q - 1.0 + cosine**2) * weight
    function = tables.incoherent_function
    nodes = np.linspace(0.0, 1.0, function.shape[1])
    place = np.sqrt(np.minimum(x / tables.momentum_transfer_max, 1.0))
    return np.stack([(klein_nishina * np.interp(place, nodes, s)).sum(axis=1) for s in function], axis=1)


def _coherent_normal(tables: MediumTables, energy: FloatArray) -> FloatArray:
    integral = tables.coherent_integral
    nodes = tables.momentum_transfer_max * np.linspace(0.0, 1.0, integral.shape[1]) ** 2
    # the sampler takes F² as constant in x² between nodes
    f2 = np.diff(integral, axis=1) / np.diff(nodes**2)
    largest = (energy / HC_KEV_ANGSTROM)[:, None] ** 2
    cosine = 1.0 - 2.0 * np.minimum(nodes**2, largest) / largest
    primitive = -0.25 * largest * (cosine + cosine**3 / 3.0)
    return np.asarray(np.diff(primitive, axis=1) @ f2.T)
