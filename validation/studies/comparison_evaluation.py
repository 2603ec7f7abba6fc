"""Further judgement in a comparison: how the prescription isodose fits the target, and noise apart from the rest."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.evaluate.conformity import CONFORMITY_INDICES, conformity_indices, conformity_std_dev
from validation.evaluate.difference_maps import systematic_statistical_split
from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import structure_voxels
from validation.studies.comparison_doses import MONTE_CARLO, ComparedDoses
from validation.studies.comparison_structure import group_doses
from validation.studies.comparison_voxels import label_of
from validation.studies.dataset_file import put

FloatArray = NDArray[np.float64]

_GRID = ("x", "y", "z")


def add_evaluation(data: xr.Dataset, doses: ComparedDoses) -> None:
    """Add conformity indices of the target and the split of every structure's difference.

    Parameters
    ----------
    data : xr.Dataset
        Doses and structures of a comparison; changed in place.
    doses : ComparedDoses
        The doses.
    """
    x, y, z = (data[axis].to_numpy() for axis in _GRID)
    volumes = {
        str(name): part_volumes(x, y, z, data.structure_fraction.to_numpy()[s], data.tissue_fraction)
        for s, name in enumerate(data.structure.to_numpy())
    }
    _add_conformity(data, doses, volumes)
    _add_split(data, doses, volumes)


def _add_conformity(data: xr.Dataset, doses: ComparedDoses, volumes: dict[str, FloatArray]) -> None:
    prescription = float(data.attrs["prescription_dose_gy"])
    target = volumes[str(data.attrs["prescription_target"])]
    outline = [
        volumes[str(name)]
        for name, role in zip(data.structure.to_numpy(), data.structure_role.to_numpy(), strict=True)
        if role == "external"
    ]
    x, y, z = (data[axis].to_numpy() for axis in _GRID)
    body = outline[0] if outline else part_volumes(x, y, z, np.ones(target.shape), data.tissue_fraction)
    counted = np.maximum(body, target) > 0
    values = np.full((len(doses.engines), len(CONFORMITY_INDICES)), np.nan)
    std_dev = np.full(len(CONFORMITY_INDICES), np.nan)
    for number, engine in enumerate(doses.engines):
        dose = data[f"dose_{engine}"].to_numpy().astype(np.float64)
        if np.isfinite(dose[counted]).all():
            values[number] = conformity_indices(dose, target, body, prescription)
            if engine == MONTE_CARLO:
                noise = np.nan_to_num(data.dose_monte_carlo_std_dev.to_numpy().astype(np.float64))
                std_dev = conformity_std_dev(dose, noise, target, body, prescription)
    dim = ("conformity_index",)
    for name, part, description in (
        ("conformity_index", "name", "name of the conformity index"),
        ("conformity_unit", "unit", "unit of the conformity index"),
        ("conformity_definition", "definition", "definition of the conformity index"),
    ):
        texts = np.array([getattr(index, part) for index in CONFORMITY_INDICES], dtype=object)
        put(data, name, dim, texts, units="1", description=description)
    put(
        data,
        "conformity_value",
        ("engine", *dim),
        values,
        units="see conformity_unit",
        description="index of the target; NaN where the grid cuts the isodose or a dose does not cover the body",
    )
    put(
        data,
        "conformity_std_dev",
        dim,
        std_dev,
        units="see conformity_unit",
        description="type A standard uncertainty of the Monte Carlo value, at least: noise taken as independent",
    )


def _add_split(data: xr.Dataset, doses: ComparedDoses, volumes: dict[str, FloatArray]) -> None:
    judged, reference = doses.engines[:2]
    variance = np.zeros(doses.tissue.shape)
    for engine in (judged, reference):
        if f"dose_{engine}_std_dev" in data:
            variance += np.square(data[f"dose_{engine}_std_dev"].to_numpy().astype(np.float64))
    known = data[f"dose_{reference}"].to_numpy().astype(np.float64).ravel()
    noise = np.sqrt(variance).ravel()
    difference = data[f"difference_percent_{reference}"].to_numpy().astype(np.float64).ravel()
    rows = []
    for s, volume in enumerate(volumes.values()):
        voxels = structure_voxels(volume, data.structure_fraction.to_numpy()[s])
        of = known[voxels.flat]
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = 100.0 * noise[voxels.flat] / of
        groups = None
        if doses.monte_carlo is not None and f"dose_{reference}_std_dev" not in data:
            stored = group_doses(doses.monte_carlo, voxels)
            if stored is not None and voxels.flat.size:
                groups = 100.0 * (stored / np.where(of > 0, of, np.nan) - 1.0)
        split = systematic_statistical_split(difference[voxels.flat], relative, voxels.volume, groups)
        rows.append((split.rms, split.statistical_rms, split.systematic_rms))
    what = f"{label_of(judged, data)} minus {label_of(reference, data)} in % of the latter, root of the mean square"
    for name, values, description in zip(
        ("split_rms", "split_statistical", "split_systematic"),
        np.array(rows).T,
        (
            f"{what} over the volume",
            "part of it that the stated uncertainties explain",
            "part of it that noise does not explain; from products of different groups of batches where there are any",
        ),
        strict=True,
    ):
        put(data, name, ("structure",), values, units="%", description=description)
