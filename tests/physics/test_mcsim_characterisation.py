"""Fresh histories of a seed: strengths by two definitions, spectra and lines, and the same sums for any threads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mcsim.characterisation import BATCH, GROUPS, ROUND, characterise_seed, rounds
from mcsim.characterisation_cells import ScoringCells
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.characterisation import aperture_share, length_in_ring
from mcsim.materials import material
from mcsim.medium_tables import mass_energy_absorption
from mcsim.phase_space import KEV_PER_GRAM_IN_GRAY, load_phase_space
from mcsim.seed_model import load_seed_model

CELLS = ScoringCells(
    np.array([[0.48, 0.52], [0.95, 1.05]]), 36, np.array([[0.4, 0.6]]), np.array([[-1.1, -0.9], [0.9, 1.1]])
)
LINE = 27.4723


@pytest.fixture(scope="module")
def speck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare speck that emits one line: an isotropic point source."""
    path = tmp_path_factory.mktemp("seed") / "speck.json"
    line = {"name": "one", "radionuclide": "I-125", "half_life_d": 59.4, "source": "test"}
    path.write_text(
        json.dumps({
            "name": "speck", "source": "test", "active": "ball", "outer": "ball", "mirror_symmetric": True,
            "spectrum": {**line, "energy_kev": [LINE], "photons_per_decay": [1.0]},
            "solids": [{"name": "ball", "material": "air", "shape": "sphere", "radius": 0.0001}],
        }),
        encoding="utf-8",
    )  # fmt: skip
    return path


def test_both_strengths_of_a_point_source_are_those_of_its_photons(speck: Path) -> None:
    tally = characterise_seed(load_seed_model(speck), CELLS, 2 * ROUND, threads=2)
    kerma = LINE * mass_energy_absorption(material("dry_air"), np.array([LINE]))[0]
    expected = KEV_PER_GRAM_IN_GRAY * kerma / (4.0 * np.pi)
    mean = tally.air_kerma_strength.mean(axis=0)
    spread = tally.air_kerma_strength.std(axis=0, ddof=1) / np.sqrt(GROUPS)
    # Student's t with 49 degrees of freedom: 6.0 for 2 checks at 1e-6
    assert np.all(np.abs(mean - expected) < 6.0 * spread)
    # what 7.6° and 0.1 cm at 10 cm let through of 500,000 photons
    assert spread[0] < 0.005 * expected
    assert spread[1] < 0.03 * expected
    # every photon leaves on its line
    assert tally.lines[:, 0].sum() == pytest.approx(GROUPS)
    assert tally.spectrum[:, 0].sum() == pytest.approx(GROUPS)
    assert float((tally.energy / tally.photons).mean()) == pytest.approx(LINE)


def test_point_source_is_isotropic(speck: Path) -> None:
    tally = characterise_seed(load_seed_model(speck), CELLS, 2 * ROUND, threads=2)
    dose = tally.shell_dose[:, 1]
    ratio = dose / dose.mean(axis=1, keepdims=True)
    mean, spread = ratio.mean(axis=0), ratio.std(axis=0, ddof=1) / np.sqrt(GROUPS)
    volumes = CELLS.shell_volumes()[1]
    whole = (dose.mean(axis=0) * volumes).sum() / volumes.sum()
    # every bin has the mean dose of the shell; 6.9: 36 bins at 1e-6
    assert np.all(np.abs(dose.mean(axis=0) / whole - 1.0) < 6.9 * spread / mean + 1e-12)


def test_aperture_share_is_that_of_directions_in_a_cone() -> None:
    from mcsim.characterisation import _CHAMBERS

    azimuth = 2.0 * np.pi * (np.arange(100_000) + 0.5) / 100_000
    limit = np.cos(np.deg2rad(7.6))
    for w in (0.0, 0.05, 0.1, 0.13, 0.14, 0.9):
        inside = np.sqrt(1.0 - w * w) * np.cos(azimuth) > limit
        # counting 100,000 directions misses an edge by one at most, at both edges
        assert aperture_share(_CHAMBERS, w) == pytest.approx(inside.mean(), abs=3e-5)


