"""The validation record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.completion import validation_part
from validation.commands.options import Quiet, Threads, threads_of
from validation.progress import Reporter

DEFAULT_FOLDER = Path("docs")
EXIT_MISSED = 1


def validate(
    mode: Annotated[
        Literal["quick", "full"],
        typer.Option(
            help="quick: about a minute on two cores; full: every seed, small uncertainties, ten to thirty minutes"
        ),
    ] = "quick",
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="a part by its name; may be given several times (default all); needs --out",
            autocompletion=validation_part,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="folder for validation.md, validation_record.json and images/ (default docs)"
        ),
    ] = None,
    reference_doses: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="folder with reference/neck13 (default SEEDMC_SHARED, or ../shared if it is there)",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="write the page of this validation_record.json, compute nothing"
        ),
    ] = None,
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Compute the validation record again.

    Every oracle, seed and published comparison, and the page about them. Exit 1 if a check misses that is expected
    to agree.

    Example: seedmc validate --out results/validation

    Example: seedmc validate --mode full --out docs
    """
    from validation.record.page import write_page
    from validation.record.record import read_record, run_record
    from validation.record.room import Effort

    if only and out is None:
        raise InvalidInput(
            "out is not given with --only, expected a folder (a part would replace the whole record in docs). "
            "Give --out."
        )
    if record is not None:
        found = read_record(record)
    else:
        with Reporter(quiet) as report:
            effort = Effort(mode, threads_of(threads), _reference_folder(reference_doses), report.say)
            found = run_record(effort, tuple(only or ()))
    page = write_page(found, out or DEFAULT_FOLDER)
    for group in found.groups:
        checks = [check for check in found.checks if check.group == group]
        agree = sum(check.verdict == "agrees" for check in checks)
        explained = sum(check.verdict == "misses, explained" for check in checks)
        missed = len(checks) - agree - explained
        typer.echo(f"{group:34s} {agree:4d} agree {explained:3d} miss, explained {missed:3d} miss")
    for check in found.missed:
        typer.echo(
            f"missed: {check.name}: {check.value:.6g} against {check.reference:.6g} {check.unit}, difference "
            f"{check.difference:.2g}, allowed {check.allowed:.2g}"
        )
    typer.echo(f"validation record -> {page}")
    if found.missed:
        raise typer.Exit(EXIT_MISSED)


def _reference_folder(given: Path | None) -> Path | None:
    """Folder with reference doses, if there is one."""
    if given is not None:
        if not (given / "reference").is_dir():
            raise InvalidInput(
                f"reference-doses is {given}, expected a folder that holds reference/neck13. Correct the path."
            )
        return given
    folder = Path(os.environ.get("SEEDMC_SHARED", "../shared"))
    return folder if (folder / "reference").is_dir() else None
