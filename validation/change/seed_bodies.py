"""Which seed bodies overlap, quickly: without the depth, which takes longer than all the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels.convex_distance import distance
from mcsim.seed_overlap import FORGIVEN_SHARE, NO_BOX, seed_frame
from validation.case import Implant
from validation.case.implant import THINNEST_SEED
from validation.case.seed_choice import known_seed

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SeedBodies:
    """Body of an implant's seeds.

    Attributes
    ----------
    reach : float
        Centres farther apart than this do not overlap however the seeds lie, cm.
    solids : ndarray, optional
        Shape as `mcsim` has it; None for a model that only TG-43 data know: then seeds overlap within `reach`.
    """

    reach: float
    solids: object | None

    def overlap(
        self, position: FloatArray, frame: FloatArray, other: FloatArray, other_frame: FloatArray
    ) -> bool:
        """Whether two seeds, at centres (3,) in frames (3, 3), overlap by more than round-off, as `Implant` has it."""
        if float(np.linalg.norm(position - other)) > self.reach:
            return False
        if self.solids is None:
            return True
        scale = 1.0 - FORGIVEN_SHARE
        a, b = (np.ascontiguousarray(p, dtype=np.float64) for p in (position, other))
        _, apart = distance(self.solids, a, frame, scale, b, other_frame, scale, NO_BOX)
        return not apart > 0.0

    def pairs(
        self, positions: FloatArray, axes: FloatArray, frames: Sequence[FloatArray] | None = None
    ) -> list[tuple[int, int]]:
        """Indices of seeds (n, 3) that overlap, the earlier first; `frames` of the axes if they are at hand.

        Examples
        --------
        >>> from validation.case import built_in
        >>> neck = built_in("neck").implant
        >>> seed_bodies(neck).pairs(neck.positions, neck.axes)
        []
        """
        separation = np.linalg.norm(positions[:, None] - positions, axis=2)
        near = np.argwhere(np.triu(separation <= self.reach, 1)).tolist()
        frame = frames or {k: seed_frame(axes[k]) for k in {k for pair in near for k in pair}}
        return [(i, j) for i, j in near if self.overlap(positions[i], frame[i], positions[j], frame[j])]


def seed_bodies(implant: Implant) -> SeedBodies:
    """Bodies of the seeds of an implant."""
    body = known_seed(implant.seed_choice)
    if body is None:
        return SeedBodies(THINNEST_SEED, None)
    return SeedBodies(2.0 * float(np.hypot(body.half_length, body.radius)), body.kernel_solids(0))
