"""Seeds in tissue that moves: carried along, turned with it, and pushed apart where they would overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.seed_overlap import seed_frame
from validation.case import Implant
from validation.change.seed_bodies import SeedBodies, seed_bodies
from validation.change.tissue_field import TissueField

FloatArray = NDArray[np.float64]

MOST_ROUNDS = 200
# To which touching is found, on the side of a gap: far below what a position is known to, cm.
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
    apart = pushed_apart(seed_bodies(implant), positions, axes)
    push = np.linalg.norm(apart - positions, axis=1)
    return CarriedSeeds(
        replace(implant, positions=apart, axes=axes), int(np.count_nonzero(push)), float(push.max())
    )


def pushed_apart(bodies: SeedBodies, positions: FloatArray, axes: FloatArray) -> FloatArray:
    """Push overlapping seed bodies apart along the line of their centres, both as far, until they touch.

    Parameters
    ----------
    bodies : SeedBodies
        Shape of the seeds.
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
    >>> from validation.case import built_in
    >>> z, places = np.array([[0.0, 0.0, 1.0]] * 2), np.array([[0, 0, 0.0], [0, 0, 0.44]])
    >>> pushed_apart(seed_bodies(built_in("neck").implant), places, z).round(2)[:, 2].tolist()
    [-0.01, 0.45]
    """
    places = np.array(positions, dtype=np.float64)
    frames = [seed_frame(axis) for axis in axes]
    pairs: list[tuple[int, int]] = []
    for _ in range(MOST_ROUNDS):
        pairs = bodies.pairs(places, axes, frames)
        if not pairs:
            return places
        for i, j in pairs:
            line = places[j] - places[i]
            length = float(np.linalg.norm(line))
            along = line / length if length > 0.0 else np.asarray(axes[i])
            push = 0.5 * (_touching(bodies, places[i], frames[i], frames[j], along, length) - length) * along
            places[i] -= push
            places[j] += push
    i, j = pairs[0]
    raise InvalidInput(
        f"overlap of {len(pairs)} pair(s) of seeds remains after {MOST_ROUNDS} rounds of pushing them apart, expected "
        f"none (among them seeds {i + 1} and {j + 1}; bodies are rigid). Let the tissue shrink less, or seeds "
        f"follow it less."
    )


def _touching(
    bodies: SeedBodies,
    position: FloatArray,
    frame: FloatArray,
    other_frame: FloatArray,
    along: FloatArray,
    low: float,
) -> float:
    """Distance of centres along a line from which on two bodies do not overlap, to `CLEARANCE`, cm."""
    high = bodies.reach + CLEARANCE
    while high - low > CLEARANCE:
        middle = 0.5 * (low + high)
        if bodies.overlap(position, frame, position + middle * along, other_frame):
            low = middle
        else:
            high = middle
    return high
