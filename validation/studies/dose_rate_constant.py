"""The dose-rate constant of a simulated seed, Λ = Ḋ(1 cm, 90°)/S_K, from the same phase space as the dose."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mcsim.cache import cache_folder
from mcsim.phase_space import PhaseSpace, load_phase_space
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.ring_dose import ring_dose
from mcsim.seed_model import load_seed_model

PRODUCTIVE_HISTORIES = 5_000_000
# Ring about the reference point: inner and outer radius, lower and upper z, cm.
RING = (0.97, 1.03, -0.05, 0.05)
ACTIVE_LENGTH = 0.3  # cm; only shapes the small correction from the ring's mean to its centre


@dataclass(frozen=True)
class SimulatedDoseRateConstant:
    """Λ of a seed model by Monte Carlo.

    Attributes
    ----------
    value, std_dev : float
        Λ and its type A standard uncertainty, cGy h⁻¹ U⁻¹.
    """

    value: float
    std_dev: float


def simulated_dose_rate_constant(
    model: str,
    phase_space_histories: int,
    spectrum: str = "",
    threads: int = 1,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
) -> SimulatedDoseRateConstant:
    """Dose-rate constant of a seed model in liquid water, cached beside its phase space.

    The mean dose in a ring at 1 cm on the transverse plane is brought to the reference point with the geometry
    function,

        Λ = ⟨D⟩_ring / S_K · G_L(1 cm, 90°)/⟨G_L⟩_ring   (TG-43U1, doi:10.1118/1.1646040),

    in a water sphere of 30 cm radius.

    Parameters
    ----------
    model : str
        Seed model.
    phase_space_histories : int
        Histories of its phase space.
    spectrum : str
        Photon spectrum; empty for the model's own.
    threads : int
        Threads.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent treatment, fluorescence.

    Returns
    -------
    SimulatedDoseRateConstant

    Examples
    --------
    >>> constant = simulated_dose_rate_constant("6711", 200_000)
    >>> abs(constant.value - 0.927) < 4.0 * constant.std_dev
    True
    """
    seed_model = load_seed_model(model, spectrum or None)
    seed = load_phase_space(seed_model, phase_space_histories, physics, threads)
    path = _cache_file(seed)
    if path.is_file():
        return SimulatedDoseRateConstant(**json.loads(path.read_text(encoding="utf-8")))
    dose = ring_dose(
        seed_model, seed, np.array([RING]), PRODUCTIVE_HISTORIES, threads=threads, physics=physics
    )
    value = float(dose.dose_per_history[0] * _to_reference_point() / seed.air_kerma_strength)
    relative = np.hypot(
        dose.std_dev[0] / dose.dose_per_history[0], seed.air_kerma_strength_std_dev / seed.air_kerma_strength
    )
    constant = SimulatedDoseRateConstant(value, float(value * relative))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(asdict(constant)), encoding="utf-8")
    temporary.replace(path)
    return constant


def _cache_file(seed: PhaseSpace) -> Path:
    content = repr((seed.digest, PRODUCTIVE_HISTORIES, RING))
    return (
        cache_folder() / "dose_rate_constants" / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.json"
    )


def _to_reference_point() -> float:
    """G_L at the reference point over its mean in the ring."""
    from tg43 import geometry_function

    inner, outer, low, high = RING
    nodes, weights = np.polynomial.legendre.leggauss(8)
    rho = 0.5 * (outer + inner) + 0.5 * (outer - inner) * nodes
    z = 0.5 * (high + low) + 0.5 * (high - low) * nodes
    rho, z = np.meshgrid(rho, z, indexing="ij")
    weight = np.outer(weights, weights) * rho
    mean = (
        geometry_function(np.hypot(rho, z), np.arctan2(rho, z), ACTIVE_LENGTH) * weight
    ).sum() / weight.sum()
    return float(geometry_function(np.array([1.0]), np.array([np.pi / 2]), ACTIVE_LENGTH)[0] / mean)
