"""A cohort of generated lesions: the file of a lesion, tables, page, commands."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from mcsim.simulation_settings import StoppingRule
from validation.case import Case, built_in
from validation.cli import app
from validation.report.cohort import render
from validation.report.cohort_in_silico_page import in_silico_page
from validation.report.cohort_in_silico_text import moves, spread
from validation.studies.cohort_implant import implanted, placed_seeds
from validation.studies.cohort_in_silico import (
    COLUMNS,
    cohort_statistics,
    collect_lesions,
    fat_and_engines,
    row_of,
    write_comparison,
    write_tables,
)
from validation.studies.cohort_indices import ENGINES, STEPS, target_indices, tg43_in_targets
from validation.studies.cohort_intervals import describe
from validation.studies.cohort_lesion import FILETYPE, FORMAT_VERSION, JUDGED, compute_lesion, read_lesion
from validation.studies.cohort_protocol import CohortProtocol
from validation.studies.cohort_published import PUBLISHED, departure
from validation.studies.compare import compare
from validation.studies.dataset_file import write_dataset
from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose
from validation.studies.monte_carlo_dataset import monte_carlo_dataset
from validation.studies.post_implant_indices import tg43_indices
from validation.studies.tg43_dose import tg43_dose

# Coarse and noisy, for the chain only. Lesion 10 is small and planned at once.
COARSE = CohortProtocol(voxel_mm=2.5, uncertainty=0.3)
QUICK = ["--voxel", "2.5", "--uncertainty", "30", "--threads", "1"]


@pytest.fixture(scope="module")
def lesion_file(tmp_path_factory):
    return compute_lesion(10, COARSE, tmp_path_factory.mktemp("lesion"))


@pytest.fixture(scope="module")
def lesion_files(lesion_file, tmp_path_factory):
    """Five lesions of known doses: the computed one with every dose times a factor of its own."""
    folder = tmp_path_factory.mktemp("lesions")
    first, paths = read_lesion(lesion_file), []
    dose = np.array([unit == "Gy" for unit in first.index_unit.to_numpy()])
    for number, factor in zip((10, 11, 12, 13, 14), (1.0, 1.1, 1.25, 0.9, 0.8), strict=True):
        data = first.copy(deep=True)
        for name in ("index_value", "budget_value", "variant_value"):
            data[name] = data[name] * (1.0 + (factor - 1.0) * first.index_value.index.copy(data=dose))
            data[name].attrs = first[name].attrs
        data.attrs = {
            k: v for k, v in first.attrs.items() if k not in ("filetype", "format_version", "created_by")
        }
        data.attrs["number"] = number
        paths.append(folder / f"lesion_{number}.h5")
        write_dataset(paths[-1], FILETYPE, FORMAT_VERSION, data)
    return paths


def test_a_lesion_file_holds_what_its_cases_give(lesion_file):
    data = read_lesion(lesion_file)
    plan, after = (Case.read(lesion_file.parent / f"{state}.h5") for state in ("plan", "verification"))
    assert {p.name for p in lesion_file.parent.iterdir()} == {"lesion.h5", "plan.h5", "verification.h5"}
    for state, case in (("plan", plan), ("verification", after)):
        expected = tg43_indices(case, COARSE.voxel_cm)
        found = data.index_value.sel(state=state, engine="tg43", structure="PTV")
        # A comparison keeps doses in single precision; a voxel at the prescription may move V100 by its volume.
        np.testing.assert_allclose(found, [expected["PTV", i] for i in JUDGED], rtol=1e-3)
        assert data.attrs[f"{state}_case_digest"] == case.digest()
        assert int(data.seeds.sel(state=state)) == len(case.implant)
    # Planned on voxels of 1 mm; the first step is TG-43 and the last Monte Carlo.
    draw = COARSE.draw(10)
    assert tg43_indices(plan, 0.1)["PTV", "D90"] >= draw.lesion.prescription
    for step, engine in ((STEPS[0], "tg43"), (STEPS[-1], "monte_carlo")):
        np.testing.assert_array_equal(
            data.budget_value.sel(budget_step=step), data.index_value.sel(engine=engine)
        )
    # The target has swollen as drawn; 2.5 mm voxels hold contour parts, not whole voxels.
    volume = data.structure_volume.sel(structure="PTV")
    ratio = float(draw.change.ratio(1.0))
    assert float(volume.sel(state="verification") / volume.sel(state="plan")) == pytest.approx(
        ratio, rel=0.02
    )
    # Placement alone, then swollen, is the verification.
    displaced = implanted(plan, placed_seeds(plan, COARSE, 10))
    alone = data.variant_value.sel(variant="placement only", structure="PTV", index="D90")
    assert float(alone) == pytest.approx(tg43_indices(displaced, COARSE.voxel_cm)["PTV", "D90"], rel=1e-9)
    assert np.isfinite(data.variant_value.sel(structure="PTV", index=["D90", "D100", "V100"])).all()


def test_indices_and_steps_are_those_of_a_comparison(tmp_path):
    case, voxel = built_in("neck"), 0.4
    monte_carlo_dose(case, MonteCarloOptions(voxel=voxel), StoppingRule(batches=(0, 20)), tmp_path / "mc.h5")
    monte_carlo, tg43 = monte_carlo_dataset(tmp_path / "mc.h5", case), tg43_dose(case, voxel)
    names = ("PTV", "GTV")
    found = target_indices(case, monte_carlo, tg43_in_targets(case, voxel, names), names, JUDGED)
    expected = compare(case, monte_carlo, tg43, gamma=False).data.sel(structure=list(names))
    chosen = expected.sel(index=list(JUDGED))
    # A comparison keeps doses in single precision.
    for values, name in (
        (found.value, "index_value"),
        (found.std_dev, "index_std_dev"),
        (found.bias, "index_bias"),
    ):
        np.testing.assert_allclose(values, chosen[name], rtol=1e-3, atol=1e-4)
    assert tuple(expected.engine.to_numpy()) == ENGINES
    assert tuple(expected.budget_step.to_numpy()) == STEPS
    np.testing.assert_allclose(found.steps, chosen.budget_value, rtol=1e-3)
    np.testing.assert_allclose(found.volume, expected.structure_volume, rtol=1e-6)
    np.testing.assert_allclose(found.media_share, expected.structure_medium, atol=1e-4)
    assert found.media == tuple(expected.medium_name.to_numpy())


def test_the_page_on_lesion_files_says_what_a_file_holds(lesion_file):
    text = (Path(__file__).parents[2] / "docs" / "file_formats" / "cohort_lesion.md").read_text(
        encoding="utf-8"
    )
    attributes, datasets = (
        [
            [cell.strip().strip("`") for cell in line.strip("|").split("|")]
            for line in part.splitlines()
            if line.startswith("| `")
        ]
        for part in text.split("## Root attributes")[1].split("## Datasets")
    )
    with h5py.File(lesion_file) as file:
        assert {row[0] for row in attributes} == set(file.attrs)
        written = {
            name: [
                ", ".join(d.label or name for d in data.dims),
                str(data.attrs["units"]),
                str(data.attrs["description"]),
            ]
            for name, data in file.items()
        }
    assert {row[0]: row[1:] for row in datasets} == written
    assert f"`{FILETYPE}`, format version `{FORMAT_VERSION}`" in text


def test_a_lesion_that_is_there_is_kept_and_another_protocol_refused(lesion_file):
    before = lesion_file.stat().st_mtime_ns
    said = []
    assert compute_lesion(10, COARSE, lesion_file.parent, say=said.append) == lesion_file
    assert lesion_file.stat().st_mtime_ns == before
    assert "up to date" in said[0]
    for number, protocol in ((10, replace(COARSE, loss=0.01)), (9, COARSE)):
        with pytest.raises(InvalidInput, match="other options"):
            compute_lesion(number, protocol, lesion_file.parent)


def test_tables_are_those_of_the_dosimetry_command(lesion_files, tmp_path):
    cohort = collect_lesions(lesion_files[::-1])
    assert cohort.data.lesion.to_numpy().tolist() == [10, 11, 12, 13, 14]
    tables = write_tables(cohort, tmp_path)
    statistics = cohort_statistics(tables)
    for engine, result in statistics.items():
        for index, heading, unit in COLUMNS:
            row = row_of(result, heading)
            assert row.unit == unit
            before, after = (cohort.values(index, s, engine) for s in ("plan", "verification"))
            assert row.comparison.before.mean == pytest.approx(before.mean(), rel=1e-8)
            assert row.comparison.difference.mean == pytest.approx(
                (after - before).mean(), rel=1e-6, abs=1e-9
            )
            row_of(result, f"GTV {heading}")
        assert row_of(result, "seeds").comparison.n == 5
        assert row_of(result, "PTV volume").unit == "cm³"
    path = write_comparison(statistics, tmp_path / "in_silico.csv")
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(r["index"], r["time"]) for r in rows[:2]] == [("D90", "before"), ("D90", "after")]
    assert (rows[0]["published_mean"], rows[1]["published_sd"]) == ("124.98", "31.82")
    doses = cohort.values("D90", "plan", "monte_carlo")
    assert float(rows[0]["monte_carlo_sd"]) == pytest.approx(np.std(doses, ddof=1), rel=1e-6)


def test_steps_add_up_to_the_difference_of_the_engines(lesion_files):
    cohort = collect_lesions(lesion_files)
    for state in ("plan", "verification"):
        whole = cohort.values("D90", state, "monte_carlo") - cohort.values("D90", state, "tg43")
        np.testing.assert_allclose(sum(cohort.step("D90", state, s) for s in STEPS[1:]), whole, atol=1e-9)


def test_what_does_not_belong_together_is_refused(lesion_files, tmp_path):
    with pytest.raises(InvalidInput, match="at least 3"):
        collect_lesions(lesion_files[:2])
    with pytest.raises(InvalidInput, match="twice"):
        collect_lesions([*lesion_files[:3], lesion_files[0]])
    other = read_lesion(lesion_files[3])
    other.attrs = {
        k: v for k, v in other.attrs.items() if k not in ("filetype", "format_version", "created_by")
    }
    write_dataset(
        tmp_path / "other.h5", FILETYPE, FORMAT_VERSION, other.assign_attrs(protocol_digest="0" * 64)
    )
    with pytest.raises(InvalidInput, match="one cohort has one protocol"):
        collect_lesions([*lesion_files[:3], tmp_path / "other.h5"])


def test_the_page_says_what_the_data_say(lesion_files, tmp_path):
    cohort = collect_lesions(lesion_files)
    statistics = cohort_statistics(write_tables(cohort, tmp_path))
    page = in_silico_page(cohort, statistics)
    c = row_of(statistics["tg43"], "D90").comparison
    assert f"TG-43 {c.before.mean:.1f} ± {c.before.std_dev:.1f} → {c.after.mean:.1f}" in page.result
    text = render(page)
    assert text.count("data:image/png;base64,") == 2
    verb = "falls" if c.difference.mean < 0 else "rises"
    assert f"By TG-43 it {verb} by {abs(c.difference.mean):.1f} Gy" in text
    assert "124.98 ± 16.86" in text
    assert cohort.protocol.digest()[:16] in text
    # Five copies of one lesion: fat cannot explain anything.
    assert math.isnan(fat_and_engines(cohort).rho)


def test_words_of_a_change_follow_its_sign():
    assert (moves(2.0, "Gy"), moves(-2.0, "Gy")) == ("rises by 2.0 Gy", "falls by 2.0 Gy")
    assert spread(np.array([1.0, 3.0, np.nan]), "%") == "2.0 ± 1.4 %"
    assert spread(np.array([5.0]), "Gy") == "5.0 Gy"


def test_departure_is_welch_and_f_of_samples_with_these_moments():
    rng = np.random.default_rng(5)
    own, other = rng.normal(100, 12, 22), rng.normal(108, 20, 22)
    found = departure(describe(own), other.mean(), other.std(ddof=1), 22)
    expected = stats.ttest_ind(own, other, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-12)
    assert (found.low, found.high) == pytest.approx(expected.confidence_interval(), rel=1e-12)
    assert found.spread == pytest.approx(own.std(ddof=1) / other.std(ddof=1))
    # The interval holds 1 exactly where the two-sided F test at 5 % sees no difference.
    p = 2 * min(stats.f.cdf(found.spread**2, 21, 21), stats.f.sf(found.spread**2, 21, 21))
    assert (found.spread_low <= 1 <= found.spread_high) == (p >= 0.05)
    assert math.isnan(departure(describe(own), 0.3, math.nan).p)


def test_published_hi_is_the_one_computed_here():
    v100, v150, hi = (next(p for p in PUBLISHED if p.name == name) for name in ("V100", "V150", "HI"))
    assert round((v100.before - v150.before) / v100.before, 1) == hi.before
    assert round((v100.after - v150.after) / v100.after, 1) == hi.after


def test_wrong_ranges_and_numbers_are_refused_by_the_command(tmp_path):
    for words, message in (
        (["lesion", "23", *QUICK], "expected 1 to 22"),
        (["lesion", "2", "--edema", "much"], "LEAST:MOST"),
        (["in-silico", "--lesions", "2"], "3 to 22"),
    ):
        done = CliRunner().invoke(app, ["cohort", *words, "--out", str(tmp_path)])
        assert isinstance(done.exception, InvalidInput)
        assert message in str(done.exception)


@pytest.mark.slow
def test_a_small_cohort_by_command_is_the_same_again_and_in_pieces(tmp_path):
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    base = ["cohort", "in-silico", "--lesions", "3", *QUICK]
    done = CliRunner().invoke(app, [*base, "--out", str(whole)])
    assert done.exit_code == 0, done.output
    files = [whole / f"lesion_{n:02d}" / "lesion.h5" for n in (1, 2, 3)]
    stamps = [f.stat().st_mtime_ns for f in files]
    assert CliRunner().invoke(app, [*base, "--out", str(whole)]).exit_code == 0
    assert [f.stat().st_mtime_ns for f in files] == stamps
    again = []
    for number in (3, 1, 2):
        out = pieces / str(number)
        done = CliRunner().invoke(
            app, ["cohort", "lesion", str(number), *QUICK[:4], "--threads", "2", "--out", str(out)]
        )
        assert done.exit_code == 0, done.output
        again.append(str(out / "lesion.h5"))
    done = CliRunner().invoke(app, ["cohort", "collect", *again, "--out", str(pieces)])
    assert done.exit_code == 0, done.output
    for name in ("lesions_tg43.csv", "lesions_monte_carlo.csv", "in_silico.csv"):
        assert (pieces / name).read_bytes() == (whole / name).read_bytes()
