"""The TG-43 dose of a case on the voxels of its Monte Carlo dose."""

from __future__ import annotations

import json
from pathlib import Path

import xarray as xr

from tg43 import SourceData, dose_per_dose_rate, load_source, voxel_mean_dose_rate
from validation.case import Case
from validation.studies.dataset_file import put, read_dataset, write_dataset
from validation.studies.dose_grid import centres, scoring_planes

FILETYPE, FORMAT_VERSION = "seedmc-tg43-dose", "1.0"


def tg43_dose(case: Case, voxel: float, source: SourceData | None = None) -> xr.Dataset:
    """TG-43 dose to full decay of a case, averaged over each voxel's tissue part.

    Parameters
    ----------
    case : Case
        Seeds and grid.
    voxel : float
        Edge of the voxels, cm.
    source : SourceData, optional
        TG-43 data of the seeds; the packaged consensus data of the implant's seed model by default.

    Returns
    -------
    xarray.Dataset
        ``dose`` (Gy) and ``tissue_fraction`` over (x, y, z) in cm.

    Raises
    ------
    InvalidInput
        The voxel size is out of range, or TG-43 has no data for the seed model.
    """
    x, y, z = (centres(planes) for planes in scoring_planes(case, voxel))
    implant = case.implant
    source = source or load_source(implant.model)
    rate = voxel_mean_dose_rate(x, y, z, implant.positions, implant.axes, implant.air_kerma_strengths, source)
    dataset = xr.Dataset()
    for axis, values in zip("xyz", (x, y, z), strict=True):
        put(dataset, axis, (axis,), values, units="cm", description=f"voxel-centre {axis}")
    put(
        dataset, "dose", ("x", "y", "z"), rate.dose_rate * dose_per_dose_rate(implant.half_life_d), units="Gy",
        description="dose to full decay by TG-43, mean over the voxel's tissue part",
    )  # fmt: skip
    put(
        dataset, "tissue_fraction", ("x", "y", "z"), rate.tissue_fraction, units="1",
        description="share of the voxel outside all seeds",
    )  # fmt: skip
    dataset.attrs.update(
        source=source.name,
        source_reference=source.reference,
        dose_rate_constant=source.dose_rate_constant,
        case_digest=case.digest(),
        settings=json.dumps(
            {"formalism": "2D line", "voxel_cm": voxel, "half_life_d": implant.half_life_d}, sort_keys=True
        ),
    )
    return dataset


def write_tg43_dose(path: str | Path, dataset: xr.Dataset) -> None:
    """Write a TG-43 dose (``seedmc-tg43-dose``), whole or not at all."""
    write_dataset(path, FILETYPE, FORMAT_VERSION, dataset)


def read_tg43_dose(path: str | Path) -> xr.Dataset:
    """Read a TG-43 dose; `InvalidInput` if the file is not a complete one."""
    return read_dataset(path, FILETYPE, 1)
