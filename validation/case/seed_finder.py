"""Seeds found on a post-implant CT."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.image import Image
from validation.case.implant import SEED_LENGTH
from validation.case.seed_finder_calibration import LEAST_EXCESS
from validation.case.seed_finder_fit import Rod
from validation.case.seed_finder_image import SeedImage
from validation.case.seed_finder_search import Search

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A direction counts as seen from here on: oblique needles differ by more.
RESOLVED = np.radians(12.0)
# A rod that explains less of its voxels is something else: bone, a calcification, the edge of a filling.
LEAST_AGREEMENT = 0.8
LEAST_AGREEMENT_IN_BONE = 0.9
LEAST_ENERGY, MOST_ENERGY = 0.35, 1.6
# Rods explain a patch of seeds to this share; a patch with bone or a filling in it asks for better agreement
# and no more brightness left beside the rod than this share of its peak.
SEEDS_ALONE = 0.75
MOST_UNEXPLAINED = 0.3
# In slices thicker than this, cm, a seed shows so weakly that streaks hide it: what they spoil counts where fewer are
# found than were implanted. In thinner ones that would take bone for a lost seed, unless all are known to be there.
VERY_THICK = 0.35


@dataclass(frozen=True, eq=False)
class FoundSeeds:
    """Seeds on a CT.

    Parameters
    ----------
    positions : ndarray, shape (n, 3)
        Centres in cm, patient frame LPS.
    axes : ndarray, shape (n, 3)
        Unit directions of the long axes; the sign means nothing (z ≥ 0).
    position_std_dev : ndarray, shape (n,)
        Standard uncertainty of a coordinate by the fit, cm.
    axis_std_dev : ndarray, shape (n,)
        Standard uncertainty of the direction by the fit, rad.
    resolved : ndarray of bool, shape (n,)
        The direction can be told (uncertainty below 12°).
    energy : ndarray, shape (n,)
        What the seed explains, as a share of what a lone seed does: below 1 in clusters.
    cluster : ndarray of int, shape (n,)
        Seeds of one number were merged on the CT.
    image : SeedImage
        How one seed looks on this CT.
    rejected : tuple of str
        Bright places that are no seeds, and why.
    """

    positions: FloatArray
    axes: FloatArray
    position_std_dev: FloatArray
    axis_std_dev: FloatArray
    resolved: Mask
    energy: FloatArray
    cluster: NDArray[np.int64]
    image: SeedImage
    rejected: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.positions)


def find_seeds(
    image: Image,
    region: Mask | None = None,
    *,
    count: int | None = None,
    most: int | None = None,
    length: float = SEED_LENGTH,
) -> FoundSeeds:
    """Find the seeds on a CT by fitting blurred rods to its bright voxels.

    Parameters
    ----------
    image : Image
        Post-implant CT.
    region : ndarray of bool, shape (nx, ny, nz), optional
        Where seeds may be; everywhere by default.
    count : int, optional
        Seeds known to be there: so many are returned, or the call is refused. What streaks spoil then counts too.
    most : int, optional
        Seeds that were implanted: no more are returned, fewer may be (seeds are lost).
    length : float
        Of the rod that the CT shows, cm.

    Returns
    -------
    FoundSeeds

    Raises
    ------
    InvalidInput
        No seed, or fewer than `count`.

    Notes
    -----
    See ``docs/theory/seed_finder.md``.

    Examples
    --------
    >>> from validation.case.seed_finder_trial import Scan, trial_image
    >>> place, axis = np.array([[0.1, 0.2, 0.0]]), np.array([[0.6, 0.0, 0.8]])
    >>> ct = trial_image(place, axis, Scan(slice_thickness=0.1), np.random.default_rng(1))
    >>> found = find_seeds(ct)
    >>> len(found), bool(np.linalg.norm(found.positions - place) < 0.03)
    (1, True)
    """
    allowed = np.ones(image.hu.shape, dtype=bool) if region is None else np.asarray(region, dtype=bool)
    _refuse_region(allowed, image)
    search = Search.of(image, allowed, count or most, length)
    rods, rejected = [], []
    wanted = count or most
    every = search.run()
    # What is learnt where there are no seeds ends at the least there may be: a calcification, not metal.
    metal = search.seen.excess > 1.05 * LEAST_EXCESS
    inside = [r for r in every if metal and search.allows(r.position)]
    chosen = _chosen(inside, wanted if count or image.spacing[2] > VERY_THICK else None)
    for rod in every:
        if any(rod is r for r in chosen):
            rods.append(rod)
        else:
            rejected.append(
                f"{_at(rod.position)}: {_why(rod) or 'too faint for metal, or outside the search region'}"
            )
    rods.sort(key=lambda r: -r.score)
    if wanted is not None and len(rods) > wanted:
        rejected += [f"{_at(r.position)}: more than the {wanted} seeds there are" for r in rods[wanted:]]
        rods = rods[:wanted]
    if not rods or (count is not None and len(rods) < count):
        _refuse(rods, count, rejected, search.seen)
    rods.sort(key=lambda r: (-round(r.position[2], 3), *r.position[:2]))
    return _as_found(rods, search, rejected)


def _as_found(rods: list[Rod], search: Search, rejected: list[str]) -> FoundSeeds:
    std = np.array([r.axis_std_dev for r in rods])
    return FoundSeeds(
        positions=np.array([r.position for r in rods]),
        axes=np.array([r.axis for r in rods]),
        position_std_dev=np.array([r.position_std_dev for r in rods]),
        axis_std_dev=std,
        resolved=std < RESOLVED,
        energy=np.array([r.energy for r in rods]),
        cluster=search.cluster_of([r.position for r in rods]),
        image=search.seen,
        rejected=tuple(rejected),
    )


def _refuse_region(allowed: Mask, image: Image) -> None:
    if allowed.shape != image.hu.shape:
        raise InvalidInput(
            f"search region has shape {allowed.shape}, expected {image.hu.shape} (one value per voxel of the CT). "
            f"Make it on the grid of the CT."
        )
    if not allowed.any():
        raise InvalidInput(
            "search region has 0 voxels, expected at least 1 (seeds are looked for in it). Check that the structures "
            "lie on the CT."
        )


def _refuse(rods: list[Rod], count: int | None, rejected: list[str], seen: SeedImage) -> None:
    expected = f"{count}" if count is not None else "at least 1"
    where = "; ".join(_at(r.position) for r in rods[:40]) or "none"
    others = f" Bright places that are no seeds: {'; '.join(rejected[:6])}." if rejected else ""
    raise InvalidInput(
        f"seeds found on the CT are {len(rods)}, expected {expected} (found: {where}; a seed adds some "
        f"{seen.least_peak():.0f} HU at least here).{others} Look at these places on the CT, widen the search region "
        f"or give the number of seeds that are really there."
    )


def _at(place: FloatArray) -> str:
    return "(" + ", ".join(f"{v:.2f}" for v in place) + ") cm"


def _chosen(rods: list[Rod], wanted: int | None) -> list[Rod]:
    """Rods that are seeds; where a number is given and not reached, those too that streaks spoil."""
    seeds = [r for r in rods if not _why(r)]
    spoilt = [r for r in rods if _why(r) and not _why(replace(r, agreement=r.bare_agreement))]
    return seeds + sorted(spoilt, key=lambda r: -r.score)[: max(0, (wanted or 0) - len(seeds))]


def _why(rod: Rod) -> str:
    """Why a rod is no seed; empty if it is one."""
    in_bone = rod.patch < SEEDS_ALONE
    if rod.agreement < (LEAST_AGREEMENT_IN_BONE if in_bone else LEAST_AGREEMENT):
        return f"a rod explains {100 * rod.agreement:.0f} % of it only"
    if not LEAST_ENERGY <= rod.energy <= MOST_ENERGY:
        return f"{100 * rod.energy:.0f} % of a seed's brightness"
    if in_bone and rod.unexplained > MOST_UNEXPLAINED:
        return f"its surroundings are {100 * rod.unexplained:.0f} % as bright"
    return ""
