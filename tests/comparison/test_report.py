from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from validation.report.figures_slices import HIDDEN, LOG_STEPS, LOWEST_SHOWN, slice_views, unpack
from validation.report.number_text import measured
from validation.report.report import render, write_report
from validation.report.tables import index_table
from validation.studies.compare import Comparison


class Page(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self.cells: dict[tuple[str, str], dict[str, str]] = {}
        self._structure = self._index = self._inside = self._cell = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        self._inside = found.get("id", self._inside if tag in {"small", "abbr"} else "")
        if tag == "tbody":
            self._structure = found.get("data-structure", "")
        elif tag == "tr":
            self._index = found.get("data-index", "")
        elif tag in {"td", "th"}:
            self._cell = found.get("class", "").removeprefix("n ")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data
        if self._structure and self._index and self._cell and data.strip():
            self.cells.setdefault((self._structure, self._index), {})[self._cell] = data


def _value(text: str) -> tuple[float, float, float]:
    """Value, uncertainty and rounding of a printed number."""
    plain = text.replace("−", "-").replace("\u202f", "")
    numbers = [float(n) for n in re.findall(r"[-+]?\d+(?:\.\d+)?", plain)]
    first = re.search(r"\d+(?:\.(\d+))?", plain)
    assert first is not None
    rounding = 0.5 * 10.0 ** -len(first.group(1) or "")
    return numbers[0], numbers[1] if "±" in plain else float("nan"), rounding * 1.0001


@pytest.fixture(scope="module")
def text(comparison: Comparison) -> str:
    return render(comparison)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_the_result_stands_in_one_sentence(page: Page, comparison: Comparison) -> None:
    sentence = page.texts["result"]
    d90 = comparison.data.sel(structure="GTV", index="D90")
    mc, tg43 = (float(d90.index_value.sel(engine=engine)) for engine in ("monte_carlo", "tg43"))
    match = re.search(r"D90 of (\S+ ± \S+) Gy, TG-43 (\S+) Gy: .* (\S+ ± \S+) % (lower|higher)", sentence)
    assert match is not None, sentence
    value, u, rounding = _value(match.group(1))
    assert abs(value - mc) <= rounding
    assert abs(u - float(d90.index_std_dev)) <= rounding
    assert abs(_value(match.group(2))[0] - tg43) <= rounding
    assert abs(_value(match.group(3))[0] - abs(100 * (mc / tg43 - 1))) <= 0.5
    assert match.group(4) == ("lower" if mc < tg43 else "higher")
    assert (
        sentence.count(".") - sentence.count("0.") <= sentence.count("Gy") * 2
    )  # one sentence: no second stop
    assert re.search(r"\. [A-Z]", sentence) is None


def test_a_difference_within_the_noise_is_not_called_one(comparison: Comparison) -> None:
    data = comparison.data.copy(deep=True)
    place = {"structure": "GTV", "index": "D90"}
    tg43 = float(data.index_value.sel(**place, engine="tg43"))
    data.index_value.loc[{**place, "engine": "monte_carlo"}] = 1.001 * tg43
    sentence = Page(render(Comparison(data))).texts["result"]
    assert "agree within the statistical uncertainty" in sentence


def test_a_run_without_an_uncertainty_says_so(comparison: Comparison) -> None:
    data = comparison.data.copy(deep=True)
    data.index_std_dev[:] = np.nan
    sentence = Page(render(Comparison(data))).texts["result"]
    assert re.search(r"D90 of \d+\.\d Gy \(uncertainty not known\), TG-43 \d+\.\d Gy: ", sentence)


@given(st.floats(-1e4, 1e4), st.floats(1e-5, 1e3), st.sampled_from(["Gy", "%", "1"]))
def test_a_printed_value_is_rounded_to_its_uncertainty(value: float, u: float, unit: str) -> None:
    printed, uncertainty, rounding = _value(measured(value, u, unit))
    assert abs(printed - value) <= rounding
    assert abs(uncertainty - u) <= rounding
    # Two digits of u round to 5 % of it at most, one digit to 50 %; nothing is finer than four decimals.
    largest = 0.05 * u if unit == "1" or u >= 0.1 else 0.5 * u
    assert rounding <= 1.001 * max(largest, 5e-5)


def test_the_table_holds_the_numbers_of_the_comparison(page: Page, comparison: Comparison) -> None:
    data = comparison.data
    checked = 0
    for (structure, index), cells in page.cells.items():
        here = data.sel(structure=structure, index=index)
        mc, tg43 = (float(here.index_value.sel(engine=engine)) for engine in ("monte_carlo", "tg43"))
        if not np.isfinite(tg43):
            assert "not defined below" in cells["judged"]
            continue
        value, u, rounding = _value(cells["judged"])
        assert abs(value - mc) <= rounding
        if np.isfinite(u):
            assert abs(u - float(here.index_std_dev)) <= rounding
        value, _, rounding = _value(cells["reference"])
        assert abs(value - tg43) <= rounding
        unit = str(here.index_unit.item())
        assert unit == "1" or cells["judged"].endswith(unit)
        difference, _, rounding = _value(cells["difference"])
        expected = 100 * (mc / tg43 - 1) if unit == "Gy" else mc - tg43
        assert abs(difference - expected) <= rounding
        checked += 1
    assert checked > 12


def test_every_index_says_what_it_is(page: Page, comparison: Comparison) -> None:
    titles = {found["title"] for tag, found in page.tags if tag == "abbr"}
    shown = {index for _, index in page.cells}
    definitions = comparison.data.index_definition.sel(index=sorted(shown)).values
    assert set(definitions) <= titles


def test_the_facts_of_the_run_are_told(text: str) -> None:
    for fact in (
        "20\u202f000\u202f000 in 200 batches",
        "ab" * 32,
        "8 of model 6711, 4 needles",
        "0.600 U each",
        "59.4 d",
        "edge voxels go on to 10 cm",
        "cortical bone",
        "Not a medical device",
        "cGy h⁻¹ U⁻¹",
    ):
        assert fact in text, fact


def test_nothing_is_loaded_from_elsewhere(page: Page, text: str) -> None:
    for tag, found in page.tags:
        for attribute in ("src", "srcset", "data", "action", "poster"):
            assert attribute not in found, f"<{tag} {attribute}={found.get(attribute)!r}>"
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        # Links lead within the page or, when followed, to the publication.
        if "href" in found:
            assert tag == "a"
            assert found["href"].startswith(("#", "https://doi.org/10."))
    policy = next(f["content"] for t, f in page.tags if f.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "\"'><b>x", "{{ 7 * 7 }}"]
)
def test_text_from_a_file_stays_text(comparison: Comparison, page: Page, name: str) -> None:
    names = [name if n == "GTV" else n for n in comparison.data.structure.values]
    data = comparison.data.assign_coords(structure=("structure", np.array(names, dtype=object)))
    data.structure.attrs.update(comparison.data.structure.attrs)
    media = data.medium_name.copy(data=np.array([name, "bone"], dtype=object))
    data = data.assign(medium_name=media)
    data.attrs |= {
        "prescription_target": name,
        "case_name": name,
        "tg43_source": name,
        "monte_carlo_settings": '{"seeds": "</script><img>"}',
    }
    hostile = Page(render(Comparison(data)))
    rows = {"dt", "dd", "tr", "td", "th", "abbr"}
    expected = [tag for tag, _ in page.tags if tag not in rows]
    found = [tag for tag, _ in hostile.tags if tag not in rows]
    assert found == expected
    assert name in hostile.texts["result"]


