"""Which machine, which versions, and one core for a measurement."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path


def facts() -> dict[str, str]:
    """Processor, cores, memory, system and versions, in words."""
    cpu = _of_cpu("model name") or platform.processor() or platform.machine()
    family, model = _of_cpu("cpu family"), _of_cpu("model")
    if family and model:
        cpu += f" (family {family}, model {model})"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "second-level cache": _of_cpu("cache size") or "unknown",
        "memory": f"{memory:.1f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "numba", "llvmlite", "seedmc")},
    }


def _of_cpu(name: str) -> str:
    """A field of the first processor in the kernel's list; empty where there is no such list."""
    listed = Path("/proc/cpuinfo")
    if not listed.is_file():
        return ""
    fields = (line.partition(":") for line in listed.read_text().splitlines())
    return next((value.strip() for key, _, value in fields if key.strip() == name), "")


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process and its children on one core, the last of those it may use."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def load() -> float:
    """Mean number of processes that wanted to run in the last minute, this one among them."""
    return os.getloadavg()[0]
