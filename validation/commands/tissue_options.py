"""Options that say which medium and density a voxel of the patient gets, shared by several commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.completion import curve_or_file, one_of, structure_and_medium

if TYPE_CHECKING:
    from validation.studies.media_settings import MediaSettings

DEFAULT_CURVE_NAME = "neck"  # that of `mcsim`, written out here so that --help does not load the engine

HounsfieldCurve = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="CT numbers to density and media: neck, thorax, schneider2000, or a file of your own",
        autocompletion=curve_or_file,
    ),
]
MediumOf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STRUCTURE=MEDIUM",
        help="medium of a structure; may be given several times, the first counts",
        autocompletion=structure_and_medium,
    ),
]
ContourDensity = Annotated[
    str | None,
    typer.Option(
        metavar="ct|nominal",
        help="density inside such a structure (default ct)",
        autocompletion=one_of("ct", "nominal"),
    ),
]
ContourHu = Annotated[
    str | None,
    typer.Option(
        metavar="LOW:HIGH|all",
        help="CT numbers that take a soft-tissue structure's medium, others keep theirs (default -150:200)",
    ),
]
StreakOverride = Annotated[
    str | None,
    typer.Option(
        metavar="auto|always|off",
        help="replace seeds and streaks of a post-implant CT by tissue (default auto: if the CT shows the seeds)",
        autocompletion=one_of("auto", "always", "off"),
    ),
]
StreakRadius = Annotated[
    float | None,
    typer.Option(metavar="MM", help="streaks are replaced this far from a seed, mm (default 15)"),
]
StreakReplacement = Annotated[
    str | None,
    typer.Option(
        metavar="median|water|HU",
        help="what replaces them (default median of clean voxels)",
        autocompletion=one_of("median", "water"),
    ),
]
CalcificationAbove = Annotated[
    float | None,
    typer.Option(
        metavar="HU",
        help="in the target, voxels above this CT number are calcified soft tissue (default none)",
    ),
]

_MILLIMETRES_PER_CENTIMETRE = 10.0


def tissues_of(
    curve: str,
    medium_of: list[str] | None,
    contour_density: str | None,
    contour_hu: str | None,
    streak_override: str | None,
    streak_radius: float | None,
    streak_replacement: str | None,
    calcification_above: float | None,
    media: str = "patient",
) -> MediaSettings:
    """Settings of the curve file with what the other options say in place of its sections.

    Parameters
    ----------
    curve : str
        Packaged curve or file.
    medium_of, contour_density, contour_hu, streak_override, streak_radius, streak_replacement, calcification_above
        As on the command line; None leaves what the file says.
    media : str
        The media of the simulation: these options say something about ``patient`` only.

    Returns
    -------
    MediaSettings

    Raises
    ------
    InvalidInput
        An option or the file cannot be used, or would have no effect.

    Examples
    --------
    >>> tissues_of("neck", ["GTV=lymph"], "nominal", None, None, None, None, None).contours.density
    'nominal'
    """
    from validation.studies.media_settings import read_media_settings

    if media != "patient":
        _refuse_without_effect(
            media,
            {
                "hounsfield-curve": None if curve == DEFAULT_CURVE_NAME else curve,
                "medium-of": medium_of or None,
                "contour-density": contour_density,
                "contour-hu": contour_hu,
                "streak-override": streak_override,
                "streak-radius": streak_radius,
                "streak-replacement": streak_replacement,
                "calcification-above": calcification_above,
            },
        )
    settings = read_media_settings(curve).with_medium_of(medium_of or [])
    contours = settings.contours
    if contour_density is not None:
        contours = replace(contours, density=contour_density)
    if contour_hu is not None:
        contours = replace(contours, keep_outside_hu=None if contour_hu == "all" else _range(contour_hu))
    streaks = settings.streaks
    if streak_override is not None:
        streaks = replace(streaks, mode=streak_override)
    if streak_radius is not None:
        radius = streak_radius / _MILLIMETRES_PER_CENTIMETRE
        streaks = replace(streaks, radius=radius, seed_radius=min(streaks.seed_radius, radius))
    if streak_replacement is not None:
        streaks = replace(streaks, replacement=_replacement(streak_replacement))
    calcification = settings.calcification
    if calcification_above is not None:
        calcification = replace(calcification, above_hu=calcification_above)
    return replace(settings, contours=contours, streaks=streaks, calcification=calcification)


def _refuse_without_effect(media: str, options: Mapping[str, object]) -> None:
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise InvalidInput(
            f"media is {media!r}, on which {', '.join(given)} has no effect, expected 'patient' with it. Leave it out "
            f"or use --media patient."
        )


def _range(given: str) -> tuple[float, float]:
    low, _, high = given.partition(":")
    try:
        pair = float(low), float(high)
    except ValueError:
        pair = (0.0, 0.0)
    if not -2000.0 <= pair[0] < pair[1] <= 5000.0:
        raise InvalidInput(
            f"contour-hu is {given!r}, expected LOW:HIGH, two ascending CT numbers, for example -150:200, or all. "
            f"Correct it."
        )
    return pair


def _replacement(given: str) -> str | float:
    try:
        return float(given)
    except ValueError:
        return given
