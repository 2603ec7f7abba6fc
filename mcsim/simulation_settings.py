"""What decides a simulation, when it ends, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass

from mcsim.invalid_input import InvalidInput
from mcsim.phase_space import DEFAULT_HISTORIES
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings

# Work per batch: long enough to hide the cost of starting it, short enough for a prompt stop.
# Sums over batches are updated voxel by voxel: a batch has enough photons that this takes less time than they do, and
# few enough that the twenty batches of the smallest simulation are not more than it needs.
VOXELS_PER_HISTORY, FEWEST_PER_BATCH, MOST_PER_BATCH = 6, 5_000, 120_000
VARIANCE_REDUCTIONS = ("correlated", "none")
UNLIMITED = 1_000_000  # batches that no simulation reaches


@dataclass(frozen=True)
class Settings:
    """What decides the result of a simulation, besides the phantom and the implant.

    Attributes
    ----------
    seeds : str
        ``interseed``: every seed absorbs and scatters; ``superposition``: only the one that emits.
    run_seed : int
        Random seed.
    productive_histories_per_batch : int
        Histories with a photon that leaves its seed, all seeds together, in one batch (rounded to a whole number
        per seed); 0 for a number that suits the voxels, see `productive_histories_for`.
    phase_space_histories : int
        Histories of the seed's phase space.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent treatment, fluorescence; of the seed and the patient alike.
    spectrum : str
        Photon spectrum; empty for the seed model's own.
    analogue : bool
        Score also the energy that interactions leave in every voxel: the same dose to medium by another estimator.
    per_seed : bool
        Keep the dose to medium of every seed's photons apart as well.
    variance_reduction : str
        ``correlated``: photons are sampled in water around their seed and carry the patient's dose and the dose in
        water; the latter's known mean takes the common noise away, without bias. ``none``: plain analogue transport,
        for reference.
    difference : bool
        Keep the superposition of the seeds in infinite water beside the dose, to subtract it.
    """

    seeds: str = "interseed"
    run_seed: int = 1
    productive_histories_per_batch: int = 0
    phase_space_histories: int = DEFAULT_HISTORIES
    physics: PhysicsSettings = DEFAULT_PHYSICS
    spectrum: str = ""
    analogue: bool = False
    per_seed: bool = False
    variance_reduction: str = "correlated"
    difference: bool = False

    def __post_init__(self) -> None:
        if self.variance_reduction not in VARIANCE_REDUCTIONS:
            raise InvalidInput(
                f"variance_reduction is {self.variance_reduction!r}, expected 'correlated' or 'none'. Use one of them."
            )
        if self.difference and self.variance_reduction != "correlated":
            raise InvalidInput(
                f"variance_reduction is {self.variance_reduction!r}, expected 'correlated' with the difference to "
                f"water (it is what ties the two doses). Leave --variance-reduction out."
            )
        if self.analogue and self.variance_reduction != "none":
            raise InvalidInput(
                f"variance_reduction is {self.variance_reduction!r}, expected 'none' with the analogue estimator (it "
                f"needs interactions that are sampled in the patient). Add --variance-reduction none."
            )
        if self.seeds not in ("interseed", "superposition"):
            raise InvalidInput(
                f"seeds is {self.seeds!r}, expected 'interseed' or 'superposition'. Use one of them."
            )
        if not 0 <= self.run_seed < 2**63:
            raise InvalidInput(f"run_seed is {self.run_seed}, expected 0 to 2^63 − 1. Choose another number.")
        if self.productive_histories_per_batch < 0:
            raise InvalidInput(
                f"productive_histories_per_batch is {self.productive_histories_per_batch}, expected at least 1, or 0 "
                f"for a number that suits the voxels. Correct it."
            )


@dataclass(frozen=True)
class StoppingRule:
    """When a simulation ends; the first condition met counts.

    Attributes
    ----------
    batches : tuple (first, stop)
        Batches to run; the default has no practical end.
    uncertainty : float
        Mean relative type A uncertainty over the target's voxels, for instance 0.02; 0 for none.
    histories : int
        Photons emitted by all seeds together; 0 for no limit.
    time_s : float
        Seconds; the only rule that does not repeat exactly.
    """

    batches: tuple[int, int] = (0, UNLIMITED)
    uncertainty: float = 0.0
    histories: int = 0
    time_s: float = float("inf")

    def __post_init__(self) -> None:
        first, stop = self.batches
        if not 0 <= first < stop:
            raise InvalidInput(f"batches is {first}:{stop}, expected 0 ≤ first < stop. Correct the range.")
        for name in ("uncertainty", "histories"):
            if getattr(self, name) < 0:
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected 0 or more. Correct it.")
        if not self.time_s > 0.0:
            raise InvalidInput(f"time limit is {self.time_s} s, expected a positive number. Correct it.")

    @property
    def only_limits_time(self) -> bool:
        """Whether nothing but the time ends the simulation."""
        return not self.uncertainty and not self.histories and self.batches[1] == UNLIMITED


@dataclass(frozen=True)
class Progress:
    """How far a simulation is: batches and histories done, uncertainty in the target so far, seconds spent."""

    batches: int
    histories: int
    uncertainty: float
    elapsed_s: float
    remaining_s: float


def productive_histories_for(voxels: int) -> int:
    """Productive histories in a batch for a number of scoring voxels.

    Parameters
    ----------
    voxels : int
        Scoring voxels.

    Returns
    -------
    int

    Examples
    --------
    >>> productive_histories_for(1000), productive_histories_for(216_000)
    (5000, 36000)
    """
    return min(max(voxels // VOXELS_PER_HISTORY, FEWEST_PER_BATCH), MOST_PER_BATCH)
