"""Gamma index of every pair of doses of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.evaluate.dvh import part_volumes
from validation.evaluate.gamma import gamma_index
from validation.studies.comparison_doses import ComparedDoses
from validation.studies.comparison_voxels import label_of
from validation.studies.dataset_file import put

_GRID = ("x", "y", "z")
#: Below this part of the prescription, %, gamma is not asked for: it is no dose to a structure that matters.
LOWEST_DOSE = 20.0


@dataclass(frozen=True)
class Criterion:
    """What gamma tolerates: dose in % of the prescription, distance in cm."""

    percent: float
    distance: float

    @property
    def name(self) -> str:
        """As printed."""
        return f"{self.percent:g} % / {10 * self.distance:g} mm"


#: The last one is searched and kept as a map; with both tolerances k times as large, gamma is 1/k of it.
CRITERIA = (Criterion(3.0, 0.3), Criterion(2.0, 0.2))
_LARGEST = 2.0
# Points 0.13 mm apart: beside seeds, where dose halves within a millimetre, steps of 0.3 mm fail voxels that pass.
_STEPS = 15


def pairs(engines: tuple[str, ...]) -> list[tuple[str, str]]:
    """Pairs of doses, judged and reference.

    Examples
    --------
    >>> pairs(("monte_carlo", "tg43", "imported"))
    [('monte_carlo', 'tg43'), ('monte_carlo', 'imported'), ('imported', 'tg43')]
    >>> pairs(("imported", "tg43"))
    [('imported', 'tg43')]
    """
    first, second, *third = engines
    return [(first, second), *((first, other) for other in third), *((other, second) for other in third)]


def add_gamma(data: xr.Dataset, doses: ComparedDoses) -> None:
    """Add gamma maps and pass rates.

    Parameters
    ----------
    data : xr.Dataset
        Doses and structures of a comparison; changed in place.
    doses : ComparedDoses
        The doses.
    """
    found = pairs(doses.engines)
    names = [f"{label_of(one, data)} against {label_of(other, data)}" for one, other in found]
    put(
        data,
        "pair",
        ("pair",),
        np.array(names, dtype=object),
        units="1",
        description="a dose and the one it is judged against",
    )
    put(
        data,
        "gamma_criterion",
        ("gamma_criterion",),
        np.array([criterion.name for criterion in CRITERIA], dtype=object),
        units="1",
        description="tolerated difference of dose in % of the prescription (global), and distance",
    )
    body = _body(data)
    maps, rates, parts = [], [], []
    for one, other in found:
        gamma = _gamma(data, one, other, body)
        gammas = [gamma * (CRITERIA[-1].percent / criterion.percent) for criterion in CRITERIA]
        maps.append(gammas[-1])
        rates.append([_pass_rate(gamma, np.ones_like(gamma)) for gamma in gammas])
        parts.append([[_pass_rate(gamma, volume) for volume in _volumes(data)] for gamma in gammas])
    put(
        data,
        "gamma",
        ("pair", *_GRID),
        np.array(maps, dtype=np.float32),
        units="1",
        description=f"gamma index, {CRITERIA[-1].name} global, at most {_LARGEST:g}; NaN outside the body and "
        f"below {LOWEST_DOSE:g} % of the prescription",
    )
    put(
        data,
        "gamma_pass_rate",
        ("pair", "gamma_criterion"),
        np.array(rates),
        units="%",
        description=f"part of the body's voxels above {LOWEST_DOSE:g} % of the prescription with gamma of 1 or less",
    )
    put(
        data,
        "gamma_pass_rate_in_structure",
        ("pair", "gamma_criterion", "structure"),
        np.array(parts),
        units="%",
        description="the same by volume of a structure; NaN where none of it is judged",
    )


def _body(data: xr.Dataset) -> NDArray[np.bool_] | None:
    outline = data.structure_role.to_numpy() == "external"
    return np.asarray(data.structure_fraction.to_numpy()[outline][0] >= 0.5) if outline.any() else None


def _gamma(data: xr.Dataset, one: str, other: str, body: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Gamma of the tightest criterion."""
    axes = [data[axis].to_numpy() for axis in _GRID]
    return gamma_index(
        axes,
        data[f"dose_{other}"].to_numpy(),
        axes,
        data[f"dose_{one}"].to_numpy(),
        dose_percent=CRITERIA[-1].percent,
        distance=CRITERIA[-1].distance,
        normalisation=float(data.attrs["prescription_dose_gy"]),
        lower_dose_cut_off=LOWEST_DOSE,
        mask=body,
        max_gamma=_LARGEST,
        interpolation_fraction=_STEPS,
    ).gamma


def _volumes(data: xr.Dataset) -> list[NDArray[np.float64]]:
    x, y, z = (data[axis].to_numpy() for axis in _GRID)
    return [part_volumes(x, y, z, f, data.tissue_fraction) for f in data.structure_fraction.to_numpy()]


def _pass_rate(gamma: NDArray[np.float64], volume: NDArray[np.float64]) -> float:
    judged = np.isfinite(gamma) & (volume > 0)
    if not judged.any():
        return float("nan")
    return float(100 * np.average(gamma[judged] <= 1.0, weights=volume[judged]))
