"""Voxels of a comparison: doses, how the judged one differs from the other, image and media."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.case import Case
from validation.evaluate.difference import voxel_difference
from validation.studies.comparison_doses import IMPORTED, LABELS, MONTE_CARLO, TG43, ComparedDoses
from validation.studies.dataset_file import put

_GRID = ("x", "y", "z")
_DESCRIPTIONS = {
    MONTE_CARLO: "Monte Carlo dose to full decay, mean over the tissue part",
    TG43: "TG-43 dose to full decay, mean over the tissue part",
    IMPORTED: "imported dose, interpolated at the voxel centre; NaN beyond its grid",
}
_STD_DEV = {
    MONTE_CARLO: "type A standard uncertainty of the Monte Carlo dose",
    IMPORTED: "standard uncertainty of the imported dose as its file states it",
}


def label_of(engine: str, data: xr.Dataset) -> str:
    """Name of a dose in text.

    Examples
    --------
    >>> label_of("tg43", xr.Dataset()), label_of("imported", xr.Dataset(attrs={"imported_label": "RTDOSE"}))
    ('TG-43', 'RTDOSE')
    """
    return LABELS.get(engine) or str(data.attrs["imported_label"])


def add_voxels(data: xr.Dataset, case: Case, doses: ComparedDoses) -> None:
    """Add grid, doses, differences, tissue fraction, image and media.

    Parameters
    ----------
    data : xr.Dataset
        Attributes of a comparison; changed in place.
    case : Case
        The case.
    doses : ComparedDoses
        The doses.
    """
    for (name, direction), centres in zip(
        (("x", "left"), ("y", "posterior"), ("z", "superior")), doses.axes, strict=True
    ):
        description = f"voxel centre, positive to the patient's {direction}"
        put(data, name, (name,), centres, units="cm", description=description)
    for engine in doses.engines:
        _put(data, f"dose_{engine}", _in_tissue(doses, doses.dose(engine)), "Gy", _DESCRIPTIONS[engine])
        std_dev = doses.std_dev(engine)
        if std_dev is not None:
            _put(data, f"dose_{engine}_std_dev", _in_tissue(doses, std_dev), "Gy", _STD_DEV[engine])
    _add_difference(data, case, doses)
    _put(data, "tissue_fraction", doses.tissue, "1", "part of the voxel outside all seed capsules", "")
    _put(data, "hu", doses.scene.hu, "HU", "CT number on the dose grid", "")
    _put(data, "density", doses.scene.density, "g/cm3", "mass density of the voxel", "")
    names = doses.scene.media
    dim = ("medium_number",)
    put(data, dim[0], dim, np.arange(len(names)), units="1", description="number used in the variable medium")
    put(
        data,
        "medium_name",
        dim,
        np.array(names, dtype=object),
        units="1",
        description="name of the medium",
    )
    put(
        data,
        "medium",
        _GRID,
        np.asarray(doses.scene.medium, dtype=np.uint8),
        units="1",
        description="medium of the voxel, a number into medium_name",
    )


def _in_tissue(doses: ComparedDoses, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(doses.tissue > 0, values, np.nan)


def _put(
    data: xr.Dataset,
    name: str,
    values: NDArray[np.float64],
    units: str,
    description: str,
    end: str = "; NaN inside seeds",
) -> None:
    text = description + (end if units == "Gy" else "")
    put(data, name, _GRID, np.asarray(values, dtype=np.float32), units=units, description=text)


def _add_difference(data: xr.Dataset, case: Case, doses: ComparedDoses) -> None:
    judged, reference = doses.engines[:2]
    one, other = label_of(judged, data), label_of(reference, data)
    dose, known = (data[f"dose_{engine}"] for engine in (judged, reference))
    variance = np.zeros(dose.shape)
    for engine in (judged, reference):
        if f"dose_{engine}_std_dev" in data:
            variance += np.square(data[f"dose_{engine}_std_dev"].to_numpy().astype(np.float64))
    difference = voxel_difference(dose, np.sqrt(variance), known, doses.tissue, case.prescription.dose_gy)
    for name, values, unit, description in (
        ("difference", difference.dose, "Gy", f"{one} minus {other}"),
        (
            f"difference_percent_{reference}",
            difference.percent_of_tg43,
            "%",
            f"{one} minus {other} in % of the {other} dose",
        ),
        (
            "difference_percent_prescription",
            difference.percent_of_prescription,
            "%",
            f"{one} minus {other} in % of the prescribed dose",
        ),
        (
            "z_score",
            difference.z_score,
            "1",
            f"{one} minus {other} over its type A standard uncertainty; NaN where that is 0 or > 10 %",
        ),
    ):
        put(data, name, _GRID, values.astype(np.float32), units=unit, description=description)
