"""Rays through rectilinear voxels: track lengths, collision sites, attenuation, against independent marching.

The marching here gathers the ray's crossings with all planes, sorts them and looks up each segment's middle; the
kernel steps from voxel to voxel. Both know the same first optical path, so that every comparison is deterministic.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

MEDIA = ("water", "cortical_bone", "lung")
SEED_MEDIA = ("titanium", "air", "silver_halide_6711", "silver")


@st.composite
def grids(draw):
    """Even planes, another spacing along each axis, 1 to 6 cells."""
    planes = []
    for _ in range(3):
        cells = draw(st.integers(1, 6))
        low = draw(st.floats(-5.0, 5.0))
        planes.append(np.linspace(low, low + draw(st.floats(0.05, 2.0)) * cells, cells + 1))
    return planes


@st.composite
def starts(draw, planes):
    """Points in the grid, each coordinate anywhere, on a plane or in the middle of a cell."""
    point = []
    for p in planes:
        kind = draw(st.sampled_from(["anywhere", "plane", "middle"]))
        k = draw(st.integers(0, len(p) - 2))
        point.append(
            {
                "anywhere": p[0] + draw(st.floats(0.001, 0.999)) * (p[-1] - p[0]),
                "plane": draw(st.sampled_from([p[k], p[k + 1]])),
                "middle": 0.5 * (p[k] + p[k + 1]),
            }[kind]
        )
    return np.array(point)


@st.composite
def directions(draw):
    """Unit vectors: anything, along axes and diagonals (edges, corners), and within round-off of these."""
    kind = draw(st.sampled_from(["any", "lattice", "almost"]))
    if kind == "any":
        v = np.array([draw(st.floats(-1.0, 1.0)) for _ in range(3)])
        v[np.abs(v) < 1e-15] = 0.0  # 1/u must not overflow in `chord`
    else:
        v = np.array([float(draw(st.sampled_from([-2, -1, 0, 1, 2]))) for _ in range(3)])
    if kind == "almost":
        v += np.array(
            [draw(st.sampled_from([0.0, 1e-15, -1e-15, 1e-13, -1e-13, 1e-9, -1e-9])) for _ in range(3)]
        )
    norm = np.linalg.norm(v)
    # a sign of zero is a direction too: -0.0 comes from turning a vector round
    return draw(st.sampled_from([1.0, -1.0])) * v / norm if norm > 1e-3 else np.array([0.0, -0.0, 1.0])


def chord(planes, point, direction) -> float:
    """Length of the ray from `point` to where it leaves the box; a ray along an upper face is outside."""
    low, high = 0.0, np.inf
    for p, x, u in zip(planes, point, direction, strict=True):
        if u != 0.0:
            a, b = sorted([(p[0] - x) / u, (p[-1] - x) / u])
            low, high = max(low, a), min(high, b)
        elif x == p[-1]:
            return 0.0
    return max(high - low, 0.0)


def segments(planes, point, direction) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (k,) and voxel indices (k, 3) of the pieces of a ray that starts inside."""
    t = [0.0]
    for p, x, u in zip(planes, point, direction, strict=True):
        if u != 0.0:
            t.extend((p - x) / u)
    t = np.unique(np.clip(t, 0.0, chord(planes, point, direction)))
    middle = point + 0.5 * (t[1:] + t[:-1])[:, None] * direction
    index = [
        np.clip(np.searchsorted(p, m, side="right") - 1, 0, len(p) - 2)
        for p, m in zip(planes, middle.T, strict=True)
    ]
    return np.diff(t), np.stack(index, axis=1)


@pytest.fixture(scope="module")
def tracks(transport, medium_tables, vacuum):
    """Transport in vacuum: track lengths."""
    tables = vacuum(medium_tables(*MEDIA, *SEED_MEDIA))
    return lambda planes: transport(planes, 1.0, tables, media_count=3)


# Round-off: a crossing is (plane − x)/u, each wrong by 2 ulp of up to 2 cm plus 1e-16 × 7 cm / u; rays with a
# component of 1e-9 meet a far boundary only beyond the box. The sum over 20 voxels stays below 1e-12 relative.
ROUND_OFF = 1e-12


@given(data=st.data())
@settings(max_examples=600, deadline=None, derandomize=True)
def test_track_lengths_add_up_to_the_chord(tracks, data) -> None:
    planes = data.draw(grids())
    point, direction = data.draw(starts(planes)), data.draw(directions())
    tally, balance = tracks(planes).send(point, direction, 20.0)
    assert np.all(tally >= 0.0)
    # Along an upper face of the box, which the kernel has at lower + n · spacing: as if it ran outwards by 1e-12 per
    # centimetre, so a face wrong by an ulp is met after 1e12 ulp.
    along_face = any(u == 0.0 and x == p[-1] for p, x, u in zip(planes, point, direction, strict=True))
    slack = 4e12 * np.spacing(max(p[-1] for p in planes)) if along_face else ROUND_OFF
    assert tally.sum() / 20.0 == pytest.approx(chord(planes, point, direction), rel=ROUND_OFF, abs=slack)
    assert balance.tolist() == [20.0, 0.0, 0.0, 0.0, 20.0]


