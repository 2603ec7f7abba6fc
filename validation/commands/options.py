"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from validation.commands.completion import simulated_seed_or_file

if TYPE_CHECKING:
    from validation.case.case_source import CaseChoice

CENTIMETRE_PER_MILLIMETRE = 0.1

Voxel = Annotated[float, typer.Option(metavar="MM", help="edge of the scoring voxels, mm")]
Threads = Annotated[
    int, typer.Option(metavar="N", help="threads; 0: one per core. The dose does not depend on it")
]
RandomSeed = Annotated[int, typer.Option(metavar="N", help="random seed")]
Quiet = Annotated[bool, typer.Option("--quiet", help="print the result only")]
CtSeries = Annotated[
    str | None,
    typer.Option("--ct-series", metavar="TEXT", help="CT series: UID, folder name or description"),
]
Plan = Annotated[str | None, typer.Option(metavar="TEXT", help="RTPLAN: label, file name or UID")]
Structures = Annotated[str | None, typer.Option(metavar="TEXT", help="RTSTRUCT: label, file name or UID")]
SeedList = Annotated[
    Path | None, typer.Option(metavar="FILE", help="CSV or JSON seed list that replaces the seeds")
]
SeedModelOption = Annotated[
    str | None,
    typer.Option(
        "--seed-model",
        metavar="NAME|FILE",
        help="all seeds are of this packaged model or seed file",
        autocompletion=simulated_seed_or_file,
    ),
]
SourceTable = Annotated[
    Path | None,
    typer.Option(
        "--source-data",
        metavar="FILE|mc:NAME",
        help="TG-43 table to use instead of the packaged one, such as the tg43.json of characterise, or mc:NAME",
    ),
]


@dataclass(frozen=True)
class CaseOptions:
    """Which data of a folder make the case, and which seeds it has."""

    ct_series: CtSeries = None
    plan: Plan = None
    structures: Structures = None
    seed_list: SeedList = None
    seed_model: SeedModelOption = None

    def choice(self) -> CaseChoice:
        """The choice that reading a case takes."""
        from validation.case.case_source import CaseChoice

        return CaseChoice(self.ct_series, self.plan, self.structures, self.seed_list, self.seed_model)


def threads_of(threads: int) -> int:
    """Threads asked for; one per core for 0."""
    return threads if threads > 0 else len(os.sched_getaffinity(0))
