"""What a case is, and which media the simulation would give its structures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.phantom import Phantom
from validation.case import Case
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.inspect_section import Section, facts
from validation.studies.media_assignment import inside_image, structure_share
from validation.studies.monte_carlo import MonteCarloOptions
from validation.studies.patient_phantom import patient_phantom

FloatArray = NDArray[np.float64]

# Media below this share of a structure, by volume and by mass, are added up as "other" in the table.
SMALLEST_SHARE = 0.0005
# A cavity with less air than this is worth a look.
MOSTLY = 0.5


@dataclass(frozen=True)
class MediaOfStructure:
    """What fills a structure in the phantom.

    Attributes
    ----------
    structure : str
        Name.
    volume : float
        In the phantom, cm³.
    mean_density : float
        g/cm³.
    by_volume, by_mass : dict of str to float
        Share of each medium present; both add up to 1.
    on_dose_grid : float
        Share of the volume that lies on the dose grid, between 0 and 1.
    """

    structure: str
    volume: float
    mean_density: float
    by_volume: dict[str, float]
    by_mass: dict[str, float]
    on_dose_grid: float = float("nan")


def media_of_structures(case: Case, phantom: Phantom) -> list[MediaOfStructure]:
    """Share of each medium in every structure, by volume and by mass.

    Cells count with the part of their volume that lies inside the structure. The seeds' own volume is not taken out:
    in the simulation they are solids on top of these media.

    Parameters
    ----------
    case : Case
        Structures.
    phantom : Phantom
        Phantom of the case.

    Returns
    -------
    list of MediaOfStructure
        In the order of the case's structures.

    Examples
    --------
    >>> from validation.case import built_in
    >>> neck = built_in("neck")
    >>> found = media_of_structures(neck, patient_phantom(neck, 0.2)[0])
    >>> gtv = next(f for f in found if f.structure == "GTV")
    >>> gtv.by_volume["muscle"] > 0.9
    True
    """
    size = [np.diff(p) for p in phantom.planes]
    volume = size[0][:, None, None] * size[1][:, None] * size[2]
    volume = np.where(inside_image(case, phantom.planes), volume, 0.0)
    found = []
    for name in case.structures:
        part = volume * structure_share(case, name, phantom.planes, phantom.scoring)
        mass = part * phantom.density
        count = len(phantom.media)
        by_volume, by_mass = (
            np.bincount(phantom.medium.ravel(), weight.ravel(), minlength=count) for weight in (part, mass)
        )
        total, weight = float(by_volume.sum()), float(by_mass.sum())
        present = [k for k in np.argsort(-by_volume, kind="stable") if by_volume[k] > 0.0]
        found.append(
            MediaOfStructure(
                name,
                total,
                weight / total if total > 0.0 else float("nan"),
                {phantom.media[k]: float(by_volume[k] / total) for k in present},
                {phantom.media[k]: float(by_mass[k] / weight) for k in present},
                float(part[phantom.scoring].sum()) / total if total > 0.0 else float("nan"),
            )
        )
    return found


def describe_case(case: Case, options: MonteCarloOptions) -> list[Section]:
    """Sections on a case: image, seeds, structures, media, what was replaced near seeds; `--materials` tells the media.

    Parameters
    ----------
    case : Case
        The case.
    options : MonteCarloOptions
        As for a simulation: the phantom is the one it would use.

    Returns
    -------
    list of Section

    Raises
    ------
    InvalidInput
        Case and options do not fit together.
    """
    phantom, description = patient_phantom(
        case, options.voxel, options.media, options.beyond, options.beyond_distance, options.tissues
    )
    found = media_of_structures(case, phantom)
    sections = [
        facts("Case", _case_facts(case)),
        _structure_table(case),
        facts("Phantom", _phantom_facts(phantom, description)),
        media_table(found),
    ]
    notes = cavity_notes(case, found) if options.media == "patient" else []
    return [*sections, facts("To look at", notes)] if notes else sections


def cavity_notes(case: Case, found: list[MediaOfStructure]) -> list[tuple[str, str]]:
    """Cavities that the phantom fills with something else than air, and how to change it.

    Parameters
    ----------
    case : Case
        Structures.
    found : list of MediaOfStructure
        From `media_of_structures`.

    Returns
    -------
    list of (str, str)
        Structure and sentence.
    """
    notes = []
    for part in found:
        air = part.by_volume.get("air", 0.0)
        if case.structures[part.structure].role != "cavity" or not part.by_volume or air >= MOSTLY:
            continue
        most = next(medium for medium in part.by_volume if medium != "air")
        share = (
            f"{100 * part.by_volume[most]:.0f} % of it is {most.replace('_', ' ')} and {100 * air:.0f} % air"
        )
        notes.append(
            (
                part.structure,
                f"is a cavity, but {share} in the phantom. --medium-of {part.structure}=air fills it with air.",
            )
        )
    return notes


def _case_facts(case: Case) -> list[tuple[str, str]]:
    image, implant = case.image, case.implant
    strengths = implant.air_kerma_strengths
    low, high = float(strengths.min()), float(strengths.max())
    each = f"{low:g} U each" if low == high else f"{low:g} to {high:g} U each"
    needles = len({int(n) for n in implant.needles if n >= 0})
    return [
        ("name", case.name),
        ("digest", case.digest()),
        *[(key.replace("_", " "), value) for key, value in case.provenance.items()][:6],
        ("image", f"{' × '.join(str(n) for n in image.hu.shape)} voxels of "
                  f"{' × '.join(f'{10 * s:g}' for s in image.spacing)} mm, "
                  f"{float(image.hu.min()):.0f} to {float(image.hu.max()):.0f} HU"),
        ("seeds", f"{len(implant)} × {implant.model}, {each}, {implant.total_air_kerma_strength:.4g} U in all, "
                  f"{f'{needles} needles' if needles else 'needles unknown'}, half-life {implant.half_life_d:g} d"),
        ("prescription", f"{case.prescription.dose_gy:g} Gy to {case.prescription.target}"),
    ]  # fmt: skip


def _structure_table(case: Case) -> Section:
    rows = []
    image = case.image
    voxel = float(np.prod(image.spacing))
    for name, structure in case.structures.items():
        share = structure_fractions(structure, image.x, image.y, image.z)
        hu = np.asarray(image.hu)[share > 0.5]
        numbers = " / ".join(f"{v:.0f}" for v in np.percentile(hu, (5, 50, 95))) if hu.size else "–"
        rows.append((name, structure.role, f"{share.sum() * voxel:.2f}", str(len(structure.planes)), numbers))
    heading = ("structure", "role", "volume / cm³", "slices", "CT number 5 / 50 / 95 % / HU")
    return Section("Structures (in the image as read)", heading, tuple(rows))


def _phantom_facts(phantom: Phantom, description: dict[str, object]) -> list[tuple[str, str]]:
    shape = " × ".join(str(n) for n in phantom.scoring_shape)
    known = {
        "media_mode": "media",
        "hounsfield_curve": "CT curve",
        "outside_body": "outside the body",
        "beyond_the_image": "beyond the image",
    }
    found = [("scoring voxels", f"{shape} of {10 * float(str(description['voxel_cm'])):g} mm")]
    found += [
        (
            words,
            str(description[key]).partition(":")[0] if key == "hounsfield_curve" else str(description[key]),
        )
        for key, words in known.items()
        if key in description
    ]
    if "media_settings" not in description:
        return found
    if int(str(description["voxels_by_contour"])):
        found.append(("voxels with a contour's medium", str(description["voxels_by_contour"])))
    if int(str(description["voxels_of_calcification"])):
        found.append(("voxels of calcification", str(description["voxels_of_calcification"])))
    count = int(str(description["seed_artefact_voxels_overridden"]))
    words = "nothing replaced near the seeds"
    if count:
        words = (
            f"{count} CT voxels ({float(str(description['seed_artefact_volume_cm3'])):.2f} cm³) replaced: "
            f"{description['seed_artefact_voxels_of_seeds']} of seeds, {description['seed_artefact_voxels_bright']} "
            f"bright, {description['seed_artefact_voxels_dark']} dark; in the target by "
            f"{float(str(description['seed_artefact_replaced_by_hu'])):.0f} HU; "
            f"{description['seed_artefact_patches_kept']} patches left as they are"
        )
    return [*found, ("seeds and streaks", words)]


def media_table(found: list[MediaOfStructure]) -> Section:
    """The shares as a table: one row for each structure.

    Parameters
    ----------
    found : list of MediaOfStructure
        From `media_of_structures`.

    Returns
    -------
    Section
    """
    rows: list[tuple[str, ...]] = []
    for part in found:
        listed = [m for m in part.by_volume if max(part.by_volume[m], part.by_mass[m]) >= SMALLEST_SHARE]
        entries = [(m, part.by_volume[m], part.by_mass[m]) for m in listed]
        rest = sum(part.by_volume.values()) - sum(e[1] for e in entries)
        if rest > 1e-9:
            entries.append(("other", rest, sum(part.by_mass.values()) - sum(e[2] for e in entries)))
        media = ", ".join(f"{m} {100 * volume:.2f} ({100 * mass:.2f})" for m, volume, mass in entries)
        share = f"{100 * part.on_dose_grid:.0f}" if part.on_dose_grid == part.on_dose_grid else "–"
        rows.append((part.structure, f"{part.volume:.2f}", share, f"{part.mean_density:.4f}", media))
    heading = ("structure", "cm³", "% on the dose grid", "mean g cm⁻³", "media by volume / % (by mass / %)")
    return Section("Media of each structure in the phantom", heading, tuple(rows))
