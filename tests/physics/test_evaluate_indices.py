"""Dose-volume indices against the analytic histogram of a 1/r² source at the centre of a sphere.

With D(r) = k/r² the volume that receives at least D is a sphere of radius √(k/D), so inside a sphere of
radius R, V(D)/V = (k/(D R²))^(3/2) for D ≥ k/R². Hence D_p = (k/R²) p^(−2/3), in particular
D90 = 1.07277 k/R², and for a prescription P ≥ k/R², V150/V100 = 1.5^(−3/2), DHI = 1 − 1.5^(−3/2) = 0.45567.
"""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.evaluate.dvh import dose_volume_histogram, part_volumes
from validation.evaluate.indices import (
    INDICES,
    StructureVoxels,
    dose_volume_indices,
    minimum_dose,
    structure_voxels,
)

R, K = 1.0, 100.0
OFFSET = (0.011, 0.0043, -0.0067)
NAMES = [index.name for index in INDICES]


def _sphere(n: int, inner: int) -> tuple[np.ndarray, StructureVoxels]:
    """Voxel-mean dose and parts of a sphere on an n³ grid, each voxel divided into inner³ points."""
    half = 1.05 * R
    spacing = 2 * half / n
    # Off the grid's symmetry: else up to 48 voxels share a dose and the staircase has steps 48 times as high.
    x2, y2, z2 = (((np.arange(n * inner) + 0.5) * spacing / inner - half + o) ** 2 for o in OFFSET)
    fraction, dose = np.empty((n, n, n)), np.empty((n, n, n))
    for i in range(n):
        part = slice(i * inner, (i + 1) * inner)
        r2 = x2[part, None, None] + y2[:, None] + z2
        inside = (r2 <= R * R).reshape(inner, n, inner, n, inner)
        value = np.where(inside, (K / r2).reshape(inside.shape), 0.0)
        fraction[i] = inside.mean(axis=(0, 2, 4))
        dose[i] = value.sum(axis=(0, 2, 4)) / np.maximum(inside.sum(axis=(0, 2, 4)), 1)
    centres = (np.arange(n) + 0.5) * spacing - half
    volume = part_volumes(centres, centres, centres, fraction, np.ones_like(fraction))
    voxels = structure_voxels(volume, fraction)
    return dose.ravel()[voxels.flat], voxels


@pytest.fixture(scope="module")
def sphere() -> tuple[np.ndarray, StructureVoxels]:
    return _sphere(60, 4)


def test_the_volume_is_that_of_the_sphere(sphere: tuple[np.ndarray, StructureVoxels]) -> None:
    # 240³ points: the surface of 4 π R² is known to a fraction of a 0.00875 cm point, at random signs.
    assert sphere[1].volume.sum() == pytest.approx(4 / 3 * np.pi * R**3, rel=1e-4)


# Tolerances: a cut through the grid divides voxels at random, so V(D) is known to about a fraction of
# (h/ρ)² = (0.035/ρ)² of the volume inside radius ρ: 1e-3 at ρ = 1, 5e-3 at ρ = 0.5.


def test_d90_of_an_inverse_square_source(sphere: tuple[np.ndarray, StructureVoxels]) -> None:
    value = dose_volume_indices(*sphere, 2 * K / R**2)[NAMES.index("D90")]
    assert value == pytest.approx(0.90 ** (-2 / 3) * K / R**2, rel=1e-3)
    assert value == pytest.approx(1.07277 * K / R**2, rel=1e-3)


def test_d98_of_an_inverse_square_source(sphere: tuple[np.ndarray, StructureVoxels]) -> None:
    # 2 % of the volume is a shell of 0.007 cm, a fifth of a voxel: cut voxels hold the mean over their part,
    # which lies up to h/2 = 0.0175 cm inside the surface, at up to 3.5 % more dose; on average a third of it.
    value = dose_volume_indices(*sphere, 2 * K / R**2)[NAMES.index("D98")]
    assert value == pytest.approx(0.98 ** (-2 / 3) * K / R**2, rel=1.2e-2)


@pytest.mark.parametrize("prescription", [1.0, 1.5, 3.0])
def test_volume_indices_of_an_inverse_square_source(
    sphere: tuple[np.ndarray, StructureVoxels], prescription: float
) -> None:
    values = dict(zip(NAMES, dose_volume_indices(*sphere, prescription * K / R**2), strict=True))
    for name, level in (("V100", 1.0), ("V150", 1.5), ("V200", 2.0)):
        expected = 100 * min(1.0, (level * prescription) ** -1.5)
        assert values[name] == pytest.approx(expected, rel=3e-3)
    assert values["DHI"] == pytest.approx(0.45567, abs=1.5e-3)


