"""The in-silico cohort as a target of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

Snakemake = Callable[..., subprocess.CompletedProcess[str]]
CONFIGURATION = {"cases": [{"name": "neck", "input": "neck"}], "random_seed": 7}


def test_every_lesion_is_a_job_and_the_cohort_is_collected(snakemake: Snakemake) -> None:
    chosen = {"cohort_lesions": 4, "cohort_options": "--placement template --voxel 2"}
    run = snakemake(CONFIGURATION | chosen, "--dry-run", "--printshellcmds", "in_silico_cohort")
    assert run.returncode == 0, run.stderr
    output = run.stdout + run.stderr
    for number in range(1, 5):
        command = (
            f"seedmc cohort lesion {number} --out results/in_silico_cohort/lesion_0{number} --random-seed 7"
        )
        assert f"{command} --threads 1 --quiet --placement template --voxel 2 >" in output
    assert re.search(
        r"seedmc cohort collect (results/in_silico_cohort/lesion_0\d/lesion\.h5 ){4}--out", output
    )
    assert re.search(r"^cohort_lesion +4$", output, re.MULTILINE)


def test_a_cohort_has_22_lesions_unless_told_otherwise(snakemake: Snakemake) -> None:
    run = snakemake(CONFIGURATION, "--dry-run", "in_silico_cohort")
    assert re.search(r"^cohort_lesion +22$", run.stdout + run.stderr, re.MULTILINE)


def test_the_cohort_is_not_part_of_every_run(snakemake: Snakemake) -> None:
    run = snakemake(CONFIGURATION, "--dry-run")
    assert "cohort_lesion" not in run.stdout + run.stderr


def test_a_cohort_of_another_size_is_refused(snakemake: Snakemake) -> None:
    run = snakemake(CONFIGURATION | {"cohort_lesions": 23}, "--dry-run", "in_silico_cohort")
    assert run.returncode != 0
    assert "from 3 to 22" in run.stdout + run.stderr
