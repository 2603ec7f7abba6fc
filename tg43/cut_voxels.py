"""Mean TG-43 dose rate over the tissue part of voxels that seed capsules touch.

A voxel is halved again and again where a capsule's surface cuts it or where the dose rate bends within a box, and
nowhere else: the work grows with the surface of the capsules and not with the volume of the voxels. The smallest
boxes count with the part that lies outside all capsules; boxes wholly in tissue get 2 × 2 × 2 Gauss-Legendre
points. All seeds nearby are summed at the same points; for seeds farther off the points are merged.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from tg43.array_checks import FloatArray, Seeds
from tg43.capsule import Capsule, capsule_of, surface_at
from tg43.compiled import compiled
from tg43.fast_kernel import add_seeds
from tg43.fast_tables import Kernel, kernel_of
from tg43.source_data import SourceData

# Largest side of a smallest box over the capsule radius: the mean then deviates by less than 0.1 %
# (tests/physics/test_tg43_voxel_quadrature.py), falling with the side squared.
SUB_CELL = 1 / 10
# Largest side of a box wholly in tissue over its distance from any seed nearby, and the same near a seed's long
# axis, where F(r, θ) is steep and has kinks (same test).
LARGEST_RATIO = 0.4
LARGEST_RATIO_NEAR_AXIS = 0.15
NEAR_AXIS_COSINE = 0.64  # within 50° of the axis
# For seeds farther than NEAR_BLOCKS block sides, points are merged in blocks of at most BLOCK smallest boxes.
BLOCK = 5
NEAR_BLOCKS = 50
# Room for the points of a voxel; memory is taken only by those there are.
POINTS_AT_FIRST = 200_000

ROUNDING = 1e-12
_GAUSS = 0.5 / math.sqrt(3.0)  # of a side, from the middle of a box to a Gauss-Legendre point


def mean_of_cut_voxels(
    voxels: FloatArray, sides: FloatArray, seeds: Seeds, source: SourceData, formalism: str, threads: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Return the mean dose rate in Gy/h over the tissue part of voxels, and that part.

    Parameters
    ----------
    voxels : ndarray, shape (v, 3)
        Centres of the voxels in cm.
    sides : ndarray, shape (3,)
        Their sides in cm.
    seeds : Seeds
        All seeds.
    source, formalism, threads
        As for `tg43.voxel_mean_dose_rate`.

    Returns
    -------
    dose_rate, tissue_fraction : ndarray, shape (v,)

    Examples
    --------
    >>> from tg43 import load_source
    >>> seed = Seeds(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.ones(1))
    >>> voxel = np.zeros((1, 3)), np.array([0.4, 0.4, 0.5])
    >>> _, fraction = mean_of_cut_voxels(*voxel, seed, load_source("6711"), "line")
    >>> capsule = np.pi * 0.04**2 * 0.375 + 4 / 3 * np.pi * 0.04**3
    >>> ((1 - fraction) / capsule * 0.4 * 0.4 * 0.5).round(3)
    array([1.])
    """
    kernel, capsule = kernel_of(source, formalism), capsule_of(source)
    cells = _sides_of_boxes(sides, SUB_CELL * source.capsule_radius)
    block = BLOCK * float(cells[-1].max())
    blocks, whole = np.ceil(sides / block).astype(np.int64), float(np.prod(sides))
    # Axes play no part in the point formalism, except that they place the capsules.
    shown = seeds if formalism == "line" else seeds._replace(axes=np.zeros_like(seeds.axes))

    def mean_of(voxel: FloatArray) -> tuple[float, float]:
        near = np.linalg.norm(seeds.positions - voxel, axis=1) <= NEAR_BLOCKS * block
        points, weights = _tissue(voxel, cells, Seeds(*(array[near] for array in seeds)), capsule)
        volume = float(weights.sum())
        if volume == 0.0:
            return 0.0, 0.0
        dose = float(weights @ _rate(points, shown, near, kernel))
        if not near.all():
            points, weights = _merged(points, weights, voxel, sides, blocks)
            dose += float(weights @ _rate(points, shown, ~near, kernel))
        part = volume / whole
        # The sum of the volumes rounds; a voxel that no capsule cuts is tissue to the last digit.
        return dose / volume, 1.0 if abs(part - 1.0) < ROUNDING else part

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(mean_of, voxels))
    dose_rate, fraction = np.array(found).reshape(-1, 2).T
    return dose_rate, fraction


