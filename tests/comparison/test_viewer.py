"""What the views of dose on the CT are made of: surfaces, seeds, needles, colours."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import validation.report
from validation.report.figures_slices import BRIGHTEST, ISODOSES, WINDOW, slice_views, unpack
from validation.report.viewer_seeds import needle_views, seed_views
from validation.report.viewer_surfaces import ENOUGH, Surface, isodose_surface, structure_surface
from validation.studies.compare import Comparison

PAGES = Path(validation.report.__file__).parent
STEP = np.full(3, 0.1)


def _radius(n: int) -> tuple[np.ndarray, np.ndarray]:
    axis = (np.arange(n) - (n - 1) / 2) * 0.1
    return np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2), np.full(3, axis[0])


def _closed(surface: Surface) -> bool:
    """Every edge belongs to two triangles, once in either direction."""
    edges = Counter((int(t[a]), int(t[b])) for t in surface.triangles for a, b in ((0, 1), (1, 2), (2, 0)))
    return all(edges[b, a] == count == 1 for (a, b), count in edges.items())


# A node of 1 cm, a sphere that needs coarse blocks, and one that the grid cuts.
@pytest.mark.parametrize(("radius", "n"), [(0.5, 20), (3.0, 70), (2.0, 30)])
def test_a_surface_has_the_volume_of_its_structure(radius: float, n: int) -> None:
    r, first = _radius(n)
    part = np.clip((radius - r) / 0.1 + 0.5, 0, 1)
    found = structure_surface(part, first, STEP)
    assert found is not None
    assert _closed(found)
    assert len(found.triangles) <= ENOUGH
    # The level is sought to 0.002; its volume moves by 3 surface / volume × voxel × that, 0.12 % for the smallest.
    assert found.volume == pytest.approx(part.sum() * 0.001, rel=2e-3)
    if n > 20 * radius + 2:
        # The mean of (R + s)³ over a ramp of one voxel w is R³ + R w² / 4; the rest is that voxels sample the ramp.
        assert found.volume == pytest.approx(4 / 3 * np.pi * (radius**3 + radius * 0.01 / 4), rel=0.006)
        # Coarse blocks lie where their voxels do: every corner within a fraction of a block of 0.2 cm.
        np.testing.assert_allclose(np.linalg.norm(found.vertices, axis=1), radius, atol=0.04)
    assert found.handles == 0


def test_a_shell_thinner_than_coarse_blocks_gets_no_holes() -> None:
    r, first = _radius(40)
    shell = np.clip(0.5 + (0.075 - np.abs(r - 1.5)) / 0.1, 0, 1)
    found = structure_surface(shell, first, STEP)
    assert found is not None
    assert _closed(found)
    corners = np.linalg.norm(found.vertices, axis=1)
    # Two spheres about 1.5 mm apart, each with V − E + F = 2.
    assert len(found.vertices) - len(found.triangles) // 2 == 4
    assert found.handles == 0
    assert len(found.triangles) > ENOUGH
    assert 1.35 < corners.min() < 1.5 < corners.max() < 1.65


def test_a_ring_has_one_handle() -> None:
    axis = (np.arange(24) - 11.5) * 0.1
    across = np.hypot(axis[:, None, None], axis[:, None]) + 0 * axis
    ring = np.hypot(across - 0.7, axis) < 0.25
    found = structure_surface(ring.astype(float), np.full(3, axis[0]), STEP)
    assert found is not None
    assert found.handles == 1


def test_an_isodose_lies_where_the_dose_is() -> None:
    r, first = _radius(40)
    found = isodose_surface(100.0 / r**2, 100.0, first, STEP)
    assert found is not None
    # ln(1 / r²) is not quite straight between voxels of a tenth of the radius: (0.1 / 2)² / 2 at most.
    np.testing.assert_allclose(np.linalg.norm(found.vertices, axis=1), 1.0, atol=0.003)
    assert isodose_surface(np.ones((4, 4, 4)), 2.0, np.zeros(3), STEP) is None


def test_an_empty_structure_has_no_surface(comparison: Comparison) -> None:
    data = comparison.data.copy(deep=True)
    data.structure_fraction.loc[{"structure": "CORD"}] = 0.0
    views = slice_views(Comparison(data))
    cord = [s["name"] for s in views["structures"]].index("CORD")  # type: ignore[attr-defined,index]
    assert views["surfaces"]["structures"][cord] is None  # type: ignore[index]
    assert f"structure{cord}" not in views["volumes"]  # type: ignore[operator]


def test_surfaces_are_unpacked_as_they_were(comparison: Comparison) -> None:
    views = slice_views(comparison)
    packed = views["surfaces"]["structures"][0]  # type: ignore[index]
    corners = unpack(packed["vertices"], (3, -1)).T / 100
    triangles = unpack(packed["triangles"], (3, -1)).T.view(np.uint16)
    part = comparison.data.structure_fraction.sel(structure=comparison.target).values
    axes = [comparison.data[axis].values for axis in "xyz"]
    found = structure_surface(part, np.array([a[0] for a in axes]), np.array([a[1] - a[0] for a in axes]))
    assert found is not None
    np.testing.assert_array_equal(triangles, found.triangles)
    np.testing.assert_allclose(corners, found.vertices, atol=0.00501)  # 0.1 mm


def test_needles_without_a_table_run_through_their_seeds(comparison: Comparison) -> None:
    bare = Comparison(comparison.data.drop_vars(["needle", "needle_entry", "needle_tip"]))
    needles = needle_views(bare)
    assert [(n["number"], n["seeds"], n["known"]) for n in needles] == [(k, 2, False) for k in range(1, 5)]
    # Seeds at z = ± 0.4 cm and half a seed of 4.55 mm beyond.
    np.testing.assert_allclose(needles[0]["entry"], [-0.4, -0.4, -0.6275], atol=1e-4)  # type: ignore[arg-type]
    np.testing.assert_allclose(needles[0]["tip"], [-0.4, -0.4, 0.6275], atol=1e-4)  # type: ignore[arg-type]
    assert all(n["known"] for n in needle_views(comparison))


def test_an_older_file_has_seeds_of_the_usual_size(comparison: Comparison) -> None:
    data = comparison.data.copy()
    data.attrs = {k: v for k, v in data.attrs.items() if not k.startswith("seed_length")}
    older = seed_views(Comparison(data))
    assert (older["length"], older["nominal"]) == (0.45, True)
    assert (seed_views(comparison)["length"], seed_views(comparison)["nominal"]) == (0.455, False)


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    values = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_isodoses_stand_out_from_soft_tissue() -> None:
    low, high = WINDOW
    for hu in (-100, 0, 40, 60):  # fat, water, muscle, enhanced soft tissue
        grey = round((hu - low) / (high - low) * int(BRIGHTEST[1:3], 16))
        behind = _luminance(f"#{grey:02x}{grey:02x}{grey:02x}")
        for _, colour in ISODOSES:
            assert (_luminance(colour) + 0.05) / (behind + 0.05) >= 3.0, (hu, colour)


def test_scripts_are_taken_as_they_are() -> None:
    scripts = sorted(PAGES.glob("viewer_*.js"))
    assert len(scripts) == 7
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        # Nothing that the page's templates or the browser's reader of the page would take for their own.
        assert not re.search(r"\{\{|\{%|\{#|</script|<!--", text), script.name
        assert len(text.splitlines()) < 400
        assert script.name in (PAGES / "slices.html").read_text(encoding="utf-8")
