"""What happens to the tissue: how much the target's volume changes, when, and how the rest follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.change.tissue_field import ISOTROPIC, TissueField, tissue_field
from validation.change.volume_course import VolumeCourse

FloatArray = NDArray[np.float64]
Fluid = Literal["tissue", "water"]
BEFORE_IMPLANT = "before_implant"


@dataclass(frozen=True)
class TissueChange:
    """A change of tissue with time, and how the case's geometry stands in it.

    Parameters
    ----------
    course : VolumeCourse
        Volume of the target against time.
    reference : "before_implant" or float
        When the case's CT and contours were made: ``before_implant`` is the volume V₀ of the course, without edema
        (a plan on a CT before the implant: tissue and seeds swell from there at once); a number is the day after
        implantation of a post-implant CT, swollen as the course says for that day.
    target : str
        Structure that changes; empty for the one the dose is prescribed to.
    shares : tuple of three floats
        Exponents of the volume ratio along x, y, z, which sum to 1: thirds are isotropic, (0.5, 0.5, 0) leaves z.
    reach : float
        Displacement outside the target falls to zero over this distance, cm.
    plateau : float
        Distance around the target that still scales with it, cm.
    fluid : {"tissue", "water"}
        What swelling adds and shrinkage removes: tissue of the same medium and density, or water.
    seeds_follow : float
        Exponent with which seeds follow the tissue: 1 with it, 0 not at all, above 1 they clump more than it
        shrinks.

    Raises
    ------
    InvalidInput
        A value out of range, or an unknown name.

    Examples
    --------
    >>> from validation.change import ExponentialEdema
    >>> on_a_plan = TissueChange(ExponentialEdema(0.5, 10.0), "before_implant")
    >>> after_it = TissueChange(ExponentialEdema(0.5, 10.0), 0.0)
    >>> [float(change.ratio(0.0)) for change in (on_a_plan, after_it)]
    [1.5, 1.0]
    """

    course: VolumeCourse
    reference: Literal["before_implant"] | float
    target: str = ""
    shares: tuple[float, float, float] = ISOTROPIC
    reach: float = 2.0
    plateau: float = 0.1
    fluid: Fluid = "tissue"
    seeds_follow: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.reference, str):
            if self.reference != BEFORE_IMPLANT:
                raise InvalidInput(
                    f"reference geometry is {self.reference!r}, expected 'before_implant' or the day of the CT (edema "
                    f"is counted from it). State which CT the case has."
                )
        elif not (np.isfinite(self.reference) and self.reference >= 0.0):
            raise InvalidInput(
                f"day of the CT is {self.reference:g} d, expected >= 0 d after implantation. Use 'before_implant' "
                f"for a CT before it."
            )
        if self.fluid not in get_args(Fluid):
            raise InvalidInput(
                f"fluid is {self.fluid!r}, expected one of {', '.join(get_args(Fluid))}. Use one of them."
            )
        if not (np.isfinite(self.seeds_follow) and self.seeds_follow >= 0.0):
            raise InvalidInput(
                f"seeds_follow is {self.seeds_follow:g}, expected a number >= 0 (1: with the tissue). Correct it."
            )

    @property
    def reference_volume(self) -> float:
        """Volume of the case's geometry in units of V₀."""
        if isinstance(self.reference, str):
            return 1.0
        return float(self.course.relative_volume(self.reference))

    def ratio(self, time_d: ArrayLike) -> FloatArray:
        """Volume of the target at days after implantation over that in the case's geometry."""
        return np.asarray(self.course.relative_volume(time_d) / self.reference_volume)

    def field(self, case: Case) -> TissueField:
        """Displacement field of a case.

        Raises
        ------
        InvalidInput
            The target is not there or does not suit the field.
        """
        name = self.target or case.prescription.target
        if name not in case.structures:
            raise InvalidInput(
                f"structure that changes is {name!r}, expected one of {', '.join(case.structures)}. Use a known name."
            )
        return tissue_field(case.structures[name], shares=self.shares, reach=self.reach, plateau=self.plateau)

    def record(self) -> dict[str, object]:
        """The change as plain values, for the settings of a result."""
        return {
            **self.course.record(), "reference": self.reference, "target": self.target, "shares": list(self.shares),
            "reach_cm": self.reach, "plateau_cm": self.plateau, "fluid": self.fluid,
            "seeds_follow": self.seeds_follow,
        }  # fmt: skip
