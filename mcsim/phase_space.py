"""The photons that leave a seed: made once per model, cached, with the air-kerma strength per history."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsim import hdf5_file
from mcsim.cache import cache_folder, engine_digest
from mcsim.cross_sections import cross_section_digest
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.replay import Emission
from mcsim.kernels.seed_emission import emit_photons
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables, mass_energy_absorption
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.seed_model import SeedModel

FloatArray = NDArray[np.float64]

FILETYPE, FORMAT_VERSION = "seedmc-phase-space", "1.0"
KEV_PER_GRAM_IN_GRAY = 1.602176634e-13
# Air-kerma strength counts photons above 5 keV (TG-43U1: the low-energy cut-off δ, doi:10.1118/1.1646040).
AIR_KERMA_CUT_OFF_KEV = 5.0
# The Wide-Angle Free-Air Chamber sees 7.6° about the transverse axis (4 cm radius at 30 cm).
WAFAC_HALF_ANGLE = np.deg2rad(7.6)
DEFAULT_HISTORIES = 10_000_000
BLOCK = 100_000  # histories per unit of work
RUN_SEED = 6711


@dataclass(frozen=True)
class PhaseSpace:
    """Photons on the surface of one seed, in its own frame.

    Attributes
    ----------
    photons : ndarray, shape (n, 7), float32
        x, y, z (cm), direction cosines u, v, w, energy (keV).
    first_photon : ndarray, shape (h + 1,), int64
        Photons of the k-th productive history are ``first_photon[k] … first_photon[k + 1] − 1``.
    histories : int
        Photons emitted in the active layer, productive or not.
    air_kerma_strength : float
        Per history, Gy cm² (WAFAC definition).
    air_kerma_strength_std_dev : float
        Type A standard uncertainty of it, Gy cm².
    mirror_symmetric : bool
        Replay may reflect photons about the middle plane.
    energy_balance : ndarray, shape (4,)
        Energy emitted, left in the seed, below the cut-off and leaving, keV.
    digest : str
        SHA-256 of everything that decided the content.
    """

    photons: NDArray[np.float32]
    first_photon: NDArray[np.int64]
    histories: int
    air_kerma_strength: float
    air_kerma_strength_std_dev: float
    mirror_symmetric: bool
    energy_balance: FloatArray
    digest: str

    @property
    def productive_share(self) -> float:
        """Share of the histories with a photon that leaves the seed."""
        return (len(self.first_photon) - 1) / self.histories

    def emission(self) -> Emission:
        """Arrays for the replay kernels."""
        return Emission(self.photons, self.first_photon, self.mirror_symmetric)


def phase_space_digest(
    model: SeedModel, histories: int, physics: PhysicsSettings, run_seed: int = RUN_SEED
) -> str:
    """SHA-256 of the model, the data, the code and the settings of a phase space."""
    parts = (model.digest(), cross_section_digest(), engine_digest(), histories, physics, run_seed)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def air_kerma_per_photon(
    directions_w: FloatArray, energy_kev: FloatArray, physics: PhysicsSettings = DEFAULT_PHYSICS
) -> FloatArray:
    """Contribution of each photon to the air-kerma strength of a seed that rotates about its axis.

    A photon at elevation δ from the transverse plane, its azimuth spread evenly by the rotation, passes the circular
    aperture of half-angle α with probability arccos(cos α / cos δ)/π; the aperture has the solid angle 2π (1 − cos α):

        S_K = (1/N) Σ E µ_en/ρ(E) · arccos(cos α / cos δ)/π / [2π (1 − cos α)].

    Parameters
    ----------
    directions_w : ndarray, shape (n,)
        Direction cosine along the seed's axis.
    energy_kev : ndarray, shape (n,)
        Photon energies, keV.
    physics : PhysicsSettings
        What µ_en/ρ of air is made with.

    Returns
    -------
    ndarray, shape (n,)
        Air kerma times distance squared, Gy cm², in vacuum, dry air.

    Examples
    --------
    >>> float(air_kerma_per_photon(np.array([0.9]), np.array([27.4]))[0])  # misses the aperture
    0.0
    """
    alpha = WAFAC_HALF_ANGLE
    cos_elevation = np.sqrt(np.maximum(1.0 - directions_w**2, 1e-12))
    share = np.arccos(np.minimum(np.cos(alpha) / cos_elevation, 1.0)) / np.pi
    grid = np.linspace(AIR_KERMA_CUT_OFF_KEV, 40.0, 3501)
    e_mu = grid * mass_energy_absorption(material("dry_air"), grid, physics)
    counted = energy_kev >= AIR_KERMA_CUT_OFF_KEV
    kerma = np.where(counted, np.interp(energy_kev, grid, e_mu), 0.0) * KEV_PER_GRAM_IN_GRAY
    return np.asarray(kerma * share / (2.0 * np.pi * (1.0 - np.cos(alpha))))


def make_phase_space(
    model: SeedModel,
    histories: int = DEFAULT_HISTORIES,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
    run_seed: int = RUN_SEED,
) -> PhaseSpace:
    """Simulate the full seed in vacuum and keep the photons that leave it.

    Parameters
    ----------
    model : SeedModel
        The seed.
    histories : int
        Photons to emit; a multiple of the block of 100,000.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent treatment, fluorescence.
    threads : int
        Threads; the result does not depend on it.
    progress : callable, optional
        Called with the share done.
    run_seed : int
        Random seed; another one gives a phase space independent of the default one, for instance to see what the
        phase space's finite size does to a dose.

    Returns
    -------
    PhaseSpace

    Raises
    ------
    InvalidInput
        `histories` is not a positive multiple of the block, or `run_seed` is out of range.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> seed = make_phase_space(load_seed_model("6711"), histories=100_000)
    >>> 3.6e-14 < seed.air_kerma_strength < 3.9e-14
    True
    """
    if histories <= 0 or histories % BLOCK:
        raise InvalidInput(
            f"histories of a phase space is {histories}, expected a positive multiple of {BLOCK}. Round it."
        )
    if not 0 <= run_seed < 2**63:
        raise InvalidInput(f"run_seed is {run_seed}, expected 0 to 2^63 − 1. Choose another number.")
    media = model.materials
    tables = build_medium_tables(media, physics)
    solids, layer = model.kernel_solids(0), model.active_layer()

    def block(first: int) -> tuple[NDArray[np.float32], NDArray[np.int64], FloatArray, float]:
        photons = np.empty((BLOCK, 7))
        history = np.empty(BLOCK, dtype=np.int64)
        totals = np.zeros(4)
        count = emit_photons(
            first, BLOCK, run_seed, layer, solids, tables, physics.cut_off_kev, photons, history, totals
        )
        kerma = air_kerma_per_photon(photons[:count, 5], photons[:count, 6], physics).sum()
        return photons[:count].astype(np.float32), history[:count].copy(), totals, float(kerma)

    parts = []
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(block, range(0, histories, BLOCK)):
            parts.append(part)
            if progress:
                progress(len(parts) * BLOCK / histories)
    history = np.concatenate([part[1] for part in parts])
    starts = np.flatnonzero(np.concatenate([[True], history[1:] != history[:-1]]))
    kerma = np.array([part[3] for part in parts]) / BLOCK
    return PhaseSpace(
        photons=np.concatenate([part[0] for part in parts]),
        first_photon=np.concatenate([starts, [len(history)]]).astype(np.int64),
        histories=histories,
        air_kerma_strength=float(kerma.mean()),
        air_kerma_strength_std_dev=_std_dev_of_mean(kerma),
        mirror_symmetric=model.mirror_symmetric,
        energy_balance=np.sum([part[2] for part in parts], axis=0),
        digest=phase_space_digest(model, histories, physics, run_seed),
    )


def _std_dev_of_mean(values: FloatArray) -> float:
    """Standard uncertainty of the mean of independent blocks; infinite for one block."""
    if len(values) < 2:
        return float("inf")
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def load_phase_space(
    model: SeedModel,
    histories: int = DEFAULT_HISTORIES,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
    run_seed: int = RUN_SEED,
) -> PhaseSpace:
    """The phase space of a model from the cache, or made and put there.

    Parameters and errors are those of `make_phase_space`. A damaged cache file is made again.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> load_phase_space(load_seed_model("6711"), histories=100_000).histories
    100000
    """
    digest = phase_space_digest(model, histories, physics, run_seed)
    path = cache_folder() / "phase_spaces" / f"{digest[:32]}.h5"
    if path.is_file():
        try:
            return _read(path, digest)
        except InvalidInput:
            path.unlink(missing_ok=True)
    seed = make_phase_space(model, histories, physics, threads, progress, run_seed)
    _write(path, seed, model)
    return seed


def _write(path: Path, seed: PhaseSpace, model: SeedModel) -> None:
    attributes = {
        "seed_model": model.name,
        "source": model.source,
        "spectrum": model.spectrum.name,
        "digest": seed.digest,
        "histories": seed.histories,
        "air_kerma_strength": seed.air_kerma_strength,
        "air_kerma_strength_std_dev": seed.air_kerma_strength_std_dev,
        "air_kerma_strength_units": "Gy cm2 per history",
        "mirror_symmetric": seed.mirror_symmetric,
    }
    with hdf5_file.create(path, FILETYPE, FORMAT_VERSION, attributes) as file:
        add = partial(hdf5_file.add_dataset, file)
        add(
            "column",
            ["x", "y", "z", "u", "v", "w", "energy"],
            ("column",),
            "1",
            "what each column of photons is",
        )
        add(
            "photons",
            seed.photons,
            ("photon", "column"),
            "cm, 1, keV",
            "position and direction cosines in the seed's frame, and energy, on the seed's surface",
        )
        add(
            "first_photon",
            seed.first_photon,
            ("history",),
            "1",
            "first photon of each productive history, and the end",
        )
        add(
            "energy_balance",
            seed.energy_balance,
            ("fate",),
            "keV",
            "emitted, left in the seed, below cut-off, leaving",
        )


def _read(path: Path, digest: str) -> PhaseSpace:
    with hdf5_file.open_checked(path, FILETYPE, 1) as file:
        if file.attrs["digest"] != digest:
            raise InvalidInput(
                f"digest of {path} is {file.attrs['digest']}, expected {digest}. Delete the file."
            )
        os.utime(path)
        return PhaseSpace(
            photons=_mapped(path, file["photons"]),
            first_photon=_mapped(path, file["first_photon"]),
            histories=int(file.attrs["histories"]),
            air_kerma_strength=float(file.attrs["air_kerma_strength"]),
            air_kerma_strength_std_dev=float(file.attrs["air_kerma_strength_std_dev"]),
            mirror_symmetric=bool(file.attrs["mirror_symmetric"]),
            energy_balance=file["energy_balance"][()],
            digest=digest,
        )


def _mapped(path: Path, dataset: h5py.Dataset) -> NDArray[Any]:
    """A contiguous dataset mapped into memory: what a simulation does not use is never read."""
    offset = dataset.id.get_offset()
    if offset is None:
        return np.asarray(dataset[()])
    # "c": kernels are compiled for arrays that could be written to; nothing is, and nothing would reach the file
    return np.asarray(np.memmap(path, dataset.dtype, "c", offset, dataset.shape))


def give_back(photons: NDArray[np.float32]) -> None:
    """Let go of the memory that photons mapped from a file were read into; they are read again when needed.

    Parameters
    ----------
    photons : ndarray
        All photons of a phase space; nothing happens to those that are not mapped.
    """
    mapped = getattr(photons.base, "_mmap", None)
    if mapped is not None and hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)
