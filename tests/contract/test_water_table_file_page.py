"""The page on the water table says what a packaged file holds, neither more nor less."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import h5py
import pytest

from mcsim.seed_model import load_seed_model, seed_model_names
from mcsim.water_table_file import file_name

PAGE = Path(__file__).parents[2] / "docs" / "file_formats" / "water_table.md"
LARGEST_BYTES = 300_000  # every checkout carries them


def table(heading: str) -> list[list[str]]:
    """Rows of the table under a heading, without the markup of code."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


@pytest.mark.parametrize("name", seed_model_names())
def test_page_names_every_dataset_and_attribute(name: str) -> None:
    resource = files("mcsim.data") / "water_tables" / file_name(load_seed_model(name))
    with as_file(resource) as path, h5py.File(path) as file:
        found = {}
        for key, data in file.items():
            dims = [key] if data.is_scale else [axis[0].name.strip("/") for axis in data.dims]
            kind = "text" if h5py.check_string_dtype(data.dtype) else str(data.dtype)
            assert data.attrs["description"]
            found[key] = [", ".join(dims), kind, data.attrs["units"]]
        assert {row[0]: row[1:4] for row in table("Datasets")} == found
        assert {row[0] for row in table("Root attributes")} == set(file.attrs)
        assert path.stat().st_size < LARGEST_BYTES
