"""Measure, print the table, and write docs/performance.md: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks import machine, scaling
from benchmarks.difference import measure_difference
from benchmarks.efficiency import measure_efficiency
from benchmarks.engine import modes
from benchmarks.implant import measure_implant
from benchmarks.memory import measure_memory
from benchmarks.neck13 import CENTRAL_CUBE
from benchmarks.page import write_page
from benchmarks.row import Row
from benchmarks.start_up import measure_start_up
from benchmarks.tg43_speed import measure_tg43
from benchmarks.yardstick import run_yardstick

REPOSITORY = Path(__file__).parents[1]
FULL_ROUNDS, QUICK_ROUNDS = 5, 2
COLD_ROUNDS = 2  # half a minute each


class Measurement:
    """Collects the rows and curves of one run, and prints each row when it is there.

    Parameters
    ----------
    quick : bool
        Fewer rounds; no empty cache, no curves of several runs.
    """

    def __init__(self, quick: bool) -> None:
        self.quick, self.rounds = quick, QUICK_ROUNDS if quick else FULL_ROUNDS
        self.rows: list[Row] = []
        self.seen: dict[str, object] = {}
        self.curves: dict[str, scaling.Curve] = {}
        self.loads = [machine.load()]

    def take(self, rows: list[Row]) -> None:
        """Keep and print rows."""
        self.rows += rows
        self.loads.append(machine.load())
        print("\n".join(row.line() for row in rows), flush=True)

    def efficiency(self) -> None:
        """Efficiency on neck13, plain and default."""
        rows, self.seen["neck13"] = measure_efficiency(self.rounds)
        self.take(rows)

    def implant(self) -> None:
        """A hundred seeds to 2 %."""
        rows, self.seen["implant"] = measure_implant(self.rounds)
        self.take(rows)

    def difference(self) -> None:
        """ΔD to 1 %."""
        names = ("neck",) if self.quick else ("neck", "neck109")
        self.take(measure_difference(self.rounds, names))

    def scaling(self) -> None:
        """Threads, seeds, voxels, histories."""
        self.take([scaling.measure_threads(self.rounds)])
        row, self.curves["seeds"] = scaling.measure_seed_counts(
            self.rounds, scaling.SEED_COUNTS[:: 5 if self.quick else 1]
        )
        self.take([row])
        if not self.quick:
            self.curves["voxels"] = scaling.measure_voxels()
            for mode in modes():
                self.curves[f"histories {mode}"] = scaling.measure_histories(mode, CENTRAL_CUBE)
            runs = [run_yardstick(k, round(n / 1e5)) for k, n in enumerate(scaling.RUN_LENGTHS)]
            self.curves["yardstick"] = {
                "cpu_s": [run.cpu_s for run in runs],
                "rms_percent": [run.rms_percent for run in runs],
            }

    def memory(self) -> None:
        """Peak memory."""
        self.take([measure_memory(1 if self.quick else self.rounds)])

    def start_up(self) -> None:
        """Warm and empty caches."""
        self.take(measure_start_up(self.rounds, 0 if self.quick else COLD_ROUNDS))

    def tg43(self) -> None:
        """The fast TG-43 path."""
        self.take(measure_tg43(self.rounds))

    def record(self, seconds: float) -> dict[str, object]:
        """Everything measured, for the JSON file and the page."""
        return {
            "mode": "quick" if self.quick else "full",
            "date": date.today().isoformat(),
            "seconds": round(seconds),
            "rounds": self.rounds,
            "machine": machine.facts(),
            "load": [round(float(np.min(self.loads)), 2), round(float(np.max(self.loads)), 2)],
            "variance_reduction": list(modes()),
            "rows": [row.record() for row in self.rows],
            "seen": self.seen,
            "curves": self.curves,
        }


PARTS: dict[str, Callable[[Measurement], None]] = {
    "efficiency": Measurement.efficiency,
    "implant": Measurement.implant,
    "difference": Measurement.difference,
    "scaling": Measurement.scaling,
    "memory": Measurement.memory,
    "start-up": Measurement.start_up,
    "tg43": Measurement.tg43,
}


def main() -> None:
    """Measure the chosen parts; a whole run writes the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds, under two minutes; writes no page"
    )
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="these parts alone; writes no page")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs", help="folder of the page")
    options = parser.parse_args()
    begun = time.monotonic()
    measurement = Measurement(options.quick)
    for name in options.only or PARTS:
        PARTS[name](measurement)
    record = measurement.record(time.monotonic() - begun)
    if options.only or options.quick:
        print(f"{record['seconds']} s; no page is written by a part or a quick run")
    else:
        print(f"{record['seconds']} s -> {write_page(record, options.out)}")


if __name__ == "__main__":
    main()
