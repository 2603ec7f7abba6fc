"""A seed's TG-43 parameters, strength and spectrum from first principles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import xarray as xr

from mcsim.cache import engine_digest
from mcsim.characterisation import ROUND, SeedTally, rounds
from mcsim.cross_sections import cross_section_digest
from mcsim.invalid_input import InvalidInput
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.seed_file import find_seed_entry
from mcsim.seed_model import SeedModel, load_seed_model
from validation.studies.characterise_dataset import characterisation_dataset
from validation.studies.characterise_points import CellFactors, cell_factors, characterisation_cells
from validation.studies.characterise_quantities import REFERENCE, estimate

DEFAULT_HISTORIES = 30_000_000
MEDIUM, SPHERE_RADIUS = "water", 30.0  # cm: 20 cm beyond the farthest point


def characterise(
    model: str,
    histories: int = DEFAULT_HISTORIES,
    *,
    spectrum: str = "",
    threads: int = 1,
    run_seed: int = 1,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    uncertainty: float = 0.0,
    active_length: float = 0.0,
    progress: Callable[[int, float], None] | None = None,
) -> xr.Dataset:
    """TG-43 parameters of a seed by Monte Carlo.

    Every history is followed from its emission in the active layer through the full seed and a water sphere of 30 cm
    radius; no phase space is used again, so the type A uncertainty is complete.

    Parameters
    ----------
    model : str
        Packaged seed model, alias, or path of a seed file.
    histories : int
        Photons to emit, rounded up to a multiple of 250,000; the most if `uncertainty` is given.
    spectrum : str
        Packaged photon spectrum; empty for the model's own.
    threads : int
        Threads; the result does not depend on it.
    run_seed : int
        Random seed.
    physics : PhysicsSettings
        How interactions are described.
    uncertainty : float
        Stop at this relative type A uncertainty of the dose-rate constant (WAFAC); 0: run all histories.
    active_length : float
        L of the geometry function, cm; 0: the model's own (see `SeedModel.active_length`).
    progress : callable, optional
        Called after every round with the histories done and the relative uncertainty of Λ so far.

    Returns
    -------
    xarray.Dataset
        As in ``docs/file_formats/characterisation.md``; every quantity has a companion ``<name>_std_dev``.

    Raises
    ------
    InvalidInput
        The model is unknown or does not make a seed, or a number is out of range.

    Examples
    --------
    >>> table = characterise("6711", 250_000, threads=2)
    >>> 0.85 < float(table.dose_rate_constant.sel(chamber="wafac")) < 1.0
    True
    """
    for what, given, unit in (("uncertainty", uncertainty, ""), ("active_length", active_length, " cm")):
        if not 0.0 <= given < 1.0:
            raise InvalidInput(f"{what} is {given:g}{unit}, expected from 0 to below 1{unit}. Correct it.")
    if histories < 1:
        raise InvalidInput(f"histories is {histories}, expected a positive number. Give more.")
    seed = load_seed_model(model, spectrum or None)
    length = active_length or seed.active_length
    cells = characterisation_cells()
    factors = cell_factors(seed, cells, length)
    for tally in rounds(
        seed, cells, -(-histories // ROUND), MEDIUM, SPHERE_RADIUS, run_seed, threads, physics
    ):
        reached = _relative_uncertainty(tally, factors)
        if progress:
            progress(tally.histories, reached)
        if reached <= uncertainty:
            break
    dataset = characterisation_dataset(seed, tally, estimate(tally, seed, factors, physics), factors.theta)
    settings = {
        "medium": MEDIUM,
        "sphere_radius_cm": SPHERE_RADIUS,
        "run_seed": run_seed,
        "spectrum": seed.spectrum.name,
        "active_length_cm": length,
        "physics": asdict(physics),
    }
    record = json.dumps(settings, sort_keys=True)
    dataset.attrs.update(
        seed_aliases=json.dumps(_aliases(model)),
        histories=tally.histories,
        active_length=length,
        active_length_source=_source_of_length(seed, active_length),
        settings=record,
        cross_section_digest=cross_section_digest(),
        code_digest=engine_digest(),
        settings_digest=hashlib.sha256(
            repr((seed.digest(), cross_section_digest(), engine_digest(), record)).encode()
        ).hexdigest(),
    )
    return dataset


def _aliases(model: str) -> list[str]:
    return [str(alias) for alias in find_seed_entry(model).get("aliases", [])]


def _source_of_length(seed: SeedModel, asked: float) -> str:
    if asked:
        return "as asked for"
    return "seed file" if seed.stated_active_length is not None else "extent of the activity along the axis"


def _relative_uncertainty(tally: SeedTally, factors: CellFactors) -> float:
    """Type A, of the dose-rate constant (WAFAC), from the spread of the groups."""
    transverse = factors.weights[int(np.flatnonzero(factors.theta == 90.0)[0])]
    dose = tally.shell_dose[:, REFERENCE] @ (transverse * factors.volumes[REFERENCE])
    strength = tally.air_kerma_strength[:, 0]
    deviation = dose / dose.mean() - strength / strength.mean()
    return float(deviation.std(ddof=1) / np.sqrt(len(deviation)))
