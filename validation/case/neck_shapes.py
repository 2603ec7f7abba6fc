"""A synthetic neck as simple solids, in cm, patient frame LPS, with a left level-II/III node as the target.

Sizes are those of a typical adult neck, rounded; no patient was measured. HU are typical values at 120 kV
without contrast medium. The mid-plane is x = 0, and z = 0 lies at the level of the node.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

from validation.case.solid_shapes import Capsule, Column, Ellipsoid, Shape, Union, Within, Without

Side = Literal[1, -1]  # 1: patient left, -1: patient right

LOWEST, HIGHEST = -6.0, 6.0  # columns reach beyond the image in z
SKIN_THICKNESS = 0.2
FAT_THICKNESS = 0.35
CORTEX_THICKNESS = 0.15

HOUNSFIELD = {
    "air": -1000.0,
    "fat": -100.0,
    "cord": 35.0,
    "lymph": 40.0,
    "blood": 45.0,
    "muscle": 55.0,
    "skin": 60.0,
    "spongy bone": 300.0,
    "cortical bone": 1200.0,
}

BODY = Union(
    (
        Column((0.0, 0.7, LOWEST), (0.0, 0.7, HIGHEST), (6.0, 5.6)),  # the neck itself
        Ellipsoid((0.0, -2.0, 4.6), (5.4, 5.2, 3.2)),  # chin and floor of the mouth
    )
)
INSIDE_SKIN = BODY.inset(SKIN_THICKNESS)
INSIDE_FAT = BODY.inset(SKIN_THICKNESS + FAT_THICKNESS)

GTV = Ellipsoid((3.9, 0.85, 0.0), (0.95, 0.75, 0.68), long_axis=(0.55, 0.45, -0.70))
PTV = GTV.inset(-0.3)  # 3 mm margin along every semi-axis

AIRWAY = Column((0.0, -2.9, LOWEST), (0.0, -1.6, HIGHEST), (0.85, 0.95))
GULLET = Column((0.0, -1.05, LOWEST), (0.0, 0.05, HIGHEST), (0.9, 0.35))

CORD = Column((0.0, 2.55, LOWEST), (0.0, 2.55, HIGHEST), (0.62, 0.42))
CANAL = CORD.inset(-0.22)
ARCH = CANAL.inset(-0.35)  # pedicles and laminae around the canal
_VERTEBRAE = (-5.1, -3.4, -1.7, 0.0, 1.7, 3.4, 5.1)  # levels; bodies 1.25 cm high with discs between
VERTEBRAL_BODIES = Union(
    tuple(Column((0.0, 1.15, level - 0.62), (0.0, 1.15, level + 0.62), (1.15, 0.85)) for level in _VERTEBRAE)
)
DISCS = Column((0.0, 1.15, LOWEST), (0.0, 1.15, HIGHEST), (1.1, 0.8))
PROCESSES = Union(
    tuple(
        process
        for level in _VERTEBRAE
        for process in (
            Capsule((0.0, 3.4, level), (0.0, 4.7, level - 0.5), 0.22),
            Capsule((0.9, 1.9, level), (1.95, 1.6, level - 0.15), 0.28),
            Capsule((-0.9, 1.9, level), (-1.95, 1.6, level - 0.15), 0.28),
        )
    )
)
_JAW = (
    (4.35, -0.9, 4.3),
    (3.3, -4.0, 3.9),
    (1.1, -6.2, 3.9),
    (-1.1, -6.2, 3.9),
    (-3.3, -4.0, 3.9),
    (-4.35, -0.9, 4.3),
)
MANDIBLE = Union(tuple(Capsule(start, end, 0.5) for start, end in pairwise(_JAW)))
SPINE = Without(Union((*VERTEBRAL_BODIES.parts, ARCH, *PROCESSES.parts)), CANAL)
BONE = Without(Union((*VERTEBRAL_BODIES.parts, ARCH, *PROCESSES.parts, *MANDIBLE.parts)), CANAL)


def carotid(side: Side) -> Column:
    """Make the common and internal carotid artery."""
    return Column((side * 1.75, 0.0, LOWEST), (side * 2.25, 0.1, HIGHEST), (0.34, 0.34))


def jugular(side: Side) -> Column:
    """Make the internal jugular vein, lateral of the carotid artery."""
    return Column((side * 2.45, -0.1, LOWEST), (side * 2.75, 0.75, HIGHEST), (0.45, 0.34), wide=side * 0.6)


def _muscles(side: Side) -> list[Shape]:
    return [
        # sternocleidomastoid: from the breastbone forward and down to behind the ear
        Column(
            (side * 3.0, -2.6, LOWEST), (side * 5.0, 2.6, HIGHEST), (1.5, 0.55), wide=side * math.radians(55)
        ),
        # trapezius, splenius and semispinalis behind the spine
        Column(
            (side * 2.55, 3.85, LOWEST),
            (side * 2.55, 3.75, HIGHEST),
            (2.75, 1.9),
            wide=side * math.radians(-28),
        ),
        # scalene muscles and levator scapulae beside the spine
        Column(
            (side * 2.6, 1.75, LOWEST),
            (side * 2.4, 1.85, HIGHEST),
            (1.15, 0.75),
            wide=side * math.radians(25),
        ),
        # longus colli in front of the vertebrae
        Column((side * 0.85, 0.35, LOWEST), (side * 0.95, 0.35, HIGHEST), (0.6, 0.3)),
        # strap muscles beside the larynx
        Column(
            (side * 1.35, -3.4, LOWEST),
            (side * 1.35, -3.0, HIGHEST),
            (0.55, 0.85),
            wide=side * math.radians(-25),
        ),
    ]


# Painted in this order; a later solid replaces what lies under it.
PAINT: tuple[tuple[str, Shape], ...] = (
    ("skin", BODY),
    ("fat", INSIDE_SKIN),
    *(("muscle", Within(muscle, INSIDE_FAT)) for side in (1, -1) for muscle in _muscles(side)),
    ("muscle", AIRWAY.inset(-0.45)),  # larynx, pharynx and tongue base
    ("muscle", Within(Ellipsoid((0.0, -3.0, 4.2), (2.9, 2.9, 1.7)), INSIDE_FAT)),  # floor of the mouth
    ("muscle", GULLET),
    ("lymph", Ellipsoid((2.7, -1.9, 2.9), (1.1, 1.5, 1.0))),  # left submandibular gland
    ("lymph", Ellipsoid((-2.7, -1.9, 2.9), (1.1, 1.5, 1.0))),
    ("muscle", DISCS),
    ("cortical bone", ARCH),
    ("cortical bone", PROCESSES),
    ("cortical bone", VERTEBRAL_BODIES),
    ("spongy bone", VERTEBRAL_BODIES.inset(CORTEX_THICKNESS)),
    ("fat", CANAL),
    ("cord", CORD),
    ("cortical bone", MANDIBLE),
    ("spongy bone", MANDIBLE.inset(2 * CORTEX_THICKNESS)),
    *(("blood", vessel) for side in (1, -1) for vessel in (carotid(side), jugular(side))),
    ("lymph", GTV),
    ("air", AIRWAY),
)
