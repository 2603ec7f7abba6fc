"""Where the dose about a seed is scored: thin shells by polar angle, and rings by height along the axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.shell_scoring import Cells

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoringCells:
    """Cells of revolution about a seed at the origin whose axis is z.

    Attributes
    ----------
    shells : ndarray, shape (k, 2)
        Inner and outer radius of each spherical shell, cm, ascending and disjoint.
    polar_bins : int
        Equal bins of the polar angle from 0 to π in each shell.
    rings : ndarray, shape (m, 2)
        Inner and outer distance from the axis of each cylindrical ring, cm, ascending and disjoint.
    heights : ndarray, shape (n, 2)
        Lower and upper z of the cells of each ring, cm, ascending and disjoint.

    Raises
    ------
    InvalidInput
        Bounds that are negative, empty, not ascending, or overlap.

    Examples
    --------
    >>> cells = ScoringCells(np.array([[0.98, 1.02]]), 360, np.zeros((0, 2)), np.zeros((0, 2)))
    >>> round(float(cells.shell_volumes().sum()), 6) == round(4 / 3 * np.pi * (1.02**3 - 0.98**3), 6)
    True
    """

    shells: FloatArray
    polar_bins: int
    rings: FloatArray
    heights: FloatArray

    def __post_init__(self) -> None:
        for name, lowest in (("shells", 0.0), ("rings", 0.0), ("heights", -np.inf)):
            bounds = np.asarray(getattr(self, name), dtype=np.float64).reshape(-1, 2)
            object.__setattr__(self, name, bounds)
            edges = np.concatenate([[lowest], bounds.ravel()])
            bad = np.flatnonzero((bounds[:, 1] <= bounds[:, 0]) | (bounds[:, 0] < edges[:-1:2]))
            if len(bad):
                raise InvalidInput(
                    f"{name}[{bad[0]}] is {bounds[bad[0]].tolist()} cm, expected lower < upper, each above the one "
                    f"before (a flight is followed through them in order). Correct the bounds."
                )
        if self.polar_bins < 1:
            raise InvalidInput(f"polar_bins is {self.polar_bins}, expected at least 1. Correct it.")

    @property
    def polar_edges(self) -> FloatArray:
        """Edges of the bins of the polar angle, rad, shape (polar_bins + 1,)."""
        return np.linspace(0.0, np.pi, self.polar_bins + 1)

    @property
    def farthest(self) -> float:
        """Largest distance of a cell from the origin, cm."""
        shell = self.shells[-1, 1] if len(self.shells) else 0.0
        ring = np.hypot(self.rings[-1, 1], np.abs(self.heights).max()) if len(self.rings) else 0.0
        return float(max(shell, ring))

    def shell_volumes(self) -> FloatArray:
        """Volumes of the shell cells, cm³, shape (k, polar_bins)."""
        radial = (self.shells[:, 1] ** 3 - self.shells[:, 0] ** 3) / 3.0
        angular = -2.0 * np.pi * np.diff(np.cos(self.polar_edges))
        return np.asarray(radial[:, None] * angular)

    def ring_volumes(self) -> FloatArray:
        """Volumes of the ring cells, cm³, shape (m, n)."""
        area = np.pi * (self.rings[:, 1] ** 2 - self.rings[:, 0] ** 2)
        return np.asarray(area[:, None] * (self.heights[:, 1] - self.heights[:, 0]))

    def arrays(self) -> Cells:
        """Arrays for the kernels."""
        shells, rings, heights = (np.ascontiguousarray(a.T) for a in (self.shells, self.rings, self.heights))
        return Cells(shells[0], shells[1], self.polar_bins, rings[0], rings[1], heights[0], heights[1])
