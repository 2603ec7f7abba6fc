"""Coherent (Rayleigh) scattering with atomic form factors.

dσ/dΩ ∝ (1 + cos²θ)/2 · F²(x), x = E sin(θ/2)/hc. x² is drawn from F² up to its kinematic limit (E/hc)² by inversion
of the tabulated integral and accepted with (1 + cos²θ)/2; cosθ = 1 − 2 x²/x²max. F² is the sum over atoms
(independent atoms: interference between the atoms of a molecule is neglected). Form factors: Hubbell et al. 1975,
doi:10.1063/1.555523.
"""

from __future__ import annotations

import math

from mcsim.kernels._jit import jit
from mcsim.kernels.rng import uniform
from mcsim.kernels.tables import HC_KEV_ANGSTROM


@jit
def sample_cosine(energy, medium, tables, state):
    """Cosine of the scattering angle."""
    integral = tables.coherent_integral
    last = integral.shape[1] - 1
    x_max = energy / HC_KEV_ANGSTROM
    x2_max = x_max * x_max
    # nodes lie at x = x_end (k/last)², so that the node of a given x needs no search
    x_end = tables.momentum_transfer_max
    position = math.sqrt(min(x_max / x_end, 1.0)) * last
    k = min(int(position), last - 1)
    low = x_end * (k / last) ** 2
    high = x_end * ((k + 1) / last) ** 2
    share = (x2_max - low * low) / (high * high - low * low)
    limit = integral[medium, k] + share * (integral[medium, k + 1] - integral[medium, k])
    while True:
        target = uniform(state) * limit
        a = 0
        b = k + 1
        while b - a > 1:
            middle = (a + b) // 2
            if integral[medium, middle] <= target:
                a = middle
            else:
                b = middle
        low = x_end * (a / last) ** 2
        high = x_end * (b / last) ** 2
        share = (target - integral[medium, a]) / (integral[medium, b] - integral[medium, a])
        x2 = low * low + share * (high * high - low * low)
        cosine = max(-1.0, 1.0 - 2.0 * x2 / x2_max)
        if 2.0 * uniform(state) <= 1.0 + cosine * cosine:
            return cosine
