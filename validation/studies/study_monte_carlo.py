"""Monte Carlo indices of the members of a study, with common random numbers.

A member's run seed is the same in every scenario, and the streams of a run belong to its seeds: what differs between
scenarios is the geometry. Parts of a member's histories tell its noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcsim.phantom import Phantom
from mcsim.result import Result, merge
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule
from tg43 import SourceData, dose_per_dose_rate, dose_rate
from validation.case import Case, Implant
from validation.change import TissueChange, VoxelDose, deform, element_dose
from validation.change.carried_seeds import carried_seeds
from validation.change.decay_nodes import decay_nodes
from validation.change.displacement import DisplacedSeeds
from validation.change.element_dose import NOT_THERE
from validation.evaluate.half_samples import half_sample_doses
from validation.studies.media_settings import read_media_settings
from validation.studies.monte_carlo import MonteCarloOptions
from validation.studies.patient_phantom import patient_phantom
from validation.studies.study_scenario import Scenario
from validation.studies.study_settings import BATCHES, CM_PER_MM, PARTS, StudySettings
from validation.studies.study_tg43 import member_seeds, tissue_field_of
from validation.studies.study_voxels import STUDIED, StudyVoxels

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MonteCarloValues:
    """Indices of consecutive members.

    Attributes
    ----------
    value : ndarray, shape (members, scenarios, structures, indices)
        From all histories, in the units of the indices.
    half_value : ndarray, shape (2, pairs, members, scenarios, structures, indices)
        From complementary halves of them.
    cost_s : ndarray, shape (members,)
        CPU time of a member, all scenarios, s.
    """

    value: FloatArray
    half_value: FloatArray
    cost_s: FloatArray


@dataclass(frozen=True, eq=False)
class _Geometry:
    """What a scenario's simulations at one ratio of volumes share."""

    phantom: Phantom
    ratio: float


