"""The known dose around one seed alone in infinite water: made once per model, packaged or cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.cross_sections import cross_section_digest
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.water_table import POLAR_WARP, SCATTERED, WaterCells, water_table_batch
from mcsim.kernels.water_table_dose import MOST_POINTS, WaterDose, doses_at_points, mean_doses
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.seed_model import SeedModel
from mcsim.water_table_cells import (
    INNER_RADIUS,
    OUTER_RADIUS,
    POLAR_CELLS,
    SHELLS,
    filled_inwards,
    inverse_square_integral,
    polar_cosines,
    radial_slopes,
    shell_radii,
    smooth_in_angle,
)

FloatArray = NDArray[np.float64]

TABLE_VERSION = (
    1  # another number makes all stored tables invalid: raise it when the physics of the kernels changes
)
BATCH = 5_000  # histories per unit of work
GROUPS = 40  # of batches, from whose spread the uncertainty comes (its own: 1/√(2 · 39) = 11 %)
ROUND = GROUPS * BATCH
DEFAULT_HISTORIES = 10_000_000
RUN_SEED = 1


@dataclass(frozen=True, eq=False)
class WaterTable:
    """Collision kerma to water around one seed in infinite water, per photon emitted in the active layer.

    Cells are even in ln r and in t = p (1 + a)/(p + a), p = √(1 − ``|cos θ|``), a = 2, from the pole (0) to the
    equator (1).

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
        return OUTER_RADIUS

    @property
    def radii(self) -> FloatArray:
        """Distances of the cell centres, cm, shape (shells,)."""
        edges = shell_radii()
        return np.sqrt(edges[1:] * edges[:-1])

    @property
    def cosines(self) -> FloatArray:
        """``|cos θ|`` of the cell centres, shape (polar_cells,)."""
        return polar_cosines((np.arange(POLAR_CELLS) + 0.5) / POLAR_CELLS)

    def dose(self, points: FloatArray) -> FloatArray:
        """Primary and scattered kerma at points.

        Parameters
        ----------
        points : ndarray, shape (n, 3)
            In the seed's own frame, its axis along z, cm; outside the seed and within the outer radius.

        Returns
        -------
        ndarray, shape (n, 2)
            keV/g per emitted photon.

        Raises
        ------
        InvalidInput
            A point lies beyond the outer radius.
        """
        points = np.ascontiguousarray(np.atleast_2d(points), dtype=np.float64)
        self._check_within(points)
        doses = np.empty((len(points), 2))
        doses_at_points(self.arrays(), points, doses)
        return doses

    def dose_std_dev(self, points: FloatArray) -> FloatArray:
        """Type A standard uncertainty of `dose`: that of the cell around each point.

        Parameters
        ----------
        points : ndarray, shape (n, 3)
            As for `dose`.

        Returns
        -------
        ndarray, shape (n, 2)
            keV/g per emitted photon. In a sum over voxels take cells at one angle as fully correlated; to add all
            uncertainties linearly gives an upper limit.

        Raises
        ------
        InvalidInput
            A point lies beyond the outer radius.
        """
        points = np.atleast_2d(np.asarray(points, dtype=np.float64))
        self._check_within(points)
        r = np.linalg.norm(points, axis=1)
        p = np.sqrt(np.maximum(1.0 - np.abs(points[:, 2]) / r, 0.0))
        cell = np.minimum(
            (p * (1.0 + POLAR_WARP) / (p + POLAR_WARP) * POLAR_CELLS).astype(int), POLAR_CELLS - 1
        )
        shell = np.clip(np.searchsorted(shell_radii(), r, side="right") - 1, 0, SHELLS - 1)
        half = np.where(points[:, 2] < 0.0, len(self.std_dev) - 1, 0)
        return np.asarray(self.std_dev[half, shell, cell] / r[:, None] ** 2)

    def voxel_dose(self, frame: FloatArray, centres: FloatArray, half_edges: FloatArray) -> FloatArray:
        """Mean primary and scattered kerma over voxels.

        Parameters
        ----------
        frame : ndarray, shape (3, 3)
            Rows are the seed's own axes in the voxels' frame.
        centres, half_edges : ndarray, shape (n, 3)
            Voxel centres from the seed's centre, and half the edges, cm.

        Returns
        -------
        ndarray, shape (n, 2)
            keV/g per emitted photon.

        Raises
        ------
        InvalidInput
            A centre lies beyond the outer radius.
        """
        centres = np.ascontiguousarray(np.atleast_2d(centres), dtype=np.float64)
        self._check_within(centres)
        half_edges = np.ascontiguousarray(np.broadcast_to(half_edges, centres.shape), dtype=np.float64)
        doses = np.empty((len(centres), 2))
        mean_doses(self.arrays(), np.ascontiguousarray(frame, dtype=np.float64), centres, half_edges, doses)
        return doses

    def _check_within(self, points: FloatArray) -> None:
        distance = np.linalg.norm(points, axis=1)
        beyond = np.flatnonzero(distance > self.outer_radius)
        if len(beyond):
            raise InvalidInput(
                f"distance of point {beyond[0] + 1} is {distance[beyond[0]]:.4g} cm, expected at most "
                f"{self.outer_radius:.4g} cm ({len(beyond)} points lie beyond; the water table of {self.model} ends "
                f"there). Leave them out."
            )

    def arrays(self) -> WaterDose:
        """Arrays for the look-up kernels."""
        slope, bend = radial_slopes(self.kerma_r2, self.radii).transpose(1, 2, 0)
        # The mean of f over a cell, even in r, is f + h² (f″/24 + f′/12) at its centre, and lines between the nodes lie
        # h² f″/12 above f on the mean, derivatives by ln r: 0.1 % at 10 cm if it stayed.
        width = np.log(self.radii[1] / self.radii[0])
        excess = width**2 * ((bend + slope**2) / 8.0 + slope / 12.0)
        nodes_at = self.kerma_r2 * (1.0 - excess[None, :, None])
        # a node beyond each end: the pole's own cell, and the cell across the equator
        values = np.concatenate([nodes_at[:, :, :1], nodes_at, nodes_at[::-1, :, -1:]], axis=2)
        # of D: f′ − 2 f, and so on
        first = slope - 2.0
        curvature = np.stack([first, bend + first**2 - 2.0 * first], axis=-1)
        nodes, weights = (np.zeros((MOST_POINTS + 1, MOST_POINTS)) for _ in range(2))
        for points in range(1, MOST_POINTS + 1):
            nodes[points, :points], weight = np.polynomial.legendre.leggauss(points)
            weights[points, :points] = 0.5 * weight
        return WaterDose(
            values=np.ascontiguousarray(values),
            curvature=np.ascontiguousarray(curvature.reshape(SHELLS, 4)),
            log_first=float(2.0 * np.log(self.radii[0])),
            shells_per_log=float((SHELLS - 1) / (2.0 * np.log(self.radii[-1] / self.radii[0]))),
            polar_cells=POLAR_CELLS,
            half_length=self.half_length,
            outer_radius=self.outer_radius,
            nodes=nodes,
            weights=weights,
        )


