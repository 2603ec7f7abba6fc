"""The OncoSeed 6711 against published Monte Carlo and consensus values."""

from __future__ import annotations

import numpy as np
import pytest

from mcsim.phase_space import PhaseSpace, load_phase_space
from mcsim.ring_dose import RingDose, ring_dose
from mcsim.seed_model import SeedModel

# CLRP TG-43 v2 (doi:10.1002/mp.14249), NCRP 58 spectrum, WAFAC: Gy cm² per history, and Λ.
PUBLISHED_STRENGTH = 3.7666e-14
PUBLISHED_DOSE_RATE_CONSTANT = 0.932
# TG-43U1 (doi:10.1118/1.1646040), Tables V and VII: g_L for L = 0.3 cm, and F at 1 cm.
RADIAL_DOSE = {0.5: 1.071, 2.0: 0.814, 3.0: 0.632, 5.0: 0.364}
ANISOTROPY_AT_1_CM = {80: 1.000, 70: 0.996, 60: 0.991, 50: 0.972}
ACTIVE_LENGTH = 0.3


def geometry_function(rho, z):
    """G_L of the line formalism: mean of 1/distance² over the active length."""
    u, w = np.polynomial.legendre.leggauss(40)
    distance2 = np.asarray(rho)[..., None] ** 2 + (np.asarray(z)[..., None] - 0.5 * ACTIVE_LENGTH * u) ** 2
    return 0.5 * (w / distance2).sum(axis=-1)


def ring_around(r: float, theta_deg: float, half_width: float) -> list[float]:
    rho, z = r * np.sin(np.deg2rad(theta_deg)), r * np.cos(np.deg2rad(theta_deg))
    return [rho - half_width, rho + half_width, z - half_width, z + half_width]


def test_air_kerma_strength_per_history_of_a_small_phase_space(phase_space: PhaseSpace) -> None:
    # type B 0.7 %: cross sections and the reading of the coating; type A 4.9 σ
    type_a = phase_space.air_kerma_strength_std_dev
    assert type_a < 0.006 * PUBLISHED_STRENGTH
    assert (
        abs(phase_space.air_kerma_strength - PUBLISHED_STRENGTH) < 0.007 * PUBLISHED_STRENGTH + 4.9 * type_a
    )


@pytest.fixture(scope="module")
def large(seed_model: SeedModel) -> PhaseSpace:
    return load_phase_space(seed_model, histories=12_000_000, threads=2)


RINGS = [(1.0, 90.0), *((r, 90.0) for r in RADIAL_DOSE), *((1.0, t) for t in ANISOTROPY_AT_1_CM)]


@pytest.fixture(scope="module")
def doses(seed_model: SeedModel, large: PhaseSpace) -> RingDose:
    # ± 5 % of r: the mean of 1/r² over the ring is that at its centre to 1e-4, attenuation and anisotropy add 4e-4
    rings = np.array([ring_around(r, theta, 0.05 * r) for r, theta in RINGS])
    return ring_dose(seed_model, large, rings, productive_histories=12_000_000, threads=2)


@pytest.mark.slow
def test_air_kerma_strength_per_history(large: PhaseSpace) -> None:
    assert large.air_kerma_strength_std_dev < 0.002 * large.air_kerma_strength
    # 0.7 %: type B, see above; with type A 0.12 % a difference of 1.3 % is detected with certainty
    assert large.air_kerma_strength / PUBLISHED_STRENGTH == pytest.approx(1.0, rel=0.007)


@pytest.mark.slow
def test_dose_rate_constant(large: PhaseSpace, doses: RingDose) -> None:
    value = doses.dose_per_history[0] / large.air_kerma_strength
    type_a = np.hypot(
        doses.std_dev[0] / doses.dose_per_history[0],
        large.air_kerma_strength_std_dev / large.air_kerma_strength,
    )
    assert type_a < 0.002
    # 1 %: published Monte Carlo values lie between 0.924 and 0.932 (type B about 1 %)
    assert value == pytest.approx(PUBLISHED_DOSE_RATE_CONSTANT, rel=0.01)


@pytest.mark.slow
def test_radial_dose_function(doses: RingDose) -> None:
    for k, (r, published) in enumerate(RADIAL_DOSE.items(), start=1):
        ratio = doses.dose_per_history[k] / doses.dose_per_history[0]
        g = ratio * geometry_function(1.0, 0.0) / geometry_function(r, 0.0)
        # 2 %: the agreement of published tables among each other; type A below 0.35 %
        assert float(g) == pytest.approx(published, rel=0.02)
        assert doses.std_dev[k] < 0.0035 * doses.dose_per_history[k]


@pytest.mark.slow
def test_anisotropy_function_near_the_transverse_plane(doses: RingDose) -> None:
    first = 1 + len(RADIAL_DOSE)
    for k, (theta, published) in enumerate(ANISOTROPY_AT_1_CM.items(), start=first):
        rho, z = np.sin(np.deg2rad(theta)), np.cos(np.deg2rad(theta))
        ratio = doses.dose_per_history[k] / doses.dose_per_history[0]
        value = ratio * geometry_function(1.0, 0.0) / geometry_function(rho, z)
        # 4 %: the consensus lies above this geometry at smaller angles (other end welds); from 50° on within 4 %
        assert float(value) == pytest.approx(published, rel=0.04)
