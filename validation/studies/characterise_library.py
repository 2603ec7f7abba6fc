"""The packaged Monte Carlo tables of all seeds, side by side, as ``docs/seeds.md`` shows them."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

FIRST, LAST = (
    "<!-- table of the library: python -m validation.studies.characterise_library -->",
    "<!-- end -->",
)
_SUFFIX = "_monte_carlo.json"
_HEAD = (
    "| seed | S_K / 10⁻¹⁴ Gy cm² | Λ, WAFAC / cGy h⁻¹ U⁻¹ | Λ, point / cGy h⁻¹ U⁻¹ | E / keV | histories |\n"
    "|---|---|---|---|---|---|"
)


def library_tables() -> list[dict[str, Any]]:
    """The packaged Monte Carlo tables, with uncertainties, settings and digests, in the order of their names.

    Examples
    --------
    >>> [table["aliases"][0] for table in library_tables()][:2]
    ['IsoAid IAI-125A', 'IsoRay CS-1 Rev2']
    """
    folder = resources.files("tg43").joinpath("data")
    files = [entry for entry in folder.iterdir() if entry.name.endswith(_SUFFIX)]
    return sorted(
        (json.loads(entry.read_text(encoding="utf-8")) for entry in files),
        key=lambda table: str(table["name"]),
    )


def library_text() -> str:
    """The table in Markdown: a row for each seed, ± the type A standard uncertainty."""
    rows = [_HEAD]
    for table in library_tables():
        made = table["characterisation"]
        strength, constant = made["air_kerma_strength_per_history"], made["dose_rate_constant"]
        cells = [
            table["aliases"][0],
            f"{1e14 * strength['wafac']:.3f} ± {1e14 * strength['wafac_std_dev']:.3f}",
            *(f"{constant[c]:.4f} ± {constant[f'{c}_std_dev']:.4f}" for c in ("wafac", "point")),
            f"{made['mean_energy_leaving']:.2f}",
            f"{made['histories'] / 1e6:g} million",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def with_library_text(page: str) -> str:
    """A page with its table of the library brought up to date."""
    before, rest = page.split(FIRST)
    return f"{before}{FIRST}\n{library_text()}\n{LAST}{rest.split(LAST, 1)[1]}"


if __name__ == "__main__":
    path = Path("docs/seeds.md")
    path.write_text(with_library_text(path.read_text(encoding="utf-8")), encoding="utf-8")
