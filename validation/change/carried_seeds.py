"""Seeds in tissue that moves: carried along, turned with it, and pushed apart where they would overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Implant
from validation.case.implant import overlapping_seeds
from validation.change.tissue_field import TissueField

FloatArray = NDArray[np.float64]

MOST_ROUNDS = 200
# A little more than the overlap, so that rounds end: far below what a position is known to, cm.
CLEARANCE = 1e-4


@dataclass(frozen=True)
class CarriedSeeds:
    """An implant moved with the tissue.

    Attributes
    ----------
    implant : Implant
        Seeds at their new places.
    pushed : int
        Seeds that were pushed aside because bodies are rigid while tissue is not.
    largest_push : float
        Farthest such push, cm.
    """

    implant: Implant
    pushed: int
    largest_push: float


def carried_places(
    field: TissueField, positions: FloatArray, axes: FloatArray, ratio: float, follow: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """Places (n, 3), cm, and directions (n, 3) of seeds in tissue at a volume ratio, overlap or not.

    Parameters
    ----------
    field : TissueField
        How tissue moves.
    positions, axes : ndarray, shape (n, 3)
        Seeds in the reference geometry, cm and unit vectors.
    ratio : float
        Volume ratio of the target.
    follow : float
        Exponent with which seeds follow: they move as tissue at the ratio to this power.
    """
    followed = float(ratio) ** follow if follow != 1.0 else float(ratio)
    return field.moved(positions, followed), field.turned(axes, positions, followed)


def carried_seeds(implant: Implant, field: TissueField, ratio: float, follow: float = 1.0) -> CarriedSeeds:
    """Move an implant with the tissue.

    Parameters
    ----------
    implant : Implant
        Seeds in the reference geometry.
    field : TissueField
        How tissue moves.
    ratio : float
        Volume ratio of the target.
    follow : float
        Exponent with which seeds follow.

    Returns
    -------
    CarriedSeeds
        The same implant at the ratio 1.

    Raises
    ------
    InvalidInput
        The field would fold, or seeds do not find room beside each other.
    """
    positions, axes = carried_places(field, implant.positions, implant.axes, ratio, follow)
    if np.array_equal(positions, implant.positions) and np.array_equal(axes, implant.axes):
        return CarriedSeeds(implant, 0, 0.0)
    apart = pushed_apart(implant.model, positions, axes, implant.seed_file)
    push = np.linalg.norm(apart - positions, axis=1)
    return CarriedSeeds(
        replace(implant, positions=apart, axes=axes), int(np.count_nonzero(push)), float(push.max())
    )


def pushed_apart(model: str, positions: FloatArray, axes: FloatArray, seed_file: str = "") -> FloatArray:
    """Push overlapping seed bodies apart, both by half of the overlap along the line of their centres.

    Parameters
    ----------
    model, seed_file : str
        Seed model, and the content of the user's own seed file.
    positions, axes : ndarray, shape (n, 3)
        Centres, cm, and unit directions.

    Returns
    -------
    ndarray, shape (n, 3)
        Places at which no body overlaps another, cm.

    Raises
    ------
    InvalidInput
        They do not come apart.

    Examples
    --------
    >>> z = np.array([[0.0, 0.0, 1.0]] * 2)
    >>> pushed_apart("6711", np.array([[0, 0, 0.0], [0, 0, 0.44]]), z).round(3).tolist()
    [[0.0, 0.0, -0.008], [0.0, 0.0, 0.448]]
    """
    places = np.array(positions, dtype=np.float64)
    for _ in range(MOST_ROUNDS):
        pairs = overlapping_seeds(model, places, axes, seed_file)
        if not pairs:
            return places
        for i, j, depth in pairs:
            line = places[j] - places[i]
            length = float(np.linalg.norm(line))
            along = line / length if length > 0.0 else np.asarray(axes[i])
            push = 0.5 * (depth + CLEARANCE) * along
            places[i] -= push
            places[j] += push
    raise InvalidInput(
        f"overlap of {len(pairs)} pair(s) of seeds remains after {MOST_ROUNDS} rounds of pushing them apart, expected "
        f"none (seeds {pairs[0][0] + 1} and {pairs[0][1] + 1} by {10 * pairs[0][2]:.2f} mm; bodies are rigid). Let the "
        f"tissue shrink less, or seeds follow it less."
    )
