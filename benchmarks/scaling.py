"""How the time grows: threads, seeds, voxels, histories."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine import (
    along_z,
    batches_of,
    modes,
    rms_percent,
    run_timed,
    set_up_beyond_plain,
    simulation_of,
    warm,
)
from benchmarks.machine import one_core
from benchmarks.neck13 import VOXELS, neck13
from benchmarks.row import Row, ratios
from mcsim.phantom import Phantom, surrounded
from mcsim.simulation import Simulation

PRODUCTIVE = 6e5  # histories of a run that leave their seed
SEED_COUNTS = (1, 8, 27, 64, 125, 200)
VOXELS_ALONG_EDGE = (12, 20, 30, 40, 60, 80, 120)  # of the 6 cm cube: 5 mm to 0.5 mm
RUN_LENGTHS = (3e5, 6e5, 1.2e6, 2.4e6, 4.8e6)  # histories that leave their seed

Curve = dict[str, list[float]]


def measure_threads(rounds: int) -> Row:
    """Wall time with one thread on one core over that with two on two; neck13 with the default settings."""
    mode = modes()[-1]
    one, two = (neck13(mode, threads=n) for n in (1, 2))
    for simulation in (one, two):
        warm(simulation)
    times: dict[int, list[float]] = {1: [], 2: []}
    cpu: dict[int, list[float]] = {1: [], 2: []}
    for k in range(rounds):
        for threads, simulation in ((1, one), (2, two)):
            # One thread has one core: on two, what adds up the batches would be a second one.
            with one_core() if threads == 1 else nullcontext():
                start, used = time.perf_counter(), time.process_time()
                simulation.run(batches_of(simulation, 2 * PRODUCTIVE, k))
                times[threads].append(time.perf_counter() - start)
                cpu[threads].append(time.process_time() - used)
    note = (
        f"{np.median(times[1]):.2f} s against {np.median(times[2]):.2f} s, wall time; "
        f"CPU time of both threads {np.median(ratios(cpu[2], cpu[1])):.2f} times that of one"
    )
    return Row("Two threads: speed over one thread's", ratios(times[1], times[2]), "", 1.85, True, note=note)


def lattice_in_water(mode: str, seeds: int) -> Simulation:
    """Up to 216 seeds 9 mm apart in a water cube of 30 cm, scored in 6 cm of 1 mm voxels; those in the middle first."""
    fine = np.round(np.linspace(-3.0, 3.0, VOXELS + 1), 10)
    planes, scoring = surrounded([fine] * 3, [np.array([-15.0, 15.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    phantom = Phantom(
        planes, np.zeros(shape, np.uint8), np.full(shape, 0.998, np.float32), ("water",), scoring
    )
    corners = 0.9 * (np.array(list(product(range(6), repeat=3))) - 2.5)
    nearest = np.argsort(np.linalg.norm(corners, axis=1), kind="stable")
    return simulation_of(phantom, along_z(corners[nearest[:seeds]]), mode)


def measure_seed_counts(rounds: int, counts: Sequence[int] = SEED_COUNTS) -> tuple[Row, Curve]:
    """CPU time per history against the number of solid seeds."""
    mode = modes()[-1]
    cost: dict[int, list[float]] = {}
    with one_core():
        simulations = {n: lattice_in_water(mode, n) for n in counts}
        for simulation in simulations.values():
            warm(simulation)
        for k in range(rounds):
            for n, simulation in simulations.items():
                timed = run_timed(simulation, batches_of(simulation, PRODUCTIVE, k))
                cost.setdefault(n, []).append(1e6 * timed.cpu_s / timed.result.histories)
    curve = {
        "seeds": [float(n) for n in cost],
        "us_per_history": [float(np.median(c)) for c in cost.values()],
    }
    per_count = ", ".join(f"{n}: {np.median(c):.3f}" for n, c in cost.items())
    growth = ratios(cost[counts[-1]], cost[counts[0]])
    row = Row(
        "200 seeds: cost per history over one seed's",
        growth,
        "",
        1.5,
        False,
        note=f"µs per history: {per_count}",
    )
    return row, curve


def measure_voxels() -> Curve:
    """CPU time per history, and histories, against the number of scoring voxels; neck13."""
    curve: Curve = {"voxels": [], "us_per_history": []}
    with one_core():
        for along_edge in VOXELS_ALONG_EDGE:
            simulation = neck13(modes()[-1], along_edge)
            warm(simulation)
            timed = run_timed(simulation, batches_of(simulation, PRODUCTIVE))
            curve["voxels"].append(float(along_edge) ** 3)
            curve["us_per_history"].append(1e6 * timed.cpu_s / timed.result.histories)
    return curve


def measure_histories(mode: str, chosen: NDArray[np.bool_]) -> Curve:
    """CPU time (set-up of the mode included), histories and rms over chosen voxels of runs of neck13."""
    curve: Curve = {"cpu_s": [], "histories": [], "rms_percent": []}
    with one_core():
        simulation = neck13(mode)
        warm(simulation)
        voxels = chosen & (simulation.tissue_fraction == 1.0)
        set_up = set_up_beyond_plain(neck13, mode)
        for productive in RUN_LENGTHS:
            timed = run_timed(simulation, batches_of(simulation, productive))
            if not np.all(timed.dose[voxels] > 0.0):
                continue  # a curve begins where every voxel has scored
            curve["cpu_s"].append(timed.cpu_s + set_up)
            curve["histories"].append(float(timed.result.histories))
            curve["rms_percent"].append(rms_percent(timed, voxels))
    return curve
