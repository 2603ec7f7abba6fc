"""Comparison of a Monte Carlo dose with the TG-43 dose of the same case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.evaluate.difference import (
    MONTE_CARLO_DOSE_RATE_CONSTANTS,
    Budget,
    BudgetStep,
    DoseRateConstant,
    difference_budget,
)
from validation.studies import comparison_dataset
from validation.studies.comparison_judgement import group_weights
from validation.studies.dataset_file import read_dataset, write_dataset

FILETYPE = "seedmc-comparison"
FORMAT_VERSION = "1.0"
_MAJOR = 1

# cm; coordinates written in mm or as float32 differ by less, another grid by more.
_SAME_PLACE = 1e-4


@dataclass(frozen=True, eq=False)
class Comparison:
    """A Monte Carlo dose and the TG-43 dose of the same case, judged.

    Parameters
    ----------
    data : xr.Dataset
        Everything, as docs/file_formats/comparison.md lays it out.

    Examples
    --------
    Read one and look at the target::

        comparison = Comparison.read("comparison.h5")
        comparison.data.index_value.sel(structure=comparison.target, index="D90")
    """

    data: xr.Dataset

    @property
    def target(self) -> str:
        """Name of the structure the dose is prescribed to."""
        return str(self.data.attrs["prescription_target"])

    @property
    def prescription(self) -> float:
        """Prescribed dose [Gy]."""
        return float(self.data.attrs["prescription_dose_gy"])

    @property
    def monte_carlo_settings(self) -> dict[str, object]:
        """Settings of the Monte Carlo run."""
        return _settings(self.data.attrs["monte_carlo_settings"])

    @property
    def tg43_settings(self) -> dict[str, object]:
        """Settings of the TG-43 calculation."""
        return _settings(self.data.attrs["tg43_settings"])

    @property
    def budget(self) -> Budget:
        """Every index on the way from TG-43 to Monte Carlo; terms over (structure, index)."""
        data = self.data
        return difference_budget(
            [
                BudgetStep(
                    str(step),
                    str(data.budget_description.sel(budget_step=step).item()),
                    data.budget_value.sel(budget_step=step).to_numpy(),
                    data.budget_std_dev.sel(budget_step=step).to_numpy(),
                )
                for step in data.budget_step.to_numpy()
            ]
        )

    def write(self, path: str | Path) -> None:
        """Write a ``seedmc-comparison`` file, whole or not at all.

        Parameters
        ----------
        path : path
            Final name; an existing file is replaced.
        """
        write_dataset(path, FILETYPE, FORMAT_VERSION, self.data)

    @staticmethod
    def read(path: str | Path) -> Comparison:
        """Read a ``seedmc-comparison`` file.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        Comparison
            In memory.

        Raises
        ------
        InvalidInput
            Not a complete comparison file of this major version.
        """
        return Comparison(read_dataset(path, FILETYPE, _MAJOR))


def compare(
    case: Case,
    monte_carlo: xr.Dataset,
    tg43: xr.Dataset,
    *,
    dose_rate_constant: DoseRateConstant | None = None,
) -> Comparison:
    """Judge a Monte Carlo dose and the TG-43 dose of the same case against each other.

    Parameters
    ----------
    case : Case
        What both doses were calculated for.
    monte_carlo : xr.Dataset
        ``dose``, ``dose_std_dev`` [Gy], ``tissue_fraction``, ``medium``, ``density`` and ``hu`` over
        (x, y, z) [cm]; ``group_dose`` (group, voxel) [Gy] at the flat indices ``group_voxel``; the attributes
        of a Monte Carlo result. ``group_histories`` (group) and the attribute ``dose_rate_constant``
        [cGy h⁻¹ U⁻¹] are used when present.
    tg43 : xr.Dataset
        ``dose`` [Gy] and ``tissue_fraction`` over the same (x, y, z); attributes ``source``,
        ``dose_rate_constant``, ``case_digest``, ``settings``.
    dose_rate_constant : DoseRateConstant, optional
        Λ of the Monte Carlo seed model. Default: that of the Monte Carlo result, else a published one for the
        model; if there is neither, the difference is not divided.

    Returns
    -------
    Comparison
        Doses, differences, histograms, indices and run facts.

    Raises
    ------
    InvalidInput
        The grids or case digests differ, the group doses do not add up to the dose, or the target lies outside
        the dose grid.

    Notes
    -----
    A voxel that a seed partly fills counts with its tissue part (TG-186, doi:10.1118/1.4747264), for both
    engines with the tissue fraction of the Monte Carlo geometry.
    """
    _refuse_other_cases(case, monte_carlo, tg43)
    _refuse_other_grids(monte_carlo, tg43)
    _refuse_inconsistent_groups(monte_carlo)
    constant = dose_rate_constant or _known_dose_rate_constant(case, monte_carlo)
    comparison = Comparison(comparison_dataset.build(case, monte_carlo, tg43, constant))
    _refuse_uncovered_target(comparison)
    return comparison


def _refuse_uncovered_target(comparison: Comparison) -> None:
    volume = float(comparison.data.structure_volume.sel(structure=comparison.target))
    if volume == 0:
        raise InvalidInput(
            f"volume of {comparison.target} on the dose grid is 0 cm3, expected more than 0 (it is the target of "
            f"the prescription). Calculate the doses on a grid that covers it."
        )


def _refuse_other_cases(case: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> None:
    digest = case.digest()
    for name, dose in (("Monte Carlo", monte_carlo), ("TG-43", tg43)):
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


def _grid(centres: NDArray[np.float64]) -> str:
    return f"{centres.size} voxels from {centres[0]:.4f} to {centres[-1]:.4f} cm"


def _refuse_inconsistent_groups(monte_carlo: xr.Dataset) -> None:
    """Guard the jackknife: groups must add up to the dose whose uncertainty they give."""
    if "group_dose" not in monte_carlo:
        return
    weights = group_weights(monte_carlo)
    groups = weights @ monte_carlo.group_dose.to_numpy() / weights.sum()
    total = monte_carlo.dose.to_numpy().ravel()[monte_carlo.group_voxel.to_numpy()]
    tissue = monte_carlo.tissue_fraction.to_numpy().ravel()[monte_carlo.group_voxel.to_numpy()] > 0
    ratio = float(groups[tissue].sum() / total[tissue].sum()) if total[tissue].sum() > 0 else 1.0
    # Unequal groups without group_histories change the sum by far less than 1 %; a wrong unit by far more.
    if abs(ratio - 1) > 0.01:
        raise InvalidInput(
            f"mean of the group doses is {ratio:.4f} of the dose, expected 1 within 0.01 (they are parts of "
            f"the same run). Merge the Monte Carlo parts again."
        )


def _known_dose_rate_constant(case: Case, monte_carlo: xr.Dataset) -> DoseRateConstant | None:
    if "dose_rate_constant" in monte_carlo.attrs:
        source = str(
            monte_carlo.attrs.get("dose_rate_constant_source", "the Monte Carlo result's own seed model")
        )
        std_dev = float(monte_carlo.attrs.get("dose_rate_constant_std_dev", 0.0))
        return DoseRateConstant(float(monte_carlo.attrs["dose_rate_constant"]), source, std_dev)
    return MONTE_CARLO_DOSE_RATE_CONSTANTS.get(case.implant.model)


def _settings(text: object) -> dict[str, object]:
    """Give settings as a mapping, whether a file holds JSON or a plain sentence."""
    try:
        found = json.loads(str(text))
    except json.JSONDecodeError:
        found = {"settings": str(text)}
    return dict(found) if isinstance(found, Mapping) else {"settings": found}
