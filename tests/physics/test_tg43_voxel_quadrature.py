"""Voxel means against brute-force sampling, and the tissue part against the volume of the capsules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tg43
from tg43 import cut_voxels, voxel_average
from tg43.array_checks import FloatArray, Seeds
from tg43.capsule import capsule_of
from tg43.source_data import SourceData

AXES = {"grid": (0.0, 0.0, 1.0), "oblique": (1.0, 2.0, 3.0), "across": (1.0, 0.0, 0.0)}


@pytest.fixture(scope="module")
def seed() -> SourceData:
    return tg43.load_source("6711")


def _unit(axis: str) -> FloatArray:
    vector = np.array(AXES[axis])
    return vector / np.linalg.norm(vector)


def _brute_force(
    centre: FloatArray, sides: FloatArray, axis: FloatArray, source: SourceData, number: int
) -> tuple[float, float]:
    """Mean dose rate and tissue part of one voxel about a seed at the origin, by number³ midpoints and a
    mask."""
    along = [((np.arange(number) + 0.5) / number - 0.5) * side for side in sides]
    points = centre + np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 3)
    height = points @ axis
    nearest = np.clip(height, -0.1875, 0.1875)[:, np.newaxis] * axis
    tissue = np.linalg.norm(points - nearest, axis=1) > 0.04
    if not tissue.any():
        return 0.0, 0.0
    rate = tg43.dose_rate(points[tissue], [[0, 0, 0]], [axis], [1.0], source)
    return float(rate.mean()), float(tissue.mean())


@pytest.mark.parametrize("sides", [(0.1, 0.1, 0.1), (0.05, 0.05, 0.05), (0.1, 0.1, 0.3)])
@pytest.mark.parametrize("axis", AXES)
def test_voxel_mean_is_within_a_thousandth_of_brute_force(
    seed: SourceData, sides: tuple[float, float, float], axis: str
) -> None:
    rng = np.random.default_rng(8)
    direction = _unit(axis)
    shift = rng.uniform(-0.5, 0.5, 3) * sides
    grid = [np.arange(-12, 13) * side + offset for side, offset in zip(sides, shift, strict=True)]
    mean = tg43.voxel_mean_dose_rate(*grid, [[0, 0, 0]], [direction], [1.0], seed)
    centres = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1)
    touched = np.argwhere(mean.tissue_fraction < 1)
    # Voxels near the seed and about its axis, where the dose rate bends most.
    r = np.linalg.norm(centres, axis=-1)
    weight = np.where(np.abs(centres @ direction) > 0.9 * r, 10.0, 1.0) / r**2
    weight[mean.tissue_fraction < 1] = 0
    drawn = rng.choice(weight.size, 14, replace=False, p=(weight / weight.sum()).ravel())
    chosen = [*rng.permutation(touched)[:10], *np.argwhere(np.ones_like(r))[drawn]]
    for index in map(tuple, chosen):
        cut = mean.tissue_fraction[index] < 1
        dose_rate, fraction = _brute_force(
            centres[index], np.array(sides), direction, seed, 80 if cut else 40
        )
        # 0.1 % is the stated bound; a mask of 80³ midpoints adds up to 0.05 % of its own in a cut voxel.
        assert mean.dose_rate[index] == pytest.approx(dose_rate, rel=1.5e-3 if cut else 1e-3), index
        # The surface crosses about 80² of 80³ midpoint cells, each decided all or nothing.
        assert mean.tissue_fraction[index] == pytest.approx(fraction, abs=1.5e-3), index


def _refine_cut_voxels(monkeypatch: pytest.MonkeyPatch) -> None:
    finer = {"SUB_CELL": 1 / 20, "LARGEST_RATIO": 0.2, "LARGEST_RATIO_NEAR_AXIS": 0.05, "NEAR_BLOCKS": 250}
    for name, value in finer.items():
        monkeypatch.setattr(cut_voxels, name, value)


@pytest.mark.parametrize("axis", AXES)
def test_voxel_mean_does_not_move_on_refinement(
    seed: SourceData, axis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = [np.arange(-25, 26) * 0.1 + 0.03] * 3
    # The second seed adds nothing but cut voxels at 1.1 cm from the first, about its axis.
    direction = _unit(axis)
    arguments = (*grid, [[0, 0, 0], 1.1 * direction], [direction, direction], [1.0, 0.0], seed)
    coarse = tg43.voxel_mean_dose_rate(*arguments)
    _refine_cut_voxels(monkeypatch)
    for rules in ("NEAR_AXIS_RULES", "ELSEWHERE_RULES"):
        finer = tuple((limit, min(number + 4, 9)) for limit, number in getattr(voxel_average, rules))
        monkeypatch.setattr(voxel_average, rules, finer)
    fine = tg43.voxel_mean_dose_rate(*arguments)
    # The stated bound, now over every voxel of the grid.
    assert np.abs(coarse.dose_rate / fine.dose_rate - 1).max() < 1e-3
    assert np.abs(coarse.tissue_fraction - fine.tissue_fraction).max() < 1e-3


@pytest.mark.parametrize("ends", ["hemispherical", "flat"])
@pytest.mark.parametrize("axis", AXES)
def test_missing_tissue_is_the_volume_of_the_capsule(seed: SourceData, ends: str, axis: str) -> None:
    source = replace(seed, capsule_ends=ends)
    half, radius = 0.2275, 0.04
    cylinder = 2 * (half - radius) if ends == "hemispherical" else 2 * half
    sphere = 4 / 3 * np.pi * radius**3 if ends == "hemispherical" else 0.0
    volume = np.pi * radius**2 * cylinder + sphere
    grid = [np.arange(-5, 6) * 0.1 + 0.013, np.arange(-8, 9) * 0.07, np.arange(-4, 5) * 0.11 + 0.02]
    fraction = tg43.voxel_mean_dose_rate(*grid, [[0, 0, 0]], [_unit(axis)], [1.0], source).tissue_fraction
    # Along the grid every cross-section meets its cells alike and their deviations, (cell / radius)² / 10 or 1e-3,
    # add up. Oblique walls average them out, but for the rim of a flat end, whose cells are taken as slabs: 5e-4.
    tolerance = {"hemispherical": 2e-4, "flat": 5e-4}[ends] if axis == "oblique" else 1e-3
    assert (1 - fraction).sum() * 0.1 * 0.07 * 0.11 == pytest.approx(volume, rel=tolerance)


def test_voxels_wholly_inside_a_capsule_have_no_dose(seed: SourceData) -> None:
    grid = [np.arange(-6, 7) * 0.01, np.arange(-6, 7) * 0.01, np.arange(-25, 26) * 0.01]
    mean = tg43.voxel_mean_dose_rate(*grid, [[0, 0, 0]], [[0, 0, 1]], [1.0], seed)
    x, y, z = np.meshgrid(*grid, indexing="ij")
    surface = np.hypot(np.hypot(x, y), np.maximum(np.abs(z) - 0.1875, 0)) - 0.04
    half_diagonal = 0.01 * np.sqrt(3) / 2
    inside, outside = surface < -half_diagonal, surface > half_diagonal
    assert inside.any()
    assert not mean.dose_rate[inside].any()
    assert not mean.tissue_fraction[inside].any()
    assert np.all(mean.tissue_fraction[outside] == 1)
    partly = ~inside & ~outside
    assert np.all((mean.tissue_fraction[partly] >= 0) & (mean.tissue_fraction[partly] <= 1))
    assert np.all(mean.dose_rate[mean.tissue_fraction > 0] > 0)


def test_overlapping_capsules_are_left_out_once(seed: SourceData) -> None:
    grid = [np.arange(-5, 6) * 0.1] * 3
    one = tg43.voxel_mean_dose_rate(*grid, [[0, 0, 0.01]], [[0, 0, 1]], [2.0], seed)
    two = tg43.voxel_mean_dose_rate(*grid, [[0, 0, 0.01]] * 2, [[0, 0, 1]] * 2, [1.5, 0.5], seed)
    assert two.tissue_fraction == pytest.approx(one.tissue_fraction, abs=1e-14)
    assert two.dose_rate == pytest.approx(one.dose_rate, rel=1e-12)


def test_neighbouring_capsules_are_left_out_of_one_anothers_dose(seed: SourceData) -> None:
    # Two seeds side by side, both in one voxel: the second, with no strength, only takes volume away; where
    # it does, the mean of the first is the mean over what is left. Brute force with both capsules masked.
    grid = [np.arange(-3, 6) * 0.1 + 0.05] * 3
    seeds = [[0, 0, 0], [0.085, 0.02, 0.05]], [[0, 0, 1], [0, 0, 1]], [1.0, 0.0]
    mean = tg43.voxel_mean_dose_rate(*grid, *seeds, seed)
    index = (3, 3, 3)
    along = ((np.arange(100) + 0.5) / 100 - 0.5) * 0.1
    points = [grid[k][index[k]] for k in range(3)] + np.stack(
        np.meshgrid(along, along, along, indexing="ij"), axis=-1
    ).reshape(-1, 3)
    tissue = np.ones(len(points), dtype=bool)
    for position in np.array(seeds[0]):
        offset = points - position
        beyond = np.maximum(np.abs(offset[:, 2]) - 0.1875, 0)
        tissue &= np.sqrt(offset[:, 0] ** 2 + offset[:, 1] ** 2 + beyond**2) > 0.04
    assert 0.3 < tissue.mean() < 0.9
    rate = tg43.dose_rate(points[tissue], *seeds, seed).mean()
    # 0.1 % stated, and the mask's own share of up to 0.05 %
    assert mean.dose_rate[index] == pytest.approx(rate, rel=1.5e-3)
    assert mean.tissue_fraction[index] == pytest.approx(tissue.mean(), abs=1.5e-3)


def test_voxel_mean_does_not_depend_on_the_number_of_threads(seed: SourceData) -> None:
    grid = [np.arange(-10, 11) * 0.1] * 3
    seeds = [[0, 0, 0], [0.3, 0.1, 0.2]], [[0, 0, 1], [0, 1, 0]], [1.0, 0.7]
    one = tg43.voxel_mean_dose_rate(*grid, *seeds, seed, threads=1)
    three = tg43.voxel_mean_dose_rate(*grid, *seeds, seed, threads=3)
    assert np.array_equal(one.dose_rate, three.dose_rate)
    assert np.array_equal(one.tissue_fraction, three.tissue_fraction)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("STM1251 Monte Carlo", 0.4),
        pytest.param("6711", 0.2, marks=pytest.mark.slow),
        pytest.param("TheraSeed 200", 0.4, marks=pytest.mark.slow),
        # g_L that bends in the first millimetres; a table with flat ends and L nearly the capsule's length
        pytest.param("LS-1", 0.4, marks=pytest.mark.slow),
        pytest.param("1251L", 0.4, marks=pytest.mark.slow),
    ],
)
def test_large_voxels_with_seeds_inside_are_right_for_each_seed(
    name: str, side: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tg43.load_source(name)
    grid = [np.arange(-1, 2) * side + 0.03, np.arange(-1, 2) * side - 0.01, np.arange(-1, 2) * side + 0.05]
    axis = _unit("oblique")
    # One at rest in the middle, one following it along the axis, one beside it, one beyond where points are merged.
    positions = np.array([0 * axis, 0.52 * axis, [0.3, 0.1, -0.2], 1.3 * axis])
    axes = np.array([axis, axis, AXES["across"], axis])

    def means() -> list[FloatArray]:
        return [
            tg43.voxel_mean_dose_rate(*grid, positions, axes, strengths, source).dose_rate
            for strengths in np.eye(4)
        ]

    cut = tg43.voxel_mean_dose_rate(*grid, positions, axes, np.ones(4), source).tissue_fraction < 1
    coarse = means()
    _refine_cut_voxels(monkeypatch)
    for one, fine in zip(coarse, means(), strict=True):
        # The stated bound, for each seed by itself
        assert np.abs(one / fine - 1)[cut].max() < 1e-3


def test_work_grows_with_the_capsules_and_not_with_the_voxels(seed: SourceData) -> None:
    def points(side: float, capsules: int) -> int:
        line = np.arange(-0.8, 0.8, side) + side / 2
        voxels = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
        positions = np.array([[0.1, 0.05, 0.0], [-0.5, 0.1, 0.2]])[:capsules]
        seeds = Seeds(positions, np.tile([0.0, 0.0, 1.0], (capsules, 1)), np.ones(capsules))
        sides = np.full(3, side)
        cells = cut_voxels._sides_of_boxes(sides, cut_voxels.SUB_CELL * seed.capsule_radius)
        touched = voxel_average._touched_voxels(voxels, sides, seeds, seed)
        return sum(len(cut_voxels._tissue(v, cells, seeds, capsule_of(seed))[1]) for v in voxels[touched])

    # Boxes of 0.004 cm throughout would be 64 times as many in voxels four times as large; an octree along the
    # capsule adds few.
    assert points(0.4, 1) < 3 * points(0.1, 1)
    assert points(0.4, 2) < 2.5 * points(0.4, 1)
