"""The post-implant check where the new CT has a frame, or contours, of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from validation.case import Contour, Image, built_in
from validation.case.seed_finder_series import PostImplantScan
from validation.case.seed_finder_trial import filled_voxels
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.post_implant import PostImplantOptions, post_implant
from validation.studies.post_implant_case import structures_on_scan
from validation.studies.post_implant_matching import RigidMotion
from validation.studies.post_implant_region import region_of_bright_spots

TURN = Rotation.from_rotvec(np.radians(9.0) * np.array([0.6, 0.48, 0.64])).as_matrix()


def moved_scan(plan):
    """The seeds of a plan, turned by 9 degrees, in tissue on a CT of its own frame, with three fillings aside."""
    centre = plan.implant.positions.mean(axis=0)
    motion = RigidMotion(TURN, np.array([20.0, -5.0, 40.0]) - TURN @ centre)
    x, y, z = (
        20.0 + 0.1 * np.arange(-38, 60),
        -5.0 + 0.1 * np.arange(-38, 39),
        40.0 + 0.2 * np.arange(-19, 20),
    )
    places, axes = motion(plan.implant.positions), motion.turn(plan.implant.axes)
    hu = 45.0 + 18000.0 * filled_voxels(places, axes, x, y, z)
    hu += np.random.default_rng(2).normal(0, 10, hu.shape)
    for k in range(3):
        hu[90 + 2 * k : 92 + 2 * k, 5 + 20 * k : 8 + 20 * k, 10:12] = 3000.0
    return PostImplantScan(Image(np.clip(hu, -1024, 3071), x, y, z), "9.9"), motion


@pytest.fixture(scope="module")
def moved():
    plan = built_in("neck")
    scan, motion = moved_scan(plan)
    options = PostImplantOptions(registration="seeds", voxel=0.2, reach=0.6)
    return plan, scan, motion, post_implant(plan, scan, options)


def test_a_turned_implant_is_registered_by_its_seeds(moved):
    plan, _, motion, check = moved
    assert check.matching.lost.size == check.matching.extra.size == 0
    # 0.3 mm on eleven seeds: 0.1 mm at the centre, some 0.5 degrees.
    np.testing.assert_allclose(
        check.matching.motion(plan.implant.positions), motion(plan.implant.positions), atol=0.04
    )
    assert np.degrees(check.statistics.registration_angle) == pytest.approx(9.0, abs=0.7)
    assert check.statistics.length_max < 0.06


def test_the_dose_does_not_depend_on_the_frame(moved):
    """Seeds and target turned together: every index of the target stays (voxels of 2 mm: 2 %)."""
    check = moved[3]
    rows = {(c.structure, c.index): c for c in check.changes["TG-43"]}
    for index in ("D90", "D98"):
        row = rows["PTV", index]
        assert row.after == pytest.approx(row.before, rel=0.025)
    assert rows["PTV", "V100"].after == pytest.approx(rows["PTV", "V100"].before, abs=1.5)


def test_structures_turn_with_the_implant(moved):
    plan, scan, motion, _ = moved
    carried, warnings = structures_on_scan(plan, scan, motion)
    assert "carried over rigidly" in warnings[0]

    def seen(structure, image):
        share = structure_fractions(structure, image.x, image.y, image.z)
        grid = np.stack(np.meshgrid(image.x, image.y, image.z, indexing="ij"), axis=-1)
        middle = (share[..., None] * grid).sum(axis=(0, 1, 2)) / share.sum()
        return float(share.sum() * np.prod(image.spacing)), middle

    volume, middle = seen(plan.structures["PTV"], plan.image)
    turned, there = seen(carried["PTV"], scan.image)
    # Whole voxels of 0.1 x 0.1 x 0.2 cm along the surface.
    assert turned == pytest.approx(volume, rel=0.04)
    np.testing.assert_allclose(there, motion(middle[None])[0], atol=0.03)


def test_the_implant_is_where_most_bright_spots_are(moved):
    plan, scan, motion, _ = moved
    region = region_of_bright_spots(scan, plan.implant.positions, 0.6)
    index = [
        tuple(
            int(np.argmin(np.abs(c - v)))
            for c, v in zip((scan.image.x, scan.image.y, scan.image.z), p, strict=True)
        )
        for p in motion(plan.implant.positions)
    ]
    assert all(region[i] for i in index)
    assert not region[91:96, 5:50, 10:12].any()


def test_contours_of_the_new_ct_are_used(moved):
    """A target drawn 5 mm aside on the new CT gets another dose, that of its own place."""
    plan = moved[0]
    image = plan.image
    metal = filled_voxels(plan.implant.positions, plan.implant.axes, image.x, image.y, image.z)
    ptv = plan.structures["PTV"]
    aside = replace(ptv, contours=tuple(Contour(c.z, c.points + np.array([0.5, 0.0])) for c in ptv.contours))
    scan = PostImplantScan(
        Image(np.clip(image.hu + 18000 * metal, -1024, 3071), image.x, image.y, image.z),
        structures={"PTV": aside, "BODY": plan.structures["BODY"]},
    )
    check = post_implant(plan, scan, PostImplantOptions(voxel=0.2, reach=0.6))
    assert not any("carried over" in w for w in check.warnings)
    assert check.post.structures["PTV"] is aside
    row = next(c for c in check.changes["TG-43"] if (c.structure, c.index) == ("PTV", "D90"))
    assert row.after < 0.8 * row.before