def test_the_mean_dose_of_an_inverse_square_source(sphere: tuple[np.ndarray, StructureVoxels]) -> None:
    # 3k/R²; the points around the origin resolve the integrable 1/r² only to about h/R of their own share.
    value = dose_volume_indices(*sphere, K)[NAMES.index("mean dose")]
    assert value == pytest.approx(3 * K / R**2, rel=5e-3)


def test_the_homogeneity_index_of_icru_83(sphere: tuple[np.ndarray, StructureVoxels]) -> None:
    # D_p ∝ p^(−2/3): (0.02^(−2/3) − 0.98^(−2/3)) / 0.5^(−2/3); D2 is a sphere of 0.27 cm, eight voxels of radius.
    values = dict(zip(NAMES, dose_volume_indices(*sphere, K), strict=True))
    assert values["D50"] == pytest.approx(0.5 ** (-2 / 3) * K, rel=2e-3)
    assert values["D2"] == pytest.approx(0.02 ** (-2 / 3) * K, rel=1e-2)
    assert values["HI ICRU 83"] == pytest.approx(
        (0.02 ** (-2 / 3) - 0.98 ** (-2 / 3)) / 0.5 ** (-2 / 3), rel=1.5e-2
    )


def test_every_index_says_what_it_is() -> None:
    for index in INDICES:
        assert index.definition.endswith(".")
        assert "doi:" in index.source


def test_dose_to_two_cubic_centimetres(sphere: tuple[np.ndarray, StructureVoxels]) -> None:
    # The hottest v is a sphere: D = k (4π/(3 v))^(2/3).
    values = dict(zip(NAMES, dose_volume_indices(*sphere, K), strict=True))
    for name, v, tolerance in (("D2cc", 2.0, 1e-3), ("D0.1cc", 0.1, 5e-3)):
        assert values[name] == pytest.approx(K * (4 * np.pi / (3 * v)) ** (2 / 3), rel=tolerance)


def test_d2cc_is_not_defined_below_two_cubic_centimetres() -> None:
    voxels = StructureVoxels(np.arange(199), np.full(199, 0.01), np.ones(199))
    values = dict(zip(NAMES, dose_volume_indices(np.linspace(1, 2, 199), voxels, 1.0), strict=True))
    assert np.isnan(values["D2cc"])
    assert np.isfinite(values["D0.1cc"])


def test_the_minimum_leaves_out_voxels_mostly_outside() -> None:
    dose = np.array([1.0, 50.0, 60.0])
    assert minimum_dose(dose, np.array([0.49, 0.5, 1.0])) == 50.0
    # A sheet thinner than half a voxel still has a minimum.
    assert minimum_dose(dose, np.array([0.05, 0.2, 0.3])) == 50.0


def test_the_minimum_of_an_inverse_square_source(sphere: tuple[np.ndarray, StructureVoxels]) -> None:
    # The coldest counted voxel ends at R and has its centre of mass within half a voxel (0.0175 cm) inside:
    # between k/R² and k/(R − h)².
    value = dose_volume_indices(*sphere, K)[NAMES.index("D100")]
    assert K / R**2 <= value <= K / (R - 0.035) ** 2


def test_indices_scale_with_dose_and_not_with_the_number_of_parts(
    sphere: tuple[np.ndarray, StructureVoxels],
) -> None:
    dose, voxels = sphere
    once = dose_volume_indices(dose, voxels, 150.0)
    scaled = dose_volume_indices(3 * dose, voxels, 450.0)
    gray = np.array([index.unit == "Gy" for index in INDICES])
    np.testing.assert_allclose(scaled, np.where(gray, 3.0, 1.0) * once, rtol=1e-12)
    halves = StructureVoxels(
        np.repeat(voxels.flat, 2), np.repeat(voxels.volume / 2, 2), np.repeat(voxels.fraction, 2)
    )
    np.testing.assert_allclose(dose_volume_indices(np.repeat(dose, 2), halves, 150.0), once, rtol=1e-9)


def test_a_prescription_of_zero_is_refused(sphere: tuple[np.ndarray, StructureVoxels]) -> None:
    with pytest.raises(InvalidInput, match="prescribed dose is 0 Gy"):
        dose_volume_indices(*sphere, 0.0)


def test_an_empty_structure_has_no_indices() -> None:
    empty = structure_voxels(np.zeros((2, 2, 2)), np.zeros((2, 2, 2)))
    assert np.isnan(dose_volume_indices(np.empty(0), empty, 100.0)).all()
    assert dose_volume_histogram([], []).volume == 0.0
