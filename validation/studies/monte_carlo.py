"""The Monte Carlo dose of a case."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.hdf5_file import created_by
from mcsim.phantom import Phantom
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.result import Result
from mcsim.result_file import read_result
from mcsim.simulation import CHECKPOINT_S, Simulation
from mcsim.simulation_file import run_to_file
from mcsim.simulation_settings import Progress, Settings, StoppingRule
from validation.case import Case
from validation.evaluate.difference import MONTE_CARLO_DOSE_RATE_CONSTANTS
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.dataset_file import put
from validation.studies.dose_grid import BEYOND_DISTANCE, centres
from validation.studies.dose_rate_constant import SimulatedDoseRateConstant, simulated_dose_rate_constant
from validation.studies.media_assignment import on_grid
from validation.studies.media_settings import MediaSettings, media_settings
from validation.studies.patient_phantom import patient_phantom, prepare_image

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class MonteCarloOptions:
    """What a user chooses for a Monte Carlo dose.

    Attributes
    ----------
    seeds : str
        ``interseed`` or ``superposition``.
    media : str
        ``patient``, ``water_body`` or ``water``.
    voxel : float
        Edge of the scoring voxels, cm.
    beyond : str
        What lies beyond the image: ``continue`` (its edge voxels go on), ``water`` or ``vacuum``.
    beyond_distance : float
        How far, cm from the nearest seed.
    tissues : MediaSettings
        CT curve, media by contour, streaks and calcification; counts for the media ``patient``.
    spectrum : str
        Photons per decay; empty for the seed model's own.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent treatment, fluorescence.
    run_seed : int
        Random seed.
    threads : int
        Threads; the dose does not depend on it.
    checkpoint_s : float
        Seconds between checkpoints of a long simulation.
    spectra : bool
        Score the energy-fluence spectrum of every structure and every medium.
    per_seed : bool
        Keep the dose of every seed apart as well.
    analogue : bool
        Score also the energy that interactions leave, the same dose by another estimator.
    """

    seeds: str = "interseed"
    media: str = "patient"
    voxel: float = 0.1
    beyond: str = "continue"
    beyond_distance: float = BEYOND_DISTANCE
    tissues: MediaSettings = field(default_factory=MediaSettings)
    spectrum: str = ""
    physics: PhysicsSettings = DEFAULT_PHYSICS
    run_seed: int = 1
    threads: int = 1
    checkpoint_s: float = CHECKPOINT_S
    spectra: bool = False
    per_seed: bool = False
    analogue: bool = False


def prepare_simulation(
    case: Case, options: MonteCarloOptions, on_phase_space: Callable[[float], None] | None = None
) -> Simulation:
    """Everything a simulation of the case needs, ready to run.

    Parameters
    ----------
    case : Case
        Patient and seeds.
    options : MonteCarloOptions
        Settings.
    on_phase_space : callable, optional
        Called with the share done while the seed's phase space is made (once per machine).

    Returns
    -------
    Simulation

    Raises
    ------
    InvalidInput
        The case and the options do not fit together, or the solids of its seed model are not known.
    """
    engine_model = case.implant.engine_model
    phantom, description = patient_phantom(
        case, options.voxel, options.media, options.beyond, options.beyond_distance, options.tissues
    )
    x, y, z = (centres(planes) for planes in phantom.scoring_planes)
    inside = {name: structure_fractions(case.structures[name], x, y, z) for name in case.structures}
    inner = np.zeros(phantom.scoring_shape, dtype=bool)
    for name, structure in case.structures.items():
        if structure.role != "external":
            inner |= inside[name] > 0.0
    implant = case.implant
    return Simulation(
        phantom,
        engine_model,
        implant.positions,
        implant.axes,
        implant.air_kerma_strengths,
        implant.half_life_d,
        Settings(
            seeds=options.seeds,
            run_seed=options.run_seed,
            physics=options.physics,
            spectrum=options.spectrum,
            analogue=options.analogue,
            per_seed=options.per_seed,
        ),
        target_weight=inside[case.prescription.target],
        group_mask=inner,
        threads=options.threads,
        progress=on_phase_space,
        description=description,
        regions=spectrum_regions(phantom, inside) if options.spectra else None,
    )


def spectrum_regions(phantom: Phantom, inside: Mapping[str, FloatArray]) -> dict[str, NDArray[np.bool_]]:
    """Voxels of which energy-fluence spectra are scored: every structure, every medium.

    Parameters
    ----------
    phantom : Phantom
        Media of the voxels.
    inside : mapping of str to ndarray, shape of the scoring region
        Fraction of each voxel inside each structure; a voxel belongs to a structure from one half on.

    Returns
    -------
    dict of str to ndarray of bool
        Structures by their names, media as ``medium:<name>``; what has no voxel is left out.
    """
    regions = {name: fraction >= 0.5 for name, fraction in inside.items()}
    medium = phantom.medium[phantom.scoring]
    regions |= {f"medium:{name}": medium == k for k, name in enumerate(phantom.media)}
    return {name: mask for name, mask in regions.items() if mask.any()}


def monte_carlo_dose(
    case: Case,
    options: MonteCarloOptions,
    rule: StoppingRule,
    path: str | Path,
    on_progress: Callable[[Progress], None] | None = None,
    on_phase_space: Callable[[float], None] | None = None,
) -> Result:
    """Simulate the dose of a case into a file, continuing an interrupted run.

    Parameters
    ----------
    case : Case
        Patient and seeds.
    options : MonteCarloOptions
        Settings.
    rule : StoppingRule
        When to stop.
    path : path
        Result file (``seedmc-monte-carlo``).
    on_progress, on_phase_space : callable, optional
        Called as the work goes on.

    Returns
    -------
    Result

    Raises
    ------
    InvalidInput
        The case and the options do not fit together, or the file belongs to other settings.
    """
    simulation = prepare_simulation(case, options, on_phase_space)
    return run_to_file(simulation, rule, path, case.digest(), on_progress, options.checkpoint_s)


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
        ``group_dose`` over (group, voxel) and ``group_histories``; settings and run facts as attributes.

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