def _sides_of_boxes(sides: FloatArray, largest: float) -> FloatArray:
    """Return the sides (levels, 3) of boxes, each level with the longer sides halved, down to `largest`."""
    levels = [sides]
    # A little more, so that rounding of the voxel size cannot add a level.
    while (longest := levels[-1].max()) > largest * (1 + 1e-6):
        levels.append(np.where(levels[-1] > 0.6 * longest, levels[-1] / 2, levels[-1]))
    return np.array(levels)


def _tissue(
    voxel: FloatArray, cells: FloatArray, seeds: Seeds, capsule: Capsule
) -> tuple[FloatArray, FloatArray]:
    """Return points (k, 3) cm in the tissue of a voxel and the volumes (k,) cm³ they stand for."""
    limits = LARGEST_RATIO, LARGEST_RATIO_NEAR_AXIS
    pieces = np.empty((POINTS_AT_FIRST, 4))
    number = _fill_with_tissue(voxel, cells, seeds.positions, seeds.axes, capsule, limits, pieces)
    if number > len(pieces):
        pieces = np.empty((number, 4))
        _fill_with_tissue(voxel, cells, seeds.positions, seeds.axes, capsule, limits, pieces)
    return np.ascontiguousarray(pieces[:number, :3]), pieces[:number, 3].copy()


@compiled
def _fill_with_tissue(
    voxel: FloatArray,
    cells: FloatArray,
    positions: FloatArray,
    axes: FloatArray,
    capsule: Capsule,
    limits: tuple[float, float],
    pieces: FloatArray,
) -> int:
    """Fill x, y, z and volume of pieces of tissue as far as there is room; return how many there are."""
    last = len(cells) - 1
    # Depth first: of each level at most the seven other boxes of a division wait, with x, y, z and level.
    boxes, box, normal = np.empty((8 * len(cells), 4)), np.empty(4), np.empty(3)
    boxes[0, :3], boxes[0, 3] = voxel, 0.0
    waiting, number = 1, 0
    while waiting > 0:
        waiting -= 1
        box[:] = boxes[waiting]
        level = int(box[3])
        cell = cells[level]
        half_diagonal = 0.5 * math.sqrt(cell[0] ** 2 + cell[1] ** 2 + cell[2] ** 2)
        distance, mean_distance, even = _nearest_surface(
            box, cell, half_diagonal, positions, axes, capsule, limits, normal
        )
        clear = distance >= half_diagonal
        if distance <= -half_diagonal:
            continue
        if level < last and not (clear and even):
            waiting = _divide(box, cell, cells[level + 1], boxes, waiting)
        elif clear and level < last:
            number = _add_gauss_points(box, cell, pieces, number)
        else:
            number = _add_cut_box(box, cell, mean_distance, normal, pieces, number)
    return number


@compiled
def _nearest_surface(
    box: FloatArray,
    cell: FloatArray,
    half_diagonal: float,
    positions: FloatArray,
    axes: FloatArray,
    capsule: Capsule,
    limits: tuple[float, float],
    normal: FloatArray,
) -> tuple[float, float, bool]:
    """Return the distance of a box's middle from the capsules, its mean over the box, and whether rates are even.

    Fills the normal of the nearest surface. Distances are infinite where no capsule can cut the box.
    """
    longest = max(cell[0], cell[1], cell[2])
    # Mean over the box of ½ (x − middle)² along one direction, on average over directions
    bend = (cell[0] ** 2 + cell[1] ** 2 + cell[2] ** 2) / 72.0
    # Seeds beyond do not cut this box, and it is even for them.
    reach = capsule.half_cylinder + capsule.radius + max(half_diagonal, longest / limits[1])
    distance, mean_distance, even = math.inf, math.inf, True
    normal[:] = 0.0
    for s in range(len(positions)):
        x, y, z = box[0] - positions[s, 0], box[1] - positions[s, 1], box[2] - positions[s, 2]
        if x * x + y * y + z * z > reach * reach:
            continue
        axis_x, axis_y, axis_z = axes[s, 0], axes[s, 1], axes[s, 2]
        along = x * axis_x + y * axis_y + z * axis_z
        x, y, z = x - along * axis_x, y - along * axis_y, z - along * axis_z
        rho = math.sqrt(x * x + y * y + z * z)
        found, along_rho, along_z, curvature = surface_at(rho, along, capsule)
        distance = min(distance, found)
        # Of overlapping capsules the nearest surface counts: seen from outside it is the one that is met.
        if found + bend * curvature < mean_distance:
            mean_distance = found + bend * curvature
            outward = along_rho / rho if rho > 0.0 else 0.0
            normal[0] = outward * x + along_z * axis_x
            normal[1] = outward * y + along_z * axis_y
            normal[2] = outward * z + along_z * axis_z
        # A box counts as near the axis from its point closest to it on.
        closest = max(rho - half_diagonal, 0.0)
        if abs(along) >= NEAR_AXIS_COSINE * math.hypot(closest, along):
            even &= longest <= limits[1] * math.hypot(rho, along)
        even &= longest <= limits[0] * math.hypot(rho, max(abs(along) - capsule.half_cylinder, 0.0))
    return distance, mean_distance, even


