"""The commands ``seedmc study …``: ensembles of displaced, swollen and shrunken implants."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.option_groups import unfold
from validation.commands.options import Quiet, SourceTable, Threads, threads_of
from validation.commands.study_options import (
    CommonOptions,
    ComputingOptions,
    Kind,
    SizeOptions,
    VariedOptions,
)
from validation.progress import Reporter

if TYPE_CHECKING:
    from validation.case import Case
    from validation.studies.study_settings import StudySettings

study_app = typer.Typer(
    help="Ensembles: displaced seeds, edema and shrinkage by TG-43 and Monte Carlo.", no_args_is_help=True
)

CaseArgument = Annotated[
    str, typer.Argument(metavar="CASE", help="case file, DICOM folder or built-in case (neck)")
]
OutFolder = Annotated[Path, typer.Option(help="folder for settings, members, study.h5 and report.html")]


def _settings(
    kind: Kind, case: Case, varied: VariedOptions, common: CommonOptions, computing: ComputingOptions,
    source_data: Path | None,
) -> StudySettings:  # fmt: skip
    from validation.studies.study_members import new_settings
    from validation.studies.tg43_dose import find_source

    source = find_source(case.implant, source_data)
    return new_settings(
        case, source, kind=kind, **varied.values(kind, common.post_implant is not None), **common.values(),
        **computing.values(),
    )  # fmt: skip


def _case(name: str) -> Case:
    from validation.case.case_source import read_case

    return read_case(name)


def _whole(
    kind: Kind, case: str, out: Path, varied: VariedOptions, common: CommonOptions, computing: ComputingOptions,
    size: SizeOptions, source_data: Path | None, threads: int, quiet: bool,
) -> None:  # fmt: skip
    from validation.report.study import headline, write_study_report
    from validation.studies.study_run import Size, run_study
    from validation.studies.tg43_dose import find_source

    patient = _case(case)
    settings = _settings(kind, patient, varied, common, computing, source_data)
    with Reporter(quiet) as reporter:
        study = run_study(
            patient, settings, out, Size(**asdict(size)), find_source(patient.implant, source_data),
            threads_of(threads), reporter.say, reporter.step, reporter.phase_space,
        )  # fmt: skip
        reporter.say("estimates and report")
        summary = write_study_report(study, out / "report.html", patient)
    for line in headline(study, summary):
        typer.echo(line)
    typer.echo(f"report -> {(out / 'report.html').resolve()}")


@study_app.command()
@unfold
def displacement(
    case: CaseArgument, out: OutFolder, varied: VariedOptions, common: CommonOptions, computing: ComputingOptions,
    size: SizeOptions, source_data: SourceTable = None, threads: Threads = 0, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Displaced seeds: what becomes of dose indices, by TG-43 and by Monte Carlo; an interrupted study goes on.

    Example: seedmc study displacement neck --sigma-mm 1,2,3,4,5 --edema 0,0.2,0.4,0.6 --out results/study

    Example: seedmc study displacement case.h5 --post-implant check/post_implant.json --out results/as_measured

    Example: seedmc study displacement neck --alternative media:water_body --alternative curve:thorax --out results/ct
    """
    _whole("displacement", case, out, varied, common, computing, size, source_data, threads, quiet)


