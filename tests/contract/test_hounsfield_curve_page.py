"""The page on the CT curve file names every key that is read, with its default, and its example can be used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mcsim.hounsfield import CURVE_KEYS, PACKAGED_CURVES
from mcsim.invalid_input import InvalidInput
from validation.studies.media_settings import FILE_FORMAT, SECTIONS, MediaSettings, read_media_settings

PAGE = (Path(__file__).parents[2] / "docs" / "file_formats" / "hounsfield_curve.md").read_text(
    encoding="utf-8"
)


def example() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PAGE.split("```json\n")[1].split("```")[0])
    return found


def table(heading: str) -> dict[str, str]:
    """First and last cell of every row of the table under a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): row[-1].strip().strip("`") for row in rows}


def test_the_example_is_a_curve_file(tmp_path: Path) -> None:
    path = tmp_path / "clinic.json"
    path.write_text(json.dumps(example()), encoding="utf-8")
    settings = read_media_settings(str(path))
    assert settings.contours.medium_of[0] == ("THYROID", "thyroid")
    assert settings.curve.media[-1] == "cortical_bone"


def test_the_page_names_every_key() -> None:
    assert set(table("Keys")) == {"format", "format_version", "curve", *CURVE_KEYS, *SECTIONS}
    assert f"Format `{FILE_FORMAT}`, version `{example()['format_version']}`" in PAGE


@pytest.mark.parametrize("section", ["contour", "streaks", "calcification"])
def test_the_page_names_every_key_of_a_section_with_its_default(section: str) -> None:
    defaults: Any = MediaSettings().record()[section]
    page = table(f"Keys of `{section}`")
    assert set(page) == set(defaults)
    for key, default in defaults.items():
        shown = page[key]
        assert default == (shown if isinstance(default, str) else json.loads(shown)), key


@pytest.mark.parametrize("section", ["contour", "streaks", "calcification"])
def test_no_other_key_is_read(tmp_path: Path, section: str) -> None:
    path = tmp_path / "clinic.json"
    path.write_text(json.dumps({**example(), section: {"colour": "red"}}), encoding="utf-8")
    with pytest.raises(InvalidInput, match="is 'colour'") as refusal:
        read_media_settings(str(path))
    named = re.search(r"expected one of (.*) \(", str(refusal.value))
    assert named is not None
    assert set(named.group(1).split(", ")) == set(table(f"Keys of `{section}`"))


def test_the_page_names_every_packaged_curve() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| [^|]* \| [^|]* \|$", PAGE, flags=re.MULTILINE)
    assert tuple(rows) == PACKAGED_CURVES
