"""What is known of the packaged published tables: maker, publications, how often transcribed, cautions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np

from tg43.array_checks import FloatArray
from tg43.source_data import SourceData, load_source, packaged_documents

_EMPTY = np.empty(0)
_TRANSCRIBED = ("dose_rate_constant", "radial_dose_function", "anisotropy_function")


@dataclass(frozen=True)
class TableOrigin:
    """Where one table of a seed comes from.

    Attributes
    ----------
    reference, doi : str
        Publication; without a DOI, how the table was made.
    transcriptions : int
        How many independent transcriptions agree on it; 0 for a table that was computed.
    """

    reference: str
    doi: str
    transcriptions: int


@dataclass(frozen=True, eq=False)
class CataloguedSeed:
    """One seed with published TG-43 data.

    Attributes
    ----------
    source : SourceData
        The tables.
    manufacturer : str
        Maker; in brackets who sold it later.
    aliases : tuple of str
        Other names it is found by.
    consensus : bool
        Whether a task group agreed on the values; else they are of one publication.
    short_reference : str
        Publication in two words; with a question mark where it is only the likely one.
    origins : mapping
        Origin of ``dose_rate_constant``, ``radial_dose_function``, ``anisotropy_function``, ``anisotropy_factor`` and,
        where there is one, ``printed_anisotropy_factor``.
    cautions : tuple of str
        What is odd about the numbers.
    printed_distances, printed_anisotropy_factor : ndarray, shape (n,)
        r in cm and φ_an as printed, where it was transcribed; empty elsewhere.
    monte_carlo : SourceData or None
        The project's own table of the seed.
    monte_carlo_std_dev : float
        Type A standard uncertainty of its Λ in cGy h⁻¹ U⁻¹; not a number without one.
    """

    source: SourceData
    manufacturer: str
    aliases: tuple[str, ...]
    consensus: bool
    short_reference: str
    origins: Mapping[str, TableOrigin]
    cautions: tuple[str, ...]
    printed_distances: FloatArray
    printed_anisotropy_factor: FloatArray
    monte_carlo: SourceData | None
    monte_carlo_std_dev: float

    @property
    def transcriptions(self) -> int:
        """The fewest transcriptions that Λ, g_L or F of the seed rest on."""
        return min(self.origins[table].transcriptions for table in _TRANSCRIBED)


@cache
def catalogue() -> tuple[CataloguedSeed, ...]:
    """Return all seeds with published TG-43 data, by name.

    Examples
    --------
    >>> len(catalogue())
    16
    """
    documents = [document for document in packaged_documents() if "tables" in document]
    return tuple(_entry(document) for document in sorted(documents, key=itemgetter("name")))


def catalogued(source: SourceData) -> CataloguedSeed | None:
    """Return the entry that a packaged table belongs to, published or the project's own; nothing without one.

    Examples
    --------
    >>> catalogued(load_source("IAI-125A")).transcriptions
    2
    >>> catalogued(load_source("TheraSeed 200")) is None
    True
    """
    return next((seed for seed in catalogue() if source is seed.source or source is seed.monte_carlo), None)


def _entry(document: Mapping[str, Any]) -> CataloguedSeed:
    name = document["name"]
    printed = document.get("printed_anisotropy_factor", {"r": _EMPTY, "phi_an": _EMPTY})
    own = next((other for other in packaged_documents() if other["name"] == f"{name} Monte Carlo"), None)
    return CataloguedSeed(
        source=load_source(name),
        manufacturer=document["manufacturer"],
        aliases=tuple(document["aliases"]),
        consensus=document["derivation"] == "consensus",
        short_reference=document["short_reference"],
        origins={
            table: TableOrigin(origin["reference"], origin.get("doi", ""), origin["transcriptions"])
            for table, origin in document["tables"].items()
        },
        cautions=tuple(document["cautions"]),
        printed_distances=np.array(printed["r"], dtype=np.float64),
        printed_anisotropy_factor=np.array(printed["phi_an"], dtype=np.float64),
        monte_carlo=load_source(own["name"]) if own else None,
        monte_carlo_std_dev=own["dose_rate_constant_std_dev"] if own else float("nan"),
    )
