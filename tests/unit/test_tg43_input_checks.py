"""Every unusable input is refused in one sentence that names it."""

from __future__ import annotations

import copy
import json
from importlib import resources
from typing import Any

import numpy as np
import pytest

import tg43
from tg43.source_data import SourceData, source_from_document

POINTS = [[1.0, 0, 0], [2.0, 0, 0]]
SEEDS = {"positions": [[0, 0, 0]], "axes": [[0, 0, 1]], "air_kerma_strengths": [1.0]}


@pytest.fixture(scope="module")
def seed() -> SourceData:
    return tg43.load_source("6711")


@pytest.fixture
def document() -> dict[str, Any]:
    text = resources.files("tg43").joinpath("data/oncoseed_6711.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return copy.deepcopy(parsed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"points": [1.0, 0, 0]}, r"points is an array of shape \(3,\), expected shape \(m, 3\)"),
        ({"points": [[1.0, 0], [0, 0]]}, r"points .* shape \(2, 2\), expected shape \(m, 3\)"),
        (
            {"points": [[1, 0, np.nan], [np.inf, 0, 0]]},
            r"points\[0, 2\] is nan cm, .* the 2 of 6 values of points",
        ),
        (
            {"points": [["a", 0, 0]]},
            r"points is of type list, expected an array of numbers of shape \(m, 3\)",
        ),
        ({"points": [[1, 0, 0], [1]]}, r"points is of type list, expected an array of numbers"),
        ({"positions": [[0, 0]]}, r"positions .* expected shape \(n, 3\)"),
        ({"positions": [[0, np.inf, 0]]}, r"positions\[0, 1\] is inf cm, expected a finite value"),
        ({"axes": [[0, 0, 1], [0, 0, 1]]}, r"axes is an array of shape \(2, 3\), expected shape \(1, 3\)"),
        ({"axes": [[0, 0, 0]]}, r"length of axes\[0\] is 0, expected 1 within 1e-05"),
        ({"axes": [[0, 0, 2]]}, r"length of axes\[0\] is 2, expected 1 within 1e-05"),
        ({"axes": None}, r"axes is None, .*use formalism='point'"),
        ({"air_kerma_strengths": [-0.5]}, r"air_kerma_strengths\[0\] is -0.5 U, expected a value >= 0 U"),
        ({"air_kerma_strengths": [1.0, 1.0]}, r"air_kerma_strengths .* expected shape \(1,\)"),
        ({"air_kerma_strengths": [np.nan]}, r"air_kerma_strengths\[0\] is nan U"),
        ({"method": "quick"}, r"method is 'quick', expected one of exact, fast"),
        ({"formalism": "3D"}, r"formalism is '3D', expected one of line, point"),
        ({"threads": 0}, r"threads is 0, expected an integer >= 1"),
    ],
)
def test_dose_rate_refuses(seed: SourceData, changed: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"points": POINTS, **SEEDS, "source": seed, **changed}
    with pytest.raises(tg43.InvalidInput, match=message):
        tg43.dose_rate(**arguments)


def test_axes_written_with_six_decimals_are_taken_as_unit_vectors(seed: SourceData) -> None:
    exact = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    written = exact.round(6)
    one = tg43.dose_rate(POINTS, [[0, 0, 0]], [exact], [1.0], seed)
    other = tg43.dose_rate(POINTS, [[0, 0, 0]], [written], [1.0], seed)
    # 5e-7 rad of direction over F's steepest slope, about 2 per rad
    assert other == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": [0.0]}, r"x is an array of 1 voxel centres, expected at least 2"),
        ({"y": [0.0, 0.1, 0.3]}, r"the step from y\[0\] to y\[1\] is 0.1 cm, expected 0.15 cm"),
        ({"z": [0.2, 0.1, 0.0]}, r"the step from z\[0\] to z\[1\] is -0.1 cm, .*ascending"),
        ({"z": [0.0, np.nan]}, r"z\[1\] is nan cm"),
        ({"air_kerma_strengths": [-1.0]}, r"air_kerma_strengths\[0\] is -1 U"),
        ({"formalism": "3D"}, r"formalism is '3D'"),
    ],
)
def test_voxel_mean_refuses(seed: SourceData, changed: dict[str, Any], message: str) -> None:
    centres = [0.0, 0.1, 0.2]
    arguments: dict[str, Any] = {"x": centres, "y": centres, "z": centres, **SEEDS, "source": seed, **changed}
    with pytest.raises(tg43.InvalidInput, match=message):
        tg43.voxel_mean_dose_rate(**arguments)


