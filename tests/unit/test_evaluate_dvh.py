from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mcsim.invalid_input import InvalidInput
from validation.evaluate.dvh import dose_volume_histogram, part_volumes

DOSES = arrays.arrays(
    float, st.integers(1, 60), elements=st.floats(0, 1e4, allow_nan=False, allow_subnormal=False)
)


def test_a_staircase_by_hand() -> None:
    dvh = dose_volume_histogram([10.0, 30.0, 20.0, 99.0], [1.0, 2.0, 1.0, 0.0])
    assert dvh.volume == 4.0
    np.testing.assert_array_equal(dvh.volume_at_least([0, 10, 10.1, 20, 25, 30, 31]), [4, 4, 3, 3, 2, 2, 0])
    assert [dvh.dose_covering(v) for v in (0.5, 2.0, 2.1, 3.0, 4.0)] == [30, 30, 20, 20, 10]
    assert np.isnan(dvh.dose_covering(4.01))
    assert dvh.mean_dose() == pytest.approx((10 + 60 + 20) / 4)


@given(DOSES, st.floats(0.01, 1.0))
def test_dose_covering_a_volume_is_the_inverse_of_volume_at_least(doses: np.ndarray, part: float) -> None:
    volumes = np.random.default_rng(doses.size).uniform(0.1, 1.0, doses.size)
    dvh = dose_volume_histogram(doses, volumes)
    asked = part * dvh.volume
    covering = dvh.dose_covering(asked)
    assert dvh.volume_at_least(covering) >= asked * (1 - 1e-9)
    assert dvh.volume_at_least(np.nextafter(covering, np.inf)) < asked * (1 + 1e-9)


@given(DOSES)
def test_the_mean_dose_is_the_area_under_the_histogram(doses: np.ndarray) -> None:
    volumes = np.linspace(1.0, 2.0, doses.size)
    dvh = dose_volume_histogram(doses, volumes)
    edges = np.concatenate(([0.0], np.sort(doses)))
    area = np.sum(dvh.volume_at_least(edges[1:]) * np.diff(edges))
    # Sums of at most 60 terms: 1e-12 is far above rounding and far below a lost voxel.
    assert dvh.mean_dose() == pytest.approx(area / dvh.volume, rel=1e-12, abs=1e-9)


def test_the_order_of_the_voxels_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    doses, volumes = rng.lognormal(5, 1, 500), rng.uniform(0, 1, 500)
    shuffled = rng.permutation(500)
    one, other = (
        dose_volume_histogram(doses, volumes),
        dose_volume_histogram(doses[shuffled], volumes[shuffled]),
    )
    np.testing.assert_array_equal(one.dose, other.dose)
    np.testing.assert_allclose(one.cumulative_volume, other.cumulative_volume, rtol=1e-14)


def test_ninety_percent_of_equal_voxels_does_not_miss_by_rounding() -> None:
    # 0.9 × (sum of ten times 0.1³) is not representable; the ninth voxel must still be the one.
    dvh = dose_volume_histogram(np.arange(10.0), np.full(10, 0.1**3))
    assert dvh.dose_covering(0.9 * dvh.volume) == 1.0


def test_seed_volume_is_taken_off() -> None:
    axis = np.array([0.05, 0.15, 0.25])
    structure = np.zeros((3, 3, 3))
    structure[1, 1, :] = [1.0, 0.5, 0.25]
    tissue = np.ones((3, 3, 3))
    tissue[1, 1, 0] = 0.4
    volumes = part_volumes(axis, axis, axis, structure, tissue)
    np.testing.assert_allclose(volumes[1, 1], np.array([0.4, 0.5, 0.25]) * 1e-3, rtol=1e-12)
    assert volumes.sum() == pytest.approx(1.15e-3)


def test_a_dose_where_there_is_no_tissue_does_not_count() -> None:
    assert dose_volume_histogram([1.0, np.nan], [1.0, 0.0]).mean_dose() == 1.0


def test_an_empty_structure_has_no_dose() -> None:
    dvh = dose_volume_histogram([1.0, 2.0], [0.0, 0.0])
    assert dvh.volume == 0.0
    assert np.isnan(dvh.mean_dose())
    assert np.isnan(dvh.dose_covering(0.1))


@pytest.mark.parametrize(
    ("dose", "volume", "words"),
    [
        ([1.0, np.nan], [1.0, 1.0], "1 of 2 voxels"),
        ([1.0, 2.0], [1.0, -1.0], "-1 cm³ at index 1"),
        ([1.0, 2.0], [1.0], "expected 2"),
    ],
)
def test_what_cannot_be_a_histogram_is_refused(dose: list[float], volume: list[float], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        dose_volume_histogram(dose, volume)


def test_an_uneven_grid_and_a_wrong_fraction_are_refused() -> None:
    axis, ones = np.array([0.0, 0.1, 0.2]), np.ones((3, 3, 3))
    with pytest.raises(InvalidInput, match=r"dose grid y\[\d\] - .* expected 0\.2 cm"):
        part_volumes(axis, [0.0, 0.1, 0.4], axis, ones, ones)
    wrong = ones.copy()
    wrong[0, 2, 1] = 1.2
    with pytest.raises(InvalidInput, match=r"structure fraction is 1\.2 at voxel \(0, 2, 1\)"):
        part_volumes(axis, axis, axis, wrong, ones)
    with pytest.raises(InvalidInput, match="tissue fraction"):
        part_volumes(axis, axis, axis, ones, np.ones((3, 3, 2)))
