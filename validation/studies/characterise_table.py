"""A characterisation as a TG-43 table: the JSON file that `tg43.read_source` loads, uncertainties beside the values."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mcsim.hdf5_file import created_by
from mcsim.invalid_input import InvalidInput

FORMAT_VERSION = "1.0"
# F is given from this distance on; nearer, cells of some angles lie in every seed.
NEAREST_ANISOTROPY = 0.25  # cm
# Decimals of the tables: at least one more digit than any type A uncertainty worth having, 1e-4.
DECIMALS = 5
_INNER_LIST = re.compile(r"\[[-+0-9.eE,\s]*\]")


def tg43_document(characterisation: xr.Dataset, command: str = "") -> dict[str, Any]:
    """The TG-43 table of a characterisation, with the keys of the packaged seed data files.

    Points inside the seed are left out: g begins at the first distance outside it, F at the first distance at which
    every angle lies outside. F and φ_an of a seed that is not its own mirror image are means of both halves, as the
    formalism has it; the strength is the WAFAC one.

    Parameters
    ----------
    characterisation : xarray.Dataset
        From `characterise`.
    command : str
        What made it, kept in the table.

    Returns
    -------
    dict
        To be written as JSON; ``*_std_dev`` are type A standard uncertainties.

    Raises
    ------
    InvalidInput
        A value is zero or not a number where TG-43 needs one: too few histories.

    Examples
    --------
    >>> from tg43.source_data import source_from_document
    >>> from validation.studies.characterise import characterise
    >>> source = source_from_document(tg43_document(characterise("6711", 250_000, threads=2)))
    >>> source.name, source.active_length
    ('OncoSeed 6711 Monte Carlo', 0.3)
    """
    data = characterisation
    outside = np.isfinite(data.radial_dose_function_line.values)
    anisotropy = data.folded_anisotropy_function.values
    deviation = data.folded_anisotropy_function_std_dev.values
    rows = (data.r.values >= NEAREST_ANISOTROPY) & np.isfinite(anisotropy).all(axis=1)
    round_shells = np.isfinite(data.anisotropy_1d.values)
    constant = data.dose_rate_constant.sel(chamber="wafac")
    point = data.dose_rate_constant.sel(chamber="point")
    _refuse_empty(data, anisotropy[rows])
    return {
        "format_version": FORMAT_VERSION,
        "name": f"{data.attrs['seed_model']} Monte Carlo",
        "aliases": [data.attrs["seed_model"], *json.loads(data.attrs["seed_aliases"])],
        "derivation": "Monte Carlo",
        "radionuclide": data.attrs["radionuclide"],
        "half_life": float(data.attrs["half_life"]),
        "dose_rate_constant": _rounded(constant),
        "dose_rate_constant_std_dev": _rounded(data.dose_rate_constant_std_dev.sel(chamber="wafac")),
        "active_length": float(data.attrs["active_length"]),
        "capsule": {
            "length": float(data.attrs["seed_length"]),
            "radius": float(data.attrs["seed_radius"]),
            "ends": data.attrs["seed_ends"],
        },
        "radial_dose_function": {
            "r": data.r.values[outside].tolist(),
            "g_L": _rounded(data.radial_dose_function_line.values[outside]),
            "g_L_std_dev": _rounded(data.radial_dose_function_line_std_dev.values[outside]),
            "g_P": _rounded(data.radial_dose_function_point.values[outside]),
            "g_P_std_dev": _rounded(data.radial_dose_function_point_std_dev.values[outside]),
        },
        "anisotropy_function": {
            "r": data.r.values[rows].tolist(),
            "theta": data.theta_folded.values.tolist(),
            "F": _rounded(anisotropy[rows]),
            "F_std_dev": _rounded(deviation[rows]),
        },
        "anisotropy_factor": {
            "r": data.r.values[round_shells].tolist(),
            "phi_an": _rounded(data.anisotropy_1d.values[round_shells]),
            "phi_an_std_dev": _rounded(data.anisotropy_1d_std_dev.values[round_shells]),
        },
        "characterisation": {
            "command": command,
            "histories": int(data.attrs["histories"]),
            "air_kerma_strength_per_history": _by_chamber(data, "air_kerma_strength_per_history", 19),
            "dose_rate_constant": _by_chamber(data, "dose_rate_constant", DECIMALS),
            "mean_energy_leaving": round(float(data.mean_energy.sel(opening="all")), 3),
            "settings": json.loads(data.attrs["settings"]),
            "digests": {
                "all": data.attrs["settings_digest"],
                "seed": data.attrs["seed_digest"],
                "cross_sections": data.attrs["cross_section_digest"],
                "transport_code": data.attrs["code_digest"],
            },
        },
        "units": {
            "half_life": "d",
            "dose_rate_constant": "cGy h-1 U-1",
            "active_length": "cm",
            "capsule": "cm",
            "r": "cm",
            "theta": "deg",
            "g_L, g_P, F, phi_an": "1",
            "air_kerma_strength_per_history": "Gy cm2",
            "mean_energy_leaving": "keV",
            "std_dev": "that of the value: type A standard uncertainty",
        },
        "reference": f"Monte Carlo characterisation by {created_by()}, {data.attrs['histories']:.4g} histories",
        "doi": "",
        "provenance": [
            f"Seed: {data.attrs['source']}",
            f"Spectrum: {data.attrs['spectrum']}; strength by the WAFAC definition. With the strength at a point the "
            f"dose-rate constant is {float(point):.4f}.",
            f"Active length: {data.attrs['active_length_source']}.",
            *(
                ["F and phi_an are means of both halves of the seed, which is not its own mirror image."]
                if not data.attrs["mirror_symmetric"]
                else []
            ),
        ],
    }


def write_tg43_table(path: str | Path, document: dict[str, Any]) -> None:
    """Write a TG-43 table, whole or not at all."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(_as_text(document), encoding="utf-8")
    temporary.replace(path)


def _as_text(document: dict[str, Any]) -> str:
    """JSON with every list of numbers on one line."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return _INNER_LIST.sub(lambda found: "[" + " ".join(found.group()[1:-1].split()) + "]", text) + "\n"


def _by_chamber(data: xr.Dataset, name: str, decimals: int) -> dict[str, float]:
    return {
        f"{chamber}{suffix}": round(float(data[name + suffix].sel(chamber=chamber)), decimals)
        for chamber in data.chamber.values.tolist()
        for suffix in ("", "_std_dev")
    }


def _rounded(values: Any) -> Any:
    return np.round(np.asarray(values, dtype=np.float64), DECIMALS).tolist()


def _refuse_empty(data: xr.Dataset, anisotropy: Any) -> None:
    g = data.radial_dose_function_line.values
    empty = int((~(anisotropy > 10.0**-DECIMALS)).sum() + (g[np.isfinite(g)] <= 10.0**-DECIMALS).sum())
    if empty:
        raise InvalidInput(
            f"histories of the characterisation is {data.attrs['histories']:.4g}, expected more ({empty} cells of the "
            f"TG-43 tables met no photon). Raise the number of histories."
        )
