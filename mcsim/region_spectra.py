"""Energy-fluence spectra of regions of the phantom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.exact_sums import ExactSums
from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Regions:
    """Named sets of scoring voxels, which may overlap, told apart for the kernel.

    Attributes
    ----------
    names : tuple of str
        Names of the sets.
    combination : ndarray of int16, shape (nx, ny, nz)
        For every scoring voxel the combination of sets it belongs to; 0 for none.
    member : ndarray of bool, shape (sets, combinations)
        Which sets each combination belongs to.
    """

    names: tuple[str, ...]
    combination: NDArray[np.int16]
    member: NDArray[np.bool_]

    @classmethod
    def from_masks(cls, masks: Mapping[str, NDArray[np.bool_]], shape: tuple[int, ...]) -> Regions:
        """Regions from one mask each.

        Parameters
        ----------
        masks : mapping of str to ndarray of bool, shape `shape`
            The voxels of each region.
        shape : tuple of int
            Shape of the scoring region.

        Raises
        ------
        InvalidInput
            A mask has another shape or no voxel.

        Examples
        --------
        >>> left = np.array([True, True, False])
        >>> regions = Regions.from_masks({"left": left, "all": np.ones(3, bool)}, (3,))
        >>> regions.combination.tolist(), regions.member.astype(int).tolist()
        ([2, 2, 1], [[0, 0, 1], [0, 1, 1]])
        """
        for name, mask in masks.items():
            if mask.shape != shape or not mask.any():
                raise InvalidInput(
                    f"region {name!r} has the shape {mask.shape} and {int(mask.sum())} voxels, expected {shape} and "
                    f"at least one (its spectrum would be empty). Leave it out."
                )
        stacked = np.stack([mask.ravel() for mask in masks.values()], axis=1)
        # The empty combination always comes first: np.unique sorts, and it is in the table even if no voxel has it.
        table, inverse = np.unique(
            np.vstack([np.zeros((1, len(masks)), bool), stacked]), axis=0, return_inverse=True
        )
        return cls(tuple(masks), inverse.ravel()[1:].reshape(shape).astype(np.int16), table.T.copy())

    def sum(self, by_combination: FloatArray) -> FloatArray:
        """Values of the regions from those of the combinations, (combinations, …) to (regions, …)."""
        return np.asarray(self.member.astype(np.float64) @ by_combination)


@dataclass
class RegionSpectra:
    """Energy-fluence spectra summed over batches.

    Attributes
    ----------
    names : tuple of str
        Regions.
    volume : ndarray, shape (regions,)
        Tissue volume of each, cm³.
    energy : ndarray, shape (bins + 1,)
        Bin edges, keV.
    sums : ExactSums, shape (regions, bins)
        Weight · E · path, keV cm.
    """

    names: tuple[str, ...]
    volume: FloatArray
    energy: FloatArray
    sums: ExactSums

    def per_history(self, batches: int, histories_per_batch: float) -> FloatArray:
        """Energy fluence per energy interval and per emitted photon of every seed, Ψ_E, shape (regions, bins), cm⁻².

        Mean over the region's tissue: Ψ_E = Σ w E ℓ / (V ΔE), with ΔE the width of the bin.
        """
        return np.asarray(self.sums.mean(batches) * self._factor(histories_per_batch))

    def per_history_std_dev(self, batches: int, histories_per_batch: float) -> FloatArray:
        """Type A standard uncertainty of `per_history`, cm⁻²."""
        return np.asarray(np.sqrt(self.sums.variance_of_mean(batches)) * self._factor(histories_per_batch))

    def _factor(self, histories_per_batch: float) -> FloatArray:
        return np.asarray(1.0 / (histories_per_batch * self.volume[:, None] * np.diff(self.energy)[None, :]))
