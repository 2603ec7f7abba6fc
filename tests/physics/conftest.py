"""The photon transport driven with photons of one's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mcsim.kernels._jit import jit
from mcsim.kernels.interaction import interact
from mcsim.kernels.rng import optical_path, start_stream
from mcsim.kernels.solids import Solids
from mcsim.kernels.tables import MediumTables
from mcsim.kernels.voxel_transport import (
    DOSE_TO_MEDIUM,
    EMITTED,
    QUANTITIES,
    PlacedSeeds,
    Tallies,
    Voxels,
    transport_photon,
)
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.phase_space import PhaseSpace, load_phase_space
from mcsim.physics_settings import PhysicsSettings
from mcsim.seed_model import SeedModel, load_seed_model

STREAM_TEST = 90  # apart from the streams of the program


@jit
def follow_photons(
    points, directions, energies, weights, emitter, run_seed, voxels, seeds, solids, tables, cut_off, tallies,
):  # fmt: skip
    state = np.empty(2, np.uint64)
    scratch = (
        np.empty(voxels.media_count),
        np.empty(voxels.media_count),
        np.empty((2, solids.z_min.shape[0])),
        np.empty(2),
    )
    for i in range(points.shape[0]):
        start_stream(state, run_seed, STREAM_TEST, 0, i)
        tallies.balance[EMITTED] += weights[i] * energies[i]
        transport_photon(
            points[i, 0], points[i, 1], points[i, 2], directions[i, 0], directions[i, 1], directions[i, 2],
            energies[i], emitter, weights[i], voxels, seeds, solids, tables, cut_off, scratch, tallies, state,
        )  # fmt: skip


@jit
def optical_paths(run_seed, count):
    """The first optical path that photon i of `follow_photons` gets."""
    state = np.empty(2, np.uint64)
    paths = np.empty(count)
    for i in range(count):
        start_stream(state, run_seed, STREAM_TEST, 0, i)
        paths[i] = optical_path(state)
    return paths


@jit
def interact_often(energy, medium, tables, run_seed, energies, cosines, processes):
    state = np.empty(2, np.uint64)
    for i in range(energies.shape[0]):
        start_stream(state, run_seed, STREAM_TEST, 1, i)
        energies[i], _, _, cosines[i], processes[i] = interact(energy, 0.0, 0.0, 1.0, medium, tables, state)


class Transport:
    """One phantom with given tables, and photons sent into it."""

    def __init__(
        self, planes: list[np.ndarray], density: np.ndarray, tables: MediumTables, solids: Solids,
        medium: np.ndarray | None = None, media_count: int = 1,
    ) -> None:  # fmt: skip
        planes = [np.ascontiguousarray(p, dtype=np.float64) for p in planes]
        self.shape = tuple(len(p) - 1 for p in planes)
        density = np.broadcast_to(np.asarray(density, dtype=np.float32), self.shape)
        index = np.zeros(self.shape, dtype=np.uint8) if medium is None else medium.astype(np.uint8)
        self.planes = planes
        self.voxels = Voxels(*planes, index.ravel().copy(), density.ravel().copy(), media_count, 0)
        self.seeds = no_seeds()
        self.tables, self.solids = tables, solids

    @property
    def volume(self) -> np.ndarray:
        """Voxel volumes, cm³."""
        dx, dy, dz = (np.diff(p) for p in self.planes)
        return dx[:, None, None] * dy[:, None] * dz

    def send(
        self, points: np.ndarray, directions: np.ndarray, energies: np.ndarray | float,
        weights: np.ndarray | float = 1.0, run_seed: int = 1, cut_off: float = 1.0, emitter: int = -1,
        regions: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Tally, shape of the phantom, and energy balance of the photons."""
        points = np.ascontiguousarray(np.atleast_2d(points), dtype=np.float64)
        directions = np.ascontiguousarray(np.atleast_2d(directions), dtype=np.float64)
        one = np.ones(len(points))
        voxels = int(np.prod(self.shape))
        region = np.zeros(0, np.int16) if regions is None else regions.ravel().astype(np.int16)
        rows = 1 if regions is None else int(regions.max()) + 1
        tallies = Tallies(
            np.zeros((voxels, QUANTITIES + 1)), region, np.zeros((rows, len(self.tables.total))), np.zeros(5)
        )
        follow_photons(
            points, directions, energies * one, weights * one, emitter, run_seed, self.voxels, self.seeds,
            self.solids, self.tables, cut_off, tallies,
        )  # fmt: skip
        self.scored = tallies.dose.reshape(*self.shape, QUANTITIES + 1)
        self.spectrum = tallies.spectrum
        return self.scored[..., DOSE_TO_MEDIUM], tallies.balance


