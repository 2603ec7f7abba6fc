from __future__ import annotations

import numpy as np
import pytest

import tg43
from mcsim.invalid_input import InvalidInput
from validation.case import built_in
from validation.case import neck_shapes as neck
from validation.case.implant import SEED_DIAMETER, SEED_LENGTH
from validation.evaluate.structure_fractions import structure_fractions

# Gradient of the signed functions is 1 only near the surface; clearances below are within 2 mm of one.


def seed_bodies() -> np.ndarray:
    """Points on the axis of every seed, (m, 3) cm."""
    implant = built_in("neck").implant
    along = np.linspace(-SEED_LENGTH / 2, SEED_LENGTH / 2, 11)
    return (implant.positions[:, None] + along[:, None] * implant.axes[:, None]).reshape(-1, 3)


@pytest.mark.parametrize(
    "forbidden",
    [neck.BONE, neck.AIRWAY, neck.CORD, neck.carotid(1), neck.jugular(1), neck.MANDIBLE],
    ids=["bone", "airway", "cord", "carotid", "jugular", "mandible"],
)
def test_no_seed_body_enters_a_forbidden_structure(forbidden):
    clearance = forbidden.outside(*seed_bodies().T) - SEED_DIAMETER / 2
    assert clearance.min() > 0


def test_seeds_lie_at_least_1_cm_under_the_skin_and_within_5_mm_of_the_ptv():
    bodies = seed_bodies()
    assert -neck.BODY.outside(*bodies.T).max() > 1.0
    assert neck.PTV.outside(*bodies.T).max() < 0.5


def test_the_target_lies_8_mm_under_the_skin_beside_the_jugular_vein():
    points = grid_points(neck.PTV)
    assert -neck.BODY.outside(*points.T).max() >= 0.8
    gap = neck.jugular(1).outside(*grid_points(neck.GTV).T).min()
    assert 0.0 < gap < 0.3


def grid_points(shape, step=0.04):
    low, high = shape.bounds()
    axes = [np.arange(a, b, step) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return points[shape.outside(*points.T) < 0]


def test_seeds_of_a_needle_are_5_to_10_mm_apart_on_one_line():
    implant = built_in("neck").implant
    assert 10 <= len(implant) <= 16
    numbers = np.unique(implant.needles)
    assert 4 <= numbers.size <= 6
    for number in numbers:
        positions = implant.positions[implant.needles == number]
        steps = np.diff(positions, axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        assert np.all((lengths >= 0.5) & (lengths <= 1.0 + 1e-9))
        np.testing.assert_allclose(steps / lengths[:, None], implant.axes[1:][: len(steps)], atol=1e-12)


@pytest.mark.parametrize("name", ["GTV", "PTV"])
def test_target_volume_from_contours_is_that_of_the_ellipsoid(name):
    case = built_in("neck")
    structure = case.structures[name]
    from_contours = sum(c.area for c in structure.contours) * structure.slice_thickness
    a, b, c = getattr(neck, name).semi_axes
    # 7 to 11 slabs of 2 mm stand for a curved body: a mid-point sum, a few per cent for such small bodies.
    assert from_contours == pytest.approx(4 / 3 * np.pi * a * b * c, rel=0.03)


def test_contours_lie_on_the_surface_of_the_solids():
    # Linear interpolation on a grid of step h is exact to h^2 / (8 R) where the radius of curvature is R: 0.5
    # mm and 2.5 mm (jugular vein, 4.2 mm for the node) give 0.0125 mm; BODY has a crease where chin and neck
    # meet.
    for name, shape, tolerance in (
        ("GTV", neck.GTV, 0.0013),
        ("JUGULAR", neck.jugular(1), 0.0013),
        ("BODY", neck.BODY, 0.01),
    ):
        for contour in built_in("neck").structures[name].contours:
            assert np.abs(shape.outside(*contour.points.T, np.array(contour.z))).max() < tolerance


def test_ct_numbers_are_those_of_the_tissue_deep_inside_each_organ():
    case = built_in("neck")
    x, y, z = np.meshgrid(case.image.x, case.image.y, case.image.z, indexing="ij")
    # A voxel is 2 mm high and 1 mm wide: 2 mm inside the surface it holds one tissue only.
    for shape, tissue in ((neck.GTV, "lymph"), (neck.AIRWAY, "air"), (neck.CORD, "cord")):
        deep = shape.outside(x, y, z) < -0.2
        assert deep.any()
        assert np.unique(case.image.hu[deep]).tolist() == [neck.HOUNSFIELD[tissue]]
    assert np.unique(case.image.hu[neck.BODY.outside(x, y, z) > 0.2]).tolist() == [-1000.0]
    assert case.image.hu.max() == neck.HOUNSFIELD["cortical bone"]


def test_partial_volume_keeps_the_amount_of_air():
    case = built_in("neck")
    dx, dy, dz = case.image.spacing
    x, y = case.image.x, case.image.y
    # A box around the airway whose other content is soft tissue near 55 HU (larynx wall, pharynx).
    window = np.ix_(np.abs(x) < 1.0, (y > -3.3) & (y < -1.2), np.abs(case.image.z) < 0.7)
    density_like = (55.0 - case.image.hu[window]) / 1055.0
    area = density_like.clip(0).sum() * dx * dy / window[2].size
    assert area == pytest.approx(np.pi * 0.85 * 0.95, rel=0.02)
    assert dz == pytest.approx(0.2)


def test_the_case_is_the_same_every_time():
    first = built_in("neck").digest()
    from validation.case import built_in_cases

    built_in_cases._neck.cache_clear()
    assert built_in("neck").digest() == first


def test_the_plan_covers_the_target_by_tg43():
    case = built_in("neck")
    implant, source = case.implant, tg43.load_source("6711")
    low, high = neck.PTV.bounds()
    axes = [np.arange(a - 0.05, b + 0.1, 0.1) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    rate = tg43.dose_rate(points, implant.positions, implant.axes, implant.air_kerma_strengths, source)
    dose = rate * tg43.dose_per_dose_rate(implant.half_life_d)
    share = structure_fractions(case.structures["PTV"], *axes).ravel()
    falling = np.argsort(-dose)
    volume = np.cumsum(share[falling]) / share.sum()
    d90 = dose[falling][np.searchsorted(volume, 0.9)]
    # A clinical plan: at least the prescription of 120 Gy in 90 % of the PTV, not wastefully more.
    assert 120.0 <= d90 <= 135.0
    assert share[dose >= 120.0].sum() / share.sum() > 0.9


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InvalidInput, match="built-in case is 'nek', expected one of neck"):
        built_in("nek")
