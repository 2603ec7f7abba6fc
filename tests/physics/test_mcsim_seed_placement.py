"""Seeds in a phantom: touching ones, flat-ended ones in any orientation, and what they cost where there are none."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mcsim.kernels.voxel_transport import BELOW_CUT_OFF, EMITTED, IN_SEEDS, IN_TISSUE, LEFT_PHANTOM
from mcsim.phantom import Phantom
from mcsim.seed_model import load_seed_model, seed_model_names
from mcsim.seed_overlap import seed_gap
from mcsim.seed_placement import place_seeds
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings

X, Z = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])


def cube(half: float = 1.2, voxels: int = 24) -> Phantom:
    planes = np.linspace(-half, half, voxels + 1)
    shape = (voxels,) * 3
    return Phantom(
        (planes, planes, planes), np.zeros(shape, np.uint8), np.ones(shape, np.float32), ("water",),
        (slice(0, voxels),) * 3,
    )  # fmt: skip


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("name", ["6711", "STM1251", "TheraSeed 200"])
@pytest.mark.parametrize("seeds", ["interseed", "superposition"])
def test_touching_seeds_conserve_energy(name: str, seeds: str) -> None:
    # a row end to end and one seed beside it, turned so that no contact lies on a voxel's face
    model, turned = load_seed_model(name), rotation(2)
    length, thick = 2.0 * model.half_length, 2.0 * model.radius
    positions = np.array([-length * Z, 0.0 * Z, length * Z, thick * X + 0.5 * length * Z]) @ turned.T
    axes = np.tile(turned @ Z, (4, 1))
    for i, j in ((0, 1), (1, 2), (1, 3), (2, 3)):
        assert seed_gap(model, positions[i], axes[i], positions[j], axes[j]) == pytest.approx(0.0, abs=1e-6)
    settings = Settings(
        seeds=seeds,
        phase_space_histories=200_000,
        productive_histories_per_batch=4000,
        variance_reduction="none",
    )  # what is sampled in water has no energy balance in the phantom
    run = Simulation(cube(), name, positions, axes, np.ones(4), 59.4, settings, threads=2)
    for number in range(2):
        balance = run.batch(number).balance
        kept = balance[[IN_TISSUE, IN_SEEDS, BELOW_CUT_OFF, LEFT_PHANTOM]].sum()
        assert kept == pytest.approx(balance[EMITTED], rel=1e-11)  # round-off of 1e5 additions
        assert np.all(balance[[IN_TISSUE, IN_SEEDS, LEFT_PHANTOM]] > 0.0)


def chord_of_cylinder(
    point: np.ndarray, direction: np.ndarray, half: float, radius: float
) -> tuple[float, float]:
    """Ray parameters inside a flat-ended cylinder about z; an empty interval has exit < entry."""
    ends = np.sort((np.array([-half, half]) - point[2]) / direction[2])
    a, b = direction[:2] @ direction[:2], point[:2] @ direction[:2]
    root = b * b - a * (point[:2] @ point[:2] - radius * radius)
    if root < 0.0:
        return np.inf, -np.inf
    side = (-b + np.array([-1.0, 1.0]) * np.sqrt(root)) / a
    return max(ends[0], side[0]), min(ends[1], side[1])


@pytest.mark.parametrize("turn", range(3))
def test_tracks_past_a_flat_ended_seed_leave_out_its_chord(
    transport, medium_tables, vacuum, turn: int
) -> None:
    # In vacuum the tally is the length outside the seed: the way to the faces less the chord of a cylinder, however
    # seed and rays are turned together.
    model, turned = load_seed_model("STM1251"), rotation(turn + 5)
    position = np.array([0.11, -0.07, 0.05])
    phantom, media = cube(), ("water", *model.media)
    run = transport(list(phantom.planes), 1.0, vacuum(medium_tables(*media)))
    run.seeds, _ = place_seeds(phantom, model, position[None], (turned @ Z)[None], np.ones(1))
    run.solids = model.kernel_solids(1)
    run.voxels, run.seeds = phantom.kernel_voxels(run.seeds, run.tables, 0)
    rng, met, rims = np.random.default_rng(8), 0, 0
    for _ in range(400):  # the same rays in the seed's frame for every turn, through ends, sides and rims
        target = np.array(
            [*rng.uniform(-0.05, 0.05, 2), rng.choice([-1, 0, 1]) * 0.2275 + rng.normal(0, 0.03)]
        )
        local = rng.normal(size=3)
        local /= np.linalg.norm(local)
        start = target - 0.6 * local
        enters, leaves = chord_of_cylinder(start, local, 0.2275, 0.0405)
        point, direction = position + turned @ start, turned @ local
        tally, balance = run.send(point, direction, 20.0)
        to_face = np.max([(-1.2 - point) / direction, (1.2 - point) / direction], axis=0).min()
        chord = max(leaves - enters, 0.0)
        # 2e-8 cm: a surface touched at a grazing angle turns round-off of ρ² into such lengths
        assert tally.sum() / 20.0 == pytest.approx(to_face - chord, abs=2e-8)
        assert balance[LEFT_PHANTOM] == balance[EMITTED]
        met += chord > 0.0
        rims += 0.0 < chord < 0.02
    assert met > 150
    assert rims > 5


@pytest.mark.parametrize("name", seed_model_names())
def test_tissue_parts_turn_with_the_seed(name: str) -> None:
    # (x, y, z) → (z, x, y) maps the grid onto itself: seed and voxels turned together, the parts must go along
    phantom, axis, place = cube(0.6, 12), np.array([0.36, 0.48, 0.8]), np.array([0.031, -0.052, 0.017])
    turn = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    model, matrix, fractions = load_seed_model(name), np.eye(3), []
    for turns in range(3):
        _, fraction = place_seeds(phantom, model, (matrix @ place)[None], (matrix @ axis)[None], np.ones(1))
        for _ in range(turns):
            fraction = np.moveaxis(fraction, 0, -1)
        fractions.append(fraction)
        matrix = turn @ matrix
    assert 10 < (fractions[0] < 1.0).sum() < 60
    for fraction in fractions[1:]:
        # 4096 chords of another set of lines: 3e-4 of a voxel (1σ 1e-4)
        np.testing.assert_allclose(fraction, fractions[0], atol=1e-3)


def photons_around(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Photons in the half x > 0.1 of the cube that stay in it."""
    points = rng.uniform([0.15, -1.1, -1.1], [1.1, 1.1, 1.1], (count, 3))
    directions = rng.normal(size=(count, 3))
    directions[:, 0] = np.abs(directions[:, 0])
    return points, directions / np.linalg.norm(directions, axis=1, keepdims=True)


