"""Sets of needles that may be used together: starting points of the search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tg43.array_checks import FloatArray
from tg43.planner.candidates import ROUNDING


def needle_sets(distance: FloatArray, least: float, most: int) -> list[NDArray[np.int64]]:
    """Dense sets of needles none of which are too close, none of which can be enlarged.

    From each needle a set grows by the allowed needle nearest to it, as the holes of a template lie around one hole.

    Parameters
    ----------
    distance : ndarray, shape (k, k)
        Distance of needles, cm.
    least : float
        Needles of a set are at least this far apart, cm.
    most : int
        Number of sets wanted; evenly over all found, the largest one included.

    Returns
    -------
    list of ndarrays of int
        Ascending needle numbers, most needles first.

    Examples
    --------
    >>> place = np.arange(4) * 0.5
    >>> sets = needle_sets(np.abs(place[:, None] - place), 1.0, 10)
    >>> [s.tolist() for s in sets]
    [[0, 2], [1, 3]]
    """
    found: dict[tuple[int, ...], float] = {}
    for first in range(len(distance)):
        members = [first]
        free = distance[first] >= least - ROUNDING
        nearest, total = distance[first].copy(), distance[first].copy()
        while free.any():
            # The nearest to any member; among equals the nearest to all, then the first.
            order = np.round(nearest, 6) + 1e-6 * total / len(members)
            following = int(np.argmin(np.where(free, order, np.inf)))
            members.append(following)
            free &= distance[following] >= least - ROUNDING
            nearest = np.minimum(nearest, distance[following])
            total += distance[following]
        found.setdefault(tuple(sorted(members)), float(total.sum()))
    ordered = sorted(found, key=lambda members: (-len(members), members))
    if len(ordered) > most:
        # Evenly over the list: neighbours in it differ by a needle.
        ordered = [ordered[i] for i in np.linspace(0, len(ordered) - 1, most).round().astype(int)]
    return [np.array(members, np.int64) for members in ordered]
