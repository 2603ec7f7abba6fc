"""Published values with their sources, read from the project's data files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import tg43
from mcsim.invalid_input import InvalidInput
from validation.record.check import Check, Citation, Shortfall, coverage_of_a_publication


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


def shortfall_of(check: str) -> Shortfall | None:
    """The known shortfall of a check; none if it is expected to agree.

    Numbers in an explanation are found from the data file's own values.

    Examples
    --------
    >>> shortfall_of("g_L of the OncoSeed 6711 at 4 cm").explanation.startswith("The consensus value")
    True
    """
    entry = published_data("published_values")["known_shortfalls"].get(check)
    if entry is None:
        return None
    words = {**entry, "explanation": entry["explanation"].format(**_facts())}
    return Shortfall(**words)


def _facts() -> dict[str, str]:
    """Numbers that explanations quote: the range of published Λ, and the consensus g_L at 4 cm over its neighbours'."""
    values = published_data("published_values")["values"]
    name = "dose_rate_constant OncoSeed 6711"
    consensus = values[f"{name}, consensus"]["value"]
    others = [
        100.0 * (entry["value"] / consensus - 1.0)
        for label, entry in values.items()
        if label.startswith(name) and not label.endswith(("consensus", "measured"))
    ]
    table = tg43.load_source("6711")
    radial = dict(zip(table.radial_distances.tolist(), table.radial_dose.tolist(), strict=True))
    outlier = 100.0 * (radial[4.0] / (radial[3.0] * radial[5.0]) ** 0.5 - 1.0)
    return {
        "count": str(len(others)),
        "lowest": _percent(min(others)),
        "highest": _percent(max(others)),
        "outlier": _percent(outlier),
    }


def _percent(value: float) -> str:
    return f"{value:+.1f} %".replace("-", "−")


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
        coverage=coverage_of_a_publication(std_dev, published.value),
        relative=published.value != 0.0,
        shortfall=shortfall_of(name),
    )
