"""A post-implant check as the displacement of a study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from validation.case import built_in
from validation.change import displaced_seeds
from validation.cli import app
from validation.studies.study_post_implant import measured_displacement
from validation.studies.study_settings import StudySettings

# Of 0.5 mm forward, 2 mm along and 1 mm across, a tilt of 0.1 rad (Rayleigh) and two of 50 seeds lost.
CHECK = {
    "along_mean": 0.05, "along_std_dev": 0.2, "across_rms": 0.1, "needle_along_std_dev": None,
    "loss_probability": 0.04, "rotation_mean": 0.1 * np.sqrt(np.pi / 2),
}  # fmt: skip


@pytest.fixture
def check(tmp_path: Path):
    def write(statistics: dict[str, object], filetype: str = "seedmc-post-implant") -> Path:
        path = tmp_path / "post_implant.json"
        content = {"filetype": filetype, "format_version": "1.0", "displacement": statistics}
        path.write_text(json.dumps(content))
        return path

    return write


def test_statistics_become_settings_in_their_units(check):
    assert measured_displacement(check(CHECK)) == {
        "along_mean_mm": 0.5, "along_mm": 2.0, "across_mm": 1.0, "needle_along_mm": 0.0, "needle_across_mm": 0.0,
        "tilt_deg": 5.73, "loss": 0.04,
    }  # fmt: skip


def test_parts_of_needle_and_seed_are_kept_apart(check):
    by_needle = CHECK | {
        "needle_along_std_dev": 0.12, "needle_across_std_dev": 0.03, "seed_along_std_dev": 0.16,
        "seed_across_std_dev": 0.09,
    }  # fmt: skip
    found = measured_displacement(check(by_needle))
    names = ("needle_along_mm", "needle_across_mm", "along_mm", "across_mm")
    assert [found[n] for n in names] == [1.2, 0.3, 1.6, 0.9]


def test_study_draws_seeds_as_measured(check, tmp_path):
    """Over 400 members chance is below 1 % of a spread; draws anew because of overlaps take some seeds farther."""
    out = tmp_path / "settings.json"
    arguments = ["settings", "displacement", "neck", "--out", str(out), "--voxel", "4", "--tilt-deg", "0"]
    result = CliRunner().invoke(app, ["study", *arguments, "--post-implant", str(check(CHECK))])
    assert result.exit_code == 0, result.output
    settings = StudySettings.read(out)
    assert settings.tilt_deg == 0.0  # an option replaces what was measured
    assert [s.name for s in settings.scenarios] == ["plan", "displacement as set"]
    implant = built_in("neck").implant
    drawn = displaced_seeds(implant, settings.displacement(settings.scenarios[1]), tuple(range(400)), 1)
    moved = drawn.positions - implant.positions
    along = (moved * implant.axes).sum(axis=2)
    across = moved - along[..., None] * implant.axes
    # overlaps are drawn anew, which takes some small displacements out
    assert along.mean() == pytest.approx(0.05, abs=0.01)
    assert along.std() == pytest.approx(0.2, rel=0.05)
    assert np.sqrt((across**2).sum(axis=2).mean() / 2) == pytest.approx(0.1, rel=0.05)
    assert 1.0 - drawn.present.mean() == pytest.approx(0.04, abs=0.01)


@pytest.mark.parametrize(
    ("statistics", "filetype", "message"),
    [
        (CHECK, "seedmc-case", "filetype of .* is 'seedmc-case', expected 'seedmc-post-implant'"),
        (
            {"along_mean": 0.1},
            "seedmc-post-implant",
            "displacement statistics lack along_std_dev, across_rms",
        ),
    ],
)
def test_other_files_are_refused(check, statistics, filetype, message):
    with pytest.raises(InvalidInput, match=message):
        measured_displacement(check(statistics, filetype))
    with pytest.raises(InvalidInput, match="not readable as JSON"):
        measured_displacement("nowhere.json")
