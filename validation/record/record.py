"""The whole record: its parts in order, what it was made with, and its file."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.cache import kernel_digest
from mcsim.cross_sections import cross_section_digest
from mcsim.hdf5_file import created_by
from mcsim.invalid_input import InvalidInput
from validation.record.check import Check, Citation, Shortfall
from validation.record.cross_sections import cross_section_checks
from validation.record.oracles_interactions import interaction_oracles
from validation.record.oracles_invariance import invariance_oracles
from validation.record.oracles_tg43 import tg43_oracles
from validation.record.oracles_transport import transport_oracles
from validation.record.reference_doses import reference_dose_checks
from validation.record.room import Effort, Figure, Panel, Room, Series
from validation.record.scored_quantities import GROUP as STATISTICS
from validation.record.scored_quantities import scored_quantity_checks
from validation.record.seeds import seed_checks

FILETYPE, FORMAT_VERSION = "seedmc-validation-record", "2.0"
ROOMS: dict[str, Callable[[Effort], Room]] = {
    "flight": transport_oracles,
    "interactions": interaction_oracles,
    "invariance": invariance_oracles,
    "tg43": tg43_oracles,
    "cross-sections": cross_section_checks,
    "seeds": seed_checks,
    "reference-doses": reference_dose_checks,
    "statistics": scored_quantity_checks,
}
PACKAGES = ("numpy", "scipy", "numba", "h5py", "xarray", "matplotlib")


@dataclass(frozen=True)
class Record:
    """Results of a run of the record.

    Attributes
    ----------
    mode : str
        ``quick`` or ``full``.
    rooms : tuple of str
        Parts that were run.
    made_with : dict
        Program, Python, packages, digests of cross sections and kernels, machine.
    date : str
        ISO 8601, UTC.
    run_time_s : dict
        Seconds spent in each part.
    checks : tuple of Check
        Comparisons in order.
    figures : tuple of Figure
        Figures in order.
    left_out : tuple of str
        What was not done and why.
    """

    mode: str
    rooms: tuple[str, ...]
    made_with: dict[str, str]
    date: str
    run_time_s: dict[str, float]
    checks: tuple[Check, ...]
    figures: tuple[Figure, ...]
    left_out: tuple[str, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of checks in order."""
        return tuple(dict.fromkeys(check.group for check in self.checks))

    @property
    def missed(self) -> tuple[Check, ...]:
        """Checks that miss without an explanation, or beyond the band of theirs."""
        return tuple(check for check in self.checks if check.verdict == "misses")


def run_record(effort: Effort, only: tuple[str, ...] = ()) -> Record:
    """Compute every check again.

    Parameters
    ----------
    effort : Effort
        How much work to do.
    only : tuple of str
        Parts to run, of ``ROOMS``; all by default.

    Returns
    -------
    Record

    Raises
    ------
    InvalidInput
        An unknown part.

    Examples
    --------
    >>> record = run_record(Effort("quick"), ("cross-sections",))
    >>> record.missed, record.groups
    ((), ('Cross sections',))
    """
    unknown = [name for name in only if name not in ROOMS]
    if unknown:
        raise InvalidInput(
            f"part of the validation record is {unknown[0]!r}, expected one of {', '.join(ROOMS)}. Use a known name."
        )
    whole, times = Room(), {}
    for name, room in ROOMS.items():
        if only and name not in only:
            continue
        effort.say(f"validation: {name}")
        start = time.monotonic()
        found = room(effort)
        times[name] = round(time.monotonic() - start, 1)
        whole.checks += found.checks
        whole.figures += found.figures
        whole.left_out += found.left_out
    if only:
        left = [name for name in ROOMS if name not in only]
        whole.left_out.append(f"Only a part was asked for; not run: {', '.join(left)}.")
    whole.checks += _spread_of_noise(whole.checks)
    names = [check.name for check in whole.checks]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise InvalidInput(f"checks named {sorted(repeated)} occur twice, expected one each. Rename them.")
    return Record(
        mode=effort.mode,
        rooms=tuple(times),
        made_with=_made_with(effort.threads),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        run_time_s=times,
        checks=tuple(whole.checks),
        figures=tuple(whole.figures),
        left_out=tuple(whole.left_out),
    )


