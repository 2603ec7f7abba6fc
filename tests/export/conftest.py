"""A small case: seeds, structures with a hole, and a dose, so that a test takes milliseconds."""

from __future__ import annotations

import numpy as np
import pytest

from validation.case import Case, Contour, Image, Implant, Prescription, Structure
from validation.case.imported_dose import ImportedDose

# Not round: rounding to a tenth of a millimetre would show.
POSITIONS = np.array(
    [[0.1234567, 0.2345678, 0.3456789], [0.1, 0.9, 0.4], [-0.61, 0.2, -0.5], [-0.6, -0.7, 0.3]]
)
AXES = np.array([[0.0, 0.6, 0.8], [0.0, 0.6, 0.8], [1.0, 0.0, 0.0], [-0.48, 0.6, -0.64]])


def ring(radius: float, count: int = 40) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + 0.01
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


@pytest.fixture
def case() -> Case:
    x, y, z = np.linspace(-3, 3, 31), np.linspace(-2.5, 2.5, 26), np.linspace(-2, 2, 17)
    grid = np.meshgrid(x, y, z, indexing="ij")
    # another number at every place: a wrong turn would show
    hu = np.where(
        grid[0] ** 2 + grid[1] ** 2 < 2.3**2, np.rint(40 + 20 * grid[2] + 5 * grid[0] - 9 * grid[1]), -1000.0
    )
    structures = [
        Structure("BODY", "external", [Contour(k, ring(2.3)) for k in z], 0.25),
        Structure("GTV node", "target", [Contour(k, ring(r)) for k in z[4:13] for r in (1.3, 0.2)], 0.25),
        Structure("CORD", "organ", [Contour(k, ring(0.3) + np.array([0, 1.8])) for k in z], 0.25),
        Structure("shell", "other", [Contour(k, ring(1.9)) for k in z[2:5]], 0.25),
    ]  # fmt: skip
    implant = Implant("6711", POSITIONS, AXES, [0.635, 0.635, 0.7, 0.635], 59.4, [1, 1, 2, -1])
    return Case(
        "small case",
        Image(hu, x, y, z),
        {s.name: s for s in structures},
        implant,
        Prescription(120, "GTV node"),
    )


@pytest.fixture
def dose() -> ImportedDose:
    rng = np.random.default_rng(2)
    x, y, z = np.arange(-1, 1.05, 0.1), np.arange(-1.2, 1.25, 0.1), np.array([-1.0, -0.9, -0.8, -0.5, 0.1])
    values = rng.lognormal(4.0, 1.5, (x.size, y.size, z.size))
    return ImportedDose(x, y, z, values, 0.02 * values, None, "made for a test", "test dose")
