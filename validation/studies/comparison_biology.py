"""Simple biology of the target's dose in a comparison: models with stated parameters, to rank doses by."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.evaluate.biology import (
    equivalent_dose_2gy,
    equivalent_uniform_dose,
    survival_equivalent_uniform_dose,
)
from validation.evaluate.biology_dose import biologically_effective_dose
from validation.evaluate.dvh import dose_volume_histogram, part_volumes
from validation.evaluate.half_samples import half_sample_doses, type_a
from validation.evaluate.indices import structure_voxels
from validation.studies.comparison_structure import group_doses, group_weights
from validation.studies.dataset_file import put

FloatArray = NDArray[np.float64]

_GRID = ("x", "y", "z")
# BED is a smooth function of dose: between so many doses straight lines are right to 1e-4.
_NODES = 200


@dataclass(frozen=True)
class BiologyParameters:
    """Parameters of the models.

    Attributes
    ----------
    alpha : float
        α, 1/Gy.
    alpha_beta : float
        α/β, Gy.
    repair_half_time_h : float
        Of sublethal damage, h.
    doubling_time_d : float
        Of clonogens, d.
    volume_parameter : float
        a of the generalised equivalent uniform dose.
    source : str
        Where they are from.
    """

    alpha: float = 0.15
    alpha_beta: float = 3.0
    repair_half_time_h: float = 0.27
    doubling_time_d: float = 42.0
    volume_parameter: float = -10.0
    source: str = (
        "TG-137 for the prostate, Nath et al., Med. Phys. 36, 5310 (2009), doi:10.1118/1.3246613; a = −10 as an "
        "example for a target"
    )


#: Quantities, each in Gy, with what they are.
QUANTITIES = (
    ("gEUD", "generalised equivalent uniform dose"),
    ("BED of D90", "biologically effective dose of the D90, with repair and repopulation during decay"),
    ("EQD2 of D90", "dose in fractions of 2 Gy with the BED of the D90"),
    ("EUBED", "uniform BED that leaves as many cells alive"),
    ("EQD2 of EUBED", "dose in fractions of 2 Gy, the same in the whole target, with the EUBED"),
)


def add_biology(
    data: xr.Dataset, monte_carlo: xr.Dataset | None = None, parameters: BiologyParameters | None = None
) -> None:
    """Add the models' numbers of the target for every dose that covers it.

    Parameters
    ----------
    data : xr.Dataset
        Doses, structures and indices of a comparison; changed in place.
    monte_carlo : xr.Dataset, optional
        Monte Carlo result; with its group doses the type A uncertainty of the numbers is known.
    parameters : BiologyParameters, optional
        Default: TG-137's for the prostate.
    """
    p = parameters or BiologyParameters()
    target = str(data.attrs["prescription_target"])
    place = [str(name) for name in data.structure.to_numpy()].index(target)
    x, y, z = (data[axis].to_numpy() for axis in _GRID)
    volume = part_volumes(x, y, z, data.structure_fraction.to_numpy()[place], data.tissue_fraction).ravel()
    inside = np.flatnonzero(volume > 0)
    rows = []
    for engine in data.engine.to_numpy():
        d90 = float(data.index_value.sel(structure=target, index="D90", engine=engine))
        dose = np.nan_to_num(data[f"dose_{engine}"].to_numpy().ravel()[inside].astype(np.float64))
        rows.append(_quantities(dose, volume[inside], d90, float(data.attrs["half_life_d"]), p))
    std_dev = np.full(len(QUANTITIES), np.nan)
    if monte_carlo is not None and inside.size:
        std_dev = _std_dev(data, monte_carlo, place, rows[0], p)
    data.attrs["biology_parameters"] = json.dumps(asdict(p), ensure_ascii=False)
    for name, column, description in (
        ("biology_quantity", 0, "quantity of a simple model"),
        ("biology_definition", 1, "what it is"),
    ):
        texts = np.array([quantity[column] for quantity in QUANTITIES], dtype=object)
        put(data, name, ("biology_quantity",), texts, units="1", description=description)
    put(
        data,
        "biology_value",
        ("engine", "biology_quantity"),
        np.array(rows),
        units="Gy",
        description="of the target, by a simple model with the attribute biology_parameters: ranks, predicts nothing",
    )

    put(
        data,
        "biology_std_dev",
        ("biology_quantity",),
        std_dev,
        units="Gy",
        description="type A standard uncertainty of the Monte Carlo value; NaN without group doses",
    )


def _std_dev(
    data: xr.Dataset, monte_carlo: xr.Dataset, place: int, values: list[float], p: BiologyParameters
) -> FloatArray:
    """Type A uncertainty from half-samples of the groups of batches; parameters of the models taken as exact."""
    fraction = data.structure_fraction.to_numpy()[place]
    x, y, z = (data[axis].to_numpy() for axis in _GRID)
    voxels = structure_voxels(part_volumes(x, y, z, fraction, data.tissue_fraction), fraction)
    groups = group_doses(monte_carlo, voxels)
    if groups is None or not np.isfinite(values).all():
        return np.full(len(QUANTITIES), np.nan)
    half_life, covered = float(data.attrs["half_life_d"]), 0.9 * float(voxels.volume.sum())

    def of_half(dose: FloatArray) -> list[float]:
        d90 = dose_volume_histogram(dose, voxels.volume).dose_covering(covered)
        return _quantities(dose, voxels.volume, d90, half_life, p)

    halves = [
        [of_half(dose) for dose in side] for side in half_sample_doses(groups, group_weights(monte_carlo))
    ]
    return type_a(values, halves).std_dev


def _quantities(
    dose: FloatArray, volume: FloatArray, d90: float, half_life: float, p: BiologyParameters
) -> list[float]:
    if not np.isfinite(d90) or not dose.size:
        return [float("nan")] * len(QUANTITIES)
    nodes = np.linspace(0.0, float(dose.max()) * (1.0 + 1e-9), _NODES)
    effective = biologically_effective_dose(
        nodes, half_life, p.alpha_beta, p.repair_half_time_h, alpha=p.alpha, doubling_time=p.doubling_time_d
    )
    bed = np.interp(dose, nodes, effective)
    of_d90 = float(np.interp(d90, nodes, effective))
    uniform = survival_equivalent_uniform_dose(bed, volume, p.alpha)
    return [
        equivalent_uniform_dose(dose, volume, p.volume_parameter),
        of_d90,
        float(equivalent_dose_2gy(of_d90, p.alpha_beta)),
        uniform,
        float(equivalent_dose_2gy(uniform, p.alpha_beta)),
    ]
