"""Random numbers that belong to a member, a seed and a purpose, whatever else is drawn.

Philox 4×64 turns a key and a counter into numbers without a state to carry on. The key is the study's seed and the
purpose, the counter the seed's index, the member and the attempt: any member, in any order and beside any others, draws
the same, and a seed that is left out changes nothing for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]

NUMBERS = 4  # of one counter value
_LARGEST = 2**64


def uniforms(
    study_seed: int, purpose: int, members: Sequence[int], count: int, attempt: int = 0
) -> FloatArray:
    """Uniform random numbers.

    Parameters
    ----------
    study_seed : int
        Of the whole study, 0 to 2⁶⁴ − 1.
    purpose : int
        What they are for.
    members : sequence of int
        Indices of the members.
    count : int
        Numbers of seeds (or needles); index i draws the same for every count.
    attempt : int
        Another one gives other numbers, for a draw that is repeated.

    Returns
    -------
    ndarray, shape (members, count, 4)
        Between 0 and 1, neither included.

    Raises
    ------
    InvalidInput
        The seed is out of range.

    References
    ----------
    Salmon et al., Proc. SC11 (2011), doi:10.1145/2063384.2063405.

    Examples
    --------
    >>> a = uniforms(1, 0, [3, 7], 5)
    >>> bool((a[1] == uniforms(1, 0, [7], 9)[0, :5]).all())
    True
    """
    if not 0 <= study_seed < _LARGEST:
        raise InvalidInput(
            f"seed of the study is {study_seed}, expected 0 to {_LARGEST - 1} (it is a 64-bit key). Choose another."
        )
    result = np.empty((len(members), count, NUMBERS))
    key = np.array([study_seed, purpose], dtype=np.uint64)
    for row, member in enumerate(members):
        counter = np.array([0, member, attempt, 0], dtype=np.uint64)
        raw = np.random.Philox(key=key, counter=counter).random_raw(NUMBERS * count)
        result[row] = ((raw >> np.uint64(11)).astype(np.float64) + 0.5).reshape(count, NUMBERS) * 2.0**-53
    return result


def normals(
    study_seed: int, purpose: int, members: Sequence[int], count: int, attempt: int = 0
) -> FloatArray:
    """Standard normal random numbers, as `uniforms`.

    Examples
    --------
    >>> normals(1, 0, range(3), 2).shape
    (3, 2, 4)
    """
    return np.asarray(ndtri(uniforms(study_seed, purpose, members, count, attempt)))
