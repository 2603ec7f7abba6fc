"""Volumes of lesions and their reduction at every time, in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.studies.cohort_courses import LesionCourse
from validation.studies.cohort_groups import GroupTest, compare_measured
from validation.studies.cohort_intervals import Description, describe
from validation.studies.cohort_paired import ALPHA
from validation.studies.cohort_recist import volume_reduction


@dataclass(frozen=True)
class VolumeTime:
    """Volumes at one time.

    Parameters
    ----------
    time : float
        In the table's unit; the first is baseline.
    volume, reduction : dict of str to Description
        Of every group: cm³, and VRR in %.
    test : GroupTest or None
        VRR between groups; None at baseline and for one group.
    """

    time: float
    volume: dict[str, Description]
    reduction: dict[str, Description]
    test: GroupTest | None


def volume_matrix(courses: Sequence[LesionCourse]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Volumes of all lesions at all times of the table.

    The first visit of every lesion stands at the first time, whatever time the table gives it.

    Parameters
    ----------
    courses : sequence of LesionCourse
        Lesions.

    Returns
    -------
    times : ndarray, shape (times,)
        Ascending.
    volumes : ndarray, shape (lesions, times)
        cm³, NaN where unknown; no rows if no volume is known at all.
    """
    later = np.unique(np.concatenate([c.times[1:] for c in courses]))
    first = min(float(c.times[0]) for c in courses)
    times = np.concatenate([[first], later[later > first]])
    volumes = np.full((len(courses), len(times)), np.nan)
    for k, course in enumerate(courses):
        volumes[k, 0] = course.volumes[0]
        volumes[k, np.searchsorted(times, course.times[1:])] = course.volumes[1:]
    return times, volumes if np.isfinite(volumes).any() else np.zeros((0, len(times)))


def over_time(
    times: ArrayLike, volumes: NDArray[np.float64], groups: Sequence[str], alpha: float = ALPHA
) -> tuple[VolumeTime, ...]:
    """Describe volumes and VRR at every time, and compare the VRR of groups.

    Parameters
    ----------
    times : array_like, shape (times,)
        Ascending, baseline first.
    volumes : ndarray, shape (lesions, times)
        cm³, NaN where unknown.
    groups : sequence of str
        One per lesion.
    alpha : float
        Level of the tests that choose between ANOVA and Kruskal–Wallis.

    Returns
    -------
    tuple of VolumeTime
        Empty if there are no volumes.

    Examples
    --------
    >>> told = over_time([0, 6], np.array([[2.0, 0.5], [4.0, 2.0]]), ["all", "all"])
    >>> told[1].reduction["all"].mean
    62.5
    """
    if not volumes.size:
        return ()
    reduction = volume_reduction(volumes[:, :1], volumes)
    names = list(dict.fromkeys(groups))
    rows = {name: np.array([g == name for g in groups]) for name in names}
    told = []
    for k, time in enumerate(np.asarray(times, np.float64)):
        test = None
        if k and len(names) > 1:
            test = compare_measured([reduction[rows[name], k] for name in names], alpha)
        told.append(
            VolumeTime(
                float(time),
                {name: describe(volumes[rows[name], k]) for name in names},
                {name: describe(reduction[rows[name], k]) for name in names},
                test,
            )
        )
    return tuple(told)
