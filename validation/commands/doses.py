"""The two doses of a case: Monte Carlo and TG-43."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from validation.commands.option_groups import unfold
from validation.commands.options import CENTIMETRE_PER_MILLIMETRE, Quiet, SourceTable, Voxel
from validation.commands.simulation_options import PhantomOptions, StopOptions, TransportOptions
from validation.progress import Reporter


@unfold
def simulate(
    case: Annotated[Path, typer.Argument(help="case file")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="result file to write; an interrupted run goes on")
    ],
    phantom: PhantomOptions,
    transport: TransportOptions,
    stop: StopOptions,
    batches: Annotated[
        str | None,
        typer.Option(help="FIRST:STOP, a part of the batches, for a cluster job"),
    ] = None,
    spectra: Annotated[
        bool,
        typer.Option(
            "--spectra/--no-spectra",
            help="energy-fluence spectrum of every structure and medium",
        ),
    ] = True,
    per_seed: Annotated[
        bool, typer.Option("--per-seed", help="the dose of every seed apart as well")
    ] = False,
    analogue: Annotated[
        bool, typer.Option("--analogue", help="the dose also from the energy that interactions leave")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Monte Carlo dose of a case.

    Example: seedmc simulate case.h5 --out monte_carlo.h5 --uncertainty 1

    Example: seedmc simulate case.h5 --media water --seeds superposition --out in_water.h5

    Example: seedmc simulate case.h5 --batches 0:100 --out part_0.h5
    """
    from validation.case import Case
    from validation.studies.monte_carlo import monte_carlo_dose

    options = replace(
        transport.applied_to(phantom.monte_carlo_options()),
        spectra=spectra,
        per_seed=per_seed,
        analogue=analogue,
    )
    rule = stop.rule(batches)
    with Reporter(quiet) as report:
        result = monte_carlo_dose(Case.read(case), options, rule, out, report.simulation, report.phase_space)
    typer.echo(f"Monte Carlo: {result.batch_count} batches, {result.histories:.4g} histories -> {out}")


def merge(
    parts: Annotated[list[Path], typer.Argument(help="results of parts of one simulation")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="result file to write")],
) -> None:
    """Add the parts of one simulation, exactly.

    Example: seedmc merge part_0.h5 part_1.h5 --out monte_carlo.h5
    """
    from mcsim.result import merge as merge_results
    from mcsim.result_file import read_result, write_result

    read = [read_result(part) for part in parts]
    merged = merge_results([result for result, _ in read])
    write_result(out, merged, read[0][1])
    typer.echo(
        f"merged {len(parts)} parts: {merged.batch_count} batches, {merged.histories:.4g} histories -> {out}"
    )


def tg43(
    case: Annotated[Path, typer.Argument(help="case file")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="dose file to write")],
    voxel: Voxel = 1.0,
    source_data: SourceTable = None,
    quiet: Quiet = False,
) -> None:
    """TG-43 dose of a case.

    Example: seedmc tg43 case.h5 --out tg43.h5

    Example: seedmc tg43 case.h5 --source-data my_seed/tg43.json --out tg43.h5
    """
    from validation.case import Case
    from validation.studies.tg43_dose import find_source, tg43_dose, write_tg43_dose

    patient = Case.read(case)
    table = find_source(patient.implant, source_data)
    with Reporter(quiet):
        dose = tg43_dose(patient, voxel * CENTIMETRE_PER_MILLIMETRE, table)
    write_tg43_dose(out, dose)
    typer.echo(f"TG-43 with {dose.attrs['source']} -> {out}")
