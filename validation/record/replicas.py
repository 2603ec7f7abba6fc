"""Stated type A uncertainties against the spread of replicas that share nothing, not even a stored history.

An implant of 48 seeds 6711, all of them solid, in water with a slab of bone, is simulated again and again, each time
with a phase space of its own. In each of hundreds of voxels of four kinds, apart from each other, the mean of the
stated variances divided by the variance between the replicas must be 1; pooled over the voxels of a kind, each
divided by its mean dose. What the phase space's finite size adds to the spread is in it.

The ratio's own standard uncertainty u is found by leaving out one replica at a time: it counts that voxels share
histories and that their doses are skewed.

The study is made of plain transport, of the default, and of every technique of variance reduction alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcsim.emission_supply import EmissionSupply
from mcsim.phantom import Phantom, surrounded
from mcsim.phase_space import make_phase_space
from mcsim.seed_model import load_seed_model
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule
from validation.record.photon_beams import SEED, FloatArray

RADIUS, HALF_LENGTH = 0.04, 0.2275  # of the seed, cm
BATCHES = 20
KINDS = ("low-dose", "high-dose", "seed-adjacent", "bone")
LEAST_VOXELS = 200
DEFAULT, PLAIN = "default", "plain transport"
# What takes part of variance reduction away: copies of photons, their ending far outside, the control.
NO_COPIES, NO_ENDING, NO_CONTROL = "copies", "ending", "control"
LEFT_OUT: dict[str, tuple[str, ...]] = {
    DEFAULT: (),
    PLAIN: (),
    "second weight alone": (NO_COPIES, NO_ENDING, NO_CONTROL),
    "control alone": (NO_COPIES, NO_ENDING),
    "copies alone": (NO_ENDING, NO_CONTROL),
    "ending far outside alone": (NO_COPIES, NO_CONTROL),
}
TECHNIQUES = tuple(LEFT_OUT)


@dataclass(frozen=True)
class Length:
    """Size of a study.

    Attributes
    ----------
    replicas : int
        Runs.
    histories_per_batch : int
        Photons that leave a seed, in each of 20 batches of a run.
    phase_space_histories : int
        Photons emitted for each run's phase space: nearly all that leave the seed are used.
    largest_u : float
        What u may be, at most, for the study to mean something.
    coverage : float
        The ratio may be off by so many u besides the tolerance.
    """

    replicas: int
    histories_per_batch: int
    phase_space_histories: int
    largest_u: float
    coverage: float


# k = 8.9: a false alarm in any of the four kinds is less likely than 1e-6 (Student's t, 15 degrees of freedom).
QUICK = Length(16, 1700, 100_000, 0.05, 8.9)
# The limit of 0.05 alone is 4.5 u or more: a false alarm is less likely than 1e-4, and a ratio off by 0.1 is found.
FULL = Length(120, 8500, 400_000, 0.011, 0.0)


@dataclass(frozen=True)
class Replicas:
    """Doses and stated variances of one kind of voxels, arrays (replicas, voxels).

    Attributes
    ----------
    stated : ndarray
        Stated variances of the dose per history.
    doses : ndarray
        Doses per history.
    """

    stated: FloatArray
    doses: FloatArray

    def ratio(self) -> tuple[float, float]:
        """Stated over found variance, pooled over the voxels, and its standard uncertainty."""
        return ratio_and_uncertainty(self.stated, self.doses)


def run_replicas(
    length: Length, threads: int, say: Callable[[str], None] = lambda line: None, technique: str = DEFAULT
) -> dict[str, Replicas]:
    """Simulate the replicas.

    Parameters
    ----------
    length : Length
        ``QUICK`` or ``FULL``.
    threads : int
        Threads; the result does not depend on it.
    say : callable
        Gets a line now and then.
    technique : str
        One of ``TECHNIQUES``.

    Returns
    -------
    dict
        Doses and stated variances by kind of voxels.
    """
    phantom, (centres, axes) = _phantom(), _implant()
    voxels = _voxels(phantom, centres, axes)
    settings = Settings(
        productive_histories_per_batch=length.histories_per_batch,
        phase_space_histories=length.phase_space_histories,
        variance_reduction="none" if technique == PLAIN else "correlated",
    )
    simulation = Simulation(
        phantom, SEED, centres, axes, np.full(len(centres), 0.6), 59.4, settings, threads=threads
    )
    _leave_out(simulation, LEFT_OUT[technique])
    doses: dict[str, list[FloatArray]] = {kind: [] for kind in KINDS}
    stated: dict[str, list[FloatArray]] = {kind: [] for kind in KINDS}
    stride = batches_per_phase_space(simulation)
    for number in range(length.replicas):
        if number % 20 == 0:
            say(f"{technique}: replica {number} of {length.replicas}")
        first = stride * number
        result = simulation.run(StoppingRule(batches=(first, first + BATCHES)))
        dose, spread = result.dose_per_history().ravel(), result.dose_per_history_std_dev().ravel()
        for kind in KINDS:
            doses[kind].append(dose[voxels[kind]])
            stated[kind].append(spread[voxels[kind]] ** 2)
    return {kind: Replicas(np.array(stated[kind]), np.array(doses[kind])) for kind in KINDS}


def _leave_out(simulation: Simulation, parts: tuple[str, ...]) -> None:
    """Take parts of variance reduction away."""
    control = simulation.transport.control
    if control is None or not parts:
        return
    kernel, known = control.kernel, control.known
    if NO_COPIES in parts:
        kernel = kernel._replace(most_copies=1)
    if NO_ENDING in parts:
        kernel = kernel._replace(survival=1.0)
    if NO_CONTROL in parts:
        kernel = kernel._replace(
            primary=np.zeros_like(kernel.primary), scattered=np.zeros_like(kernel.scattered)
        )
        known = np.zeros_like(known)
    simulation.transport.control = replace(control, kernel=kernel, known=known)


def batches_per_phase_space(simulation: Simulation) -> int:
    """Batches that use one phase space: those of a multiple of this number begin with another one.

    Parameters
    ----------
    simulation : Simulation
        Any.
    """
    settings, model = simulation.settings, load_seed_model(SEED)
    count = max(1, round(settings.productive_histories_per_batch / simulation.seed_count))
    supply = EmissionSupply(
        simulation.phase_space,
        lambda seed: make_phase_space(model, settings.phase_space_histories, run_seed=seed),
        count,
        simulation.seed_count,
        settings.run_seed,
    )
    return supply.batches_per_phase_space


def ratio_and_uncertainty(stated: FloatArray, means: FloatArray) -> tuple[float, float]:
    """Stated over found variance of means, pooled over quantities, and its jackknife standard uncertainty.

    Parameters
    ----------
    stated, means : ndarray, shape (replicas, quantities)
        Stated variances, and means.

    Examples
    --------
    >>> draw = np.random.default_rng(1).normal(10.0, 0.1, (400, 50))
    >>> ratio, u = ratio_and_uncertainty(np.full(draw.shape, 0.01), draw)
    >>> abs(ratio - 1.0) < 5.0 * u, 0.005 < u < 0.02
    (True, True)
    """
    # tracks in a voxel are counted, nearly: their variance goes with the mean dose, and every voxel weighs the same
    dose = means.mean(axis=0)
    weight = np.divide(1.0, dose, out=np.zeros_like(dose), where=dose > 0.0)

    def ratio(keep: NDArray[np.int64]) -> float:
        found = means[keep].var(axis=0, ddof=1)
        return float((stated[keep].mean(axis=0) * weight).sum() / (found * weight).sum())

    n = len(means)
    single = np.array([ratio(np.delete(np.arange(n), k)) for k in range(n)])
    return ratio(np.arange(n)), float(np.sqrt((n - 1) / n * ((single - single.mean()) ** 2).sum()))


def _implant() -> tuple[FloatArray, FloatArray]:
    """Centres, cm, and axes of 48 seeds about 8 mm apart, turned at random."""
    rng = np.random.default_rng(12)
    grid = np.arange(4) * 0.8 - 1.2
    centres = np.stack(np.meshgrid(grid[:3] + 0.4, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    centres = centres + rng.uniform(-0.12, 0.12, centres.shape)
    axes = rng.normal(size=centres.shape)
    return centres, axes / np.linalg.norm(axes, axis=1, keepdims=True)


def _phantom() -> Phantom:
    """Voxels of 1 mm of water, 6 mm of bone beside the implant, water to 4.5 cm and more around it."""
    fine = [np.linspace(-4.2, 2.6, 69), np.linspace(-2.5, 2.5, 51), np.linspace(-2.5, 2.5, 51)]
    planes, scoring = surrounded(fine, [np.array([-7.0, -4.5, 4.5, 9.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    medium, density = np.zeros(shape, np.uint8), np.full(shape, 0.998, np.float32)
    x = 0.5 * (planes[0][1:] + planes[0][:-1])
    bone = (x > 1.5) & (x < 2.1)
    medium[bone], density[bone] = 1, 1.92
    return Phantom(planes, medium, density, ("water", "cortical_bone"), scoring)


def _apart(chosen: NDArray[np.bool_], voxels: int) -> NDArray[np.int64]:
    """Flat indices of some of the chosen voxels, at least so many voxels apart along one axis, in random order."""
    taken, kept = np.zeros(chosen.shape, dtype=bool), []
    for place in np.random.default_rng(1).permutation(np.argwhere(chosen)):
        near = tuple(slice(max(i - voxels + 1, 0), i + voxels) for i in place)
        if not taken[near].any():
            taken[tuple(place)] = True
            kept.append(np.ravel_multi_index(place, chosen.shape))
    return np.array(kept, dtype=np.int64)


def _voxels(phantom: Phantom, centres: FloatArray, axes: FloatArray) -> dict[str, NDArray[np.int64]]:
    """Flat indices of the voxels of each kind."""
    x, y, z = (0.5 * (p[1:] + p[:-1]) for p in phantom.scoring_planes)
    points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1)
    distance = np.full(points.shape[:-1], np.inf)  # from the nearest seed's surface
    for centre, axis in zip(centres, axes, strict=True):
        offset = points - centre
        along = np.clip(offset @ axis, RADIUS - HALF_LENGTH, HALF_LENGTH - RADIUS)
        distance = np.minimum(distance, np.linalg.norm(offset - along[..., None] * axis, axis=-1) - RADIUS)
    bone = phantom.medium[phantom.scoring] == 1
    among = (np.abs(points[..., 0]) < 1.2) & (np.abs(points[..., 1:]) < 1.5).all(axis=-1)
    return {
        "low-dose": _apart(points[..., 0] < -2.6, 5),  # 1.3 cm and more from the nearest seed
        "high-dose": _apart(among & (distance > 0.16), 2),
        "seed-adjacent": _apart((distance > 0.0) & (distance < 0.11), 2),
        "bone": _apart(bone, 3),
    }
