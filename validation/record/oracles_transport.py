"""Photons between interactions: fluence in vacuum, narrow beams, primary kerma, the shadow of a seed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mcsim.characterisation_cells import ScoringCells
from mcsim.kernels.shell_scoring import score_flight
from mcsim.kernels.voxel_transport import EMITTED, LEFT_PHANTOM
from mcsim.materials import material
from validation.record.check import Check, Citation
from validation.record.photon_beams import (
    EMPTY,
    Box,
    FloatArray,
    absorbing,
    at_energy,
    box,
    isotropic,
    send,
    transparent,
)
from validation.record.references import citation, published_data
from validation.record.room import Effort, Figure, Panel, Room, Series

GROUP = "Photons in flight"
ENERGY = 27.4723
BATCHES = 40
BEAM_ENERGIES = (5.0, 22.16, 27.2017, 27.4723, 31.0, 35.4919)


def transport_oracles(effort: Effort) -> Room:
    """Oracles 1, 2, 3 and 12: point source in vacuum, narrow beam, primary kerma, seed shadow."""
    room = Room()
    room.checks += _vacuum_shells(effort)
    room.checks += _spherical_shells(effort)
    room.checks += _narrow_beams(effort)
    checks, figure = _primary_kerma(effort)
    room.checks += checks
    room.figures.append(figure)
    room.checks += _seed_shadow(effort)
    return room


def _around_a_point(effort: Effort, into: Box, tables_are_transparent: bool, photons: int) -> FloatArray:
    """Tally per photon about an isotropic point source at the origin, of each batch, (batches, nx, ny, nz)."""
    tables = transparent(into.tables) if tables_are_transparent else absorbing(into.tables)

    def batch(k: int) -> FloatArray:
        directions = isotropic(np.random.default_rng([11, k]), photons // BATCHES)
        tally, _ = send(into, tables, np.zeros_like(directions), directions, ENERGY, run_seed=k)
        return tally / len(directions)

    with ThreadPoolExecutor(effort.threads) as pool:
        return np.array(list(pool.map(batch, range(BATCHES))))


def _mean(values: FloatArray) -> tuple[float, float]:
    """Mean of independent batches and its standard uncertainty."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _vacuum_shells(effort: Effort) -> list[Check]:
    """Mean path in the shell between two cubes: half its edge difference times the mean of 1/max|Ω|."""
    planes = np.linspace(-2.0, 2.0, 21)
    tallies = _around_a_point(
        effort, box([planes] * 3, ("water",), 1.0), True, effort.pick(200_000, 2_000_000)
    )
    x, w = np.polynomial.legendre.leggauss(60)
    mean_path = float(0.2 * 6 / (4 * np.pi) * (w[:, None] * w / (1 + x[:, None] ** 2 + x**2)).sum())
    # Every ray has the same path in each of the shells: one of them is compared with the mean over the sphere, and all
    # of them with each other.
    shells = [
        tallies[:, 9 - k : 11 + k, 9 - k : 11 + k, 9 - k : 11 + k].sum(axis=(1, 2, 3)) / ENERGY
        for k in range(10)
    ]
    paths = np.diff(np.array(shells), axis=0)
    value, std_dev = _mean(paths[4])
    return [
        Check(
            "path in a shell in vacuum",
            GROUP,
            "mean path of photons from a point in a cubic shell 0.2 cm thick",
            "cm",
            value,
            std_dev,
            mean_path,
            Citation("oracle 1: (a₂ − a₁) · mean of 1/max|Ω| over the sphere, by quadrature"),
        ),
        Check(
            "path in further shells in vacuum",
            GROUP,
            "largest departure of the path in nine concentric shells from their mean, relative",
            "1",
            float(np.abs(paths / paths.mean(axis=0) - 1.0).max()),
            0.0,
            0.0,
            Citation("oracle 1: every ray has the same path in each of them"),
            1e-11,
            "round-off of sums of 10⁴ paths",
            relative=False,
        ),
    ]


