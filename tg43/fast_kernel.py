"""Fast TG-43 dose rate from small tables of the formalism's factors, which stay in the processor's cache.

Per seed and point, r² Ḋ / S_K is the product of

* Λ g_L(r) / G_L(r₀, θ₀), linear between distances `RADIAL_STEP` apart,
* F(r, θ), bilinear as in the formalism, on its own distances and on even steps of θ,
* r² G_L(r, θ), for r ≥ 2 L by the first terms of its expansion in (L / 2r)², nearer in closed form.

A table of the whole product over (ρ, |z|) would need a step near 10 µm to follow the kinks of the bilinear F;
factors tabulated along r and θ have their nodes on the kinks.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tg43.array_checks import FloatArray, Seeds
from tg43.capsule import half_cylinder
from tg43.compiled import compiled
from tg43.formalism import anisotropy_factor, anisotropy_function, radial_dose_function, scale
from tg43.source_data import SourceData

# Published distances are multiples of this step, so the kinks of g_L lie on nodes; between nodes g_L is
# exponential and the chord deviates by (step · slope)² / 8: < 1e-6 for slopes up to 0.5 per cm, < 1e-3 from 1 mm
# off a capsule out; more at its wall, where Monte Carlo tables follow shadows of the seed's parts.
RADIAL_STEP = 0.005  # cm
RADIAL_END = 20.0  # cm; beyond it the exponential tail is evaluated itself
# The first of these angle grids that holds all tabulated angles is taken, so that the kinks of F lie on
# nodes; a table that fits none gets the last, on which a kink of 0.02 per degree is cut by less than 0.1 %.
ANGLES_PER_DEGREE = (1, 2, 4, 5, 10, 20)
# Largest (L / 2r)² for which the expansion of G_L is used; the first term left out is at most its fourth
# power, 1.5e-5.
EXPANSION_LIMIT = 1.0 / 16.0
BLOCK = 128  # points; the work arrays of a block fit the first cache
# A smaller share than this is not worth a thread of its own.
EVALUATIONS_PER_THREAD = 200_000


class Kernel(NamedTuple):
    """Tables of one source in one formalism (lengths in cm, dose rate in Gy h⁻¹ U⁻¹)."""

    radial: FloatArray  # (n,) Λ g_L / G_L(r₀, θ₀) at multiples of RADIAL_STEP, Gy cm² h⁻¹ U⁻¹
    radial_tail: float  # slope of ln g_L beyond the tables, cm⁻¹
    interval: NDArray[np.int64]  # (n,) interval of `nodes` in which each multiple of RADIAL_STEP lies
    nodes: FloatArray  # (k,) distances of F
    inverse_widths: FloatArray  # (k − 1,)
    anisotropy: FloatArray  # (k, angles from 0 to 90°)
    angle_scale: float  # angle steps per rad
    half_length: float
    capsule_radius: float
    capsule_half_cylinder: float
    capsule_round: float  # radius of the hemispherical ends, 0 for flat ones


@lru_cache(maxsize=64)
def kernel_of(source: SourceData, formalism: str) -> Kernel:
    """Return the tables of a source for the ``line`` or ``point`` formalism, made once.

    Examples
    --------
    >>> from tg43 import load_source
    >>> kernel_of(load_source("6711"), "line").anisotropy.shape
    (6, 91)
    """
    distances = RADIAL_STEP * np.arange(round(RADIAL_END / RADIAL_STEP) + 1)
    angle_steps = 90 * _angles_per_degree(source)
    angles = np.linspace(0.0, np.pi / 2, angle_steps + 1)
    if formalism == "line":
        nodes = source.anisotropy_distances
        anisotropy = anisotropy_function(nodes[:, np.newaxis], angles[np.newaxis, :], source)
        half, rounded = half_cylinder(source), source.capsule_length / 2 - half_cylinder(source)
    else:
        # Without an axis every point lies in the transverse plane: F becomes φ_an and the capsule a sphere.
        nodes = source.anisotropy_factor_distances
        anisotropy = np.repeat(anisotropy_factor(nodes, source)[:, np.newaxis], len(angles), axis=1)
        half, rounded = 0.0, source.capsule_radius
    tail = np.log(radial_dose_function(np.array([RADIAL_END + 1, RADIAL_END]), source))
    return Kernel(
        radial=scale(source) * radial_dose_function(distances, source),
        radial_tail=float(tail[0] - tail[1]),
        # 1e-9 cm covers rounding: a node that is a multiple of the step opens its own interval.
        interval=(np.searchsorted(nodes, distances + 1e-9, side="right") - 1)
        .clip(0, len(nodes) - 2)
        .astype(np.int64),
        nodes=np.ascontiguousarray(nodes),
        inverse_widths=1.0 / np.diff(nodes),
        anisotropy=np.ascontiguousarray(anisotropy),
        angle_scale=angle_steps / (np.pi / 2),
        half_length=source.active_length / 2,
        capsule_radius=source.capsule_radius,
        capsule_half_cylinder=half,
        capsule_round=rounded,
    )


def _angles_per_degree(source: SourceData) -> int:
    """Return the number of angle steps per degree that puts the table's angles on steps."""
    degrees = np.rad2deg(source.anisotropy_angles)
    for number in ANGLES_PER_DEGREE:
        if np.allclose(degrees * number, np.round(degrees * number), rtol=0, atol=1e-9):
            return number
    return ANGLES_PER_DEGREE[-1]


