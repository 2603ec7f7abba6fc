"""The quick record from the first check to the last."""

from __future__ import annotations

from pathlib import Path

import pytest

from validation.record.page import PAGE, write_page
from validation.record.record import ROOMS, Record, run_record
from validation.record.room import Effort

ORACLES = range(1, 16)


@pytest.fixture(scope="module")
def record() -> Record:
    # Without the reference doses, which are not part of the project.
    return run_record(Effort("quick", threads=2))


def test_every_part_runs_and_every_check_agrees_or_is_explained(record: Record) -> None:
    assert record.rooms == tuple(ROOMS)
    assert not record.missed, [(c.name, c.value, c.reference, c.allowed) for c in record.missed]
    explained = [check.name for check in record.checks if check.verdict == "misses, explained"]
    # The consensus data at the ends of their tables; nothing else may need an explanation.
    assert all(name.startswith(("g_L of", "F of", "Λ of the OncoSeed 6711, consensus")) for name in explained)


def test_every_oracle_is_among_the_checks(record: Record) -> None:
    sources = " ".join(check.citation.text for check in record.checks)
    for number in ORACLES:
        together = number in (5, 6) and "oracles 5, 6:" in sources
        assert f"oracle {number}:" in sources or together, number


def test_the_page_shows_every_check_and_what_was_left_out(record: Record, tmp_path: Path) -> None:
    page = write_page(record, tmp_path).read_text()
    assert page.count(" | agrees |\n") + page.count(" | **misses, explained** |\n") == len(record.checks)
    for check in record.checks:
        assert check.quantity.replace("|", "\\|") in page
        if check.verdict != "agrees":
            assert check.shortfall is not None
            assert check.shortfall.explanation in page
    assert "The reference doses neck13 are not part of the project" in page
    assert "This is a quick record." in page
    for figure in record.figures:
        assert (tmp_path / "images" / f"validation_{figure.name}.svg").stat().st_size > 5000
    assert (tmp_path / PAGE).is_file()


def test_uncertainties_are_small_enough_to_find_something(record: Record) -> None:
    # What a quick record finds: a tenth of any oracle's value, but a third of the variance that runs state.
    for check in record.checks:
        if check.relative and check.is_pure_noise:
            assert check.allowed < 0.1 * abs(check.reference), check.name
        if check.name.startswith("stated over found variance"):
            assert check.allowed < 0.35, check.name
