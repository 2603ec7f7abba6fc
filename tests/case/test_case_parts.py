from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.invalid_input import InvalidInput
from validation.case import Case, Contour, Image, Implant, Prescription, Structure
from validation.case.implant import overlapping_seeds
from validation.case.plain_text import is_plain, plain_text

SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
GRID = np.array([0.0, 0.1, 0.2])


def implant(**changes):
    values = {
        "model": "6711",
        "positions": [[0.1, 0.1, 0.1]],
        "axes": [[0, 0, 1]],
        "air_kerma_strengths": [0.6],
        "half_life_d": 59.4,
        "needles": [1],
    }
    return Implant(**{**values, **changes})


def case(**changes):
    structures = {"GTV": Structure("GTV", "target", [Contour(0.0, SQUARE)], 0.1)}
    values = {
        "name": "node",
        "image": Image(np.zeros((3, 3, 3)), GRID, GRID, GRID),
        "structures": structures,
        "implant": implant(),
        "prescription": Prescription(120, "GTV"),
    }
    return Case(**{**values, **changes})


@pytest.mark.parametrize(
    ("hu", "x", "message"),
    [
        (np.zeros((3, 3, 2)), GRID, r"image hu has shape \(3, 3, 2\), expected \(3, 3, 3\)"),
        (np.full((3, 3, 3), np.nan), GRID, r"image hu\[0, 0, 0\] is nan HU, .*27 voxels"),
        (np.zeros((3, 3, 3)), GRID[::-1], r"image x\[1\] - image x\[0\] is -0.1 cm, expected > 0"),
        (np.zeros((3, 3, 3)), [0.0, 0.1, 0.3], r"image x\[1\] - image x\[0\] is 0.1 cm, .*must be uniform"),
        (np.zeros((3, 3, 3)), [0.0, np.inf, 0.3], r"image x\[1\] is inf cm, expected a finite"),
        (np.zeros((1, 3, 3)), [0.0], r"image x has shape \(1,\), expected .* at least 2 voxel centres"),
    ],
)
def test_an_unusable_image_is_refused(hu, x, message):
    with pytest.raises(InvalidInput, match=message):
        Image(hu, x, GRID, GRID)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": [[0.1, 0.1]]}, r"seed positions have shape \(1, 2\), expected \(1, 3\)"),
        ({"positions": np.zeros((0, 3))}, r"the implant has 0 seeds"),
        ({"positions": [[0.1, np.nan, 0]]}, r"positions of seed 1 is .*nan.* cm, expected finite"),
        ({"axes": [[0, 0, 1.1]]}, r"axis of seed 1 has length 1.1, expected 1"),
        ({"air_kerma_strengths": [-0.1]}, r"air_kerma_strength of seed 1 is -0.1 U, expected > 0"),
        (
            {"air_kerma_strengths": [0.1, 0.2]},
            r"seed air_kerma_strengths have shape \(2,\), expected \(1,\)",
        ),
        ({"half_life_d": 0}, r"half_life_d is 0 d, expected > 0"),
        ({"half_life_d": np.nan}, r"half_life_d is nan d, expected > 0"),
        ({"model": "../6711"}, r"seed model is '../6711'"),
    ],
)
def test_an_unusable_implant_is_refused(changes, message):
    with pytest.raises(InvalidInput, match=message):
        implant(**changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Contour(0.0, SQUARE[:2]), r"contour at z = 0 cm has 2 corners, expected at least 3"),
        (lambda: Contour(0.0, [[0, 0], [1, np.nan], [1, 1]]), r"contour point 1 is \[1.0, nan\] cm"),
        (lambda: Contour(np.nan, SQUARE), r"contour z is nan cm"),
        (lambda: Contour(0.0, np.zeros((4, 3))), r"contour points have shape \(4, 3\)"),
        (lambda: Structure("A/B", "organ", [Contour(0, SQUARE)], 0.1), r"name is 'A/B', .* 'A_B'"),
        (lambda: Structure("A", "heart", [Contour(0, SQUARE)], 0.1), r"role of structure A is 'heart'"),
        (lambda: Structure("A", "organ", [], 0.1), r"structure A has 0 contours"),
        (lambda: Structure("A", "organ", [Contour(0, SQUARE)], 0), r"slice_thickness of structure A is 0"),
        (
            lambda: Structure("A", "organ", [Contour(0, SQUARE), Contour(0.1, SQUARE)], 0.2),
            r"planes z = 0 and 0.1 cm of structure A are 0.1 cm apart",
        ),
        (lambda: Prescription(0, "GTV"), r"prescribed dose is 0 Gy, expected > 0"),
        (lambda: case(prescription=Prescription(120, "PTV")), r"target is 'PTV', expected one of GTV"),
        (lambda: case(name="<b>"), r"case name is '<b>'"),
        (
            lambda: case(implant=implant(positions=[[0.1, 0.1, 0.3]])),
            r"seed 1 is at \(0.10, 0.10, 0.30\) cm, 0.5 mm outside the image",
        ),
        (
            lambda: case(structures={"PTV": case().structures["GTV"]}),
            r"structure 'GTV' is filed under 'PTV'",
        ),
        (
            lambda: case(
                structures={
                    **case().structures,
                    **{n: Structure(n, "external", [Contour(0, SQUARE)], 0.1) for n in "AB"},
                }
            ),
            r"externals are A, B, expected at most one",
        ),
    ],
)
def test_unusable_parts_of_a_case_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_a_repeated_first_corner_is_dropped():
    assert len(Contour(0.0, [*SQUARE, SQUARE[0]]).points) == 4
    assert Contour(0.0, SQUARE).area == 1.0
    assert Contour(0.0, np.array(SQUARE[::-1]) + 40).area == pytest.approx(1.0)


