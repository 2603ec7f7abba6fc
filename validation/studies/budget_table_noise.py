"""How much the noise of a simulated TG-43 table makes of a dose."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tg43 import SourceData, dose_rate
from validation.case import Implant

FloatArray = NDArray[np.float64]

#: Tables drawn; the standard uncertainty they give is known to 1/√(2 n), 18 %.
REPLICAS = 16
_SEED = 43


def table_document(source: SourceData) -> Mapping[str, Any] | None:
    """File of a packaged table with its uncertainties, or None.

    Examples
    --------
    >>> from tg43 import load_source
    >>> table_document(load_source("6711", "monte_carlo"))["dose_rate_constant_std_dev"] > 0
    True
    """
    for entry in resources.files("tg43").joinpath("data").iterdir():
        if entry.name.endswith(".json"):
            document = json.loads(entry.read_text(encoding="utf-8"))
            if isinstance(document, dict) and document.get("name") == source.name:
                return document
    return None


def table_replicas(
    source: SourceData, document: Mapping[str, Any], count: int = REPLICAS
) -> list[SourceData]:
    """Tables with every value drawn from its stated type A uncertainty, all independent.

    Λ and g_L share the noise of the dose at 1 cm, with opposite sign; taken as independent they give a dose more noise
    than it has.

    Parameters
    ----------
    source : SourceData
        The table.
    document : mapping
        Its file, with ``dose_rate_constant_std_dev``, ``g_L_std_dev`` and ``F_std_dev``; 0 where they are missing.
    count : int
        How many.

    Returns
    -------
    list of SourceData
        The same every time.
    """
    rng = np.random.default_rng(_SEED)
    g_std_dev = np.asarray(document.get("radial_dose_function", {}).get("g_L_std_dev", 0.0))
    f_std_dev = np.asarray(document.get("anisotropy_function", {}).get("F_std_dev", 0.0))
    constant_std_dev = float(document.get("dose_rate_constant_std_dev", 0.0))

    def drawn(value: FloatArray, std_dev: FloatArray) -> FloatArray:
        noise = rng.standard_normal(value.shape) * std_dev
        # A value beside the axis may be known to some ten per cent only; it stays positive.
        return np.asarray(np.maximum(value + noise, 0.1 * value))

    return [
        replace(
            source,
            dose_rate_constant=source.dose_rate_constant + constant_std_dev * rng.standard_normal(),
            radial_dose=drawn(source.radial_dose, g_std_dev),
            radial_dose_point=np.empty(0),
            anisotropy=drawn(source.anisotropy, f_std_dev),
        )
        for _ in range(count)
    ]


def replica_ratios(
    points: FloatArray, implant: Implant, source: SourceData, replicas: list[SourceData], threads: int
) -> FloatArray:
    """Dose by each drawn table over that by the table itself.

    Parameters
    ----------
    points : ndarray, shape (m, 3)
        cm.
    implant : Implant
        Seeds.
    source : SourceData
        The table.
    replicas : list of SourceData
        From `table_replicas`.
    threads : int
        Threads.

    Returns
    -------
    ndarray, shape (len(replicas), m)
        Ratios.
    """
    seeds = implant.positions, implant.axes, implant.air_kerma_strengths
    reference, *drawn = (
        dose_rate(points, *seeds, table, method="fast", threads=threads) for table in (source, *replicas)
    )
    return np.array([dose / reference for dose in drawn])
