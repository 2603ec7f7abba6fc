"""An xarray data set in one HDF5 file that h5py and xarray (engine h5netcdf) read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from mcsim.hdf5_file import create, open_checked
from mcsim.invalid_input import InvalidInput

# Below this many values a compressed chunk is larger than the plain data.
_SMALLEST_COMPRESSED = 1000


def put(
    dataset: xr.Dataset, name: str, dims: tuple[str, ...], values: ArrayLike, *, units: str, description: str
) -> None:
    """Add a variable, or the coordinate of the dimension of the same name.

    Parameters
    ----------
    dataset : xr.Dataset
        Changed in place.
    name : str
        Name of the variable.
    dims : tuple of str
        Names of its dimensions.
    values : array_like
        One axis per dimension.
    units, description : str
        What every number in a file has.

    Examples
    --------
    >>> dataset = xr.Dataset()
    >>> put(dataset, "x", ("x",), [0.0, 0.1], units="cm", description="voxel centre")
    >>> dataset.x.attrs["units"]
    'cm'
    """
    variable = xr.Variable(dims, values, {"units": units, "description": description})
    if dims == (name,):
        dataset.coords[name] = variable
    else:
        dataset[name] = variable


def write_dataset(
    path: str | Path,
    filetype: str,
    format_version: str,
    dataset: xr.Dataset,
) -> None:
    """Write a data set whole or not at all.

    Parameters
    ----------
    path : path
        Final name; an existing file is replaced in one step.
    filetype, format_version : str
        Root attributes that readers check; the version is ``major.minor``.
    dataset : xr.Dataset
        Every dimension has a coordinate, and every variable and coordinate the attributes ``units`` and
        ``description``. Its own attributes become root attributes.

    Raises
    ------
    InvalidInput
        A dimension has no coordinate, or a variable no unit or description.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> x = ("x", [0.0, 0.1], {"units": "cm", "description": "voxel centre"})
    >>> dose = ("x", [1.0, 2.0], {"units": "Gy", "description": "dose"})
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.h5"
    >>> write_dataset(path, "example", "1.0", xr.Dataset({"dose": dose}, {"x": x}))
    >>> read_dataset(path, "example", 1).dose.values.tolist()
    [1.0, 2.0]
    """
    _refuse_undescribed(dataset)
    attributes = {str(name): value for name, value in dataset.attrs.items()}
    # Scales first: variables refer to them.
    order = [*dataset.dims, *(name for name in dataset.variables if name not in dataset.dims)]
    with create(path, filetype, format_version, attributes) as file:
        for name in order:
            _write_variable(file, str(name), dataset.variables[name])


def read_dataset(path: str | Path, filetype: str, major: int) -> xr.Dataset:
    """Read a data set into memory after checking what the file is.

    Parameters
    ----------
    path : path
        File from `write_dataset`.
    filetype : str
        Expected ``filetype``.
    major : int
        Expected major part of ``format_version``.

    Returns
    -------
    xr.Dataset
        In memory; the file is closed.

    Raises
    ------
    InvalidInput
        Missing, truncated, another type or another major version.
    """
    with open_checked(path, filetype, major):
        pass
    return xr.load_dataset(path, engine="h5netcdf")


def _refuse_undescribed(dataset: xr.Dataset) -> None:
    for dim in dataset.dims:
        if dim not in dataset.coords:
            raise InvalidInput(
                f"dimension {dim} of the data set has no coordinate, expected one (files name every axis). "
                f"Add it."
            )
    for name, variable in dataset.variables.items():
        for attribute in ("units", "description"):
            if not variable.attrs.get(attribute):
                raise InvalidInput(
                    f"{attribute} of {name} is missing, expected a text (every number in a file has a unit "
                    f"and a meaning). Add the attribute."
                )


def _write_variable(file: h5py.File, name: str, variable: xr.Variable) -> None:
    values = variable.to_numpy()
    if values.dtype.kind in "UO":
        values = values.astype(h5py.string_dtype())
    compression: Mapping[str, object] = {}
    if values.size >= _SMALLEST_COMPRESSED and values.dtype.kind in "iufb":
        compression = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    written = file.create_dataset(name, data=np.ascontiguousarray(values), **compression)
    for key, value in variable.attrs.items():
        written.attrs[key] = value
    if variable.dims == (name,):
        written.make_scale(name)
        return
    for axis, dim in enumerate(variable.dims):
        written.dims[axis].attach_scale(file[str(dim)])
        written.dims[axis].label = str(dim)
