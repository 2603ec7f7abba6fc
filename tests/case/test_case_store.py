from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray as xr

from mcsim.invalid_input import InvalidInput
from validation.case import Case, Contour, Image, Prescription, Structure, built_in


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "neck.h5"
    built_in("neck").write(path)
    return path


def test_a_case_comes_back_as_it_was(written):
    neck, again = built_in("neck"), Case.read(written)
    for name in ("hu", "x", "y", "z"):
        np.testing.assert_array_equal(getattr(again.image, name), getattr(neck.image, name))
    assert list(again.structures) == list(neck.structures)
    for name, structure in neck.structures.items():
        other = again.structures[name]
        assert (other.role, other.slice_thickness) == (structure.role, structure.slice_thickness)
        for a, b in zip(structure.contours, other.contours, strict=True):
            assert a.z == b.z
            np.testing.assert_array_equal(a.points, b.points)
    for name in ("positions", "axes", "air_kerma_strengths", "needles", "half_life_d", "model"):
        np.testing.assert_array_equal(getattr(again.implant, name), getattr(neck.implant, name))
    assert again.prescription == neck.prescription
    assert (again.name, again.provenance) == (neck.name, neck.provenance)
    assert again.digest() == neck.digest()


def test_the_same_case_gives_the_same_bytes(written, tmp_path):
    built_in("neck").write(tmp_path / "second.h5")
    assert written.read_bytes() == (tmp_path / "second.h5").read_bytes()


def test_xarray_reads_every_group_with_named_dimensions(written):
    with xr.open_datatree(written, engine="h5netcdf") as tree:
        assert tree["image"].hu.dims == ("x", "y", "z")
        assert tree["image"].hu.attrs["units"] == "HU"
        assert tree["implant"].positions.dims == ("seed", "axis")
        assert (
            tree["implant"].positions.sel(axis="z", seed=1).item() == built_in("neck").implant.positions[0, 2]
        )
        assert tree["structures/0002"].attrs["name"] == "GTV"
        assert tree["structures/0002"].points.dims == ("point", "axis")
        assert tree["prescription"].dose_gy.item() == 120.0


def changed(**parts):
    return replace(built_in("neck"), **parts)


def other_image():
    hu = built_in("neck").image.hu.copy()
    hu[5, 5, 5] += 1
    image = built_in("neck").image
    return Image(hu, image.x, image.y, image.z)


def other_structures(**values):
    structures = dict(built_in("neck").structures)
    structures["GTV"] = replace(structures["GTV"], **values)
    return structures


def moved_contours():
    first, *rest = built_in("neck").structures["GTV"].contours
    return (Contour(first.z, first.points + 1e-9), *rest)


OTHER_CONTENT = {
    "one voxel": lambda: changed(image=other_image()),
    "role": lambda: changed(structures=other_structures(role="organ")),
    "thickness": lambda: changed(structures=other_structures(slice_thickness=0.1)),
    "contour": lambda: changed(structures=other_structures(contours=moved_contours())),
    "strength": lambda: changed(
        implant=replace(
            built_in("neck").implant, air_kerma_strengths=built_in("neck").implant.air_kerma_strengths * 1.01
        )
    ),
    "axis sense": lambda: changed(
        implant=replace(built_in("neck").implant, axes=-built_in("neck").implant.axes)
    ),
    "half-life": lambda: changed(implant=replace(built_in("neck").implant, half_life_d=59.5)),
    "needles": lambda: changed(
        implant=replace(built_in("neck").implant, needles=built_in("neck").implant.needles + 1)
    ),
    "dose": lambda: changed(prescription=Prescription(121.0, "PTV")),
    "target": lambda: changed(prescription=Prescription(120.0, "GTV")),
}


@pytest.mark.parametrize("part", OTHER_CONTENT)
def test_the_digest_follows_every_part_of_the_content(part):
    assert OTHER_CONTENT[part]().digest() != built_in("neck").digest()


def test_the_digest_ignores_name_provenance_order_and_the_sign_of_zero():
    neck = built_in("neck")
    same = changed(
        name="other name",
        provenance={"imported": "today"},
        structures=dict(reversed(neck.structures.items())),
        implant=replace(neck.implant, axes=neck.implant.axes + 0.0),
    )
    assert same.digest() == neck.digest()
    point = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
    minus = [[-0.0, 0.0], [1.0, -0.0], [1.0, 1.0]]
    cases = [
        changed(structures={**neck.structures, "A": Structure("A", "other", [Contour(0.0, p)], 0.2)})
        for p in (point, minus)
    ]
    assert cases[0].digest() == cases[1].digest()


def test_a_changed_file_is_refused(written):
    with h5py.File(written, "r+") as file:
        file["implant/air_kerma_strengths"][0] = 6.35
    with pytest.raises(InvalidInput, match=r"case_digest of .*the content was changed after it was written"):
        Case.read(written)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: f.attrs.__setitem__("filetype", "seedmc-dose"),
            r"is 'seedmc-dose', expected 'seedmc-case'",
        ),
        (
            lambda f: f.attrs.__setitem__("format_version", "2.0"),
            r"format_version of .* is 2.0, expected 1.x",
        ),
        (lambda f: f.__delitem__("implant/positions"), r"is incomplete"),
        (lambda f: f.__delitem__("prescription"), r"is incomplete"),
        (lambda f: f["structures/0002"].attrs.__delitem__("role"), r"is incomplete"),
        (lambda f: f["structures/0002/first_point"].__setitem__(1, 10**6), r"first_point of structure GTV"),
    ],
)
def test_another_or_incomplete_file_is_refused(written, spoil, message):
    with h5py.File(written, "r+") as file:
        spoil(file)
    with pytest.raises(InvalidInput, match=message):
        Case.read(written)


def test_a_truncated_file_is_refused(written):
    written.write_bytes(written.read_bytes()[:5000])
    with pytest.raises(InvalidInput, match=r"not readable as HDF5"):
        Case.read(written)


def test_nothing_is_left_behind_if_writing_fails(tmp_path, monkeypatch):
    from validation.case import store

    def fail(*args):
        raise RuntimeError("disk full")

    monkeypatch.setattr(store, "_write_implant", fail)
    with pytest.raises(RuntimeError):
        built_in("neck").write(tmp_path / "neck.h5")
    assert list(tmp_path.iterdir()) == []