@study_app.command()
@unfold
def edema(
    case: CaseArgument, out: OutFolder, varied: VariedOptions, common: CommonOptions, computing: ComputingOptions,
    size: SizeOptions, source_data: SourceTable = None, threads: Threads = 0, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Edema that resolves while the seeds decay; an interrupted study goes on.

    Example: seedmc study edema neck --edema 0.2,0.5 --edema-half-life 10 --sigma-mm 2 --out results/edema
    """
    _whole("edema", case, out, varied, common, computing, size, source_data, threads, quiet)


@study_app.command()
@unfold
def shrinkage(
    case: CaseArgument, out: OutFolder, varied: VariedOptions, common: CommonOptions, computing: ComputingOptions,
    size: SizeOptions, source_data: SourceTable = None, threads: Threads = 0, quiet: Quiet = False,
) -> None:  # fmt: skip
    """A target that shrinks, at a rate or as measured; an interrupted study goes on.

    Example: seedmc study shrinkage neck --volumes 6.87,4.44,4.20 --volume-days 0,61,183 --out results/shrinkage
    """
    _whole("shrinkage", case, out, varied, common, computing, size, source_data, threads, quiet)


@study_app.command("settings")
@unfold
def study_settings(
    kind: Annotated[Kind, typer.Argument(help="what the study is about")],
    case: CaseArgument,
    out: Annotated[Path, typer.Option(help="settings file to write")],
    varied: VariedOptions,
    common: CommonOptions,
    computing: ComputingOptions,
    source_data: SourceTable = None,
) -> None:
    """Check settings against a case and write them, for the jobs of a cluster.

    Example: seedmc study settings displacement case.h5 --sigma-mm 1,2,3 --out settings.json
    """
    settings = _settings(kind, _case(case), varied, common, computing, source_data)
    settings.write(out)
    typer.echo(f"{len(settings.scenarios)} scenarios, settings {settings.digest()[:16]} -> {out}")


@study_app.command("members")
def study_members(
    case: CaseArgument,
    settings: Annotated[Path, typer.Argument(help="settings file")],
    engine: Annotated[
        Literal["tg43", "monte_carlo", "sobol", "alternatives"],
        typer.Option(
            help="sobol: TG-43 at base samples of the sensitivity analysis; alternatives: Monte Carlo with those"
        ),
    ],
    members: Annotated[str, typer.Option(metavar="FIRST:STOP", help="members first to stop − 1")],
    out: Annotated[Path, typer.Option(help="file to write")],
    source_data: SourceTable = None,
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Compute some members; any division among jobs gives the same numbers, bit for bit.

    Example: seedmc study members case.h5 settings.json --engine tg43 --members 0:250 --out part_0.h5
    """
    from validation.studies.study_members import StudyJobs
    from validation.studies.study_settings import StudySettings
    from validation.studies.tg43_dose import find_source

    first, stop = _range(members)
    patient = _case(case)
    with Reporter(quiet) as reporter:
        jobs = StudyJobs(
            patient, StudySettings.read(settings), find_source(patient.implant, source_data), threads_of(threads),
            reporter.phase_space,
        )  # fmt: skip
        count = stop - first
        found = jobs.run(
            engine, first, stop, lambda n: reporter.step(engine, n / count, f"member {n} of {count}")
        )
    found.write(out)
    typer.echo(f"{engine} members {first}:{stop}, content {found.content_digest()[:16]} -> {out}")


@study_app.command("merge")
def study_merge(
    parts: Annotated[list[Path], typer.Argument(metavar="PART...", help="files of one study")],
    out: Annotated[Path, typer.Option(help="file to write")],
) -> None:
    """Join files of one study; a member twice or missing, other settings or another case are refused.

    Example: seedmc study merge part_0.h5 part_1.h5 --out study.h5
    """
    from validation.studies.study_file import merge_files

    merged = merge_files(parts, out)
    typer.echo(f"content {merged.content_digest()[:16]} -> {out}")


@study_app.command("report")
def study_report(
    files: Annotated[list[Path], typer.Argument(metavar="STUDY...", help="files of one study")],
    out: Annotated[Path, typer.Option(help="HTML file to write; the numbers go to a CSV file beside it")],
) -> None:
    """Estimate and draw what a study found: one HTML file that opens offline.

    Example: seedmc study report study.h5 --out report.html
    """
    from validation.report.study import headline, write_study_report
    from validation.studies.study_file import Study, merge_studies

    study = merge_studies([Study.read(path) for path in files])
    summary = write_study_report(study, out)
    for line in headline(study, summary):
        typer.echo(line)
    typer.echo(f"report -> {out.resolve()}")


def _range(text: str) -> tuple[int, int]:
    first, _, stop = text.partition(":")
    try:
        return int(first), int(stop)
    except ValueError:
        raise InvalidInput(f"members is {text!r}, expected FIRST:STOP, such as 0:250. Correct it.") from None
