"""Part of a comparison: photon spectra of the structures beside the lines that the seeds emit."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from mcsim.seed_model import load_seed_model
from validation.case import Case
from validation.studies.dataset_file import put

_PER_PHOTON = (
    "energy fluence per energy interval and emitted photon of every seed, mean over the structure's tissue"
)


def add_spectra(data: xr.Dataset, case: Case, monte_carlo: xr.Dataset) -> None:
    """Add the spectrum and the mean photon energy of every structure, where the result has kept spectra.

    A voxel belongs to a structure here if at least half of it lies inside.

    Parameters
    ----------
    data : xr.Dataset
        A comparison; changed in place.
    case : Case
        The case, for the model of its seeds.
    monte_carlo : xr.Dataset
        Monte Carlo result, perhaps with ``energy_fluence``.
    """
    if "energy_fluence" not in monte_carlo:
        return
    energy = monte_carlo.photon_energy
    units, description = (str(energy.attrs[name]) for name in ("units", "description"))
    put(data, "photon_energy", ("photon_energy",), energy.to_numpy(), units=units, description=description)
    of_structures = monte_carlo.reindex(region=data.structure.to_numpy())
    for name, dims, units, description in (
        ("energy_fluence", ("structure", "photon_energy"), "cm-2", _PER_PHOTON),
        (
            "energy_fluence_std_dev",
            ("structure", "photon_energy"),
            "cm-2",
            "type A standard uncertainty of energy_fluence",
        ),
        (
            "mean_photon_energy",
            ("structure",),
            "keV",
            "mean energy of the photons in the structure, by fluence",
        ),
        (
            "mean_photon_energy_std_dev",
            ("structure",),
            "keV",
            "type A standard uncertainty of mean_photon_energy",
        ),
    ):
        put(data, name, dims, of_structures[name].to_numpy(), units=units, description=description)
    settings = json.loads(str(monte_carlo.attrs.get("settings", "{}")))
    spectrum = load_seed_model(case.implant.engine_model, settings.get("spectrum") or None).spectrum
    put(
        data, "emission_energy", ("emission_energy",), np.array(spectrum.energy_kev), units="keV",
        description=f"photon line of {spectrum.radionuclide}",
    )  # fmt: skip
    put(
        data, "emission_per_decay", ("emission_energy",), np.array(spectrum.photons_per_decay), units="1",
        description="photons of the line per decay, before they leave the seed",
    )  # fmt: skip
    data.attrs["emission_source"] = spectrum.source
