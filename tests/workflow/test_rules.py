"""Which jobs the workflow plans for a configuration, without running any."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
Snakemake = Callable[..., subprocess.CompletedProcess[str]]


TWO_CASES = {
    "cases": [{"name": "first", "input": "neck"}, {"name": "second", "input": "neck"}],
    "batches": 7,
    "batches_per_job": 3,
}


def planned_jobs(output: str) -> dict[str, int]:
    table = output[output.index("Job stats:") :]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def test_each_case_has_its_steps_and_each_chunk_its_simulation(snakemake: Snakemake) -> None:
    run = snakemake(TWO_CASES, "--dry-run")
    assert run.returncode == 0, run.stderr
    assert planned_jobs(run.stdout + run.stderr) == {
        "prepare": 2,
        "compile_kernels": 1,
        "simulate": 2 * 3,  # 7 batches in chunks of at most 3
        "merge": 2,
        "tg43": 2,
        "compare": 2,
        "report": 2,
        "all": 1,
        "total": 18,
    }


def test_chunks_cover_every_batch_once(snakemake: Snakemake) -> None:
    run = snakemake(TWO_CASES, "--dry-run", "--printshellcmds")
    shell = re.findall(r"seedmc simulate .*--out results/first/.*", run.stdout + run.stderr)
    chunks = sorted(tuple(map(int, re.search(r"--batches (\d+):(\d+)", line).groups())) for line in shell)
    assert chunks == [(0, 3), (3, 6), (6, 7)]


def test_settings_reach_the_commands(snakemake: Snakemake) -> None:
    settings = {
        "seeds": "superposition",
        "media": "water",
        "variance_reduction": "none",
        "voxel_mm": 2.5,
        "random_seed": 11,
    }
    run = snakemake(TWO_CASES | settings | {"threads": 1}, "--dry-run", "--printshellcmds")
    output = run.stdout + run.stderr
    compiles = re.search(r"seedmc simulate .*--out results/kernels/.*", output).group()
    for option in ("--seeds superposition", "--media water ", "--variance-reduction none "):
        assert option in compiles
    simulate = re.search(r"seedmc simulate .*--out results/first/.*", output).group()
    for option in (
        "--seeds superposition",
        "--media water ",
        "--variance-reduction none ",
        "--voxel 2.5",
        "--random-seed 11",
        "--threads 1",
    ):
        assert option in simulate
    assert "--voxel 2.5" in re.search(r"seedmc tg43 .*", output).group()


def test_rules_follow_one_another(snakemake: Snakemake) -> None:
    run = snakemake(TWO_CASES, "--rulegraph")
    names = dict(re.findall(r'(\d+)\[label\s*=\s*"(\w+)"', run.stdout))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", run.stdout)}
    assert edges == {
        ("prepare", "compile_kernels"),
        ("prepare", "simulate"),
        ("compile_kernels", "simulate"),
        ("simulate", "merge"),
        ("prepare", "tg43"),
        ("prepare", "compare"),
        ("merge", "compare"),
        ("tg43", "compare"),
        ("compare", "report"),
        ("report", "all"),
    }


def test_dicom_folder_is_an_input_and_its_options_are_quoted(snakemake: Snakemake, tmp_path: Path) -> None:
    (tmp_path / "patient 1").mkdir()
    case = {"name": "patient", "input": "patient 1", "plan": "post implant", "ct_series": "ct_post"}
    run = snakemake({"cases": [case]}, "--dry-run", "--printshellcmds")
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    assert re.search(r"input: patient 1$", output, re.MULTILINE)
    assert "seedmc case import 'patient 1' --ct-series ct_post --plan 'post implant' --out" in output


def test_a_case_of_the_own_configuration_replaces_the_default_one(snakemake: Snakemake) -> None:
    run = snakemake({"cases": [{"name": "mine", "input": "neck"}]}, "--dry-run")
    assert planned_jobs(run.stdout + run.stderr)["prepare"] == 1
    assert "results/neck" not in run.stdout + run.stderr


def test_only_commands_of_the_package_are_called() -> None:
    for rules in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        text = rules.read_text()
        for command in re.findall(r'shell:\s*"(\S+)', text):
            assert command == "seedmc", f"{rules.name} calls {command}"
        assert not re.search(r"^\s+(run|script|notebook):", text, re.MULTILINE)
