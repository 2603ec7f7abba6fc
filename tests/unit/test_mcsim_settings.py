"""Settings and stopping rules: what is refused, and how sums become dose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.exact_sum import QUANTUM
from mcsim.result import Scale
from mcsim.simulation import Settings, StoppingRule


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": "both"}, r"seeds is 'both', expected 'interseed' or 'superposition'"),
        ({"run_seed": -1}, r"run_seed is -1, expected 0 to 2\^63"),
        ({"run_seed": 2**63}, r"run_seed is 9223372036854775808"),
        (
            {"productive_histories_per_batch": -1},
            r"productive_histories_per_batch is -1, expected at least 1",
        ),
    ],
)
def test_bad_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Settings(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batches": (3, 3)}, r"batches is 3:3, expected 0 ≤ first < stop"),
        ({"batches": (-1, 3)}, r"batches is -1:3"),
        ({"uncertainty": -0.1}, r"uncertainty is -0.1, expected 0 or more"),
        ({"histories": -1}, r"histories is -1, expected 0 or more"),
        ({"time_s": 0.0}, r"time limit is 0.0 s, expected a positive number"),
        ({"time_s": float("nan")}, r"time limit is nan s"),
    ],
)
def test_bad_stopping_rules_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        StoppingRule(**change)


def test_other_arguments_of_a_simulation_are_checked(small_run, water_block) -> None:
    from mcsim.simulation import Simulation

    one = (np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.ones(1))
    with pytest.raises(InvalidInput, match=r"half-life is 0.0 d, expected a positive number"):
        Simulation(water_block, "6711", *one, 0.0, Settings())
    with pytest.raises(InvalidInput, match=r"threads is 0, expected at least 1"):
        Simulation(water_block, "6711", *one, 59.4, Settings(), threads=0)
    with pytest.raises(InvalidInput, match=r"seed model is 'x1', expected one of"):
        Simulation(water_block, "x1", *one, 59.4, Settings())
    with pytest.raises(InvalidInput, match=r"spectrum is 'co60', expected one of"):
        small_run(spectrum="co60")


def test_scale_from_sums_to_dose_written_out(small_run) -> None:
    # dose = mean tally / (ρ-free volume) · keV/g in Gy / emitted photons · photons per hour · T½/ln 2
    run = small_run()
    result = run.run(StoppingRule(batches=(0, 3)))
    tally = sum(run.batch(k).dose[0] for k in range(3)) / 3
    volume = 0.2**3 * result.tissue_fraction
    photons = 300 / run.phase_space.productive_share
    strength = (0.5 + 0.6 + 0.7) / 3
    photons_per_hour = strength * 0.01 / run.phase_space.air_kerma_strength  # U = 0.01 Gy cm²/h
    hours = 59.4 * 24 / np.log(2)
    expected = tally * 1.602176634e-13 / volume / photons * photons_per_hour * hours
    # each batch is rounded to half a quantum
    np.testing.assert_allclose(result.dose(), expected, rtol=1e-9, atol=expected.max() * QUANTUM)
    assert result.dose().max() > 1.0  # Gy: seeds of 0.6 U at a few millimetres


def test_dose_is_linear_in_strength_and_half_life(small_run) -> None:
    strengths = np.array([0.5, 0.6, 0.7])
    one = small_run(strengths=strengths).run(StoppingRule(batches=(0, 2)))
    ten = small_run(strengths=10 * strengths).run(StoppingRule(batches=(0, 2)))
    np.testing.assert_array_equal(one.sums.total, ten.sums.total)  # only the ratios enter the transport
    np.testing.assert_allclose(ten.dose(), 10 * one.dose(), rtol=1e-12)
    np.testing.assert_allclose(ten.dose_std_dev(), 10 * one.dose_std_dev(), rtol=1e-12)
    longer = replace(one, scale=replace(one.scale, half_life_h=2 * one.scale.half_life_h))
    np.testing.assert_allclose(longer.dose(), 2 * one.dose(), rtol=1e-12)


def test_dose_to_full_decay_of_one_u_at_1_cm() -> None:
    # total dose at 1 cm for Λ 0.965, 1 U and 59.4 d: 1984.7213 cGy
    scale = Scale(1.0, 3.7666e-14, 0.0, 1.0, 59.4 * 24)
    per_history = 0.965 * 3.7666e-14  # dose per history at 1 cm: Λ × S_K per history
    dose = per_history * scale.dose_rate_per_history * scale.dose_per_dose_rate
    assert 100 * dose == pytest.approx(1984.7213, rel=1e-7)


def test_standard_uncertainty_is_that_of_the_mean_of_the_batches(small_run) -> None:
    run = small_run()
    result = run.run(StoppingRule(batches=(0, 7)))
    tallies = np.array([run.batch(k).dose[0] for k in range(7)])
    total, weight = result.sums.total[0], run.target_weight
    assert np.all(total[weight > 0.0] > 0)
    expected = tallies.std(axis=0, ddof=1) / np.sqrt(7)
    expected[total > 0] *= result.dose()[total > 0] / tallies.mean(axis=0)[total > 0]
    # squares of rounded numbers: 1e-9
    np.testing.assert_allclose(result.dose_std_dev(), expected, rtol=1e-7)
    assert np.all(np.isinf(run.run(StoppingRule(batches=(0, 1))).dose_std_dev()))
    inside = weight > 0.0
    mean = np.average((expected[inside] / result.dose()[inside]), weights=weight[inside])
    assert result.mean_relative_uncertainty(weight) == pytest.approx(mean, rel=1e-7)


def test_groups_hold_the_batches_by_number_modulo_20(small_run) -> None:
    run = small_run()
    result = run.run(StoppingRule(batches=(0, 23)))
    assert result.group_batches().tolist() == [2, 2, 2] + [1] * 17
    chosen = result.group_voxels
    doses = result.group_dose()
    weights = result.group_batches()
    np.testing.assert_allclose(
        (doses * weights[:, None]).sum(axis=0) / 23, result.dose().ravel()[chosen], rtol=1e-9
    )
    first = run.run(StoppingRule(batches=(1, 2))).dose()
    second = run.run(StoppingRule(batches=(21, 22))).dose()
    np.testing.assert_allclose(doses[1], 0.5 * (first + second).ravel()[chosen], rtol=1e-9, atol=1e-12)
