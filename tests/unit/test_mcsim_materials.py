"""The library of media: published compositions, and what is refused."""

from __future__ import annotations

import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.materials import Material, material, material_library

# ICRU 44/46 and Woodard & White 1986 (doi:10.1259/0007-1285-59-708-1209) as TG-186 (doi:10.1118/1.4747264) lists them
PUBLISHED = {
    "muscle": (1.05, "H .102 C .143 N .034 O .710 Na .001 P .002 S .003 Cl .001 K .004"),
    "adipose": (0.95, "H .114 C .598 N .007 O .278 Na .001 S .001 Cl .001"),
    "cortical_bone": (1.92, "H .034 C .155 N .042 O .435 Na .001 Mg .002 P .103 S .003 Ca .225"),
    "lung": (0.26, "H .103 C .105 N .031 O .749 Na .002 P .002 S .003 Cl .003 K .002"),
    "skin": (1.09, "H .100 C .204 N .042 O .645 Na .002 P .001 S .002 Cl .003 K .001"),
    "blood": (1.06, "H .102 C .110 N .033 O .745 Na .001 P .001 S .002 Cl .003 K .002 Fe .001"),
    "thyroid": (1.05, "H .104 C .119 N .024 O .745 Na .002 P .001 S .001 Cl .002 K .001 I .001"),
    "lymph": (1.03, "H .108 C .041 N .011 O .832 Na .003 S .001 Cl .004"),
    "cartilage": (1.10, "H .096 C .099 N .022 O .744 Na .005 P .022 S .009 Cl .003"),
    "mean_male_soft_tissue": (1.03, "H .105 C .256 N .027 O .602 Na .001 P .002 S .003 Cl .002 K .002"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_tissues_are_as_published(name: str) -> None:
    density, text = PUBLISHED[name]
    words = text.split()
    expected = {s: float(f) for s, f in zip(words[::2], words[1::2], strict=True)}
    total = sum(expected.values())
    found = material(name)
    assert found.density == density
    assert found.fractions == pytest.approx({s: f / total for s, f in expected.items()}, rel=1e-12)


def test_water_is_h2o_at_22_degrees() -> None:
    water = material("water")
    assert water.density == 0.998
    hydrogen = 2 * 1.008 / (2 * 1.008 + 15.999)
    assert water.fractions["H"] == pytest.approx(hydrogen, abs=5e-5)  # given to four digits


def test_every_medium_has_a_source_and_adds_up() -> None:
    for entry in material_library().values():
        assert entry.source
        assert sum(entry.fractions.values()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("density", "fractions", "message"),
    [
        (0.0, {"H": 1.0}, r"density of stuff is 0.0 g/cm³, expected a positive number"),
        (-1.0, {"H": 1.0}, r"density of stuff is -1.0 g/cm³"),
        (float("nan"), {"H": 1.0}, r"density of stuff is nan g/cm³"),
        (
            1.0,
            {"H": 0.1, "O": -0.1, "C": 1.0},
            r"mass fraction of O in stuff is -0.1, expected a positive number",
        ),
        (1.0, {"H": 0.5, "Zz": 0.5}, r"element is 'Zz', expected a chemical symbol"),
        (1.0, {"H": 0.1, "O": 0.8}, r"sum of the mass fractions of stuff is 0.9000, expected 1 within 0.006"),
        (1.0, {}, r"sum of the mass fractions of stuff is 0.0000"),
    ],
)
def test_bad_media_are_refused(density: float, fractions: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Material("stuff", density, fractions, "test")


def test_unknown_medium_lists_the_known_ones() -> None:
    with pytest.raises(
        InvalidInput, match=r"medium is 'jelly', expected one of water, .*muscle.*Use a known name"
    ):
        material("jelly")
