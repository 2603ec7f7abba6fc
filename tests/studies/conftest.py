from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from validation.case import Case, Contour, Image, Implant, Prescription, Structure

X = np.linspace(-2.95, 2.95, 60)
Z = np.linspace(-2.9, 2.9, 30)
MUSCLE_HU = 40.0
Box = tuple[float, float, float, float, float, float]


def box(name: str, role: str, edges: Box) -> Structure:
    """A box from its faces x0, x1, y0, y1, z0, z1 in cm; contours on every CT slice inside."""
    x0, x1, y0, y1, z0, z1 = edges
    corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    slices = [Contour(float(z), corners) for z in Z if z0 < z < z1]
    return Structure(name, role, tuple(slices), 0.2)  # type: ignore[arg-type]


def within(edges: Box) -> NDArray[np.bool_]:
    """CT voxels whose centres lie in a box."""
    x, y, z = (
        (low < centres) & (centres < high)
        for centres, low, high in zip((X, X, Z), edges[::2], edges[1::2], strict=True)
    )
    return np.asarray(x[:, None, None] & y[:, None] & z)


@pytest.fixture
def box_case() -> Callable[..., Case]:
    """A cube of muscle with a target box in the middle, four seeds along x and boxes of other CT numbers."""

    def make(
        numbers: Mapping[Box, float] | None = None,
        structures: Mapping[str, tuple[str, Box]] | None = None,
        extra: NDArray[np.float64] | None = None,
    ) -> Case:
        hu = np.full((60, 60, 30), -1000.0)
        body = (-2.8, 2.8, -2.8, 2.8, -3.0, 3.0)
        hu[within(body)] = MUSCLE_HU
        for edges, value in (numbers or {}).items():
            hu[within(edges)] = value
        if extra is not None:
            hu = hu + extra
        drawn = {
            "BODY": ("external", body),
            "GTV": ("target", (-0.8, 0.8, -0.8, 0.8, -0.8, 0.8)),
            **(structures or {}),
        }
        seeds = [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.5, 0.4], [0.0, -0.5, -0.4]]
        return Case(
            name="box",
            image=Image(hu, X, X, Z),
            structures={name: box(name, role, edges) for name, (role, edges) in drawn.items()},
            implant=Implant("6711", seeds, [[0.0, 0.0, 1.0]] * 4, [0.5] * 4, 59.4, [1, 1, 2, 2]),
            prescription=Prescription(120.0, "GTV"),
        )

    return make
