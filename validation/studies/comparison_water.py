"""Part of a comparison: how far the dose is from that of the seeds one by one in infinite water."""

from __future__ import annotations

import numpy as np
import xarray as xr

from validation.evaluate.difference_to_water import difference_to_water
from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import structure_voxels
from validation.studies.comparison_structure import group_doses, group_weights
from validation.studies.dataset_file import put


def add_difference_to_water(data: xr.Dataset, monte_carlo: xr.Dataset) -> None:
    """Add the mean difference to water of every structure, where the result has kept the dose in water.

    Parameters
    ----------
    data : xr.Dataset
        Doses and structures of a comparison; changed in place.
    monte_carlo : xr.Dataset
        Monte Carlo result, perhaps with ``water_superposition_dose``.
    """
    if "water_superposition_dose" not in monte_carlo:
        return
    x, y, z = (data[axis].to_numpy() for axis in ("x", "y", "z"))
    doses = [monte_carlo[name].to_numpy().ravel()
             for name in ("dose", "water_superposition_dose", "water_superposition_dose_std_dev")]  # fmt: skip
    rows = []
    for fraction in data.structure_fraction.to_numpy():
        voxels = structure_voxels(part_volumes(x, y, z, fraction, data.tissue_fraction), fraction)
        dose, water, std_dev = (values[voxels.flat] for values in doses)
        groups = group_doses(monte_carlo, voxels) if voxels.flat.size else None
        weights = None if groups is None else group_weights(monte_carlo)
        found = difference_to_water(voxels.volume, dose, water, std_dev, groups, weights)
        rows.append((found.superposition, found.difference, found.std_dev, 100.0 * found.known))
    where = "the seeds one by one in infinite water"
    for name, values, units, description in zip(
        (
            "water_superposition_mean",
            "difference_to_water_mean",
            "difference_to_water_std_dev",
            "water_known",
        ),
        np.array(rows).T,
        ("Gy", "Gy", "Gy", "%"),
        (
            f"volume-weighted mean dose of {where}, where it is known",
            "volume-weighted mean of the Monte Carlo dose minus that",
            "type A standard uncertainty of difference_to_water_mean; NaN without group doses",
            "part of the structure's tissue volume in which the dose in water is known",
        ),
        strict=True,
    ):
        put(data, name, ("structure",), values, units=units, description=description)
