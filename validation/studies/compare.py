"""Comparison of doses of the same case: Monte Carlo, TG-43, one from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from mcsim.invalid_input import InvalidInput
from validation.case import Case
from validation.case.imported_dose import ImportedDose
from validation.evaluate.difference import (
    MONTE_CARLO_DOSE_RATE_CONSTANTS,
    Budget,
    BudgetStep,
    DoseRateConstant,
    difference_budget,
)
from validation.studies import comparison_dataset
from validation.studies.comparison_doses import compared_doses
from validation.studies.comparison_judgement import relative_unit
from validation.studies.comparison_structure import LEAST_COVERED, group_weights
from validation.studies.comparison_voxels import label_of
from validation.studies.dataset_file import read_dataset, write_dataset

FILETYPE = "seedmc-comparison"
FORMAT_VERSION = "1.2"
_MAJOR = 1


@dataclass(frozen=True, eq=False)
class Comparison:
    """Doses of the same case, judged.

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
    def engines(self) -> tuple[str, ...]:
        """What calculated the doses: the judged one, the one it is judged against, then any other."""
        return tuple(str(engine) for engine in self.data.engine.to_numpy())

    def label(self, engine: str) -> str:
        """Name of a dose in text, for example "Monte Carlo"."""
        return label_of(engine, self.data)

    @property
    def relative_unit(self) -> str:
        """Unit of a difference in % of the dose that is judged against, a value of ``difference_unit``."""
        return relative_unit(self.label(self.engines[1]))

    @property
    def difference_percent(self) -> xr.DataArray:
        """Difference in every voxel in that unit, (x, y, z)."""
        return self.data[f"difference_percent_{self.engines[1]}"]

    @property
    def monte_carlo_settings(self) -> dict[str, object]:
        """Settings of the Monte Carlo run; empty without one."""
        return _settings(self.data.attrs.get("monte_carlo_settings", "{}"))

    @property
    def tg43_settings(self) -> dict[str, object]:
        """Settings of the TG-43 calculation; empty without one."""
        return _settings(self.data.attrs.get("tg43_settings", "{}"))

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
    monte_carlo: xr.Dataset | None = None,
    tg43: xr.Dataset | None = None,
    imported: ImportedDose | None = None,
    *,
    dose_rate_constant: DoseRateConstant | None = None,
    gamma: bool = True,
) -> Comparison:
    """Judge doses of the same case against each other: Monte Carlo, TG-43, one from elsewhere; two of them or all.

    Monte Carlo is judged against TG-43; a dose from elsewhere stands beside them, or takes the place of the one that is
    left out.

    Parameters
    ----------
    case : Case
        What the doses were calculated for.
    monte_carlo : xr.Dataset, optional
        ``dose``, ``dose_std_dev`` [Gy], ``tissue_fraction``, ``medium``, ``density`` and ``hu`` over
        (x, y, z) [cm]; ``group_dose`` (group, voxel) [Gy] at the flat indices ``group_voxel``; the attributes
        of a Monte Carlo result. ``group_histories`` (group) and the attribute ``dose_rate_constant``
        [cGy h⁻¹ U⁻¹] are used when present.
    tg43 : xr.Dataset, optional
        ``dose`` [Gy] and ``tissue_fraction`` over the same (x, y, z); attributes ``source``,
        ``dose_rate_constant``, ``case_digest``, ``settings``.
    imported : ImportedDose, optional
        A dose to full decay [Gy] of another program, on any grid of the patient frame.
    dose_rate_constant : DoseRateConstant, optional
        Λ of the Monte Carlo seed model. Default: that of the Monte Carlo result, else a published one for the
        model; if there is neither, the difference is not divided.
    gamma : bool
        Find the gamma index of every pair of doses, which takes most of the time.

    Returns
    -------
    Comparison
        Doses, differences, histograms, indices and run facts.

    Raises
    ------
    InvalidInput
        Fewer than two doses, the grids or case digests differ, the group doses do not add up to the dose, the imported
        dose is in another frame of reference or does not cover the target, or the target lies outside the dose grid.

    Notes
    -----
    A voxel that a seed partly fills counts with its tissue part (TG-186, doi:10.1118/1.4747264), for every
    dose with the tissue fraction of the Monte Carlo geometry.
    """
    doses = compared_doses(case, monte_carlo, tg43, imported)
    if monte_carlo is not None:
        _refuse_inconsistent_groups(monte_carlo)
    constant = None
    if monte_carlo is not None and tg43 is not None:
        constant = dose_rate_constant or _known_dose_rate_constant(case, monte_carlo)
    comparison = Comparison(comparison_dataset.build(case, doses, constant, gamma))
    _refuse_uncovered_target(comparison)
    return comparison


def _refuse_uncovered_target(comparison: Comparison) -> None:
    target = comparison.data.sel(structure=comparison.target)
    if float(target.structure_volume) == 0:
        raise InvalidInput(
            f"volume of {comparison.target} on the dose grid is 0 cm3, expected more than 0 (it is the target of "
            f"the prescription). Calculate the doses on a grid that covers it."
        )
    if "imported_covered" in target and float(target.imported_covered) < LEAST_COVERED:
        raise InvalidInput(
            f"part of {comparison.target} that the {comparison.data.attrs['imported_origin']} covers is "
            f"{float(target.imported_covered):.1f} %, expected at least {LEAST_COVERED:g} % (it is the target of the "
            f"prescription). Export the dose on a grid that covers it."
        )


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
