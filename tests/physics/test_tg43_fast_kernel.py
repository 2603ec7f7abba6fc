"""The fast kernel stays within its stated bound of the formalism and does not depend on how work is
shared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import tg43
from tg43.array_checks import FloatArray
from tg43.capsule import signed_distance
from tg43.fast_tables import LARGEST_CHORD, kernel_of
from tg43.source_data import SourceData

# Single precision: 6e-8 in each of some twenty operations, and in distances and angles counted in up to 2e4 and
# 2e3 steps, of which a step of g_L or F makes less than a thousandth.
ROUNDING = 5e-6
# The bound of the issue from 1 mm off the capsule on.
BOUND = 1e-3
NEAREST = 0.1  # cm


def _points(number: int) -> FloatArray:
    """Points from inside the capsule out to 25 cm: half isotropic, half crowded towards the axis, some on
    it."""
    rng = np.random.default_rng(20)
    r = np.exp(rng.uniform(np.log(0.02), np.log(25.0), number))
    theta = np.where(
        rng.random(number) < 0.5, np.arccos(rng.uniform(-1, 1, number)), rng.uniform(0, np.pi, number)
    )
    # At the poles: on the axis itself, and from 1e-9 rad off it.
    theta[: number // 50] = rng.choice([0.0, np.pi], number // 50)
    theta[number // 50 : number // 10] = 10.0 ** rng.uniform(-9, -1, number // 10 - number // 50)
    theta[-number // 50 :] = np.pi / 2
    return _placed(r, theta, rng.uniform(0, 2 * np.pi, number))


def _placed(r: FloatArray, theta: FloatArray, azimuth: FloatArray) -> FloatArray:
    across = r * np.sin(theta)
    return np.stack([across * np.cos(azimuth), across * np.sin(azimuth), r * np.cos(theta)], axis=1)


def _points_at_nodes(source: SourceData) -> FloatArray:
    """Points on and beside every tabulated distance and angle, the ends of the tables and where the fast tables
    end."""
    beside = np.array([-1e-3, -1e-7, 0.0, 1e-7, 1e-3])
    distances = np.concatenate(
        [
            source.radial_distances,
            source.anisotropy_distances,
            source.anisotropy_factor_distances,
            [12.0, 20.0, 30.0],
        ]
    )
    r = (np.unique(distances)[:, np.newaxis] + beside).ravel()
    theta = np.abs(source.anisotropy_angles[:, np.newaxis] + beside).ravel()
    r, theta = (axis.ravel() for axis in np.meshgrid(r[r > 0], theta))
    return _placed(r, theta, np.linspace(0, 100, len(r)))


def _off_the_capsule(points: FloatArray, source: SourceData, formalism: str) -> FloatArray:
    if formalism == "point":
        return np.linalg.norm(points, axis=1) - source.capsule_radius
    return signed_distance(np.hypot(points[:, 0], points[:, 1]), points[:, 2], source)[0]


def _chord_from(nearest: float, source: SourceData, formalism: str) -> float:
    """What a chord of the exponential between nodes is off by, (step · slope)² / 8, from a distance on."""
    nodes = source.radial_distances
    slopes = np.abs(np.diff(np.log(source.radial_dose)) / np.diff(nodes))
    steepest = slopes[nodes[1:] > nearest].max()
    return float((steepest / kernel_of(source, formalism).steps_per_cm) ** 2 / 8)


@pytest.fixture(scope="module")
def points() -> FloatArray:
    return _points(100_000)


@pytest.mark.parametrize("name", tg43.known_sources())
@pytest.mark.parametrize("formalism", ["line", "point"])
def test_fast_method_stays_within_its_bound(name: str, formalism: str, points: FloatArray) -> None:
    source = tg43.load_source(name)
    everywhere = np.concatenate([points, _points_at_nodes(source)])
    seeds = [[0, 0, 0]], [[0, 0, 1]], [1.0]
    exact = tg43.dose_rate(everywhere, *seeds, source, formalism=formalism)
    fast = tg43.dose_rate(everywhere, *seeds, source, method="fast", formalism=formalism)
    deviation = np.abs(fast / exact - 1)
    away = _off_the_capsule(everywhere, source, formalism) >= NEAREST
    assert away.sum() > 60_000
    assert deviation[away].max() < BOUND
    # What these tables hold: rounding, and the chord of g_L where it is steep, both far below the bound. Inside the
    # capsule the value at its wall counts.
    assert deviation[away].max() < ROUNDING + _chord_from(NEAREST + source.capsule_radius, source, formalism)
    assert deviation.max() < LARGEST_CHORD + ROUNDING


def test_fast_method_holds_for_tables_off_its_own_grid(points: FloatArray) -> None:
    # Nodes that are no multiples of 0.1 µm or 0.05°, flat ends and a short active length: the bound of the
    # issue, 0.1 % from 1 mm off the capsule out to 15 cm.
    seed = tg43.load_source("6711")
    angles = np.deg2rad([0.0, 5.13, 10.37, 19.81, 30.29, 40.41, 50.17, 60.23, 70.31, 79.67, 90.0])
    odd = replace(
        seed,
        active_length=0.12,
        radial_distances=seed.radial_distances * 1.0137,
        anisotropy_distances=seed.anisotropy_distances * 0.9871,
        anisotropy_angles=angles,
        capsule_ends="flat",
    )
    away = _off_the_capsule(points, odd, "line") > NEAREST
    points = points[away & (np.linalg.norm(points, axis=1) < 15)]
    seeds = [[0, 0, 0]], [[0, 0, 1]], [1.0]
    exact = tg43.dose_rate(points, *seeds, odd)
    fast = tg43.dose_rate(points, *seeds, odd, method="fast")
    assert np.abs(fast / exact - 1).max() < BOUND


def test_fast_method_keeps_its_bound_for_any_distances_of_the_anisotropy(points: FloatArray) -> None:
    seed = tg43.load_source("6711")
    # Steps of F with distance that are steep, on nodes with four decimals.
    steep = replace(
        seed,
        anisotropy_distances=np.array([0.2513, 0.5037, 1.0021, 2.0014, 2.0539, 5.0026]),
        anisotropy=seed.anisotropy * np.array([1.0, 0.5, 1.0, 0.8, 1.2, 1.0])[:, np.newaxis],
    )
    seeds = [[0, 0, 0]], [[0, 0, 1]], [1.0]
    exact = tg43.dose_rate(points, *seeds, steep)
    fast = tg43.dose_rate(points, *seeds, steep, method="fast")
    assert np.abs(fast / exact - 1).max() < LARGEST_CHORD + ROUNDING


def test_fast_method_has_the_same_bits_for_any_sharing_of_work() -> None:
    source = tg43.load_source("6711")
    rng = np.random.default_rng(4)
    axes = rng.normal(size=(7, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    seeds = rng.uniform(-1, 1, (7, 3)), axes, rng.uniform(0.3, 0.8, 7)
    points = _points(131_071)

    def run(part: FloatArray, threads: int) -> FloatArray:
        return tg43.dose_rate(part, *seeds, source, method="fast", threads=threads)

    whole = run(points, 1)
    for threads in (2, 3, 5):
        assert np.array_equal(whole, run(points, threads))
    assert np.array_equal(whole[1000:1013], run(points[1000:1013], 1))
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: run(points, 2), range(4)):
            assert np.array_equal(whole, result)


@pytest.fixture(scope="module")
def seed() -> SourceData:
    return tg43.load_source("6711")


def test_a_point_on_a_seed_and_an_implant_without_seeds_are_answered(seed: SourceData) -> None:
    at_seed = tg43.dose_rate([[0, 0, 0]], [[0, 0, 0]], [[1, 0, 0]], [1.0], seed, method="fast")
    assert np.isfinite(at_seed).all()
    assert at_seed[0] > 0
    nothing = tg43.dose_rate([[0, 0, 0]], np.empty((0, 3)), np.empty((0, 3)), [], seed, method="fast")
    assert nothing.tolist() == [0.0]
    assert tg43.dose_rate(np.empty((0, 3)), [[0, 0, 0]], [[1, 0, 0]], [1.0], seed, method="fast").shape == (
        0,
    )


def test_points_without_bounds_are_answered(seed: SourceData) -> None:
    # Squares that single precision cannot hold, and distances of more steps than an integer counts.
    far = tg43.dose_rate(
        [[1e7, 0, 0], [0, 1e25, 0], [1e30, 0, 1e-30]], [[0, 0, 0]], [[0, 0, 1]], [1.0], seed, method="fast"
    )
    assert far.tolist() == [0.0, 0.0, 0.0]
