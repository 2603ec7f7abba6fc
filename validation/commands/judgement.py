"""The comparison of two doses and its report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from validation.commands.options import (
    threads_of,
)


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
    from validation.studies.monte_carlo_dataset import monte_carlo_dataset
    from validation.studies.tg43_dose import read_tg43_dose

    patient = Case.read(case)
    compare_doses(
        patient, monte_carlo_dataset(monte_carlo, patient, threads_of(0)), read_tg43_dose(tg43_dose)
    ).write(out)
    typer.echo(f"comparison -> {out}")


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
