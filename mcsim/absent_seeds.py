"""Seeds of a list that are not there: lost ones, say, of which nothing but their number counts.

Random numbers and stored histories belong to a seed's number. A seed that is left out of the list shifts those of all
after it; one that stays in it, absent, changes nothing for the others but that its body is gone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsim.batch_transport import BatchTransport
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.correlated_transport import Control
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.voxel_transport import Tallies

FloatArray = NDArray[np.float64]


def numbers_present(present: NDArray[np.bool_] | None, strengths: FloatArray) -> NDArray[np.int64]:
    """Numbers of the seeds that are there, shape (k,).

    Parameters
    ----------
    present : ndarray of bool, shape (n,), or None
        Whether each is; None for all.
    strengths : ndarray, shape (n,)
        Air-kerma strengths of all, U.

    Raises
    ------
    InvalidInput
        Not a truth value for each, or none is there.
    """
    if present is None:
        return np.arange(strengths.size)
    there = np.asarray(present)
    if there.dtype != np.bool_ or there.shape != strengths.shape or not there.any():
        raise InvalidInput(
            f"present is {there.dtype} of shape {there.shape}, expected a truth value for each of {strengths.size} "
            f"seeds, at least one of them true (dose has a source). Correct it."
        )
    return np.flatnonzero(there)


def with_absent_seeds(placed: PlacedSeeds, there: NDArray[np.int64], strengths: FloatArray) -> PlacedSeeds:
    """Number placed seeds as in a longer list, of which the others are absent.

    Parameters
    ----------
    placed : PlacedSeeds
        The k seeds that are there.
    there : ndarray of int64, shape (k,)
        Their numbers, ascending.
    strengths : ndarray, shape (n,)
        Air-kerma strengths of all, U: weights are relative to the mean of all, so that the weight of one does not
        depend on which others are there.

    Returns
    -------
    PlacedSeeds
        n seeds; an absent one has no weight, touches no voxel, and is put where the first present one is.
    """
    at = np.zeros(len(strengths), dtype=np.int64)
    at[there] = np.arange(len(there))
    weight = np.zeros(len(strengths))
    weight[there] = strengths[there] / strengths.mean()
    return placed._replace(
        position=placed.position[at], frame=placed.frame[at], weight=weight, touching=there[placed.touching]
    )


class PresentSeedsTransport(BatchTransport):
    """Batches of an implant in which only some seeds emit.

    Parameters
    ----------
    there : ndarray of int64, shape (k,)
        Numbers of the seeds that are there.
    *arguments
        As of `BatchTransport`, for all seeds.
    """

    def __init__(self, there: NDArray[np.int64], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._there = there

    def techniques(self) -> dict[str, object]:
        """What makes the dose besides plain transport; absent seeds make no trial either."""
        self._trial_histories = min(self._trial_histories, self._trial_count * len(self._there))
        return super().techniques()

    def _tallied(
        self, first: int, count: int, number: int, emitters: NDArray[np.int64], control: Control | None
    ) -> Tallies:
        return super()._tallied(first, count, number, emitters[np.isin(emitters, self._there)], control)
