"""The 6711 as data: published dimensions, activity uniform in its coating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.rng import start_stream
from mcsim.kernels.seed_emission import emission_energy, emission_point
from mcsim.seed_model import SeedModel, load_seed_model
from mcsim.spectrum import load_spectrum

COATING = 0.000175  # cm


@allocating_jit
def emission_points(layer, count):
    state = np.empty(2, np.uint64)
    values = np.empty((count, 3))
    for i in range(count):
        start_stream(state, 1, 91, 0, i)
        values[i, 0], values[i, 1] = emission_point(layer, state)
        values[i, 2] = emission_energy(layer, state)
    return values


@pytest.fixture(scope="module")
def model() -> SeedModel:
    return load_seed_model("6711")


def test_dimensions_are_the_published_ones(model: SeedModel) -> None:
    assert model.radius == pytest.approx(0.040, rel=1e-12)
    assert 2.0 * model.half_length == pytest.approx(0.455, rel=1e-12)
    assert model.media == ("titanium", "air", "silver_halide_6711", "silver")
    assert load_seed_model("OncoSeed 6711") == model


def test_spectrum_is_ncrp_58_unless_another_is_asked_for(model: SeedModel) -> None:
    assert model.spectrum.energy_kev == (27.2017, 27.4723, 31.0, 35.4919)
    assert sum(model.spectrum.photons_per_decay) == pytest.approx(1.4618)
    mean = np.average(model.spectrum.energy_kev, weights=model.spectrum.photons_per_decay)
    assert mean == pytest.approx(28.385, abs=5e-4)
    other = load_seed_model("6711", "i125_tg43u1")
    assert sum(other.spectrum.photons_per_decay) == pytest.approx(1.4757, abs=5e-5)
    assert np.average(other.spectrum.energy_kev, weights=other.spectrum.photons_per_decay) == pytest.approx(
        28.37, abs=5e-3
    )
    assert other.digest() != model.digest()
    assert other.spectrum.half_life_d == 59.40


def test_mirror_symmetric_models_are_their_own_mirror_image(model: SeedModel) -> None:
    assert model.mirror_symmetric
    here = {(s.material, s.profile, s.z_min, s.z_max) for s in model.solids}
    there = {
        (s.material, (s.profile[0], -s.profile[1], s.profile[2]), -s.z_max, -s.z_min) for s in model.solids
    }

    def rounded(solids):
        return {
            (m, tuple(round(p, 12) + 0.0 for p in q), round(a, 12), round(b, 12)) for m, q, a, b in solids
        }

    assert rounded(here) == rounded(there)


def layer_volumes() -> dict[str, float]:
    """Volumes of the coating's side, cones and faces, cm³: frustums with the radius less by the thickness."""

    def frustum(a: float, b: float, height: float) -> float:
        return np.pi * height / 3 * (a * a + a * b + b * b)

    side = np.pi * (0.025**2 - (0.025 - COATING) ** 2) * 0.265
    inner_cone = frustum(0.025 - COATING, 0.0175, 0.0075 - COATING)
    # below the rod's end face the cones' coating is the ring between the frustums, above it the whole frustum
    r_face = 0.0175 + COATING  # coating's radius where the rod ends
    cones = 2.0 * (frustum(0.025, r_face, 0.0075 - COATING) - inner_cone)
    faces = 2.0 * frustum(r_face, 0.0175, COATING)
    return {"side": side, "cones": cones, "faces": faces}


def test_activity_is_uniform_by_volume_in_the_coating(model: SeedModel) -> None:
    layer = model.active_layer()
    count = 1_000_000
    rho, z, energy = emission_points(layer, count).T
    height = np.abs(z)
    # in the coating: inside its surface, outside the rod's (round-off 1e-12 cm)
    assert np.all(rho <= np.minimum(0.025, 0.1575 - height) + 1e-12)
    assert height.max() <= 0.14 + 1e-12
    in_rod = (rho < 0.024825 - 1e-12) & (height < 0.139825 - 1e-12) & (rho + height < 0.157325 - 1e-12)
    assert not in_rod.any()
    volumes = layer_volumes()
    total = sum(volumes.values())
    shares = {
        "side": height < 0.1325,
        "cones": (height >= 0.1325) & (height < 0.14 - COATING),
        "faces": height >= 0.14 - COATING,
    }
    for name, where in shares.items():
        p = volumes[name] / total
        # binomial, 5.6 σ; within the parts the same for halves of |z|, z and ρ²
        assert abs(where.mean() - p) < 5.6 * np.sqrt(p * (1 - p) / count)
    assert abs((z > 0).mean() - 0.5) < 5.6 * 0.5 / np.sqrt(count)
    side = shares["side"]
    assert abs((height[side] < 0.06625).mean() - 0.5) < 5.6 * 0.5 / np.sqrt(side.sum())
    middle2 = 0.5 * (0.025**2 + 0.024825**2)
    assert abs((rho[side] ** 2 < middle2).mean() - 0.5) < 5.6 * 0.5 / np.sqrt(side.sum())
    face = shares["faces"]
    assert abs((rho[face] < np.sqrt(0.5) * 0.0175).mean() - 0.5) < 5.6 * 0.5 / np.sqrt(face.sum()) + 0.005
    for line, photons in zip(model.spectrum.energy_kev, model.spectrum.photons_per_decay, strict=True):
        p = photons / 1.4618
        assert abs((energy == line).mean() - p) < 5.6 * np.sqrt(p * (1 - p) / count)


def test_unknown_names_list_the_known_ones(model: SeedModel) -> None:
    with pytest.raises(InvalidInput, match=r"seed model is '9999', expected one of .*OncoSeed 6711"):
        load_seed_model("9999")
    with pytest.raises(InvalidInput, match=r"spectrum is 'x', expected one of .*i125_ncrp58, i125_tg43u1"):
        load_spectrum("x")
    with pytest.raises(InvalidInput, match=r"active region of OncoSeed 6711 is empty"):
        replace(model, active=(("nowhere", 1.0),)).active_layer()
