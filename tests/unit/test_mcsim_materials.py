"""The library of media: published compositions, and what is refused."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.materials import Material, material, material_library, mixture
from mcsim.medium_tables import mass_energy_absorption

# ICRU 44/46 and Woodard & White 1986 (doi:10.1259/0007-1285-59-708-1209) as TG-186 lists them; the others as in the
# public copies of ICRU 44/46 that `about` of materials.json names.
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
    "mean_female_soft_tissue": (1.02, "H .106 C .315 N .024 O .547 Na .001 P .002 S .002 Cl .001 K .002"),
    "prostate": (1.04, "H .105 C .089 N .025 O .774 Na .002 P .001 S .002 K .002"),
    "breast_gland": (1.02, "H .106 C .332 N .030 O .527 Na .001 P .001 S .002 Cl .001"),
    "liver": (1.06, "H .102 C .139 N .030 O .716 Na .002 P .003 S .003 Cl .002 K .003"),
    "heart": (1.05, "H .104 C .139 N .029 O .718 Na .001 P .002 S .002 Cl .002 K .003"),
    "eye_lens": (1.07, "H .096 C .195 N .057 O .646 Na .001 P .001 S .003 Cl .001"),
    "brain": (1.04, "H .107 C .145 N .022 O .712 Na .002 P .004 S .002 Cl .003 K .003"),
    "calcification": (3.06, "H .003 C .016 N .005 O .407 P .187 Ca .382"),
    "spongiosa": (
        1.18,
        "H .085 C .404 N .028 O .367 Na .001 Mg .001 P .034 S .002 Cl .002 K .001 Ca .074 Fe .001",
    ),
    "mandible": (1.68, "H .046 C .199 N .041 O .435 Na .001 Mg .002 P .086 S .003 Ca .187"),
    "cranium": (1.61, "H .050 C .212 N .040 O .435 Na .001 Mg .002 P .081 S .003 Ca .176"),
    "vertebra": (1.42, "H .063 C .261 N .039 O .436 Na .001 Mg .001 P .061 S .003 Cl .001 K .001 Ca .133"),
    "red_marrow": (1.03, "H .105 C .414 N .034 O .439 P .001 S .002 Cl .002 K .002 Fe .001"),
    "yellow_marrow": (0.98, "H .115 C .644 N .007 O .231 Na .001 S .001 Cl .001"),
    "lung_blood_filled": (1.05, "H .103 C .105 N .031 O .749 Na .002 P .002 S .003 Cl .003 K .002"),
}
# (µen/ρ) of the medium over that of water at 28 keV, from XCOM with the fluorescence of Ca, P ... taken out
ABSORPTION_RATIO = {
    "muscle": 1.033, "adipose": 0.605, "cortical_bone": 6.86, "lung": 1.050, "skin": 0.943, "cartilage": 1.26,
    "blood": 1.07, "thyroid": 1.030, "lymph": 1.038, "mean_male_soft_tissue": 0.930, "air": 0.986,
}  # fmt: skip


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


@pytest.mark.parametrize("name", ABSORPTION_RATIO)
def test_absorption_against_water_at_28_kev(name: str) -> None:
    energy = np.array([28.0])
    ratio = (
        mass_energy_absorption(material(name), energy)[0]
        / mass_energy_absorption(material("water"), energy)[0]
    )
    # 1 %: the reference values are given to three digits and hold within 0.5 to 1 %
    assert ratio == pytest.approx(ABSORPTION_RATIO[name], rel=0.01)


def test_figures_in_the_file_add_up_as_printed() -> None:
    text = (files("mcsim.data") / "materials.json").read_text(encoding="utf-8")
    for name, entry in json.loads(text)["materials"].items():
        # Table 6 of Schneider 2000 is rounded to 0.1 % in up to twelve elements; the tissues add up exactly.
        tolerance = 2.1e-3 if entry["kind"] == "ct_bin" else 6e-4
        assert sum(entry.get("mixture", entry.get("fractions")).values()) == pytest.approx(
            1.0, abs=tolerance
        ), name


def test_every_medium_says_what_it_is_and_cites_a_publication_or_table() -> None:
    for name, entry in material_library().items():
        assert entry.kind in {"reference", "tissue", "mineral", "ct_bin", "seed"}, name
        if entry.kind in {"tissue", "ct_bin"}:
            assert "doi:" in entry.source or "ICRU Report" in entry.source, name


def test_every_composition_says_what_it_was_compared_with() -> None:
    for name, entry in material_library().items():
        told = ("grees" in entry.source) or "as in" in entry.source or "measured" in entry.source
        assert told or name.startswith("calcified_tissue"), name


@pytest.mark.parametrize(
    "name",
    ["cortical_bone", "spongiosa", "mandible", "cranium", "vertebra", "calcification", "hydroxyapatite"],
)
def test_calcium_and_phosphorus_are_those_of_bone_mineral(name: str) -> None:
    fractions = material(name).fractions
    mineral = 10 * 40.078 / (6 * 30.974)  # Ca10(PO4)6(OH)2
    # 0.1 % rounding of a few per cent of phosphorus; calcifications hold other phosphates too
    assert fractions["Ca"] / fractions["P"] == pytest.approx(mineral, rel=0.06)


def test_hydroxyapatite_is_its_formula() -> None:
    weights = {"Ca": 10 * 40.078, "P": 6 * 30.974, "O": 26 * 15.999, "H": 2 * 1.008}
    total = sum(weights.values())
    expected = {symbol: weight / total for symbol, weight in weights.items()}
    assert material("hydroxyapatite").fractions == pytest.approx(expected, rel=1e-3)


def test_a_mixture_keeps_mass_and_volume() -> None:
    tissue, mineral = material("mean_male_soft_tissue"), material("calcification")
    half = mixture("half", [(tissue, 0.5), (mineral, 0.5)], "test")
    volume = 0.5 / tissue.density + 0.5 / mineral.density
    assert half.density == pytest.approx(1.0 / volume)
    assert half.fractions["Ca"] == pytest.approx(0.5 * mineral.fractions["Ca"])
    assert half.fractions == pytest.approx(material("calcified_tissue_50").fractions)


def test_xraylib_knows_the_same_compact_compositions() -> None:
    xraylib = pytest.importorskip("xraylib", reason="xraylib is a development tool")
    # The NIST catalogue lists ICRP instead of ICRU tissues: other people, so a few per cent in µen/ρ, not more.
    for ours, theirs in (("blood", "Blood (ICRP)"), ("brain", "Brain (ICRP)"), ("lung", "Lung (ICRP)")):
        entry = xraylib.GetCompoundDataNISTByName(theirs)
        fractions = {
            xraylib.AtomicNumberToSymbol(z): f
            for z, f in zip(entry["Elements"], entry["massFractions"], strict=True)
            if f > 0.0
        }
        known = Material(theirs, entry["density"], fractions, "NIST")
        energy = np.array([28.0])
        ratio = mass_energy_absorption(material(ours), energy)[0] / mass_energy_absorption(known, energy)[0]
        assert ratio == pytest.approx(1.0, abs=0.04), ours
