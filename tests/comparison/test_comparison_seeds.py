"""What a comparison keeps of the seeds and needles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from validation.case import Case
from validation.case.needle_table import NeedleTable
from validation.studies.comparison_seeds import add_seeds


def test_the_size_is_that_of_the_seed_model(case: Case) -> None:
    data = xr.Dataset()
    add_seeds(data, case)
    # OncoSeed 6711: 4.55 mm with its welds, 0.8 mm thick (Dolan et al. 2006, doi:10.1118/1.2388158).
    np.testing.assert_allclose([data.attrs["seed_length_cm"], data.attrs["seed_diameter_cm"]], [0.455, 0.08])


def test_a_seed_known_by_its_table_alone_has_no_size(case: Case) -> None:
    data = xr.Dataset()
    add_seeds(data, replace(case, implant=replace(case.implant, model="2301")))
    assert "seed_length_cm" not in data.attrs


def test_needles_keep_their_numbers_and_places(case: Case) -> None:
    data = xr.Dataset()
    add_seeds(data, case)
    first = data.sel(needle=3)
    np.testing.assert_allclose(first.needle_entry, [0.4, -0.4, -1.6])
    np.testing.assert_allclose(first.needle_tip, [0.4, -0.4, 0.65])
    bare = xr.Dataset()
    add_seeds(bare, replace(case, implant=replace(case.implant, needle_table=NeedleTable())))
    assert "needle_entry" not in bare
