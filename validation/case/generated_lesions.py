"""Generated lesions in the built-in neck: targets of many sizes beside skin, airway, bone and vessels, to be planned.

The list is fixed: the same number always gives the same case. Lesions are ellipsoids pressed against their neighbour at
a given gap and cut where they would reach into bone, airway, vessels or cord. Their PTV is 3 mm larger, cut likewise
and 2 mm below the skin. The one seed in the middle stands for the implant that is to be planned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import neck_shapes as neck
from validation.case.built_in_cases import built_in, contoured
from validation.case.case import Case, Prescription
from validation.case.image import Image
from validation.case.implant import Implant
from validation.case.solid_shapes import Ellipsoid, Point, Shape, Union, Within, Without

COUNT = 22
SMALLEST, LARGEST = 0.5, 10.0  # cm³ of the GTV
SITES = ("skin", "airway", "bone", "vessel")
PRESCRIPTIONS = (120.0, 110.0, 130.0, 140.0)  # Gy
PTV_MARGIN = 0.3  # cm
_BELOW_SKIN = 0.2  # cm; a PTV leaves the skin out
_GOLDEN = (math.sqrt(5) - 1) / 2  # multiples of it, modulo 1, fill an interval evenly
_SUBSAMPLES = 3  # per CT voxel edge
_HU = neck.HOUNSFIELD["lymph"]

_ORGANS: tuple[Shape, ...] = (
    neck.BONE,
    neck.AIRWAY,
    neck.CANAL,
    *(v(s) for s in (1, -1) for v in (neck.carotid, neck.jugular)),
)


@dataclass(frozen=True)
class Lesion:
    """What a generated lesion is like.

    Attributes
    ----------
    number : int
        From 1.
    volume : float
        Of the GTV, cm³.
    site : str
        What it lies beside: ``skin``, ``airway``, ``bone`` or ``vessel``.
    gap : float
        Distance from it, cm.
    prescription : float
        Gy to the PTV.
    """

    number: int
    volume: float
    site: str
    gap: float
    prescription: float


def lesion(number: int, smallest: float = SMALLEST, largest: float = LARGEST) -> Lesion:
    """Description of one of the generated lesions.

    Parameters
    ----------
    number : int
        1 to 22.
    smallest, largest : float
        Volumes of the smallest and the largest GTV of the list, cm³.

    Returns
    -------
    Lesion

    Raises
    ------
    InvalidInput
        There is no such number.

    Examples
    --------
    >>> lesion(1)
    Lesion(number=1, volume=0.5, site='skin', gap=0.3, prescription=120.0)
    >>> lesion(1, smallest=0.6).volume
    0.6
    """
    if not 1 <= number <= COUNT:
        raise InvalidInput(f"number of the lesion is {number}, expected 1 to {COUNT}. Choose one of these.")
    # 5 and 22 share no factor: neighbouring numbers differ in size, every size occurs once.
    rank = (5 * (number - 1)) % COUNT
    volume = smallest * (largest / smallest) ** (rank / (COUNT - 1))
    site = SITES[(number - 1) % len(SITES)]
    gap = round(
        {"skin": 0.3, "airway": 0.2, "bone": 0.15, "vessel": 0.2}[site]
        + 0.4 * (((number - 1) * _GOLDEN) % 1),
        2,
    )
    return Lesion(number, round(volume, 2), site, gap, PRESCRIPTIONS[(number - 1) // 4 % len(PRESCRIPTIONS)])


def generated_lesion(number: int) -> Case:
    """Make the case of a generated lesion.

    Parameters
    ----------
    number : int
        1 to 22.

    Returns
    -------
    Case
        The built-in neck with this lesion as GTV and PTV; one seed in its middle.

    Raises
    ------
    InvalidInput
        There is no such number.

    Examples
    --------
    >>> case = generated_lesion(2)
    >>> case.name, case.prescription.target
    ('lesion-02', 'PTV')
    """
    return lesion_case(lesion(number))


def lesion_case(what: Lesion) -> Case:
    """Make the case of a described lesion.

    Parameters
    ----------
    what : Lesion
        Such as `lesion` gives, perhaps with another prescription.

    Returns
    -------
    Case
        The built-in neck with this lesion as GTV and PTV; one seed in its middle.
    """
    base = built_in("neck")
    solid = _sized(what)
    gtv = _cut(solid, neck.INSIDE_SKIN)
    ptv = _cut(solid.inset(-PTV_MARGIN), neck.BODY.inset(_BELOW_SKIN))
    image = base.image
    hu = _painted(image, gtv)
    structures = {name: s for name, s in base.structures.items() if name not in ("GTV", "PTV")}
    for name, shape in (("GTV", gtv), ("PTV", ptv)):
        structures[name] = contoured(name, "target", shape, image.z)
    middle = np.array([solid.centre])
    axis, strength, needle = np.array([[1.0, 0.0, 0.0]]), np.array([0.635]), np.array([-1])
    implant = Implant("6711", middle, axis, strength, 59.4, needle)
    return Case(
        name=f"lesion-{what.number:02d}",
        image=Image(hu, image.x, image.y, image.z),
        structures=structures,
        implant=implant,
        prescription=Prescription(what.prescription, "PTV"),
        provenance={
            "origin": f"generated lesion {what.number} of {COUNT}: {what.volume:g} cm3, "
            f"{what.gap:g} cm from {what.site}",
            "implant": "one seed in the middle, to be planned",
        },
    )


def _cut(solid: Shape, limit: Shape) -> Shape:
    cut: Shape = Within(solid, limit)
    for organ in _ORGANS:
        cut = Without(cut, organ)
    return cut


def _sized(what: Lesion) -> Ellipsoid:
    """The ellipsoid beside its neighbour that has the lesion's volume once it is cut."""
    share = ((what.number * _GOLDEN) % 1, (what.number * _GOLDEN**2 * 3) % 1)
    stretch = 1.0 + 0.5 * share[0]
    turn = 2 * math.pi * share[1]
    long_axis = (math.cos(turn), math.sin(turn), 0.6 * (share[0] - 0.5))
    volume = what.volume
    for _ in range(6):
        radius = (volume * 3 / (4 * math.pi)) ** (1 / 3)
        axes = (radius * stretch, radius, radius / stretch)
        solid = _placed(what, axes, long_axis)
        volume *= what.volume / max(_volume(_cut(solid, neck.INSIDE_SKIN), solid), 1e-3)
    return solid


