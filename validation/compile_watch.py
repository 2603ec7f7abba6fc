"""When kernels are compiled, and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numba.core.event import Event, Listener

_COMPILE = "numba:compile"
_TRANSPORT = "mcsim.kernels"


class CompileWatch:
    """Tells when the compiler begins, and how many seconds it has taken since it was last asked.

    Compiled functions come from the cache of a machine: the compiler works only on the first run after an installation.

    Parameters
    ----------
    on_begin : callable
        Called when the compiler begins, with whether it is the transport's kernels that it compiles.
    """

    def __init__(self, on_begin: Callable[[bool], None]) -> None:
        self._on_begin = on_begin
        self._depth = 0
        self._began = 0.0
        self._seconds = 0.0
        self._told = False
        self._listener: Listener | None = None

    def start(self) -> None:
        """Begin to watch."""
        from numba.core import event

        watch = self

        class _Listener(event.Listener):
            def on_start(self, event: Event) -> None:
                watch._begin(str(event.data["dispatcher"].py_func.__module__))

            def on_end(self, event: Event) -> None:
                watch._end()

        self._listener = _Listener()
        event.register(_COMPILE, self._listener)  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Stop watching."""
        from numba.core import event

        if self._listener is not None:
            event.unregister(_COMPILE, self._listener)  # type: ignore[no-untyped-call]
            self._listener = None

    def taken(self) -> float | None:
        """Seconds the compiler took since it was announced; None if it did nothing, or is at work still."""
        if not self._told or self._depth:
            return None
        seconds, self._seconds, self._told = self._seconds, 0.0, False
        return seconds

    # The compiler calls itself for what a function calls: the outermost call counts.
    def _begin(self, module: str) -> None:
        self._depth += 1
        if self._depth == 1:
            self._began = time.monotonic()
            if not self._told:
                self._told = True
                self._on_begin(module.startswith(_TRANSPORT))

    def _end(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._seconds += time.monotonic() - self._began
