"""The workflow through Slurm: scatter, gather, a job that fails, a node that dies, and the same bits as at home."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

WORKFLOW = Path(__file__).parents[2] / "workflow"

# Few histories in large voxels: what is tested is the way through the cluster, not the dose.
SETTINGS = {
    "cases": [{"name": "neck", "input": "neck"}],
    "voxel_mm": 4.0,
    "batches": 4,
    "threads": 1,
    "scenarios": "scenarios.csv",
}
STUDY = """\
study,case,kind,tg43_members,monte_carlo_members,sigma_mm,options
moved,neck,displacement,8,4,2,--histories 2000 --tissue-histories 20000 --map-members 2
"""
ONE_JOB_EACH = {"batches_per_job": 4, "tg43_members_per_job": 8, "monte_carlo_members_per_job": 4}
SCATTERED = {"batches_per_job": 2, "tg43_members_per_job": 4, "monte_carlo_members_per_job": 2}
SIMULATION, STUDIED = "results/neck/monte_carlo.h5", "results/neck/studies/moved/study.h5"
REPORT = "results/neck/studies/moved/report.html"
SECONDS = 420

# Stands before the real command on the nodes' path: fails one job once, and keeps another from ending until its
# node is gone. Both leave a note, so that their next attempt goes through.
FAULTS = """\
#!/bin/sh
case "$*" in
*"{fails} "*)
    if mkdir {notes}/failed 2>/dev/null; then echo "made to fail" >&2; exit 1; fi ;;
*"{dies} "*)
    if mkdir {notes}/waits 2>/dev/null; then
        echo "$SLURMD_NODENAME" > {notes}/node.part && mv {notes}/node.part {notes}/node
        exec sleep 600
    fi ;;
esac
exec {command} "$@"
"""


def begin_with(folder: Path, done: Path, *results: str) -> None:
    """Take results that were computed at home along, so that the cluster's time goes into scatter and gather."""
    for result in results:
        (folder / result).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(done / result, folder / result)


def snakemake(folder: Path, configuration: dict[str, object], *arguments: str) -> list[str]:
    """Give the command that runs the workflow in a folder of its own."""
    folder.mkdir()
    (folder / "configuration.yaml").write_text(yaml.safe_dump(configuration))
    (folder / "scenarios.csv").write_text(STUDY)
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(WORKFLOW / "Snakefile")),
        *("--directory", str(folder), "--configfile", str(folder / "configuration.yaml"), *arguments),
    ]


def content(path: Path) -> dict[str, object]:
    """Give every dataset and attribute of a file; run times and costs stand outside the compared content."""
    found: dict[str, object] = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and "time" not in name and "cost" not in name:
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(keep)
        found |= {f"attribute {name}": str(value) for name, value in file.attrs.items()}
    return found


def assert_same_bits(path: Path, other: Path) -> None:
    """Compare two files dataset by dataset, bit for bit."""
    one, two = content(path), content(other)
    assert one.keys() == two.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=f"{path.name}: {name}")


def run_through_faults(cluster, tmp_path: Path, command: list[str], fails: str, dies: str) -> str:
    """Run a workflow on the cluster while one job fails once and the node of another is killed; give the log."""
    seedmc = shutil.which("seedmc", path=cluster.environment["PATH"])
    assert seedmc is not None
    folder = tmp_path / "bin"
    folder.mkdir()
    stand_in = folder / "seedmc"
    stand_in.write_text(
        FAULTS.format(fails=fails, dies=dies, notes=shlex.quote(str(folder)), command=shlex.quote(seedmc))
    )
    stand_in.chmod(0o755)
    environment = cluster.environment | {"PATH": f"{folder}{os.pathsep}{cluster.environment['PATH']}"}
    log = tmp_path / "snakemake.log"
    end = time.monotonic() + SECONDS
    with log.open("w") as output:
        running = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        while not ((folder / "node").exists() and cluster.ask("squeue", "--noheader", "--states=FAILED")):
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < end, f"no job to kill after {SECONDS} s: {log.read_text()}"
            time.sleep(0.5)
        cluster.kill_node((folder / "node").read_text().strip())
        assert running.wait(max(end - time.monotonic(), 1)) == 0, log.read_text()
    finally:
        running.kill()
        running.wait()
    assert (folder / "failed").exists()
    return log.read_text()


def on_slurm() -> list[str]:
    """Give the options that make the profile quick; its own intervals are for jobs of minutes."""
    pytest.importorskip(
        "snakemake_executor_plugin_slurm", reason="snakemake-executor-plugin-slurm is not installed"
    )
    return [
        *("--profile", str(WORKFLOW / "profiles" / "slurm")),
        *("--slurm-init-seconds-before-status-checks", "10", "--latency-wait", "20"),
    ]


@pytest.mark.slow
def test_study_and_simulation_survive_a_failing_job_and_a_dying_node(cluster, tmp_path: Path) -> None:
    home, slurm = tmp_path / "home", tmp_path / "slurm"
    targets = (SIMULATION, REPORT)
    at_home = snakemake(home, SETTINGS | ONE_JOB_EACH, "--cores", "2", *targets)
    ran = subprocess.run(at_home, env=cluster.environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr

    command = snakemake(slurm, SETTINGS | SCATTERED, *on_slurm(), *targets)
    begin_with(slurm, home, "results/neck/case.h5", "results/kernels/monte_carlo.h5")
    log = run_through_faults(
        cluster, tmp_path, command, fails="--batches 2:4", dies="--engine monte_carlo --members 0:2"
    )
    assert "'FAILED'" in log
    assert "NODE_FAIL" in log
    # The two, once each, and whatever else was on the node that died: it has two CPUs.
    assert log.count("Trying to restart job") in (2, 3)

    assert_same_bits(home / SIMULATION, slurm / SIMULATION)
    assert_same_bits(home / STUDIED, slurm / STUDIED)
    estimates = Path(REPORT).with_suffix(".csv")
    assert (home / estimates).read_text() == (slurm / estimates).read_text()
