"""Photons of one's own in a phantom of voxels, and tables in which an interaction is switched off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mcsim.batch_transport import NOTHING_KNOWN
from mcsim.kernels.collect import collect
from mcsim.kernels.given_photons import follow_photons, interact_often
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.tables import MediumTables
from mcsim.kernels.voxel_transport import Tallies
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.phantom import Phantom
from mcsim.seed_model import SeedModel, load_seed_model
from mcsim.seed_placement import place_seeds

FloatArray = NDArray[np.float64]

SEED = "OncoSeed 6711"
EMPTY = 1e-9  # g/cm³ in place of nothing: densities are positive
NO_SEEDS = PlacedSeeds(
    position=np.zeros((0, 3)), frame=np.zeros((0, 3, 3)), weight=np.zeros(0), flagged=np.zeros(0, np.int64),
    first=np.zeros(1, np.int64), touching=np.zeros(0, np.int64), interseed=True,
)  # fmt: skip


@dataclass(frozen=True)
class Box:
    """Voxels of named media between planes, with the tables of these media and of the 6711's.

    Attributes
    ----------
    phantom : Phantom
        The voxels.
    model : SeedModel
        The 6711.
    tables : MediumTables
        Media of the phantom, then those of the seed.
    """

    phantom: Phantom
    model: SeedModel
    tables: MediumTables

    @property
    def volume(self) -> FloatArray:
        """Voxel volumes, cm³, shape (nx, ny, nz)."""
        dx, dy, dz = (np.diff(p) for p in self.phantom.planes)
        return np.asarray(dx[:, None, None] * dy[:, None] * dz)


def box(
    planes: Sequence[FloatArray],
    media: tuple[str, ...],
    density: FloatArray | float,
    medium: NDArray[np.integer] | None = None,
) -> Box:
    """A box of voxels.

    Parameters
    ----------
    planes : three ndarrays
        Voxel boundaries, cm.
    media : tuple of str
        Media of the library.
    density : ndarray, shape (nx, ny, nz), or float
        g/cm³.
    medium : ndarray, shape (nx, ny, nz), optional
        Index into `media`; the first by default.

    Returns
    -------
    Box

    Examples
    --------
    >>> box([np.linspace(0.0, 1.0, 3)] * 3, ("water",), 0.998).volume.sum()
    np.float64(1.0)
    """
    x, y, z = (np.ascontiguousarray(p, dtype=np.float64) for p in planes)
    shape = (len(x) - 1, len(y) - 1, len(z) - 1)
    index = np.zeros(shape, np.uint8) if medium is None else medium.astype(np.uint8)
    filled = np.broadcast_to(np.asarray(density, dtype=np.float32), shape).copy()
    model = load_seed_model(SEED)
    whole = (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))
    return Box(
        Phantom((x, y, z), index, filled, media, whole),
        model,
        build_medium_tables([*(material(name) for name in media), *model.materials]),
    )


def send(
    into: Box,
    tables: MediumTables,
    points: FloatArray,
    directions: FloatArray,
    energies: FloatArray | float,
    weights: FloatArray | float = 1.0,
    run_seed: int = 1,
    seeds: tuple[FloatArray, FloatArray] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Follow photons through a box.

    Parameters
    ----------
    into : Box
        The voxels.
    tables : MediumTables
        Its tables, or changed ones.
    points, directions : ndarray, shape (n, 3)
        Where photons start, cm, and unit vectors.
    energies, weights : ndarray, shape (n,), or float
        keV, and statistical weights.
    run_seed : int
        Random seed.
    seeds : tuple of two ndarrays, shape (k, 3), optional
        Centres, cm, and axes of 6711 seeds in the box.

    Returns
    -------
    tally : ndarray, shape (nx, ny, nz)
        Weight · E · path · µ_en/ρ in the voxels, keV cm³/g.
    balance : ndarray, shape (5,)
        Energy emitted, stayed in tissue, stayed in seeds, below the cut-off, left the box, keV.
    """
    points = np.ascontiguousarray(np.atleast_2d(points), dtype=np.float64)
    directions = np.ascontiguousarray(np.atleast_2d(directions), dtype=np.float64)
    one = np.ones(len(points))
    phantom = into.phantom
    placed = NO_SEEDS
    if seeds is not None:
        placed, _ = place_seeds(phantom, into.model, *seeds, np.ones(len(seeds[0])), interseed=True)
    voxels, in_block = phantom.kernel_voxels(placed, tables, 0)
    block = len(voxels.medium)
    tallies = Tallies(
        primary=np.zeros(block),
        scattered=np.zeros(block),
        water=np.zeros(block),
        deposited=np.zeros(0),
        region=np.zeros(0, np.int16),
        spectrum=np.zeros((1, 1)),
        balance=np.zeros(5),
    )
    follow_photons(
        points, directions, energies * one, weights * one, -1, run_seed, voxels, in_block,
        into.model.kernel_solids(len(phantom.media)), tables, 1.0, tallies,
    )  # fmt: skip
    balance, dose = tallies.balance.copy(), np.empty((3, *phantom.scoring_shape))
    collect(tallies, NOTHING_KNOWN, dose)
    return dose[0], balance


