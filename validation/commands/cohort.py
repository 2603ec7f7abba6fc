"""The commands ``seedmc cohort …``: the statistics of a paper on a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

cohort_app = typer.Typer(
    help="Statistics of a cohort: dosimetry before and after, response, survival.", no_args_is_help=True
)

TableFile = Annotated[
    Path, typer.Argument(metavar="TABLE", help="CSV table; docs/file_formats/cohort.md names the columns")
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


def _tell(files: list[Path], page: Path) -> None:
    typer.echo("")
    typer.echo(", ".join(str(file) for file in files))
    typer.echo(f"The page is {page.resolve()}")
