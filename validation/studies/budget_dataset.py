"""A difference budget as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.result import Result
from tg43 import SourceData
from validation.case import Case
from validation.evaluate.indices import INDICES
from validation.studies.budget_judgement import BUDGET_INDICES
from validation.studies.budget_shares import Shares, StepValues
from validation.studies.budget_steps import MONTE_CARLO, ChainStep
from validation.studies.compare import Comparison
from validation.studies.dataset_file import put, read_dataset, write_dataset

FILETYPE, FORMAT_VERSION = "seedmc-budget", "1.0"
#: Name that `seedmc budget` gives the file, beside the comparison of `seedmc run`.
BUDGET_FILE = "budget.h5"
# What a budget and the comparison it explains have in common.
_SAME = ("case_digest", "settings_digest", "histories", "tg43_source", "tg43_dose_rate_constant")


@dataclass(frozen=True, eq=False)
class CaseBudget:
    """How the difference between TG-43 and Monte Carlo divides into shares, for every structure.

    Parameters
    ----------
    data : xr.Dataset
        As docs/file_formats/budget.md lays it out.

    Examples
    --------
    Read one and look at the target::

        budget = CaseBudget.read("budget.h5")
        budget.data.share_value.sel(structure="PTV", index="D90")
    """

    data: xr.Dataset

    def gains(self, structure: str, index: str) -> NDArray[np.float64]:
        """What common random numbers gain: variance of the shares with independent photons over that with common ones.

        Parameters
        ----------
        structure, index : str
            Whose shares.

        Returns
        -------
        ndarray
            One for each share between two simulations.
        """
        at = self.data.sel(structure=structure, index=index)
        independent, common = (
            at[f"share_{kind}_std_dev"].to_numpy() for kind in ("independent", "statistical")
        )
        engines = self.data.step_engine.to_numpy()
        both = (engines[1:] == MONTE_CARLO) & (engines[:-1] == MONTE_CARLO) & (common > 0)
        return np.asarray((independent[both] / common[both]) ** 2)

    def is_of(self, comparison: Mapping[str, object]) -> bool:
        """Whether it leads from the TG-43 dose to the Monte Carlo dose of a comparison with these attributes."""
        own = self.data.attrs
        return all(str(own[key]) == str(comparison.get(key, "missing")) for key in _SAME)

    def write(self, path: str | Path) -> None:
        """Write a ``seedmc-budget`` file, whole or not at all."""
        write_dataset(path, FILETYPE, FORMAT_VERSION, self.data)

    @staticmethod
    def read(path: str | Path) -> CaseBudget:
        """Read a ``seedmc-budget`` file; `InvalidInput` if it is not a complete one."""
        return CaseBudget(read_dataset(path, FILETYPE, 1))


def budget_dataset(
    case: Case,
    steps: Sequence[ChainStep],
    judged: Sequence[Sequence[StepValues]],
    found: Sequence[Shares],
    patient: Result,
    tables: tuple[SourceData, SourceData | None],
    digests: Mapping[str, str],
) -> CaseBudget:
    """Put a budget together.

    Parameters
    ----------
    case : Case
        The case.
    steps : sequence of ChainStep
        The chain.
    judged : sequence over structures of sequence over steps of StepValues
        Values of `BUDGET_INDICES`.
    found : sequence of Shares
        One per structure.
    patient : Result
        The Monte Carlo dose that the chain ends with.
    tables : tuple
        TG-43 table that it begins with, and the simulated one if there is one.
    digests : mapping of str to str
        Settings digests of the simulations.

    Returns
    -------
    CaseBudget
    """
    own, simulated = tables
    attributes: dict[str, object] = {
        "case_name": case.name,
        "case_digest": case.digest(),
        "prescription_dose_gy": case.prescription.dose_gy,
        "prescription_target": case.prescription.target,
        "settings_digest": patient.settings_digest,
        "settings_digests": json.dumps(dict(digests), sort_keys=True),
        "histories": patient.histories,
        "batches": patient.batch_count,
        "variance_reduction": str(patient.settings["variance_reduction"]),
        "tg43_source": own.name,
        "tg43_dose_rate_constant": own.dose_rate_constant,
    }
    if simulated is not None:
        attributes["simulated_source"] = simulated.name
        attributes["simulated_dose_rate_constant"] = simulated.dose_rate_constant
    data = xr.Dataset(attrs=attributes)
    units = {index.name: index.unit for index in INDICES}
    texts = (
        ("budget_step", [step.name for step in steps], "what changed since the step before"),
        ("share", [step.name for step in steps[1:]], "step that a share belongs to"),
        ("structure", [str(name) for name in case.structures], "name of the structure"),
        ("index", list(BUDGET_INDICES), "name of the dose-volume index"),
    )
    for name, values, description in texts:
        put(data, name, (name,), _text(values), units="1", description=description)
    for name, dim, values, description in (
        ("step_description", "budget_step", [step.description for step in steps], "the step in one sentence"),
        (
            "step_engine",
            "budget_step",
            [step.engine for step in steps],
            "what calculated the dose of the step",
        ),
        ("index_unit", "index", [units[name] for name in BUDGET_INDICES], "unit of the index"),
    ):
        put(data, name, (dim,), _text(values), units="1", description=description)
    of_step, of_share = ("budget_step", "structure", "index"), ("share", "structure", "index")
    arrays: tuple[tuple[str, tuple[str, ...], NDArray[np.float64], str], ...] = (
        (
            "step_value",
            of_step,
            np.array([[of[k].values for of in judged] for k in range(len(steps))]),
            "value of the index at the step",
        ),
        ("step_std_dev", of_step, _stack(found, "step_std_dev"), "standard uncertainty of step_value"),
        (
            "share_value",
            of_share,
            _stack(found, "values"),
            "change of the index by the step; they sum to total_value",
        ),
        (
            "share_std_dev",
            of_share,
            _stack(found, "std_dev"),
            "standard uncertainty of share_value, all origins",
        ),
        (
            "share_statistical_std_dev",
            of_share,
            _stack(found, "statistical"),
            "part of share_std_dev from simulated histories, common random numbers counted",
        ),
        (
            "share_independent_std_dev",
            of_share,
            _stack(found, "independent"),
            "what share_statistical_std_dev would be with independent histories",
        ),
        ("total_value", of_share[1:], np.array([s.total for s in found]), "last step minus first"),
        (
            "total_std_dev",
            of_share[1:],
            np.array([s.total_std_dev for s in found]),
            "its standard uncertainty",
        ),
    )
    for name, dims, array, description in arrays:
        put(data, name, dims, array, units="see index_unit", description=description)
    return CaseBudget(data)


def _text(values: Sequence[str]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)


def _stack(found: Sequence[Shares], name: str) -> NDArray[np.float64]:
    """(steps, structure, index) from one array (steps, index) per structure."""
    return np.stack([getattr(shares, name) for shares in found], axis=1)


def budget_beside(
    comparison: Comparison, path: Path, given: Path | None = None
) -> tuple[CaseBudget | None, str]:
    """Find the budget that belongs to a comparison.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    path : path
        Its file; ``budget.h5`` beside it is looked at.
    given : path, optional
        The budget's file; it has to fit.

    Returns
    -------
    CaseBudget or None
        None where there is none, or the one beside it is of another run.
    str
        What to tell about that; empty if nothing.

    Raises
    ------
    InvalidInput
        The given file is no budget, or that of another run.
    """
    file = given or path.with_name(BUDGET_FILE)
    if given is None and not file.is_file():
        return None, ""
    budget = CaseBudget.read(file)
    attributes = comparison.data.attrs
    if budget.is_of({str(k): v for k, v in attributes.items()}):
        return budget, ""
    what = (
        f"run of {file} is {_run(budget.data.attrs)}, expected {_run(attributes)} of the comparison (a budget "
        f"ends with the dose that is compared)."
    )
    if given is not None:
        raise InvalidInput(f"{what} Run seedmc budget for this dose.")
    return None, f"{what} It is not shown; run seedmc budget for this dose"


def _run(attributes: Mapping[str, object]) -> str:
    settings, table = (str(attributes.get(key, "none"))[:12] for key in ("settings_digest", "tg43_source"))
    return f"{settings} with {attributes.get('histories', 0)} histories and table {table}"