def _spherical_shells(effort: Effort) -> list[Check]:
    """Fluence per photon in spherical shells about a point in vacuum, as a seed's characterisation scores it."""
    edges, bins = np.array([0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]), 18
    cells = ScoringCells(np.column_stack([edges[:-1], edges[1:]]), bins, np.zeros((0, 2)), np.zeros((0, 2)))
    arrays, state, rings = cells.arrays(), np.array([3, 5], np.uint64), np.zeros((0, 0))
    count, tallies = effort.pick(5_000, 50_000), np.zeros((BATCHES, len(cells.shells), bins))
    for k in range(BATCHES):
        for u, v, w in isotropic(np.random.default_rng([13, k]), count):
            score_flight(arrays, 0.0, 0.0, 0.0, u, v, w, 20.0, 1.0 / count, tallies[k], rings, state)
    volumes = cells.shell_volumes()
    expected = np.diff(edges) / (4.0 / 3.0 * np.pi * np.diff(edges**3))
    found = tallies.sum(axis=2) / volumes.sum(axis=1)
    # the cell beside the middle plane: its share of the directions is its share of the sphere
    value, std_dev = _mean(tallies[:, 3, bins // 2] / volumes[3, bins // 2])
    words = f"{edges[3]:g} to {edges[4]:g} cm, 90° to {90 + 180 // bins}°"
    return [
        Check(
            "fluence in spherical shells in vacuum",
            GROUP,
            f"largest relative departure of fluence in {len(expected)} spherical shells, 0.1 to 10 cm about a point",
            "1",
            float(np.abs(found / expected - 1.0).max()),
            0.0,
            0.0,
            Citation("oracle 1: (r₂ − r₁) / (4/3 π (r₂³ − r₁³))"),
            1e-11,
            "round-off of sums of 10⁴ paths",
            relative=False,
        ),
        Check(
            "fluence in a cell of a spherical shell in vacuum",
            GROUP,
            f"fluence per photon in a cell of a spherical shell about a point, {words}",
            "cm⁻²",
            value,
            std_dev,
            float(expected[3]),
            Citation("oracle 1: (r₂ − r₁) / (4/3 π (r₂³ − r₁³))"),
        ),
    ]


def _narrow_beams(effort: Effort) -> list[Check]:
    """Transmission through voxels of random sizes, densities and media, against exp(−Σ µ t)."""
    count, checks = effort.pick(100_000, 2_000_000), []
    media = ("water", "cortical_bone", "lung")
    for number, energy in enumerate(BEAM_ENERGIES):
        rng = np.random.default_rng(100 + number)
        planes = [np.linspace(-1.0, rng.uniform(0.8, 2.5), n + 1) for n in (9, 7, 8)]
        shape = tuple(len(p) - 1 for p in planes)
        density, medium = rng.uniform(0.05, 3.0, shape), rng.integers(0, 3, shape)
        ends = np.array([rng.uniform(p[0], p[-1], 2) for p in planes])
        direction = ends[:, 1] - ends[:, 0]
        direction /= np.linalg.norm(direction)
        # as dense as lets a third pass, about
        density *= rng.uniform(0.7, 1.5) / _optical_depth(
            box(planes, media, density, medium), ends[:, 0], direction, energy
        )
        into = box(planes, media, density, medium)
        depth = _optical_depth(into, ends[:, 0], direction, energy)
        beam = np.tile(ends[:, 0], (count, 1)), np.tile(direction, (count, 1))
        _, balance = send(into, absorbing(into.tables), *beam, energy, run_seed=number)
        expected = float(np.exp(-depth))
        checks.append(
            Check(
                f"narrow beam of {energy:g} keV",
                GROUP,
                f"share of a {energy:g} keV beam that passes voxels of water, bone and lung of random density",
                "1",
                float(balance[LEFT_PHANTOM] / balance[EMITTED]),
                float(np.sqrt(expected * (1.0 - expected) / count)),
                expected,
                Citation("oracle 2: exp(−Σ µ t) along the beam's chords"),
            )
        )
    return checks


def _optical_depth(into: Box, point: FloatArray, direction: FloatArray, energy: float) -> float:
    """Σ µ t of a ray, by its sorted crossings with all planes."""
    phantom, cuts = into.phantom, [0.0]
    for p, x, u in zip(phantom.planes, point, direction, strict=True):
        cuts.extend((p - x) / u)
    leave = min(
        max((p[0] - x) / u, (p[-1] - x) / u) for p, x, u in zip(phantom.planes, point, direction, strict=True)
    )
    t = np.unique(np.clip(cuts, 0.0, leave))
    middle = point + 0.5 * (t[1:] + t[:-1])[:, None] * direction
    index = tuple(
        np.clip(np.searchsorted(p, m, side="right") - 1, 0, len(p) - 2)
        for p, m in zip(phantom.planes, middle.T, strict=True)
    )
    mass = np.array([at_energy(into.tables.total, into.tables, energy, m) for m in range(len(phantom.media))])
    mu = mass[phantom.medium[index]] * phantom.density[index].astype(np.float64)
    return float((mu * np.diff(t)).sum())


def _primary_kerma(effort: Effort) -> tuple[list[Check], Figure]:
    """Kerma without scatter in 2 mm voxels about a point: S E µ_en/ρ e^{−µr}/(4πr²), averaged over each voxel."""
    planes = np.linspace(-1.5, 1.5, 16)
    into = box([planes] * 3, ("water",), 0.998)
    tallies = _around_a_point(effort, into, False, effort.pick(200_000, 6_000_000)) / 0.2**3
    mu = 0.998 * at_energy(into.tables.total, into.tables, ENERGY)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    x = (0.5 * (planes[1:] + planes[:-1])[:, None] + 0.1 * nodes).ravel()
    r = np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2).reshape(15, 12, 15, 12, 15, 12)
    w = 0.5 * weights
    fluence = np.einsum("aibjck,i,j,k->abc", np.exp(-mu * r) / (4 * np.pi * r * r), w, w, w)
    expected = ENERGY * at_energy(into.tables.energy_absorption, into.tables, ENERGY) * fluence
    apart = np.abs(np.arange(15) - 7)
    steps = np.maximum(np.maximum(apart[:, None, None], apart[:, None]), apart)
    source = Citation("oracle 3: S E (µ_en/ρ) e^{−µr}/(4πr²), mean over each voxel by quadrature")
    checks, ratios = [], []
    for k in range(2, 8):  # 12³ nodes do not integrate 1/r² beside the source
        here = steps == k
        value, std_dev = _mean(tallies[:, here].mean(axis=1))
        reference = float(expected[here].mean())
        ratios.append((0.2 * k, value / reference, std_dev / reference))
        if k in (2, 4, 7):
            checks.append(
                Check(
                    f"primary kerma in water at {0.2 * k:.1f} cm",
                    GROUP,
                    f"kerma per photon without scatter, mean over 2 mm voxels {k} steps from a 27.47 keV point source",
                    "keV/g",
                    value,
                    std_dev,
                    reference,
                    source,
                )
            )
    distance, ratio, spread = (tuple(float(v) for v in column) for column in zip(*ratios, strict=True))
    figure = Figure(
        "primary_kerma",
        GROUP,
        "Primary kerma about a point source of 27.47 keV in water, shell by shell of voxels, over the exact mean.",
        "half-edge of the shell / cm",
        (
            Panel(
                "Monte Carlo / exact",
                (
                    Series("Monte Carlo", distance, ratio, spread),
                    Series("exact", (distance[0], distance[-1]), (1.0, 1.0), (), "reference line"),
                ),
            ),
        ),
    )
    return checks, figure


def _seed_shadow(effort: Effort) -> list[Check]:
    """Transmission of beams through a 6711 in empty space against its chords."""
    geometry = published_data("published_values")["geometry_6711_cm"]
    planes = [np.linspace(-0.5, 0.5, n + 1) for n in (3, 2, 5)]
    into = box(planes, ("water",), EMPTY)
    outside, cavity, rod = (geometry[k] for k in ("capsule_radius", "cavity_radius", "rod_radius"))
    coating = geometry["coating"]

    def half_chord(radius: float, offset: float) -> float:
        return float(np.sqrt(max(radius**2 - offset**2, 0.0)))

    def across(offset: float, slant: float = 1.0) -> list[float]:
        """Path in titanium, air, coating and silver of a ray `offset` from the axis, across or at a slant to it."""
        edges = [2.0 * half_chord(radius, offset) / slant for radius in (outside, cavity, rod, rod - coating)]
        return [edges[0] - edges[1], edges[1] - edges[2], edges[2] - edges[3], edges[3]]

    hollow = 2.0 * geometry["cavity_half_length"]
    welds = 2.0 * half_chord(outside, 0.028)
    slanted = np.array([1.0, 0.0, 1.0]) / np.sqrt(2.0)
    rays = {
        "across, past the rod": ([-0.4, 0.028, 0.05], [1.0, 0.0, 0.0], across(0.028)),
        "across, through the coating alone": ([-0.4, 0.02495, 0.05], [1.0, 0.0, 0.0], across(0.02495)),
        "across, through coating and silver": ([-0.4, 0.0247, 0.05], [1.0, 0.0, 0.0], across(0.0247)),
        "at 45°, through coating and silver": (
            [-0.3, 0.0247, -0.3],
            slanted.tolist(),
            across(0.0247, slant=1.0 / np.sqrt(2.0)),
        ),
        "along the axis, past the rod": ([0.028, 0.0, -0.4], [0.0, 0.0, 1.0], [welds, hollow, 0.0, 0.0]),
    }
    count, checks = effort.pick(100_000, 2_000_000), []
    seed = (np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]))
    first = len(into.phantom.media)
    names = [m.name for m in into.model.materials]
    energy = 35.4919
    mu = [
        material(name).density * at_energy(into.tables.total, into.tables, energy, first + names.index(name))
        for name in ("titanium", "air", "silver_halide_6711", "silver")
    ]
    for number, (title, (point, direction, paths)) in enumerate(rays.items()):
        expected = float(np.exp(-np.dot(mu, paths)))
        beam = np.tile(point, (count, 1)), np.tile(direction, (count, 1))
        _, balance = send(into, absorbing(into.tables), *beam, energy, run_seed=number, seeds=seed)
        checks.append(
            Check(
                f"shadow of a 6711: {title}",
                GROUP,
                f"share of a {energy:g} keV beam that passes the seed, absorption only: {title}",
                "1",
                float(balance[LEFT_PHANTOM] / balance[EMITTED]),
                float(np.sqrt(expected * (1.0 - expected) / count)),
                expected,
                Citation(
                    f"oracle 12: exp(−Σ µ t), chords from {citation('clrp2020').text}",
                    citation("clrp2020").doi,
                ),
            )
        )
    return checks
