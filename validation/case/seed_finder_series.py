"""The post-implant CT of a folder, with its structure set if there is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_choice import Candidate, choose
from validation.case.dicom_file import CT, STRUCTURES, DicomFile, scan
from validation.case.dicom_image import read_image
from validation.case.dicom_structures import read_structures
from validation.case.image import Image
from validation.case.plain_text import plain_text
from validation.case.structure import Structure


@dataclass(frozen=True, eq=False)
class PostImplantScan:
    """A CT after implantation.

    Parameters
    ----------
    image : Image
        CT with the seeds in it.
    frame_of_reference : str
        FrameOfReferenceUID; empty if not known.
    structures : dict of str to Structure
        Contours drawn on it; empty if there are none.
    source : str
        What was read.
    """

    image: Image
    frame_of_reference: str = ""
    structures: dict[str, Structure] = field(default_factory=dict)
    source: str = ""


def read_scan(
    folder: str | Path, *, series: str | None = None, structures: str | Path | None = None
) -> PostImplantScan:
    """Read a CT series, and contours drawn on it.

    Parameters
    ----------
    folder : path
        Searched with its subfolders.
    series : str, optional
        Which CT if there are several: series UID, description or folder name.
    structures : path, optional
        RTSTRUCT on this CT, or a folder with one; by default one in `folder`, if there is exactly one.

    Returns
    -------
    PostImplantScan

    Raises
    ------
    InvalidInput
        No CT, several without a choice, or a broken file.

    Examples
    --------
    >>> try:
    ...     read_scan("patient/post")
    ... except InvalidInput as reason:
    ...     print(reason)
    DICOM folder is patient/post, expected an existing folder. Check the name.
    """
    files, others = scan(folder)
    groups: dict[str, list[DicomFile]] = {}
    for file in files:
        scout = "LOCALIZER" in [str(v) for v in file.header.get("ImageType") or []]
        if str(file.header.SOPClassUID) == CT and not scout:
            groups.setdefault(file.uid("SeriesInstanceUID"), []).append(file)
    if not groups:
        raise InvalidInput(
            f"the folder has 0 CT slices ({len(files)} other DICOM and {others} other files), expected the "
            f"post-implant CT. Give its folder."
        )
    candidates = []
    for uid, members in groups.items():
        text = members[0].text("SeriesDescription", "no description")
        folders = sorted({m.folder for m in members})
        known = (uid, text, str(members[0].header.get("SeriesDescription") or text), *folders)
        candidates.append(Candidate(known, f"{text} ({len(members)} slices, UID {uid or 'missing'})"))
    slices = list(groups.values())[choose(candidates, series, "CT series", "--post-series")]
    image, frame = read_image(slices), slices[0].uid("FrameOfReferenceUID")
    drawn = _structure_set(files, structures)
    found = {} if drawn is None else read_structures(drawn, frame, image).structures
    description = plain_text(slices[0].header.get("SeriesDescription"), "CT")
    source = f"{description}, {len(slices)} slices" + (f", structures of {drawn.label}" if drawn else "")
    return PostImplantScan(image, frame, {s.name: s for s in found.values()}, source)


def _structure_set(files: list[DicomFile], wanted: str | Path | None) -> DicomFile | None:
    if wanted is not None:
        path = Path(wanted)
        files = scan(path if path.is_dir() else path.parent)[0]
        if path.is_file():
            files = [file for file in files if file.path.resolve() == path.resolve()]
    sets = [file for file in files if str(file.header.SOPClassUID) == STRUCTURES]
    if wanted is not None and len(sets) != 1:
        raise InvalidInput(
            f"structure sets at {plain_text(wanted, '?')} are {len(sets)}, expected 1 (the contours on the "
            f"post-implant CT). Give the file."
        )
    return sets[0] if len(sets) == 1 else None
