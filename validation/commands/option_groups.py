"""Options of commands, declared once as the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def unfold(command: Callable[..., None]) -> Callable[..., None]:
    """Give every field of a parameter that is a dataclass a parameter of its own, as typer makes options of them.

    Parameters
    ----------
    command : callable
        A command; the fields of its dataclasses have defaults and names that occur once.

    Returns
    -------
    callable
        The command with one parameter for each field, in their place.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Size:
    ...     width: float = 1.0
    ...     height: float = 2.0
    >>> def area(name: str, size: Size) -> None:
    ...     print(name, size.width * size.height)
    >>> unfold(area).__signature__
    <Signature (name: str, width: float = 1.0, height: float = 2.0) -> None>
    >>> unfold(area)("voxel", height=3.0)
    voxel 3.0
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type] = {}
    parameters: list[Parameter] = []
    for name, parameter in signature(command).parameters.items():
        kind = hints[name]
        if not is_dataclass(kind):
            parameters.append(parameter.replace(annotation=kind))
            continue
        assert isinstance(kind, type)
        groups[name] = kind
        of_group = get_type_hints(kind, include_extras=True)
        parameters += [
            Parameter(f.name, parameter.kind, default=f.default, annotation=of_group[f.name])
            for f in fields(kind)
        ]
    flat = Signature(parameters, return_annotation=None)

    @wraps(command)
    def unfolded(*args: Any, **kwargs: Any) -> None:
        given = flat.bind(*args, **kwargs)
        given.apply_defaults()
        values = given.arguments
        for name, kind in groups.items():
            values[name] = kind(**{f.name: values.pop(f.name) for f in fields(kind)})
        command(**values)

    # typer reads both
    unfolded.__dict__["__signature__"] = flat
    unfolded.__annotations__ = {p.name: p.annotation for p in parameters}
    return unfolded
