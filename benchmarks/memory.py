"""Peak memory of a simulation on 128³ voxels, in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.engine import along_z, modes, simulation_of
from benchmarks.row import Row
from mcsim.phantom import Phantom, surrounded
from mcsim.simulation_file import run_to_file
from mcsim.simulation_settings import StoppingRule

VOXELS, VOXEL = 128, 0.1
SEEDS_ALONG_EDGE = 3
THREADS = 2
BATCHES = 24  # more than the groups, so that everything a long run keeps is there


def measure_memory(rounds: int) -> Row:
    """Largest resident size, MB (10⁶ bytes), from the start of Python to the written result."""
    values, stages = [], ""
    for _ in range(rounds):
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory"],
            cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
        )  # fmt: skip
        stages, _, peak = run.stdout.strip().rpartition("\n")
        values.append(float(peak))
    note = "by stage: " + ", ".join(stages.splitlines())
    what = f"Peak memory, {VOXELS}³ voxels, {THREADS} threads, {SEEDS_ALONG_EDGE**3} seeds"
    return Row(what, tuple(values), "MB", 600.0, False, note=note)


def peak_mb() -> float:
    """Largest resident size of this process so far.

    Linux gives `ru_maxrss` of the process that started this one where that was larger; its own is in /proc.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (text for text in status.read_text().splitlines() if text.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def simulate_128() -> None:
    """Run the simulation, write its result, and print the peak after each stage."""
    print(f"imports {peak_mb():.0f}")
    fine = np.round(0.5 * VOXEL * VOXELS * np.linspace(-1.0, 1.0, VOXELS + 1), 10)
    planes, scoring = surrounded([fine] * 3, [np.array([-15.0, 15.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    medium = np.zeros(shape, np.uint8)
    medium[shape[0] // 2 + 15 :] = 1
    density = np.array([0.998, 1.92], dtype=np.float32)[medium]
    phantom = Phantom(planes, medium, density, ("water", "cortical_bone"), scoring)
    middle = 0.5 * (SEEDS_ALONG_EDGE - 1)
    positions = np.array(list(product(range(SEEDS_ALONG_EDGE), repeat=3))) - middle
    simulation = simulation_of(phantom, along_z(positions), modes()[-1], threads=THREADS)
    print(f"prepared {peak_mb():.0f}")
    with tempfile.TemporaryDirectory() as folder:
        result = run_to_file(simulation, StoppingRule(batches=(0, BATCHES)), Path(folder) / "result.h5")
    print(f"run and written {peak_mb():.0f}")
    result.dose()
    result.dose_std_dev()
    print(f"dose and uncertainty read {peak_mb():.0f}")


if __name__ == "__main__":
    simulate_128()
    print(peak_mb())
