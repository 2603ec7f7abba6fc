"""Everything of a case, and its doses, in the files of other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case, write_seed_csv
from validation.case.built_in_cases import NAMES
from validation.case.case_source import CaseChoice, read_case
from validation.case.egs_phantom import EgsPhantom, egsphant_text
from validation.export.ct_series import ct_slices
from validation.export.dicom_export import DicomExport, write_dicom
from validation.export.dose_text import write_3ddose, write_dose_csv, write_text
from validation.export.egs_brachy import density_text, egs_medium, input_text, muen_text, transformations
from validation.export.rtdose_file import dose_file
from validation.export.rtplan import plan
from validation.export.rtstruct import structure_set
from validation.studies.exported_doses import ExportedDose, read_exported_dose
from validation.studies.media_assignment import assign_media, on_grid
from validation.studies.media_settings import MediaSettings
from validation.studies.patient_phantom import prepare_image

FORMATS = ("ct", "rtstruct", "rtplan", "rtdose", "3ddose", "egsphant", "egs_brachy", "csv")
_OF_DOSES = ("rtdose", "3ddose")
_LARGEST_PHANTOM = 2**25  # voxels: 300 MB of text
_HISTORIES = 100_000_000

Planes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class ExportSettings:
    """What is written, and how.

    Attributes
    ----------
    formats : tuple of str
        Some of `FORMATS`; empty: all that the input has.
    voxel : float or None
        Edge of the voxels of the phantom, cm; None: those of the case's own image.
    media : MediaSettings
        CT numbers to media, for the phantom.
    patient_id : str
        Identity for the DICOM files; empty: none.
    implant_date : str or None
        YYYYMMDD of the strengths; today by default.
    dose_bits : int
        32 or 16.
    """

    formats: tuple[str, ...] = ()
    voxel: float | None = None
    media: MediaSettings = field(default_factory=MediaSettings)
    patient_id: str = ""
    implant_date: str | None = None
    dose_bits: int = 32


def export_files(
    sources: Sequence[str],
    folder: Path,
    choice: CaseChoice,
    settings: ExportSettings,
    say: Callable[[str], None],
) -> list[Path]:
    """Write a case and its doses in other formats.

    Parameters
    ----------
    sources : sequence of str
        One case (case file, DICOM folder, built-in case), or the folder of ``seedmc run``; and any number of doses.
    folder : path
        Where the files go.
    choice : CaseChoice
        Which series and plan of a DICOM folder, which seeds.
    settings : ExportSettings
        Formats and more.
    say : callable
        Receives one line for each file.

    Returns
    -------
    list of path
        What was written, each whole or not at all.

    Raises
    ------
    InvalidInput
        An unknown format, no case or several, a dose of another case, or a format that cannot hold what there is.
    """
    unknown = sorted(set(settings.formats) - set(FORMATS))
    if unknown:
        raise InvalidInput(
            f"format is {unknown[0]!r}, expected one of {', '.join(FORMATS)}. Choose some of them."
        )
    case, doses = _read(sources, choice)
    wanted = settings.formats or tuple(f for f in FORMATS if doses or f not in _OF_DOSES)
    if not doses and (lacking := [f for f in wanted if f in _OF_DOSES]):
        raise InvalidInput(
            f"format {lacking[0]} is asked for and {', '.join(sources)} has no dose, expected a dose file too. Give "
            f"the result of simulate or tg43, or the folder of run."
        )
    export = DicomExport(case, settings.patient_id)
    if settings.implant_date is not None:
        export = replace(export, implant_date=settings.implant_date)
    written: list[Path] = []

    def done(path: Path, what: str) -> None:
        written.append(path)
        say(f"{what} -> {path}")

    if "ct" in wanted:
        for number, data in enumerate(ct_slices(export), start=1):
            write_dicom(data, folder / "ct" / f"ct_{number:04d}.dcm")
        done(folder / "ct", f"{case.image.z.size} CT slices")
    if "rtstruct" in wanted:
        write_dicom(structure_set(export), folder / "rtstruct.dcm")
        done(folder / "rtstruct.dcm", f"{len(case.structures)} structures")
    if "rtplan" in wanted:
        write_dicom(plan(export), folder / "rtplan.dcm")
        done(folder / "rtplan.dcm", f"plan of {len(case.implant)} seeds")
    for dose in doses:
        for path, what in _write_dose(dose, folder, wanted, export, settings.dose_bits):
            done(path, what)
    if "csv" in wanted:
        write_seed_csv(case.implant, folder / "seeds.csv")
        done(folder / "seeds.csv", f"{len(case.implant)} seeds")
    if "egsphant" in wanted or "egs_brachy" in wanted:
        for path, what in _write_egs(case, folder, wanted, settings):
            done(path, what)
    return written


def _read(sources: Sequence[str], choice: CaseChoice) -> tuple[Case, list[ExportedDose]]:
    """The case and the doses among the sources."""
    cases, files = [], []
    for source in sources:
        path = Path(source)
        if path.is_dir() and (path / "case.h5").is_file():
            cases.append(str(path / "case.h5"))
            files += [path / name for name in ("monte_carlo.h5", "tg43.h5") if (path / name).is_file()]
        elif path.is_dir() or (source in NAMES and not path.exists()) or _is_case(path):
            cases.append(source)
        elif path.is_file():
            files.append(path)
        else:
            raise InvalidInput(
                f"input is {source!r}, expected a case file, a DICOM folder, a built-in case ({', '.join(NAMES)}), "
                f"a folder of run or a dose. Check the path."
            )
    if len(cases) != 1:
        raise InvalidInput(
            f"cases are {', '.join(cases) or 'none'}, expected one (doses are written for its seeds and frame). Give "
            f"one case with its doses."
        )
    case = read_case(cases[0], choice)
    doses = [read_exported_dose(path, case) for path in files]
    names = [dose.name for dose in doses]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInput(
            f"dose name {twice[0]} is given {names.count(twice[0])} times, expected distinct names (they become file "
            f"names). Rename a file."
        )
    return case, doses


def _is_case(path: Path) -> bool:
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with h5py.File(path) as file:
        return bool(file.attrs.get("filetype", "") == "seedmc-case")


def _write_dose(
    dose: ExportedDose, folder: Path, wanted: Sequence[str], export: DicomExport, bits: int
) -> list[tuple[Path, str]]:
    written = []
    if "rtdose" in wanted:
        path = folder / f"rtdose_{dose.name}.dcm"
        write_dicom(dose_file(export, dose.dose, heterogeneity=dose.heterogeneity, bits=bits), path)
        written.append((path, "dose"))
        if dose.dose.std_dev is not None:
            path = folder / f"rtdose_{dose.name}_uncertainty.dcm"
            data = dose_file(export, dose.dose, uncertainty=True, heterogeneity=dose.heterogeneity, bits=bits)
            write_dicom(data, path)
            written.append((path, "standard uncertainty"))
    if "3ddose" in wanted:
        write_3ddose(dose.dose, folder / f"{dose.name}.3ddose.gz")
        written.append((folder / f"{dose.name}.3ddose.gz", "dose and relative uncertainty"))
    if "csv" in wanted:
        write_dose_csv(dose.dose, folder / f"{dose.name}.csv.gz")
        written.append((folder / f"{dose.name}.csv.gz", "dose"))
    return written


def _write_egs(
    case: Case, folder: Path, wanted: Sequence[str], settings: ExportSettings
) -> list[tuple[Path, str]]:
    name = case.name.replace(" ", "_")
    phantom = egs_phantom(case, settings.voxel, settings.media)
    # What egs_brachy lacks is told before a file is written.
    text = input_text(name, case.implant, phantom.names, _HISTORIES) if "egs_brachy" in wanted else ""
    named = replace(phantom, names=tuple(egs_medium(medium) for medium in phantom.names))
    path = folder / f"{name}.egsphant.gz"
    write_text(egsphant_text(named), path)
    shape = " x ".join(str(n) for n in phantom.medium.shape)
    written = [(path, f"phantom of {shape} voxels, {len(phantom.names)} media")]
    if text:
        files = {
            "transformations": transformations(case.implant),
            "density": density_text(phantom.names),
            "muendat": muen_text(phantom.names),
            "egsinp": text,
        }
        for ending, content in files.items():
            write_text(content, folder / f"{name}.{ending}")
        written.append(
            (folder / f"{name}.egsinp", "egs_brachy input (with .transformations, .density and .muendat)")
        )
    return written


def egs_phantom(case: Case, voxel: float | None, settings: MediaSettings) -> EgsPhantom:
    """Media and densities of a case on an even grid over its image.

    Parameters
    ----------
    case : Case
        Image, structures, or a tissue map.
    voxel : float or None
        Edge of the voxels, cm; None: those of the image.
    settings : MediaSettings
        CT curve, media by contour, streaks.

    Returns
    -------
    EgsPhantom
        Its names are those of the library; only media that occur.

    Raises
    ------
    InvalidInput
        The grid has more than 33 million voxels, or the settings name a structure that is not there.
    """
    planes = _planes(case, voxel)
    shape = tuple(len(p) - 1 for p in planes)
    if np.prod(shape) > _LARGEST_PHANTOM:
        raise InvalidInput(
            f"phantom would have {' x '.join(map(str, shape))} voxels, expected at most {_LARGEST_PHANTOM} (it is a "
            f"text file). Give a larger --egs-voxel."
        )
    if voxel is None and case.tissue is not None:
        return _compact(planes, case.tissue.medium, case.tissue.density.astype(np.float64), case.tissue.media)
    hu = prepare_image(case, settings.streaks).hu
    everywhere = (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))
    cells = np.asarray(hu, dtype=np.float64) if voxel is None else on_grid(case, hu, planes)
    assignment = assign_media(case, cells, planes, everywhere, settings)
    return _compact(planes, assignment.medium, assignment.density.astype(np.float64), assignment.media)


def _planes(case: Case, voxel: float | None) -> Planes:
    image = case.image
    x, y, z = (
        np.linspace(low, high, centres.size + 1)
        if voxel is None
        else low + voxel * np.arange(int(np.ceil((high - low) / voxel - 1e-6)) + 1)
        for low, high, centres in zip(image.lower, image.upper, (image.x, image.y, image.z), strict=True)
    )
    return x, y, z


def _compact(
    planes: Planes, medium: NDArray[np.uint8], density: NDArray[np.float64], names: Sequence[str]
) -> EgsPhantom:
    """Without media that do not occur."""
    present = np.unique(medium)
    index = np.zeros(256, dtype=np.uint8)
    index[present] = np.arange(present.size)
    return EgsPhantom(planes, index[medium], density, tuple(names[k] for k in present))
