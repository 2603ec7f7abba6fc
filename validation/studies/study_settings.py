"""What decides the numbers of an ensemble study: one file of settings that every job of it reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

from mcsim.hdf5_file import created_by
from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.whole_file import whole_file
from validation.change import (
    Displacement,
    ExponentialEdema,
    ExponentialShrinkage,
    LinearEdema,
    TissueChange,
    VolumeSeries,
)
from validation.change.volume_course import VolumeCourse, combined
from validation.studies.json_document import read_json_document
from validation.studies.study_checks import check_values
from validation.studies.study_scenario import Scenario

FILETYPE, FORMAT_VERSION = "seedmc-study-settings", "1.0"
CM_PER_MM = 0.1
Kind = Literal["displacement", "edema", "shrinkage"]
BATCHES = 20  # of a member, a multiple of the parts
PARTS = 4  # of a member's histories: they tell its noise


@dataclass(frozen=True)
class StudySettings:
    """All that decides a study's numbers, besides the case.

    Lengths in mm and angles in degrees, as given; the members' numbers follow from these alone.

    Attributes
    ----------
    kind : str
        ``displacement``, ``edema`` or ``shrinkage``: what the report puts first.
    case_digest : str
        SHA-256 of the case.
    case_name : str
        Its name.
    prescription_gy : float
        Its prescription.
    study_seed : int
        Of the displacements.
    run_seed : int
        Of the Monte Carlo of member 0.
    random_numbers : str
        ``member``: a member has its own histories, the same in every scenario; ``common``: all members have the same.
    sigma_mm, edema, shrinkage_per_d : tuple of float
        Values that are combined to scenarios.
    volumes_cm3, volume_days : tuple of float
        Measured volumes of the target and their days; empty for none.
    edema_half_life_d : float
        Days.
    edema_course : str
        ``exponential`` or ``linear`` (gone after twice the half-life).
    residual : float
        Share of the volume that stays after shrinkage.
    fluid : str
        What swelling adds: ``tissue`` or ``water``.
    ct : str
        ``before_implant`` or the day of the CT after implantation.
    along_mm, across_mm, needle_along_mm, needle_across_mm : float
        Further standard deviations of every scenario but the plan, see `validation.change.Displacement`.
    along_mean_mm, tilt_deg, needle_tilt_deg, loss, late_probability, late_mm, late_mean_time_d, clumping : float
        Likewise; a `late_mm` of 0 lets a seed that moves late leave.
    voxel_mm, media, seeds, beyond, hounsfield_curve : float, str
        As for `seedmc simulate`.
    histories : int
        Photons that leave their seeds, per Monte Carlo member and point in time.
    tissue_histories : int
        Likewise for the plan, from which the tissue ratio is found; 0 for none (TG-43 alone).
    map_members : int
        Members whose median dose is mapped; 0 for no maps.
    time_level : int
        2^(level − 1) + 1 points in time where tissue changes.
    structures : tuple of str
        Whose indices are computed; empty for targets and organs.
    sobol_edema, sobol_half_life_d, sobol_sigma_mm : tuple (low, high)
        Ranges of uniformly distributed factors.
    sobol_shrinkage_per_d, sobol_final_volume : tuple (low, high)
        Likewise where a scenario shrinks: the rate (not of a measured series), and the volume that is left in the end,
        as share of that at implantation; a measured series is stretched to it.
    alternatives : tuple of str
        CT curves, media or seeds to compare with, such as ``curve:schneider2000`` or ``media:water_body``.
    calibration_sd, half_life_sd_d : float
        Standard deviation of the relative calibration and of the half-life, normally distributed.
    source_digest, media_digest : str
        SHA-256 of the TG-43 table and of how media are assigned; empty where it was not looked at.
    """

    kind: Kind
    case_digest: str
    case_name: str = ""
    prescription_gy: float = 0.0
    study_seed: int = 1
    run_seed: int = 1
    random_numbers: Literal["member", "common"] = "member"
    sigma_mm: tuple[float, ...] = (0.0,)
    edema: tuple[float, ...] = (0.0,)
    shrinkage_per_d: tuple[float, ...] = (0.0,)
    volumes_cm3: tuple[float, ...] = ()
    volume_days: tuple[float, ...] = ()
    edema_half_life_d: float = 10.0
    edema_course: Literal["exponential", "linear"] = "exponential"
    residual: float = 0.5
    fluid: Literal["tissue", "water"] = "tissue"
    ct: str = "before_implant"
    along_mm: float = 0.0
    across_mm: float = 0.0
    needle_along_mm: float = 0.0
    needle_across_mm: float = 0.0
    along_mean_mm: float = 0.0
    tilt_deg: float = 0.0
    needle_tilt_deg: float = 0.0
    loss: float = 0.0
    late_probability: float = 0.0
    late_mm: float = 0.0
    late_mean_time_d: float = 30.0
    clumping: float = 0.0
    voxel_mm: float = 1.0
    media: Literal["patient", "water_body", "water"] = "patient"
    seeds: Literal["interseed", "superposition"] = "interseed"
    beyond: Literal["continue", "water", "vacuum"] = "continue"
    hounsfield_curve: str = "neck"
    histories: int = 100_000
    tissue_histories: int = 1_000_000
    map_members: int = 20
    time_level: int = 2
    structures: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    sobol_sigma_mm: tuple[float, float] = (0.0, 5.0)
    sobol_edema: tuple[float, float] = (0.0, 0.6)
    sobol_half_life_d: tuple[float, float] = (4.0, 25.0)
    sobol_shrinkage_per_d: tuple[float, float] = (0.002, 0.02)
    sobol_final_volume: tuple[float, float] = (0.4, 1.0)
    calibration_sd: float = 0.02
    half_life_sd_d: float = 0.05
    source_digest: str = ""
    media_digest: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        check_values(self, get_args(Kind), BATCHES)
        for scenario in self.scenarios:
            self.displacement(scenario)
            self.change(scenario)

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The plan, and every combination of what is varied."""
        series = (True,) if self.volumes_cm3 else (False,)
        found = [Scenario(*c) for c in product(self.sigma_mm, self.edema, self.shrinkage_per_d, series)]
        return (
            Scenario(displaced=False),
            *(s for s in found if s != Scenario() or self._always_displaced),
        )

    @property
    def _always_displaced(self) -> bool:
        names = ("along_mm", "across_mm", "needle_along_mm", "needle_across_mm", "along_mean_mm", "tilt_deg",
                 "needle_tilt_deg", "loss", "late_probability", "clumping")  # fmt: skip
        return any(getattr(self, name) for name in names)

    def displacement(self, scenario: Scenario | None, **others: Any) -> Displacement:
        """How seeds of a scenario are displaced; the plan's are not.

        Parameters
        ----------
        scenario : Scenario or None
            None for what all but the plan have in common.
        **others : float or ndarray
            Fields of `Displacement` to set besides.
        """
        if scenario is not None and scenario.is_plan:
            return Displacement()
        sigma = scenario.sigma_mm if scenario else 0.0
        return Displacement(**{
            "isotropic_sd": sigma * CM_PER_MM,
            "along_mean": self.along_mean_mm * CM_PER_MM,
            "along_sd": self.along_mm * CM_PER_MM,
            "across_sd": self.across_mm * CM_PER_MM,
            "needle_along_sd": self.needle_along_mm * CM_PER_MM,
            "needle_across_sd": self.needle_across_mm * CM_PER_MM,
            "needle_tilt_sd": self.needle_tilt_deg * DEGREE,
            "tilt_sd": self.tilt_deg * DEGREE,
            "loss_probability": self.loss,
            "late_probability": self.late_probability,
            "late_mean_time_d": self.late_mean_time_d,
            "late_sd": self.late_mm * CM_PER_MM if self.late_mm else float("inf"),
            "clumping": self.clumping,
            **others,
        })  # fmt: skip

    @property
    def shrinks(self) -> bool:
        """Whether the target ends smaller than it was at implantation in any scenario."""
        return any(self.shrinkage_per_d) or bool(
            self.volumes_cm3 and self.volumes_cm3[-1] < self.volumes_cm3[0]
        )

    def change(
        self, scenario: Scenario, half_life_d: float | None = None, final_volume: float | None = None
    ) -> TissueChange | None:
        """What happens to the tissue in a scenario; None for nothing.

        Parameters
        ----------
        scenario : Scenario
            Which.
        half_life_d : float, optional
            Of the edema, instead of that of the settings.
        final_volume : float, optional
            Share of the volume that is left after shrinkage, instead of that of the settings or the last measured; a
            measured series is stretched to it in proportion.
        """
        half_life = self.edema_half_life_d if half_life_d is None else half_life_d
        courses: list[VolumeCourse] = []
        if scenario.edema:
            courses.append(
                ExponentialEdema(scenario.edema, half_life)
                if self.edema_course == "exponential"
                else LinearEdema(scenario.edema, 2.0 * half_life)
            )
        if scenario.shrinkage_per_d:
            residual = self.residual if final_volume is None else final_volume
            courses.append(ExponentialShrinkage(scenario.shrinkage_per_d, residual))
        if scenario.series:
            first, last = self.volumes_cm3[0], self.volumes_cm3[-1]
            stretch = 1.0 if final_volume is None else (1.0 - final_volume) / (1.0 - last / first)
            volumes = tuple(first + stretch * (v - first) for v in self.volumes_cm3)
            courses.append(VolumeSeries(self.volume_days, self.volumes_cm3 if stretch == 1.0 else volumes))
        if not courses:
            return None
        reference: Any = "before_implant" if self.ct == "before_implant" else _day(self.ct)
        return TissueChange(combined(courses), reference, fluid=self.fluid)

    def run_seed_of(self, member: int) -> int:
        """Run seed of a member's Monte Carlo: members' stored emissions do not overlap."""
        return self.run_seed + (BATCHES * member if self.random_numbers == "member" else 0)

    def record(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)

    def digest(self) -> str:
        """SHA-256 (hex) of the settings."""
        return plain_digest(self.record())

    def write(self, path: str | Path) -> None:
        """Write as JSON, whole or not at all."""
        content = {
            "filetype": FILETYPE, "format_version": FORMAT_VERSION, "created_by": created_by(),
            "settings_digest": self.digest(), "settings": self.record(),
        }  # fmt: skip
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: str | Path) -> StudySettings:
        """Read settings.

        Raises
        ------
        InvalidInput
            Not settings of a study, another major version, or a value that cannot be used.
        """
        path = Path(path)
        content = read_json_document(path, "settings file", FILETYPE, "one of `seedmc study settings`")
        settings = StudySettings.from_record(content["settings"])
        if settings.digest() != content.get("settings_digest"):
            raise InvalidInput(
                f"settings digest in {path} is {str(content.get('settings_digest'))[:16]}, expected "
                f"{settings.digest()[:16]} (the file was changed by hand). Make it again with `seedmc study settings`."
            )
        return settings

    @staticmethod
    def from_record(record: dict[str, Any]) -> StudySettings:
        """Settings from plain values.

        Raises
        ------
        InvalidInput
            A name is not known.
        """
        known = {f.name for f in fields(StudySettings)}
        unknown = sorted(set(record) - known)
        if unknown:
            raise InvalidInput(
                f"setting {unknown[0]!r} is not known, expected one of {', '.join(sorted(known))}. Correct it."
            )
        if "kind" not in record or "case_digest" not in record:
            raise InvalidInput(
                "kind or case_digest is missing in the settings, expected both. Make them with `seedmc study settings`."
            )
        return StudySettings(**record)


def plain_digest(values: Mapping[str, object]) -> str:
    """SHA-256 (hex) of plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=list).encode()).hexdigest()


DEGREE = 3.141592653589793 / 180.0


def _day(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(
            f"ct is {text!r}, expected before_implant or the day of the CT after implantation. Correct it."
        ) from None


def refuse_other_case(settings: StudySettings, case: Case) -> None:
    """Refuse a case that the settings were not made for.

    Raises
    ------
    InvalidInput
        The digests differ.
    """
    if settings.case_digest != case.digest():
        raise InvalidInput(
            f"case digest is {case.digest()[:16]}, expected {settings.case_digest[:16]} as in the settings (they were "
            f"made for another case). Give that case, or make settings for this one."
        )
