"""What made a page: program, libraries, computer, day."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mcsim.hdf5_file import created_by

#: Libraries that numbers and figures rest on.
LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "xarray", "h5py", "pydicom", "scikit-image", "plotly")
_CPU_INFO = Path("/proc/cpuinfo")


def software_facts() -> list[tuple[str, str]]:
    """Program, libraries, computer and day of the report, as (what, value).

    Returns
    -------
    list of (str, str)
        Rows.

    Examples
    --------
    >>> [what for what, _ in software_facts()]
    ['Report by', 'Python', 'Libraries', 'Processor', 'System', 'Date']
    """
    return [
        ("Report by", created_by()),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("Libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)),
        ("Processor", processor()),
        ("System", f"{platform.system()} {platform.machine()}"),
        ("Date", datetime.now(UTC).strftime("%Y-%m-%d (UTC)")),
    ]


def processor() -> str:
    """Type of the processor: sums are the same to the last bit on one type only.

    Examples
    --------
    >>> bool(processor())
    True
    """
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "not known"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
