"""JSON files that say what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mcsim.invalid_input import InvalidInput


def read_json_document(path: Path, what: str, filetype: str, origin: str) -> dict[str, Any]:
    """Content of a JSON file of a type and of version 1.x.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it should be, for the message.
    filetype : str
        Its ``filetype``.
    origin : str
        What makes such a file, for the message.

    Returns
    -------
    dict

    Raises
    ------
    InvalidInput
        Not readable as JSON, or of another type or major version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as reason:
        raise InvalidInput(
            f"{what} {path} is not readable as JSON, expected {origin} ({reason}). Check the path or make it again."
        ) from reason
    found = content.get("filetype") if isinstance(content, dict) else None
    if found != filetype or str(content.get("format_version", "")).split(".")[0] != "1":
        raise InvalidInput(
            f"filetype of {path} is {found!r}, expected {filetype!r} of version 1.x. Give {origin}."
        )
    return dict(content)
