"""How well the prescription isodose fits a target: conformation number, conformity and external volume indices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from mcsim.invalid_input import InvalidInput


@dataclass(frozen=True)
class ConformityVolumes:
    """The three volumes that conformity indices are made of.

    Attributes
    ----------
    target : float
        Target volume V_T outside the seeds, cm³.
    isodose : float
        Volume V_ref of the body, target included, that receives at least the prescribed dose, cm³; NaN where the edge
        of the dose grid cuts the isodose.
    covered : float
        Part of the target V_T,ref that receives at least the prescribed dose, cm³.
    """

    target: float
    isodose: float
    covered: float


@dataclass(frozen=True)
class ConformityIndex:
    """One conformity index.

    Parameters
    ----------
    name, unit, definition, source : str
        As printed; the definition is one sentence, the source a citation.
    compute : callable
        Value in `unit` from the volumes.
    """

    name: str
    unit: str
    definition: str
    source: str
    compute: Callable[[ConformityVolumes], float]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


CONFORMITY_INDICES: tuple[ConformityIndex, ...] = (
    ConformityIndex(
        "CN",
        "1",
        "Conformation number, (V_T,ref / V_T) (V_T,ref / V_ref): part of the target within the prescription isodose "
        "times part of that isodose within the target; many seed-implant reports call it conformity index (CI).",
        "van 't Riet et al., Int. J. Radiat. Oncol. Biol. Phys. 37, 731 (1997), doi:10.1016/S0360-3016(96)00601-3",
        lambda v: _ratio(v.covered, v.target) * _ratio(v.covered, v.isodose),
    ),
    ConformityIndex(
        "CI",
        "1",
        "Conformity index of the RTOG, V_ref / V_T: volume of the prescription isodose over that of the target.",
        "Shaw et al., Int. J. Radiat. Oncol. Biol. Phys. 27, 1231 (1993), doi:10.1016/0360-3016(93)90548-A",
        lambda v: _ratio(v.isodose, v.target),
    ),
    ConformityIndex(
        "EI",
        "%",
        "External volume index, (V_ref − V_T,ref) / V_T: volume outside the target that receives at least the "
        "prescribed dose, in % of the target volume.",
        "Saw and Suntharalingam, Int. J. Radiat. Oncol. Biol. Phys. 20, 135 (1991)",
        lambda v: 100 * _ratio(v.isodose - v.covered, v.target),
    ),
    ConformityIndex(
        "V_ref",
        "cm³",
        "Volume of the body, target included, that receives at least the prescribed dose.",
        "Nath et al. (TG-137), Med. Phys. 36, 5310 (2009), doi:10.1118/1.3246613",
        lambda v: v.isodose,
    ),
)


def conformity_volumes(
    dose: ArrayLike, target_volume: ArrayLike, body_volume: ArrayLike, prescription: float
) -> ConformityVolumes:
    """Volumes of target, prescription isodose and their common part.

    Parameters
    ----------
    dose : array_like
        Dose [Gy], any shape. Where a three-dimensional grid has the prescription in a body voxel of its outermost layer
        the isodose is not whole, and its volume NaN.
    target_volume, body_volume : array_like
        Volume of each voxel's part in the target and in the body, outside the seeds [cm³], from
        `validation.evaluate.dvh.part_volumes`; shape of `dose`. Where the target reaches beyond the body outline, that
        part is added to the body.
    prescription : float
        Prescribed dose [Gy].

    Returns
    -------
    ConformityVolumes
        In cm³.

    Raises
    ------
    InvalidInput
        Shapes differ, the prescription is not positive, or a voxel that counts has no finite dose.

    Examples
    --------
    >>> conformity_volumes([50.0, 120.0, 130.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0], 100.0)
    ConformityVolumes(target=2.0, isodose=2.0, covered=1.0)
    """
    doses, target, body = _checked(dose, target_volume, body_volume, prescription)
    reached = (doses >= prescription) & (body > 0)
    inner = np.ones_like(reached)
    if reached.ndim == 3:
        inner[:] = False
        inner[1:-1, 1:-1, 1:-1] = True
    isodose = float(body[reached].sum()) if inner[reached].all() else float("nan")
    return ConformityVolumes(float(target.sum()), isodose, float(target[reached].sum()))


def conformity_indices(
    dose: ArrayLike, target_volume: ArrayLike, body_volume: ArrayLike, prescription: float
) -> NDArray[np.float64]:
    r"""Every index of `CONFORMITY_INDICES`.

    .. math::
        \mathrm{CN} = \frac{V_{T,ref}}{V_T}\,\frac{V_{T,ref}}{V_{ref}}, \quad
        \mathrm{CI} = \frac{V_{ref}}{V_T}, \quad
        \mathrm{EI} = \frac{V_{ref} - V_{T,ref}}{V_T}

    Parameters
    ----------
    dose, target_volume, body_volume, prescription
        As for `conformity_volumes`.

    Returns
    -------
    (len(CONFORMITY_INDICES),) array
        In their order and units; NaN where a volume in a denominator is 0.

    Raises
    ------
    InvalidInput
        As `conformity_volumes`.

    Examples
    --------
    >>> conformity_indices([50.0, 120.0, 130.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0], 100.0).tolist()
    [0.25, 1.0, 50.0, 2.0]
    """
    volumes = conformity_volumes(dose, target_volume, body_volume, prescription)
    return np.array([index.compute(volumes) for index in CONFORMITY_INDICES])


def conformity_std_dev(
    dose: ArrayLike,
    std_dev: ArrayLike,
    target_volume: ArrayLike,
    body_volume: ArrayLike,
    prescription: float,
) -> NDArray[np.float64]:
    r"""Type A standard uncertainty of every index, the noise of the voxels taken as independent.

    A voxel receives the prescription with probability :math:`p = \Phi((D - P)/s)`; the volumes then have variances
    and a covariance :math:`\sum v v' p (1 - p)`, and the indices follow to first order. Voxels that share histories
    flip together: with correlated noise the result is too small, by about the square root of the number of voxels
    that fluctuate as one.

    Parameters
    ----------
    dose, target_volume, body_volume, prescription
        As for `conformity_volumes`.
    std_dev : array_like
        Type A standard uncertainty of the dose [Gy], shape of `dose`.

    Returns
    -------
    (len(CONFORMITY_INDICES),) array
        Standard uncertainties (k = 1) in the indices' units.

    Raises
    ------
    InvalidInput
        As `conformity_volumes`.

    Examples
    --------
    >>> found = conformity_std_dev([100.0, 150.0], [2.0, 2.0], [1.0, 1.0], [1.0, 1.0], 100.0)
    >>> found.round(3).tolist()  # V_ref is 1 or 2 cm³ with equal chance
    [0.25, 0.25, 0.0, 0.5]
    """
    doses, target, body = _checked(dose, target_volume, body_volume, prescription)
    s = np.asarray(std_dev, dtype=float)
    above = np.divide(
        doses - prescription, s, out=np.where(doses >= prescription, np.inf, -np.inf), where=s > 0
    )
    variance = ndtr(above) * (1 - ndtr(above))
    parts = np.stack([body.ravel(), target.ravel()])
    covariance = (parts * variance.ravel()) @ parts.T
    volumes = conformity_volumes(doses, target, body, prescription)
    # Steps of a thousandth of the target: the indices are smooth functions of the two volumes.
    step = 1e-3 * max(volumes.target, 1e-12)
    gradients = []
    for index in CONFORMITY_INDICES:
        up, down = (
            [
                index.compute(
                    ConformityVolumes(volumes.target, volumes.isodose + sign * a, volumes.covered + sign * b)
                )
                for a, b in ((step, 0.0), (0.0, step))
            ]
            for sign in (1.0, -1.0)
        )
        gradients.append((np.array(up) - np.array(down)) / (2 * step))
    slopes = np.array(gradients)
    return np.asarray(np.sqrt(np.einsum("ki,ij,kj->k", slopes, covariance, slopes)))


def _checked(
    dose: ArrayLike, target_volume: ArrayLike, body_volume: ArrayLike, prescription: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    if not prescription > 0:
        raise InvalidInput(
            f"prescribed dose is {prescription:g} Gy, expected more than 0 Gy (the isodose is that of the "
            f"prescription). Set the prescription of the case."
        )
    doses, target, body = (np.asarray(a, dtype=float) for a in (dose, target_volume, body_volume))
    if not doses.shape == target.shape == body.shape:
        raise InvalidInput(
            f"shapes of dose, target and body volumes are {doses.shape}, {target.shape} and {body.shape}, expected one "
            f"shape (one value per voxel). Compute them on the dose grid."
        )
    body = np.maximum(body, target)
    bad = (body > 0) & ~np.isfinite(doses)
    if bad.any():
        raise InvalidInput(
            f"dose is not finite in {int(bad.sum())} voxels of the body, expected a finite dose in every voxel with "
            f"tissue. Check that the dose grid covers the body."
        )
    return np.where(body > 0, doses, 0.0), target, body
