"""`seedmc study …` from the command line, its report, and the whole study against its steps."""

from __future__ import annotations

import csv
import html
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from validation.cli import app
from validation.report.study import render_study
from validation.report.study_map_figure import map_figure
from validation.studies.study_alternatives import effects
from validation.studies.study_file import Study
from validation.studies.study_run import Size, run_study
from validation.studies.study_summary import summarised

SMALL = [
    "--voxel", "4", "--sigma-mm", "4", "--histories", "2000", "--tissue-histories", "20000", "--structure", "PTV",
    "--structure", "CAROTID", "--alternative", "media:water_body", "--map-members", "1",
]  # fmt: skip
SIZE = ["--members", "40", "--monte-carlo", "6", "--sobol", "16"]


def seedmc(*arguments: str):
    return CliRunner().invoke(app, ["study", *arguments], catch_exceptions=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    result = seedmc("displacement", "neck", "--out", str(out), *SMALL, *SIZE, "--quiet")
    assert result.exit_code == 0, result.output
    return out, result.output


@pytest.fixture(scope="module")
def study(folder) -> Study:
    return Study.read(folder[0] / "study.h5")


def test_whole_command_says_what_was_found(folder):
    assert "By Monte Carlo, D90 of PTV goes from" in folder[1]
    assert "report -> " in folder[1]


def test_steps_give_the_same_study_to_the_bit(folder, study, tmp_path):
    settings = tmp_path / "settings.json"
    assert seedmc("settings", "displacement", "neck", "--out", str(settings), *SMALL).exit_code == 0
    assert settings.read_text() == (folder[0] / "settings.json").read_text()
    parts = []
    for engine, first, stop in (
        ("tg43", 25, 40), ("tg43", 0, 25), ("monte_carlo", 0, 1), ("sobol", 0, 16), ("alternatives", 0, 1),
    ):  # fmt: skip
        parts.append(str(tmp_path / f"{engine}_{first}.h5"))
        result = seedmc(
            "members", "neck", str(settings), "--engine", engine, "--members", f"{first}:{stop}", "--out", parts[-1],
            "--quiet",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
    assert seedmc("merge", *parts, "--out", str(tmp_path / "study.h5")).exit_code == 0
    found = Study.read(tmp_path / "study.h5").data
    for name, values in found.data_vars.items():
        if not str(name).endswith("_cost") and values.dtype.kind == "f":
            whole = study.data[name].isel({d: slice(n) for d, n in values.sizes.items()})
            assert np.array_equal(values, whole, equal_nan=True), name
    report = tmp_path / "report.html"
    assert seedmc("report", *parts, "--out", str(report)).exit_code == 0
    assert report.with_suffix(".csv").read_text().count("\n") > 10


def test_interrupted_study_computes_what_is_missing(folder, study):
    members = folder[0] / "members"
    kept, lost = members / "monte_carlo_000000_000001.h5", members / "monte_carlo_000003_000004.h5"
    before = kept.stat().st_mtime_ns
    lost.unlink()
    (folder[0] / "study.h5").unlink()
    assert seedmc("displacement", "neck", "--out", str(folder[0]), *SMALL, *SIZE, "--quiet").exit_code == 0
    assert Study.read(folder[0] / "study.h5").content_digest() == study.content_digest()
    assert lost.exists()
    assert kept.stat().st_mtime_ns == before


def test_folder_of_another_study_is_refused(folder):
    result = seedmc("displacement", "neck", "--out", str(folder[0]), *SMALL, *SIZE, "--study-seed", "2")
    assert isinstance(result.exception, InvalidInput)
    assert "has a study with other settings: study_seed" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("displacement", "neck", "--sigma-mm", "1;2"),
            "sigma-mm is '1;2', expected numbers separated by commas",
        ),
        (("displacement", "neck", "--sobol", "100"), "sobol is 100, expected 0 or a power of 2"),
        (("displacement", "neck", "--members", "5"), "no more by Monte Carlo than by TG-43"),
        (
            ("edema", "neck", "--alternative", "paint:red"),
            "alternative is 'paint:red', expected one of curve:NAME",
        ),
        (("edema", "nowhere"), "nowhere"),
    ],
)
def test_options_that_cannot_be_used_are_refused(tmp_path, arguments, message):
    result = seedmc(*arguments, "--out", str(tmp_path), "--voxel", "4", "--quiet")
    assert isinstance(result.exception, InvalidInput)
    assert message in str(result.exception)
    assert not (tmp_path / "study.h5").exists()


