"""Writing cases and doses in the files of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from validation.commands.completion import EXPORT_FORMATS, one_of
from validation.commands.option_groups import unfold
from validation.commands.options import CENTIMETRE_PER_MILLIMETRE, CaseOptions
from validation.commands.tissue_options import DEFAULT_CURVE_NAME, HounsfieldCurve, MediumOf, tissues_of


@unfold
def export(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="a case (case file, DICOM folder, neck) and its doses (of simulate or tg43, .3ddose, RTDOSE); "
            "or the folder of run",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder to write to")],
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="ct, rtstruct, rtplan, rtdose, 3ddose, egsphant, egs_brachy, csv; may be given several times "
            "(default all)",
            autocompletion=one_of(*EXPORT_FORMATS),
        ),
    ] = None,
    egs_voxel: Annotated[
        float | None,
        typer.Option(metavar="MM", help="voxels of the egsphant, mm (default those of the image)"),
    ] = None,
    patient_id: Annotated[
        str, typer.Option(metavar="TEXT", help="identity number for the DICOM files (default none)")
    ] = "",
    implant_date: Annotated[
        str | None, typer.Option(metavar="YYYYMMDD", help="day the strengths refer to (default today)")
    ] = None,
    dose_bits: Annotated[
        int, typer.Option(metavar="32|16", help="bits of a number in an RTDOSE, 32 or 16")
    ] = 32,
    hounsfield_curve: HounsfieldCurve = DEFAULT_CURVE_NAME,
    medium_of: MediumOf = None,
    *,
    case: CaseOptions,
) -> None:
    """Write a case and its doses as DICOM, EGSnrc files and CSV.

    Example: seedmc export DIR --out exported

    Example: seedmc export case.h5 monte_carlo.h5 --format rtdose --format rtplan --out exported

    Example: seedmc export neck --format egs_brachy --egs-voxel 1 --out egs
    """
    from validation.studies.export_case import ExportSettings, export_files

    settings = ExportSettings(
        formats=tuple(format or ()),
        voxel=None if egs_voxel is None else egs_voxel * CENTIMETRE_PER_MILLIMETRE,
        media=tissues_of(hounsfield_curve, medium_of, None, None, None, None, None, None),
        patient_id=patient_id,
        implant_date=implant_date,
        dose_bits=dose_bits,
    )
    export_files(sources, out, case.choice(), settings, typer.echo)
