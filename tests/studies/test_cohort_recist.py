"""RECIST 1.1 from diameters: every limit from both sides, and what a table of visits becomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcsim.invalid_input import InvalidInput
from validation.studies.cohort_recist import (
    CATEGORIES,
    best_response,
    ellipsoid_volume,
    recist_categories,
    volume_reduction,
)
from validation.studies.cohort_response import cohort_response, write_response
from validation.studies.cohort_table import read_cohort_table

NODE, OTHER = [True], [False]


@pytest.fixture
def table(tmp_path):
    def make(text):
        path = tmp_path / "lesions.csv"
        path.write_text(text, encoding="utf-8")
        return read_cohort_table(path)

    return make


@pytest.mark.parametrize(
    ("sizes", "node", "expected"),
    [
        ([20, 9.9], NODE, "CR"),  # a node below 10 mm is a normal one
        ([20, 10.0], NODE, "PR"),
        ([12, 10.0], NODE, "SD"),
        ([20, 9.9], OTHER, "PR"),  # another lesion must be gone
        ([20, 0.0], OTHER, "CR"),
        ([13, 9.1], OTHER, "PR"),  # 30 % to the digit, however 0.7 · 13 is rounded
        ([13, 9.2], OTHER, "SD"),
        ([30, 36.0], OTHER, "PD"),  # 20 % and 6 mm
        ([30, 35.9], OTHER, "SD"),
        ([25, 30.0], OTHER, "PD"),  # 20 % and 5 mm to the digit
        ([20, 24.9], OTHER, "SD"),  # 24.5 %, but 4.9 mm
        ([20, 25.0], OTHER, "PD"),
        ([15.1, 20.1], OTHER, "PD"),  # 5 mm to the digit, however 20.1 − 15.1 is rounded
        ([20, np.nan], OTHER, "NE"),
        ([np.nan, 20], OTHER, "NE"),
    ],
)
def test_limits(sizes, node, expected):
    assert recist_categories(np.transpose([sizes]), node) == [expected]


def test_progression_is_from_the_smallest_sum_and_response_from_baseline():
    assert recist_categories([[50], [20], [26], [24.9]], OTHER) == ["PR", "PD", "PR"]
    assert recist_categories([[20], [30], [26]], OTHER) == ["PD", "PD"]  # baseline is the smallest
    assert recist_categories([[50], [20], [24.9]], OTHER)[1] == "PR"  # 24.5 % above, but 4.9 mm


def test_a_normal_node_that_grows_is_still_normal():
    assert recist_categories([[20], [4], [9.5], [10]], NODE) == ["CR", "CR", "PD"]


def test_nodes_and_other_lesions_together():
    mixed = [True, False]
    assert recist_categories([[20, 30], [9, 0]], mixed) == ["CR"]
    assert recist_categories([[20, 30], [9, 5]], mixed) == ["PR"]
    assert recist_categories([[20, 30], [11, 0]], mixed) == ["PR"]


def test_a_new_lesion_is_progression():
    assert recist_categories([[20], [0]], OTHER, [False, True]) == ["PD"]


def test_a_lesion_not_measured_is_not_evaluable_unless_the_others_progress():
    two = [False, False]
    assert recist_categories([[20, 20], [20, np.nan]], two) == ["NE"]
    assert recist_categories([[20, 20], [60, np.nan]], two) == ["PD"]
    assert recist_categories([[20, 20], [5, np.nan], [14, 14]], two) == [
        "NE",
        "PR",
    ]  # no nadir from half a sum


@given(
    st.lists(st.tuples(st.floats(1, 80), st.floats(1, 80), st.floats(1, 80)), min_size=2, max_size=5),
    st.permutations([0, 1, 2]),
)
@settings(max_examples=60, deadline=None)
def test_order_of_lesions_does_not_matter_and_growth_is_never_better(sizes, order):
    d, node = np.array(sizes), np.array([True, False, True])
    categories = recist_categories(d, node)
    assert categories == recist_categories(d[:, order], node[order])
    grown = d.copy()
    grown[-1] *= 1.3
    assert CATEGORIES.index(recist_categories(grown, node)[-1]) >= CATEGORIES.index(categories[-1])


def test_best_response_ends_at_progression():
    assert best_response(["SD", "PD", "CR"]) == "SD"
    assert best_response(["NE", "SD", "PR"]) == "PR"
    assert best_response(["NE"]) == "NE"


def test_volume_of_an_ellipsoid():
    # A sphere of 2 cm: 4/3 π cm³.
    assert float(ellipsoid_volume(20, 20, 20)) == pytest.approx(4 / 3 * np.pi, rel=1e-12)
    assert np.isnan(ellipsoid_volume(20, np.nan, 20))
    assert np.isnan(volume_reduction(0.0, 0.0))


VISITS = """patient,lesion,group,time_months,kind,long_mm,short_mm,height_mm
P1,1,A,0,node,24,20,20
P1,1,A,2,node,15,13,10
P1,1,A,6,node,11,8,9
P1,2,A,0,other,40,30,30
P1,2,A,2,other,30,20,20
P1,2,A,6,other,,,
P2,1,B,baseline,other,30,20,25
P2,1,B,2,other,31,22,26
P2,1,B,6,other,38,29,30
"""


def test_patients_are_judged_by_the_sum_of_their_lesions(table):
    result = cohort_response(table(VISITS))
    seen = {(v.name, v.time): (v.sum_mm, v.category) for v in result.visits}
    assert seen[("P1", 2.0)] == (43.0, "SD")  # 13 + 30 of 20 + 40: −28 %
    assert seen[("P1", 6.0)][1] == "NE"
    assert seen[("P2", 6.0)] == (38.0, "PD")
    assert {g.group: g.counts["SD"] for g in result.groups} == {"A": 1, "B": 1}
    assert result.time_unit == "months"


def test_lesions_one_by_one_and_at_one_visit(table):
    result = cohort_response(table(VISITS), "lesion", at=6.0)
    assert [g.counts for g in result.groups] == [
        {"CR": 1, "PR": 0, "SD": 0, "PD": 0, "NE": 1},
        {"CR": 0, "PR": 0, "SD": 0, "PD": 1, "NE": 0},
    ]
    assert (result.groups[0].objective.count, result.groups[0].objective.total) == (1, 1)


def test_volumes_and_reduction(table):
    result = cohort_response(table(VISITS))
    at_6 = result.volumes[2]
    volume = np.pi / 6 * 11 * 8 * 9 / 1000
    assert at_6.volume["A"].n == 1
    assert at_6.volume["A"].mean == pytest.approx(volume)
    assert at_6.reduction["A"].mean == pytest.approx(100 * (1 - 11 * 8 * 9 / (24 * 20 * 20)))


def test_diameters_in_cm_are_the_same(table):
    cm = VISITS.replace("_mm", "_cm").splitlines()
    for k, line in enumerate(cm[1:], start=1):
        cells = line.split(",")
        cm[k] = ",".join(cells[:5] + [f"{float(c) / 10:g}" if c else "" for c in cells[5:]])
    a, b = cohort_response(table(VISITS)), cohort_response(table("\n".join(cm)))
    assert [v.category for v in a.visits] == [v.category for v in b.visits]
    assert [v.sum_mm for v in b.visits] == pytest.approx([v.sum_mm for v in a.visits], nan_ok=True)


def test_a_new_lesion_in_a_row_counts_for_the_patient(table):
    lines = VISITS.replace("height_mm", "height_mm,new lesion").splitlines()
    lines = [lines[0], *(f"{line},{'yes' if 'P1,1,A,2' in line else ''}" for line in lines[1:])]
    text = "\n".join(lines)
    of_patients = {(v.name, v.time): v.category for v in cohort_response(table(text)).visits}
    assert of_patients[("P1", 2.0)] == "PD"
    assert of_patients[("P2", 2.0)] == "SD"
    assert cohort_response(table(text)).groups[0].counts["PD"] == 1
    of_lesions = {(v.name, v.time): v.category for v in cohort_response(table(text), "lesion").visits}
    assert of_lesions[("P1, 2", 2.0)] == "SD"  # 30 of 40 mm, and the new lesion is not its own


def test_small_targets_are_told(table):
    small = VISITS.replace("24,20,20", "14,12,12")
    assert "1 of 3 lesions are below the size" in cohort_response(table(small)).notes[0]


def test_counts_may_be_given_instead(table):
    counts = "group,response,count\nA,PR,3\nA,SD,10\nA,PD,1\nB,PR,8\nB,Stable disease,17\nC,PR,10\nC,SD,3\n"
    result = cohort_response(table(counts))
    assert [round(100 * g.objective.value) for g in result.groups] == [21, 32, 77]
    assert round(result.tests["categories"].p, 3) == 0.006


def test_files_hold_the_numbers(table, tmp_path):
    files = {f.name: f.read_text() for f in write_response(cohort_response(table(VISITS)), tmp_path / "out")}
    assert set(files) == {"response.csv", "response_tests.csv", "visits.csv", "volumes.csv"}
    assert "P2,B,6,38,26.66666667,26.66666667,PD" in files["visits.csv"]
    assert files["response.csv"].splitlines()[1].startswith("A,0,0,1,0,0,0,0,")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "node,24,20",
            "node,19,20",
            r"line 2 .* is 20 mm, expected at most the longest diameter, 19 mm \(1 such",
        ),
        ("P2,1,B,6", "P2,1,B,2", r"line 10 .* is at time 2 twice"),
        ("A,2,node", "B,2,node", "changes its group or kind"),
        ("P1,2,A", "P1,2,B", "is in groups A, B"),
        (
            "baseline",
            "first",
            r"time_months in line 8 .* 'first', expected a number of at least 0, or baseline",
        ),
        ("kind", "colour", "do not say which lesions are lymph nodes"),
        ("long_mm", "length_mm", r"no long diameter, expected long_mm for 6 rows"),
        ("time_months", "when", "have no time"),
        ("patient,lesion", "who,which", "neither patients nor lesions"),
        ("31,22", "31,wide", r"short_mm in line 9 .* is 'wide', expected a number of at least 0"),
        ("other,30,20", "bony,30,20", r"kind in line 6 .* is 'bony', expected node or other \(2 such cells"),
    ],
)
def test_refusals(table, before, after, told):
    assert before in VISITS
    with pytest.raises(InvalidInput, match=told):
        cohort_response(table(VISITS.replace(before, after)))


def test_a_visit_nobody_had_is_refused(table):
    with pytest.raises(InvalidInput, match=r"is 3 months, expected one of 2, 6"):
        cohort_response(table(VISITS), at=3.0)


def test_wrong_categories_are_counted(table):
    with pytest.raises(InvalidInput, match=r"response in line 3 .* is 'better', .* \(2 such cells"):
        cohort_response(table("response\nPR\nbetter\nworse\n"))
