"""Monte Carlo results in files (``seedmc-monte-carlo``): see docs/file_formats/monte_carlo.md."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np

from mcsim import hdf5_file
from mcsim.result import BALANCE_TERMS, QUANTITY_NAMES, Result, Scale

FILETYPE, FORMAT_VERSION = "seedmc-monte-carlo", "1.0"
_DOSES = (
    ("dose_to_medium", "dose", "dose to the voxel's medium, mean over its tissue part"),
    ("dose_to_water", "dose_to_water", "dose to water from the fluence in the medium"),
    (
        "primary_dose_to_medium",
        "primary_dose",
        "part of dose from photons that have not interacted since their seed",
    ),
)
_SUMS = {
    "total": (
        "2^-32 keV cm3/g",
        "sum over batches of energy x path x mu_en/rho, weighted with relative strengths",
    ),
    "square_high": ("2^-64 (keV cm3/g)^2", "upper 64 bits of the sum over batches of squares"),
    "square_low": ("2^-64 (keV cm3/g)^2", "lower 64 bits of the sum over batches of squares"),
}


def write_result(path: str | Path, result: Result, case_digest: str = "") -> None:
    """Write a result, whole or not at all.

    Parameters
    ----------
    path : path
        File to write, ``seedmc-monte-carlo``.
    result : Result
        What to write.
    case_digest : str
        Digest of the case it belongs to.

    Raises
    ------
    OverflowError
        The sum of a voxel went past 2⁶³ quanta; nothing is written.
    """
    # Scores are never negative: a negative sum has wrapped around.
    overflowed = int((result.total < 0).sum())
    if overflowed:
        raise OverflowError(
            f"sum of {overflowed} voxels is above 2^63 quanta of 2^-32 keV cm³/g, expected below (sums are 64-bit "
            f"whole numbers). Run fewer batches."
        )
    attributes = {
        "case_digest": case_digest,
        "settings_digest": result.settings_digest,
        "settings": json.dumps(result.settings, sort_keys=True),
        "batches": np.array(result.batches, dtype=np.int64).reshape(-1, 2),
        "histories": result.histories,
        "voxel_volume": result.voxel_volume,
        **{f"scale_{key}": value for key, value in result.scale.__dict__.items()},
    }
    with hdf5_file.create(path, FILETYPE, FORMAT_VERSION, attributes) as file:
        add = partial(hdf5_file.add_dataset, file)
        for axis, values in zip("xyz", result.axes, strict=True):
            add(axis, values, (axis,), "cm", f"voxel-centre {axis}")
        add("fate", list(BALANCE_TERMS), ("fate",), "1", "what became of the energy")
        add("quantity", list(QUANTITY_NAMES), ("quantity",), "1", "what is scored")
        for quantity, name, what in _DOSES:
            add(name, result.dose(quantity), ("x", "y", "z"), "Gy", f"{what}, to full decay")
            add(
                f"{name}_std_dev",
                result.dose_std_dev(quantity),
                ("x", "y", "z"),
                "Gy",
                f"type A uncertainty of {name}",
            )
        grid = ("x", "y", "z")
        add("tissue_fraction", result.tissue_fraction, grid, "1", "share of the voxel outside all seeds")
        add("medium", result.medium, grid, "1", "index into the media named in the settings")
        add("density", result.density, grid, "g/cm3", "mass density")
        for name, (units, description) in _SUMS.items():
            add(name, getattr(result, name), ("quantity", "x", "y", "z"), units, description)
        add(
            "group_voxel",
            result.group_voxels,
            ("voxel",),
            "1",
            "flat index [ix, iy, iz] of voxels kept per group",
        )
        add(
            "group_total",
            result.group_total,
            ("grouped_quantity", "group", "voxel"),
            "2^-32 keV cm3/g",
            "dose to medium and to water: sum over the batches of each group (batch number modulo 20)",
        )
        add(
            "balance",
            result.balance,
            ("fate",),
            "2^-16 keV",
            "energy by fate, weighted with relative strengths",
        )
        # Times differ from run to run: they stand outside the content that is compared.
        run = file.create_group("run")
        for key, value in result.run_facts.items():
            run.attrs[key] = value


def read_result(path: str | Path) -> tuple[Result, str]:
    """Read a result.

    Parameters
    ----------
    path : path
        File written by `write_result`.

    Returns
    -------
    result : Result
    case_digest : str

    Raises
    ------
    InvalidInput
        The file is missing, incomplete, of another type or format version.
    """
    with hdf5_file.open_checked(path, FILETYPE, 1) as file:
        names = Scale.__dataclass_fields__
        result = Result(
            axes=(file["x"][()], file["y"][()], file["z"][()]),
            voxel_volume=float(file.attrs["voxel_volume"]),
            tissue_fraction=file["tissue_fraction"][()],
            medium=file["medium"][()],
            density=file["density"][()],
            scale=Scale(**{name: float(file.attrs[f"scale_{name}"]) for name in names}),
            settings=json.loads(file.attrs["settings"]),
            settings_digest=str(file.attrs["settings_digest"]),
            total=file["total"][()],
            square_high=file["square_high"][()],
            square_low=file["square_low"][()],
            group_voxels=file["group_voxel"][()],
            group_total=file["group_total"][()],
            balance=file["balance"][()],
            batches=[(int(a), int(b)) for a, b in file.attrs["batches"]],
            run_facts={key: float(value) for key, value in file["run"].attrs.items()},
        )
        return result, str(file.attrs["case_digest"])
