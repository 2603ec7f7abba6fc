"""The photon transport driven with photons of one's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mcsim.batch_transport import NOTHING_KNOWN
from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.collect import collect
from mcsim.kernels.given_photons import follow_photons, interact_often
from mcsim.kernels.rng import STREAM_GIVEN, optical_path, start_stream
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.solids import Solids
from mcsim.kernels.tables import MediumTables
from mcsim.kernels.voxel_transport import Tallies
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.phantom import kernel_voxels
from mcsim.phase_space import PhaseSpace, load_phase_space
from mcsim.physics_settings import PhysicsSettings
from mcsim.seed_model import SeedModel, load_seed_model


@allocating_jit
def optical_paths(run_seed, count):
    """The first optical path that photon i of `follow_photons` gets."""
    state = np.empty(2, np.uint64)
    paths = np.empty(count)
    for i in range(count):
        start_stream(state, run_seed, STREAM_GIVEN, 0, i)
        paths[i] = optical_path(state)
    return paths


class Transport:
    """One phantom with given tables, and photons sent into it."""

    def __init__(
        self, planes: list[np.ndarray], density: np.ndarray, tables: MediumTables, solids: Solids,
        medium: np.ndarray | None = None, media_count: int = 1,
        scoring: tuple[slice, slice, slice] | None = None,
    ) -> None:  # fmt: skip
        planes = [np.ascontiguousarray(p, dtype=np.float64) for p in planes]
        self.shape = tuple(len(p) - 1 for p in planes)
        density = np.broadcast_to(np.asarray(density, dtype=np.float32), self.shape)
        index = np.zeros(self.shape, dtype=np.uint8) if medium is None else medium.astype(np.uint8)
        self.planes = planes
        self.scoring = scoring or tuple(slice(0, n) for n in self.shape)
        self.voxels, self.seeds = kernel_voxels(
            planes, self.scoring, index, density, media_count, no_seeds(), tables, 0
        )
        self.tables, self.solids = tables, solids

    @property
    def volume(self) -> np.ndarray:
        """Volumes of the scoring voxels, cm³."""
        dx, dy, dz = (
            np.diff(p[s.start : s.stop + 1]) for p, s in zip(self.planes, self.scoring, strict=True)
        )
        return dx[:, None, None] * dy[:, None] * dz

    def send(
        self, points: np.ndarray, directions: np.ndarray, energies: np.ndarray | float,
        weights: np.ndarray | float = 1.0, run_seed: int = 1, cut_off: float = 1.0, emitter: int = -1,
        regions: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Tally, shape of the scoring region, and energy balance of the photons."""
        points = np.ascontiguousarray(np.atleast_2d(points), dtype=np.float64)
        directions = np.ascontiguousarray(np.atleast_2d(directions), dtype=np.float64)
        one = np.ones(len(points))
        block = len(self.voxels.medium)
        region = np.zeros(0, np.int16) if regions is None else np.pad(regions, 1).ravel().astype(np.int16)
        rows = 1 if regions is None else int(regions.max()) + 1
        tallies = Tallies(
            np.zeros(block), np.zeros(block), np.zeros(block), np.zeros(block), region,
            np.zeros((rows, len(self.tables.total))), np.zeros(5),
        )  # fmt: skip
        follow_photons(
            points, directions, energies * one, weights * one, emitter, run_seed, self.voxels, self.seeds,
            self.solids, self.tables, cut_off, tallies,
        )  # fmt: skip
        self.spectrum, balance = tallies.spectrum.copy(), tallies.balance.copy()
        self.scored = np.zeros((4, *self.voxels.shape))
        collect(tallies, NOTHING_KNOWN, self.scored)
        return self.scored[0], balance


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
        scoring: tuple[slice, slice, slice] | None = None,
    ) -> Transport:  # fmt: skip
        # The seed's media come after the phantom's; without seeds its solids are never asked for.
        solids = seed_model.kernel_solids(media_count)
        return Transport(planes, np.asarray(density), tables, solids, medium, media_count, scoring)

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
