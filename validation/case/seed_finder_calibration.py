"""How one seed looks on a CT, learnt from its lone bright spots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from validation.case.image import Image
from validation.case.seed_finder_fit import ROBUST_SCALE, Voxels
from validation.case.seed_finder_image import SeedImage, directions

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Where nothing can be learnt: silver and titanium on a clinical scanner, a soft kernel.
USUAL_EXCESS, USUAL_SIGMA = 18000.0, 0.05
LEAST_EXCESS, MOST_EXCESS = 6000.0, 60000.0
LEAST_SIGMA, MOST_SIGMA = 0.01, 0.15
_TRIED, _ENOUGH, _LEVELS = 8, 4, (1.0, 2.0, 4.0)
_LEAST_AGREEMENT, _ALIKE = 0.7, 0.1
_CONNECTED = np.ones((3, 3, 3), dtype=bool)


def calibrated(
    image: Image, excess: FloatArray, ceiling: FloatArray, allowed: Mask, wanted: int | None, length: float
) -> SeedImage:
    """Excess and blur of the seeds on a CT, from single rods fitted to its brightest spots.

    Parameters
    ----------
    image : Image
        CT.
    excess, ceiling : ndarray, shape (nx, ny, nz)
        CT number above the surroundings and where the scale ends above them, HU.
    allowed : ndarray of bool, shape (nx, ny, nz)
        Search region.
    wanted : int, optional
        Seeds there are.
    length : float
        Of a rod, cm.

    Returns
    -------
    SeedImage
        The median over the fainter half of the spots that a rod explains best; usual values where there are none.
    """
    usual = SeedImage(USUAL_EXCESS, USUAL_SIGMA, USUAL_SIGMA, image.spacing, length)
    top = float(np.median(ceiling[allowed]))
    fits: list[tuple[float, float, float, float]] = []
    # Seeds that are merged at a low level are apart at a higher one.
    for factor in _LEVELS:
        level = min(factor * 0.5 * usual.least_peak(), 0.7 * top)
        labels, _ = scipy.ndimage.label(allowed & (excess > level), _CONNECTED)
        spots = _lone_spots(excess, labels, image.spacing, length)
        # Spread over the brightest: all of the very brightest may be pairs of seeds that touch.
        spots = spots[: 2 * min(_TRIED, wanted or _TRIED)]
        step = np.linspace(0, len(spots) - 1, min(_TRIED, len(spots)))
        chosen = sorted({int(k) for k in step})
        for k in chosen:
            _, number, box = spots[k]
            fitted = _free_fit(_spot(image, excess, ceiling, labels, number, box), usual)
            if fitted[0] > _LEAST_AGREEMENT:
                fits.append(fitted)
        if len(fits) >= _ENOUGH:
            break
    if not fits:
        return usual
    best = max(f[0] for f in fits)
    alike = sorted((f for f in fits if f[0] > best - _ALIKE), key=lambda f: f[1])
    # Two seeds seen as one have twice the excess: the lower half counts.
    amount, in_plane, along_z = np.median([f[1:] for f in alike[: (len(alike) + 1) // 2]], axis=0)
    return replace(usual, excess=float(amount), sigma_in_plane=float(in_plane), sigma_along_z=float(along_z))


def _lone_spots(
    excess: FloatArray, labels: NDArray[np.integer], spacing: tuple[float, float, float], length: float
) -> list[tuple[float, int, tuple[slice, ...]]]:
    """Patches not longer than a seed, its blur and a voxel at each end, the brightest first."""
    spots = []
    for number, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        own = labels[box] == number
        extent = [s * (b.stop - b.start) for s, b in zip(spacing, box, strict=True)]
        if np.linalg.norm(extent) < length + 0.3 + 2 * max(spacing):
            spots.append((float(excess[box][own].sum()), number, box))
    return sorted(spots, key=lambda s: -s[0])


def _spot(
    image: Image,
    excess: FloatArray,
    ceiling: FloatArray,
    labels: NDArray[np.integer],
    number: int,
    box: tuple[slice, ...],
) -> Voxels:
    margin = [int(np.ceil(0.2 / d)) for d in image.spacing]
    wide = tuple(
        slice(max(0, s.start - m), min(n, s.stop + m))
        for s, m, n in zip(box, margin, excess.shape, strict=True)
    )
    grid = np.meshgrid(*(c[s] for c, s in zip((image.x, image.y, image.z), wide, strict=True)), indexing="ij")
    # A neighbour's voxels are not this spot's.
    chosen = (labels[wide] == 0) | (labels[wide] == number)
    return Voxels(np.stack(grid, axis=-1)[chosen], excess[wide][chosen], ceiling[wide][chosen])


def _free_fit(spot: Voxels, usual: SeedImage) -> tuple[float, float, float, float]:
    """Agreement, excess, blur in plane and along z of one rod with everything free."""
    weight = np.clip(spot.excess, 0.0, None)
    centre = weight @ spot.points / weight.sum()
    scatter = (spot.points - centre).T * weight @ (spot.points - centre)
    axis = np.linalg.eigh(scatter)[1][:, -1]

    def seen(values: FloatArray) -> tuple[SeedImage, FloatArray, FloatArray]:
        u = values[3:6] / np.linalg.norm(values[3:6])
        amount, in_plane, along_z = np.exp(values[6:9])
        return replace(usual, excess=amount, sigma_in_plane=in_plane, sigma_along_z=along_z), values[:3], u

    def residual(values: FloatArray) -> FloatArray:
        look, place, u = seen(values)
        shown = np.minimum(look.excess_of(spot.points, place, u) + values[9], spot.ceiling)
        return np.asarray(shown - spot.excess)

    low = [*(centre - 0.3), *[-2.0] * 3, *np.log([LEAST_EXCESS, LEAST_SIGMA, LEAST_SIGMA]), -150.0]
    high = [*(centre + 0.3), *[2.0] * 3, *np.log([MOST_EXCESS, MOST_SIGMA, MOST_SIGMA]), 150.0]
    best: tuple[float, FloatArray] | None = None
    tried = sorted(directions(12), key=lambda u: -abs(u @ axis))[:2]
    for start in (axis, *tried[1:]):
        values = np.array(
            [*centre, *start, *np.log([usual.excess, usual.sigma_in_plane, usual.sigma_along_z]), 0.0]
        )
        fitted = scipy.optimize.least_squares(
            residual, values, bounds=(low, high), loss="soft_l1", f_scale=ROBUST_SCALE,
            x_scale=np.array([0.03] * 3 + [0.2] * 3 + [0.2] * 3 + [50.0]), max_nfev=20, ftol=1e-4, xtol=1e-4,
        )  # fmt: skip
        if best is None or fitted.cost < best[0]:
            best = (float(fitted.cost), fitted.x)
        if np.sum(fitted.fun**2) < 0.1 * np.sum(spot.excess**2):
            break
    assert best is not None
    values = best[1]
    agreement = 1 - float(np.sum(residual(values) ** 2) / np.sum(spot.excess**2))
    amount, in_plane, along_z = (float(v) for v in np.exp(values[6:9]))
    return agreement, amount, in_plane, along_z
