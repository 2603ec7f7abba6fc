"""Running a simulation: batches in order, the stopping rule, checkpoints."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from mcsim.absent_seeds import PresentSeedsTransport, numbers_present, with_absent_seeds
from mcsim.batch_transport import BatchTransport
from mcsim.cache import engine_digest
from mcsim.cross_sections import cross_section_digest
from mcsim.emission_supply import EmissionSupply
from mcsim.exact_sums import ExactSums
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.voxel_transport import Tallies
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.phantom import Phantom
from mcsim.phase_space import KEV_PER_GRAM_IN_GRAY, PhaseSpace, load_phase_space, make_phase_space
from mcsim.region_spectra import Regions, RegionSpectra
from mcsim.result import GROUPED_QUANTITIES, GROUPS, Batch, Result, Scale
from mcsim.seed_model import load_seed_model
from mcsim.seed_placement import place_seeds
from mcsim.simulation_settings import (
    UNLIMITED,
    Progress,
    Settings,
    StoppingRule,
    productive_histories_for,
)
from mcsim.water_superposition import water_superposition
from mcsim.water_table import WaterTable
from mcsim.water_table_file import load_water_table

FloatArray = NDArray[np.float64]

CHECKPOINT_S = 15.0
PHOTONS_LOOKED_AT = 100_000  # for the mean energies of a seed
HOURS_PER_DAY = 24.0


class Simulation:
    """Dose of an implant in a phantom.

    Parameters
    ----------
    phantom : Phantom
        Voxels and the scoring region.
    seed_model : str
        Name of the seed model.
    positions, axes : ndarray, shape (n, 3)
        Seed centres, cm, and unit vectors along the seeds.
    air_kerma_strengths : ndarray, shape (n,)
        U.
    half_life_d : float
        Half-life, d, for the dose to full decay.
    settings : Settings
        What decides the result.
    target_weight : ndarray, shape of the scoring region, optional
        Weights of the voxels over which the uncertainty is averaged; all voxels by default.
    group_mask : ndarray of bool, shape of the scoring region, optional
        Voxels whose dose is also kept per group of batches.
    threads : int
        Threads; the result does not depend on it.
    progress : callable, optional
        Called with the share done while the phase space is made.
    description : mapping, optional
        Further settings that made the phantom, stored with the result (JSON values).
    regions : mapping of str to ndarray of bool, shape of the scoring region, optional
        Sets of voxels whose energy-fluence spectrum is scored.
    present : ndarray of bool, shape (n,), optional
        Seeds that are there, all by default. One that is not neither emits nor has a body, wherever it was, and the
        others emit the same photons with the same random numbers as with it: those belong to a seed's number.

    Raises
    ------
    InvalidInput
        See `mcsim.seed_placement.place_seeds` and `Settings`; or no seed is there.
    """

    def __init__(
        self,
        phantom: Phantom,
        seed_model: str,
        positions: FloatArray,
        axes: FloatArray,
        air_kerma_strengths: FloatArray,
        half_life_d: float,
        settings: Settings,
        target_weight: FloatArray | None = None,
        group_mask: NDArray[np.bool_] | None = None,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
        description: Mapping[str, object] | None = None,
        regions: Mapping[str, NDArray[np.bool_]] | None = None,
        present: NDArray[np.bool_] | None = None,
    ) -> None:
        if not half_life_d > 0.0:
            raise InvalidInput(f"half-life is {half_life_d} d, expected a positive number. Correct it.")
        if threads < 1:
            raise InvalidInput(f"threads is {threads}, expected at least 1. Correct it.")
        if not settings.productive_histories_per_batch:
            chosen = productive_histories_for(int(np.prod(phantom.scoring_shape)))
            settings = replace(settings, productive_histories_per_batch=chosen)
        self.phantom, self.settings, self.threads = phantom, settings, threads
        self._description = dict(description or {})
        model = load_seed_model(seed_model, settings.spectrum or None)
        strengths = np.asarray(air_kerma_strengths, dtype=np.float64)
        self._there = there = numbers_present(present, strengths)
        here = (positions, axes, strengths)
        if present is not None:
            here = (np.asarray(positions)[there], np.asarray(axes)[there], strengths[there])
        placed, self.tissue_fraction = place_seeds(
            phantom, model, *here, interseed=settings.seeds == "interseed"
        )
        self._placed = with_absent_seeds(placed, there, strengths)
        solids = model.kernel_solids(len(phantom.media))
        media = [*(material(name) for name in phantom.media), *model.materials, material("water")]
        # Where the phantom has water itself, dose to water is scored with that very medium: equal bit for bit.
        water = phantom.media.index("water") if "water" in phantom.media else len(media) - 1
        tables = build_medium_tables(media, settings.physics)
        voxels, seeds = phantom.kernel_voxels(self._placed, tables, water)
        self.phase_space: PhaseSpace = load_phase_space(
            model, settings.phase_space_histories, settings.physics, threads, progress
        )
        self.seed_count = len(strengths)
        count = max(1, round(settings.productive_histories_per_batch / self.seed_count))
        supply = EmissionSupply(
            self.phase_space,
            lambda seed: make_phase_space(
                model, settings.phase_space_histories, settings.physics, threads, run_seed=seed
            ),
            count,
            self.seed_count,
            settings.run_seed,
        )
        self.scale = Scale(
            histories_per_batch_and_seed=count / self.phase_space.productive_share,
            air_kerma_strength_per_history=self.phase_space.air_kerma_strength,
            air_kerma_strength_per_history_std_dev=self.phase_space.air_kerma_strength_std_dev,
            mean_air_kerma_strength=float(strengths.mean()),
            half_life_h=half_life_d * HOURS_PER_DAY,
        )
        shape = phantom.scoring_shape
        # a weight of 1 everywhere takes no memory
        everywhere = np.broadcast_to(np.float64(1.0), shape)
        self.target_weight = everywhere if target_weight is None else target_weight * self.tissue_fraction
        mask = np.zeros(shape, dtype=bool) if group_mask is None else group_mask
        self._regions = Regions.from_masks(regions, shape) if regions else None
        self._group_voxels = np.flatnonzero(mask & (self.tissue_fraction > 0.0)).astype(np.int64)
        arguments = (voxels, seeds, solids, tables, supply, count, settings, self._regions)
        every = len(there) == self.seed_count
        self.transport = BatchTransport(*arguments) if every else PresentSeedsTransport(there, *arguments)
        self._water_table: WaterTable | None = None
        if settings.variance_reduction == "correlated":
            table = load_water_table(model, settings.physics, threads, progress)
            energies = self.phase_space.photons[:PHOTONS_LOOKED_AT, 6].astype(np.float64)
            per_batch = self.scale.histories_per_batch_and_seed
            self.transport.tie_to_water(water, energies, table, per_batch, threads)
            self._water_table = table

    def settings_record(self) -> dict[str, object]:
        """Settings in words and numbers, as stored with the result."""
        return {
            **self._description,
            **asdict(self.settings),
            "seed_count": len(self._there),
            **({"seed_numbers": self._there.tolist()} if len(self._there) < self.seed_count else {}),
            "phase_space_digest": self.phase_space.digest,
            "phantom_digest": self.phantom.digest(),
            "media": list(self.phantom.media),
            "spectra_of": list(self._regions.names) if self._regions else [],
            "techniques": self.transport.techniques(),
        }

    def digest(self) -> str:
        """SHA-256 of everything that decides the sums."""
        digest = hashlib.sha256(json.dumps(self.settings_record(), sort_keys=True).encode())
        digest.update((engine_digest() + cross_section_digest()).encode())
        arrays = [self._placed.position, self._placed.frame, self._placed.weight, self._group_voxels]
        if self._regions:
            arrays += [self._regions.combination, self._regions.member]
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(repr(self.scale).encode())
        return digest.hexdigest()

    def empty_result(self) -> Result:
        """A result without batches."""
        shape = self.phantom.scoring_shape
        planes = self.phantom.scoring_planes
        x, y, z = (0.5 * (p[1:] + p[:-1]) for p in planes)
        return Result(
            axes=(x, y, z),
            voxel_volume=self._voxel_volume,
            tissue_fraction=self.tissue_fraction,
            medium=self.phantom.medium[self.phantom.scoring],
            density=self.phantom.density[self.phantom.scoring],
            scale=self.scale,
            settings=self.settings_record(),
            settings_digest=self.digest(),
            quantities=self.transport.quantities,
            sums=ExactSums.zeros((len(self.transport.quantities), *shape)),
            group_voxels=self._group_voxels,
            group_total=np.zeros((GROUPED_QUANTITIES, GROUPS, len(self._group_voxels)), dtype=np.int64),
            balance=np.zeros(5, dtype=np.int64),
            run_facts={"wall_time_s": 0.0, "cpu_time_s": 0.0},
            seed_sums=ExactSums.zeros((self.seed_count, *shape)) if self.settings.per_seed else None,
            spectra=self._empty_spectra(),
            water_superposition=self._superposition(),
        )

    def _superposition(self) -> tuple[FloatArray, FloatArray] | None:
        """Dose in Gy of one photon of every seed alone in infinite water, and its uncertainty, where it is kept."""
        t = self.transport
        if not self.settings.difference or self._water_table is None or t.control is None:
            return None
        dose, std_dev = water_superposition(
            t.control.kernel, t.voxels, t.seeds, t.solids, self._water_table, self.threads
        )
        return dose * KEV_PER_GRAM_IN_GRAY, std_dev * KEV_PER_GRAM_IN_GRAY

    @property
    def _voxel_volume(self) -> float:
        return float(np.prod([(p[-1] - p[0]) / (len(p) - 1) for p in self.phantom.scoring_planes]))

    def _empty_spectra(self) -> RegionSpectra | None:
        if self._regions is None:
            return None
        tables = self.transport.tables
        bins = len(tables.total)
        combinations = self._regions.member.shape[1]
        volume = np.bincount(
            self._regions.combination.ravel(), self.tissue_fraction.ravel(), minlength=combinations
        ).astype(np.float64)
        return RegionSpectra(
            names=self._regions.names,
            volume=self._regions.sum(volume) * self._voxel_volume,
            energy=tables.energy_min + np.arange(bins + 1) / tables.bins_per_kev,
            sums=ExactSums.zeros((len(self._regions.names), bins)),
        )

    def batch(self, number: int) -> Batch:
        """What one batch scores."""
        return self.transport.collected(self.transport.scored(number))

    def run(
        self,
        rule: StoppingRule,
        result: Result | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_checkpoint: Callable[[Result], None] | None = None,
        checkpoint_s: float = CHECKPOINT_S,
    ) -> Result:
        """Run batches until the stopping rule is met.

        Parameters
        ----------
        rule : StoppingRule
            When to stop.
        result : Result, optional
            Batches already done, continued from.
        on_progress : callable, optional
            Called with a `Progress` after every batch.
        on_checkpoint : callable, optional
            Called with the result so far every `checkpoint_s` seconds.
        checkpoint_s : float
            Time between checkpoints, s.

        Returns
        -------
        Result
            The batches from ``rule.batches[0]`` on; the same for any number of threads and interruptions.

        Raises
        ------
        InvalidInput
            `result` belongs to other settings or does not begin at the first batch of the rule.
        """
        result = self.empty_result() if result is None else result
        if result.settings_digest != self.digest():
            raise InvalidInput(
                f"settings digest of the earlier result is {result.settings_digest[:16]}, expected "
                f"{self.digest()[:16]} (another case, other settings or another version). Remove the file or give "
                f"another name."
            )
        first = rule.batches[0]
        if result.batches and (len(result.batches) > 1 or result.batches[0][0] != first):
            raise InvalidInput(
                f"batches of the earlier result are {result.batches}, expected to begin at {first} without a gap. "
                f"Remove the file or give another name."
            )
        start, cpu = time.monotonic(), time.process_time()
        earlier = dict(result.run_facts)
        saved = start
        batches_before = result.batch_count

        def record_times() -> None:
            result.run_facts = {
                "wall_time_s": earlier.get("wall_time_s", 0.0) + time.monotonic() - start,
                "cpu_time_s": earlier.get("cpu_time_s", 0.0) + time.process_time() - cpu,
            }

        uncertainty, before = self._uncertainty(rule, result, float("inf")), 0.0
        if self._finished(rule, result, 0.0, uncertainty):
            return result
        for number, tallied in self._batches_in_order(first + batches_before, rule.batches[1]):
            self.transport.add_to(result, number, tallied)
            elapsed = time.monotonic() - start
            uncertainty = self._uncertainty(rule, result, uncertainty, on_progress is not None)
            done = self._finished(rule, result, elapsed, uncertainty)
            if on_progress:
                here = result.batch_count - batches_before
                # the first batch waits for the compiler, or for the cache of what it compiled: it tells no pace
                before = elapsed if here == 1 else before
                pace = (elapsed - before) / (here - 1) if here > 1 else float("inf")
                on_progress(self._progress(rule, result, elapsed, pace, uncertainty))
            if done:
                break
            if on_checkpoint and time.monotonic() - saved > checkpoint_s:
                record_times()
                on_checkpoint(result)
                saved = time.monotonic()
        record_times()
        self.transport.rest()
        return result

    def _batches_in_order(self, first: int, stop: int) -> Iterator[tuple[int, list[Tallies]]]:
        """Batches computed by the threads, handed out in order: the stopping rule sees the same sequence always."""
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: deque[tuple[int, Future[list[Tallies]]]] = deque()
            following = first
            try:
                while following < stop or waiting:
                    while following < stop and len(waiting) < self.threads + 1:
                        waiting.append((following, pool.submit(self.transport.scored, following)))
                        following += 1
                    number, future = waiting.popleft()
                    yield number, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()

    def _uncertainty(self, rule: StoppingRule, result: Result, earlier: float, shown: bool = False) -> float:
        """Mean uncertainty in the target, or the earlier one while it is not time to look at it again."""
        first_ones = shown and result.batch_count < GROUPS
        if first_ones or ((rule.uncertainty or shown) and is_looked_at(result.batch_count)):
            return result.mean_relative_uncertainty(self.target_weight)
        return earlier

    def _finished(self, rule: StoppingRule, result: Result, elapsed: float, uncertainty: float) -> bool:
        if result.batch_count >= rule.batches[1] - rule.batches[0] or elapsed > rule.time_s:
            return True
        if rule.histories and result.histories >= rule.histories:
            return True
        # With fewer batches than groups the uncertainty itself would be too uncertain to stop on.
        return bool(rule.uncertainty and is_looked_at(result.batch_count) and uncertainty <= rule.uncertainty)

    def _progress(
        self, rule: StoppingRule, result: Result, elapsed: float, pace: float, uncertainty: float
    ) -> Progress:
        done = result.batch_count
        needed = [float("inf") if rule.batches[1] == UNLIMITED else float(rule.batches[1] - rule.batches[0])]
        if rule.histories:
            needed.append(rule.histories / result.histories * done)
        if rule.uncertainty and np.isfinite(uncertainty):
            needed.append(max(GROUPS, done * (uncertainty / rule.uncertainty) ** 2))
        left = max(0.0, min(needed) - done)
        remaining = min(left * pace if left else 0.0, rule.time_s - elapsed)
        return Progress(done, result.histories, uncertainty, elapsed, max(0.0, remaining))


def is_looked_at(batches: int) -> bool:
    """Whether the stopping rule looks at the uncertainty after so many batches: after every 2.5 to 5 % more of them.

    Over many voxels a look takes as long as a batch.

    Examples
    --------
    >>> [n for n in range(100) if is_looked_at(n)][:3], [n for n in range(78, 100) if is_looked_at(n)]
    ([20, 21, 22], [78, 80, 84, 88, 92, 96])
    """
    return batches >= GROUPS and batches % 2 ** int(np.log2(batches / GROUPS)) == 0
