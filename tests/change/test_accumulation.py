"""Integrals over decay: closed forms, estimated errors, batches."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import hyp1f1

from mcsim.invalid_input import InvalidInput
from validation.change import (
    Accumulation,
    CombinedCourse,
    ExponentialEdema,
    ExponentialShrinkage,
    LinearEdema,
    VolumeCourse,
    VolumeSeries,
    accumulate,
    decay_nodes,
)
from validation.change.accumulation import clenshaw_curtis_nodes
from validation.change.decay_measure import decay_measure

T = 59.4  # d
DECAY = math.log(2.0) / T
EDEMA = ExponentialEdema(0.5, 10.0)


def inverse_square(course: VolumeCourse):
    """Dose of a point that moves with the tissue about a 1/r² source that does too, relative to no change."""
    return lambda times: course.relative_volume(times) ** (-2.0 / 3.0)


def over(course: VolumeCourse, **options) -> Accumulation:
    return Accumulation(T, course, **options)


def exponential_exact(magnitude: float, half_life: float) -> float:
    return quad(lambda u: (1.0 + magnitude * u ** (T / half_life)) ** (-2.0 / 3.0), 0.0, 1.0, epsabs=1e-13)[0]


def linear_exact(magnitude: float, duration: float, residual: float) -> float:
    """∫₀^T (a − b t)^(−2/3) λ e^(−λt) dt by Kummer's function, and the rest at what stays.

    With v = a − b t the integral is λ/b e^(−λa/b) ∫ v^(−2/3) e^(kv) dv, k = λ/b, and ∫₀^x v^(−2/3) e^(kv) dv =
    3 x^(1/3) ₁F₁(1/3; 4/3; k x).
    """
    a, b = 1.0 + magnitude, (magnitude - residual) / duration
    k = DECAY / b
    primitive = [3.0 * x ** (1 / 3) * hyp1f1(1 / 3, 4 / 3, k * x) for x in (1.0 + residual, a)]
    swelling = k * math.exp(-k * a) * (primitive[1] - primitive[0])
    return float(swelling + math.exp(-DECAY * duration) * (1.0 + residual) ** (-2 / 3))


COURSES = [
    ExponentialEdema(0.6, 10.0), ExponentialEdema(0.6, 0.2), ExponentialEdema(2.0, 300.0), LinearEdema(0.5, 20.0),
    LinearEdema(0.18, 30.0, 0.01), VolumeSeries((0.0, 60.0, 180.0), (6.87, 4.44, 4.20)),
    # up and down again: a volume comes on more than one day
    CombinedCourse((VolumeSeries((0.0, 5.0, 40.0), (1.0, 1.8, 1.2)), ExponentialShrinkage(0.01, 0.6))),
]  # fmt: skip


def mean_power(course: VolumeCourse, power: int, start: float = 0.0, until: float = np.inf) -> float:
    """∫ (ln V)^power ds by another rule: adaptive, in time, piece by piece."""
    cuts = (2.0, 20.0, 200.0, *course.breakpoints_d, course.constant_from_d)  # steep courses need the first
    ends = [start, *sorted({d for d in cuts if start < d < until}), until]
    return sum(
        quad(
            lambda t: float(np.log(course.relative_volume(t))) ** power * DECAY * math.exp(-DECAY * t),
            a, min(b, 5_000.0), epsabs=1e-13, epsrel=1e-11, limit=400,
        )[0]
        for a, b in pairwise(ends)
    )  # fmt: skip


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize(("start", "until"), [(0.0, np.inf), (7.0, 90.0)])
def test_gauss_is_exact_to_its_degree(course: VolumeCourse, start: float, until: float) -> None:
    measure = decay_measure(T, course, start, (until,))
    for points in (1, 2, 3):
        states, weights = measure.gauss(points)
        days = measure.days(states)
        assert (weights > 0.0).all()
        assert ((days >= start) & (days <= until)).all()
        # the tissue does stand so on these days
        np.testing.assert_allclose(np.log(course.relative_volume(days)), states, atol=1e-12)
        for power in range(2 * points):
            # 1e-8: what quad tells of kinked and steep courses
            assert weights @ states**power == pytest.approx(
                mean_power(course, power, start, until), rel=1e-7, abs=1e-9
            )


def test_gauss_has_its_closed_form() -> None:
    """V = V₀ 2^(−t/T½) down to nothing: x = ln u has the density e^x, of which Laguerre's is Gauss's rule."""

    class Halving:
        breakpoints_d, constant_from_d = (), np.inf

        def relative_volume(self, time_d):
            return np.maximum(np.exp2(-np.asarray(time_d) / T), 1e-300)

        def record(self):
            return {}

    states, weights = decay_measure(T, Halving(), 0.0, (np.inf,)).gauss(3)
    nodes, expected = np.polynomial.laguerre.laggauss(3)
    # 26 halvings end at u = 1e-8, where e^x x⁵ is 1e-2 of what counts in no moment below
    np.testing.assert_allclose(-states[::-1], nodes, rtol=1e-4)
    np.testing.assert_allclose(weights[::-1], expected, rtol=1e-4)


@pytest.mark.parametrize("course", COURSES)
def test_interpolation_is_exact_for_polynomials_on_every_day(course: VolumeCourse) -> None:
    until = (10.0, 45.0, np.inf)
    measure = decay_measure(T, course, 0.0, until)
    states = measure.low + (measure.high - measure.low) * clenshaw_curtis_nodes(2)
    for day in until:
        weights = measure.interpolating(states, day)
        for power in range(5):
            assert weights @ states**power == pytest.approx(
                mean_power(course, power, 0.0, day), rel=1e-7, abs=1e-9
            )


def test_points_are_nested() -> None:
    for level in range(1, 7):
        np.testing.assert_allclose(
            clenshaw_curtis_nodes(level + 1)[::2], clenshaw_curtis_nodes(level), atol=1e-15
        )


def test_edema_of_the_literature() -> None:
    # M 0.5, 10 d, 59.4 d: −3.97 %
    result = accumulate(inverse_square(ExponentialEdema(0.5, 10.0)), over(ExponentialEdema(0.5, 10.0)))
    assert float(result.dose[0]) - 1.0 == pytest.approx(-0.0397, abs=5e-5)  # as printed
    assert result.converged


@pytest.mark.parametrize("magnitude", [0.1, 0.5, 1.0, 2.0, -0.3])
@pytest.mark.parametrize("half_life", [4.0, 10.0, 25.0, 60.0, 100.0])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-5])
def test_the_estimated_error_is_one(magnitude: float, half_life: float, tolerance: float) -> None:
    course = ExponentialEdema(magnitude, half_life)
    result = accumulate(inverse_square(course), over(course, tolerance=tolerance))
    error = abs(float(result.dose[0]) / exponential_exact(magnitude, half_life) - 1.0)
    assert result.converged
    assert result.relative_error <= tolerance
    assert error <= result.relative_error + 1e-13  # quad's own accuracy


@pytest.mark.parametrize(
    ("magnitude", "duration", "residual"), [(0.18, 30.0, 0.01), (0.5, 10.0, 0.0), (0.5, 200.0, 0.1)]
)
def test_linear_resolution_has_its_closed_form(magnitude: float, duration: float, residual: float) -> None:
    course = LinearEdema(magnitude, duration, residual)
    result = accumulate(inverse_square(course), over(course, tolerance=1e-7))
    assert float(result.dose[0]) == pytest.approx(linear_exact(magnitude, duration, residual), rel=1e-7)


def test_a_linear_volume_itself_has_a_closed_form() -> None:
    # ∫₀^T (1 + M − M t/T) λ e^(−λt) dt + e^(−λT) = 1 + M − M (1 − e^(−λT))/(λT)
    course = LinearEdema(0.5, 20.0)
    result = accumulate(course.relative_volume, over(course, tolerance=1e-9))
    expected = 1.5 - 0.5 * -math.expm1(-DECAY * 20.0) / (DECAY * 20.0)
    assert float(result.dose[0]) == pytest.approx(expected, rel=1e-9)


def test_a_measured_series_is_integrated_piece_by_piece() -> None:
    course = VolumeSeries((0.0, 60.0, 180.0), (6.87, 4.44, 4.20))
    result = accumulate(inverse_square(course), over(course, tolerance=1e-8))
    pieces = [
        quad(
            lambda t: float(course.relative_volume(t)) ** (-2 / 3) * DECAY * math.exp(-DECAY * t), a, b,
            epsabs=1e-13,
        )[0]
        for a, b in ((0.0, 60.0), (60.0, 180.0))
    ]  # fmt: skip
    rest = (4.20 / 6.87) ** (-2 / 3) * math.exp(-DECAY * 180.0)
    assert float(result.dose[0]) == pytest.approx(sum(pieces) + rest, rel=1e-8)


def test_dose_to_a_day_is_the_integral_to_it() -> None:
    course = ExponentialEdema(0.5, 10.0)
    result = accumulate(inverse_square(course), over(course, until_d=(np.inf, 5.0, 30.0), tolerance=1e-8))
    assert result.until_d == (5.0, 30.0, np.inf)
    expected = [
        quad(
            lambda t: (1 + 0.5 * 2 ** (-t / 10)) ** (-2 / 3) * DECAY * math.exp(-DECAY * t),
            0,
            day,
            epsabs=1e-13,
        )[0]
        for day in (5.0, 30.0)
    ]
    np.testing.assert_allclose(result.dose[:2], expected, rtol=1e-8)
    np.testing.assert_allclose(
        result.weights @ inverse_square(course)(result.times_d), result.dose, rtol=1e-12
    )
    np.testing.assert_allclose(
        result.weights.sum(axis=1), -np.expm1(-DECAY * np.array(result.until_d)), rtol=1e-12
    )


def test_without_change_one_geometry_is_asked_for_and_its_dose_kept_to_the_bit() -> None:
    frozen = np.random.default_rng(1).lognormal(size=(7, 5))
    asked = []

    def dose(times):
        asked.extend(times)
        return np.repeat(frozen[None], len(times), axis=0)

    result = accumulate(dose, over(ExponentialEdema(0.0, 10.0), until_d=(30.0, np.inf)))
    assert asked == [0.0]
    np.testing.assert_array_equal(result.dose[-1], frozen)
    np.testing.assert_array_equal(result.quadrature_error, 0.0)
    np.testing.assert_allclose(result.dose[0], frozen * (1 - 2 ** (-30 / T)), rtol=1e-15)


def test_points_come_in_batches_and_none_twice() -> None:
    course = ExponentialEdema(0.5, 4.0)
    accumulation, batches = over(course, tolerance=1e-9), []
    while (times := accumulation.pending()).size:
        batches.append(times)
        with pytest.raises(InvalidInput, match="point\\(s\\) in time are missing"):
            accumulation.result()
        # Jobs may come back one by one, in any order.
        for time in times[::-1]:
            accumulation.add([time], inverse_square(course)(np.array([time])))
    flat = np.concatenate(batches)
    assert [len(b) for b in batches][:2] == [5, 4]
    assert len(np.unique(flat)) == len(flat)
    np.testing.assert_array_equal(np.sort(flat), accumulation.result().times_d)


def test_noise_combines_as_its_correlation_says() -> None:
    course = ExponentialEdema(0.5, 10.0)
    result = accumulate(inverse_square(course), over(course))
    weights, sigma = result.weights[0], np.full(len(result.times_d), 0.02)
    assert result.std_dev(sigma)[0] == pytest.approx(0.02 * np.sqrt((weights**2).sum()))
    assert result.std_dev(sigma, correlated=True)[0] == pytest.approx(0.02)


def test_noise_of_simulations_is_judged_by_the_mean_of_elements() -> None:
    # 2 % noise in every element would never meet 0.5 % in the worst of them.
    noise = np.random.default_rng(3)
    course = ExponentialEdema(0.5, 10.0)

    def dose(times):
        return inverse_square(course)(times)[:, None] * noise.normal(1.0, 0.02, (len(times), 2000))

    judged = accumulate(dose, over(course, tolerance=5e-2, element_weights=np.ones(2000)))
    assert judged.converged
    assert len(judged.times_d) <= 9


def test_a_rule_that_does_not_converge_says_so() -> None:
    # A dose that jumps with the volume.
    result = accumulate(
        lambda t: np.where(t < 17.3, 1.0, 2.0),
        over(ExponentialEdema(0.5, 10.0), tolerance=1e-6, deepest_level=3),
    )
    assert not result.converged
    assert result.relative_error > 1e-6
    assert len(result.times_d) == 9


@pytest.mark.parametrize("course", COURSES)
def test_a_fixed_rule_of_three_points_has_the_integral(course: VolumeCourse) -> None:
    rule = decay_nodes(T, course)
    assert len(rule.counted) == 3
    assert len(rule.times_d) == 5
    dose = inverse_square(course)(rule.times_d)
    fine = float(accumulate(inverse_square(course), over(course, tolerance=1e-11)).dose[0])
    # ln V varies by 1.1 at most: e^(−2x/3) has terms of order 6 below 1e-6, and of order 4 below 1e-4
    assert rule.weights @ dose == pytest.approx(fine, rel=1e-6)
    assert rule.coarse_weights @ dose == pytest.approx(fine, rel=1e-4)
    assert abs(rule.weights @ dose - fine) <= abs(rule.coarse_weights @ dose - rule.weights @ dose)
    for weights in (rule.weights, rule.coarse_weights):
        assert weights.sum() == pytest.approx(1.0, rel=1e-14)


def test_nothing_that_changes_is_one_point() -> None:
    for course in (None, ExponentialEdema(0.0, 10.0), ExponentialShrinkage(0.1, 1.0)):
        rule = decay_nodes(T, course, start_d=3.0)
        assert rule.times_d.tolist() == [3.0]
        assert rule.weights.tolist() == rule.coarse_weights.tolist() == pytest.approx([2 ** (-3.0 / T)])
        assert decay_nodes(T, course).weights.tolist() == [1.0]


@pytest.mark.parametrize(
    "course", [ExponentialEdema(0.5, 10.0), LinearEdema(0.5, 20.0), ExponentialEdema(0.0, 1.0)]
)
def test_stretches_of_time_add_up(course: VolumeCourse) -> None:
    whole = accumulate(inverse_square(course), over(course, tolerance=1e-9)).dose[0]
    parts = (
        accumulate(inverse_square(course), over(course, start_d=a, until_d=(b,), tolerance=1e-9)).dose[0]
        for a, b in ((0.0, 12.0), (12.0, 50.0), (50.0, np.inf))
    )
    assert float(sum(parts)) == pytest.approx(float(whole), rel=1e-8)


def test_parts_of_a_fixed_rule_add_up() -> None:
    course = ExponentialEdema(0.5, 10.0)
    rules = [decay_nodes(T, course, start_d=a, until_d=b) for a, b in ((0.0, 12.0), (12.0, np.inf))]
    total = sum(rule.weights @ inverse_square(course)(rule.times_d) for rule in rules)
    assert total == pytest.approx(exponential_exact(0.5, 10.0), rel=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Accumulation(0.0, EDEMA), "half-life is 0 d"),
        (lambda: over(EDEMA, tolerance=0.0), "tolerance of the time integral is 0"),
        (lambda: over(EDEMA, until_d=(0.0, 3.0)), "time to the first day to which dose is wanted is 0 d"),
        (lambda: over(EDEMA).add([0.0, 1.0], [1.0]), "expected the 2 points in time first"),
        (lambda: over(EDEMA).add([0.0], [np.nan]), "not finite"),
        (lambda: decay_nodes(T, EDEMA, level=0), "level of the time rule is 0"),
        (lambda: decay_nodes(-1.0, EDEMA), "half-life is -1 d"),
        (lambda: decay_nodes(T, EDEMA, start_d=3.0, until_d=3.0), "time to the last day is 0 d"),
    ],
)
def test_impossible_input_is_refused(make, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
