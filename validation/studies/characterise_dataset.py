"""A characterisation as a labelled data set and its HDF5 file (``seedmc-characterisation``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.characterisation import SeedTally
from mcsim.seed_model import SeedModel
from validation.studies.characterise_lines import fluorescence_groups, line_origins
from validation.studies.characterise_points import AWAY, RADII
from validation.studies.characterise_quantities import Estimate, along_coordinate
from validation.studies.dataset_file import put, read_dataset, write_dataset

FILETYPE, FORMAT_VERSION = "seedmc-characterisation", "1.1"

DOSE_RATE_CONSTANT_UNIT = "cGy h-1 U-1"
# name: dimensions, unit, meaning
QUANTITIES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "air_kerma_strength_per_history": (("chamber",), "Gy cm2", "air-kerma strength per emitted photon, above 5 keV"),
    "dose_rate_constant": (("chamber",), DOSE_RATE_CONSTANT_UNIT, "dose rate at 1 cm, 90 degrees, over the strength"),
    "radial_dose_function_line": (("r",), "1", "g_L(r) with the line-source geometry function of length active_length"),
    "radial_dose_function_point": (("r",), "1", "g_P(r) with the geometry function 1/r^2"),
    "anisotropy_function": (("r", "theta"), "1", "2D anisotropy function F(r, theta); nan in the seed"),
    "folded_anisotropy_function": (("r", "theta_folded"), "1", "F(r, theta), mean of both halves of the seed"),
    "anisotropy_1d": (("r",), "1", "1D anisotropy function phi_an(r); nan where the sphere cuts the seed"),
    "along_away_dose_rate": (
        ("away", "along"), DOSE_RATE_CONSTANT_UNIT, "dose rate per strength (wafac) at points about the seed; nan in it"
    ),
    "photons_per_history": (("opening",), "1", "photons above 5 keV leaving the seed, per emitted photon"),
    "mean_energy": (("opening",), "keV", "mean energy of the photons above 5 keV leaving the seed"),
    "spectrum": (("energy",), "1", "photons leaving the seed per emitted photon and energy bin"),
    "spectrum_in_aperture": (("energy",), "1", "the same, of photons that pass the wafac aperture"),
    "line_photons": (("line",), "1", "photons leaving with the energy of a line, per emitted photon"),
    "line_photons_in_aperture": (("line",), "1", "the same, of photons that pass the wafac aperture"),
    "fluorescence_photons": (
        ("fluorescence",), "1", "photons that leave as fluorescence (not Compton-scattered since), per emitted photon"
    ),
    "fluorescence_share_of_strength": (
        ("fluorescence",), "1", "part of the air-kerma strength (wafac) that this fluorescence makes"
    ),
}  # fmt: skip


def characterisation_dataset(
    seed: SeedModel, tally: SeedTally, estimate: Estimate, theta: NDArray[np.float64]
) -> xr.Dataset:
    """Label the quantities of a seed.

    Parameters
    ----------
    seed : SeedModel
        The seed.
    tally : SeedTally
        Its tallies, for the spectrum's bins and lines.
    estimate : Estimate
        The quantities.
    theta : ndarray, shape (n,)
        Polar angles, degrees.

    Returns
    -------
    xarray.Dataset
        Every quantity and ``<name>_std_dev``, its type A standard uncertainty.
    """
    dataset = xr.Dataset()
    edges = tally.spectrum_edges
    groups, _ = fluorescence_groups(seed, tally.line_energy)
    for name, values, unit, meaning in (
        ("chamber", ["wafac", "point"], "1", "aperture of 7.6 degrees; voxel of 1 x 1 x 0.5 mm at 10 cm"),
        ("opening", ["all", "wafac"], "1", "all photons, or those that pass the aperture of 7.6 degrees"),
        ("r", RADII, "cm", "distance from the seed's middle"),
        ("theta", theta, "deg", "polar angle from the seed's axis"),
        ("theta_folded", theta[theta <= 90.0], "deg", "polar angle from the nearer end of the seed's axis"),
        ("away", AWAY, "cm", "distance from the seed's axis"),
        (
            "along",
            along_coordinate(seed.mirror_symmetric),
            "cm",
            "height along the seed's axis from its middle",
        ),
        ("energy", 0.5 * (edges[1:] + edges[:-1]), "keV", "middle of an energy bin"),
        ("line", tally.line_energy, "keV", "energy of an emitted or a fluorescence line"),
        ("fluorescence", groups, "1", "element and shell of fluorescence in the seed"),
    ):
        put(dataset, name, (name,), values, units=unit, description=meaning)
    put(
        dataset, "line_origin", ("line",), line_origins(seed, tally.line_energy), units="1",
        description="radionuclide of an emitted line, element and shell of a fluorescence line",
    )  # fmt: skip
    for name, (dims, unit, meaning) in QUANTITIES.items():
        put(dataset, name, dims, estimate.value[name], units=unit, description=meaning)
        put(
            dataset, f"{name}_std_dev", dims, estimate.std_dev[name], units=unit,
            description=f"type A standard uncertainty of {name}",
        )  # fmt: skip
    flat = any(
        solid.name == seed.outer and abs(z) == seed.half_length and solid.radius_squared(np.array(z)) > 0.0
        for solid in seed.solids
        for z in (solid.z_min, solid.z_max)
    )
    dataset.attrs.update(
        seed_model=seed.name,
        source=seed.source,
        radionuclide=seed.spectrum.radionuclide,
        half_life=seed.spectrum.half_life_d,
        spectrum=seed.spectrum.name,
        seed_digest=seed.digest(),
        mirror_symmetric=seed.mirror_symmetric,
        seed_length=2.0 * seed.half_length,
        seed_radius=seed.radius,
        seed_ends="flat" if flat else "hemispherical",
    )
    return dataset


def write_characterisation(path: str | Path, dataset: xr.Dataset) -> None:
    """Write a characterisation (``seedmc-characterisation``), whole or not at all."""
    write_dataset(path, FILETYPE, FORMAT_VERSION, dataset)


def read_characterisation(path: str | Path) -> xr.Dataset:
    """Read a characterisation; `InvalidInput` if the file is not a complete one."""
    return read_dataset(path, FILETYPE, 1)
