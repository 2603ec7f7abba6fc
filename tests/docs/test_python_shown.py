"""Every Python example that the pages show runs as it stands; one page's examples share their names."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import pytest

from tests.docs.shown_commands import REPOSITORY, blocks, pages
from tests.docs.stand_ins import World
from tests.docs.tables import PYTHON_ELSEWHERE, SMALLER_PYTHON

EXAMPLES = {
    str(page.relative_to(REPOSITORY)): found
    for page in pages()
    if (found := [(line, text) for language, line, text in blocks(page) if language == "python"])
}


@pytest.mark.parametrize(
    "name",
    [n if n.startswith("docs/guide/") else pytest.param(n, marks=pytest.mark.slow) for n in EXAMPLES],
)
def test_examples_run(name: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    names: dict[str, object] = {}
    for line, text in EXAMPLES[name]:
        if any(text.startswith(start) for start in PYTHON_ELSEWHERE):
            continue
        for word in re.findall(r'"([^"\n]+)"', text):
            world.lend(word, tmp_path, "")
        for full, small in SMALLER_PYTHON.items():
            text = text.replace(full, small)  # noqa: PLW2901
        exec(compile("\n" * (line - 1) + text, name, "exec"), names)


def test_tables_hold_nothing_that_is_not_shown() -> None:
    texts = [text for found in EXAMPLES.values() for _, text in found]
    assert all(any(text.startswith(start) for text in texts) for start in PYTHON_ELSEWHERE)
    assert all(any(full in text for text in texts) for full in SMALLER_PYTHON)
