"""ΔD = (interseed, patient) − (superposition, water): CPU time to 1 % of the local dose, against two plain runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine import Timed, batches_of, modes, run_timed, set_up_beyond_plain, warm
from benchmarks.machine import one_core
from benchmarks.row import Row
from mcsim.simulation import Simulation
from validation.case import Case, built_in, read_dicom
from validation.studies.monte_carlo import MonteCarloOptions, prepare_simulation

FloatArray = NDArray[np.float64]

PRODUCTIVE = 1.2e6  # histories of a run that leave their seed
SOFT_TISSUE = ("muscle", "mean_male_soft_tissue")
GOAL_PERCENT = 1.0
FULL, REFERENCE = ("interseed", "patient"), ("superposition", "water")


def case_of(name: str) -> Case | None:
    """The built-in neck; neck109 where its folder is found, beside the checkout or in ``SEEDMC_SHARED``."""
    if name == "neck":
        return built_in(name)
    beside = Path(__file__).parents[2] / "shared"
    folder = Path(os.environ.get("SEEDMC_SHARED", beside)) / "cases" / name
    return read_dicom(folder, ct_series="ct", plan="rtplan_pre.dcm") if folder.is_dir() else None


def measure_difference(rounds: int, names: Sequence[str]) -> list[Row]:
    """One row per case."""
    rows = []
    with one_core():
        for name in names:
            case = case_of(name)
            if case is None:
                note = "left out: the case's folder is not there (set SEEDMC_SHARED)"
                rows.append(Row(_what(name), (), "", 5.0, True, note=note))
            else:
                rows.append(_measure(name, case, rounds))
    return rows


def _what(name: str) -> str:
    return f"ΔD to 1 % in the soft-tissue target of {name}: CPU time of two plain runs over ours"


def _prepared(case: Case, mode: str, seeds: str, media: str) -> Simulation:
    """A simulation of the case; with the default variance reduction it keeps the superposition in water."""
    return prepare_simulation(
        case,
        MonteCarloOptions(seeds=seeds, media=media, variance_reduction=mode, difference=mode != modes()[0]),
    )


def _measure(name: str, case: Case, rounds: int) -> Row:
    plain, default = modes()
    simulations = {
        "full": _prepared(case, plain, *FULL),
        "water": _prepared(case, plain, *REFERENCE),
        "ours": _prepared(case, default, *FULL),
    }
    runs: dict[str, list[Timed]] = {what: [] for what in simulations}
    for simulation in simulations.values():
        warm(simulation)
    extra = []
    for k in range(rounds):
        for what, simulation in simulations.items():
            runs[what].append(run_timed(simulation, batches_of(simulation, PRODUCTIVE, k)))
        extra.append(set_up_beyond_plain(lambda mode: _prepared(case, mode, *FULL), default))
    target = _soft_tissue(simulations["full"])
    known = runs["ours"][0].result.difference_to_water()[0]
    target &= np.isfinite(known)
    local = np.mean([run.dose[target] for run in runs["full"]], axis=0)
    # Two independent plain runs, the time divided between them in the best way: T = (√q₁ + √q₂)² / (1 %)² with
    # q the squared relative uncertainty times the CPU time of each.
    apart = [
        sum(_quality(runs[what][k], target, local) ** 0.5 for what in ("full", "water")) ** 2
        / GOAL_PERCENT**2
        for k in range(rounds)
    ]
    # The superposition in water is known; ΔD is as uncertain as the dose.
    ours = [_quality(runs["ours"][k], target, local) / GOAL_PERCENT**2 + extra[k] for k in range(rounds)]
    note = (
        f"{np.median(apart):.2f} CPU s against {np.median(ours):.2f} CPU s ({np.median(extra):.2f} s of it set-up); "
        f"two plain runs with common random numbers {_common(runs['full'], runs['water'], target, local):.2f} s; "
        f"stated variance {_stated_over_seen(runs['ours'], target):.3f} of that between rounds; "
        f"{int(target.sum())} voxels"
    )
    return Row(_what(name), tuple(a / b for a, b in zip(apart, ours, strict=True)), "", 5.0, True, note=note)


def _soft_tissue(simulation: Simulation) -> NDArray[np.bool_]:
    """Voxels at least half in the target, of soft tissue, that no seed touches."""
    phantom = simulation.phantom
    indices = [k for k, medium in enumerate(phantom.media) if medium in SOFT_TISSUE]
    soft = np.isin(phantom.medium[phantom.scoring], indices)
    return np.asarray((simulation.target_weight >= 0.5) & soft & (simulation.tissue_fraction == 1.0))


def _quality(run: Timed, target: NDArray[np.bool_], local: FloatArray) -> float:
    """Mean squared uncertainty in % of the local dose, times the CPU time, %² s."""
    return float(np.mean((100.0 * run.std_dev[target] / local) ** 2)) * run.cpu_s


def _stated_over_seen(runs: list[Timed], target: NDArray[np.bool_]) -> float:
    """Mean stated variance over the variance between rounds."""
    seen = np.var([run.dose[target] for run in runs], axis=0, ddof=1)
    stated = np.mean([run.std_dev[target] ** 2 for run in runs], axis=0)
    return float(stated.sum() / seen.sum())


def _common(full: list[Timed], water: list[Timed], target: NDArray[np.bool_], local: FloatArray) -> float:
    """CPU time to the goal by plain runs that share their random numbers, from the spread of their difference."""
    difference = [a.dose[target] - b.dose[target] for a, b in zip(full, water, strict=True)]
    variance = float(np.mean(np.var(difference, axis=0, ddof=1) / (0.01 * local) ** 2))
    cpu = float(np.mean([a.cpu_s + b.cpu_s for a, b in zip(full, water, strict=True)]))
    return variance * cpu / GOAL_PERCENT**2