def water_table_digest(model: SeedModel, physics: PhysicsSettings) -> str:
    """SHA-256 of what decides a table's expectation, not its noise: seed, physics, cross sections, water, cells."""
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
        Photons to emit; a multiple of 200,000, of which each of 40 groups gets its part.
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
        `histories` is not a positive multiple of 200,000.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> table = make_water_table(load_seed_model("6711"), histories=200_000)
    >>> table.kerma_r2.shape
    (1, 185, 96, 2)
    """
    if histories <= 0 or histories % ROUND:
        raise InvalidInput(
            f"histories of a water table is {histories}, expected a positive multiple of {ROUND}. Round it."
        )
    water = material("water")
    tables = build_medium_tables([water, *model.materials], physics)
    solids, layer = model.kernel_solids(1), model.active_layer()
    halves = 1 if model.mirror_symmetric else 2
    cells = WaterCells(shell_radii() ** 2, POLAR_CELLS, halves)
    shape = (halves, SHELLS, POLAR_CELLS, 2)

    def batch(number: int) -> FloatArray:
        tally = np.zeros(shape)
        water_table_batch(
            number * BATCH,
            BATCH,
            run_seed,
            layer,
            water.density,
            solids,
            tables,
            physics.cut_off_kev,
            cells,
            tally,
        )
        return tally

    groups = np.zeros((GROUPS, *shape))
    rounds = histories // ROUND
    with ThreadPoolExecutor(threads) as pool:
        for k in range(rounds):
            # in the order of the batches, whichever is done first: the sums do not depend on the threads
            for g, tally in enumerate(pool.map(batch, range(k * GROUPS, (k + 1) * GROUPS))):
                groups[g] += tally
            if progress:
                progress((k + 1) / rounds)
    integral, known = inverse_square_integral(solids, halves)
    groups /= (rounds * BATCH * integral)[..., None]
    groups[..., SCATTERED] = smooth_in_angle(groups[..., SCATTERED], integral * known)
    mean, std_dev = groups.mean(axis=0), groups.std(axis=0, ddof=1) / np.sqrt(GROUPS)
    return WaterTable(
        model=model.name,
        kerma_r2=filled_inwards(mean, known),
        std_dev=filled_inwards(std_dev, known),
        histories=histories,
        half_length=model.half_length,
        digest=water_table_digest(model, physics),
    )
