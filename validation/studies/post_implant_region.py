"""Where on a post-implant CT seeds are looked for."""

from __future__ import annotations

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.seed_finder_series import PostImplantScan
from validation.case.structure import Structure
from validation.evaluate.structure_fractions import structure_fractions

FloatArray = NDArray[np.float64]

# A spot this much below the brightest may be a seed; a seed and its blur fill no more than this, cm³.
_BRIGHT, _LARGEST_SPOT = 0.4, 0.35


def search_region(
    scan: PostImplantScan, structures: list[Structure], points: FloatArray, reach: float
) -> NDArray[np.bool_]:
    """Voxels within reach of structures and points, inside the body if it is drawn on the CT.

    Parameters
    ----------
    scan : PostImplantScan
        The CT.
    structures : list of Structure
        In the CT's frame.
    points : ndarray, shape (n, 3)
        Planned seeds in the CT's frame, cm.
    reach : float
        cm.

    Returns
    -------
    ndarray of bool, shape (nx, ny, nz)
        The body, or everything, if there is nothing to be near to.
    """
    image = scan.image
    axes = (image.x, image.y, image.z)
    external = next((s for s in scan.structures.values() if s.role == "external"), None)
    region = np.ones(image.hu.shape, dtype=bool)
    if external is not None:
        region = structure_fractions(external, *axes) > 0.5
    near = [
        points,
        *(np.column_stack([c.points, np.full(len(c.points), c.z)]) for s in structures for c in s.contours),
    ]
    cloud = np.concatenate(near)
    if len(cloud):
        low, high = cloud.min(axis=0) - reach, cloud.max(axis=0) + reach
        window = tuple(slice(*np.searchsorted(c, (a, b))) for c, a, b in zip(axes, low, high, strict=True))
        grid = np.stack(
            np.meshgrid(*(c[w] for c, w in zip(axes, window, strict=True)), indexing="ij"), axis=-1
        )
        close = np.zeros(image.hu.shape, dtype=bool)
        if grid.size:
            distance = scipy.spatial.cKDTree(cloud).query(grid.reshape(-1, 3), distance_upper_bound=reach)[0]
            close[window] = np.isfinite(distance).reshape(grid.shape[:3])
        region &= close
    return region


def region_of_bright_spots(scan: PostImplantScan, planned: FloatArray, reach: float) -> NDArray[np.bool_]:
    """Voxels about the place with most small bright spots: where an implant is whose place is not known.

    Parameters
    ----------
    scan : PostImplantScan
        The CT.
    planned : ndarray, shape (n, 3)
        Planned seeds in their own frame: how large the implant is, cm.
    reach : float
        cm around the spots.

    Returns
    -------
    ndarray of bool, shape (nx, ny, nz)

    Raises
    ------
    InvalidInput
        There are no such spots.

    Notes
    -----
    Teeth with fillings are bright spots too: an implant beside them is told by having more of them. A target drawn on
    the CT makes this needless.
    """
    image = scan.image
    body = search_region(scan, [], np.empty((0, 3)), reach)
    low = float(np.median(image.hu[body]))
    level = low + _BRIGHT * (float(image.hu[body].max()) - low)
    labels, count = scipy.ndimage.label(body & (image.hu > level), np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * float(np.prod(image.spacing))
    small = 1 + np.flatnonzero(sizes < _LARGEST_SPOT)
    if not small.size:
        raise InvalidInput(
            "small bright spots on the post-implant CT are 0, expected at least 1 (seeds are looked for where most of "
            "them are). Check the CT, or draw the target on it."
        )
    centres = np.array(scipy.ndimage.center_of_mass(labels > 0, labels, small))
    spots = np.array([image.x[0], image.y[0], image.z[0]]) + centres * image.spacing
    radius = float(np.linalg.norm(planned - planned.mean(axis=0), axis=1).max()) + 0.5
    near = scipy.spatial.distance.cdist(spots, spots) < radius
    chosen = near[int(np.argmax(near.sum(axis=1)))]
    return body & search_region(scan, [], spots[chosen], reach)