def test_voxels_without_seeds_never_ask_for_them(transport, medium_tables, absorb_only) -> None:
    # Seeds whose place is not a number spoil whatever is asked of them. Photons that keep to voxels without a seed
    # score the same bits as in a phantom without seeds.
    model, phantom = load_seed_model("6711"), cube()
    tables = absorb_only(medium_tables("water", *model.media))
    run = transport(list(phantom.planes), 1.0, tables)
    points, directions = photons_around(3000, np.random.default_rng(2))
    alone, _ = run.send(points, directions, 27.4723)
    assert alone.sum() > 0.0
    rng = np.random.default_rng(4)
    positions = np.array([[-0.5, y, z] for y in (-0.8, -0.3, 0.3, 0.8) for z in (-0.8, -0.3, 0.3, 0.8)])
    axes = rng.normal(size=(16, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    seeds, _ = place_seeds(phantom, model, positions, axes, np.ones(16))
    run.voxels, seeds = phantom.kernel_voxels(seeds, run.tables, 0)
    run.seeds = seeds._replace(
        position=np.full_like(seeds.position, np.nan), frame=np.full_like(seeds.frame, np.nan)
    )
    assert 0 < len(seeds.flagged) < 30 * 16
    beside, _ = run.send(points, directions, 27.4723)
    np.testing.assert_array_equal(beside, alone)


@pytest.mark.slow
def test_seeds_cost_no_time_where_there_are_none(transport, medium_tables, absorb_only) -> None:
    # The best of several runs, with 200 seeds in one half of the phantom and photons in the other, against no seeds.
    model, phantom = load_seed_model("6711"), cube()
    tables = absorb_only(medium_tables("water", *model.media))
    run = transport(list(phantom.planes), 1.0, tables)
    points, directions = photons_around(100_000, np.random.default_rng(2))
    grid = [
        [x, y, z] for x in (-1.0, -0.6) for y in np.linspace(-1, 1, 20) for z in np.linspace(-0.9, 0.9, 4)
    ]
    seeds, _ = place_seeds(phantom, model, np.array(grid), np.tile(Z, (len(grid), 1)), np.ones(len(grid)))
    bare = run.voxels
    full, seeds = phantom.kernel_voxels(seeds, run.tables, 0)
    best = {"bare": np.inf, "full": np.inf}
    for _ in range(8):  # in turns, so that both see the same load
        for which, voxels in (("bare", bare), ("full", full)):
            run.voxels, run.seeds = voxels, seeds
            start = time.perf_counter()
            run.send(points, directions, 27.4723)
            best[which] = min(best[which], time.perf_counter() - start)
    assert best["full"] < 1.1 * best["bare"]
