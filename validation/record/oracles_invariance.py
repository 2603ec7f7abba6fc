"""What must stay the same: energy, uniform dose of a uniform source, scaling, reciprocity, linearity."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from mcsim.phantom import Phantom
from mcsim.result import Result
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule
from validation.record.check import Check, Citation
from validation.record.photon_beams import SEED, FloatArray, absorbing, at_energy, box, isotropic, send
from validation.record.room import Effort, Room

GROUP = "Conservation and invariance"
PHASE_SPACE = 1_000_000
ESTIMATORS = ("dose_to_medium", "deposited_energy_dose")
BATCHES = 40


def invariance_oracles(effort: Effort) -> Room:
    """Oracles 7 to 11."""
    room = Room()
    room.checks += _energy_balance(effort)
    room.checks += _uniform_source(effort)
    room.checks += _density_scaling(effort)
    room.checks += _reciprocity(effort)
    room.checks += _linearity(effort)
    return room


def _mean(values: FloatArray) -> tuple[float, float]:
    """Mean of independent batches and its standard uncertainty."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def mixed_cube() -> Phantom:
    """A 4 cm cube of muscle, bone, air and fat in random order, muscle in its middle, in 2 mm voxels."""
    planes = np.linspace(-2.0, 2.0, 21)
    medium = np.random.default_rng(4).integers(0, 4, (20, 20, 20)).astype(np.uint8)
    medium[5:15, 5:15, 5:15] = 0
    density = np.array([1.05, 1.92, 0.0012, 0.95], dtype=np.float32)[medium]
    whole = slice(0, 20)
    media = ("muscle", "cortical_bone", "air", "adipose")
    return Phantom((planes, planes, planes), medium, density, media, (whole, whole, whole))


def _three_seeds(effort: Effort, strengths: tuple[float, ...], analogue: bool = False) -> Simulation:
    return Simulation(
        mixed_cube(),
        SEED,
        np.array([[-0.3, 0.0, 0.1], [0.3, 0.05, -0.1], [0.0, 0.4, 0.0]]),
        np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 1.0, 0.0]]),
        np.array(strengths),
        59.4,
        Settings(
            phase_space_histories=PHASE_SPACE,
            productive_histories_per_batch=3000,
            analogue=analogue,
            variance_reduction="none",  # interactions in the phantom itself; multiples hang on all seeds together
        ),
        threads=effort.threads,
    )


def _energy_balance(effort: Effort) -> list[Check]:
    """Every keV emitted stays, falls below the cut-off or leaves; and two estimators of what stays agree."""
    simulation = _three_seeds(effort, (0.5, 0.6, 0.7), analogue=True)
    batches = effort.pick(20, 400)
    result = simulation.run(StoppingRule(batches=(0, batches)))
    balance = result.energy_balance()
    emitted = balance["emitted"]
    kept = sum(balance.values()) - emitted
    seed = simulation.phase_space.energy_balance
    # Energy absorbed in tissue by track length and by what interactions leave, over all voxels, block by block.
    mass = result.density * result.tissue_fraction * result.voxel_volume
    block = batches // 20
    absorbed = []
    for k in range(20):
        part = simulation.run(StoppingRule(batches=(block * k, block * (k + 1))))
        absorbed.append([float((part.dose_per_history(name) * mass).sum()) for name in ESTIMATORS])
    track, analogue = np.array(absorbed).T
    difference, std_dev = _mean((track - analogue) / track.mean())
    conservation = Citation("oracle 7: energy is conserved")
    return [
        Check(
            "energy balance of an implant",
            GROUP,
            "energy in tissue, in seeds, below the cut-off and out, over that emitted",
            "1",
            kept / emitted,
            0.0,
            1.0,
            conservation,
            5.0 * batches * 2.0**-17 / emitted + 1e-11,
            "each batch is rounded to 2⁻¹⁶ keV; round-off of the sums",
            relative=False,
        ),
        Check(
            "energy balance of a seed",
            GROUP,
            "energy left in the seed, below the cut-off and leaving, over that emitted",
            "1",
            float(seed[1:].sum() / seed[0]),
            0.0,
            1.0,
            conservation,
            1e-11,
            "round-off",
            relative=False,
        ),
        Check(
            "track length against energy deposition",
            GROUP,
            "energy absorbed in tissue by track length, less that by the interactions' losses, relative",
            "1",
            difference,
            std_dev,
            0.0,
            Citation("oracle 7: two estimators of one quantity"),
            relative=False,
        ),
    ]


