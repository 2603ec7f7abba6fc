"""Making case files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from validation.commands.option_groups import unfold
from validation.commands.options import CaseOptions


@unfold
def case_import(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="DICOM folder, case file or built-in case (neck)")
    ],
    out: Annotated[Path, typer.Option(help="case file to write")],
    chosen: CaseOptions,
) -> None:
    """Make a case file.

    Example: seedmc case import patient/ --ct-series ct --plan pre --out case.h5
    """
    from validation.studies.main_job import case_in_words, load_case

    case = load_case(source, chosen.choice())
    case.write(out)
    typer.echo(f"{case_in_words(case)} -> {out}")
