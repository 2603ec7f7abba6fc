"""EGSnrc files of a case: phantom, egs_brachy input, and the phantom read as a case again."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from mcsim.medium_tables import mass_energy_absorption
from validation.case import Case, Prescription, Structure
from validation.case.egs_case import around_seeds, egsphant_case
from validation.case.egs_phantom import EgsPhantom, egsphant_text, library_media, read_egsphant
from validation.case.image import TissueMap
from validation.export.dose_text import write_dose_csv, write_text
from validation.export.egs_brachy import input_text, muen_text, rotation, transformations
from validation.studies.export_case import egs_phantom
from validation.studies.media_settings import MediaSettings
from validation.studies.patient_phantom import patient_phantom

FILE = "2\nWATER_0.998\nAIR_TG43\n0.25 0.25\n3 2 1\n0 1 2 3\n0 1 2\n-1 1\n121\n112\n\n1 0.0012 1.1 1 1 0.5\n"


UNEVEN = "1\nWATER\n0.25\n5 2 2\n0 1 2 4 5 6\n0 1 2\n0 1 2\n" + 4 * "11111\n" + 4 * "1 1 1 1 1\n"


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "a.egsphant").write_text(text)
    return tmp_path / "a.egsphant"


def test_a_phantom_is_read_x_fastest(tmp_path: Path) -> None:
    phantom = read_egsphant(write(tmp_path, FILE))
    assert phantom.medium[:, :, 0].tolist() == [[0, 0], [1, 0], [0, 1]]
    assert phantom.density[:, 1, 0].tolist() == [1.0, 1.0, 0.5]
    spaced = read_egsphant(write(tmp_path, FILE.replace("121\n112", "1 2 1\n1 1 2")))
    assert (spaced.medium == phantom.medium).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("2\nWATER", "0\nWATER"), "number of media of a.egsphant is '0'"),
        (("2\nWATER", "two\nWATER"), "number of media"),
        (("121\n", "131\n"), "medium of voxel 2 of a.egsphant is '3', expected one of 12"),
        (("121\n", "101\n"), "vacuum is not simulated"),
        (("121\n", "12\n"), "medium characters, expected 6|densities, expected 6"),
        (("1 0.0012", "0.0012"), "has 5 densities, expected 6"),
        (("1 0.0012", "-1 0.0012"), r"density of voxel \[0, 0, 0\] of a.egsphant is -1 g/cm3"),
        (("0.0012 1.1", "nan 1.1"), "expected > 0"),
        (("1.1 1", "heavy 1"), "value 3 of the densities .* is 'heavy'"),
        (("0 1 2 3\n", "0 2 1 3\n"), "x boundaries of a.egsphant"),
        (("3 2 1\n", "3 2 0\n"), "grid size of a.egsphant"),
    ],
)
def test_a_broken_phantom_is_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert change[0] in FILE
    with pytest.raises(InvalidInput, match=words):
        read_egsphant(write(tmp_path, FILE.replace(*change, 1)))


def test_missing_and_empty_phantoms_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not readable"):
        read_egsphant(tmp_path / "missing.egsphant")
    with pytest.raises(InvalidInput, match="number of media"):
        read_egsphant(write(tmp_path, ""))


def test_names_of_media_are_known_chosen_or_refused() -> None:
    assert library_media(["H2O700ICRU", "AIR521ICRU", "CORTICAL_BONE", "PROSTATE_WW86"], {}, "a") == (
        "water", "dry_air", "cortical_bone", "prostate",
    )  # fmt: skip
    with pytest.raises(
        InvalidInput, match=r"medium of a is 'TUMOUR', expected .* --medium TUMOUR=muscle.*lymph"
    ):
        library_media(["TUMOUR"], {}, "a")
    with pytest.raises(InvalidInput, match="medium 'LUNG' is not in a, expected one of TUMOUR"):
        library_media(["TUMOUR"], {"LUNG": "lung"}, "a")


def random_phantom() -> EgsPhantom:
    rng = np.random.default_rng(4)
    planes = tuple(np.linspace(-3.3, 3.7, n + 1) + 1e-4 * rng.random(n + 1) for n in (5, 6, 7))
    names = tuple(f"MEDIUM_{k}" for k in range(14))  # more than digits
    return EgsPhantom(
        planes, rng.integers(0, 14, (5, 6, 7)).astype(np.uint8), rng.uniform(0.001, 3, (5, 6, 7)), names
    )


def test_a_phantom_comes_back(tmp_path: Path) -> None:
    phantom = random_phantom()
    write_text(egsphant_text(phantom), tmp_path / "a.egsphant.gz")
    again = read_egsphant(tmp_path / "a.egsphant.gz")
    assert again.names == phantom.names
    np.testing.assert_array_equal(again.medium, phantom.medium)
    np.testing.assert_allclose(again.density, phantom.density, rtol=1e-8)  # 9 digits
    for a, b in zip(again.planes, phantom.planes, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8)
    with pytest.raises(InvalidInput, match="phantom has 36 media, expected at most 35"):
        egsphant_text(replace(phantom, names=("WATER",) * 36))


def phantom_case(path: Path, case: Case) -> Case:
    target = Structure("GTV", "target", case.structures["GTV node"].contours, 0.25)
    return egsphant_case(path, case.implant, [target], Prescription(120.0, "GTV"), {})


def test_a_case_of_a_phantom_is_simulated_in_its_own_voxels(case: Case, tmp_path: Path) -> None:
    x = np.linspace(-2, 2, 41)
    centre = 0.5 * (x[1:] + x[:-1])
    medium = np.broadcast_to((centre > 0.7)[:, None, None], (40, 40, 40)).astype(np.uint8)
    density = np.where(medium, 1.92, 0.998) * (1 + 0.001 * np.arange(40))
    phantom = EgsPhantom((x + 0.03, x, x), medium, density, ("WATER", "CORTICAL_BONE"))
    write_text(egsphant_text(phantom), tmp_path / "a.egsphant")
    read = phantom_case(tmp_path / "a.egsphant", case)
    made, description = patient_phantom(read, 0.1)
    assert description["hounsfield_curve"] == "none: media and densities of the case"
    scored = made.scoring
    np.testing.assert_allclose(made.planes[0][scored[0].start : scored[0].stop + 1], x + 0.03, atol=1e-9)
    np.testing.assert_array_equal(made.medium[scored], medium)
    np.testing.assert_allclose(made.density[scored], density, rtol=1e-6)  # float32
    coarse, _ = patient_phantom(read, 0.2)
    inside = coarse.scoring
    edges = [coarse.planes[k][inside[k].start : inside[k].stop + 1] for k in range(3)]
    volume = np.diff(edges[0])[:, None, None] * np.diff(edges[1])[:, None] * np.diff(edges[2])
    # voxels shifted by 0.3 of their size against cells of 2 mm: mass is kept away from the outermost ones
    cut = slice(2, -2)
    planes = [np.asarray(e)[2:-2] for e in edges]
    overlap = [np.clip(np.minimum(p[-1], q[1:]) - np.maximum(p[0], q[:-1]), 0, None)
               for p, q in zip(planes, phantom.planes, strict=True)]  # fmt: skip
    mass = np.einsum("i,j,k,ijk", *overlap, density)
    assert (volume * coarse.density[inside])[cut, cut, cut].sum() == pytest.approx(mass, rel=1e-5)
    read.write(tmp_path / "case.h5")
    stored = Case.read(tmp_path / "case.h5")
    assert stored.digest() == read.digest()
    assert stored.tissue is not None
    assert (
        replace(stored, tissue=replace(stored.tissue, density=stored.tissue.density * 1.01)).digest()
        != read.digest()
    )


def test_an_exported_phantom_reads_as_the_same_case(case: Case, tmp_path: Path) -> None:
    phantom = egs_phantom(case, None, MediaSettings())
    write_text(
        egsphant_text(replace(phantom, names=tuple(n.upper() for n in phantom.names))),
        tmp_path / "a.egsphant",
    )
    read = phantom_case(tmp_path / "a.egsphant", case)
    assert read.tissue is not None
    assert read.tissue.media == phantom.names
    np.testing.assert_array_equal(read.tissue.medium, phantom.medium)
    np.testing.assert_array_equal(read.tissue.density, phantom.density.astype(np.float32))
    for axis in "xyz":
        np.testing.assert_allclose(getattr(read.image, axis), getattr(case.image, axis), rtol=0, atol=1e-6)
    again = egs_phantom(read, None, MediaSettings())
    assert egsphant_text(again) == egsphant_text(phantom)


def test_uneven_voxels_and_foreign_maps_are_refused(case: Case, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cm as elsewhere"):
        phantom_case(write(tmp_path, UNEVEN), case)
    with pytest.raises(InvalidInput, match="tissue map has shape"):
        replace(case, tissue=TissueMap(np.zeros((2, 2, 2)), np.ones((2, 2, 2)), ["water"]))
    with pytest.raises(InvalidInput, match="margin around the seeds"):
        around_seeds(case.implant, 0.0, case.image)


def matrices(alpha: float, beta: float) -> np.ndarray:
    """R_x(α) R_y(β) as egs++ defines them (egs_transformations.h, EGSnrc)."""
    ca, sa, cb, sb = math.cos(alpha), math.sin(alpha), math.cos(beta), math.sin(beta)
    return np.array([[1, 0, 0], [0, ca, sa], [0, -sa, ca]]) @ np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])


def test_seeds_stand_in_the_input_as_in_the_case(case: Case) -> None:
    text = transformations(case.implant)
    places = np.array([[float(v) for v in m.split()] for m in re.findall(r"translation = (.*)", text)])
    angles = np.array([[float(v) for v in m.split()] for m in re.findall(r"rotation = (.*)", text)])
    np.testing.assert_allclose(places, case.implant.positions, rtol=0, atol=1e-8)
    turned = np.array([matrices(alpha, beta) @ (0, 0, 1) for alpha, beta, _ in angles])
    np.testing.assert_allclose(turned, case.implant.axes, rtol=0, atol=1e-9)
    rng = np.random.default_rng(5)
    for direction in rng.normal(size=(50, 3)):
        axis = direction / np.linalg.norm(direction)
        np.testing.assert_allclose(matrices(*rotation(axis)) @ (0, 0, 1), axis, rtol=0, atol=1e-12)


def test_the_input_is_complete(case: Case) -> None:
    text = input_text("small", case.implant, ["muscle", "air"], 1000)
    starts, stops = (re.findall(rf":{word} ([^:]+):", text) for word in ("start", "stop"))
    assert sorted(starts) == sorted(stops)
    weights = [float(v) for v in re.search(r"source weights = (.*)", text).group(1).split()]  # type: ignore[union-attr]
    assert sum(weights) == pytest.approx(4)
    assert weights[2] / weights[0] == pytest.approx(0.7 / 0.635)
    for part in (
        "egsphant file = small.egsphant.gz",
        "muen for media = MUSCLE, AIR",
        "OncoSeed_6711.geom",
        "ncase = 1000",
    ):
        assert part in text
    assert "run mode = superposition" in input_text("small", case.implant, ["air"], 10, interseed=False)
    with pytest.raises(InvalidInput, match="seed model is '2301', expected one of OncoSeed 6711"):
        input_text("small", replace(case.implant, model="2301"), ["air"], 10)


def test_coefficients_are_those_of_the_tables() -> None:
    lines = muen_text(["muscle"]).splitlines()[4:]
    energy, value = (float(v) for v in (lines[1500].split()[0], lines[1500].split()[2]))
    expected = mass_energy_absorption(material("muscle"), np.array([1000 * energy]))[0]
    assert value == pytest.approx(expected, rel=1e-4)  # the energy is written to 1 µeV of an MeV
    assert len(lines) == 2000


def test_a_dose_table_says_where(dose, tmp_path: Path) -> None:
    write_dose_csv(dose, tmp_path / "dose.csv")
    table = np.genfromtxt(tmp_path / "dose.csv", delimiter=",", names=True)
    assert table.dtype.names == ("x_cm", "y_cm", "z_cm", "dose_Gy", "std_dev_Gy")
    i, j, k = 3, 7, 2
    row = table[np.ravel_multi_index((i, j, k), dose.dose.shape)]
    np.testing.assert_allclose(
        list(row), [dose.x[i], dose.y[j], dose.z[k], dose.dose[i, j, k], dose.std_dev[i, j, k]]
    )
