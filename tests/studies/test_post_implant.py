"""The post-implant check on the built-in neck with seeds painted into its CT."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from validation.case import Case, Image, built_in, read_seed_csv
from validation.case.dicom_references import DicomReferences
from validation.case.seed_finder_series import PostImplantScan
from validation.case.seed_finder_trial import filled_voxels
from validation.cli import app
from validation.report.post_implant import render, table_text
from validation.studies.post_implant import PostImplantOptions, post_implant, with_monte_carlo, write_check
from validation.studies.post_implant_case import apart
from validation.studies.post_implant_indices import cut_by_grid, tg43_indices

COARSE = PostImplantOptions(voxel=0.2, reach=1.2)


@pytest.fixture(scope="module")
def implanted():
    """The neck before, and its CT with ten of eleven seeds 1 to 3 mm off their places."""
    plan = built_in("neck")
    rng = np.random.default_rng(3)
    kept = np.delete(np.arange(len(plan.implant)), 4)
    positions = plan.implant.positions[kept] + rng.normal(0, 0.12, (len(kept), 3))
    image = plan.image
    metal = filled_voxels(positions, plan.implant.axes[kept], image.x, image.y, image.z)
    hu = np.clip(image.hu + 18000 * metal + rng.normal(0, 10, image.hu.shape), -1024, 3071)
    return plan, kept, positions, Image(hu, image.x, image.y, image.z)


@pytest.fixture(scope="module")
def check(implanted):
    plan, _, _, image = implanted
    return post_implant(plan, PostImplantScan(image, source="painted <b>CT</b>"), COARSE)


def test_every_seed_is_its_own(implanted, check):
    plan, kept, positions, _ = implanted
    assert check.matching.plan.tolist() == kept.tolist()
    assert check.matching.lost.tolist() == [4]
    # 0.5 mm: a quarter of the 2 mm slice.
    assert np.linalg.norm(check.post.implant.positions - positions, axis=1).max() < 0.05
    assert check.post.implant.needles.tolist() == plan.implant.needles[kept].tolist()
    assert any("seed 5 planned at" in w for w in check.warnings)


def test_dose_of_found_seeds_is_that_of_the_true_ones(implanted, check):
    plan, kept, positions, _ = implanted
    true = replace(
        plan.implant,
        positions=positions,
        axes=plan.implant.axes[kept],
        air_kerma_strengths=plan.implant.air_kerma_strengths[kept],
        needles=plan.implant.needles[kept],
    )
    expected = tg43_indices(plan.with_implant(true), 0.2)
    after = {(c.structure, c.index): c.after for c in check.changes["TG-43"]}
    # Places to 0.3 mm of some 5 mm from seed to edge: 1 % of D90.
    assert after["PTV", "D90"] == pytest.approx(expected["PTV", "D90"], rel=0.015)
    assert after["PTV", "V100"] == pytest.approx(expected["PTV", "V100"], abs=1.5)
    before = {(c.structure, c.index): c.before for c in check.changes["TG-43"]}
    assert before["PTV", "D90"] == pytest.approx(tg43_indices(plan, 0.2)["PTV", "D90"])


def test_files_and_page(check, tmp_path):
    write_check(check, tmp_path)
    assert Case.read(tmp_path / "post_case.h5").digest() == check.post.digest()
    np.testing.assert_allclose(read_seed_csv(tmp_path / "seeds.csv").positions, check.post.implant.positions)
    numbers = json.loads((tmp_path / "post_implant.json").read_text())
    assert numbers["lost"] == [5]
    assert len(numbers["seeds"]) == 10
    assert numbers["displacement"]["seeds"] == 10
    page = render(check)
    assert page.count("data:image/png;base64,") == 2
    assert "10 seeds found" in page
    assert re.search(r"PTV +D90 +\d", table_text(check))


def test_the_page_on_the_file_names_every_key(check, tmp_path):
    write_check(check, tmp_path)
    numbers = json.loads((tmp_path / "post_implant.json").read_text())
    page = (Path(__file__).parents[2] / "docs" / "file_formats" / "post_implant.md").read_text()
    assert f"filetype `{numbers['filetype']}`, format version `{numbers['format_version']}`" in page

    def named(heading):
        section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
        cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        return {key for cell in cells for key in re.findall("`([^`]+)`", cell)}

    assert named("Keys") == set(numbers)
    assert named("Keys of a seed") == set(numbers["seeds"][0])
    assert named("Keys of `displacement`") == set(numbers["displacement"])
    assert named("Keys of an index") == set(numbers["indices"]["TG-43"][0])


def test_monte_carlo_rows_come_in_the_order_of_tg43(check, tmp_path):
    def simulate(case, folder):
        keys = [(c.structure, c.index, c.unit) for c in reversed(check.changes["TG-43"])]
        return [(*key, float(len(case.implant)), 0.5) for key in [*keys, ("PTV", "D50", "Gy")]]

    rows = with_monte_carlo(check, tmp_path, simulate).changes["Monte Carlo"]
    shown = [(c.structure, c.index) for c in check.changes["TG-43"]]
    assert [(c.structure, c.index) for c in rows] == shown
    assert {(c.before, c.after, c.before_std_dev) for c in rows} == {(11.0, 10.0, 0.5)}


def test_organs_cut_by_the_dose_grid_are_told(check):
    told = next(w for w in check.warnings if "the dose grid" in w)
    cut = cut_by_grid(check.plan, 0.2)
    assert cut
    assert all(name in told for name in cut)
    assert "PTV" not in cut


def test_another_frame_is_refused(implanted):
    plan, _, _, image = implanted
    planned = replace(
        plan, dicom=DicomReferences("1.1", "1.2", "1.3", [f"1.4.{k}" for k in range(plan.image.z.size)])
    )
    with pytest.raises(InvalidInput, match=r"frame of reference of the post-implant CT is 1\.9"):
        post_implant(planned, PostImplantScan(image, "1.9"), COARSE)
    with pytest.raises(InvalidInput, match="registration is 'magic'"):
        post_implant(plan, PostImplantScan(image), replace(COARSE, registration="magic"))


def test_too_few_seeds_are_refused(implanted):
    plan = implanted[0]
    # The CT before: bone, vessels and no seed.
    with pytest.raises(InvalidInput, match=r"seeds found on the .*CT are [0-2], expected at least"):
        post_implant(plan, PostImplantScan(plan.image), replace(COARSE, reach=0.4))


def test_a_target_missing_on_the_ct_is_refused(implanted):
    plan, _, _, image = implanted
    only_body = {"BODY": plan.structures["BODY"]}
    with pytest.raises(InvalidInput, match="target PTV is not among the structures"):
        post_implant(plan, PostImplantScan(image, structures=only_body), COARSE)


def test_overlapping_bodies_are_moved_apart():
    z = np.array([[0.0, 0.0, 1.0]] * 2)
    places, depth = apart("6711", np.array([[0.0, 0, 0], [0.05, 0, 0]]), z)
    assert depth == pytest.approx(0.03, abs=0.002)
    assert np.linalg.norm(places[1] - places[0]) >= 0.08 - 1e-6
    assert apart("6711", places, z)[1] == 0.0


@pytest.mark.slow
def test_command(shared_dir, tmp_path):
    folder = shared_dir / "cases" / "neck109"
    out = CliRunner().invoke(
        app,
        ["post-implant", str(folder), str(folder / "ct_post"), "--ct-series", "ct", "--plan", "rtplan_pre",
         "--out", str(tmp_path), "--voxel", "2", "--quiet"],
    )  # fmt: skip
    assert out.exit_code == 0, out.output
    assert re.search(r"GTV +D90 +\d", out.output)
    numbers = json.loads((tmp_path / "post_implant.json").read_text())
    assert numbers["lost"] == [8]
    assert (tmp_path / "post_implant.html").stat().st_size > 50_000
