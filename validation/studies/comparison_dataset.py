"""Contents of a comparison: both doses, what differs, and the facts of the case and the runs."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from mcsim.hdf5_file import created_by
from validation.case import Case
from validation.evaluate.difference import DoseRateConstant, voxel_difference
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.comparison_judgement import add_judgement
from validation.studies.comparison_water import add_difference_to_water
from validation.studies.dataset_file import put

_GRID = ("x", "y", "z")
# Copied from the Monte Carlo result, or from its settings, when they are there.
_RUN_FACTS = (
    "histories",
    "batches",
    "run_time_s",
    "cpu_time_s",
    "run_seed",
    "phase_space_digest",
    "air_kerma_strength_per_history",
    "air_kerma_strength_per_history_std_dev",
    "water_table_relative_std_dev",
)


def build(
    case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset, constant: DoseRateConstant | None
) -> xr.Dataset:
    """Judge two doses on the same grid; see `validation.studies.compare.compare`.

    Parameters
    ----------
    case : Case
        The case.
    monte_carlo, tg43 : xr.Dataset
        Doses, already checked to be of this case and on one grid.
    constant : DoseRateConstant or None
        Λ of the Monte Carlo seed model, if known.

    Returns
    -------
    xr.Dataset
        Every variable with ``units`` and ``description``, every dimension with a coordinate.
    """
    data = xr.Dataset(attrs=_attributes(case, monte_carlo, tg43, constant))
    _add_voxels(data, case, monte_carlo, tg43)
    _add_structures(data, case, monte_carlo)
    _add_contours(data, case)
    _add_seeds(data, case)
    add_judgement(data, monte_carlo)
    add_difference_to_water(data, monte_carlo)
    return data


def _mapping(settings: object) -> dict[str, object]:
    found = json.loads(str(settings))
    return dict(found) if isinstance(found, dict) else {}


def _attributes(
    case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset, constant: DoseRateConstant | None
) -> dict[str, object]:
    settings = monte_carlo.attrs.get("settings", "{}")
    attributes: dict[str, object] = {
        "case_name": case.name,
        "case_digest": case.digest(),
        "case_provenance": json.dumps(dict(case.provenance), sort_keys=True, ensure_ascii=False),
        "prescription_dose_gy": case.prescription.dose_gy,
        "prescription_target": case.prescription.target,
        "seed_model": case.implant.model,
        "half_life_d": case.implant.half_life_d,
        "monte_carlo_settings": str(settings),
        "settings_digest": str(monte_carlo.attrs.get("settings_digest", "unknown")),
        "monte_carlo_created_by": str(monte_carlo.attrs.get("created_by", "unknown")),
        "tg43_settings": str(tg43.attrs.get("settings", "{}")),
        "tg43_source": str(tg43.attrs["source"]),
        "tg43_dose_rate_constant": float(tg43.attrs["dose_rate_constant"]),
        "tg43_created_by": str(tg43.attrs.get("created_by", created_by())),
    }
    run = {**_mapping(settings), **monte_carlo.attrs}
    attributes.update({name: run[name] for name in _RUN_FACTS if run.get(name) is not None})
    if constant is not None:
        attributes["monte_carlo_dose_rate_constant"] = constant.value
        attributes["monte_carlo_dose_rate_constant_std_dev"] = constant.std_dev
        attributes["monte_carlo_dose_rate_constant_source"] = constant.source
    return attributes


def _add_voxels(data: xr.Dataset, case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    for name, direction in (("x", "left"), ("y", "posterior"), ("z", "superior")):
        centres = np.asarray(monte_carlo[name], dtype=float)
        put(
            data,
            name,
            (name,),
            centres,
            units="cm",
            description=f"voxel centre, positive to the patient's {direction}",
        )
    # Where TG-43 finds no tissue there is nothing to compare, whatever the Monte Carlo geometry left over.
    tissue = np.where(np.asarray(tg43.tissue_fraction) > 0, np.asarray(monte_carlo.tissue_fraction), 0.0)
    doses = {
        "dose_monte_carlo": (monte_carlo.dose, "Monte Carlo dose to full decay, mean over the tissue part"),
        "dose_monte_carlo_std_dev": (
            monte_carlo.dose_std_dev,
            "type A standard uncertainty of the Monte Carlo dose",
        ),
        "dose_tg43": (tg43.dose, "TG-43 dose to full decay, mean over the tissue part"),
    }
    for name, (dose, description) in doses.items():
        values = np.where(tissue > 0, np.asarray(dose, dtype=float), np.nan)
        put(
            data,
            name,
            _GRID,
            values.astype(np.float32),
            units="Gy",
            description=f"{description}; NaN inside seeds",
        )
    difference = voxel_difference(
        data.dose_monte_carlo,
        data.dose_monte_carlo_std_dev,
        data.dose_tg43,
        tissue,
        case.prescription.dose_gy,
    )
    for name, values, unit, description in (
        ("difference", difference.dose, "Gy", "Monte Carlo minus TG-43"),
        (
            "difference_percent_tg43",
            difference.percent_of_tg43,
            "%",
            "Monte Carlo minus TG-43 in % of the TG-43 dose",
        ),
        (
            "difference_percent_prescription",
            difference.percent_of_prescription,
            "%",
            "Monte Carlo minus TG-43 in % of the prescribed dose",
        ),
        (
            "z_score",
            difference.z_score,
            "1",
            "Monte Carlo minus TG-43 over its type A standard uncertainty; NaN where that is 0 or > 10 %",
        ),
    ):
        put(data, name, _GRID, values.astype(np.float32), units=unit, description=description)
    put(
        data,
        "tissue_fraction",
        _GRID,
        tissue.astype(np.float32),
        units="1",
        description="part of the voxel outside all seed capsules",
    )
    put(
        data,
        "hu",
        _GRID,
        np.asarray(monte_carlo.hu, dtype=np.float32),
        units="HU",
        description="CT number on the dose grid",
    )
    put(
        data,
        "density",
        _GRID,
        np.asarray(monte_carlo.density, dtype=np.float32),
        units="g/cm3",
        description="mass density of the voxel",
    )
    names = json.loads(monte_carlo.medium.attrs["names"])
    put(
        data,
        "medium_number",
        ("medium_number",),
        np.arange(len(names)),
        units="1",
        description="number used in the variable medium",
    )
    put(
        data,
        "medium_name",
        ("medium_number",),
        np.array(names, dtype=object),
        units="1",
        description="name of the medium",
    )
    put(
        data,
        "medium",
        _GRID,
        np.asarray(monte_carlo.medium, dtype=np.uint8),
        units="1",
        description="medium of the voxel, a number into medium_name",
    )


def _add_structures(data: xr.Dataset, case: Case, monte_carlo: xr.Dataset) -> None:
    structures = list(case.structures.values())
    names = np.array([s.name for s in structures], dtype=object)
    put(data, "structure", ("structure",), names, units="1", description="name of the structure")
    roles = np.array([s.role for s in structures], dtype=object)
    put(
        data,
        "structure_role",
        ("structure",),
        roles,
        units="1",
        description="external, target, organ, avoidance, cavity or other",
    )
    x, y, z = (data[axis].to_numpy() for axis in _GRID)
    fractions = np.stack([structure_fractions(s, x, y, z) for s in structures]).astype(np.float32)
    put(
        data,
        "structure_fraction",
        ("structure", *_GRID),
        fractions,
        units="1",
        description="part of the voxel inside the structure's contours",
    )
    voxel = float(np.prod([np.ptp(axis) / (axis.size - 1) for axis in (x, y, z)]))
    volumes = fractions.sum(axis=(1, 2, 3), dtype=float) * voxel
    put(
        data,
        "structure_volume",
        ("structure",),
        volumes,
        units="cm3",
        description="volume inside the contours on the dose grid",
    )
    image = case.image
    whole = np.prod(image.spacing) * np.array(
        [structure_fractions(s, image.x, image.y, image.z).sum() for s in structures]
    )
    covered = 100 * np.divide(volumes, whole, out=np.full_like(volumes, np.nan), where=whole > 0)
    put(
        data,
        "structure_covered",
        ("structure",),
        covered,
        units="%",
        description="part of the structure's volume in the CT that the dose grid covers",
    )
    media = np.asarray(monte_carlo.medium).ravel()
    shares = np.array(
        [
            np.bincount(media, weights=fraction.ravel(), minlength=data.sizes["medium_number"])
            for fraction in fractions
        ]
    )
    total = shares.sum(axis=1, keepdims=True)
    put(
        data,
        "structure_medium",
        ("structure", "medium_number"),
        100 * np.divide(shares, total, out=np.zeros_like(shares), where=total > 0),
        units="%",
        description="part of the structure's volume that the medium fills",
    )


def _add_contours(data: xr.Dataset, case: Case) -> None:
    contours = [
        (number, structure.slice_thickness, contour)
        for number, structure in enumerate(case.structures.values())
        for contour in structure.contours
    ]
    counts = np.array([len(contour.points) for _, _, contour in contours], dtype=np.int64)
    put(data, "contour", ("contour",), np.arange(len(contours)), units="1", description="contour index")
    put(
        data,
        "contour_structure",
        ("contour",),
        np.array([number for number, _, _ in contours], dtype=np.int64),
        units="1",
        description="position of the contour's structure in the coordinate structure",
    )
    put(
        data,
        "contour_z",
        ("contour",),
        np.array([c.z for _, _, c in contours]),
        units="cm",
        description="plane of the contour",
    )
    put(
        data,
        "contour_thickness",
        ("contour",),
        np.array([thickness for _, thickness, _ in contours]),
        units="cm",
        description="thickness of the slab that the contour stands for, centred on its plane",
    )
    put(
        data,
        "contour_first_vertex",
        ("contour",),
        np.cumsum(counts) - counts,
        units="1",
        description="index of the contour's first vertex; it ends before the next contour's first",
    )
    vertices = np.concatenate([c.points for _, _, c in contours]) if contours else np.empty((0, 2))
    put(
        data,
        "contour_vertex",
        ("contour_vertex",),
        np.arange(len(vertices)),
        units="1",
        description="vertex index, contour after contour",
    )
    for axis, name in enumerate(("contour_x", "contour_y")):
        put(
            data,
            name,
            ("contour_vertex",),
            vertices[:, axis].astype(np.float32),
            units="cm",
            description=f"{name[-1]} of the vertex",
        )


def _add_seeds(data: xr.Dataset, case: Case) -> None:
    implant = case.implant
    put(
        data,
        "seed",
        ("seed",),
        np.arange(1, len(implant.positions) + 1),
        units="1",
        description="seed number, from 1",
    )
    put(
        data,
        "component",
        ("component",),
        np.array(_GRID, dtype=object),
        units="1",
        description="component of a vector in the patient frame (LPS)",
    )
    put(
        data,
        "seed_position",
        ("seed", "component"),
        np.asarray(implant.positions),
        units="cm",
        description="centre of the seed",
    )
    put(
        data,
        "seed_axis",
        ("seed", "component"),
        np.asarray(implant.axes),
        units="1",
        description="direction of its long axis",
    )
    put(
        data,
        "seed_air_kerma_strength",
        ("seed",),
        np.asarray(implant.air_kerma_strengths),
        units="cGy cm2 h-1",
        description="air-kerma strength at implantation (1 cGy cm2 h-1 = 1 U)",
    )
    put(
        data,
        "seed_needle",
        ("seed",),
        np.asarray(implant.needles),
        units="1",
        description="needle of the seed, -1 if unknown",
    )
