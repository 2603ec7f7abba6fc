"""Examples of commands: written in their docstrings, shown at the end of their help."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer

_MARK = "Example:"
_WIDTH = 74  # of a line of help on 80 columns, less its indent
_INDENT = "    "
_FROM_EACH = 1  # examples of a command that a group shows
_LONGEST_SUMMARY = 58  # in the list of commands on 80 columns; what is longer ends in dots


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """Divide a docstring into what it says and its examples.

    Parameters
    ----------
    text : str
        Docstring; an example is a paragraph ``Example: seedmc …``.

    Returns
    -------
    (str, tuple of str)
        The rest, and the command lines.

    Examples
    --------
    >>> split('''Look at a file.
    ...
    ...     Example: seedmc inspect case.h5
    ... ''')
    ('Look at a file.', ('seedmc inspect case.h5',))
    """
    paragraphs = [part.strip() for part in inspect.cleandoc(text).split("\n\n")]
    words = [part for part in paragraphs if part and not part.startswith(_MARK)]
    lines = [" ".join(part.removeprefix(_MARK).split()) for part in paragraphs if part.startswith(_MARK)]
    return "\n\n".join(words), tuple(lines)


def epilog(examples: Sequence[str]) -> str:
    """The end of a help text: one example a line, long ones continued as a shell reads them.

    Parameters
    ----------
    examples : sequence of str
        Command lines.

    Returns
    -------
    str

    Examples
    --------
    >>> epilog(["seedmc demo"]).splitlines()[1:]
    ['Examples:', '  seedmc demo']
    """
    return "\n".join(["\b", "Examples:", *(f"  {line}" for text in examples for line in _broken(text))])


def _broken(command: str) -> list[str]:
    """A command line in lines that fit, broken before an option."""
    parts = command.split(" --")
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(f" --{part} \\") > _WIDTH:
            lines[-1] += " \\"
            lines.append(f"{_INDENT}--{part}")
        else:
            lines[-1] += f" --{part}"
    return lines


def summary(text: str) -> str:
    """The first sentence of a help text, or the beginning of it that fits a list of commands.

    Parameters
    ----------
    text : str
        Help text.

    Returns
    -------
    str

    Examples
    --------
    >>> summary("Join files of one study; a member twice or missing, other settings or another case are refused.")
    'Join files of one study.'
    """
    sentence = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    if len(sentence) <= _LONGEST_SUMMARY:
        return sentence
    ends = [k for mark in ":;," if (k := sentence.rfind(mark, 0, _LONGEST_SUMMARY)) > 0]
    first = [k for mark in ":;" if (k := sentence.find(mark, 0, _LONGEST_SUMMARY)) > 0]
    return f"{sentence[: min(first) if first else max(ends)]}." if ends else sentence


def show_examples(app: typer.Typer, examples: Sequence[str] = ()) -> None:
    """Move the examples of every command below it to the end of its help; a group shows the first of each command.

    Parameters
    ----------
    app : typer.Typer
        All its commands have docstrings.
    examples : sequence of str
        What the help of the program itself shows.
    """
    app.info.epilog = epilog(examples)
    for command in app.registered_commands:
        assert command.callback is not None
        command.help, found = split(command.callback.__doc__ or "")
        command.short_help, command.epilog = summary(command.help), epilog(found)
    for group in app.registered_groups:
        below = group.typer_instance
        assert below is not None
        first = [
            line for callback in _callbacks(below) for line in split(callback.__doc__ or "")[1][:_FROM_EACH]
        ]
        show_examples(below, first)
        group.epilog = below.info.epilog


def _callbacks(app: typer.Typer) -> Iterator[Callable[..., Any]]:
    for command in app.registered_commands:
        if command.callback is not None:
            yield command.callback


def every_example(
    app: typer.Typer, path: tuple[str, ...] = ("seedmc",)
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The examples of every command.

    Parameters
    ----------
    app : typer.Typer
        The program or a group of commands.
    path : tuple of str
        Its name.

    Returns
    -------
    dict
        From the words of a command, such as ``("seedmc", "study", "merge")``, to its command lines.

    Raises
    ------
    ValueError
        A command line does not begin with the words of its command.
    """
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        words = (*path, name)
        found[words] = split(command.callback.__doc__ or "")[1]
        for line in found[words]:
            if tuple(shlex.split(line)[: len(words)]) != words:
                raise ValueError(f"example of {' '.join(words)} is {line!r}, expected this command")
    for group in app.registered_groups:
        assert group.typer_instance is not None
        found |= every_example(group.typer_instance, (*path, str(group.name)))
    return found
