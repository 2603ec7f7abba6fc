"""The difference budget of a case: from TG-43 to the dose in the patient, one change at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mcsim.result_file import read_result
from mcsim.simulation_settings import Progress, StoppingRule
from tg43 import SourceData, load_source
from tg43.invalid_input import InvalidInput as NoSuchSource
from validation.case import Case
from validation.studies.budget_dataset import CaseBudget, budget_dataset
from validation.studies.budget_doses import Tg43Steps, monte_carlo_step, room_of
from validation.studies.budget_judgement import judge_step
from validation.studies.budget_runs import PATIENT, Say, run_all
from validation.studies.budget_shares import StepValues, shares
from validation.studies.budget_steps import TG43, chain
from validation.studies.monte_carlo import MonteCarloOptions
from validation.studies.tg43_dose import find_source, source_digest


def simulated_table(case: Case) -> SourceData | None:
    """The project's Monte Carlo table of the seeds of a case, if there is one.

    Examples
    --------
    >>> from validation.case import built_in
    >>> simulated_table(built_in("neck")).name
    'OncoSeed 6711 Monte Carlo'
    """
    if case.implant.seed_file:
        return None
    try:
        return load_source(case.implant.engine_model, "monte_carlo")
    except NoSuchSource:
        return None


def case_budget(
    case: Case,
    options: MonteCarloOptions,
    rule: StoppingRule,
    folder: Path,
    say: Say,
    source: SourceData | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_phase_space: Callable[[float], None] | None = None,
) -> CaseBudget:
    """Simulate a case in every world of the chain and divide the difference of its indices into shares.

    Parameters
    ----------
    case : Case
        Patient and seeds.
    options : MonteCarloOptions
        Settings; seeds and media are those of the chain.
    rule : StoppingRule
        When the dose in the patient is good enough; the other simulations get as many batches.
    folder : path
        Where the results of the simulations go, to be gone on from.
    say : callable
        Receives one line for each finished step.
    source : SourceData, optional
        TG-43 table to begin with; that of `validation.studies.tg43_dose.find_source` by default.
    on_progress, on_phase_space : callable, optional
        Called as the work goes on.

    Returns
    -------
    CaseBudget
        To be written; docs/theory/difference_budget.md tells the equations.

    Raises
    ------
    InvalidInput
        The case and the options do not fit together, TG-43 has no data for the seeds, or a file in the folder belongs
        to other settings.
    """
    own = source or find_source(case.implant)
    simulated = simulated_table(case)
    begins_simulated = simulated is not None and source_digest(simulated) == source_digest(own)
    steps = chain(begins_simulated, simulated is not None, case.external is not None)
    runs = list(dict.fromkeys(step.run for step in steps if step.engine != TG43))
    files = run_all(case, runs, options, rule, folder, say, on_progress, on_phase_space)

    patient, _ = read_result(files[PATIENT])
    tg43 = Tg43Steps(case, options.voxel, own, simulated, options.threads)
    room = room_of(case, patient, tg43.tissue_fraction)
    judged, digests = [], {}
    path, result = files[PATIENT], patient
    for step in steps:
        if step.engine == TG43:
            dose = tg43.step(step.table, room)
        else:
            if path != files[step.run]:
                path, result = files[step.run], read_result(files[step.run])[0]
            digests[" in ".join(step.run)] = result.settings_digest
            dose = monte_carlo_step(result, step.quantity)
        judged.append(judge_step(dose, room.voxels, case.prescription.dose_gy))
    of_structures: list[tuple[StepValues, ...]] = list(zip(*judged, strict=True))
    found = [shares(values) for values in of_structures]
    return budget_dataset(case, steps, of_structures, found, patient, (own, simulated), digests)
