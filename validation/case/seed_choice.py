"""Which seed an implant is of: a packaged model by its name, or the content of a user's own seed file."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mcsim.cache import cache_folder
from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import plain_text

if TYPE_CHECKING:
    from mcsim.seed_model import SeedModel

# Publications and planning systems round half-lives: 59.4 to 60 d for I-125.
HALF_LIFE_SPREAD = 0.02


@dataclass(frozen=True)
class SeedChoice:
    """A seed model as a case keeps it.

    Attributes
    ----------
    model : str
        Name.
    seed_file : str
        Content of the user's own seed file (JSON); empty for a packaged model.
    """

    model: str
    seed_file: str = ""


def packaged_name(model: str) -> str:
    """Full name of a packaged seed model, empty if no packaged model has this name or alias.

    Examples
    --------
    >>> packaged_name("6711"), packaged_name("my seed")
    ('OncoSeed 6711', '')
    """
    from mcsim.seed_file import packaged_seed_entries

    for name, entry in packaged_seed_entries().items():
        if model == name or model in entry.get("aliases", ()):
            return name
    return ""


def tg43_name(model: str) -> str:
    """Full name of the packaged TG-43 table that a seed of this name or alias uses, empty if there is none.

    The published table where there is one, else the project's own; case, spacing and punctuation do not matter.

    Examples
    --------
    >>> tg43_name("2301"), tg43_name("iai125a"), tg43_name("my seed")
    ('Best Medical 2301', 'IsoAid IAI-125A', '')
    """
    from tg43 import load_source
    from tg43.invalid_input import InvalidInput as NoSuchSource

    try:
        return load_source(packaged_name(model) or model).name
    except NoSuchSource:
        return ""


def half_life_of(choice: SeedChoice) -> float | None:
    """Half-life in days of the seed's radionuclide, from its spectrum or its TG-43 table; none if neither is known.

    Examples
    --------
    >>> half_life_of(SeedChoice("TheraSeed 200")), half_life_of(SeedChoice("2301"))
    (16.991, 59.4)
    >>> half_life_of(SeedChoice("my seed")) is None
    True
    """
    seed = known_seed(choice)
    if seed is not None:
        return seed.spectrum.half_life_d
    if not (name := tg43_name(choice.model)):
        return None
    from tg43 import load_source

    return load_source(name).half_life


def choose_seed(name_or_path: str | Path) -> SeedChoice:
    """Take a packaged seed by name or alias, or read a user's seed file.

    A seed with a TG-43 table only is taken as well: TG-43 doses of it can be computed, and Monte Carlo refuses it.

    Parameters
    ----------
    name_or_path : str or path
        Name, alias, or path of a seed file (docs/seeds.md).

    Returns
    -------
    SeedChoice

    Raises
    ------
    InvalidInput
        There is no such model or file, the file does not describe a seed, or its name is that of a packaged seed.

    Examples
    --------
    >>> choose_seed("TheraSeed 200")
    SeedChoice(model='TheraSeed 200', seed_file='')
    >>> choose_seed("AgX100")
    SeedChoice(model='AgX100', seed_file='')
    """
    name = str(name_or_path)
    if packaged_name(name) or (not Path(name).is_file() and tg43_name(name)):
        return SeedChoice(name_in_case(name))
    # numba loads with the seed models: only who needs one waits for it
    from mcsim.seed_model import load_seed_model

    own = load_seed_model(name_or_path).name
    choice = SeedChoice(name_in_case(own), Path(name_or_path).read_text(encoding="utf-8"))
    refuse_packaged_name(own)
    return choice


def name_in_case(name: str) -> str:
    """Name of a seed file as a case keeps it: harmless text."""
    return plain_text(name, "seed")


def refuse_packaged_name(name: str) -> None:
    """A packaged seed keeps its meaning: `InvalidInput` if a seed file has its name."""
    if known := packaged_name(name) or packaged_name(name_in_case(name)):
        raise InvalidInput(
            f"name of the seed file is {name!r}, expected one that no packaged seed has ({known} has published "
            f"values of its own). Rename the seed in the file."
        )


def seed_for_engine(choice: SeedChoice) -> str:
    """What `mcsim.seed_model.load_seed_model` takes: the name, or the absolute path of the content in the cache.

    Raises
    ------
    InvalidInput
        Only the name is known and no packaged seed has it.

    Examples
    --------
    >>> seed_for_engine(SeedChoice("6711"))
    '6711'
    """
    if choice.seed_file:
        return str(_in_cache(choice.seed_file))
    if not packaged_name(choice.model):
        from mcsim.seed_model import seed_model_names

        why, else_do = "its solids must be known", ""
        if name := tg43_name(choice.model):
            why = f"{name} has a TG-43 table, but its solids, which Monte Carlo needs, are not known"
            else_do = " `seedmc tg43` computes its TG-43 dose."
        raise InvalidInput(
            f"seed model is {choice.model!r}, expected one of {', '.join(seed_model_names())}, or a seed file "
            f"({why}). Give --seed-model with one of these names or the path of a seed file.{else_do}"
        )
    return choice.model


@lru_cache(maxsize=16)
def known_seed(choice: SeedChoice) -> SeedModel | None:
    """Solids and spectrum of the seed; none if only its name is known.

    Raises
    ------
    InvalidInput
        The seed file does not describe a seed of this name.

    Examples
    --------
    >>> known_seed(SeedChoice("TheraSeed 200")).spectrum.radionuclide
    'Pd-103'
    >>> known_seed(SeedChoice("2301")) is None
    True
    """
    if not choice.seed_file and not packaged_name(choice.model):
        return None
    from mcsim.seed_model import load_seed_model

    seed = load_seed_model(seed_for_engine(choice))
    if choice.seed_file and name_in_case(seed.name) != choice.model:
        raise InvalidInput(
            f"seed model is {choice.model!r}, expected {name_in_case(seed.name)!r} as in its seed file. Use one name."
        )
    return seed


def seed_file_digest(seed_file: str) -> str:
    """SHA-256 (hex) of the content of a seed file; empty if there is none."""
    return hashlib.sha256(seed_file.encode()).hexdigest() if seed_file else ""


def _in_cache(seed_file: str) -> Path:
    path = cache_folder() / "seeds" / f"{seed_file_digest(seed_file)[:32]}.json"
    if not path.is_file() or path.read_text(encoding="utf-8") != seed_file:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(seed_file, encoding="utf-8", newline="")
        temporary.replace(path)
    return path


def refuse_other_half_life(choice: SeedChoice, half_life_d: float) -> None:
    """Refuse a half-life that is not the one of the seed's radionuclide.

    Raises
    ------
    InvalidInput
        It is more than 2 % off.

    Examples
    --------
    >>> refuse_other_half_life(SeedChoice("6711"), 59.6)
    """
    expected = half_life_of(choice)
    if expected is not None and abs(half_life_d / expected - 1.0) > HALF_LIFE_SPREAD:
        raise InvalidInput(
            f"half-life is {half_life_d:g} d, expected {expected:g} d within 2 % (seed model {choice.model} holds "
            f"{_radionuclide(choice)}; the dose to full decay is proportional to it). Correct the half-life or the "
            f"seed model."
        )


def _radionuclide(choice: SeedChoice) -> str:
    seed = known_seed(choice)
    if seed is not None:
        return seed.spectrum.radionuclide
    from tg43 import load_source

    return load_source(tg43_name(choice.model)).radionuclide
