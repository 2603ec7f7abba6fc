"""Volumes against time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.invalid_input import InvalidInput
from validation.change import (
    MONTH_D,
    CombinedCourse,
    ExponentialEdema,
    ExponentialShrinkage,
    LinearEdema,
    TissueChange,
    VolumeCourse,
    VolumeSeries,
)

COURSES: tuple[VolumeCourse, ...] = (
    ExponentialEdema(0.5, 10.0),
    LinearEdema(0.18, 30.0, 0.01),
    ExponentialShrinkage(0.02, 0.4),
    VolumeSeries((0.0, 2 * MONTH_D, 6 * MONTH_D), (6.87, 4.44, 4.20)),
    CombinedCourse((ExponentialEdema(0.5, 10.0), VolumeSeries((0.0, 60.0), (3.0, 2.0)))),
)


def test_exponential_edema_has_its_half_life() -> None:
    excess = ExponentialEdema(0.5, 10.0).relative_volume([0.0, 10.0, 20.0, 30.0]) - 1.0
    np.testing.assert_allclose(excess, [0.5, 0.25, 0.125, 0.0625], rtol=1e-14)


def test_linear_edema_is_linear_then_stays() -> None:
    # The MRI model of physicists' papers: 1.18 to 1.01 over 30 days.
    volume = LinearEdema(0.18, 30.0, 0.01).relative_volume([0.0, 10.0, 30.0, 31.0, np.inf])
    np.testing.assert_allclose(volume, [1.18, 1.18 - 0.17 / 3.0, 1.01, 1.01, 1.01], rtol=1e-14)


@pytest.mark.parametrize(
    ("months", "volumes"), [((0, 2, 6), (6.87, 4.44, 4.20)), ((0, 3, 6), (21.2, 9.2, 6.4))]
)
def test_a_series_passes_through_its_measurements_and_never_beyond(months, volumes) -> None:
    days = np.array(months) * MONTH_D
    course = VolumeSeries(tuple(days), volumes)
    np.testing.assert_allclose(volumes[0] * course.relative_volume(days), volumes, rtol=1e-12)
    between = course.relative_volume(np.linspace(0.0, 400.0, 2001))
    assert (np.diff(between) <= 1e-15).all()  # monotone as the measurements are
    assert course.relative_volume(np.inf) * volumes[0] == pytest.approx(volumes[-1], rel=1e-14)


def test_a_rate_is_the_first_relative_loss() -> None:
    course = ExponentialShrinkage(0.02, 0.4)
    slope = float(np.diff(course.relative_volume([0.0, 1e-6]))[0] / 1e-6)
    assert slope == pytest.approx(-0.02 * 0.6, rel=1e-5)  # a difference over 1e-6 d


@pytest.mark.parametrize("course", COURSES, ids=lambda c: str(c.record()["course"]))
def test_what_is_said_to_be_constant_is(course: VolumeCourse) -> None:
    start = course.constant_from_d
    if np.isfinite(start):
        later = course.relative_volume([start, start + 1.0, start + 100.0, np.inf])
        np.testing.assert_array_equal(later, later[0])
        assert course.relative_volume(start - 0.5) != later[0]
    else:
        assert course.relative_volume(50.0) != course.relative_volume(51.0)


@pytest.mark.parametrize("course", COURSES, ids=lambda c: str(c.record()["course"]))
def test_the_reference_geometry_decides_the_ratio(course: VolumeCourse) -> None:
    before, day_10 = TissueChange(course, "before_implant"), TissueChange(course, 10.0)
    assert float(day_10.ratio(10.0)) == 1.0
    times = np.array([0.0, 5.0, 90.0])
    np.testing.assert_allclose(
        before.ratio(times), day_10.ratio(times) * course.relative_volume(10.0), rtol=1e-14
    )


@given(st.floats(0.0, 3.0), st.floats(1.0, 50.0), st.floats(0.0, 500.0))
def test_edema_only_resolves(magnitude: float, half_life: float, day: float) -> None:
    course = ExponentialEdema(magnitude, half_life)
    now, later = course.relative_volume([day, day + 1.0])
    assert 1.0 <= later <= now <= 1.0 + magnitude


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialEdema(-1.0, 10.0), "edema magnitude is -1"),
        (lambda: ExponentialEdema(0.5, 0.0), "edema half-life is 0 d"),
        (lambda: LinearEdema(0.5, -3.0), "duration of the edema is -3 d"),
        (lambda: ExponentialShrinkage(-0.1, 0.5), "shrinkage rate is -0.1 1/d"),
        (lambda: ExponentialShrinkage(0.1, 0.0), "residual volume is 0"),
        (lambda: VolumeSeries((0.0,), (1.0,)), "series has 1 day"),
        (lambda: VolumeSeries((1.0, 2.0), (1.0, 1.0)), "ascending from 0"),
        (lambda: VolumeSeries((0.0, 2.0), (1.0, 0.0)), "volume 2 of the series is 0 cm³"),
        (lambda: ExponentialEdema(0.5, 10.0).relative_volume([1.0, -2.0]), "time is -2 d"),
        (lambda: TissueChange(ExponentialEdema(0.5, 10.0), "after"), "reference geometry is 'after'"),
        (lambda: TissueChange(ExponentialEdema(0.5, 10.0), -1.0), "day of the CT is -1 d"),
        (lambda: TissueChange(ExponentialEdema(0.5, 10.0), 0.0, fluid="oil"), "fluid is 'oil'"),
        (lambda: TissueChange(ExponentialEdema(0.5, 10.0), 0.0, seeds_follow=-1.0), "seeds_follow is -1"),
    ],
)
def test_impossible_courses_are_refused(make, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
