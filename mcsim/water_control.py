"""What ties the phantom's dose to the known dose in water: multiples, and the mean of what they subtract.

With D the dose that histories score in the phantom, W the dose the same histories score in water around their own
seed, and W̄ the known mean of W, every batch counts

    D − c (W − W̄).

Its mean is that of D for any c that does not depend on the batch. The noise is least for c = cov(D, W)/var(W): for
primary photons of one seed in one voxel nearly the ratio of the two doses, a ray from the seed to the voxel tells it;
for scattered photons of all seeds together it comes from a short trial run, per medium and cell of a few millimetres.
c varies from seed to seed and cell to cell and is 0 where W̄ is not known well enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsim.kernels.control_cells import add_known_dose, attenuation_ratios
from mcsim.kernels.correlated_transport import Control
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.solids import Solids
from mcsim.kernels.tables import MediumTables
from mcsim.kernels.voxel_grid import SEED_FLAG, Voxels
from mcsim.materials import material
from mcsim.scattering_shares import scattering_shares
from mcsim.water_table import WaterTable

FloatArray = NDArray[np.float64]

CELL = 0.2  # cm
MOST_RAYS = 400_000  # seeds times cells: less than 0.1 s
# Beyond this distance from the nearest seed the dose is some hundredths of the prescribed one: not worth the set-up.
REACH = 3.5  # cm
# The table holds from here outwards of a seed's surface, to 0.1 %; closer by, where the dose is high and its noise low,
# nothing is controlled.
CLEARANCE = 0.05  # cm
# Photons that interact outside the block hardly return from further away than this; two of three are ended there.
SURVIVAL, SURVIVAL_DISTANCE = 1.0 / 3.0, 4.0
MOST_COPIES = 8
# Of the trial's moments in a cell and its neighbours, added to the cell's own: as much as a third of them where all see
# the same number of photons. Multiples of scattered dose that are not noise hardly come to the largest.
NEIGHBOURS_SHARE, LARGEST_MULTIPLE = 0.02, 2.0
SLAB = 4  # voxels along x that a thread takes at once


@dataclass(frozen=True)
class WaterControl:
    """The control of one implant in one phantom.

    Attributes
    ----------
    kernel : Control
        Multiples and cross-section ratios for the kernel.
    known : ndarray of float32, shape (3, nx, ny, nz)
        Mean of what the multiples subtract from dose to medium, dose to water and primary dose to medium, keV/g per
        emitted photon of every seed.
    """

    kernel: Control
    known: NDArray[np.float32]


def water_control(
    voxels: Voxels,
    seeds: PlacedSeeds,
    solids: Solids,
    tables: MediumTables,
    water: int,
    energies: FloatArray,
    table: WaterTable,
    trial: Callable[[Control], tuple[FloatArray, FloatArray]],
    threads: int = 1,
) -> WaterControl:
    """Choose the multiples and add up what is known.

    Parameters
    ----------
    voxels, seeds, solids, tables : Voxels, PlacedSeeds, Solids, MediumTables
        Arrays of the kernels.
    water : int
        Index of liquid water in `tables`.
    energies : ndarray, shape (n,)
        Energies of photons that leave the seed, keV.
    table : WaterTable
        The known dose around one seed.
    trial : callable
        Runs histories with a control whose `trial` is on and returns the moments of scattered dose,
        Σ D·W and Σ W², both of shape (nx, ny, nz).
    threads : int
        Threads for the voxel means of the table; the result does not depend on it.

    Returns
    -------
    WaterControl
    """
    density = material("water").density
    shape, media = tuple(int(n) for n in voxels.shape), voxels.media_count
    width = cell_width(voxels.spacing, voxels.shape, len(seeds.position))
    cells = -(-np.array(shape) // width)
    inside = [np.arange(n) // w for n, w in zip(shape, width, strict=True)]
    cell = (inside[0][:, None, None] * cells[1] + inside[1][None, :, None]) * cells[2] + inside[2]
    cell = cell.astype(np.int32)
    energy, share = _line_groups(energies, tables, water)
    kerma_ratio = _kerma_ratios(tables, media, water, float(energy @ share))
    count = int(np.prod(cells))
    nearest, farthest = _distances(voxels, seeds, table.half_length, cells, width)
    half = 0.5 * np.linalg.norm(width * voxels.spacing)
    # every seed's dose must be known where any is controlled: photons of all of them score there
    controlled = (nearest < REACH) & (farthest + half + table.half_length < table.outer_radius)
    known_here = controlled[cell] & ~close_to_seeds(voxels, seeds, solids)
    inc, coh = scattering_shares(tables, media, water)
    kernel = Control(
        cell=np.pad(np.where(known_here, cell, np.int32(count)), 1).ravel(),
        primary=np.zeros((len(seeds.position), count + 1), np.float32),
        scattered=np.zeros(media * (count + 1), np.float32),
        stride=count + 1,
        kerma_ratio=kerma_ratio,
        water=water,
        density=density,
        incoherent_share=inc,
        coherent_share=coh,
        survival=SURVIVAL,
        survival_distance=SURVIVAL_DISTANCE,
        most_copies=MOST_COPIES,
        trial=False,
    )
    medium = _block(voxels.medium, shape) & ~np.uint8(SEED_FLAG)
    if scores_in_water(voxels, tables, water):
        kernel.primary[:, :-1] = 1.0
        kernel.scattered[:] = 1.0
    else:
        _trace(kernel, voxels, seeds, tables, energy, share, cells, width, controlled, threads)
        moments = trial(kernel._replace(trial=True))
        kernel.scattered[:] = _best_multiples(moments, medium, media, width).ravel()
    kernel.scattered[count :: count + 1] = 0.0
    every = np.arange(len(seeds.position))
    known = known_dose(kernel, voxels, seeds, table, every, threads)
    return WaterControl(kernel, known)


def known_dose(
    kernel: Control,
    voxels: Voxels,
    seeds: PlacedSeeds,
    table: WaterTable,
    emitters: NDArray[np.int64],
    threads: int,
) -> NDArray[np.float32]:
    """Mean of what the multiples subtract from the histories of some of the seeds.

    Parameters
    ----------
    kernel, voxels, seeds : Control, Voxels, PlacedSeeds
        Arrays of the kernels.
    table : WaterTable
        The known dose around one seed.
    emitters : ndarray of int64, shape (k,)
        Seeds that emit.
    threads : int
        Threads; the result does not depend on it.

    Returns
    -------
    ndarray of float32, shape (3, nx, ny, nz)
        Dose to medium, dose to water and primary dose to medium, keV/g per emitted photon of every emitter.
    """
    nx, ny, nz = (int(n) for n in voxels.shape)
    known = np.zeros((3, nx, ny, nz), np.float32)
    arrays = table.arrays()

    def slab(first: int) -> None:
        add_known_dose(
            first, min(first + SLAB, nx), emitters, voxels, seeds, arrays, kernel.cell, kernel.primary,
            kernel.scattered, kernel.stride, kernel.kerma_ratio, known,
        )  # fmt: skip

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(slab, range(0, nx, SLAB)))
    return known


def cell_width(spacing: FloatArray, shape: NDArray[np.int64], seeds: int) -> NDArray[np.int64]:
    """Voxels along each edge of a control cell, shape (3,): some 2 mm, more where that would make too many rays."""
    width = np.maximum(1, np.rint(CELL / spacing)).astype(np.int64)
    while seeds * int(np.prod(-(-shape // width))) > MOST_RAYS and np.any(width < shape):
        width = np.minimum(width + 1, shape)
    return width


def _distances(
    voxels: Voxels, seeds: PlacedSeeds, half_length: float, cells: NDArray[np.int64], width: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Distance of every cell's middle from the nearest and the farthest seed's axis between its ends, cm, (cells,)."""
    middle = [voxels.lower[k] + (np.arange(cells[k]) + 0.5) * width[k] * voxels.spacing[k] for k in range(3)]
    nearest, farthest = np.full(int(np.prod(cells)), np.inf), np.zeros(int(np.prod(cells)))
    for position, frame in zip(seeds.position, seeds.frame, strict=True):
        axes = [m - p for m, p in zip(middle, position, strict=True)]
        distance = _distance_from_axis(axes, frame[2], half_length).ravel()
        np.minimum(nearest, distance, out=nearest)
        np.maximum(farthest, distance, out=farthest)
    return nearest, farthest


