"""Directions: isotropic emission and rotation by a scattering angle."""

from __future__ import annotations

import math

from mcsim.kernels._jit import jit
from mcsim.kernels.rng import uniform


@jit
def in_disc(state):
    """A point, uniform in the unit disc without its centre, and the square of its distance from the centre."""
    while True:
        a = 2.0 * uniform(state) - 1.0
        b = 2.0 * uniform(state) - 1.0
        square = a * a + b * b
        # without & (no second branch): nearly always true, so that it costs little
        if (square < 1.0) & (square > 1e-30):
            return a, b, square


@jit
def azimuth(state):
    """Cosine and sine of a uniform angle: of twice the angle of a point in a disc (von Neumann 1951)."""
    a, b, square = in_disc(state)
    inverse = 1.0 / square
    return (a * a - b * b) * inverse, 2.0 * a * b * inverse


@jit
def isotropic(state):
    """Unit vector, uniform over the sphere (Marsaglia 1972, doi:10.1214/aoms/1177692644)."""
    a, b, square = in_disc(state)
    s = 2.0 * math.sqrt(1.0 - square)
    return s * a, s * b, 1.0 - 2.0 * square


@jit
def deflect(u, v, w, cosine, state):
    """Turn a unit vector by the polar angle of `cosine` and a uniform azimuth."""
    a, b = azimuth(state)
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    a *= sine
    b *= sine
    rho2 = u * u + v * v
    if rho2 > 1e-12:
        rho = math.sqrt(rho2)
        inverse = 1.0 / rho
        p = u * cosine + (u * w * a - v * b) * inverse
        q = v * cosine + (v * w * a + u * b) * inverse
        r = w * cosine - rho * a
    else:
        p, q, r = a, b, cosine * math.copysign(1.0, w)
    # The norm drifts by round-off over many scatters; a drifting norm would be a drifting path length.
    scale = 1.0 / math.sqrt(p * p + q * q + r * r)
    return p * scale, q * scale, r * scale
