"""The whole workflow with few histories."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

Snakemake = Callable[..., subprocess.CompletedProcess[str]]

# 4 mm voxels and the fewest batches: what is tested is the way from case to report, not the dose.
CONFIGURATION = {
    "cases": [{"name": "neck", "input": "neck"}],
    "voxel_mm": 4.0,
    "batches": 4,
    "threads": 1,
}
STEPS = ("case.h5", "monte_carlo.h5", "tg43.h5", "comparison.h5", "report.html")


def datasets(path: Path) -> dict[str, np.ndarray]:
    """Read every dataset of a file; run times stand outside the compared content."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return {name: values for name, values in found.items() if "time" not in name}


@pytest.mark.slow
def test_case_to_report_whatever_the_chunks(snakemake: Snakemake, tmp_path: Path) -> None:
    folders = {1: tmp_path / "one_by_one", 3: tmp_path / "three_and_one"}
    for batches_per_job, folder in folders.items():
        run = snakemake(CONFIGURATION | {"batches_per_job": batches_per_job}, folder=folder)
        assert run.returncode == 0, run.stdout + run.stderr
        for step in STEPS:
            assert (folder / "results" / "neck" / step).stat().st_size > 0
        assert "<html" in (folder / "results" / "neck" / "report.html").read_text()[:1000]

    # A batch has its own random numbers and batches are summed in order: the chunks leave no trace.
    one, other = (datasets(folder / "results" / "neck" / "monte_carlo.h5") for folder in folders.values())
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)

    again = snakemake(CONFIGURATION | {"batches_per_job": 3}, folder=folders[3])
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr

    told = snakemake(CONFIGURATION | {"batches_per_job": 3}, "--report", "told.html", folder=folders[3])
    assert told.returncode == 0, told.stdout + told.stderr
    page = (folders[3] / "told.html").read_text()
    assert "superposed" in page  # the description of the workflow
    assert "where and" in page  # the caption of the case's report
