"""An in-silico cohort from the files of its lesions: tables for the statistics, and what made the differences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from mcsim.invalid_input import InvalidInput
from validation.studies.cohort_csv import number_cell, write_rows
from validation.studies.cohort_dosimetry import CohortDosimetry, DosimetryRow, cohort_dosimetry
from validation.studies.cohort_indices import ENGINES
from validation.studies.cohort_intervals import Description, describe
from validation.studies.cohort_lesion import read_lesion
from validation.studies.cohort_protocol import CohortProtocol
from validation.studies.cohort_published import PUBLISHED
from validation.studies.cohort_table import read_cohort_table

FloatArray = NDArray[np.float64]
LABELS = {"tg43": "TG-43", "monte_carlo": "Monte Carlo"}
#: Index as in the lesion files, heading in the tables, unit in the heading.
COLUMNS = (
    ("D90", "D90", "Gy"),
    ("D100", "D100", "Gy"),
    ("V100", "V100", "%"),
    ("V150", "V150", "%"),
    ("DHI", "HI", ""),
)
_TIMES = (("plan", "before"), ("verification", "after"))


@dataclass(frozen=True, eq=False)
class InSilicoCohort:
    """The lesions of a cohort, joined.

    Parameters
    ----------
    protocol : CohortProtocol
        What all of them assume.
    data : xarray.Dataset
        Variables of the lesion files with a dimension ``lesion``, which are numbers; what their attributes say of
        each lesion as further variables.
    """

    protocol: CohortProtocol
    data: xr.Dataset

    def values(self, index: str, state: str, engine: str, structure: str = "") -> FloatArray:
        """An index of every lesion in its unit, shape (lesions,); of the planned target by default."""
        chosen = self.data.index_value.sel(
            index=index, state=state, engine=engine, structure=structure or self.protocol.target
        )
        return np.asarray(chosen.to_numpy(), np.float64)

    def variant(self, index: str, name: str) -> FloatArray:
        """An index of the planned target by TG-43 under a variant's assumptions, shape (lesions,)."""
        chosen = self.data.variant_value.sel(index=index, variant=name, structure=self.protocol.target)
        return np.asarray(chosen.to_numpy(), np.float64)

    def step(self, index: str, state: str, name: str) -> FloatArray:
        """Change of an index of the planned target by one step from TG-43 to Monte Carlo, shape (lesions,)."""
        terms = self.data.budget_value.sel(
            index=index, state=state, structure=self.protocol.target
        ).transpose("lesion", "budget_step")
        k = list(self.data.budget_step.to_numpy()).index(name)
        return np.asarray(np.diff(terms.to_numpy(), axis=1)[:, k - 1], np.float64)

    def share_of(self, medium: str, state: str) -> FloatArray:
        """Part of the planned target that a medium fills, %, shape (lesions,)."""
        known = [str(m) for m in self.data.medium_name.to_numpy()]
        if medium not in known:
            return np.zeros(self.data.sizes["lesion"])
        chosen = self.data.structure_medium.sel(
            medium_name=medium, state=state, structure=self.protocol.target
        )
        return np.asarray(chosen.to_numpy(), np.float64)

    @property
    def prescriptions(self) -> FloatArray:
        """Gy, shape (lesions,)."""
        return np.asarray(self.data.prescription_dose_gy.to_numpy(), np.float64)

    @property
    def rungs(self) -> dict[str, int]:
        """How many lesions were planned at each step of what was given up."""
        return {name: int((self.data.planned_by == name).sum()) for name in self._seen("planned_by")}

    def _seen(self, name: str) -> list[str]:
        return list(dict.fromkeys(str(v) for v in self.data[name].to_numpy()))


_OF_A_LESION = (
    "gtv_volume_cm3", "site", "prescription_dose_gy", "strength_drawn_mbq", "strength_mbq", "planned_by", "needles",
    "edema", "edema_half_life_d", "volume_ratio_at_verification", "seeds_added", "plan_case_digest",
    "verification_case_digest",
    "plan_cpu_time_s", "verification_cpu_time_s",
)  # fmt: skip


def collect_lesions(paths: Sequence[str | Path]) -> InSilicoCohort:
    """Join the files of lesions.

    Parameters
    ----------
    paths : sequence of path
        Files of `seedmc cohort lesion`, in any order.

    Returns
    -------
    InSilicoCohort
        Ordered by number.

    Raises
    ------
    InvalidInput
        A file is no lesion, fewer than three are given, two are of one lesion, or their protocols or versions differ.
    """
    found = sorted(((read_lesion(p), Path(p)) for p in paths), key=lambda one: int(one[0].attrs["number"]))
    if len(found) < 3:
        raise InvalidInput(
            f"number of lesions is {len(found)}, expected at least 3 (below there is no test). Give more files."
        )
    first, first_path = found[0]
    for (before, _), (data, path) in pairwise(found):
        for name in ("protocol_digest", "created_by"):
            if data.attrs[name] != first.attrs[name]:
                raise InvalidInput(
                    f"{name.replace('_', ' ')} of {path} is {str(data.attrs[name])[:24]}, expected "
                    f"{str(first.attrs[name])[:24]} as of {first_path} (one cohort has one protocol and one program). "
                    f"Compute the lesions alike."
                )
        if data.attrs["number"] == before.attrs["number"]:
            raise InvalidInput(
                f"lesion {data.attrs['number']} is given twice, expected every lesion once ({path}). Leave one out."
            )
    numbers = xr.Variable(("lesion",), [int(d.attrs["number"]) for d, _ in found], {"units": "1"})
    joined = xr.concat(
        [d.drop_attrs(deep=False) for d, _ in found],
        dim="lesion", data_vars="all", coords="minimal", compat="override", join="outer", fill_value=0.0,
    )  # fmt: skip
    joined = joined.assign_coords(lesion=numbers)
    for name in _OF_A_LESION:
        joined[name] = ("lesion", np.array([d.attrs[name] for d, _ in found]))
    joined.attrs = {
        name: first.attrs[name] for name in ("protocol_digest", "created_by", "plan_tg43_settings")
    }
    return InSilicoCohort(CohortProtocol.from_record(json.loads(str(first.attrs["protocol"]))), joined)


