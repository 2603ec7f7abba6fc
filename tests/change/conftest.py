"""A spherical target of contours, a source with 1/r² and nothing else, and cases made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tg43.source_data import SourceData
from validation.case import Case, Contour, Image, Implant, Prescription, Structure


def disc(z: float, radius: float, centre=(0.0, 0.0), corners: int = 360) -> Contour:
    angle = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    return Contour(z, np.column_stack([np.cos(angle), np.sin(angle)]) * radius + centre)


def sphere(
    name: str, radius: float, centre=(0.0, 0.0, 0.0), thickness: float = 0.1, role="target"
) -> Structure:
    z = np.arange(-radius + thickness / 2, radius, thickness)
    discs = [disc(float(h + centre[2]), float(np.sqrt(radius**2 - h**2)), centre[:2]) for h in z]
    return Structure(name, role, discs, thickness)


def contour_volume(structure: Structure) -> float:
    """Area × slice thickness, cm³, of slices without holes."""
    return sum(c.area for c in structure.contours) * structure.slice_thickness


@pytest.fixture(scope="session")
def ball() -> Structure:
    return sphere("PTV", 1.0, (0.3, -0.2, 0.1))


@pytest.fixture(scope="session")
def point_source() -> SourceData:
    """g = 1 and φ_an = 1 at all distances, in a capsule far smaller than any distance used."""
    one = np.ones(2)
    return SourceData(
        name="point", radionuclide="I-125", half_life=59.4, dose_rate_constant=1.0, active_length=1e-6,
        radial_distances=np.array([1e-3, 100.0]), radial_dose=one,
        anisotropy_distances=np.array([1e-3, 100.0]), anisotropy_angles=np.array([0.0, np.pi / 2]),
        anisotropy=np.ones((2, 2)), anisotropy_factor_distances=np.array([1e-3, 100.0]), anisotropy_factor=one,
        radial_dose_point=one, capsule_length=2e-6, capsule_radius=1e-6, capsule_ends="flat",
        reference="analytic", doi="", provenance=(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def ball_case(ball: Structure) -> Callable[..., Case]:
    """A ball of tissue in softer tissue, with seeds along a line through it."""

    def make(spacing: float = 0.6, seeds: int = 3, hu: float = 40.0, outside: float = 40.0) -> Case:
        axis = np.linspace(-3.0, 3.0, 61)
        x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
        inside = (x - 0.3) ** 2 + (y + 0.2) ** 2 + (z - 0.1) ** 2 <= 1.0
        centre = np.array([0.3, -0.2, 0.1])
        places = centre + np.outer((np.arange(seeds) - (seeds - 1) / 2) * spacing, [0.0, 0.0, 1.0])
        implant = Implant(
            "6711", places, np.tile([0.0, 0.0, 1.0], (seeds, 1)), np.full(seeds, 0.5), 59.4, np.ones(seeds)
        )
        return Case(
            "ball", Image(np.where(inside, hu, outside), axis, axis, axis), {"PTV": ball}, implant,
            Prescription(100.0, "PTV"),
        )  # fmt: skip

    return make
