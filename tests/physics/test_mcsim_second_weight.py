"""The second weight of correlated sampling: attenuation, scattering, seeds on the way, and the multiples' rays.

Every piece by itself, against sums, quadrature, sampling in the medium itself and exact line integrals.
"""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.kernels import coherent, incoherent
from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.control_cells import attenuation_ratios
from mcsim.kernels.correlated_seeds import meet_seed
from mcsim.kernels.ratio_tracking import weight_outside
from mcsim.kernels.rng import STREAM_GIVEN, start_stream
from mcsim.kernels.second_weight import coherent_ratio, incoherent_ratio, mean_attenuated, optical_depth
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.tables import ELECTRON_MASS_KEV, HC_KEV_ANGSTROM, energy_bin, energy_offset
from mcsim.scattering_shares import scattering_shares

MEDIA = ("cortical_bone", "adipose", "air")
SEED_MEDIA = ("titanium", "air", "silver_halide_6711", "silver")
WATER = 3
SIGMAS = 5.7  # a family-wise false alarm of 1e-6 for up to 100 checks
ENERGIES = (12.3, 22.16, 27.4723, 35.4919)


def at(table: np.ndarray, energy: float, medium: int) -> float:
    k = int((energy - 1.0) * 100)
    return float(table[k, medium, 0] + (energy - 1.0 - k / 100) * table[k, medium, 1])


@allocating_jit
def weighted_angles(energy, medium, water, shares, tables, elastic, run_seed, cosines, weights):
    """Cosines drawn in water and the weights that make them those of a medium."""
    state = np.empty(2, np.uint64)
    start_stream(state, run_seed, STREAM_GIVEN, 7, 0)
    for i in range(cosines.shape[0]):
        if elastic:
            cosines[i] = coherent.sample_cosine(energy, water, tables, state)
            weights[i] = coherent_ratio(energy, cosines[i], medium, water, shares, tables)
        else:
            cosines[i], _ = incoherent.sample_cosine(energy, water, tables, state)
            weights[i] = incoherent_ratio(energy, cosines[i], medium, water, shares, tables)


@allocating_jit
def ratios_at(energy, medium, water, shares, tables, elastic, cosines, found):
    """The weight of every cosine."""
    for i in range(cosines.shape[0]):
        if elastic:
            found[i] = coherent_ratio(energy, cosines[i], medium, water, shares, tables)
        else:
            found[i] = incoherent_ratio(energy, cosines[i], medium, water, shares, tables)


def angular_factor(tables, medium: int, energy: float, cosine: np.ndarray, elastic: bool) -> np.ndarray:
    """S(x), or F²(x), constant between nodes in x², of the tables that the samplers use."""
    x = energy / HC_KEV_ANGSTROM * np.sqrt(0.5 * (1.0 - cosine))
    last = tables.incoherent_function.shape[1] - 1
    place = np.sqrt(x / tables.momentum_transfer_max) * last
    if not elastic:
        return np.interp(place, np.arange(last + 1), tables.incoherent_function[medium])
    nodes = tables.momentum_transfer_max * np.linspace(0.0, 1.0, last + 1) ** 2
    return (np.diff(tables.coherent_integral[medium]) / np.diff(nodes**2))[place.astype(int)]


@pytest.mark.parametrize("elastic", [False, True], ids=["incoherent", "coherent"])
def test_weight_of_an_angle_is_the_ratio_of_differential_cross_sections(medium_tables, elastic: bool) -> None:
    # σ/N · S or F² with N by the midpoint rule over 400,000 angles: F² jumps at nodes, 2e-5
    tables = medium_tables(*MEDIA, "water", *SEED_MEDIA)
    shares = scattering_shares(tables, 4, WATER)[1 if elastic else 0]
    sigma = tables.coherent if elastic else tables.incoherent
    count = 400_000
    cosine = -1.0 + 2.0 * (np.arange(count) + 0.5) / count
    some, found = cosine[::4001].copy(), np.empty(len(cosine[::4001]))
    for energy in (8.0, 12.37, 20.11, 27.4723, 35.4919):
        q = 1.0 / (1.0 + energy / ELECTRON_MASS_KEV * (1.0 - cosine))
        electron = 0.5 * (1.0 + cosine**2) if elastic else q**2 * (q + 1.0 / q - 1.0 + cosine**2)
        for medium in range(3):
            strength = [
                at(sigma, energy, m) / (electron * angular_factor(tables, m, energy, cosine, elastic)).mean()
                for m in (medium, WATER)
            ]
            factors = [angular_factor(tables, m, energy, some, elastic) for m in (medium, WATER)]
            ratios_at(energy, medium, WATER, shares, tables, elastic, some, found)
            np.testing.assert_allclose(
                found, strength[0] * factors[0] / (strength[1] * factors[1]), rtol=1e-4
            )


