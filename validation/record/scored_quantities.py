"""What a simulation scores and states: dose to water, uncertainties, and the same numbers whatever the threads."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student_t

from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from mcsim.medium_tables import mass_energy_absorption
from mcsim.phantom import Phantom, surrounded
from mcsim.result import merge
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule
from validation.record.check import Check, Citation
from validation.record.oracles_invariance import PHASE_SPACE
from validation.record.photon_beams import SEED, FloatArray
from validation.record.replicas import BATCHES, DEFAULT, FULL, LEAST_VOXELS, QUICK, TECHNIQUES, run_replicas
from validation.record.room import Effort, Figure, Panel, Room, Series

GROUP = "Scored quantities and statistics"
MEDIA = ("muscle", "water", "cortical_bone", "air")


def scored_quantity_checks(effort: Effort) -> Room:
    """Dose to water, stated uncertainties against those found between runs, reproducibility."""
    room = Room()
    room.checks += _dose_to_water(effort)
    checks, figure = _stated_uncertainty(effort)
    room.checks += checks
    room.figures.append(figure)
    room.checks += _reproducibility()
    return room


def _layers() -> Phantom:
    """A 4 cm cube of 4 mm voxels: muscle with layers of water, bone and air, in muscle."""
    planes, scoring = surrounded([np.linspace(-2.0, 2.0, 11)] * 3, [np.array([-6.0, 6.0])] * 3)
    medium = np.zeros((12, 12, 12), np.uint8)
    inner = np.zeros((10, 10, 10), np.uint8)
    inner[:, 6:8], inner[:, 8:], inner[:2] = 1, 2, 3
    medium[scoring] = inner
    density = np.array([material(m).density for m in MEDIA], dtype=np.float32)[medium]
    return Phantom(planes, medium, density, MEDIA, scoring)


def _dose_to_water(effort: Effort) -> list[Check]:
    """D_w,m is D_m,m bit for bit in water; elsewhere their ratio is that of µ_en/ρ over the scored spectrum."""
    phantom = _layers()
    inner = phantom.medium[phantom.scoring]
    simulation = Simulation(
        phantom,
        SEED,
        np.array([[0.01, 0.02, 0.0]]),
        np.array([[0.0, 0.0, 1.0]]),
        np.ones(1),
        59.4,
        Settings(productive_histories_per_batch=20_000, phase_space_histories=PHASE_SPACE),
        threads=effort.threads,
        regions={name: inner == k for k, name in enumerate(MEDIA)},
    )
    result = simulation.run(StoppingRule(batches=(0, effort.pick(12, 200))))
    to_water, to_medium = result.dose("dose_to_water"), result.dose("dose_to_medium")
    water = inner == MEDIA.index("water")
    checks = [
        Check(
            "dose to water in water",
            GROUP,
            "voxels of water in which D_w,m differs from D_m,m in any bit",
            "1",
            float(np.count_nonzero(to_water[water] != to_medium[water])),
            0.0,
            0.0,
            Citation("same fluence, same coefficient"),
            relative=False,
        )
    ]
    spectra = result.spectra
    assert spectra is not None  # regions were given
    fluence = spectra.per_history(result.batch_count, result.scale.histories_per_batch_and_seed)
    energy = 0.5 * (spectra.energy[1:] + spectra.energy[:-1])
    in_water = mass_energy_absorption(material("water"), energy)
    for k, name in enumerate(spectra.names):
        if name == "water":
            continue
        here = inner == MEDIA.index(name)
        weight = (result.tissue_fraction)[here]
        value = float((to_water[here] * weight).sum() / (to_medium[here] * weight).sum())
        own = mass_energy_absorption(material(name), energy)
        reference = float((fluence[k] * in_water).sum() / (fluence[k] * own).sum())
        checks.append(
            Check(
                f"D_w,m / D_m,m in {name.replace('_', ' ')}",
                GROUP,
                f"dose to water over dose to medium in {name.replace('_', ' ')}",
                "1",
                value,
                0.0,
                reference,
                Citation("ratio of µ_en/ρ, mean over the scored energy-fluence spectrum"),
                1e-3 * reference,
                "bins of 10 eV; demanded to 0.1 % of the ratio",
            )
        )
    return checks


def _two_seeds(run_seed: int, histories: int, threads: int) -> Simulation:
    """Two seeds in muscle beside bone, dose kept per group in every third voxel."""
    planes, scoring = surrounded([np.linspace(-1.2, 1.2, 13)] * 3, [np.array([-5.0, -2.5, 2.5, 5.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    medium, density = np.zeros(shape, np.uint8), np.full(shape, 1.05, np.float32)
    medium[10:], density[10:] = 1, 1.92
    phantom = Phantom(planes, medium, density, ("muscle", "cortical_bone"), scoring)
    mask = np.zeros(phantom.scoring_shape, dtype=bool)
    mask[1::3, 1::3, 1::3] = True
    return Simulation(
        phantom,
        SEED,
        np.array([[-0.3, 0.1, 0.0], [0.3, -0.1, 0.1]]),
        np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]]),
        np.array([0.5, 0.8]),
        59.4,
        Settings(
            run_seed=run_seed, phase_space_histories=PHASE_SPACE, productive_histories_per_batch=histories
        ),
        group_mask=mask,
        threads=threads,
    )


def _stated_uncertainty(effort: Effort) -> tuple[list[Check], Figure]:
    """The variance that runs state against that between them, for four kinds of voxels."""
    checks: list[Check] = []
    pulls: list[FloatArray] = []
    for technique in effort.pick((DEFAULT,), TECHNIQUES):
        found = _of_technique(technique, effort)
        checks += found[0]
        if technique == DEFAULT:
            pulls = found[1]
    return checks, _pull_figure(np.concatenate(pulls))


def _of_technique(technique: str, effort: Effort) -> tuple[list[Check], list[FloatArray]]:
    """The checks of one technique of variance reduction, and deviations of the runs in stated uncertainties."""
    length = effort.pick(QUICK, FULL)
    also = "" if technique == DEFAULT else f", {technique}"
    checks, pulls = [], []
    for kind, found in run_replicas(length, effort.threads, effort.say, technique).items():
        ratio, spread = found.ratio()
        runs, voxels = found.doses.shape
        if voxels < LEAST_VOXELS:
            raise InvalidInput(
                f"voxels of the kind {kind} are {voxels}, expected at least {LEAST_VOXELS}. Enlarge the phantom."
            )
        checks.append(
            Check(
                f"stated over found variance, {kind}{also}",
                GROUP,
                f"variance stated by {runs} runs over that between them, pooled over {voxels} voxels: {kind}{also}",
                "1",
                ratio,
                spread,
                1.0,
                Citation("a stated type A variance is that between independent runs"),
                0.05,
                effort.pick(
                    f"demanded of the full record; with {runs} runs another {length.coverage:g} u are allowed",
                    "demanded, noise of the ratio included",
                ),
                coverage=length.coverage,
            )
        )
        # Far from the seeds a voxel may stay empty in a run.
        scored = (found.stated > 0.0).all(axis=0)
        doses, stated = found.doses[:, scored], found.stated[:, scored]
        pulls.append(((doses - doses.mean(axis=0)) / np.sqrt(stated) * np.sqrt(runs / (runs - 1))).ravel())
    return checks, pulls


def _pull_figure(pull: FloatArray) -> Figure:
    counts, edges = np.histogram(pull, bins=31, range=(-4.65, 4.65))
    width = edges[1] - edges[0]
    x = np.linspace(-4.65, 4.65, 187)
    # Student's t with 19 degrees of freedom: the stated uncertainty is that of 20 batches.
    density = student_t.pdf(x, BATCHES - 1)
    return Figure(
        "stated_uncertainty",
        GROUP,
        "Deviation of a voxel's dose from the mean over runs in units of its stated uncertainty, and Student's t.",
        "deviation / stated standard uncertainty",
        (
            Panel(
                "probability density",
                (
                    Series(
                        "voxels of all runs",
                        _numbers(0.5 * (edges[1:] + edges[:-1])),
                        _numbers(counts / len(pull) / width),
                    ),
                    Series(
                        "Student's t, 19 degrees of freedom",
                        _numbers(x),
                        _numbers(density),
                        (),
                        "reference line",
                    ),
                ),
            ),
        ),
    )


def _numbers(values: FloatArray) -> tuple[float, ...]:
    return tuple(values.tolist())


def _reproducibility() -> list[Check]:
    """The same sums with one and with two threads, in one piece and merged from parts."""
    whole = _two_seeds(1, 600, 1).run(StoppingRule(batches=(0, 6)))
    threaded = _two_seeds(1, 600, 2).run(StoppingRule(batches=(0, 6)))
    parts = [_two_seeds(1, 600, 2).run(StoppingRule(batches=bounds)) for bounds in ((4, 6), (0, 4))]
    same = Citation("contract: bit-identical sums")
    return [
        Check(
            f"reproducibility: {words}",
            GROUP,
            f"voxels whose dose or uncertainty differs in any bit: {words}",
            "1",
            float(
                np.count_nonzero(whole.dose() != other.dose())
                + np.count_nonzero(whole.dose_std_dev() != other.dose_std_dev())
            ),
            0.0,
            0.0,
            same,
            relative=False,
        )
        for words, other in (
            ("two threads against one", threaded),
            ("merged parts against the whole", merge(parts)),
        )
    ]
