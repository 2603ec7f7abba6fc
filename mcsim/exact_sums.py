"""Sums and sums of squares over batches, exact, so that parts of a simulation add up in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels.exact_sum import QUANTUM, add_batch, add_sums

FloatArray = NDArray[np.float64]

AT_ONCE = 65_536  # long doubles take twice the memory of the sums


@dataclass
class ExactSums:
    """Whole-number sums over batches of one tally.

    Attributes
    ----------
    total : ndarray of int64
        Sum over batches, in quanta of 2⁻³² of the tally's unit.
    square_high, square_low : ndarray of uint64, shape of `total`
        128-bit sum of the squares of the batches' quanta.

    Examples
    --------
    >>> sums = ExactSums.zeros((2,))
    >>> for batch in ([1.0, 0.5], [3.0, 0.5]):
    ...     sums.add(np.array(batch))
    >>> (sums.mean(2).tolist(), sums.variance_of_mean(2).tolist())
    ([2.0, 0.5], [1.0, 0.0])
    """

    total: NDArray[np.int64]
    square_high: NDArray[np.uint64]
    square_low: NDArray[np.uint64]

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> ExactSums:
        """Sums without batches."""
        return cls(np.zeros(shape, np.int64), np.zeros(shape, np.uint64), np.zeros(shape, np.uint64))

    def copy(self) -> ExactSums:
        """A copy that shares nothing."""
        return ExactSums(self.total.copy(), self.square_high.copy(), self.square_low.copy())

    def add(self, tally: FloatArray) -> None:
        """Add one batch's tally, of the shape of the sums."""
        tally = np.ascontiguousarray(tally)
        add_batch(tally.ravel(), self.total.ravel(), self.square_high.ravel(), self.square_low.ravel())

    def add_sums(self, other: ExactSums) -> None:
        """Add the sums of other batches."""
        add_sums(
            self.total.ravel(),
            self.square_high.ravel(),
            self.square_low.ravel(),
            other.total.ravel(),
            other.square_high.ravel(),
            other.square_low.ravel(),
        )

    def mean(self, batches: int) -> FloatArray:
        """Mean over batches, in the tally's unit."""
        return np.asarray(self.total * (QUANTUM / batches))

    def variance_of_mean(self, batches: int, chosen: NDArray[np.int64] | None = None) -> FloatArray:
        """Variance of the mean over batches, in the tally's unit squared.

        Parameters
        ----------
        batches : int
            Number of batches summed, at least two.
        chosen : ndarray of int64, optional
            Flat indices to compute; all by default.

        Returns
        -------
        ndarray, shape of the sums, or of `chosen`
        """
        long = np.longdouble
        parts = [p.ravel() for p in (self.square_high, self.square_low, self.total)]
        variance = np.empty(self.total.size if chosen is None else len(chosen))
        for first in range(0, len(variance), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            high, low, total = (p[some if chosen is None else chosen[some]].astype(long) for p in parts)
            squares = high * long(2.0) ** 64 + low
            with np.errstate(divide="ignore", invalid="ignore"):  # a checkpoint of one batch: not known
                spread = np.maximum(squares - total * total / batches, 0.0) / (batches * (batches - 1.0))
            variance[some] = spread * long(QUANTUM) ** 2
        return variance.reshape(self.total.shape) if chosen is None else variance

    @property
    def overflowed(self) -> int:
        """Number of sums beyond half their range: they are looked at long before the other half is used up."""
        return int(((self.total >= 2**62) | (self.total <= -(2**62))).sum())
