"""What a shell offers for values of options: names of seeds, cases, structures, media, curves, spectra.

Nothing here may fail or be slow: a shell asks at every press of the tabulator. Where nothing is offered, the shell
completes file names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

BUILT_IN_CASES = ("neck",)  # of validation.case, written out so that nothing is loaded for it
CURVES = ("neck", "thorax", "schneider2000")
SPECTRA = ("i125_ncrp58", "i125_tg43u1", "pd103_nndc", "cs131_nndc")
EXPORT_FORMATS = ("ct", "rtstruct", "rtplan", "rtdose", "3ddose", "egsphant", "egs_brachy", "csv")
DIRECTIONS = (
    "from-left", "from-right", "from-front", "from-back", "from-above", "from-below", "plan", "auto",
)  # fmt: skip

Offer = Callable[[str], list[str]]


def one_of(*names: str) -> Offer:
    """Offer of fixed names.

    Parameters
    ----------
    *names : str
        What may be given.

    Returns
    -------
    callable
        From what is typed so far to the names that begin so.

    Examples
    --------
    >>> one_of("auto", "always", "off")("a")
    ['auto', 'always']
    """

    def offer(incomplete: str) -> list[str]:
        return _beginning(names, incomplete)

    return offer


def name_or_file(names: Callable[[], Iterable[str]]) -> Offer:
    """Offer of names and of the files that begin so too: without it, a name would hide the files.

    Parameters
    ----------
    names : callable
        Names that may be given in place of a file.

    Returns
    -------
    callable
    """

    def offer(incomplete: str) -> list[str]:
        known = [] if "/" in incomplete else _beginning(names(), incomplete)
        return [*known, *_files(incomplete)] if known else []

    return offer


def case_or_file(incomplete: str) -> list[str]:
    """Built-in cases and files."""
    return name_or_file(lambda: BUILT_IN_CASES)(incomplete)


def curve_or_file(incomplete: str) -> list[str]:
    """Packaged CT curves and files."""
    return name_or_file(lambda: CURVES)(incomplete)


def simulated_seed_or_file(incomplete: str) -> list[str]:
    """Packaged seeds that Monte Carlo knows, by their names without a blank, and files."""
    return name_or_file(simulated_seeds)(incomplete)


def simulated_seeds() -> list[str]:
    """Names without a blank of the packaged seeds whose solids are known."""
    from mcsim.seed_file import packaged_seed_entries

    return _without_blank((n, *entry.get("aliases", ())) for n, entry in packaged_seed_entries().items())


def catalogued_seed(incomplete: str) -> list[str]:
    """Seeds with a TG-43 table, by their names without a blank."""
    from tg43.source_data_catalogue import catalogue

    return _beginning(
        _without_blank((s.source.name, *s.aliases) for s in catalogue()) + simulated_seeds(), incomplete
    )


def structure(context: typer.Context, incomplete: str) -> list[str]:
    """Structures of the case that the command line names."""
    return _beginning(_structures(context), incomplete)


def structure_and_medium(context: typer.Context, incomplete: str) -> list[str]:
    """Structure, equals sign and medium."""
    name, equals, begun = incomplete.partition("=")
    if not equals:
        return [f"{found}=" for found in _beginning(_structures(context), name)]
    return [f"{name}={medium}" for medium in _beginning(_media(), begun)]


def validation_part(incomplete: str) -> list[str]:
    """Parts of the validation record."""
    from validation.record.record import ROOMS

    return _beginning(ROOMS, incomplete)


def _media() -> list[str]:
    from mcsim.materials import material_library

    return list(material_library())


def _structures(context: typer.Context) -> list[str]:
    """Names of the structures of a case file, without reading the rest of it; of the built-in neck."""
    import h5py

    # words before an option that still lacks its value are not divided among the parameters yet
    words = [context.params.get(key) for key in ("case", "source", "plan_case")] + list(context.args)
    for given in words:
        if str(given) in BUILT_IN_CASES and not Path(str(given)).exists():
            from validation.case import built_in

            return list(built_in(str(given)).structures)
        if given is not None and Path(str(given)).is_file() and h5py.is_hdf5(str(given)):
            with h5py.File(str(given)) as file:
                group = file.get("structures")
                return [str(entry.attrs["name"]) for entry in group.values()] if group is not None else []
    return []


def _without_blank(names: Iterable[tuple[str, ...]]) -> list[str]:
    """A shell divides words at blanks: of every seed the names that have none."""
    return [name for of_seed in names for name in of_seed if " " not in name]


def _files(incomplete: str) -> list[str]:
    folder = (
        Path(incomplete).parent if incomplete and not incomplete.endswith("/") else Path(incomplete or ".")
    )
    begun = "" if incomplete.endswith("/") else Path(incomplete).name
    try:
        found = sorted(p for p in folder.iterdir() if p.name.startswith(begun) and not p.name.startswith("."))
    except OSError:
        return []
    return [f"{path}/" if path.is_dir() else str(path) for path in found]


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return list(dict.fromkeys(name for name in names if name.startswith(incomplete)))
