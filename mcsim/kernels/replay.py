"""Replay of a phase space: a productive history of the seed, turned by a random azimuth about the seed's axis.

The transport of an implant takes the stored histories one after the other, and none twice in the same seed: when every
seed has emitted all of them, another phase space is made (``mcsim.emission_supply``). So the histories of an implant
are as independent as if each had been simulated in its seed, and the spread between batches is the whole uncertainty.
`draw_history` takes any stored history instead, again and again; the phase space's own finite size then stays hidden.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import jit
from mcsim.kernels.direction import azimuth
from mcsim.kernels.rng import uniform


class Emission(NamedTuple):
    """Photons leaving a seed, grouped by history (see ``mcsim.phase_space``)."""

    photons: np.ndarray  # (n, 7) float32
    first_photon: np.ndarray  # (h + 1,) int64
    mirror_symmetric: bool


@jit
def turn(emission, state):
    """A random azimuth's cosine and sine, and a random sign of z where the seed is its own mirror image."""
    cosine, sine = azimuth(state)
    sign = 1.0
    if emission.mirror_symmetric and uniform(state) < 0.5:
        sign = -1.0
    return cosine, sine, sign


@jit
def draw_history(emission, state):
    """Any productive history, its azimuth's cosine and sine, and the sign of z (mirror image)."""
    productive = emission.first_photon.shape[0] - 1
    history = min(int(uniform(state) * productive), productive - 1)
    cosine, sine, sign = turn(emission, state)
    return history, cosine, sine, sign


@jit
def replayed_photon(emission, photon, cosine, sine, sign):
    """Position, direction and energy of a photon in the seed's frame."""
    p = emission.photons[photon]
    x = np.float64(p[0])
    y = np.float64(p[1])
    u = np.float64(p[3])
    v = np.float64(p[4])
    w = np.float64(p[5])
    scale = 1.0 / math.sqrt(u * u + v * v + w * w)
    u *= scale
    v *= scale
    return (
        cosine * x - sine * y,
        sine * x + cosine * y,
        sign * np.float64(p[2]),
        cosine * u - sine * v,
        sine * u + cosine * v,
        sign * w * scale,
        np.float64(p[6]),
    )
