"""Looking at files: what they are, and which media the simulation would give each structure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.completion import case_or_file, catalogued_seed
from validation.commands.option_groups import unfold
from validation.commands.options import CaseOptions
from validation.commands.simulation_options import PhantomOptions

if TYPE_CHECKING:
    from validation.studies.inspect_section import Section

# Where the output is no terminal; wide enough for names of structures and media.
_PAGE_WIDTH = 120


@unfold
def inspect(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT",
            help="file, DICOM folder or built-in case (neck)",
            autocompletion=case_or_file,
        ),
    ] = None,
    *,
    case: CaseOptions,
    phantom: PhantomOptions,
    materials: Annotated[
        bool, typer.Option("--materials", help="list the packaged media and their sources")
    ] = False,
    seeds: Annotated[
        bool,
        typer.Option("--seeds", help="list the packaged seeds: their TG-43 tables, and those of Monte Carlo"),
    ] = False,
    seed: Annotated[
        str | None,
        typer.Option(
            "--seed",
            metavar="NAME",
            help="TG-43 tables of one packaged seed",
            autocompletion=catalogued_seed,
        ),
    ] = None,
    identity: Annotated[
        bool, typer.Option("--identity", help="show the patient's name, numbers and dates in a DICOM file")
    ] = False,
    curves: Annotated[bool, typer.Option("--curves", help="list the packaged CT curves")] = False,
) -> None:
    """What a file or folder holds, at a glance.

    Every file that this program reads or writes; of a case also which media its structures get, as a simulation would
    have it. Identity of a patient is not shown.

    Example: seedmc inspect results/patient/monte_carlo.h5

    Example: seedmc inspect patient/ --ct-series ct --plan pre --medium-of THYROID=thyroid

    Example: seedmc inspect --seed 6711
    """
    from validation.studies import inspect_file, inspect_library, inspect_seeds

    sections: list[Section] = []
    if materials:
        sections += inspect_library.describe_materials()
    if seeds:
        simulated = [
            replace(s, title="Seeds that Monte Carlo knows") for s in inspect_library.describe_seeds()
        ]
        sections += [*inspect_seeds.describe_seed_tables(), *simulated]
    if seed is not None:
        sections += inspect_seeds.describe_seed(seed)
    if curves:
        sections += inspect_library.describe_curves()
    if source is not None:
        try:
            sections += inspect_file.describe(source, case.choice(), phantom.monte_carlo_options(), identity)
        except InvalidInput:
            # of a folder that is no case, what there is to choose among
            _print(inspect_file.describe_contents(source))
            raise
    if not sections:
        raise InvalidInput(
            "input is not given, expected a file, a DICOM folder or a built-in case, or --materials, --seeds, "
            "--seed NAME or --curves. Say what to look at."
        )
    _print(sections)


def _print(sections: list[Section]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    terminal = console.is_terminal
    if not terminal:
        console = Console(highlight=False, width=_PAGE_WIDTH)
    for section in sections:
        table = Table(title=section.title, title_justify="left", show_header=bool(section.headings), box=None)
        for k, heading in enumerate(section.headings or ("", "")):
            numeric = bool(section.headings) and k > 0 and _all_numbers([row[k] for row in section.rows])
            table.add_column(heading, justify="right" if numeric else "left", overflow="fold", no_wrap=k == 0)
        for row in section.rows:
            # Names come from files: no markup is read in them.
            table.add_row(*(Text(cell) for cell in row))
        with console.capture() as printed:
            console.print(table)
        lines = printed.get().splitlines()
        # cells are filled up with blanks, which only a terminal hides
        typer.echo("\n".join([*(lines if terminal else (line.rstrip() for line in lines)), ""]))


def _all_numbers(cells: list[str]) -> bool:
    def is_number(cell: str) -> bool:
        try:
            float(cell)
        except ValueError:
            return cell == ""
        return True

    return bool(cells) and all(is_number(cell) for cell in cells)
