"""A wrong configuration ends in one sentence, before any job runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

REPOSITORY = Path(__file__).parents[2]
Snakemake = Callable[..., subprocess.CompletedProcess[str]]
CASE = {"name": "neck", "input": "neck"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"media": "lung"},
            "configuration.media is 'lung', expected patient, water_body (water inside BODY) or water",
        ),
        ({"batches": 1}, "configuration.batches is 1, expected a whole number of batches in all, from 2"),
        ({"voxel_mm": 0}, "configuration.voxel_mm is 0, expected an edge of the scoring voxels from 0.2"),
        ({"voxels": 2}, "'voxels' was unexpected"),
        ({"cases": []}, "configuration.cases is [], expected a list of at least one case"),
        (
            {"cases": [{"name": "a"}]},
            "configuration.cases[0] has the keys name, expected name, input and no others",
        ),
        (
            {"cases": [CASE | {"name": "a b"}]},
            "configuration.cases[0].name is 'a b', expected a name of letters",
        ),
        (
            {"cases": [CASE, CASE]},
            "configuration.cases names neck more than once, expected a name of its own",
        ),
        (
            {"cases": [CASE | {"input": "no/such"}]},
            "input of case neck is no/such, expected an existing DICOM folder or case file",
        ),
    ],
)
def test_refused_in_a_sentence(snakemake: Snakemake, change: dict[str, object], sentence: str) -> None:
    run = snakemake({"cases": [CASE]} | change, "--dry-run")
    assert run.returncode == 1
    # Snakemake may break and indent the lines of a message.
    assert sentence in " ".join((run.stdout + run.stderr).split())


def test_default_configuration_fits_its_schema_and_names_every_setting() -> None:
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
    configuration = yaml.safe_load((REPOSITORY / "workflow/config/config.yaml").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(configuration)
    assert set(configuration) == set(schema["properties"])
    defaults = {name: part["default"] for name, part in schema["properties"].items() if "default" in part}
    assert {name: configuration[name] for name in defaults} == defaults


def test_every_setting_says_what_is_expected() -> None:
    def described(schema: dict) -> bool:
        parts = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        return "description" in schema and all(described(part) for part in parts)

    assert described(yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text()))
