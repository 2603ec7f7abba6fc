"""Tables of the fast TG-43 path: the formalism's factors along r and θ, in single precision.

Per seed and point, Ḋ / S_K is the product of

* Λ g_L(r) / G_L(r₀, θ₀), linear within even steps of r,
* F(r, θ), bilinear as in the formalism: within a row of the published table by even steps of θ, and across
  the rows by the share s(r) of the farther one, linear within the steps of r,
* G_L(r, θ) in closed form.

The steps are chosen so that the tabulated distances and angles lie on nodes; then only g_L, exponential between
nodes, deviates from what is looked up, by (step · slope)² / 8. A table of the whole product over (ρ, |z|) would
need a step near 10 µm to follow the kinks of the bilinear F.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tg43.array_checks import FloatArray
from tg43.capsule import half_cylinder
from tg43.formalism import anisotropy_factor, anisotropy_function, radial_dose_function, scale
from tg43.source_data import SourceData

SingleArray = NDArray[np.float32]

# The first step that holds all tabulated distances, and whose chord of the exponential g_L deviates by less than
# LARGEST_CHORD from the capsule's wall out, is taken. A table that fits none gets the last, on which a kink of
# 10 per cm is cut by less than 0.03 %. Published tables get 0.005 cm; Monte Carlo tables, which follow the shadows
# of a seed's parts at its wall (up to 50 per cm), finer steps.
RADIAL_STEPS = (0.005, 0.001, 0.0005, 0.0002, 0.0001)  # cm
LARGEST_CHORD = 5e-5
RADIAL_END = 20.0  # cm, at least; beyond it the exponential tail is evaluated itself
# As for distances; a kink of 0.02 per degree is cut by less than 0.1 % on the last.
ANGLES_PER_DEGREE = (1, 2, 4, 5, 10, 20)


class Kernel(NamedTuple):
    """Tables of one source in one formalism (lengths in cm, dose rate in Gy h⁻¹ U⁻¹)."""

    radial: SingleArray  # (n,) Λ g_L / G_L(r₀, θ₀) at the lower end of each step, Gy cm² h⁻¹ U⁻¹
    radial_rise: SingleArray  # (n,) what it gains to the upper end
    share: SingleArray  # (n,) of the farther of two rows of F at the lower end of each step
    share_rise: SingleArray  # (n,)
    row: NDArray[np.int32]  # (n,) index into the arrays of F of the nearer row's first angle
    # (rows − 1, angle steps) raveled: F at the nearer row's lower angle, its gain to the upper angle, and how
    # much the farther row has more of both.
    anisotropy: SingleArray
    anisotropy_rise: SingleArray
    farther: SingleArray
    farther_rise: SingleArray
    steps_per_cm: float
    angle_scale: float  # angle steps per rad
    angle_steps: int  # from 0 to 90°
    radial_tail: float  # slope of ln g_L beyond the steps of r, cm⁻¹
    active_length: float
    capsule_radius: float
    capsule_half_cylinder: float
    capsule_round: float  # radius of the hemispherical ends, 0 for flat ones


@lru_cache(maxsize=64)
def kernel_of(source: SourceData, formalism: str) -> Kernel:
    """Return the tables of a source for the ``line`` or ``point`` formalism, made once.

    Examples
    --------
    >>> from tg43 import load_source
    >>> kernel = kernel_of(load_source("6711"), "line")
    >>> len(kernel.radial), kernel.anisotropy.size
    (4000, 450)
    """
    degree_steps = _first_that_holds(np.rad2deg(source.anisotropy_angles), ANGLES_PER_DEGREE)
    angle_steps = round(90 * degree_steps)
    angles = np.linspace(0.0, np.pi / 2, angle_steps + 1)
    if formalism == "line":
        nodes = source.anisotropy_distances
        table = anisotropy_function(nodes[:, np.newaxis], angles[np.newaxis, :], source)
        half, rounded = half_cylinder(source), source.capsule_length / 2 - half_cylinder(source)
    else:
        # Without an axis every point lies in the transverse plane: F becomes φ_an and the capsule a sphere.
        nodes = source.anisotropy_factor_distances
        table = np.repeat(anisotropy_factor(nodes, source)[:, np.newaxis], len(angles), axis=1)
        half, rounded = 0.0, source.capsule_radius
    kinks = np.concatenate([source.radial_distances, nodes])
    steps_per_cm = _first_that_holds(kinks, _fine_enough(source))
    number = int(np.ceil(max(RADIAL_END, kinks.max()) * steps_per_cm - 1e-9))
    distances = np.arange(number + 1) / steps_per_cm
    # A step belongs to the rows between which its middle lies.
    row = (np.searchsorted(nodes, (distances[:-1] + distances[1:]) / 2) - 1).clip(0, len(nodes) - 2)
    width = nodes[row + 1] - nodes[row]
    share = ((distances[:-1] - nodes[row]) / width).clip(0.0, 1.0)
    share_end = ((distances[1:] - nodes[row]) / width).clip(0.0, 1.0)
    radial = scale(source) * radial_dose_function(distances, source)
    along = np.diff(table, axis=1)
    tail = np.log(radial_dose_function(distances[-1] + np.array([1.0, 0.0]), source))
    return Kernel(
        radial=_single(radial[:-1]),
        radial_rise=_single(np.diff(radial)),
        share=_single(share),
        share_rise=_single(share_end - share),
        row=(row * angle_steps).astype(np.int32),
        anisotropy=_single(table[:-1, :-1]),
        anisotropy_rise=_single(along[:-1]),
        farther=_single(np.diff(table, axis=0)[:, :-1]),
        farther_rise=_single(np.diff(along, axis=0)),
        steps_per_cm=steps_per_cm,
        angle_scale=angle_steps / (np.pi / 2),
        angle_steps=angle_steps,
        radial_tail=float(tail[0] - tail[1]),
        active_length=source.active_length,
        capsule_radius=source.capsule_radius,
        capsule_half_cylinder=half,
        capsule_round=rounded,
    )


def _fine_enough(source: SourceData) -> tuple[float, ...]:
    """Return the numbers of steps per cm within which the chord of g_L stays below its limit, at least one."""
    nodes = source.radial_distances
    slopes = np.abs(np.diff(np.log(source.radial_dose)) / np.diff(nodes))
    steepest = slopes[nodes[1:] > source.capsule_radius].max(initial=0.0)
    fine = tuple(1.0 / step for step in RADIAL_STEPS if (step * steepest) ** 2 / 8.0 < LARGEST_CHORD)
    return fine or (1.0 / RADIAL_STEPS[-1],)


def _first_that_holds(values: FloatArray, per_unit: tuple[float, ...]) -> float:
    """Return the first number of steps per unit on which all values lie, the last if there is none."""
    for number in per_unit:
        if np.allclose(values * number, np.round(values * number), rtol=0, atol=1e-6):
            return number
    return per_unit[-1]


def _single(table: FloatArray) -> SingleArray:
    return np.ascontiguousarray(table.ravel(), dtype=np.float32)
