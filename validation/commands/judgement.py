"""The comparison of two doses and its report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from validation.commands.options import Quiet, threads_of
from validation.progress import Reporter


def compare(
    case: Annotated[Path, typer.Argument(help="case file")],
    doses: Annotated[
        list[Path],
        typer.Argument(
            metavar="DOSE...",
            help="two or three: Monte Carlo result, TG-43 dose, RTDOSE (DICOM) or .3ddose of another program; "
            "Monte Carlo is judged against TG-43, another dose stands beside them or takes the place of one",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="comparison file to write")],
    dose_uncertainty: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="RTDOSE of type ERROR: uncertainty of the other program's dose"),
    ] = None,
    dose_scale: Annotated[
        float | None,
        typer.Option(metavar="GY", help="Gy per unit of a .3ddose, which does not say what it holds"),
    ] = None,
    gamma: Annotated[bool, typer.Option(help="gamma index, some seconds")] = True,
    quiet: Quiet = False,
) -> None:
    """Judge doses of a case against each other.

    Example: seedmc compare case.h5 monte_carlo.h5 tg43.h5 --out comparison.h5

    Example: seedmc compare case.h5 monte_carlo.h5 tps_rtdose.dcm --out comparison.h5
    """
    from validation.case import Case
    from validation.studies.compare import compare as compare_doses
    from validation.studies.dose_files import read_doses

    patient = Case.read(case)
    with Reporter(quiet):
        read = read_doses(doses, patient, threads_of(0), dose_uncertainty, dose_scale)
        found = compare_doses(patient, read.monte_carlo, read.tg43, read.imported, gamma=gamma)
    found.write(out)
    if read.imported is not None:
        attributes = found.data.attrs
        typer.echo(
            f"{attributes['imported_origin']}: frame of reference {attributes['imported_frame_of_reference']}; covers "
            f"{attributes['imported_covers_percent']:.1f} % of the dose grid"
        )
    typer.echo(f"comparison -> {out}")


def report(
    comparison: Annotated[Path, typer.Argument(help="comparison file")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="HTML file to write")],
    budget: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="difference budget of seedmc budget; without it budget.h5 beside the comparison, if it fits",
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="comparison of the plan, where COMPARISON is of the implant: indices of both side by side",
        ),
    ] = None,
) -> None:
    """Write the report of a comparison.

    One HTML file that opens offline.

    Example: seedmc report comparison.h5 --out report.html
    """
    from validation.report.report import write_report
    from validation.studies.budget_dataset import budget_beside
    from validation.studies.compare import Comparison

    found = Comparison.read(comparison)
    shares, note = budget_beside(found, comparison, budget)
    if note:
        typer.echo(note)
    write_report(found, out, shares, Comparison.read(before) if before else None)
    typer.echo(f"report -> {out}")
