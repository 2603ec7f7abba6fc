# The scenario table: one study a row, checked against its schema, then spread into chunks of members.
import shlex

import pandas

MOST_JOBS = 1000
# Engines, and the column and the setting that tell how many members each has and how many of them in a job.
ENGINES = {
    "tg43": ("tg43_members", "tg43_members_per_job"),
    "monte_carlo": ("monte_carlo_members", "monte_carlo_members_per_job"),
    "sobol": ("sobol_members", "sobol_members_per_job"),
    # What is set and each alternative, for every Monte Carlo member.
    "alternatives": ("monte_carlo_members", "monte_carlo_members_per_job"),
}

# Columns with a number or several, and the options of `seedmc study settings` that they are given to as written.
# An empty cell leaves the command's own default.
STUDY_OPTIONS = {
    "sigma_mm": "--sigma-mm",
    "edema": "--edema",
    "edema_half_life_d": "--edema-half-life",
    "shrinkage_per_d": "--shrinkage-rate",
    "volumes_cm3": "--volumes",
    "volume_days": "--volume-days",
    "loss": "--loss",
}


def cell_value(column, text):
    """Give a cell as the schema expects it: a count, a list of numbers, or text; text too if it is no number."""
    try:
        if column in STUDY_OPTIONS:
            return [float(part) for part in text.split(",")]
        if column == "alternatives":
            return text.split(",")
        return int(text) if column.endswith("_members") else text
    except ValueError:
        return text


def read_scenarios():
    """Read the scenario table: case and name of each study to its row, as text and without empty cells."""
    if not config["scenarios"]:
        return {}
    table = Path(config["scenarios"])
    if not table.is_file():
        refuse(
            f"configuration.scenarios is {table}",
            "an existing table with tabs (.tsv) or commas (.csv)",
            "Check the path (relative to the working directory)",
        )
    separator = "," if table.suffix == ".csv" else "\t"
    # Spreadsheet programs may begin a file with a byte order mark.
    read = pandas.read_csv(table, sep=separator, comment="#", dtype=str, encoding="utf-8-sig")
    rows = [
        {column: cell.strip() for column, cell in row.items() if not pandas.isna(cell)}
        for row in read.to_dict("records")
    ]
    if not rows:
        refuse(f"{table} has no rows", "at least one study", "Add a row, or leave scenarios empty")
    for number, row in enumerate(rows, start=1):
        check_against(
            "../schemas/scenarios.schema.yaml",
            {column: cell_value(column, cell) for column, cell in row.items()},
            f"row {number} of {table}",
            "Correct the table",
        )
        if row["case"] not in CASES:
            refuse(
                f"row {number} of {table}.case is {row['case']!r}",
                f"a configured case ({', '.join(CASES)})",
                "Correct the table or the cases of the configuration",
            )
    check_unique(
        [f"{row['case']}/{row['study']}" for row in rows],
        str(table),
        "a name of its own for each study of a case (it is the folder of the results)",
    )
    return {(row["case"], row["study"]): row for row in rows}


def study_row(wildcards):
    """Give the row of a study."""
    return STUDIES[wildcards.case, wildcards.study]


def study_options(wildcards):
    """Give the options of `seedmc study settings` that a row of the table stands for."""
    row = study_row(wildcards)
    given = [
        part for column, option in STUDY_OPTIONS.items() if column in row for part in (option, row[column])
    ]
    alternatives = [
        part for name in row.get("alternatives", "").split(",") if name for part in ("--alternative", name)
    ]
    return [*given, *alternatives, *shlex.split(row.get("options", ""))]


def member_chunks(row):
    """Give engine, first and end of every job of members of a study."""
    return [
        (engine, first, end)
        for engine, (members, per_job) in ENGINES.items()
        if engine != "alternatives" or "alternatives" in row
        for first, end in chunks(int(row.get(members, 0)), int(config[per_job]))
    ]


def study_parts(wildcards):
    """Give the members of a study to merge: chunks of each engine."""
    return [
        f"results/{wildcards.case}/studies/{wildcards.study}/{engine}/members_{first}_{end}.h5"
        for engine, first, end in member_chunks(study_row(wildcards))
    ]


def study_reports():
    """Give the report of each study of the scenario table."""
    return [f"results/{case}/studies/{study}/report.html" for case, study in STUDIES]


def check_number_of_jobs():
    """Refuse a graph on which Snakemake and Slurm would spend more time than on dose."""
    batch_jobs = len(CASES) * len(chunks(int(config["batches"]), int(config["batches_per_job"])))
    member_jobs = sum(len(member_chunks(row)) for row in STUDIES.values())
    if batch_jobs + member_jobs > MOST_JOBS:
        refuse(
            f"configuration asks for {batch_jobs} jobs of batches and {member_jobs} of members",
            f"at most {MOST_JOBS} together (a job should be minutes of work)",
            "Raise batches_per_job or the members_per_job of an engine",
        )


STUDIES = read_scenarios()
check_number_of_jobs()