@pytest.mark.parametrize("half_life", [0.0, -59.4, np.nan, np.inf])
def test_decay_refuses_a_half_life_that_is_not_positive(half_life: float) -> None:
    with pytest.raises(tg43.InvalidInput, match=r"half_life_d is .* d, expected a finite value > 0 d"):
        tg43.dose_per_dose_rate(half_life)
    with pytest.raises(tg43.InvalidInput, match="half_life_d"):
        tg43.decay_factor(1.0, half_life)


def test_decay_refuses_times_that_are_not_times() -> None:
    with pytest.raises(tg43.InvalidInput, match=r"time_d\[1\] is -1 d, expected a time >= 0 d"):
        tg43.dose_per_dose_rate(59.4, [0.0, -1.0])
    with pytest.raises(tg43.InvalidInput, match="time_d is nan d"):
        tg43.decay_factor(np.nan)


def test_unknown_source_lists_the_known_ones() -> None:
    with pytest.raises(tg43.InvalidInput, match=r"source is '6712', expected one of .*OncoSeed 6711"):
        tg43.load_source("6712")


@pytest.mark.parametrize("name", ["6711", "OncoSeed 6711", "oncoseed6711", " ONCOSEED 6711 "])
def test_source_is_found_by_name_and_alias(name: str) -> None:
    assert tg43.load_source(name) is tg43.load_source("OncoSeed 6711")


def test_packaged_sources_have_distinct_names_and_read_only_tables() -> None:
    names = tg43.known_sources()
    assert len({name.casefold() for name in names}) == len(names) >= 1
    for name in names:
        source = tg43.load_source(name)
        assert source.doi.startswith("10.") or source.reference.startswith(
            "Monte Carlo characterisation by seedmc"
        )
        assert source.provenance
        with pytest.raises(ValueError, match="read-only"):
            source.radial_dose[0] = 1.0


def _swap(document: dict[str, Any], path: str, value: object) -> None:
    *folders, last = path.split("/")
    for folder in folders:
        document = document[folder]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("dose_rate_constant", -0.965, "dose_rate_constant of OncoSeed 6711 is -0.965"),
        ("half_life", 0.0, "half_life of OncoSeed 6711 is 0 d, expected a value > 0"),
        (
            "active_length",
            0.5,
            "capsule_length of OncoSeed 6711 is 0.455 cm, expected at least the active length 0.5",
        ),
        ("capsule/radius", float("nan"), "capsule_radius of OncoSeed 6711 is nan cm"),
        (
            "capsule/ends",
            "conical",
            "capsule_ends of OncoSeed 6711 is 'conical', expected one of hemispherical, flat",
        ),
        ("radial_dose_function/r", [1.0, 0.5], r"radial_distances of OncoSeed 6711\[1\] is 0.5 cm"),
        ("radial_dose_function/g_L", [1.0, 0.5], "radial_dose of OncoSeed 6711 is a table of shape"),
        (
            "anisotropy_function/theta",
            list(range(0, 110, 10)),
            "anisotropy_angles of OncoSeed 6711 is a range",
        ),
        ("anisotropy_function/F", [[1.0] * 11] * 5, "anisotropy of OncoSeed 6711 is a table of shape"),
        ("anisotropy_factor/phi_an", [0.9], "anisotropy_factor of OncoSeed 6711 is a table of shape"),
    ],
)
def test_source_data_refuses(document: dict[str, Any], path: str, value: object, message: str) -> None:
    _swap(document, path, value)
    with pytest.raises(tg43.InvalidInput, match=message):
        source_from_document(document)


def test_source_file_without_a_key_is_named(document: dict[str, Any]) -> None:
    del document["anisotropy_function"]
    with pytest.raises(tg43.InvalidInput, match="'anisotropy_function' of source 'OncoSeed 6711' is absent"):
        source_from_document(document)


def test_point_formalism_needs_an_anisotropy_factor(document: dict[str, Any]) -> None:
    del document["anisotropy_factor"]
    source = source_from_document(document)
    for method in ("exact", "fast"):
        with pytest.raises(tg43.InvalidInput, match="anisotropy_factor of OncoSeed 6711 is empty"):
            tg43.dose_rate(POINTS, [[0, 0, 0]], None, [1.0], source, formalism="point", method=method)
