"""The commands ``seedmc cohort …``: the statistics of a paper on a cohort, and a cohort of generated lesions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.option_groups import unfold
from validation.commands.options import Quiet, Threads, threads_of
from validation.progress import Reporter

if TYPE_CHECKING:
    from validation.studies.cohort_protocol import CohortProtocol

cohort_app = typer.Typer(
    help="A cohort: dosimetry before and after, response, survival; and one of generated lesions.",
    no_args_is_help=True,
)

TableFile = Annotated[
    Path, typer.Argument(metavar="TABLE", help="CSV table; docs/file_formats/cohort.md names the columns")
]
LesionFiles = Annotated[
    list[Path], typer.Argument(metavar="LESION...", help="files lesion.h5 of `seedmc cohort lesion`")
]
OutFolder = Annotated[Path, typer.Option(help="folder for CSV files and page")]
Level = Annotated[float, typer.Option(help="level of the normality and variance tests")]


@cohort_app.command()
def dosimetry(
    table: TableFile,
    out: OutFolder,
    test: Annotated[
        Literal["auto", "t", "wilcoxon"], typer.Option(help="auto: by the normality of the differences")
    ] = "auto",
    alpha: Level = 0.05,
) -> None:
    """Dosimetric indices before and after in the same lesions: description, test, p, effect.

    Example: seedmc cohort dosimetry lesions.csv --out results/cohort
    """
    from validation.report.cohort import print_page, write_page
    from validation.report.cohort_pages import dosimetry_page
    from validation.studies.cohort_dosimetry import cohort_dosimetry, write_dosimetry
    from validation.studies.cohort_table import read_cohort_table

    result = cohort_dosimetry(read_cohort_table(table), test, alpha)
    numbers = write_dosimetry(result, out / "dosimetry.csv")
    page = dosimetry_page(result)
    written = write_page(page, out / "dosimetry.html")
    print_page(page)
    _tell([numbers], written)


@cohort_app.command()
def response(
    table: TableFile,
    out: OutFolder,
    by: Annotated[
        Literal["patient", "lesion"],
        typer.Option(help="sum of a patient's lesions, or every lesion by itself"),
    ] = "patient",
    at: Annotated[
        float | None, typer.Option(help="time that counts, in the table's unit; the best response by default")
    ] = None,
    lesions: Annotated[
        Literal["node", "other"] | None, typer.Option(help="kind of the lesions if the table does not say")
    ] = None,
    alpha: Level = 0.05,
) -> None:
    """RECIST 1.1 response and volume reduction, in groups and over time.

    Example: seedmc cohort response diameters.csv --at 6 --out results/cohort
    """
    from validation.report.cohort import print_page, write_page
    from validation.report.cohort_pages import response_page
    from validation.studies.cohort_response import cohort_response, write_response
    from validation.studies.cohort_table import read_cohort_table

    result = cohort_response(read_cohort_table(table), by, at, lesions, alpha)
    files = write_response(result, out)
    page = response_page(result)
    written = write_page(page, out / "response.html")
    print_page(page)
    _tell(files, written)


@cohort_app.command()
def survival(
    table: TableFile,
    out: OutFolder,
    at: Annotated[
        list[float] | None,
        typer.Option(help="time at which survival is told, in the table's unit; may be given several times"),
    ] = None,
) -> None:
    """Kaplan-Meier curves with numbers at risk, medians and log-rank test, for every endpoint of the table.

    Example: seedmc cohort survival follow_up.csv --at 12 --at 24 --out results/cohort
    """
    from validation.case.plain_text import plain_text
    from validation.report.cohort import print_page, write_page
    from validation.report.cohort_figures import kaplan_meier_figure, write_figure
    from validation.report.cohort_pages import survival_page
    from validation.studies.cohort_survival import cohort_survival, write_survival
    from validation.studies.cohort_table import read_cohort_table

    result = cohort_survival(read_cohort_table(table), at or ())
    files = write_survival(result, out)
    for endpoint in result.endpoints:
        name = plain_text(endpoint.name, "endpoint").replace(" ", "_")
        figure = kaplan_meier_figure(endpoint)
        files += [write_figure(figure, out / f"survival_{name}.{kind}") for kind in ("png", "svg")]
    page = survival_page(result)
    written = write_page(page, out / "survival.html")
    print_page(page)
    _tell(files, written)


@dataclass(frozen=True)
class ProtocolOptions:
    """What a cohort of generated lesions assumes; the names are those of the protocol."""

    cohort_seed: Annotated[
        int,
        typer.Option(
            "--random-seed", metavar="N", help="decides prescriptions, strengths, displacements, edema"
        ),
    ] = 1
    target: Annotated[
        Literal["PTV", "GTV"], typer.Option(help="structure that is planned and judged first")
    ] = "PTV"
    placement: Annotated[
        Literal["free-hand", "template", "none"],
        typer.Option(help="how far seeds come to lie from the plan: 4.5 mm on average, 2 mm, or not at all"),
    ] = "free-hand"
    loss: Annotated[float, typer.Option(metavar="SHARE", help="probability that a seed is lost")] = 0.008
    edema: Annotated[
        str,
        typer.Option(metavar="LEAST:MOST", help="relative swelling at implantation, drawn for every lesion"),
    ] = "0:0.5"
    edema_half_life: Annotated[
        str, typer.Option(metavar="LEAST:MOST", help="of the edema, days, drawn for every lesion")
    ] = "4:25"
    verification_day: Annotated[float, typer.Option(metavar="DAY", help="of the CT after implantation")] = 1.0
    voxel: Annotated[float, typer.Option(metavar="MM", help="edge of the voxels of either engine, mm")] = 1.0
    uncertainty: Annotated[
        float,
        typer.Option(
            metavar="%", help="Monte Carlo stops at this mean type A uncertainty over the target's voxels"
        ),
    ] = 3.0

    def protocol(self) -> CohortProtocol:
        """The protocol they stand for."""
        from validation.studies.cohort_protocol import CohortProtocol

        return CohortProtocol(
            cohort_seed=self.cohort_seed,
            target=self.target,
            placement=self.placement,
            loss=self.loss,
            edema=_range("edema", self.edema),
            edema_half_life_d=_range("edema-half-life", self.edema_half_life),
            verification_day=self.verification_day,
            voxel_mm=self.voxel,
            uncertainty=self.uncertainty / 100.0,
        )


@cohort_app.command("lesion")
@unfold
def lesion(
    number: Annotated[int, typer.Argument(metavar="N", help="number of the generated lesion, 1 to 22")],
    out: Annotated[Path, typer.Option(help="folder for lesion.h5, plan.h5 and verification.h5")],
    assumed: ProtocolOptions,
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Plan, implant and verify one generated lesion by TG-43 and Monte Carlo; a lesion that is there is kept.

    Example: seedmc cohort lesion 2 --out results/cohort/lesion_02
    """
    from validation.studies.cohort_lesion import compute_lesion

    with Reporter(quiet) as reporter:
        path = compute_lesion(
            number, assumed.protocol(), out, threads_of(threads), reporter.say, reporter.simulation,
            reporter.phase_space,
        )  # fmt: skip
    typer.echo(f"lesion {number} -> {path}")