def close_to_seeds(voxels: Voxels, seeds: PlacedSeeds, solids: Solids) -> NDArray[np.bool_]:
    """Voxels that may come closer than the clearance to a seed's surface.

    Parameters
    ----------
    voxels, seeds, solids : Voxels, PlacedSeeds, Solids
        Arrays of the kernels.

    Returns
    -------
    ndarray of bool, shape (nx, ny, nz)
    """
    shape, spacing, half_length = voxels.shape, voxels.spacing, solids.half_length
    close = np.zeros(shape, dtype=bool)
    reach = CLEARANCE + solids.outer_radius + 0.5 * float(np.linalg.norm(spacing))
    for position, frame in zip(seeds.position, seeds.frame, strict=True):
        low = np.maximum(np.floor((position - half_length - reach - voxels.lower) / spacing), 0).astype(int)
        high = np.minimum(np.ceil((position + half_length + reach - voxels.lower) / spacing), shape).astype(
            int
        )
        window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        axes = [
            voxels.lower[k] + (np.arange(low[k], high[k]) + 0.5) * spacing[k] - position[k] for k in range(3)
        ]
        close[window] |= _distance_from_axis(axes, frame[2], half_length) < reach
    return close


def _distance_from_axis(axes: Sequence[FloatArray], direction: FloatArray, half_length: float) -> FloatArray:
    """Distance of the points of a grid from a seed's axis between its ends, cm; `axes` from the seed's centre."""
    x, y, z = axes[0][:, None, None], axes[1][None, :, None], axes[2]
    along = direction[0] * x + direction[1] * y + direction[2] * z
    squared = np.maximum(x**2 + y**2 + z**2 - along**2, 0.0)
    return np.asarray(np.sqrt(squared + np.maximum(np.abs(along) - half_length, 0.0) ** 2))


