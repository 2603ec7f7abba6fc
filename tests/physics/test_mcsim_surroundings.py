"""Flights through the uneven voxels around the scoring block, which are followed without stopping at their faces."""

from __future__ import annotations

import numpy as np
import pytest

MEDIA = ("water", "cortical_bone", "lung")
SEED_MEDIA = ("titanium", "air", "silver_halide_6711", "silver")
BLOCK = (slice(2, 6), slice(1, 6), slice(3, 7))


def planes_around_a_block(rng: np.random.Generator) -> list[np.ndarray]:
    """Even planes inside the block, uneven ones around it."""
    result = []
    for part in BLOCK:
        even = np.linspace(-0.8, 0.9, part.stop - part.start + 1)
        below = even[0] - np.cumsum(rng.uniform(0.1, 0.7, part.start))[::-1]
        result.append(np.concatenate([below, even, even[-1] + np.cumsum(rng.uniform(0.1, 0.7, 3))]))
    return result


def crossed(planes, point, direction) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (k,) and voxel indices (k, 3) of the pieces of a ray that starts inside, in order."""
    cuts = np.concatenate([(p - x) / u for p, x, u in zip(planes, point, direction, strict=True)])
    leave = min(
        max((p[0] - x) / u, (p[-1] - x) / u) for p, x, u in zip(planes, point, direction, strict=True)
    )
    t = np.unique(np.concatenate([[0.0], cuts[(cuts > 0.0) & (cuts < leave)], [leave]]))
    middle = point + 0.5 * (t[1:] + t[:-1])[:, None] * direction
    index = [np.searchsorted(p, m) - 1 for p, m in zip(planes, middle.T, strict=True)]
    return np.diff(t), np.stack(index, axis=1)


def random_patchwork(rng: np.random.Generator):
    planes = planes_around_a_block(rng)
    shape = tuple(len(p) - 1 for p in planes)
    return planes, rng.uniform(0.02, 0.8, shape).astype(np.float32), rng.integers(0, 3, shape)


def ray_through_the_block(rng: np.random.Generator, planes) -> tuple[np.ndarray, np.ndarray]:
    """A ray that starts in a corner of the surroundings and goes through the block."""
    point = np.array([rng.uniform(p[0], p[1]) for p in planes])
    target = np.array([rng.uniform(p[s.start], p[s.stop]) for p, s in zip(planes, BLOCK, strict=True)])
    return point, (target - point) / np.linalg.norm(target - point)


def in_block(index: np.ndarray) -> np.ndarray:
    return np.all([(i >= s.start) & (i < s.stop) for i, s in zip(index.T, BLOCK, strict=True)], axis=0)


def test_track_lengths_in_the_block_of_rays_from_outside(transport, medium_tables, vacuum) -> None:
    rng = np.random.default_rng(3)
    planes, density, medium = random_patchwork(rng)
    tables = vacuum(medium_tables(*MEDIA, *SEED_MEDIA))
    run = transport(planes, density, tables, medium=medium, media_count=3, scoring=BLOCK)
    for _ in range(300):
        point, direction = ray_through_the_block(rng, planes)
        length, index = crossed(planes, point, direction)
        inside = in_block(index)
        expected = np.zeros((4, 5, 4))
        np.add.at(expected, tuple((index[inside] - [s.start for s in BLOCK]).T), length[inside])
        tally, balance = run.send(point, direction, 20.0)
        assert expected.sum() > 0.0
        # 1e-11 cm: near an edge the two may give a piece of round-off length to different voxels
        np.testing.assert_allclose(tally / 20.0, expected, rtol=0.0, atol=1e-11)
        assert balance.tolist() == [20.0, 0.0, 0.0, 0.0, 20.0]


@pytest.mark.parametrize("number", range(4))
def test_narrow_beam_through_surroundings_and_block(
    transport, medium_tables, absorb_only, number: int
) -> None:
    # Absorption only: the share that leaves, and the dose of every voxel of the block, follow from the optical depths.
    rng = np.random.default_rng(40 + number)
    planes, density, medium = random_patchwork(rng)
    energy = (22.1, 27.4723, 31.0, 35.4919)[number]
    tables = absorb_only(medium_tables(*MEDIA, *SEED_MEDIA))
    run = transport(planes, density, tables, medium=medium, media_count=3, scoring=BLOCK)
    point, direction = ray_through_the_block(rng, planes)
    length, index = crossed(planes, point, direction)
    here = tuple(index.T)
    k = round((energy - 1.0) * 100 - 0.5)
    above = energy - (1.0 + k / 100)
    mass, absorbed = (t[k, :, 0] + above * t[k, :, 1] for t in (tables.total, tables.energy_absorption))
    mu = mass[medium[here]] * density[here].astype(float)
    depth = np.concatenate([[0.0], np.cumsum(mu * length)])
    count, parts = 10_000, 40
    beam = np.tile(point, (count, 1)), np.tile(direction, (count, 1))
    left, tallies = [], []
    for part in range(parts):
        tally, balance = run.send(*beam, energy, run_seed=part)
        left.append(balance[4] / balance[0])
        tallies.append(tally / count)
    survive = np.exp(-depth[-1])
    # Four beams at a family-wise 1e-6 need 5.2 σ (binomial); detected: 0.4 % of the beam.
    assert 0.02 < survive < 0.98
    assert abs(np.mean(left) - survive) < 5.2 * np.sqrt(survive * (1.0 - survive) / (count * parts))
    inside = in_block(index)
    expected = np.zeros((4, 5, 4))
    track = np.exp(-depth[:-1]) * -np.expm1(-mu * length) / mu
    scored = energy * absorbed[medium[here]] * track
    np.add.at(expected, tuple((index[inside] - [s.start for s in BLOCK]).T), scored[inside])
    tallies = np.array(tallies)
    mean, spread = tallies.mean(axis=0), tallies.std(axis=0, ddof=1) / np.sqrt(parts)
    assert np.all((expected > 0.0) == (mean > 0.0))
    # Student's t with 39 degrees of freedom, some 30 voxels in all beams at 1e-6: 7.5
    assert np.all(np.abs(mean - expected) <= 7.5 * spread + 1e-12)


def test_scattered_dose_does_not_depend_on_how_much_is_block(
    transport, medium_tables, isotropic_directions
) -> None:
    # The same phantom, once all of it scored and once its middle only: what comes back from outside is the same.
    rng = np.random.default_rng(9)
    planes = [np.linspace(-3.0, 3.0, 13)] * 3
    medium, density = rng.integers(0, 3, (12, 12, 12)), rng.uniform(0.3, 1.2, (12, 12, 12))
    middle = (slice(4, 8),) * 3
    tables = medium_tables(*MEDIA, *SEED_MEDIA)
    doses = []
    for scoring in (None, middle):
        run = transport(planes, density, tables, medium=medium, media_count=3, scoring=scoring)
        parts = []
        for part in range(40):
            directions = isotropic_directions(np.random.default_rng(part), 5000)
            tally, _ = run.send(np.full((5000, 3), 0.1), directions, 27.4723, run_seed=part)
            parts.append((tally if scoring else tally[middle]).sum())
        doses.append(np.array(parts))
    difference = doses[0] - doses[1]
    spread = difference.std(ddof=1) / np.sqrt(40)
    assert abs(difference.mean()) < 6.2 * spread
    assert 6.2 * spread < 0.03 * doses[0].mean()  # detects 3 %; several times as much comes back


def test_no_density_around_the_block_is_above_its_cell_s(transport, medium_tables) -> None:
    # A density above the one that tentative collisions are drawn with would be taken for less than it is.
    rng = np.random.default_rng(12)
    planes, density, medium = random_patchwork(rng)
    planes = [4.0 * p for p in planes]
    run = transport(
        planes, density, medium_tables(*MEDIA, *SEED_MEDIA), medium=medium, media_count=3, scoring=BLOCK
    )
    cells, largest = run.voxels.cells, run.voxels.largest_density
    assert cells.min() > 3
    low, high = (np.array([p[k] for p in planes]) for k in (0, -1))
    points = rng.uniform(low, high, (50_000, 3))
    index = np.stack([np.searchsorted(p, x) - 1 for p, x in zip(planes, points.T, strict=True)], axis=1)
    points, index = points[~in_block(index)], index[~in_block(index)]
    cell = ((points - low) / (high - low) * cells).astype(int)
    flat = (cell[:, 0] * cells[1] + cell[:, 1]) * cells[2] + cell[:, 2]
    here = tuple(index.T)
    assert np.all(density[here] <= largest[flat, medium[here]])
    assert largest.mean() < 0.9 * density.max()  # and it is not one number for all


def test_cells_of_a_single_kind_are_known(transport, medium_tables) -> None:
    rng = np.random.default_rng(13)
    planes, density, medium = random_patchwork(rng)
    density[0, 1:] = 0.5
    medium[0, 1:] = 2
    planes = [4.0 * p for p in planes]
    run = transport(
        planes, density, medium_tables(*MEDIA, *SEED_MEDIA), medium=medium, media_count=3, scoring=BLOCK
    )
    cells, only = run.voxels.cells, run.voxels.only_medium
    assert np.any(only == 2)
    assert np.mean(only < 0) > 0.5
    low, high = (np.array([p[k] for p in planes]) for k in (0, -1))
    points = rng.uniform(low, high, (50_000, 3))
    index = np.stack([np.searchsorted(p, x) - 1 for p, x in zip(planes, points.T, strict=True)], axis=1)
    points, index = points[~in_block(index)], index[~in_block(index)]
    cell = ((points - low) / (high - low) * cells).astype(int)
    flat = (cell[:, 0] * cells[1] + cell[:, 1]) * cells[2] + cell[:, 2]
    here = tuple(index[only[flat] >= 0].T)
    single = flat[only[flat] >= 0]
    np.testing.assert_array_equal(medium[here], only[single])
    np.testing.assert_array_equal(
        density[here], run.voxels.largest_density[single, only[single]].astype(np.float32)
    )
