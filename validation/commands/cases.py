"""Making case files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from validation.commands.completion import case_or_file
from validation.commands.option_groups import unfold
from validation.commands.options import CENTIMETRE_PER_MILLIMETRE, CaseOptions

if TYPE_CHECKING:
    from validation.case.case_source import ImportChoice


@dataclass(frozen=True)
class ImportOptions:
    """What an input may lack."""

    seeds: Annotated[Path | None, typer.Option(metavar="FILE", help="the same as --seed-list")] = None
    mask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="NIfTI/NRRD mask as a structure; NAME=FILE:LABEL for one of several labels",
        ),
    ] = None
    medium: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MEDIUM",
            help="what a medium of an .egsphant is here (inspect --materials lists them)",
        ),
    ] = None
    prescription: Annotated[float | None, typer.Option(metavar="GY", help="prescribed dose, Gy")] = None
    target: Annotated[
        str | None, typer.Option(metavar="STRUCTURE", help="structure the dose is prescribed to")
    ] = None
    target_margin: Annotated[
        float | None,
        typer.Option(metavar="MM", help="of an .egsphant: the target is what lies this near to a seed, mm"),
    ] = None

    def choice(self) -> ImportChoice:
        """What the study takes."""
        from validation.case.case_source import ImportChoice

        margin = None if self.target_margin is None else self.target_margin * CENTIMETRE_PER_MILLIMETRE
        return ImportChoice(
            tuple(self.mask or ()), tuple(self.medium or ()), self.prescription, self.target, margin
        )


@unfold
def case_import(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="DICOM folder, case file, .egsphant(.gz) or built-in case (neck)",
            autocompletion=case_or_file,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="case file to write")],
    chosen: CaseOptions,
    more: ImportOptions,
) -> None:
    """Make a case file.

    Example: seedmc case import patient/ --ct-series ct --plan pre --out case.h5

    Example: seedmc case import patient/ --mask LUNG=lung.nii.gz --out case.h5

    Example: seedmc case import neck.egsphant.gz --seeds seeds.csv --mask PTV=ptv.nrrd --prescription 120 --out case.h5
    """
    from validation.case.case_source import read_case
    from validation.studies.main_job import case_in_words

    choice = chosen.choice()
    if more.seeds is not None:
        choice = replace(choice, seed_list=more.seeds)
    case = read_case(source, choice, more.choice())
    case.write(out)
    typer.echo(f"{case_in_words(case)} -> {out}")
