"""Each profile names options that Snakemake and its Slurm executor know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROFILES = Path(__file__).parents[2] / "workflow" / "profiles"


@pytest.fixture(scope="module")
def known_options() -> str:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_options_are_known(known_options: str, name: str) -> None:
    profile = yaml.safe_load((PROFILES / name / "config.yaml").read_text())
    if name == "slurm":
        pytest.importorskip(
            "snakemake_executor_plugin_slurm", reason="snakemake-executor-plugin-slurm is not installed"
        )
    unknown = [
        option
        for option in profile
        if f"--{option} " not in known_options.replace("\n", " ").replace(",", " ")
    ]
    assert not unknown


def test_slurm_profile_avoids_what_hangs_or_runs_twice() -> None:
    profile = yaml.safe_load((PROFILES / "slurm" / "config.yaml").read_text())
    assert profile["slurm-status-command"] == "squeue"  # sacct waits forever without slurmdbd
    assert profile["slurm-no-requeue"] is True  # with retries, a requeued job would run twice
    assert profile["retries"] >= 2
    assert "slurm-array-jobs" not in profile  # arrays wait for `jobs` to cover every pending job
    # Finished jobs must stay visible to squeue for three status intervals, else the executor turns to sacct.
    # Slurm's default MinJobAge is 300 s.
    assert 3 * profile["slurm-init-seconds-before-status-checks"] <= 300