@given(data=st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_each_voxel_gets_its_own_track_length(tracks, data) -> None:
    planes = data.draw(grids())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    point = np.array([rng.uniform(p[0], p[-1]) for p in planes])
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    run = tracks(planes)
    expected = np.zeros(run.shape)
    length, index = segments(planes, point, direction)
    np.add.at(expected, tuple(index.T), length)
    tally, _ = run.send(point, direction, 20.0)
    # 1e-11 cm: near an edge the two may give a piece of round-off length to different voxels
    np.testing.assert_allclose(tally / 20.0, expected, rtol=0.0, atol=1e-11)


def random_phantom(rng: np.random.Generator):
    planes = [np.linspace(-1.0, rng.uniform(0.8, 2.5), n + 1) for n in (9, 7, 8)]
    shape = tuple(len(p) - 1 for p in planes)
    return planes, rng.uniform(0.05, 3.0, shape).astype(np.float32), rng.integers(0, 3, shape)


def attenuation_of(tables, energy: float, medium: np.ndarray, density: np.ndarray) -> np.ndarray:
    position = (energy - tables.energy_min) * tables.bins_per_kev
    k = int(position)
    mass = tables.total[k, :, 0] + (position - k) / tables.bins_per_kev * tables.total[k, :, 1]
    return mass[medium] * density.astype(np.float64)


def test_photons_collide_where_the_optical_path_is_used_up(
    transport, medium_tables, absorb_only, first_paths, isotropic_directions
) -> None:
    rng = np.random.default_rng(7)
    planes, density, medium = random_phantom(rng)
    tables = absorb_only(medium_tables(*MEDIA, *SEED_MEDIA))
    run = transport(planes, density, tables, medium=medium, media_count=3)
    energy, count = 27.4723, 400
    mu = attenuation_of(tables, energy, medium, density)
    mu_en = attenuation_of(
        tables._replace(total=tables.energy_absorption), energy, medium, np.ones_like(density)
    )
    rays = isotropic_directions(rng, count)
    collided = 0
    for i, direction in enumerate(rays):
        point = np.array([rng.uniform(p[0], p[-1]) for p in planes])
        tally, balance = run.send(point, direction, energy, run_seed=i)
        length, index = segments(planes, point, direction)
        here = tuple(index.T)
        depth = np.concatenate([[0.0], np.cumsum(mu[here] * length)])
        path = first_paths(i, 1)[0]
        expected = np.zeros(run.shape)
        track = np.clip(path - depth[:-1], 0.0, mu[here] * length) / mu[here]
        np.add.at(expected, here, energy * mu_en[here] * track)
        # round-off of sums of about 20 optical depths
        np.testing.assert_allclose(tally, expected, rtol=1e-9, atol=1e-9 * expected.max())
        absorbed = energy if path < depth[-1] else 0.0
        assert balance.tolist() == [energy, absorbed, 0.0, 0.0, energy - absorbed]
        collided += path < depth[-1]
    assert 0.2 * count < collided < 0.8 * count  # the phantom is neither transparent nor black


@pytest.mark.parametrize("number", range(6))
def test_narrow_beam_is_attenuated_exponentially(transport, medium_tables, absorb_only, number: int) -> None:
    rng = np.random.default_rng(100 + number)
    planes, density, medium = random_phantom(rng)
    tables = absorb_only(medium_tables(*MEDIA, *SEED_MEDIA))
    run = transport(planes, 0.4 * density, tables, medium=medium, media_count=3)
    energy = (22.1, 27.2017, 27.4723, 31.0, 35.4919, 5.0)[number]
    inside = np.array([rng.uniform(p[0], p[-1], 2) for p in planes])
    direction = inside[:, 1] - inside[:, 0]
    direction /= np.linalg.norm(direction)
    mu = attenuation_of(tables, energy, medium, 0.4 * density)
    length, index = segments(planes, inside[:, 0], direction)
    expected = np.exp(-(mu[tuple(index.T)] * length).sum())
    count = 200_000
    beam = np.tile(inside[:, 0], (count, 1)), np.tile(direction, (count, 1))
    _, balance = run.send(*beam, energy)
    # Binomial; six beams at a family-wise false alarm of 1e-6 need 5.2 σ: 0.6 % of full transmission is detected.
    assert abs(balance[4] / balance[0] - expected) < 5.2 * np.sqrt(expected * (1 - expected) / count) + 1e-9
