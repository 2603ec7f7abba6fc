"""A user's own seed file: what it may hold, that it works without code, and how a bad one is refused."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from mcsim.medium_tables import mass_energy_absorption
from mcsim.phase_space import KEV_PER_GRAM_IN_GRAY, air_kerma_per_photon, make_phase_space
from mcsim.ring_dose import ring_dose
from mcsim.seed_model import load_seed_model, seed_model_names

LINES = {
    "name": "one line",
    "radionuclide": "Xx-1",
    "half_life_d": 10.0,
    "energy_kev": [20.0, 30.0],
    "photons_per_decay": [1.0, 0.5],
    "source": "example",
}
SEED = {
    "name": "my seed",
    "source": "example",
    "spectrum": LINES,
    "active": [{"solid": "bead", "weight": 3.0}, {"solid": "pill", "weight": 1.0}],
    "outer": "shell",
    "mirror_symmetric": False,
    "materials": {"wax": {"density": 0.93, "fractions": {"H": 0.149, "C": 0.851}, "source": "example"}},
    "solids": [
        {"name": "shell", "material": "titanium", "shape": "ellipsoid", "radius": 0.05, "half_length": 0.25},
        {"name": "hollow", "material": "air", "shape": "cylinder", "radius": 0.035, "z": [-0.15, 0.15]},
        {"name": "bead", "material": "wax", "shape": "sphere", "radius": 0.02, "centre": -0.1},
        {"name": "pill", "material": "wax", "shape": "cone", "radii": [0.0, 0.03], "z": [0.0, 0.1]},
    ],
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], Path]:
    def file(entry: object) -> Path:
        path = tmp_path / "my_seed.json"
        path.write_text(entry if isinstance(entry, str) else json.dumps(entry), encoding="utf-8")
        return path

    return file


def test_a_file_makes_a_seed_without_code(write: Callable[[object], Path]) -> None:
    model = load_seed_model(write(SEED))
    assert model.media == ("titanium", "air", "wax")
    assert model.radius == pytest.approx(0.05, rel=1e-6)
    volumes = {"bead": 4.0 / 3.0 * np.pi * 0.02**3, "pill": np.pi * 0.03**2 * 0.1 / 3.0}
    for name, share in (("bead", 0.75), ("pill", 0.25)):
        zones = [(zone, part) for zone, part in model.active_zones() if zone.solid.name == name]
        assert np.pi * sum(zone.volume() for zone, _ in zones) == pytest.approx(volumes[name], rel=1e-12)
        assert sum(part for _, part in zones) == pytest.approx(share, rel=1e-12)
    seed = make_phase_space(load_seed_model(str(write(SEED))), histories=100_000)
    assert 0.3 < seed.productive_share < 1.0
    assert seed.photons[:, 6].max() <= 30.0
    dose = ring_dose(model, seed, np.array([[0.95, 1.05, -0.05, 0.05]]), 20_000)
    assert dose.dose_per_history[0] > 10.0 * dose.std_dev[0]


def test_a_packaged_spectrum_replaces_the_files_own(write: Callable[[object], Path]) -> None:
    caesium = {**SEED, "spectrum": {**LINES, "radionuclide": "Cs-131"}}
    assert load_seed_model(write(caesium), "cs131_nndc").spectrum.half_life_d == 9.689
    assert load_seed_model(write({**SEED, "spectrum": "pd103_nndc"})).spectrum.energy_kev[0] == 20.074
    assert load_seed_model(write(caesium)).digest() != load_seed_model(write(caesium), "cs131_nndc").digest()
    with pytest.raises(InvalidInput, match=r"spectrum is 'cs131_nndc' of Cs-131, expected one of Xx-1"):
        load_seed_model(write(SEED), "cs131_nndc")


def test_a_bare_source_has_the_analytic_strength(write: Callable[[object], Path]) -> None:
    ball = {"name": "ball", "material": "air", "shape": "sphere", "radius": 0.02}
    bare = {**SEED, "active": "ball", "outer": "ball", "solids": [ball], "mirror_symmetric": True}
    seed = make_phase_space(load_seed_model(write(bare)), histories=200_000)
    energies, photons = np.array(LINES["energy_kev"]), np.array(LINES["photons_per_decay"])
    kerma = energies * mass_energy_absorption(material("dry_air"), energies) * KEV_PER_GRAM_IN_GRAY
    expected = np.average(kerma, weights=photons) / (4.0 * np.pi)
    parts = air_kerma_per_photon(seed.photons[:, 5].astype(float), seed.photons[:, 6].astype(float))
    # 0.02 cm of air absorbs 2e-5; 4.9 σ of the sampling of directions and lines
    assert abs(seed.air_kerma_strength - expected) < 4.9 * parts.std() / np.sqrt(200_000) + 2e-5 * expected


def test_the_page_on_seeds_is_right(write: Callable[[object], Path]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "seeds.md").read_text(encoding="utf-8")
    example = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert example
    model = load_seed_model(write(example[1]))
    assert model.media == ("steel", "air", "silver_iodide", "silver")
    table = page.split("### How they compare")[0]
    rows = re.findall(r"^\| ([^|]*?) \| (`[^|]*`) \|", table, re.MULTILINE)
    assert {name for name, _ in rows} == set(seed_model_names())
    for name, aliases in rows:
        for alias in re.findall(r"`([^`]*)`", aliases):
            assert load_seed_model(alias).name == name


def changed(*path: object, to: object) -> dict[str, Any]:
    """The good seed with one value replaced; `...` removes it."""
    entry = copy.deepcopy(SEED)
    place: Any = entry
    for key in path[:-1]:
        place = place[key]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return entry


def with_solid(index: int, **changes: object) -> dict[str, Any]:
    return changed("solids", index, to={**SEED["solids"][index], **changes})  # type: ignore[index,dict-item]


ROD = {"name": "rod", "material": "silver", "shape": "cylinder", "radius": 0.01, "z": [0.05, 0.14]}
BAD = {
    "no JSON": ("{", r"seed file .*my_seed.json is not JSON .*expected a JSON object"),
    "no object": ("[1]", r"seed file .* is \[1\], expected an object with name, source"),
    "missing key": (
        changed("outer", to=...),
        r"outer of the seed file .* is not given, expected name, .*1 missing",
    ),
    "unknown key": (
        changed("colour", to="red"),
        r"key of the seed file .* is 'colour', expected one of name,",
    ),
    "no solids": (changed("solids", to=[]), r"solids of my seed is \[\], expected a list of at least one"),
    "unknown solid key": (
        with_solid(1, length=1),
        r"key of the solid hollow in my seed is 'length', expected one of",
    ),
    "missing solid key": (
        changed("solids", 1, "radius", to=...),
        r"radius of the solid hollow in my seed is not giv",
    ),
    "no shape": (changed("solids", 1, "shape", to=...), r"shape of the solid hollow in my seed is not given"),
    "unknown shape": (
        with_solid(1, shape="torus"),
        r"shape of hollow in my seed is 'torus', expected one of cylinder",
    ),
    "unknown material": (
        with_solid(1, material="kryptonite"),
        r"material of hollow in my seed is 'kryptonite', exp",
    ),
    "unknown element": (
        changed("materials", "wax", "fractions", to={"Kr9": 1.0}),
        r"element is 'Kr9', expected a che",
    ),
    "negative density": (
        changed("materials", "wax", "density", to=-1),
        r"density of the material wax of my seed is -1",
    ),
    "fractions": (
        changed("materials", "wax", "fractions", "C", to=0.5),
        r"sum of the mass fractions of wax is 0.649",
    ),
    "library name": (
        changed("materials", "water", to=SEED["materials"]["wax"]),
        r"material water of my seed is give",
    ),  # type: ignore[index]
    "negative radius": (
        with_solid(1, radius=-0.035),
        r"radius of hollow in my seed is -0.035 cm, expected a positive",
    ),
    "text for a number": (
        with_solid(1, radius="wide"),
        r"radius of hollow in my seed is 'wide' cm, expected a positi",
    ),
    "descending z": (
        with_solid(1, z=[0.1, -0.1]),
        r"z of hollow in my seed is \[0.1, -0.1\] cm, expected ascending",
    ),
    "one z": (with_solid(1, z=[0.1]), r"z of hollow in my seed is \[0.1\] cm, expected two numbers"),
    "negative radii": (
        with_solid(3, radii=[-0.1, 0.03]),
        r"radii of pill in my seed is \[-0.1, 0.03\] cm, expected",
    ),
    "cap beyond the pole": (
        with_solid(2, z=[-0.13, 0.0]),
        r"z of bead in my seed is .* expected within -0.12 to -0.08",
    ),
    "sticks out": (
        with_solid(1, z=[-0.15, 0.2]),
        r"radius of hollow of my seed is 0.035000 cm at z = 0.19.* shell",
    ),
    "longer than the outer": (with_solid(1, z=[-0.15, 0.3]), r"radius of hollow of .* expected at most 0.0"),
    "outer not first": (
        changed("outer", to="hollow"),
        r"first solid of my seed is 'shell', expected the outer one, 'h",
    ),
    "unknown outer": (
        changed("outer", to="can"),
        r"outer of my seed is 'can', expected one of its solids, shell, hol",
    ),
    "unknown active": (
        changed("active", to="core"),
        r"active part of my seed is 'core', expected one of its solids",
    ),
    "no active": (
        changed("active", to=[]),
        r"active of my seed is \[\], expected the name of a solid or a list",
    ),
    "active weight": (
        changed("active", 0, "weight", to=0),
        r"weight of active part 0 of my seed is 0, expected a posi",
    ),
    "active twice": (changed("active", 1, "solid", to="bead"), r"active part bead of my seed comes twice"),
    "not symmetric": (
        changed("mirror_symmetric", to=True),
        r"mirror_symmetric of my seed is true, expected false \(at",
    ),
    "symmetric unsaid": (
        changed("mirror_symmetric", to="yes"),
        r"mirror_symmetric of my seed is 'yes', expected true",
    ),
    "no lines": (
        changed("spectrum", "energy_kev", to=[]),
        r"energy_kev of the spectrum of my seed is \[\], expected",
    ),
    "uneven lines": (
        changed("spectrum", "energy_kev", to=[20.0]),
        r"number of photons_per_decay of the .* is 2, expec",
    ),
    "line too high": (
        changed("spectrum", "energy_kev", 0, to=88.0),
        r"energy_kev\[0\] of the spectrum of my seed is 88",
    ),
    "negative line": (
        changed("spectrum", "photons_per_decay", 0, to=-1),
        r"photons_per_decay\[0\] of the spec.* is -1",
    ),
    "unknown spectrum": (
        changed("spectrum", to="au198"),
        r"spectrum is 'au198', expected one of cs131_nndc,",
    ),
}


def with_more(*solids: dict[str, object], **changes: object) -> dict[str, Any]:
    entry = copy.deepcopy(SEED)
    entry["solids"] = [*SEED["solids"], *solids]  # type: ignore[misc]
    return {**entry, **changes}


BAD |= {
    # a rod that begins inside the pill and goes on beyond it
    "overlap partly": (
        with_more(ROD),
        r"radius of rod of my seed is 0.010000 cm at z = 0.1.* cm, expected at most 0.000000 cm, that of pill",
    ),
    "hidden": (
        with_more({**SEED["solids"][2], "name": "lead", "material": "lead"}),  # type: ignore[dict-item]
        r"active region of my seed is empty, expected a part of 'bead' that later solids do not cover",
    ),
    "scattered name": (
        with_more({**ROD, "name": "hollow", "z": [0.11, 0.12]}),
        r"order of the solids hollow of my seed is \[1, 4\], expected one after the other",
    ),
    "two media": (
        with_more({**ROD, "name": "pill", "radius": 0.001}),
        r"material of the solids pill of my seed is silver and wax, expected one",
    ),
    "dented outside": (
        {
            **SEED,
            "active": "shell",
            "solids": [
                {
                    "name": "shell",
                    "material": "wax",
                    "shape": "cone",
                    "radii": [0.05, 0.02],
                    "z": [-0.1, 0.0],
                },
                {"name": "shell", "material": "wax", "shape": "cone", "radii": [0.02, 0.05], "z": [0.0, 0.1]},
            ],
        },
        r"outside of my seed is dented by 0.03.* cm at z = .*, expected convex",
    ),
    "outside in two": (
        {
            **SEED,
            "active": "shell",
            "solids": [
                {"name": "shell", "material": "wax", "shape": "cylinder", "radius": 0.05, "z": [-0.1, -0.01]},
                {"name": "shell", "material": "wax", "shape": "cylinder", "radius": 0.05, "z": [0.01, 0.1]},
            ],
        },
        r"outside of my seed is dented by 0.05.* cm",
    ),
    "uneven activity": (
        {
            **SEED,
            "mirror_symmetric": True,
            "active": [{"solid": "left", "weight": 1.0}, {"solid": "right", "weight": 1.1}],
            "solids": [
                SEED["solids"][0],  # type: ignore[index]
                {"name": "left", "material": "wax", "shape": "cylinder", "radius": 0.02, "z": [-0.1, 0.0]},
                {"name": "right", "material": "wax", "shape": "cylinder", "radius": 0.02, "z": [0.0, 0.1]},
            ],
        },
        r"mirror_symmetric of my seed is true, expected false",
    ),
}


@pytest.mark.parametrize(("entry", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_in_one_sentence(
    write: Callable[[object], Path], entry: object, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        load_seed_model(write(entry))
    assert "\n" not in str(refusal.value)
    assert "expected" in str(refusal.value)


def test_even_halves_are_symmetric_though_written_apart(write: Callable[[object], Path]) -> None:
    entry = copy.deepcopy(BAD["uneven activity"][0])
    assert isinstance(entry, dict)
    # twice the length, twice the weight: the same activity per volume, and a border at z = 0.05 that is none
    entry["active"] = [{"solid": "left", "weight": 3.0}, {"solid": "right", "weight": 1.0}]
    entry["solids"][1]["z"], entry["solids"][2]["z"] = [-0.1, 0.05], [0.05, 0.1]
    assert load_seed_model(write(entry)).mirror_symmetric


def test_no_such_model_or_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"expected one of .*STM1251.*, or the path of a seed file"):
        load_seed_model(tmp_path / "absent.json")
