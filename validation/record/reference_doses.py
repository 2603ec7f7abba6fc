"""Dose around 13 seeds in water, bone and air against the reference calculation neck13."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsim.materials import material
from mcsim.phantom import Phantom, surrounded
from mcsim.phase_space import KEV_PER_GRAM_IN_GRAY, load_phase_space
from mcsim.result import merge
from mcsim.seed_model import load_seed_model
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule
from validation.record.check import COVERAGE_OF_A_PUBLICATION, Check, Citation
from validation.record.photon_beams import SEED, FloatArray
from validation.record.references import citation, published_value, shortfall_of
from validation.record.replicas import batches_per_phase_space
from validation.record.room import Effort, Figure, Panel, Room, Series

GROUP = "Reference doses"
MEDIA = ("water", "cortical_bone", "air")
GRID = 60
WATER, MIXED = "superposition in water", "interseed"
PARTS = 20


class Size(NamedTuple):
    """How much to simulate: 20 parts, each with a phase space of its own."""

    batches_per_part: int
    histories_per_batch: int  # photons that leave a seed
    phase_space_histories: int  # photons emitted for the phase space of a part
    scale_histories: int  # photons emitted for the scale of the doses


QUICK = Size(1, 80_000, 200_000, 1_000_000)
# What 0.5 % in a voxel of water takes: a part lets each seed emit every photon of its phase space once.
FULL = Size(52, 270_000, 2_500_000, 10_000_000)
# Largest mean noise of a voxel, and why: half a per cent is demanded of the full record in water.
DEMANDED_NOISE = (0.005, "demanded of our side in water")
QUICK_NOISE = (0.08, "a quick record has few histories")
NO_DEMAND = (0.2, "no demand outside water: what the histories for water leave")
FILES = {WATER: "neck13_water_tg43.3ddose.gz", MIXED: "neck13_het_isa.3ddose.gz"}


@dataclass(frozen=True)
class Comparison:
    """Our dose per history and the reference's, Gy per photon from every seed, on the same voxels."""

    own: FloatArray
    own_std_dev: FloatArray
    own_parts: FloatArray  # from each of 20 parts of the run alone, (20, nx, ny, nz)
    scale_std_dev: float  # relative, of the share of histories that leave a seed
    reference: FloatArray
    reference_std_dev: FloatArray
    medium: NDArray[np.uint8]
    free: NDArray[np.bool_]
    strength_per_history: float
    strength_std_dev: float

    def chosen(self, medium: int) -> NDArray[np.bool_]:
        """Voxels of a medium within 2.5 cm of the centre that no seed touches."""
        centre = (np.arange(GRID) + 0.5) * 0.1 - 3.0
        x, y, z = np.meshgrid(centre, centre, centre, indexing="ij")
        return np.asarray((x**2 + y**2 + z**2 < 2.5**2) & (self.medium == medium) & self.free)

    def relative_std_devs(self, here: NDArray[np.bool_]) -> tuple[float, float]:
        """Relative type A standard uncertainties of the summed dose, ours and the reference's.

        Voxels share histories, and seeds share stored ones. The spread between 20 parts, each with a phase space of its
        own, counts both; the reference states its voxels' uncertainties only, so its independent sum is widened by the
        factor found for ours.
        """
        sums = self.own_parts[:, here].sum(axis=1)
        own = float(sums.std(ddof=1) / np.sqrt(len(sums)))
        shared = max(1.0, own / float(np.sqrt((self.own_std_dev[here] ** 2).sum())))
        other = shared * float(np.sqrt((self.reference_std_dev[here] ** 2).sum()))
        return own / float(self.own[here].sum()), other / float(self.reference[here].sum())

    def ratio_of(self, here: NDArray[np.bool_]) -> tuple[float, float]:
        """Ratio of summed doses over any voxels and its type A standard uncertainty."""
        ratio = float(self.own[here].sum() / self.reference[here].sum())
        return ratio, ratio * float(np.hypot(np.hypot(*self.relative_std_devs(here)), self.scale_std_dev))

    def ratio(self, medium: int) -> tuple[float, float]:
        """Ratio of summed doses over a medium's voxels and its type A standard uncertainty."""
        return self.ratio_of(self.chosen(medium))

    def mean_voxel_std_dev(self, medium: int) -> float:
        """Mean relative type A standard uncertainty of our dose in a voxel."""
        here = self.chosen(medium) & (self.own > 0.0)
        return float((self.own_std_dev[here] / self.own[here]).mean())

    def deviations(self, medium: int, scale: float | None = None) -> FloatArray:
        """Difference in units of the combined uncertainty, our dose times `scale` (default: to the reference's sum)."""
        here = self.chosen(medium)
        factor = 1.0 / self.ratio(medium)[0] if scale is None else scale
        spread = np.hypot(self.own_std_dev * factor, self.reference_std_dev)
        return np.asarray(((self.own * factor - self.reference) / spread)[here])


