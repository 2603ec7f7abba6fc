from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]

Snakemake = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def snakemake(tmp_path: Path) -> Snakemake:
    """Run the project's workflow in a folder of its own, with the given configuration."""

    def run(configuration: dict[str, object], *arguments: str, folder: Path = tmp_path):
        folder.mkdir(exist_ok=True)
        written = folder / "configuration.yaml"
        written.write_text(yaml.safe_dump(configuration))
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(REPOSITORY / "workflow" / "Snakefile"),
        ]
        command += ["--directory", str(folder), "--configfile", str(written), "--cores", "2", *arguments]
        # The rules call `seedmc` by name: the one installed beside this Python.
        environment = dict(os.environ)
        environment["PATH"] = sysconfig.get_path("scripts") + os.pathsep + environment["PATH"]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=folder, env=environment, check=False
        )

    return run
