"""Masks as structures: the right volume at the right place, in any axial orientation and on any grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mcsim.invalid_input import InvalidInput
from validation.case.image import Image
from validation.case.masks import outlines, read_label_image, read_mask
from validation.evaluate.structure_fractions import structure_fractions

GRID = np.linspace(-2, 2, 41)
IMAGE = Image(np.zeros((41, 41, 41)), GRID, GRID, GRID)
SPACING = (0.8, 1.1, 2.0)  # mm, not that of the image
ORIGIN = (-11.0, -13.0, -9.0)


def ellipsoid(x, y, z):
    """Another radius along every axis, off centre: a wrong turn would show."""
    return ((x + 2) / 7) ** 2 + ((y - 1) / 9) ** 2 + ((z - 0.5) / 5) ** 2 < 1


def stored(direction, flavour="uint8", shape=(30, 26, 20)):
    """The ellipsoid, sampled on an image of this direction whose corner puts it into the field."""
    matrix = np.array(direction, dtype=float).reshape(3, 3)
    reach = matrix @ (np.array(SPACING) * (np.array(shape) - 1))
    origin = np.array(ORIGIN) + np.where(reach < 0, -reach, 0.0)
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    place = origin + (indices * SPACING) @ matrix.T
    inside = ellipsoid(*np.moveaxis(place, -1, 0)).astype(flavour)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(inside.transpose()))
    image.SetSpacing(SPACING)
    image.SetOrigin(origin.tolist())
    image.SetDirection(matrix.ravel().tolist())
    return image, inside


def write(image, path: Path) -> Path:
    SimpleITK.WriteImage(image, str(path))
    return path


DIRECTIONS = [
    (1, 0, 0, 0, 1, 0, 0, 0, 1),
    (-1, 0, 0, 0, -1, 0, 0, 0, 1),  # as NIfTI stores RAS
    (1, 0, 0, 0, 1, 0, 0, 0, -1),
    (0, 1, 0, 1, 0, 0, 0, 0, 1),
    (0, 0, 1, 1, 0, 0, 0, 1, 0),  # slices sagittal in the file
    (0, 0, -1, 0, -1, 0, 1, 0, 0),
]


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_volume_and_place_are_those_of_the_mask(tmp_path, direction, ending):
    image, inside = stored(direction)
    structure = read_mask(write(image, tmp_path / f"mask{ending}"), "GTV", "target", IMAGE)
    volume = sum(c.area for c in structure.contours) * structure.slice_thickness
    # no ring in this shape; NIfTI keeps the spacing in single precision
    assert volume == pytest.approx(inside.sum() * np.prod(SPACING) / 1000, rel=1e-6)
    share = structure_fractions(structure, GRID, GRID, GRID)
    x, y, z = np.meshgrid(GRID, GRID, GRID, indexing="ij")
    centre = [float((c * share).sum() / share.sum()) for c in (x, y, z)]
    # centre of the ellipsoid to a fifth of a voxel of the mask
    np.testing.assert_allclose(centre, (-0.2, 0.1, 0.05), rtol=0, atol=0.02)
    assert share.sum() * 0.1**3 == pytest.approx(volume, rel=0.01)


def test_a_mask_on_the_images_grid_gives_its_own_voxels(tmp_path):
    rng = np.random.default_rng(0)
    inside = rng.random((41, 41, 41)) < 0.3
    image = SimpleITK.GetImageFromArray(inside.astype(np.uint8).transpose())
    image.SetSpacing((1.0, 1.0, 1.0))
    image.SetOrigin((-20.0, -20.0, -20.0))
    structure = read_mask(write(image, tmp_path / "m.nrrd"), "GTV", "target", IMAGE)
    share = structure_fractions(structure, GRID, GRID, GRID)
    np.testing.assert_allclose(share, inside, rtol=0, atol=1e-6)


@given(arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
@settings(max_examples=200, deadline=None)
def test_outlines_enclose_the_pixels(inside):
    area = 0.0
    for loop in outlines(inside):
        x, y = loop.T
        area += 0.5 * (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))  # holes turn the other way
        steps = np.diff(np.vstack([loop, loop[:1]]), axis=0)
        assert ((steps != 0).sum(axis=1) == 1).all()
    assert area == pytest.approx(inside.sum())


def test_a_label_is_chosen(tmp_path):
    image, inside = stored(DIRECTIONS[0], "int16")
    array = SimpleITK.GetArrayFromImage(image)
    array[array == 0] = 7
    array[:, :, 0] = 0
    labels = SimpleITK.GetImageFromArray(array)
    labels.CopyInformation(image)
    path = write(labels, tmp_path / "labels.nrrd")
    structure = read_mask(path, "GTV", "target", IMAGE, label=1)
    volume = sum(c.area for c in structure.contours) * structure.slice_thickness
    assert volume == pytest.approx(inside[1:].sum() * np.prod(SPACING) / 1000)
    with pytest.raises(
        InvalidInput, match=r"has 2 different values, expected one besides 0.*NAME=labels.nrrd:1"
    ):
        read_mask(path, "GTV", "target", IMAGE)
    with pytest.raises(InvalidInput, match=r"label 3 is not in mask labels.nrrd, expected one of 1, 7"):
        read_mask(path, "GTV", "target", IMAGE, label=3)


def test_a_share_is_cut_at_one_half(tmp_path):
    image, inside = stored(DIRECTIONS[0], "float32")
    array = SimpleITK.GetArrayFromImage(image) * 0.4 + 0.3
    shares = SimpleITK.GetImageFromArray(array)
    shares.CopyInformation(image)
    structure = read_mask(write(shares, tmp_path / "m.nrrd"), "GTV", "target", IMAGE)
    volume = sum(c.area for c in structure.contours) * structure.slice_thickness
    assert volume == pytest.approx(inside.sum() * np.prod(SPACING) / 1000)


def test_what_is_no_mask_of_this_image_is_refused(tmp_path):
    image, _ = stored(DIRECTIONS[0])
    with pytest.raises(InvalidInput, match="is not there"):
        read_label_image(tmp_path / "missing.nii")
    (tmp_path / "text.nii").write_text("no mask")
    with pytest.raises(InvalidInput, match=r"mask text.nii is not readable"):
        read_label_image(tmp_path / "text.nii")
    with pytest.raises(InvalidInput, match="is empty"):
        read_mask(write(image * 0, tmp_path / "empty.nrrd"), "GTV", "target", IMAGE)
    image.SetOrigin((500.0, 0.0, 0.0))
    with pytest.raises(InvalidInput, match="expected to overlap the image"):
        read_mask(write(image, tmp_path / "far.nrrd"), "GTV", "target", IMAGE)
    c, s = np.cos(0.2), np.sin(0.2)
    image.SetDirection((c, -s, 0, s, c, 0, 0, 0, 1))
    with pytest.raises(InvalidInput, match="oblique masks are not read"):
        read_label_image(write(image, tmp_path / "oblique.nrrd"))
    flat = SimpleITK.GetImageFromArray(np.ones((4, 4), np.uint8))
    with pytest.raises(InvalidInput, match=r"dimension\(s\)"):
        read_label_image(write(flat, tmp_path / "flat.nrrd"))
    vector = SimpleITK.GetImageFromArray(np.ones((4, 4, 4, 3), np.uint8), isVector=True)
    with pytest.raises(InvalidInput, match=r"3 value\(s\) per voxel"):
        read_label_image(write(vector, tmp_path / "vector.nrrd"))
