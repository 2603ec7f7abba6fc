"""Media and densities of a tissue map on other cells: mass is kept, a cell is of the medium that makes most of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from validation.case.image import Image, TissueMap

FloatArray = NDArray[np.float64]


def tissue_on_cells(
    image: Image, tissue: TissueMap, planes: tuple[FloatArray, FloatArray, FloatArray]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Medium and density of cells from the voxels they overlap.

    Parameters
    ----------
    image : Image
        Whose voxels the map is on; beyond its faces the outermost voxels go on.
    tissue : TissueMap
        Media and densities.
    planes : tuple of three ndarrays
        Cell boundaries, cm.

    Returns
    -------
    medium : ndarray of uint8
        The medium with the greatest mass in the cell; the first of equals.
    density : ndarray of float32
        Mean over the cell's volume, g/cm³.

    Examples
    --------
    >>> from validation.case import built_in
    >>> image = built_in("neck").image
    >>> water = TissueMap(np.zeros(image.hu.shape), np.full(image.hu.shape, 0.998), ["water"])
    >>> cell = np.array([0.0, 1.0])
    >>> [round(float(a.item()), 3) for a in tissue_on_cells(image, water, (cell, cell, cell))]
    [0.0, 0.998]
    """
    edges = [
        np.concatenate([[low], 0.5 * (c[1:] + c[:-1]), [high]])
        for c, low, high in zip((image.x, image.y, image.z), image.lower, image.upper, strict=True)
    ]
    shares = [_shares(e, np.asarray(p)) for e, p in zip(edges, planes, strict=True)]
    density = np.asarray(tissue.density, dtype=np.float64)
    total = np.zeros([len(p) - 1 for p in planes])
    greatest = np.full(total.shape, -1.0)
    medium = np.zeros(total.shape, dtype=np.uint8)
    for index in np.unique(tissue.medium):
        mass = np.where(tissue.medium == index, density, 0.0)
        for k, share in enumerate(shares):
            mass = np.moveaxis(np.tensordot(share, mass, axes=(1, k)), 0, k)
        total += mass
        more = mass > greatest * (1.0 + 1e-9)
        medium[more], greatest[more] = index, mass[more]
    return medium, total.astype(np.float32)


def _shares(edges: FloatArray, planes: FloatArray) -> FloatArray:
    """Part of every cell (row) in every voxel (column) along one axis; rows sum to 1."""
    below = np.clip(planes[:, None], edges[:-1], edges[1:]) - edges[:-1]
    below[:, 0] += np.minimum(planes - edges[0], 0.0)
    below[:, -1] += np.maximum(planes - edges[-1], 0.0)
    return np.asarray(np.diff(below, axis=0) / np.diff(planes)[:, None])
