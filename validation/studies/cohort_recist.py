"""Response of target lesions by RECIST 1.1, from diameters at baseline and later visits.

Source: Eisenhauer et al. 2009, Eur. J. Cancer 45, 228, doi:10.1016/j.ejca.2008.10.026, sections 4.2 to 4.4. Lymph
nodes: Schwartz et al. 2009, doi:10.1016/j.ejca.2008.10.028.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

COMPLETE, PARTIAL, STABLE, PROGRESSION, NOT_EVALUABLE = "CR", "PR", "SD", "PD", "NE"
CATEGORIES = (COMPLETE, PARTIAL, STABLE, PROGRESSION)  # from best to worst

NORMAL_NODE_MM = 10.0  # a short axis below is that of a normal node
PARTIAL_DECREASE = 0.30  # of the baseline sum
PROGRESSION_INCREASE = 0.20  # of the smallest sum so far
PROGRESSION_MM = 5.0  # and at least so much
MEASURABLE_NODE_MM, MEASURABLE_MM = 15.0, 10.0  # at baseline
# Diameters are written with a decimal or two: 9.1 mm of 13 mm is 30 % less, however binary numbers round it.
_ROUNDING_MM = 1e-6


def recist_categories(sizes: ArrayLike, node: ArrayLike, new_lesion: ArrayLike | None = None) -> list[str]:
    """Category of every visit after the first.

    At each visit, in this order: PD if there is a new lesion; CR if every node is below 10 mm and every other
    lesion gone; PD if the sum is at least 20 % and at least 5 mm above the smallest sum before (baseline included);
    PR if it is at least 30 % below that at baseline; SD otherwise. NE if a target was not measured, unless the
    others already make it PD.

    Parameters
    ----------
    sizes : array_like, shape (visits, lesions)
        Diameter in mm, ascending in time, baseline first: short axis of a node, longest diameter of any other lesion,
        0 if gone, NaN if not measured.
    node : array_like of bool, shape (lesions,)
        Lymph nodes.
    new_lesion : array_like of bool, shape (visits,), optional
        A new lesion was seen.

    Returns
    -------
    list of str
        CR, PR, SD, PD or NE; one per visit after baseline.

    Examples
    --------
    >>> recist_categories([[20.0], [14.0], [9.0], [15.0]], [True])
    ['PR', 'CR', 'PD']
    >>> recist_categories([[20.0], [9.0], [13.9]], [False])  # 54 % above the nadir, but by less than 5 mm
    ['PR', 'PR']
    """
    d, is_node = np.asarray(sizes, np.float64), np.asarray(node, bool)
    new = np.zeros(len(d), bool) if new_lesion is None else np.asarray(new_lesion, bool)
    sums = d.sum(axis=1)
    result = []
    for k in range(1, len(d)):
        before = sums[:k][np.isfinite(sums[:k])]
        result.append(
            PROGRESSION
            if new[k]
            else _of_targets(d[k], is_node, sums[0], before.min() if len(before) else np.nan)
        )
    return result


def _of_targets(sizes: NDArray[np.float64], node: NDArray[np.bool_], baseline: float, nadir: float) -> str:
    if not np.isfinite(baseline):
        return NOT_EVALUABLE
    measured = np.isfinite(sizes)
    if (
        measured.all()
        and (sizes[node] < NORMAL_NODE_MM - _ROUNDING_MM).all()
        and (sizes[~node] <= _ROUNDING_MM).all()
    ):
        return COMPLETE
    total = sizes[measured].sum() + _ROUNDING_MM
    if total >= (1 + PROGRESSION_INCREASE) * nadir and total >= nadir + PROGRESSION_MM:
        return PROGRESSION
    if not measured.all():
        return NOT_EVALUABLE
    return PARTIAL if total - 2 * _ROUNDING_MM <= (1 - PARTIAL_DECREASE) * baseline else STABLE


def best_response(categories: Sequence[str]) -> str:
    """Best category of the visits up to the first progression, without confirmation by a later visit.

    Parameters
    ----------
    categories : sequence of str
        In order of time.

    Returns
    -------
    str

    Examples
    --------
    >>> best_response(["SD", "PR", "PD", "PR"]), best_response(["NE", "PD"]), best_response([])
    ('PR', 'PD', 'NE')
    """
    seen = list(categories)
    if PROGRESSION in seen:
        seen = seen[: seen.index(PROGRESSION) + 1]
    known = [c for c in seen if c in CATEGORIES]
    return min(known, key=CATEGORIES.index) if known else NOT_EVALUABLE


def ellipsoid_volume(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    """Volume of an ellipsoid from its diameters, V = π a b c / 6.

    Parameters
    ----------
    a, b, c : array_like, shape (n,)
        Diameters in mm.

    Returns
    -------
    ndarray, shape (n,)
        cm³.

    Examples
    --------
    >>> round(float(ellipsoid_volume(10, 10, 10)), 4)
    0.5236
    """
    return np.asarray(np.pi / 6 * np.multiply(np.multiply(a, b), c) * 1e-3, np.float64)


def volume_reduction(baseline: ArrayLike, volume: ArrayLike) -> NDArray[np.float64]:
    """Volume reduction ratio, VRR = 100 % (V_0 − V) / V_0; negative if the lesion has grown.

    Parameters
    ----------
    baseline, volume : array_like
        In one unit; NaN, or a baseline of 0, gives NaN.

    Returns
    -------
    ndarray
        %.

    Examples
    --------
    >>> volume_reduction([2.0, 2.0], [0.5, 3.0]).tolist()
    [75.0, -50.0]
    """
    v0 = np.asarray(baseline, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(v0 > 0, 100 * (v0 - np.asarray(volume)) / v0, np.nan)
