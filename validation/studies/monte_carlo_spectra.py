"""Energy-fluence spectra of a Monte Carlo result in bins that a figure can show."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.result import Result
from validation.studies.dataset_file import put

FloatArray = NDArray[np.float64]

#: Width of the bins, keV: wide enough that every bin holds many photons, and lines a keV apart stay apart.
BIN_KEV = 0.25


def add_region_spectra(dataset: xr.Dataset, result: Result) -> None:
    """Add the spectra of the structures and media, if they were scored.

    Noise of different energies is taken as independent. Between batches of the built-in neck case the standard
    deviations found so are within 5 % of the observed ones for a bin, and within 15 % for the mean energy: a photon
    counts in one bin per flight, and the copies of a history that all seeds emit have one energy.

    Parameters
    ----------
    dataset : xr.Dataset
        Monte Carlo dose; changed in place. Gets ``energy_fluence`` over (region, photon_energy) in cm⁻², per emitted
        photon of every seed, and ``mean_photon_energy`` over (region) in keV, each with its ``_std_dev``.
    result : Result
        The result.
    """
    if result.spectra is None:
        return
    spectra, per_batch = result.spectra, result.scale.histories_per_batch_and_seed
    fluence = spectra.per_history(result.batch_count, per_batch)
    std_dev = spectra.per_history_std_dev(result.batch_count, per_batch)
    fine = float(np.diff(spectra.energy).mean())
    count = round(BIN_KEV / fine)
    put(
        dataset, "region", ("region",), np.array(spectra.names, dtype=object), units="1",
        description="structure or medium",
    )  # fmt: skip
    put(
        dataset, "photon_energy", ("photon_energy",), binned(0.5 * (spectra.energy[1:] + spectra.energy[:-1]), count),
        units="keV", description=f"centre of a bin of {BIN_KEV:g} keV",
    )  # fmt: skip
    what = "energy fluence per energy interval and emitted photon of every seed"
    for name, values, description in (
        ("energy_fluence", binned(fluence, count), what),
        (
            "energy_fluence_std_dev",
            np.sqrt(binned(std_dev**2, count) / count),
            "its type A standard uncertainty",
        ),
    ):
        put(dataset, name, ("region", "photon_energy"), values, units="cm-2", description=description)
    energy, u = mean_energy(spectra.energy, fluence, std_dev)
    for name, values, description in (
        ("mean_photon_energy", energy, "mean energy of the photons, by fluence"),
        ("mean_photon_energy_std_dev", u, "its type A standard uncertainty"),
    ):
        put(dataset, name, ("region",), values, units="keV", description=description)


def binned(values: FloatArray, count: int) -> FloatArray:
    """Means over `count` neighbours along the last axis; what is left over at its end goes.

    Examples
    --------
    >>> binned(np.array([1.0, 3.0, 5.0, 7.0, 9.0]), 2)
    array([2., 6.])
    """
    whole = values.shape[-1] // count * count
    return np.asarray(values[..., :whole].reshape(*values.shape[:-1], -1, count).mean(axis=-1))


def mean_energy(edges: FloatArray, fluence: FloatArray, std_dev: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Mean photon energy by fluence, and its uncertainty.

    .. math::
        \bar E = \frac{\sum_i \Psi_i}{\sum_i \Psi_i / E_i}, \qquad
        u^2 = \frac{\sum_i (1 - \bar E / E_i)^2 u_i^2}{\left(\sum_i \Psi_i / E_i\right)^2}

    with the energy fluence :math:`\Psi_i` of bin :math:`i`, and the noise of the bins independent.

    Parameters
    ----------
    edges : (bins + 1,) array
        Edges of the bins, keV.
    fluence, std_dev : (regions, bins) array
        Energy fluence per energy interval and its standard uncertainty, cm⁻².

    Returns
    -------
    energy, std_dev : (regions,) array
        In keV; NaN where there is no fluence.

    Examples
    --------
    >>> edges, fluence = np.array([9.0, 11.0, 39.0, 41.0]), np.array([[10.0, 0.0, 40.0]])
    >>> mean_energy(edges, fluence, np.array([[1.0, 0.0, 0.0]]))
    (array([25.]), array([0.75]))
    """
    energy, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    photons = (fluence * width / energy).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (fluence * width).sum(axis=-1) / photons
        spread = (((1.0 - mean[:, None] / energy) * width * std_dev) ** 2).sum(axis=-1)
        return mean, np.sqrt(spread) / photons
