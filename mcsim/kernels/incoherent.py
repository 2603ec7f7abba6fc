"""Incoherent (Compton) scattering: Klein-Nishina times the incoherent scattering function.

dσ/dΩ ∝ q² (q + 1/q − sin²θ) · S(x), q = E'/E = 1/(1 + E/mc² (1 − cosθ)), x = E sin(θ/2)/hc. Angles are
drawn from 1 + cos²θ (free electrons at rest and no recoil) and accepted with the rest. The scattered photon has the
free-electron energy: Doppler broadening is neglected (its width at 28 keV is about 1 % of E', symmetric, and the dose
responds to the mean). The electron and the binding energy stay at the
site. S: Hubbell et al. 1975, doi:10.1063/1.555523.
"""

from __future__ import annotations

import math

from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.rng import uniform
from mcsim.kernels.tables import ELECTRON_MASS_KEV, HC_KEV_ANGSTROM


@inlined_jit
def sample_cosine(energy, medium, tables, state):
    """Cosine of the scattering angle and the energy of the scattered photon, keV."""
    function = tables.incoherent_function
    last = function.shape[1] - 1
    k = energy / ELECTRON_MASS_KEV
    while True:
        # 1 + cos²θ: three quarters uniform, one quarter 3 cos²θ/2, which is the furthest from 0 of three
        cosine = 2.0 * uniform(state) - 1.0
        second = 2.0 * uniform(state) - 1.0
        third = 2.0 * uniform(state) - 1.0
        furthest = second if abs(second) > abs(third) else third
        furthest = cosine if abs(cosine) > abs(furthest) else furthest
        cosine = furthest if uniform(state) < 0.25 else cosine
        q = 1.0 / (1.0 + k * (1.0 - cosine))
        square = cosine * cosine
        x = energy / HC_KEV_ANGSTROM * math.sqrt(0.5 * (1.0 - cosine))
        position = math.sqrt(min(x / tables.momentum_transfer_max, 1.0)) * last
        node = min(int(position), last - 1)
        low = function[medium, node]
        accept = low + (position - node) * (function[medium, node + 1] - low)
        # q² (q + 1/q − sin²θ) is at most 1 + cos²θ, and S at most 1
        if uniform(state) * (1.0 + square) <= q * q * (q + 1.0 / q - 1.0 + square) * accept:
            return cosine, energy * q
