"""The validation record as a target of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

Snakemake = Callable[..., subprocess.CompletedProcess[str]]
CONFIGURATION = {"cases": [{"name": "neck", "input": "neck"}], "threads": 2}


def test_record_is_made_on_request_with_the_configured_mode(snakemake: Snakemake) -> None:
    for mode in ("quick", "full"):
        run = snakemake(
            CONFIGURATION | {"validation_mode": mode}, "--dry-run", "--printshellcmds", "validation_record"
        )
        assert run.returncode == 0, run.stderr
        output = run.stdout + run.stderr
        assert f"seedmc validate --mode {mode} --out results/validation --threads 2" in output
        assert not re.search(r"^simulate +\d", output, re.MULTILINE)


def test_record_is_not_part_of_every_run(snakemake: Snakemake) -> None:
    run = snakemake(CONFIGURATION, "--dry-run")
    assert "validation_record" not in run.stdout + run.stderr
