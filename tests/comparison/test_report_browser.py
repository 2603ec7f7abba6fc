"""The report in a browser without a network: what it draws, and that nothing goes wrong."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from validation.report.figures_slices import GREYS, ISODOSES, LOG_STEPS, LOWEST_SHOWN, WINDOW
from validation.report.report import render
from validation.studies.compare import Comparison

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")

HARNESS = (Path(__file__).parent / "viewer_harness.js").read_text(encoding="utf-8")
# What the browser warns of on its own account, about how plotly measures letters: it is slow, not wrong.
HARMLESS = ("willReadFrequently", "GPU stall due to ReadPixels")
HOSTILE = "<script>document.body.dataset.failed='a name was run'</script>"


@pytest.fixture(scope="module")
def hostile(comparison: Comparison) -> Comparison:
    """The comparison with a structure whose name is markup."""
    names = [HOSTILE if name == "CORD" else str(name) for name in comparison.data.structure.values]
    data = comparison.data.copy()
    attributes = data.structure.attrs
    data = data.assign_coords(structure=np.array(names, dtype=object))
    data.structure.attrs = attributes
    return Comparison(data)


@pytest.fixture(scope="module")
def dom(hostile: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "report.html"
    # First in the body, so that it hears every later failure.
    text = render(hostile).replace("<body>", f"<body><script>\n{HARNESS}\n</script>", 1)
    page.write_text(text, encoding="utf-8")
    return _open(page, folder)


def _open(page: Path, folder: Path) -> str:
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--use-angle=swiftshader",  # WebGL without a graphics card
        "--enable-unsafe-swiftshader",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        "--window-size=1280,2000",
        "--virtual-time-budget=30000",
        "--enable-logging=stderr",
        "--dump-dom",
        page.as_uri(),
    ]
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not [line for line in console if not any(known in line for known in HARMLESS)], console
    return done.stdout


def _data(dom: str, name: str) -> str:
    body = re.search(r"<body[^>]*>", dom)
    assert body is not None
    match = re.search(f'data-{name}="([^"]*)"', body.group())
    return html.unescape(match.group(1)) if match else ""


@pytest.fixture(scope="module")
def told(dom: str) -> dict[str, Any]:
    assert _data(dom, "failed") == ""
    assert _data(dom, "done") == "yes"
    return dict(json.loads(_data(dom, "told")))


def test_the_page_draws_without_a_complaint(dom: str, told: dict[str, Any]) -> None:
    assert _data(dom, "slices") == "drawn"
    assert _data(dom, "oblique") == "drawn"
    assert told["notices"] == []
    assert html.escape(HOSTILE, quote=False) in dom
    assert HOSTILE not in dom


def test_the_views_hold_maps_and_lines(told: dict[str, Any]) -> None:
    # CT, difference, at least one structure, seeds.
    assert told["traces"] >= 4
    assert told["isodose"] >= 4
    # Three structures with two edges of the band and two curves each.
    assert told["dvh"] == 12


def test_sliders_wheel_and_keys_move_the_slice(told: dict[str, Any], comparison: Comparison) -> None:
    start = int(told["start"])
    steps = [int(told[name]) for name in ("wheel", "pageDown", "arrow", "home")]
    assert steps == [start + 1, start + 1 - 10, start + 1 - 10 + 1, 0]
    assert told["pastTheEnd"] is False  # the page scrolls on
    assert told["label"] == told["spoken"]
    match = re.fullmatch(r"z = (\S+) mm", told["label"])
    assert match is not None
    # Told to 0.1 mm.
    assert float(match.group(1)) == pytest.approx(10 * float(comparison.data.z[start + 3]), abs=0.051)


def test_structures_and_doses_are_chosen(told: dict[str, Any]) -> None:
    assert told["structuresHidden"] == 1
    assert told["doses"] == ["TG-43", "Monte Carlo"]
    assert told["dosesLeft"] == ["TG-43"]
    assert told["limit"] == 100


def test_every_map_of_the_list_is_drawn(told: dict[str, Any], comparison: Comparison) -> None:
    assert [name.split(",")[0] for name in told["maps"]] == [
        "Monte Carlo − TG-43 / % of TG-43",
        "z-score",
        "gamma 2 % / 2 mm",
    ]
    percent, z, gamma = told["drawn"]
    assert (percent[:2], z[:2], gamma[:2]) == ([-100, 100], [-10, 10], [0, 2])
    # Fewer voxels have gamma, which asks for 20 % of the prescription in TG-43, than a difference; none is above 2.
    assert percent[2] >= z[2] > 0
    assert percent[2] > gamma[2] > 100
    assert 0 <= gamma[3] < gamma[4] <= 2
    slices = comparison.data.isel(z=int(told["start"]) + 3)
    # Twice rounded to 0.2 % of up to three times the dose.
    shown = np.fmax(slices.dose_monte_carlo, slices.dose_tg43) >= LOWEST_SHOWN * comparison.prescription
    expected = slices.difference_percent_tg43.where(shown)
    assert percent[3] == pytest.approx(float(expected.min()), abs=0.4)
    assert percent[4] == pytest.approx(float(expected.max()), abs=1.2)
    assert gamma[4] == pytest.approx(float(slices.gamma[0].max()), abs=0.006)
    assert z[3] == pytest.approx(max(float(slices.z_score.min()), -10.0), abs=0.11)


def test_pointing_at_a_voxel_tells_its_doses(dom: str, comparison: Comparison) -> None:
    text = re.search(r'id="read-out"[^>]*>([^<]*)<', dom)
    assert text is not None
    match = re.search(
        r"\((\S+), (\S+), (\S+)\) mm · (.*) · Monte Carlo (\S+) Gy ± (\S+) %, TG-43 (\S+) Gy, difference (\S+) %",
        text.group(1),
    )
    assert match is not None, text.group(1)
    x, y, z, mc, u, tg43, difference = (
        float(match.group(k).replace("−", "-")) for k in (1, 2, 3, 5, 6, 7, 8)
    )
    voxel = comparison.data.sel(x=x / 10, y=y / 10, z=z / 10, method="nearest")
    # Rounded to 0.2 % for each of dose and ratio, and to four digits.
    assert mc == pytest.approx(float(voxel.dose_monte_carlo), rel=2.6e-3)
    assert tg43 == pytest.approx(float(voxel.dose_tg43), rel=1.6e-3)
    assert u == pytest.approx(2.0, abs=0.06)
    assert difference == pytest.approx(float(voxel.difference_percent_tg43), abs=0.2)
    assert match.group(4) == "muscle"


def _about_line(direction: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the plane through a line, turned about it: across the screen and up, as the page states them."""
    across = direction / np.linalg.norm(direction)
    upright = np.array([0.0, -1.0, 0.0]) if abs(across[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    up = upright - (upright @ across) * across
    up /= np.linalg.norm(up)
    angle = np.radians(degrees)
    return across, np.cos(angle) * up + np.sin(angle) * np.cross(across, up)


def _free() -> tuple[np.ndarray, np.ndarray]:
    turn, tilt = np.radians(25.0), np.radians(-35.0)
    across = np.array([np.cos(turn), np.sin(turn), 0.0])
    back = np.array([-np.sin(turn), np.cos(turn), 0.0])
    return across, np.cos(tilt) * np.array([0.0, 0.0, 1.0]) - np.sin(tilt) * back


@pytest.mark.parametrize("kind", ["free", "seeds", "needle"])
def test_an_oblique_plane_holds_the_values_of_the_volumes(
    told: dict[str, Any], comparison: Comparison, kind: str
) -> None:
    data = comparison.data
    seeds = data.seed_position.values
    origin, (across, up), offset = {
        "free": (seeds[0], _free(), 0.25),
        "seeds": (seeds[1], _about_line(seeds[6] - seeds[1], 40.0), 0.0),
        "needle": (
            data.needle_entry.values[2],
            _about_line(data.needle_tip.values[2] - data.needle_entry.values[2], 0.0),
            0.0,
        ),
    }[kind]
    samples = told["planes"][kind]["samples"]
    table = np.array([[np.nan if v is None else v for v in row] for row in samples])
    a, b, grey, dose, difference = table.T
    normal = np.cross(across, up)
    places = origin + offset * normal + 0.1 * (a[:, None] * across + b[:, None] * up)
    first = np.array([float(data[axis][0]) for axis in "xyz"])
    step = np.array([float(data[axis][1] - data[axis][0]) for axis in "xyz"])
    index = ((places - first) / step).T
    inside = ((index >= 0) & (index <= np.array(data.hu.shape)[:, None] - 1)).all(axis=0)
    assert inside.sum() >= 20

    def trilinear(values: np.ndarray) -> np.ndarray:
        return np.asarray(map_coordinates(values.astype(float), index, order=1, mode="nearest"))

    mc, tg43 = data.dose_monte_carlo.values, data.dose_tg43.values
    # Half a step of packing for the reference dose, half for the ratio; the rest is round-off of 32 bits.
    step_of_log = 0.5 / LOG_STEPS
    shown = trilinear(np.fmax(mc, tg43) >= LOWEST_SHOWN * comparison.prescription) > 1 - 1e-9
    seen = inside & shown
    assert seen.sum() >= 10
    expected = 100 * np.exp(trilinear(np.log(mc / comparison.prescription)))
    contoured = seen & ~np.isnan(dose)
    assert contoured.sum() >= 4
    np.testing.assert_allclose(dose[contoured], expected[contoured], rtol=2.1 * step_of_log)
    assert (expected[seen & ~contoured] < ISODOSES[0][0] * 1.01).all()
    ratio = np.exp(trilinear(np.log(mc / tg43)))
    np.testing.assert_allclose(1 + difference[seen] / 100, ratio[seen], rtol=1.1 * step_of_log)
    # Where a hidden voxel takes part there is no difference.
    assert np.isnan(difference[inside & ~shown]).all()
    low, high = WINDOW
    window = np.clip((data.hu.values - low) / (high - low), 0, 1)
    np.testing.assert_allclose(grey[inside], GREYS * trilinear(window)[inside], atol=0.51)


def test_the_offset_is_told_and_moved(told: dict[str, Any]) -> None:
    # The normal of the plane points to the front and the feet, more to the front.
    assert told["planes"]["free"]["label"].startswith("+2.5 mm towards A")
    assert float(told["obliqueWheel"]) == 3.0
    assert told["planes"]["needle"]["label"].startswith("0.0 mm towards ")


def test_seeds_are_drawn_to_scale_on_a_plane_along_their_needle(
    told: dict[str, Any], comparison: Comparison
) -> None:
    x, y = told["seedOutline"]
    outlines = np.array([[np.nan, np.nan] if a is None else [a, b] for a, b in zip(x, y, strict=True)])
    breaks = np.flatnonzero(np.isnan(outlines[:, 0]))
    first = outlines[: breaks[0]]
    # Needle 3 and needle 4 or 1 beside it, 8 mm away: two seeds each lie in this plane.
    assert breaks.size == len(told["seedNames"]) == 4
    length, diameter = (10 * comparison.data.attrs[name] for name in ("seed_length_cm", "seed_diameter_cm"))
    np.testing.assert_allclose(np.ptp(first, axis=0), [length, diameter], rtol=1e-6)
    # Seeds of the needles 8 mm off the plane are not drawn, nor faint.
    assert told["nearOutlines"] == 0
    assert "U" in told["seedNames"][0]
    assert told["contoured"].count("GTV") == 1


def test_seeds_needles_and_surfaces_stand_in_space(told: dict[str, Any], comparison: Comparison) -> None:
    assert told["space"] == "drawn"
    assert told["inSpace"] == ["seeds", "needles", "GTV"]
    seeds = told["seedMesh"]
    assert (seeds["type"], seeds["seeds"], len(seeds["texts"])) == ("mesh3d", 8, 8)
    assert seeds["corners"] == 8 * 26
    x, y, z = 10 * comparison.data.seed_position.values[5]
    where = f"({x:.1f}, {y:.1f}, {z:.1f}) mm".replace("-", "−")
    assert f"seed 6<br>{where}<br>0.6000 U<br>needle 3" in seeds["texts"]
    # The surface of the target does not stand between the pointer and the seeds inside it.
    assert told["underThePointer"] == ["seeds"]
    assert told["needleEnds"] == 4 * 3  # entry, tip and a break
    assert told["moreInSpace"] == ["seeds", "needles", "plane", "GTV", "100 % TG-43"]


def test_the_surface_of_the_target_has_its_volume(told: dict[str, Any], comparison: Comparison) -> None:
    mesh = told["target"]
    corners = np.array([mesh[axis] for axis in "xyz"]).T / 10
    a, b, c = (corners[np.array(mesh[name])] for name in "ijk")
    volume = abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6
    # The level is sought until 0.2 % of it is left; corners are rounded to 0.1 mm, to either side.
    expected = float(comparison.data.structure_volume.sel(structure="GTV"))
    assert volume == pytest.approx(expected, rel=0.01)


def test_without_webgl_a_sentence_stands_there(told: dict[str, Any]) -> None:
    assert told["withoutWebGL"].startswith("This browser does not draw in three dimensions")
