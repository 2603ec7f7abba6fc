"""The report in a browser without a network: what it draws, and that nothing goes wrong."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from validation.report.report import render
from validation.studies.compare import Comparison

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")

# Moves every slider, hides a structure, changes the range and points at a voxel, then leaves word of it.
HARNESS = """
<script>
window.addEventListener("error", (event) => { document.body.dataset.failed = event.message; });
window.addEventListener("unhandledrejection", (event) => { document.body.dataset.failed = String(event.reason); });
const waiting = setInterval(() => {
  if (document.body.dataset.slices !== "drawn") return;
  clearInterval(waiting);
  for (const name of ["axial", "coronal", "sagittal"]) {
    const slider = document.getElementById("slider-" + name);
    slider.value = Number(slider.value) + 3;
    slider.dispatchEvent(new Event("input"));
  }
  document.querySelector("#outline-key input").click();
  const range = document.getElementById("range");
  range.value = "100";
  range.dispatchEvent(new Event("change"));
  setTimeout(() => {
    const plot = document.getElementById("difference-axial");
    plot.emit("plotly_hover", { points: [{ x: 0.075, y: 0.075 }] });
    document.body.dataset.traces = plot.data.length;
    document.body.dataset.limit = plot.data[1].zmax;
    const lines = "#isodose-axial .contourlines path, #isodose-axial .contour path";
    document.body.dataset.isodose = document.querySelectorAll(lines).length;
    document.body.dataset.dvh = document.querySelectorAll("#dvh .scatterlayer .trace").length;
    const maps = document.getElementById("map");
    document.body.dataset.maps = Array.from(maps.options).map((o) => o.textContent).join("|");
    const drawn = [];
    const kinds = Array.from(maps.options).map((o) => o.value);
    const next = () => {
      if (!kinds.length) {
        document.body.dataset.drawn = JSON.stringify(drawn);
        document.body.dataset.done = "yes";
        return;
      }
      maps.value = kinds.shift();
      maps.dispatchEvent(new Event("change"));
      setTimeout(() => {
        const map = plot.data[1];
        const values = map.z.flat().filter((v) => v !== null);
        drawn.push([map.zmin, map.zmax, values.length, Math.min(...values), Math.max(...values)]);
        next();
      }, 120);
    };
    next();
  }, 800);
}, 50);
</script>
"""


@pytest.fixture(scope="module")
def dom(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "report.html"
    # First in the body, so that it hears every later failure.
    page.write_text(render(comparison).replace("<body>", "<body>" + HARNESS, 1), encoding="utf-8")
    return _open(page, folder)


def _open(page: Path, folder: Path) -> str:
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        "--window-size=1280,2000",
        "--virtual-time-budget=20000",
        "--enable-logging=stderr",
        "--dump-dom",
        page.as_uri(),
    ]
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not console, console
    return done.stdout


def _data(dom: str, name: str) -> str:
    body = re.search(r"<body[^>]*>", dom)
    assert body is not None
    match = re.search(f'data-{name}="([^"]*)"', body.group())
    return match.group(1) if match else ""


def test_the_page_draws_without_a_complaint(dom: str) -> None:
    assert _data(dom, "failed") == ""
    assert _data(dom, "slices") == "drawn"
    assert _data(dom, "done") == "yes"
    assert "slice-notice" not in dom[dom.index("</style>") : dom.index('id="slice-data"')]


def test_the_views_hold_maps_and_lines(dom: str) -> None:
    # CT, difference, at least one structure, seeds.
    assert int(_data(dom, "traces")) >= 4
    assert int(_data(dom, "isodose")) >= 4
    # Three structures with two edges of the band and two curves each.
    assert int(_data(dom, "dvh")) == 12


def test_the_controls_work(dom: str) -> None:
    assert _data(dom, "limit") == "100"
    start = dom[dom.index('id="label-axial"') :]
    label = re.search(r">(z = [^<]*) cm<", start)
    assert label is not None
    place = float(label.group(1)[4:].replace("−", "-"))
    # Three slices of 0.15 cm above the one nearest the target's centre at 0, which is at ± 0.075 cm.
    assert place in {0.38, 0.52, 0.53}


def test_every_map_of_the_list_is_drawn(dom: str, comparison: Comparison) -> None:
    names = html.unescape(_data(dom, "maps")).split("|")
    assert [name.split(",")[0] for name in names] == [
        "Monte Carlo − TG-43 / % of TG-43",
        "z-score",
        "gamma 2 % / 2 mm",
    ]
    percent, z, gamma = json.loads(html.unescape(_data(dom, "drawn")))
    assert (percent[:2], z[:2], gamma[:2]) == ([-100, 100], [-10, 10], [0, 2])
    # Fewer voxels have gamma, which asks for 20 % of the prescription in TG-43, than a difference, and none is above 2.
    assert percent[2] >= z[2] > 0
    assert percent[2] > gamma[2] > 100
    assert 0 <= gamma[3] < gamma[4] <= 2
    place = float(
        re.search(r">(z = [^<]*) cm<", dom[dom.index('id="label-axial"') :]).group(1)[4:].replace("−", "-")
    )  # type: ignore[union-attr]
    slices = comparison.data.sel(z=place, method="nearest")
    # Twice rounded to 0.2 % of up to three times the dose.
    shown = np.fmax(slices.dose_monte_carlo, slices.dose_tg43) >= 0.1 * comparison.prescription
    expected = slices.difference_percent_tg43.where(shown)
    assert percent[3] == pytest.approx(float(expected.min()), abs=0.4)
    assert percent[4] == pytest.approx(float(expected.max()), abs=1.2)
    assert gamma[4] == pytest.approx(float(slices.gamma[0].max()), abs=0.006)
    assert z[3] == pytest.approx(max(float(slices.z_score.min()), -10.0), abs=0.11)


def test_pointing_at_a_voxel_tells_its_doses(dom: str, comparison: Comparison) -> None:
    text = re.search(r'id="read-out">([^<]*)<', dom)
    assert text is not None
    match = re.search(
        r"\((\S+), (\S+), (\S+)\) cm · (.*) · Monte Carlo (\S+) Gy ± (\S+) %, TG-43 (\S+) Gy, difference (\S+) %",
        text.group(1),
    )
    assert match is not None, text.group(1)
    x, y, z, mc, u, tg43, difference = (
        float(match.group(k).replace("−", "-")) for k in (1, 2, 3, 5, 6, 7, 8)
    )
    voxel = comparison.data.sel(x=x, y=y, z=z, method="nearest")
    # Rounded to 0.2 % for each of dose and ratio, and to four digits.
    assert mc == pytest.approx(float(voxel.dose_monte_carlo), rel=2.6e-3)
    assert tg43 == pytest.approx(float(voxel.dose_tg43), rel=1.6e-3)
    assert u == pytest.approx(2.0, abs=0.06)
    assert difference == pytest.approx(float(voxel.difference_percent_tg43), abs=0.2)
    assert match.group(4) == "muscle"
