"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from mcsim.invalid_input import InvalidInput
from mcsim.simulation_settings import StoppingRule

CENTIMETRE_PER_MILLIMETRE = 0.1
DEFAULT_UNCERTAINTY_PERCENT = 2.0

Seeds = Annotated[
    Literal["interseed", "superposition"],
    typer.Option(help="all seeds are solid, or only the one that emits"),
]
Media = Annotated[
    Literal["patient", "water_body", "water"],
    typer.Option(help="from the CT; water inside BODY; water everywhere"),
]
Beyond = Annotated[
    Literal["continue", "water", "vacuum"],
    typer.Option(help="beyond the image: its edge voxels go on; water; nothing"),
]
BeyondDistance = Annotated[float, typer.Option(help="how far that reaches from the nearest seed, cm")]
Voxel = Annotated[float, typer.Option(help="edge of the scoring voxels, mm")]
Uncertainty = Annotated[
    float | None,
    typer.Option(help="stop at this mean type A uncertainty over the target's voxels, % (default 2)"),
]
Histories = Annotated[int, typer.Option(help="stop at this number of emitted photons; 0: no limit")]
MaxTime = Annotated[float, typer.Option(help="stop after this many seconds; 0: no limit")]
Threads = Annotated[int, typer.Option(help="threads; 0: one per core. The dose does not depend on it")]
Checkpoint = Annotated[float, typer.Option(help="seconds between checkpoints of a long simulation")]
RandomSeed = Annotated[int, typer.Option(help="random seed")]
Quiet = Annotated[bool, typer.Option("--quiet", help="print the result only")]
CtSeries = Annotated[
    str | None,
    typer.Option("--ct-series", help="CT series: UID, folder name or description"),
]
Plan = Annotated[str | None, typer.Option(help="RTPLAN: label, file name or UID")]
Structures = Annotated[str | None, typer.Option(help="RTSTRUCT: label, file name or UID")]
SeedList = Annotated[Path | None, typer.Option(help="CSV seed list that replaces the seeds")]
SeedModelOption = Annotated[
    str | None,
    typer.Option(
        "--seed-model", metavar="NAME|FILE", help="all seeds are of this packaged model or seed file"
    ),
]
SourceTable = Annotated[
    Path | None,
    typer.Option(
        "--source-data",
        help="TG-43 table to use instead of the packaged one, such as the tg43.json of characterise, or mc:NAME",
    ),
]


def threads_of(threads: int) -> int:
    """Threads asked for; one per core for 0."""
    return threads if threads > 0 else len(os.sched_getaffinity(0))


def stopping_rule(
    uncertainty: float | None, histories: int, max_time: float, batches: str | None = None
) -> StoppingRule:
    """Stopping rule of the options; 2 % in the target where nothing else is said."""
    bounds = StoppingRule().batches
    if batches is not None:
        first, colon, stop = batches.partition(":")
        if not (colon and first.isdigit() and stop.isdigit()):
            raise InvalidInput(
                f"batches is {batches!r}, expected FIRST:STOP, two whole numbers (STOP is not run). Correct it."
            )
        bounds = (int(first), int(stop))
    for what, given, unit in (
        ("uncertainty", uncertainty, " %"),
        ("histories", histories, ""),
        ("max-time", max_time, " s"),
    ):
        if given is not None and not 0 <= given < float("inf"):
            raise InvalidInput(f"{what} is {given:g}{unit}, expected a number of 0 or more. Correct it.")
    if uncertainty == 0 and not (histories or max_time or batches):
        raise InvalidInput(
            "uncertainty is 0 %, expected more than 0 % without another limit (the simulation would never end). "
            "Give --uncertainty, --histories or --max-time."
        )
    if uncertainty is None:
        uncertainty = 0.0 if (histories or max_time or batches) else DEFAULT_UNCERTAINTY_PERCENT
    return StoppingRule(
        batches=bounds,
        uncertainty=uncertainty / 100.0,
        histories=histories,
        time_s=max_time if max_time > 0.0 else float("inf"),
    )