@compiled
def arctangent(t: float) -> float:
    """Return arctan(t) in rad for 0 ≤ t ≤ 1, within 2e-8.

    Polynomial of Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 4.4.49.

    Examples
    --------
    >>> round(arctangent(1.0) / math.pi, 7)
    0.25
    """
    s = t * t
    high = 0.1065626393 + s * (-0.0752896400 + s * (0.0429096138 + s * (-0.0161657367 + s * 0.0028662257)))
    return t * (1.0 + s * (-0.3333314528 + s * (0.1999355085 + s * (-0.1420889944 + s * high))))


@compiled
def geometry_expansion(x2: float, c2: float) -> float:
    """Return r² G_L for x² = (L / 2r)² ≤ `EXPANSION_LIMIT` and c² = (z / r)².

    r² G_L = Σ U₂ₙ(c) x²ⁿ / (2n + 1) with U the Chebyshev polynomials of the second kind, whose generating
    function 1 / (1 − 2 c x + x²) is the inverse square distance to a point of the active length.

    Examples
    --------
    >>> round(geometry_expansion(0.15**2, 0.0), 5)
    0.9926
    """
    second = 4.0 * c2 - 1.0
    fourth = (16.0 * c2 - 12.0) * c2 + 1.0
    sixth = ((64.0 * c2 - 80.0) * c2 + 24.0) * c2 - 1.0
    return 1.0 + x2 * (second / 3.0 + x2 * (fourth / 5.0 + x2 * sixth / 7.0))


@compiled
def _anisotropy(r: float, angle: float, row: int, kernel: Kernel) -> float:
    """Return F at a distance (cm) within the table row or the next, and an angle in table steps."""
    if r > kernel.nodes[row + 1] and row + 2 < len(kernel.nodes):
        row += 1
    along_r = min(max((r - kernel.nodes[row]) * kernel.inverse_widths[row], 0.0), 1.0)
    column = min(int(angle), kernel.anisotropy.shape[1] - 2)
    along_theta = angle - column
    near = kernel.anisotropy[row, column]
    near += along_theta * (kernel.anisotropy[row, column + 1] - near)
    far = kernel.anisotropy[row + 1, column]
    far += along_theta * (kernel.anisotropy[row + 1, column + 1] - far)
    return float(near + along_r * (far - near))


