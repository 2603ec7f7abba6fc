"""The command ``seedmc post-implant``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from validation.commands.completion import case_or_file
from validation.commands.option_groups import unfold
from validation.commands.options import CENTIMETRE_PER_MILLIMETRE, CaseOptions, Quiet, Threads, Voxel
from validation.progress import Reporter

if TYPE_CHECKING:
    from validation.case import Case
    from validation.studies.post_implant import PostImplantOptions


@dataclass(frozen=True)
class FinderOptions:
    """How seeds are looked for and matched."""

    post_series: Annotated[
        str | None,
        typer.Option(
            "--post-series", metavar="TEXT", help="post-implant CT series: UID, folder name or description"
        ),
    ] = None
    post_structures: Annotated[
        Path | None,
        typer.Option("--post-structures", metavar="FILE", help="RTSTRUCT drawn on the post-implant CT"),
    ] = None
    register: Annotated[
        Literal["frame", "seeds"],
        typer.Option(help="frame: plan and CT share a frame of reference; seeds: register by the seeds"),
    ] = "frame"
    count: Annotated[
        int | None, typer.Option(metavar="N", help="seeds known to be in the patient; fewer found is refused")
    ] = None
    reach: Annotated[
        float, typer.Option(metavar="MM", help="look this far from target and planned seeds, mm")
    ] = 25.0
    gate: Annotated[
        float, typer.Option(metavar="MM", help="a seed farther from its planned place counts as lost, mm")
    ] = 20.0
    seed_length: Annotated[
        float, typer.Option("--seed-length", metavar="MM", help="length of a seed as the CT shows it, mm")
    ] = 4.5
    voxel: Voxel = 1.0

    def options(self) -> PostImplantOptions:
        """The options as the study takes them, in cm."""
        from validation.studies.post_implant import PostImplantOptions

        cm = CENTIMETRE_PER_MILLIMETRE
        return PostImplantOptions(
            self.register, self.reach * cm, self.gate * cm, self.count, self.seed_length * cm, self.voxel * cm
        )


@unfold
def post_implant(
    plan_case: Annotated[
        str,
        typer.Argument(
            metavar="PLAN_CASE",
            help="plan: case file, DICOM folder or built-in case (neck)",
            autocompletion=case_or_file,
        ),
    ],
    post_ct: Annotated[Path, typer.Argument(metavar="POST_CT", help="folder of the post-implant CT")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder for case, seeds, numbers and page")],
    case: CaseOptions,
    finder: FinderOptions,
    monte_carlo: Annotated[
        bool, typer.Option("--monte-carlo", help="indices by Monte Carlo too, before and after")
    ] = False,
    uncertainty: Annotated[
        float,
        typer.Option(
            metavar="PERCENT", help="stop at this mean type A uncertainty over the target's voxels, %"
        ),
    ] = 1.0,
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Find the seeds on a post-implant CT, compare with plan.

    Seeds are found, matched with those of the plan, and the dose is told before and after.

    Example: seedmc post-implant plan.h5 post_ct/ --out results/post

    Example: seedmc post-implant plan.h5 post_ct/ --register seeds --monte-carlo --out results/post
    """
    from validation.case.case_source import read_case
    from validation.case.seed_finder_series import read_scan
    from validation.report.post_implant import table_text, write_page
    from validation.studies.post_implant import post_implant as check_implant
    from validation.studies.post_implant import with_monte_carlo, write_check

    plan = read_case(plan_case, case.choice())
    scan = read_scan(post_ct, series=finder.post_series, structures=finder.post_structures)
    with Reporter(quiet) as reporter:
        reporter.say(f"looking for up to {finder.count or len(plan.implant)} seeds on {scan.source}")
        check = check_implant(plan, scan, finder.options())
        reporter.say(
            f"{len(check.found)} seeds found, {len(check.matching.plan)} matched, {len(check.matching.lost)} lost"
        )
        write_check(check, out)
        if monte_carlo:
            check = with_monte_carlo(
                check,
                out,
                lambda c, folder: _simulate(c, folder, reporter, finder.voxel, uncertainty, threads),
            )
            _write_report_of_both(out)
    files = write_check(check, out)
    page = write_page(check, out / "post_implant.html")
    typer.echo(table_text(check))
    for warning in check.warnings:
        typer.echo(f"note: {warning}")
    typer.echo(f"{', '.join(str(f) for f in files)}")
    typer.echo(f"The page is {page.resolve()}")


def _write_report_of_both(folder: Path) -> None:
    """The report of the implant again, with the plan's indices beside its own."""
    from validation.report.report import write_report
    from validation.studies.budget_dataset import budget_beside
    from validation.studies.compare import Comparison

    file = folder / "after" / "comparison.h5"
    after = Comparison.read(file)
    before = Comparison.read(folder / "before" / "comparison.h5")
    write_report(after, file.with_name("report.html"), budget_beside(after, file)[0], before)


def _simulate(
    case: Case, folder: Path, reporter: Reporter, voxel: float, uncertainty: float, threads: int
) -> list[tuple[str, str, str, float, float]]:
    """The main job on one case, and the Monte Carlo indices of its comparison."""
    from mcsim.simulation_settings import StoppingRule
    from validation.case.case_source import CaseChoice
    from validation.commands.options import threads_of
    from validation.studies.compare import Comparison
    from validation.studies.main_job import run_main_job
    from validation.studies.monte_carlo import MonteCarloOptions

    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "case.h5"
    case.write(source)
    options = MonteCarloOptions(voxel=voxel * CENTIMETRE_PER_MILLIMETRE, threads=threads_of(threads))
    rule = StoppingRule(uncertainty=uncertainty / 100)
    run_main_job(
        str(source), folder, CaseChoice(), options, rule, reporter.say, reporter.simulation, reporter.phase_space,
        replace=True,
    )  # fmt: skip
    data = Comparison.read(folder / "comparison.h5").data
    return [
        (
            str(structure),
            str(index),
            str(data.index_unit.sel(index=index).item()),
            float(data.index_value.sel(structure=structure, index=index, engine="monte_carlo")),
            float(data.index_std_dev.sel(structure=structure, index=index)),
        )
        for structure in data.structure.values
        for index in data["index"].values
    ]
