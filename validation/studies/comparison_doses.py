"""The doses that a comparison judges, on one grid, with the tissue they are in."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.imported_dose import ImportedDose
from validation.studies.comparison_imported import (
    Axes,
    ResampledDose,
    refuse_another_frame,
    resampled,
)
from validation.studies.media_assignment import on_grid
from validation.studies.media_settings import MediaSettings
from validation.studies.patient_phantom import patient_phantom, prepare_image

FloatArray = NDArray[np.float64]

MONTE_CARLO, TG43, IMPORTED = "monte_carlo", "tg43", "imported"
LABELS = {MONTE_CARLO: "Monte Carlo", TG43: "TG-43"}

# cm; coordinates written in mm or as float32 differ by less, another grid by more.
_SAME_PLACE = 1e-4


@dataclass(frozen=True)
class Scene:
    """What fills the voxels.

    Attributes
    ----------
    hu, density : ndarray, shape (nx, ny, nz)
        CT number; g/cm³.
    medium : ndarray of int, shape (nx, ny, nz)
        Index into the names.
    media : tuple of str
        Names.
    """

    hu: FloatArray
    density: FloatArray
    medium: NDArray[np.integer]
    media: tuple[str, ...]


@dataclass(frozen=True)
class ComparedDoses:
    """Two or three doses of a case on one grid.

    Attributes
    ----------
    axes : tuple of three ndarrays
        Voxel centres, cm.
    tissue : ndarray, shape (nx, ny, nz)
        Part of each voxel outside the seeds in which doses are compared.
    scene : Scene
        Image and media.
    monte_carlo, tg43 : xr.Dataset or None
        Results of the engines.
    imported : ResampledDose or None
        A dose from elsewhere.
    frame : str
        Whether the imported dose's frame of reference is that of the case, in words.
    """

    axes: Axes
    tissue: FloatArray
    scene: Scene
    monte_carlo: xr.Dataset | None
    tg43: xr.Dataset | None
    imported: ResampledDose | None
    frame: str = ""

    @property
    def engines(self) -> tuple[str, ...]:
        """What calculated the doses: the one that is judged, the one it is judged against, then any other.

        Monte Carlo is judged against TG-43; an imported dose takes the place of the one that is missing.
        """
        given = {MONTE_CARLO: self.monte_carlo, TG43: self.tg43, IMPORTED: self.imported}
        if self.monte_carlo is None:
            return IMPORTED, TG43
        return tuple(name for name, dose in given.items() if dose is not None)

    def dose(self, engine: str) -> FloatArray:
        """Dose of an engine, Gy; NaN where it has none."""
        if engine == IMPORTED:
            assert self.imported is not None
            return self.imported.dose
        result = self.monte_carlo if engine == MONTE_CARLO else self.tg43
        assert result is not None
        return np.asarray(result.dose, dtype=np.float64)

    def std_dev(self, engine: str) -> FloatArray | None:
        """Standard uncertainty of an engine's dose, Gy; None where it has none."""
        if engine == IMPORTED:
            assert self.imported is not None
            return self.imported.std_dev
        if engine == MONTE_CARLO:
            assert self.monte_carlo is not None
            return np.asarray(self.monte_carlo.dose_std_dev, dtype=np.float64)
        return None


def compared_doses(
    case: Case,
    monte_carlo: xr.Dataset | None,
    tg43: xr.Dataset | None,
    imported: ImportedDose | None,
    tissues: MediaSettings | None = None,
) -> ComparedDoses:
    """Bring the doses of a case together on one grid.

    Parameters
    ----------
    case : Case
        The case.
    monte_carlo, tg43 : xr.Dataset or None
        See `validation.studies.compare.compare`.
    imported : ImportedDose or None
        A dose from elsewhere, resampled to the grid of the others.
    tissues : MediaSettings, optional
        How media follow from the CT; counts only without a Monte Carlo result, which knows its own.

    Returns
    -------
    ComparedDoses

    Raises
    ------
    InvalidInput
        Fewer than two doses, another case or grid, or an imported dose of another frame or place.
    """
    calculated = {MONTE_CARLO: monte_carlo, TG43: tg43}
    present = [(name, dose) for name, dose in calculated.items() if dose is not None]
    if not present or len(present) + (imported is not None) < 2:
        raise InvalidInput(
            f"number of doses is {len(present) + (imported is not None)}, expected two or three, at least one of them "
            f"Monte Carlo or TG-43 of this case (a comparison takes two). Give another dose."
        )
    _refuse_other_cases(case, present)
    if monte_carlo is not None and tg43 is not None:
        _refuse_other_grids(monte_carlo, tg43)
    first = present[0][1]
    x, y, z = (np.asarray(first[axis], dtype=np.float64) for axis in "xyz")
    fractions = [np.asarray(dose.tissue_fraction, dtype=np.float64) for _, dose in present]
    # Where TG-43 finds no tissue there is nothing to compare, whatever the Monte Carlo geometry left over.
    tissue = np.where(fractions[-1] > 0, fractions[0], 0.0)
    other, frame = None, ""
    if imported is not None:
        frame = refuse_another_frame(case, imported)
        other = resampled(imported, (x, y, z))
    scene = _scene_of_result(monte_carlo) if monte_carlo is not None else _scene(case, (x, y, z), tissues)
    return ComparedDoses((x, y, z), tissue, scene, monte_carlo, tg43, other, frame)


def _refuse_other_cases(case: Case, present: list[tuple[str, xr.Dataset]]) -> None:
    digest = case.digest()
    for engine, dose in present:
        name = LABELS[engine]
        found = str(dose.attrs.get("case_digest", "missing"))
        if found != digest:
            raise InvalidInput(
                f"case digest of the {name} dose is {found[:12]}, expected {digest[:12]} (the dose is of "
                f"another case, or the case changed since). Calculate the {name} dose of case {case.name} "
                f"again."
            )


def _refuse_other_grids(monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    for axis in "xyz":
        one, other = (np.asarray(dose[axis], dtype=float) for dose in (monte_carlo, tg43))
        if one.shape != other.shape or np.abs(one - other).max() > _SAME_PLACE:
            raise InvalidInput(
                f"{axis} grid of the TG-43 dose is {_grid(other)}, expected {_grid(one)} as in the Monte "
                f"Carlo dose (voxels are compared one by one). Calculate both with the same voxel size."
            )


def _grid(centres: FloatArray) -> str:
    return f"{centres.size} voxels from {centres[0]:.4f} to {centres[-1]:.4f} cm"


def _scene_of_result(monte_carlo: xr.Dataset) -> Scene:
    return Scene(
        np.asarray(monte_carlo.hu),
        np.asarray(monte_carlo.density),
        np.asarray(monte_carlo.medium),
        tuple(json.loads(monte_carlo.medium.attrs["names"])),
    )


def _scene(case: Case, axes: Axes, tissues: MediaSettings | None) -> Scene:
    """Image and media as a simulation with these voxels would have them."""
    settings = tissues or MediaSettings()
    planes = tuple(np.concatenate([a - 0.5 * (a[1] - a[0]), [a[-1] + 0.5 * (a[1] - a[0])]]) for a in axes)
    hu = on_grid(case, prepare_image(case, settings.streaks).hu, (planes[0], planes[1], planes[2]))
    phantom, _ = patient_phantom(case, float(axes[0][1] - axes[0][0]), settings=settings)
    return Scene(
        hu,
        phantom.density[phantom.scoring].astype(np.float64),
        phantom.medium[phantom.scoring],
        tuple(phantom.media),
    )
