"""Kerma in shells by polar angle and in rings by height: exact lengths, unbiased cells, and analytic sources."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.characterisation_cells import ScoringCells
from mcsim.invalid_input import InvalidInput
from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.characterisation import follow_in_sphere
from mcsim.kernels.rng import start_stream
from mcsim.kernels.shell_scoring import score_flight

MEDIA = ("water", "titanium", "air", "silver_halide_6711", "silver")
ENERGY = 27.4723
STREAM_TEST = 91  # apart from the streams of the program
CELLS = ScoringCells(
    shells=np.array([[0.1, 0.3], [0.3, 0.35], [0.5, 0.9], [1.4, 1.6]]),
    polar_bins=17,  # odd: flights across the axis do not run along an edge
    rings=np.array([[0.0, 0.2], [0.2, 0.3], [0.6, 1.0]]),
    heights=np.array([[-0.9, -0.7], [-0.2, 0.2], [0.2, 0.5], [1.0, 1.3]]),
)


@allocating_jit
def score_often(cells, ray, step, shells, rings, times):
    state = np.empty(2, np.uint64)
    for k in range(times):
        start_stream(state, 1, STREAM_TEST, 0, k)
        score_flight(cells, ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], step, 1.0, shells, rings, state)


@allocating_jit
def follow_often(points, directions, energy, radius, density, solids, tables, cells, shells, rings, run_seed):
    state = np.empty(2, np.uint64)
    cell_state = np.empty(2, np.uint64)
    intervals = np.empty((2, solids.z_min.shape[0]))
    for k in range(points.shape[0]):
        start_stream(state, run_seed, STREAM_TEST, 1, k)
        start_stream(cell_state, run_seed, STREAM_TEST, 2, k)
        follow_in_sphere(
            points[k, 0], points[k, 1], points[k, 2], directions[k, 0], directions[k, 1], directions[k, 2], energy,
            radius, density, 0, solids, tables, 1.0, cells, shells, rings, intervals, np.zeros(2), state, cell_state,
        )  # fmt: skip


def empty(cells: ScoringCells) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((len(cells.shells), cells.polar_bins)), np.zeros((len(cells.rings), len(cells.heights)))


def random_flights(count: int):
    """Starting points and directions as a ray of six numbers, and lengths; some along the axis or across it."""
    rng = np.random.default_rng(5)
    for _ in range(count):
        p, d = rng.uniform(-1.2, 1.2, 3), rng.normal(size=3)
        d[rng.integers(0, 3)] *= rng.choice([0.0, 1.0])
        if rng.uniform() < 0.1:
            d = np.array([0.0, 0.0, d[2] or 1.0])
        p *= rng.choice([0.0, 1.0], p=[0.1, 0.9])
        yield np.concatenate([p, d / np.linalg.norm(d)]), rng.choice([0.2, 1.0, 40.0])


def marched(ray: np.ndarray, step: float, surfaces: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Middles (n, 3) and lengths (n,) of the pieces between a flight's crossings of quadratic surfaces."""
    roots = np.concatenate([np.polynomial.Polynomial(s).trim(1e-14).roots() for s in surfaces])
    cuts = np.unique(np.clip(np.append(roots[np.abs(roots.imag) < 1e-9].real, [0.0, step]), 0.0, step))
    return ray[:3] + 0.5 * (cuts[1:] + cuts[:-1])[:, None] * ray[3:], np.diff(cuts)


def test_the_whole_length_in_a_shell_is_scored() -> None:
    for ray, step in random_flights(2000):
        p, d = ray[:3], ray[3:]
        spheres = [np.array([p @ p - r * r, 2.0 * p @ d, 1.0]) for r in np.unique(CELLS.shells)]
        middle, length = marched(ray, step, spheres)
        r = np.linalg.norm(middle, axis=1)
        shells, rings = empty(CELLS)
        score_often(CELLS.arrays(), ray, step, shells, rings, 1)
        expected = [length[(inner < r) & (r < outer)].sum() for inner, outer in CELLS.shells]
        # 1e-7: roots of a nearly double root (a grazing ray) by the companion matrix lose half the digits
        np.testing.assert_allclose(shells.sum(axis=1), expected, rtol=0, atol=1e-7)


def test_cells_get_the_length_of_the_flight_inside_them() -> None:
    # Expectation over the drawn points, 4000 of each piece: a cell's share p of a piece of length l is known to
    # l sqrt(p (1 - p) / 4000), two pieces of one flight at most. 7.2 sigma: 250,000 cells at 1e-6, with half a draw for
    # the steps of the binomial distribution.
    times = 4000
    cosines = np.cos(np.linspace(0.0, np.pi, CELLS.polar_bins + 1))
    for ray, step in random_flights(120):
        p, d = ray[:3], ray[3:]
        spheres = [np.array([p @ p - r * r, 2.0 * p @ d, 1.0]) for r in np.unique(CELLS.shells)]
        cones = [
            np.array([p[2] ** 2 - c * c * (p @ p), 2.0 * (p[2] * d[2] - c * c * (p @ d)), d[2] ** 2 - c * c])
            for c in cosines[1:-1]
        ]
        middle, length = marched(ray, step, spheres + cones)
        r = np.linalg.norm(middle, axis=1)
        bins = np.clip(np.searchsorted(-cosines, -middle[:, 2] / r) - 1, 0, CELLS.polar_bins - 1)
        shells, rings = empty(CELLS)
        score_often(CELLS.arrays(), ray, step, shells, rings, times)
        for k, (inner, outer) in enumerate(CELLS.shells):
            inside = (inner < r) & (r < outer)
            expected = np.bincount(bins[inside], length[inside], CELLS.polar_bins)
            whole = length[inside].sum()
            spread = np.sqrt(expected * np.maximum(whole - expected, 0.0) / times)
            assert np.all(np.abs(shells[k] / times - expected) < 7.2 * spread + 1.5 * whole / times + 1e-7)
        cylinders = [
            np.array(
                [p[0] ** 2 + p[1] ** 2 - q * q, 2.0 * (p[0] * d[0] + p[1] * d[1]), d[0] ** 2 + d[1] ** 2]
            )
            for q in np.unique(CELLS.rings)
        ]
        planes = [np.array([p[2] - z, d[2]]) for z in np.unique(CELLS.heights)]
        middle, length = marched(ray, step, cylinders + planes)
        rho = np.hypot(middle[:, 0], middle[:, 1])
        for k, (inner, outer) in enumerate(CELLS.rings):
            within = (inner <= rho) & (rho < outer) & (middle[:, 2] > -0.9) & (middle[:, 2] < 1.3)
            whole = length[within].sum()
            expected = np.array(
                [
                    length[within & (low < middle[:, 2]) & (middle[:, 2] < high)].sum()
                    for low, high in CELLS.heights
                ]
            )
            spread = np.sqrt(expected * np.maximum(whole - expected, 0.0) / times)
            assert np.all(np.abs(rings[k] / times - expected) < 7.2 * spread + 1.5 * whole / times + 1e-7)


