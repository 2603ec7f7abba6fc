"""One seed from first principles: what leaves it, its air-kerma strength, and the dose per history about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.characterisation_cells import ScoringCells
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.characterisation import Chambers, LeavingTallies, characterisation_batch
from mcsim.kernels.tables import MediumTables
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.phase_space import AIR_KERMA_CUT_OFF_KEV, KEV_PER_GRAM_IN_GRAY, WAFAC_HALF_ANGLE
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.seed_model import SeedModel

FloatArray = NDArray[np.float64]

# A round is one batch for each group; the type A uncertainty comes from the spread of the groups (its own
# uncertainty is 1/√(2 · 49) = 10 %).
GROUPS = 50
BATCH = 5_000  # histories
ROUND = GROUPS * BATCH
MEDIUM, DRY_AIR, FIRST_SEED_MEDIUM = 0, 1, 2
# The point detector: a voxel of 0.1 × 0.1 × 0.05 cm at 10 cm; the turning seed sees it as a ring
# (Safigholi et al. 2020, doi:10.1002/mp.14249).
POINT_DISTANCE, POINT_HALF_DEPTH, POINT_HALF_HEIGHT = 10.0, 0.025, 0.05  # cm
SPECTRUM_BINS_PER_KEV = 10
SPECTRUM_MAX_KEV = 40.0


@dataclass(frozen=True, eq=False)
class SeedTally:
    """What was scored, per history, for each of the groups of batches.

    Attributes
    ----------
    cells : ScoringCells
        Where the dose was scored.
    histories : int
        Photons emitted in the active layer, all groups together.
    shell_dose : ndarray, shape (groups, shells, polar_bins)
        Mean collision kerma in the shell cells, Gy.
    ring_dose : ndarray, shape (groups, rings, heights)
        Mean collision kerma in the ring cells, Gy.
    air_kerma_strength : ndarray, shape (groups, 2)
        In the wide aperture (WAFAC) and at the point detector, Gy cm².
    spectrum : ndarray, shape (groups, 2, bins)
        Photons leaving the seed by energy, in bins of 0.1 keV from 0: all, and in the WAFAC aperture.
    line_energy : ndarray, shape (lines,)
        Energies of the spectrum's lines and of the fluorescence lines of the seed's elements, keV, ascending.
    lines : ndarray, shape (groups, 2, lines)
        Photons leaving the seed with the energy of a line, to the last bit: all, and in the WAFAC aperture.
    photons, energy : ndarray, shape (groups, 2)
        Photons above 5 keV leaving the seed, and their energy in keV: all, and in the WAFAC aperture.

    Notes
    -----
    An aperture counts a photon by the share of a turn of the seed about its axis in which it passes.
    """

    cells: ScoringCells
    histories: int
    shell_dose: FloatArray
    ring_dose: FloatArray
    air_kerma_strength: FloatArray
    spectrum: FloatArray
    line_energy: FloatArray
    lines: FloatArray
    photons: FloatArray
    energy: FloatArray

    @property
    def spectrum_edges(self) -> FloatArray:
        """Edges of the bins of `spectrum`, keV."""
        return np.arange(self.spectrum.shape[2] + 1) / SPECTRUM_BINS_PER_KEV


def characterise_seed(
    model: SeedModel,
    cells: ScoringCells,
    histories: int,
    medium: str = "water",
    radius: float = 30.0,
    run_seed: int = 1,
    threads: int = 1,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    progress: Callable[[int], None] | None = None,
) -> SeedTally:
    """Simulate one seed at the centre of a sphere of one medium, every history from its emission on.

    Parameters
    ----------
    model : SeedModel
        The seed.
    cells : ScoringCells
        Where to score; parts of cells inside the seed get nothing.
    histories : int
        Photons to emit, rounded up to a multiple of 250,000.
    medium : str
        Medium of the sphere, at its nominal density.
    radius : float
        Of the sphere, cm: at least 15 cm beyond the outermost cell for TG-43 conditions.
    run_seed : int
        Random seed.
    threads : int
        Threads; the result does not depend on it.
    physics : PhysicsSettings
        How interactions are described.
    progress : callable, optional
        Called with the histories done after every round of 250,000.

    Returns
    -------
    SeedTally

    Raises
    ------
    InvalidInput
        `histories` is not positive, or a cell reaches out of the sphere.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> cells = ScoringCells(np.array([[0.98, 1.02]]), 36, np.zeros((0, 2)), np.zeros((0, 2)))
    >>> tally = characterise_seed(load_seed_model("6711"), cells, 250_000, threads=2)
    >>> bool(3.6e-14 < tally.air_kerma_strength[:, 0].mean() < 3.9e-14)
    True
    """
    if histories < 1:
        raise InvalidInput(f"histories is {histories}, expected a positive number. Give more.")
    *_, last = rounds(
        model, cells, -(-histories // ROUND), medium, radius, run_seed, threads, physics, progress
    )
    return last


def rounds(
    model: SeedModel,
    cells: ScoringCells,
    most: int,
    medium: str = "water",
    radius: float = 30.0,
    run_seed: int = 1,
    threads: int = 1,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    progress: Callable[[int], None] | None = None,
) -> Iterator[SeedTally]:
    """`characterise_seed` in rounds of 250,000 histories: the tally so far after each, up to `most` rounds.

    Yields
    ------
    SeedTally

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> cells = ScoringCells(np.array([[0.98, 1.02]]), 36, np.zeros((0, 2)), np.zeros((0, 2)))
    >>> [tally.histories for tally in rounds(load_seed_model("6711"), cells, 2, threads=2)]
    [250000, 500000]
    """
    if cells.farthest > radius:
        raise InvalidInput(
            f"radius of the sphere is {radius} cm, expected at least {cells.farthest:.4g} cm, where the outermost cell "
            f"ends. Enlarge the sphere."
        )
    tables = build_medium_tables([material(medium), material("dry_air"), *model.materials], physics)
    solids, layer, arrays = model.kernel_solids(FIRST_SEED_MEDIUM), model.active_layer(), cells.arrays()
    lines = _lines(model, tables)
    density = material(medium).density

    def batch(number: int) -> tuple[FloatArray, ...]:
        shells = np.zeros((len(cells.shells), cells.polar_bins))
        rings = np.zeros((len(cells.rings), len(cells.heights)))
        leaving = LeavingTallies(
            kerma=np.zeros(2),
            spectrum=np.zeros((2, round(SPECTRUM_MAX_KEV * SPECTRUM_BINS_PER_KEV))),
            lines=np.zeros((2, len(lines))),
            moments=np.zeros((2, 2)),
        )
        characterisation_batch(
            number * BATCH, BATCH, run_seed, layer, radius, density, MEDIUM, solids, tables, physics.cut_off_kev,
            _CHAMBERS, lines, float(SPECTRUM_BINS_PER_KEV), arrays, shells, rings, leaving,
        )  # fmt: skip
        return (shells, rings, *leaving)

    sums: list[FloatArray] = []
    with ThreadPoolExecutor(threads) as pool:
        for k in range(most):
            # in the order of the batches, whichever is done first: the sums do not depend on the threads
            parts = list(pool.map(batch, range(k * GROUPS, (k + 1) * GROUPS)))
            groups = [np.array([part[i] for part in parts]) for i in range(len(parts[0]))]
            sums = [total + more for total, more in zip(sums, groups, strict=True)] if sums else groups
            if progress:
                progress((k + 1) * ROUND)
            yield _tally(cells, k + 1, lines, [total / ((k + 1) * BATCH) for total in sums])


def _tally(cells: ScoringCells, done: int, lines: FloatArray, means: list[FloatArray]) -> SeedTally:
    """Doses and strengths from the sums per history."""
    shells, rings, kerma, spectrum, line_counts, moments = means
    depth = np.array([POINT_DISTANCE - POINT_HALF_DEPTH, POINT_DISTANCE + POINT_HALF_DEPTH])
    volume = np.pi * np.diff(depth**2)[0] * 2.0 * POINT_HALF_HEIGHT
    # to kerma × distance²: an aperture of solid angle 2π (1 − cos α), a ring with its own mean of 1/r²
    strength = KEV_PER_GRAM_IN_GRAY * np.array(
        [1.0 / (2.0 * np.pi * (1.0 - np.cos(WAFAC_HALF_ANGLE))), 1.0 / (volume * _mean_inverse_square(depth))]
    )
    return SeedTally(
        cells=cells,
        histories=done * ROUND,
        shell_dose=shells * KEV_PER_GRAM_IN_GRAY / cells.shell_volumes(),
        ring_dose=rings * KEV_PER_GRAM_IN_GRAY / cells.ring_volumes(),
        air_kerma_strength=kerma * strength,
        spectrum=spectrum,
        line_energy=lines,
        lines=line_counts,
        photons=moments[:, :, 0],
        energy=moments[:, :, 1],
    )


def _mean_inverse_square(depth: FloatArray) -> float:
    """Mean of 1/r² over the ring of the point detector, cm⁻²."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    rho = 0.5 * (depth.sum() + np.diff(depth)[0] * nodes)
    r2 = rho[:, None] ** 2 + (POINT_HALF_HEIGHT * nodes) ** 2
    weight = (weights * rho)[:, None] * weights
    return float((weight / r2).sum() / weight.sum())


def _lines(model: SeedModel, tables: MediumTables) -> FloatArray:
    """Energies of the emitted lines and of the fluorescence of the seed's media, keV, ascending."""
    fluorescence = [
        tables.line_energy[m, : tables.line_count[m]]
        for m in range(FIRST_SEED_MEDIUM, FIRST_SEED_MEDIUM + len(model.materials))
    ]
    return np.unique(np.concatenate([np.array(model.spectrum.energy_kev), *fluorescence]))


_CHAMBERS = Chambers(
    medium=DRY_AIR,
    cut_off=AIR_KERMA_CUT_OFF_KEV,
    cos_half_angle=float(np.cos(WAFAC_HALF_ANGLE)),
    ring_inner=POINT_DISTANCE - POINT_HALF_DEPTH,
    ring_outer=POINT_DISTANCE + POINT_HALF_DEPTH,
    ring_half_height=POINT_HALF_HEIGHT,
)
