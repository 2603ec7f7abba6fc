"""Which stored history stands for which history of an implant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from mcsim.emission_supply import EmissionSupply
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.replay import Emission
from mcsim.phase_space import RUN_SEED, make_phase_space
from mcsim.seed_model import load_seed_model


@dataclass
class Stored:
    """A phase space of which only the number of productive histories counts."""

    productive: int
    number: int = 0
    histories: int = 1

    @property
    def first_photon(self) -> np.ndarray:
        return np.arange(self.productive + 1)

    def emission(self) -> Emission:
        return Emission(np.full((1, 7), self.number, np.float32), self.first_photon, False)


def supply(productive: int, seeds: int, count: int, run_seed: int = 1) -> tuple[EmissionSupply, list[int]]:
    made: list[int] = []

    def make(seed: int) -> Stored:
        made.append(seed)
        return Stored(productive, seed - RUN_SEED)

    return EmissionSupply(Stored(productive), make, count, seeds, run_seed), made  # type: ignore[arg-type]


def histories(supplied: EmissionSupply, batch: int, productive: int, seeds: int, count: int) -> np.ndarray:
    """Phase space and stored history, (seeds, count, 2), as `transport_batch` takes them."""
    emission, stored, shift = supplied.of_batch(batch)
    seed, h = np.arange(seeds)[:, None], np.arange(count)
    found = (stored + (seed + shift) % seeds * count + h) % productive
    return np.stack([np.full_like(found, int(emission.photons[0, 0])), found], axis=-1)


@pytest.mark.parametrize(("seeds", "count"), [(1, 70), (3, 40), (7, 11)])
def test_no_seed_emits_a_stored_history_twice(seeds: int, count: int) -> None:
    productive = 1000
    supplied, made = supply(productive, seeds, count)
    batches = 3 * supplied.batches_per_phase_space
    assert made == []
    found = np.array([histories(supplied, b, productive, seeds, count) for b in range(batches)])
    assert made == [RUN_SEED + 1, RUN_SEED + 2]
    for seed in range(seeds):
        pairs = found[:, seed].reshape(-1, 2)
        assert len(np.unique(pairs, axis=0)) == len(pairs)
    # nor any two seeds in one pass through a phase space, and a pass uses nearly all of it
    per_pass = supplied.batches_per_phase_space // seeds
    for first in range(0, batches, per_pass):
        pairs = found[first : first + per_pass].reshape(-1, 2)
        assert len(np.unique(pairs, axis=0)) == len(pairs)
        assert len(pairs) > productive - seeds * count - 6 * np.sqrt(productive) - 1


def test_a_batch_gets_the_same_histories_in_any_order() -> None:
    one, _ = supply(1000, 3, 40)
    other, _ = supply(1000, 3, 40)
    order = [50, 3, 51, 0, 20]
    for batch in order:
        expected = histories(one, batch, 1000, 3, 40)
        np.testing.assert_array_equal(histories(other, batch, 1000, 3, 40), expected)
    assert one.of_batch(50).emission.photons[0, 0] > 0
    elsewhere, _ = supply(1000, 3, 40, run_seed=5)
    assert elsewhere.of_batch(0).stored != one.of_batch(0).stored


def test_a_batch_larger_than_the_phase_space_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"histories of one batch are 900, expected at most 811 \(as many"):
        supply(1000, 3, 300)


def test_phase_spaces_of_other_random_seeds_are_independent() -> None:
    model = load_seed_model("6711")
    one, other = (make_phase_space(model, 100_000, run_seed=seed) for seed in (RUN_SEED, RUN_SEED + 1))
    assert one.digest != other.digest
    same = np.intersect1d(one.photons[:, 5], other.photons[:, 5])
    assert len(same) < 0.02 * len(one.photons)  # single precision: direction cosines coincide by chance
    np.testing.assert_array_equal(make_phase_space(model, 100_000).photons, one.photons)
