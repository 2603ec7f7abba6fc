"""What a plan shall keep to: prescription, seed strengths, distances, what needles must not cross."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mcsim.invalid_input import InvalidInput

MBQ_PER_MCI = 37.0
# Air-kerma strength per apparent activity, U/mCi: I-125 and Pd-103, TG-43U1 (doi:10.1118/1.1646040).
U_PER_MCI = {"I-125": 1.270, "Pd-103": 1.293}

# Strengths in MBq per seed that are kept in stock, and those chosen by site. (0.4 to 0.7 mCi; 18.5 MBq is 0.5 mCi.)
STOCK = (14.8, 18.5, 22.2, 25.9)
SITES = {"surface": (18.5,), "bone": (33.3,), "other": (22.2, 25.9, 29.6)}
# Prescription in Gy by what the target has had before.
HISTORIES = {"untreated": 120.0, "treated": 100.0, "re-irradiated": 80.0}


@dataclass(frozen=True)
class Margins:
    """Least clearance of a needle's axis, and of seeds, in cm.

    Parameters
    ----------
    bone, airway, vessel, cord, other : float
        From the axis of a needle, between skin and tip, to the surface of what it must not touch.
    skin : float
        From the centre of a seed to the skin.
    outside : float
        How far outside the target a seed's centre may lie.
    """

    bone: float = 0.1
    airway: float = 0.2
    vessel: float = 0.2
    cord: float = 0.5
    other: float = 0.2
    skin: float = 1.0
    outside: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value >= 0):
                raise InvalidInput(
                    f"margin {name} is {10 * value:g} mm, expected >= 0 mm (a least distance). Correct the margin."
                )


@dataclass(frozen=True)
class PlanSettings:
    """All that decides a plan besides the patient.

    Parameters
    ----------
    prescription : float
        Dose to full decay that 90 % of the target shall get, Gy.
    strengths_mbq : tuple of float
        Apparent activities of a seed to choose from, MBq; a plan has one.
    directions : tuple of (float, float, float)
        Directions of needles from skin to tip; empty: chosen for the patient.
    mixed : bool
        Whether one plan may use needles of several directions.
    margins : Margins
        Clearances.
    needle_spacing, grid_step : float
        Least distance of needles, and of the lattice of needles tried, cm.
    seed_least, seed_most, slot_step : float
        Least and largest distance of neighbouring seeds on a needle, and of places tried, cm.
    longest_needle : float
        From skin to tip, cm.
    avoid, allow : tuple of str
        Structures that needles must not cross besides those found by role and name, and those they may cross.
    bone_inside_target : bool
        Whether needles may pass bone inside the target: a metastasis in bone.
    largest_seed_count : int
        Give up above.

    Raises
    ------
    InvalidInput
        A value is out of range.

    Examples
    --------
    >>> PlanSettings(120.0).strengths_mbq
    (14.8, 18.5, 22.2, 25.9)
    """

    prescription: float
    strengths_mbq: tuple[float, ...] = STOCK
    directions: tuple[tuple[float, float, float], ...] = ()
    mixed: bool = False
    margins: Margins = field(default_factory=Margins)
    needle_spacing: float = 1.0
    grid_step: float = 0.25
    seed_least: float = 0.5
    seed_most: float = 1.0
    slot_step: float = 0.25
    longest_needle: float = 15.0
    avoid: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    bone_inside_target: bool = False
    largest_seed_count: int = 200

    def __post_init__(self) -> None:
        if not (np.isfinite(self.prescription) and self.prescription > 0):
            raise InvalidInput(
                f"prescription is {self.prescription:g} Gy, expected > 0 (usual are 80 to 145 Gy). Give the dose."
            )
        bad = [s for s in self.strengths_mbq if not (np.isfinite(s) and s > 0)]
        if bad or not self.strengths_mbq:
            raise InvalidInput(
                f"seed strengths are {', '.join(f'{s:g}' for s in self.strengths_mbq) or '(none)'} MBq, expected at "
                f"least one and all > 0 (stocked are {', '.join(f'{s:g}' for s in STOCK)}). Correct --strength."
            )
        for name in ("grid_step", "slot_step", "longest_needle", "seed_least", "seed_most"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InvalidInput(f"{name} is {10 * value:g} mm, expected > 0 mm. Give a length.")
        for direction in self.directions:
            if not (np.isfinite(direction).all() and np.linalg.norm(direction) > 0):
                raise InvalidInput(
                    f"needle direction is {direction}, expected three numbers that are not all 0 (from skin to tip, "
                    f"patient frame LPS). Correct --direction."
                )


DIRECTION_NAMES: dict[str, tuple[float, float, float]] = {
    "from-left": (-1.0, 0.0, 0.0),
    "from-right": (1.0, 0.0, 0.0),
    "from-front": (0.0, 1.0, 0.0),
    "from-back": (0.0, -1.0, 0.0),
    "from-above": (0.0, 0.0, -1.0),
    "from-below": (0.0, 0.0, 1.0),
}


def direction_of(text: str) -> tuple[float, float, float]:
    """Needle direction, skin to tip, from its name or three numbers.

    Raises
    ------
    InvalidInput
        It is neither.

    Examples
    --------
    >>> direction_of("from-left"), direction_of("0,1,-0.5")
    ((-1.0, 0.0, 0.0), (0.0, 1.0, -0.5))
    """
    if text in DIRECTION_NAMES:
        return DIRECTION_NAMES[text]
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(
            f"needle direction is {text[:40]!r}, expected auto, plan, {', '.join(DIRECTION_NAMES)}, or three numbers "
            f"x,y,z (skin to tip, LPS). Correct --direction."
        ) from None
    return x, y, z


def air_kerma_strength(activity_mbq: float, radionuclide: str) -> float:
    """Air-kerma strength in U of a seed of an apparent activity in MBq.

    S_K = A / 37 MBq/mCi · (U/mCi); 1.270 U/mCi for I-125 and 1.293 U/mCi for Pd-103 (TG-43U1,
    doi:10.1118/1.1646040).

    Raises
    ------
    InvalidInput
        No conversion is known for the radionuclide.

    Examples
    --------
    >>> round(air_kerma_strength(18.5, "I-125"), 4)
    0.635
    """
    if radionuclide not in U_PER_MCI:
        raise InvalidInput(
            f"radionuclide is {radionuclide}, expected one of {', '.join(U_PER_MCI)} (apparent activity is turned "
            f"into air-kerma strength by it). Plan with a seed of one of these."
        )
    return activity_mbq / MBQ_PER_MCI * U_PER_MCI[radionuclide]
