"""TG-43 doses of many members: the same as one by one, with late moves and changing tissue."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from tg43 import dose_per_dose_rate, dose_rate, load_source
from validation.case import built_in
from validation.change import (
    Accumulation,
    Displacement,
    ExponentialEdema,
    LinearEdema,
    TissueChange,
    accumulate,
    displaced_seeds,
    ensemble_changed_dose,
    frozen_tg43_dose,
    undisplaced_seeds,
)
from validation.evaluate.structure_fractions import structure_fractions

T = 59.4


@pytest.fixture(scope="module")
def neck():
    case = built_in("neck")
    grid = (np.arange(2.0, 6.0, 0.2), np.arange(-1.0, 3.0, 0.2), np.arange(-2.0, 2.0, 0.2))
    inside = structure_fractions(case.structures["PTV"], *grid) > 0.5
    return case, np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1)[inside], load_source("6711")


def static(points, implant, source) -> np.ndarray:
    rate = dose_rate(
        points, implant.positions, implant.axes, implant.air_kerma_strengths, source, method="fast"
    )
    return rate * dose_per_dose_rate(T)


def test_without_change_members_have_the_static_dose_to_the_bit(neck) -> None:
    case, points, source = neck
    none = TissueChange(ExponentialEdema(0.0, 10.0), "before_implant")
    strengths = case.implant.air_kerma_strengths
    for options in ({}, {"change": none, "field": none.field(case)}):
        result = ensemble_changed_dose(
            np.array, points, undisplaced_seeds(case.implant, range(2)), strengths, T, source, **options
        )
        for member in result.values:
            np.testing.assert_array_equal(member, static(points, case.implant, source))
    field = none.field(case)
    frozen = frozen_tg43_dose(points, case.implant, none, field, source)
    course = none.course
    accumulation = Accumulation(T, course)
    np.testing.assert_array_equal(
        accumulate(frozen, accumulation).dose[0], static(points, case.implant, source)
    )


def test_members_are_what_they_are_one_by_one(neck) -> None:
    case, points, source = neck
    change = TissueChange(ExponentialEdema(0.4, 15.0), "before_implant", reach=1.8)
    field = change.field(case)
    seeds = displaced_seeds(case.implant, Displacement(isotropic_sd=0.2, loss_probability=0.1), range(3), 4)
    result = ensemble_changed_dose(
        np.array, points, seeds, case.implant.air_kerma_strengths, T, source, change=change, field=field, level=4,
        threads=2,
    )  # fmt: skip
    for row in range(3):
        frozen = frozen_tg43_dose(points, seeds.implant(row, case.implant), change, field, source)
        alone = accumulate(frozen, Accumulation(T, change.course, tolerance=1e-6))
        # An element's way crosses kinks of the tables, F being interpolated linearly: nodes in time see 1e-5 of them.
        np.testing.assert_allclose(result.values[row], alone.dose[0], rtol=2e-5)
        assert np.abs(result.values[row] / result.coarse_values[row] - 1.0).max() < 1e-4


def test_a_late_move_splits_the_dose_where_it_happens(neck) -> None:
    case, points, source = neck
    seeds = displaced_seeds(case.implant, Displacement(late_probability=0.5, late_sd=0.5), range(4), 4)
    strengths = case.implant.air_kerma_strengths
    result = ensemble_changed_dose(np.array, points, seeds, strengths, T, source)
    for row in range(4):
        remaining = 2.0 ** (-seeds.late_time_d[row] / T)
        first, second = (
            dose_rate(points, places, seeds.axes[row], strengths * share, source, method="fast")
            for places, share in (
                (seeds.positions[row], 1.0 - remaining),
                (seeds.late_positions[row], remaining),
            )
        )
        np.testing.assert_allclose(result.values[row], (first + second) * dose_per_dose_rate(T), rtol=1e-9)


def test_a_seed_that_leaves_gives_dose_until_then(neck) -> None:
    case, points, source = neck
    change = TissueChange(LinearEdema(0.3, 30.0), "before_implant")
    field = change.field(case)
    seeds = displaced_seeds(case.implant, Displacement(late_probability=1.0, late_mean_time_d=10.0), [0], 4)
    strengths = case.implant.air_kerma_strengths
    gone = ensemble_changed_dose(np.array, points, seeds, strengths, T, source, change=change, field=field)
    last = float(seeds.late_time_d.max())
    until = ensemble_changed_dose(
        np.array, points, seeds, strengths, T, source, change=change, field=field, until_d=last + 1e-9
    )
    np.testing.assert_allclose(
        gone.values, until.values, rtol=1e-9
    )  # nothing is left after the last one left
    assert (gone.values < static(points, case.implant, source)).all()


def test_each_member_may_have_its_own_tissue_strength_and_half_life(neck) -> None:
    case, points, source = neck
    changes = [None, *(TissueChange(ExponentialEdema(m, 10.0), "before_implant") for m in (0.2, 0.6))]
    field = changes[1].field(case)
    strengths = case.implant.air_kerma_strengths * np.array([[1.0], [1.1], [0.9]])
    result = ensemble_changed_dose(
        np.mean, points, undisplaced_seeds(case.implant, range(3)), strengths, [T, 59.0, 60.0], source,
        change=changes, field=field,
    )  # fmt: skip
    for row, (half_life, scale) in enumerate(((T, 1.0), (59.0, 1.1), (60.0, 0.9))):
        alone = ensemble_changed_dose(
            np.mean, points, undisplaced_seeds(case.implant), scale * case.implant.air_kerma_strengths, half_life,
            source, change=changes[row], field=field,
        )  # fmt: skip
        assert result.values[row] == alone.values[0]
    assert result.values[0] == static(points, case.implant, source).mean()


@pytest.mark.parametrize(
    ("magnitudes", "half_lives"),
    [((0.6, 0.6), (T, 17.0)), ((0.6, 0.2), (T, T))],
    ids=["half-lives", "edemas"],
)
def test_points_in_time_are_those_of_the_member(neck, magnitudes, half_lives) -> None:
    case, points, source = neck
    made = {m: TissueChange(ExponentialEdema(m, 10.0), "before_implant") for m in magnitudes}
    changes = [made[m] for m in magnitudes]
    field, strengths = changes[0].field(case), case.implant.air_kerma_strengths
    both = ensemble_changed_dose(
        np.mean, points, undisplaced_seeds(case.implant, range(2)), strengths, half_lives, source, change=changes,
        field=field,
    )  # fmt: skip
    for value, change, half_life in zip(both.values, changes, half_lives, strict=True):
        alone = ensemble_changed_dose(
            np.mean,
            points,
            undisplaced_seeds(case.implant),
            strengths,
            half_life,
            source,
            change=change,
            field=field,
        )
        assert value == alone.values[0]


def test_threads_change_nothing(neck) -> None:
    case, points, source = neck
    seeds = displaced_seeds(case.implant, Displacement(isotropic_sd=0.2), range(6), 4)
    strengths = case.implant.air_kerma_strengths
    one, two = (
        ensemble_changed_dose(np.array, points, seeds, strengths, T, source, threads=t).values for t in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_a_change_needs_its_field_and_one_for_each_member(neck) -> None:
    case, points, source = neck
    change = TissueChange(ExponentialEdema(0.5, 10.0), "before_implant")
    seeds, strengths = undisplaced_seeds(case.implant, range(2)), case.implant.air_kerma_strengths
    with pytest.raises(InvalidInput, match="displacement field is missing"):
        ensemble_changed_dose(np.mean, points, seeds, strengths, T, source, change=change)
    with pytest.raises(InvalidInput, match="number of tissue changes is 1, expected 2"):
        ensemble_changed_dose(np.mean, points, seeds, strengths, T, source, change=[change])


@pytest.mark.slow
def test_a_thousand_members_with_edema_take_less_than_a_minute() -> None:
    case, source = built_in("neck"), load_source("6711")
    grid = (np.arange(2.0, 6.0, 0.1), np.arange(-1.0, 3.0, 0.1), np.arange(-2.0, 2.0, 0.1))
    inside = structure_fractions(case.structures["PTV"], *grid) > 0.5
    points = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1)[inside]
    change = TissueChange(ExponentialEdema(0.5, 10.0), "before_implant")
    start = time.perf_counter()
    seeds = displaced_seeds(case.implant, Displacement(isotropic_sd=0.2), range(1000), 1)
    ensemble_changed_dose(
        lambda dose: np.quantile(dose, 0.1), points, seeds, case.implant.air_kerma_strengths, T, source,
        change=change, field=change.field(case), threads=2,
    )  # fmt: skip
    assert time.perf_counter() - start < 60.0