@allocating_jit
def depths(solids, tables, energy, rays, found):
    """Optical depth of a seed on rays (n, 8): point, direction, from and to."""
    intervals = np.empty((2, solids.z_min.shape[0]))
    index = energy_bin(tables, energy)
    above = energy_offset(tables, energy, index)
    for i in range(rays.shape[0]):
        r = rays[i]
        found[i] = optical_depth(
            solids, tables, index, above, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], intervals
        )


@allocating_jit
def weights_past_seed(seeds, solids, tables, energy, mu_water, rays, found):
    """Weight of passing seed 0 untouched on rays (n, 8) of the phantom's frame."""
    intervals, deposited, waiting = np.empty((2, solids.z_min.shape[0])), np.zeros(2), np.empty((4, 12))
    state = np.empty(2, np.uint64)
    start_stream(state, 1, STREAM_GIVEN, 9, 0)
    index = energy_bin(tables, energy)
    above = energy_offset(tables, energy, index)
    scattered = 0
    for i in range(rays.shape[0]):
        r = rays[i]
        found[i], count = meet_seed(
            r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], energy, index, above, 0, 1.0, 1.0, mu_water, seeds, solids,
            tables, 1.0, intervals, deposited, waiting, 0, state,
        )  # fmt: skip
        scattered += count
    return scattered


@allocating_jit
def weights_outside(voxels, coefficients, mu_water, point, direction, t, t_end, run_seed, found):
    """Many estimates of the factor on one ray."""
    state = np.empty(2, np.uint64)
    start_stream(state, run_seed, STREAM_GIVEN, 8, 0)
    for i in range(found.shape[0]):
        found[i] = weight_outside(
            voxels, coefficients, mu_water, point[0], point[1], point[2], direction[0], direction[1],
            direction[2], t, t_end, state,
        )  # fmt: skip


def test_mean_of_an_exponential_along_a_step() -> None:
    size = np.concatenate([np.logspace(-15, 1.6, 200), [0.0999999, 0.1, 0.1000001]])
    for x in np.concatenate([-size, size]):
        mean, passed = mean_attenuated(x)
        # the series' next term, 0.1⁶/5040 = 2e-10, and what 1 − x·mean loses
        assert mean == pytest.approx(-np.expm1(-x) / x, rel=3e-9)
        assert passed == pytest.approx(np.exp(-x), rel=3e-9)
    assert mean_attenuated(0.0) == (1.0, 1.0)


@pytest.mark.parametrize("choices", [{}, {"incoherent": "free_electrons"}], ids=["bound", "free"])
@pytest.mark.parametrize("elastic", [False, True], ids=["incoherent", "coherent"])
def test_weighted_angles_of_water_are_those_of_the_medium(medium_tables, choices, elastic: bool) -> None:
    # For 3 media and 4 energies: the weights' mean is the ratio of the cross sections (to 3e-4 of it for adipose and
    # incoherent scattering, 1.5e-3 for bone and coherent: 1σ), and the weighted first and second moments of the cosine
    # are those of angles sampled in the medium. Detected with certainty: 6 of these.
    tables = medium_tables(*MEDIA, "water", *SEED_MEDIA, **choices)
    shares = scattering_shares(tables, 4, WATER)[1 if elastic else 0]
    sigma = tables.coherent if elastic else tables.incoherent
    count = 300_000
    cosines, weights, own, ones = (np.empty(count) for _ in range(4))
    for medium in range(3):
        for energy in ENERGIES:
            weighted_angles(energy, medium, WATER, shares, tables, elastic, 1 + medium, cosines, weights)
            expected = at(sigma, energy, medium) / at(sigma, energy, WATER)
            spread = weights.std() / np.sqrt(count)
            # 2e-5: between the nodes of the ratio, a quarter of a keV apart, it is interpolated
            assert abs(weights.mean() - expected) < SIGMAS * spread + 2e-5 * expected
            assert spread < 4e-3 * expected
            weighted_angles(energy, medium, medium, shares, tables, elastic, 11 + medium, own, ones)
            for power in (1, 2):
                first = weights / expected * cosines**power
                second = own**power
                noise = np.hypot(first.std(), second.std()) / np.sqrt(count)
                assert abs(first.mean() - second.mean()) < SIGMAS * noise + 2e-5
                assert noise < 4e-3


