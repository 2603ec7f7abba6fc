"""Outlines of structures on the slices of the grid, as polygons."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from skimage import measure

from validation.studies.compare import Comparison

# scikit-image ships without types.
_find_contours: Callable[..., list[NDArray[np.float64]]] = measure.find_contours
_approximate_polygon: Callable[..., NDArray[np.float64]] = measure.approximate_polygon

_TOLERANCE = 0.01  # cm: an outline moved by 0.1 mm looks the same


def _tenths(points: NDArray[np.float64]) -> list[int]:
    """Flat list of coordinates in 0.1 mm."""
    return [int(v) for v in np.rint(points * 100).ravel()]


def outlines(comparison: Comparison, names: list[str]) -> dict[str, list[list[list[list[int]]]]]:
    """Closed curves [slice][structure][curve], flat coordinate pairs in 0.1 mm, of the slices of each direction.

    On an axial slice they are the contours themselves whose slab the slice lies in; on the others, the lines along
    which half of a voxel lies inside the structure.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    names : list of str
        Structures.

    Returns
    -------
    dict
        ``axial``, ``coronal``, ``sagittal``.
    """
    data = comparison.data
    fractions = data.structure_fraction.sel(structure=names).values
    x, y, z = (data[axis].values for axis in "xyz")
    return {
        "axial": _axial_outlines(comparison, names),
        "coronal": [[_level_curves(f[:, j, :], x, z) for f in fractions] for j in range(y.size)],
        "sagittal": [[_level_curves(f[i], y, z) for f in fractions] for i in range(x.size)],
    }


def _axial_outlines(comparison: Comparison, names: list[str]) -> list[list[list[list[int]]]]:
    """The contours themselves on each slice that lies in their slab."""
    data = comparison.data
    vertices = np.stack([data.contour_x.values, data.contour_y.values], axis=1).astype(float)
    curves = np.split(vertices, data.contour_first_vertex.values[1:])
    simple = [_tenths(_approximate_polygon(np.vstack([c, c[:1]]), _TOLERANCE)) for c in curves]
    place = [names.index(data.structure.values[s]) for s in data.contour_structure.values]
    slices: list[list[list[list[int]]]] = []
    for level in data.z.values:
        # A slice half-way between two planes belongs to one of them only.
        offset = level - data.contour_z.values
        half = data.contour_thickness.values / 2
        drawn: list[list[list[int]]] = [[] for _ in names]
        for c in np.flatnonzero((offset > -half + 1e-6) & (offset <= half + 1e-6)):
            drawn[place[c]].append(simple[c])
        slices.append(drawn)
    return slices


def _level_curves(
    fraction: NDArray[np.float32], across: NDArray[np.float64], up: NDArray[np.float64]
) -> list[list[int]]:
    """Lines along which half of a voxel lies inside a structure."""
    if fraction.max() < 0.5:
        return []
    # Beyond the grid a structure goes on: its outline ends there and does not follow the edge.
    curves = _find_contours(np.pad(fraction, 1, mode="edge"), 0.5)
    origin = np.array([across[0] - (across[1] - across[0]), up[0] - (up[1] - up[0])])
    step = np.array([across[1] - across[0], up[1] - up[0]])
    return [_tenths(_approximate_polygon(origin + curve * step, _TOLERANCE)) for curve in curves]
