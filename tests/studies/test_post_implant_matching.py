"""Pairing of planned and found seeds, registration by seeds, and statistics of displacement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mcsim.invalid_input import InvalidInput
from validation.studies.post_implant_displacement import displacement_statistics, variance_components
from validation.studies.post_implant_matching import match_seeds, register_by_seeds, rigid_motion


def plan(count=14, seed=1):
    rng = np.random.default_rng(seed)
    positions = np.array([[i % 3, i // 3 % 3, i // 9] for i in range(count)]) * 0.9 + rng.normal(
        0, 0.05, (count, 3)
    )
    axes = np.tile([0.6, 0.0, 0.8], (count, 1))
    return positions, axes


def test_order_of_the_found_seeds_does_not_matter():
    positions, axes = plan()
    rng = np.random.default_rng(2)
    order = rng.permutation(14)
    moved = positions + rng.normal(0, 0.1, (14, 3))
    pairs = match_seeds(positions, axes, moved[order], -axes[order])
    assert (order[pairs.found] == pairs.plan).all()
    np.testing.assert_allclose(pairs.displacement, moved - positions, atol=1e-12)
    # A seed has no front: the sign of its axis is no rotation.
    np.testing.assert_allclose(pairs.rotation, 0.0, atol=1e-7)


def test_lost_and_extra_seeds():
    positions, axes = plan()
    found = np.vstack([np.delete(positions, 3, axis=0), [[9.0, 9.0, 9.0]]])
    pairs = match_seeds(positions, axes, found, np.tile(axes[0], (14, 1)), gate=0.5)
    assert pairs.lost.tolist() == [3]
    assert pairs.extra.tolist() == [13]


def test_along_and_across():
    axis = np.array([[0.6, 0.0, 0.8]])
    moved = np.array([[0.3 * 0.6, 0.4, 0.3 * 0.8]])
    pairs = match_seeds(np.zeros((1, 3)), axis, moved, axis)
    assert pairs.along[0] == pytest.approx(0.3)
    assert pairs.across[0] == pytest.approx(0.4)


def test_rotation_where_the_direction_is_told():
    turned = Rotation.from_euler("x", 25, degrees=True).apply([0, 0, 1])
    z = np.array([[0.0, 0.0, 1.0]] * 2)
    pairs = match_seeds(
        [[0, 0, 0], [1, 0, 0]], z, [[0, 0, 0], [1, 0, 0]], [turned, turned], resolved=[True, False]
    )
    assert np.degrees(pairs.rotation[0]) == pytest.approx(25.0)
    assert np.isnan(pairs.rotation[1])


@pytest.mark.parametrize("degrees", [0.0, 8.0, 20.0])
def test_registration_recovers_a_rigid_motion(degrees):
    positions, axes = plan()
    rng = np.random.default_rng(4)
    rotation = Rotation.from_rotvec(np.radians(degrees) * np.array([0.36, 0.48, 0.8])).as_matrix()
    shift = np.array([1.2, -20.0, 3.0])
    after = np.delete(positions, 5, axis=0) @ rotation.T + shift + rng.normal(0, 0.03, (13, 3))
    motion = register_by_seeds(positions, after)
    # 0.03 cm of noise on 13 seeds: some 0.01 cm at the centre, three times that at the corners; three of these.
    assert np.abs(motion(positions) - (positions @ rotation.T + shift)).max() < 0.09
    assert np.degrees(motion.angle) == pytest.approx(degrees, abs=2.0)
    pairs = match_seeds(
        positions, axes, after, np.delete(axes, 5, axis=0) @ rotation.T, motion=motion, gate=0.5
    )
    assert pairs.lost.tolist() == [5]


def test_least_squares_motion_is_never_a_mirror():
    rng = np.random.default_rng(6)
    points = rng.normal(size=(5, 3))
    assert np.linalg.det(rigid_motion(points, points * (1, 1, -1)).rotation) == pytest.approx(1.0)


def test_refusals():
    z = [[0.0, 0.0, 1.0]]
    with pytest.raises(InvalidInput, match="gate is -10 mm"):
        match_seeds(np.zeros((1, 3)), z, np.zeros((1, 3)), z, gate=-1.0)
    with pytest.raises(InvalidInput, match=r"nearest found seed is 50\.0 mm"):
        match_seeds(np.zeros((1, 3)), z, [[5.0, 0, 0]], z)
    with pytest.raises(InvalidInput, match="seeds to register by are 2"):
        register_by_seeds(np.zeros((2, 3)), np.zeros((5, 3)))


def test_statistics_recover_needle_and_seed_parts():
    """Displacements as displacement studies draw them: shared by a needle, and of each seed."""
    rng = np.random.default_rng(7)
    needles = np.repeat(np.arange(400), 3)
    axes = np.tile([0.6, 0.0, 0.8], (1200, 1))
    e, f = np.array([0.0, 1.0, 0.0]), np.array([0.8, 0.0, -0.6])

    def drawn(count, along, across):
        # 0.6² + 1.28² = 2: unlike in the two directions, `across` is their root mean square.
        d = rng.normal(0, along, count)[:, None] * axes[0]
        return (
            d
            + rng.normal(0, 0.6 * across, count)[:, None] * e
            + rng.normal(0, 1.28 * across, count)[:, None] * f
        )

    positions = np.column_stack([10.0 * np.arange(1200), np.zeros(1200), np.zeros(1200)])
    moved = positions + (0.1, 0.0, 0.0) + drawn(400, 0.3, 0.2)[needles] + drawn(1200, 0.1, 0.15)
    pairs = match_seeds(positions, axes, moved, axes, needles=needles)
    found = displacement_statistics(pairs, axes)
    # Relative standard error of a standard deviation from n values is 1/sqrt(2 n): 3.5 % for 400 needles; 4 of them.
    assert found.needle_along_std_dev == pytest.approx(0.3, rel=0.14)
    assert found.needle_across_std_dev == pytest.approx(0.2, rel=0.14)
    assert found.seed_along_std_dev == pytest.approx(0.1, rel=0.1)
    assert found.seed_across_std_dev == pytest.approx(0.15, rel=0.1)
    assert found.mean[0] == pytest.approx(0.1, abs=0.06)
    assert found.loss_probability == 0.0
    assert found.record()["rotations"] == 1200


def test_variance_components_of_unequal_groups():
    # By hand: means 1 and 4, MSW = 2/3, SSB = 2*(1-2.8)^2 + 3*(4-2.8)^2 = 10.8, n0 = 5 - 13/5 = 2.4.
    between, within = variance_components([0.0, 2.0, 4.0, 4.0, 4.0], [0, 0, 1, 1, 1])
    assert within == pytest.approx(2 / 3)
    assert between == pytest.approx((10.8 - 2 / 3) / 2.4)
    assert np.isnan(variance_components([1.0, 2.0], [0, 1])).all()
