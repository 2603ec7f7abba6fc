"""Seeds and needles as the views draw them: where, how long, how thick."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from validation.case.implant import SEED_DIAMETER, SEED_LENGTH
from validation.studies.compare import Comparison

FloatArray = NDArray[np.float64]


def seed_views(comparison: Comparison) -> dict[str, object]:
    """Seeds of a comparison, for the browser.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    dict
        Places and directions, strengths [U], needles (−1 if unknown), and ``length`` and ``diameter`` [cm]: those of
        the seed model, or the nominal ones of I-125 seeds, marked ``nominal``, where the file does not hold them.
    """
    data = comparison.data
    known = "seed_length_cm" in data.attrs
    return {
        "number": [int(v) for v in data.seed.values],
        "position": _rounded(data.seed_position.values, 4),
        "axis": _rounded(data.seed_axis.values, 5),
        "strength": [round(float(v), 4) for v in data.seed_air_kerma_strength.values],
        "needle": [int(v) for v in data.seed_needle.values],
        "length": float(data.attrs.get("seed_length_cm", SEED_LENGTH)),
        "diameter": float(data.attrs.get("seed_diameter_cm", SEED_DIAMETER)),
        "nominal": not known,
        "model": str(data.attrs["seed_model"]),
    }


def needle_views(comparison: Comparison) -> list[dict[str, object]]:
    """Needles of a comparison: entry and tip where the case knows them, else a line through the needle's seeds.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    list of dict
        ``number``, ``seeds`` (how many), ``entry`` and ``tip`` [cm], and ``known``: whether these are the needle's own,
        or only the outer ends of its first and last seed.
    """
    data = comparison.data
    numbers = data.seed_needle.values
    table = data["needle"].values if "needle_entry" in data else np.zeros(0, np.int64)
    needles: list[dict[str, object]] = []
    for number in np.unique(np.concatenate([table, numbers[numbers >= 0]])):
        own = numbers == number
        if number in table:
            row = data.sel(needle=number)
            ends = np.stack([row.needle_entry.values, row.needle_tip.values])
        else:
            half = 0.5 * float(data.attrs.get("seed_length_cm", SEED_LENGTH))
            ends = _line_through(data.seed_position.values[own], data.seed_axis.values[own], half)
        entry, tip = _rounded(ends, 4)
        needles.append(
            {
                "number": int(number),
                "seeds": int(own.sum()),
                "entry": entry,
                "tip": tip,
                "known": bool(number in table),
            }
        )
    return needles


def _line_through(positions: FloatArray, axes: FloatArray, half: float) -> FloatArray:
    """Ends of the straight line of least squares through seeds, half a seed beyond the outermost; shape (2, 3)."""
    centre = positions.mean(axis=0)
    direction = axes[0]
    if len(positions) > 1:
        along = np.linalg.svd(positions - centre)[2][0]
        direction = along if along @ axes[0] >= 0 else -along
    places = (positions - centre) @ direction
    return np.stack([centre + (places.min() - half) * direction, centre + (places.max() + half) * direction])


def _rounded(values: NDArray[np.floating], digits: int) -> list[list[float]]:
    return [[round(float(v), digits) for v in row] for row in values]
