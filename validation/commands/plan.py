"""The command ``seedmc plan``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.completion import DIRECTIONS, case_or_file, one_of, structure
from validation.commands.option_groups import unfold
from validation.commands.options import (
    CENTIMETRE_PER_MILLIMETRE,
    CaseOptions,
    Quiet,
    SourceTable,
    Threads,
    threads_of,
)
from validation.progress import Reporter

if TYPE_CHECKING:
    from validation.case import Case
    from validation.studies.plan import Plan
    from validation.studies.plan_settings import PlanSettings
    from validation.studies.plan_supplement import InPlace

Value = TypeVar("Value")
# Millimetres to centimetres leave a digit at the end, which would make 5 mm more than 5 mm.
DIGITS = 9


@dataclass(frozen=True)
class DoseOptions:
    """Prescription and seeds."""

    prescription: Annotated[
        float | None,
        typer.Option(metavar="GY", help="dose to full decay for D90, Gy (default that of the case)"),
    ] = None
    history: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="prescription by treatment: untreated 120, treated 100, re-irradiated 80 Gy",
            autocompletion=one_of("untreated", "treated", "re-irradiated"),
        ),
    ] = None
    strength: Annotated[
        list[float] | None,
        typer.Option(
            metavar="MBQ",
            help="activity per seed, MBq; may be given several times, the best one is taken (default 14.8, 18.5, 22.2 "
            "and 25.9)",
        ),
    ] = None
    site: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="activity by site: surface 18.5, bone 33.3, other 22.2 to 29.6 MBq",
            autocompletion=one_of("surface", "bone", "other"),
        ),
    ] = None


@dataclass(frozen=True)
class NeedleOptions:
    """Where needles may go."""

    direction: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIRECTION",
            help="of needles, skin to tip: x,y,z (LPS), from-left, from-right, from-front, from-back, from-above, "
            "from-below, plan, or auto; may be given several times, tried one by one",
            autocompletion=one_of(*DIRECTIONS),
        ),
    ] = None
    mix_directions: Annotated[
        bool, typer.Option("--mix-directions", help="needles of several directions in one plan")
    ] = False
    needle_spacing: Annotated[float, typer.Option(metavar="MM", help="least distance of needles, mm")] = 10.0
    grid_step: Annotated[
        float,
        typer.Option(
            metavar="MM", help="lattice of needles tried, mm; that of a template if needles go through one"
        ),
    ] = 2.5
    seed_spacing: Annotated[
        str, typer.Option(metavar="LEAST:MOST", help="distance of neighbouring seeds, mm")
    ] = "5:10"
    skin: Annotated[float, typer.Option(metavar="MM", help="least distance of seeds from the skin, mm")] = (
        10.0
    )
    bone_margin: Annotated[
        float, typer.Option(metavar="MM", help="least distance of needles from bone, mm")
    ] = 1.0
    airway_margin: Annotated[
        float, typer.Option(metavar="MM", help="least distance of needles from airways, mm")
    ] = 2.0
    vessel_margin: Annotated[
        float, typer.Option(metavar="MM", help="least distance of needles from vessels, mm")
    ] = 2.0
    cord_margin: Annotated[
        float, typer.Option(metavar="MM", help="least distance of needles from the spinal cord, mm")
    ] = 5.0
    outside: Annotated[
        float, typer.Option(metavar="MM", help="seeds may lie this far outside the target, mm")
    ] = 0.0
    longest_needle: Annotated[float, typer.Option(metavar="MM", help="longest needle, skin to tip, mm")] = (
        150.0
    )
    avoid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRUCTURE",
            help="structure that needles must not cross; may be given several times",
            autocompletion=structure,
        ),
    ] = None
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRUCTURE",
            help="structure that needles may cross; bone: that seen on the CT too; may be given several times",
            autocompletion=structure,
        ),
    ] = None


@dataclass(frozen=True)
class InPlaceOptions:
    """Seeds already there."""

    supplement: Annotated[
        bool, typer.Option("--supplement", help="the seeds of the case are in place: add the fewest")
    ] = False
    replan: Annotated[
        bool, typer.Option("--replan", help="plan again what is left of the plan, with --placed in place")
    ] = False
    placed: Annotated[Path | None, typer.Option(metavar="FILE", help="CSV list of the seeds in place")] = None
    existing_dose: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Monte Carlo result of the case with the seeds in place"),
    ] = None
    correct: Annotated[
        bool, typer.Option("--correct", help="planned seeds get its ratio to TG-43 at the same place")
    ] = False


@unfold
def plan(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE",
            help="case file, DICOM folder or built-in case (neck)",
            autocompletion=case_or_file,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="case file with the planned seeds; beside it .json and .png")
    ],
    dose: DoseOptions,
    needles: NeedleOptions,
    in_place: InPlaceOptions,
    chosen: CaseOptions,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="STRUCTURE",
            help="structure to treat (default that of the case)",
            autocompletion=structure,
        ),
    ] = None,
    source_data: SourceTable = None,
    best_effort: Annotated[
        bool, typer.Option("--best-effort", help="write the best plan even if it misses the prescription")
    ] = False,
    without_plan: Annotated[
        bool, typer.Option("--without-plan", help="the DICOM folder holds CT and structures, and no plan yet")
    ] = False,
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Plan needles and seeds, supplement a plan or plan again.

    D90 at the prescription with the fewest seeds, then the least excess and organ dose.

    Example: seedmc plan neck --target PTV --prescription 120 --direction from-left --out plan.h5

    Example: seedmc plan case.h5 --supplement --out supplemented.h5

    Example: seedmc plan patient/ --without-plan --target GTV --prescription 120 --out plan.h5
    """
    from validation.studies.plan import NoPlan, NothingToAdd, plan_implant
    from validation.studies.plan_infeasible import in_words, why_infeasible

    patient = _unplanned(case, target, dose, chosen) if without_plan else _load(case, chosen)
    name = target or patient.prescription.target
    present = _in_place(patient, in_place, source_data)
    settings = _settings(patient, name, dose, needles, present)
    source = None if source_data is None else _table(patient, source_data)

    with Reporter(quiet) as report:
        common: dict[str, object] = {"source": source, "threads": threads_of(threads), "say": report.say}
        if present is not None:
            common |= {"existing": present.implant, "existing_dose": present.dose, "lines": present.lines}
        try:
            made = plan_implant(patient, name, settings, **common)  # type: ignore[arg-type]
        except NothingToAdd as done:
            typer.echo(str(done))
            return
        except NoPlan as reason:
            typer.echo(f"seedmc: {reason}", err=True)
            raise typer.Exit(1) from None
        if not made.meets:
            report.say("no plan reaches the prescription: which limit stands in the way?")
            lifted = why_infeasible(patient, name, settings, **common)  # type: ignore[arg-type]
            typer.echo(f"seedmc: {in_words(lifted, name, made.d90, settings.prescription)}", err=True)
            if not best_effort:
                raise typer.Exit(1)
    _write(made, present, source, out, threads_of(threads))


