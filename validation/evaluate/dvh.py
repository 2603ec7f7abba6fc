"""Cumulative dose-volume histogram of voxel doses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.image import uniform_spacing

# A volume asked for as a percentage of the whole is compared with a running sum of up to about 1e6 volumes;
# both carry rounding of about 1e-13 of the whole, and 90 % must not miss by one voxel because of it.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Dvh:
    """Exact cumulative dose-volume histogram.

    The dose is constant over a voxel's part, so the histogram V(D), the volume that receives at least D,
    is a staircase with one step per voxel; nothing is binned.

    Parameters
    ----------
    dose : (n,) array
        Voxel doses [Gy], descending.
    cumulative_volume : (n,) array
        Volume [cm³] that receives at least ``dose``, ascending.

    Examples
    --------
    >>> dvh = dose_volume_histogram([150.0, 90.0, 120.0], [0.5, 0.25, 0.25])
    >>> float(dvh.volume), float(dvh.volume_at_least(100.0)), float(dvh.dose_covering(0.8))
    (1.0, 0.75, 90.0)
    """

    dose: NDArray[np.float64]
    cumulative_volume: NDArray[np.float64]

    @property
    def volume(self) -> float:
        """Whole volume [cm³]; 0 when no voxel has a part in the structure."""
        return float(self.cumulative_volume[-1]) if self.cumulative_volume.size else 0.0

    def volume_at_least(self, dose: ArrayLike) -> NDArray[np.float64]:
        """Volume that receives at least a dose.

        Parameters
        ----------
        dose : array_like
            Dose [Gy], any shape.

        Returns
        -------
        array
            V(D) [cm³], shape of `dose`.
        """
        count = np.searchsorted(-self.dose, -np.asarray(dose, dtype=float), side="right")
        return np.concatenate(([0.0], self.cumulative_volume))[count]

    def dose_covering(self, volume: float) -> float:
        """Least dose in the most exposed volume.

        Parameters
        ----------
        volume : float
            Size of the most exposed part [cm³].

        Returns
        -------
        float
            The largest D [Gy] with V(D) ≥ `volume`; NaN when `volume` is more than the whole.
        """
        asked = volume - _ROUNDING * self.volume
        step = int(np.searchsorted(self.cumulative_volume, asked, side="left"))
        return float(self.dose[step]) if step < self.dose.size else float("nan")

    def mean_dose(self) -> float:
        """Volume-weighted mean dose [Gy]; NaN when the volume is 0."""
        if self.volume == 0.0:
            return float("nan")
        weights = np.diff(self.cumulative_volume, prepend=0.0)
        return float(weights @ self.dose / self.volume)


def part_volumes(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    structure_fraction: ArrayLike,
    tissue_fraction: ArrayLike,
) -> NDArray[np.float64]:
    """Volume of each voxel's part that is in the structure and outside the seeds.

    v = (voxel volume) × (fraction in the structure) × (fraction outside the seed capsules).

    Where a contour crosses a voxel that also holds a seed, the seed is taken as spread evenly over the voxel:
    the two fractions are multiplied.

    Parameters
    ----------
    x, y, z : (nx,), (ny,), (nz,) array_like
        Voxel centres [cm], ascending and evenly spaced.
    structure_fraction, tissue_fraction : (nx, ny, nz) array_like
        Fraction of the voxel inside the structure, and outside all seeds, each 0 … 1.

    Returns
    -------
    (nx, ny, nz) array
        Volume of the parts [cm³].

    Raises
    ------
    InvalidInput
        The coordinates are not ascending and even, the shapes differ or a fraction is outside 0 … 1.

    Examples
    --------
    >>> axis = [0.05, 0.15]
    >>> volumes = part_volumes(axis, axis, axis, np.ones((2, 2, 2)), np.full((2, 2, 2), 0.5))
    >>> round(float(volumes.sum()), 6)
    0.004
    """
    axes = [np.asarray(axis, dtype=float) for axis in (x, y, z)]
    spacing = [uniform_spacing(axis, f"dose grid {name}") for name, axis in zip("xyz", axes, strict=True)]
    shape = tuple(axis.size for axis in axes)
    fractions = []
    for name, given in (("structure fraction", structure_fraction), ("tissue fraction", tissue_fraction)):
        fraction = np.asarray(given, dtype=float)
        if fraction.shape != shape:
            raise InvalidInput(
                f"shape of the {name} is {fraction.shape}, expected {shape} (one value per voxel). "
                f"Compute it on the dose grid."
            )
        # float32 storage rounds 1 to at most 1 + 6e-8.
        outside = ~((fraction >= -1e-6) & (fraction <= 1 + 1e-6))
        if outside.any():
            first = tuple(int(i) for i in np.argwhere(outside)[0])
            raise InvalidInput(
                f"{name} is {fraction[first]:g} at voxel {first} and outside 0 … 1 in {int(outside.sum())} "
                f"voxels, expected 0 … 1 (a part of the voxel). Compute it again."
            )
        fractions.append(fraction)
    return np.asarray(np.prod(spacing) * fractions[0] * fractions[1], dtype=float)


def dose_volume_histogram(dose: ArrayLike, volume: ArrayLike) -> Dvh:
    """Exact cumulative dose-volume histogram.

    Parameters
    ----------
    dose : array_like
        Voxel doses [Gy], any shape.
    volume : array_like
        Volume of each voxel's part [cm³], shape of `dose`. Voxels of volume 0 do not count and may hold any
        dose.

    Returns
    -------
    Dvh
        The histogram; empty when every volume is 0.

    Raises
    ------
    InvalidInput
        The shapes differ, a volume is negative, or a voxel that counts has no finite dose.

    References
    ----------
    Drzymala et al., Dose-volume histograms, Int. J. Radiat. Oncol. Biol. Phys. 21, 71 (1991),
    doi:10.1016/0360-3016(91)90168-4.

    Examples
    --------
    >>> dose_volume_histogram([1.0, 3.0, 2.0], [1.0, 1.0, 2.0]).mean_dose()
    2.0
    """
    doses = np.asarray(dose, dtype=float).ravel()
    volumes = np.asarray(volume, dtype=float).ravel()
    if doses.shape != volumes.shape:
        raise InvalidInput(
            f"number of voxel volumes is {volumes.size}, expected {doses.size} (one per dose). "
            f"Give both on the same grid."
        )
    if not (volumes >= 0).all():
        bad = np.flatnonzero(~(volumes >= 0))
        raise InvalidInput(
            f"voxel volume is {volumes[bad[0]]:g} cm³ at index {bad[0]} and negative or undefined in "
            f"{bad.size} voxels, expected ≥ 0. Check the fractions."
        )
    counted = volumes > 0
    doses, volumes = doses[counted], volumes[counted]
    if not np.isfinite(doses).all():
        bad = np.flatnonzero(~np.isfinite(doses))
        raise InvalidInput(
            f"dose is {doses[bad[0]]} Gy in {bad.size} of {doses.size} voxels of the structure, expected a "
            f"finite dose in every voxel with tissue. Check that the dose grid covers the structure."
        )
    order = np.argsort(-doses, kind="stable")
    return Dvh(doses[order], np.cumsum(volumes[order]))
