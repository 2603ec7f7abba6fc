"""The known dose around one seed alone in infinite water: made once per model, packaged or cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mcsim.cross_sections import cross_section_digest
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.solids import Solids
from mcsim.kernels.water_table import POLAR_SHARE, POLAR_WARP, WaterCells, water_table_batch
from mcsim.kernels.water_table_dose import MOST_POINTS, WaterDose
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.seed_model import SeedModel

FloatArray = NDArray[np.float64]

TABLE_VERSION = (
    1  # another number makes all stored tables invalid: raise it when the physics of the kernels changes
)
INNER_RADIUS, OUTER_RADIUS = 0.1, 10.125  # cm
SHELLS, POLAR_CELLS = 185, 96
BATCH = 50_000  # histories per unit of work
DEFAULT_HISTORIES = 10_000_000
RUN_SEED = 1
SUBDIVISION, LEAST_FREE = 24, 0.2  # of cells that the seed fills in part


@dataclass(frozen=True, eq=False)
class WaterTable:
    """Collision kerma to water around one seed in infinite water, per photon emitted in the active layer.

    Cells are even in ln r and in t = p (1 + a)/(p + a), p = √(1 − |cos θ|), a = 2, from the pole (0) to the equator (1).

    Attributes
    ----------
    model : str
        Name of the seed model.
    kerma_r2 : ndarray, shape (halves, shells, polar_cells, 2)
        Mean kerma of each cell's part outside the seed over the mean of 1/r² there, keV cm²/g; primary and scattered.
        One half where the seed is its own mirror image, else cos θ ≥ 0 and cos θ < 0. A cell inside the seed has the
        value of the next one outwards.
    std_dev : ndarray, shape (halves, shells, polar_cells, 2)
        Type A standard uncertainty of it. Cells of neighbouring shells see the same photons: take their
        uncertainties as fully correlated.
    histories : int
        Photons emitted.
    half_length : float
        Of the seed, cm.
    digest : str
        SHA-256 of what the table describes: seed, physics, cross sections, water.
    """

    model: str
    kerma_r2: FloatArray
    std_dev: FloatArray
    histories: int
    half_length: float
    digest: str

    @property
    def outer_radius(self) -> float:
        """Distance from the seed's centre up to which the table holds, cm."""
        return float(self.radii[-1])

    @property
    def radii(self) -> FloatArray:
        """Distances of the cell centres, cm, shape (shells,)."""
        edges = shell_radii()
        return np.sqrt(edges[1:] * edges[:-1])

    @property
    def cosines(self) -> FloatArray:
        """|cos θ| of the cell centres, shape (polar_cells,)."""
        return polar_cosines((np.arange(POLAR_CELLS) + 0.5) / POLAR_CELLS)

    def arrays(self) -> WaterDose:
        """Arrays for the look-up kernels."""
        # a node beyond each end: the pole's own cell, and the cell across the equator
        values = np.concatenate([self.kerma_r2[:, :, :1], self.kerma_r2, self.kerma_r2[::-1, :, -1:]], axis=2)
        nodes, weights = (np.zeros((MOST_POINTS + 1, MOST_POINTS)) for _ in range(2))
        for points in range(1, MOST_POINTS + 1):
            nodes[points, :points], weight = np.polynomial.legendre.leggauss(points)
            weights[points, :points] = 0.5 * weight
        return WaterDose(
            values=np.ascontiguousarray(values, dtype=np.float32),
            curvature=radial_curvature(self.kerma_r2, self.radii),
            log_first=float(2.0 * np.log(self.radii[0])),
            shells_per_log=float((SHELLS - 1) / (2.0 * np.log(self.radii[-1] / self.radii[0]))),
            polar_cells=POLAR_CELLS,
            half_length=self.half_length,
            outer_radius=self.outer_radius,
            nodes=nodes,
            weights=weights,
        )


def shell_radii() -> FloatArray:
    """Radii of the spheres between the shells, cm."""
    return np.geomspace(INNER_RADIUS, OUTER_RADIUS, SHELLS + 1)


def polar_cosines(t: FloatArray) -> FloatArray:
    """|cos θ| of polar coordinates t."""
    return np.asarray(1.0 - (POLAR_WARP * t / (1.0 + POLAR_WARP - t)) ** 2)


def radial_curvature(kerma_r2: FloatArray, radii: FloatArray) -> FloatArray:
    """Logarithmic derivatives of the dose D(r), its mean over all directions, for voxel means.

    Returns
    -------
    ndarray, shape (shells, 4)
        For primary and scattered in turn r D′/D and r² D″/D − r D′/D.
    """
    weight = np.diff(-polar_cosines(np.arange(POLAR_CELLS + 1) / POLAR_CELLS))
    x = np.log(radii)
    result = np.empty((len(radii), 4))
    for kind in range(2):
        mean = (kerma_r2[..., kind].mean(axis=0) * weight).sum(axis=1)
        # a smooth curve: noise must not be differentiated
        fit = np.polynomial.Chebyshev.fit(x, np.log(mean / radii**2), 9)
        slope, bend = fit.deriv()(x), fit.deriv(2)(x)
        result[:, 2 * kind] = slope
        result[:, 2 * kind + 1] = bend + slope**2 - 2.0 * slope
    return result