def _spread_of_noise(checks: list[Check]) -> list[Check]:
    """Root mean square of difference over type A uncertainty, where nothing but noise separates value and reference."""
    z = np.array([check.difference / check.noise for check in checks if check.is_pure_noise])
    if len(z) < 10:
        return []
    return [
        Check(
            "spread of the record's own noise",
            STATISTICS,
            f"root mean square of difference over type A uncertainty of the {len(z)} checks whose references are exact",
            "1",
            float(np.sqrt((z**2).mean())),
            float(1.0 / np.sqrt(2.0 * len(z))),
            1.0,
            Citation("standard normal distribution"),
            0.1,
            "several moments share samples, and uncertainties are found from as few as 20 batches",
            coverage=3.0,
            relative=False,
        )
    ]


def _made_with(threads: int) -> dict[str, str]:
    return {
        "program": created_by(),
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "cross sections (SHA-256)": cross_section_digest(),
        "transport kernels (SHA-256)": kernel_digest(),
        "processor": _processor(),
        "threads": f"{threads} of {os.cpu_count()} cores",
    }


def _processor() -> str:
    """Name of the processor, where the system tells it."""
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON, whole or not at all."""
    content = {"filetype": FILETYPE, "format_version": FORMAT_VERSION, **asdict(record)}
    for entry, check in zip(content["checks"], record.checks, strict=True):
        entry["verdict"] = check.verdict  # for readers of the file; derived again on reading
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(_finite(content), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def _finite(content: Any) -> Any:
    """Numbers that are not finite become null, which JSON has."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not np.isfinite(content):
        return None
    return content


def read_record(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    InvalidInput
        The file is not a validation record of this version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kind, made = content["filetype"], str(content["format_version"])
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, TypeError, KeyError) as problem:
        raise InvalidInput(
            f"validation record {path} cannot be read ({type(problem).__name__}), expected a file that seedmc validate "
            f"wrote. Run seedmc validate."
        ) from None
    if kind != FILETYPE or made.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise InvalidInput(
            f"file {path} is {kind} {made}, expected {FILETYPE} {FORMAT_VERSION}. Run seedmc validate again."
        )
    return Record(
        mode=content["mode"],
        rooms=tuple(content["rooms"]),
        made_with=content["made_with"],
        date=content["date"],
        run_time_s=content["run_time_s"],
        checks=tuple(_check(entry) for entry in content["checks"]),
        figures=tuple(_figure(entry) for entry in content["figures"]),
        left_out=tuple(content["left_out"]),
    )


def _check(entry: dict[str, Any]) -> Check:
    fields: dict[str, Any] = {key: value for key, value in entry.items() if key != "verdict"}
    for key in ("value", "reference"):
        fields[key] = float("nan") if fields[key] is None else fields[key]
    known = fields["shortfall"]
    fields["shortfall"] = Shortfall(**known) if known else None
    return Check(**{**fields, "citation": Citation(**fields["citation"])})


def _numbers(values: list[float | None]) -> tuple[float, ...]:
    return tuple(float("nan") if value is None else value for value in values)


def _figure(entry: dict[str, Any]) -> Figure:
    panels = tuple(
        Panel(
            panel["y_label"],
            tuple(
                Series(s["label"], _numbers(s["x"]), _numbers(s["y"]), _numbers(s["std_dev"]), s["style"])
                for s in panel["series"]
            ),
            panel["log_y"],
        )
        for panel in entry["panels"]
    )
    return Figure(**{**entry, "panels": panels, "names": tuple(entry["names"])})
