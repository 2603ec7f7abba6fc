"""Progress of long work: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from math import isfinite
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from mcsim.cache import is_compiled
from mcsim.simulation_settings import Progress as SimulationProgress

LINE_INTERVAL_S = 10.0


class Reporter:
    """Tells how far a simulation is.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty() and not quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = 0.0

    def __enter__(self) -> Reporter:
        if self._terminal:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._bar.start()
        if not is_compiled():
            self.say("compiling the kernels, once per machine and version (about half a minute)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def say(self, line: str) -> None:
        """One line about a finished step."""
        if not self._quiet:
            (self._bar.console.print if self._bar else print)(line)

    def phase_space(self, share: float) -> None:
        """Share done of the seed's phase space."""
        self._show("seed phase space (once per machine)", share, f"{100 * share:.0f} %", share == 1.0)

    def simulation(self, progress: SimulationProgress) -> None:
        """Uncertainty so far and time left."""
        total = progress.elapsed_s + progress.remaining_s
        facts = (
            f"{progress.histories:.3g} histories"
            + (
                f", {100 * progress.uncertainty:.2f} % in the target"
                if isfinite(progress.uncertainty)
                else ""
            )
            + (f", {progress.remaining_s:.0f} s left" if isfinite(progress.remaining_s) else "")
        )
        self._show("Monte Carlo", progress.elapsed_s / total if total else 1.0, facts, False)

    def step(self, what: str, share: float, facts: str) -> None:
        """Share done of a piece of work, and what is known so far."""
        self._show(what, share, facts, share >= 1.0)

    def _show(self, what: str, share: float, facts: str, last: bool) -> None:
        if self._bar:
            if self._task is None:
                self._task = self._bar.add_task(what, total=1.0, facts=facts)
            self._bar.update(self._task, description=what, completed=share, facts=facts)
        elif not self._quiet and (last or time.monotonic() - self._last_line > LINE_INTERVAL_S):
            self._last_line = time.monotonic()
            print(f"{what}: {facts}", flush=True)
