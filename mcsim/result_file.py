"""Monte Carlo results in files (``seedmc-monte-carlo``): see docs/file_formats/monte_carlo.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsim import hdf5_file
from mcsim.exact_sums import ExactSums
from mcsim.region_spectra import RegionSpectra
from mcsim.result import BALANCE_TERMS, Result, Scale

FILETYPE, FORMAT_VERSION = "seedmc-monte-carlo", "1.0"
_DOSES = (
    ("dose_to_medium", "dose", "dose to the voxel's medium, mean over its tissue part"),
    ("dose_to_water", "dose_to_water", "dose to water from the fluence in the medium"),
    (
        "primary_dose_to_medium",
        "primary_dose",
        "part of dose from photons that have not interacted since their seed",
    ),
    (
        "deposited_energy_dose",
        "deposited_energy_dose",
        "dose to the voxel's medium by the analogue estimator, energy that interactions leave over mass",
    ),
)
_SUMS = {
    "total": "sum over batches",
    "square_high": "upper 64 bits of the sum over batches of squares",
    "square_low": "lower 64 bits of the sum over batches of squares",
}
GRID = ("x", "y", "z")
FloatArray = NDArray[np.float64]
TABLE_STD_DEV = "water_table_std_dev_per_history"
Add = Callable[..., None]
# Correlated sampling follows photons through water: it does not tell where the patient keeps the energy.
BALANCE_OF_CORRELATED = BALANCE_TERMS[:1]


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
    overflowed = sum(sums.overflowed for sums in result.all_sums())
    if overflowed:
        raise OverflowError(
            f"sum of {overflowed} tallies is above 2^62 quanta of 2^-32 keV cm³/g, expected below (sums are 64-bit "
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
        correlated = result.settings.get("variance_reduction") == "correlated"
        fates = BALANCE_OF_CORRELATED if correlated else BALANCE_TERMS
        add("fate", list(fates), ("fate",), "1", "what became of the energy")
        add("quantity", list(result.quantities), ("quantity",), "1", "what is scored")
        for quantity, name, what in _DOSES:
            if quantity not in result.quantities:
                continue
            add(name, result.dose(quantity), GRID, "Gy", f"{what}, to full decay")
            add(f"{name}_std_dev", result.dose_std_dev(quantity), GRID, "Gy", f"type A uncertainty of {name}")
        add("tissue_fraction", result.tissue_fraction, GRID, "1", "share of the voxel outside all seeds")
        add("medium", result.medium, GRID, "1", "index into the media named in the settings")
        add("density", result.density, GRID, "g/cm3", "mass density")
        _add_sums(
            add,
            "",
            result.sums,
            ("quantity", *GRID),
            "keV cm3/g",
            "energy x path x mu_en/rho x relative strength",
        )
        if result.seed_sums is not None:
            _add_seed_dose(add, result)
        if result.spectra is not None:
            _add_spectra(add, result, result.spectra)
        if result.water_table_std_dev is not None:
            what = "type A uncertainty of dose per history from the water table's noise, at most; common to voxels"
            add(TABLE_STD_DEV, result.water_table_std_dev, GRID, "Gy", what)
        if result.water_superposition is not None:
            _add_difference(add, result, result.water_superposition)
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
            result.balance[: len(fates)],
            ("fate",),
            "2^-16 keV",
            "energy by fate, weighted with relative strengths",
        )
        # Times differ from run to run: they stand outside the content that is compared.
        run = file.create_group("run")
        for key, value in result.run_facts.items():
            run.attrs[key] = value


def _add_sums(add: Add, prefix: str, sums: ExactSums, dims: tuple[str, ...], unit: str, what: str) -> None:
    for name, description in _SUMS.items():
        units = f"2^-32 {unit}" if name == "total" else f"2^-64 ({unit})^2"
        add(f"{prefix}{name}", getattr(sums, name), dims, units, f"{description}: {what}")


def _read_sums(file: h5py.File, prefix: str) -> ExactSums:
    return ExactSums(*(file[f"{prefix}{name}"][()] for name in _SUMS))


def _add_seed_dose(add: Add, result: Result) -> None:
    dims = ("seed", *GRID)
    what = "dose to the voxel's medium from the photons of each seed, to full decay"
    add("seed_dose", result.seed_dose().astype(np.float32), dims, "Gy", what)
    std_dev = result.seed_dose_std_dev().astype(np.float32)
    add("seed_dose_std_dev", std_dev, dims, "Gy", "type A uncertainty of seed_dose")
    assert result.seed_sums is not None
    what = "energy x path x mu_en/rho x relative strength, photons of each seed"
    _add_sums(add, "seed_", result.seed_sums, dims, "keV cm3/g", what)


def _add_difference(add: Add, result: Result, per_history: tuple[FloatArray, FloatArray]) -> None:
    difference, superposition = result.difference_to_water()
    where = "each seed alone in infinite water, from the table of one seed"
    add(
        "water_superposition_dose",
        superposition,
        GRID,
        "Gy",
        f"dose to full decay, {where}; NaN where not known",
    )
    std_dev = per_history[1] * result.scale.dose_per_history
    what = "type A uncertainty of water_superposition_dose, at most, common to many voxels"
    add("water_superposition_dose_std_dev", std_dev, GRID, "Gy", what)
    what = "dose minus water_superposition_dose; its own type A uncertainty is dose_std_dev"
    add("difference_to_water", difference, GRID, "Gy", what)
    what = f"dose from one emitted photon of every seed, {where}"
    add("water_superposition_per_history", per_history[0], GRID, "Gy", what)
    what = "type A uncertainty of water_superposition_per_history"
    add("water_superposition_per_history_std_dev", per_history[1], GRID, "Gy", what)


def _read_difference(file: h5py.File) -> tuple[FloatArray, FloatArray] | None:
    if "water_superposition_per_history" not in file:
        return None
    name = "water_superposition_per_history"
    return file[name][()], file[f"{name}_std_dev"][()]


def _add_spectra(add: Add, result: Result, spectra: RegionSpectra) -> None:
    n, histories = result.batch_count, result.scale.histories_per_batch_and_seed
    dims = ("region", "energy")
    add("region", list(spectra.names), ("region",), "1", "structure or medium")
    centre = 0.5 * (spectra.energy[1:] + spectra.energy[:-1])
    add("energy", centre, ("energy",), "keV", "centre of the energy bin")
    add("energy_edge", spectra.energy, ("edge",), "keV", "edges of the energy bins")
    add("region_volume", spectra.volume, ("region",), "cm3", "tissue volume of the region")
    what = (
        "energy fluence per energy interval and emitted photon of every seed, mean over the region's tissue"
    )
    add("energy_fluence", spectra.per_history(n, histories), dims, "cm-2", what)
    std_dev = spectra.per_history_std_dev(n, histories)
    add("energy_fluence_std_dev", std_dev, dims, "cm-2", "type A uncertainty of energy_fluence")
    _add_sums(add, "spectrum_", spectra.sums, dims, "keV cm", "energy x path x relative strength")


def _read_spectra(file: h5py.File) -> RegionSpectra:
    return RegionSpectra(
        tuple(file["region"].asstr()[()]),
        file["region_volume"][()],
        file["energy_edge"][()],
        _read_sums(file, "spectrum_"),
    )


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
            quantities=tuple(file["quantity"].asstr()[()]),
            sums=_read_sums(file, ""),
            group_voxels=file["group_voxel"][()],
            group_total=file["group_total"][()],
            balance=np.pad(kept := file["balance"][()], (0, len(BALANCE_TERMS) - len(kept))),
            batches=[(int(a), int(b)) for a, b in file.attrs["batches"]],
            seed_sums=_read_sums(file, "seed_") if "seed_total" in file else None,
            spectra=_read_spectra(file) if "energy_fluence" in file else None,
            water_superposition=_read_difference(file),
            water_table_std_dev=file[TABLE_STD_DEV][()] if TABLE_STD_DEV in file else None,
            run_facts={key: float(value) for key, value in file["run"].attrs.items()},
        )
        return result, str(file.attrs["case_digest"])
