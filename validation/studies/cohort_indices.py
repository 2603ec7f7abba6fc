"""Dose-volume indices of a lesion's targets by both engines, and the steps from one to the other.

The numbers are those of `validation.studies.compare`, without the organs, histograms and maps that nobody needs here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tg43 import dose_per_dose_rate, voxel_mean_dose_rate
from validation.case import Case
from validation.evaluate.difference import dose_rate_constant_factor
from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import (
    INDICES,
    StructureVoxels,
    dose_volume_indices,
    index_uncertainties,
    structure_voxels,
)
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.comparison_structure import group_doses, group_weights
from validation.studies.dose_grid import centres, scoring_planes
from validation.studies.tg43_dose import find_source, tg43_settings

FloatArray = NDArray[np.float64]
ENGINES = ("monte_carlo", "tg43")
STEPS = ("TG-43", "dose-rate constant", "radiation field", "dose to medium")


@dataclass(frozen=True)
class TargetIndices:
    """Indices of some structures of one case, in the order of names and indices asked for.

    Parameters
    ----------
    value : ndarray, shape (structures, indices, engines)
        By Monte Carlo and TG-43, in the units of the indices.
    std_dev, bias : ndarray, shape (structures, indices)
        Type A standard uncertainty of the Monte Carlo value, and its estimated bias by noise.
    steps : ndarray, shape (steps, structures, indices)
        TG-43; with the dose-rate constant of the simulated seed; Monte Carlo as dose to water; as dose to medium.
    volume : ndarray, shape (structures,)
        Inside the contours on the dose grid, cm³.
    media : tuple of str
        Media of the phantom.
    media_share : ndarray, shape (structures, media)
        Part of a structure's volume that each fills, %.
    """

    value: FloatArray
    std_dev: FloatArray
    bias: FloatArray
    steps: FloatArray
    volume: FloatArray
    media: tuple[str, ...]
    media_share: FloatArray


def target_indices(
    case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset, names: tuple[str, ...], indices: tuple[str, ...]
) -> TargetIndices:
    """Judge both doses of a case.

    Parameters
    ----------
    case : Case
        Structures and prescription.
    monte_carlo, tg43 : xarray.Dataset
        Of `monte_carlo_dataset` and `tg43_dose` or `tg43_in_targets`, on one grid.
    names, indices : tuple of str
        Structures, and indices of `INDICES`.

    Returns
    -------
    TargetIndices
    """
    columns = _columns(indices)
    prescription = case.prescription.dose_gy
    factor = dose_rate_constant_factor(
        float(monte_carlo.attrs["dose_rate_constant"]), float(tg43.attrs["dose_rate_constant"])
    )
    fractions = _fractions(case, monte_carlo, names)
    tissue = monte_carlo.tissue_fraction.to_numpy()
    media = tuple(str(name) for name in json.loads(str(monte_carlo.medium.attrs["names"])))
    medium = monte_carlo.medium.to_numpy().ravel().astype(np.int64)
    value, std_dev, bias, steps, volume, shares = [], [], [], [], [], []
    for fraction in fractions:
        voxels = _voxels(monte_carlo, fraction, tissue)

        def of(
            data: xr.Dataset, name: str, scale: float = 1.0, voxels: StructureVoxels = voxels
        ) -> FloatArray:
            dose = scale * data[name].to_numpy().ravel()[voxels.flat].astype(np.float64)
            return dose_volume_indices(dose, voxels, prescription)

        found, reference = of(monte_carlo, "dose"), of(tg43, "dose")
        groups = group_doses(monte_carlo, voxels)
        noise = None
        if groups is not None:
            noise = index_uncertainties(found, groups, voxels, prescription, group_weights(monte_carlo))
        nothing = np.full(len(INDICES), np.nan)
        value.append(np.stack([found, reference], axis=-1)[columns])
        std_dev.append((nothing if noise is None else noise.std_dev)[columns])
        bias.append((nothing if noise is None else noise.bias)[columns])
        on_the_way = (reference, of(tg43, "dose", factor), of(monte_carlo, "dose_to_water"), found)
        steps.append(np.stack(on_the_way)[:, columns])
        volume.append(float(fraction.sum()) * _cell(monte_carlo))
        filled = np.bincount(medium, weights=fraction.ravel(), minlength=len(media))
        shares.append(100.0 * filled / max(float(filled.sum()), np.finfo(float).tiny))
    return TargetIndices(
        np.array(value), np.array(std_dev), np.array(bias), np.stack(steps, axis=1), np.array(volume), media,
        np.array(shares),
    )  # fmt: skip


def tg43_target_indices(
    case: Case, voxel: float, names: tuple[str, ...], indices: tuple[str, ...]
) -> FloatArray:
    """Indices of some structures by TG-43 alone, shape (structures, indices), in the units of the indices."""
    data = tg43_in_targets(case, voxel, names)
    tissue, dose = data.tissue_fraction.to_numpy(), data.dose.to_numpy().ravel()
    rows = []
    for fraction in _fractions(case, data, names):
        voxels = _voxels(data, fraction, tissue)
        rows.append(dose_volume_indices(dose[voxels.flat], voxels, case.prescription.dose_gy))
    return np.array(rows)[:, _columns(indices)]


def tg43_in_targets(case: Case, voxel: float, names: tuple[str, ...]) -> xr.Dataset:
    """TG-43 dose as `tg43_dose` gives it, in the box around some structures; NaN outside of it.

    Parameters
    ----------
    case : Case
        Seeds and structures.
    voxel : float
        Edge of the voxels, cm.
    names : tuple of str
        Structures.

    Returns
    -------
    xarray.Dataset
        ``dose`` (Gy) and ``tissue_fraction`` over the whole dose grid; the attributes of `tg43_dose` that are used.
    """
    grid = [centres(planes) for planes in scoring_planes(case, voxel)]
    box = tuple(
        slice(*np.clip(np.searchsorted(c, [low - voxel, high + voxel]), 0, c.size).tolist())
        for c, (low, high) in zip(grid, _extent(case, names), strict=True)
    )
    implant, source = case.implant, find_source(case.implant)
    x, y, z = (c[part] for c, part in zip(grid, box, strict=True))
    rate = voxel_mean_dose_rate(x, y, z, implant.positions, implant.axes, implant.air_kerma_strengths, source)
    shape = tuple(c.size for c in grid)
    dose, tissue = np.full(shape, np.nan), np.ones(shape)
    dose[box] = rate.dose_rate * dose_per_dose_rate(implant.half_life_d)
    tissue[box] = rate.tissue_fraction
    data = xr.Dataset(
        {"dose": (("x", "y", "z"), dose), "tissue_fraction": (("x", "y", "z"), tissue)},
        dict(zip("xyz", grid, strict=True)),
    )
    settings = json.dumps(tg43_settings(implant, voxel, source), sort_keys=True)
    return data.assign_attrs(dose_rate_constant=source.dose_rate_constant, settings=settings)


def _extent(case: Case, names: tuple[str, ...]) -> FloatArray:
    """Least and greatest x, y, z of the contours of some structures, their slabs included, cm, shape (3, 2)."""
    corners = []
    for structure in (case.structures[name] for name in names):
        half = 0.5 * structure.slice_thickness
        for contour in structure.contours:
            low, high = contour.points.min(axis=0), contour.points.max(axis=0)
            corners += [[*low, contour.z - half], [*high, contour.z + half]]
    return np.stack([np.min(corners, axis=0), np.max(corners, axis=0)], axis=1)


def _columns(indices: tuple[str, ...]) -> list[int]:
    return [[index.name for index in INDICES].index(name) for name in indices]


def _fractions(case: Case, data: xr.Dataset, names: tuple[str, ...]) -> list[FloatArray]:
    x, y, z = (data[axis].to_numpy() for axis in "xyz")
    return [structure_fractions(case.structures[name], x, y, z) for name in names]


def _voxels(data: xr.Dataset, fraction: FloatArray, tissue: FloatArray) -> StructureVoxels:
    x, y, z = (data[axis].to_numpy() for axis in "xyz")
    return structure_voxels(part_volumes(x, y, z, fraction, tissue), fraction)


def _cell(data: xr.Dataset) -> float:
    return float(np.prod([np.ptp(data[axis].to_numpy()) / (data.sizes[axis] - 1) for axis in "xyz"]))
