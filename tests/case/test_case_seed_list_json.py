from __future__ import annotations

import json

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.case import read_seed_list

SEED = {"position_cm": [0.1, 0.2, 0.3], "axis": [0.6, 0.0, 0.8], "air_kerma_strength_U": 0.7, "needle": 2}


def write(tmp_path, content):
    path = tmp_path / "seeds.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_seeds_come_as_they_are_written(tmp_path):
    second = {"position_cm": [0.1, 1.2, 0.3], "axis": [0, 0, 1]}
    implant = read_seed_list(write(tmp_path, {"air_kerma_strength_U": 0.5, "seeds": [SEED, second]}))
    assert implant.positions.tolist() == [[0.1, 0.2, 0.3], [0.1, 1.2, 0.3]]
    np.testing.assert_allclose(implant.axes, [[0.6, 0, 0.8], [0, 0, 1]])
    assert implant.air_kerma_strengths.tolist() == [0.7, 0.5]
    assert implant.needles.tolist() == [2, -1]
    assert (implant.model, implant.half_life_d) == ("6711", pytest.approx(59.4, rel=0.01))
    other = read_seed_list(write(tmp_path, {"model": "2301", "half_life_d": 60, "seeds": [SEED]}))
    assert (other.model, other.half_life_d) == ("2301", 60.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "expected a JSON text file"),
        ([SEED], "is list, expected an object"),
        ({"seeds": []}, "missing or empty"),
        ({"seed": [SEED]}, "has the key 'seed', expected some of"),
        ({"seeds": [{**SEED, "position": [0, 0, 0]}]}, "seed 1 of .* has the key 'position'"),
        (
            {"seeds": [{**SEED, "position_cm": [0, 0]}]},
            r"position_cm of seed 1 of .* is \[0, 0\], expected 3",
        ),
        ({"seeds": [{**SEED, "position_cm": [0, 0, "1"]}]}, "position_cm of seed 1"),
        ({"seeds": [{**SEED, "axis": [0, 0, 2]}]}, "axis in seed 1 of .* has length 2"),
        (
            {"seeds": [{"position_cm": [0, 0, 0], "axis": [0, 0, 1]}]},
            "air_kerma_strength_U of seed 1 of .* is None",
        ),
        ({"seeds": [{**SEED, "air_kerma_strength_U": -1}]}, "air_kerma_strength of seed 1 is -1 U"),
        ({"seeds": [{**SEED, "needle": 1.5}]}, "needle of seed 1 of .* is '1.5'"),
        ({"seeds": [SEED, SEED]}, "overlap"),
        ({"seeds": [SEED], "half_life_d": "60"}, "half_life_d of seed list"),
        ('{"seeds": [{"position_cm": [NaN, 0, 0], "axis": [0, 0, 1], "air_kerma_strength_U": 1}]}', "finite"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, content, words):
    with pytest.raises(InvalidInput, match=words):
        read_seed_list(write(tmp_path, content))
