"""Gamma index of two doses in three dimensions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RegularGridInterpolator

from mcsim.invalid_input import InvalidInput
from validation.evaluate import gamma_kernel

FloatArray = NDArray[np.float64]

# Intervals that differ by less than this, relative, are even: what is left is rounding.
_EVEN = 1e-9


@dataclass(frozen=True)
class GammaResult:
    """Gamma of each reference voxel and its distribution.

    Attributes
    ----------
    gamma : (nx, ny, nz) array
        γ on the reference grid; NaN where it was not judged or no evaluated dose is in reach.
    judged : int
        Voxels with a γ.
    pass_rate : float
        Part of them with γ ≤ 1, %; NaN when there are none.
    mean, median, percentile_95, maximum : float
        Of γ over them.
    at_limit : int
        Voxels whose γ is at least the largest searched for and is given as that.
    out_of_reach : int
        Voxels that should be judged but have no evaluated dose within the largest search distance.
    """

    gamma: FloatArray
    judged: int
    pass_rate: float
    mean: float
    median: float
    percentile_95: float
    maximum: float
    at_limit: int
    out_of_reach: int


def gamma_index(
    reference_axes: Sequence[ArrayLike],
    reference_dose: ArrayLike,
    evaluated_axes: Sequence[ArrayLike],
    evaluated_dose: ArrayLike,
    *,
    dose_percent: float,
    distance: float,
    normalisation: float,
    local: bool = False,
    lower_dose_cut_off: float = 20.0,
    mask: ArrayLike | None = None,
    max_gamma: float = 2.0,
    interpolation_fraction: int = 10,
    reference_std_dev: ArrayLike | None = None,
    evaluated_std_dev: ArrayLike | None = None,
    threads: int | None = None,
) -> GammaResult:
    r"""Gamma index of an evaluated dose at each voxel of a reference dose.

    .. math::
        \gamma(r) = \min_{r'} \sqrt{\left(\frac{D_e(r') - D_r(r)}{\delta}\right)^2
                    + \left(\frac{|r' - r|}{d}\right)^2}

    The minimum is over spherical shells a fraction of d apart, with points no further apart than that on a shell,
    in the trilinearly interpolated evaluated dose. δ is `dose_percent` of `normalisation` (global) or of the
    reference voxel's own dose (`local`).

    With standard uncertainties given, δ² + s_r² + s_e² takes the place of δ² in each voxel (s_e interpolated to it):
    a difference that noise explains is forgiven. It answers "do the doses differ by more than criterion and noise?"
    and always raises the pass rate; it does not restore the pass rate of noise-free doses, because noise in the
    reference lowers the pass rate and noise in the evaluated dose raises it (the minimum picks favourable
    fluctuations). For that see `validation.evaluate.gamma_noise.noise_free_pass_rate`.

    Parameters
    ----------
    reference_axes, evaluated_axes : three array_like each
        Voxel centres x, y, z [cm], ascending, at least two; the grids may differ and need not be even.
    reference_dose, evaluated_dose : (nx, ny, nz) array_like
        Doses [Gy] on their grids. NaN: no dose there (not judged, or not searched).
    dose_percent : float
        Dose criterion [%].
    distance : float
        Distance criterion d [cm].
    normalisation : float
        Dose the percentages refer to [Gy]: the prescription. Not the maximum, which in a seed implant lies beside a
        seed and means nothing.
    local : bool, optional
        Dose criterion relative to the reference voxel's own dose.
    lower_dose_cut_off : float, optional
        Reference voxels below this part of `normalisation` [%] are not judged.
    mask : (nx, ny, nz) array_like of bool, optional
        Reference voxels to judge; all when left out.
    max_gamma : float, optional
        Largest γ searched for, above 1.
    interpolation_fraction : int, optional
        Steps into which d is divided.
    reference_std_dev, evaluated_std_dev : array_like, optional
        Type A standard uncertainties [Gy] on their grids.
    threads : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    GammaResult
        γ and its distribution.

    Raises
    ------
    InvalidInput
        A criterion is not positive, axes do not ascend, or shapes differ.

    References
    ----------
    Low et al., Med. Phys. 25, 656 (1998), doi:10.1118/1.598248; Low and Dempsey, Med. Phys. 30, 2455 (2003),
    doi:10.1118/1.1598711 (noise); Wendling et al., Med. Phys. 34, 1647 (2007), doi:10.1118/1.2721657 (search).

    Examples
    --------
    >>> axis = np.linspace(0.0, 1.0, 11)
    >>> dose = 10.0 + 100.0 * np.broadcast_to(axis[:, None, None], (11, 11, 11))
    >>> criteria = {"dose_percent": 3.0, "distance": 0.3, "normalisation": 100.0}
    >>> found = gamma_index([axis] * 3, dose, [axis] * 3, dose + 3.0, **criteria)
    >>> round(float(found.gamma[5, 5, 5]), 2), found.pass_rate
    (0.1, 100.0)
    """
    for name, value, unit in (
        ("dose criterion", dose_percent, "%"),
        ("distance criterion", distance, "cm"),
        ("dose of normalisation", normalisation, "Gy"),
        ("number of steps of the distance criterion", interpolation_fraction, ""),
    ):
        if not (np.isfinite(value) and value > 0):
            raise InvalidInput(
                f"{name} is {value:g} {unit}, expected a finite value above 0 (gamma divides by it). Correct it."
            )
    if not (np.isfinite(max_gamma) and max_gamma > 1):
        raise InvalidInput(
            f"largest gamma is {max_gamma:g}, expected a finite value above 1 (a larger gamma is given as this, and 1 "
            f"separates pass from fail). Search to 2."
        )
    axes, reference, spread = _grid("reference", reference_axes, reference_dose, reference_std_dev)
    nodes, evaluated, evaluated_spread = _grid("evaluated", evaluated_axes, evaluated_dose, evaluated_std_dev)
    judge = reference >= max(lower_dose_cut_off / 100 * normalisation, 0.0)
    if local:
        judge &= reference > 0
    if mask is not None:
        allowed = np.asarray(mask, dtype=bool)
        if allowed.shape != reference.shape:
            raise InvalidInput(
                f"shape of the mask is {allowed.shape}, expected {reference.shape} (that of the reference dose). "
                f"Give it on the reference grid."
            )
        judge &= allowed
    where = np.argwhere(judge)
    points = np.stack([axis[i] for axis, i in zip(axes, where.T, strict=True)], axis=1)
    doses = reference[judge]
    criteria = dose_percent / 100 * (doses if local else np.full(doses.shape, normalisation))
    if spread is not None:
        criteria = np.hypot(criteria, spread[judge])
    if evaluated_spread is not None:
        there = RegularGridInterpolator(nodes, evaluated_spread, bounds_error=False, fill_value=None)
        criteria = np.hypot(criteria, np.nan_to_num(there(points)))
    found = _search(
        points, doses, criteria, nodes, evaluated, distance, max_gamma, interpolation_fraction, threads
    )
    gamma = np.full(reference.shape, np.nan)
    gamma[judge] = found
    return _summary(gamma, found, max_gamma)


def _grid(
    name: str, axes: Sequence[ArrayLike], dose: ArrayLike, std_dev: ArrayLike | None
) -> tuple[list[FloatArray], FloatArray, FloatArray | None]:
    """Axes, dose and uncertainty as arrays that fit together."""
    lines = [np.ascontiguousarray(axis, dtype=np.float64) for axis in axes]
    for letter, line in zip("xyz", lines, strict=True):
        if line.ndim != 1 or line.size < 2 or not np.isfinite(line).all() or not (np.diff(line) > 0).all():
            raise InvalidInput(
                f"{name} {letter} axis has shape {line.shape}, expected at least 2 finite ascending centres in cm "
                f"(the dose is interpolated between them). Correct the grid."
            )
    shape = tuple(line.size for line in lines)
    arrays = [np.ascontiguousarray(a, dtype=np.float64) for a in (dose, std_dev) if a is not None]
    for what, array in zip(("dose", "standard uncertainty"), arrays, strict=False):
        if array.shape != shape:
            raise InvalidInput(
                f"shape of the {name} {what} is {array.shape}, expected {shape} (one value per voxel of its axes). "
                f"Give it on the grid of the axes."
            )
    return lines, arrays[0], arrays[1] if std_dev is not None else None


def _shells(distance: float, fraction: int, max_gamma: float) -> tuple[list[FloatArray], FloatArray]:
    """Points of each shell about the origin (3, n) in cm, and the radii in cm.

    Rows of equal polar angle with points evenly in azimuth, neither further apart than one step; the distance
    criterion itself is always a radius. These are the points of `pymedphys.gamma`, so that both agree to rounding.
    """
    step = distance / fraction
    radii, radius = [0.0], 0.0
    while (radius := radius + step) <= distance * max_gamma:
        if radius >= distance > radii[-1]:
            radius = distance
        radii.append(radius)
    shells = []
    for radius in radii:
        polar = np.linspace(0.0, np.pi, int(np.ceil(np.pi * radius / step)) + 1)
        counts = np.ceil(2 * np.pi * radius * np.sin(polar) / step).astype(int) + 1
        azimuth = np.concatenate([np.linspace(0.0, 2 * np.pi, n, endpoint=False) for n in counts])
        angle = np.repeat(polar, counts)
        shells.append(
            radius
            * np.stack([np.sin(angle) * np.cos(azimuth), np.sin(angle) * np.sin(azimuth), np.cos(angle)])
        )
    return shells, np.array(radii)


def _search(
    points: FloatArray,
    doses: FloatArray,
    criteria: FloatArray,
    nodes: list[FloatArray],
    evaluated: FloatArray,
    distance: float,
    max_gamma: float,
    fraction: int,
    threads: int | None,
) -> FloatArray:
    shells, radii = _shells(distance, fraction, max_gamma)
    starts = np.concatenate([[0], np.cumsum([shell.shape[1] for shell in shells])]).astype(np.int64)
    tables, inverse_steps = zip(*(_intervals(axis) for axis in nodes), strict=True)
    gamma = np.empty(doses.size)
    workers = max(1, min(threads or os.cpu_count() or 1, doses.size))
    shared = (
        np.ascontiguousarray(points), doses, criteria, *nodes, *tables, np.array(inverse_steps), evaluated,
        np.ascontiguousarray(np.concatenate(shells, axis=1)), starts, radii / distance, gamma,
    )  # fmt: skip
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda first: gamma_kernel.search(first, workers, *shared), range(workers)))
    return gamma


def _intervals(axis: FloatArray) -> tuple[NDArray[np.int64], float]:
    """Interval at each multiple of an axis' smallest one, empty where all are even, and one over that."""
    steps = np.diff(axis)
    if np.ptp(steps) <= _EVEN * steps.mean():
        return np.empty(0, dtype=np.int64), (axis.size - 1) / float(axis[-1] - axis[0])
    least = float(steps.min())
    multiples = axis[0] + least * np.arange(int((axis[-1] - axis[0]) / least) + 1)
    interval = np.searchsorted(axis, multiples, side="right") - 1
    return np.clip(interval, 0, axis.size - 2).astype(np.int64), 1.0 / least


def _summary(gamma: FloatArray, found: FloatArray, max_gamma: float) -> GammaResult:
    reached = np.isfinite(found)
    gamma[np.isinf(gamma)] = np.nan
    at_limit = int((found[reached] >= max_gamma).sum())
    np.minimum(gamma, max_gamma, out=gamma)
    values = np.minimum(found[reached], max_gamma)
    out_of_reach = int(found.size - values.size)
    if not values.size:
        nan = float("nan")
        return GammaResult(gamma, 0, nan, nan, nan, nan, nan, 0, out_of_reach)
    return GammaResult(
        gamma,
        int(values.size),
        float(100 * np.mean(values <= 1.0)),
        float(values.mean()),
        float(np.median(values)),
        float(np.percentile(values, 95)),
        float(values.max()),
        at_limit,
        out_of_reach,
    )
