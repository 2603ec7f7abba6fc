from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.evaluate.difference import DoseRateConstant
from validation.studies.compare import Comparison, compare


def test_indices_differ_as_the_doses_do(comparison: Comparison) -> None:
    data = comparison.data
    mean = data.index_value.sel(index="mean dose")
    # 0.176 Gy of 201 Gy is the noise of the mean; 5 σ.
    ratio = mean.sel(structure="GTV", engine="monte_carlo") / mean.sel(structure="GTV", engine="tg43")
    assert float(ratio) == pytest.approx(0.95, abs=0.005)
    bone = data.difference_percent_tg43.values[data.medium.values == 1]
    assert np.median(bone) == pytest.approx(200.0, abs=1.0)


def test_differences_are_the_doses_subtracted(comparison: Comparison) -> None:
    data = comparison.data
    expected = data.dose_monte_carlo.values.astype(float) - data.dose_tg43.values
    np.testing.assert_allclose(data.difference, expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(data.difference_percent_prescription, expected / 1.2, rtol=1e-5, atol=1e-4)


def test_stated_uncertainties_follow_the_noise(comparison: Comparison, monte_carlo: xr.Dataset) -> None:
    data = comparison.data
    voxels = data.structure_fraction.sel(structure="GTV").values * data.tissue_fraction.values
    dose = data.dose_monte_carlo.values
    noise = float((monte_carlo.dose_std_dev / monte_carlo.dose).mean())
    # Independent voxels: u(mean) = noise √Σ(w D)² / Σw; with 19 degrees of freedom u itself is known to
    # 16 %, so 5 σ is 80 %.
    expected = noise * np.sqrt(np.nansum((voxels * dose) ** 2)) / voxels.sum()
    found = float(data.index_std_dev.sel(structure="GTV", index="mean dose"))
    assert expected * 0.4 < found < expected * 1.8
    assert float(data.mean_relative_std_dev.sel(structure="GTV")) == pytest.approx(100 * noise, rel=1e-5)


def test_a_structure_without_group_doses_has_no_uncertainty(comparison: Comparison) -> None:
    body = comparison.data.sel(structure="BODY")
    assert np.isnan(body.index_std_dev).all()
    assert np.isfinite(float(body.index_value.sel(index="D90", engine="monte_carlo")))


def test_histogram_and_indices_agree(comparison: Comparison) -> None:
    data = comparison.data.sel(structure="GTV")
    at_prescription = data.dvh_volume.sel(dvh_dose=120.0)
    np.testing.assert_allclose(at_prescription, data.index_value.sel(index="V100"), rtol=1e-12)
    assert (np.diff(data.dvh_volume.values, axis=-1) <= 0).all()
    np.testing.assert_allclose(data.dvh_volume[:, 0], 100.0)


def test_the_budget_sums_to_the_difference(comparison: Comparison) -> None:
    data, budget = comparison.data, comparison.budget
    values = data.index_value
    whole = (values.sel(engine="monte_carlo") - values.sel(engine="tg43")).to_numpy()
    np.testing.assert_allclose(budget.terms.sum(axis=0), whole, atol=1e-9)
    assert [step.name for step in budget.steps] == ["TG-43", "dose-rate constant", "everything else"]
    d90 = list(data["index"].values).index("D90")
    first = budget.terms[0, :, d90] / data.index_value.sel(index="D90", engine="tg43").values
    np.testing.assert_allclose(100 * first, -3.42, atol=0.005)


def test_without_a_dose_rate_constant_the_budget_has_one_term(
    case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset
) -> None:
    # The table has no constant for the 9011.
    other = replace(case, implant=replace(case.implant, model="9011"))
    relabel = {"case_digest": other.digest()}
    found = compare(other, monte_carlo.assign_attrs(relabel), tg43.assign_attrs(relabel), gamma=False)
    assert [step.name for step in found.budget.steps] == ["TG-43", "everything"]


def test_a_given_dose_rate_constant_is_used(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    found = compare(case, monte_carlo, tg43, dose_rate_constant=DoseRateConstant(0.965, "same"), gamma=False)
    assert np.nanmax(np.abs(found.budget.terms[0])) == 0.0
    from_result = monte_carlo.assign_attrs(dose_rate_constant=0.940)
    assert compare(case, from_result, tg43, gamma=False).data.attrs["monte_carlo_dose_rate_constant"] == 0.940


def test_equal_doses_do_not_differ(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    same = monte_carlo.copy()
    same["dose"] = tg43.dose
    same["group_dose"] = monte_carlo.group_dose * 0 + tg43.dose.values.ravel()[same.group_voxel.values]
    data = compare(case, same, tg43, gamma=False).data
    assert float(abs(data.difference).max()) == 0.0
    values = data.index_value
    np.testing.assert_array_equal(values.sel(engine="monte_carlo"), values.sel(engine="tg43"))
    # Weighted means of equal groups round differently by at most 1e-12.
    assert float(data.index_std_dev.sel(structure="GTV", index="mean dose")) < 1e-9


def test_a_seed_leaves_its_volume_out(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    solid = tg43.copy()
    fraction = solid.tissue_fraction.values.copy()
    fraction[16, 14, 12] = 0.0
    dose = solid.dose.values.copy()
    dose[16, 14, 12] = np.nan
    solid["tissue_fraction"] = (("x", "y", "z"), fraction)
    solid["dose"] = (("x", "y", "z"), dose)
    data = compare(case, monte_carlo, solid, gamma=False).data
    assert np.isnan(float(data.dose_monte_carlo[16, 14, 12]))
    assert np.isfinite(data.index_value.sel(structure="GTV")).all()


def test_another_case_is_refused(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    other = tg43.assign_attrs(case_digest="0" * 64)
    with pytest.raises(
        InvalidInput, match=r"case digest of the TG-43 dose is 000000000000, expected .* again\.$"
    ):
        compare(case, monte_carlo, other, gamma=False)


def test_another_grid_is_refused(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    with pytest.raises(
        InvalidInput, match=r"y grid of the TG-43 dose is 31 voxels from .* same voxel size\.$"
    ):
        compare(case, monte_carlo, tg43.isel(y=slice(1, None)))
    shifted = tg43.assign_coords(z=tg43.z + 0.01)
    with pytest.raises(InvalidInput, match="z grid of the TG-43 dose"):
        compare(case, monte_carlo, shifted, gamma=False)


def test_a_grid_without_the_target_is_refused(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    away = {"x": tg43.x + 20.0}
    ungrouped = monte_carlo.drop_vars(["group_dose", "group_voxel"])
    with pytest.raises(InvalidInput, match="volume of GTV on the dose grid is 0 cm3"):
        compare(case, ungrouped.assign_coords(away), tg43.assign_coords(away), gamma=False)


def test_group_doses_in_another_unit_are_refused(
    case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset
) -> None:
    wrong = monte_carlo.copy()
    wrong["group_dose"] = 100 * wrong.group_dose
    with pytest.raises(InvalidInput, match=r"mean of the group doses is 100\.0000 of the dose"):
        compare(case, wrong, tg43, gamma=False)


def test_a_comparison_survives_its_file(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "comparison.h5"
    comparison.write(path)
    again = Comparison.read(path)
    xr.testing.assert_equal(again.data, comparison.data)
    assert again.monte_carlo_settings == comparison.monte_carlo_settings
    np.testing.assert_array_equal(again.budget.terms, comparison.budget.terms)


def test_the_random_seed_is_a_fact_of_the_file(comparison: Comparison) -> None:
    assert comparison.data.attrs["run_seed"] == 7


def test_equal_comparisons_are_equal_files(comparison: Comparison, tmp_path: Path) -> None:
    for name in ("one.h5", "other.h5"):
        comparison.write(tmp_path / name)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "other.h5").read_bytes()


def test_another_file_is_refused(
    case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "case.h5"
    case.write(path)
    with pytest.raises(InvalidInput, match=r"filetype of .* is 'seedmc-case', expected 'seedmc-comparison'"):
        Comparison.read(path)
