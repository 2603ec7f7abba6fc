"""Progress of long work: one live line on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import os
import sys
import time
from math import isfinite
from types import TracebackType
from typing import TYPE_CHECKING

from validation.compile_watch import CompileWatch

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from mcsim.simulation_settings import Progress as SimulationProgress

LINE_INTERVAL_S = 10.0
_BAR_WIDTH = 12
_MINUTE_S, _HOUR_S = 60.0, 3600.0


class Reporter:
    """Tells how far a piece of work is.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = -LINE_INTERVAL_S
        self._announced = False
        self._pace = _Pace()
        self._histories = _Pace()
        self._watch = CompileWatch(self._compiling)

    def __enter__(self) -> Reporter:
        if self._quiet:
            return self
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            self._start_bar()
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._quiet:
            return
        self._watch.stop()
        if kind is None:
            self._compiled()
        if self._bar:
            self._bar.stop()

    def say(self, line: str) -> None:
        """One line about a finished step."""
        if self._quiet:
            return
        self._compiled()
        self._line(line)
        self._wait("")

    def phase_space(self, share: float) -> None:
        """Share done of what is made once for every seed model: its phase space, its dose in water."""
        self.step("preparing the seed (once per machine)", share, f"{100 * share:.0f} %")

    def simulation(self, progress: SimulationProgress) -> None:
        """Histories, their rate, uncertainty so far and time left."""
        if self._quiet:
            return
        rate = self._histories.rate("Monte Carlo", float(progress.histories))
        facts = [f"{_count(progress.histories)} histories"]
        if rate > 0.0:
            facts.append(f"{_count(rate)}/s")
        if isfinite(progress.uncertainty):
            facts.append(f"±{100 * progress.uncertainty:.2f} % in target")
        if isfinite(progress.remaining_s):
            facts.append(f"{_duration(progress.remaining_s)} left")
        total = progress.elapsed_s + progress.remaining_s
        self._show("Monte Carlo", progress.elapsed_s / total if total else 1.0, ", ".join(facts), False)

    def step(self, what: str, share: float, facts: str) -> None:
        """Share done of a piece of work, and what is known so far; the time left follows from the shares so far."""
        if self._quiet:
            return
        rate = self._pace.rate(what, share)
        if rate > 0.0 and share < 1.0:
            facts = f"{facts}, {_duration((1.0 - share) / rate)} left"
        self._show(what, share, facts, share >= 1.0)

    def _show(self, what: str, share: float, facts: str, last: bool) -> None:
        self._compiled()
        if self._bar and self._task is not None:
            self._bar.update(self._task, description=what, total=1.0, completed=share, facts=facts)
        elif last or time.monotonic() - self._last_line > LINE_INTERVAL_S:
            self._last_line = time.monotonic()
            self._line(f"{what}: {facts}")

    def _wait(self, what: str) -> None:
        """A live line for work that cannot tell how far it is."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, description=what, total=None, facts="")

    def _line(self, line: str) -> None:
        if self._bar:
            # Names come from files: no markup is read in them, and no line is broken.
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def _compiling(self, transport: bool) -> None:
        what = "compiling the Monte Carlo kernels" if transport else "compiling"
        if transport and not self._announced:
            what += ", once per machine and version: about half a minute in all"
        elif not self._announced:
            what += ", once per machine and version"
        self._announced = self._announced or transport
        self._line(what)
        self._wait("compiling")

    def _compiled(self) -> None:
        seconds = self._watch.taken()
        if seconds is not None:
            self._line(f"compiled in {seconds:.0f} s")
            self._wait("")

    def _start_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
        from rich.text import Text

        class Elapsed(ProgressColumn):
            """Time since the command began, where nothing tells how long is left."""

            def render(self, task: Task) -> Text:
                return Text(_duration(task.elapsed or 0.0) if task.total is None else "")

        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), Elapsed(), BarColumn(_BAR_WIDTH),
            TextColumn("{task.fields[facts]}", markup=False),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=None, facts="")
        self._bar.start()


class _Pace:
    """How fast a number grows, from the first time it was told: what came before was preparation."""

    def __init__(self) -> None:
        self._what = ""
        self._first = (0.0, 0.0)
        self._last = 0.0

    def rate(self, what: str, value: float) -> float:
        """Growth per second; 0 while it is not known."""
        now = time.monotonic()
        if what != self._what or value < self._last:
            self._what, self._first = what, (now, value)
        self._last = value
        elapsed, grown = now - self._first[0], value - self._first[1]
        return grown / elapsed if elapsed > 0.0 else 0.0


def _count(number: float) -> str:
    """Three digits and the letter of their power.

    Examples
    --------
    >>> [_count(n) for n in (950, 12_300, 2_010_000, 4.5e9)]
    ['950', '12.3 k', '2.01 M', '4.5 G']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.0f}"


def _duration(seconds: float) -> str:
    """Seconds in the units a person would name.

    Examples
    --------
    >>> [_duration(s) for s in (0.2, 45, 150, 5400)]
    ['0 s', '45 s', '2 min 30 s', '1 h 30 min']
    """
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest:02d} min"