def test_volumes_hold_the_doses_to_their_rounding(comparison: Comparison) -> None:
    data = comparison.data
    views = slice_views(comparison)
    shape = tuple(views["shape"])
    volumes = {name: unpack(text, shape).astype(float) for name, text in views["volumes"].items()}
    mc, tg43 = data.dose_monte_carlo.values, data.dose_tg43.values
    # Half a step of 0.2 %, twice for the ratio and the reference; float32 doses round far below.
    step = 0.5 / LOG_STEPS * 1.01
    found = comparison.prescription * np.exp(volumes["reference"] / LOG_STEPS)
    np.testing.assert_allclose(found, tg43, rtol=step)
    shown = volumes["ratio"] != HIDDEN
    np.testing.assert_array_equal(
        shown, np.fmax(mc, tg43) >= np.float32(LOWEST_SHOWN * comparison.prescription)
    )
    ratio = np.exp(volumes["ratio"][shown] / LOG_STEPS)
    np.testing.assert_allclose(ratio, mc[shown] / tg43[shown], rtol=step)
    relative = data.dose_monte_carlo_std_dev.values[shown] / mc[shown]
    np.testing.assert_allclose(volumes["uncertainty"][shown] / 1000, relative, atol=5.1e-4)
    np.testing.assert_array_equal(volumes["medium"], data.medium.values)


def test_a_dose_inside_a_seed_is_not_read_out(comparison: Comparison) -> None:
    data = comparison.data.copy(deep=True)
    for name in ("dose_monte_carlo", "dose_tg43", "dose_monte_carlo_std_dev"):
        data[name][18, 16, 12] = np.nan
    views = slice_views(Comparison(data))
    shape = tuple(views["shape"])
    assert unpack(views["volumes"]["ratio"], shape)[18, 16, 12] == HIDDEN
    neighbours = data.dose_tg43[17:20, 15:18, 11:14]
    drawn = comparison.prescription * np.exp(
        unpack(views["volumes"]["reference"], shape)[18, 16, 12] / LOG_STEPS
    )
    assert float(neighbours.min()) * 0.99 < drawn < float(neighbours.max()) * 1.01


