"""Which seed an implant is of: names, seed files, half-lives."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import h5py
import pytest
from pydicom.dataset import Dataset

from mcsim.invalid_input import InvalidInput
from mcsim.seed_file import packaged_seed_entries
from mcsim.seed_model import load_seed_model
from validation.case import Case, Implant, built_in, read_seed_csv, write_seed_csv
from validation.case.dicom_source import read_source

HEAD = "x_cm,y_cm,z_cm,axis_x,axis_y,axis_z,air_kerma_strength_U,model"
NAMES = [
    (text, name) for name, entry in packaged_seed_entries().items() for text in (name, *entry["aliases"])
]


def own_file(folder: Path, name: str = "my seed") -> Path:
    """A palladium seed of the user: the packaged one under another name."""
    text = (files("mcsim.data") / "seeds" / "theraseed_200.json").read_text(encoding="utf-8")
    path = folder / "own.json"
    path.write_text(json.dumps({**json.loads(text), "name": name, "aliases": []}), encoding="utf-8")
    return path


def seed_list(folder: Path, model: str, head: str = HEAD, more: str = "") -> Path:
    path = folder / "seeds.csv"
    path.write_text(f"{head}\n0,0,0,0,0,1,0.6,{model}{more}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("model", "half_life_d"),
    [("6711", 59.4), ("TheraSeed 200", 16.991), ("CS-1", 9.689), ("2301", 59.4), ("", 59.4)],
)
def test_seeds_of_a_list_have_the_half_life_of_their_radionuclide(tmp_path, model, half_life_d):
    assert read_seed_csv(seed_list(tmp_path, model)).half_life_d == half_life_d


def test_a_list_may_say_the_half_life(tmp_path):
    head = HEAD + ",half_life_d"
    assert read_seed_csv(seed_list(tmp_path, "6711", head, ",59.6")).half_life_d == 59.6
    with pytest.raises(InvalidInput, match=r"half-life is 59.4 d, expected 16.991 d within 2 % .*Pd-103"):
        read_seed_csv(seed_list(tmp_path, "TheraSeed 200", head, ",59.4"))
    with pytest.raises(InvalidInput, match=r"half-life of the seeds of .* is not given, .*half_life_d"):
        read_seed_csv(seed_list(tmp_path, "my seed"))


def test_a_list_names_a_seed_file_beside_it(tmp_path, monkeypatch):
    own_file(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    implant = read_seed_csv(seed_list(tmp_path, "own.json"))
    assert (implant.model, implant.half_life_d) == ("my seed", 16.991)
    write_seed_csv(implant, elsewhere / "again.csv")
    assert read_seed_csv(elsewhere / "again.csv").seed_choice == implant.seed_choice
    with pytest.raises(InvalidInput, match=r"missing.json.*expected one of .*, or the path of a seed file"):
        read_seed_csv(seed_list(tmp_path, "missing.json"))


def test_a_name_is_never_a_file_of_the_working_folder(tmp_path, monkeypatch):
    own_file(tmp_path).rename(tmp_path / "2301")
    monkeypatch.chdir(tmp_path)
    implant = Implant("2301", [[0, 0, 0]], [[0, 0, 1]], [0.6], 59.4, [1])
    with pytest.raises(InvalidInput, match=r"seed model is '2301', expected one of .* Give --seed-model"):
        _ = implant.engine_model


def test_a_path_is_no_model_name():
    with pytest.raises(InvalidInput, match=r"a name, not a path.*give a seed file with --seed-model"):
        Implant("seeds/my.json", [[0, 0, 0]], [[0, 0, 1]], [0.6], 59.4, [1])


def test_the_case_file_keeps_the_seed_file_and_its_digest_covers_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDMC_CACHE_DIR", str(tmp_path / "cache"))
    neck = built_in("neck")
    text = own_file(tmp_path).read_text(encoding="utf-8")
    own = replace(neck.implant, model="my seed", half_life_d=16.991, seed_file=text)
    case = neck.with_implant(own)
    case.write(tmp_path / "case.h5")
    again = Case.read(tmp_path / "case.h5")
    assert again.implant.seed_choice == own.seed_choice
    assert load_seed_model(again.implant.engine_model).spectrum.radionuclide == "Pd-103"
    assert neck.with_implant(replace(own, seed_file=text + " ")).digest() != case.digest()
    with h5py.File(tmp_path / "case.h5", "r+") as file:
        file["implant/seed_file"][()] = text + " "
    with pytest.raises(InvalidInput, match=r"case_digest .*content was changed"):
        Case.read(tmp_path / "case.h5")


def test_a_seed_file_of_another_name_is_refused(tmp_path):
    text = own_file(tmp_path).read_text(encoding="utf-8")
    with pytest.raises(
        InvalidInput, match=r"seed model is 'another', expected 'my seed' as in its seed file"
    ):
        Implant("another", [[0, 0, 0]], [[0, 0, 1]], [0.6], 16.991, [1], text)


@pytest.mark.parametrize("key", ["SourceModelID", "SourceDescription"])
@pytest.mark.parametrize(("text", "name"), NAMES)
def test_a_plan_may_name_every_packaged_seed(key, text, name):
    spectrum = load_seed_model(name).spectrum
    item = Dataset()
    item.SourceNumber = 1
    item.ReferenceAirKermaRate = 0.6
    item.SourceIsotopeName = spectrum.radionuclide
    item.SourceIsotopeHalfLife = spectrum.half_life_d
    setattr(item, key, text)
    source = read_source(item, "plan")
    assert load_seed_model(source.model).name == name
    Implant(source.model, [[0, 0, 0]], [[0, 0, 1]], [0.6], source.half_life_d, [1])


@pytest.mark.parametrize("text", ["Cs-131 seed", "TheraSeed", "model 2000"])
def test_a_text_that_names_no_seed_stays_a_text(text):
    item = Dataset()
    item.SourceNumber, item.ReferenceAirKermaRate, item.SourceIsotopeHalfLife = 1, 0.6, 59.4
    item.SourceModelID = text
    assert read_source(item, "plan").model == text
