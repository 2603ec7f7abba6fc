"""Tissue changes as plain values and back."""

from __future__ import annotations

import json

import pytest

from mcsim.invalid_input import InvalidInput
from validation.change import (
    CombinedCourse,
    ExponentialEdema,
    ExponentialShrinkage,
    LinearEdema,
    TissueChange,
    VolumeSeries,
    change_from_record,
)

EDEMA = {"course": "exponential edema", "magnitude": 0.5, "half_life_d": 10.0}


@pytest.mark.parametrize(
    "change",
    [
        TissueChange(ExponentialEdema(0.5, 10.0), "before_implant"),
        TissueChange(LinearEdema(0.18, 30.0, 0.01), 0.0, target="GTV", fluid="water", seeds_follow=1.2),
        TissueChange(
            VolumeSeries((0.0, 60.0, 180.0), (6.87, 4.44, 4.20)), 3.0, shares=(0.5, 0.5, 0.0), reach=1.5
        ),
        TissueChange(
            CombinedCourse((ExponentialEdema(0.5, 10.0), ExponentialShrinkage(0.01, 0.5))), 0.0, plateau=0.2
        ),
    ],
)
def test_a_record_comes_back_through_json(change: TissueChange) -> None:
    assert change_from_record(json.loads(json.dumps(change.record()))) == change


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (EDEMA, "reference geometry of the tissue change is missing"),
        ({**EDEMA, "reference": 0.0, "course": "edema"}, "course of the volume is 'edema'"),
        ({**EDEMA, "reference": 0.0, "reach": 3.0}, "unknown: reach"),
        ({"course": "series", "times_d": [0, 1], "reference": 0.0}, "missing: volumes_cm3"),
        ({**EDEMA, "reference": "then"}, "reference geometry is 'then'"),
    ],
)
def test_wrong_records_are_refused(record, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        change_from_record(record)
