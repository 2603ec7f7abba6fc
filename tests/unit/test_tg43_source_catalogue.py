"""The packaged published TG-43 tables: named, sourced, made from the numbers they say they are made from."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

import tg43
from mcsim.seed_file import packaged_seed_entries
from mcsim.seed_model import load_seed_model
from tg43.source_data import packaged_documents
from tg43.source_data_catalogue import CataloguedSeed, catalogue

DATA = Path(tg43.__file__).parent / "data"
SEEDS = {seed.source.name: seed for seed in catalogue()}


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_published_tables", DATA / "build_published_tables.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_are_what_the_script_makes_of_the_transcribed_numbers(shared_dir: Path) -> None:
    numbers = shared_dir / "facts" / "tg43_i125_seeds.json"
    if not numbers.is_file():
        pytest.skip("the file of transcribed numbers is not there")
    build = builder()
    made = build.published_documents(numbers)
    assert {document["name"] for document in made.values()} == set(SEEDS)
    for name, document in made.items():
        assert (DATA / f"{name}.json").read_text(encoding="utf-8") == build.as_text(document), name


def test_the_script_refuses_a_seed_that_only_one_file_knows(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps({"seeds": [{"model": "another seed"}]}), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"another seed.*in only one of"):
        builder().published_documents(numbers)


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_each_entry_says_where_its_numbers_come_from(seed: CataloguedSeed) -> None:
    assert seed.manufacturer
    assert seed.source.radionuclide == "I-125"
    assert seed.source.half_life == 59.4
    for table in ("dose_rate_constant", "radial_dose_function", "anisotropy_function"):
        origin = seed.origins[table]
        assert re.fullmatch(r"10\.\d{4}/\S+", origin.doi)
        assert origin.transcriptions >= 1
    factor = seed.origins["anisotropy_factor"]
    assert bool(factor.doi) == bool(factor.transcriptions)
    assert seed.transcriptions == min(
        seed.origins[table].transcriptions
        for table in ("dose_rate_constant", "radial_dose_function", "anisotropy_function")
    )
    said = " ".join(seed.source.provenance)
    if seed.transcriptions == 1:
        assert re.search(r"\bon one\b", said)
    assert ("Not a consensus" in " ".join(seed.cautions)) != seed.consensus


def test_what_rests_on_one_transcription_is_marked() -> None:
    several = {name: seed.transcriptions for name, seed in SEEDS.items() if seed.transcriptions > 1}
    assert several == {"OncoSeed 6711": 3, "IsoAid IAI-125A": 2, "Best Medical 2301": 2}
    assert {name for name, seed in SEEDS.items() if not seed.consensus} == {
        "ThinSeed 9011", "selectSeed 130.002", "I-Seed AgX100",
    }  # fmt: skip


def test_no_name_stands_for_two_seeds() -> None:
    owner: dict[str, str] = {}
    for document in packaged_documents():
        seed = document["name"].removesuffix(" Monte Carlo")
        for name in (document["name"], *document["aliases"]):
            key = "".join(filter(str.isalnum, name.casefold()))
            assert owner.setdefault(key, seed) == seed, name


@pytest.mark.parametrize("name", packaged_seed_entries())
def test_every_name_of_a_simulated_seed_finds_its_published_table(name: str) -> None:
    published = SEEDS.get(name)
    for text in (name, *packaged_seed_entries()[name]["aliases"]):
        source = tg43.load_source(text)
        if published is None:
            assert source.name == f"{name} Monte Carlo"
            continue
        assert source is published.source
        assert published.monte_carlo is tg43.load_source(text, "monte_carlo")
        model = load_seed_model(name)
        assert source.capsule_length == pytest.approx(2 * model.half_length)
        assert source.capsule_radius == pytest.approx(model.radius)


@pytest.mark.parametrize("text", ["iai 125a", "IAI125A", "isoaid iai-125a"])
def test_punctuation_does_not_matter(text: str) -> None:
    assert tg43.load_source(text) is tg43.load_source("IAI-125A")


def test_a_single_publication_is_no_consensus() -> None:
    assert tg43.read_source("published:9011") is tg43.load_source("9011")
    assert tg43.read_source("consensus:2301") is tg43.load_source("2301")
    with pytest.raises(tg43.InvalidInput, match=r"'2301' with table 'published', expected one of I-Seed AgX"):
        tg43.read_source("published:2301")
