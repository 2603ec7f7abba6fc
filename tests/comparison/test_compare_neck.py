"""The built-in neck with its real TG-43 dose, against a Monte Carlo dose that differs by Λ and noise alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from validation.case import built_in
from validation.report.tables import headline
from validation.studies.compare import Comparison, compare
from validation.studies.tg43_dose import tg43_dose

NOISE, GROUPS, FACTOR = 0.01, 20, 0.932 / 0.965


@pytest.fixture(scope="module")
def neck() -> Comparison:
    case = built_in("neck")
    tg43 = tg43_dose(case, 0.2)
    expected = FACTOR * np.nan_to_num(tg43.dose.to_numpy())
    noise = np.random.default_rng(8).standard_normal((GROUPS, expected.size))
    groups = expected.ravel() * (1 + NOISE * np.sqrt(GROUPS) * noise)
    dims = ("x", "y", "z")
    water = np.zeros(expected.shape)
    monte_carlo = xr.Dataset(
        {
            "dose": (dims, groups.mean(axis=0).reshape(expected.shape)),
            "dose_std_dev": (dims, NOISE * expected),
            "tissue_fraction": tg43.tissue_fraction,
            "medium": (dims, water.astype(np.uint8), {"names": json.dumps(["water"])}),
            "density": (dims, water + 0.998),
            "hu": (dims, water),
            "group_dose": (("group", "voxel"), groups),
            "group_voxel": ("voxel", np.arange(expected.size)),
        },
        tg43.coords,
        {"case_digest": case.digest(), "settings": "{}"},
    )
    return compare(case, monte_carlo, tg43, gamma=False)


def test_the_whole_difference_is_the_dose_rate_constant(neck: Comparison) -> None:
    data, budget = neck.data, neck.budget
    s = list(data.structure.values).index("PTV")
    for name in ("D90", "V100", "V150", "mean dose"):
        i = list(data["index"].values).index(name)
        # What is left besides Λ is noise and its bias: 5 σ, where u itself is known to 16 %.
        assert abs(budget.terms[1, s, i]) < 6 * budget.std_dev[1, s, i], name
    d90 = data.index_value.sel(structure="PTV", index="D90")
    u = float(data.index_std_dev.sel(structure="PTV", index="D90"))
    ratio = float(d90.sel(engine="monte_carlo") / d90.sel(engine="tg43"))
    assert ratio == pytest.approx(FACTOR, abs=6 * u / float(d90.sel(engine="tg43")))


def test_the_tg43_plan_covers_the_target(neck: Comparison) -> None:
    # The built-in plan gives most of the node its 120 Gy; the margin of fat around it less.
    gtv = neck.data.sel(structure="GTV", engine="tg43").index_value
    assert float(gtv.sel(index="D90")) > 120.0
    assert float(gtv.sel(index="V100")) > 95.0


def test_volumes_are_those_of_the_contours(neck: Comparison) -> None:
    case, data = built_in("neck"), neck.data
    for name in ("GTV", "PTV"):
        structure = case.structures[name]
        # Slabs of 2 mm: the volume is the sum of the contour areas times the slice distance, to the scan lines'
        # 1e-3.
        expected = sum(contour.area for contour in structure.contours) * structure.slice_thickness
        assert float(data.structure_volume.sel(structure=name)) == pytest.approx(expected, rel=2e-3)
        assert float(data.structure_covered.sel(structure=name)) == pytest.approx(100.0, abs=0.2)


def test_a_structure_that_leaves_the_grid_says_so(neck: Comparison) -> None:
    assert float(neck.data.structure_covered.sel(structure="BODY")) < 90.0


def test_the_headline_states_the_loss(neck: Comparison) -> None:
    assert headline(neck).sentence.endswith("% lower.")
