"""What a simulation sums over batches, exactly, and the dose derived from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsim.exact_sums import ExactSums
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.exact_sum import QUANTUM
from mcsim.phase_space import KEV_PER_GRAM_IN_GRAY
from mcsim.region_spectra import RegionSpectra

FloatArray = NDArray[np.float64]

GROUPS = 20
# Both doses are from the fluence in the medium (TG-186); primary: photons that have not interacted since they left a
# seed. On request the same dose to medium by the analogue estimator: energy that interactions leave in the voxel.
QUANTITY_NAMES = ("dose_to_medium", "dose_to_water", "primary_dose_to_medium")
ANALOGUE_QUANTITY = "deposited_energy_dose"
GROUPED_QUANTITIES = 2
BALANCE_QUANTUM_KEV = 2.0**-16
BALANCE_TERMS = ("emitted", "stayed in tissue", "stayed in seeds", "below cut-off", "left the phantom")
MINIMUM_BATCHES = 2


@dataclass(frozen=True)
class Scale:
    """From sums to dose.

    Attributes
    ----------
    histories_per_batch_and_seed : float
        Emitted photons (productive or not) of every seed in one batch.
    air_kerma_strength_per_history : float
        Gy cm² per emitted photon of one seed.
    air_kerma_strength_per_history_std_dev : float
        Its type A standard uncertainty, common to all voxels and not part of the voxels' own.
    mean_air_kerma_strength : float
        Mean strength of the seeds, U = cGy cm² h⁻¹.
    half_life_h : float
        Half-life of the radionuclide, h.
    """

    histories_per_batch_and_seed: float
    air_kerma_strength_per_history: float
    air_kerma_strength_per_history_std_dev: float
    mean_air_kerma_strength: float
    half_life_h: float

    @property
    def dose_rate_per_history(self) -> float:
        """(Gy/h) per (Gy per history and seed): photons emitted per hour by a seed of mean strength."""
        return 0.01 * self.mean_air_kerma_strength / self.air_kerma_strength_per_history

    @property
    def dose_per_dose_rate(self) -> float:
        """Hours: integral of the decay to infinity, T½ / ln 2."""
        return float(self.half_life_h / np.log(2.0))

    @property
    def dose_per_history(self) -> float:
        """Dose to full decay in Gy per (Gy per history and seed)."""
        return self.dose_rate_per_history * self.dose_per_dose_rate


@dataclass(frozen=True)
class Batch:
    """What one batch scored over the scoring region.

    Attributes
    ----------
    dose : ndarray, shape (quantities, nx, ny, nz)
        keV cm³/g.
    balance : ndarray, shape (5,)
        Energy by fate, keV.
    seed_dose : ndarray, shape (seeds, nx, ny, nz), optional
        Dose to medium from each seed, keV cm³/g.
    spectrum : ndarray, shape (regions, bins), optional
        Weight · E · path, keV cm.
    """

    dose: FloatArray
    balance: FloatArray
    seed_dose: FloatArray | None = None
    spectrum: FloatArray | None = None


@dataclass
class Result:
    """Sums over batches of one simulation, or of a part of it.

    Attributes
    ----------
    axes : tuple of three ndarrays
        Voxel-centre coordinates, cm.
    voxel_volume : float
        cm³.
    tissue_fraction : ndarray, shape (nx, ny, nz)
        Share of each voxel outside all seeds.
    medium : ndarray of uint8, shape (nx, ny, nz)
        Index into ``settings["media"]``.
    density : ndarray of float32, shape (nx, ny, nz)
        g/cm³.
    scale : Scale
        From sums to dose.
    settings : dict
        Settings that decided the sums.
    settings_digest : str
        SHA-256 of everything that decided the sums.
    quantities : tuple of str
        What is scored: ``QUANTITY_NAMES``, and ``deposited_energy_dose`` on request.
    sums : ExactSums, shape (quantities, nx, ny, nz)
        Sums over batches of E · path · µ_en/ρ, keV cm³/g.
    group_voxels : ndarray of int64, shape (k,)
        Flat indices of the voxels kept per group.
    group_total : ndarray of int64, shape (2, 20, k)
        The same sum over the batches of each group (batch number modulo 20), dose to medium and to water.
    balance : ndarray of int64, shape (5,)
        Energy emitted, stayed in tissue, stayed in seeds, below cut-off, left; quanta of 2⁻¹⁶ keV.
    batches : list of (first, stop)
        Batches summed, disjoint and ascending.
    run_facts : dict
        Wall and CPU time, s.
    seed_sums : ExactSums, shape (seeds, nx, ny, nz), optional
        Dose to medium from the photons of each seed, on request.
    spectra : RegionSpectra, optional
        Energy-fluence spectra, on request.
    water_superposition : tuple of two ndarrays, shape (nx, ny, nz), optional
        Dose in Gy from one emitted photon of every seed, each alone in infinite water, and its type A standard
        uncertainty, on request; NaN where it is not known.
    water_table_std_dev : ndarray of float32, shape (nx, ny, nz), optional
        Type A standard uncertainty, in Gy per emitted photon of every seed, that the noise of the water table gives the
        dose to medium, at most; common to many voxels and not part of the voxels' own. With correlated sampling only.
    """

    axes: tuple[FloatArray, FloatArray, FloatArray]
    voxel_volume: float
    tissue_fraction: FloatArray
    medium: NDArray[np.uint8]
    density: NDArray[np.float32]
    scale: Scale
    settings: dict[str, Any]
    settings_digest: str
    quantities: tuple[str, ...]
    sums: ExactSums
    group_voxels: NDArray[np.int64]
    group_total: NDArray[np.int64]
    balance: NDArray[np.int64]
    batches: list[tuple[int, int]] = field(default_factory=list)
    run_facts: dict[str, float] = field(default_factory=dict)
    seed_sums: ExactSums | None = None
    spectra: RegionSpectra | None = None
    water_superposition: tuple[FloatArray, FloatArray] | None = None
    water_table_std_dev: NDArray[np.float32] | None = None

    @property
    def batch_count(self) -> int:
        """Number of batches summed."""
        return int(sum(stop - first for first, stop in self.batches))

    @property
    def histories(self) -> int:
        """Photons emitted by all seeds together (expected number; a fixed number of productive ones is simulated)."""
        seeds = int(self.settings["seed_count"])
        return round(self.batch_count * self.scale.histories_per_batch_and_seed * seeds)

    def add(self, number: int, batch: Batch) -> None:
        """Add one batch."""
        for quantity, dose in enumerate(batch.dose):
            self.add_quantity(number, quantity, dose)
        if self.seed_sums is not None and batch.seed_dose is not None:
            self.seed_sums.add(batch.seed_dose)
        self.complete(number, batch.balance, batch.spectrum)

    def add_quantity(self, number: int, quantity: int, dose: FloatArray) -> None:
        """Add the `quantity`-th quantity of a batch, shape (nx, ny, nz), keV cm³/g; `complete` follows."""
        self._part(quantity).add(dose)
        if quantity < GROUPED_QUANTITIES:
            grouped = dose.ravel()[self.group_voxels]
            self.group_total[quantity, number % GROUPS] += np.rint(grouped / QUANTUM).astype(np.int64)

    def complete(self, number: int, balance: FloatArray, spectrum: FloatArray | None = None) -> None:
        """Count a batch whose quantities are added, with its energy balance and spectra."""
        self.balance += np.rint(balance / BALANCE_QUANTUM_KEV).astype(np.int64)
        if self.spectra is not None and spectrum is not None:
            self.spectra.sums.add(spectrum)
        self.batches = joined_batches([*self.batches, (number, number + 1)])

    @property
    def _gray_per_history(self) -> FloatArray:
        """Gy per history for a mean tally of 1 keV cm³/g, per voxel; 0 where seeds fill the voxel."""
        factor = KEV_PER_GRAM_IN_GRAY / (self.scale.histories_per_batch_and_seed * self.voxel_volume)
        fraction = self.tissue_fraction
        return np.divide(factor, fraction, out=np.zeros_like(fraction), where=fraction > 0.0)

    def dose_per_history(self, quantity: str = QUANTITY_NAMES[0]) -> FloatArray:
        """Dose in Gy from one emitted photon of every seed (weighted with relative strengths), (nx, ny, nz)."""
        dose = self._gray_per_history
        dose *= self.sums.total[self._index(quantity)]
        dose *= QUANTUM / self.batch_count
        return dose

    def dose_per_history_std_dev(self, quantity: str = QUANTITY_NAMES[0]) -> FloatArray:
        """Type A standard uncertainty of `dose_per_history`, from the variance between batches; infinite for one."""
        if self.batch_count < MINIMUM_BATCHES:
            return np.full(self.tissue_fraction.shape, np.inf)
        variance = self._part(self._index(quantity)).variance_of_mean(self.batch_count)
        np.sqrt(variance, out=variance)
        variance *= self._gray_per_history
        return variance

    def seed_dose(self) -> FloatArray:
        """Dose to medium to full decay from the photons of each seed, Gy, shape (seeds, nx, ny, nz).

        Raises
        ------
        InvalidInput
            It was not scored.
        """
        mean = self._seed_sums().mean(self.batch_count)
        return np.asarray(mean * self._gray_per_history * self.scale.dose_per_history)

    def seed_dose_std_dev(self) -> FloatArray:
        """Type A standard uncertainty of `seed_dose`, Gy."""
        variance = self._seed_sums().variance_of_mean(self.batch_count)
        return np.asarray(np.sqrt(variance) * self._gray_per_history * self.scale.dose_per_history)

    def difference_to_water(self) -> tuple[FloatArray, FloatArray]:
        """Dose less that of the seeds one by one in infinite water, and the latter, to full decay, Gy.

        Returns
        -------
        difference, superposition : ndarray, shape (nx, ny, nz)
            NaN within half a millimetre of a seed and where the water table does not reach. The difference's type A
            uncertainty is `dose_std_dev`; that of the superposition is common to many voxels.

        Raises
        ------
        InvalidInput
            The superposition was not kept.
        """
        if self.water_superposition is None:
            raise InvalidInput(
                "superposition in water was not kept, expected a simulation that keeps it. Simulate with --difference."
            )
        superposition = self.water_superposition[0] * self.scale.dose_per_history
        return self.dose() - superposition, superposition

    def table_uncertainty(self) -> float:
        """Relative uncertainty of the mean dose of the grouped voxels from the water table's noise, at most."""
        if self.water_table_std_dev is None:
            return 0.0
        noise, dose = (
            x.ravel()[self.group_voxels].sum() for x in (self.water_table_std_dev, self.dose_per_history())
        )
        return float(noise / dose) if dose > 0.0 else 0.0

    def _seed_sums(self) -> ExactSums:
        if self.seed_sums is None:
            raise InvalidInput(
                "dose per seed was not scored, expected a simulation that scores it. Simulate with --per-seed."
            )
        return self.seed_sums

    def _part(self, quantity: int) -> ExactSums:
        sums = self.sums
        return ExactSums(sums.total[quantity], sums.square_high[quantity], sums.square_low[quantity])

    def dose_rate(self, quantity: str = QUANTITY_NAMES[0]) -> FloatArray:
        """Dose rate at the time of the given strengths, Gy/h, shape (nx, ny, nz)."""
        return self.dose_per_history(quantity) * self.scale.dose_rate_per_history

    def dose_rate_per_strength(self, quantity: str = QUANTITY_NAMES[0]) -> FloatArray:
        """Dose rate per unit of mean air-kerma strength, Gy h⁻¹ U⁻¹, shape (nx, ny, nz)."""
        return self.dose_rate(quantity) / self.scale.mean_air_kerma_strength

    def dose(self, quantity: str = QUANTITY_NAMES[0]) -> FloatArray:
        """Dose to full decay of one of ``QUANTITY_NAMES``, Gy, shape (nx, ny, nz)."""
        return self.dose_per_history(quantity) * self.scale.dose_per_history

    def dose_std_dev(self, quantity: str = QUANTITY_NAMES[0]) -> FloatArray:
        """Type A standard uncertainty of the dose to full decay, Gy; infinite for one batch."""
        return self.dose_per_history_std_dev(quantity) * self.scale.dose_per_history

    def mean_relative_uncertainty(self, weight: FloatArray) -> float:
        """Weighted mean over voxels of the relative type A uncertainty of the dose to medium.

        Parameters
        ----------
        weight : ndarray, shape (nx, ny, nz)
            Weights, for instance a structure's fractions; voxels without dose are left out.

        Returns
        -------
        float
            Infinite before two batches.
        """
        n = self.batch_count
        dose = self.sums.total[0].ravel()
        chosen = np.flatnonzero((weight.ravel() > 0.0) & (dose > 0))
        if n < MINIMUM_BATCHES or len(chosen) == 0:
            return float("inf")
        variance = self._part(0).variance_of_mean(n, chosen)
        relative = np.sqrt(variance) * n / (dose[chosen] * QUANTUM)
        return float(np.average(relative, weights=weight.ravel()[chosen]))

    def all_sums(self) -> list[ExactSums]:
        """Every sum over batches that is kept, always in the same order."""
        found = [self.sums, self.seed_sums, self.spectra.sums if self.spectra else None]
        return [sums for sums in found if sums is not None]

    def group_batches(self) -> NDArray[np.int64]:
        """Number of batches in each of the 20 groups."""
        counts = np.zeros(GROUPS, dtype=np.int64)
        for first, stop in self.batches:
            counts += np.bincount(np.arange(first, stop) % GROUPS, minlength=GROUPS)
        return counts

    def group_dose(self, quantity: str = QUANTITY_NAMES[0]) -> FloatArray:
        """Dose to full decay from each group of batches alone, Gy, shape (20, k); to medium or to water."""
        counts = self.group_batches()
        factor = self._gray_per_history.ravel()[self.group_voxels] * (QUANTUM * self.scale.dose_per_history)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.group_total[self._index(quantity)] * factor / counts[:, None])

    def _index(self, quantity: str) -> int:
        if quantity not in self.quantities:
            raise InvalidInput(
                f"quantity is {quantity!r}, expected one of {', '.join(self.quantities)}. Use one of them."
            )
        return self.quantities.index(quantity)

    def energy_balance(self) -> dict[str, float]:
        """Energy by fate, keV, weighted with the seeds' relative strengths."""
        return dict(zip(BALANCE_TERMS, (self.balance * BALANCE_QUANTUM_KEV).tolist(), strict=True))


