"""Columns of a cohort's tables: what headings mean, what cells are missing, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.studies.cohort_dosimetry import cohort_dosimetry, write_dosimetry
from validation.studies.cohort_quantities import quantity_of
from validation.studies.cohort_table import read_cohort_table


@pytest.fixture
def table(tmp_path):
    def make(text, encoding="utf-8"):
        path = tmp_path / "lesions.csv"
        path.write_bytes(text.encode(encoding))
        return read_cohort_table(path)

    return make


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("D90_before_Gy", ("D90", "before", "Gy", 1.0)),
        ("Before: D90 [cGy]", ("D90", "before", "Gy", 0.01)),
        ("preD90", ("D90", "before", "Gy", 1.0)),
        ("D90post (Gy)", ("D90", "after", "Gy", 1.0)),
        ("D90% verified", ("D90", "after", "Gy", 1.0)),
        ("D90 (%) after", ("D90", "after", "%", 1.0)),
        ("D0.1cc post-op Gy", ("D0.1cc", "after", "Gy", 1.0)),
        ("V100 planned", ("V100", "before", "%", 1.0)),
        ("V150 after fraction", ("V150", "after", "%", 100.0)),
        ("V200_before_cc", ("V200", "before", "cm³", 1.0)),
        ("HI before", ("HI", "before", "", 1.0)),
        ("Number of seeds, planned", ("seeds", "before", "", 1.0)),
        ("GTV volume (mm³)", ("GTV volume", "", "cm³", 1e-3)),
        ("CTV D90 after", ("CTV D90", "after", "Gy", 1.0)),
        ("activity [mCi]", ("activity per seed", "", "MBq", 37.0)),
    ],
)
def test_headings(heading, expected):
    q = quantity_of(heading)
    assert q is not None
    assert (q.name, q.time, q.unit, q.factor) == expected


@pytest.mark.parametrize(
    "heading", ["lesion", "age", "", "group", "remarks before", "D", "V", "date D90 measured"]
)
def test_other_headings_are_no_quantity(heading):
    assert quantity_of(heading) is None


def test_units_are_those_of_the_heading(table):
    gy = cohort_dosimetry(table("D90 before Gy,D90 after cGy\n120,11800\n131,12500\n127,12100\n115,11100\n"))
    row = gy.rows[0].comparison
    assert (row.before.mean, row.after.mean) == pytest.approx((123.25, 118.75))
    assert gy.assumed_units == ()
    share = cohort_dosimetry(table("V100 before fraction,V100 after %\n0.9,91\n0.95,92\n0.8,88\n"))
    assert share.rows[0].comparison.before.mean == pytest.approx(88.3333, abs=1e-3)


def test_semicolons_decimal_commas_comments_and_missing_cells(table):
    text = "# made by hand\nlesion;D90 before;D90 after\n1;124,5;118,0\n\n2;n/a;120\n3;−;\n4;130,1;–\n"
    found = table(text.replace("−", "-"), "utf-8-sig")
    assert found.numbers("D90 before").tolist() == pytest.approx([124.5, np.nan, np.nan, 130.1], nan_ok=True)
    assert found.lines == (3, 5, 6, 7)
    c = cohort_dosimetry(found).rows[0].comparison
    assert (c.n, c.before_only, c.after_only, c.neither) == (1, 1, 1, 1)


def test_one_time_is_described_and_the_rest_named(table, tmp_path):
    result = cohort_dosimetry(table("lesion,D90 after,volume\n1,120,2.5\n2,110,3\n3,131,\n"))
    assert [(d.name, d.time, d.values.n, d.missing) for d in result.described] == [
        ("D90", "after", 3, 0),
        ("volume", "", 2, 1),
    ]
    assert (result.rows, result.left_out) == ((), ("lesion",))
    lines = write_dosimetry(result, tmp_path / "out.csv").read_text().splitlines()
    assert {len(line.split(",")) for line in lines} == {len(lines[0].split(","))}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "D90 before,D90 after\n120,x\n131,y\n",
            r"D90 after in line 2 .* is 'x', .*\(2 such cells in the column\)",
        ),
        ("D90 before,D90 after\n120,118\n131,-4\n", r"line 3 .* '-4', expected a number of at least 0"),
        ("V100 before,V100 after\n95,101\n", r"'101', expected a number from 0 to 100"),
        (
            "V100 before,V100 after\n0.9,0.95\n",
            r"is 0.9 %, expected more than 1.5 % \(it looks like a fraction\)",
        ),
        ("D90 before Gy,D90 after %\n120,95\n", "units of D90 .* expected one for before and after"),
        ("D90 before V,D90 before,pre D90\n1,2,3\n", "'D90 before', 'pre D90', expected D90 before once"),
        ("D90 before after\n120\n", "says before and after"),
        ("D90 before cc\n120\n", "unit of column D90 before cc is cc, expected one of Gy, %"),
        ("lesion,age\n1,50\n", "expected dosimetric ones such as D90_before_Gy"),
        ("D90 before,D90 after\n120\n131,1\n120\n", r"line 2 .* has 1 cells, expected 2 .*\(2 such lines\)"),
        ("a,a\n1,2\n", "'a', 'a', expected every heading once"),
        ("D90 before\n", "has 0 lines below its headings"),
        ("", "has 0 lines below its headings"),
        ('a,b\n"1,2\n', "is not readable, expected cells divided by ','"),
    ],
)
def test_refusals(table, text, told):
    with pytest.raises(InvalidInput, match=told):
        cohort_dosimetry(table(text))


def test_files_that_are_no_table_are_refused(tmp_path):
    binary = tmp_path / "sheet.xlsx"
    binary.write_bytes(b"PK\x03\x04\xff\xfe\x00")
    for path in (binary, tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(InvalidInput, match="is not readable"):
            read_cohort_table(path)
