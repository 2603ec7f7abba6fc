"""The difference budget of a case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.option_groups import unfold
from validation.commands.options import Quiet, SourceTable
from validation.commands.simulation_options import PhantomOptions, StopOptions, TransportOptions
from validation.progress import Reporter


@unfold
def budget(
    case: Annotated[Path, typer.Argument(help="case file")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="folder for budget.h5 and the simulations; an interrupted run goes on"
        ),
    ],
    phantom: PhantomOptions,
    transport: TransportOptions,
    stop: StopOptions,
    source_data: SourceTable = None,
    quiet: Quiet = False,
) -> None:
    """Where the difference comes from, share by share.

    The shares: source data, missing scatter, other seeds, tissue, dose to medium. In the folder of `seedmc run`
    only what is missing is simulated, and its report shows the budget when made again.

    Example: seedmc budget results/demo/case.h5 --out results/demo
    """
    from validation.case import Case
    from validation.studies.budget import case_budget
    from validation.studies.budget_dataset import BUDGET_FILE
    from validation.studies.tg43_dose import find_source

    options, rule = transport.applied_to(phantom.monte_carlo_options()), stop.rule()
    for name, chosen, expected in (
        ("seeds", options.seeds, "interseed"),
        ("media", options.media, "patient"),
    ):
        if chosen != expected:
            raise InvalidInput(
                f"{name} is {chosen!r}, expected it to be left out (a budget simulates every combination it needs). "
                f"Leave --{name} out."
            )
    patient = Case.read(case)
    with Reporter(quiet) as report:
        found = case_budget(
            patient,
            options,
            rule,
            out,
            report.say,
            find_source(patient.implant, source_data),
            report.simulation,
            report.phase_space,
        )
    path = out / BUDGET_FILE
    found.write(path)
    target = patient.prescription.target
    typer.echo(f"difference budget of {target}, D90 in Gy:")
    at = found.data.sel(structure=target, index="D90")
    for name, value, std_dev in zip(
        found.data.share.to_numpy(), at.share_value.to_numpy(), at.share_std_dev.to_numpy(), strict=True
    ):
        typer.echo(f"  {name:35} {value:+8.2f} ± {std_dev:.2f}")
    typer.echo(f"  {'whole':35} {float(at.total_value):+8.2f} ± {float(at.total_std_dev):.2f}")
    typer.echo(f"budget -> {path}")