def test_views_start_at_the_target(comparison: Comparison) -> None:
    views = slice_views(comparison)
    where = [
        first + step * i for first, step, i in zip(views["first"], views["step"], views["start"], strict=True)
    ]
    # The target is centred on the origin: within half a voxel of 1.5 mm and of the contour spacing.
    np.testing.assert_allclose(where, 0.0, atol=0.16)


@pytest.mark.parametrize(("off", "fits"), [(1.04, 5), (1.17, 20), (0.55, 50), (2.5, 100)])
def test_the_first_colours_hold_nine_tenths_of_what_is_drawn(
    comparison: Comparison, off: float, fits: int
) -> None:
    data = comparison.data.copy()
    judged, reference = (f"dose_{engine}" for engine in comparison.engines[:2])
    data[judged] = off * data[reference]
    # A few voxels far off, and many with little dose, do not matter.
    data[judged][:2] = 9.0 * data[reference][:2]
    little = data[reference] < 0.05 * comparison.prescription
    data[judged] = data[judged].where(~little, 1.9 * data[reference])
    assert slice_views(Comparison(data))["range"] == fits


def test_what_leaves_the_dose_grid_is_told_as_that(comparison: Comparison) -> None:
    data = comparison.data.copy(deep=True)
    data.structure_covered.loc[{"structure": "CORD"}] = 7.4
    data.structure_volume.loc[{"structure": ["CORD", "BONE"]}] = 1.1
    data.index_value.loc[{"structure": ["CORD", "BONE"], "index": "D2cc"}] = np.nan
    data.structure_covered.loc[{"structure": "BONE"}] = 100.0
    found = {rows.name: rows for rows in index_table(Comparison(data))}
    cells = {name: next(row for row in found[name].rows if row.name == "D2cc") for name in ("CORD", "BONE")}
    assert cells["CORD"].judged == "only 1.10 of 14.9 cm³ on the dose grid"
    assert cells["BONE"].judged == cells["BONE"].reference == "not defined below 2 cm³"
    assert found["CORD"].volume == "1.10 of 14.9 cm³ (7 %) on the dose grid, indices of this part"


def test_the_report_replaces_an_old_one_whole(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    write_report(comparison, path)
    first = path.read_text(encoding="utf-8")
    assert first.startswith("<!DOCTYPE html>")
    broken = Comparison(comparison.data.drop_vars("dvh_volume"))
    with pytest.raises(AttributeError):
        write_report(broken, path)
    assert path.read_text(encoding="utf-8") == first
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_report_is_the_same_every_time(text: str, comparison: Comparison) -> None:
    assert render(comparison) == text


def test_a_large_grid_fits_a_mailbox(comparison: Comparison) -> None:
    # 128³ voxels of 1 mm with 2 % noise where the dose is above a tenth of the prescription: the largest
    # grid the report is meant for.
    n = 128
    axis = (np.arange(n) - (n - 1) / 2) * 0.1
    r2 = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 + 0.02
    tg43 = (600.0 / r2 * np.exp(-0.2 * np.sqrt(r2))).astype(np.float32)
    rng = np.random.default_rng(4)
    mc = tg43 * rng.normal(1.0, 0.02, tg43.shape).astype(np.float32)
    hu = rng.normal(40.0, 15.0, tg43.shape).astype(np.float32)
    small = comparison.data
    grid = {a: (a, axis, small[a].attrs) for a in "xyz"}
    large = small.drop_vars([v for v in small.data_vars if {"x", "y", "z"} & set(small[v].dims)])
    large = large.drop_vars(["x", "y", "z"]).assign_coords(grid)
    near = (r2 < 1.5).astype(np.float32)
    dims = ("x", "y", "z")
    large = large.assign(
        dose_monte_carlo=(dims, mc),
        dose_tg43=(dims, tg43),
        dose_monte_carlo_std_dev=(dims, 0.02 * mc),
        z_score=(dims, (mc - tg43) / (0.02 * mc)),
        gamma=(
            ("pair", *dims),
            np.where(tg43 > 24.0, np.abs(rng.normal(0.0, 0.4, tg43.shape)), np.nan)[None],
        ),
        hu=(dims, hu),
        medium=(dims, (hu > 60).astype(np.uint8)),
        structure_fraction=(("structure", *dims), np.stack([near] * small.sizes["structure"])),
    )
    assert isinstance(large, xr.Dataset)
    assert len(render(Comparison(large)).encode()) < 15_000_000
