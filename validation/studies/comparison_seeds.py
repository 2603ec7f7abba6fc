"""Seeds and needles of a case in a comparison: where they are, how strong and how large."""

from __future__ import annotations

import numpy as np
import xarray as xr

from validation.case import Case
from validation.case.seed_choice import known_seed
from validation.studies.dataset_file import put


def add_seeds(data: xr.Dataset, case: Case) -> None:
    """Add seeds and needles to a comparison.

    Attributes ``seed_length_cm`` and ``seed_diameter_cm`` are those of the seed model's outer solid; left out if only
    its name is known. ``needle_entry`` and ``needle_tip`` are left out where the case has no table of needles.

    Parameters
    ----------
    data : xr.Dataset
        Changed in place.
    case : Case
        The case.
    """
    implant = case.implant
    n = len(implant)
    put(data, "seed", ("seed",), np.arange(1, n + 1), units="1", description="seed number, from 1")
    put(
        data,
        "component",
        ("component",),
        np.array(("x", "y", "z"), dtype=object),
        units="1",
        description="component of a vector in the patient frame (LPS)",
    )
    places = ("seed", "component")
    put(
        data,
        "seed_position",
        places,
        np.asarray(implant.positions),
        units="cm",
        description="centre of the seed",
    )
    put(
        data,
        "seed_axis",
        places,
        np.asarray(implant.axes),
        units="1",
        description="direction of its long axis",
    )
    put(
        data,
        "seed_air_kerma_strength",
        ("seed",),
        np.asarray(implant.air_kerma_strengths),
        units="cGy cm2 h-1",
        description="air-kerma strength at implantation (1 cGy cm2 h-1 = 1 U)",
    )
    put(
        data,
        "seed_needle",
        ("seed",),
        np.asarray(implant.needles),
        units="1",
        description="needle of the seed, -1 if unknown",
    )
    _add_needles(data, case)
    body = known_seed(implant.seed_choice)
    if body is not None:
        ends = [z for solid in body.solids if solid.name == body.outer for z in (solid.z_min, solid.z_max)]
        data.attrs["seed_length_cm"] = float(np.ptp(ends))
        data.attrs["seed_diameter_cm"] = 2.0 * body.radius


def _add_needles(data: xr.Dataset, case: Case) -> None:
    table = case.implant.needle_table
    if not len(table):
        return
    put(
        data,
        "needle",
        ("needle",),
        np.asarray(table.numbers),
        units="1",
        description="number of the needle, as seed_needle gives it",
    )
    for name, where, what in (
        ("needle_entry", table.entries, "where the needle enters the skin"),
        ("needle_tip", table.tips, "where its tip ends"),
    ):
        put(data, name, ("needle", "component"), np.asarray(where), units="cm", description=what)
