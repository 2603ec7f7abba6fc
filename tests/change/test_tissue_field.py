"""The displacement field: uniform inside, still far away, never folded, and invertible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcsim.invalid_input import InvalidInput
from validation.case import Structure
from validation.change import TissueField, tissue_field

from .conftest import disc, sphere

RATIOS = (0.3, 0.6, 0.9, 1.1, 1.5, 2.0)


def parted() -> Structure:
    """Two separate balls and a bent bar: neither convex nor in one part."""
    z = np.arange(-0.75, 0.76, 0.1)
    discs = [
        disc(float(h), 0.5 * np.sqrt(max(0.64 - h * h, 0.01)) + 0.1, (c, 0.2)) for h in z for c in (-1.0, 1.0)
    ]
    return Structure("PTV", "target", discs, 0.1)


@pytest.fixture(scope="module")
def field(ball: Structure) -> TissueField:
    return tissue_field(ball, reach=1.5)


@pytest.fixture(scope="module")
def odd_field() -> TissueField:
    return tissue_field(parted(), shares=(0.5, 0.3, 0.2), reach=2.5)


def places(field: TissueField, count: int = 20_000, seed: int = 1) -> np.ndarray:
    half = field.radius + field.reach + 0.5
    return field.centre + np.random.default_rng(seed).uniform(-half, half, (count, 3))


def test_the_centre_is_that_of_the_target(field: TissueField) -> None:
    # A fraction on 0.75 mm voxels of slabs 1 mm thick is exact along z and to 1e-3 of an area across.
    np.testing.assert_allclose(field.centre, [0.3, -0.2, 0.1], atol=1e-3)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_target_scales_uniformly_with_its_slabs(
    field: TissueField, ball: Structure, ratio: float
) -> None:
    corners = np.concatenate(
        [
            np.column_stack([c.points, np.full(len(c.points), c.z + h)])
            for c in ball.contours
            for h in (-0.05, 0.05)
        ]
    )
    expected = field.centre + ratio ** (1 / 3) * (corners - field.centre)
    np.testing.assert_allclose(field.moved(corners, ratio), expected, atol=1e-12)
    np.testing.assert_allclose(field.volume_change(corners, ratio), ratio, rtol=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_nothing_moves_beyond_the_reach_and_nothing_at_ratio_1(field: TissueField, ratio: float) -> None:
    points = places(field)
    # The distance read from the grid is that of a sphere to the width of its spline and half the grid's diagonal.
    far = np.linalg.norm(points - field.centre, axis=1) > 1.0 + field.plateau + field.reach + 2 * field.step
    np.testing.assert_array_equal(field.moved(points, ratio)[far], points[far])
    np.testing.assert_array_equal(field.origin(points, ratio)[far], points[far])
    np.testing.assert_array_equal(field.moved(points, 1.0), points)
    np.testing.assert_array_equal(field.origin(points, 1.0), points)
    axes = np.random.default_rng(2).normal(size=points.shape)
    np.testing.assert_array_equal(field.turned(axes, points, 1.0), axes)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", ["field", "odd_field"])
def test_the_inverse_finds_where_tissue_came_from(name: str, ratio: float, request) -> None:
    field = request.getfixturevalue(name)
    points = places(field)
    np.testing.assert_allclose(field.origin(field.moved(points, ratio), ratio), points, atol=1e-6)


@pytest.mark.parametrize("ratio", [0.6, 1.5])
@pytest.mark.parametrize("name", ["field", "odd_field"])
def test_the_jacobian_is_the_derivative_of_the_field(name: str, ratio: float, request) -> None:
    field = request.getfixturevalue(name)
    points, h = places(field, 3000), 1e-5
    difference = np.stack(
        [
            (field.moved(points + h * e, ratio) - field.moved(points - h * e, ratio)) / (2 * h)
            for e in np.eye(3)
        ],
        axis=-1,
    )
    # Central differences: h² times third derivatives of about 10 / cm², and 1e-15 / h of rounding.
    np.testing.assert_allclose(field.stretch(points, ratio), difference, atol=1e-8)
    np.testing.assert_allclose(
        field.volume_change(points, ratio), np.linalg.det(difference), rtol=1e-7, atol=1e-8
    )


def test_lines_in_tissue_turn_with_it(odd_field: TissueField) -> None:
    points, h = places(odd_field, 2000), 1e-6
    axes = np.random.default_rng(2).normal(size=points.shape)
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    ends = odd_field.moved(points + h * axes, 1.4) - odd_field.moved(points - h * axes, 1.4)
    expected = ends / np.linalg.norm(ends, axis=1)[:, None]
    turned = odd_field.turned(axes, points, 1.4)
    np.testing.assert_allclose(turned, expected, atol=1e-8)  # 1e-15 / h of rounding
    assert np.abs(turned - axes).max() > 0.02


@pytest.mark.parametrize("name", ["field", "odd_field"])
def test_tissue_never_folds_up_to_the_limits_and_may_beyond(name: str, request) -> None:
    field = request.getfixturevalue(name)
    low, high = field.ratio_limits
    points = places(field, 200_000)
    for ratio in (max(low, 0.05), high):
        stretch = field.volume_change(points, ratio) / np.exp(
            field.weights(points)[0] * np.log(ratio)
        )  # without the uniform part
        assert stretch.min() > 0.05  # 0.1 at the nodes
    beyond = TissueField(**{**vars(field), "ratio_limits": (0.0, np.inf)})
    assert beyond.volume_change(points, high**1.5).min() < 0.0
    with pytest.raises(InvalidInput, match="would fold within its reach of"):
        field.moved(points, 1.01 * high)


@pytest.mark.parametrize("name", ["field", "odd_field"])
def test_the_guaranteed_ratios_lie_within_the_limits_seen(name: str, request) -> None:
    field = request.getfixturevalue(name)
    low, high = field.guaranteed_ratios
    # The limits seen keep a tenth in hand; the guarantee keeps none.
    assert low ** (1.0 - 0.1) >= field.ratio_limits[0] * (1 - 1e-9)
    assert high ** (1.0 - 0.1) <= field.ratio_limits[1] * (1 + 1e-9)
    assert low < 1.0 < high


def test_volume_is_the_integral_of_the_jacobian_and_the_whole_keeps_its_volume(field: TissueField) -> None:
    # The field is the identity on the faces of this box: det J integrates to the box's volume (Gauss's theorem).
    half, n = field.radius + field.plateau + field.reach + 0.2, 90
    centres = (np.arange(n) + 0.5) / n * 2 * half - half
    grid = np.stack(np.meshgrid(centres, centres, centres, indexing="ij"), axis=-1).reshape(-1, 3)
    mean = field.volume_change(field.centre + grid, 1.5).mean()
    assert mean == pytest.approx(
        1.0, abs=2e-5
    )  # a midpoint sum of a twice differentiable function, 6 mm / 90


@settings(max_examples=25, deadline=None)
@given(ratio=st.floats(0.4, 1.8), shape=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)))
def test_any_share_of_the_axes_gives_the_volume(ratio: float, shape: tuple[float, float]) -> None:
    shares = (shape[0], (1.0 - shape[0]) * shape[1], (1.0 - shape[0]) * (1.0 - shape[1]))
    field = tissue_field(sphere("PTV", 0.4, thickness=0.2), shares=shares, reach=1.0, plateau=0.2)
    if not field.ratio_limits[0] <= ratio <= field.ratio_limits[1]:
        return
    assert field.volume_change(field.centre, ratio)[0] == pytest.approx(ratio, rel=1e-12)
    points = places(field, 500)
    np.testing.assert_allclose(field.origin(field.moved(points, ratio), ratio), points, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reach": 0.0}, "reach of the displacement is 0 cm"),
        ({"plateau": -1.0}, "plateau of the displacement is -1 cm"),
        ({"shares": (1.0, 1.0, 1.0)}, "three that sum to 1"),
        ({"plateau": 0.005}, "expected a wider one"),
    ],
)
def test_impossible_fields_are_refused(ball: Structure, options, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        tissue_field(ball, **options)
