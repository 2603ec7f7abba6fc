"""The example notebooks run as they stand, and are stored without outputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NAMES = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))
LONGEST_CELL_S = 300


def test_there_are_three() -> None:
    assert NAMES == ["characterise_a_seed.ipynb", "displacement_study.ipynb", "verify_a_plan.ipynb"]


@pytest.mark.parametrize("name", NAMES)
def test_stored_without_outputs_or_paths(name: str) -> None:
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [], "outputs are made anew by the documentation's build: clear them"
            assert cell.execution_count is None
            compile(cell.source, name, "exec")
        assert not re.search(r"[\"'](/|[A-Z]:\\\\)\w", cell.source), "an absolute path"
    text = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert text[0].startswith("# ")
    assert any(part.startswith("## What to try") or "\n## What to try" in part for part in text)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs(name: str, tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=LONGEST_CELL_S, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    figures = sum(
        "image/png" in output.get("data", {})
        for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    )  # fmt: skip
    assert figures >= 2
    assert list(tmp_path.iterdir()) == [], "a notebook writes into a temporary folder of its own"
