"""Rays through a 6711 seed against a second description of it: shadow, track lengths around it, oblique placement.

The geometry here is written down again from the published figures (mm) as half-spaces and their boundary surfaces,
the rod as the coating's body with every bound lowered by the thickness; the kernel nests solids of revolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcsim.kernels.seed_passage import LEFT, pass_through_seed
from mcsim.kernels.voxel_grid import SEED_FLAG
from mcsim.materials import material
from mcsim.phantom import Phantom
from mcsim.seed_placement import place_seeds

MEDIA = ("water", "titanium", "air", "silver_halide_6711", "silver")
CM = 10.0  # mm
COATING = 0.00175  # mm
NOTHING, TITANIUM, AIR, HALIDE, SILVER = range(5)


def chamfered(rho: float, z: float, inset: float) -> bool:
    """Inside the rod's body: radius 0.25, half-length 1.4, 45° chamfers to radius 0.175, each less `inset`.

    On the cones the coating's thickness counts along the radius, which is the axial thickness too.
    """
    return rho <= 0.25 - inset and abs(z) <= 1.4 - inset and rho + abs(z) <= 0.25 + 1.325 - inset


def region(x: float, y: float, z: float) -> int:
    """Medium at a point, mm."""
    rho = np.hypot(x, y)
    if chamfered(rho, z, COATING):
        return SILVER
    if chamfered(rho, z, 0.0):
        return HALIDE
    if rho < 0.33 and abs(z) < 1.875:
        return AIR
    if (rho <= 0.4 and abs(z) <= 1.875) or rho**2 + (abs(z) - 1.875) ** 2 <= 0.16:
        return TITANIUM
    return NOTHING


def crossings(point: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Parameters at which the ray meets any surface of the model, mm, ascending."""
    x, y, z = (np.polynomial.Polynomial([p, d]) for p, d in zip(point, direction, strict=True))
    rho2 = x * x + y * y
    surfaces = [rho2 - r * r for r in (0.4, 0.33, 0.25, 0.25 - COATING)]
    for sign in (1.0, -1.0):
        surfaces += [z - sign * h for h in (1.875, 1.4, 1.4 - COATING)]
        surfaces += [rho2 + (z - sign * 1.875) ** 2 - 0.16]
        surfaces += [rho2 - (sign * z - c) ** 2 for c in (1.575, 1.575 - COATING)]
    roots = np.concatenate([s.trim(1e-14).roots() for s in surfaces])
    return np.unique(roots[np.abs(roots.imag) < 1e-9].real)


@dataclass
class Pieces:
    length: np.ndarray  # cm
    medium: np.ndarray
    middle: np.ndarray  # cm along the ray


def pieces(point: np.ndarray, direction: np.ndarray) -> Pieces:
    """The ray's pieces inside the seed; `point` in cm in the seed's frame."""
    t = crossings(point * CM, direction)
    middle = 0.5 * (t[1:] + t[:-1])
    medium = np.array([region(*(point * CM + m * direction)) for m in middle], dtype=int)
    inside = medium != NOTHING
    return Pieces(np.diff(t)[inside] / CM, medium[inside], middle[inside] / CM)