def reference_dose_checks(effort: Effort) -> Room:
    """Dose per history, per strength, and with over without bone, air and neighbours."""
    room = Room()
    if effort.shared is None or not (effort.shared / "reference" / "neck13").is_dir():
        room.left_out.append(
            "The reference doses neck13 are not part of the project: give their folder (--reference-doses, or "
            "SEEDMC_SHARED) to compare with them."
        )
        return room
    folder = effort.shared / "reference" / "neck13"
    cases = {}
    for setting in (WATER, MIXED):
        effort.say(f"13 seeds, {setting}")
        cases[setting] = compare(folder, setting, effort.pick(QUICK, FULL), effort.threads, effort.say)
    water, mixed = cases[WATER], cases[MIXED]
    for label, case, medium in (
        (WATER, water, 0),
        *((f"{MIXED}, {name}", mixed, k) for k, name in enumerate(MEDIA)),
    ):
        room.checks += _judge(label, case, medium, effort)
    for k, name in enumerate(MEDIA):
        room.checks.append(_effect_of_media(name, k, water, mixed))
    room.checks += _near_field(water, _seed_positions(folder))
    room.figures.append(_profile(water, mixed))
    return room


def compare(
    folder: Path,
    setting: str,
    size: Size,
    threads: int,
    say: Callable[[str], None] = lambda line: None,
    variance_reduction: str = "correlated",
) -> Comparison:
    """Simulate 13 seeds and read the reference.

    Parameters
    ----------
    folder : path
        Folder ``reference/neck13``.
    setting : str
        ``WATER`` or ``MIXED``.
    size : Size
        How much to simulate.
    threads : int
        Threads; the result does not depend on it.
    say : callable
        Gets a line now and then.
    variance_reduction : str
        As in `mcsim.simulation_settings.Settings`.

    Returns
    -------
    Comparison
    """
    simulation, medium = _simulation(folder, setting, size, threads, variance_reduction)
    stride, parts = batches_per_phase_space(simulation), []
    for k in range(PARTS):
        say(f"{setting}: part {k} of {PARTS}")
        parts.append(simulation.run(StoppingRule(batches=(k * stride, k * stride + size.batches_per_part))))
    result = merge(parts)
    # The share of histories that leave the seed, and their air-kerma strength, from more of them than a part's.
    seed = load_phase_space(load_seed_model(SEED), size.scale_histories, threads=threads)
    share = seed.productive_share
    scale = share / simulation.phase_space.productive_share
    # What is known in water is known per photon emitted, whatever share leaves the seed.
    known = _known_dose_per_history(simulation)
    lines = gzip.decompress((folder / FILES[setting]).read_bytes()).decode().split("\n")
    dose, relative = (
        np.array(lines[k].split(), dtype=float).reshape((GRID,) * 3).transpose(2, 1, 0) for k in (4, 5)
    )
    return Comparison(
        own=known + (result.dose_per_history() - known) * scale,
        own_std_dev=result.dose_per_history_std_dev() * scale,
        own_parts=np.array([known + (part.dose_per_history() - known) * scale for part in parts]),
        scale_std_dev=float(np.sqrt((1.0 - share) / (share * seed.histories))),
        reference=dose,
        reference_std_dev=dose * relative,
        medium=medium,
        free=result.tissue_fraction == 1.0,
        strength_per_history=seed.air_kerma_strength,
        strength_std_dev=seed.air_kerma_strength_std_dev,
    )


