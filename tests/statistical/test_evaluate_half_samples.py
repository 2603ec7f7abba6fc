"""Type A uncertainties of dose-volume indices against replicated noise.

The target is an implant of 14 1/r² sources in 0.9 cm³. Each replicate draws 20 group doses with independent
noise (or with noise shared by neighbouring voxels, as histories make it) and asks for the standard
uncertainty u of each index. The spread s of the index over the replicates is what u must estimate: with m =
400 replicates s² is known to √(2/399) = 7.1 %, and the mean of u² over them, each with 19 degrees of
freedom, to √(2/19)/√400 = 1.6 %, together 7.2 % (1σ) of the variance. Two kinds of noise and nine indices:
18 checks at a family-wise false alarm of 1e-6 need 5.5 σ = 40 % of the variance, 18 % of u, for indices
close to normal. A factor of 1.4 in u (a lost half) is detected.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mcsim.invalid_input import InvalidInput
from validation.evaluate.half_samples import half_sample_doses, half_sample_signs, type_a
from validation.evaluate.indices import INDICES, StructureVoxels, dose_volume_indices, index_uncertainties

GROUPS, REPLICATES, NOISE = 20, 400, 0.02
CHECKED = [i for i, index in enumerate(INDICES) if index.name != "D2cc"]


def _implant() -> tuple[np.ndarray, np.ndarray, StructureVoxels, float]:
    n, spacing = 14, 0.1
    centres = (np.arange(n) - n / 2 + 0.5) * spacing
    x, y, z = np.meshgrid(centres, centres, centres, indexing="ij")
    seeds = np.random.default_rng(1).uniform(-0.5, 0.5, (14, 3))
    dose = sum(1 / ((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 + 0.01) for a, b, c in seeds)
    inside = x**2 + y**2 + z**2 < 0.36
    count = int(inside.sum())
    voxels = StructureVoxels(np.flatnonzero(inside), np.full(count, spacing**3), np.ones(count))
    return np.asarray(dose)[inside], inside, voxels, float(np.quantile(np.asarray(dose)[inside], 0.16))


@pytest.mark.parametrize("correlation", [0.0, 1.5], ids=["independent", "shared by neighbours"])
def test_the_stated_uncertainty_is_the_spread_of_replicates(correlation: float) -> None:
    dose, inside, voxels, prescription = _implant()
    rng = np.random.default_rng(20240611)
    values, variances = [], []
    for _ in range(REPLICATES):
        noise = rng.standard_normal((GROUPS, *inside.shape))
        if correlation:
            noise = gaussian_filter(noise, (0, correlation, correlation, correlation), mode="wrap")
            noise /= noise.std()
        groups = dose * (1 + NOISE * np.sqrt(GROUPS) * noise[:, inside])
        estimate = dose_volume_indices(groups.mean(axis=0), voxels, prescription)
        values.append(estimate)
        variances.append(index_uncertainties(estimate, groups, voxels, prescription).std_dev ** 2)
    ratio = np.mean(variances, axis=0) / np.var(values, axis=0, ddof=1)
    for i in CHECKED:
        assert 0.6 < ratio[i] < 1.4, f"{INDICES[i].name}: stated/true variance {ratio[i]:.2f}"


def test_the_mean_gives_exactly_the_standard_uncertainty_of_the_mean() -> None:
    groups = np.random.default_rng(3).normal(50.0, 3.0, (GROUPS, 40))
    found = type_a(groups.mean(axis=0), half_sample_doses(groups))
    np.testing.assert_allclose(found.std_dev, groups.std(axis=0, ddof=1) / np.sqrt(GROUPS), rtol=1e-12)
    np.testing.assert_allclose(found.bias, 0.0, atol=1e-12)


def test_the_bias_of_a_square_is_found() -> None:
    # θ = (mean)²: E θ = µ² + σ²/n, so b must average σ²/n. b has a spread of 2 µ·0 + O(σ²/n): for µ = 0 the
    # estimate is Σ(g−ḡ)²/(n(n−1)) exactly, of relative spread √(2/19) each, 1.6 % over 400; 10 % is 6 σ.
    rng = np.random.default_rng(7)
    biases = []
    for _ in range(400):
        groups = rng.normal(0.0, 2.0, (GROUPS, 1))
        halves = half_sample_doses(groups)
        biases.append(float(type_a(groups.mean(axis=0) ** 2, halves**2).bias[0]))
    assert np.mean(biases) == pytest.approx(4.0 / GROUPS, rel=0.10)


@pytest.mark.parametrize("groups", [4, 8, 12, 20, 24])
def test_halves_are_balanced(groups: int) -> None:
    signs = half_sample_signs(groups).astype(int)
    np.testing.assert_array_equal(signs @ signs.T, groups * np.eye(groups - 1))
    np.testing.assert_array_equal(signs.sum(axis=1), 0)


def test_histories_weigh_the_groups() -> None:
    groups = np.array([[1.0], [2.0], [3.0], [4.0]])
    halves = half_sample_doses(groups, [1.0, 2.0, 3.0, 4.0])
    pairs = {tuple(sorted(np.round(halves[:, k, 0], 12))) for k in range(3)}
    expected = [
        ((1 + 4) / 3, (9 + 16) / 7),
        ((1 + 9) / 4, (4 + 16) / 6),
        ((1 + 16) / 5, (4 + 9) / 5),
    ]
    assert pairs == {tuple(sorted(round(v, 12) for v in pair)) for pair in expected}


@pytest.mark.parametrize("groups", [0, 2, 16, 19, 28])
def test_a_number_of_groups_without_halves_is_refused(groups: int) -> None:
    with pytest.raises(InvalidInput, match=f"number of groups of batches is {groups}, expected"):
        half_sample_signs(groups)