@st.composite
def rays_at_the_seed(draw):
    """Rays from outside towards any point near or in the seed, some of them along or across its axis."""
    target = np.array(
        [draw(st.floats(-0.045, 0.045)), draw(st.floats(-0.045, 0.045)), draw(st.floats(-0.24, 0.24))]
    )
    kind = draw(st.sampled_from(["any", "any", "axis", "across"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    direction = rng.normal(size=3)
    if kind == "axis":
        direction = np.array([0.0, 0.0, draw(st.sampled_from([1.0, -1.0]))])
    elif kind == "across":
        direction[2] = 0.0
    direction /= np.linalg.norm(direction)
    return target - 0.7 * direction, direction


@pytest.fixture(scope="module")
def passage(medium_tables, absorb_only, seed_model):
    """Optical depth of the 6711 along a ray by the kernel: what is used up of a long optical path."""
    tables, solids = absorb_only(medium_tables(*MEDIA)), seed_model.kernel_solids(1)

    def depth(point: np.ndarray, direction: np.ndarray, energy: float) -> tuple[int, float]:
        long = 1e4
        result = pass_through_seed(
            *point, *direction, 0.0, energy, long, solids, tables, 1.0, np.empty((2, len(solids.z_min))),
            np.zeros(2), np.zeros(2, np.uint64),
        )  # fmt: skip
        return int(result[0]), long - float(result[-1])

    return depth


@pytest.fixture(scope="module")
def attenuation(medium_tables):
    """µ of titanium, air, halide and silver, 1/cm, in the order of the regions."""
    tables = medium_tables(*MEDIA)

    def mu(energy: float) -> np.ndarray:
        position = (energy - 1.0) * tables.bins_per_kev
        k = int(position)
        mass = tables.total[k, 1:, 0] + (position - k) / tables.bins_per_kev * tables.total[k, 1:, 1]
        return np.array([0.0, *(mass * [material(name).density for name in MEDIA[1:]])])

    return mu


@given(ray=rays_at_the_seed(), energy=st.sampled_from([22.16, 27.4723, 35.4919]))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_optical_depth_of_the_seed_is_that_of_its_chords(passage, attenuation, ray, energy) -> None:
    point, direction = ray
    through = pieces(point, direction)
    status, depth = passage(point, direction, energy)
    assert status == LEFT
    # 1e-6 of an optical depth: a ray that touches a surface at a grazing angle turns 1e-17 cm² of ρ² into 1e-9 cm of
    # length (times µ of 300/cm), and the difference from a path of 1e4 loses 1e-12 × 1e4.
    assert depth == pytest.approx(
        (attenuation(energy)[through.medium] * through.length).sum(), rel=2e-6, abs=2e-6
    )


def frame_of(axis: np.ndarray) -> np.ndarray:
    """Any right-handed frame with the seed's axis third; the seed is round, the choice of the others is free."""
    q, _ = np.linalg.qr(np.column_stack([axis, np.eye(3)[:, :2] + 0.3]))
    across = q[:, 1]
    return np.array([across, np.cross(axis, across), axis])


@st.composite
def implants(draw):
    """Two to four seeds at random angles in a 2.4 cm cube, far enough apart not to overlap."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 4))
    corners = np.array([[-0.5, -0.5, -0.5], [0.5, -0.5, 0.5], [-0.5, 0.5, 0.5], [0.5, 0.5, -0.5]])[:count]
    axes = rng.normal(size=(count, 3))
    if draw(st.booleans()):
        axes[0] = [0.0, 0.0, draw(st.sampled_from([1.0, -1.0]))]
    positions = corners + rng.uniform(-0.2, 0.2, (count, 3))
    return positions, axes / np.linalg.norm(axes, axis=1, keepdims=True), rng


def seeds_in_a_cube(transport, tables, seed_model, positions, axes, density=1.0, interseed=True):
    planes = tuple(np.linspace(-1.2, 1.2, n + 1) for n in (19, 24, 13))
    shape = tuple(len(p) - 1 for p in planes)
    phantom = Phantom(
        planes, np.zeros(shape, np.uint8), np.full(shape, density, np.float32), ("water",),
        tuple(slice(0, n) for n in shape),
    )  # fmt: skip
    run = transport(list(planes), density, tables, media_count=1)
    run.seeds, fraction = place_seeds(
        phantom, seed_model, positions, axes, np.ones(len(positions)), interseed
    )
    run.voxels, run.seeds = phantom.kernel_voxels(run.seeds, tables, 0)
    return run, fraction


def march(run, positions, axes, point, direction) -> tuple[np.ndarray, list[tuple[float, int, tuple, float]]]:
    """Track length outside the seeds per voxel, and (start, medium, voxel, length) of every piece in order, cm."""
    cuts = [0.0]
    for p, x, u in zip(run.planes, point, direction, strict=True):
        cuts.extend((p - x) / u)
    local = [
        (frame_of(a) @ (point - c), frame_of(a) @ direction) for c, a in zip(positions, axes, strict=True)
    ]
    for place, along in local:
        cuts.extend(crossings(place * CM, along) / CM)
    leave = min(
        max((p[0] - x) / u, (p[-1] - x) / u) for p, x, u in zip(run.planes, point, direction, strict=True)
    )
    cuts = np.unique(np.clip(cuts, 0.0, leave))
    expected, found = np.zeros(run.shape), []
    for a, b in pairwise(cuts):
        middle = 0.5 * (a + b)
        medium = max(region(*(CM * (place + middle * along))) for place, along in local)
        voxel = tuple(
            int(np.searchsorted(p, x + middle * u)) - 1
            for p, x, u in zip(run.planes, point, direction, strict=True)
        )
        if medium == NOTHING:
            expected[voxel] += b - a
        found.append((a, medium, voxel, b - a))
    return expected, found


@given(implant=implants())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_voxels_score_only_outside_the_seeds(implant, transport, medium_tables, vacuum, seed_model) -> None:
    positions, axes, rng = implant
    run, _ = seeds_in_a_cube(transport, vacuum(medium_tables(*MEDIA)), seed_model, positions, axes)
    for _ in range(10):
        target = positions[rng.integers(len(positions))] + rng.uniform(-0.06, 0.06, 3)
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        point = target - 0.3 * direction
        if any(region(*(CM * frame_of(a) @ (point - c))) for c, a in zip(positions, axes, strict=True)):
            continue
        tally, balance = run.send(point, direction, 20.0)
        expected, _ = march(run, positions, axes, point, direction)
        # 1e-8 cm: near a surface touched at a grazing angle a rounding of 1e-16 cm² in ρ² is one of 1e-8 cm in length
        np.testing.assert_allclose(tally / 20.0, expected, rtol=0.0, atol=2e-8)
        assert balance[4] == balance[0]


def test_the_shadow_of_seeds_in_tissue_decides_where_a_photon_stops(
    transport, medium_tables, absorb_only, attenuation, seed_model, first_paths
) -> None:
    # Absorption only: with its optical path known, each photon's fate and track lengths follow from the chords.
    tables, energy = absorb_only(medium_tables(*MEDIA)), 27.4723
    rng = np.random.default_rng(5)
    positions = np.array([[0.0, 0.0, 0.0], [0.25, 0.1, 0.05]])
    axes = np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
    run, _ = seeds_in_a_cube(transport, tables, seed_model, positions, axes, density=0.7)
    mu = attenuation(energy)
    k = int((energy - 1.0) * 100)
    above = energy - (1.0 + k / 100)
    mu[NOTHING] = 0.7 * (tables.total[k, 0, 0] + above * tables.total[k, 0, 1])
    mu_en = tables.energy_absorption[k, 0, 0] + above * tables.energy_absorption[k, 0, 1]
    fates = {"left": 0, "seed": 0, "tissue": 0}
    for i in range(600):
        target = positions[i % 2] + rng.uniform(-0.04, 0.04, 3)
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        point = target - 0.6 * direction
        tally, balance = run.send(point, direction, energy, run_seed=i)
        path, expected, fate = first_paths(i, 1)[0], np.zeros(run.shape), "left"
        for _, medium, voxel, length in march(run, positions, axes, point, direction)[1]:
            stop = min(length, path / mu[medium])
            expected[voxel] += stop * energy * mu_en * (medium == NOTHING)
            path -= mu[medium] * stop
            if stop < length:
                fate = "tissue" if medium == NOTHING else "seed"
                break
        np.testing.assert_allclose(tally, expected, rtol=1e-6, atol=1e-6)
        assert balance.tolist() == [
            energy, energy * (fate == "tissue"), energy * (fate == "seed"), 0.0, energy * (fate == "left")
        ]  # fmt: skip
        fates[fate] += 1
    assert min(fates.values()) > 40


def test_only_voxels_near_a_seed_are_flagged(transport, medium_tables, seed_model) -> None:
    positions, axes = np.array([[0.03, -0.02, 0.1]]), np.array([[0.0, 0.6, 0.8]])
    run, fraction = seeds_in_a_cube(transport, medium_tables(*MEDIA), seed_model, positions, axes)
    flagged = (run.voxels.medium & SEED_FLAG > 0).reshape(run.voxels.shape + 2)[1:-1, 1:-1, 1:-1]
    assert np.all(flagged[fraction < 1.0])
    assert flagged.sum() < 60  # a seed's bounding box at this angle has 2 × 5 × 4 voxels


def test_superposition_scores_the_same_part_of_a_voxel(transport, medium_tables, vacuum, seed_model) -> None:
    # Only the emitter is solid, but the dose divides by the part of the voxel outside all seeds: only there may it
    # score. Here seed 0 emits through a transparent seed 1.
    positions, axes = (
        np.array([[-0.3, 0.0, 0.0], [0.3, 0.02, 0.01]]),
        np.array([[0.0, 0.0, 1.0], [0.0, 0.6, 0.8]]),
    )
    run, _ = seeds_in_a_cube(
        transport, vacuum(medium_tables(*MEDIA)), seed_model, positions, axes, interseed=False
    )
    rng, met = np.random.default_rng(3), 0
    for _ in range(200):
        point = positions[0] + np.array([0.05, *rng.uniform(-0.05, 0.05, 2)])
        direction = positions[1] + rng.uniform(-0.15, 0.15, 3) - point
        direction /= np.linalg.norm(direction)
        tally, _ = run.send(point, direction, 20.0, emitter=0)
        expected, found = march(run, positions, axes, point, direction)
        np.testing.assert_allclose(tally / 20.0, expected, rtol=0.0, atol=2e-8)
        met += any(medium != NOTHING for _, medium, _, _ in found)
    assert met > 40
