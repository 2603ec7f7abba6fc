"""The performance page is the record's, its rows judge as they say, and the yardstick does what it is said to do."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.neck13 import CENTRAL_CUBE, SEED_POSITIONS, VOXEL, VOXELS, medium_indices
from benchmarks.page import PAGE, RECORD, page_text, write_page
from benchmarks.row import Row, ratios, row_of
from benchmarks.start_up_process import covered
from benchmarks.yardstick import SOURCE_LENGTH, follow, media, run_yardstick, source_arrays

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def record() -> dict[str, object]:
    rows = [
        Row("fast", (3.5, 4.0, 3.0), "", 3.0, True, 6.0, "seen"),
        Row("small", (700.0,), "MB", 600.0, False),
        Row("absent", (), "", 5.0, True, note="left out"),
    ]
    run = {"cpu_s": [0.1, 1.0], "histories": [1e5, 1e6], "rms_percent": [10.0, 3.2]}
    return {
        "mode": "full", "date": "2020-01-02", "seconds": 60, "rounds": 3, "load": [0.5, 1.0],
        "machine": {"processor": "a processor"}, "variance_reduction": ["none"],
        "rows": [row.record() for row in rows],
        "seen": {
            "neck13": {
                "yardstick_histories_per_s": [2e6], "yardstick_efficiency": [0.05], "yardstick_step_ns": [9.0]
            }
        },
        "curves": {
            "seeds": {"seeds": [1.0, 200.0], "us_per_history": [0.5, 0.6]},
            "voxels": {"voxels": [1e3, 1e6], "us_per_history": [0.3, 0.6]},
            "histories none": run, "yardstick": run,
        },
    }  # fmt: skip


def test_verdict_of_a_row() -> None:
    row = Row("fast", (2.0, 8.0, 3.0), "", 3.0, True, 6.0)
    assert (row.median, row.met, row.verdict) == (3.0, True, "met")
    assert Row("fast", (7.0,), "", 3.0, True, 6.0).verdict == "met, and the stretch"
    assert Row("fast", (2.9,), "", 3.0, True, 6.0).verdict == "**not met**"
    assert Row("small", (600.0,), "MB", 600.0, False).met is False  # "under": the bound itself is not met
    assert Row("small", (599.0,), "MB", 600.0, False).met is True
    assert Row("absent", (), "", 3.0, True).verdict == "not measured"
    assert ratios([3.0, 4.0], [1.0, 2.0]) == (3.0, 2.0)
    assert row_of(json.loads(json.dumps(row.record()))) == row


def test_page_says_what_the_record_holds(record: dict[str, object], tmp_path: Path) -> None:
    page = write_page(record, tmp_path).read_text()
    assert page == page_text(json.loads((tmp_path / RECORD).read_text()))
    assert "| 1 | fast | ≥ 3 (stretch 6) | 3.5 | 3 … 4 | met |" in page
    assert "| 2 | small | < 600 MB | 700 MB | 700 … 700 | **not met** |" in page
    assert "| 3 | absent | ≥ 5 | – | – | not measured |" in page
    assert "* 1: seen." in page
    for image in ("uncertainty", "cost"):
        assert f"images/performance_{image}.svg" in page
        assert (tmp_path / "images" / f"performance_{image}.svg").stat().st_size > 1000


def test_page_and_figures_are_the_same_bytes_every_time(record: dict[str, object], tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_page(record, tmp_path / folder)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_the_committed_page_is_that_of_the_committed_record() -> None:
    docs = REPOSITORY / "docs"
    assert (docs / PAGE).read_text() == page_text(json.loads((docs / RECORD).read_text()))


def test_time_of_nested_compilations_counts_once() -> None:
    marks = [(0.0, True), (1.0, True), (2.0, False), (3.0, False), (10.0, True), (11.5, False)]
    assert covered(marks) == 4.5


def test_neck13_is_the_case_described() -> None:
    x = (np.arange(VOXELS) + 0.5) * VOXEL - 3.0
    places = (SEED_POSITIONS + 3.0) / VOXEL - 0.5
    assert SEED_POSITIONS.shape == (13, 3)
    assert np.allclose(places, places.round(), atol=1e-9)  # each on a voxel centre
    apart = np.linalg.norm(SEED_POSITIONS[:, None] - SEED_POSITIONS, axis=2)
    assert np.isclose(apart[apart > 0].min(), math.sqrt(2.0))
    medium = medium_indices()
    assert np.array_equal(medium[:, 30, 30] == 1, (x > 1.0) & (x < 2.0))
    # area of the air column; some 50 voxels on its rim are in or out as their centres are: ±7 of them, 0.07 cm²
    assert (medium[:, :, 0] == 2).sum() * VOXEL**2 == pytest.approx(math.pi * 0.8**2, abs=0.1)
    assert CENTRAL_CUBE.sum() == 30**3


def test_positions_are_those_of_the_reference_doses(shared_dir: Path) -> None:
    given = json.loads((shared_dir / "reference" / "neck13" / "seeds.json").read_text())["seeds"]
    assert np.allclose(sorted(map(tuple, given)), sorted(map(tuple, SEED_POSITIONS)), atol=1e-9)


def test_yardstick_without_scattering_gives_the_kerma_of_attenuated_rays() -> None:
    """Track-length dose 5 mm from a lone source in water, against quadrature over the source."""
    _, medium, _, coefficients, lines, cumulative = source_arrays()
    absorbing = coefficients._replace(photoelectric=coefficients.attenuation)
    tally, histories = np.zeros(VOXELS**3), 4_000_000
    source, water = np.array([[-1.45, 0.55, 0.05]]), np.zeros_like(medium)
    density = np.full(medium.shape, 0.998)
    follow(histories, np.uint64(5), source, water, density, absorbing, lines, cumulative, tally)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    share = np.diff(np.append(cumulative[:-1], 1.0), prepend=0.0)
    rows = np.round((lines - 1.0) / 0.1).astype(int)
    mu, absorption = 0.998 * coefficients.attenuation[rows, 0], coefficients.absorption[rows, 0]
    r2 = 0.5**2 + (0.5 * SOURCE_LENGTH * nodes) ** 2
    rays = np.exp(-mu[:, None] * np.sqrt(r2)) / (4.0 * np.pi * r2)
    expected = float((share * lines * absorption) @ rays @ weights) / 2.0
    dose = tally.reshape((VOXELS,) * 3)
    ix, iy, iz = ((source[0] + 3.0) / VOXEL).astype(int)
    around = np.array([dose[ix + i, iy + j, iz] for i, j in ((5, 0), (-5, 0), (0, 5), (0, -5))])
    # some 12,000 photons cross each of the four voxels: 0.9 %, and six standard deviations are allowed
    assert around.mean() / (histories * VOXEL**3) == pytest.approx(expected, rel=0.028)
    assert around / around.mean() == pytest.approx(np.ones(4), abs=0.055)


def test_yardstick_states_an_efficiency_that_does_not_depend_on_its_length() -> None:
    media()
    short, long = run_yardstick(1, 4), run_yardstick(2, 8)
    # per history, the variance is a property of the kernel: 27,000 voxels from 4 batches give it to about 5 %
    assert short.rms_percent**2 * 4 == pytest.approx(long.rms_percent**2 * 8, rel=0.2)
