from __future__ import annotations

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.case import Implant, built_in, read_seed_csv, write_seed_csv

HEAD = "x_cm,y_cm,z_cm,axis_x,axis_y,axis_z,air_kerma_strength_U"


def write(tmp_path, *lines, head=HEAD):
    path = tmp_path / "seeds.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_list_comes_back_exactly(tmp_path):
    implant = built_in("neck").implant
    write_seed_csv(implant, tmp_path / "seeds.csv")
    again = read_seed_csv(tmp_path / "seeds.csv")
    for name in ("positions", "air_kerma_strengths", "needles"):
        np.testing.assert_array_equal(getattr(again, name), getattr(implant, name))
    np.testing.assert_allclose(again.axes, implant.axes, rtol=0, atol=1e-15)  # normalised once more
    assert (again.model, again.half_life_d) == ("6711", 59.4)


def test_columns_in_any_order_with_comments_and_optional_ones(tmp_path):
    head = "# from the OR\nneedle, model,air_kerma_strength_U,z_cm,y_cm,x_cm,axis_z,axis_y,axis_x,half_life_d"
    path = write(
        tmp_path, "", "3,2301,0.5,3,2,1,0.8,0,0.6,60", "# spare", ",2301,0.6,3,2,2,1,0,0,", head=head
    )
    implant = read_seed_csv(path)
    assert implant.positions.tolist() == [[1, 2, 3], [2, 2, 3]]
    np.testing.assert_allclose(implant.axes, [[0.6, 0, 0.8], [0, 0, 1]])
    assert implant.needles.tolist() == [3, -1]
    assert (implant.model, implant.half_life_d) == ("2301", 60.0)


def test_a_case_takes_another_seed_list(tmp_path):
    neck = built_in("neck")
    path = write(tmp_path, "3.9,0.85,0,0,0,1,0.7")
    case = neck.with_implant(read_seed_csv(path), source=path.name)
    assert len(case.implant) == 1
    assert case.provenance["implant"] == "seeds.csv"
    assert case.digest() != neck.digest()
    outside = read_seed_csv(write(tmp_path, "39,0.85,0,0,0,1,0.7"))
    with pytest.raises(InvalidInput, match=r"seed 1 is at \(39.00, 0.85, 0.00\) cm, 323.5 mm outside"):
        neck.with_implant(outside)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0,0,0,0,0,1"], r"line 2 of .* has 6 values, expected 7"),
        (
            ["0,0,0,0,0,1,0.6", "0,0,one,0,0,1,0.6"],
            r"z_cm in line 3 of .* is 'one', expected a finite number",
        ),
        (["0,nan,0,0,0,1,0.6"], r"y_cm in line 2 of .* is 'nan'"),
        (["0,0,0,0,0,2,0.6"], r"axis in line 2 of .* has length 2, expected 1"),
        (["0,0,0,0,0,0,0.6"], r"axis in line 2 of .* has length 0, expected 1"),
        (["0,0,0,0,0,1,0"], r"air_kerma_strength of seed 1 is 0 U, expected > 0"),
        (["0,0,0,0,0,1,0.6", "0,0,0.3,0,0,1,0.6"], r"seeds 1 and 2 overlap by 0.80 mm"),
        ([], r"has 0 seeds, expected at least 1"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, lines, message):
    with pytest.raises(InvalidInput, match=message):
        read_seed_csv(write(tmp_path, *lines))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (HEAD.replace("y_cm,", ""), r"line 1 of .* misses y_cm"),
        (HEAD + ",colour", r"line 1 of .* has colour, expected the columns x_cm"),
        (HEAD + ",needle,needle", r"line 1 of .* has a column twice"),
        (HEAD.replace(",", ";"), r"misses x_cm, y_cm"),
        ("", r"is empty, expected a line of columns"),
    ],
)
def test_wrong_columns_are_named(tmp_path, head, message):
    with pytest.raises(InvalidInput, match=message):
        read_seed_csv(write(tmp_path, head=head))


def test_needle_and_model_are_checked(tmp_path):
    head = HEAD + ",needle,model"
    with pytest.raises(InvalidInput, match=r"needle in line 2 of .* is '1.5', expected a whole number"):
        read_seed_csv(write(tmp_path, "0,0,0,0,0,1,0.6,1.5,6711", head=head))
    with pytest.raises(InvalidInput, match=r"models of .* are 2301, 6711, expected one"):
        read_seed_csv(write(tmp_path, "0,0,0,0,0,1,0.6,1,6711", "0,0,1,0,0,1,0.6,1,2301", head=head))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "seeds.csv"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InvalidInput, match=r"is not readable, expected a CSV text file in UTF-8"):
        read_seed_csv(path)
    with pytest.raises(InvalidInput, match=r"is not readable"):
        read_seed_csv(tmp_path / "missing.csv")


def test_needle_numbers_survive_a_round_trip(tmp_path):
    implant = Implant("2301", [[0, 0, 0], [0, 0, 1]], [[0, 0, 1]] * 2, [0.5, 0.6], 59.4, [-1, 7])
    write_seed_csv(implant, tmp_path / "s.csv")
    again = read_seed_csv(tmp_path / "s.csv")
    assert again.needles.tolist() == [-1, 7]
    assert again.model == "2301"
