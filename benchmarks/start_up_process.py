"""The command line as it runs, with the times of its stages: first argument the moment of the start, then the command.

The first history ends where the first batch ends less the time of a batch that finds everything loaded.
"""

from __future__ import annotations

import time

_BEGUN = time.monotonic()

import json  # noqa: E402
import sys  # noqa: E402


def run_command(start: float) -> dict[str, float]:
    """Run the command in ``sys.argv`` and return the stages' times, s."""
    from validation import cli

    imported = time.monotonic()
    marks = {"interpreter_s": _BEGUN - start, "imports_s": imported - _BEGUN}

    import numba.core.event as numba_events

    # The engine itself is loaded by the command, as always; what follows it is timed from inside.
    from mcsim.batch_transport import BatchTransport
    from mcsim.simulation import Simulation

    marks["imports_s"] = time.monotonic() - _BEGUN
    batches: list[tuple[float, float]] = []
    cpu: list[float] = []
    initialise, score = Simulation.__init__, BatchTransport.scored

    def timed_initialise(self: Simulation, *arguments: object, **named: object) -> None:
        begun = time.monotonic()
        marks["case_s"] = begun - start - marks["interpreter_s"] - marks["imports_s"]
        initialise(self, *arguments, **named)  # type: ignore[arg-type]
        marks["prepare_s"] = time.monotonic() - begun

    def timed_score(self: BatchTransport, number: int) -> object:
        begun = time.monotonic()
        scored = score(self, number)
        batches.append((begun, time.monotonic()))
        cpu.append(time.process_time())
        return scored

    Simulation.__init__ = timed_initialise  # type: ignore[method-assign]
    BatchTransport.scored = timed_score  # type: ignore[assignment, method-assign]
    with numba_events.install_recorder("numba:compile") as recorder:
        try:
            cli.main()
        except SystemExit as end:
            if end.code:
                raise
    quick = min(end - begun for begun, end in batches)
    marks["first_history_s"] = batches[0][1] - start - quick
    marks["first_history_cpu_s"] = cpu[0] - quick
    marks["compile_s"] = covered([(when, event.is_start) for when, event in recorder.buffer])
    return marks


def covered(marks: list[tuple[float, bool]]) -> float:
    """Time in compilations, those within others counted once, from (moment, whether one starts)."""
    total, depth, begun = 0.0, 0, 0.0
    for when, is_start in sorted(marks, key=lambda mark: mark[0]):
        if is_start:
            begun = when if depth == 0 else begun
            depth += 1
        else:
            depth -= 1
            total += when - begun if depth == 0 else 0.0
    return total


if __name__ == "__main__":
    print(json.dumps(run_command(float(sys.argv.pop(1)))))
