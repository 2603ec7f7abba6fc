"""The scenario table: what it asks for, and how a wrong one is refused."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.main import get_command

from validation.commands.study import study_app

WORKFLOW = Path(__file__).parents[2] / "workflow"
Snakemake = Callable[..., subprocess.CompletedProcess[str]]
COLUMNS = (
    "study",
    "case",
    "kind",
    "tg43_members",
    "monte_carlo_members",
    "sigma_mm",
    "edema",
    "alternatives",
    "options",
)
ROWS = (
    ("still", "neck", "displacement", "100", "0", "0", "", "", ""),
    ("moved", "neck", "displacement", "100", "7", "1,2.5", "", "", "--media water"),
    ("swollen", "other", "edema", "50", "4", "", "0.5", "media:water_body,curve:thorax", ""),
)


def configuration(
    folder: Path, rows: tuple[tuple[str, ...], ...] = ROWS, **others: object
) -> dict[str, object]:
    """Write a table beside the configuration that names it."""
    table = folder / "table.tsv"
    table.write_text("\n".join("\t".join(row) for row in (COLUMNS, *rows)) + "\n")
    cases = [{"name": name, "input": "neck"} for name in ("neck", "other")]
    return {"cases": cases, "scenarios": str(table), "monte_carlo_members_per_job": 3} | others


def test_each_row_is_a_study_and_each_chunk_of_members_a_job(snakemake: Snakemake, tmp_path: Path) -> None:
    run = snakemake(configuration(tmp_path), "--dry-run", "--printshellcmds", "studies")
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    shell = [" ".join(line.split()) for line in re.findall(r"seedmc study .*", output)]
    members = [line for line in shell if line.startswith("seedmc study members")]
    parts = sorted(
        re.search(r"studies/(\w+)/settings.json --engine (\w+) --members (\S+) ", line).groups()
        for line in members
    )
    assert parts == [
        ("moved", "monte_carlo", "0:3"),
        ("moved", "monte_carlo", "3:6"),
        ("moved", "monte_carlo", "6:7"),
        ("moved", "tg43", "0:100"),
        ("still", "tg43", "0:100"),
        ("swollen", "alternatives", "0:3"),
        ("swollen", "alternatives", "3:4"),
        ("swollen", "monte_carlo", "0:3"),
        ("swollen", "monte_carlo", "3:4"),
        ("swollen", "tg43", "0:50"),
    ]
    merged = next(line for line in shell if "merge" in line and "moved" in line)
    assert merged.count("members_") == 4
    reports = [line for line in shell if line.startswith("seedmc study report")]
    assert len(reports) == 3
    assert any("results/neck/studies/moved/study.h5 --out" in line for line in reports)


def test_columns_become_options_and_empty_cells_do_not(snakemake: Snakemake, tmp_path: Path) -> None:
    run = snakemake(
        configuration(tmp_path, random_seed=5, voxel_mm=2, seeds="superposition"),
        "--dry-run",
        "--printshellcmds",
        "studies",
    )
    output = run.stdout + run.stderr
    moved = re.search(r"seedmc study settings displacement .*studies/moved/.*", output).group()
    assert "--sigma-mm 1,2.5 --media water " in moved
    for option in ("--random-seed 5 ", "--voxel 2 ", "--media patient ", "--seeds superposition "):
        assert option in moved
    assert "--edema" not in moved
    assert (
        "--sigma-mm 0 " in re.search(r"seedmc study settings displacement .*studies/still/.*", output).group()
    )
    swollen = re.search(r"seedmc study settings edema .*", output).group()
    assert "--edema 0.5" in swollen
    assert "--alternative media:water_body --alternative curve:thorax " in swollen
    assert "--sigma-mm" not in swollen


@pytest.mark.parametrize(
    ("rows", "others", "sentence"),
    [
        (
            (ROWS[0], ("far", "neck", "displacement", "100", "0", "1,50", "", "", "")),
            {},
            "table.tsv.sigma_mm[1] is 50.0, expected a number of mm (50.0 is greater than the maximum of 30)",
        ),
        (
            (("one", "neck", "displacement", "100", "1", "2", "", "", ""),),
            {},
            "0 or from 2 (a spread needs two)",
        ),
        (
            (("a", "chest", "edema", "10", "0", "", "0.5", "", ""),),
            {},
            "case is 'chest', expected a configured case (neck, other)",
        ),
        (
            (ROWS[0], ROWS[0]),
            {},
            "names neck/still more than once, expected a name of its own for each study",
        ),
        (
            (("many", "neck", "displacement", "10", "9000", "2", "", "", ""),),
            {},
            "expected at most 1000 together (a job should be minutes of work). Raise batches_per_job or",
        ),
        (
            (("a", "neck", "edema", "10", "6", "", "0.5", "paint:red", ""),),
            {},
            "table.tsv.alternatives[0] is 'paint:red', expected curve:NAME, media:NAME or seeds:NAME",
        ),
        (
            ROWS,
            {"scenarios": "no/table.tsv"},
            "configuration.scenarios is no/table.tsv, expected an existing table",
        ),
    ],
)
def test_wrong_table_is_refused_in_a_sentence(
    snakemake: Snakemake,
    tmp_path: Path,
    rows: tuple[tuple[str, ...], ...],
    others: dict[str, object],
    sentence: str,
) -> None:
    run = snakemake(configuration(tmp_path, rows) | others, "--dry-run", "studies")
    assert run.returncode == 1
    assert sentence in " ".join((run.stdout + run.stderr).split())


def test_columns_are_options_that_the_command_knows() -> None:
    rules = (WORKFLOW / "rules/scenarios.smk").read_text()
    options = dict(re.findall(r'^    "(\w+)": "(--[\w-]+)",$', rules, re.MULTILINE))
    assert (
        options.keys()
        < yaml.safe_load((WORKFLOW / "schemas/scenarios.schema.yaml").read_text())["properties"].keys()
    )
    known = {
        name for parameter in get_command(study_app).commands["settings"].params for name in parameter.opts
    }
    assert set(options.values()) <= known


def test_shipped_table_is_accepted_and_its_schema_says_what_is_expected(snakemake: Snakemake) -> None:
    schema = yaml.safe_load((WORKFLOW / "schemas/scenarios.schema.yaml").read_text())
    Draft202012Validator.check_schema(schema)
    assert all("description" in part for part in schema["properties"].values())
    configuration = yaml.safe_load((WORKFLOW / "config/config.yaml").read_text())
    table = {"scenarios": str(WORKFLOW / "config/scenarios.tsv")}
    run = snakemake(configuration | table, "--dry-run", "studies")
    assert run.returncode == 0, run.stdout + run.stderr
