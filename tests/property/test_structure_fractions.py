from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcsim.invalid_input import InvalidInput
from validation.case import Contour, Structure, built_in
from validation.evaluate.structure_fractions import structure_fractions


def circle(radius, x0=0.0, y0=0.0, corners=180):
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([x0 + radius * np.cos(angle), y0 + radius * np.sin(angle)], axis=1)


def ellipsoid(centre, semi_axes, thickness):
    a, b, c = semi_axes
    planes = centre[2] + thickness * np.arange(-np.floor(c / thickness), np.floor(c / thickness) + 1)
    contours = []
    for z in planes:
        scale = np.sqrt(max(1 - ((z - centre[2]) / c) ** 2, 0.0))
        if scale > 0.05:
            unit = circle(scale)
            contours.append(Contour(z, unit * (a, b) + centre[:2]))
    return Structure("GTV", "target", contours, thickness)


def contour_volume(structure):
    return sum(contour.area for contour in structure.contours) * structure.slice_thickness


def grid(step, half=1.2, offset=(0.0, 0.0, 0.0)):
    n = int(np.ceil(half / step))
    line = step * np.arange(-n, n + 1)
    return [line + o for o in offset]


def volume(fractions, axes):
    return fractions.sum() * np.prod([c[1] - c[0] for c in axes])


@settings(max_examples=40, deadline=None)
@given(
    centre=st.tuples(*[st.floats(-0.15, 0.15)] * 3),
    semi_axes=st.tuples(*[st.floats(0.4, 0.6)] * 3),
    thickness=st.sampled_from([0.1, 0.2, 0.25, 0.3]),
    step=st.sampled_from([0.05, 0.1, 0.17, 0.25, 0.5]),
)
def test_the_fractions_hold_the_volume_of_the_contours(centre, semi_axes, thickness, step):
    structure = ellipsoid(centre, semi_axes, thickness)
    axes = grid(step)
    fractions = structure_fractions(structure, *axes)
    assert fractions.min() >= 0
    assert fractions.max() <= 1
    # 0.5 % is asked for a 1 cm structure. Scan lines 0.1 mm apart give 1e-3 for a circle of 4 mm radius; the
    # small curves near the poles are less exact but weigh little.
    assert volume(fractions, axes) == pytest.approx(contour_volume(structure), rel=0.003)


@settings(max_examples=30, deadline=None)
@given(shift=st.tuples(*[st.floats(-40.0, 40.0)] * 3))
def test_shifting_structure_and_grid_together_changes_nothing(shift):
    structure = ellipsoid((0.03, -0.02, 0.01), (0.5, 0.4, 0.45), 0.2)
    moved = Structure(
        "GTV",
        "target",
        [Contour(c.z + shift[2], c.points + shift[:2]) for c in structure.contours],
        structure.slice_thickness,
    )
    axes = grid(0.1)
    there = [c + s for c, s in zip(axes, shift, strict=True)]
    # A corner may fall on the other side of a scan line by rounding: at most one line of one voxel, 1 / 16.
    difference = structure_fractions(moved, *there) - structure_fractions(structure, *axes)
    assert np.abs(difference).max() <= 1 / 16
    assert abs(difference.sum()) < 1e-3 * structure_fractions(structure, *axes).sum()


@settings(max_examples=30, deadline=None)
@given(x=st.floats(-0.3, 0.3), y=st.floats(-0.3, 0.3), step=st.sampled_from([0.07, 0.1, 0.3]))
def test_rectangles_aligned_with_the_grid_are_exact_in_x_and_z(x, y, step):
    box = [[x, -0.5], [x + 0.4, -0.5], [x + 0.4, 0.5], [x, 0.5]]
    structure = Structure("BOX", "other", [Contour(y, box)], 0.3)
    line = step * np.arange(-20, 21)
    wide = np.linspace(-2, 2, 5)  # one voxel holds the whole y extent: its edges are at ±0.5
    fractions = structure_fractions(structure, line, wide, line)

    def overlap(low, high):
        return np.clip(np.minimum(line + step / 2, high) - np.maximum(line - step / 2, low), 0, None) / step

    expected = overlap(x, x + 0.4)[:, None] * overlap(y - 0.15, y + 0.15)
    # Exact up to rounding in the coordinates; the y extent -0.5 ... 0.5 fills voxel 2 exactly.
    np.testing.assert_allclose(fractions[:, 2], expected, atol=1e-12)
    assert np.abs(fractions[:, [0, 1, 3, 4]]).max() == 0


