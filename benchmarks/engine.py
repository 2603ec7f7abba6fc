"""Simulations of the engine as the benchmark runs them, and the CPU time they take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsim.phantom import Phantom
from mcsim.result import Result
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule

FloatArray = NDArray[np.float64]

SEED_MODEL = "6711"
HALF_LIFE_D = 59.4
PLAIN = "none"


def modes() -> tuple[str, ...]:
    """No variance reduction, and the engine's default."""
    return PLAIN, Settings().variance_reduction


def along_z(positions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Seed positions and axes, all along z."""
    return positions, np.tile([0.0, 0.0, 1.0], (len(positions), 1))


def simulation_of(
    phantom: Phantom,
    seeds: tuple[FloatArray, FloatArray],
    mode: str,
    target_weight: FloatArray | None = None,
    threads: int = 1,
    **settings: Any,
) -> Simulation:
    """A simulation with 6711 seeds of equal strength at (positions, axes)."""
    positions, axes = seeds
    return Simulation(
        phantom,
        SEED_MODEL,
        positions,
        axes,
        np.ones(len(positions)),
        HALF_LIFE_D,
        Settings(variance_reduction=mode, **settings),
        target_weight=target_weight,
        threads=threads,
    )


@dataclass(frozen=True)
class Timed:
    """A result, its dose per history and standard uncertainty, and the CPU seconds that all of it took."""

    result: Result
    dose: FloatArray
    std_dev: FloatArray
    cpu_s: float


def run_timed(simulation: Simulation, rule: StoppingRule, result: Result | None = None) -> Timed:
    """Run batches and read dose and uncertainty; both count."""
    start = time.process_time()
    result = simulation.run(rule, result)
    dose, std_dev = result.dose_per_history(), result.dose_per_history_std_dev()
    return Timed(result, dose, std_dev, time.process_time() - start)


def batches_of(simulation: Simulation, productive: float, number: int = 0) -> StoppingRule:
    """The rule for the `number`-th disjoint share of batches with some `productive` histories that leave their seed."""
    count = max(2, round(productive / simulation.settings.productive_histories_per_batch))
    return StoppingRule(batches=(number * count, (number + 1) * count))


def set_up_beyond_plain(make: Callable[[str], Simulation], mode: str) -> float:
    """CPU seconds that setting up with this variance reduction takes longer than without.

    Parameters
    ----------
    make : callable
        Sets up with the variance reduction given.
    mode : str
        The variance reduction.
    """
    seconds = {}
    for way in (PLAIN, mode):
        begun = time.process_time()
        # what a mode needs of the implant is prepared when it is first asked for
        _ = make(way).transport.control
        seconds[way] = time.process_time() - begun
    return max(0.0, seconds[mode] - seconds[PLAIN])


def warm(simulation: Simulation) -> None:
    """Compile what is not compiled, touch the memory: two batches that nobody counts."""
    run_timed(simulation, StoppingRule(batches=(0, 2)))


def rms_percent(timed: Timed, chosen: NDArray[np.bool_]) -> float:
    """Root mean square of the relative standard uncertainty over chosen voxels, %."""
    return 100.0 * float(np.sqrt(np.mean((timed.std_dev[chosen] / timed.dose[chosen]) ** 2)))
