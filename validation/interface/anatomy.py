"""What a figure of a dose shows besides the dose: contours, seeds, prescription."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.evaluate.structure_fractions import structure_fractions

FloatArray = NDArray[np.float64]

ROUNDING = 1e-6  # cm; a plane half-way between two contours belongs to one of them


@dataclass(frozen=True, eq=False)
class Outline:
    """One contour: its structure, plane, thickness [cm] and corners, shape (n, 2) [cm]."""

    structure: str
    z: float
    thickness: float
    points: FloatArray


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Contours and seeds of a case, from the case itself or from a comparison of it.

    Attributes
    ----------
    structures : tuple of str
        The target first.
    roles : dict of str to str
        What they are for.
    target : str
        Structure of the prescription.
    prescription : float
        Gy.
    outlines : tuple of Outline
        Contours.
    seed_position, seed_axis : ndarray, shape (n, 3)
        cm; unit vectors.
    fraction : callable
        Part of each voxel of the dose inside a structure, shape (nx, ny, nz).
    """

    structures: tuple[str, ...]
    roles: dict[str, str]
    target: str
    prescription: float
    outlines: tuple[Outline, ...]
    seed_position: FloatArray
    seed_axis: FloatArray
    fraction: Callable[[str], FloatArray]

    def chosen(self, names: tuple[str, ...] | None) -> tuple[str, ...]:
        """Structures to draw: those named, or all.

        Raises
        ------
        InvalidInput
            A name is not known.
        """
        for name in names or ():
            if name not in self.structures:
                raise InvalidInput(
                    f"structure is {name!r}, expected one of {', '.join(self.structures)}. Use one of them."
                )
        return self.structures if names is None else tuple(names)


def anatomy_of(dataset: xr.Dataset, case: Case | None) -> Anatomy | None:
    """Anatomy of a comparison, or of the case of a dose; None if there is neither.

    Raises
    ------
    InvalidInput
        The dose is of another case.
    """
    if "contour_structure" in dataset:
        return _of_comparison(dataset)
    if case is None:
        return None
    found = dataset.attrs.get("case_digest")
    if found is not None and found != case.digest():
        raise InvalidInput(
            f"case digest of the dose is {str(found)[:12]}, expected {case.digest()[:12]} of case {case.name} (the "
            f"dose was calculated for another). Give that case."
        )
    return _of_case(dataset, case)


def _of_comparison(data: xr.Dataset) -> Anatomy:
    names = [str(name) for name in data.structure.values]
    corners = np.stack([data.contour_x.values, data.contour_y.values], axis=1).astype(float)
    curves = np.split(corners, data.contour_first_vertex.values[1:])
    outlines = tuple(
        Outline(names[s], float(z), float(thickness), points)
        for s, z, thickness, points in zip(
            data.contour_structure.values, data.contour_z.values, data.contour_thickness.values, curves, strict=True
        )
    )  # fmt: skip
    target = str(data.attrs["prescription_target"])
    roles = dict(zip(names, (str(role) for role in data.structure_role.values), strict=True))
    return Anatomy(
        _ordered(names, roles, target), roles, target, float(data.attrs["prescription_dose_gy"]), outlines,
        data.seed_position.values, data.seed_axis.values,
        lambda name: np.asarray(data.structure_fraction.sel(structure=name).values, dtype=np.float64),
    )  # fmt: skip


def _of_case(dataset: xr.Dataset, case: Case) -> Anatomy:
    x, y, z = (dataset[axis].values for axis in "xyz")
    outlines = tuple(
        Outline(name, contour.z, structure.slice_thickness, contour.points)
        for name, structure in case.structures.items()
        for contour in structure.contours
    )
    roles = {name: str(structure.role) for name, structure in case.structures.items()}
    target = case.prescription.target
    return Anatomy(
        _ordered(list(roles), roles, target), roles, target, case.prescription.dose_gy, outlines,
        case.implant.positions, case.implant.axes,
        lambda name: structure_fractions(case.structures[name], x, y, z),
    )  # fmt: skip


def _ordered(names: list[str], roles: dict[str, str], target: str) -> tuple[str, ...]:
    """The prescribed target first, then other targets, then the rest as they come; the body outline last."""
    rank = {"target": 1, "external": 3}
    return tuple(sorted(names, key=lambda name: 0 if name == target else rank.get(roles[name], 2)))
