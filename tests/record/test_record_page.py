"""The record from its file, the page from the record, and what happens when a check misses."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mcsim.cache import kernel_digest
from mcsim.cross_sections import cross_section_digest
from mcsim.invalid_input import InvalidInput
from validation.cli import app
from validation.record import cross_sections
from validation.record.check import Check
from validation.record.page import PAGE, RECORD, page_text, write_page
from validation.record.record import ROOMS, Record, read_record, run_record, write_record
from validation.record.references import shortfall_of
from validation.record.room import Effort

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def record() -> Record:
    return run_record(Effort("quick"), ("cross-sections",))


def test_a_record_read_again_is_the_one_written(record: Record, tmp_path: Path) -> None:
    write_page(record, tmp_path)
    assert read_record(tmp_path / RECORD) == record
    assert page_text(read_record(tmp_path / RECORD)) == (tmp_path / PAGE).read_text()


def test_page_and_figures_are_the_same_bytes_every_time(record: Record, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_page(record, tmp_path / folder)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), (
            path.name
        )


def test_figures_of_an_earlier_record_are_removed(record: Record, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("validation_old.svg", "other.svg"):
        (tmp_path / "images" / name).write_text("")
    write_page(record, tmp_path)
    assert not (tmp_path / "images" / "validation_old.svg").exists()
    assert (tmp_path / "images" / "other.svg").exists()


def test_wrong_physics_is_found_shown_and_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    right = cross_sections.at_energy
    monkeypatch.setattr(cross_sections, "at_energy", lambda *arguments: 1.02 * right(*arguments))
    run = CliRunner().invoke(app, ["validate", "--only", "cross-sections", "--out", str(tmp_path)])
    assert run.exit_code == 1
    assert "missed: µ/ρ of water: " in run.output
    page = (tmp_path / PAGE).read_text()
    assert "this is a finding" in page
    assert "**misses**" in page


def test_a_part_by_itself_says_so_and_succeeds(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["validate", "--only", "cross-sections", "--out", str(tmp_path), "--quiet"])
    assert run.exit_code == 0, run.output
    page = (tmp_path / PAGE).read_text()
    assert "Only a part was asked for; not run: flight, interactions" in page
    again = CliRunner().invoke(
        app, ["validate", "--from", str(tmp_path / RECORD), "--out", str(tmp_path / "again")]
    )
    assert again.exit_code == 0
    assert (tmp_path / "again" / PAGE).read_text() == page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "seeds"], "out is not given with --only, expected a folder"),
        (
            ["--only", "nothing", "--out", "x"],
            "part of the validation record is 'nothing', expected one of flight",
        ),
        (["--from", "missing.json"], "validation record missing.json cannot be read"),
        (["--reference-doses", "missing", "--out", "x"], "reference-doses is missing, expected a folder"),
    ],
)
def test_wrong_requests_are_refused(arguments: list[str], sentence: str) -> None:
    run = CliRunner().invoke(app, ["validate", *arguments])
    assert isinstance(run.exception, InvalidInput)
    assert sentence in str(run.exception)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "record.json"
    other.write_text(json.dumps({"filetype": "seedmc-validation-record", "format_version": "1.0"}))
    with pytest.raises(
        InvalidInput, match=r"is seedmc-validation-record 1\.0, expected seedmc-validation-record 2\.0"
    ):
        read_record(other)


def test_the_format_page_names_every_key(record: Record, tmp_path: Path) -> None:
    write_page(record, tmp_path)
    content = json.loads((tmp_path / RECORD).read_text())
    page = (REPOSITORY / "docs" / "file_formats" / "validation_record.md").read_text()
    keys = {*content, *content["checks"][0], *content["figures"][0], *content["checks"][0]["citation"]}
    for panel in content["figures"][0]["panels"]:
        keys |= {*panel, *panel["series"][0]}
    for key in keys:
        assert f"`{key}`" in page, key


def test_a_known_shortfall_that_moves_out_of_its_band_fails(
    record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "g_L of the OncoSeed 6711 at 4 cm"
    known = shortfall_of(name)
    assert known is not None
    for departure, status, words in (
        (known.departure, 0, "| −2.9 % | ± 2.0 % | −2.9 % ± 1.0 % (what version"),
        (2.0 * known.departure, 1, "**Beyond the band of the known shortfall: this is a finding.**"),
    ):
        moved = Check(
            name, "Seeds", name, "1", 1.0 + departure, 0.0, 1.0, tolerance=0.02, reason="r", shortfall=known
        )
        write_record(tmp_path / RECORD, replace(record, checks=(*record.checks, moved)))
        run = CliRunner().invoke(app, ["validate", "--from", str(tmp_path / RECORD), "--out", str(tmp_path)])
        assert run.exit_code == status, run.output
        assert words in (tmp_path / PAGE).read_text()


@pytest.mark.slow
def test_the_record_of_the_project_is_of_this_code() -> None:
    made_with = read_record(REPOSITORY / "docs" / RECORD).made_with
    words = (
        "docs/validation.md is of other code. Run seedmc validate --mode full --out docs before a release."
    )
    assert made_with["transport kernels (SHA-256)"] == kernel_digest(), words
    assert made_with["cross sections (SHA-256)"] == cross_section_digest(), words


def test_the_page_of_the_project_is_that_of_its_record() -> None:
    docs = REPOSITORY / "docs"
    record, page = read_record(docs / RECORD), (docs / PAGE).read_text()
    assert page == page_text(record), "docs/validation.md is not what its record gives. Run seedmc validate."
    assert record.mode == "full"
    assert record.rooms == tuple(ROOMS)
    assert not record.missed
    for image in re.findall(r"\]\((images/[^)]*)\)", page):
        assert (docs / image).is_file(), image
    assert {p.name for p in (docs / "images").glob("validation_*.svg")} == {
        Path(image).name for image in re.findall(r"\]\((images/validation_[^)]*)\)", page)
    }
