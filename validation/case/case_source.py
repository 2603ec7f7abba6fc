"""A case from any input: DICOM, case file, built-in case or EGSnrc phantom, with masks as further structures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mcsim.invalid_input import InvalidInput
from validation.case import store
from validation.case.built_in_cases import NAMES, built_in
from validation.case.case import Case, Prescription
from validation.case.image import Image
from validation.case.plain_text import plain_text
from validation.case.seed_choice import HALF_LIFE_SPREAD, SeedChoice, choose_seed, known_seed
from validation.case.seed_list_json import read_seed_list
from validation.case.structure import Structure

EGSPHANT_SUFFIXES = (".egsphant", ".egsphant.gz")


@dataclass(frozen=True)
class CaseChoice:
    """Which series, plan or structure set of a folder to take, a seed list to put in, and which seeds they are."""

    ct_series: str | None = None
    plan: str | None = None
    structures: str | None = None
    seed_list: str | Path | None = None
    seed_model: str | None = None


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


NOTHING_CHOSEN, NOTHING_LACKING = CaseChoice(), ImportChoice()


def read_case(
    source: str | Path, choice: CaseChoice = NOTHING_CHOSEN, more: ImportChoice = NOTHING_LACKING
) -> Case:
    """Read a case from wherever it is, and add what the input lacks.

    Parameters
    ----------
    source : str or path
        DICOM folder, case file, ``.egsphant`` (plain or gzip), or the name of a built-in case.
    choice : CaseChoice
        Which of several candidates; a seed list replaces the seeds, a seed model says what they are.
    more : ImportChoice
        Masks, media, prescription.

    Returns
    -------
    Case

    Raises
    ------
    InvalidInput
        The input is none of these or cannot be read, an EGSnrc phantom has no seeds, target or prescription, a mask is
        refused, or an option does not belong to this input.

    Examples
    --------
    >>> read_case("neck", more=ImportChoice(prescription=110.0)).prescription
    Prescription(dose_gy=110.0, target='PTV')
    """
    source = str(source)
    if source.lower().endswith(EGSPHANT_SUFFIXES):
        return _from_egsphant(source, choice, more)
    if more.media or more.margin is not None:
        option = "--medium" if more.media else "--target-margin"
        raise InvalidInput(
            f"option {option} is given for {source}, expected it with an .egsphant only (other cases have CT numbers "
            f"and contours). Leave it out."
        )
    case = _without_more(source, choice)
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


def _without_more(source: str, choice: CaseChoice) -> Case:
    seed = None if choice.seed_model is None else choose_seed(choice.seed_model)
    path = Path(source)
    if path.is_dir():
        from validation.case.dicom_folder import read_dicom

        case = read_dicom(path, ct_series=choice.ct_series, plan=choice.plan, structures=choice.structures)
    elif path.is_file():
        case = store.read(path)
    elif source in NAMES:
        case = built_in(source)
    else:
        raise InvalidInput(
            f"input is {source!r}, expected a DICOM folder, a case file, an .egsphant or a built-in case "
            f"({', '.join(NAMES)}). Check the path."
        )
    if choice.seed_list is not None:
        implant = read_seed_list(choice.seed_list, seed=seed)
        case = case.with_implant(implant, source=Path(choice.seed_list).name)
    return case if seed is None else _of_seed(case, seed)


def _of_seed(case: Case, seed: SeedChoice) -> Case:
    """The case with seeds of this model at the same places; its half-life unless the case has it already."""
    implant, model = case.implant, known_seed(seed)
    half_life = implant.half_life_d
    if model is not None and abs(half_life / model.spectrum.half_life_d - 1.0) > HALF_LIFE_SPREAD:
        half_life = model.spectrum.half_life_d
    if (implant.seed_choice, implant.half_life_d) == (seed, half_life):
        return case
    same = replace(implant, model=seed.model, seed_file=seed.seed_file, half_life_d=half_life)
    note = f"{seed.model}, {half_life:g} d, instead of {implant.model}, {implant.half_life_d:g} d"
    return replace(case, implant=same, provenance={**case.provenance, "seed_model": note})


def _from_egsphant(source: str, choice: CaseChoice, more: ImportChoice) -> Case:
    from validation.case.egs_case import AROUND_SEEDS, around_seeds, egsphant_case, read_egsphant_phantom

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
    notes = {"implant": plain_text(Path(choice.seed_list).name, "?")}
    if more.margin is not None:
        notes["target"] = f"voxels within {10 * more.margin:g} mm of a seed centre, not drawn by anybody"
    return replace(case, provenance={**case.provenance, **notes})


def _pair(text: str, option: str, what: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InvalidInput(f"option {option} is {text!r}, expected NAME={what}. Correct it.")
    return name, value


def _masks(texts: tuple[str, ...], image: Image) -> list[Structure]:
    if not texts:
        return []
    # loads pydicom and SimpleITK: a case file does without
    from validation.case.dicom_structures import role_of
    from validation.case.masks import read_mask

    structures = []
    for text in texts:
        name, value = _pair(text, "--mask", "FILE or NAME=FILE:LABEL")
        path, colon, label = value.rpartition(":")
        chosen = int(label) if colon and label.isdigit() and not Path(value).exists() else None
        file = path if chosen is not None else value
        structures.append(read_mask(file, name, role_of("", name), image, chosen))
    return structures
