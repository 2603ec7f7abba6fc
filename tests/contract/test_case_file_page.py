"""The page on the case file says what a written file holds, neither more nor less."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from validation.case import built_in
from validation.case.dicom_references import DicomReferences
from validation.case.image import TissueMap

PAGE = Path(__file__).parents[2] / "docs" / "file_formats" / "case.md"
ATTRIBUTES_OF_DIMENSIONS = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("case") / "neck.h5"
    neck = built_in("neck")
    shape = neck.image.hu.shape
    # with everything that only some cases have
    tissue = TissueMap(np.zeros(shape), np.full(shape, 0.998), ["water"])
    references = DicomReferences("1.2", "1.2.3", "1.2.4", [f"1.2.3.{k}" for k in range(shape[2])])
    replace(neck, tissue=tissue, dicom=references).write(path)
    with h5py.File(path, "r") as opened:
        yield opened


def table(heading: str) -> list[list[str]]:
    """Rows of the table under a heading, without the markup of code."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def general(path: str) -> str:
    return re.sub(r"^structures/\d{4}", "structures/*", path)


def written_datasets(file) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}
    file.visititems(lambda n, o: found.update({general(n): o}) if isinstance(o, h5py.Dataset) else None)
    return found


def test_the_page_names_every_dataset_with_its_dimensions_type_and_unit(file):
    page = {row[0]: row[1:4] for row in table("Datasets")}
    written = {}
    for path, dataset in written_datasets(file).items():
        if dataset.is_scale:
            dims = [path.rsplit("/", 1)[1]]
        else:
            dims = [axis[0].name.rsplit("/", 1)[1] for axis in dataset.dims]
        kind = "text" if h5py.check_string_dtype(dataset.dtype) else str(dataset.dtype)
        written[path] = [", ".join(dims) or "–", kind, dataset.attrs["units"]]
    assert page == written


def test_every_dataset_has_unit_and_description_and_nothing_else(file):
    for path, dataset in written_datasets(file).items():
        more = {"names"} if path == "image/medium" else set()
        assert set(dataset.attrs) - ATTRIBUTES_OF_DIMENSIONS == {"units", "description"} | more, path
        assert dataset.attrs["description"], path


def test_the_page_names_every_attribute_of_root_and_groups(file):
    assert {row[0] for row in table("Root attributes")} == set(file.attrs)
    written = set()

    def note(path: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and path != "provenance":
            written.update((general(path), name) for name in item.attrs)

    file.visititems(note)
    assert {(row[0], row[1]) for row in table("Group attributes")} == written


def test_filetype_and_version_stand_on_the_page(file):
    page = PAGE.read_text(encoding="utf-8")
    assert f"Filetype `{file.attrs['filetype']}`, format version `{file.attrs['format_version']}`" in page
