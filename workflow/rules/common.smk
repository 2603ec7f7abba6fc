# The configuration: checked against its schema, then spread into cases and chunks of batches.
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate


def refuse(what, expected, remedy):
    """End the workflow with one sentence in the form every seedmc command uses."""
    raise WorkflowError(f"{what}, expected {expected}. {remedy}.")


def check_against(schema, data, name, remedy):
    """Validate data and set its defaults; a schema violation is told in the words of the schema."""
    try:
        validate(data, schema=schema)
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
        refuse(f"{name}{where} {found}", f"{expected} ({violation.message})", remedy)


def check_unique(names, what, reason):
    """Refuse names that occur more than once."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        refuse(f"{what} names {', '.join(repeated)} more than once", reason, "Rename one of them")


def check_configuration():
    """Validate the configuration."""
    check_against("../schemas/config.schema.yaml", config, "configuration", "Correct the configuration file")
    check_unique(
        [case["name"] for case in config["cases"]],
        "configuration.cases",
        "a name of its own for each case (it is the folder of the results)",
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


def chunks(count, step):
    """Give the half-open ranges that cover a count in steps, one for each job."""
    return [(first, min(first + step, count)) for first in range(0, count, step)]


def monte_carlo_parts(wildcards):
    """Give the partial results to merge for a case."""
    return [
        f"results/{wildcards.case}/monte_carlo/batches_{first}_{end}.h5"
        for first, end in chunks(int(config["batches"]), int(config["batches_per_job"]))
    ]


def doubled(amount):
    """Give a resource that doubles with each attempt: a job that ran out of it is tried with more."""
    return lambda wildcards, attempt: int(amount) * 2 ** (attempt - 1)


check_configuration()
CASES = {case["name"]: case for case in config["cases"]}


wildcard_constraints:
    case="[A-Za-z0-9_-]+",
    study="[A-Za-z0-9_-]+",
    first=r"\d+",
    end=r"\d+",
