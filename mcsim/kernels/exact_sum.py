"""Sums over batches that do not depend on the order of the batches.

A batch's tally is rounded to a whole number of quanta once; whole numbers add up exactly, so any division of the
batches among threads, processes and cluster jobs gives the same sums. Squares need 128 bits: a high and a low word.
"""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import jit

QUANTUM = 2.0**-32  # keV cm³/g; 1 µm of a 28 keV photon's track in water is 2e6 quanta
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@jit
def add_batch(tally, total, square_high, square_low):
    """Add a batch's tally (n,) to the sums: int64 quanta, and the 128-bit sum of their squares."""
    for i in range(tally.shape[0]):
        if tally[i] == 0.0:
            continue
        quanta = np.int64(np.rint(tally[i] / QUANTUM))
        total[i] += quanta
        a = np.uint64(abs(quanta))
        high, low = a >> _HALF, a & _LOW
        cross = high * low
        square = low * low
        carry = np.uint64(0)
        part = (cross & np.uint64(0x7FFFFFFF)) << np.uint64(33)
        added = square + part
        if added < square:
            carry += np.uint64(1)
        top = high * high + (cross >> np.uint64(31)) + carry
        bottom = square_low[i] + added
        if bottom < added:
            top += np.uint64(1)
        square_low[i] = bottom
        square_high[i] += top


@jit
def add_sums(total, square_high, square_low, more_total, more_high, more_low):
    """Add the sums of another set of batches, all (n,)."""
    for i in range(total.shape[0]):
        total[i] += more_total[i]
        bottom = square_low[i] + more_low[i]
        if bottom < more_low[i]:
            square_high[i] += np.uint64(1)
        square_low[i] = bottom
        square_high[i] += more_high[i]
