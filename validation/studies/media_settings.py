"""How media are assigned to a patient: CT curve, contours, streaks, calcification; and the file that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from mcsim.file_entry import check_keys, number, text
from mcsim.hounsfield import (
    CURVE_KEYS,
    DEFAULT_CURVE,
    PACKAGED_CURVES,
    HounsfieldCurve,
    curve_from_entry,
    packaged_curve,
)
from mcsim.invalid_input import InvalidInput
from mcsim.materials import material_library
from validation.studies.nearest_name import nearest_name

FILE_FORMAT = "seedmc-hounsfield-curve"
FILE_MAJOR = "1"
SECTIONS = ("medium_of", "contour", "streaks", "calcification")

Range = tuple[float, float]
StreakMode = Literal["auto", "always", "off"]
STREAK_MODES = ("auto", "always", "off")
DENSITY_MODES = ("ct", "nominal")


@dataclass(frozen=True)
class ContourSettings:
    """Media by contour.

    Attributes
    ----------
    medium_of : tuple of (str, str)
        Structure and its medium. Where structures overlap the earlier entry counts.
    density : str
        ``ct``: from the CT number; ``nominal``: the medium's own.
    keep_outside_hu : (float, float) or None
        In a contour of soft tissue, voxels below and above keep the medium of their CT number: air and bone or
        calcification stay what they are. None: everything inside becomes the contour's medium.
    """

    medium_of: tuple[tuple[str, str], ...] = ()
    density: str = "ct"
    keep_outside_hu: Range | None = (-150.0, 200.0)

    def __post_init__(self) -> None:
        for structure, medium in self.medium_of:
            _known_medium(structure, medium)
        names = [structure for structure, _ in self.medium_of]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InvalidInput(
                f"medium of structure {twice[0]} is given {names.count(twice[0])} times, expected once. "
                f"Remove the others."
            )
        _one_of(self.density, DENSITY_MODES, "contour density")


@dataclass(frozen=True)
class StreakSettings:
    """Removal of seeds and their streaks from a post-implant CT.

    Attributes
    ----------
    mode : str
        ``auto``: if the CT shows the seeds; ``always``; ``off``.
    radius : float
        Streaks are looked for up to this distance from a seed's axis, cm.
    seed_radius : float
        What lies nearer is the seed itself and its blooming, cm.
    tissue_hu : (float, float)
        Soft tissue outside the target: fat to muscle.
    target_hu : (float, float)
        Soft tissue inside the target.
    calcification_hu : float
        A bright spot apart from every seed that reaches this stays: it is bone or calcification.
    seed_hu : float
        A seed is brighter; bone is not.
    replacement : str or float
        ``median`` (inside the target that of its clean voxels, elsewhere that of the nearest clean voxels),
        ``water`` (0 HU), or a CT number.
    bone_structures : tuple of str
        Structures that hold bone; empty: those whose names say so.
    """

    mode: str = "auto"
    radius: float = 1.5
    seed_radius: float = 0.25
    tissue_hu: Range = (-150.0, 120.0)
    target_hu: Range = (-30.0, 120.0)
    calcification_hu: float = 300.0
    seed_hu: float = 1500.0
    replacement: str | float = "median"
    bone_structures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _one_of(self.mode, STREAK_MODES, "streak override")
        if not 0.0 < self.seed_radius <= self.radius < 10.0:
            raise InvalidInput(
                f"streak radius is {self.radius:g} cm with a seed radius of {self.seed_radius:g} cm, expected "
                f"0 < seed radius <= radius < 10 cm. Correct them."
            )
        if isinstance(self.replacement, str):
            _one_of(self.replacement, ("median", "water"), "streak replacement")
        elif not -1000.0 <= self.replacement <= 3000.0:
            raise InvalidInput(
                f"streak replacement is {self.replacement} HU, expected -1000 to 3000 HU. Correct it."
            )


@dataclass(frozen=True)
class CalcificationSettings:
    """Calcification inside soft tissue.

    Attributes
    ----------
    above_hu : float or None
        Voxels above become a mixture of soft tissue and calcification that has their density; None: no calcification.
    structures : tuple of str
        Where; empty: the target. Bone is never calcification.
    """

    above_hu: float | None = None
    structures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.above_hu is not None and not 50.0 <= self.above_hu <= 3000.0:
            raise InvalidInput(
                f"calcification threshold is {self.above_hu} HU, expected 50 to 3000 HU (soft tissue lies below). "
                f"Correct it."
            )


@dataclass(frozen=True)
class MediaSettings:
    """Everything that decides which medium and density a voxel of a patient gets.

    Attributes
    ----------
    curve : HounsfieldCurve
        CT numbers to density and media.
    contours : ContourSettings
        Media by contour.
    streaks : StreakSettings
        Seeds and streaks of a post-implant CT.
    calcification : CalcificationSettings
        Calcification in soft tissue.

    Examples
    --------
    >>> MediaSettings().curve.name
    'neck'
    """

    curve: HounsfieldCurve = DEFAULT_CURVE
    contours: ContourSettings = field(default_factory=ContourSettings)
    streaks: StreakSettings = field(default_factory=StreakSettings)
    calcification: CalcificationSettings = field(default_factory=CalcificationSettings)

    def record(self) -> dict[str, object]:
        """The settings as plain values in the layout of their file; `media_settings` reads them back."""
        contours, streaks, calcification = self.contours, self.streaks, self.calcification
        return {
            **self.curve.record(),
            "medium_of": [{"structure": s, "medium": m} for s, m in contours.medium_of],
            "contour": {
                "density": contours.density,
                "keep_outside_hu": contours.keep_outside_hu and list(contours.keep_outside_hu),
            },
            "streaks": {
                "mode": streaks.mode,
                "radius_cm": streaks.radius,
                "seed_radius_cm": streaks.seed_radius,
                "tissue_hu": list(streaks.tissue_hu),
                "target_hu": list(streaks.target_hu),
                "calcification_hu": streaks.calcification_hu,
                "seed_hu": streaks.seed_hu,
                "replacement": streaks.replacement,
                "bone_structures": list(streaks.bone_structures),
            },
            "calcification": {
                "above_hu": calcification.above_hu,
                "structures": list(calcification.structures),
            },
        }

    def with_medium_of(self, choices: Sequence[str]) -> MediaSettings:
        """Settings with further ``STRUCTURE=MEDIUM`` choices, which come before those of the file.

        Raises
        ------
        InvalidInput
            A choice is not of this form, or the medium is unknown.

        Examples
        --------
        >>> MediaSettings().with_medium_of(["THYROID=thyroid"]).contours.medium_of
        (('THYROID', 'thyroid'),)
        """
        pairs = []
        for choice in choices:
            structure, equals, medium = choice.rpartition("=")
            if not (equals and structure and medium):
                raise InvalidInput(
                    f"medium of a structure is {choice!r}, expected STRUCTURE=MEDIUM, for example THYROID=thyroid. "
                    f"Correct it."
                )
            pairs.append((structure.strip(), medium.strip()))
        chosen = {structure for structure, _ in pairs}
        rest = [pair for pair in self.contours.medium_of if pair[0] not in chosen]
        return replace(self, contours=replace(self.contours, medium_of=(*pairs, *rest)))


def read_media_settings(source: str) -> MediaSettings:
    """Settings of a packaged curve or of a user's file.

    Parameters
    ----------
    source : str
        Name of a packaged curve, or path of a file (see the page on the curve file).

    Returns
    -------
    MediaSettings

    Raises
    ------
    InvalidInput
        There is no such file, it is not JSON, or something in it is wrong.

    Examples
    --------
    >>> read_media_settings("thorax").curve.media[1]
    'lung'
    """
    if source in PACKAGED_CURVES:
        return MediaSettings(curve=packaged_curve(source))
    path = Path(source)
    if not path.is_file():
        raise InvalidInput(
            f"CT curve is {source!r}, expected one of {', '.join(PACKAGED_CURVES)} or an existing file. "
            f"Check the name."
        )
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as reason:
        raise InvalidInput(
            f"file {path} is not JSON, expected a CT curve file ({reason}). Correct the file."
        ) from reason
    check_keys(entry, f"file {path.name}", ("format", "format_version"), ("curve", *CURVE_KEYS, *SECTIONS))
    if entry["format"] != FILE_FORMAT or str(entry["format_version"]).split(".")[0] != FILE_MAJOR:
        raise InvalidInput(
            f"format of {path} is {entry['format']!r} {entry['format_version']}, expected {FILE_FORMAT!r} "
            f"{FILE_MAJOR}.x. Correct the file."
        )
    return media_settings({k: v for k, v in entry.items() if k not in ("format", "format_version")})


def media_settings(entry: Mapping[str, Any]) -> MediaSettings:
    """Settings from the object of a curve file, or from the record of a result.

    Parameters
    ----------
    entry : mapping
        ``curve`` (a packaged name) or a curve of its own, and the sections.

    Returns
    -------
    MediaSettings

    Raises
    ------
    InvalidInput
        Something in it is missing, unknown or impossible.

    Examples
    --------
    >>> settings = MediaSettings().with_medium_of(["GTV=lymph"])
    >>> media_settings(settings.record()) == settings
    True
    """
    if "curve" in entry:
        check_keys(entry, "CT curve file with a packaged curve", ("curve",), SECTIONS)
        curve = packaged_curve(text(entry["curve"], "curve of the CT curve file"))
    else:
        check_keys(entry, "CT curve file", CURVE_KEYS, SECTIONS)
        curve = curve_from_entry(entry)
    return MediaSettings(
        curve,
        _contours(entry),
        _streaks(entry.get("streaks", {})),
        _calcification(entry.get("calcification", {})),
    )


def _contours(entry: Mapping[str, Any]) -> ContourSettings:
    pairs = entry.get("medium_of", [])
    if not isinstance(pairs, list):
        raise InvalidInput(f"medium_of is {pairs!r}, expected a list of objects. Correct the file.")
    for k, pair in enumerate(pairs, start=1):
        check_keys(pair, f"entry {k} of medium_of", ("structure", "medium"))
    contour = entry.get("contour", {})
    check_keys(contour, "section contour", (), ("density", "keep_outside_hu"))
    default = ContourSettings()
    keep = contour.get("keep_outside_hu", default.keep_outside_hu)
    return ContourSettings(
        tuple((text(p["structure"], "structure of medium_of"), text(p["medium"], "medium of medium_of"))
              for p in pairs),
        text(contour.get("density", default.density), "density of the section contour"),
        None if keep is None else _range(keep, "keep_outside_hu"),
    )  # fmt: skip


def _streaks(entry: Mapping[str, Any]) -> StreakSettings:
    default = StreakSettings()
    keys = ("mode", "radius_cm", "seed_radius_cm", "tissue_hu", "target_hu", "calcification_hu", "seed_hu",
            "replacement", "bone_structures")  # fmt: skip
    check_keys(entry, "section streaks", (), keys)
    replacement = entry.get("replacement", default.replacement)
    return StreakSettings(
        mode=text(entry.get("mode", default.mode), "mode of the section streaks"),
        radius=number(entry.get("radius_cm", default.radius), "radius_cm", "cm"),
        seed_radius=number(entry.get("seed_radius_cm", default.seed_radius), "seed_radius_cm", "cm"),
        tissue_hu=_range(entry.get("tissue_hu", default.tissue_hu), "tissue_hu"),
        target_hu=_range(entry.get("target_hu", default.target_hu), "target_hu"),
        calcification_hu=number(entry.get("calcification_hu", default.calcification_hu), "calcification_hu", "HU"),
        seed_hu=number(entry.get("seed_hu", default.seed_hu), "seed_hu", "HU"),
        replacement=replacement if isinstance(replacement, str)
        else number(replacement, "replacement", "HU", any_sign=True),
        bone_structures=_names(entry.get("bone_structures", ()), "bone_structures"),
    )  # fmt: skip


def _calcification(entry: Mapping[str, Any]) -> CalcificationSettings:
    check_keys(entry, "section calcification", (), ("above_hu", "structures"))
    above = entry.get("above_hu")
    return CalcificationSettings(
        None if above is None else number(above, "above_hu of the section calcification", "HU"),
        _names(entry.get("structures", ()), "structures of the section calcification"),
    )


def _range(value: object, what: str) -> Range:
    if isinstance(value, list | tuple) and len(value) == 2:
        low, high = (number(v, what, "HU", any_sign=True) for v in value)
        if low < high:
            return low, high
    raise InvalidInput(
        f"{what} is {value!r} HU, expected two ascending numbers, for example [-150, 120]. Correct the file."
    )


def _names(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidInput(f"{what} is {value!r}, expected a list of structure names. Correct the file.")
    return tuple(text(name, what) for name in cast("Sequence[object]", value))


def _known_medium(structure: str, medium: str) -> None:
    known = material_library()
    if medium not in known:
        raise InvalidInput(
            f"medium of structure {structure}: medium is {medium!r}, expected a known one"
            f"{nearest_name(medium, known)}. `seedmc inspect --materials` lists them."
        )


def _one_of(value: str, known: Sequence[str], what: str) -> None:
    if value not in known:
        raise InvalidInput(f"{what} is {value!r}, expected one of {', '.join(known)}. Use one of them.")
