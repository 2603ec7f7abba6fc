"""Files of a study in one screen: its settings, its members and what they say so far."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from validation.report.settings_text import label, plain
from validation.studies.inspect_section import Section, facts, short, shortened
from validation.studies.study_file import MEMBER_OF, Study
from validation.studies.study_settings import StudySettings

_MOST_RANGES = 8
_ENGINES = {"tg43": "TG-43", "monte_carlo": "Monte Carlo"}


def describe_study(path: Path) -> list[Section]:
    """Sections on a study or a part of one: members, and D90 of the target by scenario."""
    study = Study.read(path)
    data = study.data
    members = [
        (f"members, {_ENGINES.get(engine, engine)}", _ranges(list(study.members(engine))))
        for engine in MEMBER_OF
        if study.members(engine)
    ]
    target, index = str(data.structure.values[0]), "D90"
    engines = [e for e in _ENGINES if f"{e}_value" in data and study.members(e)]
    rows = []
    for k, scenario in enumerate(data.scenario.values):
        cells: list[str] = []
        for engine in engines:
            values = data[f"{engine}_value"].isel(scenario=k).sel(structure=target, index=index).to_numpy()
            cells += _spread(values)
        rows.append((str(scenario), *cells))
    headings = (
        "scenario",
        *(
            f"{_ENGINES[e]} {what}"
            for e in engines
            for what in ("mean / Gy", "± of the mean", "spread (1 sd) / Gy")
        ),
    )
    settings = study.settings
    return [
        facts("Study", [
            ("kind", settings.kind),
            ("case", f"{settings.case_name}, {settings.case_digest}"),
            *members,
            ("scenarios", str(len(data.scenario))),
            ("structures", ", ".join(str(name) for name in data.structure.values)),
            ("indices", ", ".join(str(name) for name in data["index"].values)),
            ("random seeds", f"displacements {settings.study_seed}, Monte Carlo {settings.run_seed}"),
            ("content digest", str(data.attrs["content_digest"])),
        ]),
        *([shortened(f"{index} of {target}", headings, rows)] if engines else []),
        facts("", [("estimates", "seedmc study report FILE --out report.html joins both engines without bias")]),
    ]  # fmt: skip


def describe_study_settings(path: Path) -> list[Section]:
    """A section on the settings of a study; what stands at its default is left out."""
    settings = StudySettings.read(path)
    usual = StudySettings(kind=settings.kind, case_digest=settings.case_digest).record()
    pairs = [
        (label(key), short(plain(json.loads(json.dumps(value)))))
        for key, value in settings.record().items()
        if key in ("kind", "case_digest") or value != usual[key]
    ]
    return [
        facts(
            "Settings of a study",
            [("digest", settings.digest()), ("scenarios", str(len(settings.scenarios))), *pairs],
        )
    ]


def _spread(values: np.ndarray) -> tuple[str, str, str]:
    """Mean, its standard uncertainty, and the spread over members.

    Examples
    --------
    >>> _spread(np.array([1.0, 3.0, np.nan]))
    ('2.00', '1.00', '1.41')
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return ("–", "–", "–")
    if known.size == 1:
        return (f"{known[0]:.2f}", "–", "–")
    sd = float(known.std(ddof=1))
    return (f"{known.mean():.2f}", f"{sd / np.sqrt(known.size):.2f}", f"{sd:.2f}")


def _ranges(members: list[int]) -> str:
    """Numbers that follow each other as ranges.

    Examples
    --------
    >>> _ranges([0, 1, 2, 5, 7, 8])
    '6: 0–2, 5, 7–8'
    """
    runs: list[list[int]] = []
    for member in members:
        if runs and member == runs[-1][-1] + 1:
            runs[-1][1:] = [member]
        else:
            runs.append([member])
    words = [f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs[:_MOST_RANGES]]
    more = f" and {len(runs) - _MOST_RANGES} more ranges" if len(runs) > _MOST_RANGES else ""
    return f"{len(members)}: {', '.join(words)}{more}"
