"""Shares of a chain of calculations and what they know of each other's noise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.invalid_input import InvalidInput
from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import structure_voxels
from validation.studies.budget_judgement import BUDGET_INDICES, StepDose, judge_step
from validation.studies.budget_shares import STATISTICAL, StepValues, shares
from validation.studies.budget_steps import MONTE_CARLO, TG43, chain

MEAN = BUDGET_INDICES.index("mean dose")


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=9))
def test_shares_sum_to_the_whole(levels: list[float]) -> None:
    steps = [StepValues(np.array([level, -2.0 * level]), {}) for level in levels]
    found = shares(steps)
    np.testing.assert_allclose(found.values.sum(axis=0), found.total, atol=1e-9)
    np.testing.assert_array_equal(found.total, steps[-1].values - steps[0].values)
    assert found.values.shape == (len(levels) - 1, 2)


def test_one_step_is_no_chain() -> None:
    with pytest.raises(InvalidInput, match="number of budget steps is 1, expected at least 2"):
        shares([StepValues(np.zeros(1), {})])


def test_what_two_steps_have_in_common_cancels() -> None:
    rng = np.random.default_rng(5)
    common, own = rng.standard_normal((2, 400, 1))
    scale = np.array([[0.5]])
    steps = [
        StepValues(np.array([10.0]), {}),
        StepValues(np.array([12.0]), {STATISTICAL: common, "scale": scale}),
        StepValues(np.array([15.0]), {STATISTICAL: common + 0.1 * own, "scale": 1.2 * scale}),
    ]
    found = shares(steps)
    root = float(np.sqrt(np.mean(own**2)))
    noise = float(np.sqrt(np.mean(common**2)))
    # The first has no noise: all of the second's stays. Between the others only what is their own.
    np.testing.assert_allclose(found.statistical[:, 0], [noise, 0.1 * root], rtol=1e-12)
    np.testing.assert_allclose(found.std_dev[:, 0], np.hypot(found.statistical[:, 0], [0.5, 0.1]), rtol=1e-12)
    assert found.independent[1, 0] == pytest.approx(
        np.hypot(noise, np.sqrt(np.mean((common + 0.1 * own) ** 2)))
    )
    # Over the whole chain the common noise is there once.
    whole = np.sqrt(np.mean((common + 0.1 * own) ** 2) + 0.36)
    assert found.total_std_dev[0] == pytest.approx(whole)
    assert found.step_std_dev[0, 0] == 0.0


def _voxels() -> tuple[list, int]:
    axis = 0.1 * np.arange(10)
    ones = np.ones((10, 10, 10))
    return [structure_voxels(part_volumes(axis, axis, axis, ones, ones), ones)], 1000


def test_the_uncertainty_of_a_share_is_its_spread_among_repeated_runs() -> None:
    # Two worlds: the same noise of groups, the second 10 % lower with 0.3 times as much of its own. The share of the
    # mean dose in 100 repeated runs spreads as stated: 19 degrees of freedom in each and 100 runs know the variance to
    # 3 and 14 %; 4.5 σ.
    structures, n = _voxels()
    level = np.linspace(80.0, 200.0, n)
    rng = np.random.default_rng(11)
    found, stated, independent = [], [], []
    for _ in range(100):
        one = level * (1 + 0.05 * rng.standard_normal((20, 1)) + 0.02 * rng.standard_normal((20, n)))
        other = 0.9 * one * (1 + 0.015 * rng.standard_normal((20, 1)))
        judged = [
            judge_step(StepDose(groups.mean(axis=0), np.arange(n), groups, np.ones(20)), structures, 100.0)[0]
            for groups in (one, other)
        ]
        share = shares(judged)
        found.append(share.values[0, MEAN])
        stated.append(share.statistical[0, MEAN] ** 2)
        independent.append(share.independent[0, MEAN] ** 2)
    spread = float(np.var(found, ddof=1))
    assert np.mean(stated) == pytest.approx(
        spread, rel=4.5 * np.hypot(np.sqrt(2 / 99), np.sqrt(2 / 19 / 100))
    )
    assert np.mean(independent) > 4 * spread


def test_a_scale_common_to_all_voxels_moves_doses_in_proportion() -> None:
    structures, n = _voxels()
    level = np.linspace(80.0, 200.0, n)
    step = judge_step(StepDose(level, scaled={"strength": np.array([0.01])}), structures, 100.0)[0]
    d90 = BUDGET_INDICES.index("D90")
    np.testing.assert_allclose(
        step.deviations["strength"][0, [d90, MEAN]], 0.01 * step.values[[d90, MEAN]], rtol=1e-9
    )


def test_a_structure_without_group_doses_has_no_uncertainty() -> None:
    structures, n = _voxels()
    level = np.linspace(80.0, 200.0, n)
    groups = np.tile(level[: n // 2], (20, 1))
    step = judge_step(StepDose(level, np.arange(n // 2), groups, np.ones(20)), structures, 100.0)[0]
    assert np.isnan(step.deviations[STATISTICAL]).all()
    assert np.isfinite(step.values[MEAN])


@pytest.mark.parametrize("own_is_simulated", [False, True])
@pytest.mark.parametrize("has_table", [False, True])
@pytest.mark.parametrize("has_body", [False, True])
def test_a_chain_leads_from_tg43_to_the_patient(
    own_is_simulated: bool, has_table: bool, has_body: bool
) -> None:
    steps = chain(own_is_simulated, has_table, has_body)
    assert (steps[0].engine, steps[-1].engine) == (TG43, MONTE_CARLO)
    assert (steps[-1].run, steps[-1].quantity) == (("interseed", "patient"), "dose_to_medium")
    assert len({step.name for step in steps}) == len(steps)
    engines = [step.engine for step in steps]
    assert engines == sorted(engines, reverse=True)
    # Each step changes one thing: a table, the seeds, the medium, or what dose is to.
    simulated = [step for step in steps if step.engine == MONTE_CARLO]
    assert (simulated[0].run, simulated[0].quantity) == (("superposition", "water"), "dose_to_medium")
    for before, after in pairwise(simulated):
        changes = (before.seeds != after.seeds) + (before.media != after.media) + (before.run == after.run)
        assert changes == 1, (before.name, after.name)
    assert any(step.media == "water_body" for step in steps) == has_body