class MemberSimulations:
    """Monte Carlo of members of one study.

    Parameters
    ----------
    case : Case
        Reference geometry.
    settings : StudySettings
        Scenarios.
    voxels : StudyVoxels
        Where dose is judged.
    threads : int
        Threads; nothing depends on their number.
    on_phase_space : callable, optional
        Called with the share done while the seed's phase space is made.
    """

    def __init__(
        self,
        case: Case,
        settings: StudySettings,
        voxels: StudyVoxels,
        threads: int = 1,
        on_phase_space: Callable[[float], None] | None = None,
    ) -> None:
        self.case, self.settings, self.voxels, self.threads = case, settings, voxels, threads
        self.field = tissue_field_of(case, settings)
        self.options = monte_carlo_options(settings)
        self._on_phase_space = on_phase_space
        self._geometries: dict[float, _Geometry] = {}

    def members(
        self, members: tuple[int, ...], on_member: Callable[[int], None] | None = None
    ) -> MonteCarloValues:
        """Indices of members in every scenario.

        Parameters
        ----------
        members : tuple of int
            Which; the numbers of one do not depend on the others.
        on_member : callable, optional
            Called with the number of members done.
        """
        scenarios = self.settings.scenarios
        seeds = [member_seeds(self.case, self.settings, scenario, members) for scenario in scenarios]
        shape = (len(members), len(scenarios), len(self.voxels.names), len(STUDIED))
        value, cost = np.empty(shape), np.empty(len(members))
        halves = np.empty((2, PARTS - 1, *shape))
        self._prepare(scenarios)
        prepared = dict(self._geometries)
        for row, member in enumerate(members):
            start = time.process_time()
            for k, scenario in enumerate(scenarios):
                doses = self.dose(scenario, seeds[k], row, member)
                value[row, k] = self.voxels.indices(doses[0])
                of_halves = half_sample_doses(doses[1:])
                for half in np.ndindex(2, PARTS - 1):
                    halves[(*half, row, k)] = self.voxels.indices(of_halves[half])
            cost[row] = time.process_time() - start
            # Geometries at a member's own late moves are no other member's.
            self._geometries = dict(prepared)
            if on_member:
                on_member(row + 1)
        return MonteCarloValues(value, halves, cost)

    def dose(self, scenario: Scenario, seeds: DisplacedSeeds, row: int, member: int) -> FloatArray:
        """Dose of the tissue elements from all histories and from each part of them, Gy, shape (1 + parts, m)."""
        change = self.settings.change(scenario)
        moves = seeds.late_times_d(row)
        total = np.zeros((1 + PARTS, len(self.voxels.flat)))
        # A late move splits time: the seed is at its first place before it, at the other from then on.
        for start, end in zip((0.0, *moves), (*moves, np.inf), strict=True):
            there = seeds.there(row, start)
            if not there.any():
                continue
            implant = seeds.implant(row, self.case.implant, start)
            for day, weight in self._points(change, start, end):
                total += weight * self.frozen(implant, change, day, member, there)
        return total

    def _points(
        self, change: TissueChange | None, start: float = 0.0, end: float = np.inf
    ) -> tuple[tuple[float, float], ...]:
        """Days and weights of the points in time."""
        course = None if change is None else change.course
        half_life, level = self.case.implant.half_life_d, self.settings.time_level
        return decay_nodes(half_life, course, level=level, start_d=start, until_d=end).counted

    def frozen(
        self,
        implant: Implant,
        change: TissueChange | None,
        day: float,
        member: int,
        there: NDArray[np.bool_] | None = None,
    ) -> FloatArray:
        """Dose of the tissue elements to full decay if the geometry stayed as on a day.

        Parameters
        ----------
        implant : Implant
            Seeds in the reference geometry.
        change : TissueChange or None
            What happens to the tissue; it carries the seeds.
        day : float
            After implantation; may be infinite.
        member : int
            Whose histories.
        there : ndarray of bool, shape (n,), optional
            Seeds of the case that `implant` has, all by default: each has its histories whatever others are lost.

        Returns
        -------
        ndarray, shape (1 + parts, m)
            From all histories and from each part of them, Gy; NaN where a voxel is all seed.
        """
        ratio = 1.0 if change is None else float(change.ratio(day))
        geometry = self._geometry(change, ratio, day)
        if change is not None and self.field is not None:
            implant = carried_seeds(implant, self.field, ratio, change.seeds_follow).implant
        whole, parts = self._simulated(geometry.phantom, implant, member, there)
        doses = [result.dose() for result in (whole, *parts)]
        if ratio == 1.0:
            # The element is its voxel; one that is all seed has no dose.
            solid = whole.tissue_fraction.ravel()[self.voxels.flat] <= 0.0
            return np.array([np.where(solid, np.nan, dose.ravel()[self.voxels.flat]) for dose in doses])
        assert self.field is not None
        water = np.array([result.dose("dose_to_water") for result in (whole, *parts)])
        moved = VoxelDose(whole.axes, np.array(doses), water, whole.medium, whole.tissue_fraction, implant)
        media = self._element_media(geometry.phantom)
        return element_dose(self.voxels.points, media, self.field, ratio, moved)

    def _element_media(self, moved: Phantom) -> NDArray[np.int64]:
        """Media of the elements, those of the reference geometry's voxels, as a moved phantom numbers them."""
        reference = self._geometry(None, 1.0, 0.0).phantom
        numbers = [moved.media.index(m) if m in moved.media else NOT_THERE for m in reference.media]
        here = reference.medium[reference.scoring].ravel()[self.voxels.flat]
        return np.array(numbers, dtype=np.int64)[here]

    def _simulated(
        self, phantom: Phantom, implant: Implant, member: int, there: NDArray[np.bool_] | None
    ) -> tuple[Result, list[Result]]:
        settings = replace(
            self.options.engine_settings(),
            run_seed=self.settings.run_seed_of(member),
            productive_histories_per_batch=max(1, self.settings.histories // BATCHES),
        )
        simulation = engine_of(
            self.case, phantom, implant, settings, self.threads, self._on_phase_space, there
        )
        per_part = BATCHES // PARTS
        parts = [
            simulation.run(StoppingRule(batches=(k * per_part, (k + 1) * per_part))) for k in range(PARTS)
        ]
        return merge(parts), parts

    def _prepare(self, scenarios: tuple[Scenario, ...]) -> None:
        """Make the phantoms of the points in time without late moves, so that a member's cost is its own."""
        for scenario in scenarios:
            change = self.settings.change(scenario)
            for day, _ in self._points(change):
                self._geometry(change, 1.0 if change is None else float(change.ratio(day)), day)

    def _geometry(self, change: TissueChange | None, ratio: float, day: float) -> _Geometry:
        # How tissue stands follows from the ratio alone, whatever the course that led there.
        if ratio not in self._geometries:
            case = self.case
            if change is not None and ratio != 1.0:
                case = deform(case, change, day, self.field, self.options.tissues.curve).case
            o = self.options
            phantom, _ = patient_phantom(case, o.voxel, o.media, o.beyond, o.beyond_distance, o.tissues)
            self._geometries[ratio] = _Geometry(phantom, ratio)
        return self._geometries[ratio]


# Of a voxel near a seed the middle is no likeness; what tissue does lies between these percentiles of the ratio.
RATIO_PERCENTILES = (5.0, 95.0)
NOT_A_MEMBER = 2**30


def tissue_ratio(
    case: Case,
    settings: StudySettings,
    voxels: StudyVoxels,
    source: SourceData,
    threads: int = 1,
    on_phase_space: Callable[[float], None] | None = None,
) -> FloatArray | None:
    """What tissue does to the dose of the plan: Monte Carlo over TG-43 in every tissue element.

    Parameters
    ----------
    case, settings, voxels
        Of the study.
    source : SourceData
        TG-43 data.
    threads : int
        Threads; the ratio does not depend on their number.
    on_phase_space : callable, optional
        Called with the share done while the seed's phase space is made.

    Returns
    -------
    ndarray, shape (m,), or None
        None where the settings ask for none.
    """
    if not settings.tissue_histories:
        return None
    plan = Scenario(displaced=False)
    # Histories that no member has.
    more = replace(
        settings, histories=settings.tissue_histories, run_seed=settings.run_seed + BATCHES * NOT_A_MEMBER
    )
    simulations = MemberSimulations(case, more, voxels, threads, on_phase_space)
    dose = simulations.dose(plan, member_seeds(case, settings, plan, (0,)), 0, member=0)[0]
    implant = case.implant
    rate = dose_rate(
        voxels.points, implant.positions, implant.axes, implant.air_kerma_strengths, source, method="fast",
        threads=threads,
    )  # fmt: skip
    ratio = dose / (rate * dose_per_dose_rate(implant.half_life_d))
    low, high = np.nanpercentile(ratio, RATIO_PERCENTILES)
    return np.asarray(np.clip(np.where(np.isnan(ratio), 1.0, ratio), low, high))


def monte_carlo_options(settings: StudySettings) -> MonteCarloOptions:
    """Options of `seedmc simulate` that the study's settings stand for.

    Raises
    ------
    InvalidInput
        The CT curve cannot be used.
    """
    return MonteCarloOptions(
        seeds=settings.seeds,
        media=settings.media,
        voxel=settings.voxel_mm * CM_PER_MM,
        beyond=settings.beyond,
        tissues=read_media_settings(settings.hounsfield_curve),
    )


def engine_of(
    case: Case,
    phantom: Phantom,
    implant: Implant,
    settings: Settings,
    threads: int,
    on_phase_space: Callable[[float], None] | None = None,
    there: NDArray[np.bool_] | None = None,
) -> Simulation:
    """The engine with other seeds in a phantom of the case, of which `there` (n,) tells which of the case's they are.

    The scoring region stays that of the phantom.
    """
    numbers = np.arange(len(implant)) if there is None else np.flatnonzero(there)
    shape = (len(implant) if there is None else len(there), 3)
    positions, axes = np.zeros(shape), np.zeros(shape)
    positions[numbers], axes[numbers] = implant.positions, implant.axes
    strengths = case.implant.air_kerma_strengths.copy()
    strengths[numbers] = implant.air_kerma_strengths
    return Simulation(
        phantom,
        implant.engine_model,
        positions,
        axes,
        strengths,
        case.implant.half_life_d,
        settings,
        threads=threads,
        progress=on_phase_space,
        present=there,
    )
