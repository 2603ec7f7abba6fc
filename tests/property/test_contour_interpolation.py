"""Volumes of structures: the planning systems' rule, and interpolation between and beyond contour planes."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.case import Contour, Structure
from validation.evaluate.structure_fractions import structure_fractions

CORNERS = 180
TURN = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
# A polygon with the area of the unit circle.
RING = np.stack([np.cos(TURN), np.sin(TURN)], axis=1) * np.sqrt(
    2 * np.pi / CORNERS / np.sin(2 * np.pi / CORNERS)
)


def stack(radius, half, spacing, offset, drawn=lambda radius: radius > 0.02, shape=(1.0, 1.0)):
    """Contours of a solid of revolution |z| < half on planes `spacing` apart."""
    first, last = np.ceil((-half - offset) / spacing), np.floor((half - offset) / spacing)
    planes = spacing * np.arange(first, last + 1) + offset
    contours = [Contour(z, radius(z) * RING * shape) for z in planes if drawn(radius(z))]
    return Structure("GTV", "target", contours, spacing)


def ball(diameter, spacing, offset):
    r = diameter / 2
    return stack(lambda z: np.sqrt(max(r * r - z * z, 0.0)), r, spacing, offset)


def volume(structure, step, rule, reach=2.4):
    axes = [np.arange(-reach, reach, step) + shift for shift in (0.01, 0.03, -0.02)]
    fractions = structure_fractions(structure, *axes, through_slice=rule)
    assert 0 <= fractions.min() <= fractions.max() <= 1
    return float(fractions.sum() * step**3)


@pytest.mark.parametrize("step", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("spacing", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("diameter", [0.5, 1.0, 2.0])
def test_the_slab_rule_is_area_times_thickness(step, spacing, diameter):
    structure = ball(diameter, spacing, 0.037)
    expected = sum(contour.area for contour in structure.contours) * spacing
    # The planning systems' rule, asked for to 0.1 %.
    assert volume(structure, step, "slab") == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("step", [0.1, 0.2, 0.3])
def test_analytic_shapes_on_their_own_slices(step):
    # Cylinder, box and sphere contoured on slices of the grid's spacing: 1 % is asked for.
    cylinder = stack(lambda z: 0.6, 0.9 - 1e-9, step, step / 2 if round(1.8 / step) % 2 == 0 else 0.0)
    assert volume(cylinder, step, "slab") == pytest.approx(np.pi * 0.36 * 1.8, rel=1e-3)
    square = np.array([[-0.7, -0.4], [0.7, -0.4], [0.7, 0.4], [-0.7, 0.4]])
    count = round(1.2 / step)
    box = Structure("BOX", "target", [Contour(step * (i + 0.5) - 0.6, square) for i in range(count)], step)
    assert volume(box, step, "slab") == pytest.approx(1.4 * 0.8 * 1.2, rel=1e-3)
    # h²/4R² of a slice through the poles: 0.2 % at most for 30 mm on 1 mm, 1 % on 3 mm.
    assert volume(ball(3.0, step, step / 3), step, "slab") == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=1e-2)


@pytest.mark.parametrize("diameter", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("offset", [0.003, 0.06, 0.125, 0.2])
def test_interpolated_spheres_on_slices_of_two_and_a_half_millimetres(diameter, offset):
    structure, truth = ball(diameter, 0.25, offset), np.pi / 6 * diameter**3
    # 1 % is asked for; the area of a sphere is a parabola, so what is left is that of the contours themselves.
    assert volume(structure, 0.2, "interpolated") == pytest.approx(truth, rel=2e-3)


@pytest.mark.parametrize("step", [0.1, 0.23, 0.3])
def test_the_interpolated_volume_does_not_depend_on_the_grid(step):
    structure = ball(1.4, 0.25, 0.07)
    assert volume(structure, step, "interpolated") == pytest.approx(np.pi / 6 * 1.4**3, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "radius", "half", "worst"),
    [
        # Worst error over six positions of the slices, %, measured: what the documentation states.
        ("cylinder", lambda z: 0.5, 1.0, 0.2),
        ("capsule", lambda z: 0.5 if abs(z) < 0.5 else np.sqrt(max(0.25 - (abs(z) - 0.5) ** 2, 0)), 1.0, 1.2),
        ("egg", lambda z: np.sqrt(max(1 - (z / 1.2) ** 2, 0)) * (0.7 + 0.25 * z), 1.2, 0.5),
        ("dumbbell", lambda z: np.sqrt(max(1 - (z / 1.2) ** 2, 0)) * (0.3 + 0.4 * z * z), 1.2, 5.0),
    ],
)
def test_other_shapes_keep_their_volume_as_documented(name, radius, half, worst):
    z = np.linspace(-half, half, 20001)
    truth = np.trapezoid(np.pi * np.array([radius(h) for h in z]) ** 2, z)
    for offset in (0.003, 0.045, 0.125, 0.21):
        found = volume(stack(radius, half, 0.25, offset), 0.2, "interpolated")
        assert abs(found / truth - 1) < worst / 100, (name, offset)


def test_the_shape_between_planes_is_in_between():
    # A cone of slope 1: between planes at 0 and 0.5 the radius is 1 − z. The slab would be 1 or 0.5.
    cone = Structure("CONE", "target", [Contour(z, (1 - z) * RING) for z in (0.0, 0.25, 0.5, 0.75)], 0.25)
    axis = np.arange(-1.2, 1.25, 0.05)
    fractions = structure_fractions(cone, axis, axis, np.array([0.10, 0.15]), "interpolated")
    # Layers of 0.5 mm about z: π (1 − z)² to the mean of the square, 0.05²/12.
    areas = fractions.sum(axis=(0, 1)) * 0.05**2
    np.testing.assert_allclose(areas, np.pi * np.array([0.9, 0.85]) ** 2, rtol=2e-3)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    inside = np.hypot(x, y) < 0.9 - 0.11  # a voxel and a pixel's diagonal inside the surface
    outside = np.hypot(x, y) > 0.9 + 0.11
    np.testing.assert_array_equal(fractions[..., 0][inside], 1.0)
    np.testing.assert_array_equal(fractions[..., 0][outside], 0.0)


def test_an_oblique_rod_stays_oblique():
    planes = np.arange(5) * 0.25
    rod = Structure("ROD", "target", [Contour(z, 0.5 * RING + (0.8 * z, 0.0)) for z in planes], 0.25)
    x, y, z = np.arange(-0.8, 1.7, 0.05), np.arange(-0.8, 0.85, 0.05), np.arange(0.0125, 1.0, 0.025)
    fractions = structure_fractions(rod, x, y, z, "interpolated")
    areas = fractions.sum(axis=(0, 1))
    centres = np.einsum("i,ijk->k", x, fractions) / areas
    # Blended distances of shifted circles do not move quite evenly: a tenth of the 2 mm between neighbouring contours.
    np.testing.assert_allclose(centres, 0.8 * z, atol=0.02)
    np.testing.assert_allclose(areas * 0.05**2, np.pi / 4, rtol=2e-3)


def test_an_end_shrinks_and_a_flat_end_does_not():
    axis, thin = np.arange(-1.3, 1.31, 0.1), np.arange(0.0, 1.6, 0.025) + 0.0125
    areas = {}
    for name, radius in (("ball", lambda z: np.sqrt(1 - z * z)), ("rod", lambda z: 0.5)):
        structure = Structure(
            "A", "target", [Contour(z, radius(z) * RING) for z in np.arange(-3, 4) * 0.25], 0.25
        )
        areas[name] = structure_fractions(structure, axis, axis, thin, "interpolated").sum(axis=(0, 1)) * 0.01
    # The ball of radius 1 ends at z = 1, the rod half a slice beyond its last plane at 0.75.
    np.testing.assert_allclose(areas["ball"], np.pi * np.maximum(1 - thin**2, 0), atol=6e-3)
    np.testing.assert_allclose(areas["rod"], np.pi / 4 * (thin < 0.875), rtol=2e-3, atol=1e-12)


def test_pieces_rings_and_grids_that_cut_a_structure():
    two = [Contour(z, 0.5 * RING) for z in (-1.0, -0.75, 0.75, 1.0)]
    structure = Structure("TWO", "target", two, 0.25)
    axis = np.arange(-1.55, 1.6, 0.1)
    fractions = structure_fractions(structure, axis, axis, axis, "interpolated")
    assert not fractions[:, :, np.abs(axis) < 0.45].any()  # nothing spans the gap
    areas = fractions.sum(axis=(0, 1))
    np.testing.assert_allclose(areas, areas[::-1], atol=1e-3)
    assert areas.sum() > 0
    ring = Structure("R", "other", [Contour(z, r * RING) for z in (0.0, 0.25, 0.5) for r in (0.4, 1.0)], 0.25)
    rings = structure_fractions(ring, axis, axis, axis, "interpolated")
    assert rings.sum() * 1e-3 == pytest.approx(np.pi * (1 - 0.16) * 0.75, rel=2e-3)
    assert rings[15:17, 15:17].max() < 1e-9  # the hole stays open
    part = structure_fractions(ring, axis[:16], axis[3:], axis[10:20], "interpolated")
    np.testing.assert_allclose(part, rings[:16, 3:, 10:20], atol=1e-12)
    far = structure_fractions(ring, axis + 9, axis, axis, "interpolated")
    assert not far.any()
    one = Structure("ONE", "other", [Contour(0.0, 0.5 * RING)], 0.3)
    np.testing.assert_allclose(
        structure_fractions(one, axis, axis, axis, "interpolated").sum() * 1e-3, np.pi * 0.25 * 0.3, rtol=2e-3
    )


def test_an_unknown_rule_is_refused():
    with pytest.raises(InvalidInput, match="rule between contour planes is 'linear', expected 'slab'"):
        structure_fractions(ball(1.0, 0.25, 0.0), [0.0, 0.1], [0.0, 0.1], [0.0, 0.1], "linear")
