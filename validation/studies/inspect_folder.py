"""A folder in one screen: DICOM by series, or the files of this program."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import h5py

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_file import DicomFile, scan
from validation.studies.inspect_section import Section, short, shortened

_DIGEST = 16
_LABELS = {"RTPLAN": "RTPlanLabel", "RTSTRUCT": "StructureSetLabel"}


def describe_results(folder: Path) -> list[Section]:
    """A section on the HDF5 files of this program in a folder; none if there are none."""
    rows = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix == ".h5" and h5py.is_hdf5(path):
            with h5py.File(path) as file:
                kind, case, settings = (
                    str(file.attrs.get(key, "–")) for key in ("filetype", "case_digest", "settings_digest")
                )
            rows.append(
                (path.name, kind, f"{path.stat().st_size / 1e6:.2f}", case[:_DIGEST], settings[:_DIGEST])
            )
    heading = ("file", "filetype", "MB", "case digest", "settings digest")
    return [shortened(f"Files of {folder.name or folder}", heading, rows, most=30)] if rows else []


def describe_series(folder: Path) -> list[Section]:
    """A section on the CT series, plans and structure sets of a DICOM folder; none if its files cannot be read."""
    try:
        files, others = scan(folder)
    except InvalidInput:
        return []
    series: dict[tuple[str, str], list[DicomFile]] = defaultdict(list)
    for file in files:
        modality = file.text("Modality", "unknown")
        series[modality, file.uid("SeriesInstanceUID") if modality == "CT" else file.label].append(file)
    rows = []
    for (modality, uid), members in series.items():
        first = members[0]
        words = first.text(_LABELS.get(modality, "SeriesDescription"), "–")
        rows.append(
            (modality, words, str(len(members)), first.folder if modality == "CT" else short(uid), uid)
        )
    rows += [("other", "–", str(others), "–", "–")] if others else []
    heading = ("kind", "label", "files", "folder or file", "series UID or file")
    return [shortened(f"DICOM in {folder.name or folder}", heading, rows, most=30)] if files else []
