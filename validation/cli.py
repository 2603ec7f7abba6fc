"""The command line: ``seedmc``."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands import (
    budget,
    cases,
    characterise,
    cohort,
    doses,
    export,
    inspect,
    judgement,
    plan,
    post_implant,
    study,
    validate,
    whole_job,
)
from validation.commands.examples import show_examples

app = typer.Typer(
    name="seedmc",
    help="Monte Carlo and TG-43 dose for I-125 seed implants, compared in the patient's own tissues. "
    "For research, not for treatment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
case_app = typer.Typer(help="Make case files.", no_args_is_help=True)
case_app.command("import")(cases.case_import)
# In the order of their use: the whole job, looking, the steps of the job, what goes beyond it.
for command in (
    whole_job.run,
    whole_job.demo,
    inspect.inspect,
    doses.simulate,
    doses.merge,
    doses.tg43,
    judgement.compare,
    judgement.report,
    budget.budget,
    plan.plan,
    post_implant.post_implant,
    export.export,
    characterise.characterise,
    validate.validate,
):
    app.command()(command)
app.add_typer(case_app, name="case")
app.add_typer(
    study.study_app, name="study", short_help="Displaced, swollen and shrunken implants, by the thousand."
)
app.add_typer(cohort.cohort_app, name="cohort", short_help="Statistics of a cohort, as papers give them.")
show_examples(
    app,
    (
        "seedmc demo",
        "seedmc run patient/ --out results/patient",
        "seedmc inspect results/patient/monte_carlo.h5",
        "seedmc COMMAND --help",
    ),
)

EXIT_BAD_INPUT, EXIT_FAILED = 2, 1
TYPER_INTERRUPTED = 130  # typer turns KeyboardInterrupt into this exit code, without a word
# What these leave in their folder or file, the same command goes on from.
RESUMED = {"run", "demo", "simulate", "budget", "study", "post-implant"}


def _version(wanted: bool) -> None:
    if wanted:
        from mcsim.hdf5_file import created_by

        typer.echo(created_by())
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of a failure")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="print the version and stop", callback=_version, is_eager=True),
    ] = False,
) -> None:
    os.environ["SEEDMC_DEBUG"] = "1" if debug else ""
    os.environ["SEEDMC_RESUMED"] = "1" if context.invoked_subcommand in RESUMED else ""


def _refusals() -> tuple[type[Exception], ...]:
    from tg43.invalid_input import InvalidInput as InvalidTg43Input

    return (InvalidInput, InvalidTg43Input)


def main() -> None:
    """Run the command line: exit 0 done, 2 bad input, 1 failed run."""
    try:
        app()
    # typer ends every command so: first, for the refusals below load tg43
    except SystemExit as end:
        if end.code != TYPER_INTERRUPTED:
            raise
        _end(
            "interrupted; the same command goes on from the last checkpoint"
            if os.environ.get("SEEDMC_RESUMED")
            else "interrupted; nothing is kept of this command",
            EXIT_FAILED,
        )
    except _refusals() as refusal:
        _end(str(refusal), EXIT_BAD_INPUT)
    except Exception as failure:
        _end(f"run failed: {type(failure).__name__}: {failure}", EXIT_FAILED)


def _end(message: str, code: int) -> None:
    if os.environ.get("SEEDMC_DEBUG"):
        traceback.print_exc()
    print(f"seedmc: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
