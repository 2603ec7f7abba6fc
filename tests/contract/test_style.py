"""House rules that no linter knows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("mcsim", "tg43", "validation")

# A file or folder is named for what it is about; these names say nothing about that.
EMPTY_NAMES = {"util", "utils", "utilities", "helper", "helpers", "misc", "common_code", "new", "old", "tmp"}
VERSION_NAME = re.compile(r"(^|_)(v\d+|new|old|final|copy)$")

LONGEST_FILE = 400
CODE_SUFFIXES = {".py", ".smk", ".html", ".css", ".js"}

# Roots that mean the same on every Unix machine; any other absolute path is one machine's own.
COMMON_ROOTS = {"bin", "dev", "etc", "proc", "usr"}
ABSOLUTE_PATH = re.compile(
    r"""(?:^|(?<=[\s"'`=(\[,;|]))(?:file://)?/([A-Za-z][\w.-]*)/[\w.-]""", re.MULTILINE
)
HOME_PATH = re.compile(r"\b[A-Za-z]:\\\\?Users\\|(?:^|(?<=[\s\"'`=(]))~/(?!\.cache\b)[\w.-]", re.MULTILINE)
PACKAGE_INDEX = re.compile(
    r"(?:index|extra-index|trusted|find)[-_]?(?:url|host|links)\b\s*[=:\s]\s*\S*[/:]\S*"
    r"|https?://\S*/simple\b|https?://[^\s/]*(?:pypi|pythonhosted|artifactory|nexus)",
    re.IGNORECASE,
)


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("the checkout is not a git work tree (tracked files are not known)")
    return [path for name in listed.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]


def tracked_texts() -> list[tuple[str, str]]:
    texts = []
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            texts.append((path.relative_to(REPOSITORY).as_posix(), content.decode(errors="replace")))
    return texts


def sources() -> list[Path]:
    folders = (*PACKAGES, "tests", "workflow")
    return [
        path for name in folders for path in (REPOSITORY / name).rglob("*") if path.suffix in CODE_SUFFIXES
    ]


def test_names_say_what_a_module_is_about() -> None:
    for path in sources():
        for name in (path.stem, *path.relative_to(REPOSITORY).parts[:-1]):
            empty = name.strip("_") in EMPTY_NAMES or VERSION_NAME.search(name)
            assert not empty, f"{path.relative_to(REPOSITORY)}: {name!r} says nothing about the content"


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources()}
    long = {str(path.relative_to(REPOSITORY)): n for path, n in lengths.items() if n > LONGEST_FILE}
    assert not long, f"files above {LONGEST_FILE} lines: {long}. Give each purpose a file of its own."


def machine_traces(text: str) -> list[str]:
    """Absolute paths of one machine and addresses of package indexes in a text."""
    paths = [match.group() for match in ABSOLUTE_PATH.finditer(text) if match.group(1) not in COMMON_ROOTS]
    return paths + [
        match.group() for pattern in (HOME_PATH, PACKAGE_INDEX) for match in pattern.finditer(text)
    ]


@pytest.mark.parametrize("root", ["home", "root", "data", "opt", "Users", "mnt"])
@pytest.mark.parametrize("before", ["", " ", '"', "= ", "(", "file://"])
def test_machine_paths_are_recognised(root: str, before: str) -> None:
    assert machine_traces(before + "/".join(["", root, "someone", "project"]))


@pytest.mark.parametrize(
    "parts",
    [
        ("--index-", "url https", "://packages.example.org/x"),
        ("extra-index-", "url = https", "://packages.example.org/x"),
        ("--find-", "links file", ":///wheels"),
        ("PIP_INDEX_", "URL=https", "://packages.example.org/x"),
        ("see https", "://packages.example.org/", "simple/numpy"),
        ("C:", "\\Users", "\\someone"),
        ("~/", "project/case.h5"),
    ],
)
def test_addresses_are_recognised(parts: tuple[str, ...]) -> None:
    assert machine_traces("".join(parts))


@pytest.mark.parametrize(
    "text",
    ["dose in Gy/h/U", "#!/usr/bin/env bash", "</div>", "V100/V150/V200", "https://doi.org/10.1/x", "a / b"],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert not machine_traces(text)


def test_no_file_tells_where_it_was_made() -> None:
    found = {name: traces for name, text in tracked_texts() if (traces := machine_traces(text))}
    assert not found, f"machine paths or index addresses: {found}. Use relative paths and named options."
