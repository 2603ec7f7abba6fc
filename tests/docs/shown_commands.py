"""Every command that the pages and the help texts show."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from validation.cli import app
from validation.commands.examples import every_example

REPOSITORY = Path(__file__).parents[2]

SHELL = {"sh", "bash", "console", "shell"}
_FENCE = re.compile(r"^ *(`{3,})([\w{}-]*)")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# In running text a command with an argument is one to be typed; `seedmc run` by itself is a name.
_TYPED = ("seedmc", "snakemake", "make", "python", "pytest", "conda", "pip", "apt-get", ".", "pre-commit")
# A synopsis, not a command: alternatives, optional parts.
_SYNOPSIS = re.compile(r"[|\[\]…]")


@dataclass(frozen=True)
class Shown:
    """A command as a reader finds it."""

    page: str
    line: int
    text: str  # without its comment
    alone: bool = False  # in running text or a table: no step of a page's work

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(shlex.split(self.text))

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def pages() -> list[Path]:
    """README and every page of the documentation, as they are in the repository."""
    written = sorted((REPOSITORY / "docs").rglob("*.md"))
    return [REPOSITORY / "README.md", *(p for p in written if "_build" not in p.parts)]


@cache
def blocks(page: Path) -> list[tuple[str, int, str]]:
    """Fenced blocks of a page: language, first line, text."""
    found: list[tuple[str, int, str]] = []
    fence, language, start, held = "", "", 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        mark = _FENCE.match(line)
        if not fence and mark:
            fence, language, start, held = mark.group(1), mark.group(2), number + 1, []
        elif fence and line.strip() == fence:
            found.append((language, start, "\n".join(held)))
            fence = ""
        elif fence:
            held.append(line)
    return found


def _lines(text: str, first: int) -> list[tuple[int, str]]:
    """Command lines of a shell block, continued lines joined, comments gone."""
    found, held, at = list[tuple[int, str]](), "", first
    for number, line in enumerate(text.split("\n"), first):
        held, at = (held + line, at) if held else (line, number)
        if held.endswith("\\"):
            held = held[:-1]
            continue
        words = shlex.split(held.removeprefix("$ "), comments=True)
        if words:
            found.append((at, shlex.join(words)))
        held = ""
    return found


def _is_typed(words: list[str]) -> bool:
    """Whether words in running text are a command to be typed: a program and something for it to work on."""
    if not words or words[0] not in _TYPED:
        return False
    if words[0] != "seedmc":
        return len(words) > 1
    rest = words[3 if words[1:2] and words[1] in {"case", "study", "cohort"} else 2 :]
    # `seedmc plan --supplement` is the name of an option; `seedmc inspect --seeds` needs no more.
    return bool(rest) and (
        words[1] == "inspect" or rest == ["--help"] or not all(word.startswith("-") for word in rest)
    )


def _inline(page: Path) -> list[tuple[int, str]]:
    found = list[tuple[int, str]]()
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if _FENCE.match(line):
            fenced = not fenced
        if fenced:
            continue
        for code in _INLINE.findall(line):
            if _is_typed(code.split()) and not _SYNOPSIS.search(code):
                found.append((number, code))
    return found


def shown_on(page: Path) -> list[Shown]:
    """Commands of a page in the order of its lines."""
    name = str(page.relative_to(REPOSITORY))
    steps = [
        Shown(name, line, text)
        for language, first, block in blocks(page)
        if language in SHELL
        for line, text in _lines(block, first)
    ]
    alone = [Shown(name, line, text, True) for line, text in _inline(page)]
    return sorted(steps + alone, key=lambda shown: shown.line)


def shown_in_help() -> dict[str, list[Shown]]:
    """Examples at the end of the help of each command."""
    return {
        " ".join(words): [
            Shown(f"{' '.join(words)} --help", n, text, True) for n, text in enumerate(examples, 1)
        ]
        for words, examples in every_example(app).items()
    }
