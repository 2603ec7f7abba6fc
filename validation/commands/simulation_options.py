"""Options of the Monte Carlo simulation: the phantom, the transport, and when it stops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.options import CENTIMETRE_PER_MILLIMETRE, RandomSeed, Threads, Voxel, threads_of
from validation.commands.physics_options import (
    DEFAULT_CUT_OFF_KEV,
    Coherent,
    CutOff,
    Incoherent,
    NoFluorescence,
    Spectrum,
    physics_of,
)
from validation.commands.tissue_options import (
    DEFAULT_CURVE_NAME,
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

if TYPE_CHECKING:
    from mcsim.simulation_settings import StoppingRule
    from validation.studies.monte_carlo import MonteCarloOptions

DEFAULT_UNCERTAINTY_PERCENT = 2.0

Seeds = Annotated[
    Literal["interseed", "superposition"],
    typer.Option(help="all seeds are solid, or only the one that emits"),
]
Media = Annotated[
    Literal["patient", "water_body", "water"],
    typer.Option(help="from the CT; water inside BODY; water everywhere"),
]
Beyond = Annotated[
    Literal["continue", "water", "vacuum"],
    typer.Option(help="beyond the image: its edge voxels go on; water; nothing"),
]
BeyondDistance = Annotated[
    float, typer.Option(metavar="CM", help="how far that reaches from the nearest seed, cm")
]
Uncertainty = Annotated[
    float | None,
    typer.Option(
        metavar="PERCENT", help="stop at this mean type A uncertainty over the target's voxels, % (default 2)"
    ),
]
Histories = Annotated[
    int, typer.Option(metavar="N", help="stop at this number of emitted photons; 0: no limit")
]
MaxTime = Annotated[float, typer.Option(metavar="S", help="stop after this many seconds; 0: no limit")]
Checkpoint = Annotated[
    float, typer.Option(metavar="S", help="seconds between checkpoints of a long simulation")
]
VarianceReduction = Annotated[
    Literal["correlated", "none"] | None,
    typer.Option(
        help="correlated: photons carry the dose in the patient and the known dose in water; none: plain transport "
        "(default correlated; none with --analogue, which needs it)"
    ),
]

Difference = Annotated[
    bool,
    typer.Option(
        "--difference",
        help="keep the dose of the seeds one by one in infinite water too, and what differs from it",
    ),
]


@dataclass(frozen=True)
class PhantomOptions:
    """What the photons travel in."""

    media: Media = "patient"
    beyond: Beyond = "continue"
    beyond_distance: BeyondDistance = 10.0
    hounsfield_curve: HounsfieldCurve = DEFAULT_CURVE_NAME
    medium_of: MediumOf = None
    contour_density: ContourDensity = None
    contour_hu: ContourHu = None
    streak_override: StreakOverride = None
    streak_radius: StreakRadius = None
    streak_replacement: StreakReplacement = None
    calcification_above: CalcificationAbove = None
    voxel: Voxel = 1.0

    def monte_carlo_options(self) -> MonteCarloOptions:
        """Options of a simulation in this phantom.

        Raises
        ------
        InvalidInput
            An option cannot be used, or would have no effect.
        """
        from validation.studies.monte_carlo import MonteCarloOptions

        return MonteCarloOptions(
            media=self.media,
            voxel=self.voxel * CENTIMETRE_PER_MILLIMETRE,
            beyond=self.beyond,
            beyond_distance=self.beyond_distance,
            tissues=tissues_of(
                self.hounsfield_curve,
                self.medium_of,
                self.contour_density,
                self.contour_hu,
                self.streak_override,
                self.streak_radius,
                self.streak_replacement,
                self.calcification_above,
                self.media,
            ),
        )


@dataclass(frozen=True)
class TransportOptions:
    """How photons are followed, and what is kept."""

    seeds: Seeds = "interseed"
    spectrum: Spectrum = ""
    cut_off: CutOff = DEFAULT_CUT_OFF_KEV
    coherent: Coherent = "form_factor"
    incoherent: Incoherent = "scattering_function"
    no_fluorescence: NoFluorescence = None
    variance_reduction: VarianceReduction = None
    difference: Difference = False
    threads: Threads = 0
    random_seed: RandomSeed = 1
    checkpoint: Checkpoint = 15.0

    def applied_to(self, options: MonteCarloOptions) -> MonteCarloOptions:
        """The options with these in their places.

        Raises
        ------
        InvalidInput
            An option cannot be used.
        """
        return replace(
            options,
            seeds=self.seeds,
            spectrum=self.spectrum,
            physics=physics_of(self.cut_off, self.coherent, self.incoherent, self.no_fluorescence),
            variance_reduction=self.variance_reduction or "",
            difference=self.difference,
            threads=threads_of(self.threads),
            run_seed=self.random_seed,
            checkpoint_s=self.checkpoint,
        )


@dataclass(frozen=True)
class StopOptions:
    """When the simulation ends; the first condition met counts."""

    uncertainty: Uncertainty = None
    histories: Histories = 0
    max_time: MaxTime = 0.0

    def rule(self, batches: str | None = None) -> StoppingRule:
        """Stopping rule of the options; 2 % in the target where nothing else is said.

        Parameters
        ----------
        batches : str, optional
            FIRST:STOP, a part of the batches.

        Raises
        ------
        InvalidInput
            A number is out of range, or the simulation would never end.
        """
        from mcsim.simulation_settings import StoppingRule

        uncertainty, histories, max_time = self.uncertainty, self.histories, self.max_time
        bounds = StoppingRule().batches
        if batches is not None:
            first, colon, stop = batches.partition(":")
            if not (colon and first.isdigit() and stop.isdigit()):
                raise InvalidInput(
                    f"batches is {batches!r}, expected FIRST:STOP, two whole numbers (STOP is not run). Correct it."
                )
            bounds = (int(first), int(stop))
        for what, given, unit in (
            ("uncertainty", uncertainty, " %"),
            ("histories", histories, ""),
            ("max-time", max_time, " s"),
        ):
            if given is not None and not 0 <= given < float("inf"):
                raise InvalidInput(f"{what} is {given:g}{unit}, expected a number of 0 or more. Correct it.")
        if uncertainty == 0 and not (histories or max_time or batches):
            raise InvalidInput(
                "uncertainty is 0 %, expected more than 0 % without another limit (the simulation would never end). "
                "Give --uncertainty, --histories or --max-time."
            )
        if uncertainty is None:
            uncertainty = 0.0 if (histories or max_time or batches) else DEFAULT_UNCERTAINTY_PERCENT
        return StoppingRule(
            batches=bounds,
            uncertainty=uncertainty / 100.0,
            histories=histories,
            time_s=max_time if max_time > 0.0 else float("inf"),
        )
