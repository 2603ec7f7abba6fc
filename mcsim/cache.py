"""What is made once per machine and version, and where it is kept."""

from __future__ import annotations

from mcsim.kernels._jit import cache_folder, is_compiled, kernel_digest

__all__ = ["cache_folder", "is_compiled", "kernel_digest"]
