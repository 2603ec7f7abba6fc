"""Making case files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from validation.commands.options import (
    CtSeries,
    Plan,
    SeedList,
    Structures,
)


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
