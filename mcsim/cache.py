"""What is made once per machine and version, and where it is kept."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from mcsim.kernels._jit import cache_folder, is_compiled, kernel_digest

__all__ = ["cache_folder", "engine_digest", "is_compiled", "kernel_digest"]

# What decides the numbers besides the kernels: from tables to coefficients, from a seed's file to what it emits.
_MODULES = (
    "batch_transport",
    "cross_sections",
    "emission_supply",
    "materials",
    "medium_tables",
    "phase_space",
    "physics_settings",
    "scattering_shares",
    "seed_model",
    "seed_solids",
    "spectrum",
    "water_control",
    "water_table",
    "water_table_cells",
)


@lru_cache(maxsize=1)
def engine_digest() -> str:
    """SHA-256 of the kernels and of the code that prepares their tables and sources.

    Results and caches of another digest are neither continued nor reused.

    Examples
    --------
    >>> len(engine_digest())
    64
    """
    digest = hashlib.sha256(kernel_digest().encode())
    for module in _MODULES:
        digest.update((Path(__file__).parent / f"{module}.py").read_bytes())
    return digest.hexdigest()
