"""Published values with their sources, read from the project's data files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from mcsim.invalid_input import InvalidInput
from validation.record.check import COVERAGE_OF_A_PUBLICATION, Check, Citation


@dataclass(frozen=True)
class Published:
    """A published value and what is demanded of a comparison with it.

    Attributes
    ----------
    value : float
        The value.
    unit : str
        Its unit.
    std_dev : float
        Standard uncertainty that the publication states; 0 if it states none.
    citation : Citation
        The publication.
    tolerance : float
        Difference that is accepted besides noise, in the unit.
    reason : str
        Why that much.
    """

    value: float
    unit: str
    std_dev: float
    citation: Citation
    tolerance: float
    reason: str


@cache
def published_data(name: str) -> Any:
    """Content of one of the data files of published values.

    Parameters
    ----------
    name : str
        File name without ending: ``published_values`` or ``nist_mass_coefficients``.

    Examples
    --------
    >>> published_data("nist_mass_coefficients")["media"]["water"]["energy_kev"][0]
    10.0
    """
    return json.loads((files("validation.data") / f"{name}.json").read_text(encoding="utf-8"))


def citation(source: str) -> Citation:
    """A publication by its short name in the data file.

    Raises
    ------
    InvalidInput
        No publication has this name.

    Examples
    --------
    >>> citation("tg43u1").doi
    '10.1118/1.1646040'
    """
    sources = published_data("published_values")["sources"]
    if source not in sources:
        raise InvalidInput(f"source is {source!r}, expected one of {', '.join(sources)}. Use a known name.")
    return Citation(**sources[source])


def published_value(name: str) -> Published:
    """A published value by name.

    Raises
    ------
    InvalidInput
        No value has this name.

    Examples
    --------
    >>> published_value("dose_rate_constant OncoSeed 6711").value
    0.932
    """
    values = published_data("published_values")["values"]
    if name not in values:
        raise InvalidInput(
            f"published value is {name!r}, expected one of {', '.join(values)}. Use a known name."
        )
    entry = values[name]
    return Published(
        value=entry["value"],
        unit=entry["unit"],
        std_dev=entry["value"] * entry.get("relative_std_dev", 0.0),
        citation=citation(entry["source"]),
        tolerance=abs(entry["value"]) * entry.get("relative_tolerance", 0.0) + entry.get("tolerance", 0.0),
        reason=entry.get("reason", ""),
    )


def explanation_of(check: str) -> str:
    """Why a check is known to miss; empty if it is not."""
    return str(published_data("published_values")["known_shortfalls"].get(check, ""))


def against_publication(
    name: str, group: str, quantity: str, value: float, std_dev: float, published: Published
) -> Check:
    """A check against a published value, with the tolerance that stands in the data file.

    Examples
    --------
    >>> constant = published_value("dose_rate_constant OncoSeed 6711")
    >>> against_publication("Λ", "seeds", "dose-rate constant", 0.93, 0.001, constant).verdict
    'agrees'
    """
    return Check(
        name=name,
        group=group,
        quantity=quantity,
        unit=published.unit,
        value=value,
        std_dev=std_dev,
        reference=published.value,
        citation=published.citation,
        tolerance=published.tolerance,
        reason=published.reason,
        reference_std_dev=published.std_dev,
        coverage=COVERAGE_OF_A_PUBLICATION,
        relative=published.value != 0.0,
        explanation=explanation_of(name),
    )
