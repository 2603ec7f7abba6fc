"""How far the dose is from that of the seeds one by one in water: its mean, its uncertainty, file and report."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr

from validation.evaluate.difference_to_water import difference_to_water
from validation.report.report import render
from validation.report.tables import water_table
from validation.studies.compare import Comparison

TABLE = 0.001  # relative standard uncertainty of the dose in water
KNOWN_BELOW = 0.4  # cm


def test_uncertainty_is_the_spread_of_means() -> None:
    # 20 groups of voxels that share their noise: the mean of a group is off by as much as each of its voxels
    random = np.random.default_rng(5)
    volume, water = np.linspace(1.0, 2.0, 50), np.full(50, 100.0)
    found = []
    for _ in range(400):
        groups = 90.0 + random.normal(0.0, 2.0, (20, 1)) + np.zeros((1, 50))
        found.append(difference_to_water(volume, groups.mean(axis=0), water, 0.0 * water, groups))
    differences, stated = (np.array([getattr(f, name) for f in found]) for name in ("difference", "std_dev"))
    expected = 2.0 / np.sqrt(20.0)
    # the mean of 400 sample variances of 19 degrees of freedom is off by 1.6 %, their spread by 7 %: five of each
    assert np.sqrt(np.mean(stated**2)) == pytest.approx(expected, rel=5 * 0.5 * np.sqrt(2 / 19 / 400))
    assert np.std(differences) == pytest.approx(expected, rel=5 * 0.5 * np.sqrt(2 / 399))
    assert abs(np.mean(differences) + 10.0) < 5 * expected / 20.0


def test_histories_of_groups_weigh_and_the_table_adds_in_quadrature() -> None:
    groups, histories = np.array([[1.0], [4.0]]), np.array([2.0, 1.0])
    found = difference_to_water(
        np.ones(1), np.array([2.0]), np.array([2.0]), np.array([1.0]), groups, histories
    )
    # mean 2; variance (2·1 + 1·4)/3/(2 − 1) = 2, and 1 of the table
    assert found.difference == 0.0
    assert found.std_dev == pytest.approx(np.sqrt(3.0))


def test_nothing_known_is_not_a_number() -> None:
    found = difference_to_water(np.ones(2), np.ones(2), np.full(2, np.nan), np.full(2, np.nan))
    assert found.known == 0.0
    assert np.isnan([found.superposition, found.difference, found.std_dev]).all()


def test_structures_have_the_difference_of_their_known_part(to_water: Comparison, tg43: xr.Dataset) -> None:
    data = to_water.data.sel(structure="GTV")
    weight = (data.structure_fraction * tg43.tissue_fraction).where(tg43.z < KNOWN_BELOW, 0.0).to_numpy()
    mean = np.average(tg43.dose, weights=weight)
    assert float(data.water_superposition_mean) == pytest.approx(1.1 * mean, rel=1e-6)
    # 5 % below TG-43 and 2 % noise in every voxel by construction
    noise = 0.02 * 0.95 * np.sqrt(((weight * tg43.dose.to_numpy()) ** 2).sum()) / weight.sum()
    assert float(data.difference_to_water_mean) == pytest.approx((0.95 - 1.1) * mean, abs=5 * noise)
    # an uncertainty from 20 groups is itself uncertain by 1/√38; that of the table is common to all voxels
    expected = np.hypot(noise, TABLE * 1.1 * mean)
    assert float(data.difference_to_water_std_dev) == pytest.approx(expected, abs=5 * noise / np.sqrt(38))
    whole = float((data.structure_fraction * tg43.tissue_fraction).sum())
    assert float(data.water_known) == pytest.approx(100 * weight.sum() / whole, rel=1e-6)
    assert np.isnan(to_water.data.difference_to_water_std_dev.sel(structure="BODY"))


def test_the_report_has_one_line_for_each_structure(to_water: Comparison, comparison: Comparison) -> None:
    assert water_table(comparison) == []
    assert 'id="to-water"' not in render(comparison)
    rows = {row[0]: row[1:] for row in water_table(to_water)}
    assert set(rows) == set(to_water.data.structure.values)
    assert re.fullmatch(r"−13\.\d+ ± 0\.\d+\u00a0%", rows["GTV"][2])
    assert re.fullmatch(r"in \d\d\u00a0% of it", rows["GTV"][3])
    assert "±" not in rows["BODY"][1]
    table = render(to_water).split('id="to-water"')[1].split("</table>")[0]
    assert table.count("<tr><th>") == 1 + len(rows)
    assert all(cell in table for row in rows.values() for cell in row)
