"""An isotropic point source: fluence in vacuum and primary kerma in water, in voxels and in rings.

φ(r) = e^{−µr}/(4πr²) per photon and K = φ E µ_en/ρ, averaged over a voxel or ring by quadrature.
"""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.kernels.replay import Emission
from mcsim.kernels.ring_transport import ring_batch, track_in_ring

MEDIA = ("water", "titanium", "air", "silver_halide_6711", "silver")
ENERGY = 27.4723
RINGS = np.array(
    [[0.45, 0.55, -0.05, 0.05], [0.95, 1.05, -0.1, 0.1], [2.9, 3.1, -0.2, 0.2], [0.0, 0.2, 0.9, 1.1],
     [0.6, 0.8, 0.65, 0.75], [4.8, 5.2, -3.0, -2.5]]
)  # fmt: skip


def legendre(low, high, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (k, count) and weights (k, count), summing to 1, on intervals (k,)."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    low, high = np.atleast_1d(low)[:, None], np.atleast_1d(high)[:, None]
    return 0.5 * (high + low) + 0.5 * (high - low) * nodes, np.broadcast_to(0.5 * weights, (len(low), count))


def mean_fluence_in_ring(ring: np.ndarray, mu: float) -> float:
    rho, a = legendre(ring[0], ring[1], 60)
    z, b = legendre(ring[2], ring[3], 60)
    r = np.hypot(rho.T, z)
    density = np.exp(-mu * r) / (4 * np.pi * r * r) * (a * rho).T * b
    return float(density.sum() / (a * rho).sum())


def mean_fluence_in_voxels(planes: np.ndarray, mu: float) -> np.ndarray:
    nodes, w = legendre(planes[:-1], planes[1:])
    n = len(planes) - 1
    flat = nodes.ravel()
    r = np.sqrt(flat[:, None, None] ** 2 + flat[:, None] ** 2 + flat**2).reshape(n, 12, n, 12, n, 12)
    return np.einsum("aibjck,ai,bj,ck->abc", np.exp(-mu * r) / (4 * np.pi * r * r), w, w, w)


def mass_coefficient(table: np.ndarray, medium: int = 0) -> float:
    k = int((ENERGY - 1.0) * 100)
    return float(table[k, medium, 0] + (ENERGY - 1.0 - k / 100) * table[k, medium, 1])


@pytest.fixture(scope="module")
def source(transport, isotropic_directions):
    """Tally per photon around a point source in each of 40 batches, and the share of energy that leaves."""

    def run(planes, density, tables, photons: int, energy: float = ENERGY):
        phantom = transport([planes] * 3, density, tables)
        rng = np.random.default_rng(11)
        parts, left = [], 0.0
        for k in range(40):
            directions = isotropic_directions(rng, photons // 40)
            tally, balance = phantom.send(np.zeros_like(directions), directions, energy, run_seed=k)
            parts.append(tally / len(directions))
            left += balance[4] / balance[0] / 40
        return np.array(parts), left

    return run


def test_fluence_in_vacuum_shells(source, medium_tables, vacuum) -> None:
    planes = np.linspace(-2.0, 2.0, 21)
    tally, left = source(planes, 1.0, vacuum(medium_tables(*MEDIA)), 400_000)
    tally = tally.mean(axis=0)
    assert left == pytest.approx(1.0, abs=1e-12)
    # A photon's track in the cube |x|, |y|, |z| < a is a / max|Ω|; the mean of 1 / max|Ω| over the sphere is the mean
    # distance to the faces of a cube of half-side 1, 6/(4π) ∫∫ 1/(1 + x² + y²) dx dy over (−1, 1)².
    x, w = np.polynomial.legendre.leggauss(60)
    mean = 6 / (4 * np.pi) * (w[:, None] * w / (1 + x[:, None] ** 2 + x**2)).sum()
    spread = 0.2 / np.sqrt(400_000)  # 1/max|Ω| lies between 1 and √3, its standard deviation is 0.17
    for k in range(10):
        inner, outer = slice(10 - k, 10 + k), slice(9 - k, 11 + k)
        shell = tally[outer, outer, outer].sum() - tally[inner, inner, inner].sum()
        assert shell / ENERGY == pytest.approx(0.2 * mean, rel=5.7 * spread)


@pytest.mark.parametrize("density", [1e-9, 0.998], ids=["near vacuum", "water"])
def test_primary_kerma_in_voxels(source, medium_tables, absorb_only, density: float) -> None:
    planes = np.linspace(-1.5, 1.5, 16)  # 2 mm voxels, the source in the middle of one
    tables = absorb_only(medium_tables(*MEDIA))
    tally, _ = source(planes, density, tables, 1_000_000)
    mu = density * mass_coefficient(tables.total)
    expected = ENERGY * mass_coefficient(tables.energy_absorption) * mean_fluence_in_voxels(planes, mu)
    # 12³ nodes do not integrate 1/r² beside the source
    distance = np.abs(np.arange(15) - 7)
    far = np.maximum(np.maximum(distance[:, None, None], distance[:, None]), distance) >= 2
    kerma, expected = tally[:, far] / 0.008, expected[far]
    mean, spread = kerma.mean(axis=0), kerma.std(axis=0, ddof=1) / np.sqrt(40)
    t_squared = ((mean - expected) / spread) ** 2
    # t with 39 degrees of freedom has the mean square 39/37, and t² a variance of about 2.4. The voxels share photons,
    # at most 15 along a ray: the mean of t² is known to √(2.4 · 15 / 3350) = 0.1 (1σ) at worst, 5.3 σ for 4 checks.
    assert abs(t_squared.mean() - 39 / 37) < 5.3 * np.sqrt(2.4 * 15 / far.sum())
    # all voxels together, Student's 39 degrees of freedom: 6.9 for 1e-6; a bias of 0.5 % is detected
    total = kerma.sum(axis=1)
    spread_of_total = total.std(ddof=1) / np.sqrt(40)
    assert abs(total.mean() - expected.sum()) < 6.9 * spread_of_total
    assert spread_of_total < 8e-4 * expected.sum()


def test_track_lengths_in_rings_integrate_to_the_fluence() -> None:
    # midpoints in the cosine of a point source; kinks at the ring's edges leave an error of the step squared
    count = 200_001
    w = -1.0 + 2.0 * (np.arange(count) + 0.5) / count
    for ring in RINGS:
        volume = np.pi * (ring[1] ** 2 - ring[0] ** 2) * (ring[3] - ring[2])
        track = np.mean([track_in_ring(ring, 0.0, 0.0, 0.0, np.sqrt(1 - c * c), 0.0, c, 100.0) for c in w])
        assert track / volume == pytest.approx(mean_fluence_in_ring(ring, 0.0), rel=1e-5)


def test_tracks_in_rings_follow_marching_through_their_surfaces() -> None:
    rng = np.random.default_rng(2)
    for _ in range(3000):
        inner, z = rng.choice([0.0, 0.3]), np.sort(rng.uniform(-1, 1, 2))
        ring = np.array([inner, inner + rng.uniform(0.05, 0.7), *z])
        p, d = rng.uniform(-1.2, 1.2, 3), rng.normal(size=3)
        d[rng.integers(0, 3)] *= rng.choice([0.0, 1.0])
        d /= np.linalg.norm(d)
        t_max = rng.choice([0.3, 1.0, 50.0])
        x, y, h = (np.polynomial.Polynomial([a, b]) for a, b in zip(p, d, strict=True))
        surfaces = [x * x + y * y - r * r for r in ring[:2]] + [h - ring[2], h - ring[3]]
        roots = np.concatenate([s.trim(1e-14).roots() for s in surfaces])
        cuts = np.unique(np.clip(np.append(roots[np.abs(roots.imag) < 1e-9].real, [0.0, t_max]), 0.0, t_max))
        middle = p + 0.5 * (cuts[1:] + cuts[:-1])[:, None] * d
        rho = np.hypot(middle[:, 0], middle[:, 1])
        inside = (rho > ring[0]) & (rho < ring[1]) & (middle[:, 2] > ring[2]) & (middle[:, 2] < ring[3])
        # 1e-7: roots of a nearly double root (a grazing ray) by the companion matrix lose half the digits
        assert track_in_ring(ring, *p, *d, t_max) == pytest.approx(np.diff(cuts)[inside].sum(), abs=1e-7)


def test_primary_kerma_in_rings(medium_tables, absorb_only, seed_model) -> None:
    tables = absorb_only(medium_tables(*MEDIA))
    rng = np.random.default_rng(1)
    # The photons start on the axis; the replay turns them about it, and only the cosine matters.
    photons = np.zeros((1_000_000, 7), dtype=np.float32)
    photons[:, 5] = rng.uniform(-1, 1, len(photons))
    photons[:, 3] = np.sqrt(1 - photons[:, 5].astype(float) ** 2)
    photons[:, 6] = ENERGY
    emission = Emission(photons, np.arange(len(photons) + 1), True)
    count, batches = 40_000, 50
    doses = np.zeros((batches, len(RINGS)))
    for b in range(batches):
        ring_batch(
            b * count,
            count,
            1,
            emission,
            RINGS,
            15.0,
            0.998,
            0,
            seed_model.kernel_solids(1),
            tables,
            1.0,
            doses[b],
        )
    volume = np.pi * (RINGS[:, 1] ** 2 - RINGS[:, 0] ** 2) * (RINGS[:, 3] - RINGS[:, 2])
    doses /= count * volume
    mu = 0.998 * mass_coefficient(tables.total)
    expected = [
        mean_fluence_in_ring(r, mu) * np.float32(ENERGY) * mass_coefficient(tables.energy_absorption)
        for r in RINGS
    ]
    spread = doses.std(axis=0, ddof=1) / np.sqrt(batches)
    # Student's t with 49 degrees of freedom: 6.6 for 6 checks at 1e-6; a bias of 2 to 9 % of a ring's dose is detected
    assert np.all(np.abs(doses.mean(axis=0) - expected) < 6.6 * spread)
    assert np.all(spread / expected < 0.015)
