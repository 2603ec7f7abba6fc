"""The systematic part of a difference between two noisy doses, against parts put in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mcsim.invalid_input import InvalidInput
from validation.evaluate.difference_maps import difference_map, systematic_statistical_split, two_shift_fit


def test_a_z_score_combines_both_uncertainties() -> None:
    found = difference_map(
        [103.0, 90.0, 5.0, np.nan], [3.0, 0.0, 3.0, 1.0], [98.0, 100.0, 4.0, 1.0], [4.0, 0.0, 4.0, 1.0], 50.0
    )
    np.testing.assert_allclose(found.z_score, [1.0, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(found.percent_of_tg43, [500 / 98, -10.0, 25.0, np.nan])
    np.testing.assert_allclose(found.percent_of_prescription, [10.0, -20.0, 2.0, np.nan])


@pytest.mark.parametrize("systematic", [0.0, 0.5, 2.0])
def test_the_split_finds_what_was_put_in(systematic: float) -> None:
    # 200 replicates of 2,000 voxels: the mean of the estimate is known to u / √200, its spread to 5 %; 5 σ each.
    rng, count = np.random.default_rng(5), 2000
    s = rng.uniform(0.5, 2.0, count)
    weights = rng.uniform(0.5, 1.0, count)
    put_in = systematic * np.sin(np.linspace(0, 20, count))
    truth = np.average(put_in**2, weights=weights)
    splits = [systematic_statistical_split(rng.normal(put_in, s), s, weights) for _ in range(200)]
    values = np.array([split.systematic_variance for split in splits])
    stated = np.sqrt(np.mean([split.systematic_variance_std_dev**2 for split in splits]))
    assert values.mean() == pytest.approx(truth, abs=5 * stated / np.sqrt(200))
    assert stated == pytest.approx(values.std(ddof=1), rel=0.25)
    one = splits[0]
    assert one.rms**2 == pytest.approx(one.statistical_rms**2 + one.systematic_variance)


def test_groups_split_correlated_noise_whatever_its_stated_size() -> None:
    rng, shape = np.random.default_rng(6), (10, 10, 10)
    put_in = np.fromfunction(lambda i, j, k: 1.5 * np.sin(i / 2) + 0 * j * k, shape).ravel()
    found = []
    for _ in range(100):
        noise = gaussian_filter(rng.standard_normal((20, *shape)), (0, 1, 1, 1), mode="wrap").reshape(20, -1)
        groups = put_in + 2.0 * np.sqrt(20) * noise / noise.std()
        # Half the true uncertainty is stated.
        found.append(
            systematic_statistical_split(groups.mean(axis=0), np.full(put_in.shape, 1.0), groups=groups)
        )
    values = np.array([split.systematic_variance for split in found])
    stated = np.sqrt(np.mean([split.systematic_variance_std_dev**2 for split in found]))
    truth = float(np.mean(put_in**2))
    # 100 replicates: the mean to a tenth of the spread, the spread to 7 %, 19 degrees of freedom in each u² add 3 %.
    assert values.mean() == pytest.approx(truth, abs=5 * values.std(ddof=1) / 10)
    assert stated == pytest.approx(values.std(ddof=1), rel=0.4)
    means = np.array([split.mean for split in found])
    assert np.mean([split.mean_std_dev for split in found]) == pytest.approx(means.std(ddof=1), rel=0.4)


@pytest.mark.parametrize(
    ("shifts", "parts"), [((1.5, -1.0), (0.4, 0.3)), ((2.0, 4.0), (0.2, 0.05)), ((-3.0, 2.5), (0.1, 0.05))]
)
def test_two_shifts_are_found(shifts: tuple[float, float], parts: tuple[float, float]) -> None:
    counts = [int(part * 200_000) for part in (*parts, 1 - sum(parts))]
    rng = np.random.default_rng(9)
    z = np.concatenate([rng.normal(shift, 1.0, n) for shift, n in zip((*shifts, 0.0), counts, strict=True)])
    fit = two_shift_fit(z)
    # The components overlap: shifts of one to two widths are known to a few 0.01 from 2e5 voxels.
    assert (fit.shift_1, fit.shift_2) == pytest.approx(shifts, abs=0.2)
    assert (fit.part_1, fit.part_2) == pytest.approx(parts, abs=0.05)
    # What is fitted keeps the mean once it has converged, and the gain is real.
    assert fit.part_1 * fit.shift_1 + fit.part_2 * fit.shift_2 == pytest.approx(z.mean(), abs=5e-3)
    assert fit.log_likelihood_gain > 100


def test_no_shift_gains_nothing() -> None:
    fit = two_shift_fit(np.random.default_rng(2).standard_normal(50_000))
    # Twice the gain is about χ² with at most 4 degrees of freedom: 35 is passed once in 2e6.
    assert 0 <= fit.log_likelihood_gain + 1e-6 < 17.5
    assert abs(fit.part_1 * fit.shift_1 + fit.part_2 * fit.shift_2) < 0.03


def test_nothing_to_judge() -> None:
    assert np.isnan(systematic_statistical_split([np.nan], [1.0]).rms)
    assert np.isnan(two_shift_fit([np.nan]).shift_1)
    with pytest.raises(InvalidInput, match="number of groups of batches is 2, expected at least 3"):
        systematic_statistical_split([1.0], [1.0], groups=[[1.0], [2.0]])
    with pytest.raises(InvalidInput, match=r"shapes of the doses and their uncertainties are \(2,\)"):
        difference_map([1.0, 2.0], [1.0], [1.0], [1.0], 1.0)
