"""Gamma against pymedphys, closed forms and noise of known size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.evaluate.gamma import gamma_index
from validation.evaluate.gamma_noise import noise_free_pass_rate

# Made by make_pymedphys_gamma.py, which says how.
STORED = np.load(Path(__file__).with_name("pymedphys_gamma.npz"))
CASES = range(3)

# Both search the same points of the same trilinear interpolant and differ in the order of a dozen floating-point
# operations: 1e-13 was seen. 1e-9 leaves room for another processor's rounding and would still show a shell, a point or
# a weight that differs.
AGREEMENT = 1e-9


def _stored(number: int) -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray], np.ndarray, dict]:
    axes = [[STORED[f"{number}_{side}_{a}"] for a in "xyz"] for side in ("reference", "evaluated")]
    doses = [STORED[f"{number}_{side}_dose"] for side in ("reference", "evaluated")]
    told = json.loads(str(STORED[f"{number}_name"]))
    return axes[0], doses[0], axes[1], doses[1], told["criteria"]


@pytest.mark.parametrize("number", CASES)
def test_gamma_is_that_of_pymedphys(number: int) -> None:
    *doses, criteria = _stored(number)
    found, expected = gamma_index(*doses, **criteria), STORED[f"{number}_gamma"]
    np.testing.assert_array_equal(np.isnan(found.gamma), np.isnan(expected))
    np.testing.assert_allclose(found.gamma, expected, atol=AGREEMENT, rtol=0)
    judged = expected[np.isfinite(expected)]
    assert 200 < judged.size == found.judged
    # The cases test something: both verdicts and the limit occur.
    assert 50 < found.pass_rate == 100 * np.mean(judged <= 1) < 99
    assert found.at_limit == np.sum(judged == criteria["max_gamma"])


@pytest.mark.parametrize("number", CASES)
def test_gamma_is_that_of_an_installed_pymedphys(number: int) -> None:
    pymedphys = pytest.importorskip("pymedphys", reason="pymedphys is not installed")
    axes, dose, other_axes, other_dose, criteria = _stored(number)
    expected = pymedphys.gamma(
        tuple(axes), dose, tuple(other_axes), other_dose, criteria["dose_percent"], criteria["distance"],
        lower_percent_dose_cutoff=criteria["lower_dose_cut_off"], interp_fraction=criteria["interpolation_fraction"],
        max_gamma=criteria["max_gamma"], local_gamma=criteria["local"],
        global_normalisation=criteria["normalisation"],
    )  # fmt: skip
    found = gamma_index(axes, dose, other_axes, other_dose, **criteria).gamma
    np.testing.assert_allclose(found, expected, atol=AGREEMENT, rtol=0)


AXES = [np.linspace(-1.0, 1.0, 21)] * 3
CRITERIA = {"dose_percent": 3.0, "distance": 0.3, "normalisation": 100.0, "lower_dose_cut_off": 0.0}


def _ramp(slope: float, level: float = 100.0) -> np.ndarray:
    return np.broadcast_to(level + slope * AXES[0][:, None, None], (21, 21, 21)).copy()


def test_a_uniform_difference_is_the_dose_term() -> None:
    found = gamma_index(AXES, np.full((21,) * 3, 100.0), AXES, np.full((21,) * 3, 104.5), **CRITERIA)
    np.testing.assert_allclose(found.gamma, 1.5, rtol=1e-12)
    assert (found.pass_rate, found.mean, found.maximum) == pytest.approx((0.0, 1.5, 1.5))


def test_a_shifted_ramp_is_the_generalised_distance() -> None:
    # Low et al. 1998: for a uniform gradient G and difference Δ, the point and the plane D = D₀ + G r in the scaled
    # space are |Δ| / √(δ² + (G d)²) apart. A step of d/20, 0.05 in γ, misses the foot by half a step and
    # the axis by half a row: 0.4 % of γ = 0.4, always to the large side.
    slope, difference = 40.0, 5.0
    found = gamma_index(
        AXES,
        _ramp(slope),
        AXES,
        _ramp(slope) + difference,
        interpolation_fraction=20,
        max_gamma=1.2,
        **CRITERIA,
    )
    expected = difference / np.hypot(3.0, slope * 0.3)
    assert expected <= found.gamma[10, 10, 10] < 1.006 * expected


def test_the_local_criterion_is_of_the_own_dose() -> None:
    reference = np.where(AXES[0][:, None, None] < 0, 50.0, 200.0) * np.ones((21,) * 3)
    found = gamma_index(AXES, reference, AXES, 1.02 * reference, local=True, **CRITERIA)
    # Far from the step (more than 2 × 0.3 cm) only the dose counts: 2 % of 3 %.
    np.testing.assert_allclose(found.gamma[[0, 20]], 2 / 3, rtol=1e-12)


def test_uneven_axes_are_searched_as_a_whole() -> None:
    # Against all points of all shells, by another interpolation.
    rng = np.random.default_rng(8)
    reference, evaluated = rng.uniform(50, 200, (2, 9, 9, 9))
    axes = [np.array([0.0, 0.1, 0.25, 0.3, 0.45, 0.5, 0.7, 0.75, 0.9])] * 3
    criteria = {"dose_percent": 3.0, "distance": 0.12, "normalisation": 100.0, "interpolation_fraction": 6}
    found = gamma_index(axes, reference, axes, evaluated, max_gamma=2.5, **criteria).gamma
    from scipy.interpolate import RegularGridInterpolator

    from validation.evaluate.gamma import _shells

    dose_at = RegularGridInterpolator(axes, evaluated, bounds_error=False, fill_value=np.nan)
    shells, radii = _shells(0.12, 6, 2.5)
    for i, j, k in rng.integers(0, 9, (40, 3)):
        centre = np.array([axes[0][i], axes[1][j], axes[2][k]])
        least = min(
            np.nanmin(((dose_at(centre + shell.T) - reference[i, j, k]) / 3.0) ** 2, initial=np.inf)
            + (r / 0.12) ** 2
            for shell, r in zip(shells, radii, strict=True)
        )
        assert found[i, j, k] == pytest.approx(min(np.sqrt(least), 2.5), rel=1e-9)


def test_what_is_not_judged_is_not_a_number() -> None:
    reference = _ramp(40.0)
    mask = np.zeros(reference.shape, dtype=bool)
    mask[5:] = True
    hole = reference.copy()
    hole[12] = np.nan
    found = gamma_index(AXES, hole, AXES, reference, mask=mask, **{**CRITERIA, "lower_dose_cut_off": 90.0})
    nothing = ~mask | np.isnan(hole) | (reference < 90)
    np.testing.assert_array_equal(np.isnan(found.gamma), nothing)
    assert found.judged == int((~nothing).sum())
    assert found.pass_rate == 100.0


def test_a_hole_in_the_evaluated_dose_is_not_searched_but_its_neighbours_are() -> None:
    reference = _ramp(40.0)
    hole = reference.copy()
    hole[12] = np.nan
    found = gamma_index(AXES, reference, AXES, hole, **CRITERIA)
    # A voxel beside the hole is compared with its own equal; one in the hole with a dose 0.1 cm away, 4 Gy off: the
    # nearest point with a dose lies just beyond the next plane, γ² = (4/3)² + (0.1/0.3)².
    np.testing.assert_array_equal(found.gamma[[11, 13]], 0.0)
    assert found.gamma[12, 10, 10] == pytest.approx(np.hypot(4 / 3, 1 / 3), rel=0.12)
    away = gamma_index(AXES, reference, [axis + 9.0 for axis in AXES], reference, **CRITERIA)
    assert (away.judged, away.out_of_reach) == (0, reference.size)
    assert np.isnan(away.pass_rate)


def test_the_number_of_threads_changes_nothing() -> None:
    *doses, criteria = _stored(0)
    one, three = (gamma_index(*doses, threads=n, **criteria).gamma for n in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_uncertainties_widen_the_dose_criterion() -> None:
    shape = (21, 21, 21)
    found = gamma_index(
        AXES, np.full(shape, 100.0), AXES, np.full(shape, 106.5),
        reference_std_dev=np.full(shape, 4.0), evaluated_std_dev=np.full(shape, 12.0), **CRITERIA,
    )  # fmt: skip
    # √(3² + 4² + 12²) = 13.
    np.testing.assert_allclose(found.gamma, 0.5, rtol=1e-12)


def _pair() -> tuple[list[np.ndarray], np.ndarray, np.ndarray, dict]:
    """A smooth pair of doses of which about 83 % pass."""
    axes = [0.1 * (np.arange(24) - 11.5)] * 3
    x, y, z = np.meshgrid(*axes, indexing="ij")
    seeds = np.random.default_rng(5).uniform(-0.6, 0.6, (8, 3))

    def dose(shift: float) -> np.ndarray:
        return np.asarray(
            sum(3 / ((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 + 0.02) for a, b, c in seeds + shift)
        )

    criteria = {
        "dose_percent": 3.0,
        "distance": 0.1,
        "normalisation": 30.0,
        "local": True,
        "interpolation_fraction": 5,
    }
    return axes, dose(0.0), dose(0.06) * (1 + 0.06 * np.sin(3 * x) * np.cos(2 * y)), criteria


@pytest.mark.parametrize(
    ("in_reference", "in_evaluated", "local"), [(0.03, 0.0, False), (0.0, 0.03, True), (0.015, 0.015, True)]
)
def test_the_noise_free_pass_rate_is_that_of_the_doses_without_noise(
    in_reference: float, in_evaluated: float, local: bool
) -> None:
    axes, reference, evaluated, criteria = _pair()
    criteria["local"] = local
    mask = reference >= 6.0
    free = gamma_index(axes, reference, axes, evaluated, mask=mask, **criteria).pass_rate
    s_r, s_e = in_reference * reference, in_evaluated * evaluated
    rng = np.random.default_rng(42)
    found = [
        noise_free_pass_rate(
            axes, reference + s_r * rng.standard_normal(mask.shape),
            axes, evaluated + s_e * rng.standard_normal(mask.shape),
            reference_std_dev=s_r, evaluated_std_dev=s_e, mask=mask, lower_dose_cut_off=0.0, repeats=2, **criteria,
        )
        for _ in range(4)
    ]  # fmt: skip
    observed, noise_free = (
        np.mean([getattr(rate, name) for rate in found]) for name in ("observed", "noise_free")
    )
    # Noise of 3 % moves the rate by −1.8 (reference) and +1.3 (evaluated) points. The straight line leaves up to 0.5;
    # the mean of four realisations in about 8,000 voxels, each with a spread of 0.2 to 0.3, adds 0.15 (1σ).
    assert abs(noise_free - free) < 0.8
    if in_reference != in_evaluated:
        assert (observed - free) * (1 if in_evaluated else -1) > 0.8
        assert abs(noise_free - free) < 0.6 * abs(observed - free)
    assert all(0 < rate.std_dev < 1.0 for rate in found)


def test_what_gamma_cannot_do_is_refused() -> None:
    dose = np.full((21,) * 3, 100.0)
    for change, message in (
        ({"distance": 0.0}, "distance criterion is 0 cm"),
        ({"max_gamma": 1.0}, "largest gamma is 1, expected"),
        ({"mask": np.ones((2, 2, 2))}, r"shape of the mask is \(2, 2, 2\), expected \(21, 21, 21\)"),
    ):
        with pytest.raises(InvalidInput, match=message):
            gamma_index(AXES, dose, AXES, dose, **{**CRITERIA, **change})
    with pytest.raises(InvalidInput, match=r"shape of the evaluated dose is \(21, 21\)"):
        gamma_index(AXES, dose, AXES, dose[0], **CRITERIA)
    with pytest.raises(InvalidInput, match="reference x axis"):
        gamma_index([AXES[0][::-1], *AXES[1:]], dose, AXES, dose, **CRITERIA)
    with pytest.raises(InvalidInput, match="number of doses with a standard uncertainty is 0"):
        noise_free_pass_rate(AXES, dose, AXES, dose, **CRITERIA)
