"""The edema oracle through everything: displacement field, accumulation, and dose by either engine's way.

A tissue element that moves with an isotropic edema about a 1/r² source that moves too gets D/D₀ =
∫₀¹ (1 + M u^(T/T_e))^(−2/3) du; M 0.5, T_e 10 d, T 59.4 d: −3.97 %.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from tg43 import dose_per_dose_rate, dose_rate
from validation.change import (
    Accumulation,
    ExponentialEdema,
    TissueChange,
    VoxelDose,
    accumulate,
    carried_seeds,
    deformed_case,
    element_dose,
    frozen_tg43_dose,
    frozen_voxel_dose,
)

EDEMA = ExponentialEdema(0.5, 10.0)
EXACT = quad(lambda u: (1.0 + 0.5 * u**5.94) ** (-2.0 / 3.0), 0.0, 1.0, epsabs=1e-12)[0]


def test_exact_value_is_the_published_one() -> None:
    assert abs(EXACT - 1.0 + 0.0397) < 5e-5  # as printed


@pytest.fixture(scope="module")
def setting(ball_case):
    case = ball_case(spacing=0.7)
    change = TissueChange(EDEMA, "before_implant", reach=1.5)
    return case, change, change.field(case)


def inside(field, count: int = 300) -> np.ndarray:
    """Tissue elements in the target at least 1 mm from the seeds' line."""
    points = field.centre + np.random.default_rng(5).uniform(-0.9, 0.9, (4 * count, 3))
    offset = points - field.centre
    return points[(np.linalg.norm(offset, axis=1) < 0.95) & (np.hypot(offset[:, 0], offset[:, 1]) > 0.1)][
        :count
    ]


def test_tg43_points_in_the_target(setting, point_source) -> None:
    case, change, field = setting
    points = inside(field)
    static = dose_rate(
        points, case.implant.positions, case.implant.axes, case.implant.air_kerma_strengths, point_source,
        method="fast",
    ) * dose_per_dose_rate(59.4)  # fmt: skip
    frozen = frozen_tg43_dose(points, case.implant, change, field, point_source)
    result = accumulate(frozen, Accumulation(59.4, EDEMA, tolerance=1e-4))
    # 1e-5 is what the fast path's tables leave.
    np.testing.assert_allclose(result.dose[0] / static, EXACT, rtol=1e-5)
    assert result.converged


def test_from_a_post_implant_ct_it_is_the_dose_of_the_swollen_state_that_grows(setting, point_source) -> None:
    case, _, _ = setting
    change = TissueChange(EDEMA, 0.0, reach=1.5)
    field = change.field(case)
    points = inside(field, 50)
    frozen = frozen_tg43_dose(points, case.implant, change, field, point_source)
    result = accumulate(frozen, Accumulation(59.4, EDEMA, tolerance=1e-5))
    static = dose_rate(
        points, case.implant.positions, case.implant.axes, case.implant.air_kerma_strengths, point_source,
        method="fast",
    ) * dose_per_dose_rate(59.4)  # fmt: skip
    np.testing.assert_allclose(result.dose[0] / static, EXACT * 1.5 ** (2.0 / 3.0), rtol=2e-5)


def voxel_dose(case, voxel: float) -> VoxelDose:
    """What a simulation without matter would score: voxel means of Σ S_K/r², here of 2³ points a voxel."""
    grid = (np.arange(-1.0, 1.6, voxel), np.arange(-1.5, 1.2, voxel), np.arange(-1.2, 1.5, voxel))
    offsets = np.array([-0.5, 0.5]) / np.sqrt(3.0)  # Gauss's
    total = np.zeros(tuple(len(c) for c in grid))
    for shift in np.ndindex(2, 2, 2):
        points = np.stack(
            np.meshgrid(*(c + voxel * offsets[s] for c, s in zip(grid, shift, strict=True)), indexing="ij"),
            axis=-1,
        )
        for position, strength in zip(case.implant.positions, case.implant.air_kerma_strengths, strict=True):
            total += strength / np.sum((points - position) ** 2, axis=-1) / 8
    one = np.ones_like(total)
    return VoxelDose(grid, total, total, one.astype(int), one, case.implant)


def test_voxel_doses_of_moved_cases(setting) -> None:
    # As with Monte Carlo: a case at each time, scored on its own voxels, read at the elements' moved places.
    case, change, field = setting
    elements = inside(field)
    media = np.ones(len(elements), dtype=int)
    distance = np.linalg.norm(elements[:, None] - case.implant.positions, axis=2).min(axis=1)

    def frozen(times):
        doses = []
        for time in times:
            moved = deformed_case(case, change, float(time), field)
            doses.append(
                element_dose(elements, media, field, float(change.ratio(time)), voxel_dose(moved, 0.1))
            )
        return np.array(doses)

    result = accumulate(
        frozen, Accumulation(59.4, EDEMA, tolerance=1e-3, element_weights=np.ones(len(elements)))
    )
    static = element_dose(elements, media, field, 1.0, voxel_dose(case, 0.1))
    ratio = result.dose[0] / static
    assert ratio.mean() == pytest.approx(EXACT, abs=1e-3)
    # A voxel's mean is not its middle's: h²/(4 r²) of a 1 mm voxel is 1 % at 5 mm, and only its change counts.
    np.testing.assert_allclose(ratio[distance > 0.4], EXACT, atol=3e-3)


def test_voxel_means_of_tg43_change_as_their_middles(setting, point_source) -> None:
    case, change, field = setting
    grid = tuple(np.arange(-0.55, 0.6, 0.1) + c for c in field.centre)
    static = np.random.default_rng(1).lognormal(size=(12, 12, 12))
    frozen = frozen_voxel_dose(static, grid, case.implant, change, field, point_source)
    result = accumulate(frozen, Accumulation(59.4, EDEMA, tolerance=1e-4))
    np.testing.assert_allclose(result.dose[0] / static, EXACT, rtol=1e-5)


def test_a_shrinking_case_gains(setting, point_source) -> None:
    case, _, field = setting
    moved = carried_seeds(case.implant, field, 0.7)
    assert np.ptp(moved.implant.positions[:, 2]) == pytest.approx(1.4 * 0.7 ** (1 / 3), rel=1e-9)
