"""Mean difference of a Monte Carlo dose from that of the same seeds one by one in infinite water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DifferenceToWater:
    """Means over the part of a volume in which the dose in water is known.

    Attributes
    ----------
    superposition : float
        Dose of the seeds one by one in infinite water, Gy.
    difference : float
        Monte Carlo dose minus that, Gy.
    std_dev : float
        Type A standard uncertainty of the difference, Gy: noise of the simulation and of the dose in water.
    known : float
        Share of the volume.
    """

    superposition: float
    difference: float
    std_dev: float
    known: float


def difference_to_water(
    volume: FloatArray,
    dose: FloatArray,
    superposition: FloatArray,
    superposition_std_dev: FloatArray,
    group_dose: FloatArray | None = None,
    group_histories: FloatArray | None = None,
) -> DifferenceToWater:
    r"""Volume-weighted mean of dose minus superposition in water, with its uncertainty.

    The noise of the simulation is that of the mean dose :math:`m` among groups of batches with :math:`w_g` histories,

    .. math::
        u^2 = \frac{1}{n-1}\sum_g \frac{w_g}{\sum w} (m_g - m)^2.

    Voxels share histories, so their own uncertainties would not do. That of the table is taken as common to all voxels,
    the most it can be, and added in quadrature.

    Parameters
    ----------
    volume : (voxels,) array
        Tissue volume of each voxel inside the structure, cm³.
    dose, superposition : (voxels,) array
        Monte Carlo dose and dose in water, Gy; where the latter is NaN the voxel is left out.
    superposition_std_dev : (voxels,) array
        Its type A standard uncertainty, Gy; not finite where it is not known.
    group_dose : (groups, voxels) array, optional
        Dose from the batches of each group alone, Gy; without it the uncertainty is NaN.
    group_histories : (groups,) array, optional
        Histories in each group; equal when left out.

    Returns
    -------
    DifferenceToWater
        NaN where nothing is known.

    Examples
    --------
    >>> groups = np.array([[8.0, 3.0], [10.0, 3.0]])
    >>> water, u = np.array([10.0, np.nan]), np.array([0.0, 0.0])
    >>> difference_to_water(np.array([1.0, 3.0]), groups.mean(axis=0), water, u, groups)
    DifferenceToWater(superposition=10.0, difference=-1.0, std_dev=1.0, known=0.25)
    """
    told = np.isfinite(superposition) & (volume > 0.0)
    whole, nan = float(volume.sum()), float("nan")
    if not told.any():
        return DifferenceToWater(nan, nan, nan, 0.0)
    weight = volume[told]
    water = float(np.average(superposition[told], weights=weight))
    mean = float(np.average(dose[told], weights=weight))
    std_dev = nan
    if group_dose is not None and len(group_dose) > 1:
        of_groups = group_dose[:, told] @ weight / weight.sum()
        shares = np.ones(len(of_groups)) if group_histories is None else group_histories
        noise = np.average((of_groups - np.average(of_groups, weights=shares)) ** 2, weights=shares)
        table_u = superposition_std_dev[told]
        finite = np.isfinite(table_u)
        table = float(np.average(table_u[finite], weights=weight[finite])) if finite.any() else nan
        std_dev = float(np.hypot(np.sqrt(noise / (len(of_groups) - 1)), table))
    return DifferenceToWater(water, mean - water, std_dev, float(weight.sum()) / whole)
