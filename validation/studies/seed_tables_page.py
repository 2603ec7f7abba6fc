"""The published TG-43 tables side by side, with what was found on checking them, as ``docs/seeds.md`` shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tg43 import SourceData, anisotropy_function
from tg43.formalism import radial_dose_function_point
from tg43.source_data_catalogue import CataloguedSeed, catalogue
from tg43.source_data_checks import anisotropy_factor_of_tables, unevenness
from validation.studies.inspect_seeds import TIMES

FIRST, LAST = (
    "<!-- table of the published data: python -m validation.studies.seed_tables_page -->",
    "<!-- end -->",
)
_HEAD = (
    "| seed | from | transcribed | L / cm | Λ | Λ, against ours | g_L from 1 cm on, farthest off a smooth curve | "
    "g_L to 5 cm, against ours | F from 30° on, against ours | φ_an(1 cm) from F | "
    "φ_an as printed, less that from F |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)
_FROM, _TO = 0.5, 5.0  # cm, of g_L against ours
_SMOOTH_FROM = 1.0  # cm; nearer, g_L of seeds with parted activity bends within a step of the table
_OFF_AXIS = np.deg2rad(29.9)


def published_text() -> str:
    """The table in Markdown: a row for each seed."""
    return "\n".join([_HEAD, *(f"| {' | '.join(_cells(seed))} |" for seed in catalogue())])


def with_published_text(page: str) -> str:
    """A page with its table of the published data brought up to date."""
    before, rest = page.split(FIRST)
    return f"{before}{FIRST}\n{published_text()}\n{LAST}{rest.split(LAST, 1)[1]}"


def _cells(seed: CataloguedSeed) -> list[str]:
    source, own = seed.source, seed.monte_carlo
    off = unevenness(source)
    off[source.radial_distances < _SMOOTH_FROM] = np.nan
    worst = int(np.nanargmax(np.abs(off)))
    against = ["–", "–", "–"]
    if own is not None:
        against = [
            _percent(source.dose_rate_constant / own.dose_rate_constant - 1),
            _percent(_radial_against(source, own)),
            _percent(_anisotropy_against(source, own)),
        ]
    return [
        source.name,
        seed.short_reference,
        TIMES[seed.transcriptions],
        f"{source.active_length:g}",
        f"{source.dose_rate_constant:.3f}",
        against[0],
        f"{_percent(off[worst])} at {source.radial_distances[worst]:g} cm",
        *against[1:],
        f"{float(np.interp(1.0, source.anisotropy_distances, anisotropy_factor_of_tables(source))):.3f}",
        _printed(seed),
    ]


def _radial_against(source: SourceData, own: SourceData) -> float:
    """Largest ratio less 1 of the dose on the transverse plane relative to that at 1 cm, whatever the lengths L."""
    r = source.radial_distances[(source.radial_distances >= _FROM) & (source.radial_distances <= _TO)]
    off = radial_dose_function_point(r, source) / radial_dose_function_point(r, own) - 1
    return float(off[np.abs(off).argmax()])


def _anisotropy_against(source: SourceData, own: SourceData) -> float:
    theta = source.anisotropy_angles[source.anisotropy_angles >= _OFF_AXIS]
    r = source.anisotropy_distances[:, np.newaxis]
    off = anisotropy_function(r, theta, source) / anisotropy_function(r, theta, own) - 1
    return float(off.ravel()[np.abs(off).argmax()])


def _printed(seed: CataloguedSeed) -> str:
    source = seed.source
    printed = seed.printed_anisotropy_factor
    if seed.origins["anisotropy_factor"].doi:
        printed = source.anisotropy_factor
    if not len(printed):
        return "–"
    off = printed - anisotropy_factor_of_tables(source)
    worst = int(np.abs(off).argmax())
    return f"{off[worst]:+.3f} at {source.anisotropy_distances[worst]:g} cm".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:+.1f} %".replace("-", "−")


if __name__ == "__main__":
    path = Path("docs/seeds.md")
    path.write_text(with_published_text(path.read_text(encoding="utf-8")), encoding="utf-8")