@cohort_app.command("collect")
def collect(lesions: LesionFiles, out: OutFolder) -> None:
    """Put generated lesions together: tables for `cohort dosimetry`, and a page beside a published series.

    Example: seedmc cohort collect results/cohort/lesion_*/lesion.h5 --out results/cohort
    """
    _collect(lesions, out)


@cohort_app.command("in-silico")
@unfold
def in_silico(
    out: OutFolder,
    assumed: ProtocolOptions,
    lesions: Annotated[int, typer.Option(metavar="N", help="how many, 3 to 22")] = 22,
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """A whole cohort of generated lesions, one after the other, beside a published series; it goes on where it stopped.

    Example: seedmc cohort in-silico --out results/cohort
    """
    from validation.case.generated_lesions import COUNT
    from validation.studies.cohort_lesion import compute_lesion

    if not 3 <= lesions <= COUNT:
        raise InvalidInput(
            f"number of lesions is {lesions}, expected 3 to {COUNT} (there are no more). Correct --lesions."
        )
    protocol, files = assumed.protocol(), []
    with Reporter(quiet) as reporter:
        for number in range(1, lesions + 1):
            files.append(
                compute_lesion(
                    number, protocol, out / f"lesion_{number:02d}", threads_of(threads), reporter.say,
                    reporter.simulation, reporter.phase_space,
                )
            )  # fmt: skip
    _collect(files, out)


def _collect(lesions: list[Path], out: Path) -> None:
    from validation.report.cohort import print_page, write_page
    from validation.report.cohort_figures import write_figure
    from validation.report.cohort_in_silico_figures import engines_figure, pairs_figure
    from validation.report.cohort_in_silico_page import in_silico_page
    from validation.studies.cohort_in_silico import (
        cohort_statistics,
        collect_lesions,
        write_comparison,
        write_tables,
    )

    cohort = collect_lesions(lesions)
    tables = write_tables(cohort, out)
    statistics = cohort_statistics(tables)
    files = [*tables, write_comparison(statistics, out / "in_silico.csv")]
    for name, figure in (("pairs", pairs_figure(cohort)), ("engines", engines_figure(cohort))):
        files.append(write_figure(figure, out / f"in_silico_{name}.png"))
    page = in_silico_page(cohort, statistics)
    written = write_page(page, out / "in_silico.html")
    print_page(page)
    _tell(files, written)


def _range(name: str, text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        return float(low), float(high if colon else low)
    except ValueError:
        raise InvalidInput(
            f"--{name} is {text[:40]!r}, expected one number or LEAST:MOST, such as 0:0.5. Correct it."
        ) from None


def _tell(files: list[Path], page: Path) -> None:
    typer.echo("")
    typer.echo(", ".join(str(file) for file in files))
    typer.echo(f"The page is {page.resolve()}")
