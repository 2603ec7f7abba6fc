# The configuration: checked against its schema, then spread into cases and chunks of batches.
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate


def refuse(what, expected, remedy):
    """End the workflow with one sentence in the form every seedmc command uses."""
    raise WorkflowError(f"{what}, expected {expected}. {remedy}.")


def check_configuration():
    """Validate the configuration; a schema violation is told in the words of the schema."""
    try:
        validate(config, schema="../schemas/config.schema.yaml")
    except WorkflowError as refused:
        violation = refused.__context__
        if violation is None or not hasattr(violation, "absolute_path"):
            raise
        where = "".join(
            f"[{step}]" if isinstance(step, int) else f".{step}" for step in violation.absolute_path
        )
        if violation.validator in ("required", "additionalProperties"):
            found = f"has the keys {', '.join(violation.instance) or 'none'}"
            expected = f"{', '.join(violation.schema['required'])} and no others than " + ", ".join(
                violation.schema["properties"]
            )
        else:
            found = f"is {violation.instance!r}"
            expected = violation.schema["description"]
        refuse(
            f"configuration{where} {found}",
            f"{expected} ({violation.message})",
            "Correct the configuration file",
        )
    names = [case["name"] for case in config["cases"]]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        refuse(
            f"configuration.cases names {', '.join(repeated)} more than once",
            "a name of its own for each case (it is the folder of the results)",
            "Rename one of them",
        )


def case_files(wildcards):
    """Give what a case is read from, or nothing for a built-in case."""
    source = CASES[wildcards.case]["input"]
    if Path(source).exists():
        return [source]
    if len(Path(source).parts) > 1 or Path(source).suffix:
        refuse(
            f"input of case {wildcards.case} is {source}",
            "an existing DICOM folder or case file, or the name of a built-in case",
            "Check the path (relative to the working directory)",
        )
    return []


def case_options(wildcards):
    """Give the options by which one of several series or plans in a DICOM folder is chosen."""
    case = CASES[wildcards.case]
    names = {"ct_series": "--ct-series", "plan": "--plan", "structures": "--structures"}
    return [part for key, option in names.items() if key in case for part in (option, case[key])]


def batch_chunks():
    """Give the half-open ranges of batches, one for each simulation job."""
    last, step = int(config["batches"]), int(config["batches_per_job"])
    return [(first, min(first + step, last)) for first in range(0, last, step)]


def monte_carlo_parts(wildcards):
    """Give the partial results to merge for a case."""
    return [f"results/{wildcards.case}/monte_carlo/batches_{first}_{end}.h5" for first, end in batch_chunks()]


check_configuration()
CASES = {case["name"]: case for case in config["cases"]}


wildcard_constraints:
    case="[A-Za-z0-9_-]+",
    first=r"\d+",
    end=r"\d+",