def _placed(what: Lesion, axes: Point, long_axis: Point) -> Ellipsoid:
    """Move an ellipsoid along a line until its gap from the neighbour is as wanted."""
    share = (what.number * _GOLDEN * 7) % 1
    side = 1 if what.number % 3 else -1
    height = 2.0 * (((what.number * 5) * _GOLDEN) % 1) - 1.0
    neighbour: Shape
    if what.site == "skin":
        # Behind and beside: in front lie chin and larynx.
        angle = math.radians(-35 + 110 * share)
        start, away = (0.0, 0.7), (-side * math.cos(angle), -math.sin(angle))
        neighbour, reach = neck.BODY, 6.5
    elif what.site == "airway":
        angle = math.radians(-50 + 60 * share)
        start, away = (0.0, -2.25), (side * math.cos(angle), math.sin(angle))
        neighbour, reach = neck.AIRWAY, 5.0
    elif what.site == "bone":
        angle = math.radians(-25 + 80 * share)
        start, away = (0.0, 1.4), (side * math.cos(angle), math.sin(angle))
        neighbour, reach = neck.BONE, 5.5
    else:
        angle = math.radians(-20 + 50 * share)
        start, away = (side * 2.2, 0.1), (side * math.cos(angle), math.sin(angle))
        neighbour = Union((neck.carotid(1 if side > 0 else -1), neck.jugular(1 if side > 0 else -1)))
        reach = 4.0

    def at(distance: float) -> Ellipsoid:
        from_start = reach - distance if what.site == "skin" else distance
        sign = -1.0 if what.site == "skin" else 1.0
        centre = (start[0] + sign * from_start * away[0], start[1] + sign * from_start * away[1], height)
        return Ellipsoid(centre, axes, long_axis)

    def gap(distance: float) -> float:
        points = _surface(at(distance))
        outside = neighbour.outside(*points)
        return float(-outside.max() if what.site == "skin" else outside.min())

    low, high = 0.0, reach
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if gap(middle) < what.gap else (low, middle)
    return at(high)


def _surface(solid: Ellipsoid) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points on an ellipsoid, 400 on a spiral."""
    k = np.arange(400) + 0.5
    cosine, turn = 1 - 2 * k / 400, 2 * math.pi * _GOLDEN * k
    sine = np.sqrt(1 - cosine**2)
    unit = np.stack([sine * np.cos(turn), sine * np.sin(turn), cosine], axis=1)
    points = np.array(solid.centre) + (unit * np.array(solid.semi_axes)) @ solid.frame()
    return points[:, 0], points[:, 1], points[:, 2]


def _box_points(
    solid: Shape, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    x, y, z = (np.arange(a, b + step, step) for a, b in zip(*solid.bounds(), strict=True))
    return x[:, None, None], y[None, :, None], z[None, None, :]


def _volume(cut: Shape, solid: Ellipsoid) -> float:
    step = 0.06
    return float((cut.outside(*_box_points(solid, step)) < 0).sum()) * step**3


def _painted(image: Image, shape: Shape) -> NDArray[np.float32]:
    """CT numbers with the lesion in its voxels, as the mean over subsamples."""
    hu = np.array(image.hu, dtype=np.float64)
    offsets = (np.arange(_SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
    window, fine = [], []
    for c, d, low, high in zip((image.x, image.y, image.z), image.spacing, *shape.bounds(), strict=True):
        part = slice(*np.clip(np.searchsorted(c, [low - d, high + d]), 0, c.size).tolist())
        window.append(part)
        fine.append((c[part][:, None] + offsets * d).ravel())
    x, y, z = fine
    inside = shape.outside(x[:, None, None], y[None, :, None], z[None, None, :]) < 0
    n = _SUBSAMPLES
    share = inside.reshape(x.size // n, n, y.size // n, n, z.size // n, n).mean(axis=(1, 3, 5))
    at = tuple(window)
    hu[at] += share * (_HU - hu[at])
    return hu.astype(np.float32)
