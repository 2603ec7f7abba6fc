"""Mean TG-43 dose rate over the tissue part of voxels, to set beside a Monte Carlo voxel mean.

A voxel that a capsule touches is averaged over the part outside all capsules, from sub-cells weighted by the
part of each that lies outside. Any other voxel is averaged seed by seed with Gauss-Legendre points, as many
as the voxel's size over its distance from the seed asks for; more near a seed's long axis, where F(r, θ) is
steep and has kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tg43 import fast_kernel
from tg43.array_checks import FloatArray, Seeds, checked_seeds, finite_array, one_of
from tg43.capsule import half_cylinder, signed_distance
from tg43.cut_voxels import mean_of_cut_voxels
from tg43.formalism import FORMALISMS
from tg43.invalid_input import InvalidInput
from tg43.source_data import SourceData

# Gauss-Legendre points along a side by the ratio q of side to distance from the seed, q at or above each
# limit, chosen so that the mean of each voxel deviates by less than 0.1 %
# (tests/physics/test_tg43_voxel_quadrature.py). Only even numbers: an odd rule puts a point on the cusp of F
# at the axis and converges slower.
NEAR_AXIS_RULES = ((0.25, 8), (0.1, 6), (0.03, 4), (0.0, 2))
ELSEWHERE_RULES = ((0.25, 8), (0.1, 4), (0.015, 2), (0.0, 1))
NEAR_AXIS_COSINE = 0.64  # within 50° of the axis
SAMPLES_AT_ONCE = 500_000
# CT coordinates written in single precision or with few decimals are uniform to about this part of a spacing.
SPACING_TOLERANCE = 1e-3

RateOf = Callable[[FloatArray, Seeds], FloatArray]


class VoxelDoseRate(NamedTuple):
    """Mean dose rate over the tissue part of each voxel, and that part.

    Attributes
    ----------
    dose_rate : ndarray, shape (nx, ny, nz)
        Gy/h; 0 in a voxel wholly inside capsules.
    tissue_fraction : ndarray, shape (nx, ny, nz)
        Part of the voxel's volume outside every capsule, 0 to 1.
    """

    dose_rate: FloatArray
    tissue_fraction: FloatArray


def voxel_mean_dose_rate(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    positions: ArrayLike,
    axes: ArrayLike,
    air_kerma_strengths: ArrayLike,
    source: SourceData,
    *,
    formalism: str = "line",
    threads: int = 1,
) -> VoxelDoseRate:
    """Return the TG-43 dose rate averaged over the part of each voxel outside all seed capsules.

    ⟨Ḋ⟩ = ∫_T Ḋ dV / ∫_T dV with T the voxel without the capsules; the tissue fraction is ∫_T dV over the
    voxel's volume. The quadrature deviates by less than 0.1 % of the voxel mean of each seed.

    Parameters
    ----------
    x, y, z : array_like, shapes (nx,), (ny,), (nz,)
        Voxel centres in cm, ascending and uniform along each axis; at least two each.
    positions : array_like, shape (n, 3)
        Middles of the seeds, cm.
    axes : array_like, shape (n, 3)
        Unit vectors along the seeds' long axes; the point formalism needs them for the capsules.
    air_kerma_strengths : array_like, shape (n,)
        S_K in U = cGy cm² h⁻¹.
    source : SourceData
        Seed model, the same for all seeds.
    formalism : {"line", "point"}
        2D line or 1D point formalism.
    threads : int
        Threads; the result does not depend on their number.

    Returns
    -------
    VoxelDoseRate
        Dose rate in Gy/h and tissue fraction, each of shape (nx, ny, nz).

    Raises
    ------
    InvalidInput
        On a wrong shape, values that are not finite, centres that are not uniform, axes that are not unit
        vectors, negative strengths or an unknown formalism.

    References
    ----------
    TG-43U1: Rivard et al., Med. Phys. 31 (2004) 633-674, doi:10.1118/1.1646040.

    Examples
    --------
    >>> from tg43 import load_source
    >>> grid = [np.array([-0.1, 0.0, 0.1])] * 3
    >>> mean = voxel_mean_dose_rate(*grid, [[0, 0, 0]], [[0, 0, 1]], [1.0], load_source("6711"))
    >>> mean.tissue_fraction[:, 1, 1].round(2)
    array([1. , 0.5, 1. ])
    """
    one_of("formalism", formalism, FORMALISMS, "TG-43 has a 2D line and a 1D point formalism")
    grid = [_centres(name, value) for name, value in (("x", x), ("y", y), ("z", z))]
    sides = np.array([(centres[-1] - centres[0]) / (len(centres) - 1) for centres in grid])
    seeds = checked_seeds(positions, axes, air_kerma_strengths)
    voxels = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 3)

    def rate_of(points: FloatArray, of: Seeds) -> FloatArray:
        return fast_kernel.superpose(points, of, source, formalism, threads)

    dose_rate = np.zeros(len(voxels))
    tissue_fraction = np.ones(len(voxels))
    touched = _touched_voxels(voxels, sides, seeds, source)
    clear = np.setdiff1d(np.arange(len(voxels)), touched, assume_unique=True)
    dose_rate[clear] = _mean_of_clear_voxels(voxels[clear], sides, seeds, source, rate_of)
    dose_rate[touched], tissue_fraction[touched] = mean_of_cut_voxels(
        voxels[touched], sides, seeds, source, formalism, threads
    )
    shape = (len(grid[0]), len(grid[1]), len(grid[2]))
    return VoxelDoseRate(dose_rate.reshape(shape), tissue_fraction.reshape(shape))


def _centres(name: str, value: ArrayLike) -> FloatArray:
    centres = finite_array(name, value, (f"n{name}",), "cm")
    if len(centres) < 2:
        raise InvalidInput(
            f"{name} is an array of {len(centres)} voxel centres, expected at least 2 (the voxel size is "
            "their distance). Give a larger grid."
        )
    steps = np.diff(centres)
    spacing = float(steps.mean())
    uneven = ~(np.abs(steps - spacing) <= SPACING_TOLERANCE * spacing)
    if uneven.any():
        first = int(np.argmax(uneven))
        raise InvalidInput(
            f"the step from {name}[{first}] to {name}[{first + 1}] is {steps[first]:.6g} cm, expected "
            f"{spacing:.6g} cm as on average and > 0 (voxels are uniform; {np.count_nonzero(uneven)} steps "
            "are not). Resample to a uniform ascending grid."
        )
    return centres


def _seed_frame(
    points: FloatArray, position: FloatArray, axis: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return distance ρ from the seed's axis, height z along it and the unit vectors across it, (…, 3)."""
    offset = points - position
    z = np.einsum("...i,i->...", offset, axis)
    across = offset - z[..., np.newaxis] * axis
    rho = np.linalg.norm(across, axis=-1)
    return rho, z, across / np.where(rho > 0, rho, 1.0)[..., np.newaxis]


