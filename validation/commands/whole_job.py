"""The whole job in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcsim.physics_settings import DEFAULT_PHYSICS
from validation.commands.options import (
    CENTIMETRE_PER_MILLIMETRE,
    Beyond,
    BeyondDistance,
    Checkpoint,
    CtSeries,
    Histories,
    MaxTime,
    Media,
    Plan,
    Quiet,
    RandomSeed,
    SeedList,
    SeedModelOption,
    Seeds,
    SourceTable,
    Structures,
    Threads,
    Uncertainty,
    Voxel,
    stopping_rule,
    threads_of,
)
from validation.commands.physics_options import (
    Coherent,
    CutOff,
    Incoherent,
    NoFluorescence,
    Spectrum,
    physics_of,
)
from validation.commands.tissue_options import (
    CalcificationAbove,
    ContourDensity,
    ContourHu,
    HounsfieldCurve,
    MediumOf,
    StreakOverride,
    StreakRadius,
    StreakReplacement,
    tissues_of,
)
from validation.progress import Reporter


def run(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="DICOM folder, case file or built-in case (neck)")
    ],
    out: Annotated[Path, typer.Option(help="folder for the results; an interrupted run goes on")],
    ct_series: CtSeries = None,
    plan: Plan = None,
    structures: Structures = None,
    seed_list: SeedList = None,
    seed_model: SeedModelOption = None,
    source_data: SourceTable = None,
    seeds: Seeds = "interseed",
    media: Media = "patient",
    beyond: Beyond = "continue",
    beyond_distance: BeyondDistance = 10.0,
    hounsfield_curve: HounsfieldCurve = "neck",
    medium_of: MediumOf = None,
    contour_density: ContourDensity = None,
    contour_hu: ContourHu = None,
    streak_override: StreakOverride = None,
    streak_radius: StreakRadius = None,
    streak_replacement: StreakReplacement = None,
    calcification_above: CalcificationAbove = None,
    spectrum: Spectrum = "",
    cut_off: CutOff = DEFAULT_PHYSICS.cut_off_kev,
    coherent: Coherent = "form_factor",
    incoherent: Incoherent = "scattering_function",
    no_fluorescence: NoFluorescence = None,
    voxel: Voxel = 1.0,
    uncertainty: Uncertainty = None,
    histories: Histories = 0,
    max_time: MaxTime = 0.0,
    threads: Threads = 0,
    random_seed: RandomSeed = 1,
    checkpoint: Checkpoint = 15.0,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="remove results of another case, other settings or another version"),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """The whole job: import, Monte Carlo, TG-43, comparison, report.

    Example: seedmc run patient/ --ct-series ct --plan pre --out results/patient
    """
    from validation.studies.main_job import CaseChoice, run_main_job
    from validation.studies.monte_carlo import MonteCarloOptions

    options = MonteCarloOptions(
        seeds=seeds,
        media=media,
        voxel=voxel * CENTIMETRE_PER_MILLIMETRE,
        beyond=beyond,
        beyond_distance=beyond_distance,
        tissues=tissues_of(
            hounsfield_curve,
            medium_of,
            contour_density,
            contour_hu,
            streak_override,
            streak_radius,
            streak_replacement,
            calcification_above,
            media,
        ),
        spectrum=spectrum,
        physics=physics_of(cut_off, coherent, incoherent, no_fluorescence),
        run_seed=random_seed,
        threads=threads_of(threads),
        checkpoint_s=checkpoint,
    )
    rule = stopping_rule(uncertainty, histories, max_time)
    choice = CaseChoice(ct_series, plan, structures, seed_list, seed_model)
    with Reporter(quiet) as reporter:
        path = run_main_job(
            source,
            out,
            choice,
            options,
            rule,
            reporter.say,
            reporter.simulation,
            reporter.phase_space,
            replace,
            source_data,
        )
    typer.echo(f"The report is {path.resolve()}")


def demo(
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("results/demo"),
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Run the whole job on the built-in neck.

    Example: seedmc demo --out results/demo
    """
    # The folder is the demo's own: after an upgrade its earlier results make way.
    run("neck", out, threads=threads, replace=True, quiet=quiet)
