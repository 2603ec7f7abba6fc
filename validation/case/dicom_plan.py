"""A DICOM brachytherapy plan of permanent seeds as an `Implant` and its prescription."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_file import DicomFile, read_complete, readable, required
from validation.case.dicom_source import Source, read_source, reference_date_note
from validation.case.implant import Implant
from validation.case.plain_text import plain_text

_MM = 0.1  # cm
_SAME_PLACE = 0.01  # mm; control points of one seed
# Names of application setups: all seeds of one needle, and seeds that belong to none.
NEEDLE_NAME, LOOSE_NAME = "Needle", "Seeds of no needle"


@dataclass(frozen=True)
class Plan:
    """Seeds and prescription of a plan.

    Parameters
    ----------
    implant : Implant
        Seeds in cm.
    dose_gy : float
        Prescribed dose.
    target_roi : int or None
        ROI number of the target.
    target_text : str
        What the plan calls it.
    structure_set : str
        SOPInstanceUID of the structure set it refers to; empty if none.
    notes : tuple of str
        What was decided in reading.
    """

    implant: Implant
    dose_gy: float
    target_roi: int | None
    target_text: str
    structure_set: str
    notes: tuple[str, ...]


@dataclass
class _Seed:
    position: NDArray[np.float64]  # cm
    axis: NDArray[np.float64] | None
    source: Source
    needle: tuple[str, str] | None


def read_plan(file: DicomFile, frame_of_reference: str) -> Plan:
    """Read a plan of permanent seeds.

    The two control points that a permanent seed has count once. A missing orientation is taken from the
    neighbouring seeds of the same needle.

    Parameters
    ----------
    file : DicomFile
        The plan.
    frame_of_reference : str
        FrameOfReferenceUID of the CT.

    Returns
    -------
    Plan
        Seeds and prescription.

    Raises
    ------
    InvalidInput
        Not a permanent implant (HDR, PDR, external beam), another frame of reference, a source without a
        usable strength or half-life, seeds of several models, a seed without orientation, or a broken file.
    """
    label = file.label
    dataset = read_complete(file)
    with readable(label):
        _check_permanent(dataset, label)
        frame = dataset.get("FrameOfReferenceUID")
        if frame is not None and str(frame) != frame_of_reference:
            raise InvalidInput(
                f"frame of reference of {label} is {plain_text(frame, 'missing')}, expected that of the CT, "
                f"{frame_of_reference} (its coordinates would mean another place). Give the plan made on "
                f"this CT."
            )
        items = required(dataset, "SourceSequence", label, "strength and half-life of the seeds")
        sources = {int(item.SourceNumber): read_source(item, label) for item in items}
        seeds = _seeds(dataset, sources, label)
        notes = _complete_axes(seeds, label)
        notes += [note for item in items if (note := reference_date_note(item, dataset))]
        dose_gy, roi, text, more = _prescription(dataset, label)
        references = dataset.get("ReferencedStructureSetSequence") or []
        structure_set = str(references[0].get("ReferencedSOPInstanceUID", "")) if references else ""
    return Plan(_implant(seeds, label), dose_gy, roi, text, structure_set, (*notes, *more))


def _check_permanent(dataset: Dataset, label: str) -> None:
    technique = plain_text(dataset.get("BrachyTreatmentTechnique"), "missing")
    kind = plain_text(dataset.get("BrachyTreatmentType"), "missing")
    if technique == "missing" and not dataset.get("ApplicationSetupSequence"):
        raise InvalidInput(
            f"plan {label} has no brachytherapy application, expected a permanent seed implant. Give the "
            f"seed plan."
        )
    if kind in ("HDR", "PDR", "MDR"):
        raise InvalidInput(
            f"BrachyTreatmentType of {label} is {kind}, expected MANUAL or LDR (an afterloader source moves "
            f"and is taken out; permanent seeds stay and decay). Give the plan of the permanent implant."
        )
    if technique != "PERMANENT":
        raise InvalidInput(
            f"BrachyTreatmentTechnique of {label} is {technique}, expected PERMANENT (the dose is summed to "
            f"full decay). Give the plan of the permanent implant."
        )


def _seeds(dataset: Dataset, sources: dict[int, Source], label: str) -> list[_Seed]:
    """One seed for each distinct position of each channel."""
    setups = required(dataset, "ApplicationSetupSequence", label, "the seeds")
    seeds: list[_Seed] = []
    for setup in setups:
        where = f"application setup {setup.get('ApplicationSetupNumber', '?')} of {label}"
        for channel in required(setup, "ChannelSequence", where, "the seeds"):
            seeds += _channel_seeds(channel, setup, sources, where, many_setups=len(setups) > 1)
    return seeds


def _channel_seeds(
    channel: Dataset, setup: Dataset, sources: dict[int, Source], where: str, *, many_setups: bool
) -> list[_Seed]:
    number = channel.get("ReferencedSourceNumber")
    source = sources.get(int(number)) if number is not None else None
    if source is None:
        raise InvalidInput(
            f"ReferencedSourceNumber in {where} is {plain_text(number, 'missing')}, expected one of "
            f"{', '.join(map(str, sources))}. Export the plan again."
        )
    points = required(channel, "BrachyControlPointSequence", where, "the place of the seed")
    stated = channel.get("NumberOfControlPoints")
    if stated is not None and int(stated) != len(points):
        raise InvalidInput(
            f"{where} has a channel with {len(points)} control points, expected {int(stated)} as it says. "
            f"Export the plan again."
        )
    applicator = channel.get("SourceApplicatorID") or channel.get("SourceApplicatorNumber")
    setup_name = str(setup.get("ApplicationSetupName") or "")
    needle = None
    if applicator or setup_name.startswith(NEEDLE_NAME) or (many_setups and setup_name != LOOSE_NAME):
        needle = (str(setup.get("ApplicationSetupNumber", "")), str(applicator or ""))
    seeds: list[_Seed] = []
    for point in points:
        place = [float(v) for v in required(point, "ControlPoint3DPosition", where, "the place of the seed")]
        if len(place) != 3 or not np.isfinite(place).all():
            raise InvalidInput(
                f"ControlPoint3DPosition in {where} is {place} mm, expected three finite numbers. "
                f"Export the plan again."
            )
        position = np.array(place) * _MM
        if seeds and np.abs(seeds[-1].position - position).max() < _SAME_PLACE * _MM:
            continue
        seeds.append(_Seed(position, _axis(point, where), source, needle))
    movement = plain_text(channel.get("SourceMovementType"), "FIXED")
    if len(seeds) > 1 and movement != "FIXED":
        raise InvalidInput(
            f"SourceMovementType in {where} is {movement} with {len(seeds)} positions, expected FIXED "
            f"(permanent seeds do not move). Give the plan of the permanent implant."
        )
    return seeds


def _axis(point: Dataset, where: str) -> NDArray[np.float64] | None:
    """Unit direction of the seed, or None if the plan does not say."""
    given = point.get("ControlPointOrientation")
    if given is None or len(given) == 0:
        return None
    axis = np.array([float(v) for v in given])
    length = float(np.linalg.norm(axis))
    if axis.shape != (3,) or not np.isfinite(axis).all() or length < 1e-3:
        raise InvalidInput(
            f"ControlPointOrientation in {where} is {axis.tolist()}, expected a direction of three finite "
            f"numbers. Export the plan again."
        )
    return axis / length


def _complete_axes(seeds: list[_Seed], label: str) -> list[str]:
    """Give seeds without orientation the direction of their needle; say how many."""
    lacking = [i for i, seed in enumerate(seeds) if seed.axis is None]
    if not lacking:
        return []
    lines: dict[tuple[str, str], list[int]] = {}
    for i, seed in enumerate(seeds):
        if seed.needle is not None:
            lines.setdefault(seed.needle, []).append(i)
    alone = [i for i in lacking if seeds[i].needle is None or len(lines[seeds[i].needle or ("", "")]) < 2]
    if alone:
        raise InvalidInput(
            f"orientation of seed {alone[0] + 1} in {label} is missing, expected ControlPointOrientation or "
            f"another seed on the same needle ({len(alone)} seed(s) have neither; a 4.5 mm seed is not a "
            f"point). Give the seeds as a CSV list with their axes."
        )
    for i in lacking:
        members = lines[seeds[i].needle or ("", "")]
        places = np.array([seeds[j].position for j in members])
        # Order along the needle, then from the neighbour before to the neighbour after: needles may be
        # curved.
        along = (places - places.mean(axis=0)) @ np.linalg.svd(places - places.mean(axis=0))[2][0]
        order = np.argsort(along)
        rank = int(np.flatnonzero(order == members.index(i))[0])
        before, after = order[max(rank - 1, 0)], order[min(rank + 1, len(order) - 1)]
        direction = places[after] - places[before]
        length = float(np.linalg.norm(direction))
        if length > 0:  # equal places are refused as overlapping seeds
            seeds[i].axis = direction / length
        else:
            seeds[i].axis = np.array([0.0, 0.0, 1.0])
    return [f"orientation of {len(lacking)} seed(s) taken from the neighbours on their needle"]


def _implant(seeds: list[_Seed], label: str) -> Implant:
    models = sorted({seed.source.model for seed in seeds})
    half_lives = sorted({seed.source.half_life_d for seed in seeds})
    if len(models) > 1 or len(half_lives) > 1:
        raise InvalidInput(
            f"seeds of {label} are of models {', '.join(models)} with half-lives "
            f"{', '.join(f'{h:g}' for h in half_lives)} d, expected one model. Give a plan of one seed model."
        )
    numbers = {
        needle: k for k, needle in enumerate(dict.fromkeys(s.needle for s in seeds if s.needle), start=1)
    }
    return Implant(
        models[0],
        np.array([seed.position for seed in seeds]),
        np.array([seed.axis for seed in seeds]),
        np.array([seed.source.air_kerma_strength for seed in seeds]),
        half_lives[0],
        np.array([numbers[seed.needle] if seed.needle else -1 for seed in seeds]),
    )


def _prescription(dataset: Dataset, label: str) -> tuple[float, int | None, str, list[str]]:
    """Dose in Gy, ROI number and text of the target, and notes."""
    items = [
        item
        for item in dataset.get("DoseReferenceSequence") or []
        if str(item.get("DoseReferenceType", "")).strip() == "TARGET"
        and item.get("TargetPrescriptionDose") is not None
    ]
    if not items:
        raise InvalidInput(
            f"prescription of {label} is missing, expected a DoseReferenceSequence item of type TARGET with "
            f"a TargetPrescriptionDose (D90 and V100 refer to it). Enter the prescription and export the "
            f"plan again."
        )
    chosen = max(items, key=lambda item: float(item.TargetPrescriptionDose))
    notes = [f"highest of {len(items)} target prescriptions used"] if len(items) > 1 else []
    roi = chosen.get("ReferencedROINumber")
    return (
        float(chosen.TargetPrescriptionDose),
        None if roi is None else int(roi),
        plain_text(chosen.get("DoseReferenceDescription"), ""),
        notes,
    )
