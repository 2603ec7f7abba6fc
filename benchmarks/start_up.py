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
            note=_stages(warm[-1]),
        ),
        Row(
            "First-ever compile, empty cache folder",
            tuple(m["compile_s"] for m in cold), "s", 30.0, False,
            note=f"start to first history with the seed's phase space made on the way "
            f"{max(m['first_history_s'] for m in cold):.1f} s; announced: {'yes' if cold[0]['announced'] else 'no'}",
        ),
    ]  # fmt: skip


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
         str(folder / "neck.h5"), "--out", str(folder / "dose.h5"), "--histories", "1000", "--threads", "1"],
        capture_output=True, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    marks: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    marks["announced"] = "compiling" in run.stdout
    return marks
