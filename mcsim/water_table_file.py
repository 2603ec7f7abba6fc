"""Where water tables are kept: packaged for the seeds of the library, cached for all others."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcsim import hdf5_file
from mcsim.cache import cache_folder
from mcsim.invalid_input import InvalidInput
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.seed_model import SeedModel
from mcsim.water_table import WaterTable, make_water_table, water_table_digest

FILETYPE, FORMAT_VERSION = "seedmc-water-table", "1.0"
KEPT_BITS = 13  # of the significand: values are rounded to 6e-5 at most, less than their uncertainty


def load_water_table(
    model: SeedModel,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> WaterTable:
    """The water table of a model: the packaged one, one from the cache, or made and put there.

    Parameters
    ----------
    model : SeedModel
        The seed.
    physics : PhysicsSettings
        What the simulation is done with; the packaged tables are for the default one.
    threads : int
        Threads for the making.
    progress : callable, optional
        Called with the share done while a table is made, which takes half a minute of one core.

    Returns
    -------
    WaterTable

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> load_water_table(load_seed_model("6711")).outer_radius > 9.9
    True
    """
    digest = water_table_digest(model, physics)
    packaged = files("mcsim.data") / "water_tables" / file_name(model)
    if packaged.is_file():
        with as_file(packaged) as path:
            table = read_water_table(path)
        if table.digest == digest:
            return table
    path = cache_folder() / "water_tables" / f"{digest[:32]}.h5"
    if path.is_file():
        try:
            table = read_water_table(path)
            if table.digest == digest:
                os.utime(path)
                return table
        except InvalidInput:
            pass
        path.unlink(missing_ok=True)
    write_water_table(path, make_water_table(model, physics=physics, threads=threads, progress=progress))
    # read again, so that the first run has the rounded numbers of all later ones
    return read_water_table(path)


def file_name(model: SeedModel) -> str:
    """Name of a packaged table.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> file_name(load_seed_model("6711"))
    'oncoseed_6711.h5'
    """
    return re.sub(r"\W+", "_", model.name.lower()).strip("_") + ".h5"


def write_water_table(path: str | Path, table: WaterTable) -> None:
    """Write a table; values are rounded to `KEPT_BITS` of their significand, so that they pack well.

    Parameters
    ----------
    path : path
        File to write.
    table : WaterTable
        The table.
    """
    attributes = {
        "seed_model": table.model,
        "digest": table.digest,
        "histories": table.histories,
        "half_length": table.half_length,
        "half_length_units": "cm",
    }
    size = np.abs(table.kerma_r2)
    packing = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
    with hdf5_file.create(path, FILETYPE, FORMAT_VERSION, attributes) as file:
        add = partial(hdf5_file.add_dataset, file)
        add("r", table.radii, ("r",), "cm", "distance of the cell centres from the seed's centre")
        add(
            "cosine",
            table.cosines,
            ("cosine",),
            "1",
            "absolute cosine of the polar angle of the cell centres",
        )
        add(
            "part",
            ["primary", "scattered"],
            ("part",),
            "1",
            "primary: photons without an interaction since they left the seed",
        )
        dims = ("half", "r", "cosine", "part")
        add(
            "kerma_r2",
            _rounded(table.kerma_r2),
            dims,
            "keV cm2/g",
            "collision kerma to water per emitted photon over the cell's mean of 1/r2; primary and scattered",
            **packing,
        )
        add(
            "relative_std_dev",
            np.divide(table.std_dev, size, out=np.full(size.shape, np.inf), where=size > 0.0).astype(
                np.float16
            ),
            dims,
            "1",
            "type A standard uncertainty of kerma_r2 over kerma_r2",
            **packing,
        )


def read_water_table(path: str | Path) -> WaterTable:
    """Read a table.

    Parameters
    ----------
    path : path
        File to read.

    Returns
    -------
    WaterTable

    Raises
    ------
    InvalidInput
        The file is missing, damaged or of another type or version.
    """
    with hdf5_file.open_checked(path, FILETYPE, 1) as file:
        kerma_r2 = file["kerma_r2"][()].astype(np.float64)
        relative = file["relative_std_dev"][()].astype(np.float64)
        return WaterTable(
            model=str(file.attrs["seed_model"]),
            kerma_r2=kerma_r2,
            # a cell that no photon came through has an unknown uncertainty
            std_dev=np.where(kerma_r2 != 0.0, relative * np.maximum(np.abs(kerma_r2), 1e-300), np.inf),
            histories=int(file.attrs["histories"]),
            half_length=float(file.attrs["half_length"]),
            digest=str(file.attrs["digest"]),
        )


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Float32 with the last bits of the significand rounded to zero."""
    unit = 1 << (23 - KEPT_BITS)
    bits = values.astype(np.float32).view(np.uint32) + np.uint32(unit // 2)
    return np.asarray((bits & ~np.uint32(unit - 1)).view(np.float32))
