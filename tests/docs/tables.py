"""What a shown command becomes in a test. Whatever is not in these tables is run as it is shown."""

from __future__ import annotations

# Words that stand for something of the reader's. A folder behind --out is a new one each time.
NAMES = {
    "FOLDER": "patient",
    "INPUT": "neck",
    "CASE": "case.h5",
    "FILE": "case.h5",
    "DIR": "results/patient",
    "PLAN": "plan.h5",
    "POST_CT": "post_ct",
    "TABLE.csv": "lesions.csv",
    "NAME=FILE": "PTV=ptv.nii.gz",
    "COMMAND": "run",
    "NUMBERS.json": "numbers.json",
}

# Options appended for size alone: the later of two counts. Coarse voxels, few histories, few members, one scenario.
_FEW_HISTORIES = "--voxel 3 --histories 100000"
_FEW_MEMBERS = (
    "--voxel 4 --members 12 --monte-carlo 2 --histories 2000 --tissue-histories 8000 --sobol 0 --time-level 1"
)
SMALLER = {
    "seedmc run": _FEW_HISTORIES,
    "seedmc simulate": _FEW_HISTORIES,
    "seedmc budget": _FEW_HISTORIES,
    "seedmc tg43": "--voxel 3",
    "seedmc compare": "--no-gamma",
    "seedmc characterise": "--histories 20000",
    "seedmc post-implant": "--voxel 3 --uncertainty 20",
    "seedmc study displacement": f"{_FEW_MEMBERS} --sigma-mm 2",
    "seedmc study edema": f"{_FEW_MEMBERS} --monte-carlo 0 --edema 0.3",
    "seedmc study shrinkage": f"{_FEW_MEMBERS} --monte-carlo 0",
    "seedmc study settings": "--voxel 4 --histories 2000 --tissue-histories 8000",
    "seedmc study members": "--threads 1",
    "snakemake": "--snakefile {repository}/workflow/Snakefile --directory . --cores 1 --dry-run --quiet all",
    "snakemake in_silico_cohort": (
        "--snakefile {repository}/workflow/Snakefile --directory . --cores 1 --dry-run --quiet all"
    ),
    "snakemake studies": "--snakefile {repository}/workflow/Snakefile --directory . --cores 1 --dry-run --quiet all",
}

# Not run here: how the command begins, why, and what runs it instead.
ELSEWHERE = {
    "make": ("makes environments and runs for minutes", "the continuous integration; targets are checked"),
    ". .venv/bin/activate": ("the tests have an environment", "make"),
    "xdg-open": ("opens a window", "tests/comparison/test_report_browser.py opens the page"),
    "apt-get": ("changes the machine", ".ci/run"),
    "pip install": ("changes the environment", ".ci/run"),
    "conda": ("needs conda", "tests/contract/test_environment.py compares its file with the project's"),
    "python -m pip": ("changes the environment", ".ci/run"),
    "pre-commit install": ("changes the checkout", "make lint runs the same checks"),
    "pytest": ("tests", "make test; the files are checked to be there"),
    "export": ("sets a variable of the reader's shell", "tests/slurm"),
    "snakemake --profile workflow/profiles/slurm": ("needs a cluster", "tests/slurm"),
    "snakemake --report": ("needs finished results", "tests/workflow/test_run.py"),
    "snakemake --unlock": ("needs an interrupted run", "a command of Snakemake's own"),
    "python tests/slurm/loopback_cluster.py": ("brings up a cluster", "tests/slurm"),
    "python -m validation.studies.characterise_library": (
        "takes an hour, writes packaged tables",
        "tests/unit/test_mcsim_seed_library.py",
    ),
    "python tg43/data/build_published_tables.py": (
        "needs transcribed numbers",
        "by hand, once per publication",
    ),
    "seedmc demo": ("the whole job at full size", "make demo; seedmc run neck is run here"),
    "seedmc validate": ("takes minutes", "tests/record"),
    "seedmc cohort in-silico": ("takes minutes", "tests/studies/test_cohort_in_silico.py"),
    "seedmc cohort collect": ("needs computed lesions", "tests/studies/test_cohort_in_silico.py"),
    "seedmc cohort lesion": ("takes a minute", "tests/studies/test_cohort_in_silico.py"),
}

# The same for Python examples: what is replaced for size, and what is not run here.
SMALLER_PYTHON = {
    "monte_carlo_dose(case)": "monte_carlo_dose(case, voxel=0.3, histories=20000)",
    "tg43_dose(case)": "tg43_dose(case, voxel=0.3)",
}
PYTHON_ELSEWHERE = {
    "module seedmc:": "a rule of Snakemake; tests/workflow/test_module.py",
    'import xarray as xr\n\ndata = xr.open_dataset("lesion.h5"': "tests/studies/test_cohort_in_silico.py has a lesion",
}