def no_seeds() -> PlacedSeeds:
    return PlacedSeeds(
        position=np.zeros((0, 3)), frame=np.zeros((0, 3, 3)), weight=np.zeros(0), flagged=np.zeros(0, np.int64),
        first=np.zeros(1, np.int64), touching=np.zeros(0, np.int64), interseed=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def seed_model() -> SeedModel:
    return load_seed_model("6711")


@pytest.fixture(scope="session")
def phase_space(seed_model: SeedModel) -> PhaseSpace:
    return load_phase_space(seed_model, histories=1_000_000, threads=2)


@pytest.fixture(scope="session")
def medium_tables() -> Callable[..., MediumTables]:
    """Tables of media by name, made once."""
    made: dict[tuple[tuple[str, ...], PhysicsSettings], MediumTables] = {}

    def tables(*names: str, **choices: object) -> MediumTables:
        physics = PhysicsSettings(**choices)
        key = (names, physics)
        if key not in made:
            made[key] = build_medium_tables([material(name) for name in names], physics)
        return made[key]

    return tables


@pytest.fixture(scope="session")
def absorb_only() -> Callable[[MediumTables], MediumTables]:
    """The same attenuation, but every interaction is an absorption without fluorescence."""

    def change(tables: MediumTables) -> MediumTables:
        return tables._replace(
            incoherent=np.zeros_like(tables.incoherent),
            coherent=np.zeros_like(tables.coherent),
            line_count=np.zeros_like(tables.line_count),
        )

    return change


@pytest.fixture(scope="session")
def vacuum() -> Callable[[MediumTables], MediumTables]:
    """No attenuation, and an absorption of 1 cm²/g: a tally of weight · energy · track length."""

    def change(tables: MediumTables) -> MediumTables:
        absorption = np.zeros_like(tables.energy_absorption)
        absorption[..., 0] = 1.0
        return tables._replace(total=np.zeros_like(tables.total), energy_absorption=absorption)

    return change


@pytest.fixture(scope="session")
def transport(seed_model: SeedModel) -> Callable[..., Transport]:
    """Transport in a phantom without seeds; its `seeds` and `solids` may be replaced."""

    def make(
        planes: list[np.ndarray], density: np.ndarray | float, tables: MediumTables,
        medium: np.ndarray | None = None, media_count: int = 1,
    ) -> Transport:  # fmt: skip
        # The seed's media come after the phantom's; without seeds its solids are never asked for.
        solids = seed_model.kernel_solids(media_count)
        return Transport(planes, np.asarray(density), tables, solids, medium, media_count)

    return make


@pytest.fixture(scope="session")
def first_paths() -> Callable[[int, int], np.ndarray]:
    return optical_paths


@pytest.fixture(scope="session")
def interactions() -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Many interactions of a photon along +z: energies after, cosines of deflection, processes."""

    def sample(
        energy: float, tables: MediumTables, count: int, medium: int = 0, run_seed: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        energies, cosines, processes = np.empty(count), np.empty(count), np.empty(count, np.int64)
        interact_often(energy, medium, tables, run_seed, energies, cosines, processes)
        return energies, cosines, processes

    return sample


@pytest.fixture(scope="session")
def isotropic_directions() -> Callable[[np.random.Generator, int], np.ndarray]:
    def draw(rng: np.random.Generator, count: int) -> np.ndarray:
        v = rng.normal(size=(count, 3))
        return v / np.linalg.norm(v, axis=1, keepdims=True)

    return draw
