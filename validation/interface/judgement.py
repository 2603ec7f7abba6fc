"""Doses of a case judged against each other."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from mcsim.invalid_input import InvalidInput
from mcsim.result_file import FILETYPE as MONTE_CARLO
from validation.case import Case
from validation.case.egs_dose import read_3ddose
from validation.case.imported_dose import ImportedDose
from validation.case.rtdose import read_rtdose
from validation.interface.results import (
    COMPARISON,
    TG43,
    labelled,
    monte_carlo_result,
    threads_of,
)
from validation.studies import compare as comparison
from validation.studies.dose_files import kind_of
from validation.studies.tg43_dose import read_tg43_dose

_PLACE_OF = {MONTE_CARLO: "monte_carlo", TG43: "tg43"}
_WORDS = {"monte_carlo": "Monte Carlo", "tg43": "TG-43", "imported": "other programs'"}

Dose = xr.Dataset | ImportedDose | str | Path


def compare(
    case: Case,
    *doses: Dose,
    gamma: bool = True,
    dose_uncertainty: str | Path | None = None,
    dose_scale: float | None = None,
) -> xr.Dataset:
    """Judge doses of a case against each other, as ``seedmc compare`` does.

    Monte Carlo is judged against TG-43; a dose of another program stands beside them, or takes the place of one that is
    left out.

    Parameters
    ----------
    case : Case
        What the doses were calculated for.
    *doses : xarray.Dataset, ImportedDose or path
        Two or three, in any order: from `monte_carlo_dose` and `tg43_dose`, files of these, or an RTDOSE (DICOM) or
        ``.3ddose`` of another program.
    gamma : bool
        Find the gamma index of every pair of doses, which takes most of the time.
    dose_uncertainty : path, optional
        RTDOSE of type ERROR: the uncertainty of another program's RTDOSE.
    dose_scale : float, optional
        Gy per unit of a ``.3ddose``, which does not say what it holds.

    Returns
    -------
    xarray.Dataset
        Doses, differences, histograms, indices, gamma and run facts, laid out as the comparison file. The indices stand
        ready in ``.seedmc.indices``, figures in ``.seedmc.plot_slice``, ``plot_difference`` and ``plot_dvh``.

    Raises
    ------
    InvalidInput
        Another number of doses, two of one kind, one of another case, or grids that differ.

    Examples
    --------
    >>> from validation import Case, compare, monte_carlo_dose, tg43_dose
    >>> case = Case.read("neck")
    >>> mc = monte_carlo_dose(case, voxel=0.4, uncertainty=0.05)
    >>> found = compare(case, mc, tg43_dose(case, voxel=0.4), gamma=False)
    >>> found.seedmc.indices.D90.sel(structure="PTV").engine.values.tolist()
    ['monte_carlo', 'tg43']
    """
    if not 2 <= len(doses) <= 3:
        raise InvalidInput(
            f"number of doses is {len(doses)}, expected two or three (Monte Carlo, TG-43, one of another program). "
            f"Give them after the case."
        )
    read = [_read(dose, k, case, dose_uncertainty, dose_scale) for k, dose in enumerate(doses, start=1)]
    places = [place for place, _ in read]
    for place in places:
        if places.count(place) > 1:
            raise InvalidInput(
                f"number of {_WORDS[place]} doses is {places.count(place)}, expected at most 1 (a comparison holds one "
                f"of each). Leave one out."
            )
    found = comparison.compare(case, **dict(read), gamma=gamma)  # type: ignore[arg-type]
    return labelled(found.data, COMPARISON)


def _read(
    dose: Dose, number: int, case: Case, uncertainty: str | Path | None, scale: float | None
) -> tuple[str, xr.Dataset | ImportedDose]:
    """What a dose is, and the dose itself."""
    if isinstance(dose, ImportedDose):
        return "imported", dose
    if isinstance(dose, xr.Dataset):
        filetype = str(dose.attrs.get("filetype", "missing"))
        if filetype not in _PLACE_OF:
            raise InvalidInput(
                f"filetype of dose {number} is {filetype!r}, expected {' or '.join(_PLACE_OF)}. Give a data set of "
                f"monte_carlo_dose or tg43_dose, or a file."
            )
        return _PLACE_OF[filetype], dose
    path = Path(dose)
    kind = kind_of(path)
    if kind == "monte_carlo":
        return kind, monte_carlo_result(path, case, threads_of(0))
    if kind == "tg43":
        return kind, read_tg43_dose(path)
    if kind == "rtdose":
        return "imported", read_rtdose(path, uncertainty=uncertainty)
    return "imported", read_3ddose(path, scale=1.0 if scale is None else scale)
