"""Files of doses, told apart by what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import xarray as xr

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.egs_dose import read_3ddose
from validation.case.imported_dose import ImportedDose
from validation.case.rtdose import read_rtdose
from validation.studies.monte_carlo_dataset import monte_carlo_dataset
from validation.studies.tg43_dose import FILETYPE as TG43_DOSE
from validation.studies.tg43_dose import read_tg43_dose

_MONTE_CARLO = "seedmc-monte-carlo"
_KINDS = "Monte Carlo results, TG-43 doses, RTDOSE and .3ddose files"
_PREAMBLE = 128  # bytes before the mark of a DICOM file


@dataclass(frozen=True)
class DoseFiles:
    """What the files hold; None where no file holds it."""

    monte_carlo: xr.Dataset | None = None
    tg43: xr.Dataset | None = None
    imported: ImportedDose | None = None


def kind_of(path: Path) -> str:
    """What a dose file is: ``monte_carlo``, ``tg43``, ``rtdose`` or ``3ddose``.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    InvalidInput
        It is not there, or none of these.

    Examples
    --------
    >>> kind_of(Path("dose.3ddose"))
    Traceback (most recent call last):
    mcsim.invalid_input.InvalidInput: dose file dose.3ddose is not there, expected an existing file. Check the name.
    """
    if not path.is_file():
        raise InvalidInput(f"dose file {path} is not there, expected an existing file. Check the name.")
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            filetype = str(file.attrs.get("filetype", "missing"))
        kinds = {_MONTE_CARLO: "monte_carlo", TG43_DOSE: "tg43"}
        if filetype in kinds:
            return kinds[filetype]
        raise InvalidInput(f"filetype of {path} is {filetype!r}, expected a dose ({_KINDS}). Give a dose.")
    if path.name.lower().removesuffix(".gz").endswith(".3ddose"):
        return "3ddose"
    with path.open("rb") as stream:
        start = stream.read(_PREAMBLE + 4)
    if start[_PREAMBLE:] == b"DICM" or path.suffix.lower() == ".dcm":
        return "rtdose"
    raise InvalidInput(f"dose file {path} is of no known kind, expected one of {_KINDS}. Give a dose.")


def read_doses(
    paths: Sequence[Path],
    case: Case,
    threads: int = 1,
    uncertainty: Path | None = None,
    scale: float | None = None,
) -> DoseFiles:
    """Read the doses of a comparison, in any order.

    Parameters
    ----------
    paths : sequence of path
        Two or three files, at most one Monte Carlo, one TG-43 and one of another program.
    case : Case
        The case they belong to.
    threads : int
        Threads for the dose-rate constant of a simulated seed.
    uncertainty : path, optional
        RTDOSE of type ERROR with the uncertainty of an RTDOSE.
    scale : float, optional
        Gy per unit of a ``.3ddose``.

    Returns
    -------
    DoseFiles

    Raises
    ------
    InvalidInput
        Another number or kind of files, two of one kind, an option without the file it is for, or a broken file.
    """
    if not 2 <= len(paths) <= 3:
        raise InvalidInput(
            f"number of doses is {len(paths)}, expected two or three (Monte Carlo, TG-43, one of another program). "
            f"Give them after the case."
        )
    kinds = [kind_of(path) for path in paths]
    places = ["imported" if kind in ("rtdose", "3ddose") else kind for kind in kinds]
    for place in places:
        if places.count(place) > 1:
            same = ", ".join(str(p) for p, other in zip(paths, places, strict=True) if other == place)
            raise InvalidInput(
                f"number of {place.replace('_', ' ').replace('tg43', 'TG-43')} doses is {places.count(place)} "
                f"({same}), expected at most 1 (a comparison holds one of each). Leave one out."
            )
    for option, kind, given in (
        ("--dose-uncertainty", "rtdose", uncertainty),
        ("--dose-scale", "3ddose", scale),
    ):
        if given is not None and kind not in kinds:
            raise InvalidInput(
                f"{option} is {given}, expected it with a file of kind {kind} (it is about that). Leave it out."
            )
    found = dict(zip(places, zip(kinds, paths, strict=True), strict=True))
    imported = None
    if "imported" in found:
        kind, path = found["imported"]
        if kind == "rtdose":
            imported = read_rtdose(path, uncertainty=uncertainty)
        else:
            imported = read_3ddose(path, scale=1.0 if scale is None else scale)
    return DoseFiles(
        monte_carlo_dataset(found["monte_carlo"][1], case, threads) if "monte_carlo" in found else None,
        read_tg43_dose(found["tg43"][1]) if "tg43" in found else None,
        imported,
    )