def interactions(
    tables: MediumTables, energy: float, count: int, label: str
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Many interactions of a photon of one energy in the first medium of the tables.

    Parameters
    ----------
    tables : MediumTables
        Its first medium is used.
    energy : float
        keV.
    count : int
        Interactions.
    label : str
        Another label, other random numbers.

    Returns
    -------
    energies, cosines, processes : ndarray, shape (count,)
        Energy after the interaction, keV (0: absorbed), cosine of the deflection, and the process.

    Examples
    --------
    >>> water = build_medium_tables([material("water")])
    >>> energies, cosines, processes = interactions(water, 28.0, 1000, "example")
    >>> bool(0.3 < (energies == 0.0).mean() < 0.6)
    True
    """
    energies, cosines, processes = np.empty(count), np.empty(count), np.empty(count, np.int64)
    interact_often(energy, 0, tables, crc32(label.encode()), energies, cosines, processes)
    return energies, cosines, processes


def absorbing(tables: MediumTables) -> MediumTables:
    """The same attenuation, but every interaction ends the photon: neither scattering nor fluorescence."""
    return tables._replace(
        incoherent=np.zeros_like(tables.incoherent),
        coherent=np.zeros_like(tables.coherent),
        line_count=np.zeros_like(tables.line_count),
    )


def transparent(tables: MediumTables) -> MediumTables:
    """No attenuation, and an absorption of 1 cm²/g: the tally is energy times path, keV cm."""
    absorption = np.zeros_like(tables.energy_absorption)
    absorption[..., 0] = 1.0
    return tables._replace(total=np.zeros_like(tables.total), energy_absorption=absorption)


def of_one_kind(tables: MediumTables, process: str) -> MediumTables:
    """Every interaction is ``incoherent``, or every one is ``coherent``."""
    nothing = np.zeros_like(tables.total)
    incoherent, coherent = (
        tables.total if name == process else nothing for name in ("incoherent", "coherent")
    )
    return tables._replace(incoherent=incoherent, coherent=coherent)


def at_energy(table: FloatArray, tables: MediumTables, energy: float, medium: int = 0) -> float:
    """A mass coefficient of the tables, cm²/g."""
    position = (energy - tables.energy_min) * tables.bins_per_kev
    k = int(position)
    return float(table[k, medium, 0] + (position - k) / tables.bins_per_kev * table[k, medium, 1])


def isotropic(rng: np.random.Generator, count: int) -> FloatArray:
    """Unit vectors in all directions, shape (count, 3)."""
    v = rng.normal(size=(count, 3))
    return np.asarray(v / np.linalg.norm(v, axis=1, keepdims=True))