def water_table_digest(model: SeedModel, physics: PhysicsSettings) -> str:
    """SHA-256 of what decides the expectation of a table, not its noise: seed, physics, cross sections, water, cells."""
    water = material("water")
    cells = (INNER_RADIUS, OUTER_RADIUS, SHELLS, POLAR_CELLS, POLAR_WARP)
    parts = (
        TABLE_VERSION, model.digest(), cross_section_digest(), physics, sorted(water.fractions.items()), water.density,
        cells,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def make_water_table(
    model: SeedModel,
    histories: int = DEFAULT_HISTORIES,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
    run_seed: int = RUN_SEED,
) -> WaterTable:
    """Simulate one seed in infinite water.

    Parameters
    ----------
    model : SeedModel
        The seed.
    histories : int
        Photons to emit; a multiple of the batch of 50,000, at least two batches.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent treatment, fluorescence.
    threads : int
        Threads; the result does not depend on it.
    progress : callable, optional
        Called with the share done.
    run_seed : int
        Random seed; tables of different seeds are independent.

    Returns
    -------
    WaterTable

    Raises
    ------
    InvalidInput
        `histories` is not a multiple of the batch.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> table = make_water_table(load_seed_model("6711"), histories=100_000)
    >>> table.kerma_r2.shape
    (1, 185, 96, 2)
    """
    if histories < 2 * BATCH or histories % BATCH:
        raise InvalidInput(
            f"histories of a water table is {histories}, expected a multiple of {BATCH}, at least {2 * BATCH}. "
            f"Round it."
        )
    water = material("water")
    tables = build_medium_tables([water, *model.materials], physics)
    solids, layer = model.kernel_solids(1), model.active_layer()
    halves = 1 if model.mirror_symmetric else 2
    cells = WaterCells(shell_radii() ** 2, POLAR_CELLS, halves)
    shape = (halves, SHELLS, POLAR_CELLS, 2)

    def batch(first: int) -> FloatArray:
        tally = np.zeros(shape)
        water_table_batch(
            first, BATCH, run_seed, layer, water.density, solids, tables, physics.cut_off_kev, cells, tally
        )
        return tally

    total, squares = np.zeros(shape), np.zeros(shape)
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for group in _groups(range(0, histories, BATCH), 8 * threads):
            for tally in pool.map(batch, group):
                total += tally
                squares += tally**2
                done += 1
            if progress:
                progress(done * BATCH / histories)
    spread = np.sqrt(np.maximum(squares - total**2 / done, 0.0) / (done * (done - 1)))
    integral, known = inverse_square_integral(solids, halves)
    per_history = 1.0 / (BATCH * integral)[..., None]
    return WaterTable(
        model=model.name,
        kerma_r2=_filled_inwards(total / done * per_history, known),
        std_dev=_filled_inwards(spread * per_history, known),
        histories=histories,
        half_length=model.half_length,
        digest=water_table_digest(model, physics),
    )


def _groups(batches: range, size: int) -> Iterator[range]:
    """Batches in portions: a pool given all at once would hold every tally until it is asked for."""
    for start in range(0, len(batches), size):
        yield batches[start : start + size]


def inverse_square_integral(solids: Solids, halves: int) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Integral of 1/r² over each cell's part outside the seed, and where that part is large enough to stand for the cell.

    Returns
    -------
    integral : ndarray, shape (halves, shells, polar_cells)
        cm; of the whole cell where `known` is false.
    known : ndarray of bool, shape (halves, shells, polar_cells)
        Whether a fifth of the cell or more lies outside.
    """
    radii, cosines = shell_radii(), polar_cosines(np.arange(POLAR_CELLS + 1) / POLAR_CELLS)
    whole = 2.0 * np.pi * np.diff(radii)[:, None] * -np.diff(cosines)
    free = np.ones((halves, *whole.shape))
    # r and cos θ even in a cell are weighted as dV/r²
    part = (np.arange(SUBDIVISION) + 0.5) / SUBDIVISION
    r = (radii[:-1, None] + part * np.diff(radii)[:, None])[:, None, :, None]
    c = (cosines[:-1, None] + part * np.diff(cosines)[:, None])[None, :, None, :]
    near = int(np.searchsorted(radii, np.hypot(solids.half_length, solids.outer_radius)))
    r = r[:near]
    for half in range(halves):
        z, rho2 = (1.0 if half == 0 else -1.0) * r * c, r**2 * (1.0 - c**2)
        inside = np.zeros(rho2.shape, dtype=bool)
        for k in range(solids.outer_count):
            a, b, curved = solids.profile[k]
            inside |= (rho2 <= a + z * (b + curved * z)) & (z >= solids.z_min[k]) & (z <= solids.z_max[k])
        free[half, :near] = 1.0 - inside.mean(axis=(2, 3))
    known = free >= LEAST_FREE
    sides = 2.0 if halves == 1 else 1.0
    return sides * whole * np.where(known, free, 1.0), known


def _filled_inwards(values: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Values of known cells; each other one takes that of the next known cell outwards."""
    shells = np.arange(known.shape[1])[None, :, None]
    nearest = np.minimum.accumulate(np.where(known, shells, known.shape[1] - 1)[:, ::-1], axis=1)[:, ::-1]
    return np.take_along_axis(values, nearest[..., None], axis=1)
