"""A case from any input: DICOM, case file, built-in case or EGSnrc phantom, with masks as further structures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mcsim.invalid_input import InvalidInput
from validation.case import Case, Prescription, Structure, read_seed_list
from validation.case.dicom_structures import role_of
from validation.case.egs_case import AROUND_SEEDS, around_seeds, egsphant_case, read_egsphant_phantom
from validation.case.image import Image
from validation.case.masks import read_mask
from validation.case.plain_text import plain_text
from validation.case.seed_choice import choose_seed
from validation.studies.main_job import CaseChoice, load_case

EGSPHANT_SUFFIXES = (".egsphant", ".egsphant.gz")


@dataclass(frozen=True)
class ImportChoice:
    """What an input may lack.

    Attributes
    ----------
    masks : tuple of str
        ``NAME=FILE`` or ``NAME=FILE:LABEL``.
    media : tuple of str
        ``NAME=MEDIUM``: what a medium of an EGSnrc phantom is in the library.
    prescription : float or None
        Gy.
    target : str or None
        Structure of the prescription.
    margin : float or None
        For an EGSnrc phantom without a drawn target: what lies this near to a seed is the target, cm.
    """

    masks: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    prescription: float | None = None
    target: str | None = None
    margin: float | None = None


def import_case(source: str, choice: CaseChoice, more: ImportChoice) -> Case:
    """Read a case and add what the input lacks.

    Parameters
    ----------
    source : str
        DICOM folder, case file, built-in case, or ``.egsphant`` (plain or gzip).
    choice : CaseChoice
        Series, plan, structures, seeds.
    more : ImportChoice
        Masks, media, prescription.

    Returns
    -------
    Case

    Raises
    ------
    InvalidInput
        The input cannot be read, an EGSnrc phantom has no seeds, target or prescription, a mask is refused, or an
        option does not belong to this input.
    """
    if source.lower().endswith(EGSPHANT_SUFFIXES):
        return _from_egsphant(source, choice, more)
    if more.media or more.margin is not None:
        option = "--medium" if more.media else "--target-margin"
        raise InvalidInput(
            f"option {option} is given for {source}, expected it with an .egsphant only (other cases have CT numbers "
            f"and contours). Leave it out."
        )
    case = load_case(source, choice)
    drawn = {**case.structures, **{s.name: s for s in _masks(more.masks, case.image)}}
    wanted = case.prescription
    if more.prescription is not None or more.target is not None:
        wanted = Prescription(
            more.prescription if more.prescription is not None else wanted.dose_gy,
            more.target or wanted.target,
        )
    if drawn == case.structures and wanted == case.prescription:
        return case
    notes = {"masks": "; ".join(plain_text(mask, "?") for mask in more.masks)} if more.masks else {}
    return replace(case, structures=drawn, prescription=wanted, provenance={**case.provenance, **notes})


def _from_egsphant(source: str, choice: CaseChoice, more: ImportChoice) -> Case:
    if not Path(source).is_file():
        raise InvalidInput(f"phantom {source} is not there, expected an .egsphant file. Check the name.")
    for name, given in (
        ("--ct-series", choice.ct_series),
        ("--plan", choice.plan),
        ("--structures", choice.structures),
    ):
        if given is not None:
            raise InvalidInput(
                f"option {name} is given for {source}, expected it with a DICOM folder only. Leave it out."
            )
    if choice.seed_list is None or more.prescription is None:
        lacking = "seeds" if choice.seed_list is None else "prescription"
        raise InvalidInput(
            f"phantom {source} has no {lacking}, expected a seed list, a dose and a target (an egsphant has media and "
            f"densities only). Give --seed-list FILE, --prescription GY and --mask NAME=FILE or --target-margin MM."
        )
    seed = None if choice.seed_model is None else choose_seed(choice.seed_model)
    implant = read_seed_list(choice.seed_list, seed=seed)
    media = dict(_pair(text, "--medium", "MEDIUM") for text in more.media)
    image, _, _ = read_egsphant_phantom(source, media)
    structures = list(_masks(more.masks, image))
    if more.margin is not None:
        structures.append(around_seeds(implant, more.margin, image))
    targets = [s.name for s in structures if s.role == "target"]
    target = more.target or (
        AROUND_SEEDS if AROUND_SEEDS in targets else targets[0] if len(targets) == 1 else None
    )
    if target is None:
        raise InvalidInput(
            f"target of {source} is not given, expected one of {', '.join(targets) or '(no structure is a target)'}. "
            f"Give --target NAME, with --mask NAME=FILE, or --target-margin MM."
        )
    case = egsphant_case(source, implant, structures, Prescription(more.prescription, target), media)
    notes = {"implant": plain_text(choice.seed_list.name, "?")}
    if more.margin is not None:
        notes["target"] = f"voxels within {10 * more.margin:g} mm of a seed centre, not drawn by anybody"
    return replace(case, provenance={**case.provenance, **notes})


def _pair(text: str, option: str, what: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InvalidInput(f"option {option} is {text!r}, expected NAME={what}. Correct it.")
    return name, value


def _masks(texts: tuple[str, ...], image: Image) -> list[Structure]:
    structures = []
    for text in texts:
        name, value = _pair(text, "--mask", "FILE or NAME=FILE:LABEL")
        path, colon, label = value.rpartition(":")
        chosen = int(label) if colon and label.isdigit() and not Path(value).exists() else None
        file = path if chosen is not None else value
        structures.append(read_mask(file, name, role_of("", name), image, chosen))
    return structures