def test_without_coherent_scattering_the_incoherent_weight_is_the_same(medium_tables) -> None:
    with_it, without = (
        medium_tables(*MEDIA, "water", *SEED_MEDIA, coherent=c) for c in ("form_factor", "off")
    )
    incoherent_share, coherent_share = scattering_shares(without, 4, WATER)
    np.testing.assert_array_equal(incoherent_share, scattering_shares(with_it, 4, WATER)[0])
    assert np.all(coherent_share == 1.0)  # never asked for


def test_weights_of_a_medium_in_itself_are_one(medium_tables) -> None:
    tables = medium_tables(*MEDIA, "water", *SEED_MEDIA)
    cosines, weights = np.empty(1000), np.empty(1000)
    for elastic, shares in zip((False, True), scattering_shares(tables, 4, WATER), strict=True):
        weighted_angles(20.0, WATER, WATER, shares, tables, elastic, 1, cosines, weights)
        np.testing.assert_allclose(weights, 1.0, rtol=1e-12)  # interpolation of ones


def marched_depth(solids, mu: np.ndarray, ray: np.ndarray, steps: int) -> tuple[float, float]:
    """Σ µ dt over the middles of equal steps, and how far off it can be."""
    dt = (ray[7] - ray[6]) / steps
    t = ray[6] + (np.arange(steps) + 0.5) * dt
    x, y, z = ray[:3, None] + ray[3:6, None] * t
    here = np.zeros(steps)
    for k, (a, b, c) in enumerate(solids.profile):
        inside = (x**2 + y**2 <= a + z * (b + z * c)) & (z >= solids.z_min[k]) & (z <= solids.z_max[k])
        here[inside] = mu[k]
    jumps = np.abs(np.diff(here)).sum() + here[0] + here[-1]
    return float(here.sum() * dt), float((0.5 * jumps + 2.0 * mu.max() * 1e-6) * dt)


def test_optical_depth_of_a_seed_is_that_of_marching_through_it(seed_model, medium_tables) -> None:
    solids = seed_model.kernel_solids(1)
    tables = medium_tables("water", *SEED_MEDIA)
    energy, rng = 31.0, np.random.default_rng(3)
    mu = np.array(
        [d * at(tables.total, energy, m) for d, m in zip(solids.density, solids.medium, strict=True)]
    )
    rays = np.empty((300, 8))
    for ray in rays:
        target = rng.uniform([-0.045, -0.045, -0.26], [0.045, 0.045, 0.26])
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        ray[:3], ray[3:6] = target - 0.5 * direction, direction
        # the whole seed, or a part that begins or ends anywhere in it
        ray[6:] = (0.0, 1.0) if rng.random() < 0.5 else np.sort(rng.uniform(0.3, 0.7, 2))
    found = np.empty(len(rays))
    depths(solids, tables, energy, rays, found)
    marched, margin = np.transpose([marched_depth(solids, mu, ray, 40_000) for ray in rays])
    assert np.all(np.abs(found - marched) <= margin + 1e-12)
    assert (found > 0.0).sum() > 150
    # margins are the worst case; on average the middles are right: 2e-4 of the sum
    assert found.sum() == pytest.approx(marched.sum(), rel=2e-4)


