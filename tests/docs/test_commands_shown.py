"""Every command that the README, the pages and the help texts show does what it is shown for."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest
import typer

from tests.docs.shown_commands import REPOSITORY, Shown, pages, shown_in_help, shown_on
from tests.docs.stand_ins import World, run_seedmc
from tests.docs.tables import ELSEWHERE, NAMES, SMALLER
from validation.cli import app

PAGES = {str(page.relative_to(REPOSITORY)): shown_on(page) for page in pages()}
HELP = shown_in_help()
# The README's table names what the guide's pages do step by step.
TABLE = {"table of README.md": [command for command in PAGES["README.md"] if command.alone]}
PAGES["README.md"] = [command for command in PAGES["README.md"] if not command.alone]
SHOWN = {name: found for name, found in {**PAGES, **TABLE, **HELP}.items() if found}
_OUTPUTS = ("--out", "-o")


def elsewhere(command: Shown) -> str | None:
    """How the entry of the table begins that says where this command is run."""
    fitting = [start for start in ELSEWHERE if f"{command.text} ".startswith(f"{start} ")]
    return max(fitting, key=len, default=None)


def smaller(words: tuple[str, ...]) -> str | None:
    """The entry of the table that adds options to a command."""
    for length in (3, 2, 1):
        if (start := " ".join(words[:length])) in SMALLER:
            return start
    return None


def prepared(command: Shown, folder: Path, world: World) -> list[str]:
    """Words of a command as it is run: names replaced, stand-ins put into place, options for size at the end."""
    words, output = list[str](), False
    for word in command.words:
        stem, slash, rest = word.partition("/")
        known = NAMES.get(word) or (f"{NAMES[stem]}/{rest}" if slash and stem in NAMES else word)
        if output:
            words.append(f"written_{command.line}" if word == "DIR" else known)
        else:
            words.append(known)
            world.lend(known, folder, command.text)
        output = word in _OUTPUTS
    start = smaller(command.words)
    extra = (
        shlex.split(SMALLER[start].format(repository=REPOSITORY)) if start and "--help" not in words else []
    )
    if "--check-only" in words or ("--batches" in words and "--histories" in extra):
        extra = [] if "--check-only" in words else extra[: extra.index("--histories")]
    return words + extra


def run(command: Shown, folder: Path, world: World) -> None:
    words = prepared(command, folder, world)
    if words[0] == "seedmc":
        run_seedmc(*words[1:])
        return
    environment = dict(os.environ)
    environment["PATH"] = sysconfig.get_path("scripts") + os.pathsep + environment["PATH"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"


_RUN_ALREADY: set[str] = set()  # what running text and tables show again and again


# The pages a new user reads run by default; all others, whose commands are known to parse (below), with the slow tests.
_AT_ONCE = ("README.md", "docs/index.md", "docs/guide/", "docs/cluster.md")


def test_every_command_is_run_or_listed_and_parses() -> None:
    program = typer.main.get_command(app)
    for command in (c for found in SHOWN.values() for c in found):
        if elsewhere(command) is None:
            assert command.words[0] in {"seedmc", "snakemake"}, f"{command}: neither run nor in the table"
        if command.words[0] != "seedmc" or "COMMAND" in command.words:
            continue
        leaf, words = program, list(command.words[1:])
        while below := getattr(leaf, "commands", {}):
            assert words[0] in below, f"{command}: no such command"
            leaf = below[words.pop(0)]
        leaf.make_context(command.text, [NAMES.get(word, word) for word in words])


@pytest.mark.parametrize(
    "name",
    [n if n.startswith(_AT_ONCE) else pytest.param(n, marks=pytest.mark.slow) for n in SHOWN],
)
def test_commands_run(name: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of a page one after the other in one folder, every other command in a folder of its own."""
    for number, command in enumerate(SHOWN[name]):
        if elsewhere(command) is not None or (command.alone and command.text in _RUN_ALREADY):
            continue
        assert command.words[0] in {"seedmc", "snakemake"}, (
            f"{command}: neither run by this test nor in its table"
        )
        folder = tmp_path / (f"alone_{number}" if command.alone else "steps")
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        run(command, folder, world)
        _RUN_ALREADY.add(command.text)


def test_tables_hold_nothing_that_is_not_shown() -> None:
    commands = [command for found in SHOWN.values() for command in found]
    words = {part for command in commands for word in command.words for part in (word, word.split("/")[0])}
    assert set(NAMES) - words == set()
    assert set(ELSEWHERE) - {elsewhere(command) for command in commands} == set()
    assert set(SMALLER) - {smaller(command.words) for command in commands} == set()


def test_files_that_are_run_elsewhere_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for found in SHOWN.values():
        for command in found:
            if command.words[0] == "make":
                named = {w for w in command.words[1:] if "=" not in w}
                assert named <= targets, f"{command}: no such target"
            for word in command.words:
                if re.fullmatch(r"(tests|tg43|validation|workflow|benchmarks)(/[\w.-]+)+", word):
                    assert (REPOSITORY / word).exists(), f"{command}: no such file"


def test_every_command_has_a_help_example() -> None:
    assert [name for name, found in HELP.items() if not found] == []


def _options(command: object) -> set[str]:
    own = {option for p in getattr(command, "params", []) for option in (*p.opts, *p.secondary_opts)}
    return own.union(*(_options(c) for c in getattr(command, "commands", {}).values()))


# Options of other programs, by the page that tells of them.
OF_OTHERS = {"docs/cluster.md", "README.md", "docs/adr/0001-tooling.md"}


def test_options_told_in_text_exist() -> None:
    known = _options(typer.main.get_command(app)) | {"--help", "--quick", "--upgrade"}
    wrong = [
        f"{page.relative_to(REPOSITORY)}: {option}"
        for page in pages()
        if str(page.relative_to(REPOSITORY)) not in OF_OTHERS
        for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text(encoding="utf-8"))
        if code.startswith(("--", "seedmc "))
        for option in re.findall(r"(?:^|\s)(--[a-z][\w-]*)", code)
        if option not in known
    ]
    assert wrong == []