def _load(case: str, chosen: CaseOptions) -> Case:
    from validation.case.case_source import read_case

    return read_case(case, chosen.choice())


def _unplanned(folder: str, target: str | None, dose: DoseOptions, chosen: CaseOptions) -> Case:
    from validation.case.dicom_folder import read_dicom_without_plan
    from validation.studies.plan_settings import HISTORIES

    if target is None or (dose.prescription is None and dose.history is None):
        raise InvalidInput(
            "--without-plan is given without --target and --prescription, expected both (no plan says what is to be "
            "treated). Add them."
        )
    prescription = dose.prescription or _known("treatment history", dose.history or "", HISTORIES)
    return read_dicom_without_plan(
        folder, target, prescription, ct_series=chosen.ct_series, structures=chosen.structures
    )


def _write(made: Plan, present: InPlace | None, source: object, out: Path, threads: int) -> None:
    from tg43 import SourceData
    from validation.report.plan_figures import write_figure
    from validation.studies.plan_picture import picture_of
    from validation.studies.plan_summary import in_lines, summary, write_summary
    from validation.studies.plan_target import Dosimetry
    from validation.studies.tg43_dose import find_source

    table = source if isinstance(source, SourceData) else find_source(made.planned)
    dosimetry = Dosimetry(table, made.planned.half_life_d, None if present is None else present.dose)
    numbers = summary(made, dosimetry, threads)
    made.case.write(out)
    write_summary(numbers, out.with_suffix(".json"))
    write_figure(picture_of(made, dosimetry), out.with_suffix(".png"))
    for line in in_lines(numbers):
        typer.echo(line)
    typer.echo(f"plan -> {out}, {out.with_suffix('.json')}, {out.with_suffix('.png')}")


