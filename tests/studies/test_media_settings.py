"""The curve file: what is read, what is refused, and that a result's record reads back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.commands.tissue_options import tissues_of
from validation.studies.media_settings import MediaSettings, media_settings, read_media_settings
from validation.studies.patient_phantom import patient_phantom

HEAD = {"format": "seedmc-hounsfield-curve", "format_version": "1.0"}
CURVE = {
    "name": "mine",
    "source": "scanner of the test",
    "density": [{"hu": -1000, "g_cm3": 0.0012}, {"hu": 0, "g_cm3": 1.0}, {"hu": 2000, "g_cm3": 2.2}],
    "media": [
        {"below_hu": -400, "medium": "air"},
        {"below_hu": 150, "medium": "prostate"},
        {"medium": "cortical_bone"},
    ],
}
SECTIONS = {
    "medium_of": [{"structure": "GTV", "medium": "lymph"}, {"structure": "SPINAL CORD", "medium": "brain"}],
    "contour": {"density": "nominal", "keep_outside_hu": None},
    "streaks": {"mode": "always", "radius_cm": 1.0, "target_hu": [-50, 150], "replacement": 20,
                "bone_structures": ["RIB"]},
    "calcification": {"above_hu": 180, "structures": ["GTV"]},
}  # fmt: skip


def written(folder: Path, entry: dict[str, Any]) -> str:
    path = folder / "curve.json"
    path.write_text(json.dumps(entry), encoding="utf-8")
    return str(path)


def test_a_file_says_everything(tmp_path: Path) -> None:
    settings = read_media_settings(written(tmp_path, {**HEAD, **CURVE, **SECTIONS}))
    assert settings.curve.media == ("air", "prostate", "cortical_bone")
    assert settings.curve.upper_hu == (-400.0, 150.0, np.inf)
    assert settings.contours.medium_of == (("GTV", "lymph"), ("SPINAL CORD", "brain"))
    assert settings.contours.keep_outside_hu is None
    assert settings.streaks.radius == 1.0
    assert settings.streaks.tissue_hu == (-150.0, 120.0)
    assert settings.streaks.replacement == 20.0
    assert settings.calcification.above_hu == 180.0
    assert media_settings(json.loads(json.dumps(settings.record()))) == settings


def test_a_file_may_build_on_a_packaged_curve(tmp_path: Path) -> None:
    settings = read_media_settings(written(tmp_path, {**HEAD, "curve": "schneider2000", **SECTIONS}))
    assert settings.curve.name == "schneider2000"
    assert len(settings.curve.media) == 24


def test_the_command_line_comes_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, {**HEAD, **CURVE, **SECTIONS})
    settings = tissues_of(path, ["GTV=thyroid", "A=B=skin"], "ct", "-100:100", "off", 12.0, "water", 250.0)
    assert settings.contours.medium_of == (("GTV", "thyroid"), ("A=B", "skin"), ("SPINAL CORD", "brain"))
    assert settings.contours.density == "ct"
    assert settings.contours.keep_outside_hu == (-100.0, 100.0)
    assert settings.streaks.mode == "off"
    assert settings.streaks.radius == pytest.approx(1.2)
    assert settings.streaks.replacement == "water"
    assert settings.streaks.target_hu == (-50.0, 150.0)
    assert settings.calcification.above_hu == 250.0
    untouched = tissues_of(path, None, None, None, None, None, None, None)
    assert untouched == read_media_settings(path)


def test_curve_and_choices_decide_the_phantom_and_stand_in_its_record(
    tmp_path: Path, box_case: Callable[..., Case]
) -> None:
    case = box_case()
    default, _ = patient_phantom(case, 0.2)
    settings = read_media_settings(written(tmp_path, {**HEAD, **CURVE}))
    phantom, description = patient_phantom(case, 0.2, settings=settings)
    assert phantom.digest() != default.digest()
    assert media_settings(description["media_settings"]) == settings  # type: ignore[arg-type]
    assert str(description["hounsfield_curve"]) == "mine: scanner of the test"


def changed(path: str, value: object) -> dict[str, Any]:
    """The file with one value replaced, or removed where the value is ``...``."""
    entry: dict[str, Any] = json.loads(json.dumps({**HEAD, **CURVE, **SECTIONS}))
    place: Any = entry
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return entry


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", "other", r"format of .*curve.json is 'other' 1.0, expected 'seedmc-hounsfield-curve' 1.x"),
        ("format_version", "2.0", r"'seedmc-hounsfield-curve' 2.0, expected"),
        ("source", ..., r"source of the CT curve file is not given"),
        ("colour", "red", r"is 'colour', expected one of"),
        ("density", [], r"density of the CT curve mine is \[\], expected a list"),
        ("density/1/hu", -2000, r"hu of the CT curve is .* expected ascending values"),
        ("density/1/g_cm3", -1.0, r"g_cm3 of node 2 of the CT curve mine is -1.0 g/cm³, expected a positive number"),
        ("density/1/hu", "NaN", r"hu of node 2 of the CT curve mine is 'NaN' HU, expected a finite number"),
        ("density/1/hu", float("nan"), r"hu of node 2 of the CT curve mine is nan HU, expected a finite number"),
        ("media/0/below_hu", 500, r"upper_hu of the CT curve is .* expected ascending"),
        ("media/1/below_hu", ..., r"below_hu of the bin 2 of the CT curve mine is not given"),
        ("media/2/below_hu", 900, r"key of the bin 3 of the CT curve mine is 'below_hu', expected one of medium"),
        ("media/1/medium", "cheese", r"medium is 'cheese', expected one of water, .*prostate"),
        ("medium_of", {"GTV": "lymph"}, r"medium_of is .* expected a list of objects"),
        ("medium_of/1/structure", "GTV", r"medium of structure GTV is given 2 times, expected once"),
        ("medium_of/0/medium", "cheese", r"medium of structure GTV: medium is 'cheese'"),
        ("contour/density", "real", r"contour density is 'real', expected one of ct, nominal"),
        ("contour/keep_outside_hu", [200, -150], r"keep_outside_hu is .* expected two ascending numbers"),
        ("streaks/mode", "maybe", r"streak override is 'maybe', expected one of auto, always, off"),
        ("streaks/radius_cm", 0.1, r"streak radius is 0.1 cm with a seed radius of 0.25 cm"),
        ("streaks/replacement", "steel", r"streak replacement is 'steel', expected one of median, water"),
        ("streaks/replacement", 9000, r"streak replacement is 9000.0 HU, expected -1000 to 3000 HU"),
        ("calcification/above_hu", 10, r"calcification threshold is 10.0 HU, expected 50 to 3000 HU"),
        ("calcification/structures", "GTV", r"structures of the section calcification is 'GTV', expected a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_one_sentence(
    tmp_path: Path, path: str, value: object, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_media_settings(written(tmp_path, changed(path, value)))


def test_what_is_no_curve_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"expected one of neck, thorax, schneider2000 or an existing file"
    ):
        read_media_settings("nowhere")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(InvalidInput, match="is not JSON"):
        read_media_settings(str(broken))
    broken.write_text("[1]", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"expected an object"):
        read_media_settings(str(broken))


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("THYROID", "expected STRUCTURE=MEDIUM"),
        ("=skin", "expected STRUCTURE=MEDIUM"),
        ("GTV=glue", "is 'glue'"),
    ],
)
def test_wrong_choices_on_the_command_line_are_refused(choice: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        MediaSettings().with_medium_of([choice])


@pytest.mark.parametrize("given", ["100", "a:b", "100:-100", "nan:5"])
def test_wrong_ranges_on_the_command_line_are_refused(given: str) -> None:
    with pytest.raises(InvalidInput, match="expected LOW:HIGH"):
        tissues_of("neck", None, None, given, None, None, None, None)


@pytest.mark.parametrize("media", ["water", "water_body"])
def test_tissue_options_without_effect_are_refused(media: str) -> None:
    none = (None,) * 7
    assert tissues_of("neck", *none, media=media) == MediaSettings()
    with pytest.raises(InvalidInput, match=rf"media is '{media}', on which --hounsfield-curve has no effect"):
        tissues_of("thorax", *none, media=media)
    with pytest.raises(InvalidInput, match="--medium-of, --contour-hu, --calcification-above has no effect"):
        tissues_of("neck", ["GTV=muscle"], None, "all", None, None, None, 200.0, media)
