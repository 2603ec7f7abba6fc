"""The packaged cross sections are what the build script makes of xraylib; every table says what it is."""

from __future__ import annotations

import json
from importlib.resources import as_file, files

import h5py
import numpy as np
import pytest

from mcsim.cross_sections import VACANCIES, cross_section_digest, element_table

SYMBOLS = (
    "H",
    "C",
    "N",
    "O",
    "Na",
    "P",
    "Cl",
    "Ar",
    "Ca",
    "Ti",
    "Fe",
    "Br",
    "Ag",
    "I",
    "W",
    "Au",
    "Pb",
    "Bi",
)


@pytest.fixture(scope="module")
def build():
    pytest.importorskip("xraylib", reason="xraylib, from which the table is built, is not installed")
    from mcsim.data import build_cross_sections

    return build_cross_sections


@pytest.fixture(scope="module")
def packaged():
    with as_file(files("mcsim.data") / "cross_sections.h5") as path, h5py.File(path, "r") as file:
        yield file


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_an_element_built_again_is_the_packaged_one(build, symbol: str) -> None:
    stored = element_table(symbol)
    built = build.element_table(stored.atomic_number)
    # single precision: 6e-8; energies, edges and lines are kept in double
    for name in ("energy", "edges", "line_energy", "line_shell", "shell_edge"):
        np.testing.assert_allclose(getattr(stored, name), built[name], rtol=1e-14)
    for name in (
        "photoelectric", "incoherent", "coherent", "momentum_transfer", "form_factor",
        "incoherent_scattering_function", "line_yield", "shell_yield", *VACANCIES,
    ):  # fmt: skip
        np.testing.assert_allclose(getattr(stored, name), built[name], rtol=1e-7, atol=1e-38, err_msg=name)


def test_the_whole_file_built_again_holds_the_same_numbers(build, packaged, tmp_path) -> None:
    build.write(tmp_path / "built.h5")
    with h5py.File(tmp_path / "built.h5", "r") as built:
        assert set(built) == set(packaged)
        for name in packaged:
            if packaged[name].dtype.kind == "f":
                np.testing.assert_allclose(built[name][()], packaged[name][()], rtol=1e-7, err_msg=name)
            else:
                np.testing.assert_array_equal(built[name][()], packaged[name][()], err_msg=name)


def test_elements_are_in_order_without_gaps(packaged) -> None:
    assert packaged["atomic_number"][()].tolist() == list(range(1, 84))
    symbols = packaged["symbol"].asstr()[()].tolist()
    assert symbols[:2] == ["H", "He"]
    assert symbols[-1] == "Bi"
    for symbol, number in zip(symbols, range(1, 84), strict=True):
        assert element_table(symbol).atomic_number == number


def test_every_dataset_has_a_unit_and_a_description(packaged) -> None:
    for name, data in packaged.items():
        assert data.attrs["units"], name
        assert data.attrs["description"], name
        if "offsets" in data.attrs:
            offsets = data.attrs["offsets"]
            assert np.all(np.diff(offsets) >= 0), name
            assert offsets[-1] == len(data), name


def test_the_file_names_its_source_and_version(packaged) -> None:
    attributes = dict(packaged.attrs)
    assert attributes["filetype"] == "seedmc-cross-sections"
    assert attributes["format_version"].startswith("2.")
    assert attributes["source"].startswith("xraylib ")
    assert "doi:10.1016/j.sab.2011.09.011" in attributes["reference"]
    assert (files("mcsim.data") / "build_cross_sections.py").is_file()
    assert attributes["build_script"] == "mcsim/data/build_cross_sections.py"
    assert len(cross_section_digest()) == 64


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_tables_make_physical_sense(symbol: str) -> None:
    element = element_table(symbol)
    assert element.energy[0] == 1.0
    assert element.energy[-1] == 40.0
    assert np.all(np.diff(element.energy) > 0.0)
    for edge in element.edges:
        assert np.any((element.energy < edge) & (element.energy > edge * 0.999))
        assert np.any((element.energy > edge) & (element.energy < edge * 1.001))
    assert element.form_factor[0] == pytest.approx(element.atomic_number, rel=1e-6)
    assert np.all(np.diff(element.form_factor) <= 1e-5 * element.atomic_number)  # ripple of a spline
    assert element.incoherent_scattering_function[0] == 0.0
    assert np.all(np.diff(element.incoherent_scattering_function) >= -1e-6 * element.atomic_number)
    assert element.incoherent_scattering_function[-1] <= element.atomic_number * (1.0 + 1e-6)
    for values in (element.photoelectric, element.incoherent, element.coherent):
        assert np.all(values > 0.0)
    for shell, name in enumerate(VACANCIES):
        vacancies = getattr(element, name)
        # one vacancy of K or of each L shell at most from the photon, and two of L after a K Auger decay
        assert np.all((vacancies >= 0.0) & (vacancies < (1.0 if shell == 0 else 2.0)))
        assert np.all(vacancies[element.energy < element.shell_edge[shell]] == 0.0)
        lines = element.line_shell == shell
        if np.any(lines):
            assert element.line_energy[lines].max() < element.shell_edge[shell]
            # what is below 1 keV is not in the table; for K nothing is missing
            whole = element.shell_yield[shell]
            assert element.line_yield[lines].sum() <= whole * (1.0 + 1e-6)
            if shell == 0 and element.line_energy[lines].min() > 1.1:
                assert element.line_yield[lines].sum() == pytest.approx(whole, rel=1e-6)


def test_media_seeds_and_spectra_name_their_sources() -> None:
    media = json.loads((files("mcsim.data") / "materials.json").read_text(encoding="utf-8"))["materials"]
    for name, entry in media.items():
        assert entry["source"].strip(), name
        assert {"density", "fractions"} <= set(entry) or "mixture" in entry, name
    for folder in ("seeds", "spectra"):
        tables = [r for r in (files("mcsim.data") / folder).iterdir() if r.name.endswith(".json")]
        assert tables
        for resource in tables:
            entry = json.loads(resource.read_text(encoding="utf-8"))
            assert "doi:" in entry["source"] or "doi.org" in entry["source"], resource.name


def test_spectra_agree_with_what_they_say() -> None:
    for resource in (files("mcsim.data") / "spectra").iterdir():
        if not resource.name.endswith(".json"):
            continue
        entry = json.loads(resource.read_text(encoding="utf-8"))
        assert entry["name"] == resource.name.removesuffix(".json")
        assert len(entry["energy_kev"]) == len(entry["photons_per_decay"])
        assert all(1.0 < e < 40.0 for e in entry["energy_kev"])
        assert entry["half_life_d"] > 0.0
