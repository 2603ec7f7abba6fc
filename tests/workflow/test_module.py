"""The workflow as a module of somebody else's, which is how Snakemake distributes workflows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SNAKEFILE = Path(__file__).parents[2] / "workflow" / "Snakefile"


def test_rules_can_be_used_from_another_workflow(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(f"""
configuration = {{"cases": [{{"name": "neck", "input": "neck"}}], "batches": 4}}

module seedmc:
    snakefile: {str(SNAKEFILE)!r}
    config: configuration

use rule * from seedmc as seedmc_*

rule mine:
    default_target: True
    input:
        "results/neck/report.html",
    output:
        "mine.txt",
    shell:
        "wc -c {{input:q}} > {{output:q}}"
""")
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    planned = run.stdout + run.stderr
    assert "rule mine" in planned
    assert "rule seedmc_simulate" in planned
