"""The Monte Carlo dose of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.phantom import Phantom
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.result import Result
from mcsim.simulation import CHECKPOINT_S, Simulation
from mcsim.simulation_file import run_to_file
from mcsim.simulation_settings import Progress, Settings, StoppingRule
from validation.case import Case
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.dose_grid import BEYOND_DISTANCE, centres
from validation.studies.media_settings import MediaSettings
from validation.studies.patient_phantom import patient_phantom

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
    variance_reduction : str
        ``correlated`` or ``none``; empty for ``correlated``, or ``none`` where `analogue` needs it.
    difference : bool
        Keep the dose of the seeds one by one in infinite water as well, to subtract it.
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
    spectra: bool = True
    per_seed: bool = False
    analogue: bool = False
    variance_reduction: str = ""
    difference: bool = False

    def engine_settings(self) -> Settings:
        """What decides the result besides the patient, as `mcsim` takes it.

        Raises
        ------
        InvalidInput
            The options contradict each other.

        Examples
        --------
        >>> options = MonteCarloOptions(), MonteCarloOptions(analogue=True)
        >>> [chosen.engine_settings().variance_reduction for chosen in options]
        ['correlated', 'none']
        """
        if self.analogue and self.difference:
            raise InvalidInput(
                "difference is asked for with the analogue estimator, expected one of them (the difference needs "
                "correlated sampling, the analogue estimator plain transport). Leave one of them out."
            )
        by_default = "none" if self.analogue else Settings().variance_reduction
        return Settings(
            seeds=self.seeds,
            run_seed=self.run_seed,
            physics=self.physics,
            spectrum=self.spectrum,
            analogue=self.analogue,
            per_seed=self.per_seed,
            variance_reduction=self.variance_reduction or by_default,
            difference=self.difference,
        )


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
        options.engine_settings(),
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
