"""A seed list as JSON: one object per seed, positions in cm, strengths in U."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.case.implant import Implant
from validation.case.plain_text import plain_text
from validation.case.seed_choice import SeedChoice
from validation.case.seed_list import DEFAULT_MODEL, check_axis, half_life_in_list, read_seed_csv, seed_of

_KEYS = {"model", "half_life_d", "air_kerma_strength_U", "seeds", "comment"}
_SEED_KEYS = {"position_cm", "axis", "air_kerma_strength_U", "needle"}


def read_seed_list(
    path: str | Path, *, half_life_d: float | None = None, seed: SeedChoice | None = None
) -> Implant:
    """Read a seed list: JSON if its name ends so, else CSV.

    Parameters, result and refusals as in `read_seed_csv` and `read_seed_json`.
    """
    read = read_seed_json if Path(path).suffix.lower() == ".json" else read_seed_csv
    return read(path, half_life_d=half_life_d, seed=seed)


def read_seed_json(
    path: str | Path, *, half_life_d: float | None = None, seed: SeedChoice | None = None
) -> Implant:
    """Read a seed list of JSON.

    An object with ``seeds``, a list of objects with ``position_cm`` and ``axis`` (three numbers each),
    ``air_kerma_strength_U`` and, if wanted, ``needle``. A strength beside ``seeds`` is that of all seeds without their
    own; ``model`` and ``half_life_d`` as in `read_seed_csv`.

    Parameters
    ----------
    path : path
        JSON file, UTF-8.
    half_life_d : float, optional
        Half-life in days; the list's own by default.
    seed : SeedChoice, optional
        Seed model of all seeds; the list's own by default.

    Returns
    -------
    Implant
        Positions in cm, patient frame LPS.

    Raises
    ------
    InvalidInput
        Not JSON, a key is missing or unknown, a value is not a number, an axis is not a unit vector, or the seeds
        themselves are refused. The sentence names the seed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "seeds.json"
    >>> seed = {"position_cm": [0, 0, 0.5], "axis": [0, 0, 1]}
    >>> _ = path.write_text(json.dumps({"air_kerma_strength_U": 0.635, "seeds": [seed]}))
    >>> read_seed_json(path).positions.tolist()
    [[0.0, 0.0, 0.5]]
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as reason:
        raise InvalidInput(
            f"seed list {path} is not readable, expected a JSON text file in UTF-8 ({reason}). Check the file."
        ) from reason
    _check_keys(content, _KEYS, f"seed list {path}")
    entries = content.get("seeds")
    if not isinstance(entries, list) or not entries:
        raise InvalidInput(
            f"seeds of {path} are missing or empty, expected a list of seeds. Add one per seed."
        )
    positions, axes, strengths, needles = [], [], [], []
    for number, entry in enumerate(entries, start=1):
        where = f"seed {number} of {path}"
        _check_keys(entry, _SEED_KEYS, where)
        positions.append(_numbers(entry.get("position_cm"), 3, "position_cm", where))
        axes.append(_numbers(entry.get("axis"), 3, "axis", where))
        check_axis(axes[-1], where)
        strength = entry.get("air_kerma_strength_U", content.get("air_kerma_strength_U"))
        strengths.append(_numbers([strength], 1, "air_kerma_strength_U", where)[0])
        needle = entry.get("needle", -1)
        if isinstance(needle, bool) or not isinstance(needle, int):
            raise InvalidInput(
                f"needle of {where} is {str(needle)[:32]!r}, expected a whole number, or no key if unknown. Correct it."
            )
        needles.append(needle)
    seed = seed or seed_of(str(content.get("model") or DEFAULT_MODEL), path.parent)
    if half_life_d is None:
        given = content.get("half_life_d")
        half_life_d = (
            half_life_in_list(seed, path)
            if given is None
            else _numbers([given], 1, "half_life_d", f"seed list {path}")[0]
        )
    return Implant(
        seed.model,
        np.array(positions),
        np.array(axes) / np.linalg.norm(axes, axis=1, keepdims=True),
        np.array(strengths),
        half_life_d,
        np.array(needles),
        seed.seed_file,
    )


def _check_keys(entry: Any, known: set[str], what: str) -> None:
    if not isinstance(entry, dict):
        raise InvalidInput(
            f"{what} is {type(entry).__name__}, expected an object with keys. Correct the file."
        )
    unknown = sorted(set(entry) - known)
    if unknown:
        raise InvalidInput(
            f"{what} has the key {plain_text(unknown[0], '?')!r}, expected some of {', '.join(sorted(known))}. "
            f"Correct the key."
        )


def _numbers(value: Any, count: int, name: str, where: str) -> list[float]:
    right = isinstance(value, list) and len(value) == count
    if not right or any(isinstance(v, bool) or not isinstance(v, int | float) for v in value):
        raise InvalidInput(
            f"{name} of {where} is {str(value[0] if right and count == 1 else value)[:48]}, expected "
            f"{count} finite number(s). Correct the file."
        )
    numbers = [float(v) for v in value]
    if not np.isfinite(numbers).all():
        raise InvalidInput(f"{name} of {where} is {numbers}, expected finite numbers. Correct the file.")
    return numbers
