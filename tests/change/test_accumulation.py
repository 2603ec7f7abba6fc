"""Integrals over decay: closed forms, estimated errors, batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import hyp1f1

from mcsim.invalid_input import InvalidInput
from validation.change import (
    Accumulation,
    ExponentialEdema,
    LinearEdema,
    VolumeCourse,
    VolumeSeries,
    accumulate,
    decay_nodes,
)
from validation.change.decay_nodes import clenshaw_curtis

T = 59.4  # d
DECAY = math.log(2.0) / T


def inverse_square(course: VolumeCourse):
    """Dose of a point that moves with the tissue about a 1/r² source that does too, relative to no change."""
    return lambda times: course.relative_volume(times) ** (-2.0 / 3.0)


def over(course: VolumeCourse, **options) -> Accumulation:
    return Accumulation(
        T, breakpoints_d=course.breakpoints_d, constant_from_d=course.constant_from_d, **options
    )


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


def test_rules_are_nested_and_exact_for_polynomials() -> None:
    for level in range(1, 7):
        nodes, weights = clenshaw_curtis(level)
        np.testing.assert_allclose(
            nodes[:: 2 if level > 1 else 1][: len(nodes)], nodes[:: 2 if level > 1 else 1]
        )
        if level > 1:
            np.testing.assert_allclose(nodes[::2], clenshaw_curtis(level - 1)[0], atol=1e-16)
        for power in range(2**level + 1):
            assert weights @ nodes**power == pytest.approx(1.0 / (power + 1), rel=1e-12)
        assert (weights > 0).all()


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
    accumulation, batches = over(course, tolerance=1e-6), []
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
    result = accumulate(
        lambda t: np.where(t < 17.3, 1.0, 2.0), Accumulation(T, tolerance=1e-6, deepest_level=3)
    )
    assert not result.converged
    assert result.relative_error > 1e-6
    assert len(result.times_d) == 9


@pytest.mark.parametrize("course", [ExponentialEdema(0.5, 10.0), LinearEdema(0.5, 20.0)])
def test_a_fixed_rule_is_that_of_the_adaptive_one(course: VolumeCourse) -> None:
    rule = decay_nodes(T, level=4, breakpoints_d=course.breakpoints_d, constant_from_d=course.constant_from_d)
    dose = inverse_square(course)(rule.times_d)
    fine = accumulate(inverse_square(course), over(course, tolerance=1e-9))
    assert rule.weights @ dose == pytest.approx(float(fine.dose[0]), rel=1e-7)
    assert rule.coarse_weights @ dose == pytest.approx(float(fine.dose[0]), rel=1e-3)
    assert rule.coarse_weights.sum() == pytest.approx(1.0, rel=1e-14)


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
    rules = [decay_nodes(T, level=4, start_d=a, until_d=b) for a, b in ((0.0, 12.0), (12.0, np.inf))]
    total = sum(rule.weights @ inverse_square(course)(rule.times_d) for rule in rules)
    assert total == pytest.approx(exponential_exact(0.5, 10.0), rel=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Accumulation(0.0), "half-life is 0 d"),
        (lambda: Accumulation(T, tolerance=0.0), "tolerance of the time integral is 0"),
        (lambda: Accumulation(T, until_d=(0.0, 3.0)), "time to the first day to which dose is wanted is 0 d"),
        (lambda: Accumulation(T).add([0.0, 1.0], [1.0]), "expected the 2 points in time first"),
        (lambda: Accumulation(T).add([0.0], [np.nan]), "not finite"),
        (lambda: decay_nodes(T, level=0), "level of the time rule is 0"),
        (lambda: decay_nodes(-1.0), "half-life is -1 d"),
    ],
)
def test_impossible_input_is_refused(make, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
