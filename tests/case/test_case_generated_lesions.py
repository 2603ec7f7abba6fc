"""The generated lesions are what their description says, measured on the solids and on the contours."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from validation.case import neck_shapes as neck
from validation.case.generated_lesions import COUNT, LARGEST, SITES, SMALLEST, generated_lesion, lesion
from validation.case.solid_shapes import Union

NEIGHBOURS = {
    "skin": neck.BODY,
    "airway": neck.AIRWAY,
    "bone": neck.BONE,
    "vessel": Union((neck.carotid(1), neck.jugular(1), neck.carotid(-1), neck.jugular(-1))),
}


def corners(structure):
    return np.concatenate(
        [np.column_stack([c.points, np.full(len(c.points), c.z)]) for c in structure.contours]
    )


def volume(structure) -> float:
    return sum(c.area for c in structure.contours) * structure.slice_thickness


def check(number: int) -> None:
    what, case = lesion(number), generated_lesion(number)
    gtv, ptv = case.structures["GTV"], case.structures["PTV"]
    # Areas times 2 mm for a lesion of some ten slices; the smallest ones have five.
    assert volume(gtv) == pytest.approx(what.volume, rel=0.05)
    assert volume(ptv) > volume(gtv)
    outside = NEIGHBOURS[what.site].outside(*corners(gtv).T)
    gap = -outside.max() if what.site == "skin" else outside.min()
    # Contours on 2 mm slices miss the closest point of the solid, never come closer.
    assert what.gap - 0.02 <= gap <= what.gap + 0.15
    for shape in (neck.BONE, neck.AIRWAY, neck.carotid(1), neck.jugular(-1), neck.CORD):
        assert shape.outside(*corners(ptv).T).min() > -0.02
    # The lesion is painted: its middle has the CT number of lymph tissue.
    at = tuple(
        int(np.argmin(np.abs(c - p)))
        for c, p in zip((case.image.x, case.image.y, case.image.z), case.implant.positions[0], strict=True)
    )
    assert case.image.hu[at] == pytest.approx(neck.HOUNSFIELD["lymph"])


@pytest.mark.parametrize("number", [2, 20])
def test_a_lesion_has_its_volume_and_lies_beside_its_neighbour(number):
    check(number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_every_lesion_has_its_volume_and_lies_beside_its_neighbour(number):
    check(number)


def test_the_list_covers_sizes_and_sites_and_is_always_the_same():
    described = [lesion(n) for n in range(1, COUNT + 1)]
    volumes = sorted(d.volume for d in described)
    assert (volumes[0], volumes[-1]) == (SMALLEST, LARGEST)
    assert len(set(volumes)) == COUNT
    for site in SITES:
        assert sum(d.site == site for d in described) >= 5
    assert {d.prescription for d in described} == {110.0, 120.0, 130.0, 140.0}
    assert generated_lesion(2).digest() == generated_lesion(2).digest() != generated_lesion(6).digest()


def test_an_unknown_number_is_refused():
    with pytest.raises(InvalidInput, match="expected 1 to 22"):
        generated_lesion(23)
