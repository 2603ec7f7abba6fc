"""Spectra, definitions, references and plan beside implant in the report, against the numbers they are made of."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest
import xarray as xr
from markupsafe import escape

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.evaluate.dvh import part_volumes
from validation.report.before_after import before_after_table, changes_between
from validation.report.page import anchored
from validation.report.references import WORKS, linked, parsed
from validation.report.report import render
from validation.report.spectra_section import shares, spectra_figure, spectrum_rows
from validation.studies.compare import Comparison
from validation.studies.comparison_medium_to_water import ratio
from validation.studies.comparison_structure import PERCENTILES
from validation.studies.monte_carlo_spectra import binned, mean_energy


@pytest.fixture(scope="module")
def text(with_spectra: Comparison) -> str:
    return render(with_spectra)


@pytest.fixture(scope="module")
def before(with_spectra: Comparison) -> Comparison:
    """The same comparison with every index a tenth higher."""
    data = with_spectra.data.copy(deep=True)
    data.index_value[:] = 1.1 * data.index_value
    return Comparison(data)


def _plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup)).replace("\u00a0", " ").strip()


def _table(text: str, identifier: str) -> list[list[str]]:
    """Cells of the body of a table as plain text."""
    part = re.search(rf'<table id="{identifier}".*?</table>', text, re.DOTALL)
    assert part is not None, identifier
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", part.group().split("</thead>")[1], re.DOTALL)
    return [
        [_plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows
    ]


def test_contents_lead_to_every_section_in_order(text: str) -> None:
    nav = re.search(r"<nav.*?</nav>", text, re.DOTALL)
    assert nav is not None
    targets = re.findall(r'href="#([^"]+)"', nav.group())
    sections = re.findall(r'<section[^>]*id="([^"]+)"', text)
    assert targets == sections
    titles = [_plain(title) for title in re.findall(r"<h2[^>]*>(.*?)</h2>", text, re.DOTALL)]
    assert [_plain(a) for a in re.findall(r"<a [^>]*>(.*?)</a>", nav.group())] == titles
    assert titles[:2] == ["Dose on the CT", "Dose-volume indices"]
    assert titles[-1] == "References"


def test_no_identifier_is_given_twice(text: str) -> None:
    found = re.findall(r'<[a-z][a-z0-9]*\b[^<>]*?\sid="([^"]+)"', text)
    assert len(found) == len(set(found)), {name for name in found if found.count(name) > 1}


def test_references_are_numbered_in_the_order_of_use_and_all_are_used(text: str) -> None:
    cited = [int(number) for number in re.findall(r'href="#ref-(\d+)"', text)]
    listed = [int(number) for number in re.findall(r'<li id="ref-(\d+)"', text)]
    assert list(dict.fromkeys(cited)) == listed == list(range(1, len(listed) + 1))
    assert len(listed) > 8
    links = re.findall(r'<li id="ref-\d+">.*?(?:href="https://doi.org/([^"]+)")?>?[^>]*</(?:a>)?</?li>', text)
    assert all(link == "" or re.fullmatch(r"10\.\d{4,9}/\S+", link) for link in links)


def test_a_number_leads_to_the_work_that_is_meant(text: str) -> None:
    entries = dict(re.findall(r'<li id="ref-(\d+)">(.*?)</li>', text))
    for index, work in (
        ("D90", "TG-137"),
        ("DHI", "Wu, Ulin and Sternick"),
        ("HI ICRU 83", "ICRU Report 83"),
    ):
        row = re.search(rf'<tr data-index="{index}"><th>.*?href="#ref-(\d+)"', text)
        assert row is not None
        assert work in entries[row.group(1)]


def test_a_section_never_takes_the_identifier_of_something_else() -> None:
    found = anchored('<section><h2>Gamma</h2><p id="gamma"></p></section><section><h2>Gamma</h2></section>')
    assert [entry.identifier for entry in found.entries] == ["gamma-2", "gamma-3"]


def test_every_work_that_can_be_cited_has_a_doi() -> None:
    for key, citation in WORKS.items():
        reference = parsed(citation)
        assert re.fullmatch(r"10\.\d{4,9}/\S+[^.,;)]", reference.doi), key
        assert re.search(r"\d{4}|NISTIR", reference.text), key


@pytest.mark.parametrize(
    ("citation", "doi"),
    [
        ("van 't Riet, doi:10.1016/S0360-3016(96)00601-3", "10.1016/S0360-3016(96)00601-3"),
        ("(TG-186, doi:10.1118/1.4747264), 1.0", "10.1118/1.4747264"),
        ("ends doi:10.1093/jicru/ndq001.", "10.1093/jicru/ndq001"),
    ],
)
def test_a_doi_ends_where_the_sentence_goes_on(citation: str, doi: str) -> None:
    assert parsed(citation).doi == doi
    assert f'"https://doi.org/{doi}"' in linked(citation)


def test_what_is_explained_on_hover_is_explained_at_the_end(text: str) -> None:
    part = re.search(r'<dl class="facts" id="glossary">.*?</dl>', text, re.DOTALL)
    assert part is not None
    listed = {_plain(entry) for entry in re.findall(r"<dd>(.*?)</dd>", part.group(), re.DOTALL)}
    shown = re.sub(r'<table id="seeds">.*?</table>', "", text, flags=re.DOTALL)
    titles = {html.unescape(title) for title in re.findall(r'<abbr title="([^"]*)"', shown)}
    assert titles <= listed, titles - listed
    assert listed <= titles, listed - titles
    assert len(titles) > 30


def test_every_number_in_a_table_has_a_head_that_says_what_it_is(text: str) -> None:
    # Places of seeds explain themselves; all else is explained in the row or in the column.
    for table in re.findall(r"<table id=.*?</table>", text, re.DOTALL):
        head, body = table.split("</thead>")
        columns = re.findall(r"<th[^>]*>(.*?)</th>", head, re.DOTALL)
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL):
            cells = re.findall(r"<(t[hd])([^>]*)>(.*?)</t[hd]>", row, re.DOTALL)
            for column, (_, attributes, cell) in enumerate(cells):
                if '"n' in attributes and re.search(r"\d", cell):
                    told = "abbr" in cells[0][2] or "abbr" in columns[column]
                    assert told or table.startswith('<table id="seeds"'), (
                        table[:80],
                        cell,
                    )


def test_the_table_of_spectra_holds_the_numbers_of_the_comparison(
    text: str, with_spectra: Comparison
) -> None:
    rows = {row[0]: row for row in _table(text, "spectra-table")}
    assert set(rows) == {"GTV", "BONE", "CORD", "BODY"}
    assert rows["GTV"][2] == "27.40 ± 0.01 keV"
    assert rows["BONE"][2] == "27.90 ± 0.05 keV"
    assert rows["CORD"][2] == "–"
    # The whole energy fluence is the integral of the spectrum: bins of 0.25 keV.
    data = with_spectra.data.sel(structure="GTV")
    total = 0.25 * float(data.energy_fluence.sum())
    assert abs(float(rows["GTV"][3].split(" ")[0]) - total) < 1e-3
    assert rows["GTV"][1] == "muscle 100 %"
    assert len(spectrum_rows(with_spectra)) == 4


def test_shares_of_the_fluence_are_those_of_the_whole(with_spectra: Comparison) -> None:
    figure = spectra_figure(with_spectra)
    assert figure is not None
    curves = {trace.name: trace for trace in figure.data if trace.name and trace.name in {"GTV", "BONE"}}
    assert set(curves) == {"GTV", "BONE"}
    for curve in curves.values():
        # In % per keV, so that 0.25 keV times the sum is the whole; what is too small to draw is raised to 1e-5.
        assert abs(0.25 * float(np.sum(curve.y)) - 100.0) < 0.01
    lines = next(trace for trace in figure.data if trace.name and trace.name.startswith("emitted"))
    np.testing.assert_allclose(lines.x, [27.2017, 27.4723, 31.0, 35.4919])
    np.testing.assert_allclose(lines.y, [0.397, 0.741, 0.257, 0.0668])


def test_uncertainties_of_shares_and_mean_energy_are_what_noise_does() -> None:
    # 4000 spectra with independent noise; the spread of the sample standard deviation is 1/√(2·4000) = 1.1 %.
    rng = np.random.default_rng(11)
    edges = np.linspace(20.0, 36.0, 17)
    energy = 0.5 * (edges[1:] + edges[:-1])
    fluence, std_dev = rng.uniform(1.0, 5.0, 16), rng.uniform(0.01, 0.05, 16)
    noisy = fluence + std_dev * rng.standard_normal((4000, 16))
    share, u = shares(fluence, std_dev, energy)
    found = np.array([shares(row, std_dev, energy)[0] for row in noisy])
    np.testing.assert_allclose(found.mean(axis=0), share, rtol=3e-3)
    np.testing.assert_allclose(found.std(axis=0), u, rtol=0.06)
    mean, u_mean = mean_energy(edges, fluence[None], std_dev[None])
    means = mean_energy(edges, noisy, noisy)[0]
    assert abs(means.std() / u_mean[0] - 1.0) < 0.06
    assert mean[0] == pytest.approx(fluence.sum() / (fluence / energy).sum())


def test_bins_keep_the_energy_fluence() -> None:
    fine = np.random.default_rng(3).random((2, 3900))
    np.testing.assert_allclose(0.25 * binned(fine, 25).sum(axis=1), 0.01 * fine.sum(axis=1), rtol=1e-12)


def test_dose_to_medium_over_dose_to_water_is_the_ratio_of_the_means(
    with_spectra: Comparison, monte_carlo: xr.Dataset, case: Case
) -> None:
    data = with_spectra.data
    bone = data.structure_fraction.sel(structure="BONE").to_numpy()
    volume = part_volumes(case.image.x, case.image.y, case.image.z, bone, data.tissue_fraction)
    dose = monte_carlo.dose.to_numpy()
    water = dose / np.where(monte_carlo.medium, 4.0, 1.0)
    expected = float((volume * dose).sum() / (volume * water).sum())
    found = data.medium_to_water.sel(structure="BONE")
    assert 3.0 < expected < 4.0  # some of the structure is muscle
    assert float(found) == pytest.approx(expected, rel=1e-6)
    # All muscle: both doses are one, with one noise.
    assert float(data.medium_to_water.sel(structure="CORD")) == pytest.approx(1.0)
    assert float(data.medium_to_water_std_dev.sel(structure="CORD")) < 1e-12
    assert 0.0 < float(data.medium_to_water_std_dev.sel(structure="BONE")) < 0.01


def test_noise_that_both_doses_share_cancels_in_the_ratio() -> None:
    rng = np.random.default_rng(5)
    found, stated = [], []
    for _ in range(2000):
        water = 1.0 + 0.05 * rng.standard_normal(20)
        medium = 2.0 * water + 0.004 * rng.standard_normal(20)
        value, u = ratio(float(medium.mean()), float(water.mean()), (medium, water), None)
        found.append(value)
        stated.append(u)
    # 0.004/√20 of the mean of 1, not the 0.022 of noise that both share; 2000 draws know a spread to 1.6 %.
    assert np.std(found) == pytest.approx(0.004 / np.sqrt(20), rel=0.08)
    assert np.mean(stated) == pytest.approx(np.std(found), rel=0.08)


def test_the_mean_difference_has_the_uncertainty_of_its_groups(
    with_spectra: Comparison, monte_carlo: xr.Dataset, tg43: xr.Dataset, case: Case
) -> None:
    data = with_spectra.data
    inside = data.structure_fraction.sel(structure="GTV").to_numpy()
    volume = part_volumes(case.image.x, case.image.y, case.image.z, inside, data.tissue_fraction).ravel()
    voxels = monte_carlo.group_voxel.to_numpy()
    weight = volume[voxels] / tg43.dose.to_numpy().ravel()[voxels]
    means = 100 * monte_carlo.group_dose.to_numpy() @ weight / volume.sum()
    expected = means.std(ddof=1) / np.sqrt(len(means))
    at = {"structure": "GTV", "difference_unit": with_spectra.relative_unit}
    assert float(data.difference_mean_std_dev.sel(**at)) == pytest.approx(expected, rel=1e-6)
    spread = data.difference_percentile_std_dev.sel(**at)
    assert spread.sizes["percentile"] == len(PERCENTILES)
    # The median of many voxels with independent noise is as well known as their mean, but for √(π/2).
    assert 0.5 < float(spread.sel(percentile=50.0)) / expected < 4.0


def test_biology_has_the_uncertainty_of_the_dose_it_is_made_of(with_spectra: Comparison) -> None:
    u = dict(
        zip(with_spectra.data.biology_quantity.values, with_spectra.data.biology_std_dev.values, strict=True)
    )
    # EQD2 = BED/(1 + 2/(α/β)) with α/β = 3 Gy.
    assert u["EQD2 of D90"] == pytest.approx(u["BED of D90"] / (1 + 2 / 3))
    assert u["EQD2 of EUBED"] == pytest.approx(u["EUBED"] / (1 + 2 / 3))
    d90 = with_spectra.data.sel(structure="GTV", index="D90")
    bed = with_spectra.data.biology_value.sel(engine="monte_carlo", biology_quantity="BED of D90")
    # BED of 10 to 200 Gy at this dose rate grows 0.5 to 1.5 times as fast as the dose.
    assert 0.5 < (u["BED of D90"] / float(bed)) / (float(d90.index_std_dev) / float(d90.index_value[0])) < 2.0


def test_plan_and_implant_stand_side_by_side(before: Comparison, with_spectra: Comparison) -> None:
    text = render(with_spectra, before=before)
    rows = [row for row in _table(text, "before-after") if len(row) == 7]
    d90 = with_spectra.data.index_value.sel(structure="GTV", index="D90")
    first = rows[0]
    assert first[0] == "D90"
    for column, value in (
        (1, 1.1 * float(d90.sel(engine="monte_carlo"))),
        (2, float(d90.sel(engine="monte_carlo"))),
        (4, 1.1 * float(d90.sel(engine="tg43"))),
        (5, float(d90.sel(engine="tg43"))),
    ):
        assert abs(float(first[column].split(" ")[0]) - value) < 0.051
        assert first[column].endswith("Gy")
    assert "(−9.1 %)" in first[3]
    u = float(with_spectra.data.index_std_dev.sel(structure="GTV", index="D90"))
    assert abs(float(re.findall(r"± (\S+)", first[3])[0]) - np.sqrt(2) * u) < 0.006
    assert "±" not in first[6]


def test_a_plan_of_another_prescription_is_refused(before: Comparison, with_spectra: Comparison) -> None:
    other = Comparison(before.data.copy())
    other.data.attrs = {**before.data.attrs, "prescription_dose_gy": 90.0}
    with pytest.raises(InvalidInput, match="90 Gy to GTV, expected 120 Gy to GTV"):
        changes_between(other, with_spectra)


def test_a_dose_that_only_one_state_has_is_left_out(before: Comparison, with_spectra: Comparison) -> None:
    only = Comparison(before.data.sel(engine=["tg43"]))
    changes = changes_between(only, with_spectra)
    assert list(changes) == ["TG-43"]
    assert {table.name for table in before_after_table(changes)} == {"GTV", "BONE", "CORD"}


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "\"'><b>x"]
)
def test_names_from_files_stay_text_in_every_part(
    before: Comparison, with_spectra: Comparison, name: str
) -> None:
    def renamed(comparison: Comparison) -> Comparison:
        names = [name if n == "GTV" else n for n in comparison.data.structure.values]
        data = comparison.data.assign_coords(structure=("structure", np.array(names, dtype=object)))
        data.structure.attrs.update(comparison.data.structure.attrs)
        data.attrs = {
            **comparison.data.attrs,
            "prescription_target": name,
            "case_name": name,
            "emission_source": name,
        }
        return Comparison(data)

    text = render(renamed(with_spectra), before=renamed(before))
    assert name not in text
    assert str(escape(name)) in text


def test_a_report_without_spectra_says_how_to_get_them(
    monte_carlo: xr.Dataset, tg43: xr.Dataset, case: Case
) -> None:
    from validation.studies.compare import compare

    without = compare(case, monte_carlo.assign(dose_to_water=monte_carlo.dose), tg43, gamma=False)
    text = render(without)
    assert "Spectra were not scored" in text
    assert 'id="gamma-rates"' not in text
    assert {len(row) for row in _table(text, "spectra-table")} == {3}
