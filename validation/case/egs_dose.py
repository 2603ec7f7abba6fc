"""A ``.3ddose`` file of EGSnrc (DOSXYZnrc, egs_brachy) as an `ImportedDose`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.case.egs_text import boundaries, grid_size, numbers, read_text
from validation.case.imported_dose import ImportedDose

# EGSnrc writes a relative uncertainty of 1 (or 0.9999999) for a voxel that nothing reached: it is not known.
_UNKNOWN = 0.9999


def read_3ddose(path: str | Path, *, scale: float = 1.0) -> ImportedDose:
    r"""Read a dose of EGSnrc.

    The file holds nx ny nz; the boundaries along x, y and z in cm; the dose, x fastest; the relative standard
    uncertainty, x fastest (it may be missing). What the dose is of the file does not say: EGSnrc codes write Gy per
    history, which `scale` turns into Gy.

    Parameters
    ----------
    path : path
        Plain text or gzip.
    scale : float
        Factor to Gy: 1 if the file holds Gy. For a permanent implant of which all n seeds have the strength S_K, and
        a dose per history of all seeds together, n S_K T/ln 2 / (air-kerma strength per history).

    Returns
    -------
    ImportedDose
        Dose [ix, iy, iz]; absolute standard uncertainty, NaN in voxels that were never scored; boundaries as in the
        file, even or not.

    Raises
    ------
    InvalidInput
        Missing, truncated or longer than it says, boundaries that do not increase, values that are not finite
        numbers, a negative uncertainty, or a scale that is not positive.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.3ddose"
    >>> _ = path.write_text("2 1 1\n0 1 3\n0 1\n0 1\n5 8\n0.1 0.25\n")
    >>> dose = read_3ddose(path)
    >>> dose.x.tolist(), dose.std_dev.ravel().tolist()
    ([0.5, 2.0], [0.5, 2.0])
    """
    if not (np.isfinite(scale) and scale > 0):
        raise InvalidInput(
            f"scale of the dose is {scale:g}, expected > 0 (Gy per unit of the file). Correct it."
        )
    path = Path(path)
    words = read_text(path, "3ddose file").split()
    size = grid_size(words[:3], path.name)
    planes = boundaries(words[3:], size, path.name)
    first, voxels = 3 + sum(len(p) for p in planes), int(np.prod(size))
    found = len(words) - first
    if found not in (voxels, 2 * voxels):
        raise InvalidInput(
            f"{path.name} has {found} values after its boundaries, expected {voxels} doses, or these and as many "
            f"uncertainties ({size[0]} x {size[1]} x {size[2]} voxels; it may be truncated). Copy it again."
        )
    values = numbers(words[first:], f"doses and uncertainties of {path.name}")
    dose = values[:voxels].reshape(size, order="F") * scale
    std_dev = None
    if found == 2 * voxels:
        relative = values[voxels:].reshape(size, order="F")
        # A negative dose (a difference of two) has a positive uncertainty.
        std_dev = np.where((dose == 0) & (relative >= _UNKNOWN), np.nan, relative * np.abs(dose))
    x, y, z = (0.5 * (p[1:] + p[:-1]) for p in planes)
    unit = "as in the file" if scale == 1.0 else f"values of the file times {scale:.9g}"
    return ImportedDose(x, y, z, dose, std_dev, None, f"dose {unit}", f"3ddose file {path.name}", planes)
