"""Layout of the medium tables the kernels read, and the look-up in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import jit

ELECTRON_MASS_KEV = 510.99895
# hc in keV Angstrom (CODATA 2018): x = E sin(theta/2) / hc is the momentum transfer in 1/Angstrom.
HC_KEV_ANGSTROM = 12.398419843


class MediumTables(NamedTuple):
    """Photon data of all media on a uniform energy grid.

    The last axis of the four mass coefficients (cm²/g) holds the value at the lower end of a bin and the slope in the
    bin; a bin lies on one side of every edge as a whole, which moves an edge by half a bin (5 eV) at most.
    """

    energy_min: float
    energy_max: float
    bins_per_kev: float
    total: np.ndarray  # (bins, media, 2)
    energy_absorption: np.ndarray  # (bins, media, 2), mu_en/rho
    incoherent: np.ndarray  # (bins, media, 2)
    coherent: np.ndarray  # (bins, media, 2)
    line_count: np.ndarray  # (media,)
    line_energy: np.ndarray  # (media, lines), keV
    line_probability: np.ndarray  # (bins, media, lines): cumulative, per photoelectric absorption
    momentum_transfer_max: float
    coherent_integral: np.ndarray  # (media, nodes): integral of F² over x² up to each node
    coherent_guide: np.ndarray  # (media, n) int16: last node whose integral is at most i/n of the whole
    incoherent_function: np.ndarray  # (media, nodes): S(x) per electron


@jit
def energy_bin(tables, energy):
    """Index of the energy bin."""
    index = int((energy - tables.energy_min) * tables.bins_per_kev)
    return min(max(index, 0), tables.total.shape[0] - 1)


@jit
def energy_offset(tables, energy, index):
    """Energy above the lower end of the bin, keV."""
    return energy - (tables.energy_min + index / tables.bins_per_kev)
