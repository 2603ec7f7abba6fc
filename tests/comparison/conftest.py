"""A small synthetic implant with two doses whose difference is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from validation.case import Case, Contour, Image, Implant, Prescription, Structure
from validation.case.imported_dose import ImportedDose
from validation.case.needle_table import NeedleTable
from validation.studies.compare import Comparison, compare

SPACING = 0.15
NOISE = 0.02  # relative standard uncertainty of a voxel
GROUPS = 20
KNOWN_BELOW = 0.4  # cm


def _disc(name: str, role: str, centre: tuple[float, float], radius: float, half: float) -> Structure:
    """A cylinder along z as circles on 3 mm slices."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    circle = np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], axis=1)
    planes = np.arange(-half + 0.15, half, 0.3)
    return Structure(name, role, tuple(Contour(float(z), circle) for z in planes), 0.3)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def case() -> Case:
    """Four cylinders and eight seeds in four needles."""
    x = (np.arange(36) - 17.5) * SPACING
    y = (np.arange(32) - 15.5) * SPACING
    z = (np.arange(24) - 11.5) * SPACING
    gx, gy, _ = np.meshgrid(x, y, z, indexing="ij")
    hu = np.where(gx**2 + gy**2 < 2.3**2, 40.0, -1000.0)
    hu[(gx - 1.5) ** 2 + gy**2 < 0.25] = 900.0
    structures = [
        _disc("BODY", "external", (0, 0), 2.3, 1.8),
        _disc("GTV", "target", (0, 0), 0.7, 0.75),
        _disc("BONE", "organ", (1.5, 0), 0.5, 1.2),
        _disc("CORD", "organ", (-1.5, -0.5), 0.4, 1.2),
    ]
    positions = np.array([[a, b, c] for a in (-0.4, 0.4) for b in (-0.4, 0.4) for c in (-0.4, 0.4)])
    up = np.array([0.0, 0.0, 1.0])
    implant = Implant(
        "6711",
        positions,
        np.tile([0.0, 0.0, 1.0], (8, 1)),
        np.full(8, 0.6),
        59.4,
        np.repeat(np.arange(1, 5), 2),
        needle_table=NeedleTable(np.arange(1, 5), positions[::2] - 1.2 * up, positions[1::2] + 0.25 * up),
    )
    return Case(
        name="synthetic",
        image=Image(hu, x, y, z),
        structures={s.name: s for s in structures},
        implant=implant,
        prescription=Prescription(120.0, "GTV"),
        provenance={"origin": "test data"},
    )


