"""A case in one HDF5 file: ``seedmc-case``, laid out in docs/file_formats/case.md."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.hdf5_file import create, open_checked
from mcsim.invalid_input import InvalidInput
from validation.case.dicom_references import DicomReferences
from validation.case.image import Image, TissueMap
from validation.case.implant import Implant
from validation.case.needle_table import NeedleTable
from validation.case.seed_choice import seed_file_digest
from validation.case.structure import Contour, Role, Structure

if TYPE_CHECKING:
    from validation.case.case import Case

FILETYPE = "seedmc-case"
FORMAT_VERSION = "1.2"
_MAJOR = 1


def digest(case: Case) -> str:
    """SHA-256 (hex) of image, structures, implant and prescription; see `Case.digest`."""
    sha = hashlib.sha256(b"seedmc-case content 1\n")

    def add(label: str, values: ArrayLike | str) -> None:
        if isinstance(values, str):
            content = values.encode()
        else:
            # Adding 0 turns -0.0 into 0.0: equal values must have equal bytes.
            array = np.ascontiguousarray(values)
            little = array.astype(array.dtype.newbyteorder("<")) + 0
            label = f"{label} {little.dtype.str} {little.shape}"
            content = little.tobytes()
        sha.update(f"{label} {len(content)}\n".encode())
        sha.update(content)

    for name in ("x", "y", "z", "hu"):
        add(f"image {name}", getattr(case.image, name))
    if case.tissue is not None:  # files before format 1.2 have none: their digest stays
        add("medium", case.tissue.medium)
        add("density", case.tissue.density)
        add("media", "\n".join(case.tissue.media))
    for name, structure in sorted(case.structures.items()):
        add("structure", name)
        add("role", structure.role)
        add("slice_thickness", np.float64(structure.slice_thickness))
        for contour in structure.contours:
            add("z", np.float64(contour.z))
            add("points", contour.points)
    implant = case.implant
    add("model", implant.model)
    if implant.seed_file:  # files of format 1.0 have none: their digest stays
        add("seed_file", implant.seed_file)
    for name in ("positions", "axes", "air_kerma_strengths", "needles"):
        add(name, getattr(implant, name))
    add("half_life_d", np.float64(implant.half_life_d))
    if len(implant.needle_table):  # files before format 1.2 have none
        for name in ("numbers", "entries", "tips"):
            add(f"needle {name}", getattr(implant.needle_table, name))
    add("dose_gy", np.float64(case.prescription.dose_gy))
    add("target", case.prescription.target)
    return sha.hexdigest()


def _dataset(
    group: h5py.Group,
    name: str,
    values: ArrayLike,
    units: str,
    description: str,
    *,
    dims: tuple[str, ...] = (),
    compress: bool = False,
) -> None:
    """Write one dataset with its unit, meaning and named dimensions."""
    options = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if compress else {}
    dataset = group.create_dataset(name, data=values, **options)
    dataset.attrs["units"] = units
    dataset.attrs["description"] = description
    if dims == (name,):
        dataset.make_scale(name)
        return
    for axis, dim in enumerate(dims):
        dataset.dims[axis].attach_scale(group[dim])
        dataset.dims[axis].label = dim


def _frame_axis(group: h5py.Group) -> None:
    names = np.array(["x", "y", "z"], dtype=h5py.string_dtype())
    _dataset(
        group, "axis", names, "1", "patient axis, LPS (to the left, posterior, superior)", dims=("axis",)
    )


def _write_image(group: h5py.Group, image: Image) -> None:
    for name, direction in (("x", "left"), ("y", "posterior"), ("z", "superior")):
        _dataset(
            group, name, getattr(image, name), "cm", f"voxel centre, positive to {direction}", dims=(name,)
        )
    _dataset(group, "hu", image.hu, "HU", "CT number", dims=("x", "y", "z"), compress=True)


def _write_tissue(group: h5py.Group, tissue: TissueMap) -> None:
    """Beside the CT numbers, on the same axes."""
    dims = ("x", "y", "z")
    _dataset(group, "medium", tissue.medium, "1", "index into its attribute names", dims=dims, compress=True)
    group["medium"].attrs["names"] = json.dumps(tissue.media)
    _dataset(group, "density", tissue.density, "g cm-3", "mass density", dims=dims, compress=True)


def _write_references(group: h5py.Group, references: DicomReferences) -> None:
    group.attrs["study_instance_uid"] = references.study
    group.attrs["series_instance_uid"] = references.series
    group.attrs["frame_of_reference_uid"] = references.frame_of_reference
    count = len(references.slices)
    _dataset(group, "slice", np.arange(count), "1", "slice index, from the feet up", dims=("slice",))
    names = np.array(references.slices, dtype=h5py.string_dtype())
    _dataset(group, "sop_instance_uids", names, "1", "UID of the slice's CT file", dims=("slice",))


def _write_structure(group: h5py.Group, structure: Structure) -> None:
    group.attrs["name"] = structure.name
    group.attrs["role"] = structure.role
    counts = np.array([len(contour.points) for contour in structure.contours])
    _dataset(group, "contour", np.arange(len(counts)), "1", "contour index", dims=("contour",))
    _dataset(
        group, "point", np.arange(counts.sum()), "1", "corner index, contour after contour", dims=("point",)
    )
    names = np.array(["x", "y"], dtype=h5py.string_dtype())
    _dataset(group, "axis", names, "1", "patient axis in the contour plane, LPS", dims=("axis",))
    _dataset(
        group, "contour_z", [c.z for c in structure.contours], "cm", "plane of the contour", dims=("contour",)
    )
    _dataset(
        group,
        "first_point",
        np.concatenate(([0], np.cumsum(counts)[:-1])),
        "1",
        "index of the first corner of the contour; it ends before the first corner of the next",
        dims=("contour",),
    )
    points = np.concatenate([c.points for c in structure.contours])
    _dataset(
        group, "points", points, "cm", "corners of the closed contours", dims=("point", "axis"), compress=True
    )
    _dataset(
        group,
        "slice_thickness",
        structure.slice_thickness,
        "cm",
        "thickness of the slab a contour stands for",
    )


def _write_implant(group: h5py.Group, implant: Implant) -> None:
    group.attrs["model"] = implant.model
    group.attrs["seed_file_digest"] = seed_file_digest(implant.seed_file)
    _dataset(group, "seed", np.arange(1, len(implant) + 1), "1", "seed number, from 1", dims=("seed",))
    _frame_axis(group)
    _dataset(group, "positions", implant.positions, "cm", "centre of the seed", dims=("seed", "axis"))
    _dataset(
        group, "axes", implant.axes, "1", "unit direction of the long axis of the seed", dims=("seed", "axis")
    )
    _dataset(
        group,
        "air_kerma_strengths",
        implant.air_kerma_strengths,
        "cGy cm2 h-1",
        "air-kerma strength at the time of implantation (1 cGy cm2 h-1 = 1 U)",
        dims=("seed",),
    )
    _dataset(group, "needles", implant.needles, "1", "needle of the seed, -1 if unknown", dims=("seed",))
    _dataset(group, "half_life_d", implant.half_life_d, "d", "half-life of the radionuclide")
    _dataset(
        group,
        "seed_file",
        np.array(implant.seed_file, dtype=h5py.string_dtype()),
        "1",
        "content of the user's own seed file, JSON; empty for a packaged seed",
    )


def _write_needles(group: h5py.Group, table: NeedleTable) -> None:
    _dataset(group, "needle", table.numbers, "1", "number of the needle, as seeds give it", dims=("needle",))
    _frame_axis(group)
    _dataset(
        group, "entries", table.entries, "cm", "where the needle enters the skin", dims=("needle", "axis")
    )
    _dataset(group, "tips", table.tips, "cm", "where its tip ends", dims=("needle", "axis"))


def write(case: Case, path: str | Path) -> None:
    """Write a case file; see `Case.write`."""
    attributes = {"name": case.name, "case_digest": digest(case)}
    with create(path, FILETYPE, FORMAT_VERSION, attributes) as file:
        image = file.create_group("image")
        _write_image(image, case.image)
        if case.tissue is not None:
            _write_tissue(image, case.tissue)
        if case.dicom is not None:
            _write_references(file.create_group("dicom"), case.dicom)
        structures = file.create_group("structures", track_order=True)
        for number, structure in enumerate(case.structures.values(), start=1):
            _write_structure(structures.create_group(f"{number:04d}"), structure)
        _write_implant(file.create_group("implant"), case.implant)
        _write_needles(file.create_group("needles"), case.implant.needle_table)
        prescription = file.create_group("prescription")
        prescription.attrs["target"] = case.prescription.target
        _dataset(prescription, "dose_gy", case.prescription.dose_gy, "Gy", "prescribed dose to full decay")
        provenance = file.create_group("provenance")
        for key, value in case.provenance.items():
            provenance.attrs[key] = value


def _read_structure(group: h5py.Group) -> Structure:
    first = np.append(group["first_point"][()], len(group["point"]))
    points: NDArray[np.float64] = group["points"][()]
    if (np.diff(first) <= 0).any() or first[0] != 0 or len(points) != first[-1]:
        raise InvalidInput(
            f"first_point of structure {group.attrs['name']} is not ascending from 0 to {len(points)}, "
            f"expected the start of each contour (the file was changed). Make the case file again."
        )
    contours = tuple(
        Contour(float(z), points[start:stop])
        for z, start, stop in zip(group["contour_z"][()], first[:-1], first[1:], strict=True)
    )
    role = cast(Role, str(group.attrs["role"]))
    return Structure(str(group.attrs["name"]), role, contours, float(group["slice_thickness"][()]))


def _read_tissue(group: h5py.Group) -> TissueMap | None:
    if "medium" not in group:
        return None
    names = json.loads(str(group["medium"].attrs["names"]))
    return TissueMap(group["medium"][()], group["density"][()], tuple(names))


def _read_references(file: h5py.File) -> DicomReferences | None:
    if "dicom" not in file:
        return None
    group = file["dicom"]
    slices = [str(uid) for uid in group["sop_instance_uids"].asstr()[()]]
    names = ("study_instance_uid", "series_instance_uid", "frame_of_reference_uid")
    study, series, frame = (str(group.attrs[name]) for name in names)
    return DicomReferences(study, series, frame, tuple(slices))


def _read_needles(file: h5py.File) -> NeedleTable:
    if "needles" not in file:
        return NeedleTable()
    group = file["needles"]
    return NeedleTable(group["needle"][()], group["entries"][()], group["tips"][()])


def read(path: str | Path) -> Case:
    """Read a case file; see `Case.read`."""
    from validation.case.case import Case, Prescription

    with open_checked(path, FILETYPE, _MAJOR) as file:
        image = Image(*(file["image"][name][()] for name in ("hu", "x", "y", "z")))
        structures = [_read_structure(group) for group in file["structures"].values()]
        group = file["implant"]
        implant = Implant(
            str(group.attrs["model"]),
            group["positions"][()],
            group["axes"][()],
            group["air_kerma_strengths"][()],
            float(group["half_life_d"][()]),
            group["needles"][()],
            str(group["seed_file"].asstr()[()]) if "seed_file" in group else "",
            _read_needles(file),
        )
        group = file["prescription"]
        case = Case(
            str(file.attrs["name"]),
            image,
            {structure.name: structure for structure in structures},
            implant,
            Prescription(float(group["dose_gy"][()]), str(group.attrs["target"])),
            {key: str(value) for key, value in file["provenance"].attrs.items()},
            _read_tissue(file["image"]),
            _read_references(file),
        )
        stored = str(file.attrs["case_digest"])
    if case.digest() != stored:
        raise InvalidInput(
            f"case_digest of {path} is {stored[:12]}, expected {case.digest()[:12]} (the content was changed "
            f"after it was written). Make the case file again."
        )
    return case
