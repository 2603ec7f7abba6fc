"""Which stored history stands for which history of an implant."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.replay import PARTS, stored_history
from mcsim.phase_space import make_phase_space
from mcsim.result import GROUPS
from mcsim.seed_model import load_seed_model


@allocating_jit
def stored_histories(productive, run_seed, seed_count, first, batches, count):
    """Stored history of every seed and history, (batches, seeds, count)."""
    found = np.empty((batches, seed_count, count), np.int64)
    for b in range(batches):
        for j in range(seed_count):
            for i in range(count):
                found[b, j, i] = stored_history(
                    productive, run_seed, seed_count, j, (first + b) * count + i, count
                )
    return found


def test_parts_are_the_groups_of_a_result() -> None:
    assert PARTS == GROUPS


@pytest.mark.parametrize("productive", [100_003, 45_149])
@pytest.mark.parametrize(("seeds", "count"), [(1, 700), (7, 100), (13, 61), (200, 3)])
def test_no_history_is_used_twice_before_all_are_used(productive: int, seeds: int, count: int) -> None:
    # what is left over in a part: fewer histories than there are seeds, and than a batch has
    per_part = productive // PARTS
    batches = PARTS * ((per_part - per_part % seeds) // (seeds * count))
    found = stored_histories(productive, 11, seeds, 0, batches, count)
    used = np.bincount(found.ravel(), minlength=productive)
    assert used.max() == 1
    assert used.sum() > productive - PARTS * (seeds + seeds * count + 1)
    # and in ten times as many batches all of them equally often, to one
    more = np.bincount(stored_histories(productive, 11, seeds, 0, 10 * batches, count).ravel())
    assert np.ptp(more[more > 0]) <= 1


@pytest.mark.parametrize("seeds", [1, 13, 48])
def test_groups_of_batches_share_no_stored_history(seeds: int) -> None:
    found = stored_histories(45_149, 3, seeds, 0, 200, 60)
    for batch in range(200):
        part = found[batch] // (45_149 // PARTS)
        assert np.all(part == batch % PARTS)


def test_a_stored_history_meets_other_seeds_when_it_comes_again() -> None:
    seeds, count = 5, 9
    found = stored_histories(2_000, 0, seeds, 0, PARTS * 40, count)
    met: dict[int, list[int]] = {}
    for batch in range(len(found)):
        for j in range(seeds):
            for k in found[batch, j]:
                met.setdefault(int(k), []).append(j)
    for seeds_met in met.values():
        assert len(set(seeds_met[:seeds])) == min(len(seeds_met), seeds)


def test_order_depends_on_nothing_but_the_run_seed_and_the_numbers() -> None:
    whole = stored_histories(45_149, 5, 4, 0, 30, 50)
    np.testing.assert_array_equal(stored_histories(45_149, 5, 4, 17, 13, 50), whole[17:])
    other = stored_histories(45_149, 6, 4, 0, 30, 50)
    assert np.mean(other == whole) < 0.01  # other runs of one phase space begin elsewhere


@pytest.mark.parametrize(("productive", "seeds"), [(1, 1), (19, 3), (20, 50), (400, 200)])
def test_small_phase_spaces_are_replayed_too(productive: int, seeds: int) -> None:
    found = stored_histories(productive, 5, seeds, 0, 40, 7)
    assert found.min() >= 0
    assert found.max() < productive


def test_phase_spaces_of_other_run_seeds_are_independent() -> None:
    model = load_seed_model("6711")
    here, there, again = (make_phase_space(model, 100_000, run_seed=k) for k in (1, 2, 1))
    np.testing.assert_array_equal(here.photons, again.photons)
    assert len({here.digest, there.digest, again.digest}) == 2
    assert not np.any(np.all(here.photons[:40_000] == there.photons[:40_000], axis=1))
    # different numbers of photons, and a difference in strength within its uncertainty (0.012 relative, 5 σ)
    assert here.air_kerma_strength != there.air_kerma_strength
    assert here.air_kerma_strength / there.air_kerma_strength == pytest.approx(
        1.0, abs=5 * 0.012 * np.sqrt(2)
    )
