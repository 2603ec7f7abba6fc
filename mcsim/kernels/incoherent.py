"""Incoherent (Compton) scattering: Klein-Nishina times the incoherent scattering function.

dσ/dΩ ∝ q² (q + 1/q − sin²θ) · S(x), q = E'/E = 1/(1 + E/mc² (1 − cosθ)), x = E sin(θ/2)/hc. Both factors are applied by
rejection. The scattered photon has the free-electron energy: Doppler broadening is neglected (its width at 28 keV is
about 1 % of E', symmetric, and the dose responds to the mean). The electron and the binding energy stay at the
site. S: Hubbell et al. 1975, doi:10.1063/1.555523.
"""

from __future__ import annotations

import math

from mcsim.kernels._jit import jit
from mcsim.kernels.rng import uniform
from mcsim.kernels.tables import ELECTRON_MASS_KEV, HC_KEV_ANGSTROM


@jit
def sample_cosine(energy, medium, tables, state):
    """Cosine of the scattering angle and the energy of the scattered photon, keV."""
    function = tables.incoherent_function
    last = function.shape[1] - 1
    while True:
        cosine = 2.0 * uniform(state) - 1.0
        q = 1.0 / (1.0 + energy / ELECTRON_MASS_KEV * (1.0 - cosine))
        # q² (q + 1/q − sin²θ) is at most 2
        if 2.0 * uniform(state) > q * q * (q + 1.0 / q - 1.0 + cosine * cosine):
            continue
        x = energy / HC_KEV_ANGSTROM * math.sqrt(0.5 * (1.0 - cosine))
        position = math.sqrt(min(x / tables.momentum_transfer_max, 1.0)) * last
        k = min(int(position), last - 1)
        low = function[medium, k]
        accept = low + (position - k) * (function[medium, k + 1] - low)
        if uniform(state) <= accept:
            return cosine, energy * q
