"""One DICOM file in one screen: CT slice, structure set, plan, other images; without the patient's identity."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from mcsim.invalid_input import InvalidInput
from validation.case.dicom_file import DicomFile, open_dicom, read_complete, readable
from validation.case.dicom_plan import read_plan
from validation.case.implant import Implant
from validation.case.plain_text import plain_text
from validation.studies.inspect_section import Section, between, facts, shortened

_CM_IN_MM = 10.0
_MM3_PER_CM3 = 1000.0
_IDENTITY = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "AccessionNumber")
_BITS_PER_BYTE = 8
Pairs = list[tuple[str, str]]


def describe_dicom(path: Path, identity: bool = False) -> list[Section]:
    """Sections on a DICOM file.

    Parameters
    ----------
    path : path
        File.
    identity : bool
        Show the patient's name, numbers and dates too.

    Returns
    -------
    list of Section

    Raises
    ------
    InvalidInput
        The file is broken.
    """
    file = open_dicom(path)
    dataset = read_complete(file)
    with readable(file.label):
        modality = plain_text(dataset.get("Modality"), "unknown")
        sections = [facts("DICOM", [*_common(file, dataset, modality)])]
        if modality == "CT":
            sections += [facts("CT image", _ct(dataset, file.size))]
        elif modality == "RTSTRUCT":
            sections += _structure_set(file, dataset)
        elif modality == "RTPLAN":
            sections += _plan(file, dataset)
        elif "Rows" in dataset and modality != "RTDOSE":
            sections += [facts("Image", _pixels(dataset))]
        if identity:
            pairs = [(key, plain_text(dataset.get(key), "–")) for key in _IDENTITY]
            sections.append(facts("Identity of the patient", pairs))
    return sections


def is_dose(path: Path) -> bool:
    """Whether a DICOM file says that it is a dose."""
    with readable(path.name):
        return str(pydicom.dcmread(path, specific_tags=["Modality"]).get("Modality", "")) == "RTDOSE"


def dose_header(path: Path) -> Pairs:
    """What a dose says about itself, whether it can be read as a dose or not."""
    with readable(path.name):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        keys = ("DoseType", "DoseUnits", "DoseSummationType", "DoseComment", "TissueHeterogeneityCorrection")
        pairs = [(_words(key), plain_text(dataset.get(key), "")) for key in keys]
        frames = plain_text(dataset.get("NumberOfFrames"), "1")
        size = " × ".join(plain_text(dataset.get(key), "?") for key in ("Columns", "Rows"))
        return [("size", f"{size} × {frames}"), *((key, text) for key, text in pairs if text)]


def _common(file: DicomFile, dataset: Dataset, modality: str) -> Pairs:
    sop_class = UID(str(dataset.get("SOPClassUID", "")))
    made_by = [plain_text(dataset.get(key), "") for key in ("Manufacturer", "ManufacturerModelName")]
    pairs = [
        ("kind", f"{modality}, {plain_text(sop_class.name, 'no class')}"),
        ("series", file.text("SeriesDescription")),
        ("made by", " ".join(text for text in made_by if text)),
        ("series UID", file.uid("SeriesInstanceUID")),
        ("frame of reference", file.uid("FrameOfReferenceUID")),
    ]
    return [(name, value) for name, value in pairs if value]


def _pixels(dataset: Dataset) -> Pairs:
    size = " × ".join(plain_text(dataset.get(key), "?") for key in ("Columns", "Rows"))
    frames = plain_text(dataset.get("NumberOfFrames"), "")
    pairs = [("pixels", size + (f" × {frames} frames" if frames else ""))]
    if dataset.get("PixelSpacing") is not None:
        pairs.append(
            (
                "pixel spacing",
                " × ".join(f"{float(v):g}" for v in dataset.PixelSpacing) + " mm (rows, columns)",
            )
        )
    return pairs


def _ct(dataset: Dataset, size: int) -> Pairs:
    pairs = _pixels(dataset)
    for keyword, name, unit in (
        ("SliceThickness", "slice thickness", "mm"), ("KVP", "tube voltage", "kV"),
        ("ConvolutionKernel", "kernel", ""), ("PatientPosition", "patient position", ""),
    ):  # fmt: skip
        if dataset.get(keyword) not in (None, ""):
            pairs.append((name, f"{plain_text(dataset.get(keyword), '–')} {unit}".rstrip()))
    for keyword, name in (("ImagePositionPatient", "position"), ("ImageOrientationPatient", "orientation")):
        if dataset.get(keyword) is not None:
            unit = " mm (LPS)" if name == "position" else ""
            pairs.append((name, ", ".join(f"{float(v):g}" for v in dataset[keyword].value) + unit))
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if slope is None or intercept is None:
        return [*pairs, ("CT numbers", "no rescale slope and intercept: not known")]
    needed = (
        int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("BitsAllocated", 16)) // _BITS_PER_BYTE
    )
    compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    if (
        "PixelData" not in dataset
        or (not compressed and needed > size)
        or int(dataset.get("NumberOfFrames") or 1) > 1
    ):
        return [*pairs, ("CT numbers", "the pixels are missing or fewer than rows × columns")]
    numbers = dataset.pixel_array * float(slope) + float(intercept)
    percentiles = " / ".join(f"{v:.0f}" for v in np.percentile(numbers, (5, 50, 95)))
    return [
        *pairs,
        (
            "CT numbers",
            f"{between(float(numbers.min()), float(numbers.max()), 'HU')}, 5 / 50 / 95 %: {percentiles} HU",
        ),
    ]


def _structure_set(file: DicomFile, dataset: Dataset) -> list[Section]:
    drawn = {int(item.ReferencedROINumber): item for item in dataset.get("ROIContourSequence") or []}
    kinds = {
        int(item.ReferencedROINumber): plain_text(item.get("RTROIInterpretedType"), "–")
        for item in dataset.get("RTROIObservationsSequence") or []
    }
    rows = []
    for roi in dataset.get("StructureSetROISequence") or []:
        number = int(roi.ROINumber)
        name = plain_text(roi.get("ROIName"), f"ROI {number}")
        contours = (drawn[number].get("ContourSequence") or []) if number in drawn else []
        rows.append((name, kinds.get(number, "–"), *_contours(contours)))
    label = file.text("StructureSetLabel", "–")
    heading = ("structure", "type", "contours", "slices", "points", "z / cm", "volume / cm³")
    title = "Structures (volume: areas times the distance of slices)"
    return [
        facts("Structure set", [("label", label), ("structures", str(len(rows)))]),
        shortened(title, heading, rows),
    ]


def _contours(items: list[Dataset]) -> tuple[str, ...]:
    """Contours, slices, points, extent and about the volume of one structure."""
    planes: dict[float, list[NDArray[np.float64]]] = defaultdict(list)
    count = 0
    for item in items:
        values = np.array([_number(v) for v in item.get("ContourData") or []])
        if values.size < 9 or values.size % 3 or not np.isfinite(values).all():  # three corners make an area
            continue
        points = values.reshape(-1, 3)
        count += 1
        planes[round(float(points[0, 2]), 3)].append(points[:, :2])
    levels = np.array(sorted(planes))
    step = float(np.median(np.diff(levels))) if levels.size > 1 else float("nan")
    volume = sum(_area(curves) for curves in planes.values()) * step / _MM3_PER_CM3
    points_in_all = sum(len(curve) for curves in planes.values() for curve in curves)
    extent = f"{levels[0] / _CM_IN_MM:.2f} to {levels[-1] / _CM_IN_MM:.2f}" if levels.size else "–"
    contours = str(len(items)) + (f" ({len(items) - count} not usable)" if count < len(items) else "")
    words = f"{volume:.2f}" if np.isfinite(volume) else "–"
    return contours, str(levels.size), str(points_in_all), extent, words


def _area(curves: list[NDArray[np.float64]]) -> float:
    """Area inside curves of one plane, even-odd: one that lies in an odd number of others is a hole; mm²."""
    total = 0.0
    for curve in curves:
        x, y = curve.T
        area = 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))
        around = sum(_is_inside(curve[0], other) for other in curves if other is not curve)
        total += -area if around % 2 else area
    return total


def _is_inside(point: NDArray[np.float64], curve: NDArray[np.float64]) -> bool:
    """Whether a ray from a point along x crosses a closed curve an odd number of times."""
    (x0, y0), (x1, y1) = curve.T, np.roll(curve, -1, axis=0).T
    crossing = (y0 > point[1]) != (y1 > point[1])
    at = x0[crossing] + (point[1] - y0[crossing]) / (y1 - y0)[crossing] * (x1 - x0)[crossing]
    return bool(np.count_nonzero(at > point[0]) % 2)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")


def _plan(file: DicomFile, dataset: Dataset) -> list[Section]:
    pairs = [
        ("label", file.text("RTPlanLabel", "–")),
        (
            "treatment",
            " ".join(
                plain_text(dataset.get(k), "–") for k in ("BrachyTreatmentTechnique", "BrachyTreatmentType")
            ),
        ),
        ("application setups", str(len(dataset.get("ApplicationSetupSequence") or []))),
    ]
    for source in dataset.get("SourceSequence") or []:
        rate, half_life = (
            _number(source.get("ReferenceAirKermaRate")),
            _number(source.get("SourceIsotopeHalfLife")),
        )
        name = plain_text(source.get("SourceIsotopeName"), "–")
        pairs.append(("source", f"{name}, {rate:.4g} µGy/h at 1 m, half-life {half_life:g} d"))
    try:
        plan = read_plan(file, str(dataset.get("FrameOfReferenceUID", "")))
    except InvalidInput as reason:
        return [facts("Plan", [*pairs, ("as an implant", f"refused: {reason}")])]
    implant: Implant = plan.implant
    strengths, places = implant.air_kerma_strengths, implant.positions
    needles = len({int(n) for n in implant.needles if n >= 0})
    where = ", ".join(
        f"{a} {between(lo, hi)}" for a, lo, hi in zip("xyz", places.min(0), places.max(0), strict=True)
    )
    pairs += [
        ("prescription", f"{plan.dose_gy:g} Gy" + (f" to {plan.target_text}" if plan.target_text else "")),
        ("seeds", f"{len(implant)} × {implant.model}, half-life {implant.half_life_d:g} d, "
                  f"{f'{needles} needles' if needles else 'needles unknown'}"),
        ("strength", f"{between(float(strengths.min()), float(strengths.max()), 'U')} each, "
                     f"{float(strengths.sum()):.4g} U in all"),
        ("places", f"{where} cm"),
        *(("note", note) for note in plan.notes),
    ]  # fmt: skip
    return [facts("Plan of permanent seeds", pairs)]


def _words(keyword: str) -> str:
    return "".join(f" {c.lower()}" if c.isupper() else c for c in keyword).strip()
