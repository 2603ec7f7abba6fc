"""A seed file (JSON, lengths in cm): found, read, and turned into solids, materials and active parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from mcsim.file_entry import check_keys, number, text
from mcsim.invalid_input import InvalidInput
from mcsim.materials import Material, material_library
from mcsim.seed_solids import Solid

REQUIRED_KEYS = ("name", "source", "spectrum", "active", "outer", "mirror_symmetric", "solids")
OPTIONAL_KEYS = ("active_length", "aliases", "materials", "notes")
# Keys of each shape beside name, material and shape: required, optional.
SHAPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cylinder": (("radius", "z"), ()),
    "cone": (("radii", "z"), ()),
    "sphere": (("radius",), ("centre", "z")),
    "ellipsoid": (("radius", "half_length"), ("centre", "z")),
}


@lru_cache(maxsize=1)
def packaged_seed_entries() -> dict[str, dict[str, Any]]:
    """JSON objects of the packaged seed models by name.

    Examples
    --------
    >>> packaged_seed_entries()["OncoSeed 6711"]["outer"]
    'capsule'
    """
    entries = {}
    for resource in (files("mcsim.data") / "seeds").iterdir():
        if resource.name.endswith(".json"):
            entry = json.loads(resource.read_text(encoding="utf-8"))
            entries[entry["name"]] = entry
    return dict(sorted(entries.items()))


def find_seed_entry(name_or_path: str | Path) -> dict[str, Any]:
    """The JSON object of a packaged model by name or alias, or of a user's seed file.

    Parameters
    ----------
    name_or_path : str or path
        Name, alias, or path of a JSON file.

    Returns
    -------
    dict
        With the keys of a seed file, checked.

    Raises
    ------
    InvalidInput
        There is no such model or file, or the file is not a JSON object with these keys.

    Examples
    --------
    >>> find_seed_entry("6711")["name"]
    'OncoSeed 6711'
    """
    name = str(name_or_path)
    known = packaged_seed_entries()
    for entry in known.values():
        if name == entry["name"] or name in entry.get("aliases", ()):
            return entry
    path = Path(name_or_path)
    if not path.is_file():
        raise InvalidInput(
            f"seed model is {name!r}, expected one of {', '.join(known)}, or the path of a seed file. "
            f"Use a known name or an existing file."
        )
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise InvalidInput(
            f"seed file {path} is not JSON ({problem}), expected a JSON object. Correct the file."
        ) from None
    check_keys(entry, f"seed file {path}", REQUIRED_KEYS, OPTIONAL_KEYS)
    return dict(entry)


def read_materials(entry: Mapping[str, Any], seed: str) -> dict[str, Material]:
    """The packaged media and those a seed file brings along.

    Raises
    ------
    InvalidInput
        A medium of the file has the name of a packaged one, lacks a key, or is refused by `Material`.

    Examples
    --------
    >>> wax = {"density": 0.93, "fractions": {"H": 0.149, "C": 0.851}, "source": "example"}
    >>> read_materials({"materials": {"wax": wax}}, "my seed")["wax"].density
    0.93
    """
    library = dict(material_library())
    given = entry.get("materials", {})
    check_keys(given, f"materials of {seed}", (), tuple(given) if isinstance(given, Mapping) else ())
    for name, medium in given.items():
        what = f"material {name} of {seed}"
        if name in material_library():
            raise InvalidInput(
                f"{what} is given in the file, expected a name that is not in the library (a packaged medium "
                f"keeps its meaning). Rename it."
            )
        check_keys(medium, what, ("density", "fractions", "source"))
        fractions = medium["fractions"]
        check_keys(fractions, f"fractions of the {what}", (), tuple(fractions))
        library[name] = Material(
            name,
            number(medium["density"], f"density of the {what}", "g/cm³"),
            {
                symbol: number(part, f"mass fraction of {symbol} in the {what}")
                for symbol, part in fractions.items()
            },
            text(medium["source"], f"source of the {what}"),
        )
    return library


def read_active(entry: Mapping[str, Any], seed: str) -> tuple[tuple[str, float], ...]:
    """Active parts: name of the solids and weight of each.

    Raises
    ------
    InvalidInput
        There is none, a key is missing or unknown, a weight is not positive, or a name comes twice.

    Examples
    --------
    >>> read_active({"active": "coating"}, "my seed")
    (('coating', 1.0),)
    """
    given = entry["active"]
    if isinstance(given, str):
        return ((given, 1.0),)
    if not isinstance(given, list) or not given:
        raise InvalidInput(
            f"active of {seed} is {given!r}, expected the name of a solid or a list of objects with solid and weight. "
            f"Correct the file."
        )
    parts = []
    for k, part in enumerate(given):
        check_keys(part, f"active part {k} of {seed}", ("solid", "weight"))
        parts.append(
            (
                text(part["solid"], f"solid of active part {k} of {seed}"),
                number(part["weight"], f"weight of active part {k} of {seed}"),
            )
        )
    names = [name for name, _ in parts]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInput(f"active part {twice[0]} of {seed} comes twice, expected once. Add the weights.")
    return tuple(parts)


def read_solids(entry: Mapping[str, Any], seed: str, library: Mapping[str, Material]) -> tuple[Solid, ...]:
    """Solids in nesting order.

    Raises
    ------
    InvalidInput
        There is none, or `read_solid` refuses one.
    """
    given = entry["solids"]
    if not isinstance(given, list) or not given:
        raise InvalidInput(f"solids of {seed} is {given!r}, expected a list of at least one. Add them.")
    return tuple(read_solid(solid, seed, library) for solid in given)


def read_solid(entry: Mapping[str, Any], seed: str, library: Mapping[str, Material]) -> Solid:
    """One solid of a seed file.

    Parameters
    ----------
    entry : mapping
        ``name``, ``material``, ``shape`` and the keys of the shape; lengths in cm.
    seed : str
        Name of the seed, for messages.
    library : mapping
        Known media.

    Returns
    -------
    Solid

    Raises
    ------
    InvalidInput
        A key is missing or unknown, or a value makes no solid.

    Examples
    --------
    >>> ball = {"name": "ball", "material": "silver", "shape": "sphere", "radius": 0.5, "centre": 1.0}
    >>> read_solid(ball, "my seed", {"silver": material_library()["silver"]}).z_max
    1.5
    """
    name = entry.get("name", "a solid") if isinstance(entry, Mapping) else "a solid"
    what = f"{name} in {seed}"
    shape = entry.get("shape") if isinstance(entry, Mapping) else None
    if shape is not None and shape not in SHAPES:
        raise InvalidInput(f"shape of {what} is {shape!r}, expected one of {', '.join(SHAPES)}. Correct it.")
    required, optional = SHAPES[shape] if shape else ((), ("radius", "radii", "half_length", "centre", "z"))
    check_keys(entry, f"solid {what}", ("name", "material", "shape", *required), optional)
    if entry["material"] not in library:
        raise InvalidInput(
            f"material of {what} is {entry['material']!r}, expected one of {', '.join(library)}, or one given under "
            f"materials in the file. Use a known name or add it."
        )
    z = None
    if "z" in entry:
        z_min, z_max = _two_numbers(entry["z"], f"z of {what}", any_sign=True)
        if not z_min < z_max:
            raise InvalidInput(
                f"z of {what} is {entry['z']} cm, expected ascending (lower end first). Correct the seed file."
            )
        z = (z_min, z_max)
    if shape == "cylinder":
        profile = (number(entry["radius"], f"radius of {what}", "cm") ** 2, 0.0, 0.0)
    elif shape == "cone":
        assert z is not None
        profile = _cone(entry, what, z)
    else:
        profile, z = _spheroid(entry, what, z)
    assert z is not None
    return Solid(text(entry["name"], f"name of {what}"), entry["material"], profile, *z)


def _cone(entry: Mapping[str, Any], what: str, z: tuple[float, float]) -> tuple[float, float, float]:
    r0, r1 = _two_numbers(entry["radii"], f"radii of {what}", any_sign=True)
    if min(r0, r1) < 0.0 or max(r0, r1) == 0.0:
        raise InvalidInput(
            f"radii of {what} is {entry['radii']} cm, expected two numbers of which at most one is zero and none "
            f"negative. Correct the seed file."
        )
    slope = (r1 - r0) / (z[1] - z[0])
    offset = r0 - slope * z[0]
    return offset**2, 2.0 * offset * slope, slope**2


def _spheroid(
    entry: Mapping[str, Any], what: str, z: tuple[float, float] | None
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """Profile and range of z of a sphere or an ellipsoid of revolution, whole or cut by planes."""
    radius = number(entry["radius"], f"radius of {what}", "cm")
    half = number(entry.get("half_length", radius), f"half_length of {what}", "cm")
    centre = number(entry.get("centre", 0.0), f"centre of {what}", "cm", any_sign=True)
    whole = (centre - half, centre + half)
    if z is None:
        z = whole
    # files give a cap's end as a rounded sum; a cap cut beyond its pole would only be empty there
    elif z[0] < whole[0] - 1e-9 or z[1] > whole[1] + 1e-9:
        raise InvalidInput(
            f"z of {what} is {entry['z']} cm, expected within {whole[0]:.6g} to {whole[1]:.6g} cm (where the "
            f"{entry['shape']} is). Correct the seed file."
        )
    squash = (radius / half) ** 2
    return (radius**2 - squash * centre**2, 2.0 * squash * centre, -squash), z


def _two_numbers(value: object, what: str, any_sign: bool) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise InvalidInput(f"{what} is {value!r} cm, expected two numbers. Correct the seed file.")
    first, second = (number(v, what, "cm", any_sign=any_sign) for v in value)
    return first, second