def _known_dose_per_history(simulation: Simulation) -> FloatArray:
    """The part of the dose to medium that correlated sampling takes from the water table, Gy per history."""
    known = np.zeros(simulation.phantom.scoring_shape)
    if simulation.transport.control:
        volume = simulation.tissue_fraction * 0.1**3
        batch = KEV_PER_GRAM_IN_GRAY / simulation.scale.histories_per_batch_and_seed
        np.divide(simulation.transport.control.known[0] * batch, volume, out=known, where=volume > 0.0)
    return known


def _simulation(
    folder: Path, setting: str, size: Size, threads: int, variance_reduction: str
) -> tuple[Simulation, NDArray[np.uint8]]:
    """13 seeds in the middle of a cube of 30 cm; a slab of bone and a cylinder of air in the mixed case."""
    fine = [np.round(np.linspace(-3.0, 3.0, GRID + 1), 10)] * 3
    planes, scoring = surrounded(fine, [np.array([-15.0, 15.0])] * 3)
    x, y, z = np.meshgrid(*(0.5 * (p[1:] + p[:-1]) for p in planes), indexing="ij")
    inside = (np.abs(x) < 3.0) & (np.abs(y) < 3.0) & (np.abs(z) < 3.0)
    medium = np.zeros(x.shape, dtype=np.uint8)
    if setting == MIXED:
        medium[inside & (x > 1.0) & (x < 2.0)] = 1
        medium[inside & (x**2 + (y + 1.8) ** 2 < 0.64)] = 2
    density = np.array([material(m).density for m in MEDIA], dtype=np.float32)[medium]
    positions = _seed_positions(folder)
    simulation = Simulation(
        Phantom(planes, medium, density, MEDIA, scoring),
        SEED,
        positions,
        np.tile([0.0, 0.0, 1.0], (len(positions), 1)),
        np.ones(len(positions)),
        59.4,
        Settings(
            seeds="interseed" if setting == MIXED else "superposition",
            productive_histories_per_batch=size.histories_per_batch,
            phase_space_histories=size.phase_space_histories,
            variance_reduction=variance_reduction,
        ),
        threads=threads,
    )
    return simulation, medium[scoring]


def _seed_positions(folder: Path) -> FloatArray:
    """Centres of the seeds, cm; their axes are along z, and each lies in the middle of a voxel."""
    return np.array(
        json.loads((folder / "seeds.json").read_text(encoding="utf-8"))["seeds"], dtype=np.float64
    )


def _near_field(water: Comparison, positions: FloatArray) -> list[Check]:
    """Dose 1 to 3 mm from the seeds' axes over the reference's, the ratio of all voxels divided out."""
    centre = np.rint((positions + 3.0) / 0.1 - 0.5).astype(int)
    far, _ = water.ratio(0)
    checks = []
    for steps in (1, 2, 3):
        beside = np.concatenate(
            [centre + np.array(d) * steps for d in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0))]
        )
        here = np.zeros(water.free.shape, dtype=bool)
        here[tuple(beside.T)] = True
        here &= water.free
        near, std_dev = water.ratio_of(here)
        checks.append(
            Check(
                f"dose {steps} mm from the seeds' axes",
                GROUP,
                f"dose {steps} mm from the seeds' axes over the reference's, the ratio of all voxels divided out",
                "1",
                near / far,
                std_dev / far,
                1.0,
                citation("neck13"),
                0.02,
                "reading of the coating on the rod's chamfers (docs/adr/0003)",
                coverage=COVERAGE_OF_A_PUBLICATION,
            )
        )
    return checks