def _line_groups(energies: FloatArray, tables: MediumTables, water: int) -> tuple[FloatArray, FloatArray]:
    """Mean energy and share of the kerma of the softer and the harder photons of a seed, shape (2,) each."""
    energy = np.asarray(energies, dtype=np.float64)
    index = np.clip(
        ((energy - tables.energy_min) * tables.bins_per_kev).astype(int), 0, len(tables.total) - 1
    )
    kerma = energy * tables.energy_absorption[index, water, 0]
    middle = float(np.average(energy, weights=kerma))
    groups = [energy <= middle, energy > middle]
    means = [float(np.average(energy[g], weights=kerma[g])) if g.any() else middle for g in groups]
    return np.array(means), np.array([kerma[g].sum() for g in groups]) / kerma.sum()


def _kerma_ratios(tables: MediumTables, media: int, water: int, energy: float) -> FloatArray:
    index = int((energy - tables.energy_min) * tables.bins_per_kev)
    absorption = tables.energy_absorption[index, :, 0]
    return np.ascontiguousarray(absorption[:media] / absorption[water])


def _block(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The scoring voxels of a padded flat array."""
    inner = tuple(slice(1, n + 1) for n in shape)
    return values.reshape([n + 2 for n in shape])[inner]


def scores_in_water(voxels: Voxels, tables: MediumTables, water: int) -> bool:
    """Whether the scoring region is all liquid water of the table's density: the multiples are 1 without a trial.

    Parameters
    ----------
    voxels, tables : Voxels, MediumTables
        Arrays of the kernels.
    water : int
        Index of liquid water in `tables`.
    """
    shape = tuple(int(n) for n in voxels.shape)
    found = np.unique(_block(voxels.medium, shape) & ~np.uint8(SEED_FLAG))
    alike = [np.array_equal(tables.total[:, m], tables.total[:, water]) for m in found]
    density = np.float32(material("water").density)
    return all(alike) and bool(np.all(_block(voxels.density, shape) == density))


def _trace(
    kernel: Control,
    voxels: Voxels,
    seeds: PlacedSeeds,
    tables: MediumTables,
    energy: FloatArray,
    share: FloatArray,
    cells: NDArray[np.int64],
    width: NDArray[np.int64],
    controlled: NDArray[np.bool_],
    threads: int,
) -> None:
    index = ((energy - tables.energy_min) * tables.bins_per_kev).astype(int)
    media = voxels.media_count
    mass_attenuation = np.ascontiguousarray(tables.total[index, :media, 0].T)
    mu_water = kernel.density * tables.total[index, kernel.water, 0]

    def ray(j: int) -> None:
        ratio = np.zeros(len(controlled))
        attenuation_ratios(
            voxels, seeds.position[j], cells, width, mass_attenuation, mu_water, share, controlled, ratio
        )
        kernel.primary[j, :-1] = ratio

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(ray, range(len(seeds.position))))


def _best_multiples(
    moments: tuple[FloatArray, FloatArray],
    medium: NDArray[np.uint8],
    media: int,
    width: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Multiple for every medium and cell, shape (media, cells + 1), from pooled moments; 0 where nothing passed.

    Where few photons of the trial passed the neighbours decide, and none is large: a multiple that is only noise would
    add noise, all the more the larger it is.
    """
    found = np.zeros((media, int(np.prod(-(-np.array(medium.shape) // width))) + 1), np.float32)
    for m in np.unique(medium):
        product, square = (_pooled(np.where(medium == m, x, 0.0), width) for x in moments)
        product += NEIGHBOURS_SHARE * _with_neighbours(product)
        square += NEIGHBOURS_SHARE * _with_neighbours(square)
        ratio = np.divide(product, square, out=np.zeros_like(product), where=square > 0.0)
        found[m, :-1] = np.minimum(ratio, LARGEST_MULTIPLE).ravel()
    return found


def _with_neighbours(values: FloatArray) -> FloatArray:
    """Sum over each cell and its 26 neighbours."""
    for axis in range(3):
        padded = np.pad(values, [(1, 1) if k == axis else (0, 0) for k in range(3)])
        values = np.add.reduce([np.take(padded, range(k, k + values.shape[axis]), axis) for k in range(3)])
    return values


def _pooled(values: FloatArray, width: NDArray[np.int64]) -> FloatArray:
    for axis in range(3):
        values = np.add.reduceat(values, np.arange(0, values.shape[axis], width[axis]), axis=axis)
    return values
