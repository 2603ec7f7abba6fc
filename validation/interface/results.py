"""Results as labelled data sets: their names, and the files that hold them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from mcsim.hdf5_file import created_by
from mcsim.invalid_input import InvalidInput
from mcsim.result_file import FILETYPE as MONTE_CARLO
from mcsim.result_file import FORMAT_VERSION as MONTE_CARLO_VERSION
from validation.case import Case
from validation.interface.accessor import SeedmcAccessor
from validation.studies import characterise_dataset, compare, study_file, tg43_dose
from validation.studies.dataset_file import write_dataset
from validation.studies.monte_carlo_dataset import monte_carlo_dataset

TG43 = tg43_dose.FILETYPE
COMPARISON = compare.FILETYPE
CHARACTERISATION = characterise_dataset.FILETYPE
STUDY = study_file.FILETYPE
VERSIONS = {
    MONTE_CARLO: MONTE_CARLO_VERSION,
    TG43: tg43_dose.FORMAT_VERSION,
    COMPARISON: compare.FORMAT_VERSION,
    CHARACTERISATION: characterise_dataset.FORMAT_VERSION,
    STUDY: study_file.FORMAT_VERSION,
}
xr.register_dataset_accessor("seedmc")(SeedmcAccessor)  # type: ignore[no-untyped-call]

# Of the file of a Monte Carlo dose, besides what a comparison takes, where they are there.
_FURTHER_DOSES = (
    "dose_to_water_std_dev", "primary_dose_std_dev", "deposited_energy_dose", "deposited_energy_dose_std_dev",
    "seed_dose", "seed_dose_std_dev", "region_volume",
)  # fmt: skip
_ENGINES = {MONTE_CARLO: "Monte Carlo", TG43: "TG-43"}
# How an axis or a colour bar calls them; others by their names.
_LONG_NAMES = {
    "dose_monte_carlo": "Monte Carlo dose",
    "dose_monte_carlo_std_dev": "type A uncertainty of the Monte Carlo dose",
    "dose_std_dev": "type A uncertainty of the dose",
    "dose_tg43": "TG-43 dose",
    "difference": "dose difference",
    "difference_percent_tg43": "difference from TG-43",
    "difference_percent_prescription": "difference over prescription",
    "dvh_dose": "dose",
    "dvh_volume": "volume",
    "hu": "CT number",
    "z_score": "z-score",
}


def labelled(dataset: xr.Dataset, filetype: str) -> xr.Dataset:
    """Say what a data set is, and give every variable a name for figures.

    Parameters
    ----------
    dataset : xarray.Dataset
        Changed in place.
    filetype : str
        As in its file.

    Returns
    -------
    xarray.Dataset
        The same.
    """
    dataset.attrs.setdefault("created_by", created_by())
    # netCDF knows no truth values
    dataset.attrs.update({k: int(v) for k, v in dataset.attrs.items() if isinstance(v, bool | np.bool_)})
    dataset.attrs.update(filetype=filetype, format_version=VERSIONS[filetype])
    long_names = {**_LONG_NAMES, "dose": f"{_ENGINES.get(filetype, '')} dose".strip()}
    for name, variable in dataset.variables.items():
        variable.attrs.pop("DIMENSION_LABELS", None)  # of the file's axes; h5netcdf hands it on
        variable.attrs.setdefault("long_name", long_names.get(str(name), str(name).replace("_", " ")))
    return dataset


def monte_carlo_result(path: str | Path, case: Case, threads: int = 1) -> xr.Dataset:
    """A Monte Carlo result file as a data set, with all doses that it holds.

    Parameters
    ----------
    path : path
        ``seedmc-monte-carlo`` file.
    case : Case
        The case it belongs to.
    threads : int
        Threads for the seed's dose-rate constant, simulated once per machine.

    Returns
    -------
    xarray.Dataset
    """
    dataset = monte_carlo_dataset(path, case, threads)
    if dataset.attrs["case_digest"] != case.digest():
        raise InvalidInput(
            f"case digest of {path} is {str(dataset.attrs['case_digest'])[:12]}, expected {case.digest()[:12]} of case "
            f"{case.name} (the dose was calculated for another). Give that case."
        )
    with xr.open_dataset(path, engine="h5netcdf") as file:
        for name in _FURTHER_DOSES:
            if name in file and name not in dataset:
                dataset[name] = file[name].load()
    for name, units, description in (
        ("seed", "1", "seed, in the order of the case, from 0"),
        ("group", "1", "group of batches"),
        ("voxel", "1", "voxel kept per group"),
    ):
        if name in dataset.dims and name not in dataset.coords:
            values = range(dataset.sizes[name])
            dataset.coords[name] = (name, list(values), {"units": units, "description": description})
    return labelled(dataset, MONTE_CARLO)


def read_result(path: str | Path, case: Case | None = None, *, threads: int = 0) -> xr.Dataset:
    """Read a result that a command or ``.seedmc.write`` wrote.

    Parameters
    ----------
    path : path
        A Monte Carlo dose, TG-43 dose, comparison, characterisation or study.
    case : Case, optional
        The case of a Monte Carlo dose, whose file has no CT; not needed for the others.
    threads : int
        Threads for the dose-rate constant of a simulated seed, once per machine; 0: one per core.

    Returns
    -------
    xarray.Dataset
        As the function returned it that made the result.

    Raises
    ------
    InvalidInput
        No such file, none of these, not a complete one, or a Monte Carlo dose without its case.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from validation import Case, tg43_dose
    >>> dose = tg43_dose(Case.read("neck"), voxel=0.4)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tg43.h5"
    >>> dose.seedmc.write(path)
    >>> read_result(path).identical(dose)
    True
    """
    path = Path(path)
    filetype = _filetype_of(path)
    if filetype == MONTE_CARLO:
        if case is None:
            raise InvalidInput(
                f"case of {path} is not given, expected the case it was calculated for (the file of a Monte Carlo dose "
                f"has no CT). Give it as the second argument."
            )
        return monte_carlo_result(path, case, threads_of(threads))
    readers: dict[str, Callable[[Path], xr.Dataset]] = {
        TG43: tg43_dose.read_tg43_dose,
        COMPARISON: lambda path: compare.Comparison.read(path).data,
        CHARACTERISATION: characterise_dataset.read_characterisation,
        STUDY: lambda path: study_file.Study.read(path).data,
    }
    if filetype not in readers:
        raise InvalidInput(
            f"filetype of {path} is {filetype!r}, expected one of {', '.join((MONTE_CARLO, *readers))}. Give one of "
            f"these (a case is read by Case.read)."
        )
    return labelled(readers[filetype](path), filetype)


def write_result(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a result whole or not at all, as the command does that makes it.

    Parameters
    ----------
    dataset : xarray.Dataset
        A TG-43 dose, comparison, characterisation or study of this package.
    path : path
        HDF5 file; an existing one is replaced.

    Raises
    ------
    InvalidInput
        Another data set. A Monte Carlo dose is written while it is calculated: give `monte_carlo_dose` a ``file``.
    """
    filetype = str(dataset.attrs.get("filetype"))
    known = [name for name in VERSIONS if name != MONTE_CARLO]
    if filetype not in known:
        raise InvalidInput(
            f"filetype of the data set is {filetype!r}, expected one of {', '.join(known)} (the file of a Monte Carlo "
            f"dose also holds its sums, to go on from). Give monte_carlo_dose a file, or use to_netcdf."
        )
    write_dataset(path, filetype, VERSIONS[filetype], dataset)


def settings_of(dataset: xr.Dataset, name: str = "settings") -> dict[str, object]:
    """Settings that a result carries as JSON; empty without."""
    found = json.loads(str(dataset.attrs.get(name, "{}")))
    return dict(found) if isinstance(found, dict) else {}


def threads_of(threads: int) -> int:
    """Threads asked for; one per core for 0."""
    return threads if threads > 0 else len(os.sched_getaffinity(0))


def _filetype_of(path: Path) -> str:
    if not path.is_file():
        raise InvalidInput(f"result {path} is not there, expected an existing file. Check the name.")
    if not h5py.is_hdf5(path):
        raise InvalidInput(f"result {path} is not an HDF5 file, expected one of this program. Give one.")
    with h5py.File(path) as file:
        return str(file.attrs.get("filetype", "missing"))