def _inverse_square(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Dose and tissue fraction on the image grid."""
    grid = np.meshgrid(case.image.x, case.image.y, case.image.z, indexing="ij")
    squares = [
        sum((axis - centre) ** 2 for axis, centre in zip(grid, seed, strict=True)) + SPACING**2 / 6
        for seed in case.implant.positions
    ]
    dose = sum(11.0 / r2 * np.exp(-0.1 * np.sqrt(r2)) for r2 in squares)
    return np.asarray(dose), np.where(np.min(squares, axis=0) < 0.01, 0.7, 1.0)


def _grid(case: Case) -> dict[str, np.ndarray]:
    return {"x": case.image.x, "y": case.image.y, "z": case.image.z}


@pytest.fixture(scope="session")
def monte_carlo(case: Case) -> xr.Dataset:
    """5 % below TG-43 in soft tissue and 3 times as high in bone, with 2 % noise."""
    image = case.image
    dose, tissue = _inverse_square(case)
    bone = (image.hu > 300).astype(np.uint8)
    mean = dose * np.where(bone, 3.0, 0.95)
    radius = np.hypot(image.x[:, None, None], image.y[:, None]) + 0 * image.z
    flat = np.flatnonzero(radius < 2.2)
    noise = np.random.default_rng(42).standard_normal((GROUPS, flat.size))
    groups = mean.ravel()[flat] * (1 + NOISE * np.sqrt(GROUPS) * noise)
    mean.ravel()[flat] = groups.mean(axis=0)
    dims = ("x", "y", "z")
    settings = {
        "seeds": "interseed",
        "media_mode": "patient",
        "media": ["muscle", "cortical_bone"],
        "beyond_the_image": "edge voxels go on to 10 cm",
        "voxel_cm": SPACING,
        "run_seed": 7,
    }
    return xr.Dataset(
        {
            "dose": (dims, mean),
            "dose_std_dev": (dims, NOISE * mean),
            "tissue_fraction": (dims, tissue),
            "medium": (dims, bone, {"names": json.dumps(settings["media"])}),
            "density": (dims, np.where(bone, 1.92, 1.05)),
            "hu": (dims, image.hu),
            "group_dose": (("group", "voxel"), groups),
            "group_voxel": ("voxel", flat),
        },
        _grid(case),
        {
            "histories": 20_000_000,
            "batches": 200,
            "case_digest": case.digest(),
            "settings_digest": "ab" * 32,
            "settings": json.dumps(settings),
            "air_kerma_strength_per_history": 1.0e-13,
            "phase_space_digest": "cd" * 32,
            "run_time_s": 81.5,
            "cpu_time_s": 160.2,
            "created_by": "seedmc test",
        },
    )


@pytest.fixture(scope="session")
def tg43(case: Case) -> xr.Dataset:
    """Inverse-square dose of eight seeds with 1/e per 10 cm."""
    dose, tissue = _inverse_square(case)
    dims = ("x", "y", "z")
    return xr.Dataset(
        {"dose": (dims, dose), "tissue_fraction": (dims, tissue)},
        _grid(case),
        {
            "source": "OncoSeed 6711",
            "dose_rate_constant": 0.965,
            "case_digest": case.digest(),
            "settings": json.dumps({"formalism": "2D", "voxel_mm": 1.5}),
        },
    )


@pytest.fixture(scope="session")
def comparison(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> Comparison:
    """The two doses judged."""
    return compare(case, monte_carlo, tg43)


@pytest.fixture(scope="session")
def with_spectra(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> Comparison:
    """The comparison of a result that has scored spectra of two structures and dose to water."""
    energy = np.arange(1.125, 40.0, 0.25)
    line = np.exp(-(((energy - 27.5) / 0.3) ** 2)) + 1e-3 * (energy < 27.0)
    dims = ("region", "photon_energy")
    scored = monte_carlo.assign_coords(
        region=np.array(["GTV", "BONE", "medium:muscle"], dtype=object),
        photon_energy=(
            "photon_energy",
            energy,
            {"units": "keV", "description": "centre of a bin of 0.25 keV"},
        ),
    ).assign(
        energy_fluence=(dims, np.outer([3e-2, 1e-3, 1e-2], line)),
        energy_fluence_std_dev=(dims, np.outer([3e-4, 1e-4, 1e-4], line)),
        mean_photon_energy=("region", [27.4, 27.9, 27.5]),
        mean_photon_energy_std_dev=("region", [0.01, 0.05, 0.01]),
        dose_to_water=monte_carlo.dose / np.where(monte_carlo.medium, 4.0, 1.0),
        group_dose_to_water=monte_carlo.group_dose
        / np.where(monte_carlo.medium.to_numpy().ravel()[monte_carlo.group_voxel], 4.0, 1.0),
    )
    return compare(case, scored, tg43)


FRAME = "1.2.826.0.1.3680043.8.498.1"
SHIFT = 0.2  # cm


def analytic_dose(case: Case, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The dose of the conftest's TG-43 on any grid."""
    grid = np.meshgrid(x, y, z, indexing="ij")
    squares = [
        sum((axis - centre) ** 2 for axis, centre in zip(grid, seed, strict=True)) + SPACING**2 / 6
        for seed in case.implant.positions
    ]
    return np.asarray(sum(11.0 / r2 * np.exp(-0.1 * np.sqrt(r2)) for r2 in squares))


@pytest.fixture(scope="session")
def elsewhere(case: Case) -> ImportedDose:
    """The TG-43 dose at 0.8 of its height, 2 mm to the left, on a finer and larger grid of its own, known to 3 %."""
    x, y, z = (np.arange(-3.0, 3.01, 0.06) + offset for offset in (0.013, -0.021, 0.008))
    dose = 0.8 * analytic_dose(case, x - SHIFT, y, z)
    return ImportedDose(x, y, z, dose, 0.03 * dose, FRAME, "summed over PLAN", "RTDOSE file tps.dcm")


@pytest.fixture(scope="session")
def to_water(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> Comparison:
    """The comparison of a result that has kept the dose in water: 10 % above TG-43, known to 0.1 %, below a plane."""
    dims = ("x", "y", "z")
    water = np.where(tg43.z < KNOWN_BELOW, 1.1 * tg43.dose, np.nan)
    kept = monte_carlo.assign(
        water_superposition_dose=(dims, water),
        water_superposition_dose_std_dev=(dims, 0.001 * water),
        difference_to_water=(dims, monte_carlo.dose.to_numpy() - water),
    )
    return compare(case, kept, tg43, gamma=True)
