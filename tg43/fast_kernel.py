"""Fast TG-43 dose rate, many points per instruction, from tables that stay in the processor's cache.

Points go in blocks. Offsets from a seed are taken in double precision, so an implant far from the origin loses
nothing; all that follows depends on the offset smoothly and is done in single precision: three loops without
branches for geometry, G_L and look-ups. The few points inside a capsule or beyond the tables are then done again,
one by one. Each point adds its seeds in order, in double precision.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np

from tg43.array_checks import FloatArray, Seeds
from tg43.compiled import compiled
from tg43.fast_tables import Kernel, SingleArray, kernel_of
from tg43.source_data import SourceData

BLOCK = 256  # points; the work arrays of a block fit the first cache
# A smaller share than this is not worth a thread of its own.
EVALUATIONS_PER_THREAD = 200_000


def _constant(value: float) -> float:
    """Return a constant in single precision; one in double would make its expression double."""
    return cast(float, np.float32(value))


_ZERO, _ONE = _constant(0.0), _constant(1.0)
_HALF_TURN, _QUARTER_TURN = _constant(math.pi), _constant(math.pi / 2)
_LEAST_RHO = _constant(1e-9)  # cm; keeps β / (L ρ) finite on the axis and changes it nowhere
_C3, _C5, _C7, _C9 = map(_constant, (-0.3333314528, 0.1999355085, -0.1420889944, 0.1065626393))
_C11, _C13, _C15, _C17 = map(_constant, (-0.0752896400, 0.0429096138, -0.0161657367, 0.0028662257))


@compiled
def _single(value: float | np.int32) -> float:
    return np.float32(value)  # type: ignore[return-value]  # to the caller a number like others


@compiled
def arctangent(t: float) -> float:
    """Return arctan(t) in rad for 0 ≤ t ≤ 1, within 2e-8 and rounding; single precision for single precision.

    Polynomial of Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 4.4.49.

    Examples
    --------
    >>> round(float(arctangent(np.float32(1.0))) / math.pi, 6)
    0.25
    """
    s = t * t
    high = _C9 + s * (_C11 + s * (_C13 + s * (_C15 + s * _C17)))
    return t * (_ONE + s * (_C3 + s * (_C5 + s * (_C7 + s * high))))


@compiled
def _exact_rate(rho: float, z: float, kernel: Kernel) -> float:
    """Return the dose rate per strength anywhere, at distance ρ from the axis and height z ≥ 0, in cm."""
    if z <= kernel.capsule_half_cylinder + kernel.capsule_round:
        beyond = max(z - kernel.capsule_half_cylinder, 0.0)
        # As in the formalism: inside the capsule the wall's value at the same height.
        rho = max(rho, math.sqrt(max(kernel.capsule_radius**2 - beyond * beyond, 0.0)))
    r2 = rho * rho + z * z
    r = math.sqrt(r2)
    last = len(kernel.radial)
    place = min(r * kernel.steps_per_cm, float(last))
    step = min(int(place), last - 1)
    t = place - step
    radial = kernel.radial[step] + t * kernel.radial_rise[step]
    radial *= math.exp(kernel.radial_tail * max(r - last / kernel.steps_per_cm, 0.0))
    angle = kernel.angle_scale * math.atan2(rho, z)
    column = min(int(angle), kernel.angle_steps - 1)
    u = angle - column
    cell = kernel.row[step] + column
    near = kernel.anisotropy[cell] + u * kernel.anisotropy_rise[cell]
    more = kernel.farther[cell] + u * kernel.farther_rise[cell]
    angular = near + (kernel.share[step] + t * kernel.share_rise[step]) * more
    cross = kernel.active_length * rho
    scalar = r2 - 0.25 * kernel.active_length**2
    geometry = math.atan2(cross, scalar) / cross if cross > 0.0 else 1.0 / scalar
    return float(radial * geometry * angular)


@compiled
def _geometry(
    offset: SingleArray,
    axis: SingleArray,
    kernel: Kernel,
    place: SingleArray,
    angle: SingleArray,
    rate: SingleArray,
) -> bool:
    """Fill distance and polar angle in steps and G_L in cm⁻²; return whether a point has to be done again."""
    steps_per_cm, last = _single(kernel.steps_per_cm), _single(len(kernel.radial))
    angle_scale, right_angle = _single(kernel.angle_scale), _single(kernel.angle_steps)
    length = _single(kernel.active_length)
    half2 = _single(0.25 * kernel.active_length**2)
    height = _single(kernel.capsule_half_cylinder + kernel.capsule_round)
    radius = _single(kernel.capsule_radius)
    axis_x, axis_y, axis_z = axis[0], axis[1], axis[2]
    again = 0
    for i in range(BLOCK):
        x, y, z = offset[0, i], offset[1, i], offset[2, i]
        along = x * axis_x + y * axis_y + z * axis_z
        # The vector across the axis keeps its relative accuracy near the axis, unlike √(r² − z²).
        across_x, across_y, across_z = x - along * axis_x, y - along * axis_y, z - along * axis_z
        rho2 = across_x * across_x + across_y * across_y + across_z * across_z
        r2 = rho2 + along * along
        along = abs(along)
        rho = max(_LEAST_RHO, math.sqrt(rho2))
        turn = angle_scale * arctangent(min(rho, along) / max(rho, along))
        # A least that is no number, at distances without end, gives way to the limit.
        angle[i] = min(turn if rho < along else right_angle - turn, right_angle)
        place[i] = min(math.sqrt(r2) * steps_per_cm, last)
        again += int(place[i] >= last) | (int(rho <= radius) & int(along <= height))
        cross = length * rho
        scalar = r2 - half2
        size = abs(scalar)
        beta = arctangent(min(cross, size) / max(cross, size))
        beta = beta if cross < size else _QUARTER_TURN - beta
        rate[i] = (beta if scalar > _ZERO else _HALF_TURN - beta) / cross
    return again > 0


@compiled
def _look_up(place: SingleArray, angle: SingleArray, kernel: Kernel, rate: SingleArray) -> None:
    """Multiply G_L in `rate` by g_L and F, looked up at distances and angles in steps."""
    radial, radial_rise, row = kernel.radial, kernel.radial_rise, kernel.row
    share, share_rise = kernel.share, kernel.share_rise
    anisotropy, anisotropy_rise = kernel.anisotropy, kernel.anisotropy_rise
    farther, farther_rise = kernel.farther, kernel.farther_rise
    last_step, last_column = np.int32(len(radial) - 1), np.int32(kernel.angle_steps - 1)
    for i in range(BLOCK):
        step = min(np.int32(place[i]), last_step)
        t = place[i] - _single(step)
        column = min(np.int32(angle[i]), last_column)
        u = angle[i] - _single(column)
        # Indices without sign: no test for counting from the end.
        j = np.uint32(step)
        cell = np.uint32(row[j] + column)
        near = anisotropy[cell] + u * anisotropy_rise[cell]
        more = farther[cell] + u * farther_rise[cell]
        rate[i] *= (radial[j] + t * radial_rise[j]) * (near + (share[j] + t * share_rise[j]) * more)


@compiled
def _repair(
    block: FloatArray, position: FloatArray, axis: FloatArray, kernel: Kernel, rate: SingleArray
) -> None:
    """Fill again what lies inside the capsule or beyond the tables."""
    height = (kernel.capsule_half_cylinder + kernel.capsule_round) * (1.0 + 1e-6)
    radius = kernel.capsule_radius * (1.0 + 1e-6)
    end = len(kernel.radial) / kernel.steps_per_cm * (1.0 - 1e-6)
    for i in range(BLOCK):
        x, y, z = block[0, i] - position[0], block[1, i] - position[1], block[2, i] - position[2]
        along = x * axis[0] + y * axis[1] + z * axis[2]
        across_x, across_y, across_z = x - along * axis[0], y - along * axis[1], z - along * axis[2]
        rho = math.sqrt(across_x * across_x + across_y * across_y + across_z * across_z)
        along = abs(along)
        if (rho <= radius and along <= height) or rho * rho + along * along >= end * end:
            rate[i] = _single(_exact_rate(rho, along, kernel))


@compiled
def add_seeds(
    points: FloatArray,
    positions: FloatArray,
    axes: FloatArray,
    air_kerma_strengths: FloatArray,
    kernel: Kernel,
    total: FloatArray,
) -> None:
    """Fill `total` (members, m) with the dose rate of all seeds of each member.

    Points (m, 3) cm; positions and axes (members, n, 3); strengths (members, n) U.
    """
    block, sums = np.empty((3, BLOCK)), np.empty(BLOCK)
    offset, single_axis = np.empty((3, BLOCK), np.float32), np.empty(3, np.float32)
    place, angle, rate = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for start in range(0, len(points), BLOCK):
        filled = min(BLOCK, len(points) - start)
        for i in range(BLOCK):
            # A last block that is not full repeats its first point.
            j = start + i if i < filled else start
            block[0, i], block[1, i], block[2, i] = points[j, 0], points[j, 1], points[j, 2]
        for member in range(len(positions)):
            sums[:] = 0.0
            for s in range(positions.shape[1]):
                position, axis = positions[member, s], axes[member, s]
                strength = air_kerma_strengths[member, s]
                for k in range(3):
                    single_axis[k] = _single(axis[k])
                    for i in range(BLOCK):
                        offset[k, i] = _single(block[k, i] - position[k])
                again = _geometry(offset, single_axis, kernel, place, angle, rate)
                _look_up(place, angle, kernel, rate)
                if again:
                    _repair(block, position, axis, kernel, rate)
                for i in range(BLOCK):
                    sums[i] += strength * np.float64(rate[i])
            total[member, start : start + filled] = sums[:filled]


def superpose(
    points: FloatArray, seeds: Seeds, source: SourceData, formalism: str, threads: int = 1
) -> FloatArray:
    """Return the summed dose rate of seeds in Gy/h at points (m, 3) cm.

    The arrays are taken as checked. Each point sums its seeds in the order given, so the result has the same
    bits for any number of threads.

    Examples
    --------
    >>> from tg43 import load_source
    >>> seed = Seeds(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.ones(1))
    >>> superpose(np.array([[1.0, 0.0, 0.0]]), seed, load_source("6711"), "line").round(8)
    array([0.00965])
    """
    kernel = kernel_of(source, formalism)
    positions, axes, strengths = (array[np.newaxis] for array in seeds)
    if formalism == "point":
        axes = np.zeros_like(axes)
    shares = max(1, min(threads, len(points) * positions.shape[1] // EVALUATIONS_PER_THREAD))

    def filled(part: FloatArray) -> FloatArray:
        total = np.empty(len(part))
        add_seeds(part, positions, axes, strengths, kernel, total[np.newaxis])
        return total

    if shares == 1:
        return filled(points)
    with ThreadPoolExecutor(shares) as pool:
        return np.concatenate(list(pool.map(filled, np.array_split(points, shares))))
