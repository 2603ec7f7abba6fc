"""The report as its reader uses it: contents, keys, definitions, a telephone, paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.comparison.chromium import BROWSER, Chromium
from validation.report.report import render
from validation.studies.compare import Comparison

pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")

TAB, ESCAPE, ENTER = ("Tab", 9), ("Escape", 27), ("Enter", 13)
# What the software renderer of a machine without a graphics card says of itself.
OF_THE_MACHINE = ("swiftshader", "GL Driver Message", "willReadFrequently", "WebGL")
LONG_NAME = "STRUCTURE_WITH_A_NAME_AS_LONG_AS_DICOM_LETS_IT_BE_64_CHARACTERS_"

# Contrast of text and what is behind it, WCAG 2.1: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio
CONTRAST = """
(() => {
  const parts = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = parts(c).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92
    : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor, p = parts(c);
    if (p.length < 4 || p[3] > 0) return c; } return "rgb(255, 255, 255)"; };
  const low = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement;
    if (!n.textContent.trim() || !e.getClientRects().length) continue;
    if (e.closest("script, style, svg, option, .js-plotly-plot")) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push([n.textContent.trim().slice(0, 40), (a + 0.05) / (b + 0.05)]);
  }
  return low;
})()
"""
VISIBLE = (
    "(() => {{ const e = document.querySelector({0!r}); return Boolean(e && e.getClientRects().length); }})()"
)


@pytest.fixture(scope="module")
def page(with_spectra: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    folder = tmp_path_factory.mktemp("report")
    names = [LONG_NAME if n == "CORD" else n for n in with_spectra.data.structure.values]
    data = with_spectra.data.assign_coords(structure=("structure", np.array(names, dtype=object)))
    data.structure.attrs.update(with_spectra.data.structure.attrs)
    data.attrs = {**with_spectra.data.attrs, "case_name": "a" * 90}
    file = folder / "report.html"
    file.write_text(render(Comparison(data), before=Comparison(data)), encoding="utf-8")
    with Chromium(folder) as browser:
        browser.window(1400, 900)
        browser.open(file, "document.querySelectorAll('.js-plotly-plot').length > 5")
        yield browser


def _tooltip(page: Chromium) -> str:
    shown = page.value(
        "(() => { const t = document.getElementById('definition'); return t.hidden ? '' : t.textContent; })()"
    )
    return str(shown)


def test_nobody_complains(page: Chromium) -> None:
    page.value("new Promise((done) => setTimeout(done, 1500))")
    assert [said for said in page.complaints if not any(word in said for word in OF_THE_MACHINE)] == []


def test_every_link_within_the_page_has_a_target(page: Chromium) -> None:
    links = "Array.from(document.querySelectorAll('a[href^=\"#\"]'))"
    assert page.value(f"{links}.map((a) => a.hash).filter((h) => !document.getElementById(h.slice(1)))") == []
    assert page.value("document.querySelectorAll('a[href^=\"#\"]').length") > 20


def test_contents_mark_the_section_that_is_read(page: Chromium) -> None:
    page.window(1400, 900)
    for name in ("photon-spectra", "settings-and-versions", "dose-volume-histograms"):
        page.value(f"document.getElementById({name!r}).scrollIntoView()")
        page.value("new Promise((done) => setTimeout(done, 200))")
        marked = "Array.from(document.querySelectorAll('nav [aria-current]')).map((a) => a.hash)"
        assert page.value(marked) == [f"#{name}"]
        # Contents stay in sight while the page is scrolled.
        assert 0 <= page.value("document.querySelector('nav.contents ol').getBoundingClientRect().top") < 200


def test_the_first_key_leads_past_the_contents(page: Chromium) -> None:
    page.value("window.scrollTo(0, 0); document.activeElement.blur()")
    page.press(*TAB)
    assert page.value("document.activeElement.className") == "skip"
    assert page.value("document.activeElement.getBoundingClientRect().top") >= 0
    page.press(*ENTER)
    assert page.value("document.activeElement.id") == "main"


def test_a_definition_shows_on_focus_and_goes_on_escape(page: Chromium) -> None:
    # Far down the page: the focus scrolls it there, and the definition stays.
    page.value("window.scrollTo(0, document.body.scrollHeight)")
    page.value("document.querySelector('#indices tr[data-index=D90] abbr').focus()")
    page.value("new Promise((done) => setTimeout(done, 200))")
    assert "most exposed 90 %" in _tooltip(page)
    assert page.value("document.activeElement.getAttribute('aria-describedby')") == "definition"
    outline = page.value("getComputedStyle(document.activeElement).outlineStyle")
    page.press(*ESCAPE)
    assert _tooltip(page) == ""
    # The next one is reached by the keyboard alone, and what has the focus is seen.
    page.press(*TAB)
    page.press(*TAB)
    assert page.value("document.activeElement.tagName") in {"ABBR", "A"}
    assert page.value("getComputedStyle(document.activeElement).outlineWidth") == "3px", outline


def test_pointing_at_a_number_says_what_it_is(page: Chromium) -> None:
    page.window(1400, 900)
    page.value("document.activeElement.blur()")
    page.point_at("#indices tr[data-index=D90] td.judged")
    told = _tooltip(page)
    assert told.startswith("GTV, D90, Monte Carlo: ")
    assert " ± " in told
    assert "most exposed 90 %" in told
    assert "Photon Monte Carlo" in told
    page.point_at("#spectra-table td.n")
    assert "Mean energy" in _tooltip(page)
    page.point_at("h1")
    assert _tooltip(page) == ""


def test_nothing_is_too_pale_to_read(page: Chromium) -> None:
    page.window(1400, 900)
    assert page.value(CONTRAST) == []


@pytest.mark.parametrize("width", [390, 768, 1024])
def test_no_window_needs_scrolling_sideways(page: Chromium, width: int) -> None:
    page.window(width, 844)
    page.value("new Promise((done) => setTimeout(done, 400))")
    assert page.value("document.documentElement.scrollWidth") <= width, page.value(
        "Array.from(document.querySelectorAll('body *')).filter((e) => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('.wide > *, svg')).map((e) => e.outerHTML.slice(0, 90)).slice(0, 8)"
    )
    # What is wider than the window scrolls in its own frame.
    wide = "(t) => t.getBoundingClientRect().width > innerWidth && !t.closest('.wide')"
    assert page.value(f"Array.from(document.querySelectorAll('main table')).filter({wide}).length") == 0


def test_a_value_stays_on_one_line_on_a_telephone(page: Chromium) -> None:
    page.window(390, 800)
    try:
        broken = page.value(
            "[...document.querySelectorAll('#indices td.n')].filter((e) => { const r = document.createRange();"
            " r.selectNodeContents(e); const tops = [...r.getClientRects()].map((b) => Math.round(b.top));"
            " return new Set(tops).size > 1; }).map((e) => e.textContent)"
        )
        assert broken == []
    finally:
        page.window(1400, 900)


def test_contents_fold_on_a_telephone_and_open_by_key(page: Chromium) -> None:
    page.window(390, 844)
    page.value("new Promise((done) => setTimeout(done, 300))")
    assert page.value("document.querySelector('nav.contents details').open") is False
    page.value("document.querySelector('nav.contents summary').focus()")
    page.press(*ENTER)
    assert page.value("document.querySelector('nav.contents details').open") is True
    page.value("document.querySelector('nav.contents a[href=\"#gamma\"]').click()")
    assert page.value("document.querySelector('nav.contents details').open") is False


def test_a_touch_shows_a_definition(page: Chromium) -> None:
    page.window(390, 844)
    page.value("window.scrollTo(0, 0); document.activeElement.blur()")
    page.touch("#indices tr[data-index=V100] abbr")
    page.value("new Promise((done) => setTimeout(done, 400))")
    assert "at least the prescribed dose" in _tooltip(page)
    right = page.value("document.getElementById('definition').getBoundingClientRect().right")
    assert right <= 390


def test_paper_has_no_controls_and_all_the_text(page: Chromium, tmp_path: Path) -> None:
    page.window(1400, 900)
    page.value("new Promise((done) => setTimeout(done, 300))")
    page.value("window.dispatchEvent(new Event('beforeprint'))")
    page.send("Emulation.setEmulatedMedia", media="print")
    try:
        for gone in (
            "nav.contents",
            ".skip",
            ".modebar-container",
            "select",
            "input[type=range]",
            "#definition",
        ):
            assert page.value(VISIBLE.format(gone)) is False, gone
        for there in (
            "#indices",
            "#glossary",
            ".references",
            "#dvh svg",
            "#spectra svg",
            "#gamma-map-1 svg",
        ):
            assert page.value(VISIBLE.format(there)) is True, there
        closed = "main details:not([open]):not([data-print=closed])"
        assert page.value(f"document.querySelectorAll({closed!r}).length") == 0
        # 182 mm at 96 px an inch: figures are no wider than the text on A4.
        widths = (
            "Array.from(document.querySelectorAll('.main-svg')).map((s) => s.getBoundingClientRect().width)"
        )
        assert max(page.value(widths)) <= 182 / 25.4 * 96 + 1
    finally:
        page.send("Emulation.setEmulatedMedia", media="")
        page.value("window.dispatchEvent(new Event('afterprint'))")
    page.paper(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert page.value(VISIBLE.format("nav.contents")) is True


def test_tables_that_scroll_can_be_reached_by_key(page: Chromium) -> None:
    page.window(390, 844)
    page.value("new Promise((done) => setTimeout(done, 300))")
    scrolling = (
        "Array.from(document.querySelectorAll('.wide')).filter((w) => w.getClientRects().length"
        " && w.scrollWidth > w.clientWidth + 1)"
    )
    assert page.value(f"{scrolling}.length") > 0
    assert page.value(f"{scrolling}.every((w) => w.tabIndex === 0 && w.getAttribute('aria-label'))") is True
