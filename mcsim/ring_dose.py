"""Dose per history around a single seed in a sphere of one medium: the raw material of seed characterisation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.ring_transport import ring_batch
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables
from mcsim.phase_space import KEV_PER_GRAM_IN_GRAY, PhaseSpace
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.seed_model import SeedModel

FloatArray = NDArray[np.float64]
BATCHES = 50


@dataclass(frozen=True)
class RingDose:
    """Collision kerma in rings about a seed.

    Attributes
    ----------
    dose_per_history : ndarray, shape (k,)
        Gy per photon emitted in the active layer.
    std_dev : ndarray, shape (k,)
        Type A standard uncertainty, Gy.
    histories : int
        Histories simulated, productive or not.
    """

    dose_per_history: FloatArray
    std_dev: FloatArray
    histories: int


def ring_dose(
    model: SeedModel,
    seed: PhaseSpace,
    rings: FloatArray,
    productive_histories: int,
    medium: str = "water",
    radius: float = 30.0,
    run_seed: int = 1,
    threads: int = 1,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
) -> RingDose:
    """Monte Carlo dose in rings around one seed at the centre of a sphere.

    Parameters
    ----------
    model : SeedModel
        The seed, solid.
    seed : PhaseSpace
        What it emits.
    rings : ndarray, shape (k, 4)
        Inner radius, outer radius, lower and upper z of each ring, cm, in the seed's frame.
    productive_histories : int
        Histories with a photon that leaves the seed; rounded up to a multiple of the 50 batches.
    medium : str
        Medium of the sphere, at its nominal density.
    radius : float
        Radius of the sphere, cm: at least 15 cm beyond the outermost ring for TG-43 conditions.
    run_seed : int
        Random seed.
    threads : int
        Threads; the result does not depend on it.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent treatment, fluorescence.

    Returns
    -------
    RingDose

    Raises
    ------
    InvalidInput
        A ring is empty, reaches into the seed or out of the sphere.

    Examples
    --------
    >>> from mcsim.phase_space import load_phase_space
    >>> from mcsim.seed_model import load_seed_model
    >>> seed = load_phase_space(load_seed_model("6711"), histories=100_000)
    >>> ring = np.array([[0.95, 1.05, -0.05, 0.05]])
    >>> dose = float(ring_dose(load_seed_model("6711"), seed, ring, 50_000).dose_per_history[0])
    >>> 3.0e-14 < dose < 4.0e-14
    True
    """
    rings = np.atleast_2d(np.asarray(rings, dtype=np.float64))
    _check_rings(rings, model, radius)
    tables = build_medium_tables([material(medium), *model.materials], physics)
    solids, emission = model.kernel_solids(1), seed.emission()
    count = -(-productive_histories // BATCHES)
    volume = np.pi * (rings[:, 1] ** 2 - rings[:, 0] ** 2) * (rings[:, 3] - rings[:, 2])
    scale = KEV_PER_GRAM_IN_GRAY * seed.productive_share / count / volume

    def batch(b: int) -> FloatArray:
        tally = np.zeros(len(rings))
        ring_batch(
            b * count, count, run_seed, emission, rings, radius, material(medium).density, 0, solids, tables,
            physics.cut_off_kev, tally,
        )  # fmt: skip
        return tally * scale

    with ThreadPoolExecutor(threads) as pool:
        doses = np.array(list(pool.map(batch, range(BATCHES))))
    return RingDose(
        dose_per_history=doses.mean(axis=0),
        std_dev=doses.std(axis=0, ddof=1) / np.sqrt(BATCHES),
        histories=round(count * BATCHES / seed.productive_share),
    )


def _check_rings(rings: FloatArray, model: SeedModel, radius: float) -> None:
    for k, (inner, outer, low, high) in enumerate(rings):
        if not (0.0 <= inner < outer and low < high):
            raise InvalidInput(
                f"ring {k} is {rings[k].tolist()} cm, expected inner < outer radius and lower < upper z. Correct it."
            )
        if inner < model.radius and low < model.half_length and high > -model.half_length:
            raise InvalidInput(
                f"ring {k} is {rings[k].tolist()} cm, expected outside the seed (radius {model.radius} cm, half-length "
                f"{model.half_length} cm). Move it outwards."
            )
        if np.hypot(outer, max(abs(low), abs(high))) > radius:
            raise InvalidInput(
                f"ring {k} is {rings[k].tolist()} cm, expected inside the sphere of radius {radius} cm. "
                f"Enlarge the sphere."
            )
