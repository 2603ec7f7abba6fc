"""The commands ``seedmc study …``: ensembles of displaced, swollen and shrunken implants."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.option_groups import unfold
from validation.commands.options import Quiet, SourceTable, Threads, threads_of
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
Kind = Literal["displacement", "edema", "shrinkage"]


@dataclass(frozen=True)
class VariedOptions:
    """What is varied from scenario to scenario."""

    sigma_mm: Annotated[
        str | None,
        typer.Option(
            help="standard deviation of every seed along x, y, z, mm; several with commas (default 1,2,3,4,5 of a "
            "displacement study, else 0)"
        ),
    ] = None
    edema: Annotated[
        str | None,
        typer.Option(
            help="relative swelling at implantation; several with commas (default 0,0.2,0.4,0.6 of an edema study, "
            "else 0)"
        ),
    ] = None
    shrinkage_rate: Annotated[
        str | None,
        typer.Option(
            help="rate at which the target shrinks, 1/d; several with commas (default 0.005,0.01,0.02 of a shrinkage "
            "study without volumes, else 0)"
        ),
    ] = None
    volumes: Annotated[
        str | None, typer.Option(help="measured volumes of the target, cm³, such as 6.87,4.44,4.20")
    ] = None
    volume_days: Annotated[str | None, typer.Option(help="their days after implantation, from 0")] = None

    def values(self, kind: Kind) -> dict[str, Any]:
        """Fields of the settings."""
        defaults = {"displacement": "1,2,3,4,5", "edema": "0,0.2,0.4,0.6", "shrinkage": "0.005,0.01,0.02"}
        given = {"displacement": self.sigma_mm, "edema": self.edema, "shrinkage": self.shrinkage_rate}
        texts = {
            k: g
            if g is not None
            else (defaults[k] if k == kind and not (k == "shrinkage" and self.volumes) else "0")
            for k, g in given.items()
        }
        return {
            "sigma_mm": _numbers("sigma-mm", texts["displacement"]),
            "edema": _numbers("edema", texts["edema"]),
            "shrinkage_per_d": _numbers("shrinkage-rate", texts["shrinkage"]),
            "volumes_cm3": _numbers("volumes", self.volumes or ""),
            "volume_days": _numbers("volume-days", self.volume_days or ""),
        }


@dataclass(frozen=True)
class CommonOptions:
    """What all scenarios but the plan have in common; the names are those of the settings."""

    edema_half_life_d: Annotated[float, typer.Option("--edema-half-life", help="of the edema, days")] = 10.0
    edema_course: Annotated[
        Literal["exponential", "linear"], typer.Option(help="linear: gone after twice the half-life")
    ] = "exponential"
    residual: Annotated[float, typer.Option(help="share of the volume that stays after shrinkage")] = 0.5
    fluid: Annotated[Literal["tissue", "water"], typer.Option(help="what swelling adds")] = "tissue"
    ct: Annotated[
        str, typer.Option(help="when the CT was made: before_implant, or the day after implantation")
    ] = "before_implant"
    along_mm: Annotated[float, typer.Option(help="standard deviation of a seed along its axis, mm")] = 0.0
    across_mm: Annotated[float, typer.Option(help="and along each direction across it, mm")] = 0.0
    along_mean_mm: Annotated[float, typer.Option(help="mean displacement along the axis, mm")] = 0.0
    needle_along_mm: Annotated[float, typer.Option(help="shared by the seeds of a needle, along it, mm")] = (
        0.0
    )
    needle_across_mm: Annotated[float, typer.Option(help="and across it, mm")] = 0.0
    tilt_deg: Annotated[float, typer.Option(help="standard deviation of a seed's tilt, degrees")] = 0.0
    needle_tilt_deg: Annotated[float, typer.Option(help="and of a needle's, degrees")] = 0.0
    loss: Annotated[float, typer.Option(help="probability that a seed is lost at implantation")] = 0.0
    late_probability: Annotated[float, typer.Option(help="probability that a seed moves later")] = 0.0
    late_mm: Annotated[
        float, typer.Option(help="standard deviation of a late move along x, y, z, mm; 0: the seed leaves")
    ] = 0.0
    late_mean_time_d: Annotated[
        float, typer.Option("--late-mean-time", help="mean time of a late move, days")
    ] = 30.0
    clumping: Annotated[float, typer.Option(help="share by which seeds come closer to their middle")] = 0.0


@dataclass(frozen=True)
class ComputingOptions:
    """How members are computed; the names are those of the settings."""

    voxel_mm: Annotated[float, typer.Option("--voxel", help="edge of the voxels, mm")] = 1.0
    media: Annotated[
        Literal["patient", "water_body", "water"],
        typer.Option(help="from the CT; water inside BODY; water everywhere"),
    ] = "patient"
    seeds: Annotated[
        Literal["interseed", "superposition"],
        typer.Option(help="all seeds are solid, or only the one that emits"),
    ] = "interseed"
    beyond: Annotated[
        Literal["continue", "water", "vacuum"],
        typer.Option(help="beyond the image: its edge voxels go on; water; nothing"),
    ] = "continue"
    hounsfield_curve: Annotated[str, typer.Option(help="packaged CT curve or TOML file")] = "neck"
    histories: Annotated[
        int, typer.Option(help="photons that leave their seeds, per Monte Carlo member and point in time")
    ] = 100_000
    tissue_histories: Annotated[
        int, typer.Option(help="of the plan, from which TG-43 learns what tissue does; 0: not")
    ] = 1_000_000
    time_level: Annotated[int, typer.Option(help="2^level + 1 points in time where tissue changes")] = 2
    study_seed: Annotated[int, typer.Option(help="random seed of the displacements")] = 1
    run_seed: Annotated[int, typer.Option("--random-seed", help="random seed of the Monte Carlo")] = 1
    random_numbers: Annotated[
        Literal["member", "common"],
        typer.Option(
            help="member: a member has its own histories, the same in every scenario; common: all have the same"
        ),
    ] = "member"
    calibration_sd: Annotated[
        float,
        typer.Option(help="relative standard uncertainty of the air-kerma strength, for Sobol' indices"),
    ] = 0.02
    half_life_sd_d: Annotated[
        float, typer.Option("--half-life-sd", help="standard uncertainty of the half-life, days, likewise")
    ] = 0.05
    alternative: Annotated[
        list[str] | None,
        typer.Option(
            help="compare with curve:NAME, media:NAME or seeds:NAME by paired Monte Carlo members; repeat"
        ),
    ] = None
    structure: Annotated[
        list[str] | None, typer.Option(help="structure to judge; repeat (default targets and organs)")
    ] = None

    def values(self) -> dict[str, Any]:
        """Fields of the settings."""
        found = asdict(self)
        found["structures"] = tuple(found.pop("structure") or ())
        found["alternatives"] = tuple(found.pop("alternative") or ())
        return found


@dataclass(frozen=True)
class SizeOptions:
    """How many members the whole command computes."""

    members: Annotated[int, typer.Option(help="TG-43 members")] = 1000
    monte_carlo: Annotated[
        int, typer.Option(help="Monte Carlo members, the first of them; 0: TG-43 alone")
    ] = 12
    cpu_budget: Annotated[
        float,
        typer.Option(help="CPU seconds to be shared best among both after a pilot; replaces the numbers"),
    ] = 0.0
    sobol: Annotated[int, typer.Option(help="base samples of the Sobol' indices, a power of 2; 0: none")] = (
        256
    )


def _numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InvalidInput(
            f"{name} is {text!r}, expected numbers separated by commas, such as 1,2,3. Correct it."
        ) from None


def _settings(
    kind: Kind, case: Case, varied: VariedOptions, common: CommonOptions, computing: ComputingOptions,
    source_data: Path | None,
) -> StudySettings:  # fmt: skip
    from validation.studies.study_members import new_settings
    from validation.studies.tg43_dose import find_source

    source = find_source(case.implant, source_data)
    return new_settings(
        case, source, kind=kind, **varied.values(kind), **asdict(common), **computing.values()
    )


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
