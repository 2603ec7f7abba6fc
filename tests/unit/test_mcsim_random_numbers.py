"""Streams of random numbers: the published generator, one independent stream per history."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.rng import mix, optical_path, start_stream, uniform

# 40 checks at most in this file, family-wise 1e-6
P_VALUE = 2.5e-8
MASK = (1 << 64) - 1


@allocating_jit
def draw(run_seed, stream, seed_index, history, count):
    state = np.empty(2, np.uint64)
    start_stream(state, run_seed, stream, seed_index, history)
    values = np.empty(count)
    for i in range(count):
        values[i] = uniform(state)
    return values


@allocating_jit
def first_numbers(run_seed, stream, seed_index, histories):
    state = np.empty(2, np.uint64)
    values = np.empty((histories, 2))
    for h in range(histories):
        start_stream(state, run_seed, stream, seed_index, h)
        values[h, 0] = uniform(state)
        values[h, 1] = uniform(state)
    return values


@allocating_jit
def first_paths(count):
    state = np.empty(2, np.uint64)
    values = np.empty(count)
    for h in range(count):
        start_stream(state, 3, 2, 1, h)
        values[h] = optical_path(state)
    return values


def rotate(x: int, k: int) -> int:
    return ((x << k) | (x >> (64 - k))) & MASK


def reference(s0: int, s1: int, count: int) -> list[float]:
    """xoroshiro128++ 1.0 by Blackman and Vigna (doi:10.1145/3460772), upper 53 bits."""
    values = []
    for _ in range(count):
        values.append(((rotate((s0 + s1) & MASK, 17) + s0) & MASK) >> 11)
        s1 ^= s0
        s0 = rotate(s0, 49) ^ s1 ^ ((s1 << 21) & MASK)
        s1 = rotate(s1, 28)
    return [v / 2**53 for v in values]


def test_generator_is_the_published_one() -> None:
    state = np.empty(2, np.uint64)
    start_stream(state, 5, 1, 2, 3)
    s0, s1 = int(state[0]), int(state[1])
    assert draw(5, 1, 2, 3, 200).tolist() == reference(s0, s1, 200)


def test_finaliser_is_that_of_splitmix64() -> None:
    # SplitMix64 of seed 1234567: published first outputs of mix(seed + k · golden)
    golden, seed = 0x9E3779B97F4A7C15, 1234567
    outputs = [int(mix(np.uint64((seed + k * golden) & MASK))) for k in (1, 2, 3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_streams_repeat_and_differ() -> None:
    here = draw(1, 2, 3, 4, 50)
    np.testing.assert_array_equal(draw(1, 2, 3, 4, 50), here)
    for other in (
        (2, 2, 3, 4),
        (1, 3, 3, 4),
        (1, 2, 4, 4),
        (1, 2, 3, 5),
        (1, 3, 2, 4),
        (1, 2, 4, 3),
        (2**62, 2, 3, 4),
    ):
        assert not np.any(draw(*other, 50) == here)


def test_states_of_many_streams_are_all_different() -> None:
    states = set()
    state = np.empty(2, np.uint64)
    for run_seed in range(4):
        for stream in range(1, 4):
            for seed_index in range(10):
                for history in range(200):
                    start_stream(state, run_seed, stream, seed_index, history)
                    states.add((int(state[0]), int(state[1])))
    assert len(states) == 4 * 3 * 10 * 200


@pytest.mark.parametrize("history", [0, 1, 10**12])
def test_numbers_of_one_stream_are_uniform(history: int) -> None:
    values = draw(1, 2, 0, history, 200_000)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert kstest(values, "uniform").pvalue > P_VALUE


@pytest.mark.parametrize("axis", ["history", "seed"])
def test_first_numbers_of_neighbouring_streams_are_independent(axis: str) -> None:
    if axis == "history":
        values = first_numbers(1, 2, 0, 400_000)
    else:
        values = np.array([draw(1, 2, j, 7, 2) for j in range(100_000)])
    n = len(values)
    for pair in (values, np.column_stack([values[:-1, 0], values[1:, 0]])):
        counts, _, _ = np.histogram2d(pair[:, 0], pair[:, 1], bins=32, range=[[0, 1], [0, 1]])
        statistic = ((counts - len(pair) / 1024) ** 2).sum() / (len(pair) / 1024)
        assert chi2.sf(statistic, 1023) > P_VALUE
        assert chi2.cdf(statistic, 1023) > P_VALUE
    assert abs(np.corrcoef(values[:-1, 0], values[1:, 0])[0, 1]) < 5.6 / np.sqrt(n)


def test_optical_paths_are_exponential() -> None:
    paths = first_paths(400_000)
    assert np.all(np.isfinite(paths))
    assert kstest(paths, "expon").pvalue > P_VALUE
