"""Batches of histories: what the kernels need, their tallies, and what a batch scores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mcsim.emission_supply import EmissionSupply
from mcsim.kernels.collect import clear, collect, collect_quantity
from mcsim.kernels.correlated_replay import WAITING, correlated_batch
from mcsim.kernels.correlated_transport import Control
from mcsim.kernels.seeds_in_voxels import PlacedSeeds
from mcsim.kernels.solids import Solids
from mcsim.kernels.tables import MediumTables
from mcsim.kernels.voxel_grid import Voxels
from mcsim.kernels.voxel_transport import Tallies, scratch_arrays, transport_batch
from mcsim.phase_space import KEV_PER_GRAM_IN_GRAY
from mcsim.region_spectra import Regions
from mcsim.result import ANALOGUE_QUANTITY, BALANCE_TERMS, QUANTITY_NAMES, Batch, Result
from mcsim.simulation_settings import Settings
from mcsim.water_control import (
    MOST_COPIES,
    SURVIVAL,
    SURVIVAL_DISTANCE,
    WaterControl,
    known_dose,
    scores_in_water,
    water_control,
)
from mcsim.water_table import WaterTable

FloatArray = NDArray[np.float64]

# Of a trial run that chooses the control's multiples: photons of all seeds, and a history number no run reaches.
TRIAL_HISTORIES, FIRST_TRIAL_HISTORY = 80_000, 2**40
NOTHING_KNOWN = np.zeros((0, 0, 0, 0), np.float32)


class BatchTransport:
    """Runs batches of histories of one implant in one phantom.

    Parameters
    ----------
    voxels, seeds, solids, tables : Voxels, PlacedSeeds, Solids, MediumTables
        Arrays of the kernels.
    supply : EmissionSupply
        Stored histories for the batches.
    count : int
        Histories of every seed in a batch.
    settings : Settings
        What decides the result.
    regions : Regions, optional
        Where spectra are scored.
    """

    def __init__(
        self,
        voxels: Voxels,
        seeds: PlacedSeeds,
        solids: Solids,
        tables: MediumTables,
        supply: EmissionSupply,
        count: int,
        settings: Settings,
        regions: Regions | None = None,
    ) -> None:
        self.voxels, self.seeds, self.solids, self.tables = voxels, seeds, solids, tables
        self.count = count
        self.quantities = QUANTITY_NAMES + ((ANALOGUE_QUANTITY,) if settings.analogue else ())
        self._supply, self._settings, self._regions = supply, settings, regions
        self._pool: list[Tallies] = []
        self._seed_known: list[FloatArray] = []
        self._dose: FloatArray | None = None
        self._control: WaterControl | None = None
        self._make_control: Callable[[], WaterControl] | None = None
        self._table: WaterTable | None = None
        self._trial_histories = 0
        self._lock = threading.Lock()

    @property
    def seed_count(self) -> int:
        """Number of seeds."""
        return len(self.seeds.position)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the scoring region."""
        nx, ny, nz = (int(n) for n in self.voxels.shape)
        return nx, ny, nz

    def tie_to_water(
        self, water: int, energies: FloatArray, table: WaterTable, histories: float, threads: int
    ) -> None:
        """From now on sample in water and score the difference to the known dose.

        What that needs of the implant is prepared when the first batch is asked for.

        Parameters
        ----------
        water : int
            Index of liquid water in the medium tables.
        energies : ndarray, shape (n,)
            Energies of photons that leave the seed, keV.
        table : WaterTable
            The known dose around one seed.
        histories : float
            Emitted photons of every seed in one batch.
        threads : int
            Threads; nothing depends on their number.
        """
        self._table = table
        in_water = scores_in_water(self.voxels, self.tables, water)
        self._trial_histories = 0 if in_water else self._trial_count * self.seed_count
        self._make_control = partial(self._controlled, water, energies, table, histories, threads)

    @property
    def control(self) -> WaterControl | None:
        """What ties the dose to that in water, or none."""
        with self._lock:
            if self._control is None and self._make_control:
                self._control = self._make_control()
            return self._control

    @control.setter
    def control(self, control: WaterControl) -> None:
        self._control = control

    def _controlled(
        self, water: int, energies: FloatArray, table: WaterTable, histories: float, threads: int
    ) -> WaterControl:
        control = water_control(
            self.voxels, self.seeds, self.solids, self.tables, water, energies, table, self._trial, threads
        )
        # keV/g per photon to the keV cm³/g of one batch
        scale = float(np.prod(self.voxels.spacing)) * histories
        if self._settings.per_seed:
            self._seed_known = [
                scale * known_dose(control.kernel, self.voxels, self.seeds, table, np.array([j]), threads)[0]
                for j in range(self.seed_count)
            ]
        known = control.known
        known *= scale
        return replace(control, known=known)

    def table_std_dev(self, threads: int) -> NDArray[np.float32] | None:
        """Type A uncertainty that the water table's noise gives the dose to medium, Gy per photon of every seed.

        As if the table's cells were fully correlated within a voxel and between seeds: it is that at most. None without
        a control.
        """
        if self._table is None or (control := self.control) is None:
            return None
        noise = replace(self._table, kerma_r2=self._table.std_dev)
        every = np.arange(self.seed_count)
        found = known_dose(control.kernel, self.voxels, self.seeds, noise, every, threads)[0]
        return np.asarray(found * np.float32(KEV_PER_GRAM_IN_GRAY))

    def techniques(self) -> dict[str, object]:
        """What makes the dose besides plain transport, by name."""
        if self._table is None:
            return {}
        return {
            "correlated sampling against water": {
                "water_table_digest": self._table.digest,
                "water_table_histories": self._table.histories,
                "trial_histories": self._trial_histories,
            },
            "copies of photons scattered where the phantom scatters more than water": {"most": MOST_COPIES},
            "roulette outside the scoring region": {"survival": SURVIVAL, "beyond_cm": SURVIVAL_DISTANCE},
        }

    def scored(self, number: int) -> list[Tallies]:
        """Tallies of one batch: one of all seeds, or one of each where the dose per seed is kept."""
        every = np.arange(self.seed_count)
        groups = [every[[j]] for j in every] if self._settings.per_seed else [every]
        kernel = control.kernel if (control := self.control) else None
        return [
            self._tallied(number * self.count, self.count, number, emitters, kernel) for emitters in groups
        ]

    def add_to(self, result: Result, number: int, tallied: list[Tallies]) -> None:
        """Add the `number`-th batch to a result; its tallies go back for the next.

        One quantity at a time, through the same array: large ones are costly to keep and to make.
        """
        if self._settings.per_seed:
            result.add(number, self.collected(tallied))
            return
        (tallies,) = tallied
        known = control.known if (control := self.control) else NOTHING_KNOWN
        if self._dose is None:
            self._dose = np.empty(self.shape)
        for quantity in range(len(self.quantities)):
            collect_quantity(tallies, quantity, known, self._dose)
            result.add_quantity(number, quantity, self._dose)
        spectrum = self._regions.sum(tallies.spectrum) if self._regions else None
        result.complete(number, tallies.balance, spectrum)
        clear(tallies)
        self._pool.append(tallies)

    def rest(self) -> None:
        """Let go of the memory that is of use between batches alone."""
        self._pool.clear()
        self._dose = None

    def collected(self, tallied: list[Tallies]) -> Batch:
        """What one batch scored, as arrays; its tallies go back for the next."""
        balance = np.sum([t.balance for t in tallied], axis=0)
        spectrum = None
        if self._regions:
            spectrum = np.sum([self._regions.sum(t.spectrum) for t in tallied], axis=0)
        doses = np.empty((len(tallied), len(self.quantities), *self.shape))
        for tallies, dose in zip(tallied, doses, strict=True):
            collect(tallies, NOTHING_KNOWN, dose)
            self._pool.append(tallies)
        dose = doses[0] if len(doses) == 1 else doses.sum(axis=0)
        seed_dose = doses[:, 0].copy() if self._settings.per_seed else None
        if control := self.control:
            dose += control.known
            if seed_dose is not None:
                seed_dose += self._seed_known
        return Batch(dose, balance, seed_dose, spectrum)

    def _tallied(
        self, first: int, count: int, number: int, emitters: NDArray[np.int64], control: Control | None
    ) -> Tallies:
        supply = self._supply.of_batch(number)
        tallies = self._pool.pop() if self._pool else self._empty_tallies()
        common = (
            emitters, first, count, supply.stored, supply.shift, self._settings.run_seed, supply.emission, self.voxels,
            self.seeds, self.solids, self.tables, self._settings.physics.cut_off_kev,
        )  # fmt: skip
        scratch = scratch_arrays(self.voxels.media_count, len(self.solids.z_min))
        state = np.empty(2, np.uint64)
        if control:
            correlated_batch(*common, control, scratch, np.empty((WAITING, 12)), tallies, state)
        else:
            transport_batch(*common, scratch, tallies, state)
        return tallies

    @property
    def _trial_count(self) -> int:
        return max(1, TRIAL_HISTORIES // self.seed_count)

    def _trial(self, kernel: Control) -> tuple[FloatArray, FloatArray]:
        """Moments Σ D·W and Σ W² of scattered photons from histories that no batch contains."""
        last = self._supply.batches_per_phase_space - 1
        tallies = self._tallied(
            FIRST_TRIAL_HISTORY, self._trial_count, last, np.arange(self.seed_count), kernel
        )
        padded = tuple(n + 2 for n in self.shape)
        inner = tuple(slice(1, n + 1) for n in self.shape)
        return tallies.scattered.reshape(padded)[inner], tallies.water.reshape(padded)[inner]

    def _empty_tallies(self) -> Tallies:
        """Tallies of one batch; threads hand theirs on, for fresh memory costs more than zeroing."""
        block = int(np.prod([n + 2 for n in self.shape]))
        region, spectrum = np.zeros(0, np.int16), np.zeros((1, 1))
        if self._regions:
            region = np.pad(self._regions.combination, 1).ravel()
            spectrum = np.zeros((self._regions.member.shape[1], len(self.tables.total)))
        return Tallies(
            primary=np.zeros(block, np.float32),
            scattered=np.zeros(block, np.float32),
            water=np.zeros(block, np.float32),
            deposited=np.zeros(block if self._settings.analogue else 0),
            region=region,
            spectrum=spectrum,
            balance=np.zeros(len(BALANCE_TERMS)),
        )
