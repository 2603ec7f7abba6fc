"""Options of ``seedmc study …``: what is varied, what all scenarios have in common, how members are computed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mcsim.invalid_input import InvalidInput

Kind = Literal["displacement", "edema", "shrinkage"]


def numbers(name: str, text: str) -> tuple[float, ...]:
    """Numbers of an option, separated by commas.

    Raises
    ------
    InvalidInput
        One is none.
    """
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InvalidInput(
            f"{name} is {text!r}, expected numbers separated by commas, such as 1,2,3. Correct it."
        ) from None


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

    def values(self, kind: Kind, measured: bool) -> dict[str, Any]:
        """Fields of the settings; displacements may be measured instead of varied."""
        defaults = {
            "displacement": "0" if measured else "1,2,3,4,5",
            "edema": "0,0.2,0.4,0.6",
            "shrinkage": "0.005,0.01,0.02",
        }
        given = {"displacement": self.sigma_mm, "edema": self.edema, "shrinkage": self.shrinkage_rate}
        texts = {
            k: g
            if g is not None
            else (defaults[k] if k == kind and not (k == "shrinkage" and self.volumes) else "0")
            for k, g in given.items()
        }
        return {
            "sigma_mm": numbers("sigma-mm", texts["displacement"]),
            "edema": numbers("edema", texts["edema"]),
            "shrinkage_per_d": numbers("shrinkage-rate", texts["shrinkage"]),
            "volumes_cm3": numbers("volumes", self.volumes or ""),
            "volume_days": numbers("volume-days", self.volume_days or ""),
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
    along_mm: Annotated[
        float | None, typer.Option(help="standard deviation of a seed along its axis, mm (default 0)")
    ] = None
    across_mm: Annotated[
        float | None, typer.Option(help="and along each direction across it, mm (default 0)")
    ] = None
    along_mean_mm: Annotated[
        float | None, typer.Option(help="mean displacement along the axis, mm (default 0)")
    ] = None
    needle_along_mm: Annotated[
        float | None, typer.Option(help="shared by the seeds of a needle, along it, mm (default 0)")
    ] = None
    needle_across_mm: Annotated[float | None, typer.Option(help="and across it, mm (default 0)")] = None
    tilt_deg: Annotated[
        float | None, typer.Option(help="standard deviation of a seed's tilt, degrees (default 0)")
    ] = None
    needle_tilt_deg: Annotated[float, typer.Option(help="and of a needle's, degrees")] = 0.0
    loss: Annotated[
        float | None, typer.Option(help="probability that a seed is lost at implantation (default 0)")
    ] = None
    late_probability: Annotated[float, typer.Option(help="probability that a seed moves later")] = 0.0
    late_mm: Annotated[
        float, typer.Option(help="standard deviation of a late move along x, y, z, mm; 0: the seed leaves")
    ] = 0.0
    late_mean_time_d: Annotated[
        float, typer.Option("--late-mean-time", help="mean time of a late move, days")
    ] = 30.0
    clumping: Annotated[float, typer.Option(help="share by which seeds come closer to their middle")] = 0.0
    post_implant: Annotated[
        Path | None,
        typer.Option(
            help="post_implant.json of `seedmc post-implant`: mean and spreads along and across the needle, tilt and "
            "loss as measured; an option above replaces its value, and --sigma-mm adds to them (default 0 with this)"
        ),
    ] = None

    def values(self) -> dict[str, Any]:
        """Fields of the settings."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        path = given.pop("post_implant", None)
        if path is None:
            return given
        from validation.studies.study_post_implant import measured_displacement

        return measured_displacement(path) | given


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
    hounsfield_curve: Annotated[str, typer.Option(help="packaged CT curve, or a file of your own")] = "neck"
    histories: Annotated[
        int, typer.Option(help="photons that leave their seeds, per Monte Carlo member and point in time")
    ] = 100_000
    tissue_histories: Annotated[
        int, typer.Option(help="of the plan, from which TG-43 learns what tissue does; 0: not")
    ] = 1_000_000
    map_members: Annotated[
        int, typer.Option(help="members whose median dose is mapped, by each engine; 0: no maps")
    ] = 20
    time_level: Annotated[int, typer.Option(help="2^(level − 1) + 1 points in time where tissue changes")] = 2
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
    sobol_sigma_mm: Annotated[
        str, typer.Option("--sobol-sigma", help="range of σ for Sobol' indices, mm: low,high")
    ] = "0,5"
    sobol_edema: Annotated[str, typer.Option(help="likewise of the swelling; 0,0: none")] = "0,0.6"
    sobol_half_life_d: Annotated[str, typer.Option("--sobol-half-life", help="of its half-life, days")] = (
        "4,25"
    )
    sobol_final_volume: Annotated[
        str,
        typer.Option(help="where a scenario shrinks: of the volume left in the end, as share of the first"),
    ] = "0.4,1"
    sobol_shrinkage_per_d: Annotated[
        str, typer.Option("--sobol-shrinkage-rate", help="and of the rate, 1/d (not of measured volumes)")
    ] = "0.002,0.02"
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
        for name in (n for n in found if n.startswith("sobol_")):
            found[name] = numbers(name.replace("_", "-"), found[name])
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
