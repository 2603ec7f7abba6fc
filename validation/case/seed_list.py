"""A seed list as CSV: one line per seed, positions in cm, strengths in U."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mcsim.invalid_input import InvalidInput
from validation.case.implant import Implant
from validation.case.plain_text import plain_text
from validation.case.seed_choice import SeedChoice, choose_seed, half_life_of, packaged_name
from validation.case.whole_file import whole_file

_NUMBERS = ("x_cm", "y_cm", "z_cm", "axis_x", "axis_y", "axis_z", "air_kerma_strength_U")
_OPTIONAL = ("needle", "model", "half_life_d")
DEFAULT_MODEL = "6711"
_AXIS_LENGTH = 0.01  # how far a written direction may be from unit length; it is normalised


def read_seed_csv(
    path: str | Path, *, half_life_d: float | None = None, seed: SeedChoice | None = None
) -> Implant:
    r"""Read a seed list.

    Columns ``x_cm, y_cm, z_cm, axis_x, axis_y, axis_z, air_kerma_strength_U`` and, if wanted, ``needle``
    (whole number, -1 or empty if unknown), ``model`` (one for all seeds: a name, or the path of a seed file from the
    list's folder; 6711 if there is no such column) and ``half_life_d`` (days, one for all seeds; that of the model's
    spectrum if there is no such column), in any order. Lines that start with ``#`` are comments.

    Parameters
    ----------
    path : path
        CSV file, UTF-8.
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
        A column is missing or unknown, a value is not a number, an axis is not a unit vector, models or
        half-lives differ, a model's half-life is not known, or the seeds themselves are refused. The sentence names
        the line.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "seeds.csv"
    >>> head = "x_cm,y_cm,z_cm,axis_x,axis_y,axis_z,air_kerma_strength_U"
    >>> _ = path.write_text(head + "\n0,0,0.5,0,0,1,0.635\n")
    >>> read_seed_csv(path).positions.tolist()
    [[0.0, 0.0, 0.5]]
    >>> read_seed_csv(path, seed=SeedChoice("TheraSeed 200")).half_life_d
    16.991
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as reason:
        raise InvalidInput(
            f"seed list {path} is not readable, expected a CSV text file in UTF-8 ({reason}). Check the file."
        ) from reason
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    rows = list(zip((n for n, _ in lines), csv.reader(line for _, line in lines), strict=True))
    if not rows:
        raise InvalidInput(
            f"seed list {path} is empty, expected a line of columns and one line per seed. Fill it."
        )
    columns = _columns(rows[0][1], f"line {rows[0][0]} of {path}")
    numbers, needles, models, half_lives = [], [], set(), set()
    for line, values in rows[1:]:
        where = f"line {line} of {path}"
        if len(values) != len(columns):
            raise InvalidInput(
                f"{where} has {len(values)} values, expected {len(columns)} as in the first line. Correct "
                f"the line."
            )
        cells = dict(zip(columns, (value.strip() for value in values), strict=True))
        numbers.append([_number(cells[name], name, where) for name in _NUMBERS])
        needles.append(_needle(cells.get("needle", ""), where))
        models.add(cells.get("model", "") or DEFAULT_MODEL)
        if cells.get("half_life_d", ""):
            half_lives.add(_number(cells["half_life_d"], "half_life_d", where))
        check_axis(numbers[-1][3:6], where)
    if len(half_lives) > 1:
        raise InvalidInput(
            f"half-lives of {path} are {', '.join(f'{h:g}' for h in sorted(half_lives))} d, expected one for all "
            f"seeds. Make one list per radionuclide."
        )
    if len(models) > 1 and seed is None:
        raise InvalidInput(
            f"models of {path} are {', '.join(sorted(plain_text(m, '?') for m in models))}, expected one "
            f"model. Make one list per model."
        )
    if not numbers:
        raise InvalidInput(f"seed list {path} has 0 seeds, expected at least 1. Add a line per seed.")
    table = np.array(numbers)
    axes = table[:, 3:6] / np.linalg.norm(table[:, 3:6], axis=1, keepdims=True)
    seed = seed or seed_of(models.pop(), path.parent)
    if half_life_d is None:
        half_life_d = half_lives.pop() if half_lives else half_life_in_list(seed, path)
    return Implant(
        seed.model, table[:, :3], axes, table[:, 6], half_life_d, np.array(needles), seed.seed_file
    )


