"""Efficiency on neck13, engine and yardstick by turns on one core."""

from __future__ import annotations

import numpy as np

from benchmarks.engine import batches_of, modes, rms_percent, run_timed, warm
from benchmarks.machine import one_core
from benchmarks.neck13 import CENTRAL_CUBE, VOXELS, neck13
from benchmarks.row import Row, ratios
from benchmarks.yardstick import YardstickRun, run_yardstick

PRODUCTIVE = (
    2.4e6  # histories of a round that leave their seed; far fewer leave voxels behind bone without any
)


def measure_efficiency(rounds: int) -> tuple[list[Row], dict[str, object]]:
    """Rows of the engine's default and plain scoring, and what else was seen."""
    with one_core():
        simulations = {mode: neck13(mode) for mode in modes()}
        runs: dict[str, list[tuple[float, np.ndarray, np.ndarray, float]]] = {m: [] for m in simulations}
        yardsticks: list[YardstickRun] = []
        for simulation in simulations.values():
            warm(simulation)
        inside = CENTRAL_CUBE.reshape((VOXELS,) * 3)
        for k in range(rounds):
            yardsticks.append(run_yardstick(k))
            for mode, simulation in simulations.items():
                chosen = inside & (simulation.tissue_fraction == 1.0)
                timed = run_timed(simulation, batches_of(simulation, PRODUCTIVE, k))
                efficiency = 1.0 / (rms_percent(timed, chosen) ** 2 * timed.cpu_s)
                runs[mode].append(
                    (
                        efficiency,
                        timed.dose[chosen],
                        timed.std_dev[chosen],
                        timed.result.histories / timed.cpu_s,
                    )
                )
    base = [y.efficiency for y in yardsticks]
    facts: dict[str, object] = {
        "yardstick_histories_per_s": [y.histories_per_s for y in yardsticks],
        "yardstick_efficiency": base,
        "yardstick_step_ns": [y.step_ns for y in yardsticks],
        "stated_over_seen_variance": {m: variance_ratio(r) for m, r in runs.items()},
    }
    rows = []
    for mode, label, target, stretch in (
        (modes()[-1], f"neck13, default variance reduction ({modes()[-1]})", 3.0, 6.0),
        ("none", "neck13, variance reduction none", 1.0, None),
    ):
        values = [r[0] for r in runs[mode]]
        rate = np.median([r[3] for r in runs[mode]])
        note = (
            f"efficiency {np.median(values):.3g} 1/s against {np.median(base):.3g} 1/s of the yardstick; "
            f"{rate / 1e6:.2f} M histories/s; stated variance {variance_ratio(runs[mode]):.3f} of that between rounds"
        )
        rows.append(
            Row(
                f"{label}: efficiency over the yardstick's",
                ratios(values, base),
                "",
                target,
                True,
                stretch,
                note,
            )
        )
    return rows, facts


def variance_ratio(runs: list[tuple[float, np.ndarray, np.ndarray, float]]) -> float:
    """Mean stated variance over the variance between rounds, both relative to the squared mean dose."""
    dose, std_dev = np.array([r[1] for r in runs]), np.array([r[2] for r in runs])
    relative = dose.mean(axis=0) ** 2
    if len(runs) < 2:
        return float("nan")
    return float(((std_dev**2).mean(axis=0) / relative).mean() / (dose.var(axis=0, ddof=1) / relative).mean())
