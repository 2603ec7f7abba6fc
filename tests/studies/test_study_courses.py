"""Dose to a day and maps by Monte Carlo: against the members they belong to, and against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from validation.case import built_in
from validation.studies.study_courses import DAYS
from validation.studies.study_courses_monte_carlo import monte_carlo_courses, of_the_plan
from validation.studies.study_maps import map_plane, mapped_scenarios, monte_carlo_maps
from validation.studies.study_members import new_settings
from validation.studies.study_monte_carlo import MemberSimulations
from validation.studies.study_scenario import Scenario
from validation.studies.study_tg43 import member_seeds
from validation.studies.study_voxels import STUDIED, study_voxels

MEAN, D90 = STUDIED.index("mean dose"), STUDIED.index("D90")


@pytest.fixture(scope="module")
def simulations():
    neck = built_in("neck")
    settings = new_settings(
        neck, kind="edema", sigma_mm=[0.0, 2.0], edema=[0.0, 0.5], voxel_mm=4.0, histories=2_000,
        tissue_histories=8_000, structures=("PTV",), time_level=1, map_members=1,
    )  # fmt: skip
    return MemberSimulations(neck, settings, study_voxels(neck, settings))


@pytest.fixture(scope="module")
def courses(simulations):
    return monte_carlo_courses(simulations)


def scenario(simulations, **values) -> int:
    return simulations.settings.scenarios.index(Scenario(**values))


def test_static_dose_grows_with_the_decayed_share(simulations, courses):
    plan = courses[0][0, :, 0]
    share = 1.0 - 0.5 ** (np.array(DAYS) / simulations.case.implant.half_life_d)
    for index in (MEAN, D90):
        assert plan[:, index] == pytest.approx(share * plan[-1, index], rel=1e-12)


def test_last_day_is_the_dose_of_the_members_rule(simulations, courses):
    """To full decay the polynomial through Gauss's points and Gauss's rule give the same dose."""
    swollen = Scenario(edema=0.5)
    plan = of_the_plan(simulations)
    seeds = member_seeds(plan.case, plan.settings, swollen, (0,))  # σ is 0: nobody moves
    member = plan.voxels.indices(plan.dose(swollen, seeds, 0, 0)[0])
    found = courses[0][scenario(simulations, edema=0.5), -1, 0]
    assert found[MEAN] == pytest.approx(member[0, MEAN], rel=1e-9)
    assert found[D90] == pytest.approx(member[0, D90], rel=1e-9)


def test_edema_costs_dose_early_and_ever_less(simulations, courses):
    """The share lost is largest at first: V = 1.5 V₀, dose to the 1.5^(−2/3) near a seed, 0.763 and somewhat more."""
    ratio = courses[0][scenario(simulations, edema=0.5), :, 0, MEAN] / courses[0][0, :, 0, MEAN]
    assert (np.diff(ratio) > 0.0).all()
    assert 0.7 < ratio[0] < 0.9
    assert 0.93 < ratio[-1] < 0.98  # −3.97 % for 1/r²


def test_scenarios_that_differ_in_displacement_alone_are_alike(simulations, courses):
    still, moved = (scenario(simulations, sigma_mm=s, edema=0.5) for s in (0.0, 2.0))
    assert np.array_equal(courses[0][still], courses[0][moved], equal_nan=True)
    assert np.array_equal(courses[1][still], courses[1][moved], equal_nan=True)


def test_noise_is_that_of_other_histories(simulations, courses):
    """Six runs with other histories: their scatter is known to a third, the noise of one to some 40 %."""
    plan = simulations.settings.scenarios[0]
    settings = replace(simulations.settings, histories=8_000)
    found = []
    for member in range(1, 7):
        more = of_the_plan(simulations)
        more.settings = settings
        seeds = member_seeds(more.case, settings, plan, (member,))
        found.append(more.voxels.indices(more.dose(plan, seeds, 0, member)[0])[0, MEAN])
    assert 0.3 < courses[1][0, -1, 0, MEAN] / np.std(found, ddof=1) < 3.0


def test_map_of_the_plan_is_its_dose(simulations):
    plane = map_plane(simulations.voxels)
    dose, noise = monte_carlo_maps(simulations, plane)
    assert [s.name for s in mapped_scenarios(simulations.settings)] == [
        "plan",
        "σ 2 mm",
        "σ 2 mm, edema 50 %",
    ]
    plan = of_the_plan(simulations)
    seeds = member_seeds(plan.case, plan.settings, plan.settings.scenarios[0], (0,))
    whole = np.full(np.prod([len(c) for c in plan.voxels.grid]), np.nan)
    whole[plan.voxels.flat] = plan.dose(plan.settings.scenarios[0], seeds, 0, 0)[0]
    inside = plane.fraction.ravel() > 0.0
    assert inside.any()
    assert np.array_equal(dose[0].ravel()[inside], whole[plane.flat][inside], equal_nan=True)
    assert ((noise > 0.0) & (noise < 0.3)).all()
    assert np.allclose(plane.points[:, 2], plane.z)