def write_seed_csv(implant: Implant, path: str | Path) -> None:
    """Write a seed list that `read_seed_csv` reads back exactly.

    A user's own seed is written beside it, as the name of the list with ``.seed.json`` for its ending.

    Parameters
    ----------
    implant : Implant
        Seeds.
    path : path
        CSV file; an existing one is replaced.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "seeds.csv"
    >>> write_seed_csv(Implant("6711", [[0, 0, 0]], [[0, 0, 1]], [0.635], 59.4, [1]), path)
    >>> path.read_text().splitlines()[1]
    '0.0,0.0,0.0,0.0,0.0,1.0,0.635,1,6711,59.4'
    """
    path, model = Path(path), implant.model
    if implant.seed_file:
        model = f"{path.stem}.seed.json"
        with whole_file(path.with_name(model)) as temporary:
            temporary.write_text(implant.seed_file, encoding="utf-8")
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*_NUMBERS, *_OPTIONAL])
        rows = zip(implant.positions, implant.axes, implant.air_kerma_strengths, implant.needles, strict=True)
        for position, axis, strength, needle in rows:
            # repr keeps every digit of a float.
            values = [repr(float(v)) for v in (*position, *axis, strength)]
            writer.writerow([*values, int(needle), model, repr(implant.half_life_d)])


def seed_of(model: str, folder: Path) -> SeedChoice:
    """A name, or a seed file seen from the folder of the list."""
    looks_like_path = any(mark in model for mark in "/\\") or model.casefold().endswith(".json")
    if packaged_name(model) or not looks_like_path:
        return SeedChoice(model)
    return choose_seed(folder / model)


def half_life_in_list(seed: SeedChoice, path: Path) -> float:
    """Half-life in days of a seed that is known by a model or a TG-43 table; `InvalidInput` otherwise."""
    known = half_life_of(seed)
    if known is None:
        raise InvalidInput(
            f"half-life of the seeds of {path} is not given, expected a column half_life_d (no packaged seed is "
            f"called {plain_text(seed.model, '?')!r}, so its radionuclide is not known). Add the column or give "
            f"--seed-model."
        )
    return known


def _columns(names: list[str], where: str) -> list[str]:
    columns = [name.strip() for name in names]
    missing = [name for name in _NUMBERS if name not in columns]
    unknown = [plain_text(name, "(empty)") for name in columns if name not in (*_NUMBERS, *_OPTIONAL)]
    if missing or unknown or len(set(columns)) != len(columns):
        fault = f"misses {', '.join(missing)}" if missing else f"has {', '.join(unknown) or 'a column twice'}"
        raise InvalidInput(
            f"{where} {fault}, expected the columns {', '.join(_NUMBERS)} and, if wanted, "
            f"{', '.join(_OPTIONAL)} (comma-separated). Correct the first line."
        )
    return columns


def _number(cell: str, name: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InvalidInput(
            f"{name} in {where} is {cell[:32]!r}, expected a finite number (decimal point, no unit). Correct "
            f"the line."
        )
    return value


def _needle(cell: str, where: str) -> int:
    try:
        return int(cell) if cell else -1
    except ValueError:
        raise InvalidInput(
            f"needle in {where} is {cell[:32]!r}, expected a whole number, or nothing if unknown. Correct "
            f"the line."
        ) from None


def check_axis(axis: list[float], where: str) -> None:
    """Refuse a direction that is not of unit length."""
    length = float(np.linalg.norm(axis))
    if abs(length - 1) > _AXIS_LENGTH:
        raise InvalidInput(
            f"axis in {where} has length {length:g}, expected 1 (the direction of the long axis of the "
            f"seed). Divide it by its length."
        )
