"""From the start of the process to the first history, with warm caches and with an empty cache folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import one_core
from benchmarks.row import Row
from validation.case import built_in


def measure_start_up(rounds: int, cold_rounds: int) -> list[Row]:
    """Rows for warm and empty caches: ``seedmc simulate`` on the built-in neck case, one thread, one core."""
    with tempfile.TemporaryDirectory() as name, one_core():
        folder = Path(name)
        built_in("neck").write(folder / "neck.h5")
        _first_history(folder, {})
        warm = [_first_history(folder, {}) for _ in range(rounds)]
        cold = [
            _first_history(folder, {"SEEDMC_CACHE_DIR": str(folder / f"cache{k}")})
            for k in range(cold_rounds)
        ]
    return [
        Row(
            "Process start to first history, caches warm",
            tuple(m["first_history_s"] for m in warm), "s", 1.5, False,
            note=f"CPU time {min(m['first_history_cpu_s'] for m in warm):.2f} s or more; {_stages(warm[-1])}",
        ),
        _compile_row(cold),
    ]  # fmt: skip


def _compile_row(cold: list[dict[str, Any]]) -> Row:
    what = "First-ever compile, empty cache folder"
    if not cold:
        return Row(what, (), "s", 30.0, False, note="left out of a quick run")
    slowest = max(m["first_history_s"] for m in cold)
    announced = "announced" if all(m["announced"] for m in cold) else "not announced"
    note = f"{announced}; start to first history, the seed's phase space made on the way, {slowest:.1f} s"
    return Row(what, tuple(m["compile_s"] for m in cold), "s", 30.0, False, note=note)


def _stages(marks: dict[str, Any]) -> str:
    return (
        f"of this Python {marks['interpreter_s']:.2f} s, imports {marks['imports_s']:.2f} s, "
        f"case and phantom {marks['case_s']:.2f} s, seeds, tables and phase space {marks['prepare_s']:.2f} s"
    )


def _first_history(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Times of one fresh process, s from its start."""
    (folder / "dose.h5").unlink(missing_ok=True)
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.start_up_process", repr(time.monotonic()), "simulate",
         str(folder / "neck.h5"), "--out", str(folder / "dose.h5"), "--batches", "0:4", "--threads", "1"],
        cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    marks: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    marks["announced"] = "compiling" in run.stdout
    return marks
