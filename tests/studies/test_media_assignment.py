"""Media by contour, calcification, and what averaging CT numbers over cells does to the mass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mcsim.hounsfield import media_from_hounsfield
from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from mcsim.phantom import Phantom
from validation.case import Case, built_in
from validation.studies.inspect_case import media_of_structures
from validation.studies.media_assignment import CALCIFIED_MEDIA, calcification_share, on_grid
from validation.studies.media_settings import CalcificationSettings, ContourSettings, MediaSettings
from validation.studies.patient_phantom import patient_phantom

Make = Callable[..., Case]

LEFT = (-0.8, 0.2, -0.8, 0.8, -0.8, 0.8)
RIGHT = (-0.2, 0.8, -0.8, 0.8, -0.8, 0.8)
BOTH = {"LEFT": ("organ", LEFT), "RIGHT": ("organ", RIGHT)}


def phantom_with(case: Case, **contours: object) -> Phantom:
    settings = MediaSettings(contours=ContourSettings(**contours))  # type: ignore[arg-type]
    return patient_phantom(case, 0.1, settings=settings)[0]


def names_at(phantom: Phantom, point: tuple[float, float, float]) -> tuple[str, float]:
    """Medium and density at a point, cm."""
    place = tuple(int(np.searchsorted(p, x)) - 1 for p, x in zip(phantom.planes, point, strict=True))
    return phantom.media[phantom.medium[place]], float(phantom.density[place])


def test_a_contour_gives_its_medium_with_the_density_of_the_ct(box_case: Make) -> None:
    phantom = phantom_with(box_case(structures=BOTH), medium_of=(("LEFT", "thyroid"),))
    _, density = media_from_hounsfield(np.array([40.0]))
    assert names_at(phantom, (-0.7, 0.05, 0.05)) == ("thyroid", float(density[0]))
    assert names_at(phantom, (0.7, 0.05, 0.05))[0] == "muscle"
    nominal = phantom_with(box_case(structures=BOTH), medium_of=(("LEFT", "thyroid"),), density="nominal")
    assert names_at(nominal, (-0.7, 0.05, 0.05)) == ("thyroid", float(np.float32(1.05)))


@pytest.mark.parametrize(("first", "second"), [("LEFT", "RIGHT"), ("RIGHT", "LEFT")])
def test_where_contours_overlap_the_earlier_one_counts(box_case: Make, first: str, second: str) -> None:
    media = {"LEFT": "thyroid", "RIGHT": "lymph"}
    order = tuple((name, media[name]) for name in (first, second))
    phantom = phantom_with(box_case(structures=BOTH), medium_of=order)
    assert names_at(phantom, (0.05, 0.05, 0.05))[0] == media[first]
    assert names_at(phantom, (-0.7, 0.05, 0.05))[0] == "thyroid"
    assert names_at(phantom, (0.7, 0.05, 0.05))[0] == "lymph"


def test_air_and_bone_inside_a_soft_contour_stay_unless_all_is_asked_for(box_case: Make) -> None:
    air, bone = (-0.6, -0.3, -0.5, -0.2, -0.5, 0.5), (-0.6, -0.3, 0.2, 0.5, -0.5, 0.5)
    case = box_case({air: -950.0, bone: 800.0}, BOTH)
    guarded = phantom_with(case, medium_of=(("LEFT", "thyroid"),))
    assert names_at(guarded, (-0.45, -0.35, 0.05))[0] == "air"
    assert names_at(guarded, (-0.45, 0.35, 0.05))[0] == "cortical_bone"
    everything = phantom_with(case, medium_of=(("LEFT", "thyroid"),), keep_outside_hu=None)
    assert names_at(everything, (-0.45, -0.35, 0.05))[0] == "thyroid"
    assert names_at(everything, (-0.45, 0.35, 0.05))[0] == "thyroid"
    # A contour of bone holds marrow and cortex alike: no range of soft tissue there.
    mandible = phantom_with(case, medium_of=(("LEFT", "mandible"),))
    assert names_at(mandible, (-0.7, 0.05, 0.05))[0] == "mandible"


def test_an_unknown_structure_is_refused_with_the_known_ones(box_case: Make) -> None:
    with pytest.raises(InvalidInput, match=r"'THYROID', expected one of BODY, GTV, LEFT, RIGHT"):
        phantom_with(box_case(structures=BOTH), medium_of=(("THYROID", "thyroid"),))
    with pytest.raises(
        InvalidInput,
        match=r"medium of structure GTV: medium is 'cheese', expected a known one\..*--materials",
    ):
        phantom_with(box_case(), medium_of=(("GTV", "cheese"),))


def test_calcification_is_a_mixture_of_the_density_of_the_ct(box_case: Make) -> None:
    spots = {
        (-0.7 + 0.4 * k, -0.4 + 0.4 * k, -0.5, -0.2, -0.5, 0.5): hu
        for k, hu in enumerate((250, 500, 900, 1600))
    }
    bone = (0.2, 0.7, 0.3, 0.7, -0.5, 0.5)
    case = box_case({**spots, bone: 600.0}, {"BONE": ("organ", bone)})
    settings = MediaSettings(calcification=CalcificationSettings(above_hu=200.0))
    phantom, description = patient_phantom(case, 0.05, settings=settings)
    found = []
    for (x0, x1, *_), hu in spots.items():
        name, density = names_at(phantom, (0.5 * (x0 + x1), -0.35, 0.05))
        _, expected = media_from_hounsfield(np.array([float(hu)]))
        assert density == pytest.approx(float(expected[0]), rel=1e-6)
        # The mixture whose own density is nearest in mass share; steps are 20 %.
        own = np.array([material(name).density])
        shares = [float(calcification_share(v)[0]) for v in (own, np.array([density]))]
        assert shares[0] == pytest.approx(shares[1], abs=0.11)
        found.append(name)
    assert found == sorted(found)
    assert set(found) <= set(CALCIFIED_MEDIA)
    assert len(set(found)) >= 3
    assert names_at(phantom, (0.45, 0.55, 0.05))[0] == "spongiosa"  # contoured bone is no calcification
    assert int(str(description["voxels_of_calcification"])) > 100
    assert not set(patient_phantom(case, 0.1)[0].media) & set(CALCIFIED_MEDIA)


def test_without_choices_the_phantom_is_that_of_the_ct_numbers_alone() -> None:
    neck = built_in("neck")
    phantom, _ = patient_phantom(neck, 0.2)
    again, _ = patient_phantom(neck, 0.2, settings=MediaSettings())
    assert phantom.digest() == again.digest()
    assert phantom.media == MediaSettings().curve.media


def test_averaging_ct_numbers_first_keeps_the_mass() -> None:
    neck = built_in("neck")
    hu = np.asarray(neck.image.hu, dtype=np.float64)
    _, density = media_from_hounsfield(hu)
    planes = tuple(np.arange(-4.0, 4.01, 0.25) for _ in range(3))
    before = on_grid(neck, density.astype(np.float64), planes).sum()
    _, cells = media_from_hounsfield(on_grid(neck, hu, planes))
    # The curve bends near fat and at 100 HU only; measured difference 0.1 %.
    assert cells.sum() == pytest.approx(before, rel=3e-3)


def test_fractions_of_a_structure_are_those_of_its_voxels(box_case: Make) -> None:
    fat = (-0.8, -0.4, -0.8, 0.8, -0.8, 0.8)
    case = box_case({fat: -100.0})
    phantom, _ = patient_phantom(case, 0.1)
    gtv = next(found for found in media_of_structures(case, phantom) if found.structure == "GTV")
    assert gtv.volume == pytest.approx(1.6**3, rel=1e-9)
    assert sum(gtv.by_volume.values()) == pytest.approx(1.0)
    assert sum(gtv.by_mass.values()) == pytest.approx(1.0)
    # A quarter of the box is fat, to half a CT voxel at its inner face where neighbours are interpolated.
    assert gtv.by_volume["adipose"] == pytest.approx(0.25, abs=0.5 * 0.1 / 1.6)
    assert gtv.by_mass["adipose"] < gtv.by_volume["adipose"]
    heavier = {m: gtv.by_mass[m] / gtv.by_volume[m] for m in gtv.by_volume}
    assert heavier["muscle"] > 1.0 > heavier["adipose"]


def test_fractions_do_not_count_what_lies_beyond_the_image(box_case: Make) -> None:
    case = box_case()
    slab = replace(case.structures["BODY"], name="SLAB", role="organ")
    with_slab = replace(case, structures={**case.structures, "SLAB": slab})
    phantom, _ = patient_phantom(with_slab, 0.2)
    volume = {found.structure: found.volume for found in media_of_structures(with_slab, phantom)}
    expected: NDArray[np.float64] = np.array(5.6 * 5.6 * 6.0)
    assert volume["SLAB"] == pytest.approx(float(expected), rel=2e-3)
