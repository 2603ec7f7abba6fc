"""What a file or folder holds, in one screen: a describer for each file type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from mcsim.invalid_input import InvalidInput
from validation.case.built_in_cases import NAMES
from validation.case.case_source import CaseChoice, read_case
from validation.studies.inspect_case import describe_case
from validation.studies.inspect_folder import describe_results, describe_series
from validation.studies.inspect_library import describe_tissues
from validation.studies.inspect_other_files import describe_other_file
from validation.studies.inspect_records import (
    POST_IMPLANT,
    describe_performance_record,
    describe_plan_summary,
    describe_post_implant,
    describe_validation_record,
)
from validation.studies.inspect_results import (
    describe_budget,
    describe_comparison,
    describe_monte_carlo,
    describe_tg43,
)
from validation.studies.inspect_section import Section, facts, short, shortened, size_in_words
from validation.studies.inspect_seed_files import (
    describe_characterisation,
    describe_phase_space,
    describe_seed_model,
    describe_tg43_table,
    describe_water_table,
)
from validation.studies.inspect_study import describe_study, describe_study_settings
from validation.studies.inspect_tables import describe_seed_list, describe_table, is_table
from validation.studies.media_settings import FILE_FORMAT, read_media_settings
from validation.studies.monte_carlo import MonteCarloOptions

KNOWN_FILES = (
    "an HDF5 or JSON file of this program, a DICOM file or folder, .3ddose, .egsphant, a NIfTI, NRRD or MetaImage "
    "mask, a seed file, a TG-43 table, a CT curve, a seed list or another table (.csv, .tsv)"
)
_MOST_ROWS = 25
_IN_FILE_FACTS = ("filetype", "format_version", "created_by", "case_digest", "settings_digest", "digest")


def describe(
    source: str, choice: CaseChoice, options: MonteCarloOptions, identity: bool = False
) -> list[Section]:
    """Sections on a file of this program, a DICOM file or folder, a built-in case, or a file of another program.

    Parameters
    ----------
    source : str
        Path, or name of a built-in case.
    choice : CaseChoice
        Which series, plan and structures of a DICOM folder.
    options : MonteCarloOptions
        Settings of the phantom of a case.
    identity : bool
        Show the patient's identity in a DICOM file too.

    Returns
    -------
    list of Section

    Raises
    ------
    InvalidInput
        It is none of these, or cannot be read.
    """
    path = Path(source)
    if source in NAMES and not path.exists():
        return describe_case(read_case(source, choice), options)
    if path.is_dir():
        return describe_results(path) or describe_case(read_case(source, choice), options)
    if not path.is_file():
        raise InvalidInput(
            f"input is {source!r}, expected a file, a DICOM folder or a built-in case ({', '.join(NAMES)}). "
            f"Check the path."
        )
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            filetype = str(file.attrs.get("filetype", ""))
        if filetype == "seedmc-case":
            return [_file_facts(path), *describe_case(read_case(source, choice), options)]
        return [_file_facts(path), *_readable(path, _HDF5.get(filetype, _describe_hdf5), path)]
    other = describe_other_file(path, identity)
    if other is not None:
        return other
    return [_size(path), *(describe_table(path) if is_table(path) else _describe_json(path))]


def describe_contents(source: str) -> list[Section]:
    """Series, plans and structure sets of a folder that is no case: what to choose among.

    Parameters
    ----------
    source : str
        Folder.

    Returns
    -------
    list of Section
        Empty if it is no folder or holds nothing that can be read.
    """
    return describe_series(Path(source)) if Path(source).is_dir() else []


def _size(path: Path) -> Section:
    return facts("File", [("path", path.name), ("size", size_in_words(path))])


def _file_facts(path: Path) -> Section:
    with h5py.File(path) as file:
        pairs = [(key.replace("_", " "), str(file.attrs[key])) for key in _IN_FILE_FACTS if key in file.attrs]
    return facts("File", [("path", path.name), ("size", size_in_words(path)), *pairs])


def _readable(path: Path, describer: Callable[..., list[Section]], *arguments: object) -> list[Section]:
    """What a describer says; what a damaged file makes it raise becomes one sentence."""
    try:
        return describer(*arguments)
    except InvalidInput:
        raise
    except (AttributeError, IndexError, KeyError, OSError, TypeError, ValueError) as reason:
        words = str(reason).strip().splitlines()
        raise InvalidInput(
            f"file {path} is not complete, expected one as this program writes it ({type(reason).__name__}: "
            f"{words[0] if words else 'no reason given'}). Make it again."
        ) from reason


def _describe_json(path: Path) -> list[Section]:
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError):
        entry = None
    describer = _json_describer(path, entry) if isinstance(entry, dict) else None
    if describer is None:
        raise InvalidInput(
            f"file {path} is of no known type, expected {KNOWN_FILES}, or a built-in case ({', '.join(NAMES)}). Give "
            f"another file."
        )
    return _readable(path, describer)


def _json_describer(path: Path, entry: dict[str, Any]) -> Callable[[], list[Section]] | None:
    """By the file's own word for its type; by its keys where it has none."""
    keys, filetype = set(entry), str(entry.get("filetype", ""))
    known: tuple[tuple[bool, Callable[[], list[Section]]], ...] = (
        (entry.get("format") == FILE_FORMAT, lambda: describe_tissues(read_media_settings(str(path)))),
        (filetype == POST_IMPLANT, lambda: describe_post_implant(path, entry)),
        (filetype == "seedmc-study-settings", lambda: describe_study_settings(path)),
        (filetype == "seedmc-validation-record", lambda: describe_validation_record(entry)),
        (keys >= {"target_doses", "organ_doses", "limits", "needles"}, lambda: describe_plan_summary(entry)),
        (keys >= {"rows", "rounds", "machine"}, lambda: describe_performance_record(entry)),
        (keys >= {"radial_dose_function", "anisotropy_function"}, lambda: describe_tg43_table(path)),
        (keys >= {"spectrum", "active", "outer"}, lambda: describe_seed_model(path)),
        (isinstance(entry.get("seeds"), list), lambda: describe_seed_list(path)),
        (filetype.startswith("seedmc-"), lambda: _describe_other_json(entry)),
    )
    return next((describer for fits, describer in known if fits), None)


