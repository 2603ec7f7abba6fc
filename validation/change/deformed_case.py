"""A case at a time after implantation: CT, structures and seeds in tissue that swelled or shrank."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mcsim.hounsfield import DEFAULT_CURVE, HounsfieldCurve, media_from_hounsfield
from mcsim.materials import material
from validation.case import Case
from validation.change.carried_image import carried_image
from validation.change.carried_seeds import carried_seeds
from validation.change.carried_structures import carried_structure
from validation.change.tissue_change import TissueChange
from validation.change.tissue_field import TissueField
from validation.evaluate.structure_fractions import structure_fractions


@dataclass(frozen=True)
class MassChange:
    """Volume and mass of the target before and after, on the voxels of the CT.

    Attributes
    ----------
    volume_before, volume_after : float
        cm³.
    mass_before, mass_after : float
        Σ fraction · ρ · voxel volume, g, ρ from the CT number of each voxel.
    expected_gain : float
        ρ ΔV, g: of the target's own mean density, or of water.
    surroundings_gain : float
        Change of mass of what is outside the target within BODY (within the image without one), g: tissue that is
        squeezed or stretched keeps its density, so it leaves or enters as well.
    """

    volume_before: float
    volume_after: float
    mass_before: float
    mass_after: float
    expected_gain: float
    surroundings_gain: float

    @property
    def gain(self) -> float:
        """Change of mass of the target, g."""
        return self.mass_after - self.mass_before


@dataclass(frozen=True)
class DeformedCase:
    """A case at one time and how it came about.

    Attributes
    ----------
    case : Case
        Moved CT, structures and seeds.
    time_d : float
        Days after implantation.
    ratio : float
        Volume of the target over that of the original case.
    seeds_pushed : int
        Seeds pushed aside because their bodies would overlap.
    largest_push : float
        Farthest such push, cm.
    """

    case: Case
    time_d: float
    ratio: float
    seeds_pushed: int
    largest_push: float


def deform(
    case: Case,
    change: TissueChange,
    time_d: float,
    field: TissueField | None = None,
    curve: HounsfieldCurve = DEFAULT_CURVE,
) -> DeformedCase:
    """Move a case's CT, structures and seeds to a time.

    Parameters
    ----------
    case : Case
        In its reference geometry, see `TissueChange.reference`.
    change : TissueChange
        What happens to the tissue.
    time_d : float
        Days after implantation, infinity allowed.
    field : TissueField, optional
        ``change.field(case)`` if it is at hand: many times need it once.
    curve : HounsfieldCurve
        Mass density by CT number, for added water only; that of the simulation.

    Returns
    -------
    DeformedCase
        At a volume ratio of 1 the case's own arrays, so that its digest is the same.

    Raises
    ------
    InvalidInput
        The displacement would fold, seeds find no room, or one leaves the image.
    """
    ratio = float(change.ratio(time_d))
    field = change.field(case) if field is None else field
    seeds = carried_seeds(case.implant, field, ratio, change.seeds_follow)
    when = f"{time_d:g} d after implantation, target volume x {ratio:.6g}"
    moved = replace(
        case,
        image=carried_image(case.image, field, ratio, change.fluid, curve),
        structures={name: carried_structure(s, field, ratio) for name, s in case.structures.items()},
        implant=seeds.implant,
        provenance={**case.provenance, "tissue change": when},
    )
    return DeformedCase(moved, float(time_d), ratio, seeds.pushed, seeds.largest_push)


def deformed_case(
    case: Case,
    change: TissueChange,
    time_d: float,
    field: TissueField | None = None,
    curve: HounsfieldCurve = DEFAULT_CURVE,
) -> Case:
    """The case of `deform` by itself, for an engine to simulate.

    Examples
    --------
    >>> from validation.case import built_in
    >>> from validation.change import ExponentialEdema
    >>> neck, none = built_in("neck"), TissueChange(ExponentialEdema(0.0, 10.0), "before_implant")
    >>> deformed_case(neck, none, 5.0).digest() == neck.digest()
    True
    """
    return deform(case, change, time_d, field, curve).case


def mass_change(
    case: Case, deformed: DeformedCase, change: TissueChange, curve: HounsfieldCurve = DEFAULT_CURVE
) -> MassChange:
    """Mass of the target and around it before and after.

    Parameters
    ----------
    case : Case
        Reference geometry.
    deformed : DeformedCase
        Of `deform`.
    change : TissueChange
        The same as for `deform`.
    curve : HounsfieldCurve
        Mass density by CT number.

    Returns
    -------
    MassChange
    """
    name = change.target or case.prescription.target
    volume, mass, around = zip(*(_masses(c, name, curve) for c in (case, deformed.case)), strict=True)
    mean = mass[0] / volume[0] if change.fluid == "tissue" else material("water").density
    return MassChange(
        volume[0],
        volume[1],
        mass[0],
        mass[1],
        mean * volume[0] * (deformed.ratio - 1.0),
        around[1] - around[0],
    )


def _masses(case: Case, target: str, curve: HounsfieldCurve) -> tuple[float, float, float]:
    """Volume and mass of the target and mass of the body outside it, cm³ and g."""
    image = case.image
    cell = float(np.prod(image.spacing))
    density = media_from_hounsfield(image.hu.astype(np.float64), curve)[1].astype(np.float64)
    inside = structure_fractions(case.structures[target], image.x, image.y, image.z)
    body = np.ones_like(inside)
    if case.external is not None:
        body = np.maximum(structure_fractions(case.external, image.x, image.y, image.z), inside)
    mass = float((inside * density).sum() * cell)
    return float(inside.sum() * cell), mass, float((body * density).sum() * cell) - mass
