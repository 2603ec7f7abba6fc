"""Radiobiological models against closed forms, quadrature and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad

from mcsim.invalid_input import InvalidInput
from validation.evaluate.biology import (
    equivalent_dose_2gy,
    equivalent_uniform_dose,
    survival_equivalent_uniform_dose,
    tumour_control_probability,
)
from validation.evaluate.biology_dose import (
    biologically_effective_dose,
    course_effective_dose,
    decaying_dose_rate,
    edema_dose_factor,
)

IODINE = 59.4  # d


@settings(max_examples=20, deadline=None)
@given(
    dose=st.floats(1.0, 300.0),
    half_life=st.sampled_from([9.7, 16.99, 59.4]),
    alpha_beta=st.floats(1.5, 12.0),
    repair=st.floats(0.25, 6.0),
)
def test_bed_is_the_closed_form_of_dale(
    dose: float, half_life: float, alpha_beta: float, repair: float
) -> None:
    decay, mu = np.log(2) / half_life, np.log(2) * 24 / repair
    expected = dose * (1 + decay * dose / ((mu + decay) * alpha_beta))
    # 30 half-lives leave out 2⁻³⁰ = 1e-9 of the dose.
    assert float(biologically_effective_dose(dose, half_life, alpha_beta, repair)) == pytest.approx(
        expected, rel=3e-9
    )


def test_bed_with_edema_is_the_double_integral_of_lea_and_catcheside() -> None:
    # Half-lives close to each other and to the repair, so that every term matters.
    half_life, edema, magnitude, repair, alpha_beta, dose = 2.0, 1.0, 0.8, 12.0, 3.0, 20.0
    decay, mu = np.log(2) / half_life, np.log(2) * 24 / repair

    def rate(t: float) -> float:
        return float(dose * decay * np.exp(-decay * t) * (1 + magnitude * 2 ** (-t / edema)) ** (-2 / 3))

    end = 40.0
    total = quad(rate, 0, end, limit=200, epsrel=1e-10)[0]
    # The kernel of the inner integral is steep at its upper end: in u = t − t'.
    pairs = dblquad(
        lambda u, t: rate(t) * rate(t - u) * np.exp(-mu * u), 0, end, 0, lambda t: t, epsrel=1e-8
    )[0]
    expected = total + 2 / alpha_beta * pairs
    found = biologically_effective_dose(
        dose, half_life, alpha_beta, repair, edema_magnitude=magnitude, edema_half_life=edema
    )
    # The dose rate is an exponential between nodes 0.025 half-lives of the edema apart: second order, 1e-5; what is
    # left after 40 d, 1e-6.
    assert float(found) == pytest.approx(expected, rel=2e-5)
    assert total / dose == pytest.approx(edema_dose_factor(magnitude, edema, half_life), rel=1e-5)


def test_a_short_exposure_is_an_acute_dose_and_a_slow_one_has_no_quadratic_part() -> None:
    # D (1 + D/(α/β)) where nothing is repaired meanwhile, D where everything is.
    times = np.linspace(0, 1e-4, 5)
    acute = course_effective_dose(times, np.full(5, 2.0 / 1e-4), 3.0, 100.0)
    assert float(acute) == pytest.approx(2 * (1 + 2 / 3), rel=1e-4)
    assert float(biologically_effective_dose(100.0, 1e4, 3.0, 0.01)) == pytest.approx(100.0, rel=1e-5)


def test_repopulation_ends_at_the_effective_treatment_time() -> None:
    # TG-137: T_eff = (T½/ln 2) ln(α D T_d/T½) where the quadratic part is small; BED = D(T_eff) − ln 2 T_eff/(α T_d).
    dose, alpha, doubling = 145.0, 0.15, 42.0
    effective = IODINE / np.log(2) * np.log(alpha * dose * doubling / IODINE)
    expected = dose * (1 - 2 ** (-effective / IODINE)) - np.log(2) * effective / (alpha * doubling)
    found = biologically_effective_dose(dose, IODINE, 1e9, 1.0, alpha=alpha, doubling_time=doubling)
    # The maximum is flat: nodes 1.5 d apart miss it by 1e-5.
    assert float(found) == pytest.approx(expected, rel=2e-5)
    late = biologically_effective_dose(
        dose, IODINE, 1e9, 1.0, alpha=alpha, doubling_time=doubling, kick_off_time=30.0
    )
    assert float(late) == pytest.approx(expected + np.log(2) * 30 / (alpha * doubling), rel=2e-5)
    assert float(biologically_effective_dose(1.0, IODINE, 10.0, 1.0, alpha=0.1, doubling_time=2.0)) == 0.0


def test_doses_of_many_voxels_are_those_of_each() -> None:
    doses = np.array([[0.0, 50.0], [145.0, 400.0]])
    options = {"alpha": 0.2, "doubling_time": 40.0, "edema_magnitude": 0.5, "edema_half_life": 10.0}
    together = biologically_effective_dose(doses, IODINE, 3.0, 1.5, **options)
    one_by_one = [float(biologically_effective_dose(d, IODINE, 3.0, 1.5, **options)) for d in doses.ravel()]
    np.testing.assert_allclose(together.ravel(), one_by_one, rtol=1e-12)
    times, rate = decaying_dose_rate(IODINE, edema_magnitude=0.5, edema_half_life=10.0, repair_half_time=1.5)
    course = course_effective_dose(
        times, rate[:, None, None] * doses, 3.0, 1.5, alpha=0.2, doubling_time=40.0
    )
    np.testing.assert_allclose(course, together, rtol=1e-9)


@pytest.mark.parametrize(("magnitude", "percent"), [(0.0, 0.0), (0.5, -3.97)])
def test_edema_lowers_the_dose_as_published(magnitude: float, percent: float) -> None:
    # M = 0.5 resolving with 10 d: the oracle of an inverse-square dose, to its last digit.
    assert 100 * (edema_dose_factor(magnitude, 10.0, IODINE) - 1) == pytest.approx(percent, abs=0.005)


def test_two_gray_fractions_are_their_own_equivalent() -> None:
    for alpha_beta in (1.5, 3.0, 10.0):
        bed = 30 * 2.0 * (1 + 2.0 / alpha_beta)
        assert float(equivalent_dose_2gy(bed, alpha_beta)) == pytest.approx(60.0, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    doses=st.lists(st.floats(1.0, 500.0), min_size=2, max_size=6),
    a=st.sampled_from([-20.0, -5.0, -1.0, 1.0, 4.0, 20.0]),
    scale=st.floats(0.1, 10.0),
)
def test_the_generalised_eud_is_a_mean(doses: list[float], a: float, scale: float) -> None:
    volumes = np.arange(1.0, len(doses) + 1)
    found = equivalent_uniform_dose(doses, volumes, a)
    assert min(doses) * (1 - 1e-12) <= found <= max(doses) * (1 + 1e-12)
    assert equivalent_uniform_dose(scale * np.array(doses), volumes, a) == pytest.approx(
        scale * found, rel=1e-9
    )
    assert equivalent_uniform_dose(doses, volumes, 1.0) == pytest.approx(np.average(doses, weights=volumes))
    assert equivalent_uniform_dose([doses[0]] * 3, [1, 2, 3], a) == pytest.approx(doses[0], rel=1e-12)
    # Power means rise with the power.
    assert equivalent_uniform_dose(doses, volumes, a + 1.5) >= found * (1 - 1e-9)


def test_limits_of_the_eud() -> None:
    doses, volumes = [40.0, 80.0, 120.0], [1.0, 2.0, 0.5]
    assert equivalent_uniform_dose(doses, volumes, 2000.0) == pytest.approx(120.0, rel=2e-3)
    assert equivalent_uniform_dose(doses, volumes, -2000.0) == pytest.approx(40.0, rel=2e-3)
    assert equivalent_uniform_dose([0.0, 10.0], [1.0, 1.0], -5.0) == 0.0
    assert survival_equivalent_uniform_dose([70.0] * 4, [1, 2, 3, 4], 0.3) == pytest.approx(70.0, rel=1e-12)
    assert survival_equivalent_uniform_dose(doses, volumes, 1e-6) == pytest.approx(
        np.average(doses, weights=volumes), rel=1e-4
    )
    assert survival_equivalent_uniform_dose([1e4, 2e4], [1, 1], 1.0) == pytest.approx(1e4 + np.log(2))


def test_tumour_control_probability() -> None:
    volume = np.array([1.0, 3.0])
    # No dose: e^(−ρV), and one clonogen per dose of ln 2/α has e^(−1/2).
    assert tumour_control_probability([0.0, 0.0], volume, 0.3, 1e-1) == pytest.approx(np.exp(-0.4))
    assert tumour_control_probability([np.log(2) / 0.3] * 2, [0.5, 0.5], 0.3, 1.0) == pytest.approx(
        np.exp(-0.5)
    )
    assert tumour_control_probability([200.0, 300.0], volume, 0.3, 1e7) == pytest.approx(1.0)
    assert tumour_control_probability([0.0, 300.0], volume, 0.3, 1e7) == 0.0
    # The same through the uniform BED, and a narrow spread of α changes nothing.
    beds = np.array([55.0, 75.0])
    uniform = survival_equivalent_uniform_dose(beds, volume, 0.3)
    one = tumour_control_probability(beds, volume, 0.3, 1e7)
    assert tumour_control_probability([uniform] * 2, volume, 0.3, 1e7) == pytest.approx(one, rel=1e-9)
    assert tumour_control_probability(beds, volume, 0.3, 1e7, 1e-5) == pytest.approx(one, rel=1e-3)


def test_a_spread_of_radiosensitivity_is_the_integral() -> None:
    beds, volume, alpha, spread, density = np.array([60.0, 80.0]), np.array([1.0, 2.0]), 0.3, 0.06, 1e7

    def integrand(a: float) -> float:
        survivors = density * float(volume @ np.exp(-a * beds))
        return float(np.exp(-survivors) * np.exp(-(((a - alpha) / spread) ** 2) / 2))

    top = quad(integrand, 0, alpha + 6 * spread, limit=200)[0]
    bottom = quad(lambda a: np.exp(-(((a - alpha) / spread) ** 2) / 2), 0, alpha + 6 * spread)[0]
    assert tumour_control_probability(beds, volume, alpha, density, spread) == pytest.approx(
        top / bottom, rel=1e-4
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: biologically_effective_dose(-1.0, IODINE, 3.0, 1.5), "dose is -1 Gy at index 0"),
        (lambda: biologically_effective_dose(1.0, 0.0, 3.0, 1.5), "half-life is 0 d"),
        (lambda: biologically_effective_dose(1.0, IODINE, 3.0, 1.5, doubling_time=40.0), "alpha is 0 1/Gy"),
        (lambda: biologically_effective_dose(1.0, IODINE, 3.0, 1.5, edema_magnitude=0.5), "half-life of None d"),
        (lambda: course_effective_dose([0.0, 1.0], [1.0, -1.0], 3.0, 1.5), "dose rate is negative or undefined in 1"),
        (lambda: course_effective_dose([1.0, 0.0], [1.0, 1.0], 3.0, 1.5), r"times have shape \(2,\)"),
        (lambda: equivalent_uniform_dose([1.0], [1.0], 0.0), "parameter a of the gEUD is 0"),
        (lambda: equivalent_uniform_dose([1.0], [0.0], 1.0), "volumes of 1 voxels sum to 0"),
        (lambda: equivalent_dose_2gy(1.0, 0.0), "alpha/beta is 0 Gy"),
        (lambda: tumour_control_probability([1.0], [1.0], 0.3, 1e7, -1.0), "spread of alpha is -1"),
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(call, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
