"""A dose as text: ``.3ddose`` of EGSnrc and CSV."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from validation.case.imported_dose import ImportedDose
from validation.case.whole_file import whole_file

_DIGITS = ".9g"  # all that a float32 holds
_NEVER_SCORED = 1.0  # what EGSnrc writes for the relative uncertainty of a voxel without dose


def write_3ddose(dose: ImportedDose, path: str | Path) -> None:
    """Write a dose in the format of EGSnrc: Gy, and the relative standard uncertainty.

    Parameters
    ----------
    dose : ImportedDose
        Boundaries go with 10 digits, doses and uncertainties with 9. Without an uncertainty, zeros are written; unknown
        becomes 1, as EGSnrc has it.
    path : path
        Compressed if it ends in ``.gz``; replaced in one step.

    Examples
    --------
    >>> import tempfile
    >>> dose = ImportedDose([0.5], [0.5], [0.5], [[[2.0]]], [[[0.1]]], None, "", "", ([0, 1], [0, 1], [0, 1]))
    >>> path = Path(tempfile.mkdtemp()) / "a.3ddose"
    >>> write_3ddose(dose, path)
    >>> path.read_text().split()[-2:]
    ['2', '0.05']
    """
    lines = [" ".join(str(n) for n in dose.dose.shape)]
    lines += [" ".join(f"{v:.10g}" for v in planes) for planes in dose.planes]
    lines += _block(dose.dose)
    if dose.std_dev is None:
        relative = np.zeros_like(dose.dose)
    else:
        known = np.isfinite(dose.std_dev) & (dose.dose != 0)
        relative = np.full_like(dose.dose, _NEVER_SCORED)
        relative[known] = dose.std_dev[known] / np.abs(dose.dose[known])
    lines += _block(relative)
    write_text("\n".join(lines) + "\n", path)


def _block(values: NDArray[np.float64]) -> list[str]:
    """Numbers, x fastest, one row of x per line."""
    rows = np.transpose(values, (2, 1, 0)).reshape(-1, values.shape[0]).tolist()
    return [" ".join([format(v, _DIGITS) for v in row]) for row in rows]


def write_dose_csv(dose: ImportedDose, path: str | Path) -> None:
    """Write a dose as a table: x_cm, y_cm, z_cm, dose_Gy and, if known, std_dev_Gy; z fastest.

    Parameters
    ----------
    dose : ImportedDose
        Voxel centres in cm, LPS.
    path : path
        Compressed if it ends in ``.gz``; replaced in one step.
    """
    x, y, z = np.meshgrid(dose.x, dose.y, dose.z, indexing="ij")
    columns = [x, y, z, dose.dose] + ([] if dose.std_dev is None else [dose.std_dev])
    names = "x_cm,y_cm,z_cm,dose_Gy" + ("" if dose.std_dev is None else ",std_dev_Gy")
    stream, table = io.StringIO(), np.column_stack([c.ravel() for c in columns])
    np.savetxt(stream, table, fmt=f"%{_DIGITS}", delimiter=",", header=names, comments="")
    write_text(stream.getvalue(), path)


def write_text(text: str, path: str | Path) -> None:
    """Write text whole or not at all, compressed if the name ends in ``.gz``.

    Parameters
    ----------
    text : str
        ASCII.
    path : path
        Final name.
    """
    content = text.encode("ascii")
    if str(path).endswith(".gz"):
        content = gzip.compress(content, compresslevel=6, mtime=0)  # the same text gives the same file
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
