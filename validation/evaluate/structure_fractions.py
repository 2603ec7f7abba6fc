"""How much of each voxel lies inside a contoured structure."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.image import uniform_spacing
from validation.case.structure import SAME_PLANE, Structure
from validation.evaluate.contour_areas import area_fractions
from validation.evaluate.contour_interpolation import interpolated_fractions

ThroughSlice = Literal["slab", "interpolated"]


def structure_fractions(
    structure: Structure, x: ArrayLike, y: ArrayLike, z: ArrayLike, through_slice: ThroughSlice = "slab"
) -> NDArray[np.float64]:
    """Fraction of each voxel that lies inside a structure.

    A contour stands for the slab of ± half the slice thickness about its plane; several curves on one slice
    combine by the even-odd rule (a ring is an outer and an inner curve). The overlap is exact along x and z
    and a mid-point sum over scan lines along y, at least 16 per voxel, 128 across the curves of a slice, and
    at most 0.1 mm apart. The part of a structure beyond the grid counts nowhere.

    Parameters
    ----------
    structure : Structure
        Contours in cm.
    x, y, z : array_like, shape (nx,), (ny,), (nz,)
        Uniform ascending voxel centres in cm.
    through_slice : {"slab", "interpolated"}, optional
        What lies between contour planes. The slab, area × slice thickness, is the rule of treatment planning
        systems. "interpolated" rounds the structure off between and beyond the planes
        (`validation.evaluate.contour_interpolation`): nearer to a small round node, not to the planning system.

    Returns
    -------
    ndarray, shape (nx, ny, nz)
        Between 0 and 1. Its sum times the voxel volume is the volume of the structure inside the grid in
        cm^3.

    Raises
    ------
    InvalidInput
        The grid is not uniform and ascending, or the rule is not known.

    Examples
    --------
    >>> from validation.case import Contour, Structure
    >>> square = Structure("GTV", "target", [Contour(0.0, [[0, 0], [1, 0], [1, 1], [0, 1]])], 0.2)
    >>> centres = np.array([-0.25, 0.25, 0.75, 1.25])
    >>> structure_fractions(square, centres, centres, [-0.1, 0.1])[1, 1].round(12).tolist()
    [0.5, 0.5]
    """
    axes = [np.asarray(c, dtype=np.float64) for c in (x, y, z)]
    dx, dy, dz = (uniform_spacing(c, f"grid {name}") for c, name in zip(axes, "xyz", strict=True))
    xs, ys, zs = axes
    if through_slice == "interpolated":
        return interpolated_fractions(structure, xs, ys, zs)
    if through_slice != "slab":
        raise InvalidInput(
            f"rule between contour planes is {through_slice!r}, expected 'slab' or 'interpolated'. Choose one."
        )
    fractions = np.zeros((xs.size, ys.size, zs.size))
    half = structure.slice_thickness / 2
    for plane in structure.planes:
        top = np.minimum(zs + dz / 2, plane + half)
        bottom = np.maximum(zs - dz / 2, plane - half)
        share = np.clip((top - bottom) / dz, 0.0, 1.0)
        slices = np.flatnonzero(share > 0)
        if not slices.size:
            continue
        curves = [c for c in structure.contours if abs(c.z - plane) <= SAME_PLANE]
        window, area = area_fractions(curves, xs, dx, ys, dy)
        for k in slices:
            fractions[(*window, k)] += share[k] * area
    # Slabs that touch add up to 1 only within rounding.
    return np.clip(fractions, 0.0, 1.0, out=fractions)
