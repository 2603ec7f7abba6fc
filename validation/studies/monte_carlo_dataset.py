"""The Monte Carlo dose of a result file as a data set, with the image on the same voxels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.hdf5_file import created_by
from mcsim.physics_settings import PhysicsSettings
from mcsim.result_file import read_result
from validation.case import Case
from validation.evaluate.difference import MONTE_CARLO_DOSE_RATE_CONSTANTS
from validation.studies.dataset_file import put
from validation.studies.dose_rate_constant import SimulatedDoseRateConstant, simulated_dose_rate_constant
from validation.studies.media_assignment import on_grid
from validation.studies.media_settings import MediaSettings, media_settings
from validation.studies.monte_carlo_spectra import add_region_spectra
from validation.studies.patient_phantom import prepare_image


def monte_carlo_dataset(path: str | Path, case: Case, threads: int = 1) -> xr.Dataset:
    """The dose of a result file as a data set, with the image on the same voxels.

    Parameters
    ----------
    path : path
        ``seedmc-monte-carlo`` file.
    case : Case
        The case it belongs to.
    threads : int
        Threads for the seed's dose-rate constant, simulated once per machine.

    Returns
    -------
    xarray.Dataset
        ``dose``, ``dose_std_dev`` (Gy), ``tissue_fraction``, ``medium``, ``density``, ``hu`` over (x, y, z) in cm;
        ``group_dose`` over (group, voxel) and ``group_histories``; with the difference to water, that and
        ``water_superposition_dose`` with its ``_std_dev``; settings and run facts as attributes.

    Raises
    ------
    InvalidInput
        The file is not a complete result.
    """
    result, case_digest = read_result(path)
    dataset = xr.Dataset()
    for axis, values in zip("xyz", result.axes, strict=True):
        put(dataset, axis, (axis,), values, units="cm", description=f"voxel-centre {axis}")
    planes = tuple(_planes(values) for values in result.axes)
    record = result.settings.get("media_settings")
    tissues = media_settings(record) if isinstance(record, dict) else MediaSettings()
    hu = on_grid(case, prepare_image(case, tissues.streaks).hu, (planes[0], planes[1], planes[2]))
    volumes: tuple[tuple[str, NDArray[np.generic], str, str], ...] = (
        ("dose", result.dose(), "Gy", "dose to full decay, mean over the voxel's tissue part"),
        ("dose_std_dev", result.dose_std_dev(), "Gy", "type A standard uncertainty"),
        ("dose_to_water", result.dose("dose_to_water"), "Gy", "dose to water from the fluence in the medium"),
        ("primary_dose", result.dose("primary_dose_to_medium"), "Gy", "part of dose from primary photons"),
        ("tissue_fraction", result.tissue_fraction, "1", "share of the voxel outside all seeds"),
        ("medium", result.medium, "1", "index into the names"),
        ("density", result.density, "g/cm3", "mass density"),
        ("hu", hu, "HU", "CT number, air outside BODY, seeds replaced"),
    )
    for name, quantity, units, description in volumes:
        put(dataset, name, ("x", "y", "z"), quantity, units=units, description=description)
    if result.water_superposition is not None:
        difference, water = result.difference_to_water()
        std_dev = result.water_superposition[1] * result.scale.dose_per_history
        for name, quantity, description in (
            ("difference_to_water", difference, "dose minus that of the seeds one by one in infinite water"),
            ("water_superposition_dose", water, "dose of the seeds one by one in infinite water"),
            ("water_superposition_dose_std_dev", std_dev, "its type A standard uncertainty at most"),
        ):
            put(dataset, name, ("x", "y", "z"), quantity, units="Gy", description=description)
    dataset.medium.attrs["names"] = json.dumps(result.settings["media"])
    counts = result.group_batches()
    if counts.min() > 0:
        put(
            dataset, "group_voxel", ("voxel",), result.group_voxels, units="1", description="flat voxel index"
        )
        put(
            dataset, "group_dose", ("group", "voxel"), result.group_dose(), units="Gy",
            description="dose from the batches of one group alone",
        )  # fmt: skip
        put(
            dataset, "group_dose_to_water", ("group", "voxel"), result.group_dose("dose_to_water"), units="Gy",
            description="dose to water from the batches of one group alone",
        )  # fmt: skip
        put(
            dataset, "group_histories", ("group",), counts * (result.histories / counts.sum()), units="1",
            description="photons emitted in each group",
        )  # fmt: skip
    add_region_spectra(dataset, result)
    constant = simulated_dose_rate_constant(
        case.implant.engine_model,
        int(result.settings["phase_space_histories"]),
        str(result.settings["spectrum"]),
        threads,
        PhysicsSettings.from_record(result.settings.get("physics")),
    )
    dataset.attrs.update(
        dose_rate_constant=constant.value,
        dose_rate_constant_std_dev=constant.std_dev,
        dose_rate_constant_source=_source_of(constant, case.implant.model),
        histories=result.histories,
        batches=result.batch_count,
        case_digest=case_digest,
        settings_digest=result.settings_digest,
        settings=json.dumps(result.settings, sort_keys=True),
        air_kerma_strength_per_history=result.scale.air_kerma_strength_per_history,
        air_kerma_strength_per_history_std_dev=result.scale.air_kerma_strength_per_history_std_dev,
        water_table_relative_std_dev=result.table_uncertainty(),
        phase_space_digest=str(result.settings["phase_space_digest"]),
        run_time_s=result.run_facts.get("wall_time_s", 0.0),
        cpu_time_s=result.run_facts.get("cpu_time_s", 0.0),
        created_by=created_by(),
    )
    return dataset


def _source_of(constant: SimulatedDoseRateConstant, model: str) -> str:
    text = f"simulated with the seed model of the dose, type A uncertainty {constant.std_dev:.4f}"
    published = MONTE_CARLO_DOSE_RATE_CONSTANTS.get(model)
    return f"{text}; published: {published.value:g}, {published.source}" if published else text


def _planes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    half = 0.5 * (values[1] - values[0])
    return np.concatenate([values - half, [values[-1] + half]])
