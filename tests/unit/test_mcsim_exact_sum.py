"""Sums that do not depend on the order: quanta and 128-bit squares against Python's whole numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mcsim.kernels.exact_sum import QUANTUM, add_batch, add_sums

# tallies from less than a quantum to 2³⁰ keV cm³/g (2⁶² quanta), the largest a sum in 64 bits can hold
tallies = st.one_of(
    st.floats(0.0, 2.0**29, allow_subnormal=False),
    st.sampled_from(
        [0.0, QUANTUM, 0.5 * QUANTUM, 1.5 * QUANTUM, 2.0**-1, 1.0, 2.0**29 - 1, 3.7e5, 2.0**31 * QUANTUM]
    ),
)


def empty(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(n, np.int64), np.zeros(n, np.uint64), np.zeros(n, np.uint64)


def squares(sums) -> list[int]:
    return [(int(h) << 64) + int(low) for h, low in zip(sums[1], sums[2], strict=True)]


@given(batches=st.lists(st.lists(tallies, min_size=3, max_size=3), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_sums_are_those_of_whole_numbers(batches: list[list[float]]) -> None:
    sums = empty(3)
    for tally in batches:
        add_batch(np.array(tally), *sums)
    # rounding half to even, as np.rint and round() both do; 2³² times a double is exact
    quanta = [[round(t * 2**32) for t in tally] for tally in batches]
    if any(sum(column) >= 2**63 for column in zip(*quanta, strict=True)):
        return
    assert sums[0].tolist() == [sum(column) for column in zip(*quanta, strict=True)]
    assert squares(sums) == [sum(q * q for q in column) for column in zip(*quanta, strict=True)]


@given(
    batches=st.lists(st.lists(st.floats(0.0, 2.0**27), min_size=4, max_size=4), min_size=2, max_size=8),
    data=st.data(),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_order_and_division_give_the_same_bits(batches: list[list[float]], data) -> None:
    whole = empty(4)
    for tally in batches:
        add_batch(np.array(tally), *whole)
    order = data.draw(st.permutations(range(len(batches))))
    cut = data.draw(st.integers(0, len(batches)))
    parts = []
    for chosen in (order[:cut], order[cut:]):
        sums = empty(4)
        for k in chosen:
            add_batch(np.array(batches[k]), *sums)
        parts.append(sums)
    for first, second in (parts, parts[::-1]):
        total = tuple(s.copy() for s in first)
        add_sums(*total, *second)
        for a, b in zip(total, whole, strict=True):
            np.testing.assert_array_equal(a, b)


@given(value=st.integers(-(2**62), 2**62))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_square_of_any_whole_number_is_exact(value: int) -> None:
    tally = np.array([float(value) * QUANTUM])
    sums = empty(1)
    add_batch(tally, *sums)
    expected = round(float(value))  # a double holds 53 bits of it
    assert int(sums[0][0]) == expected
    assert squares(sums) == [expected * expected]


def test_carry_into_the_upper_word() -> None:
    sums = empty(1)
    sums[2][0] = np.uint64(2**64 - 1)
    add_batch(np.array([QUANTUM]), *sums)
    assert squares(sums) == [2**64]
    other = (np.zeros(1, np.int64), np.zeros(1, np.uint64), np.array([2**64 - 1], np.uint64))
    add_sums(*sums, *other)
    assert squares(sums) == [2**65 - 1]
