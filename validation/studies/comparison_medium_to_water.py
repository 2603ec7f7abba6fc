"""Part of a comparison: dose to medium over dose to water from the same photons."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import structure_voxels
from validation.studies.comparison_structure import group_doses, group_weights
from validation.studies.dataset_file import put

FloatArray = NDArray[np.float64]


def add_medium_to_water(data: xr.Dataset, monte_carlo: xr.Dataset) -> None:
    """Add the ratio of mean dose to medium and mean dose to water of every structure, where both were scored.

    Parameters
    ----------
    data : xr.Dataset
        Doses and structures of a comparison; changed in place.
    monte_carlo : xr.Dataset
        Monte Carlo result, perhaps with ``dose_to_water``.
    """
    if "dose_to_water" not in monte_carlo:
        return
    x, y, z = (data[axis].to_numpy() for axis in ("x", "y", "z"))
    ratios = []
    for fraction in data.structure_fraction.to_numpy():
        voxels = structure_voxels(part_volumes(x, y, z, fraction, data.tissue_fraction), fraction)
        medium, water = (
            monte_carlo[name].to_numpy().ravel()[voxels.flat] for name in ("dose", "dose_to_water")
        )
        groups = [group_doses(monte_carlo, voxels, name) for name in ("group_dose", "group_dose_to_water")]
        of_groups = None
        if voxels.flat.size and groups[0] is not None and groups[1] is not None:
            of_groups = groups[0] @ voxels.volume, groups[1] @ voxels.volume
        weights = None if of_groups is None else group_weights(monte_carlo)
        ratios.append(ratio(float(medium @ voxels.volume), float(water @ voxels.volume), of_groups, weights))
    values, std_dev = np.array(ratios).reshape(-1, 2).T
    put(
        data, "medium_to_water", ("structure",), values, units="1",
        description="mean dose to medium over mean dose to water, both of the same photons in the medium",
    )  # fmt: skip
    put(
        data, "medium_to_water_std_dev", ("structure",), std_dev, units="1",
        description="type A standard uncertainty of medium_to_water; NaN without group doses",
    )  # fmt: skip


def ratio(
    medium: float, water: float, groups: tuple[FloatArray, FloatArray] | None, weights: FloatArray | None
) -> tuple[float, float]:
    r"""Ratio of two doses of the same photons, with its uncertainty.

    From the residuals of the groups of batches, in which the noise that both doses share cancels,

    .. math::
        u^2 = \frac{1}{n - 1} \sum_g \frac{w_g}{\sum w} \left(\frac{m_g - r v_g}{v}\right)^2, \qquad r = m / v.

    Parameters
    ----------
    medium, water : float
        The doses m and v, in one unit.
    groups : pair of (groups,) array, optional
        The same from the batches of each group alone.
    weights : (groups,) array, optional
        Histories of each group.

    Returns
    -------
    ratio, std_dev : float
        NaN where the dose to water is 0; the uncertainty is NaN without groups.

    Examples
    --------
    >>> ratio(2.0, 4.0, (np.array([1.0, 3.0]), np.array([2.0, 6.0])), None)
    (0.5, 0.0)
    """
    nan = float("nan")
    if not water > 0.0:
        return nan, nan
    found = medium / water
    if groups is None or len(groups[0]) < 2:
        return found, nan
    residual = (groups[0] - found * groups[1]) / water
    return found, float(np.sqrt(np.average(residual**2, weights=weights) / (len(residual) - 1)))
