"""The photons that leave a seed: reproducible, cached, with the air-kerma strength of a rotating seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from mcsim.medium_tables import mass_energy_absorption
from mcsim.phase_space import PhaseSpace, air_kerma_per_photon, load_phase_space, make_phase_space
from mcsim.ring_dose import ring_dose
from mcsim.seed_model import SeedModel, load_seed_model

GRAY = 1.602176634e-13  # keV/g


@pytest.fixture(scope="module")
def model() -> SeedModel:
    return load_seed_model("6711")


@pytest.fixture(scope="module")
def seed(model: SeedModel) -> PhaseSpace:
    return make_phase_space(model, histories=300_000)


def test_threads_do_not_change_the_photons(model: SeedModel, seed: PhaseSpace) -> None:
    other = make_phase_space(model, histories=300_000, threads=2)
    np.testing.assert_array_equal(other.photons, seed.photons)
    np.testing.assert_array_equal(other.first_photon, seed.first_photon)
    assert other.air_kerma_strength == seed.air_kerma_strength
    assert other.digest == seed.digest


def test_more_histories_begin_with_the_same_photons(model: SeedModel, seed: PhaseSpace) -> None:
    less = make_phase_space(model, histories=100_000)
    np.testing.assert_array_equal(less.photons, seed.photons[: len(less.photons)])
    assert less.digest != seed.digest


def test_photons_start_on_the_capsule_and_go_outwards(seed: PhaseSpace) -> None:
    x, y, z, u, v, w, energy = seed.photons.astype(float).T
    np.testing.assert_allclose(u * u + v * v + w * w, 1.0, atol=3e-7)  # single precision
    beyond = np.clip(z, -0.1875, 0.1875)
    np.testing.assert_allclose(np.hypot(np.hypot(x, y), z - beyond), 0.04, atol=2e-8)
    outwards = x * u + y * v + (z - beyond) * w
    assert np.all(outwards > -1e-8)
    assert energy.max() <= np.float32(35.4919)
    assert energy.min() >= 1.0
    # silver's and titanium's K lines leave the seed too
    for line in (22.163, 24.94, 4.51):
        assert np.sum(np.abs(energy - line) < 0.03) > 100


def test_histories_are_grouped(seed: PhaseSpace) -> None:
    assert seed.first_photon[0] == 0
    assert seed.first_photon[-1] == len(seed.photons)
    assert np.all(np.diff(seed.first_photon) >= 1)
    assert seed.productive_share == (len(seed.first_photon) - 1) / 300_000


def test_a_seed_is_round_and_its_own_mirror_image(seed: PhaseSpace) -> None:
    # all azimuths start at the same angle, but about the middle plane the photons balance
    z, w = seed.photons[:, 2].astype(float), seed.photons[:, 5].astype(float)
    for values in (z, w):
        assert abs(values.mean()) < 5.0 * values.std() / np.sqrt(len(values))


def test_strength_of_an_isotropic_source_is_its_kerma_at_unit_distance() -> None:
    # S_K = E µ_en/ρ / (4π) per isotropic photon, whatever the aperture: the aperture's share of all directions is its
    # solid angle / 4π. Midpoints in the cosine; the integrand has square-root edges, error of the step to 3/2.
    w = -1.0 + 2.0 * (np.arange(400_000) + 0.5) / 400_000
    energy = np.full_like(w, 27.4723)
    mu_en = mass_energy_absorption(material("dry_air"), np.array([27.4723]))[0]
    expected = 27.4723 * mu_en * GRAY / (4 * np.pi)
    assert air_kerma_per_photon(w, energy).mean() / expected == pytest.approx(1.0, rel=1e-5)


def test_share_of_the_aperture_is_that_of_a_rotating_photon() -> None:
    # turn photons about the axis by brute force and count those within 7.6° of a transverse direction
    azimuth = 2 * np.pi * (np.arange(20_000) + 0.5) / 20_000
    alpha = np.deg2rad(7.6)
    mu_en = mass_energy_absorption(material("dry_air"), np.array([31.0]))[0]
    for elevation in np.deg2rad([0.0, 2.0, 5.0, 7.0, 7.5, 7.7, 30.0]):
        inside = np.mean(np.cos(elevation) * np.cos(azimuth) > np.cos(alpha))
        expected = inside * 31.0 * mu_en * GRAY / (2 * np.pi * (1 - np.cos(alpha)))
        found = air_kerma_per_photon(np.array([np.sin(elevation)]), np.array([31.0]))[0]
        assert found == pytest.approx(expected, rel=0.01, abs=1e-30)  # 20,000 azimuths, 420 or more inside


def test_photons_below_5_kev_do_not_count() -> None:
    kerma = air_kerma_per_photon(np.zeros(3), np.array([4.51, 4.999, 5.001]))
    assert kerma[:2].tolist() == [0.0, 0.0]
    assert kerma[2] > 0.0


def test_strength_of_the_seed_is_the_mean_over_emitted_photons(seed: PhaseSpace) -> None:
    kerma = air_kerma_per_photon(seed.photons[:, 5].astype(float), seed.photons[:, 6].astype(float))
    # photons are kept in single precision: 1e-6 of a mean of 1e5
    assert kerma.sum() / 300_000 / seed.air_kerma_strength == pytest.approx(1.0, rel=1e-5)
    # Type A from the photons themselves; three blocks give the stated one, within a factor of 8 (χ² of 2 degrees)
    type_a = np.sqrt((kerma**2).sum()) / 300_000
    assert type_a / 8 < seed.air_kerma_strength_std_dev < 8 * type_a


def test_stated_uncertainty_of_the_strength_is_that_of_the_photons(model: SeedModel) -> None:
    large = load_phase_space(model, histories=1_000_000, threads=2)
    kerma = air_kerma_per_photon(large.photons[:, 5].astype(float), large.photons[:, 6].astype(float))
    type_a = np.sqrt((kerma**2).sum() / large.histories - large.air_kerma_strength**2) / np.sqrt(
        large.histories
    )
    # 10 blocks: 4.9 σ of a χ² of 9 degrees of freedom, s within 0.13 and 2.5
    assert 0.13 * type_a < large.air_kerma_strength_std_dev < 2.5 * type_a


@pytest.mark.parametrize("histories", [0, -100_000, 150_000, 7])
def test_histories_come_in_blocks(model: SeedModel, histories: int) -> None:
    with pytest.raises(
        InvalidInput, match=rf"histories of a phase space is {histories}, expected a positive multiple"
    ):
        make_phase_space(model, histories=histories)


def test_cache_is_filled_read_and_repaired(
    model: SeedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDMC_CACHE_DIR", str(tmp_path))
    made = load_phase_space(model, histories=100_000)
    (path,) = (tmp_path / "phase_spaces").iterdir()
    content = path.read_bytes()
    read = load_phase_space(model, histories=100_000)
    np.testing.assert_array_equal(read.photons, made.photons)
    np.testing.assert_array_equal(read.first_photon, made.first_photon)
    np.testing.assert_array_equal(read.energy_balance, made.energy_balance)
    for name in (
        "histories",
        "air_kerma_strength",
        "air_kerma_strength_std_dev",
        "mirror_symmetric",
        "digest",
    ):
        assert getattr(read, name) == getattr(made, name)
    path.write_bytes(content[:1000])
    repaired = load_phase_space(model, histories=100_000)
    np.testing.assert_array_equal(repaired.photons, made.photons)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("ring", "message"),
    [
        ([0.5, 0.4, -0.1, 0.1], r"ring 0 is .* cm, expected inner < outer radius and lower < upper z"),
        ([0.4, 0.5, 0.1, 0.1], r"ring 0 is .* expected inner < outer"),
        ([0.03, 0.5, -0.1, 0.1], r"ring 0 is .* cm, expected outside the seed \(radius 0.04 cm"),
        ([0.4, 0.5, 29.99, 30.5], r"ring 0 is .* cm, expected inside the sphere of radius 30.0 cm"),
    ],
)
def test_rings_that_cannot_be_scored_are_refused(
    model: SeedModel, seed: PhaseSpace, ring: list[float], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        ring_dose(model, seed, np.array([ring]), 1000)


def test_ring_dose_does_not_depend_on_threads(model: SeedModel, seed: PhaseSpace) -> None:
    rings = np.array([[0.4, 0.6, -0.1, 0.1], [0.0, 0.3, 0.5, 0.7]])
    one, two = (ring_dose(model, seed, rings, 20_000, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.dose_per_history, two.dose_per_history)
    np.testing.assert_array_equal(one.std_dev, two.std_dev)
    assert one.histories == round(20_000 / seed.productive_share)
