"""The main job: from a DICOM folder, a case file or a built-in case to the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from pathlib import Path

from mcsim.invalid_input import InvalidInput, ResultOfOtherSettings
from mcsim.result import Result
from mcsim.result_file import read_result
from mcsim.simulation_settings import Progress, StoppingRule
from tg43 import SourceData
from validation.case import Case
from validation.case.case_source import CaseChoice, read_case
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.budget_dataset import budget_beside
from validation.studies.compare import FORMAT_VERSION, Comparison, compare
from validation.studies.media_assignment import require_contours
from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose, prepare_simulation
from validation.studies.monte_carlo_dataset import monte_carlo_dataset
from validation.studies.tg43_dose import (
    find_source,
    read_tg43_dose,
    tg43_dose,
    tg43_settings,
    write_tg43_dose,
)


def run_main_job(
    source: str,
    folder: Path,
    choice: CaseChoice,
    options: MonteCarloOptions,
    rule: StoppingRule,
    say: Callable[[str], None],
    on_progress: Callable[[Progress], None] | None = None,
    on_phase_space: Callable[[float], None] | None = None,
    replace: bool = False,
    source_data: Path | None = None,
) -> Path:
    """Import, simulate, TG-43, compare, report; what is already there and still fits is kept.

    Parameters
    ----------
    source : str
        See `validation.case.case_source.read_case`.
    folder : path
        Where ``case.h5``, ``monte_carlo.h5``, ``tg43.h5``, ``comparison.h5`` and ``report.html`` go.
    choice, options, rule
        Which data, which Monte Carlo settings, when to stop.
    say : callable
        Receives one line for each step.
    on_progress, on_phase_space : callable, optional
        Called as the simulation goes on.
    replace : bool
        Results in the folder that belong to another case, other settings or another version are removed; they are
        refused otherwise.
    source_data : path, optional
        TG-43 table to use instead of the packaged one.

    Returns
    -------
    path
        The report.

    Raises
    ------
    InvalidInput
        Bad input, no TG-43 table for the seeds, or a result in the folder that belongs to other settings.
    """
    case = read_case(source, choice)
    if options.media == "patient":
        # A misspelt name is told before anything is written.
        require_contours(case, options.tissues.contours)
    # What TG-43 lacks is told before the simulation, not after it.
    table = find_source(case.implant, source_data)
    if replace and _remove_other_results(folder, case, options):
        say(f"earlier results of another case, other settings or another version removed from {folder}")
    case_file = folder / "case.h5"
    if not _same_case(case_file, case):
        _refuse_results_of_another_case(folder, case)
        case.write(case_file)
    say(f"{case_in_words(case)} -> {case_file}")

    monte_carlo_file = folder / "monte_carlo.h5"
    result = monte_carlo_dose(case, options, rule, monte_carlo_file, on_progress, on_phase_space)
    say(f"Monte Carlo: {result.histories:.3g} histories{_reached(case, result, rule)} -> {monte_carlo_file}")

    tg43_file = folder / "tg43.h5"
    if not _same_tg43(tg43_file, case, options.voxel, table):
        write_tg43_dose(tg43_file, tg43_dose(case, options.voxel, table))
    say(f"TG-43 with {table.name} -> {tg43_file}")

    comparison_file, report_file = folder / "comparison.h5", folder / "report.html"
    monte_carlo = monte_carlo_dataset(monte_carlo_file, case, options.threads)
    tg43 = read_tg43_dose(tg43_file)
    if _same_comparison(comparison_file, monte_carlo.attrs, tg43.attrs) and report_file.is_file():
        say("comparison and report are up to date")
        return report_file
    say("comparing the doses")
    comparison = compare(case, monte_carlo, tg43)
    # An earlier report must not stand beside a newer comparison if the job is interrupted between the two.
    report_file.unlink(missing_ok=True)
    comparison.write(comparison_file)
    say(f"comparison -> {comparison_file}")
    from validation.report.report import write_report

    read_again = Comparison.read(comparison_file)
    budget, note = budget_beside(read_again, comparison_file)
    if note:
        say(note)
    write_report(read_again, report_file, budget)
    return report_file


def _reached(case: Case, result: Result, rule: StoppingRule) -> str:
    """Mean uncertainty in the target, and the one that was asked for."""
    target = case.structures[case.prescription.target]
    reached = result.mean_relative_uncertainty(structure_fractions(target, *result.axes))
    if not isfinite(reached):
        return ""
    asked = f" (asked: {100 * rule.uncertainty:g} %)" if rule.uncertainty else ""
    return f", ±{100 * reached:.2f} % in the target reached{asked}"


def case_in_words(case: Case) -> str:
    """One line about a case: seeds, their model and half-life, structures."""
    implant = case.implant
    return (
        f"case {case.name}: {len(implant)} seeds of {implant.model} ({implant.half_life_d:g} d), "
        f"{len(case.structures)} structures"
    )


def _remove_other_results(folder: Path, case: Case, options: MonteCarloOptions) -> bool:
    """Remove a Monte Carlo result, and what was made from it, that this job could not go on from."""
    stored = [folder / "monte_carlo.h5", folder / "monte_carlo.h5.checkpoint"]
    if not any(path.is_file() for path in stored):
        return False
    digest = prepare_simulation(case, options).digest()
    if all(read_result(path)[0].settings_digest == digest for path in stored if path.is_file()):
        return False
    for path in (*stored, folder / "comparison.h5", folder / "report.html"):
        path.unlink(missing_ok=True)
    return True


def _refuse_results_of_another_case(folder: Path, case: Case) -> None:
    """A Monte Carlo dose in the folder belongs to the case file beside it, which must not change under it."""
    for path in (folder / "monte_carlo.h5", folder / "monte_carlo.h5.checkpoint"):
        if path.is_file() and (found := read_result(path)[1]) != case.digest():
            raise ResultOfOtherSettings(
                f"case digest of {path} is {found[:12]}, expected {case.digest()[:12]} of case {case.name} (the "
                f"folder holds results of another case). Remove them or give another folder."
            )


def _same_case(path: Path, case: Case) -> bool:
    """Whether the file holds this case; a damaged file does not."""
    try:
        return path.is_file() and Case.read(path).digest() == case.digest()
    except InvalidInput:
        return False


def _same_tg43(path: Path, case: Case, voxel: float, table: SourceData) -> bool:
    try:
        attributes = read_tg43_dose(path).attrs if path.is_file() else {}
    except InvalidInput:
        return False
    return bool(
        attributes.get("case_digest") == case.digest()
        and json.loads(str(attributes["settings"])) == tg43_settings(case.implant, voxel, table)
    )


def _same_comparison(path: Path, monte_carlo: dict[str, object], tg43: dict[str, object]) -> bool:
    try:
        attributes = Comparison.read(path).data.attrs if path.is_file() else {}
    except InvalidInput:
        return False
    as_written_now = attributes.get("format_version") == FORMAT_VERSION
    return (
        as_written_now
        and attributes.get("tg43_settings") == tg43["settings"]
        and all(
            str(attributes.get(key, "missing")) == str(monte_carlo[key])
            for key in ("case_digest", "settings_digest", "histories")
        )
    )