def mean_over_cells(cells: ScoringCells, mu: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean of e^(-mu r)/(4 pi r^2) over the shells (k,) and the ring cells (m, h)."""
    nodes, weights = np.polynomial.legendre.leggauss(40)

    def on(low, high):
        return 0.5 * (low + high) + 0.5 * (high - low) * nodes, 0.5 * (high - low) * weights

    shells = []
    for inner, outer in cells.shells:
        r, w = on(inner, outer)
        shells.append((np.exp(-mu * r) * w).sum() / (4.0 / 3.0 * np.pi * (outer**3 - inner**3)))
    rings = np.empty((len(cells.rings), len(cells.heights)))
    for i, (inner, outer) in enumerate(cells.rings):
        for j, (low, high) in enumerate(cells.heights):
            rho, a = on(inner, outer)
            z, b = on(low, high)
            r2 = rho[:, None] ** 2 + z**2
            density = np.exp(-mu * np.sqrt(r2)) / (4.0 * np.pi * r2) * (a * rho)[:, None] * b
            rings[i, j] = density.sum() / ((a * rho).sum() * b.sum())
    return np.array(shells), rings


@pytest.mark.parametrize("density", [1e-9, 0.998], ids=["vacuum", "water"])
def test_point_source(medium_tables, absorb_only, seed_model, isotropic_directions, density: float) -> None:
    # fluence in vacuum, primary kerma S E (µ_en/ρ) e^(-µr)/(4 π r²) in a medium that only absorbs
    tables = absorb_only(medium_tables(*MEDIA))
    k = int((ENERGY - 1.0) * 100)
    above = ENERGY - 1.0 - k / 100
    mu, mu_en = (float(t[k, 0, 0] + above * t[k, 0, 1]) for t in (tables.total, tables.energy_absorption))
    cells = ScoringCells(
        shells=np.array([[0.49, 0.51], [0.98, 1.02], [2.9, 3.1]]), polar_bins=6,
        rings=np.array([[0.2, 0.3], [0.9, 1.1]]), heights=np.array([[-1.1, -0.9], [-0.1, 0.1], [0.4, 0.6]]),
    )  # fmt: skip
    batches, count = 50, 20_000
    rng = np.random.default_rng(3)
    shells, rings = np.zeros((batches, 3, 6)), np.zeros((batches, 2, 3))
    for b in range(batches):
        directions = isotropic_directions(rng, count)
        follow_often(
            np.zeros_like(directions), directions, ENERGY, 15.0, density, seed_model.kernel_solids(1), tables,
            cells.arrays(), shells[b], rings[b], b,
        )  # fmt: skip
    in_shells, in_rings = mean_over_cells(cells, density * mu)
    scale = ENERGY * mu_en * count
    # Student's t with 49 degrees of freedom: 6.9 for 26 checks in 2 runs at 1e-6
    for tally, volume, expected in (
        (shells, cells.shell_volumes(), np.repeat(in_shells[:, None], 6, axis=1)),
        (rings, cells.ring_volumes(), in_rings),
    ):
        kerma = tally / volume / scale
        spread = kerma.std(axis=0, ddof=1) / np.sqrt(batches)
        assert np.all(np.abs(kerma.mean(axis=0) - expected) < 6.9 * spread + 1e-12)
        # vacuum: a ray from the centre crosses a shell in exactly its thickness, so the spread is that of the angle
        assert np.all(spread < 0.03 * expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shells": np.array([[0.5, 0.4]])}, r"shells\[0\] is \[0.5, 0.4\] cm"),
        ({"shells": np.array([[0.5, 0.6], [0.55, 0.7]])}, r"shells\[1\]"),
        ({"rings": np.array([[-0.1, 0.2]])}, r"rings\[0\]"),
        ({"heights": np.array([[0.2, 0.3], [0.0, 0.1]])}, r"heights\[1\]"),
        ({"polar_bins": 0}, "polar_bins is 0"),
    ],
)
def test_bad_cells_are_refused(change: dict[str, object], message: str) -> None:
    given = {"shells": CELLS.shells, "polar_bins": 4, "rings": CELLS.rings, "heights": CELLS.heights}
    with pytest.raises(InvalidInput, match=message):
        ScoringCells(**{**given, **change})
