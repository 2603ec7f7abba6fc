"""Stored histories for the batches of a simulation: none twice in the same seed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.replay import Emission
from mcsim.phase_space import RUN_SEED, PhaseSpace, give_back

# Batches after which the memory of the photons replayed so far is given back: they are not needed again soon.
GIVEN_BACK_AFTER = 2


class Supply(NamedTuple):
    """Where a batch finds its histories.

    Attributes
    ----------
    emission : Emission
        The phase space.
    stored : int
        Number of the batch's first stored history.
    shift : int
        By how many seeds the division of these histories among the seeds is moved on.
    """

    emission: Emission
    stored: int
    shift: int


class EmissionSupply:
    """Deals the histories of phase spaces out to batches.

    A batch takes the next `count` × `seed_count` stored histories. When all are used, the next batches begin again,
    each block now going to the next seed, until every seed has emitted every stored history once; then another phase
    space of the same kind is made. Which histories a batch gets depends on its number alone.

    Parameters
    ----------
    first : PhaseSpace
        The first phase space.
    make : callable
        Makes another one from its random seed.
    count, seed_count : int
        Histories of a seed in a batch, and seeds.
    run_seed : int
        Run seed of the simulation: other runs begin at another stored history.

    Raises
    ------
    InvalidInput
        One batch needs more histories than a phase space holds.
    """

    def __init__(
        self, first: PhaseSpace, make: Callable[[int], PhaseSpace], count: int, seed_count: int, run_seed: int
    ) -> None:
        self._make, self._lock = make, threading.Lock()
        self._made = {0: first.emission()}
        self._per_batch, self._seed_count = count * seed_count, seed_count
        productive = len(first.first_photon) - 1
        # Another phase space of the same size may hold fewer productive histories: keep back six standard deviations.
        usable = productive - int(6.0 * productive**0.5)
        self._batches_per_pass = usable // self._per_batch
        if self._batches_per_pass < 1:
            raise InvalidInput(
                f"histories of one batch are {self._per_batch}, expected at most {max(usable, 0)} (as many as the "
                f"phase space of {first.histories} emitted photons holds). Lower productive_histories_per_batch or "
                f"raise phase_space_histories."
            )
        self._start = run_seed * self._per_batch % productive

    @property
    def batches_per_phase_space(self) -> int:
        """Batches after which another phase space is needed."""
        return self._batches_per_pass * self._seed_count

    def of_batch(self, number: int) -> Supply:
        """The histories of one batch."""
        which, within = divmod(number, self.batches_per_phase_space)
        if number % GIVEN_BACK_AFTER == GIVEN_BACK_AFTER - 1:
            give_back(self._emission(which).photons)
        shift, block = divmod(within, self._batches_per_pass)
        return Supply(self._emission(which), self._start + block * self._per_batch, shift)

    def _emission(self, which: int) -> Emission:
        with self._lock:
            if which not in self._made:
                # Batches come in order: what lies further back than the one before is not asked for again.
                self._made = {k: e for k, e in self._made.items() if k in (0, which - 1)}
                self._made[which] = self._make(RUN_SEED + which).emission()
            return self._made[which]
