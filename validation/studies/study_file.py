"""Files of a study: parts with some of its members, and their exact union."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from mcsim.invalid_input import InvalidInput
from validation.studies.dataset_file import put, read_dataset, write_dataset
from validation.studies.study_settings import StudySettings
from validation.studies.study_voxels import DEFINITIONS, STUDIED, UNITS

FILETYPE, FORMAT_VERSION = "seedmc-study", "1.0"
ENGINES = ("tg43", "monte_carlo", "sobol", "alternatives")
# Variables with times: they differ from run to run and are not compared.
COSTS = tuple(f"{engine}_cost" for engine in ENGINES)
# What the part with TG-43 member 0, and that with Monte Carlo member 0, have besides.
_OF_FIRST_MEMBER = (
    "day", "course_value", "monte_carlo_course_value", "monte_carlo_course_std_dev", "map_scenario", "map_x", "map_y",
    "map_target", "map_dose", "monte_carlo_map_dose", "monte_carlo_map_noise",
)  # fmt: skip
MEMBER_OF = {engine: f"{engine}_member" for engine in ENGINES}


@dataclass(frozen=True)
class Study:
    """Members of a study, some or all.

    Attributes
    ----------
    settings : StudySettings
        What decided them.
    data : xarray.Dataset
        See docs/file_formats/study.md.
    """

    settings: StudySettings
    data: xr.Dataset

    def members(self, engine: str) -> tuple[int, ...]:
        """Members that an engine has done, ascending."""
        name = MEMBER_OF[engine]
        return tuple(self.data[name].values.tolist()) if name in self.data.coords else ()

    def content_digest(self) -> str:
        """SHA-256 (hex) of everything but times: equal for equal numbers however they were split."""
        digest = hashlib.sha256(self.settings.digest().encode())
        for name in sorted(str(n) for n in self.data.variables if n not in COSTS):
            values = self.data[name].to_numpy()
            digest.update(name.encode())
            digest.update(
                "\0".join(values.ravel().tolist()).encode()
                if values.dtype.kind in "OU"
                else np.ascontiguousarray(values).tobytes()
            )
        return digest.hexdigest()

    def write(self, path: str | Path) -> None:
        """Write the file (``seedmc-study``), whole or not at all."""
        data = self.data.copy()
        data.attrs = {
            "case_digest": self.settings.case_digest,
            "settings_digest": self.settings.digest(),
            "settings": json.dumps(self.settings.record(), sort_keys=True, ensure_ascii=False),
            "study_seed": self.settings.study_seed,
            "members": json.dumps({e: ranges_of(self.members(e)) for e in ENGINES if self.members(e)}),
            "run_seeds": _run_seeds(self),
            "content_digest": self.content_digest(),
        }
        write_dataset(path, FILETYPE, FORMAT_VERSION, data)

    @staticmethod
    def read(path: str | Path) -> Study:
        """Read a file of a study.

        Raises
        ------
        InvalidInput
            Not a complete one of this major version, or its content was changed.
        """
        data = read_dataset(path, FILETYPE, 1)
        settings = StudySettings.from_record(json.loads(data.attrs["settings"]))
        study = Study(settings, data)
        for name, found in (
            ("settings_digest", settings.digest()),
            ("content_digest", study.content_digest()),
        ):
            if found != data.attrs[name]:
                raise InvalidInput(
                    f"{name} of {path} is {found[:16]}, expected {str(data.attrs[name])[:16]} as written (its content "
                    f"was changed, or another version made it). Make the file again."
                )
        return study


def _run_seeds(study: Study) -> str:
    """Streams used: the run seeds of the Monte Carlo members, in words."""
    members = study.members("monte_carlo")
    if not members:
        return "none"
    seeds = sorted({study.settings.run_seed_of(m) for m in members})
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}, one for each member"


def ranges_of(members: Sequence[int]) -> list[list[int]]:
    """Ascending members as ranges [first, stop).

    Examples
    --------
    >>> ranges_of([0, 1, 2, 5])
    [[0, 3], [5, 6]]
    """
    ranges: list[list[int]] = []
    for member in members:
        if ranges and ranges[-1][1] == member:
            ranges[-1][1] += 1
        else:
            ranges.append([member, member + 1])
    return ranges


def empty_dataset(settings: StudySettings, structures: Sequence[str], roles: Sequence[str]) -> xr.Dataset:
    """A data set with the coordinates that all parts have in common."""
    data = xr.Dataset()
    names = [scenario.name for scenario in settings.scenarios]
    put(data, "scenario", ("scenario",), names, units="1", description="what is varied")
    put(data, "structure", ("structure",), list(structures), units="1", description="target first")
    put(data, "index", ("index",), list(STUDIED), units="1", description="dose-volume index")
    for name, values, unit, text in (
        ("sigma", [s.sigma_mm for s in settings.scenarios], "mm", "standard deviation along x, y and z"),
        ("edema", [s.edema for s in settings.scenarios], "1", "relative swelling at implantation"),
        ("shrinkage", [s.shrinkage_per_d for s in settings.scenarios], "1/d", "rate of shrinkage"),
    ):
        put(data, name, ("scenario",), values, units=unit, description=text)
    put(
        data,
        "structure_role",
        ("structure",),
        list(roles),
        units="1",
        description="what the structure is for",
    )
    put(data, "index_unit", ("index",), list(UNITS), units="1", description="unit of the index")
    put(data, "index_definition", ("index",), list(DEFINITIONS), units="1", description="what the index is")
    return data


def merge_studies(studies: Sequence[Study]) -> Study:
    """Union of parts.

    Parameters
    ----------
    studies : sequence of Study
        Parts of one study, of any engines, in any order.

    Returns
    -------
    Study

    Raises
    ------
    InvalidInput
        None, other settings or another case, a member twice, or one missing.
    """
    if not studies:
        raise InvalidInput("number of parts to merge is 0, expected at least 1. Give the files of the parts.")
    first = studies[0]
    for k, other in enumerate(studies[1:], start=1):
        for what, mine, its in (
            ("case digest", first.settings.case_digest, other.settings.case_digest),
            ("settings digest", first.settings.digest(), other.settings.digest()),
        ):
            if mine != its:
                raise InvalidInput(
                    f"{what} of part {k + 1} is {its[:16]}, expected {mine[:16]} as in part 1 (only parts of one study "
                    f"add up). Merge parts made from the same settings."
                )
    structures, roles = first.data.structure.values.tolist(), first.data.structure_role.values.tolist()
    merged = empty_dataset(first.settings, structures, roles)
    for engine in ENGINES:
        dim = MEMBER_OF[engine]
        having = [s.data for s in studies if dim in s.data.coords]
        if not having:
            continue
        order = sorted(having, key=lambda d: int(d[dim].values[0]))
        members = np.concatenate([d[dim].values for d in order])
        _refuse_gaps(engine, members)
        joined = xr.concat(
            [d[[str(n) for n in d.data_vars if dim in d[n].dims]] for d in order], dim=dim, join="exact",
            combine_attrs="override", coords="minimal", compat="override",
        )  # fmt: skip
        joined = joined.sortby(dim)
        for name in joined.variables:
            if name not in merged.variables:
                merged[name] = joined[name]
    for name in _OF_FIRST_MEMBER:
        for data in (s.data for s in studies if name in s.data.variables):
            merged[name] = data[name]
            break
    return Study(first.settings, merged)


def _refuse_gaps(engine: str, members: np.ndarray) -> None:
    found, count = np.unique(members, return_counts=True)
    twice = found[count > 1]
    if len(twice):
        raise InvalidInput(
            f"{engine} member {twice[0]} is present {count.max()} times, expected once ({len(twice)} member(s) are; a "
            f"member counted twice is not independent). Leave one of the files out."
        )
    missing = np.setdiff1d(np.arange(found[-1] + 1), found)
    if len(missing):
        raise InvalidInput(
            f"{engine} member {missing[0]} is missing, expected all from 0 to {found[-1]} ({len(missing)} member(s) "
            f"are). Add the file that has it."
        )


def merge_files(paths: Sequence[Path], out: Path) -> Study:
    """Merge files of a study into one; see `merge_studies`."""
    merged = merge_studies([Study.read(path) for path in paths])
    merged.write(out)
    return merged
