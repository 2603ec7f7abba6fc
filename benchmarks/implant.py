"""A hundred seeds: CPU time to 2 % in the target, scaled to a reference machine by the yardstick."""

from __future__ import annotations

from itertools import product

import numpy as np

from benchmarks.engine import along_z, modes, run_timed, set_up_beyond_plain, simulation_of, warm
from benchmarks.machine import one_core
from benchmarks.row import Row
from benchmarks.yardstick import run_yardstick
from mcsim.phantom import Phantom, surrounded
from mcsim.simulation import Simulation
from mcsim.simulation_settings import StoppingRule

LATTICE = (5, 4, 5)
TARGET = np.array([3.4, 2.8, 3.8])  # cm
VOXEL = 0.2  # cm
MARGIN = 5  # voxels scored around the target
UNCERTAINTY = 0.02
REFERENCE_HISTORIES_PER_S = 2.0e6


def implant(mode: str) -> Simulation:
    """5 × 4 × 5 seeds of 6711, one in the middle of each cell of the target, in a water cube of 30 cm."""
    voxels = np.round(TARGET / VOXEL).astype(int)
    fine = [VOXEL * (np.arange(n + 2 * MARGIN + 1) - MARGIN - 0.5 * n) for n in voxels]
    planes, scoring = surrounded(fine, [np.array([-15.0, 15.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    phantom = Phantom(
        planes, np.zeros(shape, np.uint8), np.full(shape, 0.998, np.float32), ("water",), scoring
    )
    cells = np.array(list(product(*map(range, LATTICE)))) + 0.5
    positions = (cells / LATTICE - 0.5) * TARGET
    target = np.pad(np.ones(tuple(voxels)), MARGIN)
    return simulation_of(phantom, along_z(positions), mode, target)


def measure_implant(rounds: int) -> tuple[list[Row], dict[str, object]]:
    """Rows for the default and the plain path, and what else was seen."""
    rows: list[Row] = []
    facts: dict[str, object] = {}
    with one_core():
        for mode in reversed(modes()):
            row, facts[mode] = _measure(mode, rounds)
            rows.append(row)
    return rows, facts


def _measure(mode: str, rounds: int) -> tuple[Row, dict[str, object]]:
    scaled, cpu, set_up, reached, histories = [], [], [], [], []
    simulation = implant(mode)
    warm(simulation)
    for k in range(rounds):
        speed = run_yardstick(k).histories_per_s
        first = 1_000 * k
        timed = run_timed(simulation, StoppingRule(batches=(first, first + 999), uncertainty=UNCERTAINTY))
        # What a mode prepares beyond the plain path counts as part of its transport.
        set_up.append(set_up_beyond_plain(implant, mode))
        cpu.append(timed.cpu_s + set_up[-1])
        scaled.append(cpu[-1] * speed / REFERENCE_HISTORIES_PER_S)
        reached.append(timed.result.mean_relative_uncertainty(simulation.target_weight))
        histories.append(timed.result.histories)
    size = simulation.settings.productive_histories_per_batch
    note = (
        f"{np.median(cpu):.3f} CPU s here, {np.median(set_up):.3f} s of it set-up of the mode; "
        f"{np.median(histories):.3g} histories, {100 * np.median(reached):.2f} % reached, "
        f"{size} productive histories per batch"
    )
    row = Row(
        f"100 seeds, 2 mm voxels, 2 %, variance reduction {mode}: CPU time at 2 M yardstick histories/s",
        tuple(scaled), "s", 0.2, False, 0.06, note,
    )  # fmt: skip
    return row, {"cpu_s": cpu, "set_up_s": set_up, "reached": reached, "histories": histories}
