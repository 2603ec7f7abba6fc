"""What another CT curve or other media do: paired Monte Carlo members, same seeds, same random numbers.

A difference of two doses with the same histories has little noise, so that few members tell it; a line in a TG-43 index
carries it to all members, with a cross-validated error.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.studies.study_control import FEWEST_PAIRS, Controlled, controlled_mean, surrogates
from validation.studies.study_file import Study
from validation.studies.study_monte_carlo import MemberSimulations
from validation.studies.study_scenario import Scenario
from validation.studies.study_settings import StudySettings
from validation.studies.study_tg43 import member_seeds
from validation.studies.study_voxels import STUDIED, StudyVoxels

FloatArray = NDArray[np.float64]

AS_SET = "as set"
FIELDS = {"curve": "hounsfield_curve", "media": "media", "seeds": "seeds"}


@dataclass(frozen=True)
class Effect:
    """What an alternative changes in an index, mean over the members.

    Attributes
    ----------
    alternative, structure, index, unit : str
    mean : Controlled
        Alternative minus as set, in the unit of the index.
    relative : float
        The mean over that of the index as set.
    surrogate_error : float
        Standard deviation of a member's difference about the line in TG-43, cross-validated.
    variance_share : float
        Of the variance over the members and both choices, if each were as likely: the choice's own.
    """

    alternative: str
    structure: str
    index: str
    unit: str
    mean: Controlled
    relative: float
    surrogate_error: float
    variance_share: float


def settings_with(settings: StudySettings, alternative: str) -> StudySettings:
    """Settings with one thing replaced.

    Parameters
    ----------
    settings : StudySettings
        Of the study.
    alternative : str
        ``curve:NAME``, ``media:NAME``, ``seeds:NAME``, or ``as set``.

    Raises
    ------
    InvalidInput
        None of these.

    Examples
    --------
    >>> settings_with(StudySettings("edema", ""), "media:water_body").media
    'water_body'
    """
    if alternative == AS_SET:
        return settings
    kind, _, value = alternative.partition(":")
    if kind not in FIELDS or not value:
        raise InvalidInput(
            f"alternative is {alternative!r}, expected one of {', '.join(f'{k}:NAME' for k in FIELDS)}. Correct it."
        )
    return StudySettings.from_record({**settings.record(), FIELDS[kind]: value})


def reference_scenario(settings: StudySettings) -> Scenario:
    """The scenario in which alternatives are compared: of those without change of tissue the middle one."""
    plan, *others = settings.scenarios
    still = [s for s in others if settings.change(s) is None]
    return still[len(still) // 2] if still else plan


@dataclass(frozen=True, eq=False)
class AlternativeValues:
    """Indices of members with each alternative.

    Attributes
    ----------
    value : ndarray, shape (members, 1 + alternatives, structures, indices)
        The first as set.
    cost_s : ndarray, shape (members,)
        CPU time, s.
    """

    value: FloatArray
    cost_s: FloatArray


def alternative_members(
    case: Case,
    settings: StudySettings,
    voxels: StudyVoxels,
    members: tuple[int, ...],
    threads: int = 1,
    on_member: Callable[[int], None] | None = None,
) -> AlternativeValues:
    """Monte Carlo indices of members in the reference scenario, as set and with each alternative.

    Parameters
    ----------
    case, settings, voxels, members, threads
        As for `tg43_members`.
    on_member : callable, optional
        Called with the number of members done.

    Returns
    -------
    AlternativeValues
    """
    scenario = reference_scenario(settings)
    seeds = member_seeds(case, settings, scenario, members)
    choices = [
        MemberSimulations(case, settings_with(settings, a), voxels, threads)
        for a in (AS_SET, *settings.alternatives)
    ]
    value = np.empty((len(members), len(choices), len(voxels.names), len(STUDIED)))
    cost = np.empty(len(members))
    for row, member in enumerate(members):
        start = time.process_time()
        for k, choice in enumerate(choices):
            value[row, k] = voxels.indices(choice.dose(scenario, seeds, row, member)[0])
        cost[row] = time.process_time() - start
        if on_member:
            on_member(row + 1)
    return AlternativeValues(value, cost)


def effects(study: Study, structure: int = 0, index: str = "D90") -> list[Effect]:
    """What every alternative changes in an index.

    Parameters
    ----------
    study : Study
        With its alternatives' members; with TG-43 members these carry the differences to all.
    structure : int
        Position of the structure.
    index : str
        Name of the index.

    Returns
    -------
    list of Effect
        Empty without alternatives, or with fewer than six members.
    """
    data, members = study.data, study.members("alternatives")
    if len(members) < FEWEST_PAIRS:
        return []
    values = data.alternatives_value.isel(structure=structure).sel(index=index).values
    if not np.isfinite(values).all():
        return []
    n, x, further = len(members), values[:, :1], np.zeros((0, 1))
    if len(study.members("tg43")) >= n:
        k = study.settings.scenarios.index(reference_scenario(study.settings))
        scaled = data.tg43_scaled_value.isel(scenario=k, structure=structure).sel(index=index).values[:, None]
        x, further = scaled[:n], scaled[n:]
    found = []
    for k, name in enumerate(data.alternative.values.tolist()[1:], start=1):
        difference = values[:, k] - values[:, 0]
        mean = controlled_mean(difference, x, further)
        lines = surrogates(difference, x, min(n, 10))
        left = np.concatenate([difference[s.fold] - s.predicted(x[s.fold]) for s in lines])
        between = mean.value**2 / 4.0
        within = float(values[:, [0, k]].var(axis=0, ddof=1).mean())
        found.append(
            Effect(
                name, str(data.structure.values[structure]), index, str(data.index_unit.sel(index=index).item()),
                mean, mean.value / float(values[:, 0].mean()), float(np.sqrt((left**2).mean())),
                between / (between + within) if between + within > 0.0 else 0.0,
            )
        )  # fmt: skip
    return found