@compiled
def _divide(box: FloatArray, cell: FloatArray, half: FloatArray, boxes: FloatArray, waiting: int) -> int:
    """Add the parts of a box, of the next level's sides, to those waiting; return how many wait."""
    for corner in range(8):
        wanted = True
        for k in range(3):
            halved = half[k] < cell[k]
            upper = (corner >> k) & 1
            wanted &= halved or upper == 0
            boxes[waiting, k] = box[k] + ((upper - 0.5) * half[k] if halved else 0.0)
        boxes[waiting, 3] = box[3] + 1.0
        # A side that is not halved has no upper part; the next corner takes the place.
        waiting += 1 if wanted else 0
    return waiting


@compiled
def _add_gauss_points(box: FloatArray, cell: FloatArray, pieces: FloatArray, number: int) -> int:
    """Add the 2 × 2 × 2 Gauss-Legendre points of a box wholly in tissue; return how many pieces there are."""
    for corner in range(8):
        if number < len(pieces):
            for k in range(3):
                pieces[number, k] = box[k] + (_GAUSS if (corner >> k) & 1 else -_GAUSS) * cell[k]
            pieces[number, 3] = cell[0] * cell[1] * cell[2] / 8.0
        number += 1
    return number


@compiled
def _add_cut_box(
    box: FloatArray, cell: FloatArray, distance: float, normal: FloatArray, pieces: FloatArray, number: int
) -> int:
    """Add the part of a smallest box that lies outside all capsules; return how many pieces there are.

    Along the surface's normal n the box is taken as a slab with the box's variance, ¹⁄₁₂ Σ (cᵢ nᵢ)², about its mean
    distance from the surface, d + c²/24 ∇²d. Summed over boxes, volumes are then right beyond second order in their
    size over the capsule radius, for every direction of n.
    """
    thickness = math.sqrt(
        (normal[0] * cell[0]) ** 2 + (normal[1] * cell[1]) ** 2 + (normal[2] * cell[2]) ** 2
    )
    part, shift = 1.0, 0.0
    if abs(distance) < thickness / 2:
        part = 0.5 + distance / thickness
        shift = (thickness / 2 - distance) / 2
    elif distance <= 0.0:
        return number
    if number < len(pieces):
        for k in range(3):
            pieces[number, k] = box[k] + shift * normal[k]
        pieces[number, 3] = part * cell[0] * cell[1] * cell[2]
    return number + 1


def _merged(
    points: FloatArray, weights: FloatArray, voxel: FloatArray, sides: FloatArray, blocks: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Return the centroids and volumes of the points in each of a voxel's blocks."""
    sums = np.zeros((int(np.prod(blocks)), 4))
    _add_to_blocks(points, weights, voxel - sides / 2, blocks / sides, blocks, sums)
    sums = sums[sums[:, 3] > 0]
    return sums[:, :3] / sums[:, 3:], sums[:, 3].copy()


@compiled
def _add_to_blocks(
    points: FloatArray,
    weights: FloatArray,
    corner: FloatArray,
    blocks_per_cm: FloatArray,
    blocks: NDArray[np.int64],
    sums: FloatArray,
) -> None:
    for i in range(len(points)):
        block = 0
        for k in range(3):
            # A piece of a cut box may have its centroid on the voxel's face.
            place = int((points[i, k] - corner[k]) * blocks_per_cm[k])
            block = block * blocks[k] + min(max(place, 0), blocks[k] - 1)
        for k in range(3):
            sums[block, k] += weights[i] * points[i, k]
        sums[block, 3] += weights[i]


def _rate(points: FloatArray, seeds: Seeds, chosen: NDArray[np.bool_], kernel: Kernel) -> FloatArray:
    """Return the dose rate (k,) of the chosen seeds at points (k, 3)."""
    total = np.empty(len(points))
    positions, axes, strengths = (array[chosen][np.newaxis] for array in seeds)
    add_seeds(points, positions, axes, strengths, kernel, total[np.newaxis])
    return total
