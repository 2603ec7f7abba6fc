"""Symmetries every TG-43 dose obeys: motion of the whole, turning of one seed about itself, superposition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

import tg43
from tg43.array_checks import FloatArray

SEED = tg43.load_source("6711")
METHODS = pytest.mark.parametrize("method", ["exact", "fast"])

coordinates = st.floats(-4.0, 4.0)
points_near = arrays(np.float64, (5, 3), elements=coordinates)
positions_near = arrays(np.float64, (3, 3), elements=coordinates)
rotations = st.integers(0, 2**32 - 1).map(lambda n: Rotation.random(random_state=n))
strengths_of_three = arrays(np.float64, 3, elements=st.floats(0.0, 2.0))


def _axes(seed: int) -> FloatArray:
    axes = np.random.default_rng(seed).normal(size=(3, 3))
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


axes_of_three = st.integers(0, 2**32 - 1).map(_axes)


def _off_the_capsules(points: FloatArray, positions: FloatArray) -> bool:
    """Whether every point is clear of every capsule, on whose ends the rule for points inside has its
    kink."""
    gaps = np.linalg.norm(points[:, np.newaxis] - positions, axis=-1)
    return bool(gaps.min() > 0.25)


@METHODS
@settings(max_examples=60, deadline=None)
@given(
    points=points_near,
    positions=positions_near,
    axes=axes_of_three,
    strengths=strengths_of_three,
    rotation=rotations,
    shift=arrays(np.float64, 3, elements=st.floats(-50, 50)),
)
def test_dose_rate_moves_with_the_implant(
    method: str,
    points: FloatArray,
    positions: FloatArray,
    axes: FloatArray,
    strengths: FloatArray,
    rotation: Rotation,
    shift: FloatArray,
) -> None:
    assume(_off_the_capsules(points, positions))
    here = tg43.dose_rate(points, positions, axes, strengths, SEED, method=method)
    moved = tg43.dose_rate(
        rotation.apply(points) + shift,
        rotation.apply(positions) + shift,
        rotation.apply(axes),
        strengths,
        SEED,
        method=method,
    )
    # Coordinates of 50 cm carry 1e-14 cm of rounding over 0.25 cm. The fast method takes offsets in double
    # precision and rounds what it makes of them to single: 6e-8 in some twenty operations, twice.
    rounding = {"exact": 1e-9, "fast": 5e-6}[method]
    assert moved == pytest.approx(here, rel=rounding, abs=1e-300)


@METHODS
@settings(max_examples=40, deadline=None)
@given(points=points_near, positions=positions_near, axes=axes_of_three, strengths=strengths_of_three)
def test_dose_rates_of_seeds_add(
    method: str, points: FloatArray, positions: FloatArray, axes: FloatArray, strengths: FloatArray
) -> None:
    together = tg43.dose_rate(points, positions, axes, strengths, SEED, method=method)
    alone = sum(
        tg43.dose_rate(points, positions[[s]], axes[[s]], strengths[[s]], SEED, method=method)
        for s in range(3)
    )
    # The same terms in the same order
    assert np.array_equal(together, alone)


@METHODS
@settings(max_examples=40, deadline=None)
@given(points=points_near, axes=axes_of_three, factor=st.floats(0.01, 100.0))
def test_dose_rate_is_proportional_to_strength(
    method: str, points: FloatArray, axes: FloatArray, factor: float
) -> None:
    positions, strengths = np.zeros((3, 3)), np.array([0.4, 0.5, 0.6])
    rate = tg43.dose_rate(points, positions, axes, strengths, SEED, method=method)
    scaled = tg43.dose_rate(points, positions, axes, factor * strengths, SEED, method=method)
    # Three roundings of a sum of three terms
    assert scaled == pytest.approx(factor * rate, rel=1e-14)


@METHODS
@settings(max_examples=40, deadline=None)
@given(points=points_near, positions=positions_near, axes=axes_of_three)
def test_a_seed_has_no_front_and_no_back(
    method: str, points: FloatArray, positions: FloatArray, axes: FloatArray
) -> None:
    there = tg43.dose_rate(points, positions, axes, np.ones(3), SEED, method=method)
    back = tg43.dose_rate(points, positions, -axes, np.ones(3), SEED, method=method)
    assert np.array_equal(there, back) or there == pytest.approx(back, rel=1e-14)


@settings(max_examples=60, deadline=None)
@given(r=st.floats(0.03, 25.0), closer=st.floats(0.5, 0.999), theta=st.floats(0.0, np.pi / 2))
def test_dose_rate_falls_with_distance_in_any_direction(r: float, closer: float, theta: float) -> None:
    direction = np.array([np.sin(theta), 0.0, np.cos(theta)])
    assume(closer * r > 0.2276 or closer * r * np.sin(theta) > 0.0401)
    near, far = tg43.dose_rate([closer * r * direction, r * direction], [[0, 0, 0]], [[0, 0, 1]], [1.0], SEED)
    assert near > far > 0


@settings(max_examples=8, deadline=None)
@given(shift=arrays(np.float64, 3, elements=st.floats(-30, 30)), axes=axes_of_three)
def test_voxel_means_move_with_the_grid(shift: FloatArray, axes: FloatArray) -> None:
    grid = np.arange(-3, 4) * 0.1
    positions = np.array([[0.0, 0.01, 0.02], [0.2, -0.1, 0.1], [-0.2, 0.1, 0.4]])
    here = tg43.voxel_mean_dose_rate(grid, grid, grid, positions, axes, np.ones(3), SEED)
    moved = tg43.voxel_mean_dose_rate(
        *(grid + offset for offset in shift), positions + shift, axes, np.ones(3), SEED
    )
    # 30 cm carries 4e-15 cm; a sub-cell's part outside changes by that over its 0.004 cm side.
    assert moved.tissue_fraction == pytest.approx(here.tissue_fraction, abs=1e-9)
    assert moved.dose_rate == pytest.approx(here.dose_rate, rel=1e-6)