def test_passing_a_seed_leaves_the_share_of_its_optical_depth(seed_model, medium_tables) -> None:
    # In water e^(−µ_w ℓ) of the photons pass the seed's place; with the weight it must be e^(−τ), τ from marching.
    solids = seed_model.kernel_solids(1)
    tables = medium_tables("water", *SEED_MEDIA)
    energy, mu_water, rng = 31.0, 0.36, np.random.default_rng(4)
    mu = np.array(
        [d * at(tables.total, energy, m) for d, m in zip(solids.density, solids.medium, strict=True)]
    )
    frame, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    position = np.array([0.3, -1.1, 0.7])
    seeds = PlacedSeeds(
        position=position[None], frame=np.ascontiguousarray(frame[None]), weight=np.ones(1),
        flagged=np.zeros(0, np.int64), first=np.zeros(1, np.int64), touching=np.zeros(0, np.int64), interseed=True,
    )  # fmt: skip
    local, rays = np.empty((200, 8)), np.empty((200, 8))
    for own, ray in zip(local, rays, strict=True):
        target, direction = rng.uniform([-0.045, -0.045, -0.26], [0.045, 0.045, 0.26]), rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        own[:3], own[3:6], own[6:] = target - 0.5 * direction, direction, (0.1, 0.9)
        ray[:3], ray[3:6], ray[6:] = position + frame.T @ own[:3], frame.T @ direction, own[6:]
    found = np.empty(len(rays))
    scattered = weights_past_seed(seeds, solids, tables, energy, mu_water, rays, found)
    marched, margin = np.transpose([marched_depth(solids, mu, own, 40_000) for own in local])
    depth = -np.log(found * np.exp(-mu_water * 0.8))
    assert np.all(np.abs(depth - marched) <= margin + 1e-9)
    assert 0 < scattered < 100  # titanium and silver: a few of a hundred leave again, none twice


def uneven(rng: np.random.Generator):
    """Planes, densities and media of a phantom with a small block in its middle."""
    planes = []
    for _ in range(3):
        outer = np.cumsum(rng.uniform(0.2, 1.4, 5))
        planes.append(
            np.concatenate(
                [-0.4 - outer[::-1], np.linspace(-0.4, 0.4, 5), 0.4 + np.cumsum(rng.uniform(0.2, 1.4, 5))]
            )
        )
    shape = tuple(len(p) - 1 for p in planes)
    return (
        planes,
        rng.uniform(0.05, 1.6, shape).astype(np.float32),
        rng.integers(0, 4, shape).astype(np.uint8),
    )


def pieces(planes, point, direction, t, t_end):
    """Lengths and voxels of a ray between two ray parameters within the phantom."""
    cuts = np.concatenate(
        [(p - x) / u for p, x, u in zip(planes, point, direction, strict=True)] + [[t, t_end]]
    )
    cuts = np.unique(np.clip(cuts, t, t_end))
    middle = point + 0.5 * (cuts[1:] + cuts[:-1])[:, None] * direction
    index = [np.searchsorted(p, m) - 1 for p, m in zip(planes, middle.T, strict=True)]
    return np.diff(cuts), np.stack(index, axis=1)


def test_weight_around_the_block_is_the_exact_line_integral(transport, medium_tables) -> None:
    rng = np.random.default_rng(21)
    planes, density, medium = uneven(rng)
    tables = medium_tables(*MEDIA, "water", *SEED_MEDIA)
    block = (slice(5, 9),) * 3
    run = transport(planes, density, tables, medium=medium, media_count=4, scoring=block)
    energy, count, z, left = 27.4723, 4000, [], 0
    mass = np.array([at(tables.total, energy, m) for m in range(4)])
    coefficients = np.zeros((4, 3))
    coefficients[:, 0] = mass
    mu_water, found = 0.998 * mass[WATER], np.empty(count)
    low, high = (np.array([p[k] for p in planes]) for k in (0, -1))
    while len(z) < 60:
        a, b = rng.uniform(low, high, (2, 3))
        distance = np.linalg.norm(b - a)
        direction = (b - a) / distance
        t = rng.uniform(0.0, 0.3) * distance
        length, index = pieces(planes, a, direction, t, distance)
        if np.any(np.all((index >= 5) & (index < 9), axis=1)):
            continue  # through the block: not what is asked of it
        here = tuple(index.T)
        exact = np.exp(-((mass[medium[here]] * density[here].astype(float) - mu_water) * length).sum())
        weights_outside(run.voxels, coefficients, mu_water, a, direction, t, distance, len(z), found)
        z.append((found.mean() - exact) / (found.std(ddof=1) / np.sqrt(count)))
        # further than the phantom: gone
        weights_outside(run.voxels, coefficients, mu_water, a, direction, t, distance + 40.0, 1, found[:20])
        left += int(np.all(found[:20] == 0.0))
    # 60 rays, deviations close to normal; the mean of z² is known to √(2/60) = 18 % (1σ), a bias of half a standard
    # uncertainty on every ray (some 0.4 %) is found
    z = np.array(z)
    assert np.abs(z).max() < SIGMAS
    assert np.mean(z**2) < 1.0 + 5.0 * np.sqrt(2.0 / 60)
    assert abs(z.mean()) < 5.0 / np.sqrt(60)
    assert left == 60