def _table(patient: Case, source_data: Path) -> object:
    from validation.studies.tg43_dose import find_source

    return find_source(patient.implant, source_data)


def _in_place(patient: Case, options: InPlaceOptions, source_data: Path | None) -> InPlace | None:
    from validation.studies.plan_supplement import seeds_in_place
    from validation.studies.tg43_dose import find_source

    if options.supplement and options.replan:
        raise InvalidInput("--supplement and --replan are both given, expected one. Choose one.")
    if options.replan and options.placed is None:
        raise InvalidInput(
            "--replan has no --placed, expected the seed list of what is in place. Give it, or use --supplement."
        )
    if not (options.supplement or options.replan):
        if options.placed is not None or options.existing_dose is not None:
            raise InvalidInput(
                "--placed or --existing-dose is given without --supplement or --replan, expected one of these (a plan "
                "from scratch has nothing in place). Add one."
            )
        return None
    source = find_source(patient.implant, source_data)
    return seeds_in_place(patient, options.placed, options.existing_dose, source, options.correct)


def _settings(
    patient: Case, target: str, dose: DoseOptions, needles: NeedleOptions, present: InPlace | None
) -> PlanSettings:
    from validation.case.seed_choice import known_seed
    from validation.studies.plan_settings import HISTORIES, SITES, STOCK, Margins, PlanSettings, direction_of
    from validation.studies.plan_supplement import activity_in_place

    prescription = dose.prescription or patient.prescription.dose_gy
    if dose.history is not None and dose.prescription is not None:
        raise InvalidInput(
            "--prescription and --history are both given, expected one (the history stands for a dose). Choose one."
        )
    if dose.history is not None:
        prescription = _known("treatment history", dose.history, HISTORIES)
    strengths = tuple(dose.strength) if dose.strength else STOCK
    if dose.site is not None:
        strengths = _known("site", dose.site, SITES)
    elif present is not None and not dose.strength:
        model = known_seed(present.implant.seed_choice)
        same = None if model is None else activity_in_place(present.implant, model.spectrum.radionuclide)
        strengths = STOCK if same is None else (same,)
    directions = []
    for text in needles.direction or ["auto"]:
        if text == "plan":
            directions.append(tuple(float(v) for v in patient.implant.axes[0]))
        elif text != "auto":
            directions.append(direction_of(text))
    least, _, most = needles.seed_spacing.partition(":")
    try:
        seed_least, seed_most = float(least), float(most or "10")
    except ValueError:
        raise InvalidInput(
            f"seed spacing is {needles.seed_spacing!r}, expected LEAST:MOST in mm such as 5:10. Correct --seed-spacing."
        ) from None

    def cm(value: float) -> float:
        return round(value * CENTIMETRE_PER_MILLIMETRE, DIGITS)

    margins = Margins(
        bone=cm(needles.bone_margin),
        airway=cm(needles.airway_margin),
        vessel=cm(needles.vessel_margin),
        cord=cm(needles.cord_margin),
        skin=cm(needles.skin),
        outside=cm(needles.outside),
    )
    settings = PlanSettings(
        prescription,
        strengths,
        tuple(directions),  # type: ignore[arg-type]
        needles.mix_directions,
        margins,
        needle_spacing=cm(needles.needle_spacing),
        grid_step=cm(needles.grid_step),
        seed_least=cm(seed_least),
        seed_most=cm(seed_most),
        longest_needle=cm(needles.longest_needle),
        avoid=tuple(needles.avoid or ()),
        allow=tuple(needles.allow or ()),
    )
    return replace(settings, bone_inside_target=dose.site == "bone")


def _known(what: str, name: str, known: Mapping[str, Value]) -> Value:
    if name not in known:
        raise InvalidInput(f"{what} is {name!r}, expected one of {', '.join(known)}. Choose one of these.")
    return known[name]
