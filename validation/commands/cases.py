"""Making case files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from validation.commands.options import (
    CtSeries,
    Plan,
    SeedList,
    SeedModelOption,
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
    seed_model: SeedModelOption = None,
) -> None:
    """Make a case file.

    Example: seedmc case import patient/ --ct-series ct --plan pre --out case.h5
    """
    from validation.studies.main_job import CaseChoice, case_in_words, load_case

    case = load_case(source, CaseChoice(ct_series, plan, structures, seed_list, seed_model))
    case.write(out)
    typer.echo(f"{case_in_words(case)} -> {out}")