def _describe_other_json(entry: dict[str, Any]) -> list[Section]:
    """Any other JSON file of this program: its keys."""
    rows = [
        (key, f"{len(value)} entries" if isinstance(value, (dict, list)) else short(value))
        for key, value in entry.items()
    ]
    return [shortened("Content", ("key", "value"), rows, _MOST_ROWS)]


def _describe_hdf5(path: Path) -> list[Section]:
    """Any other HDF5 file: its root attributes and datasets."""
    with h5py.File(path) as file:
        pairs = [(key, short(value)) for key, value in file.attrs.items() if key not in _IN_FILE_FACTS]
        rows: list[tuple[str, ...]] = []

        def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                shape = " × ".join(str(n) for n in item.shape) or "–"
                unit, about = (short(item.attrs.get(key, "")) for key in ("units", "description"))
                rows.append((name, shape, str(item.dtype), unit, about))

        file.visititems(note)
    return [
        facts("Attributes", shortened("", ("", ""), pairs, _MOST_ROWS).rows),  # type: ignore[arg-type]
        shortened("Datasets", ("name", "shape", "type", "unit", "what"), rows, _MOST_ROWS),
    ]


_HDF5: dict[str, Callable[[Path], list[Section]]] = {
    "seedmc-monte-carlo": describe_monte_carlo,
    "seedmc-tg43-dose": describe_tg43,
    "seedmc-comparison": describe_comparison,
    "seedmc-budget": describe_budget,
    "seedmc-characterisation": describe_characterisation,
    "seedmc-water-table": describe_water_table,
    "seedmc-phase-space": describe_phase_space,
    "seedmc-study": describe_study,
}
