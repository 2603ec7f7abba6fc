"""Mean dose of a seed whose place is known only to a Gaussian: the exact mean of 1/r² against TG-43 superposition.

A 1/r² source displaced by an isotropic Gaussian of standard deviation s (each axis) about a place at distance d from
the point has the mean E[1/r²] = √2/(s d) · D(d/(s√2)) with Dawson's function D: (1 + s²/d² + …)/d² for d ≫ s.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import dawsn

import tg43
from tg43.source_data import SourceData

LAMBDA = 1.0  # cGy/h per U at 1 cm


@pytest.fixture(scope="module")
def point_source() -> SourceData:
    """g = 1 and φ_an = 1 at all distances, in a capsule far smaller than any distance used."""
    one = np.ones(2)
    return SourceData(
        name="point", radionuclide="I-125", half_life=59.4, dose_rate_constant=LAMBDA, active_length=1e-6,
        radial_distances=np.array([1e-3, 100.0]), radial_dose=one,
        anisotropy_distances=np.array([1e-3, 100.0]), anisotropy_angles=np.array([0.0, np.pi / 2]),
        anisotropy=np.ones((2, 2)), anisotropy_factor_distances=np.array([1e-3, 100.0]), anisotropy_factor=one,
        radial_dose_point=one, capsule_length=2e-6, capsule_radius=1e-6, capsule_ends="flat",
        reference="analytic", doi="", provenance=(),
    )  # fmt: skip


def exact_mean(s: float, d: float) -> float:
    """E[1/r²], cm⁻²."""
    return float(np.sqrt(2.0) / (s * d) * dawsn(d / (s * np.sqrt(2.0))))


@pytest.mark.parametrize(("s", "d"), [(0.2, 1.2), (0.5, 3.0), (0.1, 1.0), (0.3, 0.9), (1.0, 0.5)])
def test_formula_is_the_integral_over_displacements(s: float, d: float) -> None:
    # The mean over directions of a displacement of length t is ln|(d + t)/(d − t)| / (2 d t); its singularity at t = d
    # is integrable. t has the Maxwell distribution.
    def integrand(t: float) -> float:
        maxwell = np.sqrt(2.0 / np.pi) * t * t / s**3 * np.exp(-0.5 * (t / s) ** 2)
        return float(maxwell * np.log(abs((d + t) / (d - t))) / (2.0 * d * t))

    parts = [quad(integrand, a, b, epsabs=1e-13, limit=400)[0] for a, b in ((0.0, d), (d, d + 12.0 * s))]
    assert sum(parts) == pytest.approx(exact_mean(s, d), rel=1e-7)  # what quad reaches beside the singularity


@pytest.mark.parametrize("method", ["exact", "fast"])
@pytest.mark.parametrize(("s", "d"), [(0.1, 1.0), (0.1, 0.6), (0.25, 2.5), (0.4, 2.4)])
def test_seeds_at_the_nodes_of_the_displacement_have_the_mean_dose(
    point_source: SourceData, method: str, s: float, d: float
) -> None:
    # One seed spread over the 14³ nodes of a Gauss-Hermite rule, with the weights as strengths, d ≥ 6 s: the point lies
    # off the axes, between the outermost nodes, where strengths are 1e-9 of the whole.
    node, weight = np.polynomial.hermite_e.hermegauss(14)
    place = s * np.stack(np.meshgrid(node, node, node, indexing="ij"), axis=-1).reshape(-1, 3)
    strength = np.einsum("i,j,k->ijk", weight, weight, weight).ravel() / weight.sum() ** 3
    point = d * np.array([[2.0, -1.0, 2.0]]) / 3.0
    rate = tg43.dose_rate(point, place, None, strength, point_source, formalism="point", method=method)
    at_rest = tg43.dose_rate(
        point, np.zeros((1, 3)), None, np.ones(1), point_source, formalism="point", method=method
    )
    # 0.02 at most of the effect itself, which is s²/d²; the fast method is held to 5e-4 of the dose elsewhere
    tolerance = (5e-4 if method == "fast" else 0.0) + 0.02 * (s / d) ** 2
    assert rate[0] / (0.01 * LAMBDA) == pytest.approx(exact_mean(s, d), rel=tolerance)
    assert rate[0] / at_rest[0] - 1.0 == pytest.approx((s / d) ** 2, rel=0.25)


def test_many_displaced_seeds_have_the_mean_dose(point_source: SourceData) -> None:
    # 200,000 seeds, each displaced by a random Gaussian of s = d/6, share the strength. None comes closer than
    # 1 s, so the spread of 1/r² is that of a finite variance.
    s, d = 0.25, 1.5
    displaced = s * np.random.default_rng(14).normal(size=(200_000, 3))
    point = np.array([[0.0, d, 0.0]])
    assert np.linalg.norm(displaced - point, axis=1).min() > s
    single = np.array(
        [
            tg43.dose_rate(
                point, part, None, np.full(len(part), 1.0 / len(part)), point_source, formalism="point"
            )[0]
            for part in np.split(displaced, 100)
        ]
    ) / (0.01 * LAMBDA)
    spread = single.std(ddof=1) / np.sqrt(100)
    assert spread < 1.5e-3 / d**2  # the effect is 3 %: known to a twentieth
    assert abs(single.mean() - exact_mean(s, d)) < 5.2 * spread  # Student's t, 99 degrees of freedom, 1e-6
