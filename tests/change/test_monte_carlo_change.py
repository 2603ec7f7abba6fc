"""Monte Carlo in moving tissue: the static dose without change; in water, a change as that of TG-43."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcsim.simulation_settings import StoppingRule
from tg43 import load_source
from validation.case import Case, built_in
from validation.change import (
    Accumulation,
    ExponentialEdema,
    TissueChange,
    VoxelDose,
    accumulate,
    deformed_case,
    element_dose,
    frozen_voxel_dose,
)
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose
from validation.studies.tg43_dose import tg43_dose


def voxel_dose(
    case: Case, options: MonteCarloOptions, path: Path, rule: StoppingRule
) -> tuple[VoxelDose, np.ndarray]:
    result = monte_carlo_dose(case, options, rule, path)
    dose = VoxelDose(
        result.axes, result.dose(), result.dose("dose_to_water"), result.medium, result.tissue_fraction, case.implant
    )  # fmt: skip
    return dose, result.dose_std_dev()


def elements_of(grid) -> np.ndarray:
    return np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 3)


def test_without_change_the_simulation_is_the_same(tmp_path: Path) -> None:
    case, change = built_in("neck"), TissueChange(ExponentialEdema(0.0, 10.0), "before_implant")
    options, field = MonteCarloOptions(voxel=0.4, beyond_distance=3.0), change.field(case)
    moved = deformed_case(case, change, 20.0, field)
    assert moved.digest() == case.digest()
    rule = StoppingRule(batches=(0, 1))
    static, _ = voxel_dose(case, options, tmp_path / "a.h5", rule)
    elements = elements_of(static.grid)

    def frozen(times):
        assert list(times) == [0.0]
        again, _ = voxel_dose(moved, options, tmp_path / "b.h5", rule)
        return element_dose(elements, static.medium.ravel(), field, 1.0, again).reshape(1, *static.dose.shape)

    accumulation = Accumulation(59.4, change.course)
    np.testing.assert_array_equal(accumulate(frozen, accumulation).dose[0], static.dose)
    assert static.dose.max() > 0.0


def test_without_change_tg43_voxels_are_those_of_the_static_dose() -> None:
    case, change = built_in("neck"), TissueChange(ExponentialEdema(0.0, 10.0), "before_implant")
    static = tg43_dose(case, 0.4)
    grid = tuple(static[k].values for k in "xyz")
    frozen = frozen_voxel_dose(
        static.dose.values, grid, case.implant, change, change.field(case), load_source("6711")
    )
    accumulation = Accumulation(59.4, change.course)
    np.testing.assert_array_equal(accumulate(frozen, accumulation).dose[0], static.dose.values)


@pytest.mark.slow
def test_in_water_monte_carlo_changes_as_tg43_does(tmp_path: Path) -> None:
    # TG-43 conditions: seeds one by one in water. The mean dose of the GTV falls by the edema as TG-43 says: both have
    # the same physics but for the source data, which cancels in the ratio to the static dose.
    case, change = built_in("neck"), TissueChange(ExponentialEdema(0.6, 20.0), "before_implant")
    field = change.field(case)
    rule = StoppingRule(histories=20_000_000)
    voxel = 0.15

    def options(run_seed: int) -> MonteCarloOptions:
        return MonteCarloOptions("superposition", "water", voxel=voxel, run_seed=run_seed, threads=2)

    static, _ = voxel_dose(case, options(1), tmp_path / "static.h5", rule)
    elements = elements_of(static.grid)
    gtv = structure_fractions(case.structures["GTV"], *static.grid)
    weights = gtv * (static.tissue_fraction == 1.0)

    def frozen(times):
        doses = []
        for k, time in enumerate(times):
            moved = deformed_case(case, change, float(time), field)
            dose, _ = voxel_dose(moved, options(100 + k), tmp_path / f"{time:g}.h5", rule)
            found = element_dose(elements, static.medium.ravel(), field, float(change.ratio(time)), dose)
            doses.append(np.nan_to_num(found).reshape(gtv.shape))
        return np.array(doses)

    accumulation = Accumulation(59.4, change.course, tolerance=5e-3, element_weights=weights)
    result = accumulate(frozen, accumulation)
    planned = tg43_dose(case, voxel)
    grid = tuple(planned[k].values for k in "xyz")
    tg43 = accumulate(
        frozen_voxel_dose(planned.dose.values, grid, case.implant, change, field, load_source("6711")),
        Accumulation(59.4, change.course, tolerance=1e-3, element_weights=weights),
    )
    simulated = (weights * result.dose[0]).sum() / (weights * static.dose).sum()
    expected = (weights * tg43.dose[0]).sum() / (weights * planned.dose.values).sum()
    assert expected < 0.97
    # Noise: 0.05 % of each simulation's mean; interpolation between voxels, which cancels in a mean; 5 points in time.
    assert simulated == pytest.approx(expected, rel=1e-3)
    ratio = (result.dose[0] / static.dose) / (tg43.dose[0] / planned.dose.values)
    # Single voxels: noise and interpolation, 0.15 % seen.
    assert np.average(np.abs(ratio - 1.0), weights=weights) < 4e-3
