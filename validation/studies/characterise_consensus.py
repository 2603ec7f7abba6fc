"""A characterisation beside the consensus TG-43 table of the same seed."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tg43 import SourceData, geometry_function, load_source
from tg43.invalid_input import InvalidInput
from validation.studies.dataset_file import put


def consensus_source(model: str) -> SourceData | None:
    """The packaged consensus table of a seed model; nothing where there is none.

    Examples
    --------
    >>> consensus_source("OncoSeed 6711").dose_rate_constant
    0.965
    >>> consensus_source("my seed") is None
    True
    """
    try:
        return load_source(model, "consensus")
    except InvalidInput:
        return None


def beside_consensus(characterisation: xr.Dataset, source: SourceData) -> xr.Dataset:
    """Consensus values and ours at the points of the consensus table.

    g_L of the consensus is brought to the active length of the characterisation,

        g'_L(r) = g_L(r) · G_L(r)/G_L(1 cm) (consensus length) / [G_L(r)/G_L(1 cm)] (ours),

    and ours is interpolated where the table has other points: ln g_L linearly in r, F in r and θ.

    Parameters
    ----------
    characterisation : xarray.Dataset
        From `characterise`.
    source : SourceData
        Consensus table.

    Returns
    -------
    xarray.Dataset
        ``radial_dose_function_line`` and ``consensus_radial_dose_function_line`` over ``consensus_r``,
        ``anisotropy_function`` and ``consensus_anisotropy_function`` over (``consensus_anisotropy_r``,
        ``consensus_theta`` in degrees); the attributes ``dose_rate_constant`` (of the consensus), ``source`` and
        ``reference``.

    Examples
    --------
    >>> from validation.studies.characterise import characterise
    >>> table = beside_consensus(characterise("6711", 250_000, threads=2), load_source("6711"))
    >>> table.attrs["dose_rate_constant"]
    0.965
    """
    length = float(characterisation.attrs["active_length"])
    r = source.radial_distances
    change = (
        _relative_geometry(r, source.active_length) / _relative_geometry(r, length)
    ) * source.radial_dose
    known = characterisation.radial_dose_function_line.dropna("r")
    g = np.exp(np.interp(r, known.r.values, np.log(known.values), left=np.nan, right=np.nan))
    theta = np.rad2deg(source.anisotropy_angles)
    anisotropy = characterisation.anisotropy_function.interp(r=source.anisotropy_distances, theta=theta)
    table = xr.Dataset()
    put(table, "consensus_r", ("consensus_r",), r, units="cm", description="distances of g_L in the table")
    put(
        table, "consensus_anisotropy_r", ("consensus_anisotropy_r",), source.anisotropy_distances, units="cm",
        description="distances of F in the table",
    )  # fmt: skip
    put(
        table,
        "consensus_theta",
        ("consensus_theta",),
        theta,
        units="deg",
        description="angles of F in the table",
    )
    axes = ("consensus_anisotropy_r", "consensus_theta")
    for name, dims, ours, theirs, meaning in (
        ("radial_dose_function_line", ("consensus_r",), g, change, "g_L"),
        ("anisotropy_function", axes, anisotropy.values, source.anisotropy, "F"),
    ):
        put(table, name, dims, ours, units="1", description=f"{meaning}, Monte Carlo")
        put(table, f"consensus_{name}", dims, theirs, units="1", description=f"{meaning}, consensus")
    table.attrs.update(
        source=source.name, reference=source.reference, dose_rate_constant=source.dose_rate_constant
    )
    return table


def _relative_geometry(r: np.ndarray, length: float) -> np.ndarray:
    return np.asarray(geometry_function(r, np.pi / 2, length) / geometry_function(1.0, np.pi / 2, length))
