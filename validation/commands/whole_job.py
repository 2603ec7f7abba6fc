"""The whole job in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcsim.invalid_input import ResultOfOtherSettings
from validation.commands.completion import case_or_file
from validation.commands.option_groups import unfold
from validation.commands.options import CaseOptions, Quiet, SourceTable, Threads
from validation.commands.simulation_options import PhantomOptions, StopOptions, TransportOptions
from validation.progress import Reporter


@unfold
def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="DICOM folder, case file or built-in case (neck)",
            autocompletion=case_or_file,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="folder for the results; an interrupted run goes on")
    ],
    case: CaseOptions,
    phantom: PhantomOptions,
    transport: TransportOptions,
    stop: StopOptions,
    source_data: SourceTable = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="remove results of another case, other settings or another version"),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """The whole job: import, both doses, comparison, report.

    Results that are in the folder and still fit are kept; an interrupted job goes on where it stopped.

    Example: seedmc run neck --out results/neck --voxel 2

    Example: seedmc run patient/ --ct-series ct --plan pre --out results/patient

    Example: seedmc run results/patient/case.h5 --medium-of THYROID=thyroid --uncertainty 1 --out results/thyroid
    """
    from validation.report.tables import result_line
    from validation.studies.compare import Comparison
    from validation.studies.main_job import run_main_job

    options, rule = transport.applied_to(phantom.monte_carlo_options()), stop.rule()
    with Reporter(quiet) as reporter:
        try:
            path = run_main_job(
                source,
                out,
                case.choice(),
                options,
                rule,
                reporter.say,
                reporter.simulation,
                reporter.phase_space,
                replace,
                source_data,
            )
        except ResultOfOtherSettings as other:
            raise ResultOfOtherSettings(
                f"{other} Or give --replace, which removes earlier results."
            ) from None
    typer.echo(result_line(Comparison.read(path.with_name("comparison.h5"))))
    typer.echo(f"The report is {path.resolve()}")


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder for the results")] = Path("results/demo"),
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Run the whole job on the built-in neck.

    Example: seedmc demo

    Example: seedmc demo --out results/demo --threads 2
    """
    # The folder is the demo's own: after an upgrade its earlier results make way.
    run("neck", out, threads=threads, replace=True, quiet=quiet)
