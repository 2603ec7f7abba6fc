"""Ensembles of one implant: each member is the implant it stands for, and their mean is the known one."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest
from scipy.special import dawsn

import tg43
from tg43.array_checks import FloatArray
from tg43.ensemble import MEMBERS_AT_ONCE, POINTS_AT_ONCE
from tg43.source_data import SourceData

MEMBERS, SEEDS, POINTS = 2 * MEMBERS_AT_ONCE + 9, 4, POINTS_AT_ONCE + 1001


@pytest.fixture(scope="module")
def seed() -> SourceData:
    return tg43.load_source("6711")


@pytest.fixture(scope="module")
def ensemble() -> dict[str, FloatArray]:
    rng = np.random.default_rng(43)
    axes = rng.normal(size=(MEMBERS, SEEDS, 3))
    positions = rng.uniform(-1.5, 1.5, (SEEDS, 3)) + 0.1 * rng.normal(size=(MEMBERS, SEEDS, 3))
    return {
        "points": rng.uniform(-2, 2, (POINTS, 3)),
        "positions": positions,
        "axes": axes / np.linalg.norm(axes, axis=-1, keepdims=True),
        "air_kerma_strengths": rng.uniform(0.3, 0.8, (MEMBERS, SEEDS)) * (rng.random((MEMBERS, SEEDS)) > 0.1),
    }


@pytest.mark.parametrize("formalism", ["line", "point"])
def test_every_member_is_the_implant_it_stands_for(
    seed: SourceData, ensemble: dict[str, FloatArray], formalism: str
) -> None:
    rates = tg43.ensemble_dose_rate(**ensemble, source=seed, formalism=formalism)
    assert rates.shape == (MEMBERS, POINTS)
    for member in (0, 1, MEMBERS // 2, MEMBERS - 1):
        implant = [ensemble[name][member] for name in ("positions", "axes", "air_kerma_strengths")]
        alone = tg43.dose_rate(ensemble["points"], *implant, seed, method="fast", formalism=formalism)
        assert np.array_equal(rates[member], alone)
        exact = tg43.dose_rate(ensemble["points"], *implant, seed, formalism=formalism)
        # What the fast method is held to: 5e-5 and rounding
        assert rates[member] == pytest.approx(exact, rel=6e-5)


def test_axes_and_strengths_of_all_members_are_given_once(
    seed: SourceData, ensemble: dict[str, FloatArray]
) -> None:
    axes, strengths = ensemble["axes"][3], ensemble["air_kerma_strengths"][5]
    shared: dict[str, Any] = {**ensemble, "axes": axes, "air_kerma_strengths": strengths}
    each: dict[str, Any] = {
        **ensemble,
        "axes": np.tile(axes, (MEMBERS, 1, 1)),
        "air_kerma_strengths": np.tile(strengths, (MEMBERS, 1)),
    }
    assert np.array_equal(
        tg43.ensemble_dose_rate(**shared, source=seed), tg43.ensemble_dose_rate(**each, source=seed)
    )


def test_a_lost_seed_gives_no_dose(seed: SourceData, ensemble: dict[str, FloatArray]) -> None:
    strengths = np.array([0.5, 0.0, 0.6, 0.7])
    all_but_one = [0, 2, 3]
    lost = tg43.ensemble_dose_rate(**{**ensemble, "air_kerma_strengths": strengths}, source=seed)
    absent = tg43.ensemble_dose_rate(
        ensemble["points"],
        ensemble["positions"][:, all_but_one],
        ensemble["axes"][:, all_but_one],
        strengths[all_but_one],
        seed,
    )
    assert np.array_equal(lost, absent)


def test_results_do_not_depend_on_the_number_of_threads(
    seed: SourceData, ensemble: dict[str, FloatArray]
) -> None:
    one = tg43.ensemble_dose_rate(**ensemble, source=seed)
    spread = tg43.ensemble_moments(**ensemble, source=seed)
    for threads in (2, 3):
        assert np.array_equal(one, tg43.ensemble_dose_rate(**ensemble, source=seed, threads=threads))
        again = tg43.ensemble_moments(**ensemble, source=seed, threads=threads)
        assert np.array_equal(spread.mean, again.mean)
        assert np.array_equal(spread.std_dev, again.std_dev)
        whole = tg43.map_ensemble(lambda rate: rate, **ensemble, source=seed, threads=threads)
        assert np.array_equal(one, whole)


def test_a_function_sees_each_member_in_order(seed: SourceData, ensemble: dict[str, FloatArray]) -> None:
    rates = tg43.ensemble_dose_rate(**ensemble, source=seed)
    quantiles = tg43.map_ensemble(
        lambda rate: np.quantile(rate, [0.02, 0.1]), **ensemble, source=seed, threads=2
    )
    assert np.array_equal(quantiles, np.quantile(rates, [0.02, 0.1], axis=1).T)
    largest = tg43.map_ensemble(np.max, **ensemble, source=seed)
    assert np.array_equal(largest, rates.max(axis=1))


def test_moments_are_those_of_the_members(seed: SourceData, ensemble: dict[str, FloatArray]) -> None:
    rates = tg43.ensemble_dose_rate(**ensemble, source=seed)
    moments = tg43.ensemble_moments(**ensemble, source=seed)
    # Rounding of sums of a hundred terms
    assert moments.mean == pytest.approx(rates.mean(axis=0), rel=1e-13)
    assert moments.std_dev == pytest.approx(rates.std(axis=0, ddof=1), rel=1e-11)


def test_members_alike_have_no_spread(seed: SourceData) -> None:
    points = np.random.default_rng(2).uniform(0.3, 2, (50, 3))
    moments = tg43.ensemble_moments(points, np.zeros((200, 1, 3)), [[0, 0, 1]], [0.5], seed)
    # The mean rounds in its last digits.
    assert (moments.std_dev <= 1e-14 * moments.mean).all()


@pytest.mark.parametrize(("s", "d"), [(0.2, 1.2), (0.25, 1.5)])
def test_mean_over_displaced_members_is_the_known_one(seed: SourceData, s: float, d: float) -> None:
    # A 1/r² source displaced by an isotropic Gaussian of standard deviation s about a place at distance d has the
    # mean E[1/r²] = √2/(s d) D(d/(s√2)), D Dawson's function; F, g_L and φ_an of one, and no capsule.
    one = np.ones(2)
    ends = np.array([0.005, 100.0])
    source = replace(
        seed, dose_rate_constant=100.0, active_length=1e-4, capsule_length=1e-3, capsule_radius=1e-4,
        radial_distances=ends, radial_dose=one, radial_dose_point=one,
        anisotropy_distances=ends, anisotropy_angles=np.array([0.0, np.pi / 2]), anisotropy=np.ones((2, 2)),
        anisotropy_factor_distances=ends, anisotropy_factor=one,
    )  # fmt: skip
    number = 100_000
    displaced = s * np.random.default_rng(14).normal(size=(number, 1, 3))
    points = d * np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    # Of the variance what nears the singularity counts little as long as nobody is close.
    assert np.linalg.norm(displaced - points, axis=-1).min() > s
    moments = tg43.ensemble_moments(points, displaced, [[0, 0, 1]], [1.0], source)
    expected = np.sqrt(2.0) / (s * d) * dawsn(d / (s * np.sqrt(2.0)))
    standard = moments.std_dev / np.sqrt(number)
    assert (standard < 2e-3 * expected).all()  # of an effect of 3 %
    # Six normal deviates, together one false alarm in a million
    assert (np.abs(moments.mean - expected) < 5.2 * standard).all()


def test_an_ensemble_of_nothing_is_empty(seed: SourceData) -> None:
    point = [[0.0, 0.0, 0.0]]
    assert tg43.ensemble_dose_rate(
        point, np.empty((0, 2, 3)), None, [1, 1], seed, formalism="point"
    ).shape == (0, 1)
    assert tg43.ensemble_dose_rate(np.empty((0, 3)), np.zeros((2, 1, 3)), [[0, 0, 1]], [1], seed).shape == (
        2,
        0,
    )
    no_seeds = tg43.ensemble_moments(point, np.empty((3, 0, 3)), np.empty((0, 3)), [], seed)
    assert no_seeds.mean.tolist() == no_seeds.std_dev.tolist() == [0.0]
    assert tg43.ensemble_moments(
        np.empty((0, 3)), np.zeros((2, 1, 3)), [[0, 0, 1]], [1], seed
    ).mean.shape == (0,)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"positions": [[0, 0, 0]]},
            r"positions is an array of shape \(1, 3\), expected shape \(members, n, 3\)",
        ),
        ({"axes": [[0, 0, 2]]}, r"length of axes\[0\] is 2, expected 1 within 1e-05"),
        ({"axes": [[[0, 0, 1]], [[0, 1, 1]], [[1, 0, 0]]]}, r"length of axes\[1, 0\] is 1.41421, expected 1"),
        ({"axes": [[[0, 0, 1]]]}, r"axes is an array of shape \(1, 1, 3\), expected shape \(3, 1, 3\)"),
        ({"axes": [[0, 0, 1], [0, 1]]}, r"axes is of type list, expected an array of numbers"),
        ({"axes": None}, r"axes is None, .*use formalism='point'"),
        ({"air_kerma_strengths": [0.5, 0.5]}, r"air_kerma_strengths .* expected shape \(1,\)"),
        ({"air_kerma_strengths": [[0.5], [-1.0], [0.5]]}, r"air_kerma_strengths\[1, 0\] is -1 U"),
        ({"points": [[0, 0, np.nan]]}, r"points\[0, 2\] is nan cm"),
        ({"formalism": "3D"}, r"formalism is '3D', expected one of line, point"),
        ({"threads": 0}, r"threads is 0, expected an integer >= 1"),
    ],
)
def test_an_ensemble_refuses(seed: SourceData, changed: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "points": [[1, 0, 0]], "positions": np.zeros((3, 1, 3)), "axes": [[0, 0, 1]], "air_kerma_strengths": [1.0],
        "source": seed, **changed,
    }  # fmt: skip
    with pytest.raises(tg43.InvalidInput, match=message):
        tg43.ensemble_dose_rate(**arguments)
    with pytest.raises(tg43.InvalidInput, match=message):
        tg43.ensemble_moments(**arguments)
    with pytest.raises(tg43.InvalidInput, match=message):
        tg43.map_ensemble(np.max, **arguments)


def test_a_single_member_has_no_spread(seed: SourceData) -> None:
    with pytest.raises(tg43.InvalidInput, match=r"positions is an array of 1 members, expected at least 2"):
        tg43.ensemble_moments([[1, 0, 0]], np.zeros((1, 1, 3)), [[0, 0, 1]], [1.0], seed)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="speed is that of the compiled kernel")
def test_a_thousand_displaced_plans_take_seconds(seed: SourceData) -> None:
    rng = np.random.default_rng(15)
    points, place = rng.uniform(-1.7, 1.7, (20_000, 3)), rng.uniform(-1.5, 1.5, (15, 3))
    axes, strengths = np.tile([0.0, 0.0, 1.0], (15, 1)), np.full(15, 0.5)
    positions = place + 0.1 * rng.normal(size=(1000, 15, 3))
    tg43.map_ensemble(np.max, points[:10], positions[:1], axes, strengths, seed)  # compiles or loads
    start = time.process_time()
    lowest = tg43.map_ensemble(np.min, points, positions, axes, strengths, seed, threads=2)
    spent = time.process_time() - start
    assert lowest.shape == (1000,)
    # 300 million evaluations; the issue asks for 50 million per second and core and 10 s on two cores. Process time
    # counts the work of both threads and little of what else the machine does.
    assert spent < 6.0