def test_a_contour_that_closes_twice_is_the_same_when_read_again():
    corners = [[0, 0], [1, 0], [1, 1], [0, 0], [0, 0]]
    once = Contour(0.0, corners)
    assert once.points.tolist() == corners[:3]
    assert Contour(once.z, once.points).points.tolist() == corners[:3]


def test_arrays_cannot_be_changed_behind_the_digest():
    source = np.zeros((3, 3, 3))
    image = Image(source, GRID, GRID, GRID)
    source[0, 0, 0] = 5
    assert image.hu[0, 0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        image.hu[0, 0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        case().name = "other"


def test_touching_seeds_do_not_overlap():
    # 6711: 4.55 mm from weld to weld, whatever its nominal 4.5 mm
    z = np.array([[0.0, 0.0, 1.0]] * 2)
    for gap in ([0, 0, 0.455], [0.08, 0, 0], [0.08, 0, 0.2]):
        assert overlapping_seeds("6711", np.array([[0, 0, 0], gap], dtype=float), z) == []
    # A tenth of a millimetre closer they do.
    for gap in ([0, 0, 0.445], [0.07, 0, 0.2]):
        ((i, j, depth),) = overlapping_seeds("6711", np.array([[0, 0, 0], gap], dtype=float), z)
        assert (i, j) == (0, 1)
        assert depth == pytest.approx(0.01)
    crossed = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    assert overlapping_seeds("6711", np.array([[0, 0, 0], [0, 0, 0.08]]), crossed) == []
    assert len(overlapping_seeds("6711", np.array([[0, 0, 0], [0, 0, 0.07]]), crossed)) == 1


@pytest.mark.parametrize(
    ("model", "spacing", "fits"),
    [
        ("6711", 0.455, True),
        ("6711", 0.45, False),
        ("IAI-125A", 0.45, True),
        ("IAI-125A", 0.4495, False),
        ("STM1251", 0.455, True),
        ("STM1251", 0.4545, False),
        ("my own seed", 0.051, True),  # only its TG-43 data are known
    ],
)
def test_seeds_end_to_end_are_measured_by_their_own_model(model: str, spacing: float, fits: bool) -> None:
    # as they come from a text file or float32: rounded to 0.1 µm at 20 cm from the origin
    along = np.array([1.0, 2.0, 2.0]) / 3.0
    places = [14.3, -11.2, 20.1] + spacing * np.arange(5)[:, None] * along
    for rounded in (places.round(5), places.astype(np.float32).astype(float)):
        values = {
            "model": model,
            "positions": rounded,
            "axes": np.tile(along, (5, 1)),
            "air_kerma_strengths": np.ones(5),
            "needles": np.ones(5, int),
        }
        if fits:
            assert len(implant(**values)) == 5
            continue
        with pytest.raises(
            InvalidInput, match=r"seeds \d and \d overlap by 0.0\d mm, .*\(4 pair\(s\) overlap"
        ):
            implant(**values)


def test_an_overlap_is_told_with_both_seeds_and_the_size_of_the_model():
    turned = {"positions": [[0, 0, 0], [0.5, 0, 0], [0.2, 0, 0]], "axes": [[0, 0, 1], [0, 0, 1], [1, 0, 0]]}
    with pytest.raises(
        InvalidInput,
        match=r"seeds 1 and 3 overlap by 0.6[78] mm, expected bodies of 4.55 mm x 0.8 mm \(OncoSeed 6711\) beside each "
        r"other \(1 pair\(s\) overlap; their centres are 2.00 mm apart\)",
    ):
        implant(**turned, air_kerma_strengths=np.ones(3), needles=np.ones(3, int))


def test_a_seed_entered_twice_is_refused_even_if_only_its_name_is_known():
    twice = {"positions": [[0, 0, 0], [0.5, 0, 0], [0.5, 0, 0.001]], "axes": [[0, 0, 1]] * 3}
    with pytest.raises(
        InvalidInput, match=r"seeds 2 and 3 overlap by .* expected centres of seeds at least 0.5 mm"
    ):
        implant(model="2301", **twice, air_kerma_strengths=np.ones(3), needles=np.ones(3, int))


@given(st.text())
def test_plain_text_is_harmless_and_stays_as_it_is(text):
    plain = plain_text(text, "x")
    assert len(plain) <= 64
    assert not set(plain) & set("/\\<>&\"'`;|$\x1b\n\r\t\0")
    assert ".." not in plain
    assert not plain.startswith(".")
    assert plain == plain.strip()
    assert is_plain(plain)
