"""Files of other programs at a glance: EGSnrc phantoms and doses, DICOM, masks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.egs_dose import read_3ddose
from validation.case.egs_phantom import library_media, read_egsphant
from validation.case.imported_dose import ImportedDose
from validation.case.masks import is_mask_file, read_label_image
from validation.case.rtdose import read_rtdose
from validation.studies.inspect_dicom import describe_dicom, dose_header, is_dose
from validation.studies.inspect_section import Section, facts, size_in_words

FloatArray = NDArray[np.float64]

_MOST_LABELS = 30
_CM = 10.0  # mm
_PREAMBLE = 128  # bytes before the letters DICM


def describe_other_file(path: Path, identity: bool = False) -> list[Section] | None:
    """Sections on a file of another program, or None if its name and content are of none that is known.

    Parameters
    ----------
    path : path
        ``.egsphant``, ``.3ddose`` (plain or gzip), DICOM, NIfTI, NRRD or MetaImage.
    identity : bool
        Show the patient's identity in a DICOM file too.

    Returns
    -------
    list of Section, or None

    Raises
    ------
    InvalidInput
        It is one of these by its name and cannot be read.
    """
    name = path.name.lower().removesuffix(".gz")
    reader: Callable[[Path], list[Section]] | None = None
    if name.endswith(".egsphant"):
        reader = _egsphant
    elif name.endswith(".3ddose"):
        reader = _3ddose
    elif is_mask_file(path):
        reader = _mask
    elif _is_dicom(path):
        reader = partial(_dicom, identity=identity)
    if reader is None:
        return None
    size = facts("File", [("path", path.name), ("size", size_in_words(path))])
    return [size, *reader(path)]


def _is_dicom(path: Path) -> bool:
    if path.suffix.lower() in (".dcm", ".dicom"):
        return True
    with path.open("rb") as stream:
        return stream.read(_PREAMBLE + 4)[_PREAMBLE:] == b"DICM"


def _grid(planes: tuple[FloatArray, ...]) -> list[tuple[str, str]]:
    shape = " × ".join(str(len(p) - 1) for p in planes)
    steps = []
    for p in planes:
        low, high = _CM * float(np.diff(p).min()), _CM * float(np.diff(p).max())
        steps.append(f"{low:.4g}" if high - low < 1e-4 * high else f"{low:.4g} to {high:.4g}")
    reach = ", ".join(f"{axis} {p[0]:.2f} to {p[-1]:.2f}" for axis, p in zip("xyz", planes, strict=True))
    return [("voxels", f"{shape} of {' × '.join(steps)} mm"), ("boundaries", f"{reach} cm")]


def _egsphant(path: Path) -> list[Section]:
    phantom = read_egsphant(path)
    rows = []
    volume = np.einsum("i,j,k->ijk", *(np.diff(p) for p in phantom.planes))
    for index, name in enumerate(phantom.names):
        here = phantom.medium == index
        density = phantom.density[here]
        try:
            known = library_media([name], {}, path.name)[0]
        except InvalidInput:
            known = "not known: give --medium"
        share = 100.0 * float(volume[here].sum() / volume.sum())
        between = f"{density.min():.4g} to {density.max():.4g}" if density.size else "–"
        rows.append((name, known, f"{share:.2f}", between))
    heading = ("medium", "here", "by volume / %", "density / g cm⁻³")
    return [facts("EGSnrc phantom", _grid(phantom.planes)), Section("Media", heading, tuple(rows))]


def _3ddose(path: Path) -> list[Section]:
    dose = read_3ddose(path)
    return [facts("EGSnrc dose (Gy, or Gy per history)", [*_grid(dose.planes), *_dose(dose)])]


def _dicom(path: Path, identity: bool) -> list[Section]:
    sections = describe_dicom(path, identity)
    return [*sections, _rtdose(path)] if is_dose(path) else sections


def _rtdose(path: Path) -> Section:
    try:
        dose = read_rtdose(path)
    except InvalidInput as reason:
        return facts("RTDOSE", [*dose_header(path), ("as a dose", f"refused: {reason}")])
    pairs = [("description", dose.description), ("frame of reference", dose.frame_of_reference or "missing")]
    return facts("RTDOSE", [*pairs, *_grid(dose.planes), *_dose(dose)])


def _dose(dose: ImportedDose) -> list[tuple[str, str]]:
    values = dose.dose
    place = [float(c[i]) for c, i in zip((dose.x, dose.y, dose.z), np.unravel_index(values.argmax(), values.shape),
                                         strict=True)]  # fmt: skip
    where = ", ".join(f"{v:.2f}" for v in place)
    pairs = [
        ("largest", f"{values.max():.5g} at ({where}) cm"),
        ("mean", f"{values.mean():.5g}"),
        ("smallest", f"{values.min():.5g}"),
    ]
    if dose.std_dev is None:
        return [*pairs, ("uncertainty", "none in the file")]
    high = (values > 0.5 * values.max()) & np.isfinite(dose.std_dev)
    relative = float((dose.std_dev[high] / values[high]).mean()) if high.any() else float("nan")
    never = int(np.isnan(dose.std_dev).sum())
    return [
        *pairs,
        ("uncertainty", f"{100 * relative:.2g} % on average above half the largest dose"),
        ("voxels never scored", str(never)),
    ]


def _mask(path: Path) -> list[Section]:
    image = read_label_image(path)
    centres = (image.x, image.y, image.z)
    steps = [float(c[1] - c[0]) if c.size > 1 else 0.0 for c in centres]
    planes = tuple(np.concatenate([c - s / 2, [c[-1] + s / 2]]) for c, s in zip(centres, steps, strict=True))
    present, counts = np.unique(image.values, return_counts=True)
    pairs = [*_grid(planes), ("type", str(image.values.dtype)), ("different values", str(present.size))]
    if present.size > _MOST_LABELS:
        return [facts("Mask or image", [*pairs, ("values", f"{present[0]:g} to {present[-1]:g}")])]
    rows = tuple(
        (f"{value:g}", str(count), f"{count * np.prod(steps):.3f}")
        for value, count in zip(present, counts, strict=True)
    )
    return [facts("Mask", pairs), Section("Values", ("value", "voxels", "volume / cm³"), rows)]
