"""The TG-43 dose of a case on the voxels of its Monte Carlo dose."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import xarray as xr

from mcsim.invalid_input import InvalidInput
from tg43 import (
    SourceData,
    dose_per_dose_rate,
    known_sources,
    load_source,
    read_source,
    voxel_mean_dose_rate,
)
from tg43.invalid_input import InvalidInput as NoSuchSource
from validation.case import Case, Implant
from validation.case.seed_choice import HALF_LIFE_SPREAD, packaged_name
from validation.studies.dataset_file import put, read_dataset, write_dataset
from validation.studies.dose_grid import centres, scoring_planes

FILETYPE, FORMAT_VERSION = "seedmc-tg43-dose", "1.0"


def find_source(implant: Implant, source_data: SourceData | str | Path | None = None) -> SourceData:
    """TG-43 data of an implant's seeds.

    Parameters
    ----------
    implant : Implant
        Seeds.
    source_data : SourceData or path, optional
        Table of the user, such as the ``tg43.json`` of ``seedmc characterise``; the packaged one of the seed model by
        default (the consensus where there is one, else by Monte Carlo). A user's own seed has no packaged one.

    Returns
    -------
    SourceData

    Raises
    ------
    InvalidInput
        There is none, the file is not one, or its half-life is not that of the seeds.

    Examples
    --------
    >>> from validation.case import built_in
    >>> find_source(built_in("neck").implant).name
    'OncoSeed 6711'
    """
    if source_data is None:
        source = _packaged_source(implant)
    else:
        source = source_data if isinstance(source_data, SourceData) else read_source(Path(source_data))
    if abs(source.half_life / implant.half_life_d - 1.0) > HALF_LIFE_SPREAD:
        raise InvalidInput(
            f"half-life of the TG-43 table {source.name} is {source.half_life:g} d ({source.radionuclide}), expected "
            f"{implant.half_life_d:g} d within 2 % as of the seeds (model {implant.model}). Give the table of this "
            f"seed with --source-data."
        )
    return source


def _packaged_source(implant: Implant) -> SourceData:
    names = () if implant.seed_file else (implant.model, packaged_name(implant.model) or implant.model)
    for name in names:
        try:
            return load_source(name)
        except NoSuchSource:
            continue
    file = "the seed file" if implant.seed_file else f"{implant.model!r}"
    raise InvalidInput(
        f"TG-43 table of seed model {implant.model!r} is not there, expected one of the packaged "
        f"{', '.join(known_sources())}, or a file (Monte Carlo is compared with it). Run `seedmc characterise` with "
        f"{file} and give its tg43.json with --source-data."
    )


def source_digest(source: SourceData) -> str:
    """SHA-256 (hex) of everything that decides the dose by a TG-43 table.

    Examples
    --------
    >>> len(source_digest(load_source("6711")))
    64
    """
    values = {name: np.asarray(value).tolist() for name, value in sorted(vars(source).items())}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def tg43_settings(implant: Implant, voxel: float, source: SourceData) -> dict[str, object]:
    """Settings of a TG-43 dose as stored with it."""
    return {
        "formalism": "2D line",
        "voxel_cm": voxel,
        "half_life_d": implant.half_life_d,
        "table": source.reference,
        "table_digest": source_digest(source),
    }


def tg43_dose(case: Case, voxel: float, source: SourceData | None = None) -> xr.Dataset:
    """TG-43 dose to full decay of a case, averaged over each voxel's tissue part.

    Parameters
    ----------
    case : Case
        Seeds and grid.
    voxel : float
        Edge of the voxels, cm.
    source : SourceData, optional
        TG-43 data of the seeds; the packaged data of the implant's seed model by default, see `find_source`.

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
    source = source or find_source(implant)
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
        settings=json.dumps(tg43_settings(implant, voxel, source), sort_keys=True),
    )
    return dataset


def write_tg43_dose(path: str | Path, dataset: xr.Dataset) -> None:
    """Write a TG-43 dose (``seedmc-tg43-dose``), whole or not at all."""
    write_dataset(path, FILETYPE, FORMAT_VERSION, dataset)


def read_tg43_dose(path: str | Path) -> xr.Dataset:
    """Read a TG-43 dose; `InvalidInput` if the file is not a complete one."""
    return read_dataset(path, FILETYPE, 1)