def _touched_voxels(
    voxels: FloatArray, sides: FloatArray, seeds: Seeds, source: SourceData
) -> NDArray[np.intp]:
    """Return the flat indices of voxels that may share volume with a capsule, ascending."""
    half_diagonal = float(np.linalg.norm(sides)) / 2
    reach = source.capsule_length / 2 + half_diagonal
    touched: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    for position, axis in zip(seeds.positions, seeds.axes, strict=True):
        near = np.flatnonzero((np.abs(voxels - position) <= reach).all(axis=1))
        rho, z, _ = _seed_frame(voxels[near], position, axis)
        touched.append(near[signed_distance(rho, z, source)[0] <= half_diagonal])
    return np.unique(np.concatenate(touched))


def _mean_of_clear_voxels(
    voxels: FloatArray, sides: FloatArray, seeds: Seeds, source: SourceData, rate_of: RateOf
) -> FloatArray:
    """Return the mean dose rate of voxels that no capsule touches, seed by seed."""
    total = np.zeros(len(voxels))
    for s in range(len(seeds.positions)):
        seed = Seeds(*(array[s : s + 1] for array in seeds))
        for members, numbers in _groups_by_rule(voxels, sides, seed, source):
            offsets, weights = _gauss_legendre(sides, numbers)
            for part in _parts(members, len(weights)):
                samples = (voxels[part][:, np.newaxis, :] + offsets).reshape(-1, 3)
                rate = rate_of(samples, seed)
                total[part] += np.einsum("vk,k->v", rate.reshape(-1, len(weights)), weights)
    return total


def _groups_by_rule(
    voxels: FloatArray, sides: FloatArray, seed: Seeds, source: SourceData
) -> Iterator[tuple[NDArray[np.intp], tuple[int, ...]]]:
    """Yield indices of voxels and their numbers of points along x, y and z for one seed."""
    rho, z, _ = _seed_frame(voxels, seed.positions[0], seed.axes[0])
    distance = np.hypot(rho, np.maximum(np.abs(z) - half_cylinder(source), 0.0))
    # The voxel counts as near the axis from its point closest to it on.
    closest = np.maximum(rho - np.linalg.norm(sides) / 2, 0.0)
    near_axis = np.abs(z) >= NEAR_AXIS_COSINE * np.hypot(closest, z)
    ratios = sides / distance[:, np.newaxis]
    numbers = np.where(
        near_axis[:, np.newaxis],
        _points_along(ratios, NEAR_AXIS_RULES),
        _points_along(ratios, ELSEWHERE_RULES),
    )
    code = numbers @ np.array([100, 10, 1])
    for rule in np.flatnonzero(np.bincount(code)):
        yield np.flatnonzero(code == rule), (int(rule) // 100, int(rule) // 10 % 10, int(rule) % 10)


def _points_along(ratios: FloatArray, rules: tuple[tuple[float, int], ...]) -> NDArray[np.int64]:
    return np.select([ratios >= limit for limit, _ in rules], [number for _, number in rules])


def _gauss_legendre(sides: FloatArray, numbers: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Return offsets (k, 3) cm from a voxel's centre and weights (k,) that sum to 1."""
    nodes, weights = zip(*(np.polynomial.legendre.leggauss(n) for n in numbers), strict=True)
    along = [side / 2 * node for side, node in zip(sides, nodes, strict=True)]
    offsets = np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 3)
    product = np.einsum("i,j,k->ijk", *weights).ravel() / 8
    return offsets, product


def _parts(indices: NDArray[np.intp], samples_each: int) -> Iterator[NDArray[np.intp]]:
    """Yield consecutive parts of `indices` that together have about `SAMPLES_AT_ONCE` samples."""
    size = max(1, SAMPLES_AT_ONCE // samples_each)
    for start in range(0, len(indices), size):
        yield indices[start : start + size]