def _uniform_source(effort: Effort) -> list[Check]:
    """A source uniform per unit mass of one composition gives a uniform dose, whatever the densities."""
    energy, n, margin = 27.4723, 26, 11
    coefficient = box([np.array([0.0, 1.0])] * 3, ("water",), 1.0).tables
    size = 1.0 / at_energy(coefficient.total, coefficient, energy)
    rng = np.random.default_rng(8)
    density = rng.choice([0.3, 1.0, 3.0], (n, n, n), p=[0.3, 0.4, 0.3])
    into = box([np.arange(n + 1, dtype=np.float64) * size] * 3, ("water",), density)
    density = into.phantom.density.astype(np.float64)
    mass = (density / density.sum()).ravel()
    apart = np.maximum(np.abs(np.arange(n) - 12.5) - 1.5, 0.0)
    # Photons start near the tested voxels more often, with less weight.
    chance = mass * np.exp(-0.6 * np.sqrt(apart[:, None, None] ** 2 + apart[:, None] ** 2 + apart**2).ravel())
    chance /= chance.sum()
    count, inner = effort.pick(20_000, 300_000), (slice(margin, -margin),) * 3

    def batch(k: int) -> FloatArray:
        draw = np.random.default_rng([8, k])
        voxel = draw.choice(n**3, count, p=chance)
        points = size * (np.stack(np.unravel_index(voxel, (n, n, n)), axis=1) + draw.random((count, 3)))
        weights = mass[voxel] / chance[voxel] / count
        tally, _ = send(into, into.tables, points, isotropic(draw, count), energy, weights, run_seed=k)
        return tally[inner] / size**3

    with ThreadPoolExecutor(effort.threads) as pool:
        doses = list(pool.map(batch, range(BATCHES)))
    ratio = np.array(doses) * density.sum() * size**3 / energy
    tested = density[inner]
    checks = []
    for words, chosen in (
        ("all", tested > 0.0),
        ("at density 0.3", tested < 0.5),
        ("at density 3", tested > 2.0),
    ):
        value, std_dev = _mean(ratio[:, chosen].mean(axis=1))
        checks.append(
            Check(
                f"uniform source, voxels {words}",
                GROUP,
                f"dose over energy emitted per mass, random densities of 0.3, 1 and 3 g/cm³, voxels {words}",
                "1",
                value,
                std_dev,
                1.0,
                Citation("oracle 8: Fano-like uniformity, 11 mean free paths of margin"),
                1e-4,
                "beyond the margin lies 5e-5 of what a voxel gets",
            )
        )
    return checks


def _random_block(rng: np.random.Generator) -> tuple[list[FloatArray], FloatArray, NDArray[np.int64]]:
    planes = [np.linspace(0.0, 8 * rng.uniform(0.3, 0.5), 9) for _ in range(3)]
    return planes, rng.uniform(0.05, 3.0, (8, 8, 8)), rng.integers(0, 3, (8, 8, 8))


MIXTURE = ("water", "cortical_bone", "lung")


