"""Every packaged seed: published size, volumes of its active parts, emission where it belongs, rays and outlines."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mcsim.cross_sections import element_table
from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.rng import start_stream
from mcsim.kernels.seed_emission import emission_point
from mcsim.kernels.solids import interval, outside
from mcsim.seed_drawing import section_outlines, section_svg
from mcsim.seed_model import SeedModel, load_seed_model, seed_model_names
from mcsim.spectrum import load_spectrum

# alias: overall length and diameter (mm), radionuclide
SIZES = {
    "6711": (4.55, 0.80, "I-125"),
    "9011": (4.55, 0.51, "I-125"),
    "IAI-125A": (4.50, 0.80, "I-125"),
    "I25.S06": (4.50, 0.80, "I-125"),
    "STM1251": (4.55, 0.81, "I-125"),
    "130.002": (4.50, 0.80, "I-125"),
    "125SL": (4.50, 0.80, "I-125"),
    "6702": (4.50, 0.80, "I-125"),
    "200": (4.50, 0.826, "Pd-103"),
    "CS-1": (4.52, 0.83, "Cs-131"),
}
DAUGHTER = {"I-125": "Te", "Pd-103": "Rh", "Cs-131": "Xe"}


def shell(radius: float, thickness: float) -> float:
    """Volume of a spherical shell, expanded so that thin ones lose no digits."""
    return 4.0 * np.pi * thickness * (radius**2 + radius * thickness + thickness**2 / 3.0)


def tube(outer: float, inner: float, length: float) -> float:
    return np.pi * (outer - inner) * (outer + inner) * length


def frustum(a: float, b: float, height: float) -> float:
    return np.pi * height / 3.0 * (a * a + a * b + b * b)


def chamfered_coating(r: float, r_face: float, straight: float, chamfer: float, t: float) -> float:
    """Coating of thickness t, in radius on side and cones, on the rod of the 6711 and 9011."""
    whole = tube(r, 0.0, straight) + 2.0 * frustum(r, r_face, chamfer)
    return whole - tube(r - t, 0.0, straight) - 2.0 * frustum(r - t, r_face, chamfer - t)


# alias: active part -> (cm³, share of the activity)
T = 0.000175
WIRE, IODINE = 0.0255 + 1.9e-4 + 2.5e-4, 1.7e-6
ACTIVE = {
    "6711": {"coating": (chamfered_coating(0.025, 0.0175, 0.265, 0.0075, T), 1.0)},
    "9011": {"coating": (chamfered_coating(0.01525, 0.01025, 0.27, 0.005, T), 1.0)},
    "IAI-125A": {
        "side coating": (tube(0.0251, 0.025, 0.3), 0.9227 / 1.0001),
        "end coating": (2.0 * np.pi * 0.0251**2 * 1e-4, 0.0774 / 1.0001),
    },
    "I25.S06": {"ceramic": (tube(0.03, 0.011, 0.35), 1.0)},
    "STM1251": {
        "side iodine": (tube(WIRE + IODINE, WIRE, 0.381 + 2.0 * 4.4e-4), 0.9364),
        "end iodine": (2.0 * np.pi * (WIRE + IODINE) ** 2 * IODINE, 0.0636),
    },
    "130.002": {"coating": (tube(0.0258, 0.0255, 0.34) + 2.0 * np.pi * 0.0258**2 * 3e-4, 1.0)},
    "125SL": {"surface": (5.0 * shell(0.025, 1e-6), 1.0)},
    "6702": {"surface": (3.0 * shell(0.03, 1e-6), 1.0)},
    "200": {"coating": (2.0 * (tube(0.02822, 0.028, 0.089) + 2.0 * np.pi * 0.02822**2 * 2.2e-4), 1.0)},
    "CS-1": {"active glass": (tube(0.031, 0.02, 0.4), 1.0)},
}


@allocating_jit
def emission_points(layer, count):
    state = np.empty(2, np.uint64)
    values = np.empty((count, 2))
    for i in range(count):
        start_stream(state, 1, 92, 0, i)
        values[i, 0], values[i, 1] = emission_point(layer, state)
    return values


@pytest.fixture(scope="module", params=SIZES)
def alias(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(alias: str) -> SeedModel:
    return load_seed_model(alias)


def test_every_packaged_model_is_tested() -> None:
    assert {load_seed_model(alias).name for alias in SIZES} == set(seed_model_names())


def test_sizes_are_the_published_ones(alias: str, model: SeedModel) -> None:
    length, diameter, radionuclide = SIZES[alias]
    assert 20.0 * model.half_length == pytest.approx(length, rel=1e-9)
    assert 20.0 * model.radius == pytest.approx(diameter, rel=1e-9)
    assert model.spectrum.radionuclide == radionuclide
    assert "doi:10.1" in model.source


def test_active_parts_have_their_analytic_volumes_and_shares(alias: str, model: SeedModel) -> None:
    zones = model.active_zones()
    assert sum(share for _, share in zones) == pytest.approx(1.0, rel=1e-12)
    for name, (volume, share) in ACTIVE[alias].items():
        here = [(zone, part) for zone, part in zones if zone.solid.name == name]
        # profiles are squares of radii: a layer of relative thickness 4e-5 keeps eleven digits of its volume
        assert np.pi * sum(zone.volume() for zone, _ in here) == pytest.approx(volume, rel=1e-7)
        assert sum(part for _, part in here) == pytest.approx(share, rel=1e-9)
    assert {zone.solid.name for zone, _ in zones} == set(ACTIVE[alias])


def test_photons_start_in_the_active_parts(alias: str, model: SeedModel, solid_at) -> None:
    count = 100_000
    rho, z = emission_points(model.active_layer(), count).T
    found = solid_at(model.kernel_solids(0), rho, np.zeros(count), z)
    names = np.array([s.name for s in model.solids])[found]
    assert found.min() >= 0
    for name, (_, share) in ACTIVE[alias].items():
        # binomial; 4.9 σ and 5.7 σ are one and a hundred checks at 1e-6
        assert abs((names == name).mean() - share) <= 5.7 * np.sqrt(share * (1.0 - share) / count)
    assert set(names) <= set(ACTIVE[alias])
    assert abs((z > 0).mean() - 0.5) < 5.7 * 0.5 / np.sqrt(count)


def test_emission_is_even_over_a_sphere() -> None:
    _, z = emission_points(load_seed_model("6702").active_layer(), 300_000).T
    height = np.sort((z - 0.11 * np.round(z / 0.11)) / 0.030001)
    # Archimedes: on a thin spherical shell the height is uniform; Kolmogorov-Smirnov at 1e-6 is 2.7/√n
    uniform = 0.5 * (1.0 + height)
    assert np.abs(uniform - np.linspace(0.0, 1.0, len(uniform))).max() < 2.7 / np.sqrt(len(uniform))


def test_rays_meet_the_solid_that_counts(model: SeedModel, solid_at) -> None:
    solids = model.kernel_solids(0)
    rng = np.random.default_rng(3)
    extent = np.array([model.radius, model.radius, model.half_length])
    for _ in range(150):
        start = rng.uniform(-1.5, 1.5, 3) * extent
        direction = rng.uniform(-0.7, 0.7, 3) * extent - start
        direction /= np.linalg.norm(direction)
        spans = np.array([interval(solids, k, *start, *direction) for k in range(len(model.solids))])
        ends = np.unique(np.clip(spans[spans[:, 1] > spans[:, 0]], -1.0, 1.0))
        for low, high in pairwise(ends):
            if high - low < 1e-9:  # round-off of roots: about 1e-15 cm over a grazing angle
                continue
            t = 0.5 * (low + high)
            counts = np.flatnonzero((spans[:, 0] < t) & (t < spans[:, 1]))
            assert solid_at(solids, *(start + t * direction)) == (counts[-1] if len(counts) else -1)


def test_the_outside_is_convex(model: SeedModel, solid_at) -> None:
    solids = model.kernel_solids(0)
    rng = np.random.default_rng(4)
    extent = np.array([model.radius, model.radius, model.half_length])
    points = rng.uniform(-1.0, 1.0, (40_000, 3)) * extent
    inside = points[solid_at(solids, *points.T) >= 0]
    middles = 0.5 * (inside[0::2][: len(inside) // 2] + inside[1::2])
    assert np.all(solid_at(solids, *middles.T) >= 0)
    # and a ray through it enters once and leaves once, where the kernel says
    for point in inside[:200]:
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        t_in, t_out = outside(solids, *point, *direction)
        for t, expected in (
            (t_in + 1e-9, True),
            (t_out - 1e-9, True),
            (t_in - 1e-9, False),
            (t_out + 1e-9, False),
        ):
            assert (solid_at(solids, *(point + t * direction)) >= 0) == expected


def test_mirror_image_has_the_same_media(model: SeedModel, solid_at) -> None:
    assert model.mirror_symmetric
    solids = model.kernel_solids(0)
    points = np.random.default_rng(5).uniform(-1.0, 1.0, (20_000, 3)) * [0.04, 0.04, model.half_length]
    here, there = solid_at(solids, *points.T), solid_at(solids, *(points * [1.0, 1.0, -1.0]).T)
    media = np.array([*(s.material for s in model.solids), "outside"])
    assert np.all(media[here] == media[there])


@pytest.mark.parametrize("name", ["i125_ncrp58", "i125_tg43u1", "pd103_nndc", "cs131_nndc"])
def test_lines_are_k_x_rays_of_the_daughter(name: str) -> None:
    spectrum = load_spectrum(name)
    daughter = element_table(DAUGHTER[spectrum.radionuclide])
    lines = daughter.line_energy[daughter.line_shell == 0]
    gammas = [e for e in spectrum.energy_kev if np.abs(lines / e - 1.0).min() > 2e-3]
    # NCRP 58 gives the Kβ group as one line of 31.0 keV
    known = {"I-125": {35.4919, 35.492, 31.0}, "Pd-103": {39.748}, "Cs-131": set()}
    assert set(gammas) <= known[spectrum.radionuclide]


def test_mean_energies_are_the_published_ones() -> None:
    palladium, caesium = load_spectrum("pd103_nndc"), load_spectrum("cs131_nndc")
    # TG-43U1 (doi:10.1118/1.1646040) gives 20.74 keV with the gammas above 40 keV that the table leaves out
    energy = [*palladium.energy_kev, 62.41, 294.98, 357.45, 497.08]
    photons = [*palladium.photons_per_decay, 1.04e-5, 2.8e-5, 2.21e-4, 3.96e-5]
    assert np.average(energy, weights=photons) == pytest.approx(20.74, abs=0.02)  # from rounded line energies
    assert np.average(caesium.energy_kev, weights=caesium.photons_per_decay) == pytest.approx(30.4, abs=0.1)


def test_outlines_tile_the_section(model: SeedModel) -> None:
    outlines = section_outlines(model)
    # shoelace; the section of the outside by quadrature
    area = sum(0.5 * abs(np.dot(o.z, np.roll(o.rho, 1)) - np.dot(o.rho, np.roll(o.z, 1))) for o in outlines)
    z = np.linspace(-model.half_length, model.half_length, 400_001)
    capsule = [s for s in model.solids if s.name == model.outer]
    radius = np.sqrt(
        np.max([np.where((s.z_min <= z) & (z <= s.z_max), s.radius_squared(z), 0.0) for s in capsule], axis=0)
    )
    # 48 chords to a quarter circle leave out 4e-4 of a cap, and caps are a fifth of a seed
    assert area == pytest.approx(np.trapezoid(radius, z), rel=2e-4)
    assert {o.solid for o in outlines if o.active} == {name for name, _ in model.active}
    svg = section_svg(model)
    assert svg.count("<polygon") == 2 * len(outlines) + 2 * sum(o.active for o in outlines)
    assert all(medium.name in svg for medium in model.materials)
