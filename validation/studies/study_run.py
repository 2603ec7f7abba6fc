"""A whole study on one machine: settings, members in parts, their union; it goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mcsim.invalid_input import InvalidInput
from tg43 import SourceData
from validation.case import Case
from validation.case.whole_file import whole_file
from validation.studies.study_allocation import allocate
from validation.studies.study_control import FEWEST_PAIRS, controlled_mean
from validation.studies.study_file import Study, merge_studies
from validation.studies.study_members import StudyJobs
from validation.studies.study_settings import StudySettings

SETTINGS_FILE, STUDY_FILE, ALLOCATION_FILE, PARTS_FOLDER = (
    "settings.json", "study.h5", "allocation.json", "members",
)  # fmt: skip
# Members of a part: what an interruption can cost.
AT_ONCE = {"tg43": 100, "sobol": 32, "monte_carlo": 1, "alternatives": 4}
PILOT = {"tg43": 100, "monte_carlo": 10}


@dataclass(frozen=True)
class Size:
    """How many members.

    Attributes
    ----------
    members, monte_carlo : int
        By TG-43, and by Monte Carlo (the first of them; 0 for none).
    cpu_budget : float
        CPU seconds shared best among both after a pilot, instead of these numbers; 0 for the numbers.
    sobol : int
        Base samples, a power of 2; 0 for none.
    """

    members: int = 1000
    monte_carlo: int = 12
    cpu_budget: float = 0.0
    sobol: int = 256

    def __post_init__(self) -> None:
        if self.members < 2 or not 0 <= self.monte_carlo <= self.members:
            raise InvalidInput(
                f"members are {self.members} by TG-43 and {self.monte_carlo} by Monte Carlo, expected at least 2, and "
                f"no more by Monte Carlo than by TG-43 (these are the first of them). Correct the numbers."
            )
        if self.sobol and (self.sobol < 16 or self.sobol & (self.sobol - 1)):
            raise InvalidInput(
                f"sobol is {self.sobol}, expected 0 or a power of 2 from 16 on (a balanced design). Use 256."
            )
        if self.cpu_budget < 0.0:
            raise InvalidInput(f"cpu_budget is {self.cpu_budget:g} s, expected 0 s or more. Correct it.")


def run_study(
    case: Case,
    settings: StudySettings,
    folder: str | Path,
    size: Size,
    source: SourceData | None = None,
    threads: int = 1,
    say: Callable[[str], None] = lambda line: None,
    step: Callable[[str, float, str], None] = lambda what, share, facts: None,
    on_phase_space: Callable[[float], None] | None = None,
) -> Study:
    """Compute a study, or what of it is missing.

    Parameters
    ----------
    case : Case
        Reference geometry.
    settings : StudySettings
        Made for it.
    folder : path
        For ``settings.json``, the members and ``study.h5``.
    size : Size
        Numbers of members.
    source : SourceData, optional
        TG-43 table; the packaged one by default.
    threads : int
        Threads; nothing depends on their number.
    say, step, on_phase_space : callable, optional
        Told what is done.

    Returns
    -------
    Study

    Raises
    ------
    InvalidInput
        The folder has another study.
    """
    folder = Path(folder)
    path = folder / SETTINGS_FILE
    if path.exists():
        found = StudySettings.read(path)
        if found.digest() != settings.digest():
            raise InvalidInput(
                f"settings digest in {path} is {found.digest()[:16]}, expected {settings.digest()[:16]} (the folder "
                f"has a study with other settings: {_differences(found, settings)}). Give another folder."
            )
    else:
        settings.write(path)
    jobs = StudyJobs(case, settings, source, threads, on_phase_space)
    todo = _Todo(jobs, folder / PARTS_FOLDER, say, step)
    tg43, monte_carlo = size.members, size.monte_carlo
    if size.cpu_budget:
        tg43, monte_carlo = _allocated(todo, folder, size, say)
    parts = todo.done("monte_carlo", monte_carlo) + todo.done("tg43", tg43)
    if size.sobol:
        parts += todo.done("sobol", size.sobol)
    if settings.alternatives and monte_carlo:
        parts += todo.done("alternatives", monte_carlo)
    study = merge_studies(parts)
    study.write(folder / STUDY_FILE)
    return study


def _differences(a: StudySettings, b: StudySettings) -> str:
    mine, its = a.record(), b.record()
    names = [name for name in mine if json.dumps(mine[name]) != json.dumps(its[name])]
    return ", ".join(names)


class _Todo:
    """Members in parts, each a file; those that are there are read."""

    def __init__(
        self,
        jobs: StudyJobs,
        folder: Path,
        say: Callable[[str], None],
        step: Callable[[str, float, str], None],
    ) -> None:
        self._jobs, self._folder, self._say, self._step = jobs, folder, say, step

    def done(self, engine: str, count: int) -> list[Study]:
        """Parts with members 0 … count − 1."""
        size, parts = AT_ONCE[engine], []
        for first in range(0, count, size):
            stop = min(first + size, count)
            parts.append(self._part(engine, first, stop))
            self._step(engine.replace("_", " "), stop / count, f"{stop} of {count} members")
        if count:
            self._say(f"{engine.replace('_', ' ')}: {count} members")
        return parts

    def _part(self, engine: str, first: int, stop: int) -> Study:
        path = self._folder / f"{engine}_{first:06d}_{stop:06d}.h5"
        if path.exists():
            study = Study.read(path)
            if study.settings.digest() == self._jobs.settings.digest():
                return study
        study = self._jobs.run(engine, first, stop)
        study.write(path)
        return study


def _allocated(todo: _Todo, folder: Path, size: Size, say: Callable[[str], None]) -> tuple[int, int]:
    """Numbers of members for the budget, found once and kept: costs differ from run to run."""
    path = folder / ALLOCATION_FILE
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.get("cpu_budget_s") == size.cpu_budget:
            return int(kept["tg43"]), int(kept["monte_carlo"])
    pilot = merge_studies(todo.done("monte_carlo", PILOT["monte_carlo"]) + todo.done("tg43", PILOT["tg43"]))
    data = pilot.data
    correlations = []
    for k in range(1, len(data.scenario)):
        at = {"scenario": k, "structure": 0, "index": 0}
        y = data.monte_carlo_value.isel(at).values
        x = np.stack([data.tg43_scaled_value.isel(at).values, data.tg43_value.isel(at).values], axis=1)
        if np.ptp(y) > 0.0 and len(y) >= FEWEST_PAIRS:
            correlations.append(controlled_mean(y, x[: len(y)], x[len(y) :]).correlation)
    correlation = float(np.median(correlations)) if correlations else 0.0
    costs = float(data.monte_carlo_cost.mean()), float(data.tg43_cost.mean())
    found = allocate(correlation, *costs, size.cpu_budget)
    record = {
        **asdict(found), "cpu_budget_s": size.cpu_budget, "correlation": correlation,
        "monte_carlo_cost_s": costs[0], "tg43_cost_s": costs[1],
    }  # fmt: skip
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    say(
        f"pilot: correlation {correlation:.3f}; {found.monte_carlo} Monte Carlo and {found.tg43} TG-43 members for "
        f"{size.cpu_budget:g} s, variance {found.variance_reduction:.0f} times smaller than by Monte Carlo alone"
    )
    return found.tg43, found.monte_carlo
