"""The simulations of a difference budget: the same photons in one world after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mcsim.invalid_input import InvalidInput
from mcsim.result import Result
from mcsim.result_file import read_result
from mcsim.simulation_settings import Progress, StoppingRule
from validation.case import Case
from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose

PATIENT = ("interseed", "patient")
#: What `seedmc run` calls the dose in the patient; a budget in the same folder goes on from it.
PATIENT_FILE = "monte_carlo.h5"

Say = Callable[[str], None]


def run_file(folder: Path, run: tuple[str, str]) -> Path:
    """Result file of one simulation of a budget.

    Examples
    --------
    >>> run_file(Path("out"), ("superposition", "water")).name
    'monte_carlo_superposition_water.h5'
    """
    return folder / (PATIENT_FILE if run == PATIENT else f"monte_carlo_{'_'.join(run)}.h5")


def run_all(
    case: Case,
    runs: Sequence[tuple[str, str]],
    options: MonteCarloOptions,
    rule: StoppingRule,
    folder: Path,
    say: Say,
    on_progress: Callable[[Progress], None] | None = None,
    on_phase_space: Callable[[float], None] | None = None,
) -> dict[tuple[str, str], Path]:
    """Simulate a case with every combination of seeds and media, with the same batches in each.

    The dose in the patient is simulated until the rule is met, the others with as many batches. A batch is the same
    photons in all of them: streams of random numbers follow from run seed, seed and history, not from the phantom.

    Parameters
    ----------
    case : Case
        Patient and seeds.
    runs : sequence of (seeds, media)
        The combinations; `PATIENT` is one of them.
    options : MonteCarloOptions
        Settings that all share.
    rule : StoppingRule
        When the dose in the patient is good enough.
    folder : path
        Where the results go; what is there already and fits is kept, an interrupted run goes on.
    say : callable
        Receives one line for each finished simulation.
    on_progress, on_phase_space : callable, optional
        Called as the work goes on.

    Returns
    -------
    dict
        Result file of each combination.

    Raises
    ------
    InvalidInput
        A file in the folder belongs to other settings, or holds a part of the batches that does not begin at 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {run: run_file(folder, run) for run in runs}

    def simulate(run: tuple[str, str], until: StoppingRule) -> Result:
        chosen = replace(options, seeds=run[0], media=run[1])
        if run != PATIENT:
            chosen = replace(chosen, difference=False, spectra=False, per_seed=False, analogue=False)
        return monte_carlo_dose(case, chosen, until, files[run], on_progress, on_phase_space)

    first = simulate(PATIENT, rule)
    done = [first.batch_count]
    done += [
        read_result(path)[0].batch_count for run, path in files.items() if run != PATIENT and path.is_file()
    ]
    every = StoppingRule(batches=(0, max(done)))
    for run in (PATIENT, *(run for run in runs if run != PATIENT)):
        result = simulate(run, every)
        _refuse_other_photons(first, result, files[run])
        say(f"Monte Carlo, {run[0]} in {run[1]}: {result.histories:.3g} histories -> {files[run]}")
    return files


def _refuse_other_photons(first: Result, other: Result, path: Path) -> None:
    """Differences are clean only between the same photons in the same voxels."""
    same = (
        other.settings["phase_space_digest"] == first.settings["phase_space_digest"]
        and other.settings["run_seed"] == first.settings["run_seed"]
        and other.scale == first.scale
        and np.array_equal(other.group_voxels, first.group_voxels)
        and np.array_equal(other.tissue_fraction, first.tissue_fraction)
    )
    if not same:
        raise InvalidInput(
            f"photons or voxels of {path} are others than those of the dose in the patient, expected the same (shares "
            f"are differences of runs with common random numbers). Remove the file and run again."
        )
