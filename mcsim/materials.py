"""Media: elemental composition by mass, density, and where the figures come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from mcsim.cross_sections import element_table
from mcsim.invalid_input import InvalidInput

# Published compositions are rounded to 0.1 %, and ten elements' rounding adds up to a few tenths of a per cent.
FRACTION_SUM_TOLERANCE = 0.006


@dataclass(frozen=True)
class Material:
    """A medium.

    Attributes
    ----------
    name : str
        Name in the library.
    density : float
        Nominal density, g/cm³.
    fractions : dict of str to float
        Mass fraction of each element; brought to a sum of 1 on construction.
    source : str
        Publication of the composition.
    kind : str
        ``reference`` (air, water), ``tissue``, ``mineral`` (calcifications), ``ct_bin`` (a bin of CT numbers of a
        published conversion), ``seed``, or ``own``: a user's.
    note : str
        What to keep in mind when using it; may be empty.

    Raises
    ------
    InvalidInput
        A fraction or the density is not positive, the sum is not 1, or an element is unknown.

    Examples
    --------
    >>> Material("ice", 0.917, {"H": 0.1119, "O": 0.8881}, "example").density
    0.917
    """

    name: str
    density: float
    fractions: dict[str, float]
    source: str
    kind: str = "own"
    note: str = ""

    def __post_init__(self) -> None:
        if not self.density > 0.0:
            raise InvalidInput(
                f"density of {self.name} is {self.density} g/cm³, expected a positive number. Correct it."
            )
        for symbol, fraction in self.fractions.items():
            element_table(symbol)
            if not fraction > 0.0:
                raise InvalidInput(
                    f"mass fraction of {symbol} in {self.name} is {fraction}, expected a positive number. "
                    f"Correct it or leave the element out."
                )
        total = sum(self.fractions.values())
        if abs(total - 1.0) > FRACTION_SUM_TOLERANCE:
            raise InvalidInput(
                f"sum of the mass fractions of {self.name} is {total:.4f}, expected 1 within "
                f"{FRACTION_SUM_TOLERANCE}. Complete the composition."
            )
        object.__setattr__(self, "fractions", {s: f / total for s, f in self.fractions.items()})


def mixture(name: str, parts: Sequence[tuple[Material, float]], source: str, kind: str = "own") -> Material:
    """A mixture of media by mass, of the density it has if their volumes add.

        1/ρ = Σ w_i/ρ_i

    Parameters
    ----------
    name : str
        Name of the mixture.
    parts : sequence of (Material, float)
        Media and their shares by mass, which add up to 1.
    source : str
        Where the shares come from.
    kind : str
        See `Material`.

    Returns
    -------
    Material

    Examples
    --------
    >>> halves = mixture("half", [(material("water"), 0.5), (material("calcification"), 0.5)], "example")
    >>> round(halves.density, 3)
    1.505
    """
    fractions: dict[str, float] = {}
    for part, share in parts:
        for symbol, fraction in part.fractions.items():
            fractions[symbol] = fractions.get(symbol, 0.0) + share * fraction
    density = 1.0 / sum(share / part.density for part, share in parts)
    return Material(name, density, fractions, source, kind)


@lru_cache(maxsize=1)
def material_library() -> dict[str, Material]:
    """All packaged media by name.

    Examples
    --------
    >>> material_library()["cortical_bone"].density
    1.92
    """
    text = (files("mcsim.data") / "materials.json").read_text(encoding="utf-8")
    library: dict[str, Material] = {}
    for name, entry in json.loads(text)["materials"].items():
        library[name] = _from_entry(name, entry, library)
    return library


def _from_entry(name: str, entry: Mapping[str, Any], known: Mapping[str, Material]) -> Material:
    """One medium of the packaged file; the parts of a mixture stand before it."""
    if "mixture" in entry:
        parts = [(known[part], share) for part, share in entry["mixture"].items()]
        return mixture(name, parts, entry["source"], entry["kind"])
    return Material(
        name, entry["density"], entry["fractions"], entry["source"], entry["kind"], entry.get("note", "")
    )


def material(name: str) -> Material:
    """One medium of the library.

    Parameters
    ----------
    name : str
        Its name.

    Raises
    ------
    InvalidInput
        No medium has this name; the known ones are listed.

    Examples
    --------
    >>> material("water").fractions["H"]
    0.1119
    """
    library = material_library()
    if name not in library:
        raise InvalidInput(f"medium is {name!r}, expected one of {', '.join(library)}. Use a known name.")
    return library[name]
