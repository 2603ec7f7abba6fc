"""What an in-silico cohort assumes: lesions, prescriptions, seeds, their placement, edema, day of verification."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.case.generated_lesions import COUNT, Lesion, lesion
from validation.change import Displacement, ExponentialEdema, TissueChange
from validation.studies.plan_settings import STOCK

CM_PER_MM = 0.1
LARGEST_VOXEL_MM = 2.5  # twice as much is the most that a dose grid takes
_SHARES_OF_DRAW = 4  # prescription, strength, edema, its half-life


@dataclass(frozen=True)
class Placement:
    """How far seeds come to lie from where they were planned; all spreads are along one direction.

    Parameters
    ----------
    entry_sd_mm : float
        Of a needle's entry along each of two directions across it.
    angle_sd_deg : float
        Of a needle's tilt about each of two directions across it.
    depth_sd_mm : float
        Along the needle, shared by its seeds.
    seed_sd_mm : float
        Of every seed by itself, along x, y and z.
    source : str
        Where the numbers are from.
    """

    entry_sd_mm: float
    angle_sd_deg: float
    depth_sd_mm: float
    seed_sd_mm: float
    source: str

    def displacement(self, depth_cm: float, loss: float) -> Displacement:
        """The spreads as `validation.change` takes them.

        A tilt about the entry shifts seeds at a depth L by L·tan(tilt): it is added to the shift of the entry in
        quadrature, as if independent of the tilt about the seeds' middle.

        Parameters
        ----------
        depth_cm : float
            From entry to the seeds, mean over the needles, cm.
        loss : float
            Probability that a seed is lost.

        Examples
        --------
        >>> round(PLACEMENTS["template"].displacement(4.0, 0.0).needle_across_sd, 3)
        0.113
        """
        tilt = math.radians(self.angle_sd_deg)
        across = math.hypot(CM_PER_MM * self.entry_sd_mm, depth_cm * math.tan(tilt))
        return Displacement(
            isotropic_sd=CM_PER_MM * self.seed_sd_mm,
            needle_along_sd=CM_PER_MM * self.depth_sd_mm,
            needle_across_sd=across,
            needle_tilt_sd=tilt,
            loss_probability=loss,
        )


# Published means become the spread along one direction: a distance in a plane is Rayleigh distributed (mean √(π/2) σ),
# a length along a line half-normal (mean √(2/π) σ), a distance in space Maxwell distributed (mean 2 √(2/π) σ).
_PLANE, _LINE, _SPACE = math.sqrt(math.pi / 2), math.sqrt(2 / math.pi), 2 * math.sqrt(2 / math.pi)
_FREE_HAND_MM = 4.5
PLACEMENTS: dict[str, Placement] = {
    "template": Placement(
        0.90 / _PLANE,
        1.56 / _PLANE,
        1.68 / _LINE,
        0.0,
        "printed templates, 430 needles in head and neck: entry 0.90 mm, depth 1.68 mm, angle 1.56° off on average "
        "(Qiu et al. 2021, doi:10.3389/fonc.2021.664996)",
    ),
    "free-hand": Placement(
        _FREE_HAND_MM / _SPACE / math.sqrt(2),
        0.0,
        _FREE_HAND_MM / _SPACE / math.sqrt(2),
        _FREE_HAND_MM / _SPACE / math.sqrt(2),
        "free-hand under CT or ultrasound: seeds 4 to 5 mm off on average; taken as 4.5 mm, the same along every "
        "direction, half of the variance shared by the seeds of a needle",
    ),
    "none": Placement(0.0, 0.0, 0.0, 0.0, "every seed where it was planned"),
}


@dataclass(frozen=True)
class CohortProtocol:
    """All that decides an in-silico cohort.

    Parameters
    ----------
    cohort_seed : int
        Decides all draws.
    volumes_cm3 : (float, float)
        Smallest and largest GTV; those between are spaced evenly in their logarithm.
    prescriptions_gy, strengths_mbq : tuple of float
        One of each is drawn for a lesion.
    target : str
        Structure that is planned and judged: ``PTV`` (GTV and 3 mm) or ``GTV``.
    placement : str
        One of `PLACEMENTS`.
    loss : float
        Probability that a seed is lost.
    edema, edema_half_life_d : (float, float)
        Least and greatest swelling M (drawn evenly) and its half-life in days (evenly in its logarithm).
    verification_day : float
        Day of the CT on which the implant is verified.
    voxel_mm : float
        Edge of the voxels of either engine; at most 2.5, for indices are computed on voxels twice as large too.
    uncertainty : float
        Monte Carlo stops at this mean relative type A uncertainty over the target's voxels.

    Raises
    ------
    InvalidInput
        A value is out of range.

    Examples
    --------
    >>> CohortProtocol().draw(1).lesion.site
    'skin'
    """

    cohort_seed: int = 1
    volumes_cm3: tuple[float, float] = (0.6, 10.0)
    prescriptions_gy: tuple[float, ...] = (110.0, 120.0, 130.0, 140.0)
    strengths_mbq: tuple[float, ...] = STOCK
    target: str = "PTV"
    placement: str = "free-hand"
    loss: float = 0.008
    edema: tuple[float, float] = (0.0, 0.5)
    edema_half_life_d: tuple[float, float] = (4.0, 25.0)
    verification_day: float = 1.0
    voxel_mm: float = 1.0
    uncertainty: float = 0.03

    def __post_init__(self) -> None:
        for name, known in (("placement", tuple(PLACEMENTS)), ("target", ("PTV", "GTV"))):
            if getattr(self, name) not in known:
                raise InvalidInput(
                    f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}. Choose one of these."
                )
        for name, low, high, least in (
            ("volumes", *self.volumes_cm3, 0.1),
            ("edema", *self.edema, 0.0),
            ("half-life of the edema", *self.edema_half_life_d, 0.1),
        ):
            if not (math.isfinite(high) and least <= low <= high):
                raise InvalidInput(
                    f"{name} of the cohort is {low:g}:{high:g}, expected two ascending numbers from {least:g} on. "
                    f"Correct the range."
                )
        for name, value, least, most in (
            ("cohort seed", self.cohort_seed, 0, 2**31 - 1),
            ("loss", self.loss, 0.0, 0.5),
            ("day of verification", self.verification_day, 0.0, 365.0),
            ("voxel", self.voxel_mm, 0.2, LARGEST_VOXEL_MM),
            ("uncertainty", self.uncertainty, 1e-4, 1.0),
        ):
            if not least <= value <= most:
                raise InvalidInput(
                    f"{name} of the cohort is {value:g}, expected {least:g} to {most:g}. Correct it."
                )

    def record(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> CohortProtocol:
        """The protocol of a file.

        Raises
        ------
        InvalidInput
            A field is missing or unknown.
        """
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in record.items()}
        try:
            return CohortProtocol(**values)
        except TypeError as reason:
            raise InvalidInput(
                f"protocol of the cohort has the fields {', '.join(values) or 'none'}, expected those of this version "
                f"({reason}). Compute the lesions again."
            ) from None

    def digest(self) -> str:
        """SHA-256 (hex) of the protocol and of what its placement stands for."""
        whole = {**self.record(), "spreads": asdict(PLACEMENTS[self.placement])}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    @property
    def voxel_cm(self) -> float:
        """Edge of the voxels, cm."""
        return CM_PER_MM * self.voxel_mm

    def draw(self, number: int) -> LesionDraw:
        """What one lesion is like: a function of the protocol and the number alone.

        Parameters
        ----------
        number : int
            1 to 22.

        Raises
        ------
        InvalidInput
            There is no such number.
        """
        what = lesion(number, *self.volumes_cm3)
        # Four uniform numbers of a stream that no other lesion has.
        stream = np.random.Generator(np.random.Philox(key=[self.cohort_seed, number]))
        dose, strength, swelling, half_life = (float(u) for u in stream.random(_SHARES_OF_DRAW))
        low, high = self.edema
        short, long = self.edema_half_life_d
        return LesionDraw(
            replace(what, prescription=_chosen(self.prescriptions_gy, dose)),
            _chosen(self.strengths_mbq, strength),
            low + (high - low) * swelling,
            short * (long / short) ** half_life,
        )


def _chosen(values: tuple[float, ...], share: float) -> float:
    return values[int(share * len(values))]


@dataclass(frozen=True)
class LesionDraw:
    """One lesion of a cohort.

    Parameters
    ----------
    lesion : Lesion
        Size, site and prescription.
    strength_mbq : float
        Seeds that are meant to be used.
    edema, edema_half_life_d : float
        Swelling M at implantation, and its half-life in days.
    """

    lesion: Lesion
    strength_mbq: float
    edema: float
    edema_half_life_d: float

    @property
    def change(self) -> TissueChange:
        """The edema, on the geometry of the plan's CT."""
        return TissueChange(ExponentialEdema(self.edema, self.edema_half_life_d), "before_implant")


NUMBERS = range(1, COUNT + 1)
