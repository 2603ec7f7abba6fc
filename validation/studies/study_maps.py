"""Maps of the dose before and after: the plan, and the median over members, in the axial plane through the target."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tg43 import SourceData
from validation.case import Case
from validation.change import ensemble_changed_dose
from validation.studies.study_courses_monte_carlo import of_the_plan
from validation.studies.study_monte_carlo import MemberSimulations
from validation.studies.study_scenario import Scenario
from validation.studies.study_settings import StudySettings
from validation.studies.study_tg43 import member_seeds, tissue_field_of
from validation.studies.study_voxels import StudyVoxels

FloatArray = NDArray[np.float64]

REACH = 1.0  # cm around the target


@dataclass(frozen=True, eq=False)
class MapPlane:
    """Axial plane of tissue elements through the middle of the target.

    Attributes
    ----------
    x, y : ndarray
        Voxel centres, cm.
    z : float
        The plane, cm.
    flat : ndarray of int, shape (nx * ny,)
        Its voxels in the scoring region, flat indices in C order.
    points : ndarray, shape (nx * ny, 3)
        Their middles, cm.
    fraction : ndarray, shape (nx, ny)
        Part of each inside the target.
    """

    x: FloatArray
    y: FloatArray
    z: float
    flat: NDArray[np.intp]
    points: FloatArray
    fraction: FloatArray


def map_plane(voxels: StudyVoxels) -> MapPlane:
    """The plane in which a study's target is largest, to `REACH` around it."""
    x, y, z = voxels.grid
    shape = (len(x), len(y), len(z))
    inside = np.zeros(int(np.prod(shape)))
    inside[voxels.flat[voxels.members[0]]] = voxels.fractions[0]
    target = inside.reshape(shape)
    k = int(np.argmax(target.sum(axis=(0, 1))))
    chosen = []
    for axis, c in enumerate((x, y)):
        there = c[target.any(axis=(1 - axis, 2))]
        chosen.append(np.flatnonzero((c > there[0] - REACH) & (c < there[-1] + REACH)))
    i, j = np.meshgrid(*chosen, indexing="ij")
    points = np.stack([x[i], y[j], np.full(i.shape, z[k])], axis=-1).reshape(-1, 3)
    flat = np.ravel_multi_index((i, j, np.full(i.shape, k)), shape).ravel()
    return MapPlane(x[chosen[0]], y[chosen[1]], float(z[k]), flat, points, target[i, j, k])


def mapped_scenarios(settings: StudySettings) -> tuple[Scenario, ...]:
    """Scenarios whose maps a report shows.

    The plan, the widest displacement, and with it the strongest change of tissue.
    """
    plan, *others = settings.scenarios
    if not others:
        return (plan,)
    still = [s for s in others if settings.change(s) is None] or others
    changed = [s for s in others if settings.change(s) is not None and s.sigma_mm == still[-1].sigma_mm]
    return tuple(dict.fromkeys([plan, still[-1], *changed[-1:]]))


def tg43_maps(
    case: Case,
    settings: StudySettings,
    plane: MapPlane,
    source: SourceData,
    threads: int = 1,
) -> FloatArray:
    """Median TG-43 dose of the first members in a plane of tissue elements.

    Parameters
    ----------
    case, settings, source, threads
        As for `tg43_members`.
    plane : MapPlane
        Where.

    Returns
    -------
    ndarray, shape (mapped scenarios, nx, ny)
        Gy, in the reference geometry.
    """
    field = tissue_field_of(case, settings)
    doses = []
    for scenario in mapped_scenarios(settings):
        members = (0,) if scenario.is_plan else tuple(range(settings.map_members))
        found = ensemble_changed_dose(
            lambda dose: dose, plane.points, member_seeds(case, settings, scenario, members),
            case.implant.air_kerma_strengths, case.implant.half_life_d, source,
            change=settings.change(scenario), field=field, level=settings.time_level, threads=threads,
        )  # fmt: skip
        # The mean would show the few members with a seed in the very voxel.
        doses.append(np.median(found.values, axis=0).reshape(plane.fraction.shape))
    return np.stack(doses)


def monte_carlo_maps(simulations: MemberSimulations, plane: MapPlane) -> tuple[FloatArray, FloatArray]:
    """Median Monte Carlo dose of the first members in a plane of tissue elements.

    Parameters
    ----------
    simulations : MemberSimulations
        Of the study; phantoms that it has are used again, and members have the histories that they have there.
    plane : MapPlane
        Where.

    Returns
    -------
    dose : ndarray, shape (mapped scenarios, nx, ny)
        Gy, in the reference geometry; NaN where a voxel is all seed in half of the members.
    noise : ndarray, shape (mapped scenarios,)
        Relative standard uncertainty of a voxel of the target by the noise, median over these.
    """
    settings, case = simulations.settings, simulations.case
    inside = plane.fraction.ravel() > 0.5
    doses, noise = [], []
    for scenario in mapped_scenarios(settings):
        # The plan has no other members: one run of many histories.
        runs = of_the_plan(simulations) if scenario.is_plan else copy.copy(simulations)
        runs.voxels = replace(simulations.voxels, flat=plane.flat, points=plane.points)
        members = (0,) if scenario.is_plan else tuple(range(settings.map_members))
        seeds = member_seeds(case, settings, scenario, members)
        found = np.array([runs.dose(scenario, seeds, row, member) for row, member in enumerate(members)])
        # An element that is all seed in one member has its dose from the others.
        there = np.isnan(found).sum(axis=0) < 0.5 * len(found) if len(found) > 1 else ~np.isnan(found[0])
        median = np.where(there, np.nanmedian(np.where(there, found, 0.0), axis=0), np.nan)
        parts = median[1:, inside]
        u = parts.std(axis=0, ddof=1) / np.sqrt(len(parts))
        doses.append(median[0].reshape(plane.fraction.shape))
        noise.append(float(np.nanmedian(u / median[0, inside])))
    return np.stack(doses), np.array(noise)
