"""Coherent (Rayleigh) scattering with atomic form factors.

dσ/dΩ ∝ (1 + cos²θ)/2 · F²(x), x = E sin(θ/2)/hc. x² is drawn from F² up to its kinematic limit (E/hc)² by inversion
of the tabulated integral (a guide table says where to begin looking) and accepted with (1 + cos²θ)/2; cosθ = 1 −
2 x²/x²max. F² is the sum over atoms (independent atoms: interference between the atoms of a molecule is neglected).
Form factors: Hubbell et al. 1975, doi:10.1063/1.555523.
"""

from __future__ import annotations

import math

import numpy as np

from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.rng import uniform
from mcsim.kernels.tables import HC_KEV_ANGSTROM


@inlined_jit
def sample_cosine(energy, medium, tables, state):
    """Cosine of the scattering angle."""
    integral = tables.coherent_integral
    guide = tables.coherent_guide
    last = integral.shape[1] - 1
    guides = guide.shape[1]
    inverse_last = 1.0 / last
    x_max = energy / HC_KEV_ANGSTROM
    x2_max = x_max * x_max
    # nodes lie at x = x_end (k/last)², so that the node of a given x needs no search
    x2_end = tables.momentum_transfer_max**2
    position = math.sqrt(min(x_max / tables.momentum_transfer_max, 1.0)) * last
    k = min(int(position), last - 1)
    low = x2_end * (k * inverse_last) ** 4
    high = x2_end * ((k + 1) * inverse_last) ** 4
    share = (x2_max - low) / (high - low)
    limit = integral[medium, k] + share * (integral[medium, k + 1] - integral[medium, k])
    to_guide = guides / integral[medium, last]
    factor = 2.0 / x2_max
    while True:
        target = uniform(state) * limit
        a = min(np.int64(guide[medium, min(int(target * to_guide), guides - 1)]), k)
        while a < k and integral[medium, a + 1] <= target:
            a += 1
        low = x2_end * (a * inverse_last) ** 4
        high = x2_end * ((a + 1) * inverse_last) ** 4
        share = (target - integral[medium, a]) / (integral[medium, a + 1] - integral[medium, a])
        cosine = max(-1.0, 1.0 - factor * (low + share * (high - low)))
        if 2.0 * uniform(state) <= 1.0 + cosine * cosine:
            return cosine
