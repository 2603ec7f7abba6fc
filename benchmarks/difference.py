"""ΔD = (interseed, patient) − (superposition, water): CPU time to 1 % of the local dose, against two plain runs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine import modes, run_timed, warm
from benchmarks.machine import one_core
from benchmarks.row import Row
from mcsim.simulation import Simulation
from mcsim.simulation_settings import StoppingRule
from validation.case import Case, built_in, read_dicom
from validation.studies.monte_carlo import MonteCarloOptions, prepare_simulation

FloatArray = NDArray[np.float64]

BATCHES = 20
SOFT_TISSUE = ("muscle", "mean_male_soft_tissue")
GOAL_PERCENT = 1.0
FULL, REFERENCE = ("interseed", "patient"), ("superposition", "water")


def cases() -> dict[str, Case | None]:
    """The built-in neck, and neck109 where its folder is found: beside the checkout or in ``SEEDMC_SHARED``."""
    beside = Path(__file__).parents[2] / "shared"
    folder = Path(os.environ.get("SEEDMC_SHARED", beside)) / "cases" / "neck109"
    found = read_dicom(folder, ct_series="ct", plan="rtplan_pre.dcm") if folder.is_dir() else None
    return {"neck": built_in("neck"), "neck109": found}


def measure_difference(rounds: int) -> list[Row]:
    """One row per case."""
    rows = []
    with one_core():
        for name, case in cases().items():
            if case is None:
                note = "left out: the case's folder is not there (set SEEDMC_SHARED)"
                rows.append(Row(_what(name), (), "", 5.0, True, note=note))
            else:
                rows.append(_measure(name, case, rounds))
    return rows


def _what(name: str) -> str:
    return f"ΔD to 1 % in the soft-tissue target of {name}: CPU time of two plain runs over ours"


def _prepared(case: Case, mode: str, seeds: str, media: str, run_seed: int) -> tuple[Simulation, float]:
    """A simulation of the case with this variance reduction, and the CPU time it took to set up."""
    begun = time.process_time()
    chosen: dict[str, Any] = {"seeds": seeds, "media": media, "run_seed": run_seed}
    if "variance_reduction" in MonteCarloOptions.__dataclass_fields__:
        chosen["variance_reduction"] = mode
    options = MonteCarloOptions(**chosen)
    return prepare_simulation(case, options), time.process_time() - begun


def _measure(name: str, case: Case, rounds: int) -> Row:
    plain, default = modes()[0], modes()[-1]
    runs: dict[tuple[str, str, str], list[tuple[FloatArray, FloatArray, float]]] = {}
    simulations: dict[tuple[str, str, str], Simulation] = {}
    extra = 0.0
    for what in (FULL, REFERENCE):
        _prepared(case, plain, *what, run_seed=1)
        simulations[plain, *what], at_least = _prepared(case, plain, *what, run_seed=1)
        simulations[default, *what], needed = _prepared(case, default, *what, run_seed=1)
        extra += max(0.0, needed - at_least) if default != plain else 0.0
    full = simulations[plain, *FULL]
    target = _soft_tissue(full)
    for simulation in simulations.values():
        warm(simulation)
    for k in range(rounds):
        rule = StoppingRule(batches=(k * BATCHES, (k + 1) * BATCHES))
        for key, simulation in simulations.items():
            timed = run_timed(simulation, rule)
            runs.setdefault(key, []).append((timed.dose[target], timed.std_dev[target], timed.cpu_s))
    local = np.mean([dose for dose, _, _ in runs[plain, *FULL]], axis=0)
    # Two independent plain runs, the time divided between them in the best way: T = (√q₁ + √q₂)² / (1 %)² with
    # q the squared relative uncertainty times the CPU time of each.
    apart = [
        sum(_quality(runs[plain, *what][k], local) ** 0.5 for what in (FULL, REFERENCE)) ** 2
        / GOAL_PERCENT**2
        for k in range(rounds)
    ]
    together, common = (
        _time_of_difference(runs[mode, *FULL], runs[mode, *REFERENCE], local) for mode in (default, plain)
    )
    ours = together + extra
    note = (
        f"{np.median(apart):.2f} CPU s against {ours:.2f} CPU s ({extra:.2f} s of it set-up); with common random "
        f"numbers alone {common:.2f} s; {int(target.sum())} voxels"
    )
    return Row(_what(name), tuple(a / ours for a in apart), "", 5.0, True, note=note)


def _soft_tissue(simulation: Simulation) -> NDArray[np.bool_]:
    """Voxels at least half in the target, of soft tissue, that no seed touches."""
    phantom = simulation.phantom
    indices = [k for k, medium in enumerate(phantom.media) if medium in SOFT_TISSUE]
    soft = np.isin(phantom.medium[phantom.scoring], indices)
    return np.asarray((simulation.target_weight >= 0.5) & soft & (simulation.tissue_fraction == 1.0))


def _quality(run: tuple[FloatArray, FloatArray, float], local: FloatArray) -> float:
    """Mean squared uncertainty in % of the local dose, times the CPU time, %² s."""
    _, std_dev, cpu = run
    return float(np.mean((100.0 * std_dev / local) ** 2)) * cpu


def _time_of_difference(
    full: list[tuple[FloatArray, FloatArray, float]],
    reference: list[tuple[FloatArray, FloatArray, float]],
    local: FloatArray,
) -> float:
    """CPU time after which the rms uncertainty of the difference of two runs is 1 % of the local dose."""
    difference = np.array([a[0] - b[0] for a, b in zip(full, reference, strict=True)])
    variance = float(np.mean(difference.var(axis=0, ddof=1) / (0.01 * local) ** 2))
    cpu = float(np.mean([a[2] + b[2] for a, b in zip(full, reference, strict=True)]))
    return variance * cpu / GOAL_PERCENT**2
