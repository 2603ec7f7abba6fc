"""Replay of a phase space: a productive history of the seed, turned by a random azimuth about the seed's axis.

Two ways to choose the stored history. `draw_history` takes any, again and again; the dose then carries the phase
space's own finite size, which no batch shows. `next_history` takes one after the other and uses none twice before all
have been used, so that the histories of an implant are as independent as if each had been simulated in its seed.

The stored histories are dealt out in 20 parts, and batch number b takes from part b modulo 20 only, as the groups of a
result do (``mcsim.result.GROUPS``). So the groups of batches share no stored history, however often the phase space is
used: a spread between groups shows its finite size at any number of histories.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mcsim.kernels._jit import jit
from mcsim.kernels.rng import mix, uniform

PARTS = 20


class Emission(NamedTuple):
    """Photons leaving a seed, grouped by history (see ``mcsim.phase_space``)."""

    photons: np.ndarray  # (n, 7) float32
    first_photon: np.ndarray  # (h + 1,) int64
    mirror_symmetric: bool


@jit
def turn(emission, state):
    """A random azimuth's cosine and sine, and a random sign of z where the seed is its own mirror image."""
    azimuth = 2.0 * math.pi * uniform(state)
    sign = 1.0
    if emission.mirror_symmetric and uniform(state) < 0.5:
        sign = -1.0
    return math.cos(azimuth), math.sin(azimuth), sign


@jit
def draw_history(emission, state):
    """Any productive history, its azimuth's cosine and sine, and the sign of z (mirror image)."""
    productive = emission.first_photon.shape[0] - 1
    history = min(int(uniform(state) * productive), productive - 1)
    cosine, sine, sign = turn(emission, state)
    return history, cosine, sine, sign


@jit
def stored_history(productive, run_seed, seed_count, seed, history, count):
    """Which of `productive` stored histories stands for history number `history` of seed number `seed`.

    `count` is the number of histories of a seed in one batch. The histories of all seeds in the batches of one part
    are counted through, seed by seed; the k-th takes stored history k, beginning at a place given by the run seed.
    Each time the part is used up, the count moves on by one, so that a stored history meets another seed.
    """
    parts = PARTS if productive >= PARTS else 1
    size = productive // parts
    first = ((history // count) % parts) * size
    # A multiple of the number of seeds: then moving on by one gives every stored history to the next seed.
    used = size - size % seed_count if size >= seed_count else size
    k = ((history // (count * parts)) * count + history % count) * seed_count + seed
    start = np.int64(mix(np.uint64(run_seed)) % np.uint64(used))
    return first + (k + k // used + start) % used


@jit
def next_history(emission, run_seed, seed_count, seed, history, count, state):
    """The stored history for a seed's history, its azimuth's cosine and sine, and the sign of z (mirror image)."""
    stored = stored_history(emission.first_photon.shape[0] - 1, run_seed, seed_count, seed, history, count)
    cosine, sine, sign = turn(emission, state)
    return stored, cosine, sine, sign


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