def write_tables(cohort: InSilicoCohort, folder: Path) -> list[Path]:
    """Write the cohort as `seedmc cohort dosimetry` reads it, one table for either engine.

    Parameters
    ----------
    cohort : InSilicoCohort
        The cohort.
    folder : path
        Gets ``lesions_tg43.csv`` and ``lesions_monte_carlo.csv``.

    Returns
    -------
    list of path
        In the order of `ENGINES`.
    """
    return [write_rows(folder / f"lesions_{engine}.csv", _rows(cohort, engine)) for engine in ENGINES]


def _rows(cohort: InSilicoCohort, engine: str) -> list[list[object]]:
    data, target = cohort.data, cohort.protocol.target
    columns: list[tuple[str, Sequence[object]]] = [
        ("lesion", data.lesion.to_numpy().tolist()),
        ("site", data.site.to_numpy().tolist()),
        ("planned_by", data.planned_by.to_numpy().tolist()),
        ("prescription_Gy", _cells(cohort.prescriptions)),
        ("activity_MBq", _cells(data.strength_mbq.to_numpy())),
    ]
    for structure in (str(s) for s in data.structure.to_numpy()):
        prefix = "" if structure == target else f"{structure}_"
        for index, heading, unit in COLUMNS:
            for state, time in _TIMES:
                name = f"{prefix}{heading}_{time}" + (f"_{unit}" if unit else "")
                columns.append((name, _cells(cohort.values(index, state, engine, structure))))
    for state, time in _TIMES:
        columns.append((f"seeds_{time}", data.seeds.sel(state=state).to_numpy().tolist()))
        for structure in (str(s) for s in data.structure.to_numpy()):
            volume = data.structure_volume.sel(state=state, structure=structure).to_numpy()
            columns.append((f"{structure}_volume_{time}_cm3", _cells(volume)))
    heads, cells = zip(*columns, strict=True)
    return [list(heads), *(list(row) for row in zip(*cells, strict=True))]


def _cells(values: FloatArray) -> list[str]:
    return [number_cell(float(v)) for v in values]


def cohort_statistics(tables: Sequence[Path]) -> dict[str, CohortDosimetry]:
    """The paper's statistics on the tables of `write_tables`, by engine."""
    return {e: cohort_dosimetry(read_cohort_table(t)) for e, t in zip(ENGINES, tables, strict=True)}


def row_of(result: CohortDosimetry, name: str) -> DosimetryRow:
    """One quantity of a dosimetry table."""
    return next(row for row in result.rows if row.name == name)


@dataclass(frozen=True)
class Association:
    """Rank correlation of two quantities over the lesions (Spearman 1904, doi:10.2307/1412159)."""

    rho: float
    p: float


def fat_and_engines(cohort: InSilicoCohort, state: str = "plan") -> Association:
    """Whether D90 by Monte Carlo over that by TG-43 goes with the fat in the target."""
    ratio = cohort.values("D90", state, "monte_carlo") / cohort.values("D90", state, "tg43")
    fat = cohort.share_of("adipose", state)
    if np.ptp(fat) == 0 or np.ptp(ratio) == 0:
        return Association(float("nan"), float("nan"))
    found = stats.spearmanr(fat, ratio)
    return Association(float(found.statistic), float(found.pvalue))


def relative_to_plan(cohort: InSilicoCohort, index: str) -> dict[str, Description]:
    """Change of an index from the plan by TG-43, in its unit, for the verification and every variant of it."""
    plan = cohort.values(index, "plan", "tg43")
    told = {"verification": describe(cohort.values(index, "verification", "tg43") - plan)}
    for name in ("placement only", "edema only", "other placement"):
        told[name] = describe(cohort.variant(index, name) - plan)
    return told


def write_comparison(statistics: dict[str, CohortDosimetry], path: Path) -> Path:
    """Write published and computed means and standard deviations side by side as CSV, unrounded."""
    rows: list[list[object]] = [["index", "unit", "time", "published_mean", "published_sd"]]
    rows[0] += [f"{e}_{what}" for e in ENGINES for what in ("n", "mean", "sd", "median", "p25", "p75", "p")]
    for one in PUBLISHED:
        for time, mean, sd in (("before", one.before, one.before_sd), ("after", one.after, one.after_sd)):
            row: list[object] = [one.name, one.unit, time, number_cell(mean), number_cell(sd)]
            for engine in ENGINES:
                c = row_of(statistics[engine], one.name).comparison
                d: Description = getattr(c, time)
                row += [d.n, *(number_cell(v) for v in (d.mean, d.std_dev, d.median, d.p25, d.p75, c.p))]
            rows.append(row)
    return write_rows(path, rows)
