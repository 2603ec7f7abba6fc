"""Writing an HDF5 file whole or not at all, and refusing to read a wrong one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import get_ident
from typing import Any

import h5py
from numpy.typing import ArrayLike

from mcsim.invalid_input import InvalidInput


def created_by() -> str:
    """Name and version of the program, as written to every file."""
    try:
        return f"seedmc {version('seedmc')}"
    except PackageNotFoundError:
        return "seedmc (not installed)"


@contextmanager
def create(
    path: str | Path, filetype: str, format_version: str, attributes: Mapping[str, object]
) -> Iterator[h5py.File]:
    """Write an HDF5 file under a temporary name and rename it when it is complete.

    Parameters
    ----------
    path : path
        Final name; an existing file is replaced in one step.
    filetype : str
        Root attribute ``filetype``.
    format_version : str
        ``major.minor``; readers refuse another major version.
    attributes : mapping
        Further root attributes.

    Yields
    ------
    h5py.File
        Open for writing. If the block raises, nothing appears under `path`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.h5"
    >>> with create(path, "example", "1.0", {}) as file:
    ...     file["n"] = 3
    >>> with open_checked(path, "example", 1) as file:
    ...     int(file["n"][()])
    3
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{get_ident()}.part")
    try:
        with h5py.File(temporary, "w", track_order=True) as file:
            file.attrs["filetype"] = filetype
            file.attrs["format_version"] = format_version
            file.attrs["created_by"] = created_by()
            for name, value in attributes.items():
                file.attrs[name] = value
            yield file
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove_leftovers(path: Path) -> None:
    """Remove unfinished files of killed processes of this machine; those of living ones and other machines stay."""
    for leftover in path.parent.glob(f".{path.name}.{socket.gethostname()}.*.part"):
        process = leftover.name.split(".")[-3]
        if process.isdigit() and not Path(f"/proc/{process}").exists():
            leftover.unlink(missing_ok=True)


def add_dataset(
    file: h5py.File,
    name: str,
    values: ArrayLike,
    dims: tuple[str, ...],
    units: str,
    description: str,
    **options: Any,
) -> h5py.Dataset:
    """Write a dataset with unit, description and named dimensions, so that xarray reads it too.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    name : str
        Name of the dataset; the coordinate of a dimension has the dimension's name.
    values : array_like
        What to write.
    dims : tuple of str
        Name of each axis; a dimension without a coordinate is entered by its length, as netCDF-4 does.
    units, description : str
        What every number in a file has.
    **options
        Handed to ``h5py.Group.create_dataset``.

    Returns
    -------
    h5py.Dataset
    """
    data = file.create_dataset(name, data=values, **options)
    data.attrs["units"], data.attrs["description"] = units, description
    if dims == (name,):
        data.make_scale(name)
        return data
    for k, dim in enumerate(dims):
        if dim not in file:
            scale = file.create_dataset(dim, shape=(data.shape[k],), dtype=">f4")
            scale.attrs["units"], scale.attrs["description"] = "1", "dimension without coordinate"
            scale.make_scale(f"This is a netCDF dimension but not a netCDF variable.{data.shape[k]:>10}")
        data.dims[k].attach_scale(file[dim])
    return data


@contextmanager
def open_checked(path: str | Path, filetype: str, major: int) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading after checking what it is.

    Parameters
    ----------
    path : path
        File to read.
    filetype : str
        Expected root attribute ``filetype``.
    major : int
        Expected major part of ``format_version``.

    Yields
    ------
    h5py.File
        Open for reading.

    Raises
    ------
    InvalidInput
        The file is missing, truncated, not HDF5, of another type or of another major version.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"file is {path}, expected an existing {filetype} file. Check the name.")
    try:
        file = h5py.File(path, "r")
    except OSError as reason:
        raise InvalidInput(
            f"file {path} is not readable as HDF5, expected a complete {filetype} file "
            f"({str(reason).splitlines()[0]}). Make it again or restore it from a copy."
        ) from reason
    with file:
        found = str(file.attrs.get("filetype", "missing"))
        if found != filetype:
            raise InvalidInput(
                f"filetype of {path} is {found!r}, expected {filetype!r}. Give the right kind of file."
            )
        found = str(file.attrs.get("format_version", "missing"))
        if found.split(".")[0] != str(major):
            raise InvalidInput(
                f"format_version of {path} is {found}, expected {major}.x (another major version has "
                f"another layout). Make the file again with this version of seedmc."
            )
        try:
            yield file
        except (OSError, KeyError) as reason:
            raise InvalidInput(
                f"file {path} is incomplete, expected a complete {filetype} file ({reason}). Make it again."
            ) from reason
