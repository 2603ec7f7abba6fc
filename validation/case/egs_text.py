"""The plain-text files of EGSnrc: numbers in free format, maybe compressed, read without trusting them."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.imported_dose import refuse_unordered

FloatArray = NDArray[np.float64]

LARGEST_GRID = 2**28  # voxels; text of that size is several GB
_LARGEST_TEXT = 2**33  # bytes after decompression: a small file must not fill the memory
_CHUNK = 2**24


def read_text(path: str | Path, what: str) -> str:
    """Text of a file, decompressed if it is gzip whatever its name.

    Parameters
    ----------
    path : path
        File.
    what : str
        Its format, for the message.

    Returns
    -------
    str

    Raises
    ------
    InvalidInput
        Missing, damaged, not text, or more than 8 GB of it.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            compressed = stream.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if compressed else path.open("rb") as file:
            parts, size = [], 0
            while part := file.read(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > _LARGEST_TEXT:
                    raise InvalidInput(
                        f"file {path.name} holds more than {_LARGEST_TEXT} bytes, expected a {what} that fits in "
                        f"memory. Crop it."
                    )
        return b"".join(parts).decode("ascii")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as reason:
        words = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
        raise InvalidInput(
            f"file {path.name} is not readable, expected a {what}, plain or gzip ({words}). Copy it again."
        ) from reason


def numbers(words: list[str], what: str) -> FloatArray:
    """Words as numbers.

    Raises
    ------
    InvalidInput
        One is not a number; the sentence says which.

    Examples
    --------
    >>> numbers(["1", "2.5e-3"], "x boundaries").tolist()
    [1.0, 0.0025]
    """
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        for k, word in enumerate(words):
            try:
                float(word)
            except ValueError:
                raise InvalidInput(
                    f"value {k + 1} of the {what} is {word[:24]!r}, expected a number. Export the file again."
                ) from None
        raise


def grid_size(words: list[str], what: str) -> tuple[int, int, int]:
    """Three counts of voxels.

    Raises
    ------
    InvalidInput
        Not three positive whole numbers, or more voxels than fit in memory.

    Examples
    --------
    >>> grid_size(["60", "60", "60"], "neck.egsphant")
    (60, 60, 60)
    """
    if len(words) != 3 or not all(word.isdigit() and int(word) > 0 for word in words):
        raise InvalidInput(
            f"grid size of {what} is {' '.join(words)[:40]!r}, expected three positive whole numbers nx ny nz. "
            f"Export the file again."
        )
    nx, ny, nz = (int(word) for word in words)
    if nx * ny * nz > LARGEST_GRID:
        raise InvalidInput(
            f"{what} has {nx} x {ny} x {nz} voxels, expected at most {LARGEST_GRID} (they must fit in memory). Crop it."
        )
    return nx, ny, nz


def boundaries(
    words: list[str], size: tuple[int, int, int], what: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Voxel boundaries along x, y and z from their words, cm.

    Raises
    ------
    InvalidInput
        Too few, not numbers, or not increasing.

    Examples
    --------
    >>> boundaries(["0", "1", "0", "2", "0", "3"], (1, 1, 1), "a.3ddose")[2].tolist()
    [0.0, 3.0]
    """
    counts = [n + 1 for n in size]
    if len(words) < sum(counts):
        raise InvalidInput(
            f"{what} has {len(words)} voxel boundaries, expected {sum(counts)} (one more than voxels along x, y and z; "
            f"it may be truncated). Copy it again."
        )
    ends = np.cumsum([0, *counts])
    planes = []
    for name, start, stop in zip("xyz", ends[:-1], ends[1:], strict=True):
        plane = numbers(words[start:stop], f"{name} boundaries of {what}")
        refuse_unordered(plane, f"{name} boundaries of {what}")
        planes.append(plane)
    x, y, z = planes
    return x, y, z
