"""``seedmc inspect --seeds`` and ``--seed NAME``, and which table a case's seeds use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from tg43.source_data_catalogue import CataloguedSeed, catalogue
from validation.case import Implant, built_in
from validation.case.seed_choice import (
    SeedChoice,
    choose_seed,
    half_life_of,
    name_in_case,
    seed_for_engine,
    tg43_name,
)
from validation.cli import app, main
from validation.studies.inspect_seeds import describe_seed, describe_seed_tables
from validation.studies.seed_tables_page import with_published_text
from validation.studies.tg43_dose import find_source, read_tg43_dose

PAGE = Path(__file__).parents[2] / "docs" / "seeds.md"
ONE = [[0, 0, 0]], [[0, 0, 1]], [0.6]


def printed(*arguments: object) -> str:
    run = CliRunner().invoke(app, ["inspect", *map(str, arguments)])
    assert run.exit_code == 0, run.output
    return run.output


@pytest.fixture
def outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs the program: exit code and what it says to the error output."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["seedmc", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    return run


def table_of(name: str, title: str) -> dict[str, tuple[str, ...]]:
    section = next(section for section in describe_seed(name) if section.title.startswith(title))
    return {row[0]: row[1:] for row in section.rows}


def test_sixteen_seeds_are_listed_with_what_they_rest_on() -> None:
    tables, _, publications, names = describe_seed_tables()
    assert len(tables.rows) == len(names.rows) == 16
    rows = {row[0]: dict(zip(tables.headings, row, strict=True)) for row in tables.rows}
    assert rows["OncoSeed 6711"] == {
        "seed": "OncoSeed 6711", "L / cm": "0.3", "Λ": "0.965", "our Λ": "0.9270(16)", "g_L / cm": "0.1–10",
        "F / cm": "0.5–5", "F angles": "11", "from": "TG-43U1", "transcribed": "three", "simulated": "yes",
    }  # fmt: skip
    assert rows["ProSpera MED3631"]["g_L / cm"] == "0.25–7"
    assert [row["transcribed"] for row in rows.values()].count("one") == 13
    assert {name for name, row in rows.items() if row["simulated"] == "yes"} == {
        name for name, row in rows.items() if row["our Λ"] != "–"
    }
    assert any("doi:10.1118/1.2736790" in text for _, text in publications.rows)
    # Plain lines where the output is no terminal, each seed on one
    text = printed("--seeds")
    lines = text.splitlines()
    for name, row in rows.items():
        assert any(all(cell in line for cell in row.values()) for line in lines), name
    assert "\x1b" not in text


def test_the_tables_of_one_seed_are_shown() -> None:
    radial = table_of("2301", "Radial")
    assert radial["4"] == ("0.555", "0.5619", "0.562", "-0.4")
    assert table_of("2301", "1D anisotropy")["1"] == ("0.9946", "0.9946", "0.9450")
    assert table_of("6711", "1D anisotropy")["0.5"] == ("0.9730", "0.9713", "0.9730")
    assert table_of("LS-1", "Anisotropy function")["40"][0] == "1.675"
    text = printed("--seed", "2301")
    for words in ("Best Medical 2301", "TG-43 only", "jumps from 0.367", "two", "doi:10.1118/1.1646040"):
        assert words in text
    assert "no consensus" in printed("--seed", "agx100")
    assert "the project's own Monte Carlo" in printed("--seed", "mc:6711")
    assert "Pd-103" in printed("--seed", "TheraSeed 200")


def test_the_page_shows_the_packaged_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_published_text(page) == page, "run python -m validation.studies.seed_tables_page"
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| Best Medical 2301 |")]
    assert rows[0][-1] == "−0.050 at 1 cm |"


def test_an_unknown_seed_is_refused_with_the_known_ones(outcome: Callable[..., tuple[int, str]]) -> None:
    code, said = outcome("inspect", "--seed", "6712")
    assert code == 2
    assert "source is '6712', expected one of Best Medical 2301, BrachySeed LS-1" in said


@pytest.mark.parametrize("seed", catalogue(), ids=lambda seed: seed.source.name)
def test_a_case_of_any_of_them_uses_its_own_table(seed: CataloguedSeed) -> None:
    for text in (seed.source.name, *seed.aliases):
        name = name_in_case(text)  # a case takes no slash
        assert choose_seed(text) == SeedChoice(name)
        implant = Implant(name, *ONE, 59.4, [1])
        assert find_source(implant) is seed.source
        assert tg43_name(name) == seed.source.name
        assert half_life_of(SeedChoice(name)) == pytest.approx(59.4)


def test_seeds_with_a_table_only_give_tg43_doses_and_no_monte_carlo(
    tmp_path: Path, outcome: Callable[..., tuple[int, str]]
) -> None:
    neck = built_in("neck")
    case, dose_file, monte_carlo = (tmp_path / name for name in ("case.h5", "tg43.h5", "monte_carlo.h5"))
    neck.with_implant(replace(neck.implant, model="2301")).write(case)
    assert outcome("tg43", case, "--voxel", 4, "--out", dose_file)[0] == 0
    dose = read_tg43_dose(dose_file)
    assert dose.attrs["source"] == "Best Medical 2301"
    assert dose.attrs["dose_rate_constant"] == 1.018
    code, said = outcome("simulate", case, "--out", monte_carlo)
    assert code == 2
    assert "seed model is '2301', expected one of" in said
    assert "OncoSeed 6711" in said
    assert "Best Medical 2301 has a TG-43 table, but its solids" in said
    assert not monte_carlo.exists()


def test_a_half_life_of_another_radionuclide_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"half-life is 16.99 d, expected 59.4 d .*AgX100 holds I-125"):
        Implant("AgX100", *ONE, 16.99, [1])


def test_an_unknown_model_is_refused_as_before() -> None:
    assert tg43_name("my seed") == ""
    assert half_life_of(SeedChoice("my seed")) is None
    with pytest.raises(InvalidInput, match=r"seed model is 'my seed', .*\(its solids must be known\)"):
        seed_for_engine(SeedChoice("my seed"))
