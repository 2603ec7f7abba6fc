"""The command line: ``seedmc``."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from mcsim.hdf5_file import created_by
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

app = typer.Typer(
    name="seedmc",
    help="Monte Carlo and TG-43 dose for I-125 seed implants, compared in the patient's own tissues. "
    "For research, not for treatment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
case_app = typer.Typer(help="Make and look at case files.", no_args_is_help=True)
app.add_typer(case_app, name="case")
app.add_typer(study.study_app, name="study")
app.add_typer(cohort.cohort_app, name="cohort")
case_app.command("import")(cases.case_import)
for command in (
    doses.simulate,
    doses.merge,
    doses.tg43,
    characterise.characterise,
    judgement.compare,
    budget.budget,
    judgement.report,
    export.export,
    inspect.inspect,
    plan.plan,
    post_implant.post_implant,
    validate.validate,
    whole_job.run,
    whole_job.demo,
):
    app.command()(command)

EXIT_BAD_INPUT, EXIT_FAILED = 2, 1
TYPER_INTERRUPTED = 130  # typer turns KeyboardInterrupt into this exit code, without a word


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of a failure")] = False,
    version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False,
) -> None:
    os.environ["SEEDMC_DEBUG"] = "1" if debug else ""
    if version:
        typer.echo(created_by())
        raise typer.Exit


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
        _end("interrupted; the same command goes on from the last checkpoint", EXIT_FAILED)
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