def _density_scaling(effort: Effort) -> list[Check]:
    """Dense by a factor: k times the density with lengths divided by k gives k² the dose, history by history."""
    rng = np.random.default_rng(12)
    planes, density, medium = _random_block(rng)
    count = effort.pick(20_000, 500_000)
    points = np.stack([rng.uniform(p[0], p[-1], count) for p in planes], axis=1)
    directions = isotropic(rng, count)
    plain = box(planes, MIXTURE, density, medium)
    dose = send(plain, plain.tables, points, directions, 35.4919)[0] / plain.volume
    checks = []
    for factor, tolerance, why in (
        (2.0, 1e-12, "a power of two changes no digit"),
        (3.0, 2e-3, "densities are rounded to 6e-8: a collision at a voxel's face may change sides"),
    ):
        scaled = box(
            [p / factor for p in planes], MIXTURE, plain.phantom.density.astype(float) * factor, medium
        )
        found = send(scaled, scaled.tables, points / factor, directions, 35.4919)[0] / scaled.volume
        checks.append(
            Check(
                f"density × {factor:g}, lengths / {factor:g}",
                GROUP,
                f"sum of the voxels' doses with density × {factor:g} and lengths / {factor:g}, over that without",
                "1",
                float(found.sum() / dose.sum()),
                0.0,
                factor**2,
                Citation("oracle 9: k² the dose"),
                tolerance * factor**2,
                why,
            )
        )
    return checks


def _reciprocity(effort: Effort) -> list[Check]:
    """With elastic scattering the mean fluence in B per photon from A is that in A per photon from B."""
    rng = np.random.default_rng(21)
    planes, density, medium = _random_block(rng)
    into = box(planes, MIXTURE, density, medium)
    unit = np.zeros_like(into.tables.energy_absorption)
    unit[..., 0] = 1.0
    tables = absorbing(into.tables)._replace(coherent=0.8 * into.tables.total, energy_absorption=unit)
    a = (slice(1, 3), slice(2, 5), slice(1, 4))
    b = (slice(4, 6), slice(5, 6), slice(2, 7))
    count = effort.pick(10_000, 400_000)

    def fluence(source: tuple[slice, ...], target: tuple[slice, ...], first: int) -> tuple[float, float]:
        low = np.array([p[s.start] for p, s in zip(planes, source, strict=True)])
        high = np.array([p[s.stop] for p, s in zip(planes, source, strict=True)])

        def batch(k: int) -> float:
            draw = np.random.default_rng([21, k])
            points, directions = draw.uniform(low, high, (count, 3)), isotropic(draw, count)
            tally, _ = send(into, tables, points, directions, 27.4723, 1.0 / 27.4723, run_seed=first + k)
            return float(tally[target].sum() / into.volume[target].sum() / count)

        with ThreadPoolExecutor(effort.threads) as pool:
            batches = list(pool.map(batch, range(BATCHES)))
        return _mean(np.array(batches))

    (to_b, spread_b), (to_a, spread_a) = fluence(a, b, 0), fluence(b, a, BATCHES)
    return [
        Check(
            "reciprocity",
            GROUP,
            "mean fluence in region B per photon from A, against A from B, in a random mixture of water, bone and lung",
            "cm⁻²",
            to_b,
            spread_b,
            to_a,
            Citation("oracle 10: reciprocity of elastic transport"),
            reference_type_a=spread_a,
        )
    ]


def _linearity(effort: Effort) -> list[Check]:
    """Dose is the sum over the seeds' doses, each proportional to its strength."""

    def run(strengths: tuple[float, ...]) -> Result:
        return _three_seeds(effort, strengths).run(StoppingRule(batches=(0, 4)))

    first, second, both = (run(s).dose() for s in ((0.5, 0.6, 0.7), (0.7, 1.6, 0.2), (1.2, 2.2, 0.9)))
    counted = both > 1e-3 * both.max()
    departure = np.abs((first + second)[counted] / both[counted] - 1.0).max()
    return [
        Check(
            "superposition and linearity",
            GROUP,
            "largest relative departure of D(S₁) + D(S₂) from D(S₁ + S₂) over the voxels, three unequal seeds",
            "1",
            float(departure),
            0.0,
            0.0,
            Citation("oracle 11: superposition and linearity in S_K"),
            1e-6,
            "sums are kept in quanta of 2⁻³² keV cm³/g",
            relative=False,
        )
    ]