def test_range_of_members_is_checked(folder, tmp_path):
    settings = str(folder[0] / "settings.json")
    for members, message in (("7", "expected FIRST:STOP"), ("3:3", "expected 0 ≤ first < stop")):
        result = seedmc(
            "members",
            "neck",
            settings,
            "--engine",
            "tg43",
            "--members",
            members,
            "--out",
            str(tmp_path / "x.h5"),
        )
        assert isinstance(result.exception, InvalidInput)
        assert message in str(result.exception)


def test_report_is_whole_escaped_and_offline(study):
    foreign = replace(study.settings, case_name="<script>alert(1)</script>")
    text = render_study(replace(study, settings=foreign), summarised(study, 120.0))
    assert html.escape("<script>alert(1)</script>") in text
    assert "<script>alert(1)" not in text
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*\s(?:src|href)=", text)
    assert "default-src 'none'" in text
    for place in ("indices", "sobol", "tornado"):
        assert f'id="{place}"' in text
    for words in ("PTV by Monte Carlo", "Probability that D90", "Spread, noise and gain", "media:water_body"):
        assert words in text


def test_maps_keep_their_scale(study):
    """Axes that match others would stretch them."""
    layout = map_figure(study).to_plotly_json()["layout"]
    axes = [v for name, v in layout.items() if name.startswith(("xaxis", "yaxis"))]
    assert len(axes) == 2 * 2 * 3  # both engines; plan, displaced, difference
    assert not any("matches" in axis for axis in axes)
    assert sum("scaleanchor" in axis for axis in axes) == 6


def test_page_on_the_file_names_everything_in_it(folder):
    page = (Path(__file__).parents[2] / "docs" / "file_formats" / "study.md").read_text(encoding="utf-8")
    with h5py.File(folder[0] / "study.h5") as file:
        rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
        dims = {name: dim.strip() for names, dim in rows for name in re.findall(r"`(\w+)`", names)}
        assert set(file) | set(file.attrs) == set(dims)
        for name in (
            "tg43_value",
            "monte_carlo_half_value",
            "sobol_value",
            "alternatives_value",
            "course_value",
            "monte_carlo_course_std_dev",
            "monte_carlo_map_dose",
        ):
            assert dims[name] == ", ".join(d[0].name.strip("/") for d in file[name].dims)
        for data in file.values():
            assert data.attrs["units"]
            assert data.attrs["description"]


def test_numbers_of_the_csv_are_those_of_the_members(folder, study):
    rows = list(csv.DictReader((folder[0] / "report.csv").open(encoding="utf-8")))
    row = next(r for r in rows if (r["scenario"], r["structure"], r["index"]) == ("σ 4 mm", "PTV", "V100"))
    values = study.data.sel(scenario="σ 4 mm", structure="PTV", index="V100")
    assert float(row["tg43_mean"]) == pytest.approx(float(values.tg43_value.mean()), rel=1e-7)
    assert float(row["plain_mean"]) == pytest.approx(float(values.monte_carlo_value.mean()), rel=1e-7)
    assert float(row["tg43_p50"]) == pytest.approx(float(np.median(values.tg43_value)), rel=1e-7)
    assert row["unit"] == "%"


def test_noise_is_that_of_other_histories(study):
    """The plan's members differ in their histories alone: their standard deviation is the noise."""
    row = summarised(study, 120.0).row("plan", "PTV", "mean dose")
    values = study.data.monte_carlo_value.sel(scenario="plan", structure="PTV", index="mean dose")
    # six members: their standard deviation is known to a third, the noise from 18 pairs of halves to a fifth
    assert row.noise == pytest.approx(float(values.std(ddof=1)), rel=0.9)
    assert row.plain_spread < 2.0 * row.noise


def test_water_in_place_of_tissue_raises_the_dose(study):
    """Dose to fat is 0.6 of that to water; the same members and histories on both sides."""
    (effect,) = effects(study, 0, "D90")
    assert effect.alternative == "media:water_body"
    assert effect.relative > 0.15
    assert effect.mean.value > 4.0 * effect.mean.std_dev


@pytest.mark.slow
def test_budget_is_shared_after_a_pilot(study, tmp_path):
    from validation.case import built_in

    settings = replace(study.settings, alternatives=(), structures=("PTV",), sigma_mm=(3.0,))
    size = Size(cpu_budget=6.0, sobol=0)
    found = run_study(built_in("neck"), settings, tmp_path, size)
    assert len(found.members("monte_carlo")) >= 6
    assert len(found.members("tg43")) > len(found.members("monte_carlo"))
    again = run_study(built_in("neck"), settings, tmp_path, size)
    assert again.content_digest() == found.content_digest()