def joined_batches(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges with neighbours joined; raises on overlap."""
    joined: list[tuple[int, int]] = []
    for first, stop in sorted(ranges):
        if joined and first < joined[-1][1]:
            raise InvalidInput(
                f"batches {first} to {min(stop, joined[-1][1]) - 1} are present twice, expected disjoint parts "
                f"(a batch counted twice is not independent). Leave one of the files out."
            )
        if joined and first == joined[-1][1]:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((first, stop))
    return joined


def merge(results: Sequence[Result]) -> Result:
    """Add the sums of several parts of one simulation; the order does not matter.

    Parameters
    ----------
    results : sequence of Result
        Parts with the same settings digest and disjoint batches.

    Returns
    -------
    Result

    Raises
    ------
    InvalidInput
        No parts, different digests, or a batch that occurs twice.
    """
    if not results:
        raise InvalidInput("number of parts to merge is 0, expected at least 1. Give the files of the parts.")
    first = results[0]
    for k, other in enumerate(results[1:], start=1):
        if other.settings_digest != first.settings_digest:
            raise InvalidInput(
                f"settings digest of part {k} is {other.settings_digest[:16]}, expected {first.settings_digest[:16]} "
                f"as in part 0 (only parts of one simulation add up). Merge parts of the same case and settings."
            )
    merged = replace(
        first,
        sums=first.sums.copy(),
        seed_sums=None if first.seed_sums is None else first.seed_sums.copy(),
        spectra=None if first.spectra is None else replace(first.spectra, sums=first.spectra.sums.copy()),
        group_total=first.group_total.copy(),
        balance=first.balance.copy(),
        batches=joined_batches([r for result in results for r in result.batches]),
        run_facts={key: sum(r.run_facts.get(key, 0.0) for r in results) for key in first.run_facts},
    )
    for other in results[1:]:
        for mine, more in zip(merged.all_sums(), other.all_sums(), strict=True):
            mine.add_sums(more)
        merged.group_total += other.group_total
        merged.balance += other.balance
    return merged
