"""Members of a study as a file: one job of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from tg43 import SourceData
from validation.case import Case
from validation.studies.dataset_file import put
from validation.studies.media_settings import read_media_settings
from validation.studies.study_alternatives import (
    AS_SET,
    alternative_members,
    reference_scenario,
    settings_with,
)
from validation.studies.study_courses import DAYS, dose_courses
from validation.studies.study_courses_monte_carlo import monte_carlo_courses
from validation.studies.study_file import ENGINES, MEMBER_OF, Study, empty_dataset
from validation.studies.study_maps import MapPlane, map_plane, mapped_scenarios, monte_carlo_maps, tg43_maps
from validation.studies.study_monte_carlo import MemberSimulations, monte_carlo_options, tissue_ratio
from validation.studies.study_settings import PARTS, StudySettings, plain_digest, refuse_other_case
from validation.studies.study_sobol import design_rows, extreme_changes, sobol_members
from validation.studies.study_tg43 import tg43_members
from validation.studies.study_voxels import StudyVoxels, study_voxels
from validation.studies.tg43_dose import find_source, source_digest

FloatArray = NDArray[np.float64]
_INDICES = ("scenario", "structure", "index")
COURSE, MAP = ("scenario", "day", "structure", "index"), ("map_scenario", "map_x", "map_y")
Progress = Callable[[int], None]


class StudyJobs:
    """Computes members of one study, any of them, in any order.

    Parameters
    ----------
    case : Case
        Reference geometry.
    settings : StudySettings
        Made for this case.
    source : SourceData, optional
        TG-43 table; the packaged one by default.
    threads : int
        Threads; nothing depends on their number.
    on_phase_space : callable, optional
        Called with the share done while the seed's phase space is made.

    Raises
    ------
    InvalidInput
        The settings were made for another case, TG-43 table or CT curve.
    """

    def __init__(
        self,
        case: Case,
        settings: StudySettings,
        source: SourceData | None = None,
        threads: int = 1,
        on_phase_space: Callable[[float], None] | None = None,
    ) -> None:
        refuse_other_case(settings, case)
        self.case, self.settings, self.threads = case, settings, threads
        self.source = source or find_source(case.implant)
        found = source_digest(self.source)
        if settings.source_digest and found != settings.source_digest:
            raise InvalidInput(
                f"digest of the TG-43 table is {found[:16]}, expected {settings.source_digest[:16]} as in the "
                f"settings. Give the table that the settings were made with (--source-data)."
            )
        found = plain_digest(read_media_settings(settings.hounsfield_curve).record())
        if settings.media_digest and found != settings.media_digest:
            raise InvalidInput(
                f"digest of the CT curve {settings.hounsfield_curve} is {found[:16]}, expected "
                f"{settings.media_digest[:16]} as in the settings (the file was changed). Restore it, or make settings."
            )
        self._on_phase_space = on_phase_space
        self.voxels: StudyVoxels = study_voxels(case, settings)
        self._simulations: MemberSimulations | None = None
        self._ratio_known = False
        self._ratio: FloatArray | None = None

    def run(self, engine: str, first: int, stop: int, on_member: Progress | None = None) -> Study:
        """Compute consecutive members.

        Parameters
        ----------
        engine : str
            ``tg43``, ``monte_carlo``, ``sobol`` (TG-43 at base samples of Sobol' indices) or ``alternatives``.
        first, stop : int
            Members first … stop − 1.
        on_member : callable, optional
            Called with the number of members done.

        Returns
        -------
        Study

        Raises
        ------
        InvalidInput
            An unknown engine or an empty range.
        """
        if engine not in ENGINES:
            raise InvalidInput(
                f"engine is {engine!r}, expected one of {', '.join(ENGINES)}. Use one of them."
            )
        if not 0 <= first < stop:
            raise InvalidInput(f"members is {first}:{stop}, expected 0 ≤ first < stop. Correct the range.")
        members = tuple(range(first, stop))
        data = empty_dataset(self.settings, self.voxels.names, self.voxels.roles)
        dim = MEMBER_OF[engine]
        put(data, dim, (dim,), list(members), units="1", description="index of the member")
        jobs = {
            "tg43": self._tg43, "monte_carlo": self._monte_carlo, "sobol": self._sobol,
            "alternatives": self._alternatives,
        }  # fmt: skip
        jobs[engine](data, members, on_member)
        return Study(self.settings, data)

    def tissue_ratio(self) -> FloatArray | None:
        """What tissue does to the plan, found once."""
        if not self._ratio_known:
            self._ratio = tissue_ratio(
                self.case, self.settings, self.voxels, self.source, self.threads, self._on_phase_space
            )
            self._ratio_known = True
        return self._ratio

    def _tg43(self, data: xr.Dataset, members: tuple[int, ...], on_member: Progress | None) -> None:
        found = tg43_members(
            self.case, self.settings, self.voxels, self.source, members, self.tissue_ratio(), self.threads
        )
        dims = (MEMBER_OF["tg43"], *_INDICES)
        for name, values, text in (
            ("tg43_value", found.value, "index by TG-43, at the middles of the voxels"),
            (
                "tg43_scaled_value",
                found.scaled_value,
                "index of the TG-43 dose times what tissue does to the plan",
            ),
            ("tg43_coarse_value", found.coarse_value, "index by TG-43 with the coarser rule in time"),
        ):
            put(data, name, dims, values, units="see index_unit", description=text)
        if members[0] == 0:
            self._of_first_tg43(data)
        put(
            data, "tg43_cost", dims[:1], found.cost_s, units="s",
            description="CPU time of a member, all scenarios; differs from run to run",
        )  # fmt: skip
        if on_member:
            on_member(len(members))

    def _of_first_tg43(self, data: xr.Dataset) -> None:
        days, courses = dose_courses(
            self.case, self.settings, self.voxels, self.source, self.tissue_ratio(), self.threads
        )
        put(data, "day", ("day",), list(days), units="d", description="after implantation")
        put(
            data, "course_value", COURSE, courses, units="see index_unit",
            description="index of the dose to a day: TG-43 times what tissue does to the plan, seeds in place",
        )  # fmt: skip
        if self.settings.map_members:
            dose = tg43_maps(self.case, self.settings, self._put_plane(data), self.source, self.threads)
            put(
                data, "map_dose", MAP, dose, units="Gy",
                description="TG-43 dose of tissue elements, median over the first members of each scenario",
            )  # fmt: skip

    def _of_first_monte_carlo(self, data: xr.Dataset, simulations: MemberSimulations) -> None:
        values, std_devs = monte_carlo_courses(simulations)
        put(
            data, "monte_carlo_course_value", COURSE, values, units="see index_unit",
            description="index of the dose to a day by Monte Carlo, seeds in place",
        )  # fmt: skip
        put(
            data, "monte_carlo_course_std_dev", COURSE, std_devs, units="see index_unit",
            description="its standard uncertainty by the noise",
        )  # fmt: skip
        put(data, "day", ("day",), list(DAYS), units="d", description="after implantation")
        if self.settings.map_members:
            dose, noise = monte_carlo_maps(simulations, self._put_plane(data))
            put(
                data, "monte_carlo_map_dose", MAP, dose, units="Gy",
                description="Monte Carlo dose of tissue elements, median over the first members of each scenario",
            )  # fmt: skip
            put(
                data, "monte_carlo_map_noise", MAP[:1], noise, units="1",
                description="relative standard uncertainty of a voxel of the target by the noise, median",
            )  # fmt: skip

    def _put_plane(self, data: xr.Dataset) -> MapPlane:
        plane = map_plane(self.voxels)
        names = [s.name for s in mapped_scenarios(self.settings)]
        put(data, "map_scenario", ("map_scenario",), names, units="1", description="what is mapped")
        put(data, "map_x", ("map_x",), plane.x, units="cm", description="voxel-centre x of the maps")
        put(data, "map_y", ("map_y",), plane.y, units="cm", description="voxel-centre y of the maps")
        put(
            data, "map_target", ("map_x", "map_y"), plane.fraction, units="1",
            description=f"part of the voxel inside the target, z = {plane.z:.2f} cm",
        )  # fmt: skip
        return plane

    def _monte_carlo(self, data: xr.Dataset, members: tuple[int, ...], on_member: Progress | None) -> None:
        if self._simulations is None:
            self._simulations = MemberSimulations(
                self.case, self.settings, self.voxels, self.threads, self._on_phase_space
            )
        found = self._simulations.members(members, on_member)
        dims = (MEMBER_OF["monte_carlo"], *_INDICES)
        put(data, "half", ("half",), [0, 1], units="1", description="complementary halves of the histories")
        put(
            data,
            "pair",
            ("pair",),
            list(range(PARTS - 1)),
            units="1",
            description="balanced divisions in halves",
        )
        put(
            data, "monte_carlo_value", dims, found.value, units="see index_unit",
            description="index by Monte Carlo, dose to medium",
        )  # fmt: skip
        put(
            data, "monte_carlo_half_value", ("half", "pair", *dims), found.half_value, units="see index_unit",
            description="the same from halves of the histories",
        )  # fmt: skip
        put(
            data, "monte_carlo_cost", dims[:1], found.cost_s, units="s",
            description="CPU time of a member, all scenarios; differs from run to run",
        )  # fmt: skip
        if members[0] == 0:
            self._of_first_monte_carlo(data, self._simulations)

    def _sobol(self, data: xr.Dataset, members: tuple[int, ...], on_member: Progress | None) -> None:
        found = sobol_members(self.case, self.settings, self.voxels, self.source, members, self.threads)
        dims = (MEMBER_OF["sobol"], "sobol_row", "structure", "index")
        put(
            data, "sobol_row", ("sobol_row",), list(design_rows(self.settings)), units="1",
            description="A, B, and A with one factor of B (Saltelli's design)",
        )  # fmt: skip
        put(data, "sobol_value", dims, found.value, units="see index_unit", description="index by TG-43")
        put(
            data, "sobol_cost", dims[:1], found.cost_s, units="s",
            description="CPU time of a base sample; differs from run to run",
        )  # fmt: skip
        if on_member:
            on_member(len(members))

    def _alternatives(self, data: xr.Dataset, members: tuple[int, ...], on_member: Progress | None) -> None:
        if not self.settings.alternatives:
            raise InvalidInput(
                "number of alternatives in the settings is 0, expected at least 1 (this engine compares them). "
                "Make settings with --alternative."
            )
        found = alternative_members(self.case, self.settings, self.voxels, members, self.threads, on_member)
        dims = (MEMBER_OF["alternatives"], "alternative", "structure", "index")
        put(
            data, "alternative", ("alternative",), [AS_SET, *self.settings.alternatives], units="1",
            description="CT curve, media or seeds that replace those of the settings",
        )  # fmt: skip
        put(
            data, "alternatives_value", dims, found.value, units="see index_unit",
            description=f"index by Monte Carlo in the scenario {reference_scenario(self.settings).name!r}",
        )  # fmt: skip
        put(
            data, "alternatives_cost", dims[:1], found.cost_s, units="s",
            description="CPU time of a member; differs from run to run",
        )  # fmt: skip


def new_settings(case: Case, source: SourceData | None = None, **values: object) -> StudySettings:
    """Settings for a case, checked against it.

    Parameters
    ----------
    case : Case
        Reference geometry.
    source : SourceData, optional
        TG-43 table; the packaged one by default.
    **values
        Fields of `StudySettings`.

    Returns
    -------
    StudySettings

    Raises
    ------
    InvalidInput
        A value cannot be used, or the case lacks what it names.
    """
    settings = StudySettings.from_record({
        "case_digest": case.digest(),
        "case_name": case.name,
        "prescription_gy": case.prescription.dose_gy,
        "source_digest": source_digest(source or find_source(case.implant)),
        "media_digest": plain_digest(read_media_settings(str(values.get("hounsfield_curve", "neck"))).record()),
        **values,
    })  # fmt: skip
    study_voxels(case, settings)
    for alternative in settings.alternatives:
        monte_carlo_options(settings_with(settings, alternative))
    _refuse_folding(case, settings)
    return settings


def _refuse_folding(case: Case, settings: StudySettings) -> None:
    """Refuse volumes that the tissue of a case cannot be carried to, before any job begins."""
    changes = [c for scenario in settings.scenarios if (c := settings.change(scenario))]
    changes += extreme_changes(settings)
    if changes:
        field = changes[0].field(case)
        for change in changes:
            for day in (0.0, *change.course.breakpoints_d, float("inf")):
                field.require(float(change.ratio(day)))
