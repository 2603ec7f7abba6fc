"""Conformity indices against concentric spheres and counted voxels."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.evaluate.conformity import (
    CONFORMITY_INDICES,
    conformity_indices,
    conformity_std_dev,
    conformity_volumes,
)

NAMES = [index.name for index in CONFORMITY_INDICES]


def _spheres(target_radius: float, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dose 100/r² Gy, target sphere and body on voxels of 0.5 mm."""
    axis = 0.05 * (np.arange(60) - 29.5) + 0.007
    x, y, z = np.meshgrid(axis, axis + 0.003, axis - 0.011, indexing="ij")
    target = ((x - shift) ** 2 + y**2 + z**2 <= target_radius**2) * 0.05**3
    return 100.0 / (x**2 + y**2 + z**2), target, np.full(x.shape, 0.05**3)


@pytest.mark.parametrize("target_radius", [0.8, 1.0, 1.2])
def test_concentric_spheres(target_radius: float) -> None:
    # The isodose of 100 Gy is the unit sphere: everything is a ratio of cubes of radii. A unit sphere on 0.5 mm voxels
    # counts them to about 1e-3.
    values = dict(zip(NAMES, conformity_indices(*_spheres(target_radius), 100.0), strict=True))
    ratio = target_radius**3
    covered = min(1.0, ratio)
    assert values["CN"] == pytest.approx(covered**2 / ratio, rel=4e-3)
    assert values["CI"] == pytest.approx(1 / ratio, rel=4e-3)
    assert values["EI"] == pytest.approx(100 * (1 - covered) / ratio, rel=8e-3, abs=0.2)
    assert values["V_ref"] == pytest.approx(4 / 3 * np.pi, rel=2e-3)


def test_a_miss_and_a_perfect_fit() -> None:
    dose, target, body = _spheres(0.3, shift=1.1)  # target wholly within r ≥ 0.8: partly covered
    volumes = conformity_volumes(dose, target, body, 100.0)
    assert 0 < volumes.covered < volumes.target
    assert dict(zip(NAMES, conformity_indices(dose, target, body, 5000.0), strict=True))["CN"] == 0.0
    inside = (dose >= 100.0) * 0.05**3
    np.testing.assert_allclose(conformity_indices(dose, inside, body, 100.0)[:3], [1.0, 1.0, 0.0])


def test_an_isodose_cut_by_the_grid_is_not_known() -> None:
    dose, target, body = _spheres(1.0)
    values = conformity_indices(dose, target, body, 20.0)  # r = 2.2 cm in a box of ± 1.5 cm
    assert np.isnan(values).all()
    assert conformity_volumes(dose, target, body, 20.0).covered == pytest.approx(target.sum())


def test_the_uncertainty_is_the_spread_of_independent_noise() -> None:
    dose, target, body = (a[5:55, 5:55, 5:55] for a in _spheres(0.9))
    s, rng = 0.05 * dose, np.random.default_rng(4)
    values = np.array(
        [
            conformity_indices(dose + s * rng.standard_normal(dose.shape), target, body, 120.0)
            for _ in range(200)
        ]
    )
    stated = conformity_std_dev(dose, s, target, body, 120.0)
    # 200 replicates: the spread to 5 %; 4 indices at 1e-6 need 5 σ = 25 %.
    np.testing.assert_allclose(stated, values.std(axis=0, ddof=1), rtol=0.25)


def test_every_index_says_what_it_is() -> None:
    for index in CONFORMITY_INDICES:
        assert index.definition.endswith(".")
        assert index.source
        assert index.unit in {"1", "%", "cm³"}


def test_input_that_cannot_be_judged_is_refused() -> None:
    with pytest.raises(InvalidInput, match="prescribed dose is 0 Gy"):
        conformity_indices([1.0], [1.0], [1.0], 0.0)
    with pytest.raises(InvalidInput, match=r"shapes of dose, target and body volumes are \(1,\), \(2,\)"):
        conformity_indices([1.0], [1.0, 1.0], [1.0], 1.0)
    with pytest.raises(InvalidInput, match="dose is not finite in 1 voxels"):
        conformity_indices([1.0, np.nan], [1.0, 0.0], [1.0, 1.0], 1.0)
    assert np.isnan(conformity_indices([1.0, np.nan], [0.0, 0.0], [0.0, 0.0], 1.0)[:3]).all()
