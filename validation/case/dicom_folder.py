"""A DICOM folder (CT, RTSTRUCT, RTPLAN) as a `Case`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.case.case import Case, Prescription
from validation.case.dicom_choice import Candidate, SeveralCandidates, choose
from validation.case.dicom_file import CT, PLAN, STRUCTURES, DicomFile, scan
from validation.case.dicom_image import read_image
from validation.case.dicom_plan import Plan, read_plan
from validation.case.dicom_references import DicomReferences
from validation.case.dicom_structures import StructureSet, read_structures
from validation.case.implant import Implant
from validation.case.plain_text import plain_text


def read_dicom(
    folder: str | Path,
    *,
    ct_series: str | None = None,
    plan: str | None = None,
    structures: str | None = None,
) -> Case:
    """Read the CT, the structures and the permanent seeds of one patient.

    Patient identity is left out; the provenance keeps UIDs, labels and counts.

    Parameters
    ----------
    folder : path
        Searched with its subfolders.
    ct_series : str, optional
        Which CT if there are several: series UID, series description or folder name.
    plan : str, optional
        Which plan if there are several: plan label, plan name, file name or UID.
    structures : str, optional
        Which structure set: label, file name or UID. By default the one the plan refers to, or the only one.

    Returns
    -------
    Case
        HU at [ix, iy, iz], all lengths in cm, patient frame LPS.

    Raises
    ------
    InvalidInput
        Nothing suitable, several candidates and no option (all are listed), or a file that is broken or
        contradicts another. The sentence names the file.

    Examples
    --------
    >>> try:
    ...     case = read_dicom("patient", ct_series="post-implant", plan="POST")
    ... except InvalidInput as reason:
    ...     print(reason)
    DICOM folder is patient, expected an existing folder. Check the name.
    """
    files, others = scan(folder)
    try:
        slices = _choose_ct(files, ct_series, others)
    except SeveralCandidates as several_series:
        try:
            _choose_plan(files, plan)
        except SeveralCandidates as several_plans:
            raise SeveralCandidates(f"{several_series} Also, {several_plans}") from None
        raise
    frame = slices[0].uid("FrameOfReferenceUID")
    if not frame:
        raise InvalidInput(
            f"FrameOfReferenceUID of {slices[0].label} is missing, expected the frame that structures and "
            f"plan share. Export the CT again."
        )
    plan_file = _choose_plan(files, plan)
    contents = read_plan(plan_file, frame)
    set_file = _choose_structures(files, structures, contents.structure_set)
    image = read_image(slices)
    drawn = read_structures(set_file, frame, image)
    target = _target(contents, drawn, plan_file.label, set_file.label)
    notes = [*contents.notes, *drawn.notes, *(f"left out: {reason}" for reason in drawn.left_out.values())]
    provenance = {
        "origin": "DICOM",
        "ct_series_uid": slices[0].uid("SeriesInstanceUID"),
        "ct_description": slices[0].text("SeriesDescription", "none"),
        "ct_files": str(len(slices)),
        "structure_set_label": set_file.text("StructureSetLabel", "none"),
        "structure_set_uid": set_file.uid("SOPInstanceUID"),
        "plan_label": plan_file.text("RTPlanLabel", "none"),
        "plan_uid": plan_file.uid("SOPInstanceUID"),
        "other_files": str(others),
    }
    if notes:
        provenance["notes"] = "; ".join(notes)
    return Case(
        name=plan_file.text("RTPlanLabel", "case"),
        image=image,
        structures={structure.name: structure for structure in drawn.structures.values()},
        implant=contents.implant,
        prescription=Prescription(contents.dose_gy, target),
        provenance=provenance,
        dicom=_references(slices),
    )


def _references(slices: list[DicomFile]) -> DicomReferences | None:
    """UIDs of the CT for files that refer to it; none if the series lacks one."""
    ordered = sorted(slices, key=lambda file: float(file.header.ImagePositionPatient[2]))
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    study, series, frame = (ordered[0].uid(keyword) for keyword in keywords)
    try:
        return DicomReferences(study, series, frame, tuple(file.uid("SOPInstanceUID") for file in ordered))
    except InvalidInput:
        return None


def read_dicom_without_plan(
    folder: str | Path,
    target: str,
    dose_gy: float,
    *,
    ct_series: str | None = None,
    structures: str | None = None,
) -> Case:
    """Read the CT and the structures of a patient who is still to be planned.

    Parameters
    ----------
    folder : str
        Searched with its subfolders; plans in it are not read.
    target : str
        Structure to treat, by its name in the structure set or in the case.
    dose_gy : float
        Prescription, Gy.
    ct_series, structures : str, optional
        As for `read_dicom`.

    Returns
    -------
    Case
        With one 6711 seed of 0.635 U in the middle of the target, in place of the implant that is to be planned.

    Raises
    ------
    InvalidInput
        As `read_dicom`, or there is no such target.

    Examples
    --------
    >>> try:
    ...     case = read_dicom_without_plan("patient", "PTV", 120.0)
    ... except InvalidInput as reason:
    ...     print(reason)
    DICOM folder is patient, expected an existing folder. Check the name.
    """
    files, others = scan(folder)
    slices = _choose_ct(files, ct_series, others)
    frame = slices[0].uid("FrameOfReferenceUID")
    set_file = _choose_structures(files, structures, "")
    image = read_image(slices)
    drawn = read_structures(set_file, frame, image)
    by_name = {structure.name: structure for structure in drawn.structures.values()}
    number = drawn.named(target)
    name = drawn.structures[number].name if number in drawn.structures else target
    if name not in by_name:
        raise InvalidInput(
            f"target is {plain_text(target, '?')!r}, expected a contoured structure of {set_file.label}: "
            f"{', '.join(by_name) or '(none)'}. Name one of these."
        )
    corners = np.concatenate(
        [np.column_stack([c.points, np.full(len(c.points), c.z)]) for c in by_name[name].contours]
    )
    middle = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    one = Implant("6711", middle[None], np.array([[1.0, 0.0, 0.0]]), np.array([0.635]), 59.4, np.array([-1]))
    return Case(
        name="case",
        image=image,
        structures=by_name,
        implant=one,
        prescription=Prescription(dose_gy, name),
        provenance={
            "origin": "DICOM without a plan",
            "ct_series_uid": slices[0].uid("SeriesInstanceUID"),
            "structure_set_uid": set_file.uid("SOPInstanceUID"),
            "implant": "one seed in the middle, to be planned",
        },
    )


def _of_class(files: list[DicomFile], sop_class: str) -> list[DicomFile]:
    return [file for file in files if str(file.header.SOPClassUID) == sop_class]


def _choose_ct(files: list[DicomFile], wanted: str | None, others: int) -> list[DicomFile]:
    series: dict[str, list[DicomFile]] = {}
    for file in _of_class(files, CT):
        # Scouts share the modality but not the geometry of the slices.
        if "LOCALIZER" not in [str(v) for v in file.header.get("ImageType") or []]:
            series.setdefault(file.uid("SeriesInstanceUID"), []).append(file)
    if not series:
        raise InvalidInput(
            f"the folder has 0 CT slices ({len(files)} other DICOM and {others} other files), expected a CT "
            f"series (CT Image Storage). Add the CT."
        )
    candidates = []
    for uid, members in series.items():
        description = members[0].text("SeriesDescription", "no description")
        folders = sorted({member.folder for member in members})
        candidates.append(
            Candidate(
                (uid, description, str(members[0].header.get("SeriesDescription") or description), *folders),
                f"{description} (folder {', '.join(plain_text(f, '?') for f in folders)}, {len(members)} "
                f"slices, UID {uid or 'missing'})",
            )
        )
    chosen = choose(candidates, wanted, "CT series", "--ct-series", "ct_series")
    return list(series.values())[chosen]


def _file_candidate(file: DicomFile, *keywords: str) -> Candidate:
    texts = [file.text(keyword) for keyword in keywords if file.text(keyword)]
    stored = [str(file.header.get(keyword) or "") for keyword in keywords]  # as the user knows them
    names = (
        *texts,
        *filter(None, stored),
        file.path.name,
        file.path.stem,
        file.label,
        file.uid("SOPInstanceUID"),
    )
    label = texts[0] if texts else "no label"
    return Candidate(names, f"{label} (file {file.label}, UID {file.uid('SOPInstanceUID') or 'missing'})")


def _choose_plan(files: list[DicomFile], wanted: str | None) -> DicomFile:
    plans = _of_class(files, PLAN)
    if not plans:
        raise InvalidInput(
            "the folder has 0 plans, expected an RTPLAN with permanent seeds (positions and strengths). Add "
            "the plan."
        )
    # Teletherapy plans of the same patient have no technique; one alone is refused when it is read.
    seeds = [file for file in plans if file.header.get("BrachyTreatmentTechnique")] or plans
    candidates = [_file_candidate(file, "RTPlanLabel", "RTPlanName") for file in seeds]
    return seeds[choose(candidates, wanted, "plans", "--plan", "plan")]


def _choose_structures(files: list[DicomFile], wanted: str | None, referenced: str) -> DicomFile:
    sets = _of_class(files, STRUCTURES)
    if not sets:
        raise InvalidInput(
            "the folder has 0 structure sets, expected an RTSTRUCT with the target (doses are judged in "
            "structures). Add the structure set."
        )
    if wanted is None:
        same = [file for file in sets if referenced and file.uid("SOPInstanceUID") == referenced]
        sets = same or sets
    candidates = [_file_candidate(file, "StructureSetLabel") for file in sets]
    return sets[choose(candidates, wanted, "structure sets", "--structures", "structures")]


def _target(plan: Plan, drawn: StructureSet, plan_label: str, set_label: str) -> str:
    """Name of the structure the plan prescribes to."""
    number = plan.target_roi if plan.target_roi is not None else drawn.named(plan.target_text)
    if number in drawn.structures:
        return drawn.structures[number].name
    found = f"ROI {number}" if number is not None else repr(plan.target_text or "not named")
    why = drawn.left_out.get(number, "no such structure") if number is not None else "no such structure"
    names = ", ".join(structure.name for structure in drawn.structures.values()) or "(none)"
    raise InvalidInput(
        f"target of {plan_label} is {found}, expected a contoured structure of {set_label}: {names} ({why}). "
        f"Draw the target and export the structure set again."
    )
