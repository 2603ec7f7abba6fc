"""Directions: isotropic emission and rotation by a scattering angle."""

from __future__ import annotations

import math

from mcsim.kernels._jit import jit
from mcsim.kernels.rng import uniform


@jit
def isotropic(state):
    """Unit vector, uniform over the sphere."""
    w = 2.0 * uniform(state) - 1.0
    azimuth = 2.0 * math.pi * uniform(state)
    s = math.sqrt(1.0 - w * w)
    return s * math.cos(azimuth), s * math.sin(azimuth), w


@jit
def deflect(u, v, w, cosine, state):
    """Turn a unit vector by the polar angle of `cosine` and a uniform azimuth."""
    azimuth = 2.0 * math.pi * uniform(state)
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    a = sine * math.cos(azimuth)
    b = sine * math.sin(azimuth)
    rho2 = u * u + v * v
    if rho2 > 1e-12:
        rho = math.sqrt(rho2)
        p = u * cosine + (u * w * a - v * b) / rho
        q = v * cosine + (v * w * a + u * b) / rho
        r = w * cosine - rho * a
    else:
        p, q, r = a, b, cosine * math.copysign(1.0, w)
    # The norm drifts by round-off over many scatters; a drifting norm would be a drifting path length.
    scale = 1.0 / math.sqrt(p * p + q * q + r * r)
    return p * scale, q * scale, r * scale