def test_length_in_the_ring_of_the_point_detector() -> None:
    # across: the ring's depth; oblique: cut by the planes; from beside the axis: longer than the depth
    assert length_in_ring(9.975, 10.025, 0.05, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0) == pytest.approx(0.05)
    s = 0.005
    c = np.sqrt(1.0 - s * s)
    # leaves through the upper plane at t = 0.05/s = 10, enters through the inner cylinder at 9.975/c
    assert length_in_ring(9.975, 10.025, 0.05, 0.0, 0.0, 0.0, c, 0.0, s) == pytest.approx(10.0 - 9.975 / c)
    assert length_in_ring(9.975, 10.025, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0) == 0.0
    assert length_in_ring(9.975, 10.025, 0.05, 0.0, 0.0, 0.06, 1.0, 0.0, 0.0) == 0.0
    off = np.sqrt(10.025**2 - 0.04**2) - np.sqrt(9.975**2 - 0.04**2)
    assert length_in_ring(9.975, 10.025, 0.05, 0.0, 0.04, 0.0, 1.0, 0.0, 0.0) == pytest.approx(off)


def test_strength_and_balance_agree_with_the_phase_space() -> None:
    # other histories of the same seed, tallied from stored photons
    model = load_seed_model("6711")
    seed = load_phase_space(model, histories=1_000_000, threads=2)
    tally = characterise_seed(model, CELLS, 2 * ROUND, threads=2)
    strength = tally.air_kerma_strength[:, 0]
    type_a = np.hypot(strength.std(ddof=1) / np.sqrt(GROUPS), seed.air_kerma_strength_std_dev)
    assert type_a < 0.008 * seed.air_kerma_strength
    assert abs(strength.mean() - seed.air_kerma_strength) < 4.9 * type_a
    leaving = (seed.photons[:, 6] >= 5.0).sum() / seed.histories
    spread = np.sqrt(leaving / tally.histories + leaving / seed.histories)
    assert abs(tally.photons[:, 0].mean() - leaving) < 4.9 * spread
    # fluorescence: stored energies are those of the lines to single precision
    for energy, count in zip(tally.line_energy, tally.lines[:, 0].mean(axis=0), strict=True):
        stored = np.isclose(seed.photons[:, 6], energy, rtol=1e-7).sum() / seed.histories
        assert abs(count - stored) < 5.5 * np.sqrt(
            max(stored, 1e-6) * (1 / tally.histories + 1 / seed.histories)
        )


def test_result_does_not_depend_on_threads() -> None:
    model = load_seed_model("6711")
    one, two = (characterise_seed(model, CELLS, ROUND, threads=threads) for threads in (1, 3))
    for name in ("shell_dose", "ring_dose", "air_kerma_strength", "spectrum", "lines", "photons", "energy"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert one.shell_dose.sum() > 0.0
    other = characterise_seed(model, CELLS, ROUND, run_seed=2, threads=2)
    assert not np.array_equal(one.shell_dose, other.shell_dose)


def test_cells_do_not_change_the_histories() -> None:
    model = load_seed_model("6711")
    more = ScoringCells(np.array([[0.2, 0.25], [0.48, 0.52], [0.95, 1.05]]), 90, CELLS.rings, CELLS.heights)
    few, many = (characterise_seed(model, cells, ROUND, threads=2) for cells in (CELLS, more))
    assert np.array_equal(few.spectrum, many.spectrum)
    # the whole length in a shell is scored whatever point is drawn: the shell's dose is the same to round-off
    whole = [(t.shell_dose * t.cells.shell_volumes()).sum(axis=2) for t in (few, many)]
    np.testing.assert_allclose(whole[0], whole[1][:, 1:], rtol=1e-12)


def test_rounds_add_up_and_tell_how_far_they_are() -> None:
    model = load_seed_model("6711")
    told: list[int] = []
    first, second = rounds(model, CELLS, 2, threads=2, progress=told.append)
    assert told == [ROUND, 2 * ROUND]
    assert (first.histories, second.histories) == (GROUPS * BATCH, 2 * GROUPS * BATCH)
    assert np.array_equal(characterise_seed(model, CELLS, ROUND + 1).shell_dose, second.shell_dose)


def test_impossible_requests_are_refused() -> None:
    model = load_seed_model("6711")
    with pytest.raises(InvalidInput, match="histories is 0"):
        characterise_seed(model, CELLS, 0)
    with pytest.raises(InvalidInput, match=r"radius of the sphere is 1.0 cm, expected at least"):
        characterise_seed(model, CELLS, ROUND, radius=1.0)
