"""The one place that wraps numba: caching, options, and a cache folder that changes with the kernels' source.

Numba's own file cache looks only at the compiled function's module: after an edit of a callee in another module it
would go on serving the old code. The cache folder is therefore named by a digest of all kernel sources.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numba
import platformdirs


def kernel_digest() -> str:
    """SHA-256 of all kernel source files, hexadecimal."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Folder of this program's caches; ``SEEDMC_CACHE_DIR`` overrides it."""
    return Path(os.environ.get("SEEDMC_CACHE_DIR") or platformdirs.user_cache_dir("seedmc"))


KERNEL_FOLDER = cache_folder() / "kernels" / kernel_digest()[:16]
vars(numba.config)["CACHE_DIR"] = str(KERNEL_FOLDER)


def is_compiled() -> bool:
    """Whether a transport kernel of this version stands compiled in the cache."""
    names = ("*.correlated_batch-*.nbc", "*.transport_batch-*.nbc")
    return any(next(KERNEL_FOLDER.rglob(name), None) is not None for name in names)


# The scheduling of floating-point operations stays as written (no fastmath): sums are compared bit for bit. Counting
# references to arrays that only pass through took most of the time of a history (ADR 7); a function that allocates
# nothing needs none.
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
_UNCOUNTED: dict[str, Any] = {**_OPTIONS, "_nrt": False}
jit = numba.njit(**_UNCOUNTED)
# For a function whose arguments cost more to hand over than its work: every array of a tuple is handed over in seven
# pieces. Left to the compiler, the choice hangs on the size of the caller (ADR 10).
inlined_jit = numba.njit(**_UNCOUNTED, forceinline=True)
allocating_jit = numba.njit(**_OPTIONS)
