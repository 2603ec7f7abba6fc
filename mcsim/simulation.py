"""Running a simulation: batches in order, the stopping rule, checkpoints."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from mcsim.cache import engine_digest
from mcsim.cross_sections import cross_section_digest
from mcsim.emission_supply import EmissionSupply
from mcsim.exact_sums import ExactSums
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.collect import collect
from mcsim.kernels.correlated_transport import Control, correlated_batch
from mcsim.kernels.voxel_transport import Tallies, transport_batch
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.phantom import Phantom
from mcsim.phase_space import PhaseSpace, load_phase_space, make_phase_space
from mcsim.region_spectra import Regions, RegionSpectra
from mcsim.result import (
    ANALOGUE_QUANTITY,
    BALANCE_TERMS,
    GROUPED_QUANTITIES,
    GROUPS,
    QUANTITY_NAMES,
    Batch,
    Result,
    Scale,
)
from mcsim.seed_model import load_seed_model
from mcsim.seed_placement import place_seeds
from mcsim.simulation_settings import UNLIMITED, Progress, Settings, StoppingRule
from mcsim.water_control import (
    MOST_COPIES,
    SURVIVAL,
    SURVIVAL_DISTANCE,
    WaterControl,
    known_dose,
    water_control,
)
from mcsim.water_table import WaterTable
from mcsim.water_table_file import load_water_table

FloatArray = NDArray[np.float64]

CHECKPOINT_S = 15.0
# Of a trial run that chooses the control's multiples: photons of all seeds, and a history number no run reaches.
TRIAL_HISTORIES, FIRST_TRIAL_HISTORY = 40_000, 2**40
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

    Raises
    ------
    InvalidInput
        See `mcsim.seed_placement.place_seeds` and `Settings`.
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
    ) -> None:
        if not half_life_d > 0.0:
            raise InvalidInput(f"half-life is {half_life_d} d, expected a positive number. Correct it.")
        if threads < 1:
            raise InvalidInput(f"threads is {threads}, expected at least 1. Correct it.")
        self.phantom, self.settings, self.threads = phantom, settings, threads
        self._description = dict(description or {})
        model = load_seed_model(seed_model, settings.spectrum or None)
        strengths = np.asarray(air_kerma_strengths, dtype=np.float64)
        self.quantities = QUANTITY_NAMES + ((ANALOGUE_QUANTITY,) if settings.analogue else ())
        self._placed, self.tissue_fraction = place_seeds(
            phantom, model, positions, axes, strengths, interseed=settings.seeds == "interseed"
        )
        self._solids = model.kernel_solids(len(phantom.media))
        media = [*(material(name) for name in phantom.media), *model.materials, material("water")]
        # Where the phantom has water itself, dose to water is scored with that very medium: equal bit for bit.
        water = phantom.media.index("water") if "water" in phantom.media else len(media) - 1
        self._tables = build_medium_tables(media, settings.physics)
        self._voxels, self._seeds = phantom.kernel_voxels(self._placed, self._tables, water)
        self.phase_space: PhaseSpace = load_phase_space(
            model, settings.phase_space_histories, settings.physics, threads, progress
        )
        self._tallies: list[Tallies] = []
        self.seed_count = len(strengths)
        self._count = max(1, round(settings.productive_histories_per_batch / self.seed_count))
        self._supply = EmissionSupply(
            self.phase_space,
            lambda seed: make_phase_space(
                model, settings.phase_space_histories, settings.physics, threads, run_seed=seed
            ),
            self._count,
            self.seed_count,
            settings.run_seed,
        )
        self.scale = Scale(
            histories_per_batch_and_seed=self._count / self.phase_space.productive_share,
            air_kerma_strength_per_history=self.phase_space.air_kerma_strength,
            air_kerma_strength_per_history_std_dev=self.phase_space.air_kerma_strength_std_dev,
            mean_air_kerma_strength=float(strengths.mean()),
            half_life_h=half_life_d * HOURS_PER_DAY,
        )
        shape = phantom.scoring_shape
        self.target_weight = np.ones(shape) if target_weight is None else target_weight * self.tissue_fraction
        mask = np.zeros(shape, dtype=bool) if group_mask is None else group_mask
        self._regions = Regions.from_masks(regions, shape) if regions else None
        self._group_voxels = np.flatnonzero(mask & (self.tissue_fraction > 0.0)).astype(np.int64)
        self._control: WaterControl | None = None
        self._seed_known: list[FloatArray] = []
        if settings.variance_reduction == "correlated":
            self._make_control(load_water_table(model, settings.physics, threads, progress), model.radius, water)

    def _make_control(self, table: WaterTable, seed_radius: float, water: int) -> None:
        control = water_control(
            self.phantom, self._voxels, self._seeds, self._tables, water, self.phase_space, table, seed_radius,
            self._trial, self.threads,
        )  # fmt: skip
        self._control = control
        # keV cm³/g of one batch
        scale = self._voxel_volume * self.scale.histories_per_batch_and_seed
        control.known[...] *= scale
        if self.settings.per_seed:
            self._seed_known = [
                scale * known_dose(control.kernel, self._voxels, self._seeds, table, np.array([j]), self.threads)[0]
                for j in range(self.seed_count)
            ]

    def _trial(self, kernel: Control) -> tuple[FloatArray, FloatArray]:
        """Moments Σ D·W and Σ W² of scattered photons from histories that no batch contains."""
        count = max(1, min(TRIAL_HISTORIES // self.seed_count, self._count))
        supply = self._supply.of_batch(self._supply.batches_per_phase_space - 1)
        tallies = self._empty_tallies()
        correlated_batch(
            np.arange(self.seed_count), FIRST_TRIAL_HISTORY, count, supply.stored, supply.shift, self.settings.run_seed,
            supply.emission, self._voxels, self._seeds, self._solids, self._tables, self.settings.physics.cut_off_kev,
            kernel, tallies,
        )  # fmt: skip
        inner = tuple(slice(1, n + 1) for n in self.phantom.scoring_shape)
        padded = tuple(n + 2 for n in self.phantom.scoring_shape)
        return tallies.scattered.reshape(padded)[inner], tallies.water.reshape(padded)[inner]

    def settings_record(self) -> dict[str, object]:
        """Settings in words and numbers, as stored with the result."""
        return {
            **self._description,
            **asdict(self.settings),
            "seed_count": self.seed_count,
            "phase_space_digest": self.phase_space.digest,
            "phantom_digest": self.phantom.digest(),
            "media": list(self.phantom.media),
            "spectra_of": list(self._regions.names) if self._regions else [],
            "techniques": self._techniques(),
        }

    def _techniques(self) -> dict[str, object]:
        """What made the result besides plain transport, by name."""
        if self._control is None:
            return {}
        return {
            "correlated sampling against water": {
                "water_table_digest": self._control.table_digest,
                "water_table_histories": self._control.table_histories,
                "trial_histories": 0 if self._control.all_water else TRIAL_HISTORIES,
            },
            "copies of photons scattered where the phantom scatters more than water": MOST_COPIES,
            "roulette outside the scoring region": {"survival": SURVIVAL, "beyond_cm": SURVIVAL_DISTANCE},
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
            medium=np.ascontiguousarray(self.phantom.medium[self.phantom.scoring]),
            density=np.ascontiguousarray(self.phantom.density[self.phantom.scoring]),
            scale=self.scale,
            settings=self.settings_record(),
            settings_digest=self.digest(),
            quantities=self.quantities,
            sums=ExactSums.zeros((len(self.quantities), *shape)),
            group_voxels=self._group_voxels,
            group_total=np.zeros((GROUPED_QUANTITIES, GROUPS, len(self._group_voxels)), dtype=np.int64),
            balance=np.zeros(5, dtype=np.int64),
            run_facts={"wall_time_s": 0.0, "cpu_time_s": 0.0},
            seed_sums=ExactSums.zeros((self.seed_count, *shape)) if self.settings.per_seed else None,
            spectra=self._empty_spectra(),
        )

    @property
    def _voxel_volume(self) -> float:
        return float(np.prod([(p[-1] - p[0]) / (len(p) - 1) for p in self.phantom.scoring_planes]))

    def _empty_spectra(self) -> RegionSpectra | None:
        if self._regions is None:
            return None
        bins = len(self._tables.total)
        combinations = self._regions.member.shape[1]
        volume = np.bincount(
            self._regions.combination.ravel(), self.tissue_fraction.ravel(), minlength=combinations
        ).astype(np.float64)
        return RegionSpectra(
            names=self._regions.names,
            volume=self._regions.sum(volume) * self._voxel_volume,
            energy=self._tables.energy_min + np.arange(bins + 1) / self._tables.bins_per_kev,
            sums=ExactSums.zeros((len(self._regions.names), bins)),
        )

    def batch(self, number: int) -> Batch:
        """What one batch scores."""
        if not self.settings.per_seed:
            return self._batch_of(number, np.arange(self.seed_count))
        parts = [self._batch_of(number, np.array([j])) for j in range(self.seed_count)]
        dose = np.sum([part.dose for part in parts], axis=0)
        seed_dose = np.array([part.dose[0] for part in parts])
        if self._control:
            dose += self._control.known
            seed_dose += self._seed_known
        return Batch(
            dose=dose,
            balance=np.sum([part.balance for part in parts], axis=0),
            seed_dose=seed_dose,
            spectrum=np.sum([s for part in parts if (s := part.spectrum) is not None], axis=0)
            if self._regions
            else None,
        )

    def _batch_of(self, number: int, emitters: NDArray[np.int64]) -> Batch:
        """Histories of one batch from some of the seeds, all seeds in place."""
        supply = self._supply.of_batch(number)
        tallies = self._tallies.pop() if self._tallies else self._empty_tallies()
        common = (
            emitters, number * self._count, self._count, supply.stored, supply.shift, self.settings.run_seed,
            supply.emission, self._voxels, self._seeds, self._solids, self._tables, self.settings.physics.cut_off_kev,
        )  # fmt: skip
        if self._control:
            correlated_batch(*common, self._control.kernel, tallies)
        else:
            transport_batch(*common, tallies)
        balance = tallies.balance.copy()
        spectrum = self._regions.sum(tallies.spectrum) if self._regions else None
        dose = np.empty((len(self.quantities), *self.phantom.scoring_shape))
        collect(tallies, dose)
        self._tallies.append(tallies)
        if self._control and len(emitters) == self.seed_count:
            dose += self._control.known
        return Batch(dose, balance, spectrum=spectrum)

    def _empty_tallies(self) -> Tallies:
        """Tallies of one batch; threads hand theirs on, for fresh memory costs more than zeroing."""
        padded = tuple(n + 2 for n in self.phantom.scoring_shape)
        block = int(np.prod(padded))
        region, spectrum = np.zeros(0, np.int16), np.zeros((1, 1))
        if self._regions:
            region = np.pad(self._regions.combination, 1).ravel()
            spectrum = np.zeros((self._regions.member.shape[1], len(self._tables.total)))
        return Tallies(
            primary=np.zeros(block),
            scattered=np.zeros(block),
            water=np.zeros(block),
            deposited=np.zeros(block if self.settings.analogue else 0),
            region=region,
            spectrum=spectrum,
            balance=np.zeros(len(BALANCE_TERMS)),
        )

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

        if self._finished(rule, result, 0.0):
            return result
        for number, batch in self._batches_in_order(first + batches_before, rule.batches[1]):
            result.add(number, batch)
            elapsed = time.monotonic() - start
            done = self._finished(rule, result, elapsed)
            if on_progress:
                on_progress(self._progress(rule, result, elapsed, result.batch_count - batches_before))
            if done:
                break
            if on_checkpoint and time.monotonic() - saved > checkpoint_s:
                record_times()
                on_checkpoint(result)
                saved = time.monotonic()
        record_times()
        return result

    def _batches_in_order(self, first: int, stop: int) -> Iterator[tuple[int, Batch]]:
        """Batches computed by the threads, handed out in order: the stopping rule sees the same sequence always."""
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: deque[tuple[int, Future[Batch]]] = deque()
            following = first
            try:
                while following < stop or waiting:
                    while following < stop and len(waiting) < self.threads + 1:
                        waiting.append((following, pool.submit(self.batch, following)))
                        following += 1
                    number, future = waiting.popleft()
                    yield number, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()

    def _finished(self, rule: StoppingRule, result: Result, elapsed: float) -> bool:
        if result.batch_count >= rule.batches[1] - rule.batches[0] or elapsed > rule.time_s:
            return True
        if rule.histories and result.histories >= rule.histories:
            return True
        # With fewer batches than groups the uncertainty itself would be too uncertain to stop on.
        return bool(
            rule.uncertainty
            and result.batch_count >= GROUPS
            and result.mean_relative_uncertainty(self.target_weight) <= rule.uncertainty
        )

    def _progress(self, rule: StoppingRule, result: Result, elapsed: float, batches: int) -> Progress:
        uncertainty = result.mean_relative_uncertainty(self.target_weight)
        done = result.batch_count
        needed = [float("inf") if rule.batches[1] == UNLIMITED else float(rule.batches[1] - rule.batches[0])]
        if rule.histories:
            needed.append(rule.histories / result.histories * done)
        if rule.uncertainty and np.isfinite(uncertainty):
            needed.append(max(GROUPS, done * (uncertainty / rule.uncertainty) ** 2))
        remaining = min((min(needed) - done) * elapsed / batches, rule.time_s - elapsed)
        return Progress(done, result.histories, uncertainty, elapsed, max(0.0, remaining))
