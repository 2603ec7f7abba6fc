"""The cohort commands as a user runs them, on the examples of the page that describes their tables."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from validation.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "file_formats" / "cohort.md").read_text(encoding="utf-8")
DOSIMETRY, VISITS, COUNTS, SURVIVAL = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)


def run(tmp_path, command, text, *options, name="table.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["cohort", command, str(path), "--out", str(tmp_path / "out"), *options])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.output, tmp_path / "out"


def test_dosimetry(tmp_path):
    output, out = run(tmp_path, "dosimetry", DOSIMETRY)
    assert re.search(r"D90 \[Gy\] +3 +1 ", output)
    assert "1 lesion" not in output.splitlines()[0]
    with (out / "dosimetry.csv").open() as stream:
        rows = {row["quantity"]: row for row in csv.DictReader(stream)}
    assert float(rows["D90"]["effect"]) == pytest.approx((118.4 + 125.1 + 109.3 - 131.2 - 118.7 - 122.9) / 3)
    assert {"D90", "D100", "V100", "HI", "seeds"} <= set(rows)
    assert "Shapiro-Wilk" in (out / "dosimetry.html").read_text()


def test_response(tmp_path):
    output, out = run(tmp_path, "response", VISITS)
    assert "ORR: A 100 %, B 0 %" in output
    assert (out / "visits.csv").is_file()
    output, _ = run(tmp_path, "response", COUNTS)
    assert "ORR: A 21 %, B 32 %, C 77 %; Kruskal-Wallis over the categories p = 0.006." in output


def test_survival(tmp_path):
    output, out = run(tmp_path, "survival", SURVIVAL, "--at", "6")
    assert "log-rank p" in output
    assert {f.name for f in out.iterdir()} == {
        "survival.csv", "survival_rates.csv", "survival_tests.csv", "survival_curves.csv", "survival.html",
        "survival_LPFS.png", "survival_LPFS.svg", "survival_OS.png", "survival_OS.svg",
    }  # fmt: skip
    page = (out / "survival.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page)  # opens offline


def test_markup_in_names_stays_text(tmp_path):
    evil = "<script>alert(1)</script> [red]&"
    text = (
        SURVIVAL.replace(",A,", f",{evil},")
        .replace("OS_months", "<img>_months")
        .replace("OS_event", "<img>_event")
    )
    _, out = run(tmp_path, "survival", text)
    page = (out / "survival.html").read_text()
    assert "<script>alert" not in page
    assert "<img>" not in page
    assert "alert_1_" in page.replace("(", "_").replace(")", "_")
    text = DOSIMETRY.replace("lesion", evil)
    output, out = run(tmp_path, "dosimetry", text, name="<i>lesions[red].csv")
    page = (out / "dosimetry.html").read_text()
    assert "<script>alert" not in page + output
    assert "&lt;i&gt;lesions[red].csv" in page


def test_formulas_do_not_reach_a_spreadsheet(tmp_path):
    _, out = run(tmp_path, "response", VISITS.replace("P1,", '"=cmd()",').replace(",A,", ",@sum,"))
    for path in out.glob("*.csv"):
        for row in csv.reader(path.open()):
            assert not [cell for cell in row if cell[:1] in "=@" and cell]


@pytest.mark.parametrize(
    ("command", "options"),
    [("dosimetry", ["--alpha", "2"]), ("response", ["--alpha", "0"]), ("survival", ["--at", "0"])],
)
def test_impossible_options_are_refused(tmp_path, command, options):
    text = {"dosimetry": DOSIMETRY, "response": VISITS, "survival": SURVIVAL}[command]
    with pytest.raises(InvalidInput, match="expected"):
        run(tmp_path, command, text, *options)


def test_the_page_names_every_file_that_is_written(tmp_path):
    for command, text in (("dosimetry", DOSIMETRY), ("response", VISITS), ("survival", SURVIVAL)):
        _, out = run(tmp_path, command, text)
    written = {f.name for f in out.iterdir() if f.suffix in (".csv", ".html")}
    assert written == set(re.findall(r"`([a-z_]+\.(?:csv|html))`", PAGE))
