"""Contents of a comparison: both doses, what differs, and the facts of the case and the runs."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from mcsim.hdf5_file import created_by
from validation.case import Case
from validation.evaluate.difference import DoseRateConstant
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.comparison_biology import add_biology
from validation.studies.comparison_doses import ComparedDoses
from validation.studies.comparison_evaluation import add_evaluation
from validation.studies.comparison_gamma import add_gamma
from validation.studies.comparison_judgement import add_judgement
from validation.studies.comparison_medium_to_water import add_medium_to_water
from validation.studies.comparison_seeds import add_seeds
from validation.studies.comparison_spectra import add_spectra
from validation.studies.comparison_voxels import add_voxels
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
    case: Case, doses: ComparedDoses, constant: DoseRateConstant | None, gamma: bool = True
) -> xr.Dataset:
    """Judge doses on the same grid; see `validation.studies.compare.compare`.

    Parameters
    ----------
    case : Case
        The case.
    doses : ComparedDoses
        Doses, already checked to be of this case and on one grid.
    constant : DoseRateConstant or None
        Λ of the Monte Carlo seed model, if known.
    gamma : bool
        Find the gamma index too.

    Returns
    -------
    xr.Dataset
        Every variable with ``units`` and ``description``, every dimension with a coordinate.
    """
    data = xr.Dataset(attrs=_attributes(case, doses, constant))
    add_voxels(data, case, doses)
    _add_structures(data, case, doses)
    _add_contours(data, case)
    add_seeds(data, case)
    add_judgement(data, doses)
    if doses.monte_carlo is not None:
        add_difference_to_water(data, doses.monte_carlo)
        add_medium_to_water(data, doses.monte_carlo)
        add_spectra(data, case, doses.monte_carlo)
    add_evaluation(data, doses)
    add_biology(data, doses.monte_carlo)
    if gamma:
        add_gamma(data, doses)
    return data


def _mapping(settings: object) -> dict[str, object]:
    found = json.loads(str(settings))
    return dict(found) if isinstance(found, dict) else {}


def _attributes(case: Case, doses: ComparedDoses, constant: DoseRateConstant | None) -> dict[str, object]:
    attributes: dict[str, object] = {
        "case_name": case.name,
        "case_digest": case.digest(),
        "case_provenance": json.dumps(dict(case.provenance), sort_keys=True, ensure_ascii=False),
        "prescription_dose_gy": case.prescription.dose_gy,
        "prescription_target": case.prescription.target,
        "seed_model": case.implant.model,
        "half_life_d": case.implant.half_life_d,
    }
    if doses.monte_carlo is not None:
        found = doses.monte_carlo.attrs
        settings = found.get("settings", "{}")
        attributes |= {
            "monte_carlo_settings": str(settings),
            "settings_digest": str(found.get("settings_digest", "unknown")),
            "monte_carlo_created_by": str(found.get("created_by", "unknown")),
        }
        run = {**_mapping(settings), **found}
        attributes |= {name: run[name] for name in _RUN_FACTS if run.get(name) is not None}
    if doses.tg43 is not None:
        found = doses.tg43.attrs
        attributes |= {
            "tg43_settings": str(found.get("settings", "{}")),
            "tg43_source": str(found["source"]),
            "tg43_dose_rate_constant": float(found["dose_rate_constant"]),
            "tg43_created_by": str(found.get("created_by", created_by())),
        }
    if doses.imported is not None:
        imported = doses.imported
        attributes |= {
            "imported_label": imported.label,
            "imported_origin": imported.source.origin,
            "imported_description": imported.source.description,
            "imported_frame_of_reference": doses.frame,
            "imported_voxel_cm": np.array(imported.voxel),
            "imported_covers_percent": 100.0 * imported.inside,
        }
    if constant is not None and doses.monte_carlo is not None and doses.tg43 is not None:
        attributes["monte_carlo_dose_rate_constant"] = constant.value
        attributes["monte_carlo_dose_rate_constant_std_dev"] = constant.std_dev
        attributes["monte_carlo_dose_rate_constant_source"] = constant.source
    return attributes


def _add_structures(data: xr.Dataset, case: Case, doses: ComparedDoses) -> None:
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
    media = doses.scene.medium.ravel()
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
