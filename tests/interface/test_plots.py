"""Figures show the right lines in the right places: positions, levels, numbers of seeds and contours."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet

from validation import Case, InvalidInput, compare, tg43_dose
from validation.case.implant import SEED_LENGTH
from validation.interface.slice_plots import ISODOSE_COLOURS, STRUCTURE_COLOURS

PRESCRIPTION = 120.0


def contour_sets(ax: Axes) -> list[QuadContourSet]:
    return [c for c in ax.collections if isinstance(c, QuadContourSet)]


def lines_of(ax: Axes, gid: str) -> list[np.ndarray]:
    return [line.get_xydata() for line in ax.lines if line.get_gid() == gid]


def legend_of(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.fixture(scope="module")
def fine(neck: Case) -> xr.Dataset:
    """TG-43 in voxels of 1 mm: its isodoses are smooth."""
    return tg43_dose(neck, voxel=0.1)


def test_isodoses_lie_where_the_dose_is_that(neck: Case, fine: xr.Dataset) -> None:
    ax = fine.seedmc.plot_slice(case=neck, z=0.85, isodoses=(100, 50))
    (isodoses,) = contour_sets(ax)
    np.testing.assert_allclose(isodoses.levels, [0.5 * PRESCRIPTION, PRESCRIPTION])
    assert [to_hex(c).upper() for c in isodoses.get_edgecolor()] == list(ISODOSE_COLOURS[:2])
    plane = fine.dose.sel(z=0.85, method="nearest")
    for level, path in zip(isodoses.levels, isodoses.get_paths(), strict=True):
        x, y = path.vertices.T
        found = plane.interp(x=xr.DataArray(x), y=xr.DataArray(y)).values
        # Along voxel edges both interpolate linearly, so the dose is that of the line to rounding.
        np.testing.assert_allclose(found, level, rtol=1e-6)
    assert f"100 % = {PRESCRIPTION:g} Gy" in legend_of(ax)


def test_axes_are_those_of_a_ct_in_cm(neck: Case, fine: xr.Dataset) -> None:
    edges = {axis: (float(fine[axis][0]) - 0.05, float(fine[axis][-1]) + 0.05) for axis in "xyz"}
    for normal, (across, up), position in (("z", "xy", 0.32), ("y", "xz", 1.02), ("x", "yz", 4.02)):
        ax = fine.seedmc.plot_slice(case=neck, **{normal: position})
        assert (ax.get_xlabel(), ax.get_ylabel()) == (f"{across} [cm]", f"{up} [cm]")
        np.testing.assert_allclose(ax.get_xlim(), edges[across])
        # The patient's front, small y, is up on an axial slice.
        np.testing.assert_allclose(ax.get_ylim(), edges[up][:: -1 if normal == "z" else 1])
        nearest = float(fine[normal].sel({normal: position}, method="nearest"))
        assert ax.get_title() == f"TG-43 dose, {normal} = {nearest:.2f} cm"


def test_the_ct_lies_under_its_own_coordinates(neck: Case, fine: xr.Dataset) -> None:
    ax = fine.seedmc.plot_slice(case=neck, z=0.0)
    (picture,) = ax.images
    left, right, bottom, top = picture.get_extent()
    image = neck.image
    step = image.x[1] - image.x[0]
    np.testing.assert_allclose((left, right), (image.x[0] - step / 2, image.x[-1] + step / 2))
    np.testing.assert_allclose((bottom, top), (image.y[0] - step / 2, image.y[-1] + step / 2))
    k = int(np.abs(image.z - 0.05).argmin())
    np.testing.assert_array_equal(picture.get_array(), image.hu[:, :, k].T)
    assert picture.origin == "lower"


@pytest.mark.parametrize("normal", ["x", "y", "z"])
def test_seeds_that_cross_the_slice_are_drawn(neck: Case, fine: xr.Dataset, normal: str) -> None:
    implant, k = neck.implant, "xyz".index(normal)
    position = float(implant.positions[0, k])
    ax = fine.seedmc.plot_slice(case=neck, **{normal: position})
    plane = float(fine[normal].sel({normal: position}, method="nearest"))
    reach = 0.5 * SEED_LENGTH * np.abs(implant.axes[:, k])
    crossing = np.abs(implant.positions[:, k] - plane) <= reach + 0.05
    drawn = lines_of(ax, "seed")
    assert len(drawn) == crossing.sum() > 0
    others = [i for i in range(3) if i != k]
    middles = np.array([ends.mean(axis=0) for ends in drawn])
    np.testing.assert_allclose(middles, implant.positions[crossing][:, others])
    lengths = [np.linalg.norm(np.ptp(ends, axis=0)) for ends in drawn]
    across = np.linalg.norm(implant.axes[crossing][:, others], axis=1)
    np.testing.assert_allclose(lengths, SEED_LENGTH * across)
    assert lines_of(fine.seedmc.plot_slice(case=neck, seeds=False, **{normal: position}), "seed") == []


@pytest.mark.parametrize("name", ["comparison", "fine"])
def test_contours_are_those_of_the_structures(neck: Case, name: str, request: pytest.FixtureRequest) -> None:
    result = request.getfixturevalue(name)
    # Voxels of 1 mm lie beside the contours' planes, 2 mm apart.
    z = float(result.z.sel(z=0.2, method="nearest"))
    ax = result.seedmc.plot_slice(z=z, structures=["PTV", "GTV"], case=neck if name == "fine" else None)
    for structure in (neck.structures["PTV"], neck.structures["GTV"]):
        half = 0.5 * structure.slice_thickness
        there = [c for c in structure.contours if -half < z - c.z <= half + 1e-6]
        drawn = lines_of(ax, f"structure {structure.name}")
        assert len(drawn) == len(there) > 0
        for curve, contour in zip(drawn, there, strict=True):
            np.testing.assert_allclose(curve[:-1], contour.points, atol=1e-5)  # kept in float32
            np.testing.assert_array_equal(curve[0], curve[-1])
    assert not lines_of(ax, "structure BODY")
    colours = {line.get_gid(): to_hex(line.get_color()).upper() for line in ax.lines}
    assert colours["structure PTV"] == STRUCTURE_COLOURS[0]


def test_contours_across_the_slices_follow_the_fraction(neck: Case, fine: xr.Dataset) -> None:
    ax = fine.seedmc.plot_slice(case=neck, y=0.85, structures=["PTV"], seeds=False)
    (curve,) = lines_of(ax, "structure PTV")
    contours = np.vstack([np.column_stack([c.points, np.full(len(c.points), c.z)])
                          for c in neck.structures["PTV"].contours])  # fmt: skip
    # A smooth body: its section is as wide and high as the body, cut off by at most a voxel and half a slice.
    np.testing.assert_allclose(curve[:, 0].min(), contours[:, 0].min(), atol=0.1)
    np.testing.assert_allclose(curve[:, 0].max(), contours[:, 0].max(), atol=0.1)
    np.testing.assert_allclose(curve[:, 1].min(), contours[:, 2].min() - 0.1, atol=0.15)
    np.testing.assert_allclose(curve[:, 1].max(), contours[:, 2].max() + 0.1, atol=0.15)


def test_a_comparison_draws_both_doses(comparison: xr.Dataset) -> None:
    ax = comparison.seedmc.plot_slice()
    one, other = contour_sets(ax)
    assert one.linestyles == "solid"
    assert other.linestyles == "dashed"
    np.testing.assert_allclose(one.levels, [60.0, 120.0, 180.0, 240.0])
    assert {"Monte Carlo dose", "TG-43 dose", "PTV", "seeds"} <= set(legend_of(ax))
    (alone,) = contour_sets(comparison.seedmc.plot_slice(dose="tg43"))
    for path, same in zip(alone.get_paths(), other.get_paths(), strict=True):
        np.testing.assert_array_equal(path.vertices, same.vertices)


def test_a_slice_goes_through_the_middle_of_the_target(neck: Case, fine: xr.Dataset) -> None:
    planes = neck.structures["PTV"].planes
    z = float(fine.seedmc.plot_slice(case=neck).get_title().split("= ")[1].split()[0])
    assert abs(z - 0.5 * (planes[0] + planes[-1])) < 0.2


def test_dose_as_colours(neck: Case, monte_carlo: xr.Dataset) -> None:
    ax = monte_carlo.seedmc.plot_slice(case=neck, wash=True, z=0.2)
    _, wash = ax.images
    plane = monte_carlo.dose.sel(z=0.2, method="nearest").values.T
    np.testing.assert_array_equal(wash.get_array(), plane)
    assert ax.figure.axes[-1].get_xlabel() == "Monte Carlo dose [Gy]"
    # Without a case there is no prescription to draw lines of: colours alone.
    ax = monte_carlo.seedmc.plot_slice(z=0.2)
    assert len(ax.images) == 2
    assert not contour_sets(ax)


@pytest.mark.parametrize(
    ("quantity", "name", "label"),
    [
        ("percent", "difference_percent_tg43", "difference from TG-43 [%]"),
        ("Gy", "difference", "dose difference [Gy]"),
        ("prescription", "difference_percent_prescription", "difference over prescription [%]"),
        ("z_score", "z_score", "z-score"),
    ],
)
def test_differences(comparison: xr.Dataset, quantity: str, name: str, label: str) -> None:
    ax = comparison.seedmc.plot_difference(quantity=quantity, z=0.2)
    (picture,) = ax.images
    shown = np.ma.filled(picture.get_array(), np.nan)
    plane = comparison.sel(z=0.2, method="nearest")
    highest = np.fmax(plane.dose_monte_carlo.values, plane.dose_tg43.values).T
    values = plane[name].values.T
    expected = np.where(np.nan_to_num(highest) >= 0.1 * PRESCRIPTION, values, np.nan)
    np.testing.assert_array_equal(shown, expected)
    low, high = picture.get_clim()
    assert low == -high < 0.0
    assert np.nanpercentile(np.abs(expected), 95) <= high or high == 500.0
    assert ax.figure.axes[-1].get_ylabel() == label
    left, right, bottom, top = picture.get_extent()
    half = 0.5 * float(comparison.x[1] - comparison.x[0])
    np.testing.assert_allclose((left, right), (comparison.x[0] - half, comparison.x[-1] + half), atol=1e-9)
    np.testing.assert_allclose((bottom, top), (comparison.y[0] - half, comparison.y[-1] + half), atol=1e-9)
    assert comparison.seedmc.plot_difference(limit=7.0).images[0].get_clim() == (-7.0, 7.0)


def test_histograms(neck: Case, comparison: xr.Dataset, tg43: xr.Dataset) -> None:
    ax = comparison.seedmc.plot_dvh(structures=["PTV", "CAROTID"])
    curves = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert [line.get_linestyle() for line in curves] == ["-", "--", "-", "--"]
    np.testing.assert_array_equal(
        curves[1].get_ydata(), comparison.dvh_volume.sel(structure="PTV", engine="tg43")
    )
    # 90 % of the target receive D90.
    for curve, engine in zip(curves[:2], ("monte_carlo", "tg43"), strict=True):
        d90 = float(comparison.index_value.sel(structure="PTV", index="D90", engine=engine))
        assert np.interp(d90, curve.get_xdata(), curve.get_ydata()) == pytest.approx(90.0, abs=0.7)
    # Bands of two standard uncertainties about Monte Carlo alone
    assert len(ax.collections) == 2
    target = comparison.sel(structure="PTV")
    wide = int(target.dvh_std_dev.argmax())
    dose, volume = float(target.dvh_dose[wide]), float(target.dvh_volume.sel(engine="monte_carlo")[wide])
    (band,) = ax.collections[0].get_paths()
    at = band.vertices[np.isclose(band.vertices[:, 0], dose)][:, 1]
    u = float(target.dvh_std_dev[wide])
    assert u > 0.0
    np.testing.assert_allclose((at.min(), at.max()), (volume - 2 * u, volume + 2 * u))
    assert legend_of(ax) == ["PTV", "CAROTID", "Monte Carlo", "TG-43"]
    # A dose by itself has the same histogram as in the comparison.
    ax = tg43.seedmc.plot_dvh(case=neck, structures=["PTV"])
    (own,) = [line for line in ax.lines if len(line.get_xdata()) > 2]
    compared = np.interp(own.get_xdata(), curves[1].get_xdata(), curves[1].get_ydata())
    # The comparison takes the seeds' part of voxels from the Monte Carlo geometry and samples at other doses.
    assert np.abs(own.get_ydata() - compared).max() < 1.5
    with pytest.raises(InvalidInput, match="case of the dose is not given"):
        tg43.seedmc.plot_dvh()


def test_functions_of_a_seed(seed: xr.Dataset) -> None:
    ax = seed.seedmc.plot_radial_dose_function()
    bars = ax.containers[0]
    r, g = bars.lines[0].get_data()
    expected = seed.radial_dose_function_line.dropna("r")
    np.testing.assert_array_equal(r, expected.r)
    np.testing.assert_array_equal(g, expected)
    assert g[list(r).index(1.0)] == pytest.approx(1.0)
    ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    u = seed.radial_dose_function_line_std_dev.sel(r=expected.r).values
    np.testing.assert_allclose(np.ptp(ends, axis=1), 4.0 * u, atol=1e-12)  # ± 2 standard uncertainties
    ax = seed.seedmc.plot_anisotropy_function(radii=(1.0, 5.0))
    assert legend_of(ax) == ["r = 1 cm", "r = 5 cm"]
    theta, f = ax.containers[1].lines[0].get_data()
    np.testing.assert_array_equal(f, seed.anisotropy_function.sel(r=5.0))
    assert f[list(theta).index(90.0)] == pytest.approx(1.0)
    with pytest.raises(InvalidInput, match=r"radius is 50 cm, expected"):
        seed.seedmc.plot_anisotropy_function(radii=(50.0,))


def test_an_index_of_a_study(study: xr.Dataset) -> None:
    ax = study.seedmc.plot_index("D90")
    table = study.seedmc.summary.sel(structure="PTV", index="D90")
    for bars, engine in zip(ax.containers, ("tg43", "monte_carlo"), strict=True):
        x, y = bars.lines[0].get_data()
        np.testing.assert_array_equal(x, [0.0, 3.0])
        np.testing.assert_array_equal(y, table[f"{engine}_mean"])
    assert ax.get_ylabel() == "D90 of PTV [Gy]"
    assert "[mm]" in ax.get_xlabel()
    with pytest.raises(InvalidInput, match="index is 'D17', expected one of D90"):
        study.seedmc.plot_index("D17")
    with pytest.raises(InvalidInput, match="structure is 'LIVER', expected one of PTV"):
        study.seedmc.plot_index("D90", structure="LIVER")


def test_axes_that_are_given_are_used(comparison: xr.Dataset) -> None:
    _, (one, other) = plt.subplots(1, 2)
    assert comparison.seedmc.plot_dvh(ax=one) is one
    assert comparison.seedmc.plot_slice(ax=other) is other


def test_wrong_choices_are_refused(neck: Case, comparison: xr.Dataset, tg43: xr.Dataset) -> None:
    for options, words in (
        ({"x": 1.0, "z": 0.0}, "x and z are given, expected one of x, y and z"),
        ({"z": 40.0}, "z is 40 cm, expected -"),
        ({"dose": "film"}, "dose is 'film', expected one of dose_monte_carlo"),
        ({"structures": ["LIVER"]}, "structure is 'LIVER', expected one of PTV"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            comparison.seedmc.plot_slice(**options)
        assert words in str(refusal.value)
    with pytest.raises(InvalidInput, match="difference is 'ratio', expected one of percent, Gy"):
        comparison.seedmc.plot_difference(quantity="ratio")
    with pytest.raises(InvalidInput, match="data set is a TG-43 dose, expected a comparison"):
        tg43.seedmc.plot_difference()
    with pytest.raises(InvalidInput, match="data set is a comparison, expected a study"):
        comparison.seedmc.plot_index()


def test_doses_of_two_programs(neck: Case, tg43: xr.Dataset) -> None:
    """Figures of a comparison without Monte Carlo go by its own names."""
    from validation.case.imported_dose import ImportedDose

    axes = [tg43[axis].values for axis in "xyz"]
    other = ImportedDose(*axes, 0.9 * tg43.dose.values, None, None, "scaled", "RTDOSE made here")
    found = compare(neck, other, tg43, gamma=False)
    (picture,) = found.seedmc.plot_difference(z=0.2).images
    middle = float(np.nanmedian(np.ma.filled(picture.get_array(), np.nan)))
    assert middle == pytest.approx(-10.0, abs=1e-3)  # kept in float32
    assert len(contour_sets(found.seedmc.plot_slice())) == 2
    assert found.seedmc.plot_dvh() is not None
