"""The two doses of a case: Monte Carlo and TG-43."""

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
    Histories,
    MaxTime,
    Media,
    Quiet,
    RandomSeed,
    Seeds,
    SourceTable,
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


def simulate(
    case: Annotated[Path, typer.Argument(help="case file")],
    out: Annotated[Path, typer.Option(help="result file to write; an interrupted run goes on")],
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
    batches: Annotated[
        str | None,
        typer.Option(help="FIRST:STOP, a part of the batches, for a cluster job"),
    ] = None,
    threads: Threads = 0,
    random_seed: RandomSeed = 1,
    checkpoint: Checkpoint = 15.0,
    spectra: Annotated[
        bool, typer.Option("--spectra", help="energy-fluence spectrum of every structure and medium")
    ] = False,
    per_seed: Annotated[
        bool, typer.Option("--per-seed", help="the dose of every seed apart as well")
    ] = False,
    analogue: Annotated[
        bool, typer.Option("--analogue", help="the dose also from the energy that interactions leave")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Monte Carlo dose of a case.

    Example: seedmc simulate case.h5 --out monte_carlo.h5 --uncertainty 1
    """
    from validation.case import Case
    from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose

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
        spectra=spectra,
        per_seed=per_seed,
        analogue=analogue,
    )
    rule = stopping_rule(uncertainty, histories, max_time, batches)
    with Reporter(quiet) as report:
        result = monte_carlo_dose(Case.read(case), options, rule, out, report.simulation, report.phase_space)
    typer.echo(f"Monte Carlo: {result.batch_count} batches, {result.histories:.4g} histories -> {out}")


def merge(
    parts: Annotated[list[Path], typer.Argument(help="results of parts of one simulation")],
    out: Annotated[Path, typer.Option(help="result file to write")],
) -> None:
    """Add the parts of one simulation, exactly.

    Example: seedmc merge part_*.h5 --out monte_carlo.h5
    """
    from mcsim.result import merge as merge_results
    from mcsim.result_file import read_result, write_result

    read = [read_result(part) for part in parts]
    merged = merge_results([result for result, _ in read])
    write_result(out, merged, read[0][1])
    typer.echo(
        f"merged {len(parts)} parts: {merged.batch_count} batches, {merged.histories:.4g} histories -> {out}"
    )


def tg43(
    case: Annotated[Path, typer.Argument(help="case file")],
    out: Annotated[Path, typer.Option(help="dose file to write")],
    voxel: Voxel = 1.0,
    source_data: SourceTable = None,
) -> None:
    """TG-43 dose of a case.

    Example: seedmc tg43 case.h5 --out tg43.h5
    """
    from validation.case import Case
    from validation.studies.tg43_dose import find_source, tg43_dose, write_tg43_dose

    patient = Case.read(case)
    table = find_source(patient.implant, source_data)
    dose = tg43_dose(patient, voxel * CENTIMETRE_PER_MILLIMETRE, table)
    write_tg43_dose(out, dose)
    typer.echo(f"TG-43 with {dose.attrs['source']} -> {out}")
