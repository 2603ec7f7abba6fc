"""The commands as a user runs them: the whole job, its single steps, interruption, and refusals."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

COMMAND = [sys.executable, "-m", "validation.cli"]
# 2 mm voxels and 40 batches: enough for stated uncertainties, a few seconds of transport.
QUICK = ["--voxel", "2", "--histories", "5000000"]
TIMES = {"run", "run_time_s", "cpu_time_s"}  # groups and attributes that stand outside the compared content


def seedmc(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def done(*arguments: object, cwd: Path) -> None:
    run = seedmc(*arguments, cwd=cwd)
    assert run.returncode == 0, run.stderr


def content(path: Path) -> dict[str, bytes]:
    """Every dataset and attribute of a file, run times left out."""
    found: dict[str, bytes] = {}

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if name.split("/", maxsplit=1)[0] in TIMES:
            return
        if isinstance(item, h5py.Dataset):
            found[name] = (
                repr(np.asarray(item[()], dtype=object).tolist()).encode()
                if item.dtype == object
                else np.asarray(item[()]).tobytes()
            )

    with h5py.File(path) as file:
        file.visititems(visit)
        for key, value in file.attrs.items():
            if key not in TIMES:
                found[f"@{key}"] = repr(np.asarray(value).tolist()).encode()
    return found


@pytest.fixture(scope="module")
def neck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("neck")
    done("run", "neck", "--out", "whole", *QUICK, "--quiet", cwd=folder)
    return folder


def test_the_whole_job_leaves_every_result(neck: Path) -> None:
    names = sorted(p.name for p in (neck / "whole").iterdir())
    assert names == ["case.h5", "comparison.h5", "monte_carlo.h5", "report.html", "tg43.h5"]


@pytest.mark.parametrize("name", ["monte_carlo.h5", "tg43.h5", "comparison.h5"])
def test_results_open_in_xarray_with_units(neck: Path, name: str) -> None:
    with xr.open_dataset(neck / "whole" / name, engine="h5netcdf") as data:
        assert set(data.dims) >= {"x", "y", "z"}
        assert all("units" in data[variable].attrs for variable in data.data_vars)


def test_single_steps_give_the_same(neck: Path) -> None:
    done("case", "import", "neck", "--out", "case.h5", cwd=neck)
    done("simulate", "case.h5", "--out", "mc.h5", *QUICK, "--threads", "1", "--quiet", cwd=neck)
    done("tg43", "case.h5", "--out", "tg43.h5", "--voxel", "2", cwd=neck)
    done("compare", "case.h5", "mc.h5", "tg43.h5", "--out", "comparison.h5", cwd=neck)
    done("report", "comparison.h5", "--out", "report.html", cwd=neck)
    for step, whole in (
        ("case.h5", "case.h5"),
        ("mc.h5", "monte_carlo.h5"),
        ("comparison.h5", "comparison.h5"),
    ):
        assert content(neck / step) == content(neck / "whole" / whole), step
    assert (neck / "report.html").stat().st_size > 100_000


def test_chunks_of_batches_merge_to_the_whole(neck: Path) -> None:
    case = neck / "whole" / "case.h5"
    with h5py.File(neck / "whole" / "monte_carlo.h5") as file:
        last = int(file.attrs["batches"][-1][1])
    cut = last // 3
    for name, part in (("a.h5", f"0:{cut}"), ("b.h5", f"{cut}:{last}")):
        done("simulate", case, "--out", name, "--voxel", 2, "--batches", part, "--quiet", cwd=neck)
    done("merge", "b.h5", "a.h5", "--out", "merged.h5", cwd=neck)
    assert content(neck / "merged.h5") == content(neck / "whole" / "monte_carlo.h5")
    refused = seedmc("merge", "a.h5", "a.h5", "--out", "twice.h5", cwd=neck)
    assert refused.returncode == 2
    assert "present twice" in refused.stderr
    assert not (neck / "twice.h5").exists()


def test_killed_and_started_again_gives_the_same(neck: Path) -> None:
    case = neck / "whole" / "case.h5"
    arguments = ["simulate", str(case), "--out", "killed.h5", *QUICK, "--checkpoint", "0.2", "--quiet"]
    checkpoint = neck / "killed.h5.checkpoint"
    kills = 0
    for _ in range(3):
        process = subprocess.Popen([*COMMAND, *arguments], cwd=neck, stdout=subprocess.DEVNULL)
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        for _ in range(1200):
            time.sleep(0.05)
            newer = checkpoint.exists() and checkpoint.stat().st_mtime_ns > before
            if newer or process.poll() is not None:
                break
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills > 0
    done(*arguments, cwd=neck)
    assert content(neck / "killed.h5") == content(neck / "whole" / "monte_carlo.h5")
    assert not checkpoint.exists()


def test_second_run_keeps_what_is_there(neck: Path) -> None:
    before = {p.name: p.stat().st_mtime_ns for p in (neck / "whole").iterdir()}
    run = seedmc("run", "neck", "--out", "whole", *QUICK, "--quiet", cwd=neck)
    assert run.returncode == 0, run.stderr
    # The result first, then where the report is.
    result = r"PTV D90: Monte Carlo [\d.]+ ± [\d.]+ Gy, TG-43 [\d.]+ Gy \(−[\d.]+ ± [\d.]+ %\)"
    assert re.match(result + "\nThe report is /.*/report.html\n$", run.stdout)
    assert before == {p.name: p.stat().st_mtime_ns for p in (neck / "whole").iterdir()}


def refusal(run: subprocess.CompletedProcess[str], *words: str) -> None:
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stderr
    for word in words:
        assert word in run.stderr


def test_other_settings_are_not_mixed_into_a_result(neck: Path) -> None:
    before = content(neck / "whole" / "monte_carlo.h5")
    run = seedmc("run", "neck", "--out", "whole", *QUICK, "--random-seed", 7, "--quiet", cwd=neck)
    refusal(run, "monte_carlo.h5", "other settings", "--replace")
    assert content(neck / "whole" / "monte_carlo.h5") == before


def test_results_of_another_case_keep_their_case_file(neck: Path) -> None:
    before = content(neck / "whole" / "case.h5")
    seed = neck / "one_seed.csv"
    seed.write_text(
        "x_cm,y_cm,z_cm,axis_x,axis_y,axis_z,air_kerma_strength_U,model\n3.5,0.5,0,0,0,1,0.5,6711\n"
    )
    run = seedmc("run", "neck", "--seed-list", seed, "--out", "whole", *QUICK, "--quiet", cwd=neck)
    refusal(run, "case digest", "another case", "--replace")
    assert content(neck / "whole" / "case.h5") == before


def test_an_interrupted_run_says_how_to_go_on(neck: Path) -> None:
    command = [*COMMAND, "simulate", "whole/case.h5", "--out", "endless.h5", "--max-time", "600"]
    process = subprocess.Popen(
        [*command, "--checkpoint", "0.2", "--quiet"], cwd=neck, stderr=subprocess.PIPE, text=True
    )
    for _ in range(1200):
        time.sleep(0.05)
        if (neck / "endless.h5.checkpoint").exists() or process.poll() is not None:
            break
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, len(said.strip().splitlines())) == (1, 1), said
    assert "interrupted" in said


def test_a_misspelt_structure_is_told_before_anything_is_written(tmp_path: Path) -> None:
    run = seedmc("run", "neck", "--medium-of", "SPINALCORD=brain", "--out", "x", cwd=tmp_path)
    refusal(run, "expected one of BODY, GTV", "did you mean SPINAL_CORD?")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere", "--out", "x"], ["nowhere", "neck"]),
        (["run", "neck", "--out", "x", "--voxel", "50"], ["voxel size is 50 mm"]),
        (["run", "neck", "--out", "x", "--media", "gold"], ["gold"]),
        (["run", "neck", "--out", "x", "--uncertainty", "-1"], ["uncertainty", "0 or more"]),
        (["run", "neck", "--out", "x", "--uncertainty", "0"], ["uncertainty", "never end"]),
        (["run", "neck", "--out", "x", "--max-time", "-5"], ["max-time", "0 or more"]),
        (["run", "neck", "--out", "x", "--beyond-distance", "inf"], ["beyond distance is inf cm"]),
        (["simulate", "missing.h5", "--out", "x.h5"], ["missing.h5"]),
        (["simulate", "CASE", "--out", "x.h5", "--batches", "5"], ["FIRST:STOP"]),
        (["simulate", "TRUNCATED", "--out", "x.h5"], ["truncated.h5"]),
        (["simulate", "OLD", "--out", "x.h5"], ["format_version", "99.0"]),
        (["compare", "CASE", "CASE", "CASE", "--out", "x.h5"], ["filetype"]),
        (["report", "CASE", "--out", "x.html"], ["filetype"]),
        (["case", "import", "neck", "--seed-list", "NEGATIVE", "--out", "x.h5"], ["-0.5"]),
        (["case", "import", "neck", "--seed-list", "OUTSIDE", "--out", "x.h5"], ["outside"]),
        (["case", "import", "neck", "--seed-list", "UNKNOWN", "--out", "x.h5"], ["9999"]),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    neck: Path, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    case = neck / "whole" / "case.h5"
    files = {"CASE": case}
    truncated = files["TRUNCATED"] = tmp_path / "truncated.h5"
    truncated.write_bytes(case.read_bytes()[: case.stat().st_size // 2])
    old = files["OLD"] = tmp_path / "old.h5"
    shutil.copy(case, old)
    with h5py.File(old, "r+") as file:
        file.attrs["format_version"] = "99.0"
    header = "x_cm,y_cm,z_cm,axis_x,axis_y,axis_z,air_kerma_strength_U,model\n"
    for name, row in (
        ("NEGATIVE", "3.5,0.5,0,0,0,1,-0.5,6711"),
        ("OUTSIDE", "35,0.5,0,0,0,1,0.5,6711"),
        ("UNKNOWN", "3.5,0.5,0,0,0,1,0.5,9999"),
    ):
        files[name] = tmp_path / f"{name.lower()}.csv"
        files[name].write_text(header + row + "\n")
    work = tmp_path / "work"
    work.mkdir()
    run = seedmc(*(files.get(a, a) for a in arguments), cwd=work)
    if "UNKNOWN" in arguments and run.returncode == 0:
        # a case may name any model; the engines refuse one they do not know
        run = seedmc("simulate", "x.h5", "--out", "y.h5", cwd=work)
        (work / "x.h5").unlink()
    refusal(run, *words)
    # steps done before may be told; the refusal is the last line and the only one of its kind
    said = run.stderr.strip().splitlines()
    refusals = [k for k, line in enumerate(said) if line.startswith("seedmc: ")]
    assert refusals == [len(said) - 1] or "Usage" in run.stderr
    left = [p for p in work.rglob("*") if p.is_file() and p.name != "case.h5"]
    assert left == []


def test_a_failure_inside_shows_a_traceback_only_on_request(neck: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    quiet = seedmc("case", "import", "neck", "--out", blocked / "case.h5", cwd=tmp_path)
    assert (quiet.returncode, "Traceback" in quiet.stderr) == (1, False)
    loud = seedmc("--debug", "case", "import", "neck", "--out", blocked / "case.h5", cwd=tmp_path)
    assert (loud.returncode, "Traceback" in loud.stderr) == (1, True)