def test_weight_in_one_medium_has_no_noise(transport, medium_tables) -> None:
    tables = medium_tables(*MEDIA, "water", *SEED_MEDIA)
    planes = [np.array([-3.0, -1.0, -0.4, 0.0, 0.4, 1.0, 3.0])] * 3
    coefficients, found = np.zeros((4, 3)), np.empty(50)
    coefficients[:, 0] = [at(tables.total, 27.4723, m) for m in range(4)]
    mu_water = 0.998 * coefficients[WATER, 0]
    point, direction = np.array([-2.5, 1.5, -2.0]), np.array([0.6, 0.0, 0.8])
    for medium, density in ((0, 1.92), (3, 0.998)):
        run = transport(
            planes,
            density,
            tables,
            medium=np.full((6, 6, 6), medium),
            media_count=4,
            scoring=(slice(2, 4),) * 3,
        )
        weights_outside(run.voxels, coefficients, mu_water, point, direction, 0.1, 4.1, 1, found)
        # densities are kept in single precision: 6e-8 of some 15 mean free paths
        expected = np.exp(-(density * coefficients[medium, 0] - mu_water) * 4.0)
        if medium == WATER:
            np.testing.assert_allclose(found, expected, rtol=1e-6)
        elif np.ptp(found) == 0.0:
            np.testing.assert_allclose(found, expected, rtol=3e-6)
        else:
            assert abs(found.mean() - expected) < SIGMAS * found.std() / np.sqrt(50)


def test_rays_to_control_cells_are_exact_line_integrals(transport, medium_tables) -> None:
    rng = np.random.default_rng(4)
    shape = (9, 7, 8)
    planes = [np.linspace(-1.0, rng.uniform(0.8, 1.6), n + 1) for n in shape]
    density = rng.uniform(0.05, 2.0, shape).astype(np.float32)
    medium = rng.integers(0, 4, shape).astype(np.uint8)
    tables = medium_tables(*MEDIA, "water", *SEED_MEDIA)
    run = transport(planes, density, tables, medium=medium, media_count=4)
    width = np.array([2, 3, 1])
    cells = -(-np.array(shape) // width)
    share, energies = np.array([0.35, 0.65]), (22.5, 28.1)
    mass = np.array([[at(tables.total, e, m) for m in range(4)] for e in energies])
    mu_water = 0.998 * mass[:, WATER]
    controlled = rng.random(int(np.prod(cells))) < 0.8
    for _ in range(4):
        position = np.array([rng.uniform(p[1], p[-2]) for p in planes])
        ratio = np.full(len(controlled), np.nan)
        attenuation_ratios(
            run.voxels,
            position,
            cells,
            width,
            np.ascontiguousarray(mass.T),
            mu_water,
            share,
            controlled,
            ratio,
        )
        expected = np.zeros(len(controlled))
        for k in np.flatnonzero(controlled):
            index = np.array(np.unravel_index(k, cells))
            low, high = index * width, np.minimum((index + 1) * width, shape)
            end = np.array([0.5 * (p[a] + p[b]) for p, a, b in zip(planes, low, high, strict=True)])
            r = np.linalg.norm(end - position)
            length, voxel = pieces(planes, position, (end - position) / r, 0.0, r)
            here = tuple(voxel.T)
            depth = (mass[:, medium[here]] * density[here].astype(float) * length).sum(axis=1)
            expected[k] = (share * np.exp(-depth)).sum() / (share * np.exp(-mu_water * r)).sum()
        np.testing.assert_allclose(ratio, expected, rtol=1e-9)  # round-off of 20 crossings
