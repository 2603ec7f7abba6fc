"""Tissue changes from plain values, as a configuration or the settings of a result hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcsim.invalid_input import InvalidInput
from validation.change.tissue_change import TissueChange
from validation.change.volume_course import (
    CombinedCourse,
    ExponentialEdema,
    ExponentialShrinkage,
    LinearEdema,
    VolumeCourse,
    VolumeSeries,
)

COURSES: dict[str, tuple[Callable[..., VolumeCourse], tuple[str, ...]]] = {
    "exponential edema": (ExponentialEdema, ("magnitude", "half_life_d")),
    "linear edema": (LinearEdema, ("magnitude", "duration_d", "residual")),
    "exponential shrinkage": (ExponentialShrinkage, ("rate_per_d", "residual")),
    "series": (VolumeSeries, ("times_d", "volumes_cm3")),
    "product": (CombinedCourse, ("parts",)),
}
_OF_CHANGE = ("reference", "target", "shares", "reach_cm", "plateau_cm", "fluid", "seeds_follow")


def course_from_record(record: Mapping[str, Any]) -> VolumeCourse:
    """The course of a `VolumeCourse.record`.

    Parameters
    ----------
    record : mapping
        ``course``, one of `COURSES`, and its values.

    Raises
    ------
    InvalidInput
        The course is not known, or a value is missing, unknown or out of range.

    Examples
    --------
    >>> course_from_record({"course": "exponential edema", "magnitude": 0.5, "half_life_d": 10.0})
    ExponentialEdema(magnitude=0.5, half_life_d=10.0)
    """
    name = record.get("course")
    if name not in COURSES:
        raise InvalidInput(
            f"course of the volume is {name!r}, expected one of {', '.join(COURSES)}. Use one of them."
        )
    make, keys = COURSES[str(name)]
    values = {key: value for key, value in record.items() if key != "course"}
    optional = {"residual"} if make is LinearEdema else set()
    unknown, missing = sorted(values.keys() - set(keys)), sorted(set(keys) - optional - values.keys())
    if unknown or missing:
        raise InvalidInput(
            f"keys of the course {name!r} are {', '.join(values) or '(none)'}, expected {', '.join(keys)} "
            f"(missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}). Correct them."
        )
    if make is CombinedCourse:
        return CombinedCourse(tuple(course_from_record(part) for part in values["parts"]))
    return make(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


def change_from_record(record: Mapping[str, Any]) -> TissueChange:
    """The change of a `TissueChange.record`; what it leaves out keeps its default, but for the reference geometry.

    Parameters
    ----------
    record : mapping
        A course's record with ``reference`` and any of ``target``, ``shares``, ``reach_cm``, ``plateau_cm``, ``fluid``,
        ``seeds_follow``.

    Raises
    ------
    InvalidInput
        The reference geometry is missing, or anything else is wrong.

    Examples
    --------
    >>> change_from_record(
    ...     {"course": "exponential edema", "magnitude": 0.5, "half_life_d": 10.0, "reference": "before_implant"}
    ... ).reach
    2.0
    """
    if "reference" not in record:
        raise InvalidInput(
            "reference geometry of the tissue change is missing, expected 'before_implant' or the day of the CT (edema "
            "is counted from it). State it."
        )
    own = {key.removesuffix("_cm"): record[key] for key in _OF_CHANGE if key in record}
    if "shares" in own:
        own["shares"] = tuple(own["shares"])
    course = course_from_record({key: value for key, value in record.items() if key not in _OF_CHANGE})
    return TissueChange(course, **own)