@settings(max_examples=30, deadline=None)
@given(
    corners=st.lists(
        st.tuples(st.integers(-90, 90), st.integers(-90, 90)), min_size=3, max_size=8, unique=True
    ),
    axis=st.integers(0, 1),
)
def test_a_mirrored_structure_has_mirrored_fractions(corners, axis):
    points = np.array(corners) + np.array(
        [0.00123, 0.00077]
    )  # no corner lies on a scan line or a voxel edge by intent
    axes = grid(0.1)
    here = structure_fractions(Structure("A", "other", [Contour(0.0, points)], 0.2), *axes)
    mirror = np.ones(2)
    mirror[axis] = -1
    there = structure_fractions(Structure("A", "other", [Contour(0.0, points * mirror)], 0.2), *axes)
    # The scan lines lie symmetrically, so only rounding is left.
    np.testing.assert_allclose(np.flip(there, axis), here, atol=1e-9)


def test_an_annulus_counts_even_odd_whatever_the_sense_of_rotation():
    outer, inner = circle(0.6), circle(0.35)
    axes = grid(0.1)
    solid, hole = (
        structure_fractions(Structure("A", "other", [Contour(0.0, p)], 0.2), *axes) for p in (outer, inner)
    )
    for curve in (inner, inner[::-1]):
        ring = Structure("RING", "other", [Contour(0.0, outer), Contour(0.0, curve)], 0.2)
        # The ring is the difference of the discs; the small disc by itself has finer scan lines, of which one
        # more or less of 16 may cross a voxel's part.
        found = structure_fractions(ring, *axes)
        np.testing.assert_allclose(found, solid - hole, atol=1 / 16)
        assert volume(found, axes) == pytest.approx(volume(solid - hole, axes), rel=1e-3)
    assert volume(solid - hole, axes) == pytest.approx(np.pi * (0.6**2 - 0.35**2) * 0.2, rel=2e-3)


def test_a_figure_of_eight_keeps_both_lobes():
    eight = Structure("EIGHT", "other", [Contour(0.0, [[-1, -0.5], [1, 0.5], [1, -0.5], [-1, 0.5]])], 0.2)
    axes = grid(0.1)
    # Two triangles of 1 cm base and 1 cm height; the signed area of the whole curve would be 0.
    assert volume(structure_fractions(eight, *axes), axes) == pytest.approx(1.0 * 0.2, rel=1e-3)


def test_a_coarse_grid_keeps_the_volume_of_a_structure_inside_one_voxel():
    node = ellipsoid((0.1, 0.05, 0.0), (0.3, 0.25, 0.3), 0.1)
    axes = [np.array([-2.0, 0.0, 2.0])] * 3
    fractions = structure_fractions(node, *axes)
    assert np.count_nonzero(fractions) == 1
    # Scan lines 0.1 mm apart on curves of 1 to 3 mm radius.
    assert volume(fractions, axes) == pytest.approx(contour_volume(node), rel=0.005)


def test_the_part_beyond_the_grid_is_left_out():
    disc = Structure("DISC", "other", [Contour(0.0, circle(0.5))], 0.2)
    x = np.arange(0.05, 1.0, 0.1)
    y = np.arange(-0.95, 1.0, 0.1)
    fractions = structure_fractions(disc, x, y, [0.05, 0.15])
    # Right half of the disc, upper half of the slab.
    assert fractions.sum() * 1e-3 == pytest.approx(np.pi * 0.25 / 2 * 0.1, rel=2e-3)
    far = structure_fractions(disc, x + 5, y, [0.05, 0.15])
    assert far.shape == (x.size, y.size, 2)
    assert not far.any()
    assert not structure_fractions(disc, x - 5, y + 7, [3.0, 3.1]).any()


def test_touching_slabs_fill_the_voxels_between_them():
    curves = [Contour(z, circle(0.5)) for z in (0.0, 0.25, 0.5)]
    fractions = structure_fractions(Structure("ROD", "other", curves, 0.25), *grid(0.1, 0.5))
    # z from -0.125 to 0.625: the voxels centred at 0 ... 0.5 are wholly covered on the axis.
    middle = fractions.shape[0] // 2
    np.testing.assert_allclose(fractions[middle, middle, middle:], 1.0, rtol=1e-12)
    assert fractions[middle, middle, middle - 1] == pytest.approx(0.75)


def test_structures_of_the_built_in_neck_keep_their_volume_on_the_ct_grid():
    case = built_in("neck")
    axes = (case.image.x, case.image.y, case.image.z)
    for name in ("GTV", "PTV", "SPINAL_CORD", "BODY"):
        structure = case.structures[name]
        fractions = structure_fractions(structure, *axes)
        assert volume(fractions, axes) == pytest.approx(contour_volume(structure), rel=0.002)


def test_a_grid_that_is_not_uniform_is_refused():
    disc = Structure("DISC", "other", [Contour(0.0, circle(0.5))], 0.2)
    with pytest.raises(InvalidInput, match=r"grid y\[3\] - grid y\[2\] is 0.2 cm, expected 0.1 cm"):
        structure_fractions(disc, [0.0, 0.1], [0.0, 0.1, 0.2, 0.4], [0.0, 0.1])
