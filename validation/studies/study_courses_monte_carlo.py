"""Dose to a day by Monte Carlo: how indices grow while tissue changes, seeds where the plan has them.

The plan is simulated at the volumes of the target at which members are. Dose to full decay in a frozen geometry varies
smoothly with ln V, so that the polynomial through these points is integrated over the decay to each day.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from validation.change.decay_measure import decay_measure, decayed_share
from validation.change.decay_nodes import decay_nodes
from validation.evaluate.half_samples import half_sample_doses, type_a
from validation.studies.study_courses import DAYS
from validation.studies.study_monte_carlo import NOT_A_MEMBER, MemberSimulations
from validation.studies.study_scenario import Scenario
from validation.studies.study_settings import BATCHES, PARTS
from validation.studies.study_voxels import STUDIED

FloatArray = NDArray[np.float64]


def monte_carlo_courses(simulations: MemberSimulations) -> tuple[FloatArray, FloatArray]:
    """Indices of the dose to `DAYS`.

    Parameters
    ----------
    simulations : MemberSimulations
        Of the study; phantoms that it has are used again.

    Returns
    -------
    values, std_devs : ndarray, shape (scenarios, days, structures, indices)
        In the units of the indices, and the standard uncertainty by the noise. Scenarios that differ in displacement
        alone have the same.
    """
    plan = of_the_plan(simulations)
    settings, voxels = plan.settings, plan.voxels
    shape = (len(settings.scenarios), len(DAYS), len(voxels.names), len(STUDIED))
    values, std_devs = np.empty(shape), np.empty(shape)
    known: dict[Scenario, tuple[FloatArray, FloatArray]] = {}
    for k, scenario in enumerate(settings.scenarios):
        alike = replace(scenario, sigma_mm=0.0, displaced=True)
        if alike not in known:
            known[alike] = _indices(plan, _doses(plan, alike))
        values[k], std_devs[k] = known[alike]
    return values, std_devs


def of_the_plan(simulations: MemberSimulations) -> MemberSimulations:
    """Simulations of the plan with as many histories as its tissue ratio has, and those of no member."""
    settings = simulations.settings
    more = copy.copy(simulations)
    more.settings = replace(
        settings,
        histories=max(settings.histories, settings.tissue_histories),
        run_seed=settings.run_seed + BATCHES * NOT_A_MEMBER,
    )
    return more


def _doses(plan: MemberSimulations, scenario: Scenario) -> FloatArray:
    """Dose to every day from all histories and from each part of them, shape (days, 1 + parts, m)."""
    implant, change = plan.case.implant, plan.settings.change(scenario)
    if change is None:
        static = plan.frozen(implant, None, 0.0, member=0)
        return decayed_share(DAYS, implant.half_life_d)[:, None, None] * static
    course = change.course
    times = [
        day for day, _ in decay_nodes(implant.half_life_d, course, level=plan.settings.time_level).counted
    ]
    states = np.log(np.asarray(course.relative_volume(times)))
    measure = decay_measure(implant.half_life_d, course, 0.0, DAYS)
    weights = np.array([measure.interpolating(states, day) for day in DAYS])
    doses = np.array([plan.frozen(implant, change, day, member=0) for day in times])
    return np.asarray(np.tensordot(weights, doses, axes=1))


def _indices(plan: MemberSimulations, doses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Indices of the dose to every day and their standard uncertainty, shape (days, structures, indices) both."""
    found, std_devs = [], []
    for of_day in doses:
        value = plan.voxels.indices(of_day[0])
        halves = half_sample_doses(of_day[1:])
        of_halves = np.array([
            [plan.voxels.indices(halves[side, pair]) for pair in range(PARTS - 1)] for side in range(2)
        ])  # fmt: skip
        found.append(value)
        std_devs.append(type_a(value, of_halves).std_dev)
    return np.array(found), np.array(std_devs)