def _judge(label: str, case: Comparison, medium: int, effort: Effort) -> list[Check]:
    ratio, std_dev = case.ratio(medium)
    allowed, why = NO_DEMAND
    if medium == 0:
        allowed, why = effort.pick(QUICK_NOISE, DEMANDED_NOISE)
    theirs = published_value(f"strength {SEED}").value
    deviations = case.deviations(medium)
    source = citation("neck13")
    per_history = f"dose per history, {label}"
    return [
        Check(
            per_history,
            GROUP,
            f"summed dose per emitted photon over the reference's: {label}",
            "1",
            ratio,
            std_dev,
            1.0,
            source,
            0.01,
            "cross sections and geometry of two codes",
            coverage=COVERAGE_OF_A_PUBLICATION,
            shortfall=shortfall_of(per_history),
        ),
        Check(
            f"own noise, {label}",
            GROUP,
            f"mean relative type A uncertainty of our dose in a voxel of 1 mm: {label}",
            "1",
            case.mean_voxel_std_dev(medium),
            0.0,
            0.0,
            Citation("standard deviation of the batches' mean, voxel by voxel"),
            allowed,
            why,
            coverage=COVERAGE_OF_A_PUBLICATION,
            relative=False,
        ),
        Check(
            f"dose per strength, {label}",
            GROUP,
            f"summed dose per unit of air-kerma strength over the reference's: {label}",
            "1",
            ratio * theirs / case.strength_per_history,
            float(np.hypot(std_dev, case.strength_std_dev / case.strength_per_history)),
            1.0,
            source,
            0.01,
            "cross sections and geometry of two codes; this is what a patient gets",
            coverage=COVERAGE_OF_A_PUBLICATION,
        ),
        Check(
            f"width of deviations, {label}",
            GROUP,
            f"standard deviation of the voxels' differences in units of their combined uncertainty: {label}",
            "1",
            float(deviations.std()),
            0.0,
            1.0,
            source,
            0.3,
            "a width above 1 is disagreement beyond noise, voxel by voxel",
            coverage=COVERAGE_OF_A_PUBLICATION,
        ),
    ]


def _effect_of_media(name: str, medium: int, water: Comparison, mixed: Comparison) -> Check:
    """Dose with neighbours, bone and air over that without: independent of the source's strength."""
    here = mixed.chosen(medium)
    own = mixed.own[here].sum() / water.own[here].sum()
    theirs = mixed.reference[here].sum() / water.reference[here].sum()
    noise = [*water.relative_std_devs(here), *mixed.relative_std_devs(here)]
    return Check(
        f"effect of media and neighbours in {name.replace('_', ' ')}",
        GROUP,
        f"summed dose with bone, air and neighbours over that in water, voxels of {name.replace('_', ' ')}",
        "1",
        float(own),
        float(own * np.sqrt(np.sum(np.square(noise)))),
        float(theirs),
        citation("neck13"),
        (0.005 if medium == 0 else 0.01) * float(theirs),
        "cross-section libraries differ by about as much",
        coverage=COVERAGE_OF_A_PUBLICATION,
    )


def _profile(water: Comparison, mixed: Comparison) -> Figure:
    """Dose along x through water and bone, mean over the central 5 × 5 voxels in y and z."""
    centre, rows = (np.arange(GRID) + 0.5) * 0.1 - 3.0, slice(28, 33)
    values, ratios = [], []
    for label, case in ((WATER, water), ("interseed, bone from 1 to 2 cm", mixed)):
        free = case.free[:, rows, rows]
        count = np.maximum(free.sum(axis=(1, 2)), 1)

        def mean(
            dose: FloatArray, free: NDArray[np.bool_] = free, count: NDArray[np.int64] = count
        ) -> FloatArray:
            return np.asarray(np.where(free, dose[:, rows, rows], 0.0).sum(axis=(1, 2)) / count)

        own, reference = mean(case.own), mean(case.reference)
        spread = np.sqrt(mean(case.own_std_dev**2) / count)
        other = np.sqrt(mean(case.reference_std_dev**2) / count)
        x, shown = tuple(centre.tolist()), own > 0.0
        values.append(Series(label, x, tuple(own.tolist()), tuple(spread.tolist())))
        values.append(Series(f"reference, {label}", x, tuple(reference.tolist()), (), "reference line"))
        ratio = np.where(shown, own / np.where(shown, reference, 1.0), np.nan)
        relative = np.hypot(spread / np.where(shown, own, 1.0), other / np.where(shown, reference, 1.0))
        ratios.append(Series(label, x, tuple(ratio.tolist()), tuple((ratio * relative).tolist())))
    low, high = float(centre[0]), float(centre[-1])
    ratios.append(Series("", (low, high), (1.0, 1.0), (), "limit"))
    return Figure(
        "neck13_profile",
        GROUP,
        "Dose per emitted photon along x through the middle of 13 seeds (mean over 5 × 5 voxels of 1 mm), and its "
        "ratio to the reference.",
        "x / cm",
        (Panel("Gy per history", tuple(values), log_y=True), Panel("ours / reference", tuple(ratios))),
    )