@compiled
def _rate_anywhere(z: float, r2: float, kernel: Kernel) -> float:
    """Return the dose rate per strength at height z ≥ 0 and squared distance r², G_L in closed form."""
    z2 = z * z
    rho2 = max(r2 - z2, 0.0)
    if z <= kernel.capsule_half_cylinder + kernel.capsule_round:
        beyond = max(z - kernel.capsule_half_cylinder, 0.0)
        # As in the formalism: inside the capsule the wall's value at the same height.
        rho2 = max(rho2, kernel.capsule_radius**2 - beyond * beyond)
        r2 = rho2 + z2
    r = math.sqrt(r2)
    place = r / RADIAL_STEP
    step = int(min(place, len(kernel.radial) - 2.0))
    if place < len(kernel.radial) - 1:
        low = kernel.radial[step]
        radial = low + (place - step) * (kernel.radial[step + 1] - low)
    else:
        radial = kernel.radial[-1] * math.exp(kernel.radial_tail * (r - RADIAL_END))
    scalar = r2 - kernel.half_length * kernel.half_length
    cross = 2.0 * kernel.half_length * math.sqrt(rho2)
    geometry = math.atan2(cross, scalar) / cross if cross > 0.0 else 1.0 / scalar
    angle = kernel.angle_scale * math.atan2(math.sqrt(rho2), z)
    return float(radial) * geometry * _anisotropy(r, angle, kernel.interval[step], kernel)


@compiled
def _add(points: FloatArray, seeds: Seeds, kernel: Kernel, total: FloatArray) -> None:
    """Fill `total` with the dose rate of all seeds.

    Points go in blocks: the arithmetic on a block has no branches, so the compiler does several points per
    instruction; the table look-ups follow one by one. Each point adds its seeds in order.
    """
    positions, axes, air_kerma_strengths = seeds
    x, y, z = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    height, square, factor, angle = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    half2 = kernel.half_length * kernel.half_length
    capsule2 = (kernel.capsule_half_cylinder + max(kernel.capsule_round, kernel.capsule_radius)) ** 2
    right_angle = kernel.anisotropy.shape[1] - 1.0
    nearest2 = max(half2 / EXPANSION_LIMIT, capsule2)
    farthest2 = (RADIAL_STEP * (len(kernel.radial) - 1)) ** 2
    for start in range(0, len(points), BLOCK):
        filled = min(BLOCK, len(points) - start)
        for i in range(BLOCK):
            # A last block that is not full repeats its first point.
            j = start + i if i < filled else start
            x[i], y[i], z[i] = points[j, 0], points[j, 1], points[j, 2]
        total[start : start + filled] = 0.0
        for s in range(len(positions)):
            seed_x, seed_y, seed_z = positions[s, 0], positions[s, 1], positions[s, 2]
            axis_x, axis_y, axis_z = axes[s, 0], axes[s, 1], axes[s, 2]
            strength = air_kerma_strengths[s]
            for i in range(BLOCK):
                dx, dy, dz = x[i] - seed_x, y[i] - seed_y, z[i] - seed_z
                along = abs(dx * axis_x + dy * axis_y + dz * axis_z)
                r2 = dx * dx + dy * dy + dz * dz
                z2 = along * along
                rho2 = r2 - z2
                rho = math.sqrt(rho2 if rho2 > 0.0 else 0.0)
                below = rho < along
                lesser, greater = (rho, along) if below else (along, rho)
                turn = kernel.angle_scale * arctangent(lesser / greater)
                inverse = 1.0 / r2
                height[i], square[i] = along, r2
                angle[i] = turn if below else right_angle - turn
                factor[i] = inverse * geometry_expansion(half2 * inverse, z2 * inverse)
            for i in range(filled):
                if nearest2 < square[i] < farthest2:
                    r = math.sqrt(square[i])
                    place = r * (1.0 / RADIAL_STEP)
                    step = int(place)
                    low = kernel.radial[step]
                    radial = low + (place - step) * (kernel.radial[step + 1] - low)
                    rate = radial * factor[i] * _anisotropy(r, angle[i], kernel.interval[step], kernel)
                else:
                    rate = _rate_anywhere(height[i], square[i], kernel)
                total[start + i] += strength * rate


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
    if formalism == "point":
        seeds = seeds._replace(axes=np.zeros_like(seeds.axes))
    total = np.empty(len(points))
    shares = max(1, min(threads, len(points) * len(seeds.positions) // EVALUATIONS_PER_THREAD))
    bounds = np.linspace(0, len(points), shares + 1).astype(int)

    def fill(share: int) -> None:
        part = slice(bounds[share], bounds[share + 1])
        _add(points[part], seeds, kernel, total[part])

    if shares == 1:
        fill(0)
    else:
        with ThreadPoolExecutor(shares) as pool:
            list(pool.map(fill, range(shares)))
    return total
