"""JSON files that commands write, in one screen: validation and performance records, post-implant checks, plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcsim.invalid_input import InvalidInput
from validation.case.plain_text import plain_text
from validation.report.number_text import measured
from validation.studies.inspect_section import Section, facts, short, shortened

_CM_IN_MM = 10.0
_VERDICTS = {"agrees": "agree", "misses, explained": "miss, explained", "misses": "miss"}
POST_IMPLANT, POST_IMPLANT_MAJOR = "seedmc-post-implant", "1"


def describe_validation_record(entry: Mapping[str, Any]) -> list[Section]:
    """Sections on a validation record: verdicts by group, and what misses."""
    checks, made = entry["checks"], entry["made_with"]
    counts: dict[str, Counter[str]] = {}
    for check in checks:
        counts.setdefault(str(check["group"]), Counter())[str(check["verdict"])] += 1
    total = sum(counts.values(), Counter())
    rows = [(group, *(str(count[verdict]) for verdict in _VERDICTS)) for group, count in counts.items()]
    missed = [
        (str(c["name"]), short(c["value"]), short(c["reference"]), str(c["unit"]))
        for c in checks
        if c["verdict"] == "misses"
    ]
    return [
        facts("Validation record", [
            ("format version", str(entry["format_version"])),
            ("mode", str(entry["mode"])),
            ("date", str(entry["date"])),
            ("checks", f"{len(checks)}: {'; '.join(f'{total[v]} {w}' for v, w in _VERDICTS.items())}"),
            ("run time", f"{sum(entry['run_time_s'].values()):.0f} s in {len(entry['rooms'])} parts"),
            ("left out", str(len(entry["left_out"]))),
            *((key, short(made[key])) for key in made if key not in ("scipy", "h5py", "xarray", "matplotlib")),
        ]),
        Section("Verdicts by group", ("group", *_VERDICTS.values()), tuple(rows)),
        *([shortened("Misses", ("check", "value", "reference", "unit"), missed)] if missed else []),
    ]  # fmt: skip


def describe_performance_record(entry: Mapping[str, Any]) -> list[Section]:
    """Sections on a performance record: medians of its rows."""
    rows = []
    for row in entry["rows"]:
        values = sorted(float(v) for v in row["values"])
        unit = f" {row['unit']}".rstrip()
        rows.append(
            (
                str(row["what"]),
                f"{values[len(values) // 2]:.4g}{unit}",
                f"{values[0]:.4g} to {values[-1]:.4g}",
            )
        )
    machine = entry.get("machine", {})
    return [
        facts("Performance record", [
            ("mode", short(entry.get("mode", ""))),
            ("date", short(entry.get("date", ""))),
            ("rounds", short(entry.get("rounds", ""))),
            *((key, short(machine[key])) for key in ("processor", "cores", "numba", "seedmc") if key in machine),
        ]),
        shortened("Figures", ("what", "median", "range"), rows),
    ]  # fmt: skip


def describe_post_implant(path: Path, entry: Mapping[str, Any]) -> list[Section]:
    """Sections on a post-implant check: seeds, displacement, indices before and after."""
    version = str(entry.get("format_version", ""))
    if version.partition(".")[0] != POST_IMPLANT_MAJOR:
        raise InvalidInput(
            f"format_version of {path} is {version!r}, expected {POST_IMPLANT_MAJOR}.x (another major version means "
            f"another layout). Make the file again."
        )
    moved = entry["displacement"]

    def mm(key: str) -> str:
        value = moved.get(key)
        return "–" if value is None else f"{_CM_IN_MM * float(value):.1f} mm"

    shift = [_CM_IN_MM * float(v) for v in moved["mean"]]
    found = [
        *((when, f"{plain_text(entry[key]['name'], 'case')}, {entry[key]['seeds']} seeds, {entry[key]['digest']}")
          for when, key in (("plan", "plan"), ("after", "post"))),
        ("seeds", f"{moved['seeds']} matched, {moved['lost']} lost, {moved['extra']} found without a planned place"),
        ("displacement", f"median {mm('length_median')}, mean {mm('length_mean')}, 90 % below {mm('length_p90')}, "
                         f"largest {mm('length_max')}"),
        ("mean shift", f"({', '.join(f'{v:+.1f}' for v in shift)}) mm in x, y, z (LPS)"),
        ("no seeds", f"{len(entry['not_seeds'])} bright places"),
        ("warnings", str(len(entry["warnings"]))),
    ]  # fmt: skip
    sections = [facts("Post-implant check", found)]
    for engine, indices in entry["indices"].items():
        rows = [
            (str(i["structure"]), str(i["index"]), str(i["unit"]), *(_index(i, when) for when in ("before", "after")))
            for i in indices
        ]  # fmt: skip
        heading = ("structure", "index", "unit", "before", "after")
        sections.append(shortened(f"Indices by {engine}", heading, rows, most=24))
    return sections


def _index(entry: Mapping[str, Any], when: str) -> str:
    if entry[when] is None:
        return "–"
    return measured(float(entry[when]), float(entry.get(f"{when}_std_dev") or 0.0), str(entry["unit"]))


def describe_plan_summary(entry: Mapping[str, Any]) -> list[Section]:
    """Sections on the numbers beside a planned case."""
    target = str(entry["target"])
    rows = [(target, name, _dose(value)) for name, value in entry["target_doses"].items()]
    rows += [
        (organ, name, _dose(value)) for organ, doses in entry["organ_doses"].items() for name, value in doses.items()
    ]  # fmt: skip
    broken = [str(limit["limit"]) for limit in entry["limits"] if not limit["kept"]]
    return [
        facts("Plan", [
            ("case", f"{plain_text(entry['case'], 'case')}, {entry['case_digest']}"),
            ("prescription", f"{entry['prescription_Gy']:g} Gy to {target}, "
                             f"{'reached' if entry['meets_prescription'] else 'not reached'}"),
            ("seeds", f"{entry['seeds']} × {entry['seed_model']} of {entry['activity_per_seed_MBq']:g} MBq "
                      f"({entry['air_kerma_strength_per_seed_U']:g} U) on {len(entry['needles'])} needles, "
                      f"{entry['seeds_in_place']} in place before"),
            ("in all", f"{entry['total_activity_MBq']:g} MBq, {entry['total_air_kerma_strength_U']:g} U"),
            ("limits", f"{len(entry['limits'])}, {'all kept' if not broken else 'not kept: ' + '; '.join(broken)}"),
        ]),
        shortened("Doses by TG-43", ("structure", "index", "value / Gy or %"), rows, most=26),
    ]  # fmt: skip


def _dose(value: object) -> str:
    return f"{float(value):.2f}" if isinstance(value, (int, float)) else short(value)
