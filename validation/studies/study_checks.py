"""Which values of a study's settings can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcsim.invalid_input import InvalidInput

if TYPE_CHECKING:
    from validation.studies.study_settings import StudySettings

# Between which the ends of a factor's range may lie.
SOBOL_RANGES = {
    "sobol_sigma_mm": (0.0, 30.0), "sobol_edema": (0.0, 5.0), "sobol_half_life_d": (0.1, 365.0),
    "sobol_shrinkage_per_d": (0.0, 1.0), "sobol_final_volume": (0.05, 1.0),
}  # fmt: skip


def check_values(settings: StudySettings, kinds: tuple[str, ...], batches: int) -> None:
    """Check every value by itself.

    Parameters
    ----------
    settings : StudySettings
        Those of a study.
    kinds : tuple of str
        Kinds of study.
    batches : int
        Of a Monte Carlo member: as many histories at least.

    Raises
    ------
    InvalidInput
        One cannot be used.
    """
    _one_of("kind of study", settings.kind, kinds)
    _one_of("random_numbers", settings.random_numbers, ("member", "common"))
    _one_of("edema_course", settings.edema_course, ("exponential", "linear"))
    for name, unit, most in (
        ("sigma_mm", "mm", 30.0),
        ("edema", "", 5.0),
        ("shrinkage_per_d", "1/d", 1.0),
    ):
        values = getattr(settings, name)
        bad = [v for v in values if not 0.0 <= v <= most]
        if bad or not values or len(set(values)) < len(values):
            shown = f"{bad[0]:g} {unit}".rstrip() if bad else f"the list {list(values)}"
            raise InvalidInput(
                f"{name} is {shown}, expected different numbers from 0 to {most:g} {unit}".rstrip()
                + " (each is a scenario). Correct the list."
            )
    if settings.histories < batches:
        raise InvalidInput(
            f"histories is {settings.histories}, expected at least {batches} (noise is found from batches). Raise it."
        )
    if settings.tissue_histories and settings.tissue_histories < batches:
        raise InvalidInput(
            f"tissue_histories is {settings.tissue_histories}, expected 0 or at least {batches} (they are run in "
            f"batches). Raise it."
        )
    if not 1 <= settings.time_level <= 6:
        raise InvalidInput(f"time_level is {settings.time_level}, expected 1 to 6. Use 2.")
    if settings.map_members < 0:
        raise InvalidInput(
            f"map_members is {settings.map_members}, expected 0 or more (0: no maps). Correct it."
        )
    for name, (least, most) in SOBOL_RANGES.items():
        low_high = getattr(settings, name)
        if len(low_high) != 2 or not least <= low_high[0] <= low_high[1] <= most:
            raise InvalidInput(
                f"{name} is {list(low_high)}, expected two numbers from {least:g} to {most:g}, ascending (a factor "
                f"is uniform between them). Correct it."
            )


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInput(f"{what} is {value!r}, expected one of {', '.join(known)}. Use one of them.")
