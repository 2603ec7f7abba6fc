"""Distances between seeds of any outer shape, and which voxels a seed touches."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from mcsim.kernels.convex_distance import distance
from mcsim.phantom import Phantom
from mcsim.seed_model import load_seed_model, seed_model_names
from mcsim.seed_overlap import extent, overlapping_seeds, seed_frame, seed_gap
from mcsim.seed_placement import place_seeds

X, Z = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
CAPSULE, CYLINDER = load_seed_model("6711"), load_seed_model("STM1251")
MODELS = [load_seed_model(name) for name in seed_model_names()]

unit_vectors = st.integers(0, 2**32).map(lambda s: np.random.default_rng(s).normal(size=3))


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def least_distance_of_axes(p: np.ndarray, a: np.ndarray, q: np.ndarray, b: np.ndarray, half: float) -> float:
    """Two segments: a least-squares problem in the two positions on them, within bounds."""
    found = lsq_linear(np.stack([a, -b], axis=1), q - p, bounds=(-half, half), method="bvls", tol=1e-15)
    return float(np.linalg.norm(p + found.x[0] * a - q - found.x[1] * b))


@given(
    offset=st.tuples(*[st.floats(-0.4, 0.4)] * 3), a=unit_vectors, b=unit_vectors,
    kind=st.sampled_from(["any", "parallel", "antiparallel"]),
)  # fmt: skip
@settings(max_examples=100, deadline=None, derandomize=True)
def test_gap_of_round_ended_seeds_is_that_of_their_axes(offset, a, b, kind: str) -> None:
    # A capsule is a segment with a ball swept over it: the gap is the distance of the segments less the diameter, and
    # an overlap's depth is what is missing, for the way out is along the shortest connection.
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    if kind != "any":
        b = a if kind == "parallel" else -a
    expected = least_distance_of_axes(np.zeros(3), a, np.array(offset), b, 0.1875) - 0.08
    found = seed_gap(CAPSULE, np.zeros(3), a, np.array(offset), b)
    if expected > 0.0:
        assert found == pytest.approx(expected, abs=1e-7)
    else:  # a depth is searched for, on a surface with ridges, and never below the true one
        assert expected - 1e-4 < found < expected + 1e-7


def nearest_in_cylinder(points: np.ndarray, half: float, radius: float) -> np.ndarray:
    """Nearest points, (n, 3), of a flat-ended cylinder about z."""
    across = np.hypot(points[:, 0], points[:, 1])
    shrink = np.minimum(1.0, radius / np.maximum(across, 1e-300))
    return np.stack(
        [points[:, 0] * shrink, points[:, 1] * shrink, np.clip(points[:, 2], -half, half)], axis=1
    )


@given(offset=st.tuples(*[st.floats(-0.5, 0.5)] * 3), turn=st.integers(0, 2**31))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_gap_of_flat_ended_seeds_is_what_projections_in_turn_find(offset, turn: int) -> None:
    # Projecting onto one convex body and the other in turn leads to a nearest pair (Cheney & Goldstein 1959): an
    # independent way to the distance, from above. 1500 turns bring most pairs to 1e-6 cm, edge to edge to 1e-4.
    turned, half, radius = rotation(turn), 0.2275, 0.0405
    point = np.array([offset])
    for _ in range(1500):
        here = nearest_in_cylinder(point, half, radius)
        local = (here - offset) @ turned
        point = nearest_in_cylinder(local, half, radius) @ turned.T + offset
    expected = float(np.linalg.norm(point - here))
    found = seed_gap(CYLINDER, np.zeros(3), Z, np.array(offset), turned[:, 2])
    if found > 0.0:
        assert found <= expected + 1e-9
        assert found == pytest.approx(expected, abs=1e-4)
    else:
        assert expected < 2e-3  # projections creep into an overlap


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
@pytest.mark.parametrize("turn", range(4))
def test_gap_of_touching_seeds_is_zero_in_any_orientation(model, turn: int) -> None:
    turned, place = rotation(turn), np.array([3.1, -20.2, 7.7])
    low, high = extent(model, Z)
    length, half, radius = high[2] - low[2], high[2], model.radius
    cases = {
        "end to end": (length * Z, Z, Z),
        "side by side": (2 * radius * X, X, Z),
        "side by side, shifted": (2 * radius * X + 0.2 * Z, X, Z),
        "crossed": (2 * radius * X, X, np.array([0.0, 1.0, 0.0])),
        "end on side": ((radius - low[2]) * X, X, X),
        "turned over": (2 * half * Z, Z, -Z),
    }
    for name, (offset, normal, axis) in cases.items():
        for beyond in (0.0, 1e-3, -1e-3):
            other = place + turned @ (offset + beyond * normal)
            gap = seed_gap(model, place, turned @ Z, other, turned @ axis)
            assert gap == pytest.approx(beyond, abs=1e-6), name
            assert seed_gap(model, other, turned @ axis, place, turned @ Z) == pytest.approx(gap, abs=1e-7)
            pair = np.array([place, other]), np.array([turned @ Z, turned @ axis])
            assert (len(overlapping_seeds(model, *pair)) == 1) == (beyond < 0.0), name


def test_a_rim_that_a_capsule_does_not_have_is_found() -> None:
    # Two cylinders, the second tilted by 45° with its lower rim over the end of the first: the rim is at
    # −(L + R)/√2 below the second's centre. A capsule in its place would end 0.17 mm higher.
    reach = (0.2275 + 0.0405) / np.sqrt(2.0)
    tilted = (X + Z) / np.sqrt(2.0)
    # the rim's lowest point lies (L − R)/√2 before the centre: put it over the middle of the other's end
    centre = np.array([(0.2275 - 0.0405) / np.sqrt(2.0), 0.0, 0.2275 + reach])
    for beyond in (1e-3, -1e-3):
        gap = seed_gap(CYLINDER, np.zeros(3), Z, centre + beyond * Z, tilted)
        assert gap == pytest.approx(beyond, abs=1e-6)


def apart(p: np.ndarray, a: np.ndarray, q: np.ndarray, b: np.ndarray) -> float:
    """Distance of two flat-ended seeds, 0 if they overlap."""
    solids = CYLINDER.kernel_solids(0)
    return float(distance(solids, p, seed_frame(a), 1.0, q, seed_frame(b), 1.0, np.zeros(3))[0])


@given(
    offset=st.tuples(*[st.floats(-0.15, 0.15)] * 3), a=unit_vectors, b=unit_vectors,
    directions=st.integers(0, 2**32),
)  # fmt: skip
@settings(max_examples=30, deadline=None, derandomize=True)
def test_no_shorter_way_leads_out_of_an_overlap(offset, a, b, directions: int) -> None:
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    depth = -seed_gap(CYLINDER, np.zeros(3), a, np.array(offset), b)
    if depth <= 1e-6:
        return
    way = np.random.default_rng(directions).normal(size=(100, 3))
    for step in way / np.linalg.norm(way, axis=1, keepdims=True):
        assert apart(np.zeros(3), a, offset + 0.99 * depth * step, b) == 0.0


def test_pairs_are_listed_deepest_first() -> None:
    positions = np.array([[0.0, 0, 0], [0.07, 0, 0], [1.0, 0, 0], [1.05, 0, 0], [3.0, 0, 0], [3.08, 0, 0]])
    found = overlapping_seeds(CAPSULE, positions, np.tile(Z, (6, 1)))
    assert [(i, j) for i, j, _ in found] == [(2, 3), (0, 1)]
    assert [depth for _, _, depth in found] == pytest.approx([0.03, 0.01], abs=1e-8)


def test_two_hundred_seeds_are_checked_in_no_time() -> None:
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*[np.arange(6) * 0.46] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:200]
    axes = np.tile(Z, (200, 1))
    overlapping_seeds(CYLINDER, grid[:2], axes[:2])  # compiled
    start = time.perf_counter()
    assert overlapping_seeds(CYLINDER, grid + rng.uniform(-0.002, 0.002, grid.shape), axes) == []
    assert time.perf_counter() - start < 1.0  # seen: 0.02 s


def cube(voxels: int, offset: float) -> Phantom:
    planes = np.linspace(-1.0, 1.0, voxels + 1) + offset
    shape = (voxels,) * 3
    return Phantom(
        (planes, planes, planes), np.zeros(shape, np.uint8), np.ones(shape, np.float32), ("water",),
        (slice(0, voxels),) * 3,
    )  # fmt: skip


@pytest.mark.parametrize("model", [CAPSULE, CYLINDER], ids=lambda m: m.name)
@pytest.mark.parametrize("voxels", [8, 20, 45])
def test_the_voxels_that_know_a_seed_are_just_those_it_enters(model, voxels: int) -> None:
    rng = np.random.default_rng(voxels)
    round_ended, bounding = model is CAPSULE, 0
    counts = []
    for _ in range(4):
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        position = rng.uniform(-0.3, 0.3, 3)
        phantom = cube(voxels, 0.0)
        placed, _ = place_seeds(phantom, model, position[None], axis[None], np.ones(1))
        # every voxel that a point of the seed lies in: 200,000 points, most of them near the surface
        along = rng.uniform(-model.half_length, model.half_length, 200_000)
        across = rng.normal(size=(200_000, 3))
        across -= (across @ axis)[:, None] * axis
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        radius = np.full(200_000, model.radius)
        if round_ended:
            beyond = np.maximum(np.abs(along) - (model.half_length - model.radius), 0.0)
            radius = np.sqrt(np.maximum(model.radius**2 - beyond**2, 0.0))
        radius *= np.where(rng.random(200_000) < 0.7, 1.0, np.sqrt(rng.random(200_000)))
        points = position + along[:, None] * axis + radius[:, None] * across
        entered = np.unique(
            np.ravel_multi_index(np.floor((points + 1.0) * voxels / 2.0).astype(int).T, phantom.medium.shape)
        )
        assert np.isin(entered, placed.flagged).all()
        # Those that no point lies in are touched by an edge or a corner only: nearest points by turns of projection.
        size = 2.0 / voxels
        for voxel in np.setdiff1d(placed.flagged, entered):
            low = np.array(np.unravel_index(voxel, phantom.medium.shape)) * size - 1.0
            point = np.clip(position, low, low + size)
            for _ in range(3000):
                local = point - position
                z = local @ axis
                side = local - z * axis
                if round_ended:
                    core = (
                        np.clip(z, model.radius - model.half_length, model.half_length - model.radius) * axis
                    )
                    away = local - core
                    inside = core + away * min(1.0, model.radius / max(np.linalg.norm(away), 1e-300))
                else:
                    inside = np.clip(z, -model.half_length, model.half_length) * axis + side * min(
                        1.0, model.radius / max(np.linalg.norm(side), 1e-300)
                    )
                point = np.clip(position + inside, low, low + size)
            assert np.linalg.norm(position + inside - point) < 2e-5
        reach = np.max(np.abs(extent(model, axis)), axis=0)
        bounding += np.prod(
            np.floor((position + reach + 1) / size) - np.floor((position - reach + 1) / size) + 1
        )
        counts.append(len(placed.flagged))
    assert (
        sum(counts) < (0.75 if voxels > 8 else 1.01) * bounding
    )  # fewer than the boxes around the seeds hold
