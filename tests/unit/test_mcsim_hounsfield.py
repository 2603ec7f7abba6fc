"""From CT numbers to density and medium."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcsim.hounsfield import (
    DEFAULT_CURVE,
    PACKAGED_CURVES,
    HounsfieldCurve,
    curve_from_entry,
    media_from_hounsfield,
    packaged_curve,
)
from mcsim.invalid_input import InvalidInput
from mcsim.materials import material


@pytest.mark.parametrize(
    ("hu", "density"),
    # Schneider et al. 2000 (doi:10.1088/0031-9155/45/2/314): the lines on either side of their nodes
    [
        (-98.0, 0.9305), (-50.0, 1.018 - 0.893e-3 * 50), (0.0, 1.018), (14.0, 1.018 + 0.893e-3 * 14),
        (23.0, 1.003 + 1.169e-3 * 23), (60.0, 1.003 + 1.169e-3 * 60), (100.0, 1.003 + 1.169e-3 * 100),
        (200.0, 1.017 + 0.592e-3 * 200), (1000.0, 1.017 + 0.592e-3 * 1000), (3000.0, 1.017 + 0.592e-3 * 3000),
    ],
)  # fmt: skip
def test_density_follows_the_published_lines(hu: float, density: float) -> None:
    _, found = media_from_hounsfield(np.array([hu]))
    assert found[0] == pytest.approx(density, abs=1.1e-4)  # nodes are rounded to four decimals


def test_density_is_constant_beyond_the_ends_and_never_negative() -> None:
    hu = np.array([-2000.0, -1000.0, 3000.0, 20_000.0])
    _, density = media_from_hounsfield(hu)
    assert density[0] == density[1] == np.float32(0.0012)
    assert density[2] == density[3]
    _, everywhere = media_from_hounsfield(np.arange(-1100.0, 4000.0))
    assert everywhere.min() > 0.0


@pytest.mark.parametrize(
    ("hu", "medium"),
    [(-1000, "air"), (-850.1, "air"), (-850, "mean_male_soft_tissue"), (-100, "adipose"), (0, "muscle"),
     (119.9, "muscle"), (120, "cartilage"), (500, "spongiosa"), (700, "cortical_bone"), (3000, "cortical_bone")],
)  # fmt: skip
def test_media_by_bin(hu: float, medium: str) -> None:
    index, _ = media_from_hounsfield(np.array([[float(hu)]]))
    assert index.shape == (1, 1)
    assert index.dtype == np.uint8
    assert DEFAULT_CURVE.media[index[0, 0]] == medium


def test_numbers_that_are_not_finite_are_refused() -> None:
    image = np.zeros((2, 3, 4))
    image[1, 2, 3], image[0, 1, 2] = np.nan, np.inf
    with pytest.raises(InvalidInput, match=r"CT number of voxel \(0, 1, 2\) is not finite, .*\(2 voxels\)"):
        media_from_hounsfield(image)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"hu": (0.0, 0.0), "density": (1.0, 1.0)},
            r"hu of the CT curve is \(0.0, 0.0\), expected ascending",
        ),
        ({"upper_hu": (5.0, 1.0, np.inf), "media": ("air",) * 3}, r"upper_hu of the CT curve is"),
        ({"hu": (0.0, 1.0)}, r"density of the CT curve is .* expected 2 positive values"),
        ({"hu": (0.0, 1.0), "density": (1.0, -1.0)}, r"density of the CT curve is \(1.0, -1.0\) g/cm³"),
        (
            {"hu": (0.0, np.nan), "density": (1.0, 1.0)},
            r"values of the CT curve neck are .* expected finite numbers",
        ),
        ({"hu": (), "density": ()}, r"expected finite numbers, at least one node"),
        ({"media": ("air",)}, r"upper_hu of the CT curve is .* one value for each of 1 media"),
        (
            {"upper_hu": (0.0, 100.0), "media": ("air", "muscle")},
            r"upper_hu of the CT curve is .* the last infinite",
        ),
        ({"upper_hu": (0.0, np.inf), "media": ("air", "cheese")}, r"medium is 'cheese', expected one of"),
    ],
)
def test_bad_curves_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        replace(DEFAULT_CURVE, **change)


def test_a_curve_of_ones_own() -> None:
    curve = HounsfieldCurve((-1000.0, 1000.0), (0.5, 1.5), (0.0, np.inf), ("lung", "muscle"), "test")
    medium, density = media_from_hounsfield(np.array([-500.0, 0.0, 500.0]), curve)
    assert medium.tolist() == [0, 1, 1]
    assert density.tolist() == [0.75, 1.0, 1.25]


@pytest.mark.parametrize("name", PACKAGED_CURVES)
def test_packaged_curves_read_and_say_where_they_come_from(name: str) -> None:
    curve = packaged_curve(name)
    assert curve.name == name
    assert "doi:10.1088/0031-9155/45/2/314" in curve.source
    assert curve_from_entry(curve.record()) == curve


def test_an_unknown_packaged_curve_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidInput, match=r"CT curve is 'ankle', expected one of neck, thorax, schneider2000"
    ):
        packaged_curve("ankle")


@pytest.mark.parametrize(
    ("hu", "carbon", "calcium"),
    # Schneider et al. 2000, Table 6: mass fractions of some bins
    [(-500, 0.105, 0.0), (-100, 0.681, 0.0), (50, 0.134, 0.0), (150, 0.455, 0.045), (850, 0.265, 0.159),
     (1400, 0.165, 0.219), (2500, 0.155, 0.225)],
)  # fmt: skip
def test_bins_of_schneider_2000(hu: float, carbon: float, calcium: float) -> None:
    curve = packaged_curve("schneider2000")
    index, _ = media_from_hounsfield(np.array([float(hu)]), curve)
    fractions = material(curve.media[index[0]]).fractions
    assert fractions["C"] == pytest.approx(carbon, abs=1.1e-3)
    assert fractions.get("Ca", 0.0) == pytest.approx(calcium, abs=1.1e-3)


def test_lung_is_lung_in_the_thorax() -> None:
    curve = packaged_curve("thorax")
    index, density = media_from_hounsfield(np.array([-951.0, -949.0, -700.0, -121.0, -119.0]), curve)
    assert [curve.media[i] for i in index] == ["air", "lung", "lung", "lung", "adipose"]
    assert density[2] == pytest.approx(0.31, abs=0.01)
