"""The command line: ``seedmc``."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Literal

import typer

from mcsim.hdf5_file import created_by
from mcsim.invalid_input import InvalidInput
from mcsim.simulation_settings import StoppingRule
from validation.progress import Reporter

app = typer.Typer(
    name="seedmc",
    help="Monte Carlo and TG-43 dose for I-125 seed implants, compared in the patient's own tissues. "
    "For research, not for treatment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
case_app = typer.Typer(help="Make and look at case files.", no_args_is_help=True)
app.add_typer(case_app, name="case")

EXIT_BAD_INPUT, EXIT_FAILED = 2, 1
TYPER_INTERRUPTED = 130  # typer turns KeyboardInterrupt into this exit code, without a word
CENTIMETRE_PER_MILLIMETRE = 0.1
DEFAULT_UNCERTAINTY_PERCENT = 2.0

Seeds = Annotated[
    Literal["interseed", "superposition"],
    typer.Option(help="all seeds are solid, or only the one that emits"),
]
Media = Annotated[
    Literal["patient", "water_body", "water"],
    typer.Option(help="from the CT; water inside BODY; water everywhere"),
]
Beyond = Annotated[
    Literal["continue", "water", "vacuum"],
    typer.Option(help="beyond the image: its edge voxels go on; water; nothing"),
]
BeyondDistance = Annotated[float, typer.Option(help="how far that reaches from the nearest seed, cm")]
Voxel = Annotated[float, typer.Option(help="edge of the scoring voxels, mm")]
Uncertainty = Annotated[
    float | None,
    typer.Option(help="stop at this mean type A uncertainty over the target's voxels, % (default 2)"),
]
Histories = Annotated[int, typer.Option(help="stop at this number of emitted photons; 0: no limit")]
MaxTime = Annotated[float, typer.Option(help="stop after this many seconds; 0: no limit")]
Threads = Annotated[int, typer.Option(help="threads; 0: one per core. The dose does not depend on it")]
Checkpoint = Annotated[float, typer.Option(help="seconds between checkpoints of a long simulation")]
RandomSeed = Annotated[int, typer.Option(help="random seed")]
Quiet = Annotated[bool, typer.Option("--quiet", help="print the result only")]
CtSeries = Annotated[
    str | None,
    typer.Option("--ct-series", help="CT series: UID, folder name or description"),
]
Plan = Annotated[str | None, typer.Option(help="RTPLAN: label, file name or UID")]
Structures = Annotated[str | None, typer.Option(help="RTSTRUCT: label, file name or UID")]
SeedList = Annotated[Path | None, typer.Option(help="CSV seed list that replaces the seeds")]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of a failure")] = False,
    version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False,
) -> None:
    os.environ["SEEDMC_DEBUG"] = "1" if debug else ""
    if version:
        typer.echo(created_by())
        raise typer.Exit


def _threads(threads: int) -> int:
    return threads if threads > 0 else len(os.sched_getaffinity(0))


def _rule(
    uncertainty: float | None, histories: int, max_time: float, batches: str | None = None
) -> StoppingRule:
    """Stopping rule of the options; 2 % in the target where nothing else is said."""
    bounds = StoppingRule().batches
    if batches is not None:
        first, colon, stop = batches.partition(":")
        if not (colon and first.isdigit() and stop.isdigit()):
            raise InvalidInput(
                f"batches is {batches!r}, expected FIRST:STOP, two whole numbers (STOP is not run). Correct it."
            )
        bounds = (int(first), int(stop))
    for what, given, unit in (
        ("uncertainty", uncertainty, " %"),
        ("histories", histories, ""),
        ("max-time", max_time, " s"),
    ):
        if given is not None and not 0 <= given < float("inf"):
            raise InvalidInput(f"{what} is {given:g}{unit}, expected a number of 0 or more. Correct it.")
    if uncertainty == 0 and not (histories or max_time or batches):
        raise InvalidInput(
            "uncertainty is 0 %, expected more than 0 % without another limit (the simulation would never end). "
            "Give --uncertainty, --histories or --max-time."
        )
    if uncertainty is None:
        uncertainty = 0.0 if (histories or max_time or batches) else DEFAULT_UNCERTAINTY_PERCENT
    return StoppingRule(
        batches=bounds,
        uncertainty=uncertainty / 100.0,
        histories=histories,
        time_s=max_time if max_time > 0.0 else float("inf"),
    )


@case_app.command("import")
def case_import(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="DICOM folder, case file or built-in case (neck)")
    ],
    out: Annotated[Path, typer.Option(help="case file to write")],
    ct_series: CtSeries = None,
    plan: Plan = None,
    structures: Structures = None,
    seed_list: SeedList = None,
) -> None:
    """Make a case file.

    Example: seedmc case import patient/ --ct-series ct --plan pre --out case.h5
    """
    from validation.studies.main_job import CaseChoice, load_case

    case = load_case(source, CaseChoice(ct_series, plan, structures, seed_list))
    case.write(out)
    typer.echo(
        f"case {case.name}: {len(case.implant.positions)} seeds, {len(case.structures)} structures -> {out}"
    )


@app.command()
def simulate(
    case: Annotated[Path, typer.Argument(help="case file")],
    out: Annotated[Path, typer.Option(help="result file to write; an interrupted run goes on")],
    seeds: Seeds = "interseed",
    media: Media = "patient",
    beyond: Beyond = "continue",
    beyond_distance: BeyondDistance = 10.0,
    voxel: Voxel = 1.0,
    uncertainty: Uncertainty = None,
    histories: Histories = 0,
    max_time: MaxTime = 0.0,
    batches: Annotated[
        str | None,
        typer.Option(help="FIRST:STOP, a part of the batches, for a cluster job"),
    ] = None,
    threads: Threads = 0,
    random_seed: RandomSeed = 1,
    checkpoint: Checkpoint = 15.0,
    quiet: Quiet = False,
) -> None:
    """Monte Carlo dose of a case.

    Example: seedmc simulate case.h5 --out monte_carlo.h5 --uncertainty 1
    """
    from validation.case import Case
    from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose

    options = MonteCarloOptions(
        seeds=seeds,
        media=media,
        voxel=voxel * CENTIMETRE_PER_MILLIMETRE,
        beyond=beyond,
        beyond_distance=beyond_distance,
        run_seed=random_seed,
        threads=_threads(threads),
        checkpoint_s=checkpoint,
    )
    rule = _rule(uncertainty, histories, max_time, batches)
    with Reporter(quiet) as report:
        result = monte_carlo_dose(Case.read(case), options, rule, out, report.simulation, report.phase_space)
    typer.echo(f"Monte Carlo: {result.batch_count} batches, {result.histories:.4g} histories -> {out}")


@app.command()
def merge(
    parts: Annotated[list[Path], typer.Argument(help="results of parts of one simulation")],
    out: Annotated[Path, typer.Option(help="result file to write")],
) -> None:
    """Add the parts of one simulation, exactly.

    Example: seedmc merge part_*.h5 --out monte_carlo.h5
    """
    from mcsim.result import merge as merge_results
    from mcsim.result_file import read_result, write_result

    read = [read_result(part) for part in parts]
    merged = merge_results([result for result, _ in read])
    write_result(out, merged, read[0][1])
    typer.echo(
        f"merged {len(parts)} parts: {merged.batch_count} batches, {merged.histories:.4g} histories -> {out}"
    )


@app.command()
def tg43(
    case: Annotated[Path, typer.Argument(help="case file")],
    out: Annotated[Path, typer.Option(help="dose file to write")],
    voxel: Voxel = 1.0,
) -> None:
    """TG-43 dose of a case.

    Example: seedmc tg43 case.h5 --out tg43.h5
    """
    from validation.case import Case
    from validation.studies.tg43_dose import tg43_dose, write_tg43_dose

    write_tg43_dose(out, tg43_dose(Case.read(case), voxel * CENTIMETRE_PER_MILLIMETRE))
    typer.echo(f"TG-43 -> {out}")


@app.command()
def compare(
    case: Annotated[Path, typer.Argument(help="case file")],
    monte_carlo: Annotated[Path, typer.Argument(help="Monte Carlo result")],
    tg43_dose: Annotated[Path, typer.Argument(metavar="TG43", help="TG-43 dose")],
    out: Annotated[Path, typer.Option(help="comparison file to write")],
) -> None:
    """Judge the two doses of a case against each other.

    Example: seedmc compare case.h5 monte_carlo.h5 tg43.h5 --out comparison.h5
    """
    from validation.case import Case
    from validation.studies.compare import compare as compare_doses
    from validation.studies.monte_carlo import monte_carlo_dataset
    from validation.studies.tg43_dose import read_tg43_dose

    patient = Case.read(case)
    compare_doses(
        patient, monte_carlo_dataset(monte_carlo, patient, _threads(0)), read_tg43_dose(tg43_dose)
    ).write(out)
    typer.echo(f"comparison -> {out}")


@app.command()
def report(
    comparison: Annotated[Path, typer.Argument(help="comparison file")],
    out: Annotated[Path, typer.Option(help="HTML file to write")],
) -> None:
    """Write the report of a comparison: one HTML file that opens offline.

    Example: seedmc report comparison.h5 --out report.html
    """
    from validation.report.report import write_report
    from validation.studies.compare import Comparison

    write_report(Comparison.read(comparison), out)
    typer.echo(f"report -> {out}")


@app.command()
def run(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="DICOM folder, case file or built-in case (neck)")
    ],
    out: Annotated[Path, typer.Option(help="folder for the results; an interrupted run goes on")],
    ct_series: CtSeries = None,
    plan: Plan = None,
    structures: Structures = None,
    seed_list: SeedList = None,
    seeds: Seeds = "interseed",
    media: Media = "patient",
    beyond: Beyond = "continue",
    beyond_distance: BeyondDistance = 10.0,
    voxel: Voxel = 1.0,
    uncertainty: Uncertainty = None,
    histories: Histories = 0,
    max_time: MaxTime = 0.0,
    threads: Threads = 0,
    random_seed: RandomSeed = 1,
    checkpoint: Checkpoint = 15.0,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="remove results of another case, other settings or another version"),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """The whole job: import, Monte Carlo, TG-43, comparison, report.

    Example: seedmc run patient/ --ct-series ct --plan pre --out results/patient
    """
    from validation.studies.main_job import CaseChoice, run_main_job
    from validation.studies.monte_carlo import MonteCarloOptions

    options = MonteCarloOptions(
        seeds=seeds,
        media=media,
        voxel=voxel * CENTIMETRE_PER_MILLIMETRE,
        beyond=beyond,
        beyond_distance=beyond_distance,
        run_seed=random_seed,
        threads=_threads(threads),
        checkpoint_s=checkpoint,
    )
    rule = _rule(uncertainty, histories, max_time)
    choice = CaseChoice(ct_series, plan, structures, seed_list)
    with Reporter(quiet) as reporter:
        path = run_main_job(
            source,
            out,
            choice,
            options,
            rule,
            reporter.say,
            reporter.simulation,
            reporter.phase_space,
            replace,
        )
    typer.echo(f"The report is {path.resolve()}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("results/demo"),
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Run the whole job on the built-in neck.

    Example: seedmc demo --out results/demo
    """
    # The folder is the demo's own: after an upgrade its earlier results make way.
    run("neck", out, threads=threads, replace=True, quiet=quiet)


def _refusals() -> tuple[type[Exception], ...]:
    from tg43.invalid_input import InvalidInput as InvalidTg43Input

    return (InvalidInput, InvalidTg43Input)


def main() -> None:
    """Run the command line: exit 0 done, 2 bad input, 1 failed run."""
    try:
        app()
    except _refusals() as refusal:
        _end(str(refusal), EXIT_BAD_INPUT)
    except SystemExit as end:
        if end.code != TYPER_INTERRUPTED:
            raise
        _end("interrupted; the same command goes on from the last checkpoint", EXIT_FAILED)
    except Exception as failure:
        _end(f"run failed: {type(failure).__name__}: {failure}", EXIT_FAILED)


def _end(message: str, code: int) -> None:
    if os.environ.get("SEEDMC_DEBUG"):
        traceback.print_exc()
    print(f"seedmc: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
