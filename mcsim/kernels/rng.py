"""Random numbers: one independent stream per history.

The generator is xoroshiro128++ (Blackman & Vigna 2021, doi:10.1145/3460772). Its 128-bit state is hashed from (run
seed, stream, seed index, history index) with the finaliser of SplitMix64, so that any history can be repeated alone
and moving one seed leaves the histories of the others unchanged. All histories of one seed have different streams (the
hash is one-to-one in the history); of two seeds with N histories each, N²/2⁶⁴ pairs share one by chance: 0.05 pairs
at N = 1e9, and such a pair starts elsewhere, so it does no harm.
"""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import jit

STREAM_PHASE_SPACE = 1
STREAM_IMPLANT = 2
STREAM_RINGS = 3
STREAM_CHARACTERISATION = 4
STREAM_CELLS = 5
STREAM_GIVEN = 6

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@jit
def mix(word):
    """Bijective 64-bit finaliser."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@jit
def start_stream(state, run_seed, stream, seed_index, history):
    """Set `state` (2 words) to the start of a history's stream."""
    word = mix(np.uint64(run_seed) + _GOLDEN)
    word = mix(word ^ (np.uint64(stream) * np.uint64(0xD1342543DE82EF95) + _GOLDEN))
    word = mix(word ^ (np.uint64(seed_index) * np.uint64(0xDA942042E4DD58B5) + _GOLDEN))
    word = mix(word + np.uint64(history) * _GOLDEN)
    state[0] = mix(word + _GOLDEN)
    state[1] = mix(word ^ np.uint64(0x6A09E667F3BCC909))
    if state[0] == np.uint64(0) and state[1] == np.uint64(0):
        state[0] = _GOLDEN


@jit
def uniform(state):
    """Next number, uniform in [0, 1)."""
    s0 = state[0]
    s1 = state[1]
    total = s0 + s1
    result = ((total << np.uint64(17)) | (total >> np.uint64(47))) + s0
    s1 ^= s0
    state[0] = ((s0 << np.uint64(49)) | (s0 >> np.uint64(15))) ^ s1 ^ (s1 << np.uint64(21))
    state[1] = (s1 << np.uint64(28)) | (s1 >> np.uint64(36))
    return np.float64(result >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@jit
def optical_path(state):
    """Optical path length to the next interaction, exponential with mean 1."""
    return -np.log(1.0 - uniform(state))
